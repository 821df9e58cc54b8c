"""Faults on demand, in words."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from identity_sdk.emulators.faults import ArmedFault as _Armed
    from identity_sdk.emulators.faults import Fault, FaultInjector

__all__ = ["ArmedFault", "Faults"]


class ArmedFault:
    """A fault that a server has from now on: until it is used up, disarmed, or the server is closed.

    As a context manager (``with server.faults.drop(): …``) it is disarmed at the end of the block.
    """

    def __init__(self, injector: FaultInjector, fault: Fault) -> None:
        self._injector = injector
        self._armed: _Armed = injector.add(fault)

    @property
    def hits(self) -> int:
        """How many requests it has hit."""
        return self._armed.hits

    def disarm(self) -> None:
        """Ends it; again is harmless."""
        self._injector.remove(self._armed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disarm()

    def __repr__(self) -> str:
        return f"<{self._armed.fault}, {self.hits} hits>"


class Faults:
    """What goes wrong on one server. Every method arms one fault at once; of several, the first that fits a request
    and is not used up decides.

    All of them take two keywords:

    * ``on``: which requests: ``"GET /auth/users"`` or ``"/auth/users/*"`` (``*`` stands for any characters), the path
      as in the backend's own documentation, below its base path. All, unless given.
    * ``times``: how many of them, the next ones; ``None`` means all, until the fault is disarmed.

    A status and a dropped connection are met before the server has done anything; with ``after_work=True`` it does what
    was asked first, and the client cannot know.
    """

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector

    def status(
        self,
        status: int,
        *,
        retry_after: float | None = None,
        after_work: bool = False,
        on: str = "*",
        times: int | None = None,
    ) -> ArmedFault:
        """The answer is an error.

        Args:
            status: from 400 to 599.
            retry_after: seconds for a ``Retry-After`` header.
            after_work: whether the work is done first.
            on: which requests.
            times: how many of them.

        Raises:
            ConfigurationError: ``status`` is no error, or ``times`` is less than 1.
        """
        return self._arm(on, times, status=status, retry_after=retry_after, after_work=after_work)

    def delay(self, seconds: float, *, on: str = "*", times: int | None = None) -> ArmedFault:
        """The server waits before it begins to work.

        Raises:
            ConfigurationError: ``seconds`` is not more than 0, or ``times`` is less than 1.
        """
        return self._arm(on, times, late=seconds)

    def drop(self, *, after_work: bool = False, on: str = "*", times: int | None = None) -> ArmedFault:
        """The connection is closed without an answer."""
        return self._arm(on, times, drop=True, after_work=after_work)

    def garbled_body(self, *, on: str = "*", times: int | None = None) -> ArmedFault:
        """The work is done, and the second half of the answer's body is garbage. Answers without a body stay."""
        return self._arm(on, times, garbled=True)

    def expired_token(self, *, on: str = "*", times: int | None = None) -> ArmedFault:
        """The credential of the request is past its end, and the server says so in its own words (401).

        Only requests that carry a credential count: signing in is still possible. A key that has no end (lakeFS' access
        keys, Argus' API keys) is answered as an unknown one.
        """
        return self._arm(on, times, expired=True)

    def revoked_token(self, *, on: str = "*", times: int | None = None) -> ArmedFault:
        """The server does not know the credential of the request (any more), and says so in its own words (401).

        Only requests that carry a credential count: signing in is still possible.
        """
        return self._arm(on, times, revoked=True)

    def skewed_clock(self, seconds: float, *, on: str = "*", times: int | None = None) -> ArmedFault:
        """The server's clock is wrong: its ``Date`` header, and by its own rules the ends of tokens and keys.

        Args:
            seconds: how fast it is; a negative number: how slow.
            on: which requests.
            times: how many of them.

        Raises:
            ConfigurationError: ``seconds`` is 0, or ``times`` is less than 1.
        """
        return self._arm(on, times, skew=seconds)

    def clear(self) -> None:
        """Ends all of them."""
        self._injector.disarm()

    def _arm(self, on: str, times: int | None, **what: Any) -> ArmedFault:
        from identity_sdk.emulators.faults import Fault

        method, _, path = on.rpartition(" ")
        return ArmedFault(self._injector, Fault(path, method.strip(), times=times, **what))
