"""Half-way failures: the work is cut at and after each of its requests, then the verb is repeated.

Afterwards nothing lives that should be dead, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from contract.marks import covers, needs, only
from contract.target import Cut, World
from identity_sdk.auth import token_cache
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    IdentityError,
    NotFoundError,
    PartialFailureError,
)

pytestmark = [pytest.mark.anyio, pytest.mark.large]

Work = Callable[[Any], Awaitable[object]]
MOST = 40
"""More requests than any verb makes."""
LOGIN_LIMIT = 0.5
"""Seconds, instead of ten, after which a login that is never answered is given up: the next callers wait for it."""

cuts = pytest.mark.parametrize("how", Cut, ids=lambda how: how.name.lower())
lost_answers = pytest.mark.parametrize(
    "how", [Cut.FAIL, Cut.DROP, Cut.CANCEL], ids=lambda how: how.name.lower()
)


async def cut(world: World, number: int, how: Cut, work: Work) -> tuple[bool, IdentityError | None]:
    """Does ``work`` by a client that repeats nothing; its ``number``-th request comes to grief.

    Answers whether there was such a request, and what was raised.
    """
    idp = world.idp.with_options(retries=0, deadline=600)
    raised: IdentityError | None = None
    world.cutter.arm(number, how)
    if how is Cut.CANCEL:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(token_cache, "REFRESH_TIMEOUT", LOGIN_LIMIT)
            await _until_reached(world, lambda: work(idp))
    else:
        try:
            await work(idp)
        except IdentityError as error:
            raised = error
    made = world.cutter.disarm()
    if made and how is not Cut.CANCEL and raised is not None:
        assert raised.provider == world.target.adapter.name
        assert raised.operation
    return made, raised


async def _until_reached(world: World, work: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while not world.cutter.reached:
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()

        group.start_soon(watch)
        await work()
        group.cancel_scope.cancel()


async def each_cut(world: World, how: Cut, once: Callable[[int], Awaitable[bool]]) -> None:
    """Calls ``once`` with 1, 2, 3 … until the work was done before it was cut."""
    for number in range(1, MOST):
        if not await once(number):
            assert number > 1, "nothing was ever cut"
            return
    pytest.fail(f"more than {MOST} requests")


@covers("users.delete", "missing_ok")
@needs("users.create", "kind=human")
@needs("credentials.list", "user")
@lost_answers
async def test_deleting_a_user(world: World, how: Cut) -> None:
    async def once(number: int) -> bool:
        user = await world.user()
        keys = [await world.idp.credentials.create(user) for _ in range(2)]
        if world.can("groups.add_member"):
            await world.grant_all(user)
        made, raised = await cut(world, number, how, lambda idp: idp.users.delete(user))
        if isinstance(raised, PartialFailureError):
            assert raised.done
            assert raised.left
        await world.idp.users.delete(user, missing_ok=True)
        await world.settle()
        await world.idp.users.create(user)  # no key of the former user is in the way
        await world.settle()
        for key in keys:
            assert not await world.alive(key), f"cut at request {number}: a key works again"
        assert list(await world.idp.credentials.list(user)) == []
        if world.can("users.groups"):
            assert list(await world.idp.users.groups(user)) == []
        return made

    await each_cut(world, how, once)


@covers("users.delete", "missing_ok")
@needs("users.create", "kind=human")
@needs("credentials.list", "user")
@pytest.mark.parametrize("how", [Cut.FAIL_FIRST, Cut.DROP_FIRST], ids=lambda how: how.name.lower())
@only(thorough=True)
async def test_deleting_a_user_cut_before_the_work(world: World, how: Cut) -> None:
    async def once(number: int) -> bool:
        user = await world.user()
        key = await world.idp.credentials.create(user)
        made, raised = await cut(world, number, how, lambda idp: idp.users.delete(user))
        assert (raised is not None) is made
        await world.idp.users.delete(user, missing_ok=True)
        await world.idp.users.create(user)
        assert not await world.alive(key)
        assert list(await world.idp.credentials.list(user)) == []
        return made

    await each_cut(world, how, once)


@covers("users.delete", "wait", "missing_ok")
@needs("users.create", "kind=human")
@needs("credentials.list", "user")
@lost_answers
@only(thorough=True)
async def test_deleting_a_user_and_waiting(world: World, how: Cut) -> None:
    async def once(number: int) -> bool:
        user = await world.user()
        key = await world.idp.credentials.create(user)
        made, _ = await cut(world, number, how, lambda idp: idp.users.delete(user, wait=True))
        await world.idp.with_options(deadline=600).users.delete(user, wait=True, missing_ok=True)
        assert not await world.alive(key)
        with pytest.raises(NotFoundError):
            await world.idp.users.get(user)
        return made

    await each_cut(world, how, once)


@covers("users.create", "exist_ok")
@cuts
@only(thorough=True)
async def test_making_a_user(world: World, how: Cut) -> None:
    async def once(number: int) -> bool:
        user = world.name()
        made, raised = await cut(world, number, how, lambda idp: idp.users.create(user))
        if isinstance(raised, AmbiguousOutcomeError):
            assert raised.how_to_find_out
        assert (await world.idp.users.create(user, exist_ok=True)).id == user
        assert (await world.idp.users.get(user)).id == user
        if world.can("credentials.list"):
            assert list(await world.idp.credentials.list(user)) == []
        return made

    await each_cut(world, how, once)


@covers("users.create", "existing_credentials", "exist_ok")
@cuts
async def test_making_a_user_without_the_keys_of_a_former_one(world: World, how: Cut) -> None:
    async def once(number: int) -> bool:
        user = world.name()
        old = await world.left_behind(user)
        made, _ = await cut(
            world, number, how, lambda idp: idp.users.create(user, existing_credentials="delete")
        )
        again = await world.idp.users.create(user, existing_credentials="delete", exist_ok=True)
        assert again.id == user
        await world.settle()
        assert not await world.alive(old), f"cut at request {number}: the former user's key works again"
        assert list(await world.idp.credentials.list(user)) == []
        return made

    await each_cut(world, how, once)


@covers("credentials.rotate", "user")
@cuts
@only(thorough=True)
async def test_rotating_a_key(world: World, how: Cut) -> None:
    async def once(number: int) -> bool:
        user = await world.key_user()
        old = await world.idp.credentials.create(user)
        handed: list[Any] = []

        async def rotate(idp: Any) -> None:
            async with idp.credentials.rotate(old.id, user=user) as new:
                handed.append(new)

        made, raised = await cut(world, number, how, rotate)
        known = {old.id, *(new.id for new in handed)}
        listed = {one.id for one in await world.idp.credentials.list(user)}
        unknown = listed - known
        assert len(unknown) <= 1
        if unknown and how is not Cut.CANCEL:  # its answer was lost: then the error names it
            for name in unknown:
                assert name in f"{raised}", f"cut at request {number}: nobody names the key {name}"
        if handed:
            assert await world.alive(handed[-1])
        elif made:
            assert await world.alive(old), "neither key lives"
        for name in unknown:
            await world.idp.credentials.delete(name, user=user)
        try:
            await rotate(world.idp)
        except NotFoundError:  # the first run got that far
            assert handed
        await world.settle()
        assert not await world.alive(old)
        assert await world.alive(handed[-1])
        listed = {one.id for one in await world.idp.credentials.list(user)}
        assert listed == {new.id for new in handed}
        return made

    await each_cut(world, how, once)


@covers("credentials.create", "user")
@covers("credentials.delete", "user", "missing_ok")
@cuts
@only(thorough=True)
async def test_making_and_deleting_a_key(world: World, how: Cut) -> None:
    async def making(number: int) -> bool:
        user = await world.key_user()
        made, raised = await cut(world, number, how, lambda idp: idp.credentials.create(user))
        for key in await world.idp.credentials.list(user):
            if how is not Cut.CANCEL and made:
                assert key.id in f"{raised}"
            await world.idp.credentials.delete(key)
        again = await world.idp.credentials.create(user)
        assert [key.id for key in await world.idp.credentials.list(user)] == [again.id]
        return made

    async def deleting(number: int) -> bool:
        user = await world.key_user()
        key, other = [await world.idp.credentials.create(user) for _ in range(2)]
        made, _ = await cut(world, number, how, lambda idp: idp.credentials.delete(key.id, user=user))
        await world.idp.credentials.delete(key.id, user=user, missing_ok=True)
        await world.settle()
        assert not await world.alive(key)
        assert [one.id for one in await world.idp.credentials.list(user)] == [other.id]
        return made

    await each_cut(world, how, making)
    await each_cut(world, how, deleting)


@covers("groups.create", "exist_ok")
@covers("groups.add_member")
@covers("groups.remove_member")
@covers("groups.delete", "missing_ok")
@cuts
@only(thorough=True)
async def test_groups_and_members(world: World, how: Cut) -> None:
    user = await world.user()
    groups = [world.name("group") for _ in range(3)]

    async def once(verb: str, *arguments: Any, **again: Any) -> None:
        async def cut_and_repeat(number: int) -> bool:
            made, _ = await cut(
                world, number, how, lambda idp: getattr(idp.groups, verb)(*arguments, **again)
            )
            await getattr(world.idp.groups, verb)(*arguments, **again)
            return made

        await each_cut(world, how, cut_and_repeat)

    for group in groups:
        await once("create", group, exist_ok=True)
        await once("add_member", group, user)
        assert [member.id for member in await world.idp.groups.members(group)] == [user]
    assert sorted(group.id for group in await world.idp.users.groups(user)) == sorted(groups)
    await once("remove_member", groups[0], user)
    await once("delete", groups[1], missing_ok=True)
    assert [group.id for group in await world.idp.users.groups(user)] == groups[2:]


@covers("policies.create", "exist_ok")
@covers("policies.update", "statements")
@covers("policies.attach", "user")
@covers("policies.detach", "user")
@covers("policies.delete", "missing_ok")
@cuts
@only(thorough=True)
async def test_policies_and_attachments(world: World, how: Cut) -> None:
    user, name = await world.user(), world.name("policy")

    async def once(verb: str, **options: Any) -> None:
        async def cut_and_repeat(number: int) -> bool:
            made, _ = await cut(world, number, how, lambda idp: getattr(idp.policies, verb)(name, **options))
            await getattr(world.idp.policies, verb)(name, **options)
            return made

        await each_cut(world, how, cut_and_repeat)

    await once("create", statements=world.rules.statements, exist_ok=True)
    await once("attach", user=user)
    await once("update", statements=world.rules.other_statements)
    assert [policy.id for policy in await world.idp.users.policies(user)] == [name]
    effects = {statement.effect for statement in (await world.idp.policies.get(name)).statements}
    assert effects == {statement.effect for statement in world.rules.other_statements}
    await once("detach", user=user)
    assert list(await world.idp.users.policies(user)) == []
    await once("attach", user=user)
    await once("delete", missing_ok=True)
    assert list(await world.idp.users.policies(user)) == []


@covers("users.delete")
@covers("users.me")
@only(column="lakefs-1.x")
@lost_answers
async def test_deleting_the_one_user_of_a_server(world: World, how: Cut) -> None:
    """A server that lists no keys: the user goes, and what of it may live on is named."""
    me = await world.idp.users.me()
    key = await world.idp.credentials.create()
    raised = (await cut(world, 1, how, lambda idp: idp.users.delete(me.id)))[1]
    assert raised is None or isinstance(raised, IdentityError)
    await world.settle()
    if await world.alive(key):  # the first run did not get that far
        deletion = await world.idp.users.delete(me.id)
        assert any("key" in left.what for left in deletion.residual)
    await world.settle()
    assert not await world.alive(key)
