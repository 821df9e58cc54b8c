"""A clock that stands still until it is told to go on."""

from __future__ import annotations

import time

import anyio.lowlevel

__all__ = ["ManualClock"]


class ManualClock:
    """Client and server of a test share one, so that caches and tokens age without anybody sleeping.

    It starts at the present time: the ``Date`` header of an emulator is the machine's.
    """

    def __init__(self) -> None:
        self._start = float(int(time.time()))
        self._passed = 0.0

    def monotonic(self) -> float:
        return self._passed

    def time(self) -> float:
        return self._start + self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds

    async def sleep(self, seconds: float) -> None:
        self._passed += seconds
        await anyio.lowlevel.checkpoint()
