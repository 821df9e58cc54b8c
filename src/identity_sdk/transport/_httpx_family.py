"""What the transports on httpx and on its successor httpx2 share. Neither library is imported here.

**Many short pools.** httpcore walks through its whole pool at each request, so one pool of 100 connections answers
four times less than 100 pools of one. Each slot holds a pool of one connection; the last slot used is the next one
taken, so a quiet client stays on its warm connections.

**No poisoned pool.** A cancelled request can leave httpcore's pool with a connection that counts as busy for ever
(encode/httpcore#1099). A slot belongs to one request at a time; whenever that request ends in any other way than
with a whole answer, its pool is thrown away. Should a pool time out none the less, it is replaced, and the request,
which was not sent, goes through a new one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

import anyio

from identity_sdk.concurrency import Gate, TimeLimit, time_limit
from identity_sdk.errors import ClientClosedError, ConfigurationError, IdentityError, ProtocolError
from identity_sdk.transport._answer import headers_of, text
from identity_sdk.transport._body import ACCEPT_ENCODING, BodyReader, says_encoding
from identity_sdk.transport._failures import Failures
from identity_sdk.transport._network import Origin, is_sendable
from identity_sdk.transport.base import TransportOptions
from identity_sdk.wire.request import Request, Response, TransportStats

__all__ = ["Call", "FamilyTransport", "Library", "Pool"]

_POOL_PATIENCE = 1.0
"""Seconds to wait for the only connection of a pool that is ours alone: if it is not free at once, it never is."""

_SEND_STARTED = "http11.send_request_headers.started"
_CONNECT_STARTED = "connection.connect_tcp.started"
_CONNECT_COMPLETE = "connection.connect_tcp.complete"


class Call(Protocol):
    """The library's request."""

    @property
    def extensions(self) -> Mapping[str, object]: ...


C = TypeVar("C", bound=Call)
C_contra = TypeVar("C_contra", bound=Call, contravariant=True)


class _Headers(Protocol):
    @property
    def raw(self) -> list[tuple[bytes, bytes]]: ...


class _Answer(Protocol):
    """The library's response."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> _Headers: ...
    @property
    def stream(self) -> object: ...
    @property
    def extensions(self) -> Mapping[str, object]: ...


class _Closable(Protocol):
    async def aclose(self) -> None: ...


class _Stream(_Closable, AsyncIterable[bytes], Protocol):
    """An answer's body."""


class _Connection(Protocol):
    def is_closed(self) -> bool: ...


class Pool(Protocol[C_contra]):
    """The library's transport around a pool of one connection."""

    async def handle_async_request(self, request: C_contra) -> _Answer: ...
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Library(Generic[C]):
    """What differs between httpx and httpx2: the objects, not their behaviour."""

    new_pool: Callable[[], Pool[C]]
    new_call: Callable[[str, bytes, list[tuple[bytes, bytes]], bytes, dict[str, object]], C]
    pool_timeout: type[Exception]
    proxy_error: type[Exception]
    local_error: type[Exception]
    remote_error: type[Exception]


class _Attempt:
    """How far one request has come."""

    __slots__ = ("admitted", "call", "connect_timeout", "connecting", "ends", "limit", "sent", "stream")

    def __init__(self, limit: TimeLimit, timeout: float, connect_timeout: float) -> None:
        self.limit = limit
        self.ends = time.monotonic() + timeout
        self.connect_timeout = connect_timeout
        self.admitted = False
        self.call: Call | None = None
        self.connecting = False
        self.sent = False
        self.stream: _Closable | None = None

    async def trace(self, event: str, info: Mapping[str, object]) -> None:
        """The trace extension of httpcore; it takes itself off once the request is on its way."""
        if event == _CONNECT_STARTED:
            # Name look-up, connection and handshake share one time limit; the library would give each its own.
            self.connecting = True
            self.limit.move(min(self.connect_timeout, self.ends - time.monotonic()))
        elif event == _CONNECT_COMPLETE:
            # httpcore forgets the socket when a handshake is cancelled.
            self.stream = cast("_Closable", info.get("return_value"))
        elif event == _SEND_STARTED and getattr(info.get("request"), "method", b"") != b"CONNECT":
            self.sent = True
            self.stream = None
            if self.call is not None:
                cast("dict[str, object]", self.call.extensions).pop("trace", None)
            if self.connecting:
                self.connecting = False
                self.limit.move(self.ends - time.monotonic())


