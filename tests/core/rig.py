"""A fake transport, a fake clock, a raw server and a small wire API: what the tests of the core stand on."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel

from identity_sdk.auth.sources import Issued
from identity_sdk.auth.token_cache import TokenCache
from identity_sdk.errors import ClientClosedError, IdentityError, NoAnswerError, NotFoundError, NotSentError
from identity_sdk.middleware.pipeline import Pipeline, Shared
from identity_sdk.models import User
from identity_sdk.options import ClientOptions
from identity_sdk.secrets import Secret
from identity_sdk.transport.base import TransportOptions, make_transport
from identity_sdk.wire.call import Call, Dialect, OperationSpec, Retry
from identity_sdk.wire.operation import Api, operation
from identity_sdk.wire.request import Request, Response, TransportStats

EPOCH = 1_800_000_000.0
CANARY = "canary-7Zq9"
KEPT: list[object] = []
"""What lives until the event loop of the test has ended."""


class FakeClock:
    """Stands still, except while somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.frozen = False
        """Whether a sleep never ends."""

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH + self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.frozen:
            await anyio.sleep_forever()
        self.now += seconds
        await anyio.lowlevel.checkpoint()


Act = Any
"""A status, ``(status, headers)``, ``(status, headers, body)``, an exception or its class, or an async function of the
request that answers one of these."""


def answered(act: Act) -> Response:
    status, headers, body = (
        act
        if isinstance(act, tuple) and len(act) == 3
        else (*act, None)
        if isinstance(act, tuple)
        else (act, {}, None)
    )
    if body is None:
        body = {"id": "ada"}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {"content-type": "application/json", **headers}, raw)


class FakeTransport:
    """Plays ``acts`` one after the other, then ``default``."""

    def __init__(self, *acts: Act, default: Act = 200) -> None:
        self.acts: deque[Act] = deque(acts)
        self.default = default
        self.requests: list[Request] = []
        self.timeouts: list[float] = []
        self.in_flight = 0
        self.most = 0
        self.closed = 0

    async def send(self, request: Request, *, timeout: float) -> Response:
        if self.closed:
            raise ClientClosedError("the client is closed")
        self.requests.append(Request(request.method, request.target, dict(request.headers), request.body))
        self.timeouts.append(timeout)
        act = self.acts.popleft() if self.acts else self.default
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await anyio.lowlevel.checkpoint()
            while callable(act) and not isinstance(act, type):
                act = await act(request)
        finally:
            self.in_flight -= 1
        if isinstance(act, type):
            raise act("as scripted")
        if isinstance(act, BaseException):
            raise act
        return answered(act)

    def stats(self) -> TransportStats:
        return TransportStats(connections=1)

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def sent(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.requests]


class FakeDialect(Dialect):
    provider = "fake"


class FakeApi(Api):
    """One operation of each class."""

    dialect = FakeDialect()

    @operation("GET /users/{id}")
    async def get_user(self, id: str) -> User: ...

    @operation("GET /plain", auth=False)
    async def get_plain(self) -> User: ...

    @operation("PUT /users/{id}", look=lambda api, b: api.look(b), how_to_find_out="read it")
    async def put_user(self, id: str, body: dict[str, str]) -> User: ...

    @operation("PUT /blind/{id}")
    async def put_blind(self, id: str) -> User: ...

    @operation("DELETE /users/{id}", success=204, repeat_done=(404,))
    async def delete_user(self, id: str) -> None: ...

    @operation(
        "POST /users/{id}",
        success=201,
        retry=Retry.KEYED,
        look=lambda api, b: api.look(b),
        mine=lambda found, b: found.name == "mine",
        how_to_find_out="read the user",
    )
    async def create_user(self, id: str) -> User: ...

    @operation("POST /blind/{id}", success=201, retry=Retry.KEYED, how_to_find_out="read it yourself")
    async def create_blind(self, id: str) -> User: ...

    @operation("POST /keys", success=201, how_to_find_out="list the keys")
    async def create_key(self) -> User: ...

    async def look(self, bound: dict[str, Any]) -> User | None:
        try:
            return await self.get_user(bound["id"])
        except NotFoundError:
            return None


SPECS = {
    retry: OperationSpec("do_it", "POST", "/do", frozenset({200, 201}), retry, how_to_find_out="go and see")
    for retry in Retry
}


def call_of(retry: Retry, **more: Any) -> Call:
    return Call(SPECS[retry], more.pop("dialect", Dialect()), Request("POST", "/do", {}), **more)


