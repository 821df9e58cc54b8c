"""The token cache against a model of it, through random histories."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.from_thread
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from identity_sdk.auth.sources import Issued
from identity_sdk.auth.token_cache import BACK_OFF, TokenCache
from identity_sdk.errors import AuthenticationError
from tests.core.rig import FakeClock, FakeSource, until

LIFE = 1000.0
ADVISORY, MANDATORY = 200.0, 30.0  # 20 % of the life; 5 % would be 50 s


class Histories(RuleBasedStateMachine):
    """Time passes, callers ask, servers reject, refreshes fail: the cache answers what the model says."""

    @initialize(backend=st.sampled_from(["asyncio", "trio"]))
    def begin(self, backend: str) -> None:
        self.portals = anyio.from_thread.start_blocking_portal(backend)
        self.portal = self.portals.__enter__()
        self.clock = FakeClock()
        self.source = FakeSource(self.clock, LIFE)
        self.cache = TokenCache(self.source, clock=self.clock, server_now=self.clock.time)
        self.newest: float | None = None  # when the kept token ends
        self.quiet = float("-inf")
        self.fetches = 0
        self.seen: list[Issued] = []
        self.failing = False

    def teardown(self) -> None:
        if hasattr(self, "portals"):
            self.portals.__exit__(None, None, None)

    @rule(seconds=st.sampled_from([0.0, 1.0, BACK_OFF, 100.0, 760.0, 801.0, 960.0, 975.0, 1001.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(failing=st.booleans())
    def the_server_changes(self, failing: bool) -> None:
        self.failing = failing

    @rule(callers=st.integers(1, 5))
    def callers_ask(self, callers: int) -> None:
        answers = self.portal.call(self._ask, callers)
        left = float("-inf") if self.newest is None else self.newest - self.clock.time()
        if left > ADVISORY or (left > 0 and self.clock.now < self.quiet):
            due = False
        else:
            due = True
            self.fetches += 1
        old = self.seen[-1] if self.seen else None
        if due and not self.failing:
            self.newest, self.quiet = self.clock.time() + LIFE, float("-inf")
            fresh = Issued
            assert self.source.fetched == self.fetches
            expected = f"t{self.fetches}"
            served = old.value.reveal() if old is not None and left > MANDATORY else expected
            assert {getattr(a, "value", a) and a.value.reveal() for a in answers} <= {served, expected}
            assert isinstance(answers[0], fresh)
            self.seen.append(self.portal.call(self.cache.get, None))
            assert self.seen[-1].value.reveal() == expected
        elif left > 0:
            assert [a.value.reveal() for a in answers] == [self.seen[-1].value.reveal()] * callers
            if due:
                self.quiet = self.clock.now + BACK_OFF
        else:
            assert all(isinstance(answer, AuthenticationError) for answer in answers)
            self.quiet = self.clock.now + BACK_OFF

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0, 20))
    def a_server_rejects(self, which: int) -> None:
        rejected = self.seen[which % len(self.seen)]
        self.cache.invalidate(rejected)
        if rejected.value == self.seen[-1].value:
            self.newest = None

    @invariant()
    def one_fetch_for_all(self) -> None:
        if hasattr(self, "source"):
            assert self.source.fetched == self.fetches

    async def _ask(self, callers: int) -> list[Any]:
        if self.failing:
            self.source.acts.append(AuthenticationError("no"))
        answers: list[Any] = []

        async def one() -> None:
            try:
                answers.append(await self.cache.get(None))  # type: ignore[arg-type]
            except AuthenticationError as error:
                answers.append(error)

        async with anyio.create_task_group() as group:
            for _ in range(callers):
                group.start_soon(one)
        refresh = self.cache._refresh
        if refresh is not None:
            await until(lambda: refresh.task.finished)
        self.source.acts.clear()
        return answers


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestHistories = Histories.TestCase
