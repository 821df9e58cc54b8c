"""Machines whose ids the backend chooses, sessions of those who sign each request, and what one backend alone has."""

from __future__ import annotations

from typing import Any

import pytest

from contract.marks import covers, needs, only
from contract.target import Cut, World
from contract.test_halfway import cut, cuts, each_cut, lost_answers
from identity_sdk.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
)

pytestmark = [pytest.mark.anyio, only(column="authress")]


@covers("users.create", "name", "kind=service")
@covers("users.get", "kind=service")
@covers("users.list", "kind=service", "prefix", "limit", "cursor")
@covers("users.delete", "kind=service", "missing_ok")
async def test_a_machine_whose_id_the_backend_chooses(world: World) -> None:
    made = [await world.idp.users.create(name="robot", kind="service") for _ in range(3)]
    ids = sorted(one.id for one in made)
    assert len(set(ids)) == 3
    assert {(one.name, one.kind) for one in made} == {("robot", "service")}
    read = await world.idp.users.get(ids[0], kind="service")
    assert (read.id, read.name, read.kind) == (ids[0], "robot", "service")
    assert read.created_at is not None
    listed = [one.id for one in await world.idp.users.list(kind="service")]
    assert set(ids) < set(listed)
    assert [one.id for one in await world.idp.users.list(kind="service", prefix=ids[1])] == [ids[1]]
    page = await anext(world.idp.users.list(kind="service", limit=2).pages())
    rest = await world.idp.users.list(kind="service", cursor=page.cursor)
    assert [one.id for one in (*page.items, *rest)] == listed
    with pytest.raises(NotFoundError):
        await world.idp.users.get(ids[0])
    assert not (await world.idp.users.delete(ids[0], missing_ok=True)).existed
    deletion = await world.idp.users.delete(ids[0], kind="service")
    assert (deletion.id, deletion.existed) == (ids[0], True)
    with pytest.raises(NotFoundError):
        await world.idp.users.get(ids[0], kind="service")
    with pytest.raises(NotFoundError):
        await world.idp.users.delete(ids[0], kind="service")
    assert not (await world.idp.users.delete(ids[0], kind="service", missing_ok=True)).existed
    before = world.requests()
    with pytest.raises(NotSupportedError):
        await world.idp.users.create("an-id", kind="service")
    assert world.requests() == before


@covers("users.update", "kind=service", "name")
async def test_a_machine_is_renamed(world: World) -> None:
    robot = await world.key_user()
    changed = await world.idp.users.update(robot, name="Robot", kind="service")
    assert (changed.id, changed.name) == (robot, "Robot")
    assert (await world.idp.users.update(robot, kind="service")).name == "Robot"
    assert (await world.idp.users.update(robot, name=None, kind="service")).name is None
    with pytest.raises(NotFoundError):
        await world.idp.users.update("sc_nobody", name="x", kind="service")


@covers("users.delete", "kind=service", "wait")
@needs("groups.add_member")
async def test_a_deleted_machine_leaves_nothing(world: World) -> None:
    robot, group, policy = await world.key_user(), await world.group(), await world.policy()
    key = await world.idp.credentials.create(robot)
    await world.idp.groups.add_member(group, robot)
    await world.idp.policies.attach(policy, user=robot)
    token = await (await world.sign_in(key)).tokens.issue()
    patient = world.idp.with_options(deadline=600)
    assert (await patient.users.delete(robot, kind="service", wait=True)).residual
    assert not await world.alive(key)
    with pytest.raises(AuthenticationError):
        await world.idp.with_credential(token).users.me()
    assert list(await world.idp.groups.members(group)) == []
    with pytest.raises(NotFoundError):
        await world.idp.users.policies(robot)


@covers("users.delete", "kind=service", "missing_ok")
@needs("groups.add_member")
@lost_answers
@only(thorough=True)
async def test_deleting_a_machine_half_way(world: World, how: Cut) -> None:
    group, policy = await world.group(), await world.policy()

    async def once(number: int) -> bool:
        robot = await world.key_user()
        key = await world.idp.credentials.create(robot)
        made = await _cut_and_repeated(world, number, how, robot, "service", group, policy)
        assert not await world.alive(key), f"cut at request {number}: the key lives"
        return made

    await each_cut(world, how, once)


