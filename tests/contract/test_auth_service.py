"""What only the auth service has: roles and modes, signing in at a provider, refresh tokens for services."""

from __future__ import annotations

from typing import Any

import pytest

from contract.marks import covers, needs
from contract.target import World
from contract.test_halfway import Cut, cut, each_cut
from identity_sdk.adapters.auth_service.models import GroupGrant
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ChallengeRequiredError,
    NotFoundError,
    PermissionDeniedError,
)

pytestmark = pytest.mark.anyio

ROLE = needs("users.create", "global_role")
cuts = pytest.mark.parametrize("how", Cut, ids=lambda how: how.name.lower())


@covers("users.create", "global_role", "groups")
@covers("users.update", "global_role", "groups", "kind=human")
@covers("groups.add_member", "role")
async def test_roles_and_modes(world: World) -> None:
    group, other, name = await world.group(), await world.group(), world.name()
    made = await world.idp.users.create(
        name, global_role="ADMIN", groups=[GroupGrant(group_id=group, mode="WRITE")]
    )
    assert (made.global_role, [(one.id, one.mode) for one in made.groups]) == ("ADMIN", [(group, "WRITE")])
    await world.idp.groups.add_member(other, name, role="ADMIN")
    await world.idp.groups.add_member(other, name)
    assert {one.id: one.mode for one in await world.idp.users.groups(name)} == {
        group: "WRITE",
        other: "ADMIN",
    }
    (member,) = await world.idp.groups.members(other)
    assert (member.id, member.role) == (name, "ADMIN")
    changed = await world.idp.users.update(name, global_role="USER")
    assert (changed.global_role, len(changed.groups)) == ("USER", 2)
    changed = await world.idp.users.update(name, groups=[GroupGrant(group_id=other, mode="READ")])
    assert (changed.global_role, [(one.id, one.mode) for one in changed.groups]) == (
        "USER",
        [(other, "READ")],
    )
    with pytest.raises(NotFoundError):
        await world.idp.users.update(world.name("nobody"), global_role="USER")


@ROLE
@covers("policies.permissions", "user", "limit", "cursor")
async def test_modes_as_statements(world: World) -> None:
    user, groups = await world.user(), sorted([await world.group() for _ in range(3)])
    assert list(await world.idp.policies.permissions(user)) == []
    for group, mode in zip(groups, ("READ", "WRITE", "ADMIN"), strict=True):
        await world.idp.groups.add_member(group, user, role=mode)
    said = await world.idp.policies.permissions(user)
    assert [(one.policy, len(one.actions)) for one in said] == [
        (group, n) for n, group in enumerate(groups, 1)
    ]
    page = await anext(world.idp.policies.permissions(user, limit=2).pages())
    rest = await world.idp.policies.permissions(user, cursor=page.cursor)
    assert [*page.items, *rest] == list(said)
    assert [one.resources for one in await world.idp.policies.permissions()] == [("*",)]


@ROLE
@covers("groups.create", "description")
@covers("groups.update", "description")
async def test_descriptions(world: World) -> None:
    name, user = world.name("group"), await world.user()
    assert (await world.idp.groups.create(name, description="one")).description == "one"
    await world.idp.groups.add_member(name, user)
    assert (await world.idp.groups.update(name, description="two")).description == "two"
    assert (await world.idp.groups.update(name)).description == "two"
    assert (await world.idp.groups.update(name, description=None)).description is None
    assert [member.id for member in await world.idp.groups.members(name)] == [user]
    with pytest.raises(NotFoundError):
        await world.idp.groups.update(world.name("nogroup"), description="x")


@ROLE
@covers("sessions.methods")
@covers("sessions.create", "code", "state", "scope", "cookie")
@covers("sessions.current")
@covers("sessions.end", "session")
async def test_signing_in_at_the_provider(world: Any) -> None:
    user, idp = await world.user(), world.idp.with_credential(None)
    (method,) = await idp.sessions.methods()
    session = await idp.sessions.create(method.id, **world.at_the_provider(method.url, user))
    assert (session.user_id, session.method) == (user, "sso")
    assert session.token.reveal() not in f"{session!r}{session.model_dump_json()}"
    client = world.idp.with_credential(session)
    world.clock.advance(1200)  # past the access token: the refresh token gets another
    assert (await client.users.me()).id == user
    assert (await client.sessions.current()).id == session.id
    with pytest.raises(PermissionDeniedError):
        await client.users.list()
    assert not (await client.sessions.end(session)).server_side
    with pytest.raises(ChallengeRequiredError) as challenge:
        await idp.sessions.create("sso")
    await idp.sessions.create("sso", **world.at_the_provider(challenge.value.challenge, user))
    world.clock.advance(1200)
    with pytest.raises(AuthenticationError):  # a sign-in ends the earlier refresh tokens of its user
        await client.users.me()
    login = await idp.native.login()
    back = world.at_the_provider(login.url, user)
    assert (await idp.sessions.create("sso", **back, cookie=login.cookie)).user_id == user
    with pytest.raises(AuthenticationError):
        await idp.sessions.create("sso", **back, cookie=login.cookie)


