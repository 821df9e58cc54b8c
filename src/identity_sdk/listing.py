"""Lists that never stop silently: await for all, iterate to stream, page-wise to resume."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, get_args, overload

from identity_sdk.errors import InvalidRequestError, ProtocolError
from identity_sdk.tables import html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Generator

    import pandas
    import polars

    from identity_sdk.progress import Bar

__all__ = ["Items", "Listing", "Page", "page_of"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Scope = Callable[[], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Some items of a list, and the cursor that continues after them (``None`` at the end)."""

    items: tuple[T_co, ...]
    cursor: str | None = None

    def _repr_html_(self) -> str:
        end = "the last page" if self.cursor is None else "its cursor continues after them"
        return html_table(self.items, f"{_counted(self.items)}: {end}")


class Items(Sequence[T_co]):
    """All items of a list: an immutable sequence, shown as a table in notebooks."""

    __slots__ = ("_items", "_of")

    def __init__(self, items: Iterable[T_co] = (), *, of: object = None) -> None:
        """Args:
        items: taken as they are.
        of: their type; what the data frame of an empty list takes its columns from.
        """
        self._items = tuple(items)
        self._of = of

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Items[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Items[T_co]:
        if isinstance(index, slice):
            return Items(self._items[index], of=self._of or _type_of(self._items))
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Items):
            return self._items == tuple(other)  # pyright: ignore[reportUnknownArgumentType]
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        shown = ", ".join(repr(item) for item in self._items[:5])
        more = f", … {len(self._items) - 5} more" if len(self._items) > 5 else ""
        return f"Items([{shown}{more}])"

    def to_pandas(self) -> pandas.DataFrame:
        """A row per item, typed: times in UTC, choices as categories, missing values everywhere. No secrets.

        The columns are those of the type, also of an empty list; ``provider`` is the last one.

        Raises:
            ConfigurationError: pandas is not installed (extra ``notebook``).
        """
        from identity_sdk.frames import to_pandas

        return to_pandas(self._items, self._of)

    def to_polars(self) -> polars.DataFrame:
        """As :meth:`to_pandas`; nested values become structures, and what has no type JSON text.

        Raises:
            ConfigurationError: polars is not installed (extra ``notebook``).
        """
        from identity_sdk.frames import to_polars

        return to_polars(self._items, self._of)

    def _repr_html_(self) -> str:
        return html_table(self._items, _counted(self._items, self._of))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """For front ends without HTML, such as IPython in a terminal; to HTML it adds nothing."""
        return {"text/plain": text_table(self._items, _counted(self._items, self._of))}


def _type_of(items: Sequence[object]) -> object:
    return type(items[0]) if items else None


def _counted(items: Sequence[object], of: object = None) -> str:
    """`"1 user"`, `"25 policies"`: by the neutral name of what they are."""
    noun = _noun(_type_of(items) or next(iter(get_args(of)), of))
    if len(items) != 1:
        noun = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{len(items):,} {noun}"


def _noun(kind: object) -> str:
    """The neutral model's name in lower case; an adapter's is a subclass of it."""
    mro = kind.__mro__ if isinstance(kind, type) else ()
    named = [one.__name__ for one in mro if one.__module__ == "identity_sdk.models"]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", named[0]).lower() if named else "item"


