"""Passwords, authenticators, the brake on guessing, and password resets."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from identity_sdk import connect
from identity_sdk.adapters.local import Local, PasswordReset
from identity_sdk.errors import (
    AuthenticationError,
    ChallengeRequiredError,
    ConflictError,
    InvalidRequestError,
    NotSupportedError,
    RateLimitedError,
)
from identity_sdk.secrets import Secret

from .conftest import Idp, ManualClock, code_of, key_of, local, shown, signed_in

pytestmark = pytest.mark.anyio


async def enrolled(idp: Idp, user: str, clock: ManualClock):  # type: ignore[no-untyped-def]
    """An authenticator in use; its first code is spent."""
    made = await idp.credentials.create(user, kind="totp", name="phone")
    done = await idp.credentials.confirm(made, code_of(made, clock))
    assert done.confirmed
    clock.advance(30)
    return made


async def test_a_password_signs_in(everywhere: Idp, clock: ManualClock) -> None:
    await everywhere.users.create("alice", password=Secret("correct horse"))
    session = await everywhere.sessions.create("password", identifier="alice", secret="correct horse")
    assert (session.user_id, session.method, session.scopes) == ("alice", "password", ())
    assert session.expires_at is not None
    assert session.expires_at.timestamp() == clock.time() + 12 * 3600
    client = everywhere.with_credential(session)
    assert (await client.users.me()).id == "alice"
    current = await client.sessions.current()
    assert current == session
    assert current.token is None


@pytest.mark.parametrize(
    "user", ["alice", "nobody", "service", "disabled", "passwordless", "", "x\0", "\ud800"]
)
async def test_a_refusal_does_not_tell_which_part_was_wrong(idp: Idp, user: str) -> None:
    for name in ("alice", "disabled"):
        await idp.users.create(name, password="right")
    await idp.users.update("disabled", active=False)
    await idp.users.create("passwordless")
    await idp.users.create("service", kind="service")
    secret = "wrong" if user == "alice" else "right"
    with pytest.raises(AuthenticationError) as refused:
        await idp.sessions.create("password", identifier=user, secret=secret)
    assert type(refused.value) is AuthenticationError
    assert str(refused.value) == "local.sessions.create: the sign-in is refused"


async def test_the_work_does_not_tell_who_exists(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is tried, one hash of the same cost is computed and one failure written (so that time tells nothing)."""
    await idp.users.create("alice", password="right")
    await idp.users.create("passwordless")
    await idp.users.create("robot", kind="service")
    core = idp._adapter._core
    hasher, writes = core.passwords._hasher, core.store.write
    seen: list[str] = []

    class Hasher:
        def verify(self, password_hash: str, password: str) -> bool:
            algorithm, version, cost, salt, digest = password_hash.split("$")[1:]
            seen.append(f"{algorithm} {version} {cost} {len(salt)} {len(digest)}")
            return hasher.verify(password_hash, password)

    async def write(work: Callable[[object], object]) -> object:
        seen.append("write")
        return await writes(work)  # type: ignore[arg-type]

    monkeypatch.setattr(core.passwords, "_hasher", Hasher())
    monkeypatch.setattr(core.store, "write", write)
    work: dict[str, list[str]] = {}
    for user in ("alice", "nobody", "passwordless", "robot", "x\0"):
        seen.clear()
        with pytest.raises(AuthenticationError):
            await idp.sessions.create("password", identifier=user, secret="wrong")
        work[user] = seen[:]
    assert work["alice"] == ["argon2id v=19 m=8,t=1,p=1 22 43", "write"]
    assert all(done == work["alice"] for done in work.values()), work


async def test_unusable_arguments_are_refused(idp: Idp) -> None:
    create = idp.sessions.create
    with pytest.raises(NotSupportedError, match="password, access_key, api_key"):
        await create("oauth", secret="x")
    with pytest.raises(NotSupportedError, match="state"):
        await create("password", identifier="a", secret="x", state="s")
    with pytest.raises(InvalidRequestError, match="secret"):
        await create("password", identifier="a")
    with pytest.raises(InvalidRequestError, match="identifier"):
        await create("password", secret="x")
    with pytest.raises(InvalidRequestError, match="no code"):
        await create("access_key", identifier="a", secret="x", code="1")


async def test_keys_sign_in_too(everywhere: Idp, clock: ManualClock) -> None:
    await everywhere.users.create("a")
    access = await everywhere.credentials.create("a")
    api = await everywhere.credentials.create("a", kind="api_key", lifetime=60)
    create = everywhere.sessions.create
    by_access = await create("access_key", identifier=access.id, secret=shown(access.secret))
    by_api = await create("api_key", secret=shown(api.secret))
    again = await create("api_key", identifier=api.id, secret=shown(api.secret))
    assert [session.method for session in (by_access, by_api, again)] == ["access_key", "api_key", "api_key"]
    assert by_api.expires_at == api.expires_at  # no session outlives its key
    for method, id, secret in (
        ("access_key", access.id, "wrong"),
        ("access_key", api.id, shown(api.secret)),
        ("api_key", None, shown(access.secret)),
        ("api_key", access.id, shown(api.secret)),
        ("access_key", "x\0", "y"),
    ):
        with pytest.raises(AuthenticationError):
            await create(method, identifier=id, secret=secret)
    clock.advance(60)
    with pytest.raises(AuthenticationError):
        await everywhere.with_credential(by_api).users.me()


