"""Lists never stop silently, whatever their length; they are streamed, limited, resumed and prefetched."""

from __future__ import annotations

import anyio
import pytest

from contract.lists import ListVerb
from contract.marks import covers, each_list, either_loop, needs, only
from contract.target import Cut, World
from identity_sdk.errors import InvalidRequestError
from identity_sdk.listing import Items

pytestmark = pytest.mark.anyio


@pytest.mark.large
@each_list("limit", "cursor")
@either_loop
async def test_short_lists(world: World, lists: ListVerb) -> None:
    for count in (0, 1, 7):
        await _short_list(world, lists, count)


async def _short_list(world: World, lists: ListVerb, count: int) -> None:
    filled = await lists.filled(world, count)
    items = await filled.listing()
    assert isinstance(items, Items)
    assert [filled.key(item) for item in items] == filled.ids
    assert [filled.key(item) async for item in filled.listing()] == filled.ids
    pages = [page async for page in filled.listing().pages()]
    assert [filled.key(item) for page in pages for item in page.items] == filled.ids
    assert pages[-1].cursor is None
    assert len(pages) == 1
    async with filled.listing().prefetch() as stream:
        assert [filled.key(item) async for item in stream] == filled.ids
    for limit in {0, 1, count, count + 1, 3}:
        assert [filled.key(item) for item in await filled.listing(limit=limit)] == filled.ids[:limit]
    with pytest.raises(InvalidRequestError):
        filled.listing(limit=-1)
    twice = filled.listing()
    assert await twice == await twice
    resumed: list[str] = []
    cursor: str | None = None
    for _ in range(count + 2):
        page = await anext(filled.listing(limit=2, cursor=cursor).pages())
        assert len(page.items) <= 2
        resumed += [filled.key(item) for item in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert cursor is None
    assert resumed == filled.ids


@pytest.mark.large
@each_list()
@pytest.mark.parametrize("more", [0, 1])
@only(thorough=True)
@either_loop
async def test_lists_of_exactly_a_page_and_of_one_more(world: World, lists: ListVerb, more: int) -> None:
    assert world.rules.page is not None
    filled = await lists.filled(world, world.rules.page + more)
    pages = [page async for page in filled.listing().pages()]
    assert [filled.key(item) for page in pages for item in page.items] == filled.ids
    assert len(pages) <= 2
    if not more:
        assert [filled.key(item) for item in await filled.listing()] == filled.ids
        return
    first = pages[0]
    rest = await filled.listing(cursor=first.cursor) if first.cursor is not None else ()
    assert [filled.key(item) for item in (*first.items, *rest)] == filled.ids
    assert len(await filled.listing(limit=world.rules.page)) == world.rules.page


@covers("users.list", "prefix", "limit", "cursor", "kind=human")
@needs("users.create", "kind=human")
async def test_users_by_prefix(world: World) -> None:
    stem = world.name("al")
    last = "é" if "ä" in world.rules.awkward else "c"
    for ending in ("", "a", "an", "b", last):
        await world.idp.users.create(stem + ending)
    await world.idp.users.create(world.name("zz"))
    found = [user.id for user in await world.idp.users.list(prefix=stem)]
    assert found == [stem, f"{stem}a", f"{stem}an", f"{stem}b", f"{stem}{last}"]
    assert [user.id for user in await world.idp.users.list(prefix=f"{stem}a")] == [f"{stem}a", f"{stem}an"]
    assert list(await world.idp.users.list(prefix=f"{stem}zzz")) == []
    collected: list[str] = []
    cursor = None
    while True:
        page = await anext(world.idp.users.list(prefix=stem, limit=1, cursor=cursor).pages())
        collected += [user.id for user in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert collected == found
    everybody = [user.id for user in await world.idp.users.list()]
    assert set(found) < set(everybody)


@covers("users.list", "prefix", "limit", "cursor", "kind=human")
async def test_users_where_there_is_but_one(world: World) -> None:
    me = await world.idp.users.me()
    everybody = await world.idp.users.list(kind=me.kind)
    assert me.id in [user.id for user in everybody]
    assert list(await world.idp.users.list(prefix=world.name("nobody"), limit=5)) == []
    assert me.id in [user.id for user in await world.idp.users.list(prefix=me.id[:2], kind=me.kind, limit=50)]
    pages = [page async for page in world.idp.users.list(limit=1).pages()]
    assert len(pages) == 1
    after = world.idp.users.list(
        prefix=me.id, cursor=pages[0].cursor or world.rules.some_cursor, kind=me.kind
    )
    assert len(await after) <= 1


@covers("groups.list", "prefix", "limit", "cursor")
@needs("groups.create")
async def test_groups_by_prefix(world: World) -> None:
    stem = world.name("gr")
    made = sorted([(await world.idp.groups.create(stem + ending)).id for ending in ("", "a", "ab", "b")])
    assert [group.id for group in await world.idp.groups.list(prefix=stem)] == made
    assert [group.id for group in await world.idp.groups.list(prefix=f"{stem}a", limit=1)] == [f"{stem}a"]
    page = await anext(world.idp.groups.list(prefix=stem, limit=2).pages())
    rest = await world.idp.groups.list(prefix=stem, cursor=page.cursor)
    assert [group.id for group in (*page.items, *rest)] == made


@covers("policies.list", "prefix", "limit", "cursor")
async def test_policies_by_prefix(world: World) -> None:
    stem = world.name("po")
    made = sorted([await world.policy(stem) for _ in range(4)])
    assert [policy.id for policy in await world.idp.policies.list(prefix=stem)] == made
    page = await anext(world.idp.policies.list(prefix=stem, limit=2).pages())
    rest = await world.idp.policies.list(prefix=stem, cursor=page.cursor)
    assert [policy.id for policy in (*page.items, *rest)] == made


@covers("users.list", "limit")
@needs("users.create", "kind=human")
async def test_cancelled_in_the_middle(world: World) -> None:
    """A page that is being fetched is given up at once; the client goes on, and so does the list."""
    stem = world.name("many")
    ids = [(await world.idp.users.create(f"{stem}{number}")).id for number in range(4)]
    first = await anext(world.idp.users.list(prefix=stem, limit=2).pages())
    world.cutter.arm(1, Cut.CANCEL)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while not world.cutter.reached:
                    await anyio.sleep(0.002)
                scope.cancel()

            group.start_soon(watch)
            await world.idp.users.list(prefix=stem, cursor=first.cursor)
            group.cancel_scope.cancel()
    assert scope.cancelled_caught
    assert world.cutter.disarm()
    rest = await world.idp.users.list(prefix=stem, cursor=first.cursor)
    assert [user.id for user in (*first.items, *rest)] == ids


@covers("users.list", "limit")
@needs("users.create", "kind=human")
async def test_left_in_the_middle(world: World) -> None:
    """Neither leaving a loop nor a prefetch leaves anything behind."""
    stem = world.name("many")
    ids = [(await world.idp.users.create(f"{stem}{number}")).id for number in range(5)]
    async for user in world.idp.users.list(prefix=stem):
        assert user.id == ids[0]
        break
    async with world.idp.users.list(prefix=stem).prefetch(2) as stream:
        assert (await anext(stream)).id == ids[0]
    assert [user.id for user in await world.idp.users.list(prefix=stem, limit=3)] == ids[:3]


@pytest.mark.large
@only(thorough=True)
@either_loop
@covers("users.list", "prefix", "limit", "cursor")
@needs("users.create", "kind=human")
async def test_ten_thousand_users(world: World) -> None:
    stem = world.name("bulk")
    ids = await world.seed("users", stem, 10_000, None)
    pages = [page async for page in world.idp.users.list(prefix=stem).pages()]
    assert [user.id for page in pages for user in page.items] == ids
    assert max(len(page.items) for page in pages) <= (world.rules.page or 10_000) or not world.rules.paged
    async with world.idp.users.list(prefix=stem).prefetch(2) as stream:
        assert [user.id async for user in stream] == ids
    assert [user.id for user in await world.idp.users.list(prefix=stem, limit=9_999)] == ids[:9_999]
    count = 0
    half = None if world.rules.paged else 5_000
    async for page in world.idp.users.list(prefix=stem, limit=half).pages():
        count += len(page.items)
        if count >= 5_000:
            break
    rest = await world.idp.users.list(prefix=stem, cursor=page.cursor)
    assert [user.id for user in rest] == ids[count:]
