"""Tokens: issued, rotated, introspected, verified offline, revoked."""

from __future__ import annotations

import anyio
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from identity_sdk.auth.sources import Bearer
from identity_sdk.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)
from identity_sdk.models import Token
from identity_sdk.secrets import Secret

from .conftest import Idp, ManualClock, key_of, shown, signed_in

pytestmark = pytest.mark.anyio


async def alive(idp: Idp, token: Token) -> bool:
    try:
        await idp.with_credential(Bearer(shown(token.value))).users.me()
    except AuthenticationError:
        return False
    return True


async def test_an_access_token_lives_15_minutes(everywhere: Idp, clock: ManualClock) -> None:
    alice = await key_of(everywhere, "alice")
    token = await alice.tokens.issue()
    assert (token.user_id, token.token_type, token.scopes) == ("alice", "Bearer", ())
    assert token.expires_at is not None
    assert token.expires_at.timestamp() == clock.time() + 900
    assert everywhere.capabilities.propagation.tokens == 900
    clock.advance(899)
    assert await alive(everywhere, token)
    assert (await everywhere.tokens.verify(token)).subject == "alice"
    clock.advance(1)
    assert not await alive(everywhere, token)
    with pytest.raises(AuthenticationError):
        await everywhere.tokens.verify(token)
    assert not (await everywhere.tokens.introspect(token)).active
    short = await alice.tokens.issue(lifetime=10)
    clock.advance(10)
    assert not await alive(everywhere, short)
    with pytest.raises(InvalidRequestError, match="900"):
        await alice.tokens.issue(lifetime=901)


async def test_listed_and_read_without_values(everywhere: Idp, clock: ManualClock) -> None:
    alice = await key_of(everywhere, "alice")
    made = [await alice.tokens.issue() for _ in range(3)]
    listed = await alice.tokens.list()
    assert {token.id for token in listed} == {token.id for token in made}
    assert [token.id for token in listed] == sorted(token.id for token in made)
    assert all(token.value is None and token.refresh_token is None for token in listed)
    assert len(await everywhere.tokens.list("alice", limit=2)) == 2
    assert len(await everywhere.tokens.list()) == 0
    assert (await alice.tokens.get(made[0])).model_dump() == next(
        t for t in listed if t == made[0]
    ).model_dump()
    assert (await everywhere.tokens.get(id=made[0].id)) == made[0]
    await everywhere.tokens.revoke(made[0])
    with pytest.raises(NotFoundError):
        await everywhere.tokens.get(made[0])
    with pytest.raises(NotFoundError):
        await everywhere.tokens.get(id="nothing")
    with pytest.raises(PermissionDeniedError):
        await alice.tokens.get(id="nothing")
    for arguments in ({}, {"token": made[0], "id": "x"}):
        with pytest.raises(InvalidRequestError, match="exactly one"):
            await everywhere.tokens.get(**arguments)
        with pytest.raises(InvalidRequestError, match="exactly one"):
            await everywhere.tokens.revoke(**arguments)
    with pytest.raises(NotFoundError):
        await everywhere.tokens.list("nobody")
    clock.advance(900)
    assert len(await alice.tokens.list()) == 2  # by their refresh tokens
    clock.advance(30 * 86400)
    assert len(await alice.tokens.list()) == 0


async def test_refreshing_rotates(everywhere: Idp, clock: ManualClock) -> None:
    alice = await key_of(everywhere, "alice")
    first = await alice.tokens.issue(scopes=["users:*"], lifetime=100)
    clock.advance(50)
    second = await everywhere.tokens.refresh(first)
    assert (second.user_id, second.family_id, second.scopes) == ("alice", first.family_id, ("users:*",))
    assert second.expires_at is not None
    assert second.expires_at.timestamp() == clock.time() + 100
    assert second != first
    assert await alive(everywhere, first)  # the access token lives out its time
    third = await everywhere.tokens.refresh(second.refresh_token)
    fourth = await everywhere.tokens.refresh(shown(third.refresh_token))
    assert await alive(everywhere, fourth)
    assert len(await alice.tokens.list()) == 4
    clock.advance(60)
    assert len(await alice.tokens.list()) == 3
    clock.advance(30 * 86400)
    with pytest.raises(AuthenticationError):
        await everywhere.tokens.refresh(fourth)


async def test_a_refresh_token_that_comes_twice_ends_the_family(everywhere: Idp) -> None:
    alice = await key_of(everywhere, "alice")
    first, other = await alice.tokens.issue(), await alice.tokens.issue()
    second = await everywhere.tokens.refresh(first)
    constrained = await everywhere.with_credential(second).sessions.constrain(["*"])
    with pytest.raises(AuthenticationError, match="family is ended"):
        await everywhere.tokens.refresh(first)
    for token in (first, second):
        assert not await alive(everywhere, token)
        with pytest.raises(AuthenticationError):
            await everywhere.tokens.refresh(token)
    with pytest.raises(AuthenticationError):
        await everywhere.with_credential(constrained).users.me()
    assert await alive(everywhere, other)


