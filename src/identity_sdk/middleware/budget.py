"""The retry budget: a token bucket that keeps retries a small share of all calls."""

from __future__ import annotations

__all__ = ["RetryBudget"]


class RetryBudget:
    """Shared by every copy of a client. Each retry spends one token, each success earns a part of one.

    While a backend is down, its callers stop adding retries to its load after ``size`` of them; each still makes its
    first attempt.
    """

    __slots__ = ("_ratio", "_size", "_tokens")

    def __init__(self, size: float, ratio: float) -> None:
        """Args:
        size: tokens at first, and at most.
        ratio: what a success earns.
        """
        self._size = size
        self._ratio = ratio
        self._tokens = size

    @property
    def tokens(self) -> float:
        return self._tokens

    def earn(self) -> None:
        if self._tokens < self._size:
            self._tokens = min(self._size, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Takes one token; ``False`` when there is none."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
