"""A sender without a network, and the emulator on a socket of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest

from identity_sdk import connect
from identity_sdk.adapters.argus.adapter import Argus
from identity_sdk.auth.sources import ApiKey, Auth
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import argus
from identity_sdk.emulators.server import running
from identity_sdk.store import Store
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Request, Response

NOW = 1_800_000_000.0
PASSWORD = "the administrator's password"


def answer(data: object = None, status: int = 200, *, cookies: tuple[str, ...] = (), **more: Any) -> Response:
    """An answer in Argus' envelope."""
    whole = {
        "responseCode": status,
        "limit": 0,
        "offset": 0,
        "count": 0,
        "size": 0,
        "metaData": {},
        "messages": [],
    }
    body = json.dumps({**whole, "data": data, **more}).encode()
    return Response(status, {"content-type": "application/json"}, body, cookies=cookies)


class FakeSender:
    """The pipeline's port, answered by a function or by a list of answers in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: list[Response | Exception] = []
        self.handler: Callable[[Request], Response | Exception] | None = None
        self.left = 30.0

    @property
    def sent(self) -> list[str]:
        return [f"{call.request.method} {call.request.target}" for call in self.calls]

    async def send(self, call: Call) -> Response:
        self.calls.append(call)
        result = self.handler(call.request) if self.handler is not None else self.script.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return NOW

    def remaining(self) -> float:
        return self.left

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def adapter(sender: FakeSender) -> Argus:
    configured = Argus(
        base_url="https://argus.example", auth=ApiKey("2a/1/secret"), customer="acme", password="pw"
    )
    return configured.bind(sender)


class Clock:
    """Epoch seconds that go on when told."""

    def __init__(self) -> None:
        import time

        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


class Served:
    """An emulator on a socket, and clients of it."""

    def __init__(self, url: str, emulator: Any, clock: Clock) -> None:
        self.url = url
        self.emulator = emulator
        self.clock = clock
        self._open: list[IdentityClient[Any]] = []

    def client(self, auth: Auth | None = None, **options: Any) -> IdentityClient[Argus]:
        told = {"customer": "mnemonic", "password": PASSWORD, **options}
        made = connect(
            Argus(base_url=self.url, auth=auth or ApiKey(self.emulator.api_key), **told), backoff=(0.0, 0.0)
        )
        self._open.append(made)
        return made

    async def aclose(self) -> None:
        for one in self._open:
            await one.aclose()


@pytest.fixture
def choices() -> argus.Choices:
    return argus.Choices()


@pytest.fixture
def _url(choices: argus.Choices) -> Iterator[tuple[str, Any, Clock]]:
    clock = Clock()
    store = Store.open("sqlite://", clock=clock)
    app = argus.create_app(store, choices=choices, admin=argus.Admin("admin", PASSWORD, "secret"))
    with running(app) as url:
        yield url, app.state.emulator, clock


@pytest.fixture
async def served(_url: tuple[str, Any, Clock], anyio_backend: str) -> AsyncIterator[Served]:
    made = Served(*_url)
    await made.emulator.prepare()
    yield made
    await made.aclose()
