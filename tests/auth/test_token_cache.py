"""One refresh for any number of callers, windows, and what a failed or late one does."""

from __future__ import annotations

import asyncio
import threading
import traceback
from typing import Any

import anyio
import pytest

from identity_sdk.auth import token_cache
from identity_sdk.auth.sources import AccessKey, BasicSource, Bearer, BearerSource, Issued, bearer_of, digest
from identity_sdk.auth.token_cache import TokenCache
from identity_sdk.errors import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    IdentityError,
    NoAnswerError,
)
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret
from tests.core.rig import CANARY, FakeClock, FakeSource, fails, until

pytestmark = pytest.mark.anyio

SENDER: Any = object()


class Kept:
    """A cache over a fake source."""

    def __init__(self, lifetime: float | None = 10_000.0) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock, lifetime)
        self.count = 0
        self.cache = TokenCache(
            self.source, clock=self.clock, server_now=self.clock.time, refreshed=self._counted
        )

    def _counted(self) -> None:
        self.count += 1

    async def get(self) -> str:
        return (await self.cache.get(SENDER)).value.reveal()


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_a_cold_start_with_a_thousand_callers_fetches_once(kept: Kept) -> None:
    got: list[str] = []

    async def ask() -> None:
        got.append(await kept.get())

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(ask)
    assert got == ["t1"] * 1000
    assert kept.source.fetched == kept.count == 1
    assert kept.source.previous == [None]


async def test_a_fresh_token_costs_no_refresh(kept: Kept) -> None:
    assert kept.cache.fresh() is None
    await kept.get()
    kept.clock.now += 9000
    assert kept.cache.fresh() is not None
    assert await kept.get() == "t1"
    assert kept.source.fetched == 1


async def test_a_token_without_an_end_is_never_refreshed() -> None:
    kept = Kept(lifetime=None)
    await kept.get()
    kept.clock.now += 1e9
    assert await kept.get() == "t1"
    assert kept.source.fetched == 1


async def test_in_the_advisory_window_the_old_one_is_served_and_a_new_one_fetched(kept: Kept) -> None:
    await kept.get()
    kept.clock.now += 10_000 - 299
    assert kept.cache.fresh() is None
    assert await kept.get() == "t1"
    await until(lambda: kept.source.fetched == 2)
    await until(lambda: kept.cache.fresh() is not None)
    assert await kept.get() == "t2"
    assert kept.source.previous[1] is not None
    assert kept.source.previous[1].value == Secret("t1")


async def test_in_the_advisory_window_many_callers_start_one_refresh(kept: Kept) -> None:
    await kept.get()
    kept.clock.now += 9800
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(kept.get)
    await until(lambda: kept.cache.fresh() is not None)
    assert kept.source.fetched == 2


@pytest.mark.parametrize("left", [29.0, 0.0, -100.0])
async def test_in_the_mandatory_window_callers_wait(kept: Kept, left: float) -> None:
    await kept.get()
    kept.clock.now += 10_000 - left
    assert await kept.get() == "t2"


async def test_windows_are_a_share_of_a_short_life() -> None:
    kept = Kept(lifetime=100.0)
    await kept.get()
    kept.clock.now += 79  # 20 % of 100 s is 20 s
    assert kept.cache.fresh() is not None
    kept.clock.now += 2
    assert kept.cache.fresh() is None
    assert await kept.get() == "t1"
    await until(lambda: kept.cache.fresh() is not None)
    kept.clock.now += 96  # 5 % of 100 s is 5 s
    assert await kept.get() == "t3"


async def test_a_token_that_does_not_say_when_it_was_issued_was_issued_when_it_came(kept: Kept) -> None:
    kept.source.acts.append(Issued(Secret("short"), expires_at=kept.clock.time() + 60))
    await kept.get()
    assert kept.cache.fresh() is not None  # with windows of 300 s it would be stale from the first
    kept.clock.now += 50
    assert kept.cache.fresh() is None


