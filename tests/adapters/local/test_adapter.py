"""How a provider is opened: URLs, options, files, processes, loops; and what becomes of a broken database."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from identity_sdk import connect
from identity_sdk.adapters.local import Argon2Cost, Local, LocalNative
from identity_sdk.adapters.local import desk as desk_module
from identity_sdk.auth.sources import AccessKey
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    ServerError,
)
from identity_sdk.models import Session
from identity_sdk.secrets import Secret
from identity_sdk.store import SCHEMA_VERSION, StoreUnavailable
from identity_sdk.store import queries as q

from .conftest import POSTGRES, Idp, ManualClock, local, shown

pytestmark = pytest.mark.anyio


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "", "local", "local://", "local://host/x.db", "local:///", "local:x/", "local:x.db?mode=ro", "local:x#y",
        "local::memory:", "sqlite:///x.db", "mysql://user:hunter2@host/db", "http://x", "local:a%00b", "postgresql:x",
        "postgresql://u:hunter2@host:port/db",
    ],
)  # fmt: skip
async def test_other_urls_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Local(url)
    assert "hunter2" not in str(refused.value)
    if url.startswith("mysql"):
        assert "mysql" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown_as"),
    [
        ("local:", "local:"),
        ("local:///a/b%20c.db", "local:///a/b%20c.db"),
        ("local:relative.db", "local:relative.db"),
        ("postgresql://user:hunter2@host/db", "postgresql:"),
        ("local+postgresql://user:hunter2@host/db", "postgresql:"),
        ("postgres://user:hunter2@host/db", "postgresql:"),
        ("postgresql+psycopg://user:hunter2@host/db", "postgresql:"),
    ],
)
async def test_a_database_s_url_is_a_secret(url: str, shown_as: str) -> None:
    adapter = Local(url)
    assert adapter.base_url == shown_as
    assert repr(adapter) == f"Local({shown_as!r}, as root)"
    client = connect(adapter)
    assert "hunter2" not in f"{client!r} {vars(adapter)} {client.capabilities}"
    await client.aclose()


async def test_by_name_url_and_options(tmp_path: Path) -> None:
    async with connect("local:") as idp:
        info = await idp.ping()
        assert (info.provider, info.version, info.principal) == ("local", str(SCHEMA_VERSION), "root")
    async with connect(f"local://{tmp_path}/a.db") as idp:
        key = await idp.credentials.create((await idp.users.create("alice")).id)
    async with connect(
        "local",
        base_url=f"local://{tmp_path}/a.db",
        access_key_id=key.id,
        secret_access_key=shown(key.secret),
    ) as idp:
        assert (await idp.users.me()).id == "alice"
        session = await idp.sessions.constrain(["*"])
        assert isinstance(idp.native_as(LocalNative), LocalNative)
    async with connect("local", base_url=f"local://{tmp_path}/a.db", token=shown(session.token)) as idp:
        assert (await idp.sessions.current()).id == session.id
    async with connect(Local(f"local://{tmp_path}/a.db", auth=session)) as idp:
        assert (await idp.users.me()).id == "alice"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"access_key_id": "a"}, "secret_access_key is missing"),
        ({"secret_access_key": "a"}, "access_key_id is missing"),
        ({"access_key_id": "a", "secret_access_key": "b", "token": "c"}, "not both"),
        ({"base_url": "local:", "database_url": "postgresql://h/d"}, "not both"),
        ({"access_key_id": 1, "secret_access_key": "b"}, "access_key_id"),
        ({"access_key_id": "a", "secret_access_key": 1}, "secret_access_key"),
        ({"token": 1}, "token"),
        ({"database_url": 1}, "database_url"),
        ({"on_reset": "mail"}, "on_reset"),
    ],
)
async def test_wrong_options_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Local.from_options(options)


@pytest.mark.postgres
@pytest.mark.skipif(not POSTGRES, reason="IDENTITY_SDK_TEST_POSTGRES names no PostgreSQL database")
async def test_a_database_url_is_an_option_of_its_own(postgres_url: str) -> None:
    for given in (postgres_url, Secret(postgres_url)):
        async with connect("local", database_url=given) as idp:
            assert (await idp.users.create("alice", exist_ok=True)).id == "alice"


async def test_a_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "a b%.db"
    url = f"local://{tmp_path}/a%20b%25.db"
    umask = os.umask(0)
    try:
        async with connect(url) as idp:
            await idp.users.create("alice")
            modes = {file.name: stat.S_IMODE(os.stat(file).st_mode) for file in files_in(tmp_path)}
            assert set(modes.values()) == {0o600}, modes
    finally:
        os.umask(umask)
    assert path.exists()
    async with connect(url) as idp:
        assert [user.id for user in await idp.users.list()] == ["alice"]


async def test_a_second_process_sees_and_writes_the_same_file(tmp_path: Path) -> None:
    url = f"local://{tmp_path}/identity.db"
    program = """
