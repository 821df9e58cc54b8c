"""What IGT Cloud alone has: passwords and assertions, S3 credentials, one's own permissions, given groups."""

from __future__ import annotations

import pytest

from contract.marks import covers, needs, only
from contract.target import World
from identity_sdk.auth.sources import AccessKey
from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)

pytestmark = [pytest.mark.anyio, only(column="igtcloud")]

ADMIN = "admin@example.com"


@covers("users.create", "name", "kind=service")
@covers("users.get", "kind=service")
@covers("users.list", "kind=service", "prefix", "limit", "cursor")
@covers("users.delete", "kind=service", "missing_ok")
async def test_a_machine_signs_in_by_its_key(world: World) -> None:
    made = [await world.idp.users.create(name="robot", kind="service") for _ in range(2)]
    ids = sorted(one.id for one in made)
    assert len(set(ids)) == 2
    assert [one.id for one in await world.idp.users.list(kind="service", prefix=ids[0])] == [ids[0]]
    page = await anext(world.idp.users.list(kind="service", limit=1).pages())
    rest = await world.idp.users.list(kind="service", cursor=page.cursor)
    assert sorted(one.id for one in (*page.items, *rest)) == ids
    machine = world.idp.with_credential(AccessKey(made[0].id, made[0].private_key))
    me = await machine.users.me()
    assert (me.id, me.kind) == (made[0].id, "service")
    read = await world.idp.users.get(me.id, kind="service")
    assert read.private_key is None
    deletion = await world.idp.users.delete(me.id, kind="service")
    assert deletion.residual
    with pytest.raises(AuthenticationError):
        await machine.tokens.issue()
    with pytest.raises(NotFoundError):
        await world.idp.users.delete(me.id, kind="service")
    assert not (await world.idp.users.delete(me.id, kind="service", missing_ok=True)).existed
    with pytest.raises(NotSupportedError):
        await world.idp.users.create("an-id", kind="service")


@covers("users.delete", "wait")
@covers("users.create", "exist_ok")
async def test_nobody_signs_in_as_who_is_gone(world: World) -> None:
    user = await world.user()
    credential = await world.credential(user)
    client = await world.sign_in(credential)
    token = await client.tokens.issue()
    deletion = await world.idp.users.delete(user, wait=True)
    assert deletion.residual[0].until is not None
    with pytest.raises(AuthenticationError):
        await client.tokens.issue()
    await world.idp.users.create(user, exist_ok=True)
    with pytest.raises(AuthenticationError):
        await client.tokens.issue()
    stale = world.idp.with_credential(token)  # names the user who is gone, not the one of today
    with pytest.raises((AuthenticationError, InvalidRequestError, NotFoundError)):
        await stale.users.me()
    with pytest.raises(ConflictError):
        await world.idp.users.create(user)


@covers("groups.get")
@covers("groups.list", "prefix")
@covers("groups.members")
async def test_groups_that_others_made(world: World) -> None:
    group, nobody = await world.group(), world.name("nogroup")
    assert (await world.idp.groups.get(group)).id == group
    assert [one.id for one in await world.idp.groups.list(prefix=group)] == [group]
    for call in (
        world.idp.groups.get(nobody),
        world.idp.groups.members(nobody),
        world.idp.groups.add_member(nobody, await world.user()),
        world.idp.groups.remove_member(nobody, await world.user()),
    ):
        with pytest.raises(NotFoundError):
            await call
    before = world.requests()
    for name in world.rules.refused:
        for refused in (
            world.idp.groups.get(name),
            world.idp.groups.add_member(name, "somebody"),
            world.idp.groups.add_member(group, name),
            world.idp.groups.remove_member(name, "somebody"),
        ):
            with pytest.raises(InvalidRequestError):
                await refused
    assert world.requests() == before


