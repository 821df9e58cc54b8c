"""Root, limits, names of objects, and the credentials that a client speaks by."""

from __future__ import annotations

from collections.abc import Awaitable

import anyio
import pytest

from identity_sdk.adapters.local import Local
from identity_sdk.adapters.local.desk import Caller
from identity_sdk.adapters.local.rules import all_of, name_of
from identity_sdk.auth.sources import Bearer
from identity_sdk.errors import AuthenticationError, ConfigurationError, PermissionDeniedError
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret

from .conftest import Idp, ManualClock, allow, grant, key_of, shown

pytestmark = pytest.mark.anyio


async def test_root_is_out_of_the_reach_of_the_almighty(idp: Idp) -> None:
    alice = await key_of(idp, "alice")
    await grant(idp, "alice", allow("*"))
    root_key = await idp.credentials.create(kind="api_key")
    root_session = await idp.sessions.constrain(["*"])
    root_token = await idp.tokens.issue()
    attempts: list[Awaitable[object]] = [
        alice.users.delete("root", kind="service"),
        alice.users.update("root", kind="service", active=False),
        alice.credentials.create("root"),
        alice.credentials.create("root", kind="totp"),
        alice.credentials.renew(root_key),
        alice.credentials.delete(root_key),
        alice.sessions.impersonate("root"),
        alice.sessions.end(root_session),
        alice.tokens.revoke(root_token),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDeniedError, match="root"):
            await attempt
    for auth in (Bearer(shown(root_key.secret)), root_session, root_token):
        client = idp.with_credential(auth)
        assert (await client.users.me()).id == "root"
        await client.users.list()


async def test_limits_of_a_session_hold_and_are_handed_on(idp: Idp) -> None:
    session = await idp.sessions.constrain(
        ["users:Get", "users:List*", "credentials:*", "policies:*", "tokens:*", "sessions:*"]
    )
    limited = idp.with_credential(session)
    await limited.users.list()
    for refused in (
        limited.groups.list(),
        limited.users.create("x"),
        limited.credentials.create(),
        limited.credentials.create(kind="totp"),
        limited.native.vacuum(),
        limited.sessions.constrain(["*"]),
        limited.sessions.constrain(["users:*"]),
        limited.tokens.issue(scopes=["groups:List"]),
    ):
        with pytest.raises(PermissionDeniedError):
            await refused
    narrower = idp.with_credential(await limited.sessions.constrain(["users:Get"]))
    with pytest.raises(PermissionDeniedError):
        await narrower.users.list()
    token = await limited.tokens.issue()
    assert token.scopes == session.scopes
    by_token = idp.with_credential(token)
    await by_token.users.list()
    with pytest.raises(PermissionDeniedError):
        await by_token.groups.list()
    assert (await by_token.users.me()).id == "root"
    await idp.users.create("bob", password="x")
    as_bob = idp.with_credential(await limited.sessions.impersonate("bob"))
    assert (await as_bob.sessions.current()).scopes == session.scopes
    setter = idp.with_credential(await idp.sessions.constrain(["users:Update"]))
    with pytest.raises(PermissionDeniedError, match="passwords"):
        await setter.users.update("bob", password="mine")
    assert (await setter.users.update("bob", name="B")).name == "B"


def test_names_of_objects_are_unambiguous() -> None:
    assert name_of("users", "a/b") == "users/a%2Fb"
    assert name_of("users", "a*%") == "users/a%2A%25"
    assert all_of("users", prefix="a*") == "users/a%2A*"
    assert all_of("credentials", "a/b") == "credentials/a%2Fb/*"


async def test_rights_on_one_user_reach_no_other_of_a_similar_name(idp: Idp) -> None:
    alice = await key_of(idp, "alice")
    for user in ("a", "a/b", "a*"):
        await idp.users.create(user)
    await grant(
        idp, "alice", [*allow("credentials:*", on="credentials/a/*"), *allow("users:Get", on="users/a%2A")]
    )
    await alice.credentials.list("a")
    await alice.users.get("a*")
    for refused in (alice.credentials.list("a/b"), alice.users.get("a"), alice.users.get("a/b")):
        with pytest.raises(PermissionDeniedError):
            await refused


async def test_own_is_not_what_only_begins_alike(idp: Idp) -> None:
    a = await key_of(idp, "a")
    await idp.users.create("ab")
    await idp.users.create("a/b")
    for user in ("ab", "a/b"):
        for refused in (
            a.users.get(user),
            a.credentials.list(user),
            a.tokens.list(user),
            a.policies.check(user, "x", "y"),
        ):
            with pytest.raises(PermissionDeniedError):
                await refused


@pytest.mark.parametrize("sort", ["sync", "async"])
async def test_a_function_that_gets_tokens_is_asked_again_after_a_rejection(
    idp: Idp, clock: ManualClock, sort: str
) -> None:
    asked = 0

    async def fetch() -> Secret:
        nonlocal asked
        asked += 1
        token = await idp.tokens.issue(lifetime=60)
        assert token.value is not None
        return token.value

    fixed = await idp.tokens.issue(lifetime=60)

    def stale() -> Secret:
        nonlocal asked
        asked += 1
        assert fixed.value is not None
        return fixed.value

    client = idp.with_credential(Bearer(fetch if sort == "async" else stale))
    for _ in range(3):
        assert (await client.users.me()).id == "root"
    assert asked == 1
    clock.advance(61)
    if sort == "async":
        assert (await client.users.me()).id == "root"
    else:
        with pytest.raises(AuthenticationError):
            await client.users.me()
    assert asked == (2 if sort == "async" else 3 - 1)


async def test_however_many_meet_a_stale_token_the_function_is_asked_once(
    idp: Idp, clock: ManualClock
) -> None:
    asked = 0

    async def fetch() -> Secret:
        nonlocal asked
        asked += 1
        token = await idp.tokens.issue(lifetime=60)
        assert token.value is not None
        return token.value

    client = idp.with_credential(Bearer(fetch))
    for expected in (1, 2):
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(client.users.me)
        assert asked == expected
        clock.advance(61)


async def test_a_late_rejection_does_not_throw_away_a_newer_token() -> None:
    class Sender:
        """No pipeline is needed to ask a function."""

    values = iter("abc")
    caller = Caller(Bearer(lambda: next(values)))
    first = await caller.proof(Sender())  # type: ignore[arg-type]
    assert caller.reject(first)
    second = await caller.proof(Sender())  # type: ignore[arg-type]
    assert caller.reject(first)
    assert await caller.proof(Sender()) is second  # type: ignore[arg-type]
    assert not Caller(None).reject(second)


async def test_what_is_no_credential_is_refused_before_anything(idp: Idp) -> None:
    with pytest.raises(ConfigurationError, match="holds no value"):
        idp.with_credential(Session(id="s", user_id="u"))
    with pytest.raises(ConfigurationError, match="holds no value"):
        idp.with_credential(Token(id="t"))
    with pytest.raises(ConfigurationError, match="not by str"):
        Local(auth="secret")  # type: ignore[arg-type]


async def test_public_verbs_need_nobody(idp: Idp) -> None:
    nobody = idp.with_credential(None)
    await idp.users.create("alice", password="x")
    assert [method.id for method in await nobody.sessions.methods()] == ["password", "access_key", "api_key"]
    session = await nobody.sessions.create("password", identifier="alice", secret="x")
    token = await idp.with_credential(session).tokens.issue()
    assert (await nobody.tokens.verify(token)).subject == "alice"
    assert (await nobody.tokens.refresh(token)).user_id == "alice"
    assert (await nobody.native.jwks())["keys"]