async def test_a_failed_early_refresh_serves_on_and_backs_off(kept: Kept) -> None:
    await kept.get()
    kept.clock.now += 9800
    kept.source.acts.append(RuntimeError("no"))
    assert await kept.get() == "t1"
    await until(lambda: kept.source.fetched == 2)
    await until(lambda: kept.cache._refresh is not None and kept.cache._refresh.task.finished)
    for _ in range(10):
        assert await kept.get() == "t1"
    await anyio.lowlevel.checkpoint()
    assert kept.source.fetched == 2
    kept.clock.now += token_cache.BACK_OFF
    assert await kept.get() == "t1"
    await until(lambda: kept.cache.fresh() is not None)
    assert kept.source.fetched == 3
    assert kept.count == 2


async def test_a_failed_mandatory_refresh_serves_the_living_token_and_backs_off(kept: Kept) -> None:
    await kept.get()
    kept.clock.now += 10_000 - 20
    kept.source.acts.extend([AuthenticationError("no"), AuthenticationError("never asked")])
    assert await kept.get() == "t1"
    assert await kept.get() == "t1"
    assert kept.source.fetched == 2


async def test_an_expired_token_is_not_served_when_the_refresh_fails(kept: Kept) -> None:
    await kept.get()
    kept.clock.now += 10_001
    kept.source.acts.extend([AuthenticationError("gone"), AuthenticationError("gone again")])
    for told in ("gone", "gone again"):  # no back-off without a living token: each is told the truth
        error = await fails(kept.cache.get(SENDER))
        assert str(error) == told
    assert await kept.get() == "t4"


async def test_every_waiter_gets_an_error_of_its_own(kept: Kept) -> None:
    failure = AuthenticationError("rejected", status=401, code="x")
    kept.source.acts.append(failure)
    errors: list[IdentityError] = []

    async def ask() -> None:
        errors.append(await fails(kept.cache.get(SENDER)))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
    assert kept.source.fetched == 1
    assert len({id(error) for error in errors} | {id(failure)}) == 4
    assert {(type(error), error.status, error.code, error.message) for error in errors} == {
        (AuthenticationError, 401, "x", "rejected")
    }


async def test_invalidate_compares(kept: Kept) -> None:
    first = await kept.cache.get(SENDER)
    kept.cache.invalidate(first)
    assert kept.cache.fresh() is None
    second = await kept.cache.get(SENDER)
    assert second.value == Secret("t2")
    assert kept.source.previous[1] is first
    kept.cache.invalidate(first)  # a late 401
    assert kept.cache.fresh() is second
    kept.cache.invalidate(Issued(Secret("unknown")))
    assert kept.cache.fresh() is second


async def test_a_late_401_during_the_refresh_changes_nothing(kept: Kept) -> None:
    first = await kept.cache.get(SENDER)
    gate = anyio.Event()
    kept.source.acts.append(gate.wait)
    kept.cache.invalidate(first)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(kept.get)
        await until(lambda: kept.source.fetched == 2)
        kept.cache.invalidate(first)
        gate.set()
    kept.cache.invalidate(first)
    assert await kept.get() == "t2"
    assert kept.source.fetched == 2


async def test_after_forget_nothing_of_the_old_login_is_served(kept: Kept) -> None:
    await kept.get()
    kept.clock.now += 9800
    gate = anyio.Event()
    kept.source.acts.append(gate.wait)
    assert await kept.get() == "t1"  # an early refresh runs
    await until(lambda: kept.source.fetched == 2)
    kept.cache.forget()
    assert kept.cache.fresh() is None
    assert await kept.get() == "t3"
    gate.set()
    for _ in range(20):
        await anyio.lowlevel.checkpoint()
    assert await kept.get() == "t3"
    assert kept.source.previous[2] is None


# ---------------------------------------------------------------------------------------------- waiters and leaders