@ROLE
@covers("tokens.refresh", "token")
@covers("tokens.verify")
async def test_access_tokens(world: Any) -> None:
    token = await world.idp.tokens.refresh()
    assert (await world.idp.with_credential(token).users.me()).id == "admin"
    claims = await world.idp.tokens.verify(token)
    assert (claims.subject, claims.user.global_role, claims.expires_at) == (
        "admin",
        "ADMIN",
        token.expires_at.replace(microsecond=0),
    )
    again = await world.idp.tokens.refresh(token)
    assert again.user_id == (await world.idp.tokens.refresh(token.refresh_token)).user_id == "admin"
    world.clock.advance(601)
    with pytest.raises(AuthenticationError):
        await world.idp.tokens.verify(token)
    with pytest.raises(AuthenticationError):
        await world.idp.tokens.verify(again.value.reveal()[:-6] + "AAAAAA")
    with pytest.raises(AuthenticationError):
        await world.idp.tokens.refresh("3f2b8a10-0000-4000-8000-000000000000")
    assert len(await world.idp.users.list()) == 1  # the client's own is got anew by itself


@ROLE
@covers("tokens.issue", "lifetime", "name", "groups")
@covers("tokens.list", "limit", "cursor")
@covers("tokens.get", "token", "id")
@covers("tokens.revoke", "token", "id")
async def test_refresh_tokens_for_services(world: Any) -> None:
    group = GroupGrant(group_id=await world.group(), mode="READ")
    names = [world.name("robot") for _ in range(3)]
    one, two, three = [
        await world.idp.tokens.issue(name=name, lifetime=9000, groups=[group]) for name in names
    ]
    listed = await world.idp.tokens.list()
    assert {one.id, two.id, three.id} < {token.id for token in listed}
    assert {(token.value, token.refresh_token) for token in listed} == {(None, None)}
    page = await anext(world.idp.tokens.list(limit=2).pages())
    assert [*page.items, *await world.idp.tokens.list(cursor=page.cursor)] == list(listed)
    assert (await world.idp.tokens.get(one)).name == (await world.idp.tokens.get(id=one.id)).name == names[0]
    assert (await world.idp.tokens.revoke(one)).id == one.id
    assert (await world.idp.tokens.revoke(id=two.id)).existed
    for dead in (one, two):
        with pytest.raises(AuthenticationError):
            await world.idp.tokens.refresh(dead)
        with pytest.raises(NotFoundError):
            await world.idp.tokens.revoke(id=dead.id)
    assert (await world.idp.tokens.refresh(three)).user_id == "admin"
    world.clock.advance(9001)
    with pytest.raises(AuthenticationError):
        await world.idp.tokens.refresh(three)


@ROLE
@covers("users.create", "exist_ok")
@covers("users.delete", "missing_ok")
@cuts
async def test_users_cut_half_way(world: World, how: Cut) -> None:
    async def making(number: int) -> bool:
        user = world.name()
        made, raised = await cut(world, number, how, lambda idp: idp.users.create(user))
        if isinstance(raised, AmbiguousOutcomeError):
            assert raised.how_to_find_out
        assert (await world.idp.users.create(user, exist_ok=True)).id == user
        return made

    async def deleting(number: int) -> bool:
        user, group = await world.user(), await world.group()
        await world.idp.groups.add_member(group, user)
        made, _ = await cut(world, number, how, lambda idp: idp.users.delete(user))
        await world.idp.users.delete(user, missing_ok=True)
        await world.idp.users.create(user)
        assert list(await world.idp.users.groups(user)) == []
        assert list(await world.idp.groups.members(group)) == []
        return made

    await each_cut(world, how, making)
    await each_cut(world, how, deleting)


@ROLE
@covers("groups.create", "exist_ok")
@covers("groups.add_member", "role")
@covers("groups.remove_member")
@covers("groups.update", "description")
@covers("groups.delete", "missing_ok")
@cuts
async def test_groups_cut_half_way(world: World, how: Cut) -> None:
    user, kept, group = await world.user(), await world.group(), world.name("group")
    await world.idp.groups.add_member(kept, user, role="WRITE")

    async def once(verb: str, *arguments: Any, **options: Any) -> None:
        async def cut_and_repeat(number: int) -> bool:
            made, _ = await cut(
                world, number, how, lambda idp: getattr(idp.groups, verb)(*arguments, **options)
            )
            await getattr(world.idp.groups, verb)(*arguments, **options)
            return made

        await each_cut(world, how, cut_and_repeat)

    await once("create", group, description="one", exist_ok=True)
    await once("add_member", group, user, role="ADMIN")
    await once("update", group, description="two")
    assert (await world.idp.groups.get(group)).description == "two"
    assert {one.id: one.mode for one in await world.idp.users.groups(user)} == {group: "ADMIN", kept: "WRITE"}
    await once("remove_member", group, user)
    await once("delete", group, missing_ok=True)
    assert {one.id: one.mode for one in await world.idp.users.groups(user)} == {kept: "WRITE"}
