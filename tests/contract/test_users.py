"""Users: made, read, found, deleted; ids as the backend calls them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.marks import covers, either_loop, needs, only
from contract.target import World
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
)
from identity_sdk.models import User

pytestmark = pytest.mark.anyio


@covers("users.create", "kind=human")
@covers("users.get", "kind=human")
async def test_what_is_made_can_be_read(world: World) -> None:
    name = world.name()
    made = await world.idp.users.create(name)
    read = await world.idp.users.get(name)
    assert isinstance(made, User)
    assert made == read
    assert made.id == read.id == name
    assert read.kind == "human"
    assert read.provider == world.target.adapter.name
    assert (read.created_at is not None) is world.rules.dated
    if read.created_at is not None:
        assert abs((read.created_at - datetime.fromtimestamp(world.clock.time(), UTC)).total_seconds()) < 2
    assert made.created_at == read.created_at


@covers("users.create", "exist_ok")
async def test_a_second_of_that_id_is_a_conflict_unless_told(world: World) -> None:
    name = await world.user()
    with pytest.raises(ConflictError) as conflict:
        await world.idp.users.create(name)
    assert conflict.value.operation == "users.create"
    assert conflict.value.provider == world.target.adapter.name
    there = await world.idp.users.create(name, exist_ok=True)
    assert there.id == name
    new = await world.idp.users.create(world.name(), exist_ok=True)
    assert new.id != name


@covers("users.create", "kind=human")
@covers("users.list", "prefix")
@covers("users.delete", "missing_ok")
@either_loop
async def test_awkward_ids_are_never_rewritten(world: World) -> None:
    for name in world.awkward():
        made = await world.idp.users.create(name)
        assert made.id == name
        assert (await world.idp.users.get(name)).id == name
        assert name in [user.id for user in await world.idp.users.list(prefix=name)]
        assert (await world.idp.users.delete(name)).id == name
        await world.settle()
        with pytest.raises(NotFoundError):
            await world.idp.users.get(name)
        assert not (await world.idp.users.delete(name, missing_ok=True)).existed


@covers("users.create", "kind=human")
@only(column="lakefs-1.x-acl")
async def test_ids_that_are_lost_on_the_way_never_bring_another_user(world: World) -> None:
    """Ids that the backend takes and then mistakes for another: an error, and never the wrong user."""
    for name, mistaken in world.rules.mistaken:
        await world.idp.users.create(name)
        with pytest.raises((NotFoundError, ProtocolError)):
            await world.idp.users.get(name)
        await world.idp.users.create(mistaken)
        await world.settle()
        with pytest.raises((NotFoundError, ProtocolError)):
            await world.idp.users.get(name)
        with pytest.raises((NotFoundError, ProtocolError)):
            await world.idp.users.delete(name)
        assert (await world.idp.users.get(mistaken)).id == mistaken


@needs("users.create", "kind=human")
@covers("users.get")
@covers("users.delete")
async def test_ids_against_the_rule_are_refused_before_anything_is_sent(world: World) -> None:
    before = world.requests()
    for name in world.rules.refused:
        for verb in (world.idp.users.create, world.idp.users.get, world.idp.users.delete):
            with pytest.raises(InvalidRequestError) as refused:
                await verb(name)
            assert not refused.value.sent
            assert refused.value.fields
    assert world.requests() == before


@covers("users.get", "kind=human")
@covers("users.delete", "missing_ok", "kind=human")
async def test_unknown_users(world: World) -> None:
    name = world.name("nobody")
    with pytest.raises(NotFoundError) as missing:
        await world.idp.users.get(name)
    assert missing.value.operation == "users.get"
    with pytest.raises(NotFoundError):
        await world.idp.users.delete(name)
    gone = await world.idp.users.delete(name, missing_ok=True)
    assert (gone.id, gone.existed, gone.residual) == (name, False, ())


@needs("users.create", "kind=human")
@covers("users.delete")
async def test_a_deleted_user_is_gone(world: World) -> None:
    name = await world.user()
    deletion = await world.idp.users.delete(name)
    assert deletion.id == name
    assert deletion.existed
    await world.settle()
    with pytest.raises(NotFoundError):
        await world.idp.users.get(name)
    with pytest.raises(NotFoundError):
        await world.idp.users.delete(name)
    assert name not in [user.id for user in await world.idp.users.list(prefix=name)]


@needs("groups.members")
@covers("users.delete")
@covers("users.groups")
async def test_a_deleted_user_leaves_its_groups(world: World) -> None:
    name, group = await world.user(), await world.group()
    await world.idp.groups.add_member(group, name)
    assert [one.id for one in await world.idp.users.groups(name)] == [group]
    await world.idp.users.delete(name)
    assert list(await world.idp.groups.members(group)) == []
    if world.can("users.create", "kind=human"):
        await world.idp.users.create(name)
        await world.settle()
        assert list(await world.idp.users.groups(name)) == []


@needs("users.create", "kind=human")
@needs("credentials.list", "user")
@covers("users.delete")
@covers("credentials.create", "user")
async def test_keys_of_a_deleted_and_remade_user_are_dead(world: World) -> None:
    name = await world.user()
    keys = [await world.idp.credentials.create(name) for _ in range(3)]
    client = await world.sign_in(keys[0])
    session = world.idp.with_credential(await client.tokens.issue()) if world.can("tokens.issue") else None
    assert (await client.users.me()).id == name
    deletion = await world.idp.users.delete(name)
    await world.settle()
    assert not any([await world.alive(key) for key in keys])
    remade = await world.idp.users.create(name)
    assert remade.id == name
    await world.settle()
    assert not any([await world.alive(key) for key in keys])
    assert list(await world.idp.credentials.list(name)) == []
    if session is not None:
        try:
            await session.users.me()
        except AuthenticationError:
            return
        assert deletion.residual, "a token works again that was named in no residual"
        assert world.idp.capabilities.propagation.tokens > 0


@needs("users.create", "kind=human")
@needs("credentials.create", "user")
@covers("users.delete", "wait")
async def test_waiting_until_a_deletion_is_seen_everywhere(world: World) -> None:
    name = await world.user()
    key = await world.idp.credentials.create(name)
    assert await world.alive(key)
    patient = world.idp.with_options(deadline=600)
    started = world.clock.monotonic()
    assert (await patient.users.delete(name, wait=True)).existed
    assert world.clock.monotonic() - started >= world.idp.capabilities.propagation.credentials
    assert not await world.alive(key)
    with pytest.raises(NotFoundError):
        await world.idp.users.get(name)


@needs("users.create", "kind=human")
@covers("users.delete", "wait")
async def test_a_deadline_too_short_for_waiting_is_refused_first(world: World) -> None:
    name = await world.user()
    if not world.idp.capabilities.propagation.credentials:
        assert (await world.idp.users.delete(name, wait=True)).existed
        return
    hasty = world.idp.with_options(deadline=world.idp.capabilities.propagation.credentials - 1)
    before = world.requests()
    with pytest.raises(ConfigurationError):
        await hasty.users.delete(name, wait=True)
    assert world.requests() == before
    assert (await world.idp.users.get(name)).id == name


@covers("users.delete", "wait")
async def test_waiting_for_nobody(world: World) -> None:
    patient = world.idp.with_options(deadline=world.idp.capabilities.propagation.credentials + 600)
    assert not (await patient.users.delete(world.name("nobody"), wait=True, missing_ok=True)).existed


@covers("users.me")
async def test_me(world: World) -> None:
    me = await world.idp.users.me()
    assert me.id
    assert me.id == (await world.idp.ping()).principal
    assert (await world.idp.users.get(me.id, kind=me.kind)).id == me.id


@covers("users.me")
@needs("credentials.create", "user")
@needs("users.create", "kind=human")
async def test_me_is_who_signed_in(world: World) -> None:
    name = await world.user()
    client = await world.sign_in(await world.idp.credentials.create(name))
    assert (await client.users.me()).id == name
    assert (await world.idp.users.me()).id != name


@covers("users.list", "email", "kind=human")
async def test_found_by_address(world: World) -> None:
    assert list(await world.idp.users.list(email="nobody@example.com")) == []
    if not world.can("users.create"):
        return
    addresses = [f"{world.name('mail')}@example.com" for _ in range(3)]
    ids = [await world.user_with_address(address) for address in addresses]
    found = await world.idp.users.list(email=addresses[1])
    assert [user.id for user in found] == [ids[1]]
    assert found[0].email == addresses[1]
    assert [user.id for user in await world.idp.users.list(email=addresses[1], prefix=ids[1][:3])] == [ids[1]]
    assert list(await world.idp.users.list(email=addresses[1], prefix=ids[1] + "x")) == []
    assert list(await world.idp.users.list(email=addresses[1].upper(), prefix=ids[1] + "x")) == []


@covers("users.create", "invite")
async def test_invited_users(world: World) -> None:
    address = f"{world.name('Guest')}@example.com"
    made = await world.idp.users.create(address, invite=True)
    assert made.id == address
    assert made.created_at is None
    (listed,) = await world.idp.users.list(prefix=address)
    assert listed.email == address
    with pytest.raises(InvalidRequestError) as refused:
        await world.idp.users.create(world.name(), invite=True)
    assert refused.value.sent


@covers("users.create", "existing_credentials")
async def test_keys_that_a_former_user_left(world: World) -> None:
    """Where keys outlive their user (deleted by somebody who does not know this): nothing comes back unasked."""
    name = world.name()
    key = await world.left_behind(name)
    with pytest.raises(ConflictError) as conflict:
        await world.idp.users.create(name)
    assert key.id in str(conflict.value)
    assert "existing_credentials" in str(conflict.value)
    with pytest.raises(ConflictError):
        await world.idp.users.create(name, exist_ok=True)
    await world.idp.users.create(name, existing_credentials="delete")
    await world.settle()
    assert not await world.alive(key)
    assert list(await world.idp.credentials.list(name)) == []

    kept = await world.left_behind(world.name())
    assert kept.user_id is not None
    await world.idp.users.create(kept.user_id, existing_credentials="keep")
    await world.settle()
    assert await world.alive(kept)
    with pytest.raises(InvalidRequestError):
        await world.idp.users.create(world.name(), existing_credentials="adopt")


@needs("groups.add_member")
@covers("users.groups")
async def test_groups_of_a_user(world: World) -> None:
    name = await world.user()
    assert list(await world.idp.users.groups(name)) == []
    groups = sorted([await world.group() for _ in range(3)])
    for group in groups:
        await world.idp.groups.add_member(group, name)
    assert sorted(group.id for group in await world.idp.users.groups(name)) == groups
    with pytest.raises(NotFoundError):
        await world.idp.users.groups(world.name("nobody"))


@needs("policies.attach", "user", "group")
@covers("users.policies", "effective")
async def test_policies_of_a_user(world: World) -> None:
    name, group = await world.user(), await world.group()
    own, shared, both = sorted([await world.policy() for _ in range(3)])
    await world.idp.groups.add_member(group, name)
    for policy in (own, both):
        await world.idp.policies.attach(policy, user=name)
    for policy in (shared, both):
        await world.idp.policies.attach(policy, group=group)
    assert sorted(policy.id for policy in await world.idp.users.policies(name)) == sorted([own, both])
    effective = await world.idp.users.policies(name, effective=True)
    assert sorted(policy.id for policy in effective) == sorted([own, shared, both])
    with pytest.raises(NotFoundError):
        await world.idp.users.policies(world.name("nobody"), effective=True)


@covers("users.create", "name", "email")
@covers("users.update", "name", "email", "kind=human")
async def test_changes_of_a_user(world: World) -> None:
    name = world.name()
    made = await world.idp.users.create(name, name="First", email="first@example.com")
    assert (made.name, made.email) == ("First", "first@example.com")
    if world.rules.erasable:
        changed = await world.idp.users.update(name, email=None)
        assert (changed.id, changed.name, changed.email) == (name, "First", None)
    else:
        with pytest.raises(InvalidRequestError) as refused:
            await world.idp.users.update(name, email=None)
        assert not refused.value.sent
    changed = await world.idp.users.update(name, name="Second", email="second@example.com")
    assert (changed.name, changed.email) == ("Second", "second@example.com")
    read = await world.idp.users.get(name)
    assert (read.name, read.email) == ("Second", "second@example.com")
    unchanged = await world.idp.users.update(name)
    assert (unchanged.name, unchanged.email) == ("Second", "second@example.com")
    with pytest.raises(NotFoundError):
        await world.idp.users.update(world.name("nobody"), name="x")


@needs("credentials.create", "user")
@covers("users.update", "active")
async def test_a_disabled_user_cannot_sign_in(world: World) -> None:
    name = await world.user()
    key = await world.idp.credentials.create(name)
    assert (await world.idp.users.get(name)).active is not False
    assert (await world.idp.users.update(name, active=False)).active is False
    await world.settle()
    assert not await world.alive(key)
    assert (await world.idp.users.update(name, active=True)).active is True
    await world.settle()
    assert await world.alive(key)


@needs("sessions.create", "identifier", "secret")
@covers("users.create", "password")
@covers("users.update", "password")
async def test_passwords(world: World) -> None:
    name = world.name()
    await world.idp.users.create(name, password="the first one")
    await world.idp.sessions.create("password", identifier=name, secret="the first one")
    await world.idp.users.update(name, password="the second one")
    await world.settle()
    with pytest.raises(AuthenticationError):
        await world.idp.sessions.create("password", identifier=name, secret="the first one")
    assert (
        await world.idp.sessions.create("password", identifier=name, secret="the second one")
    ).user_id == name


@covers("users.create", "kind=service")
@covers("users.get", "kind=service")
@covers("users.list", "kind=service")
@covers("users.delete", "kind=service")
@needs("users.create", "kind=human")
async def test_machines_are_kept_apart_from_people(world: World) -> None:
    made, person = await world.machine(), await world.user()
    machine = made.id
    assert made.kind == "service"
    assert (await world.idp.users.get(machine, kind="service")).kind == "service"
    for name, kind in ((machine, "human"), (person, "service")):
        with pytest.raises(NotFoundError):
            await world.idp.users.get(name, kind=kind)
        assert name not in [user.id for user in await world.idp.users.list(kind=kind)]
        assert not (await world.idp.users.delete(name, kind=kind, missing_ok=True)).existed
    assert machine in [user.id for user in await world.idp.users.list(kind="service")]
    assert (await world.idp.users.delete(machine, kind="service")).existed
    assert machine not in [user.id for user in await world.idp.users.list(kind="service")]


@covers("users.update", "kind=service", "name")
@needs("users.create", "kind=service", "exist_ok")  # by an id of one's own
async def test_changes_of_a_machine(world: World) -> None:
    machine = world.name("robot")
    await world.idp.users.create(machine, kind="service")
    changed = await world.idp.users.update(machine, name="Robot", kind="service")
    assert (changed.id, changed.name, changed.kind) == (machine, "Robot", "service")
    with pytest.raises(NotFoundError):
        await world.idp.users.update(machine, name="Robot")
