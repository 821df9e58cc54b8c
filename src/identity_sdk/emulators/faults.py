"""Faults on demand: what a server under stress, a proxy or a network does to chosen requests.

In process a :class:`Fault`, on the command line (``--fault``, repeatable) one line::

    [METHOD] PATH: WHAT [after-work] [, retry-after=SECONDS] [, from=N] [, times=M]

    POST /auth/users: 503 after-work, times=1      the user is made, the answer says 503, once
    GET /auth/users*: 429, retry-after=2, times=3  the first three listings are turned away
    /auth/*: drop                                  the connection is closed without an answer
    PUT /auth/groups/*: drop after-work, from=2    … after the work was done, from the second such request on
    GET /user: late=0.5                            the answer comes half a second late
    GET /auth/users/*: stale                       the answer is the first one that was given to the same request
    GET /auth/users: garbled                       half of the answer's body is there, then come other bytes
    /*: expired, times=1                           the token is past its end, once
    /*: revoked                                    nobody knows the credential (any more)
    /*: skew=-600                                  the server's clock is ten minutes slow

``PATH`` is below the base path, percent-encoded as sent, without the query; ``*`` in it stands for any run of
characters. Without ``METHOD`` all methods match. ``WHAT`` is a status from 400 to 599, ``drop``, ``late=SECONDS``,
``stale``, ``garbled``, ``expired``, ``revoked`` or ``skew=SECONDS``. The first fault that matches a request and is not
used up decides. ``expired`` and ``revoked`` match only requests that carry a credential, and the server refuses them in
its own words; an access key or API key, which has no end, is then answered as an unknown one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from identity_sdk.emulators.unknown import carries_credential, swapped
from identity_sdk.errors import ConfigurationError

__all__ = ["ABORT", "ArmedFault", "ConnectionDropped", "Fault", "FaultInjector", "drop", "server_time"]

ABORT = "identity_sdk.abort"
"""Name of the scope extension by which ``server.py`` lends the means to cut the connection."""

_LINE = re.compile(r"(?:(?P<method>[A-Z]+) +)?(?P<path>/\S*) *: *(?P<rest>.+)")

_LONG_AFTER = 20 * 365 * 86400.0
"""Seconds after which no token lives."""
_skew: ContextVar[float] = ContextVar("identity_sdk.emulators.skew", default=0.0)


def server_time() -> float:
    """The machine's clock (epoch seconds UTC), put wrong while a request runs that a ``skew`` or ``expired`` hits.

    A server whose faults should be able to do that gets it as its store's clock.
    """
    return time.time() + _skew.get()


class ConnectionDropped(ConnectionError):
    """Raised in process instead of cutting a connection that is not there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        path: pattern of the path below the base path; ``*`` stands for any run of characters.
        method: ``POST``; empty means all.
        status: answer with this status, 400 to 599.
        drop: close the connection without an answer.
        late: seconds to wait before the answer.
        stale: answer a repeated request as it was answered the first time.
        garbled: put other bytes in place of the second half of the answer's body; an answer without one stays.
        expired: the credential is past its end.
        revoked: the credential is one that nobody knows.
        skew: seconds by which the server's clock is fast (negative: slow).
        after_work: do the work first, then fail.
        retry_after: seconds for a ``Retry-After`` header.
        first: the number of the first matching request that it hits, from 1.
        times: how many it hits; ``None`` means all that follow.
    """

    path: str
    method: str = ""
    status: int | None = None
    drop: bool = False
    late: float = 0.0
    stale: bool = False
    garbled: bool = False
    expired: bool = False
    revoked: bool = False
    skew: float = 0.0
    after_work: bool = False
    retry_after: float | None = None
    first: int = 1
    times: int | None = None

    def __post_init__(self) -> None:
        simple = self.drop + self.stale + self.garbled + self.expired + self.revoked
        if simple + (self.status is not None) + (self.late > 0) + (self.skew != 0) != 1:
            raise ConfigurationError(
                "a fault is one of: a status, drop, late=SECONDS, stale, garbled, expired, revoked, skew=SECONDS"
            )
        if self.status is not None and not 400 <= self.status <= 599:
            raise ConfigurationError("a fault's status is from 400 to 599")
        if self.first < 1 or (self.times is not None and self.times < 1):
            raise ConfigurationError("a fault's from= and times= count from 1")

    @classmethod
    def parse(cls, line: str) -> Fault:
        """Read one line of the syntax above.

        Raises:
            ConfigurationError: it is malformed.
        """
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ConfigurationError(
                f"malformed fault {line!r}: write [METHOD] PATH: WHAT, as in 'GET /user: 503'"
            )
        options: dict[str, object] = {}
        try:
            for word in re.split(r"[,\s]+", match["rest"].strip()):
                options.update(_option(word))
        except ValueError as error:
            raise ConfigurationError(f"malformed fault {line!r}: {error}") from None
        return cls(match["path"], match["method"] or "", **options)  # type: ignore[arg-type]  # pyright: ignore

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one of those that count."""
        pattern = ".*".join(re.escape(part) for part in self.path.split("*"))
        return self.method in ("", method) and re.fullmatch(pattern, path, re.DOTALL) is not None


def _option(word: str) -> dict[str, object]:
    name, equals, value = word.partition("=")
    if not equals:
        if word.isdigit():
            return {"status": int(word)}
        if word in ("drop", "stale", "garbled", "expired", "revoked", "after-work"):
            return {word.replace("-", "_"): True}
    elif name in ("late", "retry-after", "skew"):
        return {name.replace("-", "_"): float(value)}
    elif name in ("from", "times"):
        return {"first" if name == "from" else name: int(value)}
    raise ValueError(f"{word!r} is not known")


