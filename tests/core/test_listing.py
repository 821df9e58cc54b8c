"""Lists: every number of pages, bounds, resuming, and what a consumer may do half-way."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from identity_sdk.errors import DeadlineExceededError, InvalidRequestError, NotFoundError, ProtocolError
from identity_sdk.listing import Items, Listing, Page, page_of
from tests.core.rig import Rig, until

pytestmark = pytest.mark.anyio


class Paged:
    """``total`` numbers in pages of ``size``; notes what was asked."""

    def __init__(self, total: int, size: int = 10) -> None:
        self.total = total
        self.size = size
        self.asked: list[tuple[str | None, int | None]] = []
        self.fail_at: int | None = None
        self.error: Exception = NotFoundError("gone meanwhile")
        self.in_flight = 0

    async def fetch(self, cursor: str | None, wanted: int | None) -> Page[int]:
        self.asked.append((cursor, wanted))
        self.in_flight += 1
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            self.in_flight -= 1
        if self.fail_at == len(self.asked):
            raise self.error
        start = int(cursor or 0)
        end = min(self.total, start + min(self.size, wanted if wanted is not None else self.size))
        return Page(tuple(range(start, end)), str(end) if end < self.total else None)

    def listing(self, **options: Any) -> Listing[int]:
        return Listing(self.fetch, **options)


SIZES = [0, 1, 9, 10, 11, 20, 21, 1000]


@pytest.mark.parametrize("total", SIZES)
async def test_all_ways_to_read(total: int) -> None:
    paged = Paged(total)
    expected = list(range(total))
    pages = max(1, -(-total // 10))
    assert list(await paged.listing()) == expected
    assert len(paged.asked) == pages
    assert [one async for one in paged.listing()] == expected
    got = [page async for page in paged.listing().pages()]
    assert len(got) == pages
    assert [one for page in got for one in page.items] == expected
    assert got[-1].cursor is None
    for ahead in (1, 3):
        async with paged.listing().prefetch(ahead) as stream:
            assert [one async for one in stream] == expected


async def test_nothing_is_asked_before_it_is_read() -> None:
    paged = Paged(5)
    listing = paged.listing()
    listing.pages()
    aiter(listing)
    assert paged.asked == []
    assert repr(listing) == "<Listing: await it for all items, or use `async for`>"
    assert len(await listing) == len(await listing) == 5
    assert len(paged.asked) == 2


@pytest.mark.parametrize("limit", [0, 1, 10, 11, 25, 26])
async def test_limit(limit: int) -> None:
    paged = Paged(25)
    assert list(await paged.listing(limit=limit)) == list(range(min(limit, 25)))
    assert len(paged.asked) == -(-min(limit, 25) // 10)
    assert [wanted for _, wanted in paged.asked] == [limit - 10 * page for page in range(len(paged.asked))]


async def test_a_backend_that_answers_more_than_wanted_is_cut() -> None:
    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        return Page((1, 2, 3), "more")

    pages = [page async for page in Listing(fetch, limit=2).pages()]
    assert pages == [Page((1, 2))]


def test_a_negative_limit() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Paged(1).listing(limit=-1)
    assert caught.value.fields == {"limit": "negative"}


@given(total=st.integers(0, 60), size=st.integers(1, 20), limit=st.none() | st.integers(0, 70))
def test_resuming_anywhere_loses_and_doubles_nothing(total: int, size: int, limit: int | None) -> None:
    async def read() -> None:
        paged = Paged(total, size)
        items: list[int] = []
        cursor: str | None = None
        left = limit
        while True:  # one page from each listing, as a web application does
            stream = paged.listing(cursor=cursor, limit=left).pages()
            try:
                page = await anext(stream)
            except StopAsyncIteration:
                break
            items += page.items
            left = None if left is None else left - len(page.items)
            cursor = page.cursor
            if cursor is None:
                break
        assert items == list(range(total if limit is None else min(total, limit)))

    trio.run(read)


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "c"], ["start"]])
async def test_a_repeated_cursor_is_never_followed(cursors: list[str]) -> None:
    asked = 0

    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        nonlocal asked
        asked += 1
        return Page((asked,), cursors[min(asked, len(cursors)) - 1])

    for read in ("await", "for", "prefetch"):
        asked = 0
        listing = Listing(fetch, cursor="start")
        with pytest.raises(ProtocolError, match="answered before"):
            if read == "await":
                await listing
            elif read == "for":
                async for _ in listing:
                    pass
            else:
                async with listing.prefetch() as stream:
                    async for _ in stream:
                        pass
        assert asked == len(cursors)


async def test_an_error_comes_where_its_page_would_have() -> None:
    for prefetch in (False, True):
        paged = Paged(100)
        paged.fail_at = 3
        got: list[int] = []
        with pytest.raises(NotFoundError):
            if prefetch:
                async with paged.listing().prefetch(5) as stream:
                    async for one in stream:
                        got.append(one)
            else:
                async for one in paged.listing():
                    got.append(one)
        assert got == list(range(20))


async def test_a_page_can_be_asked_for_again_after_an_error() -> None:
    paged = Paged(30)
    paged.fail_at = 2
    stream = paged.listing().pages()
    await anext(stream)
    with pytest.raises(NotFoundError):
        await anext(stream)
    assert (await anext(stream)).items == tuple(range(10, 20))


async def test_each_page_has_the_scope_of_a_verb_and_the_consumer_none() -> None:
    rig = Rig(deadline=30.0)
    left: list[float] = []

    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        left.append(rig.pipeline.remaining())
        return Page((1,), None if len(left) == 3 else str(len(left)))

    listing = Listing(fetch)
    listing.bind_scope(lambda: rig.pipeline.verb("users.list"))
    async for _ in listing:
        assert rig.pipeline.remaining() == float("inf")
        rig.clock.now += 100
    assert left == [30.0] * 3


async def test_a_page_that_is_late() -> None:
    rig = Rig(deadline=0.02)

    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        await anyio.sleep_forever()
        raise AssertionError

    listing = Listing(fetch)
    listing.bind_scope(lambda: rig.pipeline.verb("users.list"))
    with pytest.raises(DeadlineExceededError) as caught:
        await listing
    assert caught.value.operation == "users.list"


# --------------------------------------------------------------------------------------------------------- prefetch


async def test_the_next_page_is_fetched_while_the_caller_works() -> None:
    events: list[str] = []
    arrived = [anyio.Event() for _ in range(4)]

    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        number = int(cursor or 0)
        events.append(f"fetch {number}")
        arrived[number].set()
        return Page((number,), str(number + 1) if number < 3 else None)

    async with Listing(fetch).prefetch() as stream:
        async for number in stream:
            events.append(f"work {number}")
            if number < 3:
                with anyio.fail_after(1):  # without overlap the next page would never come
                    await arrived[number + 1].wait()
    assert events.index("fetch 1") < events.index("work 1")
    assert len(events) == 8


@pytest.mark.parametrize("ahead", [1, 2, 4])
async def test_prefetch_is_bounded(ahead: int) -> None:
    paged = Paged(1000)
    async with paged.listing().prefetch(ahead) as stream:
        assert await anext(stream) == 0
        await anyio.wait_all_tasks_blocked()
        assert len(paged.asked) == ahead + 1
    assert paged.in_flight == 0


async def test_prefetch_of_nothing() -> None:
    with pytest.raises(InvalidRequestError):
        async with Paged(1).listing().prefetch(0):
            pass


async def test_leaving_early_ends_the_fetching() -> None:
    ended = False

    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        nonlocal ended
        if cursor is None:
            return Page((1,), "next")
        try:
            await anyio.sleep_forever()
        finally:
            ended = True
        raise AssertionError

    async with Listing(fetch).prefetch() as stream:
        async for _ in stream:
            await anyio.wait_all_tasks_blocked()
            break
    assert ended


class Odd(BaseException):
    """Not even an ``Exception``."""


@pytest.mark.parametrize(
    "kind",
    [ValueError, KeyError, NotFoundError, StopAsyncIteration, StopIteration, SystemExit, Odd, GeneratorExit],
)
async def test_what_the_body_raises_comes_out_as_it_is(kind: type[BaseException]) -> None:
    paged = Paged(100)
    raised = kind("mine")
    with pytest.raises(kind) as caught:
        async with paged.listing().prefetch() as stream:
            async for _ in stream:
                raise raised
    assert caught.value is raised
    assert paged.in_flight == 0


async def test_cancelled_in_the_body_and_in_a_fetch() -> None:
    paged = Paged(100)
    with anyio.move_on_after(0.01) as scope:
        async with paged.listing().prefetch() as stream:
            async for _ in stream:
                await anyio.sleep_forever()
    assert scope.cancelled_caught

    async def never(cursor: str | None, wanted: int | None) -> Page[int]:
        await anyio.sleep_forever()
        raise AssertionError

    for wait in ("for", "prefetch", "await"):
        with anyio.move_on_after(0.01) as scope:
            if wait == "await":
                await Listing(never)
            elif wait == "for":
                async for _ in Listing(never):
                    pass
            else:
                async with Listing(never).prefetch() as stream:
                    await anext(stream)
        assert scope.cancelled_caught


async def test_a_stream_read_after_its_block() -> None:
    async with Paged(100).listing().prefetch() as stream:
        await anext(stream)
    with pytest.raises((StopAsyncIteration, anyio.ClosedResourceError)):
        for _ in range(200):
            await anext(stream)


def test_breaking_off_leaves_no_warning_on_either_loop() -> None:
    async def read(stream: AsyncIterator[object]) -> None:
        async for _ in stream:
            break

    async def everything() -> None:
        paged = Paged(100)
        await read(aiter(paged.listing()))
        await read(paged.listing().pages())
        async with paged.listing().prefetch() as stream:
            await read(stream)
        gc.collect()

    for _ in range(3):
        asyncio.run(everything())
        trio.run(everything)
        gc.collect()


async def test_memory_is_bounded_while_streaming() -> None:
    async def fetch(cursor: str | None, wanted: int | None) -> Page[bytes]:
        start = int(cursor or 0)
        return Page(
            tuple(b"%d" % n * 50 for n in range(start, start + 100)),
            str(start + 100) if start < 40_000 else None,
        )

    async def stream_all() -> int:
        count = 0
        async for _ in Listing(fetch):
            count += 1
        return count

    tracemalloc.start()
    try:
        assert await stream_all() == 40_100
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------------------------------------------ items


def test_items() -> None:
    items = Items(range(10))
    assert len(items) == 10
    assert items[3] == 3
    assert items[-1] == 9
    assert items[2:4] == Items([2, 3])
    assert isinstance(items[2:4], Items)
    assert 5 in items
    assert next(reversed(items)) == 9
    assert items == Items(range(10))
    assert items != Items(range(9))
    assert items != list(range(10))
    assert hash(items) == hash(Items(range(10)))
    assert repr(items) == "Items([0, 1, 2, 3, 4, … 5 more])"
    assert repr(Items([1])) == "Items([1])"
    assert not Items()
    with pytest.raises(TypeError):
        items[0] = 1  # type: ignore[index]


def test_pages_of_a_complete_list() -> None:
    items = list("abcde")
    assert page_of(items, None, None) == Page(tuple("abcde"))
    assert page_of(items, None, 2) == Page(("a", "b"), "2")
    assert page_of(items, "2", 3) == Page(("c", "d", "e"))
    assert page_of(items, "9" * 100, 2) == Page(())
    for nonsense in ("x", "-1", "٣", ""):
        with pytest.raises(InvalidRequestError):
            page_of(items, nonsense, 2)


async def test_listings_of_many_calls_at_once() -> None:
    paged = Paged(50)
    results: list[Items[int]] = []

    async def read() -> None:
        results.append(await paged.listing())

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(read)
    await until(lambda: len(results) == 20)
    assert set(results) == {Items(range(50))}
