"""Deadline, token, limits: what one call meets on its way."""

from __future__ import annotations

import socket
import time
from typing import Any

import anyio
import pytest

from identity_sdk.auth.sources import AccessKey, BasicSource, Bearer, BearerSource, Issued
from identity_sdk.auth.token_cache import TokenCache
from identity_sdk.concurrency import Gate
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    IdentityError,
    NoAnswerError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from identity_sdk.middleware import pipeline as pipeline_module
from identity_sdk.middleware.deadline import current_scope
from identity_sdk.middleware.pipeline import Pipeline, Shared
from identity_sdk.options import ClientOptions
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Dialect, Retry
from identity_sdk.wire.request import Response
from tests.core.rig import (
    EPOCH,
    NO_ANSWER,
    NOT_SENT,
    FakeApi,
    Rig,
    Server,
    call_of,
    fails,
    late,
    until,
    wired,
)

pytestmark = pytest.mark.anyio


async def hang(request: object) -> None:
    await anyio.sleep_forever()


# --------------------------------------------------------------------------------------------------------- deadline


async def test_a_read_that_outlives_the_deadline() -> None:
    rig = Rig(hang, deadline=0.02)
    error = await fails(rig.api.get_user("ada"))
    assert type(error) is DeadlineExceededError
    assert isinstance(error, TimeoutError)
    assert error.retryable
    assert (error.provider, error.operation) == ("fake", "get_user")
    assert "0.02 s" in str(error)
    assert error.__context__ is None
    assert rig.shared.gate.held == 0


@pytest.mark.parametrize("work", ["create_user", "create_key"])
async def test_what_may_have_been_done_by_the_deadline_is_ambiguous(work: str) -> None:
    rig = Rig(hang)
    call = rig.api.create_key() if work == "create_key" else rig.api.create_user("ada")
    error = await late(rig, call, lambda: rig.transport.in_flight == 1)
    assert type(error) is AmbiguousOutcomeError
    assert isinstance(error.__cause__, DeadlineExceededError)
    assert error.how_to_find_out
    assert error.attempts == 1
    assert error.__context__ is None


@pytest.mark.parametrize("first", [500, NO_ANSWER])
async def test_doubt_stays_while_the_deadline_ends_a_back_off_or_a_look(first: object) -> None:
    rig = Rig(first)
    rig.clock.frozen = True
    error = await late(rig, rig.api.create_user("ada"), lambda: bool(rig.clock.slept))
    assert type(error) is AmbiguousOutcomeError
    rig = Rig(first, hang)
    error = await late(rig, rig.api.create_user("ada"), lambda: len(rig.transport.requests) == 2)
    assert type(error) is AmbiguousOutcomeError
    assert error.attempts == 2


@pytest.mark.parametrize("harmless", [NOT_SENT, 429])
async def test_no_doubt_when_nothing_was_sent_or_done(harmless: object) -> None:
    rig = Rig(harmless)
    rig.clock.frozen = True
    error = await late(rig, rig.api.create_key(), lambda: bool(rig.clock.slept))
    assert type(error) is DeadlineExceededError


async def test_no_doubt_while_a_refused_token_is_renewed() -> None:
    rig = Rig(401, auth=True)
    rig.source.acts.extend([None, anyio.sleep_forever])
    error = await late(rig, rig.api.create_key(), lambda: rig.source.fetched == 2)
    assert type(error) is DeadlineExceededError
    assert error.attempts == 1
    await rig.shared.aclose()


async def test_the_deadline_ends_the_wait_for_a_login_which_runs_on() -> None:
    rig = Rig(auth=True)
    gate = anyio.Event()
    rig.source.acts.append(gate.wait)
    error = await late(rig, rig.api.get_user("ada"), lambda: rig.source.fetched == 1)
    assert type(error) is DeadlineExceededError
    assert error.attempts == 0
    gate.set()
    await rig.api.get_user("ada")
    assert rig.source.fetched == 1


