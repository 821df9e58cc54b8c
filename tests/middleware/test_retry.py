"""The decision table of retries: every outcome in every class, and what stops a repetition."""

from __future__ import annotations

from email.utils import formatdate

import anyio
import pytest

from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConflictError,
    DeadlineExceededError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSentError,
    NotSupportedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from identity_sdk.wire.call import Call, Dialect, Retry
from identity_sdk.wire.request import Response
from tests.core.rig import EPOCH, NO_ANSWER, NOT_SENT, Rig, Server, call_of, fails, late, until, wired

pytestmark = pytest.mark.anyio

SAFE, IDEMPOTENT, KEYED, ONCE = Retry


class Vouching(Dialect):
    """A backend of which a 503 is known to mean that nothing was done."""

    def not_done(self, response: Response) -> bool:
        return response.status == 503


def absent() -> object:
    async def look() -> None:
        return None

    return look


async def sends(rig: Rig, call: Call) -> Response | Exception:
    try:
        return await rig.pipeline.send(call)
    except Exception as error:
        return error


AGAIN, DONE, UNKNOWN = "again", "done", "unknown"
WAIT_0 = {"retry-after": "0"}
TABLE = {
    # act: what happens in each class: safe, idempotent, keyed (look: absent), once
    "not sent": (NOT_SENT, AGAIN, AGAIN, AGAIN, AGAIN),
    "429": (429, AGAIN, AGAIN, AGAIN, AGAIN),
    "429 with Retry-After": ((429, WAIT_0), AGAIN, AGAIN, AGAIN, AGAIN),
    "503 with Retry-After": ((503, WAIT_0), AGAIN, AGAIN, AGAIN, UNKNOWN),
    "no answer": (NO_ANSWER, AGAIN, AGAIN, AGAIN, UNKNOWN),
    "500": (500, AGAIN, AGAIN, AGAIN, UNKNOWN),
    "502": (502, AGAIN, AGAIN, AGAIN, UNKNOWN),
    "503": (503, AGAIN, AGAIN, AGAIN, UNKNOWN),
    "504": (504, AGAIN, AGAIN, AGAIN, UNKNOWN),
    "507": (507, AGAIN, AGAIN, AGAIN, UNKNOWN),
    "599": (599, AGAIN, AGAIN, AGAIN, UNKNOWN),
    **{
        str(status): (status, DONE, DONE, DONE, DONE)
        for status in (200, 201, 204, 302, 400, 401, 403, 404, 408, 409)
    },
    **{str(status): (status, DONE, DONE, DONE, DONE) for status in (412, 422, 431, 451, 501, 505)},
    "too large": (ProtocolError("too large"), DONE, DONE, DONE, DONE),
    "certificate": (TransportError("not trusted", retryable=False), DONE, DONE, DONE, DONE),
}


@pytest.mark.parametrize("retry", Retry)
@pytest.mark.parametrize("row", TABLE)
async def test_the_table(row: str, retry: Retry) -> None:
    act = TABLE[row][0]
    told = TABLE[row][1 + list(Retry).index(retry)]
    rig = Rig(act, default=200)
    result = await sends(rig, call_of(retry, look=absent()))
    if told is AGAIN:
        assert isinstance(result, Response), result
        assert result.status == 200
        assert result.attempts == len(rig.transport.requests) == 2
        assert rig.shared.retries == 1
        return
    assert len(rig.transport.requests) == 1
    assert rig.shared.retries == 0
    if told is UNKNOWN:
        assert isinstance(result, AmbiguousOutcomeError)
        assert result.how_to_find_out == "go and see"
        assert result.attempts == 1
        assert isinstance(result.__cause__, ServerError | NoAnswerError)
    elif isinstance(act, int):
        assert isinstance(result, Response)
        assert result.status == act
        assert result.stopped_because is None
    else:
        assert result is act


@pytest.mark.parametrize("row", ["503", "503 with Retry-After"])
async def test_a_503_that_the_adapter_vouches_for_is_repeated_in_every_class(row: str) -> None:
    rig = Rig(TABLE[row][0], default=200)
    result = await sends(rig, call_of(ONCE, dialect=Vouching()))
    assert isinstance(result, Response)
    assert result.attempts == 2