@dataclass
class FakeSource:
    """Hands out ``t1``, ``t2`` …, or plays ``acts``: exceptions, tokens, or async functions."""

    clock: FakeClock
    lifetime: float | None = 1000.0
    key: str = "fake"
    renewable: bool = True
    acts: deque[Any] = field(default_factory=deque)
    fetched: int = 0
    previous: list[Issued | None] = field(default_factory=list)
    senders: list[Any] = field(default_factory=list)

    async def fetch(self, sender: Any, previous: Issued | None) -> Issued:
        self.fetched += 1
        self.previous.append(previous)
        self.senders.append(sender)
        number = self.fetched
        await anyio.lowlevel.checkpoint()
        act = self.acts.popleft() if self.acts else None
        while callable(act) and not isinstance(act, type):
            act = await act()
        if isinstance(act, BaseException) or (isinstance(act, type) and issubclass(act, BaseException)):
            raise act
        if isinstance(act, Issued):
            return act
        now = self.clock.time()
        return Issued(Secret(f"t{number}"), None if self.lifetime is None else now + self.lifetime, now)

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {issued.value.reveal()}"


class Rig:
    """A pipeline over a fake transport."""

    def __init__(self, *acts: Act, default: Act = 200, auth: bool = False, **options: Any) -> None:
        self.clock = FakeClock()
        self.transport = FakeTransport(*acts, default=default)
        self.made: list[FakeTransport] = []
        options.setdefault("deadline", 600.0)
        self.options = ClientOptions(clock=self.clock, **options)
        self.shared = Shared(self.options, self._make)
        KEPT.append(self.shared)
        self.source = FakeSource(self.clock)
        self.cache: TokenCache | None = self.shared.cache_for(self.source) if auth else None
        self.pipeline = Pipeline(self.shared, self.options, provider="fake", cache=self.cache)
        self.api = FakeApi(self.pipeline, "/api", user_agent="tests")

    def _make(self) -> FakeTransport:
        self.made.append(self.transport)
        self.transport.closed = 0  # the real ones are made anew
        return self.transport

    def copy(self, **options: Any) -> FakeApi:
        changed = ClientOptions.of({**self.options.to_dict(), **options})
        return FakeApi(
            Pipeline(self.shared, changed, provider="fake", cache=self.cache), "/api", user_agent="tests"
        )


async def until(true: Callable[[], bool], turns: int = 2000) -> None:
    """Lets the others run until ``true()``; fails when that takes too long."""
    for _ in range(turns):
        if true():
            return
        await anyio.lowlevel.checkpoint()
    with anyio.fail_after(5):
        while not true():
            await anyio.sleep(0.002)


async def fails(work: Awaitable[object]) -> IdentityError:
    try:
        got = await work
    except IdentityError as error:
        return error
    raise AssertionError(f"nothing was raised, but {got!r} was answered")


async def late(rig: Rig, work: Awaitable[object], when: Callable[[], bool]) -> IdentityError:
    """The error of ``work`` when its deadline ends at the moment that ``when()`` becomes true."""
    errors: list[IdentityError] = []
    before = set(rig.shared.scopes)

    async def call() -> None:
        errors.append(await fails(work))

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await until(when)
        for scope in rig.shared.scopes - before:
            scope._limit.move(0)
    return errors[0]


NO_ANSWER, NOT_SENT = NoAnswerError, NotSentError


# ---------------------------------------------------------------------------------------------------- real sockets


class Server:
    """A raw HTTP server in threads. ``script`` is consumed request by request, then ``handler`` answers.

    An act is ``(status, headers, body)``, raw bytes to send before closing, ``"drop"`` (close without an answer) or
    ``"hang"`` (say nothing until the server stops).
    """

    def __init__(self, handler: Callable[[str, dict[str, str], bytes], Any] | None = None) -> None:
        self.script: deque[Any] = deque()
        self.handler = handler or (lambda line, headers, body: (200, {}, {"id": "ada"}))
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def lines(self) -> list[str]:
        return [line for line, _, _ in self.seen]

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(one)
            thread = threading.Thread(target=self._talk, args=(one,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), one, one.makefile("rb") as reader:
            while line := reader.readline().decode().strip():
                headers: dict[str, str] = {}
                while header := reader.readline().decode("latin-1").strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = reader.read(int(headers.get("content-length", 0)))
                said = line.rpartition(" ")[0]
                self.seen.append((said, headers, body))
                act = self.script.popleft() if self.script else self.handler(said, headers, body)
                if act == "hang":
                    self._stop.wait(20)
                if isinstance(act, bytes):
                    one.sendall(act)
                if isinstance(act, bytes | str):
                    one.shutdown(socket.SHUT_RDWR)
                    return
                one.sendall(http(*act))

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


def http(status: int, headers: dict[str, str], body: object) -> bytes:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + raw


def wired(url: str, *, library: str = "httpx", source: Any = None, **options: Any) -> tuple[FakeApi, Shared]:
    """A wire API over a real transport."""
    told = ClientOptions(**{"backoff": (0.0, 0.0), **options})
    network = TransportOptions(
        url, connect_timeout=told.connect_timeout, max_in_flight=told.max_in_flight, proxy=""
    )
    shared = Shared(told, partial(make_transport, library, network))  # type: ignore[arg-type]
    cache = shared.cache_for(source) if source is not None else None
    pipeline = Pipeline(shared, told, provider="fake", cache=cache)
    return FakeApi(pipeline, "", user_agent="tests"), shared
