"""Groups and who is in them."""

from __future__ import annotations

import pytest

from contract.marks import covers, either_loop, needs
from contract.target import World
from identity_sdk.errors import ConflictError, InvalidRequestError, NotFoundError
from identity_sdk.models import Group, Member

pytestmark = pytest.mark.anyio


@covers("groups.create")
@covers("groups.get")
async def test_what_is_made_can_be_read(world: World) -> None:
    name = world.name("group")
    made = await world.idp.groups.create(name)
    read = await world.idp.groups.get(name)
    assert isinstance(made, Group)
    assert made == read
    assert read.id == name
    assert (read.created_at is not None) is world.rules.dated
    assert made.created_at == read.created_at


@covers("groups.create", "exist_ok")
async def test_a_second_of_that_id_is_a_conflict_unless_told(world: World) -> None:
    name = await world.group()
    with pytest.raises(ConflictError) as conflict:
        await world.idp.groups.create(name)
    assert conflict.value.operation == "groups.create"
    assert (await world.idp.groups.create(name, exist_ok=True)).id == name
    assert (await world.idp.groups.create(world.name("group"), exist_ok=True)).id != name


@covers("groups.get")
@covers("groups.delete", "missing_ok")
async def test_unknown_groups(world: World) -> None:
    name, user = world.name("nogroup"), await world.user()
    for call in (
        world.idp.groups.get(name),
        world.idp.groups.delete(name),
        world.idp.groups.add_member(name, user),
        world.idp.groups.remove_member(name, user),
    ):
        with pytest.raises(NotFoundError):
            await call
    with pytest.raises(NotFoundError):
        await world.idp.groups.members(name)
    gone = await world.idp.groups.delete(name, missing_ok=True)
    assert (gone.id, gone.existed, gone.residual) == (name, False, ())


@covers("groups.delete")
async def test_a_deleted_group_is_gone_and_its_members_are_not(world: World) -> None:
    name, user = await world.group(), await world.user()
    await world.idp.groups.add_member(name, user)
    deletion = await world.idp.groups.delete(name)
    assert (deletion.id, deletion.existed, deletion.residual) == (name, True, ())
    with pytest.raises(NotFoundError):
        await world.idp.groups.get(name)
    with pytest.raises(NotFoundError):
        await world.idp.groups.delete(name)
    assert (await world.idp.users.get(user)).id == user
    assert list(await world.idp.users.groups(user)) == []
    await world.idp.groups.create(name)
    assert list(await world.idp.groups.members(name)) == []


@covers("groups.members")
@covers("groups.add_member")
@covers("groups.remove_member")
async def test_members(world: World) -> None:
    group, other = await world.group(), await world.group()
    users = sorted([await world.user() for _ in range(3)])
    assert list(await world.idp.groups.members(group)) == []
    for user in users:
        assert await world.idp.groups.add_member(group, user) is None
    assert await world.idp.groups.add_member(group, users[0]) is None  # again: no error
    members = await world.idp.groups.members(group)
    assert sorted(member.id for member in members) == users
    assert all(isinstance(member, Member) and member.type == "user" for member in members)
    assert await world.idp.groups.remove_member(group, users[0]) is None
    assert await world.idp.groups.remove_member(group, users[0]) is None  # again: no error
    assert await world.idp.groups.remove_member(other, users[1]) is None
    assert sorted(member.id for member in await world.idp.groups.members(group)) == users[1:]
    assert list(await world.idp.groups.members(other)) == []


@covers("groups.add_member")
@covers("groups.remove_member")
async def test_nobody_is_no_member(world: World) -> None:
    group, nobody = await world.group(), world.name("nobody")
    if world.rules.any_principal:
        await world.idp.groups.add_member(group, nobody)
        assert [member.id for member in await world.idp.groups.members(group)] == [nobody]
        await world.idp.groups.remove_member(group, nobody)
        return
    with pytest.raises(NotFoundError):
        await world.idp.groups.add_member(group, nobody)
    with pytest.raises(NotFoundError):
        await world.idp.groups.remove_member(group, nobody)
    assert list(await world.idp.groups.members(group)) == []


@covers("groups.create")
@covers("groups.list", "prefix")
@covers("groups.add_member")
@covers("groups.delete")
@either_loop
async def test_awkward_ids_are_never_rewritten(world: World) -> None:
    for name in world.awkward():
        assert (await world.idp.groups.create(name)).id == name
        assert (await world.idp.groups.get(name)).id == name
        assert name in [group.id for group in await world.idp.groups.list(prefix=name)]
        if world.can("users.create", "kind=human"):
            await world.idp.users.create(name)
        await world.idp.groups.add_member(name, name)
        assert [member.id for member in await world.idp.groups.members(name)] == [name]
        assert [group.id for group in await world.idp.users.groups(name)] == [name]
        await world.idp.groups.remove_member(name, name)
        assert list(await world.idp.groups.members(name)) == []
        await world.idp.groups.delete(name)


@covers("groups.create")
@covers("groups.get")
@covers("groups.delete")
@covers("groups.add_member")
@covers("groups.remove_member")
async def test_ids_against_the_rule_are_refused_before_anything_is_sent(world: World) -> None:
    before = world.requests()
    for name in world.rules.refused:
        for call in (
            world.idp.groups.create(name),
            world.idp.groups.get(name),
            world.idp.groups.delete(name),
            world.idp.groups.add_member(name, "somebody"),
            world.idp.groups.add_member("some group", name),
            world.idp.groups.remove_member(name, "somebody"),
        ):
            with pytest.raises(InvalidRequestError) as refused:
                await call
            assert not refused.value.sent
            assert refused.value.fields
    assert world.requests() == before


@needs("policies.attach", "group")
@covers("groups.policies")
async def test_policies_of_a_group(world: World) -> None:
    group, other = await world.group(), await world.group()
    policies = sorted([await world.policy() for _ in range(2)])
    assert list(await world.idp.groups.policies(group)) == []
    for policy in policies:
        await world.idp.policies.attach(policy, group=group)
    assert sorted(policy.id for policy in await world.idp.groups.policies(group)) == policies
    assert list(await world.idp.groups.policies(other)) == []


@covers("groups.create", "name", "description")
@covers("groups.update", "name", "description")
async def test_changes_of_a_group(world: World) -> None:
    name = world.name("group")
    made = await world.idp.groups.create(name, name="First", description="one")
    assert (made.name, made.description) == ("First", "one")
    changed = await world.idp.groups.update(name, description=None)
    assert (changed.id, changed.name, changed.description) == (name, "First", None)
    changed = await world.idp.groups.update(name, name="Second", description="two")
    assert (changed.name, changed.description) == ("Second", "two")
    read = await world.idp.groups.get(name)
    assert (read.name, read.description) == ("Second", "two")
    with pytest.raises(NotFoundError):
        await world.idp.groups.update(world.name("nogroup"), name="x")


@covers("groups.add_member", "role")
async def test_roles_of_members(world: World) -> None:
    group, user = await world.group(), await world.user()
    for role in world.rules.roles:
        await world.idp.groups.add_member(group, user, role=role)
        (member,) = await world.idp.groups.members(group)
        assert member.role == role
