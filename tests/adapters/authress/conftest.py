"""A sender without a network, and answers as Authress makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest

from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.auth.sources import ApiKey, Auth
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Request, Response

NOW = 1_800_000_000.0
SEED = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
KEY = f"sc_demo001.k1ab.acc-demo.{SEED}"
"""The access key of the facts' vector."""
URL = "https://acc-demo.api.authress.io"


def answer(status: int = 200, body: object = None, **headers: str) -> Response:
    """An answer as the service makes it."""
    if body is None:
        return Response(status, headers, b"")
    return Response(status, {"content-type": "application/links+json", **headers}, json.dumps(body).encode())


def refusal(status: int, title: str = "Refused", code: str | None = None) -> Response:
    return answer(status, {"title": title, "errorCode": code or title, "errorId": "req-1"})


class FakeSender:
    """The pipeline's port, answered by a function or by a list of answers in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: list[Response | Exception] = []
        self.handler: Callable[[Request], Response | Exception] | None = None
        self.left = 3000.0
        self.time = NOW
        self.slept: list[float] = []
        self.forgotten = 0

    @property
    def sent(self) -> list[str]:
        return [f"{call.request.method} {call.request.target}" for call in self.calls]

    def body(self, number: int = -1) -> Any:
        return json.loads(self.calls[number].request.body)

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
        return self.time

    def remaining(self) -> float:
        return self.left

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left -= seconds
        self.time += seconds

    def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def bound(sender: FakeSender) -> Callable[..., Authress]:
    """The adapter over that sender."""

    def make(auth: Auth | None = None, base_url: str = URL, **options: Any) -> Authress:
        return Authress(base_url=base_url, auth=auth or ApiKey(KEY), **options).bind(sender)

    return make


@pytest.fixture
def authress(bound: Callable[..., Authress]) -> Authress:
    return bound()
