"""The scope of a verb: one deadline over everything in it, and the context that its errors carry."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING

from identity_sdk.concurrency import TimeLimit, time_limit
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ClientClosedError,
    DeadlineExceededError,
    IdentityError,
    NoAnswerError,
)
from identity_sdk.middleware.observe import Traced

if TYPE_CHECKING:
    from identity_sdk.middleware.pipeline import Pipeline
    from identity_sdk.wire.call import Call

__all__ = ["VerbScope", "current_scope", "scope_of"]

current_scope: ContextVar[VerbScope | None] = ContextVar("identity_sdk.verb", default=None)


def scope_of(pipeline: Pipeline) -> VerbScope | None:
    """The verb of this client that runs now. One that is over is none: a task that it left behind has inherited it."""
    scope = current_scope.get()
    return (
        scope if scope is not None and scope.pipeline.shared is pipeline.shared and not scope.over else None
    )


class VerbScope:
    """Entered once per verb; verbs inside it (composed operations) share its deadline.

    Attributes:
        unresolved: the keyed or once operation that is on the wire now. When the deadline ends the verb meanwhile,
            nobody knows whether it was done.
        attempts: requests made so far, over all operations.
        traced: what a telemetry makes of it, where there is one.
        over: whether it has ended.
    """

    __slots__ = (
        "_limit",
        "_owner",
        "_token",
        "attempts",
        "deadline",
        "name",
        "over",
        "pipeline",
        "started",
        "traced",
        "unresolved",
    )

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.pipeline = pipeline
        self.name = name
        self.attempts = 0
        self.started = 0.0
        self.deadline = 0.0
        self.unresolved: Call | None = None
        self.over = False
        self.traced: Traced | None = None

    async def __aenter__(self) -> VerbScope:
        outer = scope_of(self.pipeline)
        if outer is not None:
            self._owner = False
            return outer
        self._owner = True
        pipeline = self.pipeline
        pipeline.shared.enter_loop()
        self.started = pipeline.shared.clock.monotonic()
        self.deadline = self.started + pipeline.options.deadline
        self._limit: TimeLimit = time_limit(pipeline.options.deadline)
        await self._limit.__aenter__()
        pipeline.shared.scopes.add(self)
        self._token: Token[VerbScope | None] = current_scope.set(self)
        telemetry = pipeline.options.telemetry
        if telemetry is not None:
            self.traced = Traced(telemetry, pipeline.provider, self.name, pipeline.shared.base_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._owner:
            return
        current_scope.reset(self._token)
        self.over = True
        self.pipeline.shared.scopes.discard(self)
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            late = self._late()
        else:
            self._end(error)
            return
        self._end(late)
        try:
            raise late from late.__cause__
        finally:
            late.__context__ = None  # the cancellation: its frames hold the request

    def close(self) -> None:
        """Ends the verb at once, in whatever it is: the client is closed."""
        self._limit.move(0)

    def _end(self, error: BaseException | None) -> None:
        elapsed = self.pipeline.shared.clock.monotonic() - self.started
        if isinstance(error, IdentityError):
            error.provider = error.provider or self.pipeline.provider
            error.operation = self.name
            error.attempts = error.attempts or self.attempts
            error.elapsed = elapsed
            error.on_behalf = self.pipeline.on_behalf
        if self.traced is not None:
            self.traced.end(elapsed, error)
        self.pipeline.ended(self, elapsed, error)

    def _late(self) -> IdentityError:
        seconds = self.pipeline.options.deadline
        late: IdentityError
        if not self.pipeline.shared.closed:
            end = f"the deadline of {seconds:g} s ended"
            late = DeadlineExceededError(f"the deadline of {seconds:g} s is over (raise it by deadline=)")
        else:
            end = "the client was closed"
            late = NoAnswerError(f"{end} before the call ended") if self.attempts else ClientClosedError(end)
        late.attempts = self.attempts
        if self.unresolved is None:
            return late
        spec = self.unresolved.spec
        unknown = AmbiguousOutcomeError(
            f"{spec.name} was sent, and {end} before an answer came",
            how_to_find_out=spec.how_to_find_out,
        )
        unknown.__cause__ = late
        return unknown
