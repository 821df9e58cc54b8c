"""One credential's token: kept, refreshed early, and never by two callers at once.

The life of a token, seen from its end::

    issued ───────── fresh ─────────┬── advisory ──┬─ mandatory ─┬ expired
                                    │ refresh runs │ callers     │ callers wait,
      callers take it at once       │ meanwhile,   │ wait for    │ a failure is
                                    │ callers take │ the refresh │ theirs
                                    │ the old one  │             │

The advisory window is 5 minutes, the mandatory one 30 seconds (at most 20 % and 5 % of the token's life). A refresh
that fails while the token lives is not an error: the token is served on, and the next try waits a while. The refresh is
a task of its own: every caller, the first too, only waits for it and may leave at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

from identity_sdk.auth.sources import Issued, TokenSource
from identity_sdk.concurrency import Clock, Running, current_loop, spawn, time_limit
from identity_sdk.errors import AuthenticationError, ClientClosedError, IdentityError, NoAnswerError
from identity_sdk.wire.call import Sender

__all__ = ["ADVISORY", "MANDATORY", "REFRESH_TIMEOUT", "TokenCache"]

ADVISORY = (300.0, 0.20)
"""Seconds before the end, and the largest share of the token's life."""
MANDATORY = (30.0, 0.05)
REFRESH_TIMEOUT = 10.0
"""Seconds that a refresh may take in all."""
BACK_OFF = 5.0
"""Seconds after a failed early refresh before the next one."""


class TokenCache:
    """The tokens of one credential, shared by every client copy that speaks as it."""

    def __init__(
        self,
        source: TokenSource,
        *,
        clock: Clock,
        server_now: Callable[[], float],
        refreshed: Callable[[], None] = lambda: None,
    ) -> None:
        """Args:
        source: where tokens come from.
        clock: for the back-off.
        server_now: the server's idea of the time, in epoch seconds; expiry is judged by it.
        refreshed: called after each token that was fetched.
        """
        self.source = source
        self._clock = clock
        self._server_now = server_now
        self._refreshed = refreshed
        self._issued: Issued | None = None
        self._previous: Issued | None = None
        self._refresh: _Refresh | None = None
        self._quiet_until = float("-inf")
        self._closed = False

    def fresh(self) -> Issued | None:
        """The token, if it can be taken without a thought; otherwise ask :meth:`get`."""
        issued = self._issued
        return issued if issued is not None and self._left(issued) > _window(issued, ADVISORY) else None

    async def get(self, sender: Sender) -> Issued:
        """The token, after a refresh where one is due.

        Args:
            sender: the pipeline that a login goes through: without the token middleware.

        Raises:
            AuthenticationError: the credential is rejected.
            IdentityError: the login failed, and no living token is left.
        """
        issued = self._issued
        if issued is not None:
            left = self._left(issued)
            if left > _window(issued, ADVISORY):
                return issued
            if left > 0 and self._clock.monotonic() < self._quiet_until:
                return issued
            if left > _window(issued, MANDATORY):
                self._start(sender)
                return issued
        refresh = self._start(sender)
        await refresh.task.wait()
        return self._outcome(refresh)

    def invalidate(self, rejected: Issued) -> None:
        """Forgets ``rejected``, if it is still the one that is kept: a late 401 never throws away a newer token."""
        if self._issued is not None and self._issued.value == rejected.value:
            self._previous, self._issued = self._issued, None

    def forget(self) -> None:
        """Drops the token, and what would refresh it: the next caller signs in anew."""
        self._previous = self._issued = None
        self._refresh = (
            None  # one that runs may bring a token that was ended as well: it is for its waiters alone
        )

    def close(self) -> None:
        """Ends a running refresh; its waiters get ``ClientClosedError``."""
        self._closed = True
        if self._refresh is not None and self._refresh.loop is current_loop():
            self._refresh.task.cancel()

    def _left(self, issued: Issued) -> float:
        return float("inf") if issued.expires_at is None else issued.expires_at - self._server_now()

    def _start(self, sender: Sender) -> _Refresh:
        """The running refresh; a new one where none runs."""
        if self._closed:
            raise ClientClosedError("the client is closed")
        loop = current_loop()
        # One whose loop is dead will never finish. Its waiters are dead as well; the tokens are kept.
        if self._refresh is None or self._refresh.task.finished or self._refresh.loop is not loop:
            self._refresh = refresh = _Refresh(loop)

            async def work() -> None:
                await self._run(refresh, sender)

            refresh.task = spawn(work, "identity_sdk.refresh")
        return self._refresh

    async def _run(self, refresh: _Refresh, sender: Sender) -> None:
        try:
            async with time_limit(REFRESH_TIMEOUT):
                issued = await self._fetch(refresh, sender)
        except TimeoutError:
            refresh.error = NoAnswerError(
                f"the login did not end within {REFRESH_TIMEOUT:g} s", retryable=True
            )
            issued = None
        if issued is None:
            self._quiet_until = self._clock.monotonic() + BACK_OFF
            return
        if issued.issued_at is None and issued.expires_at is not None:  # the windows need the token's life
            issued = replace(issued, issued_at=self._server_now())
        if self._refresh is refresh:
            self._issued, self._previous = issued, None
            self._quiet_until = float("-inf")
        refresh.issued = issued
        if self.source.renewable:  # a static credential is not fetched from anywhere
            self._refreshed()

    async def _fetch(self, refresh: _Refresh, sender: Sender) -> Issued | None:
        try:
            return await self.source.fetch(sender, self._issued or self._previous)
        except IdentityError as error:
            refresh.error = error
        except Exception as error:
            # A token function of the caller's: its message may hold the token, so only its type is told.
            refresh.error = AuthenticationError(f"the token source raised {type(error).__name__}")
        return None

    def _outcome(self, refresh: _Refresh) -> Issued:
        """What the refresh brought; the living old token where it failed."""
        if refresh.issued is not None:
            return refresh.issued
        if self._issued is not None and self._left(self._issued) > 0:
            return self._issued
        if refresh.error is not None:
            # A copy for every waiter: raising one object in many tasks would mix their tracebacks.
            raise copy.copy(refresh.error) from None
        if self._closed:
            raise ClientClosedError("the client was closed during the login")
        raise AuthenticationError("the token source was cancelled")


class _Refresh:
    """One run: its task, and what came of it. Waiters hold on to theirs while a next one may already run."""

    __slots__ = ("error", "issued", "loop", "task")

    def __init__(self, loop: object) -> None:
        self.loop = loop
        self.task: Running
        self.issued: Issued | None = None
        self.error: IdentityError | None = None


def _window(issued: Issued, window: tuple[float, float]) -> float:
    """Seconds before the end at which the window opens."""
    seconds, share = window
    if issued.expires_at is None or issued.issued_at is None:
        return seconds
    return min(seconds, share * max(0.0, issued.expires_at - issued.issued_at))