class Listing(Generic[T_co]):
    """The answer of every list verb. Nothing is requested before it is awaited or iterated.

    ::

        users = await idp.users.list()                 # all of them, as Items
        async for user in idp.users.list(): ...        # streamed, one page in memory
        async with idp.users.list().prefetch() as users:
            async for user in users: ...               # the next page is fetched meanwhile
        async for page in idp.users.list().pages():    # page.cursor resumes: list(cursor=page.cursor)
            ...
        users = await idp.users.list().progress()      # shows how far it has come; with any of the above

    Each page has the deadline of one verb; the consumer's own time never counts. The same listing can be iterated
    more than once; each time it asks the server anew.

    Raises (while iterating):
        ProtocolError: the server answered a cursor that it had answered before.
        IdentityError: whatever the backend or the network says.
    """

    __slots__ = ("_cursor", "_fetch", "_item_type", "_limit", "_progress", "_scope")

    def __init__(
        self,
        fetch: Callable[[str | None, int | None], Awaitable[Page[T_co]]],
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> None:
        """Args:
        fetch: ``fetch(cursor, size)`` answers one page; ``size`` is how many items are still wanted (``None``:
            all), and a page never holds more, so that its cursor continues exactly after its last item.
        limit: at most so many items in all.
        cursor: where to continue; from :attr:`Page.cursor` of the same list.
        """
        if limit is not None and limit < 0:
            raise InvalidRequestError(f"limit must be 0 or more, not {limit}", fields={"limit": "negative"})
        self._fetch = fetch
        self._limit = limit
        self._cursor = cursor
        self._scope: Scope = nullcontext
        self._item_type: Callable[[], object] | None = None
        self._progress = False

    def bind_scope(self, scope: Scope) -> None:
        """Every page is fetched inside ``scope()``. Called once, by ``@supports``."""
        self._scope = scope

    def bind_type(self, item_type: Callable[[], object]) -> None:
        """How to find the type of the items, should there be none. Called once, by ``@supports``."""
        self._item_type = item_type

    def progress(self) -> Listing[T_co]:
        """The same list, which shows how far it has come: in a notebook, or on standard error if that is a terminal.

        It counts items and pages; only with ``limit=`` is there an end to measure against.
        """
        copy = Listing(self._fetch, limit=self._limit, cursor=self._cursor)
        copy._scope, copy._item_type, copy._progress = self._scope, self._item_type, True
        return copy

    def __await__(self) -> Generator[object, None, Items[T_co]]:
        return self._all().__await__()

    async def _all(self) -> Items[T_co]:
        items: list[T_co] = []
        async for page in self.pages():
            items.extend(page.items)
        return Items(items, of=self._item_type() if self._item_type is not None and not items else None)

    def __aiter__(self) -> AsyncIterator[T_co]:
        return _ItemStream(self.pages())

    def pages(self) -> AsyncIterator[Page[T_co]]:
        """Page after page, in the caller's own task. An empty list is one empty page."""
        stream = _PageStream(self._fetch, self._scope, self._cursor, self._limit)
        if not self._progress:
            return stream
        from identity_sdk.progress import Bar

        return _Counted(stream, Bar(self._limit))

    @asynccontextmanager
    async def prefetch(self, pages: int = 1) -> AsyncGenerator[AsyncIterator[T_co]]:
        """Fetches up to ``pages`` pages ahead while the caller works on the present one.

        Leaving the block cancels what is still being fetched. An error of the list is raised where its page would
        have come.
        """
        import anyio

        if pages < 1:
            raise InvalidRequestError(f"pages must be 1 or more, not {pages}", fields={"pages": "too few"})
        send, receive = anyio.create_memory_object_stream[Page[T_co] | Exception](pages - 1)

        async def fetch_ahead() -> None:
            async with send:
                try:
                    async for page in self.pages():
                        await send.send(page)
                except Exception as error:
                    await send.send(error)

        cancelled = anyio.get_cancelled_exc_class()
        failure: BaseException | None = None
        async with receive, anyio.create_task_group() as group:
            group.start_soon(fetch_ahead)
            try:
                yield _ItemStream(_Received(receive))
            except cancelled:
                raise
            except BaseException as error:  # raised below: the task group would wrap it in an ExceptionGroup
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def __repr__(self) -> str:
        return "<Listing: await it for all items, or use `async for`>"

    def _repr_html_(self) -> str:
        return (
            '<p class="identity-sdk">A list that was not asked for yet: <code>await</code> it for all items, '
            "or use <code>async for</code>.</p>"
        )


class _PageStream(Generic[T]):
    """An iterator, not an async generator: nothing has to be closed when the caller stops half-way."""

    __slots__ = ("_cursor", "_ended", "_fetch", "_left", "_scope", "_seen")

    def __init__(
        self,
        fetch: Callable[[str | None, int | None], Awaitable[Page[T]]],
        scope: Scope,
        cursor: str | None,
        limit: int | None,
    ) -> None:
        self._fetch = fetch
        self._scope = scope
        self._cursor = cursor
        self._left = limit
        self._ended = limit == 0
        self._seen = {cursor}

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        if self._ended:
            raise StopAsyncIteration
        async with self._scope():
            page = await self._fetch(self._cursor, self._left)
            if page.cursor is not None and page.cursor in self._seen:
                raise ProtocolError(
                    "the server answered a cursor that it had answered before: the list has no end"
                )
        if self._left is not None:
            if len(page.items) > self._left:
                page = Page(page.items[: self._left])
            self._left -= len(page.items)
        self._cursor = page.cursor
        self._seen.add(page.cursor)
        self._ended = page.cursor is None or self._left == 0
        return page


class _Counted(Generic[T]):
    """Pages that a bar counts. When the caller stops half-way, the stream is dropped, and the bar says so."""

    __slots__ = ("_bar", "_pages")

    def __init__(self, pages: AsyncIterator[Page[T]], bar: Bar) -> None:
        self._pages = pages
        self._bar = bar

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        try:
            page = await self._pages.__anext__()
        except StopAsyncIteration:
            self._bar.end("done")
            raise
        except BaseException:
            self._bar.end("stopped")
            raise
        self._bar.add(len(page.items))
        return page

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be on its way out
            self._bar.end("stopped")


class _ItemStream(Generic[T]):
    __slots__ = ("_items", "_pages")

    def __init__(self, pages: AsyncIterator[Page[T]]) -> None:
        self._pages = pages
        self._items: deque[T] = deque()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            self._items.extend((await self._pages.__anext__()).items)
        return self._items.popleft()


class _Received(Generic[T]):
    """The pages of a prefetch, errors raised in their place."""

    __slots__ = ("_stream",)

    def __init__(self, stream: AsyncIterator[Page[T] | Exception]) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self._stream.__anext__()
        if isinstance(page, Exception):
            raise page
        return page


def page_of(items: Sequence[T], cursor: str | None, size: int | None) -> Page[T]:
    """One page out of a complete list, for backends that do not page: the cursor counts items."""
    start = _position(cursor)
    end = len(items) if size is None else min(len(items), start + size)
    return Page(tuple(items[start:end]), str(end) if end < len(items) else None)


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise InvalidRequestError(
            f"cursor {cursor[:40]!r} is not one of this list", fields={"cursor": "unknown"}
        )
    return int(cursor[:18])
