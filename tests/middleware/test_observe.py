"""Events, logs with an allowlist, and the HTTP libraries' own logs made clean."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from identity_sdk.errors import NotFoundError
from identity_sdk.middleware.observe import (
    ALLOWED_HEADERS,
    Event,
    Exchange,
    clean_library_logs,
    shown_headers,
)
from tests.core.rig import CANARY, NO_ANSWER, NOT_SENT, Rig, late

pytestmark = pytest.mark.anyio


@pytest.fixture
def events() -> list[Event]:
    return []


async def test_a_hook_is_told_of_every_attempt_and_every_verb(events: list[Event]) -> None:
    rig = Rig(NOT_SENT, NO_ANSWER, (200, {"x-request-id": "r1"}), on_event=events.append)

    async def sleep(seconds: float) -> None:
        rig.clock.now += 2.0

    rig.clock.sleep = sleep  # type: ignore[method-assign]
    await rig.api.get_user("ada")
    assert [(event.kind, event.name, event.number, event.outcome, event.error) for event in events] == [
        ("attempt", "get_user", 1, "not sent", "NotSentError"),
        ("attempt", "get_user", 2, "ambiguous", "NoAnswerError"),
        ("attempt", "get_user", 3, "answered", None),
        ("verb", "get_user", 3, "ok", None),
    ]
    attempt, verb = events[2], events[3]
    assert (attempt.method, attempt.route, attempt.status, attempt.request_id) == (
        "GET",
        "/users/{id}",
        200,
        "r1",
    )
    assert (attempt.provider, verb.provider) == ("fake", "fake")
    assert verb.elapsed == 4.0
    assert (verb.method, verb.route, verb.status) == ("", "", None)
    assert "ada" not in repr(events)


async def test_a_verb_that_fails(events: list[Event]) -> None:
    rig = Rig(200, 404, on_event=events.append)
    with pytest.raises(NotFoundError):
        async with rig.pipeline.verb("users.delete"):
            await rig.api.get_user("a")
            await rig.api.get_user("b")
    assert [event.kind for event in events] == ["attempt", "attempt", "verb"]
    assert (events[2].name, events[2].outcome, events[2].error, events[2].number) == (
        "users.delete",
        "failed",
        "NotFoundError",
        2,
    )


async def test_a_verb_that_is_late(events: list[Event]) -> None:
    rig = Rig(500, on_event=events.append)
    rig.clock.frozen = True
    await late(rig, rig.api.get_user("a"), lambda: bool(rig.clock.slept))
    assert [(event.kind, event.error) for event in events] == [
        ("attempt", None),
        ("verb", "DeadlineExceededError"),
    ]
    assert events[0].outcome == "ambiguous"


async def test_a_hook_that_raises_harms_nobody_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("broken hook")

    rig = Rig((200, {"x-secret": CANARY}), on_event=broken)
    assert (await rig.api.get_user("ada")).id == "ada"
    records = [record for record in caplog.records if record.name == "identity_sdk.http"]
    assert [record.getMessage() for record in records] == ["the on_event hook raised"] * 2
    assert records[0].exc_info is not None
    assert records[0].exc_info[2] is not None
    frame = records[0].exc_info[2].tb_frame
    assert set(frame.f_locals) == {"hook", "event"}  # no headers for a handler that prints locals


async def test_copies_may_have_hooks_of_their_own(events: list[Event]) -> None:
    rig = Rig(auth=True)
    await rig.copy(on_event=events.append).get_user("a")
    await rig.api.get_user("a")
    assert [event.name for event in events if event.kind == "attempt"] == ["get_user"]


class Told:
    """A telemetry and its only trace."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.seen: list[Any] = []

    def _check(self, what: str) -> None:
        if what == self.broken:
            raise RuntimeError(f"broken {what}")

    def begin(self, provider: str, verb: str, base_url: str) -> Told:
        self._check("begin")
        self.seen.append((provider, verb, base_url))
        return self

    def headers(self) -> dict[str, str]:
        self._check("headers")
        return {"traceparent": "00-1"}

    def exchanged(self, exchange: Exchange) -> None:
        self._check("exchanged")
        self.seen.append(exchange)

    def end(self, elapsed: float, error: str | None, status: int | None) -> None:
        self._check("end")
        self.seen.append((elapsed, error, status))


