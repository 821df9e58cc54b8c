"""A sender without a network, and a server with one: the emulator behind a socket, a new one for each test."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest

from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.auth.sources import Auth, Password
from identity_sdk.client import IdentityClient, connect
from identity_sdk.emulators import igtcloud
from identity_sdk.emulators.server import running
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Request, Response

NOW = 1_800_000_000.0
ADMIN = Password("admin@example.com", "the admin's password")

Handler = Callable[[Request], "Response | Exception"]


def answer(status: int = 200, body: object = None, *, cookies: tuple[str, ...] = ()) -> Response:
    """An answer as an IGT Cloud server makes it."""
    if body is None:
        return Response(status, {}, b"", cookies=cookies)
    return Response(
        status, {"content-type": "application/json"}, (json.dumps(body) + "\n").encode(), cookies=cookies
    )


class FakeSender:
    """The pipeline's port, answered by a function or by a list of answers in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: list[Response | Exception] = []
        self.handler: Handler | None = None
        self.at = NOW
        self.forgotten = 0

    @property
    def sent(self) -> list[str]:
        return [f"{call.request.method} {call.request.target}" for call in self.calls]

    async def send(self, call: Call) -> Response:
        self.calls.append(call)
        if self.handler is not None:
            reply = self.handler(call.request)
        else:
            assert self.script, f"nobody expected {self.sent[-1]}"
            reply = self.script.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return self.at

    def remaining(self) -> float:
        return 30.0

    async def sleep(self, seconds: float) -> None:
        self.at += seconds

    def forget(self) -> None:
        self.forgotten += 1


class Clock:
    """Moved by hand; client and server share it."""

    def __init__(self) -> None:
        self.at = NOW

    def time(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class Place:
    """One server with its store, and the clients of one test."""

    def __init__(self, url: str, clock: Clock, store: Store, emulator: Any, seen: list[str]) -> None:
        self.url = url
        self.clock = clock
        self.store = store
        self.emulator = emulator
        self.seen = seen
        self.idp: IdentityClient[IgtCloud]

    async def password(self, login_id: str, password: str = "a password") -> Password:
        """Sets a user's password, as the person does by its activation letter."""
        await self.store.write(lambda conn: self.emulator.set_password(conn, login_id, password))
        return Password(login_id, password)

    async def group(self, id: str, name: str | None = None) -> str:
        row = q.GroupRow(id=id, created_at=NOW, name=name)
        await self.store.write(lambda conn: q.groups.insert(conn, row))
        return id

    def count(self, what: str) -> int:
        return sum(what in line for line in self.seen)


class _Socket:
    def __init__(self) -> None:
        self.url = ""
        self.app: Any = None
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and self.app is not None:
            self.seen.append(
                f"{scope['method']} {scope['raw_path'].decode()}?{scope['query_string'].decode()}"
            )
            await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def socket() -> Iterator[_Socket]:
    server = _Socket()
    with running(server) as url:
        server.url = url
        yield server


Open = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture
def place(socket: _Socket) -> Open:
    """``async with place(*choices) as it``: a new server that behaves so, ``it.idp`` speaking as its administrator."""

    @asynccontextmanager
    async def open_(*choices: str, auth: Auth | None = ADMIN, path: str = "") -> AsyncGenerator[Place]:
        clock = Clock()
        store = Store.open("sqlite://", clock=clock.time)
        app = igtcloud.create_app(
            store,
            choices=igtcloud.Choices.parse(choices),
            clock=clock.time,
            admin=igtcloud.Admin(ADMIN.username, ADMIN.password.reveal()),
        )
        await app.state.emulator.prepare()
        socket.app, socket.seen = app, []
        it = Place(socket.url, clock, store, app.state.emulator, socket.seen)
        adapter = IgtCloud(
            base_url=socket.url + path, auth=auth, organization=igtcloud.ROOT, email_domain="example.com"
        )
        try:
            async with connect(adapter, clock=clock, backoff=(0.0, 0.0)) as idp:
                it.idp = idp
                yield it
        finally:
            socket.app = None
            await store.aclose()

    return open_


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def igt(sender: FakeSender) -> IgtCloud:
    """The adapter over the fake sender."""
    return Tools.adapter(sender)


class Tools:
    """What tests need of this file: it is no importable module."""

    now = NOW
    admin = ADMIN
    answer = staticmethod(answer)
    sender = FakeSender

    @staticmethod
    def adapter(sender: FakeSender, auth: Auth | None = ADMIN, **options: Any) -> IgtCloud:
        told = {"organization": "org-1", "email_domain": "example.com", **options}
        return IgtCloud(base_url="https://igt.example", auth=auth, **told).bind(sender)


@pytest.fixture
def tools() -> type[Tools]:
    return Tools
