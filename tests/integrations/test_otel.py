"""Spans and metrics of a real client over a socket, read back from OpenTelemetry's in-memory exporters."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import anyio
import fastapi
import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from identity_sdk import (
    AuthenticationError,
    ConfigurationError,
    IdentityError,
    NotFoundError,
    ServerError,
    connect,
)
from identity_sdk.integrations.otel import OpenTelemetry
from identity_sdk.testing import Emulator, NoWaiting, embedded, emulator
from tests.core.rig import CANARY, Server

pytestmark = pytest.mark.anyio


class Telemetry:
    """A telemetry of its own, and what it has been told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def hook(self, **options: Any) -> OpenTelemetry:
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def points(self) -> dict[str, list[tuple[dict[str, Any], int]]]:
        """Attributes and count of each point, by the metric's name and unit."""
        data = self.reader.get_metrics_data()
        return {
            f"{metric.name} {metric.unit}": [(dict(p.attributes), p.count) for p in metric.data.data_points]
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def everything(self) -> str:
        return "\n".join([*(span.to_json() for span in self.spans), repr(self.points)])


@pytest.fixture
def told() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.meters.shutdown()
    telemetry.tracers.shutdown()


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Emulator[Any]]:
    with emulator("lakefs") as started:
        yield started


@pytest.fixture
def lakefs(shared_server: Emulator[Any]) -> Iterator[Emulator[Any]]:
    shared_server.requests.clear()
    yield shared_server
    shared_server.faults.clear()


def events(span: ReadableSpan) -> list[dict[str, Any]]:
    assert {event.name for event in span.events} <= {"identity_sdk.request"}
    return [dict(event.attributes or {}) for event in span.events]


async def test_a_verb_is_a_span_and_its_request_an_event(lakefs: Emulator[Any], told: Telemetry) -> None:
    async with lakefs.connect(telemetry=told.hook()) as idp:
        await idp.users.get("ada")
    [span] = told.spans
    port = int(lakefs.url.split(":")[2].split("/")[0])
    assert (span.name, span.kind, span.status.status_code, span.parent) == (
        "users.get",
        trace.SpanKind.CLIENT,
        trace.StatusCode.UNSET,
        None,
    )
    assert dict(span.attributes or {}) == {
        "identity_sdk.provider": "lakefs",
        "identity_sdk.verb": "users.get",
        "identity_sdk.requests": 1,
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    [event] = events(span)
    elapsed = event.pop("identity_sdk.request.duration")
    request_id = event.pop("identity_sdk.request_id", None)
    assert 0 < elapsed < 5
    assert request_id is None or isinstance(request_id, str)
    of_the_metric = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.scheme": "http",
        "url.template": "/auth/users/{user_id}",
    }
    assert event == {**of_the_metric, "identity_sdk.operation": "get_user"}
    assert told.points == {
        "http.client.request.duration s": [(of_the_metric, 1)],
        "identity_sdk.client.operation.duration s": [
            (
                {
                    "identity_sdk.provider": "lakefs",
                    "identity_sdk.verb": "users.get",
                    "server.address": "127.0.0.1",
                    "server.port": port,
                },
                1,
            )
        ],
    }
    assert "traceparent" not in lakefs.requests[0].headers
    assert "ada" not in told.everything()


async def test_repeats_are_events_of_the_same_span(lakefs: Emulator[Any], told: Telemetry) -> None:
    lakefs.faults.status(503, times=1, retry_after=0)
    lakefs.faults.drop(times=1)
    async with lakefs.connect(telemetry=told.hook(), clock=NoWaiting()) as idp:
        await idp.users.get("ada")
    [span] = told.spans
    assert [
        (
            event.get("http.response.status_code"),
            event.get("error.type"),
            event.get("http.request.resend_count"),
        )
        for event in events(span)
    ] == [(503, "503", None), (None, "NoAnswerError", 1), (200, None, 2)]
    assert span.attributes is not None
    assert span.attributes["identity_sdk.requests"] == 3
    assert span.status.status_code is trace.StatusCode.UNSET  # it went well in the end
    errors = {point[0].get("error.type") for point in told.points["http.client.request.duration s"]}
    assert errors == {"503", "NoAnswerError", None}


async def test_a_token_that_is_refused_and_a_login(lakefs: Emulator[Any], told: Telemetry) -> None:
    options: dict[str, Any] = {**lakefs.options, "sign_in": "login", "proxy": "", "telemetry": told.hook()}
    async with connect("lakefs", **options) as idp:
        await idp.users.get("ada")
        with lakefs.faults.expired_token(times=1):
            await idp.users.get("ada")
    assert [(span.name, span.parent) for span in told.spans] == [
        ("login", None),
        ("users.get", None),
        ("login", None),
        ("users.get", None),
    ]
    replayed = events(told.spans[3])
    assert [
        (event["http.response.status_code"], event.get("http.request.resend_count")) for event in replayed
    ] == [
        (401, None),
        (200, 1),
    ]
    assert len({span.context.trace_id for span in told.spans if span.context}) == 4


