"""A sender without a network, and a server with one: the emulator on a socket of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest

from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.auth.sources import AccessKey, Auth
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Request, Response

NOW = 1_800_000_000.0
ADMIN = AccessKey("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")

Handler = Callable[[Request], "Response | Exception"]


def answer(
    status: int = 200, body: object = None, *, cookies: tuple[str, ...] = (), **headers: str
) -> Response:
    """An answer as a lakeFS server makes it."""
    if body is None:
        return Response(
            status, {key.replace("_", "-"): value for key, value in headers.items()}, b"", cookies=cookies
        )
    data = (json.dumps(body) + "\n").encode()
    told = {"content-type": "application/json", "x-request-id": "0f3b", **headers}
    return Response(status, told, data, cookies=cookies)


def page(items: list[dict[str, Any]], next_offset: str = "", *, has_more: bool | None = None) -> Response:
    """One page of a list."""
    more = bool(next_offset) if has_more is None else has_more
    about = {"has_more": more, "max_per_page": 0, "next_offset": next_offset, "results": len(items)}
    return answer(200, {"pagination": about, "results": items})


class FakeSender:
    """The pipeline's port, answered by a function or by a list of answers in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: list[Response | Exception] = []
        self.handler: Handler | None = None
        self.left = 30.0
        self.slept: list[float] = []
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
        return NOW

    def remaining(self) -> float:
        return self.left

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left -= seconds

    def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def lakefs(sender: FakeSender) -> LakeFS:
    """The adapter over the fake sender, signed in by an access key."""
    return LakeFS(base_url="https://lakefs.example/api/v1", auth=ADMIN).bind(sender)


class Tools:
    """What tests need of this file: it is no importable module."""

    now = NOW
    admin = ADMIN
    answer = staticmethod(answer)
    page = staticmethod(page)
    sender = FakeSender

    @staticmethod
    def adapter(sender: FakeSender, auth: Auth | None = ADMIN, **options: Any) -> LakeFS:
        return LakeFS(base_url="https://lakefs.example/api/v1", auth=auth, **options).bind(sender)


@pytest.fixture
def tools() -> type[Tools]:
    return Tools
