"""OpenTelemetry: a span for each verb, its requests as events, and two metrics. Needs the extra ``[otel]`` (the API
alone; what collects and exports is the application's choice).

::

    from identity_sdk.integrations.otel import OpenTelemetry

    async with connect("lakefs", …, telemetry=OpenTelemetry()) as idp:
        await idp.users.get("ada")

Names follow OpenTelemetry's semantic conventions: those of HTTP clients (stable) for requests and for the metric
``http.client.request.duration``, the general ones (``server.address``, ``error.type``) and, where ids were asked for,
``user.id``. What they have no name for begins with ``identity_sdk.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from identity_sdk.errors import ConfigurationError
from identity_sdk.middleware.observe import Exchange

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError:
    raise ConfigurationError(
        'OpenTelemetry is missing: python -m pip install "unified-identity-sdk[otel]"'
    ) from None

__all__ = ["OpenTelemetry"]

_NAME = "identity_sdk"
_PORTS = {"http": 80, "https": 443}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The boundaries that the conventions give for ``http.client.request.duration``, in seconds."""
_PEOPLE = frozenset(("user", "users", "members"))
_Attributes = dict[str, str | int | float]


class OpenTelemetry:
    """What ``connect(…, telemetry=…)`` takes: tells OpenTelemetry of every verb and request of a client.

    One span for each verb, named by it (``users.get``), of kind CLIENT, or INTERNAL where no server is asked. It is the
    current one while the verb runs, so the spans of an instrumented HTTP library become its children. Each request is
    an event of it (``identity_sdk.request``), a repeated one too. A login, for which many verbs may wait at once, is a
    span of its own, without parent.

    Neither secrets nor bodies, queries or messages of errors are in it, and no ids of people unless asked for.
    One object may serve any number of clients.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        record_ids: bool = False,
        propagate: bool = False,
    ) -> None:
        """Args:
        tracer_provider: where spans go; the global one unless given.
        meter_provider: where metrics go; the global one unless given.
        record_ids: whether spans and events tell the ids of users in the paths of requests, as ``user.id``.
        propagate: whether requests carry ``traceparent`` and ``tracestate`` (W3C Trace Context), so that a server that
            takes part in it continues the trace. Off unless told: it shows others' servers ids of yours.
        """
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        requests = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        verbs = meter.create_histogram(
            "identity_sdk.client.operation.duration",
            "s",
            "Duration of a verb: all its requests, waits and logins.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._how = _How(requests, verbs, record_ids, propagate)

    def begin(self, provider: str, verb: str, base_url: str) -> _Verb:
        """A verb begins; called by the client."""
        server = _server(base_url)
        shared: _Attributes = {"identity_sdk.provider": provider, "identity_sdk.verb": verb, **server}
        kind = trace.SpanKind.CLIENT if base_url else trace.SpanKind.INTERNAL
        span = self._tracer.start_span(verb, kind=kind, attributes=shared)
        return _Verb(self._how, span, shared, {**server, "url.scheme": urlsplit(base_url).scheme})

    def __repr__(self) -> str:
        return f"OpenTelemetry(record_ids={self._how.record_ids}, propagate={self._how.propagate})"


@dataclass(frozen=True, slots=True)
class _How:
    requests: metrics.Histogram
    verbs: metrics.Histogram
    record_ids: bool
    propagate: bool


class _Verb:
    """A verb that runs."""

    __slots__ = ("_how", "_requests", "_server", "_shared", "_span", "_token")

    def __init__(self, how: _How, span: trace.Span, shared: _Attributes, server: _Attributes) -> None:
        self._how = how
        self._span = span
        self._shared = shared
        self._server = server
        self._requests = 0
        self._token = context.attach(trace.set_span_in_context(span))

    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        if self._how.propagate:
            TraceContextTextMapPropagator().inject(carrier)
        return carrier

    def exchanged(self, exchange: Exchange) -> None:
        self._requests += 1
        told: _Attributes = {
            **self._server,
            "http.request.method": exchange.method,
            "url.template": exchange.route,
        }
        if exchange.status is not None:
            told["http.response.status_code"] = exchange.status
        if exchange.http_version is not None:
            told["network.protocol.version"] = exchange.http_version
        if error := _error_type(exchange):
            told["error.type"] = error
        self._how.requests.record(exchange.elapsed, told)
        told = {
            **told,
            "identity_sdk.operation": exchange.operation,
        }  # older SDKs keep the dict they were given
        told["identity_sdk.request.duration"] = exchange.elapsed
        if exchange.resent:
            told["http.request.resend_count"] = exchange.resent
        if exchange.request_id is not None:
            told["identity_sdk.request_id"] = exchange.request_id
        if self._how.record_ids and (user := _user(exchange)):
            told["user.id"] = user
            self._span.set_attribute("user.id", user)
        self._span.add_event("identity_sdk.request", told)

    def end(self, elapsed: float, error: str | None, status: int | None) -> None:
        try:
            self._end(elapsed, error, status)
        finally:
            context.detach(self._token)

    def _end(self, elapsed: float, error: str | None, status: int | None) -> None:
        span = self._span
        if self._server["url.scheme"]:
            span.set_attribute("identity_sdk.requests", self._requests)
        if error is not None:
            self._shared["error.type"] = error
            span.set_attribute("error.type", error)
            span.set_status(trace.StatusCode.ERROR)  # no description: messages hold ids
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        self._how.verbs.record(elapsed, self._shared)
        span.end()


def _server(base_url: str) -> _Attributes:
    if not base_url:
        return {}
    parts = urlsplit(base_url)
    return {
        "server.address": parts.hostname or "",
        "server.port": parts.port or _PORTS.get(parts.scheme, 0),
    }


def _error_type(exchange: Exchange) -> str | None:
    if exchange.error is not None:
        return exchange.error
    return str(exchange.status) if exchange.status is not None and exchange.status >= 400 else None


def _user(exchange: Exchange) -> str | None:
    """The last id in the path that stands behind a word for people."""
    template, path = exchange.route.split("/"), exchange.path.split("/")
    path = path[len(path) - len(template) :]  # the base path is no part of a template
    for at in range(len(template) - 1, 0, -1):
        if template[at].startswith("{") and template[at - 1] in _PEOPLE:
            return unquote(path[at])
    return None
