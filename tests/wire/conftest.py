"""A wire API over a scripted sender."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

import pytest

from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Response


class Scripted:
    """Answers what it is told, and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answer = Response(200, {"content-type": "application/json"}, b"{}")

    async def send(self, call: Call) -> Response:
        self.calls.append(call)
        return self.answer

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return 1000.0

    def remaining(self) -> float:
        return 30.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("operations do not wait")

    def forget(self) -> None:
        raise AssertionError("operations forget nothing")


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()