async def test_an_authenticator_is_asked_for_once_it_is_confirmed(
    everywhere: Idp, clock: ManualClock
) -> None:
    await everywhere.users.create("alice", password="pw")
    alice = await key_of(everywhere, "alice")
    made = await alice.credentials.create(kind="totp", name="phone")
    assert made.confirmed is False
    assert shown(made.uri).startswith("otpauth://totp/")
    assert shown(made.secret) in shown(made.uri)
    await signed_in(everywhere, "alice", "pw")  # not yet
    with pytest.raises(AuthenticationError):
        await alice.credentials.confirm(made, code_of(made, clock, steps=5))
    confirmed = await alice.credentials.confirm(made.id, code_of(made, clock))
    assert (confirmed.confirmed, confirmed.secret, confirmed.uri) == (True, None, None)
    with pytest.raises(ChallengeRequiredError) as challenge:
        await signed_in(everywhere, "alice", "pw")
    assert challenge.value.challenge == "totp"
    with pytest.raises(AuthenticationError) as spent:  # the code that confirmed it
        await signed_in(everywhere, "alice", "pw", code_of(made, clock))
    assert type(spent.value) is AuthenticationError
    clock.advance(30)
    with pytest.raises(AuthenticationError) as wrong:  # the right code does not help a wrong password
        await everywhere.sessions.create(
            "password", identifier="alice", secret="no", code=code_of(made, clock)
        )
    assert type(wrong.value) is AuthenticationError
    await signed_in(everywhere, "alice", "pw", code_of(made, clock))
    with pytest.raises(AuthenticationError):
        await signed_in(everywhere, "alice", "pw", code_of(made, clock))
    await everywhere.credentials.delete(made, user="alice")
    await signed_in(everywhere, "alice", "pw")


async def test_a_code_nobody_asked_for_is_a_wrong_one(idp: Idp) -> None:
    await idp.users.create("alice", password="pw")
    with pytest.raises(AuthenticationError):
        await signed_in(idp, "alice", "pw", "123456")


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_codes_of_the_neighbouring_steps_pass(
    idp: Idp, clock: ManualClock, steps: int, right: bool
) -> None:
    await idp.users.create("alice", password="pw")
    made = await enrolled(idp, "alice", clock)
    clock.advance(120)
    if right:
        await signed_in(idp, "alice", "pw", code_of(made, clock, steps))
    with pytest.raises(AuthenticationError):
        await signed_in(idp, "alice", "pw", code_of(made, clock, steps))


async def test_of_many_who_show_one_code_one_gets_in(everywhere: Idp, clock: ManualClock) -> None:
    await everywhere.users.create("alice", password="pw")
    made = await enrolled(everywhere, "alice", clock)
    outcomes: list[str] = []

    async def try_it() -> None:
        try:
            await signed_in(everywhere, "alice", "pw", code_of(made, clock))
        except (AuthenticationError, RateLimitedError):
            outcomes.append("refused")
        else:
            outcomes.append("in")

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(try_it)
    assert sorted(outcomes) == ["in", "refused", "refused", "refused"]


async def test_at_most_five_authenticators_and_one_that_waits(idp: Idp, clock: ManualClock) -> None:
    await idp.users.create("alice")
    for _ in range(5):
        await enrolled(idp, "alice", clock)
        waiting = await idp.credentials.list("alice", kind="totp")
    assert len(waiting) == 5
    with pytest.raises(ConflictError, match="5"):
        await idp.credentials.create("alice", kind="totp")


@pytest.mark.parametrize("user", ["alice", "nobody"])
async def test_guessing_is_braked_whether_the_user_exists_or_not(
    everywhere: Idp, clock: ManualClock, user: str
) -> None:
    await everywhere.users.create("alice", password="pw")

    async def guess() -> None:
        await everywhere.sessions.create("password", identifier=user, secret="wrong")

    for _ in range(5):
        with pytest.raises(AuthenticationError):
            await guess()
    waits: list[float] = []
    for _ in range(15):
        with pytest.raises(RateLimitedError) as braked:
            await guess()
        wait = braked.value.retry_after or 0.0
        waits.append(wait)
        clock.advance(wait - 0.5)
        with pytest.raises(RateLimitedError):
            await guess()
        clock.advance(0.5)
        with pytest.raises(AuthenticationError):
            await guess()
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 3600.0
    clock.advance(1)
    if user == "alice":
        with pytest.raises(RateLimitedError):
            await signed_in(everywhere, "alice", "pw")  # the right one has to wait as well
        clock.advance(3600)
        await signed_in(everywhere, "alice", "pw")
        with pytest.raises(AuthenticationError):
            await guess()  # and begins again at none


