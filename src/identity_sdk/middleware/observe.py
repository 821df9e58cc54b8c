"""What can be seen of a call from outside: events, logs with an allowlist, and clean logs of the HTTP libraries."""

from __future__ import annotations

import logging
import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, ParamSpec, Protocol, TypeVar

from identity_sdk.errors import IdentityError
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Response

__all__ = [
    "ALLOWED_HEADERS",
    "Event",
    "Exchange",
    "Telemetry",
    "Trace",
    "Traced",
    "clean_library_logs",
    "emit",
    "is_logged",
    "shown_headers",
]

logger = logging.getLogger("identity_sdk.http")

P = ParamSpec("P")
T = TypeVar("T")

ALLOWED_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "if-match",
        "if-unmodified-since",
        "last-modified",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "x-request-id",
    ]
)
"""Headers whose values may be logged. All others are redacted, also unknown ones."""


@dataclass(frozen=True, slots=True)
class Event:
    """What hooks are told, after each attempt and at the end of each verb. It holds no id of a person and no secret.

    Attributes:
        kind: ``"attempt"`` or ``"verb"``.
        provider: the adapter's name.
        name: the wire operation (``"get_user"``) of an attempt, the verb (``"users.get"``) of a verb.
        number: which attempt it was, from 1; for a verb, the attempts of all its operations.
        elapsed: seconds.
        method, route: of an attempt, such as ``"GET"`` and ``"/auth/users/{user_id}"``.
        status: of the answer, if one came.
        request_id: the server's.
        outcome: ``"answered"``, ``"rejected"``, ``"ambiguous"``, ``"not sent"``; of a verb ``"ok"`` or ``"failed"``.
        error: the name of the exception, if one was raised.
    """

    kind: Literal["attempt", "verb"]
    provider: str
    name: str
    number: int
    elapsed: float
    method: str = ""
    route: str = ""
    status: int | None = None
    request_id: str | None = None
    outcome: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on the wire, as a :class:`Trace` is told of it: no secret is in it.

    A call that is repeated, or replayed with a new token, has several.

    Attributes:
        operation: the wire operation, such as ``"get_user"``.
        method, route: such as ``"GET"`` and ``"/auth/users/{user_id}"``.
        resent: how many times the operation was sent before.
        elapsed: seconds on the wire: without waits for a token or for a place on our side.
        path: as it was sent, without the query. It holds ids, also of people.
        status: of the answer, if one came.
        request_id: the server's.
        http_version: of the answer: ``"1.1"`` or ``"2"``.
        error: the name of the exception, if one was raised; ``"Cancelled"`` on every event loop.
    """

    operation: str
    method: str
    route: str
    resent: int
    elapsed: float
    path: str = field(repr=False)
    status: int | None = None
    request_id: str | None = None
    http_version: str | None = None
    error: str | None = None


class Trace(Protocol):
    """What a :class:`Telemetry` makes of one verb; used in the verb's own task and context."""

    def headers(self) -> Mapping[str, str]:
        """Headers for the next request, such as ``traceparent``."""
        ...

    def exchanged(self, exchange: Exchange) -> None:
        """A request has ended."""
        ...

    def end(self, elapsed: float, error: str | None, status: int | None) -> None:
        """The verb has ended.

        Args:
            elapsed: seconds.
            error: the name of the exception, if one was raised; ``"Cancelled"`` on every event loop.
            status: of the answer that the error tells of.
        """
        ...


class Telemetry(Protocol):
    """What ``connect(…, telemetry=…)`` takes, such as :class:`~identity_sdk.integrations.otel.OpenTelemetry`."""

    def begin(self, provider: str, verb: str, base_url: str) -> Trace:
        """A verb begins. Verbs inside of it (composed ones) are part of it; a login that many calls wait for is one of
        its own.

        Args:
            provider: the adapter's name.
            verb: such as ``"users.get"``; the wire operation where one is called through ``native``, and for a login.
            base_url: of the server; empty where there is none.
        """
        ...


