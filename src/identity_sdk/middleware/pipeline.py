"""Observe, deadline, retry, token, limits, transport: the way of every request, and what client copies share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from weakref import WeakSet

from identity_sdk.auth.sources import TokenSource
from identity_sdk.auth.token_cache import TokenCache
from identity_sdk.concurrency import Clock, Gate, SystemClock, current_loop, loop_is_alive
from identity_sdk.errors import (
    ClientClosedError,
    ConfigurationError,
    IdentityError,
    NoAnswerError,
    NotSentError,
    WrongEventLoopError,
)
from identity_sdk.middleware import retry as _retry
from identity_sdk.middleware.budget import RetryBudget
from identity_sdk.middleware.deadline import VerbScope, scope_of
from identity_sdk.middleware.observe import Event, Traced, emit, is_logged
from identity_sdk.middleware.refresh import LoginFailedError, with_token
from identity_sdk.options import ClientOptions
from identity_sdk.wire.call import Call, Retry, http_date
from identity_sdk.wire.request import Response, Transport, TransportStats

__all__ = ["ORDER", "Pipeline", "Shared", "Stats"]

ORDER = ("observe", "deadline", "retry", "token", "limits", "transport")
MAX_CACHES = 256
_DOUBTFUL = (Retry.KEYED, Retry.ONCE)
SKEW_EVERY = 60.0
"""Seconds between two looks at the server's clock."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a client and its copies have done so far.

    Attributes:
        requests: attempts that were handed to the transport.
        retries: attempts that repeated a failed one.
        refreshes: tokens that were fetched.
        pool: what the transport holds now.
    """

    requests: int
    retries: int
    refreshes: int
    pool: TransportStats


class Shared:
    """What every copy of a client shares: pool, gate, budget, token caches, clock skew, and the loop they live on."""

    def __init__(
        self,
        options: ClientOptions,
        make_transport: Callable[[], Transport] | None,
        *,
        clock: Clock | None = None,
        base_url: str = "",
    ) -> None:
        self.options = options
        self.base_url = base_url
        """Of the server; empty where there is none."""
        self.clock: Clock = clock or options.clock or SystemClock()
        self.budget = RetryBudget(options.retry_budget, options.retry_budget_ratio)
        self.skew = 0.0
        self.requests = 0
        self.retries = 0
        self.refreshes = 0
        self.closed = False
        self.scopes: set[VerbScope] = set()
        """The verbs that run now."""
        self.transport = make_transport() if make_transport is not None else None
        self.gate = Gate(options.max_in_flight)
        self._make_transport = make_transport
        self._caches: OrderedDict[str, TokenCache] = OrderedDict()
        self._used: WeakSet[TokenCache] = (
            WeakSet()
        )  # also those that a copy still uses and that were forgotten here
        self._loop: object | None = None
        self._farewell: AsyncGenerator[None] | None = None
        self._skew_due = float("-inf")

    def now(self) -> float:
        """The server's time, in epoch seconds: ours plus the learned skew."""
        return self.clock.time() + self.skew

    def enter_loop(self) -> None:
        """Binds to the running loop at first use; again on another one when the first is dead.

        Raises:
            ClientClosedError: after ``aclose()``.
            WrongEventLoopError: the first loop is still alive.
        """
        if self.closed:
            raise ClientClosedError("the client is closed: make a new one with connect()")
        loop = current_loop()
        if loop is self._loop:
            return
        if self._loop is not None:
            if loop_is_alive(self._loop):
                raise WrongEventLoopError(
                    "this client belongs to another event loop, which is still running: make one client per loop"
                )
            # Connections and waiters of a dead loop can never be used or closed: start anew.
            self.scopes.clear()
            self.transport = self._make_transport() if self._make_transport is not None else None
            self.gate = Gate(self.gate.size)
        self._loop = loop
        if self.transport is not None:
            self._farewell = _until_the_loop_ends(self.transport)
            with suppress(StopIteration):  # runs to its yield: from here on the loop knows it
                self._farewell.__anext__().__await__().send(None)

    def cache_for(self, source: TokenSource) -> TokenCache:
        """The cache of this credential: the same one for every copy that speaks as it."""
        cache = self._caches.get(source.key)
        if cache is None:
            cache = TokenCache(source, clock=self.clock, server_now=self.now, refreshed=self._count_refresh)
            self._caches[source.key] = cache
            self._used.add(cache)
            if len(self._caches) > MAX_CACHES:
                self._caches.popitem(last=False)
        self._caches.move_to_end(source.key)
        return cache

    def _count_refresh(self) -> None:
        self.refreshes += 1

    def learn_skew(self, response: Response) -> None:
        """Once a minute: the server's clock minus ours, by ``Date`` (whole seconds, so half a one is added)."""
        now = self.clock.monotonic()
        date = response.headers.get("date") if now >= self._skew_due else None
        if date is None:
            return
        try:
            told = http_date(date) + 0.5
        except (ValueError, TypeError, OverflowError):
            return
        self._skew_due = now + SKEW_EVERY
        skew = told - self.clock.time()
        self.skew = skew if abs(skew) > 2.0 else 0.0

    def stats(self) -> Stats:
        pool = self.transport.stats() if self.transport is not None else TransportStats()
        pool = TransportStats(pool.connections, self.gate.held, self.gate.waiting, pool.healed)
        return Stats(self.requests, self.retries, self.refreshes, pool)

    async def aclose(self) -> None:
        """Ends refreshes and closes the pool; again is harmless."""
        if self.closed:
            return
        if self._loop is not None and self._loop is not current_loop() and loop_is_alive(self._loop):
            raise WrongEventLoopError("aclose() must run on the event loop that the client was used on")
        self.closed = True
        if self._loop is current_loop():
            for scope in self.scopes:
                scope.close()
        for cache in self._used:
            cache.close()
        if self._farewell is not None and self._loop is current_loop():
            await self._farewell.aclose()
        elif self._loop is None and self.transport is not None:
            await self.transport.aclose()