@covers("policies.check")
@covers("policies.permissions", "user", "limit", "cursor")
async def test_what_one_may_do_oneself(world: World) -> None:
    idp, user = world.idp, await world.user()
    assert await idp.policies.check(ADMIN, *world.rules.allowed)
    decision = await idp.policies.check(ADMIN, *world.rules.not_allowed)
    assert not decision
    assert decision.decided_by == "client"
    assert await idp.policies.check(ADMIN, "user.read", "org-1")
    assert not await idp.policies.check(ADMIN, "user.read", "org-2")
    with pytest.raises(PermissionDeniedError):
        await idp.policies.require(ADMIN, *world.rules.not_allowed)
    held = await idp.policies.permissions(ADMIN)
    assert {one.effect for one in held} == {"allow"}
    page = await anext(idp.policies.permissions(limit=3).pages())
    rest = await idp.policies.permissions(cursor=page.cursor)
    assert [one.actions for one in (*page.items, *rest)] == [one.actions for one in held]
    client = await world.sign_in(await world.credential(user))
    assert list(await client.policies.permissions()) == []
    assert not await client.policies.check(user, *world.rules.allowed)
    for call in (idp.policies.check(user, *world.rules.allowed), idp.policies.permissions(user)):
        with pytest.raises(NotSupportedError):
            await call


@covers("credentials.create", "kind=s3", "action", "prefix")
@covers("credentials.renew")
async def test_s3_credentials(world: World) -> None:
    first = await world.idp.credentials.create(kind="s3", action="PUT", prefix="p1/")
    assert (first.kind, first.actions, first.resources) == ("s3", ("PUT",), ("p1/*",))
    assert first.expires_at is not None
    assert set(first.as_boto3()) == {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    before = world.requests()
    assert await world.idp.credentials.create(kind="s3", action="PUT", prefix="p1/") == first
    assert world.requests() == before
    world.clock.advance(first.expires_at.timestamp() - world.clock.time() - 3599)
    following = await world.idp.credentials.create(kind="s3", action="PUT", prefix="p1/")
    assert following.id != first.id
    assert (await world.idp.credentials.renew(following)).id != following.id
    powerless = await world.client("powerless")
    with pytest.raises(PermissionDeniedError):
        await powerless.credentials.create()


@covers("sessions.methods")
@covers("sessions.create", "identifier", "secret")
@covers("sessions.current")
@covers("sessions.end", "session")
async def test_signing_in_and_out(world: World) -> None:
    assert [method.id for method in await world.idp.sessions.methods()] == ["password", "jwt-key"]
    user = await world.user()
    method, proof = world.key_sign_in(await world.credential(user))
    session = await world.idp.sessions.create(method, **proof)
    assert (session.user_id, session.method) == (user, "password")
    assert session.token.reveal() not in f"{session!r}{session.model_dump_json()}"
    client = world.idp.with_credential(session)
    current = await client.sessions.current()
    assert (current.id, current.user_id, current.token) == (session.id, user, None)
    assert (await world.idp.sessions.current()).user_id == ADMIN
    assert (await client.sessions.end()).server_side
    with pytest.raises(AuthenticationError):
        await client.users.me()
    other = await world.idp.sessions.create(method, **proof)
    assert (await world.idp.sessions.end(other)).server_side
    with pytest.raises(AuthenticationError):
        await world.idp.with_credential(other).users.me()
    for secret in ("wrong", "x" * 100):
        with pytest.raises(AuthenticationError):
            await world.idp.sessions.create("password", identifier=user, secret=secret)
    robot = await world.machine()
    by_key = await world.idp.sessions.create("jwt-key", identifier=robot.id, secret=robot.private_key)
    assert (by_key.user_id, by_key.method) == (robot.id, "jwt-key")
    for wrong in ({}, {"identifier": user}, {"secret": "x"}):
        with pytest.raises(InvalidRequestError):
            await world.idp.sessions.create("password", **wrong)


@covers("tokens.refresh")
@needs("tokens.issue")
async def test_a_token_lives_on_by_refreshes_and_then_expires(world: World) -> None:
    token = await world.idp.tokens.issue()
    client = world.idp.with_credential(token)
    for _ in range(3):
        await client.users.me()
        world.clock.advance(1790)
    await client.users.create(world.name())  # with the CSRF token of the login
    world.clock.advance(1801)
    with pytest.raises(AuthenticationError):
        await client.users.me()
    assert (await world.idp.with_credential(await world.idp.tokens.refresh()).users.me()).id == ADMIN
