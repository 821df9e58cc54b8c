"""Policies, their attachment, and decisions."""

from __future__ import annotations

import pytest

from contract.marks import covers, either_loop, needs
from contract.target import World
from identity_sdk.errors import ConflictError, InvalidRequestError, NotFoundError, PermissionDeniedError
from identity_sdk.models import Policy, Statement

pytestmark = pytest.mark.anyio


def said(statements: tuple[Statement, ...]) -> set[tuple[str, tuple[str, ...], str]]:
    """What statements say, whatever their order and however their resources are bundled."""
    return {
        (one.effect, tuple(sorted(one.actions)), resource) for one in statements for resource in one.resources
    }


@covers("policies.create")
@covers("policies.get")
async def test_what_is_made_can_be_read(world: World) -> None:
    name = world.name("policy")
    for statements in (world.rules.statements, world.rules.other_statements):
        made = await world.idp.policies.create(name, statements=statements)
        read = await world.idp.policies.get(name)
        assert isinstance(made, Policy)
        assert made == read
        assert said(made.statements) == said(read.statements) == said(tuple(statements))
        assert read.id == name
        name = world.name("policy")


@covers("policies.create", "exist_ok")
async def test_a_second_of_that_id_is_a_conflict_unless_it_says_the_same(world: World) -> None:
    name = await world.policy()
    with pytest.raises(ConflictError) as conflict:
        await world.idp.policies.create(name, statements=world.rules.statements)
    assert conflict.value.operation == "policies.create"
    same = await world.idp.policies.create(name, statements=world.rules.statements, exist_ok=True)
    assert same.id == name
    with pytest.raises(ConflictError):
        await world.idp.policies.create(name, statements=world.rules.other_statements, exist_ok=True)
    assert said((await world.idp.policies.get(name)).statements) == said(tuple(world.rules.statements))


@covers("policies.create")
async def test_a_policy_says_something(world: World) -> None:
    before = world.requests()
    with pytest.raises(InvalidRequestError) as refused:
        await world.idp.policies.create(world.name("policy"), statements=())
    assert not refused.value.sent
    assert world.requests() == before


@covers("policies.update", "statements")
@needs("policies.attach", "user")
async def test_an_update_replaces_the_statements_and_stays_attached(world: World) -> None:
    name, user = await world.policy(), await world.user()
    await world.idp.policies.attach(name, user=user)
    changed = await world.idp.policies.update(name, statements=world.rules.other_statements)
    assert said(changed.statements) == said(tuple(world.rules.other_statements))
    assert said((await world.idp.policies.get(name)).statements) == said(tuple(world.rules.other_statements))
    assert [policy.id for policy in await world.idp.users.policies(user)] == [name]
    unchanged = await world.idp.policies.update(name)
    assert said(unchanged.statements) == said(tuple(world.rules.other_statements))


@covers("policies.get")
@covers("policies.update", "statements")
@covers("policies.delete", "missing_ok")
@covers("policies.attach", "user", "group")
@covers("policies.detach", "user", "group")
async def test_unknown_policies(world: World) -> None:
    name, user, group = world.name("nopolicy"), await world.user(), await world.group()
    for call in (
        world.idp.policies.get(name),
        world.idp.policies.update(name, statements=world.rules.statements),
        world.idp.policies.delete(name),
        world.idp.policies.attach(name, user=user),
        world.idp.policies.attach(name, group=group),
        world.idp.policies.detach(name, user=user),
        world.idp.policies.detach(name, group=group),
    ):
        with pytest.raises(NotFoundError):
            await call
    gone = await world.idp.policies.delete(name, missing_ok=True)
    assert (gone.id, gone.existed, gone.residual) == (name, False, ())


@covers("policies.delete")
async def test_a_deleted_policy_is_detached_everywhere(world: World) -> None:
    name, user, group = await world.policy(), await world.user(), await world.group()
    await world.idp.policies.attach(name, user=user)
    await world.idp.policies.attach(name, group=group)
    deletion = await world.idp.policies.delete(name)
    assert (deletion.id, deletion.existed) == (name, True)
    with pytest.raises(NotFoundError):
        await world.idp.policies.get(name)
    with pytest.raises(NotFoundError):
        await world.idp.policies.delete(name)
    if world.rules.ids_return:
        await world.idp.policies.create(name, statements=world.rules.statements)
    else:
        with pytest.raises(ConflictError):
            await world.idp.policies.create(name, statements=world.rules.statements, exist_ok=True)
    assert list(await world.idp.users.policies(user)) == []
    assert list(await world.idp.groups.policies(group)) == []


@covers("policies.attach", "user", "group")
@covers("policies.detach", "user", "group")
async def test_attach_and_detach(world: World) -> None:
    name, user, group = await world.policy(), await world.user(), await world.group()
    for _ in range(2):  # the second time: no error
        assert await world.idp.policies.attach(name, user=user) is None
        assert await world.idp.policies.attach(name, group=group) is None
    assert [policy.id for policy in await world.idp.users.policies(user)] == [name]
    assert [policy.id for policy in await world.idp.groups.policies(group)] == [name]
    for _ in range(2):
        assert await world.idp.policies.detach(name, user=user) is None
        assert await world.idp.policies.detach(name, group=group) is None
    assert list(await world.idp.users.policies(user)) == []
    assert list(await world.idp.groups.policies(group)) == []


