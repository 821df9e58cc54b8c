"""Credentials: made, shown once, listed, rotated, deleted; and passwords."""

from __future__ import annotations

import pytest

from contract.marks import covers, needs
from contract.target import World
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PartialFailureError,
)
from identity_sdk.models import Credential

pytestmark = pytest.mark.anyio


@covers("credentials.create", "user", "kind=access_key")
@covers("credentials.get", "user")
async def test_what_is_made_can_be_read_and_its_secret_only_once(world: World) -> None:
    user = await world.key_user()
    made = await world.idp.credentials.create(user, kind="access_key")
    assert isinstance(made, Credential)
    assert (made.user_id, made.kind) == (user, "access_key")
    assert made.secret is not None
    assert made.created_at is not None
    assert await world.alive(made)
    for read in (
        await world.idp.credentials.get(made),
        await world.idp.credentials.get(made.id, user=user),
    ):
        assert read == made
        assert (read.user_id, read.kind, read.secret) == (user, "access_key", None)
    assert made.secret.reveal() not in f"{made!r}{made.model_dump_json()}"


@covers("credentials.create")
@covers("credentials.get")
async def test_without_a_user_it_is_ones_own(world: World) -> None:
    me = await world.idp.users.me()
    made = await world.idp.credentials.create()
    assert made.user_id == me.id
    assert (await world.idp.credentials.get(made.id)).id == made.id
    assert (await (await world.sign_in(made)).users.me()).id == me.id


@covers("credentials.list", "user", "kind=access_key")
async def test_listed_without_secrets(world: World) -> None:
    await _listed(world, "access_key")


@covers("credentials.list", "user", "kind=api_key")
@covers("credentials.create", "user", "kind=api_key")
async def test_api_keys_are_listed_without_secrets(world: World) -> None:
    await _listed(world, "api_key")


async def _listed(world: World, kind: str) -> None:
    user, other = await world.key_user(), await world.key_user()
    assert list(await world.idp.credentials.list(user)) == []
    made = sorted([(await world.idp.credentials.create(user, kind=kind)).id for _ in range(3)])
    listed = await world.idp.credentials.list(user, kind=kind)
    assert sorted(one.id for one in listed) == made
    assert {(one.user_id, one.secret, one.kind) for one in listed} == {(user, None, kind)}
    assert list(await world.idp.credentials.list(other)) == []


@covers("credentials.list")
async def test_listed_without_a_user_they_are_ones_own(world: World) -> None:
    made = await world.idp.credentials.create()
    mine = await world.idp.credentials.list()
    assert made.id in [one.id for one in mine]
    assert {one.user_id for one in mine} == {made.user_id}


@covers("credentials.get", "user")
async def test_unknown_credentials(world: World) -> None:
    user = await world.key_user()
    for name in (world.rules.unknown_key, "x"):
        with pytest.raises(NotFoundError):
            await world.idp.credentials.get(name, user=user)
    if world.can("credentials.delete"):
        with pytest.raises(NotFoundError):
            await world.idp.credentials.delete(world.rules.unknown_key, user=user)
        gone = await world.idp.credentials.delete(world.rules.unknown_key, user=user, missing_ok=True)
        assert not gone.existed
    if world.can("users.create"):
        nobody = world.name("nobody")
        with pytest.raises(NotFoundError):
            await world.idp.credentials.create(nobody)


@covers("credentials.get", "user")
@covers("credentials.delete", "user", "missing_ok")
async def test_a_credential_of_somebody_else_is_not_found(world: World) -> None:
    user, other = await world.key_user(), await world.key_user()
    made = await world.idp.credentials.create(user)
    with pytest.raises(NotFoundError):
        await world.idp.credentials.get(made.id, user=other)
    with pytest.raises(NotFoundError):
        await world.idp.credentials.delete(made.id, user=other)
    assert not (await world.idp.credentials.delete(made.id, user=other, missing_ok=True)).existed
    assert await world.alive(made)
    before = world.requests()
    with pytest.raises(InvalidRequestError):
        await world.idp.credentials.get(made, user=other)
    assert world.requests() == before


@covers("credentials.delete", "user")
async def test_a_deleted_credential_is_dead(world: World) -> None:
    user = await world.key_user()
    kept, doomed = [await world.idp.credentials.create(user) for _ in range(2)]
    assert await world.alive(doomed)
    deletion = await world.idp.credentials.delete(doomed.id, user=user)
    assert (deletion.id, deletion.existed) == (doomed.id, True)
    await world.settle()
    assert not await world.alive(doomed)
    assert await world.alive(kept)
    with pytest.raises(NotFoundError):
        await world.idp.credentials.get(doomed)
    with pytest.raises(NotFoundError):
        await world.idp.credentials.delete(doomed)
    assert [one.id for one in await world.idp.credentials.list(user)] == [kept.id]


@covers("credentials.delete", "wait")
async def test_waiting_until_a_credential_is_refused(world: World) -> None:
    user = await world.key_user()
    doomed, other = [await world.idp.credentials.create(user) for _ in range(2)]
    assert await world.alive(doomed)
    patient = world.idp.with_options(deadline=600)
    assert (await patient.credentials.delete(doomed, wait=True)).existed
    assert not await world.alive(doomed)
    needed = world.idp.capabilities.propagation.credentials
    if needed:
        before = world.requests()
        with pytest.raises(ConfigurationError):
            await world.idp.with_options(deadline=needed - 1).credentials.delete(other, wait=True)
        assert world.requests() == before
        assert await world.alive(other)