async def test_a_telemetry_is_told_of_a_verb_and_each_of_its_requests() -> None:
    told = Told()
    rig = Rig(NO_ANSWER, (200, {"x-request-id": "r1"}), 404, telemetry=told)
    with pytest.raises(NotFoundError):
        async with rig.pipeline.verb("users.delete"):
            await rig.api.get_user("ada")
            await rig.api.get_user("grace")
    begin, first, second, third, end = told.seen
    assert begin == ("fake", "users.delete", "")
    assert (first.operation, first.method, first.route, first.path) == (
        "get_user",
        "GET",
        "/users/{id}",
        "/api/users/ada",
    )
    assert [(one.resent, one.status, one.error, one.request_id) for one in (first, second, third)] == [
        (0, None, "NoAnswerError", None),
        (1, 200, None, "r1"),
        (0, 404, None, None),
    ]
    assert (first.http_version, second.http_version) == (None, "1.1")
    assert end[1:] == ("NotFoundError", 404)
    assert [request.headers["traceparent"] for request in rig.transport.requests] == ["00-1"] * 3
    assert "ada" not in repr(told.seen)


async def test_a_replay_and_a_login_are_told() -> None:
    told = Told()
    rig = Rig(401, 200, auth=True, telemetry=told)
    await rig.api.get_user("ada")
    exchanges = [one for one in told.seen if isinstance(one, Exchange)]
    assert [(one.resent, one.status) for one in exchanges] == [(0, 401), (1, 200)]


async def test_a_cancellation_is_told() -> None:
    told = Told()

    async def never(_request: object) -> None:
        await anyio.sleep_forever()

    rig = Rig(never, telemetry=told)
    with anyio.move_on_after(0.01):
        await rig.api.get_user("ada")
    _, exchange, end = told.seen
    assert (exchange.error, end[1:]) == ("Cancelled", ("Cancelled", None))


@pytest.mark.parametrize("broken", ["begin", "headers", "exchanged", "end"])
async def test_a_telemetry_that_raises_harms_nobody_and_is_logged(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig((200, {"x-secret": CANARY}), telemetry=Told(broken))
    assert (await rig.api.get_user("ada")).id == "ada"
    [record] = [record for record in caplog.records if record.name == "identity_sdk.http"]
    assert record.getMessage() == "the telemetry raised"
    assert record.exc_info is not None
    assert record.exc_info[2] is not None
    assert CANARY not in repr(record.exc_info[2].tb_frame.f_locals)


async def test_copies_may_have_a_telemetry_of_their_own() -> None:
    told = Told()
    rig = Rig(auth=True)
    await rig.copy(telemetry=told).get_user("a")
    await rig.api.get_user("a")
    assert len([one for one in told.seen if isinstance(one, Exchange)]) == 1


async def test_the_log_shows_allowlisted_headers_and_no_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "identity_sdk")
    headers = {"server": "lakefs/1", "set-cookie2": CANARY, "www-authenticate": CANARY, "x-new": CANARY}
    rig = Rig((200, headers, {"id": "ada", "name": CANARY}), NO_ANSWER, 200)
    await rig.api.get_user("ada")
    await rig.api.get_user("ada")
    text = caplog.text
    assert "attempt fake get_user: answered 200" in text
    assert "attempt fake get_user: ambiguous in" in text
    assert "NoAnswerError" in text
    assert "verb fake get_user: ok" in text
    assert "'server': 'lakefs/1'" in text
    assert "'x-new': '[redacted]'" in text
    assert CANARY not in text
    assert "ada" not in text


