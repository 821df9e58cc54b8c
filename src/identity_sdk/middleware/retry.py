"""When a call is made again, by one table. The one file that imports tenacity.

=====================================  =====  ===============  =====================  =====================
outcome                                safe   idempotent       keyed                  once
=====================================  =====  ===============  =====================  =====================
not sent: look-up, refused,            again  again            again                  again
handshake, no connection
rejected: 429, 503 with Retry-After    again  again            again                  429 again; 503 raise,
                                                                                      unless vouched
ambiguous: no answer, 500, 502, 503,   again  look, or again;  look: absent, again;   raise
504                                           404 or 409 to    there, or no look:
                                              a repeat can     raise
                                              prove it
answered: 2xx, other 4xx, 501          done   done             done                   done
=====================================  =====  ===============  =====================  =====================

"raise" is :class:`~identity_sdk.errors.AmbiguousOutcomeError`. Back-off is exponential with full jitter;
``Retry-After`` is obeyed up to a cap. A retry also needs a token of the client's budget and time before the deadline.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from identity_sdk.errors import AmbiguousOutcomeError, IdentityError
from identity_sdk.middleware.budget import RetryBudget
from identity_sdk.options import ClientOptions
from identity_sdk.wire.call import Call, Retry, Sender, retry_after
from identity_sdk.wire.request import Response

__all__ = ["Outcome", "Result", "again", "classify", "retrying"]


class Outcome(enum.Enum):
    """The rows of the table."""

    NOT_SENT = "not sent"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"
    ANSWERED = "answered"


@dataclass(slots=True)
class Result:
    """What one attempt brought: a response or an error, never both."""

    outcome: Outcome
    response: Response | None = None
    error: IdentityError | None = None


_AMBIGUOUS = frozenset((500, 502, 503, 504))


def _proven() -> Result:
    return Result(Outcome.ANSWERED, Response(204, {}, b""))


def classify(call: Call, response: Response) -> Outcome:
    """The row of the table that an answer belongs to."""
    status = response.status
    if status < 429:
        return Outcome.ANSWERED
    if status == 429 or (
        status == 503 and ("retry-after" in response.headers or call.dialect.not_done(response))
    ):
        return Outcome.REJECTED
    if status >= 500 and (status in _AMBIGUOUS or status > 505) and not call.dialect.permanent(response):
        return Outcome.AMBIGUOUS
    return Outcome.ANSWERED


def again(call: Call, result: Result) -> bool:
    """Whether the table says that this outcome is repeated; what must be looked up first is not decided here."""
    if result.outcome is Outcome.NOT_SENT:
        return True
    if result.outcome is Outcome.ANSWERED:
        return False
    once = call.spec.retry is Retry.ONCE
    if result.outcome is Outcome.REJECTED:
        response = result.response
        return not once or response is None or response.status == 429 or call.dialect.not_done(response)
    if call.spec.retry in (Retry.SAFE, Retry.IDEMPOTENT) and call.dialect.tells(call.spec, result.response):
        return False
    return not once and (call.spec.retry is not Retry.KEYED or call.look is not None)


class _Run:
    """The repetition of one call after its first attempt failed."""

    def __init__(
        self,
        call: Call,
        attempt: Callable[[], Awaitable[Result]],
        sender: Sender,
        options: ClientOptions,
        budget: RetryBudget,
    ) -> None:
        self.call = call
        self.attempts = 1
        self.asked: float | None = None
        self.stopped: str | None = None
        self.doubtful: Result | None = None
        self._attempt = attempt
        self._sender = sender
        self._options = options
        self._budget = budget
        self._jitter = wait_random_exponential(multiplier=options.backoff[0], max=options.backoff[1])

    async def next(self) -> Result:
        """One more attempt; after an ambiguous outcome only once a look has shown that it is needed."""
        if self.doubtful is not None and await self._looked():
            return _proven()
        self.attempts += 1
        result = await self._attempt()
        self.judge(result)
        if self.doubtful is not None and result.response is not None:
            await self._proof(result.response)
        return result

    def judge(self, result: Result) -> None:
        """Remembers the last outcome that left doubt."""
        refused = result.outcome is Outcome.REJECTED and not again(
            self.call, result
        )  # a 503 that nobody vouches for
        if result.outcome is Outcome.AMBIGUOUS or refused:
            self.doubtful = result

    async def _looked(self) -> bool:
        """Whether what is there now proves that the work was done."""
        if self.call.look is None or self.call.spec.retry not in (Retry.KEYED, Retry.IDEMPOTENT):
            return False
        found: object | None = None
        try:
            found = await self.call.look()
        except IdentityError as failed:
            if self.call.spec.retry is Retry.IDEMPOTENT:
                return False
            why = f"looking it up failed as well ({type(failed).__name__})"
        else:
            if found is None:
                return False
            if self.call.spec.retry is Retry.IDEMPOTENT or (
                self.call.mine is not None and self.call.mine(found)
            ):
                self.call.proven = found
                return True
            why = "an object of that id is there now; it may be older than this call"
        raise self.unknown(why, found) from self._cause()

    async def _proof(self, response: Response) -> None:
        """What the status of a repeat says about the ambiguous attempt before it."""
        spec = self.call.spec
        if response.status in spec.repeat_done:
            self.call.done = True
        elif spec.retry is Retry.KEYED and response.status == 409:
            await self._looked()
            if self.call.proven is None:
                raise self.unknown("the repeat was refused as a conflict", None) from self._cause()

    def unknown(self, why: str, found: object | None) -> AmbiguousOutcomeError:
        error = AmbiguousOutcomeError(
            f"{self.call.spec.name} was sent, and whether it was done is not known: {why}",
            how_to_find_out=self.call.spec.how_to_find_out,
            found=found,
        )
        error.attempts = self.attempts
        error.stopped_because = self.stopped
        return error

    def _cause(self) -> IdentityError | None:
        """The time-out or the 5xx that left the doubt."""
        assert self.doubtful is not None
        error, response = self.doubtful.error, self.doubtful.response
        return (
            self.call.dialect.error(response, self.call.spec, self._sender.now())
            if response is not None
            else error
        )

    # What tenacity asks.

    def wait(self, state: RetryCallState) -> float:
        assert state.outcome is not None
        result: Result = state.outcome.result()
        self.asked = retry_after(result.response, self._sender.now()) if result.response is not None else None
        return self._jitter(state) if self.asked is None else self.asked

    def stop(self, state: RetryCallState) -> bool:
        if self.attempts > self._options.retries:
            self.stopped = (
                f"{self.attempts} attempts were made" if self._options.retries else "retries are switched off"
            )
            return True
        wait, cap = state.upcoming_sleep, self._options.retry_after_cap
        if self.asked is not None and self.asked > cap:
            self.stopped = f"the server asks to wait {wait:.0f} s, more than the cap of {cap:g} s"
        elif wait >= self._sender.remaining():
            self.stopped = f"the deadline comes before the next attempt, due in {wait:.1f} s"
        elif not self._budget.spend():
            self.stopped = "the retry budget of the client is empty"
        return self.stopped is not None

    async def end(self, result: Result) -> Response:
        """The answer to hand up, or the error that the last attempt ends in."""
        if self.call.proven is None and not self.call.done and self._unresolved(result):
            if not await self._looked():
                why = (
                    "no answer came"
                    if result.response is None
                    else f"the server answered {result.response.status}"
                )
                raise self.unknown(why, None) from self._cause()
            result = _proven()
        response, error = result.response, result.error
        if error is not None:
            error.attempts = error.attempts or self.attempts  # a login that failed has counted its own
            error.stopped_because = error.stopped_because or self.stopped
            raise error
        assert response is not None
        response.attempts = self.attempts
        response.stopped_because = self.stopped
        return response

    def _unresolved(self, last: Result) -> bool:
        """A keyed or once operation that left doubt, and no success after it."""
        if self.call.spec.retry not in (Retry.KEYED, Retry.ONCE) or self.doubtful is None:
            return False
        return last.response is None or last.response.status not in self.call.spec.success


async def retrying(
    call: Call,
    first: Result,
    attempt: Callable[[], Awaitable[Result]],
    *,
    sender: Sender,
    options: ClientOptions,
    budget: RetryBudget,
) -> Response:
    """Goes on after a first attempt that was not answered, and answers the response of the last.

    Raises:
        AmbiguousOutcomeError: a keyed or once operation may or may not have been done.
        TransportError: no attempt got an answer.
    """
    run = _Run(call, attempt, sender, options, budget)
    run.judge(first)
    pending: list[Result] = [first]

    async def step() -> Result:
        return pending.pop() if pending else await run.next()

    loop = AsyncRetrying(
        sleep=sender.sleep,
        wait=run.wait,
        stop=run.stop,
        retry=retry_if_result(lambda result: not call.done and again(call, result)),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    last: Result = await loop(step)
    return await run.end(last)
