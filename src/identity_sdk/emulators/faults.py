"""Faults on demand: what a server under stress, a proxy or a network does to chosen requests.

In process a :class:`Fault`, on the command line (``--fault``, repeatable) one line::

    [METHOD] PATH: WHAT [after-work] [, retry-after=SECONDS] [, from=N] [, times=M]

    POST /auth/users: 503 after-work, times=1      the user is made, the answer says 503, once
    GET /auth/users*: 429, retry-after=2, times=3  the first three listings are turned away
    /auth/*: drop                                  the connection is closed without an answer
    PUT /auth/groups/*: drop after-work, from=2    … after the work was done, from the second such request on
    GET /user: late=0.5                            the answer comes half a second late
    GET /auth/users/*: stale                       the answer is the first one that was given to the same request

``PATH`` is below the base path, percent-encoded as sent, without the query; ``*`` in it stands for any run of
characters. Without ``METHOD`` all methods match. ``WHAT`` is a status from 400 to 599, ``drop``, ``late=SECONDS`` or
``stale``. The first fault that matches a request and is not used up decides.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from identity_sdk.errors import ConfigurationError

__all__ = ["ABORT", "ConnectionDropped", "Fault", "FaultInjector", "drop"]

ABORT = "identity_sdk.abort"
"""Name of the scope extension by which ``server.py`` lends the means to cut the connection."""

_LINE = re.compile(r"(?:(?P<method>[A-Z]+) +)?(?P<path>/\S*) *: *(?P<rest>.+)")


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
    after_work: bool = False
    retry_after: float | None = None
    first: int = 1
    times: int | None = None

    def __post_init__(self) -> None:
        chosen = (self.status is not None) + self.drop + (self.late > 0) + self.stale
        if chosen != 1:
            raise ConfigurationError("a fault is one of: a status, drop, late=SECONDS, stale")
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
        if word in ("drop", "stale", "after-work"):
            return {word.replace("-", "_"): True}
    elif name in ("late", "retry-after"):
        return {name.replace("-", "_"): float(value)}
    elif name in ("from", "times"):
        return {"first" if name == "from" else name: int(value)}
    raise ValueError(f"{word!r} is not known")


class FaultInjector:
    """ASGI middleware that lets faults happen; they can be added and cleared while it runs."""

    def __init__(self, app: ASGIApp, faults: Iterable[Fault | str] = (), *, base_path: str = "") -> None:
        self.app = app
        self.requests: list[str] = []
        """``METHOD PATH`` of every request below the base path, for tests that count."""
        self._base_path = base_path
        self._active: list[tuple[Fault, list[int]]] = []
        self._remembered: dict[tuple[str, ...], list[Message]] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault | str) -> None:
        """Arm a fault; its count starts now."""
        self._active.append((Fault.parse(fault) if isinstance(fault, str) else fault, [0]))

    def clear(self) -> None:
        """Disarm all faults and forget all stale answers and counted requests."""
        self._active.clear()
        self._remembered.clear()
        self.requests.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], self._path(scope)
        self.requests.append(f"{method} {path}")
        fault = self._due(method, path)
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.stale:
            await self._stale(scope, receive, send)
        elif fault.late:
            await self._late(fault, scope, receive, send)
        else:
            await self._fail(fault, scope, receive, send)

    def _path(self, scope: Scope) -> str:
        raw = cast("bytes", scope.get("raw_path") or quote(scope["path"]).encode())
        return raw.decode("latin-1").partition("?")[0].removeprefix(self._base_path)

    def _due(self, method: str, path: str) -> Fault | None:
        due: Fault | None = None
        for fault, count in self._active:
            if fault.matches(method, path):
                count[0] += 1
                end = None if fault.times is None else fault.first + fault.times
                if due is None and fault.first <= count[0] and (end is None or count[0] < end):
                    due = fault
        return due

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