async def test_the_deadline_ends_the_wait_at_the_gate() -> None:
    rig = Rig(hang, max_in_flight=1)
    async with anyio.create_task_group() as group:
        group.start_soon(rig.api.get_user, "a")
        await until(lambda: rig.transport.in_flight == 1)
        error = await late(rig, rig.api.get_user("b"), lambda: rig.shared.gate.waiting == 1)
        assert type(error) is DeadlineExceededError
        assert error.attempts == 0
        assert rig.shared.gate.waiting == 0
        group.cancel_scope.cancel()
    assert len(rig.transport.requests) == 1


async def test_one_deadline_over_all_steps_of_a_verb() -> None:
    rig = Rig(deadline=30.0)

    async def slow(request: object) -> int:
        rig.clock.now += 12
        return 200

    rig.transport.acts.extend([slow, slow, (429, {"retry-after": "8"})])
    async with rig.pipeline.verb("users.delete"):
        await rig.api.get_user("a")
        await rig.api.get_user("b")
        assert rig.pipeline.remaining() == pytest.approx(6.0)
        error = await fails(rig.api.get_user("c"))
    assert "the deadline comes before" in str(error)
    assert rig.transport.timeouts == [10.0, 10.0, 7.0]  # of two that end together, the deadline is told
    assert rig.pipeline.remaining() == float("inf")


async def test_an_error_in_a_verb_tells_the_verb_all_its_requests_and_its_time() -> None:
    rig = Rig(200, 404)
    with pytest.raises(NotFoundError) as caught:
        async with rig.pipeline.verb("users.delete"):
            await rig.api.get_user("a")
            rig.clock.now += 3
            await rig.api.get_user("b")
    error = caught.value
    assert (error.provider, error.operation, error.attempts) == ("fake", "users.delete", 1)
    assert error.elapsed == pytest.approx(3)


async def test_an_error_without_a_request_counts_those_of_the_verb() -> None:
    rig = Rig()
    with pytest.raises(PermissionDeniedError) as caught:
        async with rig.pipeline.verb("users.me"):
            await rig.api.get_user("a")
            await rig.api.get_user("b")
            raise PermissionDeniedError("says the adapter")
    assert caught.value.attempts == 2
    assert caught.value.provider == "fake"


async def test_foreign_errors_pass_unchanged() -> None:
    rig = Rig()
    with pytest.raises(ZeroDivisionError):
        async with rig.pipeline.verb("users.me"):
            raise ZeroDivisionError
    with pytest.raises(TimeoutError, match="my own"):
        async with rig.pipeline.verb("users.me"):
            raise TimeoutError("my own")


async def test_a_composed_verb_is_one_verb() -> None:
    rig = Rig()
    async with rig.pipeline.verb("outer") as outer:
        async with rig.pipeline.verb("inner") as inner:
            assert inner is outer
            assert current_scope.get() is outer
        async with rig.copy().get_user.__self__._sender.verb("a copy's") as copys:  # type: ignore[attr-defined]
            assert copys is outer
        other = Rig()
        async with other.pipeline.verb("another client's") as others:
            assert others is not outer
            await other.api.get_user("a")
        await rig.api.get_user("a")
    assert current_scope.get() is None


async def test_a_task_that_outlives_its_verb_is_not_in_it() -> None:
    rig = Rig(deadline=30.0)
    go_on = anyio.Event()

    async def later() -> None:
        await go_on.wait()
        assert rig.pipeline.remaining() == float("inf")
        async with rig.pipeline.verb("later") as scope:
            assert scope.name == "later"
        await rig.api.get_user("a")

    async with anyio.create_task_group() as group:
        async with rig.pipeline.verb("first"):
            group.start_soon(later)
        rig.clock.now += 1000
        go_on.set()
    assert rig.transport.timeouts == [10.0]


async def test_side_by_side_steps_keep_their_own_doubt() -> None:
    rig = Rig(deadline=5.0)
    go_on = anyio.Event()

    async def slow_read(request: object) -> int:
        await go_on.wait()
        return 200

    async with rig.pipeline.verb("both") as scope, anyio.create_task_group() as group:
        rig.transport.acts.extend([(201, {}), slow_read])

        async def create_while_reading(request: object) -> tuple[int, dict[str, str]]:
            group.start_soon(rig.api.get_user, "a")
            await until(lambda: len(rig.transport.requests) == 2)
            return (201, {})

        rig.transport.acts[0] = create_while_reading
        await rig.api.create_key()
        assert scope.unresolved is None
        go_on.set()
    assert scope.unresolved is None