@covers("users.delete", "missing_ok")
@needs("groups.add_member")
@cuts
@only(thorough=True)
async def test_deleting_a_person_half_way(world: Any, how: Cut) -> None:
    """Whoever signs up with that id later is in no group and holds nothing, though the server would let it."""
    group, policy = await world.group(), await world.policy()

    async def once(number: int) -> bool:
        person = await world.user()
        made = await _cut_and_repeated(world, number, how, person, "human", group, policy)
        await world.sign_up(person)
        assert list(await world.idp.users.groups(person)) == []
        assert list(await world.idp.users.policies(person)) == []
        action, resource = world.rules.allowed
        assert not await world.idp.policies.check(person, action, resource)
        return bool(made)

    await each_cut(world, how, once)


async def _cut_and_repeated(
    world: World, number: int, how: Cut, user: str, kind: Any, group: str, policy: str
) -> bool:
    """Deletes somebody who is in a group and in a record, is cut, and does it again; nothing names him then."""
    await world.idp.groups.add_member(group, user)
    await world.idp.policies.attach(policy, user=user)
    made, raised = await cut(world, number, how, lambda idp: idp.users.delete(user, kind=kind))
    if isinstance(raised, PartialFailureError):
        assert raised.done
        assert raised.left[-1] == f"delete {user}"
    await world.idp.users.delete(user, kind=kind, missing_ok=True)
    with pytest.raises(NotFoundError):
        await world.idp.users.get(user, kind=kind)
    assert list(await world.idp.groups.members(group)) == []
    record = await world.idp.native.get_record(policy)
    assert user not in record.model_dump_json()
    return made


@covers("groups.create", "name")
@covers("groups.update", "name")
async def test_a_group_is_renamed(world: World) -> None:
    id = world.name("group")
    assert (await world.idp.groups.create(id, name="First")).name == "First"
    await world.idp.groups.add_member(id, "somebody")
    assert (await world.idp.groups.update(id, name="Second")).name == "Second"
    assert (await world.idp.groups.update(id)).name == "Second"
    assert [one.id for one in await world.idp.groups.members(id)] == ["somebody"]
    with pytest.raises(InvalidRequestError):
        await world.idp.groups.update(id, name=None)
    with pytest.raises(NotFoundError):
        await world.idp.groups.update(world.name("nogroup"), name="x")
    chosen = await world.idp.groups.create(name="By the backend")
    assert (await world.idp.groups.get(chosen.id)).name == "By the backend"


@covers("policies.permissions", "user", "resource")
async def test_what_a_user_may_do_on_one_resource(world: World) -> None:
    user, policy = await world.user(), await world.policy()
    action, resource = world.rules.allowed
    assert list(await world.idp.policies.permissions(user, resource=resource)) == []
    await world.idp.policies.attach(policy, user=user)
    (statement,) = await world.idp.policies.permissions(user, resource=resource)
    assert (statement.actions, statement.resources) == ((action,), (resource,))
    (below,) = await world.idp.policies.permissions(user, resource=f"{resource}/page")
    assert below.actions == (action,)


@covers("sessions.current")
@covers("sessions.end", "session")
async def test_there_is_no_session_but_the_credential(world: World) -> None:
    robot = await world.key_user()
    key = await world.idp.credentials.create(robot)
    client = await world.sign_in(key)
    current = await client.sessions.current()
    assert (current.id, current.user_id, current.method, current.token) == (key.id, robot, "access_key", None)
    token = await client.tokens.issue()
    by_token = await world.idp.with_credential(token).sessions.current()
    assert (by_token.id, by_token.user_id, by_token.expires_at) == (token.id, robot, token.expires_at)
    assert not (await client.sessions.end()).server_side
    assert not (await client.sessions.end(by_token)).server_side
    assert await world.alive(key)