class Traced:
    """One verb under a telemetry. One that raises is logged and harms nobody."""

    __slots__ = ("_trace",)

    def __init__(self, telemetry: Telemetry, provider: str, verb: str, base_url: str) -> None:
        self._trace: Trace | None = _safely(None, telemetry.begin, provider, verb, base_url)

    def headers(self) -> Mapping[str, str]:
        """What the next request is sent with besides."""
        nothing: Mapping[str, str] = {}
        return _safely(nothing, self._trace.headers) if self._trace is not None else nothing

    def exchanged(
        self, call: Call, elapsed: float, response: Response | None, error: BaseException | None
    ) -> None:
        """A request has ended."""
        if self._trace is None:
            return
        exchange = Exchange(
            operation=call.spec.name,
            method=call.spec.method,
            route=call.spec.path,
            resent=call.sent - 1,
            elapsed=elapsed,
            path=call.request.target.partition("?")[0],
            status=response.status if response is not None else None,
            request_id=response.headers.get("x-request-id") if response is not None else None,
            http_version=response.http_version if response is not None else None,
            error=_named(error),
        )
        _safely(None, self._trace.exchanged, exchange)

    def end(self, elapsed: float, error: BaseException | None) -> None:
        """The verb is over."""
        if self._trace is not None:
            status = error.status if isinstance(error, IdentityError) else None
            _safely(None, self._trace.end, elapsed, _named(error), status)


def _named(error: BaseException | None) -> str | None:
    """By its class; a cancellation the same on asyncio and trio."""
    if error is None:
        return None
    name = type(error).__name__
    return "Cancelled" if name == "CancelledError" else name


def _safely(otherwise: T, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """In a frame of its own, like :func:`_tell`."""
    try:
        return work(*args, **kwargs)
    except Exception:
        logger.exception("the telemetry raised")
        return otherwise


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be logged."""
    return {
        name: value if name.lower() in ALLOWED_HEADERS else "[redacted]" for name, value in headers.items()
    }


def is_logged() -> bool:
    """Whether anybody reads our DEBUG log."""
    return logger.isEnabledFor(logging.DEBUG)


def emit(
    event: Event, hook: Callable[[Event], None] | None, headers: Mapping[str, str] | None = None
) -> None:
    """Logs the event at DEBUG, and hands it to the hook. A hook that raises is logged and harms nobody."""
    if is_logged():
        told = f" {shown_headers(headers)}" if headers else ""
        logger.debug(
            "%s %s %s: %s%s in %.1f ms (attempt %d)%s%s",
            event.kind,
            event.provider,
            event.name,
            event.outcome,
            "" if event.status is None else f" {event.status}",
            event.elapsed * 1000,
            event.number,
            f" {event.error}" if event.error else "",
            told,
        )
    if hook is not None:
        _tell(hook, event)


def _tell(hook: Callable[[Event], None], event: Event) -> None:
    """In a frame of its own, which the logged traceback begins with: it holds no headers."""
    try:
        hook(event)
    except Exception:
        logger.exception("the on_event hook raised")


_CORES = tuple(
    f"{core}.{part}"
    for core in ("httpcore", "httpcore2")
    for part in ("connection", "http11", "http2", "proxy", "socks")
)
_LIBRARIES = ("httpx", "httpx2", *_CORES, "hpack.hpack", "hpack.table", "aiohttp.client", "aiohttp.internal")
_QUERY = re.compile(r"(https?://[^\s?'\"]*)\?[^\s'\"]*")
_RESULT = re.compile(r"return_value=(.*)\Z", re.DOTALL)
_FAILURE = re.compile(r"exception=(\w+)\(.*\Z", re.DOTALL)


class _Clean(logging.Filter):
    """Keeps header values that are not allowlisted out of what the HTTP libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.partition(".")[0]
        # hpack and aiohttp put headers and cookies in the arguments of some records: those are not filled in.
        record.msg = self.clean(record.getMessage()) if library.startswith("http") else str(record.msg)
        record.args = ()
        record.exc_info = record.exc_text = None  # their frames hold headers
        return True

    @staticmethod
    def clean(message: str) -> str:
        """Without queries, exceptions' texts (h11 quotes headers in them) and header values."""
        return _QUERY.sub(
            r"\1?[redacted]", _FAILURE.sub(r"exception=\1", _RESULT.sub(_shown_result, message))
        )


def _shown_result(match: re.Match[str]) -> str:
    if "[(" not in match[1]:
        return match[0]
    try:
        *said, headers = literal_eval(match[1])  # (version, status, reason, headers), or (status, headers)
        shown = [
            (name, value if name.decode("latin-1").lower() in ALLOWED_HEADERS else b"[redacted]")
            for name, value in headers
        ]
    except (ValueError, SyntaxError, TypeError, AttributeError):
        return "return_value=[redacted]"
    return f"return_value={(*said, shown)!r}"


_CLEAN = _Clean()


def clean_library_logs() -> None:
    """Puts the filter on the loggers of the HTTP libraries; again is harmless. Done when a client makes a transport."""
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        if _CLEAN not in library.filters:
            library.addFilter(_CLEAN)