# ------------------------------------------------------------------------------------------------------------ token


class NoPermission(Dialect):
    """A backend that says 401 for a lack of permission."""

    def token_rejected(self, response: Response) -> bool:
        return response.status == 401 and b"permission" not in response.body


@pytest.mark.parametrize("retry", Retry)
async def test_a_401_is_replayed_once_with_a_new_token(retry: Retry) -> None:
    rig = Rig(401, auth=True)
    response = await rig.pipeline.send(call_of(retry))
    assert response.status == 200
    assert response.attempts == 1  # no attempt of the table: the server had not begun
    assert [request.headers["Authorization"] for request in rig.transport.requests] == [
        "Bearer t1",
        "Bearer t2",
    ]
    assert rig.shared.stats().refreshes == 2
    assert rig.shared.stats().requests == 2
    rig = Rig(401, 401, auth=True)
    assert (await rig.pipeline.send(call_of(retry))).status == 401
    assert len(rig.transport.requests) == 2


async def test_a_401_for_want_of_permission_is_never_replayed() -> None:
    rig = Rig((401, {}, {"message": "no permission"}), auth=True)
    response = await rig.pipeline.send(call_of(Retry.ONCE, dialect=NoPermission()))
    assert response.status == 401
    assert len(rig.transport.requests) == rig.source.fetched == 1
    assert rig.cache is not None
    assert rig.cache.fresh() is not None


async def test_a_401_without_another_token_is_not_replayed() -> None:
    rig = Rig(401, auth=True)
    same = Issued(Secret("same"))
    rig.source.acts.extend([same, same])
    assert isinstance(await fails(rig.api.get_user("a")), AuthenticationError)
    assert len(rig.transport.requests) == 1
    assert rig.source.fetched == 2


@pytest.mark.parametrize("source", [BasicSource(AccessKey("a", "b")), BearerSource(Bearer("tok"))])
async def test_a_401_of_a_credential_that_cannot_be_renewed_is_final(source: Any) -> None:
    rig = Rig(401)
    api = FakeApi(
        Pipeline(rig.shared, rig.options, provider="p", cache=rig.shared.cache_for(source)),
        "",
        user_agent="u",
    )
    assert isinstance(await fails(api.get_user("a")), AuthenticationError)
    assert len(rig.transport.requests) == 1
    assert rig.shared.stats().refreshes == 0


async def test_a_login_that_fails_is_the_error_of_the_call_and_is_not_repeated() -> None:
    rig = Rig(auth=True)
    rig.source.acts.append(NoAnswerError("the login did not answer"))
    error = await fails(rig.api.create_key())
    assert type(error) is NoAnswerError
    assert rig.transport.requests == []
    assert rig.source.fetched == 1
    rig = Rig(auth=True)
    rig.source.acts.append(
        AuthenticationError("rejected", attempts=3, stopped_because="3 attempts were made")
    )
    error = await fails(rig.api.get_user("a"))
    assert (error.attempts, error.stopped_because) == (3, "3 attempts were made")


async def test_a_public_operation_goes_without_a_token() -> None:
    rig = Rig(auth=True)
    await rig.api.get_plain()
    assert "Authorization" not in rig.transport.requests[0].headers
    assert rig.source.fetched == 0


async def test_the_token_of_each_attempt_is_the_current_one() -> None:
    rig = Rig(500, 500, auth=True)

    async def sleep(seconds: float) -> None:
        rig.clock.now += 2000

    rig.clock.sleep = sleep  # type: ignore[method-assign]
    await rig.copy(deadline=1e6).get_user("a")
    assert [request.headers["Authorization"] for request in rig.transport.requests] == [
        f"Bearer t{n}" for n in (1, 2, 3)
    ]