@pytest.mark.parametrize("leaver", [0, 1])
async def test_a_waiter_leaves_at_once_and_the_others_are_served(kept: Kept, leaver: int) -> None:
    gate = anyio.Event()
    kept.source.acts.append(gate.wait)
    got: dict[int, str] = {}
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def ask(number: int) -> None:
        with scopes[number]:
            got[number] = await kept.get()

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(ask, number)
            await until(lambda: kept.source.fetched == 1)
        scopes[leaver].cancel()
        await until(lambda: scopes[leaver].cancelled_caught)
        assert kept.source.fetched == 1
        assert not gate.is_set()
        gate.set()
    assert got == {number: "t1" for number in range(3) if number != leaver}
    assert kept.source.fetched == 1


async def test_when_all_waiters_leave_the_refresh_runs_on(kept: Kept) -> None:
    gate = anyio.Event()
    kept.source.acts.append(gate.wait)
    async with anyio.create_task_group() as group:
        group.start_soon(kept.get)
        await until(lambda: kept.source.fetched == 1)
        group.cancel_scope.cancel()
    gate.set()
    await until(lambda: kept.cache.fresh() is not None)
    assert await kept.get() == "t1"
    assert kept.source.fetched == 1


async def test_close_ends_the_refresh_and_its_waiters(kept: Kept) -> None:
    kept.source.acts.append(anyio.sleep_forever)
    errors: list[IdentityError] = []

    async def ask() -> None:
        errors.append(await fails(kept.cache.get(SENDER)))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
        await until(lambda: kept.source.fetched == 1)
        kept.cache.close()
    assert [type(error) for error in errors] == [ClientClosedError] * 2
    assert isinstance(await fails(kept.cache.get(SENDER)), ClientClosedError)


async def test_close_without_a_refresh(kept: Kept) -> None:
    kept.cache.close()
    kept.cache.close()
    assert isinstance(await fails(kept.cache.get(SENDER)), ClientClosedError)


async def test_a_source_that_hangs_is_given_up(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    assert token_cache.REFRESH_TIMEOUT == 10.0
    monkeypatch.setattr(token_cache, "REFRESH_TIMEOUT", 0.01)
    kept.source.acts.append(anyio.sleep_forever)
    error = await fails(kept.cache.get(SENDER))
    assert isinstance(error, NoAnswerError)
    assert error.retryable
    assert "0.01 s" in str(error)
    monkeypatch.undo()  # the next one may take its time, however busy the machine is
    assert await kept.get() == "t2"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (DeadlineExceededError("the login's own deadline"), DeadlineExceededError),
        (TimeoutError(CANARY), AuthenticationError),
        (RuntimeError(CANARY), AuthenticationError),
        (ExceptionGroup(CANARY, [ValueError(CANARY)]), AuthenticationError),
        (KeyError(CANARY), AuthenticationError),
    ],
)
async def test_what_a_source_raises_is_typed_and_tells_no_secret(
    kept: Kept, raised: Exception, kind: type[Exception]
) -> None:
    kept.source.acts.append(raised)
    error = await fails(kept.cache.get(SENDER))
    assert type(error) is kind
    if kind is AuthenticationError:
        assert type(raised).__name__ in str(error)
    told = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    assert CANARY not in told + repr(error) + repr(vars(error))
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_what_a_hanging_function_raises_after_its_time_is_no_error_of_ours(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_cache, "REFRESH_TIMEOUT", 0.01)
    go_on = threading.Event()
    source = BearerSource(Bearer(lambda: str(go_on.wait(5))))
    cache = TokenCache(source, clock=kept.clock, server_now=kept.clock.time)
    error = await fails(cache.get(SENDER))
    assert isinstance(error, NoAnswerError)
    assert cache.fresh() is None
    go_on.set()