def test_the_allowlist() -> None:
    assert shown_headers({"Date": "d", "Authorization": "a", "Cookie": "c", "X-Unknown": "u"}) == {
        "Date": "d",
        "Authorization": "[redacted]",
        "Cookie": "[redacted]",
        "X-Unknown": "[redacted]",
    }
    dangerous = {
        "authorization",
        "cookie",
        "set-cookie",
        "proxy-authorization",
        "location",
        "www-authenticate",
        "x-csrf-token",
    }
    assert not dangerous & ALLOWED_HEADERS


CORE = "httpcore.http11"
LIBRARY_LOGS: list[tuple[str, str, tuple[Any, ...]]] = [
    (
        CORE,
        f"receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'Set-Cookie', b'{CANARY}')])",
        (),
    ),
    (
        "httpcore2.http11",
        f"receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'X', b'{CANARY}')])",
        (),
    ),
    (
        "httpcore.http2",
        f"receive_response_headers.complete return_value=(200, [(b'x-token', b'{CANARY}')])",
        (),
    ),
    (CORE, f"r return_value=(200, [(b\"X-A\", b\"a')]{CANARY}\"), (b'X-B', b'it\\'s\"{CANARY}')])", ()),
    (CORE, f"r return_value=(200, [(b'cut off', b'{CANARY}", ()),
    (CORE, f"r return_value=(200, [(1, b'{CANARY}')])", ()),
    (CORE, f"r return_value=(200, [(b'\\xff', b'{CANARY}')])", ()),
    (CORE, f"r return_value=[({CANARY!r}, 1, 2)]", ()),
    (
        CORE,
        "receive_response_headers.failed "
        f"exception=RemoteProtocolError(\"illegal header line: bytearray(b'Set-Cookie {CANARY}')\")",
        (),
    ),
    (
        CORE,
        f"send_request_headers.failed exception=LocalProtocolError(\"Illegal header value b'{CANARY}\\\\n'\")",
        (),
    ),
    (
        "httpx",
        'HTTP Request: %s %s "%s %d %s"',
        ("GET", f"https://h/callback?code={CANARY}&x=1", "HTTP/1.1", 200, "OK"),
    ),
    (
        "hpack.hpack",
        "Adding %s to the header table, sensitive:%s, huffman:%s",
        ((b"authorization", CANARY), True, False),
    ),
    ("aiohttp.internal", "Can not load cookies: Illegal cookie name %r", (CANARY,)),
    ("aiohttp.client", "Can not load response cookies: %s", (CANARY,)),
]


@pytest.mark.parametrize(("name", "message", "args"), LIBRARY_LOGS, ids=range(len(LIBRARY_LOGS)))
def test_the_logs_of_the_libraries_are_clean(
    name: str, message: str, args: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    clean_library_logs()
    clean_library_logs()
    caplog.set_level(logging.DEBUG)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger(name).debug(message, *args, exc_info=True)
    assert len(caplog.records) == 1
    assert CANARY not in caplog.text
    assert caplog.records[0].exc_info is None
    assert caplog.text.count("\n") == 1


def test_what_is_harmless_stays_readable(caplog: pytest.LogCaptureFixture) -> None:
    clean_library_logs()
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("httpcore.connection")
    log.debug("connect_tcp.started host='localhost' port=80 local_address=None timeout=5.0")
    log.debug("connect_tcp.complete return_value=<httpcore._backends.anyio.AnyIOStream object at 0x1>")
    log.debug("connect_tcp.failed exception=ConnectError('All connection attempts failed')")
    log.debug(
        "receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'Date', b'today'), (b'X', b'y')])"
    )
    logging.getLogger("httpx").info('HTTP Request: GET https://h/a?b=c "HTTP/1.1 200 OK"')
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "connect_tcp.started host='localhost' port=80 local_address=None timeout=5.0",
        "connect_tcp.complete return_value=<httpcore._backends.anyio.AnyIOStream object at 0x1>",
        "connect_tcp.failed exception=ConnectError",
        "receive_response_headers.complete return_value="
        "(b'HTTP/1.1', 200, b'OK', [(b'Date', b'today'), (b'X', b'[redacted]')])",
        'HTTP Request: GET https://h/a?[redacted] "HTTP/1.1 200 OK"',
    ]