@covers("credentials.rotate", "user")
async def test_rotation(world: World) -> None:
    user = await world.key_user()
    old = await world.idp.credentials.create(user)
    async with world.idp.credentials.rotate(old) as new:
        assert new.id != old.id
        assert new.secret is not None
        assert new.user_id == user
        assert await world.alive(new)
        assert await world.alive(old)
    await world.settle()
    assert await world.alive(new)
    assert not await world.alive(old)
    async with world.idp.credentials.rotate(new.id, user=user) as third:
        pass
    assert [one.id for one in await world.idp.credentials.list(user)] == [third.id]


@covers("credentials.rotate")
async def test_both_stay_alive_when_the_hand_over_fails(world: World) -> None:
    old = await world.idp.credentials.create(await world.key_user())
    with pytest.raises(PartialFailureError) as stopped:
        async with world.idp.credentials.rotate(old) as new:
            raise OSError("the vault is sealed")
    assert old.id in str(stopped.value)
    assert new.id in str(stopped.value)
    assert isinstance(stopped.value.__cause__, OSError)
    assert stopped.value.operation == "credentials.rotate"
    await world.settle()
    assert await world.alive(old)
    assert await world.alive(new)


@covers("credentials.rotate")
async def test_rotating_what_is_not_there_makes_nothing(world: World) -> None:
    user = await world.key_user()
    with pytest.raises(NotFoundError):
        async with world.idp.credentials.rotate(world.rules.unknown_key, user=user):
            pytest.fail("there was nothing to rotate")
    assert list(await world.idp.credentials.list(user)) == []


@needs("users.create", "kind=human")
@needs("sessions.create", "identifier", "secret")
@covers("credentials.request_password_reset")
@covers("credentials.reset_password")
async def test_a_reset_token_sets_a_password_once(world: World) -> None:
    address = f"{world.name('mail')}@example.com"
    user = await world.user_with_address(address)
    assert await world.idp.credentials.request_password_reset(f"{world.name('nobody')}@example.com") is None
    assert world.reset_token(f"{world.name('nobody')}@example.com") is None
    assert await world.idp.credentials.request_password_reset(address) is None
    token = world.reset_token(address)
    assert token is not None
    with pytest.raises(AuthenticationError):
        await world.idp.credentials.reset_password("no such token", "a good new password")
    assert await world.idp.credentials.reset_password(token, "a good new password") is None
    with pytest.raises(AuthenticationError):
        await world.idp.credentials.reset_password(token, "another password")
    name = world.password_name(user, address)
    session = await world.idp.sessions.create("password", identifier=name, secret="a good new password")
    assert session.user_id == user
    for secret in ("another password", "wrong"):
        with pytest.raises(AuthenticationError):
            await world.idp.sessions.create("password", identifier=name, secret=secret)


@covers("credentials.create", "kind=api_key", "name", "lifetime")
@covers("credentials.renew", "user", "lifetime")
@covers("credentials.list", "kind=api_key")
async def test_an_api_key_expires_unless_it_is_renewed(world: World) -> None:
    user = await world.user()
    short, long = world.rules.lifetimes
    key = await world.idp.credentials.create(user, kind="api_key", name="laptop", lifetime=short)
    assert (key.kind, key.user_id) == ("api_key", user)
    assert key.expires_at is not None
    assert key.expires_at.timestamp() - world.clock.time() == pytest.approx(short, abs=1)
    assert [one.id for one in await world.idp.credentials.list(user, kind="api_key")] == [key.id]
    assert await world.alive(key)
    world.clock.advance(short * 0.8)
    renewed = await world.idp.credentials.renew(key.id, user=user, lifetime=long)
    assert renewed.secret is None
    assert renewed.expires_at is not None
    assert renewed.expires_at.timestamp() - world.clock.time() == pytest.approx(long, abs=1)
    world.clock.advance(long * 0.9)
    assert await world.alive(key)
    world.clock.advance(long * 0.1 + 1)
    assert not await world.alive(key)
    if world.rules.renews_expired:
        await world.idp.credentials.renew(key, lifetime=long)
        assert await world.alive(key)
        return
    with pytest.raises((ConflictError, NotFoundError)):
        await world.idp.credentials.renew(key, lifetime=long)


@covers("credentials.create", "kind=totp")
@covers("credentials.confirm", "user")
@covers("credentials.list", "kind=totp")
@covers("credentials.delete", "user")
async def test_an_authenticator_counts_once_it_is_confirmed(world: World) -> None:
    user = await world.user()
    made = await world.idp.credentials.create(user, kind="totp")
    assert made.secret is not None
    assert made.uri is not None
    assert made.uri.reveal().startswith("otpauth://totp/")
    assert made.confirmed is False
    assert made.secret.reveal() not in f"{made!r}{made.model_dump_json()}"
    with pytest.raises(AuthenticationError):
        await world.idp.credentials.confirm(made.id, "000000", user=user)
    code = world.code(made.secret)
    confirmed = await world.idp.credentials.confirm(made.id, code, user=user)
    assert (confirmed.confirmed, confirmed.secret) == (True, None)
    with pytest.raises(AuthenticationError):
        await world.idp.credentials.confirm(made, code)
    (listed,) = await world.idp.credentials.list(user, kind="totp")
    assert (listed.id, listed.kind, listed.secret, listed.confirmed) == (made.id, "totp", None, True)
    await world.idp.credentials.delete(made.id, user=user)
    assert list(await world.idp.credentials.list(user)) == []