@pytest.mark.asyncio
class TestAsyncioOnly:
    """What trio does not allow in the first place."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_source_that_was_cancelled_by_somebody_else(self, kept: Kept) -> None:
        kept.source.acts.append(asyncio.CancelledError)
        error = await fails(kept.cache.get(SENDER))
        assert type(error) is AuthenticationError
        assert "cancelled" in str(error)
        assert await kept.get() == "t2"


# ------------------------------------------------------------------------------------------------------ the sources


async def fetched(source: BearerSource | BasicSource) -> Issued:
    return await source.fetch(SENDER, None)


async def test_basic() -> None:
    source = BasicSource(AccessKey("AKIA", "s3cret:ü"))
    headers: dict[str, str] = {}
    source.authorize(await fetched(source), "GET", headers)
    assert headers == {"Authorization": "Basic QUtJQTpzM2NyZXQ6w7w="}
    assert not source.renewable
    assert source.key == BasicSource(AccessKey("AKIA", Secret("s3cret:ü"))).key
    assert source.key != BasicSource(AccessKey("AKIA", "other")).key
    assert "s3cret" not in source.key


@pytest.mark.parametrize(("id", "secret"), [("", "x"), ("a:b", "x"), ("a", ""), ("a", Secret(""))])
async def test_malformed_access_keys(id: str, secret: str | Secret) -> None:
    with pytest.raises(ConfigurationError):
        AccessKey(id, secret)


async def test_a_plain_bearer_token() -> None:
    source = BearerSource(Bearer("tok"))
    headers: dict[str, str] = {}
    source.authorize(await fetched(source), "GET", headers)
    assert headers == {"Authorization": "Bearer tok"}
    assert not source.renewable
    assert BearerSource(Bearer(Secret("tok"))).key == source.key
    with pytest.raises(ConfigurationError):
        Bearer("")


async def test_a_sync_function_runs_in_a_worker_thread() -> None:
    threads: list[int] = []

    def get() -> str:
        threads.append(threading.get_ident())
        return "tok"

    source = BearerSource(Bearer(get))
    assert (await fetched(source)).value == Secret("tok")
    assert threads != [threading.get_ident()]
    assert source.renewable
    assert source.key != BearerSource(Bearer(lambda: "tok")).key


async def test_an_async_function_runs_on_the_loop() -> None:
    async def get() -> Secret:
        assert threading.current_thread() is threading.main_thread()
        return Secret("tok")

    class Callable_:
        async def __call__(self) -> Issued:
            return Issued(Secret("called"), 5.0)

    assert (await fetched(BearerSource(Bearer(get)))).value == Secret("tok")
    issued = await fetched(BearerSource(Bearer(Callable_())))
    assert (issued.value, issued.expires_at) == (Secret("called"), 5.0)


@pytest.mark.parametrize("nothing", ["", None, Secret("")])
async def test_a_function_that_answers_nothing(nothing: Any) -> None:
    with pytest.raises(AuthenticationError, match="answered nothing"):
        await fetched(BearerSource(Bearer(lambda: nothing)))


async def test_a_function_that_answers_something_else(kept: Kept) -> None:
    cache = TokenCache(BearerSource(Bearer(lambda: 5)), clock=kept.clock, server_now=kept.clock.time)  # type: ignore[arg-type, return-value]
    error = await fails(cache.get(SENDER))
    assert isinstance(error, AuthenticationError)


async def test_sessions_and_tokens_as_credentials() -> None:
    assert bearer_of(Session(id="1", user_id="ada", token=Secret("s"))).token == Secret("s")
    assert bearer_of(Token(id="1", value=Secret("t"))).token == Secret("t")
    for without in (Session(id="1", user_id="ada"), Token(id="1")):
        with pytest.raises(ConfigurationError, match="holds no value"):
            bearer_of(without)


async def test_parts_of_a_digest_do_not_run_into_one_another() -> None:
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a") != digest("a", "")


async def test_reprs_show_nothing() -> None:
    shown = repr(
        [
            AccessKey("AKIA", CANARY),
            Bearer(CANARY),
            Issued(Secret(CANARY), extra={"refresh": Secret(CANARY)}),
            BasicSource(AccessKey("a", CANARY)),
            vars(BasicSource(AccessKey("a", CANARY))),
            vars(BearerSource(Bearer(CANARY))),
        ]
    )
    assert CANARY not in shown
    assert "AKIA" in shown