import sys, anyio
from identity_sdk import connect

async def main():
    async with connect(sys.argv[1]) as idp:
        assert (await idp.users.get("alice")).id == "alice"
        for number in range(25):
            await idp.users.create(f"{sys.argv[2]}-{number}")
        print((await idp.tokens.issue()).value.reveal())

anyio.run(main)
"""
    async with connect(url) as idp:
        await idp.users.create("alice")
        tokens: list[str] = []

        async def other(name: str) -> None:
            done = await anyio.run_process(
                [sys.executable, "-c", program, url, name], stderr=subprocess.STDOUT
            )
            tokens.append(done.stdout.decode().strip())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other, "b")
            tasks.start_soon(other, "c")
            for number in range(25):
                await idp.users.create(f"a-{number}")
        assert len(await idp.users.list()) == 76
        for token in tokens:
            assert (await idp.tokens.verify(token)).subject == "root"
        assert len({(await idp.tokens.verify(token)).issuer for token in tokens}) == 1


async def test_nothing_is_opened_before_the_first_verb(tmp_path: Path) -> None:
    idp = connect(f"local://{tmp_path}/x.db")
    assert files_in(tmp_path) == []
    await idp.aclose()
    assert files_in(tmp_path) == []
    with pytest.raises(ClientClosedError):
        await idp.users.me()


async def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    async with connect(f"local://{tmp_path}/nowhere/x.db") as idp:
        with pytest.raises(ConfigurationError, match="No such file") as missing:
            await idp.users.me()
        assert missing.value.operation == "users.me"
    (tmp_path / "noise.db").write_text("this is no database at all, but long enough to be looked at" * 20)
    async with connect(f"local://{tmp_path}/noise.db") as idp:
        with pytest.raises(ServerError, match="not a database") as broken:
            await idp.users.me()
        assert not broken.value.retryable


async def test_a_database_that_goes_away(monkeypatch: pytest.MonkeyPatch, idp: Idp) -> None:
    await idp.users.me()
    store = idp._adapter._core.store

    async def unreachable(work: object) -> object:
        raise StoreUnavailable("the postgresql store failed: gone")

    original = store.write

    async def broken_commit(work: object) -> object:
        await original(work)  # type: ignore[arg-type]
        raise StoreUnavailable("the postgresql store failed: gone")

    monkeypatch.setattr(store, "write", unreachable)
    with pytest.raises(ServerError) as nothing_done:
        await idp.users.create("alice")
    assert nothing_done.value.retryable
    monkeypatch.setattr(store, "write", broken_commit)
    with pytest.raises(AmbiguousOutcomeError, match="Read the object"):
        await idp.users.create("alice")
    with pytest.raises(AmbiguousOutcomeError, match="its secret is lost") as lost:
        await idp.credentials.create("alice")
    (found,) = lost.value.found  # type: ignore[misc]
    assert found.secret is None
    assert (await idp.credentials.get(found)).model_dump() == found.model_dump()
    monkeypatch.setattr(store, "write", unreachable)
    with pytest.raises(ServerError):
        await idp.credentials.create("alice")
    assert (await idp.users.get("alice")).id == "alice"


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    url = f"local://{tmp_path}/x.db"
    async with connect(url) as idp:
        await idp.users.me()
        await idp._adapter._core.store.write(lambda conn: q.set_meta(conn, "schema_version", "999"))
    async with connect(url) as idp:
        with pytest.raises(ConfigurationError, match="999"):
            await idp.users.me()


async def test_root_is_found_again_and_never_somebody_else(tmp_path: Path, clock: ManualClock) -> None:
    """A user called root that another writer made does not become the root principal."""
    url = f"local://{tmp_path}/x.db"
    async with connect(url, clock=clock) as idp:
        store = idp._adapter._core.store
        await store.write(lambda conn: q.users.insert(conn, q.UserRow(id="root", created_at=1.0)))
        assert (await idp.users.me()).id == "root-2"
        assert (await idp.users.get("root")).kind == "human"
        assert not await idp.policies.check("root", "x", "y")
        session = await idp.sessions.constrain(["*"])
    async with connect(local(url), clock=clock) as idp:
        assert (await idp.users.me()).id == "root-2"
        assert (await idp.with_credential(session).users.me()).id == "root-2"
        await idp.users.delete("root")


async def test_copies_share_the_store_and_two_clients_do_not(clock: ManualClock) -> None:
    async with connect(local(), clock=clock) as one, connect(local(), clock=clock) as two:
        await one.users.create("alice")
        assert len(await one.with_options(deadline=5).users.list()) == 1
        assert len(await two.users.list()) == 0


def slow(do: Callable[..., object]) -> Callable[..., object]:
    def slowly(*arguments: object, **named: object) -> object:
        time.sleep(0.4)  # well over the deadline below, which is well over what a busy machine needs to begin
        return do(*arguments, **named)

    return slowly


async def test_a_deadline_that_comes_too_late_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    async with connect(f"local://{tmp_path}/x.db") as idp:
        await idp.users.create("before")
        hasty = idp.with_options(deadline=0.25)
        monkeypatch.setattr(q.users, "insert", slow(q.users.insert))
        if anyio_backend == "trio":  # there the answer comes through all the same
            assert (await hasty.users.create("alice")).id == "alice"
        else:
            with pytest.raises(AmbiguousOutcomeError, match="Read the object") as unknown:
                await hasty.users.create("alice")
            assert isinstance(unknown.value.__cause__, DeadlineExceededError)
        assert [user.id for user in await idp.users.list()] == ["alice", "before"]
        monkeypatch.setattr(q.users, "page", slow(q.users.page))
        if anyio_backend == "asyncio":
            with pytest.raises(DeadlineExceededError) as late:
                await hasty.users.list()
            assert late.value.retryable


async def test_what_a_deadline_ends_before_it_began_is_not_done(idp: Idp) -> None:
    await idp.users.create("before")
    free = threading.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(idp._adapter._core.store.read, lambda conn: free.wait(5))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(DeadlineExceededError) as late:
            await idp.with_options(deadline=0.03).users.create("alice")
        assert late.value.retryable
        free.set()
    assert [user.id for user in await idp.users.list()] == ["before"]


def test_one_client_on_one_loop_after_another(tmp_path: Path) -> None:
    idp = connect(f"local://{tmp_path}/x.db")

    async def first() -> None:
        await idp.users.create("alice")

    async def second() -> None:
        assert (await idp.users.get("alice")).id == "alice"
        await idp.aclose()

    anyio.run(first)
    anyio.run(second, backend="trio")


@pytest.mark.parametrize("missing", ["sqlalchemy", "argon2", "joserfc", "pyotp"])
def test_a_missing_package_is_named_when_connecting(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
from importlib import util
find = util.find_spec
util.find_spec = lambda name, package=None: None if name.partition('.')[0] == {missing!r} else find(name, package)
from identity_sdk import connect
from identity_sdk.errors import ConfigurationError
try:
    connect("local:")
except ConfigurationError as error:
    assert "unified-identity-sdk[local]" in str(error), error
else:
    sys.exit("it connected")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_capabilities_are_complete() -> None:
    refused = set(Local().capabilities.cells) - set(Local().capabilities.supported())
    assert refused == {"credentials.request_password_reset"}
    told = Local(on_reset=lambda reset: None).capabilities
    assert set(told.cells) == set(told.supported())
    assert told.limits == {"id_length": 256, "page_size": 1000}
    assert (told.propagation.credentials, told.propagation.tokens) == (0.0, 900.0)
    assert told["sessions.create"].refuses.keys() == {"state"}


async def test_the_clock_of_the_adapter_goes_before_that_of_the_client() -> None:
    clock = ManualClock()
    clock.advance(-1e6)
    async with connect(Local(clock=clock, password_cost=Argon2Cost.weak_for_tests())) as idp:
        made = await idp.users.create("alice")
        assert made.created_at is not None
        assert made.created_at.timestamp() == clock.time()


async def test_only_an_adapter_in_a_client_has_resources() -> None:
    with pytest.raises(ConfigurationError, match="connect"):
        _ = Local().users
    assert Local().token_source() is None
    assert repr(Local(auth=AccessKey("a", "b"))) == "Local('local:', as AccessKey)"
    assert repr(Local(auth=Session(id="a", user_id="b", token=Secret("c")))) == "Local('local:', as Secret)"
    assert repr(Local().with_auth(None)) == "Local('local:', as nobody)"


async def test_root_is_made_once_by_many_at_once(tmp_path: Path) -> None:
    async with connect(f"local://{tmp_path}/x.db") as idp:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(idp.users.me)
        assert [user.id for user in await idp.users.list(kind="service")] == ["root"]
        with pytest.raises(AuthenticationError):
            await idp.with_credential(None).users.me()


def test_the_module_of_the_table_of_actions_names_every_verb() -> None:
    from identity_sdk.adapters.local import access

    assert desk_module.Tx is access.Tx
    for verb in Local(on_reset=lambda reset: None).capabilities.supported():
        area, name = verb.split(".")
        assert name in (access.__doc__ or ""), f"{area}.{name}"
