"""Issued tokens."""

from __future__ import annotations

import pytest

from contract.marks import covers, needs, only
from contract.target import World
from identity_sdk.errors import AuthenticationError, InvalidRequestError, NotFoundError, PermissionDeniedError
from identity_sdk.models import Token

pytestmark = pytest.mark.anyio


@covers("tokens.issue")
@needs("credentials.create")
async def test_an_issued_token_signs_in(world: World) -> None:
    user = await world.key_user()
    client = await world.sign_in(await world.credential(user))
    token = await client.tokens.issue()
    assert isinstance(token, Token)
    assert token.user_id == user
    assert token.value is not None
    assert token.value.reveal() not in f"{token!r}{token.model_dump_json()}"
    assert token.expires_at is not None
    assert token.expires_at.timestamp() > world.clock.time()
    assert (await world.idp.with_credential(token).users.me()).id == user
    assert (await client.tokens.issue()).id != token.id


@covers("tokens.refresh", "token")
@needs("credentials.create")
async def test_the_next_token(world: World) -> None:
    user = await world.key_user()
    client = await world.sign_in(await world.credential(user))
    token = await client.tokens.issue()
    following = await client.tokens.refresh(token)
    assert following.id != token.id
    assert following.user_id == user
    assert following.value is not None
    assert (await world.idp.with_credential(following).users.me()).id == user
    with pytest.raises((AuthenticationError, InvalidRequestError)):
        await client.tokens.refresh("nobody's token")


@covers("tokens.refresh")
@needs("tokens.issue")
@only(given_tokens_renew=False)
async def test_a_token_expires(world: World) -> None:
    token = await world.idp.tokens.issue()
    client = world.idp.with_credential(token)
    await client.users.me()
    assert token.expires_at is not None
    world.clock.advance(token.expires_at.timestamp() - world.clock.time() - 60)
    await client.users.me()
    world.clock.advance(61)
    with pytest.raises(AuthenticationError):
        await client.users.me()
    fresh = await world.idp.tokens.refresh(token if world.rotates else None)
    assert (await world.idp.with_credential(fresh).users.me()).id == token.user_id


@covers("tokens.refresh", "token")
@only(rotates=True)
async def test_a_refresh_token_works_once(world: World) -> None:
    client = await world.sign_in(await world.credential(await world.key_user()))
    first = await client.tokens.issue()
    assert first.refresh_token is not None
    second = await client.tokens.refresh(first.refresh_token)
    assert second.refresh_token is not None
    with pytest.raises(AuthenticationError):  # shown twice: somebody has stolen it (RFC 9700 section 4.14.2)
        await client.tokens.refresh(first)
    with pytest.raises(AuthenticationError):
        await client.tokens.refresh(second)
    with pytest.raises(AuthenticationError):
        await world.idp.with_credential(second).users.me()


@covers("tokens.issue", "scopes", "lifetime")
async def test_a_limited_token(world: World) -> None:
    user = await world.key_user()
    await world.grant_all(user)
    client = await world.sign_in(await world.credential(user))
    scope, allowed, refused = world.rules.scope
    token = await client.tokens.issue(scopes=[scope], lifetime=60)
    assert token.scopes == (scope,)
    assert token.expires_at is not None
    assert token.expires_at.timestamp() - world.clock.time() == pytest.approx(60, abs=1)
    narrow = world.idp.with_credential(token)
    await allowed(narrow, user)
    with pytest.raises(PermissionDeniedError):
        await refused(narrow, user)
    world.clock.advance(61)
    with pytest.raises(AuthenticationError):
        await allowed(narrow, user)


@covers("tokens.list", "user")
@covers("tokens.get", "token", "id")
@covers("tokens.revoke", "token", "id")
async def test_tokens_are_listed_without_their_values_and_revoked(world: World) -> None:
    user = await world.key_user()
    client = await world.sign_in(await world.credential(user))
    assert list(await client.tokens.list()) == []
    one, two, three = [await client.tokens.issue() for _ in range(3)]
    listed = await world.idp.tokens.list(user)
    assert sorted(token.id for token in listed) == sorted([one.id, two.id, three.id])
    assert {(token.user_id, token.value, token.refresh_token) for token in listed} == {(user, None, None)}
    assert await client.tokens.list() == listed
    for read in (await client.tokens.get(one), await client.tokens.get(id=one.id)):
        assert (read.id, read.value, read.refresh_token) == (one.id, None, None)
    assert (await client.tokens.revoke(one)).id == one.id
    assert (await world.idp.tokens.revoke(id=two.id)).existed
    assert (await client.tokens.revoke(three.value)).existed
    for token in (one, two, three):
        with pytest.raises(AuthenticationError):
            await world.idp.with_credential(token).users.me()
        with pytest.raises(AuthenticationError):
            await client.tokens.refresh(token)
        with pytest.raises(NotFoundError):
            await client.tokens.get(id=token.id)
    assert list(await client.tokens.list()) == []
    with pytest.raises(NotFoundError):
        await world.idp.tokens.revoke(id="no such token")
    with pytest.raises(NotFoundError):
        await world.idp.tokens.get(id="no such token")
    for choice in ({}, {"token": one, "id": one.id}):
        with pytest.raises(InvalidRequestError):
            await client.tokens.revoke(**choice)
        with pytest.raises(InvalidRequestError):
            await client.tokens.get(**choice)


@covers("tokens.introspect", "token")
async def test_what_the_server_knows_of_a_token(world: World) -> None:
    user = await world.key_user()
    client = await world.sign_in(await world.credential(user))
    token = await client.tokens.issue()
    claims = await client.tokens.introspect(token)
    assert (claims.active, claims.subject, claims.token_id) == (True, user, token.id)
    assert (await client.tokens.introspect(token.value)).active
    assert (await world.idp.with_credential(token).tokens.introspect()).subject == user
    if world.can("tokens.revoke"):
        await client.tokens.revoke(token)
        assert not (await client.tokens.introspect(token)).active
    assert not (await client.tokens.introspect("nobody's token")).active


@covers("tokens.verify", "audience")
async def test_checked_offline(world: World) -> None:
    user = await world.key_user()
    client = await world.sign_in(await world.credential(user))
    token = await client.tokens.issue()
    claims = await client.tokens.verify(token)
    assert (claims.active, claims.subject) == (True, user)
    assert claims.expires_at == token.expires_at
    for audience in claims.audience:
        assert (await client.tokens.verify(token.value, audience=audience)).subject == user
    with pytest.raises(AuthenticationError):
        await client.tokens.verify(token, audience="somebody else")
    value = token.value.reveal()
    other = value[:-4] + ("AAAA" if value[-4:] != "AAAA" else "BBBB")
    for text in (other, f"{value}x", "nobody's token", _unsigned(value)):
        with pytest.raises(AuthenticationError):
            await client.tokens.verify(text)
    world.clock.advance(token.expires_at.timestamp() - world.clock.time() + 1)
    with pytest.raises(AuthenticationError):
        await client.tokens.verify(token)


def _unsigned(value: str) -> str:
    """The same claims under ``alg: none`` (RFC 8725 section 3.1)."""
    return f"eyJhbGciOiJub25lIn0.{value.split('.')[1]}."