async def test_what_fails(lakefs: Emulator[Any], told: Telemetry) -> None:
    async with lakefs.connect(telemetry=told.hook(), retries=0) as idp:
        with pytest.raises(NotFoundError):
            await idp.users.get("nobody-by-that-name")
        with lakefs.faults.status(500), pytest.raises(ServerError):
            await idp.users.list()
    for span, name, status in zip(told.spans, ("NotFoundError", "ServerError"), (404, 500), strict=True):
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.status.description is None
        assert span.attributes is not None
        assert span.attributes["error.type"] == name
        assert span.attributes["http.response.status_code"] == status
    durations = told.points["identity_sdk.client.operation.duration s"]
    assert sorted(point[0]["error.type"] for point in durations) == ["NotFoundError", "ServerError"]
    assert "nobody-by-that-name" not in told.everything()


async def test_a_cancelled_call_and_a_late_one(lakefs: Emulator[Any], told: Telemetry) -> None:
    async with lakefs.connect(telemetry=told.hook()) as idp:
        with lakefs.faults.delay(1):
            with anyio.move_on_after(0.05):
                await idp.users.get("ada")
            with pytest.raises(IdentityError):
                await idp.with_options(deadline=0.05).users.get("ada")
    cancelled, late = told.spans
    for span, name in ((cancelled, "Cancelled"), (late, "DeadlineExceededError")):
        assert span.attributes is not None
        assert span.attributes["error.type"] == name
        assert span.status.status_code is trace.StatusCode.ERROR
        assert [event["error.type"] for event in events(span)] == ["Cancelled"]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_ids_are_told_when_asked_for(lakefs: Emulator[Any], told: Telemetry) -> None:
    async with lakefs.connect(telemetry=told.hook(record_ids=True)) as idp:
        await idp.users.create("a+b c")
        await idp.groups.add_member("engineers", "a+b c")
        await idp.users.list()
        await idp.users.delete("a+b c")
    by_name = {span.name: dict(span.attributes or {}) for span in told.spans}
    assert by_name["groups.add_member"]["user.id"] == "a+b c"
    assert by_name["users.delete"]["user.id"] == "a+b c"
    assert "user.id" not in by_name["users.list"]
    assert repr(told.hook(record_ids=True)) == "OpenTelemetry(record_ids=True, propagate=False)"


async def test_the_span_is_current_within_the_verb_and_has_the_callers_as_its_parent(
    lakefs: Emulator[Any], told: Telemetry
) -> None:
    """As an instrumented HTTP library would meet it; and as a server's instrumentation sets one for each request."""
    tracer = told.tracers.get_tracer("app")
    met: list[trace.Span] = []

    async def token() -> str:
        return "x"

    async with lakefs.connect(telemetry=told.hook(propagate=True)) as idp:
        transport = idp._pipeline.shared.transport
        assert transport is not None
        send = transport.send

        async def instrumented(*args: Any, **kwargs: Any) -> Any:
            met.append(trace.get_current_span())
            with tracer.start_as_current_span("GET"):
                return await send(*args, **kwargs)

        transport.send = instrumented  # type: ignore[method-assign]
        with tracer.start_as_current_span("GET /docs/{id}") as outer:
            await idp.users.get("ada")
            assert trace.get_current_span() is outer
        await idp.users.get("ada")
    inner, verb, request, _, alone = told.spans
    assert [span.name for span in (inner, verb, request, alone)] == [
        "GET",
        "users.get",
        "GET /docs/{id}",
        "users.get",
    ]
    assert verb.parent is not None
    assert verb.parent == request.context
    assert inner.parent == verb.context
    assert alone.parent is None
    assert met[0].get_span_context() == verb.context
    sent = lakefs.requests[0].headers["traceparent"].split("-")
    assert verb.context is not None
    assert sent[1:3] == [f"{verb.context.trace_id:032x}", f"{verb.context.span_id:016x}"]
    assert "baggage" not in lakefs.requests[0].headers


async def test_many_at_once_do_not_mix(lakefs: Emulator[Any], told: Telemetry) -> None:
    async with (
        lakefs.connect(telemetry=told.hook(record_ids=True)) as idp,
        anyio.create_task_group() as group,
    ):
        for name in ("ada", "grace", "linus") * 5:
            group.start_soon(idp.users.get, name)
    assert len(told.spans) == 15
    for span in told.spans:
        assert span.attributes is not None
        assert [event["user.id"] for event in events(span)] == [span.attributes["user.id"]]


