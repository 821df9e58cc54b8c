"""Transactions of the store: nothing is lost, nothing is half done, on both event loops."""

from __future__ import annotations

import asyncio
import os
import threading
import traceback
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import Connection, text

from identity_sdk.errors import ConfigurationError
from identity_sdk.store import SCHEMA_VERSION, DuplicateRow, Store, StoreError, StoreUnavailable
from identity_sdk.store import queries as q

POSTGRES = os.environ.get("IDENTITY_SDK_TEST_POSTGRES", "")
postgres = pytest.param(
    "postgresql",
    marks=[
        pytest.mark.postgres,
        pytest.mark.skipif(not POSTGRES, reason="IDENTITY_SDK_TEST_POSTGRES names no PostgreSQL database"),
    ],
)
Open = Callable[[], Store]


def count_up(conn: Connection) -> int:
    number = int(q.get_meta(conn, "number") or "0") + 1
    q.set_meta(conn, "number", str(number))
    return number


def number(conn: Connection) -> int:
    return int(q.get_meta(conn, "number") or "0")


@pytest.fixture(params=["memory", "file", postgres])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Open stores on one empty database; in memory always the same one."""
    kind = str(request.param)
    schema = f"store_{uuid.uuid4().hex}"
    url = {
        "memory": "sqlite://",
        "file": f"sqlite:///{tmp_path}/identity.db",
        "postgresql": f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}options=-csearch_path%3D{schema}",
    }[kind]
    opened: list[Store] = []

    def make() -> Store:
        if kind == "memory" and opened:
            return opened[0]
        opened.append(Store.open(url, clock=lambda: 1000.0))
        return opened[-1]

    if kind == "postgresql":
        tell_postgres(f"CREATE SCHEMA {schema}")
    yield make
    for store in opened:
        await store.aclose()
    if kind == "postgresql":
        tell_postgres(f"DROP SCHEMA {schema} CASCADE")


async def happened(event: threading.Event) -> None:
    await anyio.to_thread.run_sync(event.wait, 10)


def tell_postgres(statement: str) -> None:
    import psycopg

    address = POSTGRES.replace("postgresql+psycopg:", "postgresql:")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)


@pytest.mark.anyio
async def test_concurrent_writers_lose_nothing(open_store: Open) -> None:
    stores = [open_store(), open_store()]
    async with anyio.create_task_group() as tasks:
        for turn in range(100):
            tasks.start_soon(stores[turn % 2].write, count_up)
    assert await stores[0].read(number) == 100
    assert await stores[1].read(number) == 100


@pytest.mark.anyio
async def test_stores_opened_at_the_same_time_make_the_schema_once(open_store: Open) -> None:
    stores = [open_store() for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        for store in stores:
            tasks.start_soon(store.read, number)
    assert await stores[0].read(lambda conn: q.get_meta(conn, "schema_version")) == str(SCHEMA_VERSION)


@pytest.mark.anyio
async def test_an_exception_rolls_everything_back(open_store: Open) -> None:
    store = open_store()

    def half(conn: Connection) -> None:
        count_up(conn)
        raise KeyError("half-way")

    with pytest.raises(KeyError, match="half-way"):
        await store.write(half)
    assert await store.read(number) == 0


@pytest.mark.anyio
async def test_a_cancelled_write_waits_and_is_whole(open_store: Open) -> None:
    store = open_store()
    await store.read(number)
    entered, release, left = threading.Event(), threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        count_up(conn)
        entered.set()
        assert release.wait(10)
        count_up(conn)
        left.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.write, slow)
        await happened(entered)
        tasks.cancel_scope.cancel()
        release.set()
    assert left.is_set()
    assert await store.read(number) in (0, 2)


@pytest.mark.asyncio
async def test_a_task_that_asyncio_cancels_waits_too(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/identity.db")
    entered, release, left = threading.Event(), threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        count_up(conn)
        entered.set()
        assert release.wait(10)
        count_up(conn)
        left.set()

    task = asyncio.create_task(store.write(slow))
    await happened(entered)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left.is_set()
    assert await store.read(number) == 2
    await store.aclose()


@pytest.mark.asyncio
async def test_a_write_cancelled_in_the_queue_is_never_done(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/identity.db")
    entered, release = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        entered.set()
        assert release.wait(10)

    first = asyncio.create_task(store.write(slow))
    await happened(entered)
    second = asyncio.create_task(store.write(count_up))
    await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    release.set()
    await first
    assert await store.read(number) == 0
    await store.aclose()


@pytest.mark.anyio
async def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/identity.db")
    await store.write(count_up)
    entered, release = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        count_up(conn)
        entered.set()
        assert release.wait(10)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(store.write, slow)
        await happened(entered)
        with anyio.fail_after(5):
            assert await store.read(number) == 1
        release.set()
    assert await store.read(number) == 21
    await store.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("open_store", ["file", postgres], indirect=True)
async def test_a_newer_schema_is_refused(open_store: Open) -> None:
    store = open_store()
    await store.write(lambda conn: q.set_meta(conn, "schema_version", str(SCHEMA_VERSION + 1)))
    store._ready = False
    with pytest.raises(ConfigurationError, match="schema version 2, this library knows up to 1"):
        await store.read(number)


@pytest.mark.anyio
async def test_stores_in_memory_are_apart() -> None:
    left, right = Store.open(), Store.open("sqlite:///:memory:")
    await left.write(count_up)
    assert await right.read(number) == 0
    await left.aclose()
    await right.aclose()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_store_outlives_its_first_event_loop(backend: str) -> None:
    store = Store.open()
    assert anyio.run(store.write, count_up, backend=backend) == 1
    assert anyio.run(store.write, count_up, backend=backend) == 2
    anyio.run(store.aclose, backend=backend)


@pytest.mark.anyio
async def test_a_closed_store_says_so() -> None:
    store = Store.open()
    await store.aclose()
    await store.aclose()
    assert "closed" in repr(store)
    with pytest.raises(ConfigurationError, match="the store is closed"):
        await store.read(number)


@pytest.mark.anyio
async def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/no/such/folder/identity.db")
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        await store.read(number)
    await store.aclose()


@pytest.mark.anyio
async def test_what_the_database_refuses_shows_no_parameters() -> None:
    store = Store.open()

    def wrong(conn: Connection) -> None:
        conn.execute(text("INSERT INTO meta (key, value) VALUES ('a', :value)"), {"value": "canary"})
        conn.execute(text("INSERT INTO meta (key, value) VALUES ('a', :value)"), {"value": "canary"})

    with pytest.raises(StoreError) as raised:
        await store.write(wrong)
    assert not isinstance(raised.value, StoreUnavailable)
    assert "canary" not in "".join(traceback.format_exception(raised.value))
    await store.aclose()


@pytest.mark.anyio
async def test_a_password_in_the_url_is_never_shown() -> None:
    pytest.importorskip("psycopg")
    store = Store.open("postgresql://someone:canary@127.0.0.1:1/nowhere")
    with pytest.raises(StoreUnavailable) as raised:
        await store.read(number)
    assert "canary" not in "".join(traceback.format_exception(raised.value)) + repr(store)
    await store.aclose()


@pytest.mark.parametrize("url", ["canary", "://canary", "sqlite://canary:x@[/"])
def test_a_malformed_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Store.open(url)
    assert "canary" not in "".join(traceback.format_exception(raised.value))


def test_an_unknown_database_is_named() -> None:
    with pytest.raises(ConfigurationError, match="unknown database 'mysql'"):
        Store.open("mysql://root:canary@host/db")


@pytest.mark.anyio
async def test_ids_are_ordered_as_bytes(open_store: Open) -> None:
    store = open_store()
    ids = ["Z", "a", "B", "é", "~", "_", "a b", "a!", "aa", "😀", "ﬀ", "\ud7ff", "\ue000", "10", "9"]

    def fill(conn: Connection) -> None:
        for id_ in ids:
            q.users.insert(conn, q.UserRow(id=id_, created_at=1))

    await store.write(fill)
    found = await store.read(lambda conn: [row.id for row in q.users.page(conn)])
    assert found == sorted(ids, key=lambda id_: id_.encode())
    for prefix in ("a", "", "\ud7ff", "😀", "\U0010ffff"):
        some = await store.read(lambda conn, prefix=prefix: [u.id for u in q.users.page(conn, prefix=prefix)])
        assert some == [id_ for id_ in found if id_.startswith(prefix)]
    after = await store.read(lambda conn: [row.id for row in q.users.page(conn, after="a", limit=2)])
    assert after == found[found.index("a") + 1 :][:2]


@pytest.mark.anyio
async def test_rows_come_back_as_they_were(open_store: Open) -> None:
    store = open_store()
    user = q.UserRow(id="u", created_at=1.25, email="e@x", attributes={"roles": ["a", None, {"b": 1}]})
    statements = [{"z": 1, "a": [True]}, {"effect": "deny"}]
    policy = q.PolicyRow(id="p", created_at=2, statements=statements)
    key = q.CredentialRow(id="k", user_id="nobody", kind="access_key", created_at=3, secret_hash="hash")

    def fill(conn: Connection) -> None:
        q.users.insert(conn, user)
        q.policies.insert(conn, policy)
        q.credentials.insert(conn, key)

    await store.write(fill)
    assert await store.read(lambda conn: q.users.get(conn, "u")) == user
    found = await store.read(lambda conn: q.policies.get(conn, "p"))
    assert found == policy
    assert found is not None
    assert list(found.statements[0]) == ["z", "a"]
    assert await store.read(lambda conn: q.credentials.find(conn, user_id="nobody")) == [key]
    assert "hash" not in repr(key)


@pytest.mark.anyio
async def test_a_duplicate_row_leaves_the_transaction_usable(open_store: Open) -> None:
    store = open_store()
    row = q.GroupRow(id="g", created_at=1)

    def work(conn: Connection) -> int:
        q.groups.insert(conn, row)
        with pytest.raises(DuplicateRow, match="groups"):
            q.groups.insert(conn, row)
        q.groups.put(conn, q.GroupRow(id="g", created_at=2, name="new"))
        return q.groups.count(conn, name="new")

    assert await store.write(work) == 1


@pytest.mark.anyio
async def test_relations_and_nothing_cascades(open_store: Open) -> None:
    store = open_store()

    def fill(conn: Connection) -> None:
        for name in ("ann", "bob", "cid"):
            q.users.insert(conn, q.UserRow(id=name, created_at=1))
            q.memberships.insert(conn, q.MembershipRow(group_id="g", user_id=name, created_at=1, role="READ"))
        q.groups.insert(conn, q.GroupRow(id="g", created_at=1))
        for policy, kind, subject in (("p1", "user", "ann"), ("p2", "group", "g"), ("p3", "user", "bob")):
            q.policies.insert(conn, q.PolicyRow(id=policy, created_at=1, statements=[]))
            q.attachments.insert(
                conn,
                q.AttachmentRow(policy_id=policy, subject_type=kind, subject_id=subject, created_at=1),
            )

    await store.write(fill)

    def look(conn: Connection) -> list[list[str]]:
        return [
            [row.id for row in q.members_of(conn, "g", after="ann", limit=1)],
            [row.id for row in q.groups_of(conn, "ann", prefix="g")],
            [row.id for row in q.attached_to(conn, "user", "ann")],
            [row.id for row in q.effective_policies(conn, "ann")],
            [row.user_id for row in q.memberships.find(conn, group_id="g", role="READ")],
        ]

    assert await store.read(look) == [["bob"], ["g"], ["p1"], ["p1", "p2"], ["ann", "bob", "cid"]]

    def work(conn: Connection) -> None:
        assert q.users.delete(conn, "ann")
        assert not q.users.delete(conn, "ann")
        assert q.memberships.change(conn, {"role": "ADMIN"}, user_id="bob") == 1
        assert q.users.update(conn, "bob", email="b@x")
        assert not q.users.update(conn, "ann", email="b@x")

    await store.write(work)
    assert await store.read(look) == [["bob"], ["g"], ["p1"], ["p1", "p2"], ["ann", "cid"]]
    assert await store.write(lambda conn: q.memberships.remove(conn, group_id="g")) == 3


@pytest.mark.anyio
async def test_mistakes_in_calls_are_errors() -> None:
    store = Store.open()
    with pytest.raises(TypeError, match=r"memberships has the key \(group_id, user_id\)"):
        await store.read(lambda conn: q.memberships.get(conn, "g"))
    with pytest.raises(ValueError, match="whole table"):
        await store.write(lambda conn: q.users.remove(conn))
    await store.aclose()


@pytest.mark.anyio
async def test_ten_thousand_users_at_once(open_store: Open) -> None:
    store = open_store()
    ids = await store.write(lambda conn: q.seed_users(conn, 10_000, created_at=5))
    page = await store.read(lambda conn: q.users.page(conn, after="user-009989", limit=1000))
    assert [row.id for row in page] == ids[-10:]
    assert await store.read(q.users.count) == 10_000
    assert await store.write(lambda conn: q.seed_users(conn, 0, created_at=5)) == []


def test_two_who_open_a_new_file_at_once_wait_for_each_other() -> None:
    from sqlite3 import OperationalError

    from identity_sdk.store.engine import _switch_to_wal

    class Cursor:
        def __init__(self) -> None:
            self.failures = [OperationalError("database is locked"), OperationalError("disk I/O error")]
            self.asked = 0

        def execute(self, _statement: str) -> None:
            self.asked += 1
            if self.failures:
                raise self.failures.pop(0)

    cursor = Cursor()
    with pytest.raises(OperationalError, match="disk"):
        _switch_to_wal(cursor)  # type: ignore[arg-type]
    assert cursor.asked == 2
    _switch_to_wal(cursor)  # type: ignore[arg-type]