async def test_what_the_dialect_calls_permanent_is_not_repeated() -> None:
    class Broken(Dialect):
        def permanent(self, response: Response) -> bool:
            return True

    rig = Rig(500)
    result = await sends(rig, call_of(SAFE, dialect=Broken()))
    assert isinstance(result, Response)
    assert result.status == 500
    error = Broken().error(result, call_of(SAFE).spec, 0.0)
    assert isinstance(error, ServerError)
    assert not error.retryable


# ------------------------------------------------------------------------------------ what proves that it was done


async def test_a_repeated_delete_that_finds_nothing_was_done_before() -> None:
    rig = Rig(NO_ANSWER, 404)
    assert await rig.api.delete_user("ada") is None
    assert rig.transport.sent == ["DELETE /api/users/ada"] * 2


async def test_a_first_delete_that_finds_nothing_was_not() -> None:
    for acts in ([404], [NOT_SENT, 404], [429, 404]):
        rig = Rig(*acts)
        with pytest.raises(NotFoundError):
            await rig.api.delete_user("ada")


async def test_a_put_is_looked_at_before_it_is_sent_again() -> None:
    rig = Rig(500, (200, {}, {"id": "ada", "name": "there"}))
    assert (await rig.api.put_user("ada", {})).name == "there"
    assert rig.transport.sent == ["PUT /api/users/ada", "GET /api/users/ada"]


async def test_a_put_whose_look_fails_or_finds_nothing_is_sent_again() -> None:
    for look in (404, 403):
        rig = Rig(500, look, (200, {}, {"id": "ada", "name": "put"}))
        assert (await rig.api.put_user("ada", {})).name == "put"
        assert [line.split()[0] for line in rig.transport.sent] == ["PUT", "GET", "PUT"]


async def test_a_create_in_doubt_that_is_absent_is_sent_again() -> None:
    rig = Rig(NO_ANSWER, 404, (201, {}, {"id": "ada"}))
    assert (await rig.api.create_user("ada")).id == "ada"
    assert [line.split()[0] for line in rig.transport.sent] == ["POST", "GET", "POST"]


async def test_a_create_in_doubt_that_finds_a_namesake_is_unknown() -> None:
    rig = Rig(NO_ANSWER, (200, {}, {"id": "ada", "name": "older?"}))
    error = await fails(rig.api.create_user("ada"))
    assert isinstance(error, AmbiguousOutcomeError)
    assert error.found.name == "older?"  # type: ignore[attr-defined]
    assert isinstance(error.__cause__, NoAnswerError)
    assert "read the user" in str(error)
    assert len(rig.transport.requests) == 2


@pytest.mark.parametrize("first", [NO_ANSWER, 500])
@pytest.mark.parametrize("retries", [0, 2])
async def test_what_only_this_call_can_have_made_is_a_success(first: object, retries: int) -> None:
    rig = Rig(first, (200, {}, {"id": "ada", "name": "mine"}), retries=retries)
    assert (await rig.api.create_user("ada")).name == "mine"
    assert rig.transport.sent == ["POST /api/users/ada", "GET /api/users/ada"]


async def test_a_conflict_after_doubt_is_looked_at() -> None:
    rig = Rig(500, 404, 409, (200, {}, {"id": "ada", "name": "mine"}))
    assert (await rig.api.create_user("ada")).name == "mine"
    for there, found in (((200, {}, {"id": "ada"}), True), (404, False)):
        rig = Rig(500, 404, 409, there)
        error = await fails(rig.api.create_user("ada"))
        assert isinstance(error, AmbiguousOutcomeError)
        assert (error.found is not None) is found
        assert isinstance(error.__cause__, ServerError)


async def test_a_conflict_without_doubt_is_a_conflict() -> None:
    for acts in ([409], [429, 409], [NOT_SENT, 409]):
        with pytest.raises(ConflictError):
            await Rig(*acts).api.create_user("ada")


