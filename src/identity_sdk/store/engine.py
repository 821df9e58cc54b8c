"""Transactions: a sync SQLAlchemy engine in anyio worker threads, so that asyncio and trio both work.

What each database is told, and why:

* SQLite in memory: one connection, kept by its store, and one user of it at a time. Such stores come and go by the
  hundred in tests: they share one engine, and with it what SQLAlchemy compiled, and the text of the schema.
* SQLite in a file: write-ahead log, ``busy_timeout`` 30 s, the driver's own transaction handling off, and
  ``BEGIN IMMEDIATE`` for every writing transaction. A deferred transaction that reads and then writes is
  refused as soon as another one has written in between, and with the driver's defaults such updates are lost.
* PostgreSQL: a writing transaction first takes one advisory lock, then reads what is committed. As on SQLite
  there is one writer at a time, so that a read followed by a write needs no retry and loses nothing. Reading
  transactions see one snapshot (REPEATABLE READ, READ ONLY) and wait for nobody.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from typing import Generic, Literal, NamedTuple, TypeVar, cast

import anyio
from anyio import to_thread
from anyio.lowlevel import RunVar
from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from identity_sdk.errors import ConfigurationError
from identity_sdk.store import tables

__all__ = ["DuplicateRow", "Store", "StoreError", "StoreUnavailable"]

T = TypeVar("T")
_Kind = Literal["memory", "file", "postgresql"]

_WRITES = "identity_sdk_writes"
_LOCK_KEY = 0x1D5D_0001
_CONNECTIONS = 8
_BUSY_SECONDS = 30
_SQLITE_ARGUMENTS = {"check_same_thread": False, "timeout": _BUSY_SECONDS}
_numbers = itertools.count()


class StoreError(Exception):
    """Something that the store refuses. Adapters and emulators turn it into their own errors."""


class DuplicateRow(StoreError):
    """A row with this key is there already."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, is locked for longer than 30 s, or the connection to it was lost."""


class _Limiters(NamedTuple):
    """Writers take turns anyway: they wait here, where they hold no thread and keep no reader waiting."""

    readers: anyio.CapacityLimiter
    writers: anyio.CapacityLimiter