@covers("policies.attach", "user", "group")
@covers("policies.detach", "user", "group")
async def test_exactly_one_subject(world: World) -> None:
    before = world.requests()
    for verb in (world.idp.policies.attach, world.idp.policies.detach):
        for choice in ({}, {"user": "u", "group": "g"}):
            with pytest.raises(InvalidRequestError) as refused:
                await verb("policy", **choice)
            assert not refused.value.sent
    assert world.requests() == before


@covers("policies.attach", "user", "group")
@covers("policies.detach", "user", "group")
async def test_nobody_holds_a_policy(world: World) -> None:
    name, nobody, nogroup = await world.policy(), world.name("nobody"), world.name("nogroup")
    for verb in (world.idp.policies.attach, world.idp.policies.detach):
        with pytest.raises(NotFoundError):
            await verb(name, group=nogroup)
        if world.rules.any_principal:
            await verb(name, user=nobody)
            continue
        with pytest.raises(NotFoundError):
            await verb(name, user=nobody)


@covers("policies.check")
@needs("policies.create")
async def test_decisions(world: World) -> None:
    user, group = await world.user(), await world.group()
    await world.idp.groups.add_member(group, user)
    action, resource = world.rules.allowed
    decision = await world.idp.policies.check(user, action, resource)
    assert not decision
    assert decision.reason
    assert decision.decided_by in ("server", "client")
    policy = await world.policy()
    await world.idp.policies.attach(policy, group=group)
    await world.settle()
    decision = await world.idp.policies.check(user, action, resource)
    assert decision.allowed
    assert bool(decision) is True
    await world.idp.policies.require(user, action, resource)
    assert not await world.idp.policies.check(user, *world.rules.not_allowed)
    with pytest.raises(PermissionDeniedError) as denied:
        await world.idp.policies.require(user, *world.rules.not_allowed)
    assert user in str(denied.value)
    if world.rules.denial is not None:
        denial = await world.policy("denial", (world.rules.denial,))
        await world.idp.policies.attach(denial, user=user)
        await world.settle()
        assert not await world.idp.policies.check(user, action, resource)  # deny wins
        await world.idp.policies.detach(denial, user=user)
    await world.idp.policies.detach(policy, group=group)
    await world.settle()
    assert not await world.idp.policies.check(user, action, resource)
    if world.rules.any_principal:
        assert not await world.idp.policies.check(world.name("nobody"), action, resource)
        return
    with pytest.raises(NotFoundError):
        await world.idp.policies.check(world.name("nobody"), action, resource)


@covers("policies.permissions", "user")
@needs("policies.create")
async def test_permissions(world: World) -> None:
    user, group = await world.user(), await world.group()
    assert list(await world.idp.policies.permissions(user)) == []
    one = await world.policy()
    other = await world.policy("other", world.rules.other_statements)
    await world.idp.groups.add_member(group, user)
    await world.idp.policies.attach(one, user=user)
    await world.idp.policies.attach(other, group=group)
    statements = tuple(await world.idp.policies.permissions(user))
    assert said(statements) == said((*world.rules.statements, *world.rules.other_statements))
    assert {statement.policy for statement in statements} == {one, other}
    assert await world.idp.policies.permissions() is not None


@covers("policies.create")
@covers("policies.list", "prefix")
@either_loop
async def test_awkward_ids_are_never_rewritten(world: World) -> None:
    for name in world.awkward():
        assert (await world.idp.policies.create(name, statements=world.rules.statements)).id == name
        assert (await world.idp.policies.get(name)).id == name
        assert name in [policy.id for policy in await world.idp.policies.list(prefix=name)]
        assert (await world.idp.policies.update(name, statements=world.rules.other_statements)).id == name
        if world.can("users.create", "kind=human"):
            await world.idp.users.create(name)
        await world.idp.policies.attach(name, user=name)
        assert [policy.id for policy in await world.idp.users.policies(name)] == [name]
        await world.idp.policies.detach(name, user=name)
        await world.idp.policies.delete(name)


@covers("policies.create")
@covers("policies.get")
@covers("policies.delete")
@covers("policies.attach", "user")
async def test_ids_against_the_rule_are_refused_before_anything_is_sent(world: World) -> None:
    before = world.requests()
    for name in world.rules.refused:
        for call in (
            world.idp.policies.create(name, statements=world.rules.statements),
            world.idp.policies.get(name),
            world.idp.policies.delete(name),
            world.idp.policies.attach(name, user="somebody"),
            world.idp.policies.attach("some policy", user=name),
        ):
            with pytest.raises(InvalidRequestError) as refused:
                await call
            assert not refused.value.sent
    assert world.requests() == before


@covers("policies.create", "name", "description")
@covers("policies.update", "name", "description")
async def test_texts_of_a_policy(world: World) -> None:
    name = world.name("policy")
    made = await world.idp.policies.create(
        name, statements=world.rules.statements, name="First", description="one"
    )
    assert (made.name, made.description) == ("First", "one")
    changed = await world.idp.policies.update(name, name="Second", description=None)
    assert (changed.name, changed.description) == ("Second", None)
    assert said(changed.statements) == said(tuple(world.rules.statements))