async def test_of_a_hundred_who_show_one_refresh_token_one_wins_and_the_family_is_ended(
    everywhere: Idp,
) -> None:
    alice = await key_of(everywhere, "alice")
    token = await alice.tokens.issue()
    won: list[Token] = []
    refused: list[AuthenticationError] = []

    async def refresh() -> None:
        try:
            won.append(await everywhere.tokens.refresh(token))
        except AuthenticationError as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(refresh)
    assert (len(won), len(refused)) == (1, 99)
    assert not await alive(everywhere, won[0])
    with pytest.raises(AuthenticationError):
        await everywhere.tokens.refresh(won[0])
    assert len(await alice.tokens.list()) == 0


async def test_refresh_with_nothing_given(idp: Idp) -> None:
    assert (await idp.tokens.refresh()).user_id == "root"
    token = await idp.tokens.issue()
    client = idp.with_credential(token)
    following = await client.tokens.refresh()
    assert following.family_id == token.family_id
    with pytest.raises(InvalidRequestError, match="no refresh token"):
        await idp.tokens.refresh(await idp.tokens.get(following))
    for wrong in ("nothing", shown(following.value)):
        with pytest.raises(AuthenticationError):
            await idp.tokens.refresh(wrong)


async def test_what_an_access_token_makes_ends_with_it(idp: Idp, clock: ManualClock) -> None:
    """Else a stolen one would be worth more than its 15 minutes."""
    token = await idp.tokens.issue()
    client = idp.with_credential(token)
    joined = await client.tokens.issue()
    session = await client.sessions.constrain(["*"])
    assert joined.family_id == token.family_id
    assert session.expires_at == token.expires_at
    clock.advance(899)
    await idp.with_credential(session).users.me()
    clock.advance(1)
    with pytest.raises(AuthenticationError):
        await idp.tokens.refresh(joined)
    with pytest.raises(AuthenticationError):
        await idp.with_credential(session).users.me()
    await idp.tokens.refresh(token)


async def test_revoking_ends_the_family_and_says_what_passes_offline(
    everywhere: Idp, clock: ManualClock
) -> None:
    alice = await key_of(everywhere, "alice")
    for by in ("token", "access", "refresh", "id"):
        first = await alice.tokens.issue()
        second = await everywhere.tokens.refresh(first)
        if by == "id":
            deletion = await alice.tokens.revoke(id=second.id)
        else:
            deletion = await alice.tokens.revoke(
                {"token": second, "access": second.value, "refresh": second.refresh_token}[by]
            )
        assert (deletion.id, deletion.existed) == (second.id, True)
        (left,) = deletion.residual
        assert left.until == second.expires_at
        for token in (first, second):
            assert not await alive(everywhere, token)
            assert not (await everywhere.tokens.introspect(token)).active
            assert (await everywhere.tokens.verify(token)).active  # offline, for the rest of its 15 minutes
        assert not (await alice.tokens.revoke(second)).existed
    assert not (await alice.tokens.revoke("unknown")).existed
    with pytest.raises(NotFoundError):
        await alice.tokens.revoke(id="unknown")
    clock.advance(900)
    late = await alice.tokens.issue()
    clock.advance(900)
    assert (await alice.tokens.revoke(late)).residual == ()


async def test_introspection_knows_what_is_alive(everywhere: Idp) -> None:
    session = await signed_in(everywhere, "alice")
    alice = everywhere.with_credential(session)
    token = await alice.tokens.issue(scopes=["users:Get"])
    access = await alice.tokens.introspect(token)
    assert (access.active, access.subject, access.token_id, access.scopes) == (
        True,
        "alice",
        token.id,
        ("users:Get",),
    )
    assert access.expires_at == token.expires_at
    assert (await alice.tokens.introspect(token.refresh_token)).active
    assert (await alice.tokens.introspect(Token(id="x", refresh_token=token.refresh_token))).active
    own = await alice.tokens.introspect()
    assert (own.active, own.subject, own.token_id, own.claims) == (
        True,
        "alice",
        session.id,
        {"sid": session.id},
    )
    assert not (await alice.tokens.introspect("anything")).active
    assert not (await alice.tokens.introspect(Secret("ids_anything"))).active
    await everywhere.tokens.refresh(token)
    assert not (await alice.tokens.introspect(token.refresh_token)).active
    with pytest.raises(InvalidRequestError, match="no token"):
        await everywhere.tokens.introspect()
    with pytest.raises(InvalidRequestError, match="no token"):
        await everywhere.tokens.introspect(Token(id="x"))