class Store:
    """One database: made by :meth:`open`, used by :meth:`read` and :meth:`write`, ended by :meth:`aclose`.

    Usable from several event loops, one after the other or at the same time. The URL is a secret and is
    never shown.
    """

    def __init__(self, engine: Engine, kind: _Kind, clock: Callable[[], float]) -> None:
        self.clock = clock
        """The clock (epoch seconds UTC) that rows are dated by."""
        self._engine = engine
        self._kind: _Kind = kind
        self._kept = _Kept()
        # A store that is dropped unclosed closes its connections all the same (CPython 3.13 warns of those it finds).
        self._close = self._kept.close if kind == "memory" else engine.dispose
        weakref.finalize(self, self._close).atexit = False
        self._ready = False
        self._closed = False
        self._lock = threading.RLock()
        """Held for a transaction in memory, for a writing one in a file, and while the schema is made."""
        # One pair of limiters for each event loop; RunVar is keyed by name, hence the number.
        self._limiters: RunVar[_Limiters] = RunVar(f"identity_sdk.store.{next(_numbers)}")

    def __repr__(self) -> str:
        return f"<Store {self._kind}{' closed' if self._closed else ''}>"

    @classmethod
    def open(cls, url: str = "sqlite://", *, clock: Callable[[], float] = time.time) -> Store:
        """Make a store. No I/O happens before the first read or write; a missing schema is made then.

        Args:
            url: ``sqlite://`` (in memory), ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
                ``postgresql://user:password@host/database``.
            clock: returns epoch seconds UTC.

        Raises:
            ConfigurationError: the URL is malformed, names another database, or a driver is not installed.
        """
        engine, kind = _make_engine(url)
        return cls(engine, kind, clock)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn(connection)`` in one reading transaction in a worker thread and return what it returns.

        Raises:
            StoreUnavailable: the database cannot be reached.
            ConfigurationError: the store is closed, or its schema is newer than this library.
        """
        return await self._run(lambda: self._transaction(fn, writes=False), self._workers().readers)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn(connection)`` in one writing transaction in a worker thread; commit when it returns.

        An exception from ``fn`` rolls everything back and comes out unchanged. A cancelled call waits for its
        transaction to end, so what it did is known: all of it or nothing.

        Raises:
            StoreUnavailable: the database cannot be reached, or was locked by others for 30 s.
            ConfigurationError: the store is closed, or its schema is newer than this library.
        """
        return await self._run(lambda: self._transaction(fn, writes=True), self._workers().writers)

    async def aclose(self) -> None:
        """Close all connections. A store in memory is gone then. Closing twice is allowed."""
        if not self._closed:
            self._closed = True
            await self._run(self._dispose, self._workers().writers)

    def _dispose(self) -> None:
        with self._lock:
            self._close()

    async def _run(self, work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
        job = _Job(work)
        try:
            return await to_thread.run_sync(job, limiter=limiter)
        except anyio.get_cancelled_exc_class():
            # A cancel scope of anyio or trio cannot come in here once the thread runs, asyncio's own
            # task.cancel() can: then wait for the thread all the same.
            await job.settle()
            raise

    def _workers(self) -> _Limiters:
        try:
            return self._limiters.get()
        except LookupError:
            writers = anyio.CapacityLimiter(1)
            readers = writers if self._kind == "memory" else anyio.CapacityLimiter(_CONNECTIONS)
            limiters = _Limiters(readers, writers)
            self._limiters.set(limiters)
            return limiters

    def _transaction(self, fn: Callable[[Connection], T], *, writes: bool) -> T:
        exclusive = self._kind == "memory" or (self._kind == "file" and writes)
        with _translated(self._kind), _held(self._lock if exclusive else None):
            if self._closed:
                raise ConfigurationError("the store is closed")
            self._prepare()
            with self._connection(writes) as conn, conn.begin():
                return fn(conn)

    @contextmanager
    def _connection(self, writes: bool) -> Generator[Connection]:
        if self._kept.connection is not None:
            yield self._kept.connection.execution_options(**{_WRITES: writes})
        else:
            with self._engine.connect().execution_options(**{_WRITES: writes}) as conn:
                yield conn

    def _prepare(self) -> None:
        if self._ready:
            return
        with self._lock:
            if self._ready:
                return
            if self._kind == "memory":
                self._kept.connection = self._engine.connect()
                _driver(self._kept.connection).executescript(_schema(self._engine))
            else:
                with self._connection(writes=True) as conn, conn.begin():
                    _migrate(conn)
            self._ready = True


class _Kept:
    """The one connection of a database in memory, which ends with it; ``None`` before its first use."""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()


class _Job(Generic[T]):
    """Work for a thread, which a cancelled caller can call off before it starts, and else waits for."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._claim = threading.Lock()
        self._ended = threading.Event()

    def __call__(self) -> T:
        if not self._claim.acquire(blocking=False):
            raise StoreError("called off")  # nobody sees it: the caller is gone
        try:
            return self._work()
        finally:
            self._ended.set()

    async def settle(self) -> None:
        if self._claim.acquire(blocking=False):
            return  # not started, and now it never will
        while not self._ended.is_set():
            with anyio.CancelScope(shield=True):
                try:
                    await to_thread.run_sync(self._ended.wait)
                except anyio.get_cancelled_exc_class():
                    continue


@contextmanager
def _held(lock: threading.RLock | None) -> Generator[None]:  # type: ignore[valid-type,unused-ignore]
    if lock is None:
        yield
    else:
        with lock:
            yield


@contextmanager
def _translated(kind: _Kind) -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        failure = StoreUnavailable if _is_outage(error) else StoreError
        # Never the statement, its parameters or the URL; the driver's own words hold none of them.
        words = str(error.orig).strip().splitlines()
        reason = f"{type(error.orig).__name__}: {words[0] if words else ''}"
        raise failure(f"the {kind} store failed: {reason}") from None


def _is_outage(error: DBAPIError) -> bool:
    return error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}


def _migrate(conn: Connection) -> None:
    """Make the schema, or bring an older one up to date; refuse a newer one."""
    found = 0
    if inspect(conn).has_table(tables.meta.name):
        value = conn.scalar(select(tables.meta.c.value).where(tables.meta.c.key == "schema_version"))
        found = int(value) if value is not None else 0
    if found > tables.SCHEMA_VERSION:
        raise ConfigurationError(
            f"the database has schema version {found}, this library knows up to {tables.SCHEMA_VERSION}: "
            "install a newer unified-identity-sdk, or name another database"
        )
    if found == 0:
        tables.metadata.create_all(conn)
        conn.execute(tables.meta.insert().values(key="schema_version", value=str(tables.SCHEMA_VERSION)))


@cache
def _schema(engine: Engine) -> str:
    """The statements that make an empty database."""
    with engine.connect() as conn:
        with conn.execution_options(**{_WRITES: True}).begin():
            _migrate(conn)
        return "\n".join(_driver(conn).iterdump())


def _driver(conn: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", conn.connection.dbapi_connection)


def _make_engine(url: str) -> tuple[Engine, _Kind]:
    made: tuple[Engine, _Kind] | None = None
    with suppress(ArgumentError, ValueError):
        parsed = make_url(url)
        backend = parsed.drivername.partition("+")[0]
        if backend == "sqlite":
            made = _sqlite(parsed)
        elif backend in {"postgresql", "postgres"}:
            made = _postgresql(parsed.set(drivername="postgresql+psycopg")), "postgresql"
        else:
            raise ConfigurationError(f"unknown database {backend!r}: use sqlite:// or postgresql://")
    if made is None:  # not in a handler: the traceback would hold the URL
        raise ConfigurationError("malformed database URL (not shown, it may hold a password)")
    return made


def _sqlite(url: URL) -> tuple[Engine, _Kind]:
    if url.database in (None, "", ":memory:"):
        return _sqlite_in_memory(url), "memory"
    return _sqlite_in_a_file(url), "file"


@lru_cache(maxsize=8)
def _sqlite_in_memory(url: URL) -> Engine:
    engine = create_engine(url, poolclass=NullPool, connect_args=_SQLITE_ARGUMENTS, hide_parameters=True)
    _begins_itself(engine)
    return engine


def _sqlite_in_a_file(url: URL) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=_CONNECTIONS,
        max_overflow=_CONNECTIONS,
        connect_args=_SQLITE_ARGUMENTS,
        hide_parameters=True,
    )

    def connected(dbapi_connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
        _switch_to_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    _begins_itself(engine)
    event.listen(engine, "connect", connected)
    return engine


def _begins_itself(engine: Engine) -> None:
    """The driver must begin nothing. See SQLAlchemy on pysqlite, "Enabling Non-Legacy SQLite Transactional Modes"."""

    def connected(dbapi_connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        dbapi_connection.isolation_level = None

    def began(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if conn.get_execution_options().get(_WRITES) else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", began)


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Two who open a new file at once collide here, and SQLite does not wait for this lock by itself."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _postgresql(url: URL) -> Engine:
    engine: Engine | None = None
    with suppress(ModuleNotFoundError, NoSuchModuleError):
        engine = create_engine(
            url,
            pool_size=_CONNECTIONS,
            max_overflow=_CONNECTIONS,
            pool_pre_ping=True,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
        )
    if engine is None:
        raise ConfigurationError(
            'PostgreSQL needs psycopg 3: python -m pip install "unified-identity-sdk[postgres]"'
        )

    def began(conn: Connection) -> None:
        if conn.get_execution_options().get(_WRITES):
            conn.execute(text(f"SET LOCAL lock_timeout = '{_BUSY_SECONDS}s'"))
            conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
        else:
            conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))

    event.listen(engine, "begin", began)
    return engine