class ArmedFault:
    """A fault that a server has.

    Attributes:
        fault: what goes wrong.
        seen: requests so far that match it.
        hits: requests so far that it hit.
    """

    __slots__ = ("fault", "hits", "seen")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0

    def counts(self, method: str, path: str, scope: Scope) -> bool:
        """Count a request if it is one of those that match; tell whether it is one to hit."""
        fault = self.fault
        if not fault.matches(method, path):
            return False
        if (fault.expired or fault.revoked) and not carries_credential(scope):
            return False
        self.seen += 1
        return fault.first <= self.seen and (fault.times is None or self.hits < fault.times)


class FaultInjector:
    """ASGI middleware that lets faults happen; they can be added and cleared while it runs."""

    def __init__(self, app: ASGIApp, faults: Iterable[Fault | str] = (), *, base_path: str = "") -> None:
        self.app = app
        self.requests: list[str] = []
        """``METHOD PATH`` of every request below the base path, for tests that count."""
        self._base_path = base_path
        self._active: list[ArmedFault] = []
        self._remembered: dict[tuple[str, ...], list[Message]] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault | str) -> ArmedFault:
        """Arm a fault; its count starts now."""
        armed = ArmedFault(Fault.parse(fault) if isinstance(fault, str) else fault)
        self._active = [*self._active, armed]  # another thread may walk over the old list
        return armed

    def remove(self, armed: ArmedFault) -> None:
        """Disarm one fault; again is harmless."""
        self._active = [one for one in self._active if one is not armed]

    def disarm(self) -> None:
        """Disarm all faults and forget all stale answers."""
        self._active = []
        self._remembered.clear()

    def clear(self) -> None:
        """Disarm all faults and forget all stale answers and counted requests."""
        self.disarm()
        self.requests.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], self._path(scope)
        self.requests.append(f"{method} {path}")
        fault = self._due(method, path, scope)
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.stale:
            await self._stale(scope, receive, send)
        elif fault.garbled:
            await self._garbled(scope, receive, send)
        elif fault.revoked:
            await self.app(swapped(scope), receive, send)
        elif fault.expired:
            aged = swapped(scope, lasting_only=True)
            await self._skewed(_LONG_AFTER, aged, receive, _dated(send, time.time))
        elif fault.skew:
            await self._skewed(fault.skew, scope, receive, _dated(send, server_time))
        elif fault.late:
            await self._late(fault, scope, receive, send)
        else:
            await self._fail(fault, scope, receive, send)

    def _path(self, scope: Scope) -> str:
        raw = cast("bytes", scope.get("raw_path") or quote(scope["path"]).encode())
        return raw.decode("latin-1").partition("?")[0].removeprefix(self._base_path)

    def _due(self, method: str, path: str, scope: Scope) -> Fault | None:
        due = [armed for armed in self._active if armed.counts(method, path, scope)]
        if not due:
            return None
        due[0].hits += 1
        return due[0].fault

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.after_work:
            await self.app(scope, receive, _swallow)
        else:
            await _read_all(receive)
        if fault.drop:
            await drop(scope, receive)
            return
        status = HTTPStatus(cast("int", fault.status))
        body = b'{"message":"%b"}\n' % status.phrase.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if fault.retry_after is not None:
            headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _late(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if not fault.after_work:
            await anyio.sleep(fault.late)
            await self.app(scope, receive, send)
            return
        kept: list[Message] = []
        await self.app(scope, receive, _into(kept))
        await anyio.sleep(fault.late)
        for message in kept:
            await send(message)

    async def _stale(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        key = (scope["method"], self._path(scope), repr(scope["query_string"]), repr(authorization))
        if key not in self._remembered:
            kept: list[Message] = []
            await self.app(scope, receive, _into(kept))
            self._remembered[key] = kept
        else:
            await _read_all(receive)
        for message in self._remembered[key]:
            await send(message)

    async def _skewed(self, seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
        kept = _skew.set(seconds)
        try:
            await self.app(scope, receive, send)
        finally:
            _skew.reset(kept)

    async def _garbled(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept: list[Message] = []
        await self.app(scope, receive, _into(kept))
        body = b"".join(message.get("body", b"") for message in kept)
        if body:
            body = body[: len(body) // 2] + b"\xff\xfe"  # no UTF-8, no JSON
        start = kept[0]
        headers = [pair for pair in start.get("headers", ()) if pair[0].lower() != b"content-length"]
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _dated(send: Send, clock: Callable[[], float]) -> Send:
    """Tells the time by ``clock`` in ``Date``."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"date"]
            date = formatdate(clock(), usegmt=True).encode()
            message = {**message, "headers": [*headers, (b"date", date)]}
        await send(message)

    return dated


async def _swallow(_message: MutableMapping[str, object]) -> None:
    return None


def _into(kept: list[Message]) -> Callable[[Message], Awaitable[None]]:
    async def keep(message: Message) -> None:
        kept.append(message)

    return keep


async def _read_all(receive: Receive, *, to_the_end: bool = False) -> None:
    """Read the body, or everything until the connection is gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not (to_the_end or message.get("more_body")):
            return


async def drop(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer.

    Raises:
        ConnectionDropped: there is none: the app runs in process.
    """
    extensions = cast("Mapping[str, object]", scope.get("extensions") or {})
    abort = cast("Callable[[], None] | None", extensions.get(ABORT))
    if abort is None:
        raise ConnectionDropped("a fault dropped the connection")
    abort()
    await _read_all(receive, to_the_end=True)