async def test_anybody_can_verify_by_the_public_keys(everywhere: Idp, clock: ManualClock) -> None:
    session = await signed_in(everywhere, "alice")
    token = await everywhere.with_credential(session).tokens.issue(scopes=["a:b", "c:*"])
    jwks = await everywhere.native.jwks()
    assert "d" not in jwks["keys"][0]
    claims = jwt.decode(shown(token.value), KeySet.import_key_set(jwks), algorithms=["Ed25519"]).claims
    found = await everywhere.tokens.verify(shown(token.value))
    assert dict(found.claims) == claims
    assert (claims["sub"], claims["jti"], claims["sid"], claims["scope"]) == (
        "alice",
        token.id,
        session.id,
        "a:b c:*",
    )
    assert (claims["iat"], claims["exp"]) == (int(clock.time()), int(clock.time()) + 900)
    assert claims["iss"].startswith("urn:identity-sdk:local:")
    with pytest.raises(AuthenticationError, match="audience"):
        await everywhere.tokens.verify(token, audience="someone")
    with pytest.raises(InvalidRequestError, match="no value"):
        await everywhere.tokens.verify(Token(id="x"))


async def test_a_new_signing_key_leaves_living_tokens_alone(everywhere: Idp, clock: ManualClock) -> None:
    old = await everywhere.tokens.issue()
    kid = await everywhere.native.rotate_signing_key()
    new = await everywhere.tokens.issue()
    kids = {key["kid"] for key in (await everywhere.native.jwks())["keys"]}
    assert kid in kids
    assert len(kids) == 2
    assert await alive(everywhere, old)
    assert await alive(everywhere, new)
    clock.advance(900)
    assert [key["kid"] for key in (await everywhere.native.jwks())["keys"]] == [kid]
    assert kid != await everywhere.native.rotate_signing_key()


async def test_only_tokens_of_this_provider_s_own_making_count(idp: Idp, clock: ManualClock) -> None:
    """Another writer of the store may sign other things by the same keys, or with a longer life."""
    from identity_sdk.adapters.local import signing

    token = await idp.tokens.issue()
    claims = dict((await idp.tokens.verify(token)).claims)
    store, now = idp._adapter._core.store, clock.time()

    async def signed(changes: dict[str, object]) -> Secret:
        return await store.write(lambda conn: signing.sign(conn, now, {**claims, **changes}))

    assert (await idp.tokens.verify(await signed({}))).subject == "root"
    for changes in ({"sub": None}, {"jti": 7}, {"exp": "tomorrow"}, {"iss": "another"}, {"exp": now}):
        with pytest.raises(AuthenticationError):
            await idp.tokens.verify(await signed(changes))
    for changes in ({"sub": "alice"}, {"jti": "unknown"}, {"jti": "x\0"}):
        with pytest.raises(AuthenticationError):
            await idp.with_credential(Bearer(await signed(changes))).users.me()
    lasting = await signed({"exp": now + 1e6})
    await idp.native.rotate_signing_key()
    clock.advance(899)
    assert (await idp.tokens.verify(lasting)).active
    clock.advance(1)
    with pytest.raises(AuthenticationError):
        await idp.tokens.verify(lasting)
    assert (await idp.tokens.verify(await idp.tokens.issue(), audience=None)).audience == ()
    addressed = await store.write(
        lambda conn: signing.sign(conn, clock.time(), {**claims, "exp": clock.time() + 9, "aud": ["a", "b"]})
    )
    assert (await idp.tokens.verify(addressed, audience="b")).audience == ("a", "b")


async def test_another_store_s_tokens_are_worth_nothing(idp: Idp, clock: ManualClock) -> None:
    from identity_sdk import connect

    from .conftest import local

    async with connect(local(), clock=clock) as other:
        token, session = await other.tokens.issue(), await other.sessions.constrain(["*"])
    for auth in (token, session):
        with pytest.raises(AuthenticationError):
            await idp.with_credential(auth).users.me()
    with pytest.raises(AuthenticationError):
        await idp.tokens.verify(token)


async def test_vacuum_takes_what_is_dead_and_nothing_else(everywhere: Idp, clock: ManualClock) -> None:
    session = await signed_in(everywhere, "alice")
    token = await everywhere.with_credential(session).tokens.issue()
    key = await everywhere.credentials.create("alice", lifetime=100)
    spent = await everywhere.tokens.refresh(token)
    assert set((await everywhere.native.vacuum()).values()) == {0}
    clock.advance(2 * 3600)
    assert await everywhere.native.vacuum() == {"sessions": 0, "tokens": 0, "resets": 0, "credentials": 1}
    with pytest.raises(NotFoundError):
        await everywhere.credentials.get(key)
    clock.advance(11 * 3600)
    assert await everywhere.native.vacuum() == {"sessions": 1, "tokens": 2, "resets": 0, "credentials": 0}
    with pytest.raises(AuthenticationError):
        await everywhere.tokens.refresh(spent)
    with pytest.raises(NotSupportedError):
        await everywhere.credentials.request_password_reset("a@x")