async def test_a_create_without_a_look_is_not_repeated_after_doubt() -> None:
    rig = Rig(500)
    error = await fails(rig.api.create_blind("ada"))
    assert isinstance(error, AmbiguousOutcomeError)
    assert "read it yourself" in str(error)
    assert len(rig.transport.requests) == 1


async def test_a_look_that_fails_leaves_the_outcome_unknown() -> None:
    rig = Rig(NO_ANSWER, 403)
    error = await fails(rig.api.create_user("ada"))
    assert isinstance(error, AmbiguousOutcomeError)
    assert isinstance(error.__cause__, NoAnswerError)  # always the time-out or the 5xx
    assert "PermissionDeniedError" in str(error)
    assert error.found is None


@pytest.mark.parametrize("refusal", [401, 400, 403, NOT_SENT])
async def test_a_refused_repeat_does_not_clear_the_doubt(refusal: object) -> None:
    rig = Rig(500, 404, *[refusal] * 3, default=404, retries=1)
    error = await fails(rig.api.create_user("ada"))
    assert isinstance(error, AmbiguousOutcomeError)
    assert isinstance(error.__cause__, ServerError)
    assert error.attempts == 2


async def test_a_repeat_that_cannot_log_in_does_not_clear_the_doubt() -> None:
    rig = Rig(500, 404, 401, default=404, auth=True)
    rig.source.acts.extend([None, AuthenticationError("rejected")])
    error = await fails(rig.api.create_user("ada"))
    assert isinstance(error, AmbiguousOutcomeError)
    assert isinstance(error.__cause__, ServerError)


# ------------------------------------------------------------------------------------------------- what stops it


async def test_three_attempts_by_default_and_the_error_says_so() -> None:
    rig = Rig(500, 502, (503, {"x-request-id": "r-3"}), default=200)
    error = await fails(rig.api.get_user("ada"))
    assert isinstance(error, ServerError)
    assert error.retryable
    assert (error.status, error.attempts, error.request_id) == (503, 3, "r-3")
    assert error.stopped_because == "3 attempts were made"
    assert (error.provider, error.operation) == ("fake", "get_user")
    assert error.elapsed == pytest.approx(sum(rig.clock.slept))
    assert "3 attempts in" in str(error)
    assert rig.shared.stats().retries == 2
    assert rig.shared.stats().requests == 3


@pytest.mark.parametrize(
    ("act", "kind"), [(500, ServerError), (NOT_SENT, NotSentError), (NO_ANSWER, NoAnswerError)]
)
async def test_no_retries(act: object, kind: type[Exception]) -> None:
    rig = Rig(act, retries=0)
    error = await fails(rig.api.get_user("ada"))
    assert type(error) is kind
    assert error.attempts == 1
    assert error.stopped_because == "retries are switched off"
    assert rig.clock.slept == []


async def test_what_cannot_be_repeated_does_not_say_that_it_was_stopped() -> None:
    error = await fails(Rig(501).api.get_user("ada"))
    assert isinstance(error, NotSupportedError)
    assert error.stopped_because is None
    error = await fails(Rig(422).api.create_key())
    assert isinstance(error, InvalidRequestError)
    assert error.stopped_because is None


async def test_full_jitter_stays_within_its_bounds() -> None:
    first: list[float] = []
    for _ in range(200):
        rig = Rig(*[500] * 6, retries=5, backoff=(1.0, 5.0))
        await rig.pipeline.send(call_of(SAFE))
        assert len(rig.clock.slept) == 5
        for wait, most in zip(rig.clock.slept, (1, 2, 4, 5, 5), strict=True):
            assert 0 <= wait <= most
        first.append(rig.clock.slept[0])
        assert rig.clock.slept[4] <= 5
    assert min(first) < 0.2 < 0.8 < max(first)  # full jitter: from zero, not from a half


async def test_retry_after_in_seconds_is_obeyed() -> None:
    rig = Rig((429, {"retry-after": "7"}), (503, {"retry-after": " 11 "}))
    await rig.api.get_user("ada")
    assert rig.clock.slept == [7.0, 11.0]