async def test_many_calls_on_an_expired_login_cause_one_login() -> None:
    rig = Rig(auth=True, max_in_flight=10)
    await rig.api.get_user("first")
    rig.clock.now += 1e6
    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(rig.api.get_user, str(number))
    assert rig.source.fetched == 2
    assert len(rig.transport.requests) == 1001
    assert rig.transport.most <= 10


async def test_many_refused_calls_cause_one_login() -> None:
    rig = Rig(auth=True)

    async def judged(request: Any) -> int:
        await anyio.lowlevel.checkpoint()
        return 401 if request.headers["Authorization"] == "Bearer t1" else 200

    rig.transport.default = judged
    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(rig.api.get_user, str(number))
    assert rig.source.fetched == 2


async def test_forgetting_the_login() -> None:
    rig = Rig(auth=True)
    await rig.api.get_user("a")
    rig.pipeline.forget()
    await rig.api.get_user("a")
    assert rig.source.fetched == 2
    assert rig.source.previous[1] is None
    Rig().pipeline.forget()  # anonymous: nothing to forget


class LoginSource:
    """Signs in over the wire."""

    key = "login"
    renewable = True

    def __init__(self, lifetime: float = 3600.0) -> None:
        self.lifetime = lifetime

    async def fetch(self, sender: Any, previous: Issued | None) -> Issued:
        user = await FakeApi(sender, "", user_agent="login").get_plain()
        now = sender.now()
        return Issued(Secret(user.id), now + self.lifetime, now)

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {issued.value.reveal()}"


async def test_a_login_passes_one_place_and_waiters_hold_none() -> None:
    rig = Rig(max_in_flight=1, deadline=5.0)
    api = FakeApi(
        Pipeline(rig.shared, rig.options, provider="p", cache=rig.shared.cache_for(LoginSource())),
        "",
        user_agent="u",
    )
    with anyio.fail_after(3):
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(api.get_user, str(number))
    assert rig.transport.sent[0] == "GET /plain"
    assert len(rig.transport.sent) == 21
    assert rig.transport.most == 1


async def test_a_login_is_made_by_the_options_of_the_root() -> None:
    rig = Rig(NOT_SENT, 200, 200, retries=1, backoff=(0.0, 0.0))
    seen: list[str] = []
    hurried = ClientOptions.of(
        {
            **rig.options.to_dict(),
            "retries": 0,
            "timeout": 0.5,
            "on_event": lambda event: seen.append(event.name),
        }
    )
    api = FakeApi(
        Pipeline(rig.shared, hurried, provider="p", cache=rig.shared.cache_for(LoginSource())),
        "",
        user_agent="u",
    )
    await api.get_user("a")
    assert rig.transport.sent == ["GET /plain", "GET /plain", "GET /users/a"]
    assert rig.transport.timeouts == [10.0, 10.0, 0.5]
    assert "get_plain" in seen


async def test_a_thousand_calls_on_an_expired_login_over_real_sockets_log_in_once(server: Server) -> None:
    logins = 0

    def handler(line: str, headers: dict[str, str], body: bytes) -> Any:
        nonlocal logins
        if line == "GET /plain":
            logins += 1
            time.sleep(0.02)
            return (200, {}, {"id": f"t{logins}"})
        alive = headers.get("authorization") == f"Bearer t{logins}"
        return (200 if alive else 401, {}, {"id": "ada"})

    server.handler = handler
    api, shared = wired(server.url, source=LoginSource(lifetime=0.001), deadline=60.0, max_in_flight=20)
    await api.get_user("first")
    await anyio.sleep(0.005)  # the login is over
    cache = shared.cache_for(LoginSource())
    cache.source.lifetime = 3600.0  # type: ignore[attr-defined]
    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(api.get_user, str(number))
    assert logins == 2
    assert len(server.seen) == 1000 + 1 + 2
    assert shared.stats().refreshes == 2
    await shared.aclose()