class _Slot(Generic[C]):
    """The right to one connection, and the pool that holds it."""

    __slots__ = ("pool", "used")

    def __init__(self) -> None:
        self.pool: Pool[C] | None = None
        self.used = 0.0


class FamilyTransport(Generic[C]):
    """The transport port on httpx or httpx2. One instance serves one origin and one event loop."""

    def __init__(self, options: TransportOptions, origin: Origin, library: Library[C]) -> None:
        self._options = options
        self._library = library
        self._failures = Failures(str(origin))
        self._host = (b"Host", origin.authority.encode())
        self._gate = Gate(options.max_in_flight)
        self._slots = [_Slot[C]() for _ in range(options.max_in_flight)]
        self._free = list(self._slots)
        self._retired: list[_Closable] = []
        self._sweep_at = time.monotonic() + options.keepalive
        self._healed = 0
        self._closed = False
        try:
            self._free[-1].pool = library.new_pool()  # a proxy that the library cannot speak to is told here
        except (ImportError, ValueError):
            raise ConfigurationError(
                "proxy= needs a proxy that speaks HTTP (or SOCKS 5, with the library's extra)"
            ) from None

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send ``request`` and read the whole answer within ``timeout`` seconds. See the port for what is raised."""
        # Errors are made below and raised here: no frame that escapes holds a header.
        outcome = await self._outcome(request, timeout)
        if isinstance(outcome, IdentityError):
            raise outcome
        return outcome

    async def _outcome(self, request: Request, timeout: float) -> Response | IdentityError:
        if self._closed:
            return ClientClosedError("the client is closed")
        if not is_sendable(request):
            return self._failures.cannot_be_sent()
        limit = time_limit(timeout)
        attempt = _Attempt(limit, timeout, self._options.connect_timeout)
        try:
            async with limit:
                return await self._through_the_gate(request, attempt)
        except Exception as error:
            outcome = self._classify(error, attempt, timeout)
        except BaseException as escaping:
            with anyio.CancelScope(shield=True):
                await self._bury()
            raise escaping.with_traceback(None) from None  # the frames below hold headers
        await self._bury()
        return outcome

    async def _through_the_gate(self, request: Request, attempt: _Attempt) -> Response:
        await self._gate.acquire()
        attempt.admitted = True
        slot = self._free.pop()
        whole = False
        try:
            if time.monotonic() >= self._sweep_at:
                await self._sweep()
            try:
                answer = await self._exchange(request, attempt, slot)
            except self._library.pool_timeout:
                self._retire(slot)
                answer = await self._exchange(request, attempt, slot)
            whole = True
            return answer
        finally:
            if not whole:
                self._retire(slot)
                if attempt.stream is not None:
                    self._retired.append(attempt.stream)
            slot.used = time.monotonic()
            self._free.append(slot)
            self._gate.release()

    async def _exchange(self, request: Request, attempt: _Attempt, slot: _Slot[C]) -> Response:
        pool = slot.pool
        if pool is None:
            pool = slot.pool = self._library.new_pool()
        extensions: dict[str, object] = {"timeout": {"pool": _POOL_PATIENCE}, "trace": attempt.trace}
        call = attempt.call = self._library.new_call(
            request.method, request.target.encode("ascii"), self._headers(request), request.body, extensions
        )
        answer = await pool.handle_async_request(call)
        stream = cast("_Stream", answer.stream)
        try:
            return await self._read(answer, stream)
        finally:
            await stream.aclose()

    def _headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        headers: list[tuple[bytes, bytes]] = [self._host]
        for name, value in request.headers.items():
            headers.append((name.encode("ascii"), value.encode("ascii")))
        if not says_encoding(request.headers):
            headers.append((b"Accept-Encoding", ACCEPT_ENCODING.encode()))
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", b"%d" % len(request.body)))
        return headers

    async def _read(self, answer: _Answer, stream: _Stream) -> Response:
        headers, cookies = headers_of(answer.headers.raw)
        reader = BodyReader(
            headers.get("content-encoding", ""),
            headers.get("content-length"),
            self._options.max_response_bytes,
        )
        chunks = aiter(stream)
        try:
            async for chunk in chunks:
                reader.feed(chunk)
        except ProtocolError:
            # The libraries' generators stand in one another; closing the outermost leaves the others to the garbage
            # collector, of which trio complains. An error from the closed socket ends them all.
            await stream.aclose()
            with suppress(Exception):
                async for _ in chunks:
                    pass
            raise
        version = cast("bytes", answer.extensions.get("http_version", b"HTTP/1.1"))
        return Response(
            status=answer.status_code,
            headers=headers,
            body=reader.finish(),
            reason=text(cast("bytes", answer.extensions.get("reason_phrase", b""))),
            cookies=cookies,
            http_version=version.decode("ascii").removeprefix("HTTP/"),
        )

    def _classify(self, error: Exception, attempt: _Attempt, timeout: float) -> IdentityError:
        failures, library = self._failures, self._library
        if isinstance(error, IdentityError):
            error.__context__ = None
            return error.with_traceback(None)
        if isinstance(error, TimeoutError):  # the limit's own: the libraries' time-outs are no TimeoutErrors
            if not attempt.admitted:
                return failures.no_slot_in_time(timeout)
            if not attempt.sent:
                return failures.no_connection_in_time(min(timeout, self._options.connect_timeout))
            return failures.no_answer_in_time(timeout)
        if isinstance(error, library.local_error):
            return failures.cannot_be_sent()
        if isinstance(error, library.pool_timeout):
            return failures.no_slot_in_time(_POOL_PATIENCE)
        if isinstance(error, library.proxy_error):
            status = str(error)[:3]
            return failures.proxy_refused(status if status.isdecimal() else "")
        if not attempt.sent:
            return failures.not_sent(error)
        # h11 words an early end as "peer …", httpcore as "Server disconnected …"; all else is about what was said.
        if isinstance(error, library.remote_error) and not str(error).startswith(
            ("peer ", "Server disconnected")
        ):
            return failures.not_http()
        return failures.no_answer()

    def _retire(self, slot: _Slot[C]) -> None:
        """Takes the slot's pool out of use at once; :meth:`_bury` closes it."""
        pool, slot.pool = slot.pool, None
        if pool is not None:
            self._healed += any(not connection.is_closed() for connection in _connections(pool))
            self._retired.append(pool)

    async def _bury(self) -> None:
        while self._retired:
            one = self._retired.pop()
            try:
                await one.aclose()
            except Exception:  # a socket that is gone already, or whose loop is
                pass
            except BaseException:
                self._retired.append(one)
                raise

    async def _sweep(self) -> None:
        """Closes what nobody has used for ``keepalive`` seconds: httpcore looks only at the pool that is asked."""
        now = time.monotonic()
        self._sweep_at = now + self._options.keepalive / 2
        for slot in self._free:
            if slot.pool is not None and now - slot.used > self._options.keepalive:
                self._retired.append(slot.pool)
                slot.pool = None
        await self._bury()

    def stats(self) -> TransportStats:
        """What the pools hold now."""
        open_now = [_connections(slot.pool) for slot in self._slots if slot.pool is not None]
        return TransportStats(
            connections=sum(len(connections) for connections in open_now),
            in_flight=self._gate.held,
            waiting=self._gate.waiting,
            healed=self._healed,
        )

    async def aclose(self) -> None:
        """Closes every connection; requests that are under way end in an error. May be called again."""
        self._closed = True
        for slot in self._slots:
            if slot.pool is not None:
                self._retired.append(slot.pool)
                slot.pool = None
        with anyio.CancelScope(shield=True):
            await self._bury()


def _connections(pool: Pool[C]) -> Sequence[_Connection]:
    """The connections of httpcore under the library's transport, which does not show them itself."""
    core = getattr(pool, "_pool", None)
    return cast("Sequence[_Connection]", getattr(core, "connections", ()))
