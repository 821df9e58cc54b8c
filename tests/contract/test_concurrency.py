"""Concurrent writers lose nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from contract.marks import covers, needs
from contract.target import World
from identity_sdk.errors import ConflictError, IdentityError, NotFoundError

pytestmark = pytest.mark.anyio

MANY = 12


async def at_once(*works: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Does all of it at the same time, and answers results and errors in order."""
    answers: list[Any] = [None] * len(works)

    async def one(index: int) -> None:
        try:
            answers[index] = await works[index]()
        except IdentityError as error:
            answers[index] = error

    async with anyio.create_task_group() as group:
        for index in range(len(works)):
            group.start_soon(one, index)
    return answers


def failures(answers: list[Any]) -> list[IdentityError]:
    return [answer for answer in answers if isinstance(answer, IdentityError)]


@covers("users.create", "kind=human")
async def test_many_users_at_once(world: World) -> None:
    stem = world.name("many")
    ids = [f"{stem}-{number:02d}" for number in range(MANY)]
    answers = await at_once(*[lambda name=name: world.idp.users.create(name) for name in ids])
    assert not failures(answers)
    assert [answer.id for answer in answers] == ids
    assert [user.id for user in await world.idp.users.list(prefix=stem)] == ids


@covers("users.create", "kind=human")
async def test_one_user_many_times_at_once(world: World) -> None:
    name = world.name()
    answers = await at_once(*[lambda: world.idp.users.create(name)] * MANY)
    assert len(failures(answers)) == MANY - 1
    assert {type(error) for error in failures(answers)} == {ConflictError}
    assert [user.id for user in await world.idp.users.list(prefix=name)] == [name]
    answers = await at_once(*[lambda: world.idp.users.create(name, exist_ok=True)] * MANY)
    assert not failures(answers)


@covers("groups.add_member")
@needs("users.groups")
async def test_one_user_into_many_groups_at_once(world: World) -> None:
    user = await world.user()
    groups = sorted([await world.group() for _ in range(MANY)])
    answers = await at_once(*[lambda name=name: world.idp.groups.add_member(name, user) for name in groups])
    assert not failures(answers)
    assert sorted(group.id for group in await world.idp.users.groups(user)) == groups
    for group in groups:
        assert [member.id for member in await world.idp.groups.members(group)] == [user]


@covers("groups.add_member")
@covers("groups.remove_member")
async def test_many_users_into_one_group_and_out_at_once(world: World) -> None:
    group = await world.group()
    users = sorted([await world.user() for _ in range(MANY)])
    answers = await at_once(
        *[lambda name=name: world.idp.groups.add_member(group, name) for name in [*users, *users]]
    )
    assert not failures(answers)
    assert sorted(member.id for member in await world.idp.groups.members(group)) == users
    answers = await at_once(
        *[lambda name=name: world.idp.groups.remove_member(group, name) for name in users[1:]]
    )
    assert not failures(answers)
    assert [member.id for member in await world.idp.groups.members(group)] == users[:1]


@covers("policies.attach", "user")
@needs("users.policies")
async def test_many_policies_to_one_user_at_once(world: World) -> None:
    user = await world.user()
    policies = sorted([await world.policy() for _ in range(MANY)])
    answers = await at_once(
        *[lambda name=name: world.idp.policies.attach(name, user=user) for name in policies]
    )
    assert not failures(answers)
    assert sorted(policy.id for policy in await world.idp.users.policies(user)) == policies


@covers("policies.update", "statements")
async def test_one_policy_written_many_times_at_once(world: World) -> None:
    """Never a mixture: the policy says what one of the writers said."""
    name = await world.policy()
    choices = [world.rules.statements, world.rules.other_statements]
    answers = await at_once(
        *[
            lambda told=told: world.idp.policies.update(name, statements=told)
            for told in choices * (MANY // 2)
        ]
    )
    assert not failures(answers)
    written = (await world.idp.policies.get(name)).statements
    assert sorted(one.actions for one in written) in [sorted(one.actions for one in told) for told in choices]


@covers("credentials.create", "user")
@needs("credentials.list", "user")
async def test_many_keys_at_once(world: World) -> None:
    user, many = await world.key_user(), min(MANY, world.rules.keys or MANY)
    keys = await at_once(*[lambda: world.idp.credentials.create(user)] * many)
    assert not failures(keys)
    assert len({key.id for key in keys}) == len({key.secret.reveal() for key in keys}) == many
    assert sorted(key.id for key in await world.idp.credentials.list(user)) == sorted(key.id for key in keys)


@covers("users.delete")
@needs("users.create", "kind=human")
async def test_one_user_deleted_many_times_at_once(world: World) -> None:
    user = await world.user()
    await world.credential(user)
    answers = await at_once(*[lambda: world.idp.users.delete(user)] * 5)
    assert len(failures(answers)) < 5
    assert {type(error) for error in failures(answers)} <= {NotFoundError}
    await world.settle()
    with pytest.raises(NotFoundError):
        await world.idp.users.get(user)


@covers("tokens.refresh", "token")
@needs("tokens.revoke")
@needs("tokens.list", "user")
async def test_a_refresh_token_shown_by_many_at_once(world: World) -> None:
    """It works once, and then its family is ended: somebody has stolen it."""
    client = await world.sign_in(await world.idp.credentials.create(await world.user()))
    token = await client.tokens.issue()
    answers = await at_once(*[lambda: client.tokens.refresh(token)] * 5)
    assert len(failures(answers)) == 4
    assert list(await client.tokens.list()) == []
