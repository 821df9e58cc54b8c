"""The emulator in both dialects on a socket, a client of its administrator, and a sender without a network."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from identity_sdk import connect
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.auth.sources import Auth, RefreshToken
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import auth_service
from identity_sdk.emulators.faults import FaultInjector
from identity_sdk.emulators.server import running
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Request, Response

NOW = 1_800_000_000.0
TROUBLE = {
    "type": "about:blank",
    "title": "Internal Server Error",
    "detail": "Server got itself in trouble",
    "status": 500,
}

Handler = Callable[[Request], "Response | Exception"]


@pytest.fixture(scope="session")
def signing_key() -> str:
    """Made once: it takes long."""
    return RSAKey.generate_key(2048).as_pem(private=True).decode("ascii")


@dataclass
class Site:
    """One server and what a test wants to do behind its back."""

    dialect: str
    base_url: str
    store: Store
    emulator: Any
    faults: FaultInjector
    refresh: str
    idp: IdentityClient[AuthService]

    @property
    def real(self) -> bool:
        return self.dialect == "real"

    def client(self, auth: Auth | None, **options: Any) -> IdentityClient[AuthService]:
        return (
            self.idp.with_credential(auth).with_options(**options)
            if options
            else self.idp.with_credential(auth)
        )

    def requests(self) -> list[str]:
        made, self.faults.requests[:] = list(self.faults.requests), []
        return made


@pytest.fixture(params=["documented", "real"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app(dialect: str, signing_key: str) -> Any:
    return auth_service.create_app(Store.open(), dialect=dialect, key=signing_key)


@pytest.fixture
def url(app: Any) -> Generator[str]:
    with running(app) as url:
        yield url


@pytest.fixture
async def site(app: Any, url: str, dialect: str, anyio_backend: str) -> AsyncGenerator[Site]:
    emulator = app.state.emulator
    row = q.UserRow(id="boss", created_at=NOW, attributes={"globalRole": "ADMIN"})
    await emulator.store.write(lambda conn: q.users.put(conn, row))
    refresh = await emulator.refresh_token("boss")
    base_url = url + auth_service.BASE_PATH
    adapter = AuthService(base_url=base_url, auth=RefreshToken(refresh), default_role="USER")
    async with connect(adapter, backoff=(0.001, 0.005)) as idp:
        yield Site(dialect, base_url, emulator.store, emulator, app.state.faults, refresh, idp)
    await emulator.store.aclose()


class FakeSender:
    """The pipeline's port, answered by a function or by a list of answers in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: list[Response | Exception] = []
        self.left = 30.0
        self.slept: list[float] = []
        self.forgotten = 0
        self.clock = NOW

    @property
    def sent(self) -> list[str]:
        return [
            f"{call.request.method} {call.request.target.removeprefix('/api/auth/v1')}" for call in self.calls
        ]

    def body(self, number: int = -1) -> Any:
        return json.loads(self.calls[number].request.body)

    async def send(self, call: Call) -> Response:
        self.calls.append(call)
        assert self.script, f"nobody expected {self.sent[-1]}"
        reply = self.script.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return self.clock

    def remaining(self) -> float:
        return self.left

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


def answer(
    body: object = None, status: int = 200, *, reason: str = "", cookies: tuple[str, ...] = (), **headers: str
) -> Response:
    """An answer as the real server makes it."""
    data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/plain; charset=utf-8" if status < 300 else "application/problem+json; charset=utf-8"
    told: Mapping[str, str] = {"content-type": kind if data else "application/octet-stream", **headers}
    return Response(status, told, data, reason, cookies)


class Tools:
    """What tests need of this file: it is no importable module."""

    now = NOW
    answer = staticmethod(answer)

    @staticmethod
    def trouble() -> Response:
        return answer(TROUBLE, 500)

    @staticmethod
    def user(
        name: str, *groups: tuple[str, str | None], role: str | None = "USER", **more: object
    ) -> dict[str, object]:
        infos = [{"groupId": id, "description": None, "mode": mode} for id, mode in groups]
        return {"userId": name, "globalRole": role, "groups": infos}

    @staticmethod
    def adapter(sender: FakeSender, auth: Auth | None = None, **options: Any) -> AuthService:
        options.setdefault("default_role", "USER")
        return AuthService(base_url="https://auth.example/api/auth/v1", auth=auth, **options).bind(sender)


@pytest.fixture
def tools() -> type[Tools]:
    return Tools