async def test_caches_are_bounded_and_one_that_is_used_is_still_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "MAX_CACHES", 2)
    rig = Rig(auth=True)
    assert rig.cache is rig.shared.cache_for(rig.source)
    kept = [rig.shared.cache_for(BearerSource(Bearer(str(number)))) for number in range(2)]
    assert rig.shared.cache_for(BearerSource(Bearer("0"))) is kept[0]
    another = rig.shared.cache_for(rig.source)
    assert another is not rig.cache  # forgotten: a copy made now has one of its own
    assert rig.shared.cache_for(BearerSource(Bearer("0"))) is kept[0]
    await rig.api.get_user("a")
    assert rig.shared.stats().refreshes == 1
    await rig.shared.aclose()
    rig.clock.now += 1e6
    assert rig.cache is not None
    assert isinstance(await fails(rig.cache.get(rig.pipeline)), ClientClosedError)


def test_the_bound_of_caches() -> None:
    assert pipeline_module.MAX_CACHES == 256


# ------------------------------------------------------------------------------------------------------------- skew


async def test_skew_is_learned_from_date_and_moves_the_end_of_tokens() -> None:
    rig = Rig((200, {"date": "Fri, 15 Jan 2027 09:16:39 GMT"}), auth=True)  # EPOCH + 1000 + 3599
    await rig.api.get_user("a")
    assert rig.shared.skew == pytest.approx(3599.5, abs=1.0)
    assert rig.pipeline.now() == pytest.approx(rig.clock.time() + 3599.5, abs=1.0)
    await rig.api.get_user("a")  # by the server's clock the first token is over
    assert rig.source.fetched == 2


async def test_small_skews_and_nonsense_are_none() -> None:
    for date in ("nonsense", "Fri, 99 Jan 2027 09:16:39 GMT", "", "Fri, 15 Jan 99999999 09:16:39 GMT"):
        rig = Rig((200, {"date": date}))
        await rig.api.get_user("a")
        assert rig.shared.skew == 0.0
    rig = Rig((200, {"date": "Fri, 15 Jan 2027 08:16:41 GMT"}))  # one second ahead
    assert EPOCH + 1000 == 1_800_001_000
    await rig.api.get_user("a")
    assert rig.shared.skew == 0.0


async def test_the_servers_clock_is_looked_at_once_a_minute() -> None:
    rig = Rig(
        (200, {"date": "Fri, 15 Jan 2027 09:16:39 GMT"}),
        default=(200, {"date": "Fri, 15 Jan 2027 08:16:40 GMT"}),
    )
    await rig.api.get_user("a")
    await rig.api.get_user("a")
    assert rig.shared.skew > 3000
    rig.clock.now += 61
    await rig.api.get_user("a")
    assert rig.shared.skew < 0


# ------------------------------------------------------------------------------------------------------- the gate


async def test_at_most_so_many_at_once_and_none_is_starved() -> None:
    rig = Rig(max_in_flight=3)
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(rig.api.get_user, str(number))
    assert rig.transport.most == 3
    assert sorted(rig.transport.sent) == sorted(f"GET /api/users/{number}" for number in range(50))


async def test_cancelled_at_the_gate_in_the_moment_of_admission() -> None:
    gate = Gate(1)
    await gate.acquire()
    order: list[int] = []

    async def enter(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            await gate.acquire()
            order.append(number)
            gate.release()

    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(3)]
        for number, scope in enumerate(scopes):
            group.start_soon(enter, number, scope)
            await until(lambda number=number: gate.waiting == number + 1)  # type: ignore[misc]
        scopes[1].cancel()  # in the queue
        gate.release()  # to the first, which is cancelled before it runs
        scopes[0].cancel()
    assert 2 in order
    assert 1 not in order
    assert (gate.held, gate.waiting) == (0, 0)