async def _until_the_loop_ends(transport: Transport) -> AsyncGenerator[None]:
    """Closes the pool when it is closed itself: by ``aclose()``, or else by the event loop, which does so at its end to
    every async generator that is still open. So no socket outlives its loop.
    """
    try:
        yield
    finally:
        await transport.aclose()


class Pipeline:
    """The ``Sender`` of one client copy: its options and its credential, over what is shared."""

    def __init__(
        self,
        shared: Shared,
        options: ClientOptions,
        *,
        provider: str,
        cache: TokenCache | None = None,
        on_behalf: bool = False,
    ) -> None:
        self.on_behalf = on_behalf
        self.shared = shared
        self.options = options
        self.provider = provider
        self.cache = cache
        # A login is shared by all copies: the options of a single one (a short deadline, no retries) are not for it.
        login = replace(shared.options, on_event=options.on_event, telemetry=options.telemetry)
        self._login = self if cache is None else Pipeline(shared, login, provider=provider)

    # The Sender port.

    def now(self) -> float:
        return self.shared.now()

    def verb(self, name: str) -> VerbScope:
        return VerbScope(self, name)

    def remaining(self) -> float:
        scope = scope_of(self)
        return float("inf") if scope is None else scope.deadline - self.shared.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.shared.clock.sleep(seconds)

    def forget(self) -> None:
        if self.cache is not None:
            self.cache.forget()

    async def send(self, call: Call) -> Response:
        scope = scope_of(self)
        if scope is not None:
            return await self._send(call, scope)
        async with VerbScope(self, call.spec.name) as own:
            return await self._send(call, own)

    # Retry: the first attempt costs nothing; middleware/retry.py is entered only when it failed.

    async def _send(self, call: Call, scope: VerbScope) -> Response:
        if self.shared.transport is None:
            raise ConfigurationError(f"{self.provider} has no wire to send {call.spec.name} on")
        started = self.shared.clock.monotonic()
        result = await self._attempt(call, scope, 1)
        if result.outcome is _retry.Outcome.ANSWERED and result.response is not None:
            self.shared.budget.earn()
            response = result.response
        else:
            response = await self._again(call, scope, result)
        response.elapsed = self.shared.clock.monotonic() - started
        return response

    async def _again(self, call: Call, scope: VerbScope, first: _retry.Result) -> Response:
        number = 1

        async def attempt() -> _retry.Result:
            nonlocal number
            number += 1
            self.shared.retries += 1
            return await self._attempt(call, scope, number)

        try:
            response = await _retry.retrying(
                call,
                first,
                attempt,
                sender=self,
                options=self.options,
                budget=self.shared.budget,
            )
        except IdentityError:
            self._resolve(call, scope, None)
            raise
        self._resolve(call, scope, None)
        return response

    async def _attempt(self, call: Call, scope: VerbScope, number: int) -> _retry.Result:
        clock = self.shared.clock
        started = clock.monotonic()
        doubtful = scope.unresolved
        try:
            response = await self._with_token(call, scope)
        except NotSentError as error:
            result = _retry.Result(_retry.Outcome.NOT_SENT, error=error)
        except NoAnswerError as error:
            result = _retry.Result(_retry.Outcome.AMBIGUOUS, error=error)
        except LoginFailedError as failed:
            result = _retry.Result(_retry.Outcome.ANSWERED, error=failed.error)
        except IdentityError as error:
            result = _retry.Result(_retry.Outcome.ANSWERED, error=error)
        else:
            self.shared.learn_skew(response)
            result = _retry.Result(_retry.classify(call, response), response)
        if result.outcome is not _retry.Outcome.AMBIGUOUS:
            self._resolve(call, scope, doubtful)
        self._observe(call, result, number, clock.monotonic() - started)
        return result

    @staticmethod
    def _resolve(call: Call, scope: VerbScope, doubtful: Call | None) -> None:
        """After an outcome that leaves no new doubt: what was in doubt before still is. Reads never change it."""
        if call.spec.retry in _DOUBTFUL:
            scope.unresolved = doubtful

    async def _with_token(self, call: Call, scope: VerbScope) -> Response:
        if self.cache is None or not call.spec.auth:
            return await self._limited(call, scope)

        def send(call: Call) -> Awaitable[Response]:
            return self._limited(call, scope)

        return await with_token(call, send, self.cache, self._login)

    async def _limited(self, call: Call, scope: VerbScope) -> Response:
        """One place of the gate, one request. Queued calls wait here, on our side, until the deadline."""
        shared = self.shared
        gate = shared.gate
        await gate.acquire()
        try:
            transport = shared.transport
            if shared.closed or transport is None:
                raise ClientClosedError("the client was closed while the call waited")
            shared.requests += 1
            scope.attempts += 1
            doubtful = scope.unresolved
            if call.spec.retry in _DOUBTFUL:
                scope.unresolved = call
            # Of an attempt and a deadline that end together, the deadline is to be told: it ends first.
            timeout = min(self.options.timeout, scope.deadline - shared.clock.monotonic() + 1.0)
            call.sent += 1
            if scope.traced is None:
                response = await transport.send(call.request, timeout=timeout)
            else:
                response = await self._told(scope.traced, call, transport, timeout)
            if response.status < 500:  # also a 401, before what may be a long login
                self._resolve(call, scope, doubtful)
            return response
        finally:
            gate.release()

    # Observe.

    async def _told(self, traced: Traced, call: Call, transport: Transport, timeout: float) -> Response:
        """A request of which a telemetry is told."""
        call.request.headers.update(traced.headers())
        clock = self.shared.clock
        started = clock.monotonic()
        try:
            response = await transport.send(call.request, timeout=timeout)
        except BaseException as error:
            traced.exchanged(call, clock.monotonic() - started, None, error)
            raise
        traced.exchanged(call, clock.monotonic() - started, response, None)
        return response

    def _observe(self, call: Call, result: _retry.Result, number: int, elapsed: float) -> None:
        hook = self.options.on_event
        if hook is None and not is_logged():
            return
        response = result.response
        event = Event(
            kind="attempt",
            provider=self.provider,
            name=call.spec.name,
            number=number,
            elapsed=elapsed,
            method=call.spec.method,
            route=call.spec.path,
            status=response.status if response is not None else None,
            request_id=response.headers.get("x-request-id") if response is not None else None,
            outcome=result.outcome.value,
            error=type(result.error).__name__ if result.error is not None else None,
        )
        emit(event, hook, response.headers if response is not None else None)

    def ended(self, scope: VerbScope, elapsed: float, error: BaseException | None) -> None:
        """Tells hooks and logs that a verb is over."""
        hook = self.options.on_event
        if hook is None and not is_logged():
            return
        event = Event(
            kind="verb",
            provider=self.provider,
            name=scope.name,
            number=scope.attempts,
            elapsed=elapsed,
            outcome="ok" if error is None else "failed",
            error=type(error).__name__ if error is not None else None,
        )
        emit(event, hook)
