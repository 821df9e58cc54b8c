"""A client's clock on which waits cost no time."""

from __future__ import annotations

import time

import anyio.lowlevel

__all__ = ["NoWaiting"]


class NoWaiting:
    """For ``connect(…, clock=NoWaiting())``: a back-off or a ``Retry-After`` is over at once, and has passed by it.

    Otherwise it is the machine's clock. Deadlines and time-outs are bounded by real time, as ever.

    Attributes:
        waits: what was waited for so far, in seconds.
    """

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        """Seconds that never jump back."""
        return time.monotonic() + sum(self.waits)

    def time(self) -> float:
        """Epoch seconds, UTC."""
        return time.time() + sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        """Notes the wait, and lets other tasks run."""
        self.waits.append(seconds)
        await anyio.lowlevel.checkpoint()