@pytest.mark.parametrize("phase", ["gate", "answer", "refresh"])
async def test_cancelled_at_once_in_every_phase(phase: str) -> None:
    rig = Rig(hang, auth=phase == "refresh", max_in_flight=1)
    rig.source.acts.append(anyio.sleep_forever)
    async with anyio.create_task_group() as group:
        if phase == "gate":
            group.start_soon(rig.api.get_user, "holder")
            await until(lambda: rig.transport.in_flight == 1)
        scope = anyio.CancelScope()

        async def call() -> None:
            with scope:
                await rig.api.get_user("a")

        group.start_soon(call)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        started = time.monotonic()
        scope.cancel()
        await until(lambda: scope.cancelled_caught)
        assert time.monotonic() - started < 0.5
        group.cancel_scope.cancel()
    assert (rig.shared.gate.held, rig.shared.gate.waiting) == (0, 0)
    if phase == "refresh":
        assert rig.cache is not None
        assert rig.cache._refresh is not None
        assert not rig.cache._refresh.task.finished
    await rig.shared.aclose()


async def test_cancelled_while_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it never answers the handshake
        api, shared = wired(f"https://127.0.0.1:{silent.getsockname()[1]}")
        with anyio.move_on_after(0.02) as scope:
            await api.get_user("a")
        assert scope.cancelled_caught
        error = await fails(
            FakeApi(
                Pipeline(shared, ClientOptions(deadline=0.02), provider="p"), "", user_agent="u"
            ).create_key()
        )
        assert isinstance(error, AmbiguousOutcomeError | DeadlineExceededError)
        await shared.aclose()


async def test_cancelled_while_waiting_on_real_sockets(server: Server) -> None:
    server.script.append("hang")
    api, shared = wired(server.url)
    for _ in range(2):
        with anyio.move_on_after(0.02) as scope:
            await api.get_user("a")
        assert scope.cancelled_caught
        server.script.append("hang")
    server.script.clear()
    assert (await api.get_user("a")).id == "ada"
    await shared.aclose()


async def test_without_a_transport_there_is_nothing_to_send_on() -> None:
    shared = Shared(ClientOptions(), None)
    api = FakeApi(Pipeline(shared, ClientOptions(), provider="local"), "", user_agent="u")
    error = await fails(api.get_user("a"))
    assert isinstance(error, ConfigurationError)
    assert "no wire" in str(error)
    assert shared.stats().pool.connections == 0
    await shared.aclose()


async def test_stats() -> None:
    rig = Rig(500, hang)
    await fails(rig.copy(retries=0).get_user("a"))
    async with anyio.create_task_group() as group:
        group.start_soon(rig.api.get_user, "b")
        await until(lambda: rig.transport.in_flight == 1)
        stats = rig.shared.stats()
        assert (stats.requests, stats.retries, stats.refreshes) == (2, 0, 0)
        assert (stats.pool.connections, stats.pool.in_flight, stats.pool.waiting) == (1, 1, 0)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("act", [500, 404])
async def test_errors_of_answers_name_their_request(act: int) -> None:
    rig = Rig((act, {"x-request-id": "req-1"}, {"message": "no\nsecond line", "code": 7}), retries=0)
    error = await fails(rig.api.get_user("a"))
    assert isinstance(error, ServerError | NotFoundError)
    assert (error.message, error.code, error.request_id, error.status) == ("no", "7", "req-1", act)
    assert isinstance(error, IdentityError)


async def test_a_cache_can_be_asked_without_a_pipeline() -> None:
    rig = Rig(auth=True)
    assert isinstance(rig.cache, TokenCache)
    assert (await rig.cache.get(rig.pipeline)).value == Secret("t1")


@pytest.mark.parametrize(
    "acts", [[(403, {}, {"message": "not tok-12345678"})], [401, (403, {}, {"message": "not tok-22345678"})]]
)
async def test_a_token_that_the_server_repeats_is_taken_out_of_its_answer(acts: list[Any]) -> None:
    rig = Rig(*acts, auth=True)
    rig.source.acts.extend([Issued(Secret("tok-12345678")), Issued(Secret("tok-22345678"))])
    error = await fails(rig.api.get_user("a"))
    assert error.message == "not **********"


async def test_a_short_token_is_left_in_the_words_that_hold_it() -> None:
    rig = Rig((403, {}, {"message": "t1 is part of t100"}), auth=True)
    assert (await fails(rig.api.get_user("a"))).message == "t1 is part of t100"