async def test_a_composed_verb_is_one_span(lakefs: Emulator[Any], told: Telemetry) -> None:
    async with lakefs.connect(telemetry=told.hook()) as idp:
        await idp.users.create("composed")
        await idp.users.delete("composed")
        await idp.users.list()
    assert [span.name for span in told.spans] == ["users.create", "users.delete", "users.list"]
    assert len(events(told.spans[1])) > 1


async def test_a_request_to_a_fastapi_application_is_its_parent(
    lakefs: Emulator[Any], told: Telemetry
) -> None:
    """What `opentelemetry-instrumentation-fastapi` does, in little: a span around each request."""
    app = fastapi.FastAPI()
    idp = lakefs.connect(telemetry=told.hook())

    class Instrumented:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            name = f"{scope['method']} {scope['path']}"
            with told.tracers.get_tracer("asgi").start_as_current_span(name, kind=trace.SpanKind.SERVER):
                await self.app(scope, receive, send)

    app.add_middleware(Instrumented)

    @app.get("/people")
    async def people() -> list[str]:
        return [user.id for user in await idp.users.list()]

    transport = httpx.ASGITransport(app)
    async with idp, httpx.AsyncClient(transport=transport, base_url="http://app") as browser:
        assert "ada" in (await browser.get("/people")).json()
    verb, request = told.spans
    assert (verb.name, request.name) == ("users.list", "GET /people")
    assert verb.parent == request.context


async def test_the_embedded_provider_has_no_server(told: Telemetry) -> None:
    async with embedded(telemetry=told.hook()) as idp:
        await idp.users.get("ada")
        with pytest.raises(NotFoundError):
            await idp.users.get("nobody")
    good, bad = told.spans
    assert good.kind is trace.SpanKind.INTERNAL
    assert dict(good.attributes or {}) == {"identity_sdk.provider": "local", "identity_sdk.verb": "users.get"}
    assert bad.status.status_code is trace.StatusCode.ERROR
    assert "http.client.request.duration s" not in told.points


SECRETS: dict[str, dict[str, Any]] = {
    "key": {"access_key_id": "AKIA", "secret_access_key": CANARY},
    "login": {"access_key_id": "AKIA", "secret_access_key": CANARY, "sign_in": "login"},
    "bearer": {"token": CANARY},
}
COOKIE = {"Set-Cookie": f"session={CANARY}", "X-New-Token": CANARY}
ANSWERS: dict[str, Any] = {
    "fine": (200, COOKIE, {"user": {"id": "u"}, "results": [], "pagination": {}}),
    "refused": (401, COOKIE, {"message": f"bad {CANARY}"}),
    "broken": (500, COOKIE, {"message": CANARY}),
    "moved": (302, {**COOKIE, "Location": f"https://x.example/?token={CANARY}"}, None),
    "garbled": (200, COOKIE, f"<p>{CANARY}</p>".encode()),
    "no http": b"HTTP/1.1 200 OK\r\nSet-Cookie " + CANARY.encode() + b"\r\n\r\n",
    "nothing": "drop",
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_secret_shows(answer: str, told: Telemetry) -> None:
    def handler(line: str, headers: dict[str, str], body: bytes) -> Any:
        if line.startswith("POST /auth/login"):
            return (200, COOKIE, {"token": f"{CANARY}-login", "token_expiration": 2_000_000_000})
        return ANSWERS[answer]

    server = Server(handler)
    try:
        for options in SECRETS.values():
            hook = told.hook(record_ids=True, propagate=True)
            idp = connect(
                "lakefs", base_url=server.url, proxy="", telemetry=hook, clock=NoWaiting(), **options
            )
            async with idp:
                for work in (
                    lambda idp=idp: idp.users.get("u"),
                    lambda idp=idp: idp.credentials.create("u"),
                    lambda idp=idp: idp.sessions.create("access_key", identifier="AKIA", secret=CANARY),
                    lambda idp=idp: idp.sessions.create("oidc", code=CANARY, state=CANARY),
                    lambda idp=idp: idp.credentials.reset_password(CANARY, CANARY),
                ):
                    with suppress(IdentityError):
                        await work()
    finally:
        server.close()
    assert len(told.spans) >= 12
    assert CANARY not in told.everything()
    for start in range(len(CANARY) - 7):
        assert CANARY[start : start + 8] not in told.everything()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "identity_sdk.integrations.otel")
    with pytest.raises(ConfigurationError, match=r"OpenTelemetry is missing: .*unified-identity-sdk\[otel\]"):
        importlib.import_module("identity_sdk.integrations.otel")


async def test_the_global_providers_are_used_unless_others_are_given() -> None:
    async with embedded(
        telemetry=OpenTelemetry()
    ) as idp:  # none is set here: it does nothing, and harms nobody
        await idp.users.get("ada")
        anonymous = idp.with_credential(None).with_options(telemetry=None)
        with pytest.raises(AuthenticationError):
            await anonymous.users.get("ada")