async def test_retry_after_as_a_date_is_held_against_the_servers_clock() -> None:
    ahead = 3600.0
    date = formatdate(EPOCH + 1000 + ahead, usegmt=True)
    until_then = formatdate(EPOCH + 1000 + ahead + 20, usegmt=True)
    rig = Rig((429, {"retry-after": until_then, "date": date}))
    await rig.api.get_user("ada")
    assert rig.clock.slept[0] == pytest.approx(20, abs=1.0)


@pytest.mark.parametrize(
    "past", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
async def test_a_date_in_the_past_means_now(past: str) -> None:
    rig = Rig((429, {"retry-after": past}))
    await rig.api.get_user("ada")
    assert rig.clock.slept == [0.0]


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1.5", "٣", "Sun, 99 Nov 1994 08:49:37 GMT", "inf", ""])
async def test_a_retry_after_that_says_nothing_is_a_back_off(nonsense: str) -> None:
    rig = Rig((429, {"retry-after": nonsense}))
    await rig.api.get_user("ada")
    assert len(rig.clock.slept) == 1
    assert 0 <= rig.clock.slept[0] <= 0.1


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_a_retry_after_over_the_cap_raises_at_once_with_the_time(status: int) -> None:
    rig = Rig((status, {"retry-after": "31"}), deadline=10_000)
    error = await fails(rig.api.get_user("ada"))
    assert rig.clock.slept == []
    assert "asks to wait 31 s" in str(error)
    if status == 429:
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == 31.0
        assert error.retryable
    rig = Rig((status, {"retry-after": "30"}), deadline=10_000)
    await rig.api.get_user("ada")
    assert rig.clock.slept == [30.0]


async def test_gigantic_retry_after() -> None:
    error = await fails(Rig((429, {"retry-after": "9" * 5000})).api.get_user("ada"))
    assert isinstance(error, RateLimitedError)


async def test_a_wait_past_the_deadline_is_not_begun() -> None:
    rig = Rig((429, {"retry-after": "20"}), (429, {"retry-after": "20"}), deadline=30.0)
    error = await fails(rig.api.get_user("ada"))
    assert rig.clock.slept == [20.0]
    assert isinstance(error, RateLimitedError)
    assert "the deadline comes before the next attempt" in str(error)


async def test_the_budget_is_shared_and_a_success_earns_a_part() -> None:
    rig = Rig(*[500] * 8, default=500, retry_budget=3, retry_budget_ratio=0.5, retries=2)
    assert (await fails(rig.api.get_user("a"))).attempts == 3
    error = await fails(rig.copy(timeout=1.0).get_user("b"))
    assert error.attempts == 2
    assert error.stopped_because == "the retry budget of the client is empty"
    assert (await fails(rig.api.get_user("c"))).attempts == 1
    rig.transport.acts.clear()
    rig.transport.default = 200
    for _ in range(2):
        await rig.api.get_user("d")
    assert rig.shared.budget.tokens == 1.0
    for _ in range(20):
        await rig.api.get_user("d")
    assert rig.shared.budget.tokens == 3.0


async def test_a_budget_of_nothing_stops_all_retries() -> None:
    rig = Rig(500, retry_budget=0)
    assert (await fails(rig.api.get_user("ada"))).attempts == 1


async def test_closing_ends_a_back_off() -> None:
    for work, kind in (
        ("get_user", NoAnswerError),
        ("delete_user", NoAnswerError),
        ("create_user", AmbiguousOutcomeError),
    ):
        rig = Rig(500)
        rig.clock.frozen = True
        errors: list[Exception] = []

        async def call(rig: Rig = rig, work: str = work, errors: list[Exception] = errors) -> None:
            errors.append(await fails(getattr(rig.api, work)("ada")))

        if work == "create_user":
            rig.transport.acts.append(404)  # the look before the back-off is over, too
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await until(lambda rig=rig: bool(rig.clock.slept))  # type: ignore[misc]
            await rig.shared.aclose()
        assert type(errors[0]) is kind
        assert "the client was closed" in str(errors[0])


async def test_cancelled_in_the_back_off() -> None:
    rig = Rig(500)
    rig.clock.frozen = True
    async with anyio.create_task_group() as group:
        group.start_soon(rig.api.get_user, "ada")
        await until(lambda: bool(rig.clock.slept))
        group.cancel_scope.cancel()
    assert len(rig.transport.requests) == 1
    assert rig.shared.gate.held == 0


async def test_the_deadline_ends_a_back_off() -> None:
    rig = Rig(500)
    rig.clock.frozen = True
    error = await late(rig, rig.api.get_user("ada"), lambda: bool(rig.clock.slept))
    assert isinstance(error, DeadlineExceededError)
    assert error.attempts == 1


# ------------------------------------------------------------------------------------------------- on real sockets


class TestRealSockets:
    @pytest.fixture(params=["httpx", "httpx2", "aiohttp"])
    def library(self, request: pytest.FixtureRequest, anyio_backend: str) -> str:
        pytest.importorskip(request.param)
        if request.param == "aiohttp" and anyio_backend == "trio":
            pytest.skip("aiohttp works on asyncio only")
        return str(request.param)

    async def test_safe(self, server: Server, library: str) -> None:
        server.script.extend(["drop", (503, {"Retry-After": "0"}, {}), (200, {}, {"id": "ada"})])
        api, shared = wired(server.url, library=library)
        assert (await api.get_user("ada")).id == "ada"
        assert server.lines == ["GET /users/ada"] * 3
        await shared.aclose()

    async def test_idempotent(self, server: Server, library: str) -> None:
        server.script.extend(["drop", (404, {}, {"message": "gone"})])
        api, shared = wired(server.url, library=library)
        assert await api.delete_user("ada") is None
        assert server.lines == ["DELETE /users/ada"] * 2
        await shared.aclose()

    async def test_keyed(self, server: Server, library: str) -> None:
        server.script.extend(["drop", (404, {}, {}), (201, {}, {"id": "ada"})])
        api, shared = wired(server.url, library=library)
        assert (await api.create_user("ada")).id == "ada"
        server.script.extend([(500, {}, {}), (200, {}, {"id": "ada"})])
        assert isinstance(await fails(api.create_user("ada")), AmbiguousOutcomeError)
        assert [line.split()[0] for line in server.lines] == ["POST", "GET", "POST", "POST", "GET"]
        await shared.aclose()

    @pytest.mark.parametrize(
        "act", ["drop", (502, {}, {}), (503, {"Retry-After": "0"}, {}), b"HTTP/1.1 200 OK\r\nContent-Le"]
    )
    async def test_once(self, server: Server, library: str, act: object) -> None:
        server.script.append(act)
        api, shared = wired(server.url, library=library)
        error = await fails(api.create_key())
        assert isinstance(error, AmbiguousOutcomeError)
        assert error.attempts == 1
        assert server.lines == ["POST /keys"]
        await shared.aclose()

    async def test_a_create_that_times_out_after_it_was_sent_is_not_repeated_blindly(
        self, server: Server, library: str
    ) -> None:
        server.script.append("hang")
        api, shared = wired(server.url, library=library, timeout=0.3)
        error = await fails(api.create_key())
        assert isinstance(error, AmbiguousOutcomeError)
        assert isinstance(error.__cause__, NoAnswerError)
        assert server.lines == ["POST /keys"]
        await shared.aclose()

    async def test_refused_connections_are_repeated_in_every_class(self, library: str) -> None:
        server = Server()
        server.close()
        api, shared = wired(server.url, library=library)
        for work in (api.get_user("a"), api.delete_user("a"), api.create_user("a"), api.create_key()):
            error = await fails(work)
            assert type(error) is NotSentError
            assert error.attempts == 3
        await shared.aclose()

    async def test_rate_limits_are_obeyed_in_every_class(self, server: Server, library: str) -> None:
        api, shared = wired(server.url, library=library, retries=1)
        for work, status in ((api.get_user("a"), 200), (api.create_key(), 201), (api.create_user("a"), 201)):
            server.script.extend([(429, {"Retry-After": "0"}, {}), (status, {}, {"id": "a"})])
            assert (await work).id == "a"
        await shared.aclose()