async def test_codes_are_braked_too_also_at_once_and_a_new_password_lifts_it(
    idp: Idp, clock: ManualClock
) -> None:
    await idp.users.create("alice", password="pw")
    made = await enrolled(idp, "alice", clock)
    outcomes: list[type[Exception]] = []

    async def guess() -> None:
        try:
            await signed_in(idp, "alice", "pw", "000000")
        except (AuthenticationError, RateLimitedError) as error:
            outcomes.append(type(error))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(guess)
    assert outcomes.count(AuthenticationError) == 5
    with pytest.raises(RateLimitedError):
        await signed_in(idp, "alice", "pw")  # to ask for a challenge does not begin anew
    await idp.users.update("alice", password="new")
    await signed_in(idp, "alice", "new", code_of(made, clock))


async def test_confirming_is_braked_and_old_failures_are_forgotten(idp: Idp, clock: ManualClock) -> None:
    made = await idp.credentials.create(kind="totp")
    for _ in range(5):
        with pytest.raises(AuthenticationError):
            await idp.credentials.confirm(made, "000000")
    with pytest.raises(RateLimitedError):
        await idp.credentials.confirm(made, code_of(made, clock))
    clock.advance(86400)
    with pytest.raises(AuthenticationError):
        await idp.credentials.confirm(made, "000000")
    assert (await idp.credentials.confirm(made, code_of(made, clock))).confirmed


@pytest.mark.parametrize("sort", ["sync", "async", "partial"])
async def test_a_reset_token_goes_out_by_the_hook_and_works_once(
    url: str, clock: ManualClock, sort: str
) -> None:
    sent: list[PasswordReset] = []

    async def send_async(reset: PasswordReset) -> None:
        sent.append(reset)

    def send(reset: PasswordReset) -> None:
        sent.append(reset)

    hook = {"sync": send, "async": send_async, "partial": lambda reset: send_async(reset)}[sort]
    async with connect(local(url, on_reset=hook), clock=clock) as idp:
        assert idp.capabilities.supports("credentials.request_password_reset")
        nobody = idp.with_credential(None)
        await idp.users.create("alice", email="a@x", password="old")
        await idp.users.create("off", email="a@x")
        await idp.users.update("off", active=False)
        await idp.users.create("robot", email="a@x", kind="service")
        session = await signed_in(idp, "alice", "old")
        await nobody.credentials.request_password_reset("unknown@x")
        await nobody.credentials.request_password_reset("a@x")
        await nobody.credentials.request_password_reset("a@x")
        first, second = sent
        assert (second.user_id, second.email) == ("alice", "a@x")
        assert second.expires_at.timestamp() == clock.time() + 3600
        assert shown(second.token) not in repr(second)
        reset = nobody.credentials.reset_password
        for token in (first.token, "idp_wrong", second.token.reveal() + "x"):
            with pytest.raises(AuthenticationError):
                await reset(token, "new")
        await reset(second.token, "new")
        with pytest.raises(AuthenticationError):
            await reset(second.token, "newer")
        await signed_in(idp, "alice", "new")
        with pytest.raises(AuthenticationError):
            await signed_in(idp, "alice", "old")
        with pytest.raises(AuthenticationError):
            await idp.with_credential(session).users.me()
        await nobody.credentials.request_password_reset("a@x")
        clock.advance(3600)
        with pytest.raises(AuthenticationError):
            await reset(sent[-1].token, "late")


async def test_without_a_hook_there_are_no_resets(idp: Idp) -> None:
    assert not idp.capabilities.supports("credentials.request_password_reset")
    with pytest.raises(NotSupportedError, match="on_reset"):
        await idp.credentials.request_password_reset("a@x")
    with pytest.raises(AuthenticationError):
        await idp.credentials.reset_password("idp_whatever", "new")


async def test_a_failing_hook_does_not_tell_that_the_address_is_known(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(reset: PasswordReset) -> None:
        raise RuntimeError(f"no mail server for {reset.token.reveal()}")

    async with connect(local(on_reset=fail), clock=clock) as idp:
        await idp.users.create("alice", email="a@x")
        await idp.credentials.request_password_reset("a@x")
    assert "on_reset failed for user 'alice': RuntimeError" in caplog.text
    assert "idp_" not in caplog.text


async def test_hashing_runs_beside_the_loop(clock: ManualClock) -> None:
    """The defaults are those of real life: a hash takes its time, and the loop goes on meanwhile."""
    async with connect(Local(), clock=clock) as idp:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await anyio.sleep(0.001)
                ticks += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tick)
            await idp.users.create("alice", password="pw")
            await signed_in(idp, "alice", "pw")
            tasks.cancel_scope.cancel()
        assert ticks > 5
