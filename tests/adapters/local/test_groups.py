"""Groups: who is in them, in which role, and what goes with them."""

from __future__ import annotations

import anyio
import pytest

from identity_sdk.errors import ConflictError, InvalidRequestError, NotFoundError

from .conftest import Idp, allow

pytestmark = pytest.mark.anyio


async def test_made_read_changed_listed_deleted(everywhere: Idp) -> None:
    made = await everywhere.groups.create("g/1", name="One", description="first")
    assert (await everywhere.groups.get("g/1")).model_dump() == made.model_dump()
    with pytest.raises(ConflictError):
        await everywhere.groups.create("g/1")
    assert (await everywhere.groups.create("g/1", exist_ok=True)).name == "One"
    changed = await everywhere.groups.update("g/1", description=None)
    assert (changed.name, changed.description) == ("One", None)
    assert (await everywhere.groups.update("g/1")).name == "One"
    await everywhere.groups.create("h")
    assert [group.id for group in await everywhere.groups.list()] == ["g/1", "h"]
    assert [group.id for group in await everywhere.groups.list(prefix="g", limit=1)] == ["g/1"]
    assert (await everywhere.groups.delete("g/1")).existed
    assert not (await everywhere.groups.delete("g/1", missing_ok=True)).existed
    with pytest.raises(InvalidRequestError):
        await everywhere.groups.create()
    for verb in (everywhere.groups.get, everywhere.groups.delete, everywhere.groups.update):
        with pytest.raises(NotFoundError):
            await verb("g/1")
    for listing in (everywhere.groups.members("g/1"), everywhere.groups.policies("g/1")):
        with pytest.raises(NotFoundError):
            await listing


async def test_members_have_roles(everywhere: Idp) -> None:
    await everywhere.groups.create("g")
    for user in ("c", "a", "b"):
        await everywhere.users.create(user, name=user.upper(), email=f"{user}@x")
        await everywhere.groups.add_member("g", user)
    await everywhere.groups.add_member("g", "b", role="owner")
    await everywhere.groups.add_member("g", "b")
    members = await everywhere.groups.members("g")
    assert [(m.id, m.role, m.name, m.email, m.type) for m in members] == [
        ("a", None, "A", "a@x", "user"),
        ("b", "owner", "B", "b@x", "user"),
        ("c", None, "C", "c@x", "user"),
    ]
    assert [member.id for member in await everywhere.groups.members("g", limit=1, cursor="a")] == ["b"]
    await everywhere.groups.remove_member("g", "b")
    await everywhere.groups.remove_member("g", "b")
    assert [member.id for member in await everywhere.groups.members("g")] == ["a", "c"]
    for change in (everywhere.groups.add_member, everywhere.groups.remove_member):
        with pytest.raises(NotFoundError, match="user"):
            await change("g", "nobody")
        with pytest.raises(NotFoundError, match="group"):
            await change("nowhere", "a")
    with pytest.raises(InvalidRequestError, match="role"):
        await everywhere.groups.add_member("g", "a", role="")


async def test_a_group_made_anew_inherits_nothing(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    await everywhere.policies.create("p", statements=allow("x"))
    await everywhere.groups.create("g")
    await everywhere.groups.add_member("g", "a")
    await everywhere.policies.attach("p", group="g")
    assert [policy.id for policy in await everywhere.groups.policies("g")] == ["p"]
    await everywhere.groups.delete("g")
    assert (await everywhere.users.get("a")).id == "a"
    await everywhere.groups.create("g")
    assert len(await everywhere.groups.members("g")) == 0
    assert len(await everywhere.groups.policies("g")) == 0
    assert not (await everywhere.policies.check("a", "x", "y")).allowed


async def test_many_writers_at_once_lose_nothing(everywhere: Idp) -> None:
    await everywhere.groups.create("g")
    users = [f"u{number:03}" for number in range(100)]
    for user in users:
        await everywhere.users.create(user)
    async with anyio.create_task_group() as tasks:
        for user in users:
            tasks.start_soon(everywhere.groups.add_member, "g", user)
    assert [member.id for member in await everywhere.groups.members("g")] == users
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(everywhere.groups.create, f"n{number}")
        for user in users[::2]:
            tasks.start_soon(everywhere.groups.remove_member, "g", user)
    assert [member.id for member in await everywhere.groups.members("g")] == users[1::2]
    assert len(await everywhere.groups.list(prefix="n")) == 20


async def test_of_many_who_create_one_id_one_wins(everywhere: Idp) -> None:
    outcomes: list[str] = []

    async def create(name: str) -> None:
        try:
            await everywhere.groups.create("g", name=name)
        except ConflictError:
            outcomes.append("conflict")
        else:
            outcomes.append(name)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(create, str(number))
    winners = [outcome for outcome in outcomes if outcome != "conflict"]
    assert len(winners) == 1
    assert (await everywhere.groups.get("g")).name == winners[0]
