"""`identity_sdk.testing`: every fault ends in its typed error in a real client over a socket."""

from __future__ import annotations

import importlib.util
import io
import sys
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_sdk import (
    AmbiguousOutcomeError,
    ApiKey,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    NoAnswerError,
    NotSentError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    Secret,
    ServerError,
    connect,
)
from identity_sdk.testing import BACKENDS, SEED, Emulator, NoWaiting, embedded, emulator
from identity_sdk.testing.directory import needs_the_extra
from identity_sdk.testing.server import _Recorder

pytestmark = pytest.mark.anyio

LIST = {"lakefs": "GET /auth/users", "argus": "GET /useradmin/v2/user"}
CREATE = {"lakefs": "POST /auth/users", "argus": "POST /useradmin/v1/user"}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Emulator[Any]]]:
    started: dict[str, Emulator[Any]] = {}
    contexts = [emulator(backend) for backend in BACKENDS]
    for context in contexts:
        server = context.__enter__()
        started[server.backend] = server
    yield started
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture(params=BACKENDS)
def server(request: pytest.FixtureRequest, servers: dict[str, Emulator[Any]]) -> Iterator[Emulator[Any]]:
    """Each of the five."""
    chosen = servers[request.param]
    chosen.requests.clear()
    yield chosen
    chosen.faults.clear()


@pytest.fixture(params=["lakefs", "argus"])
def one(request: pytest.FixtureRequest, servers: dict[str, Emulator[Any]]) -> Iterator[Emulator[Any]]:
    chosen = servers[request.param]
    chosen.requests.clear()
    yield chosen
    chosen.faults.clear()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_server_starts_lists_and_stops() -> None:
    for backend in BACKENDS:
        with emulator(backend) as server:
            async with server.connect() as idp:
                assert {"ada", "grace", "linus"} <= {user.id for user in await idp.users.list()}
                group = "grp_engineers" if backend == "authress" else "engineers"
                assert {m.id for m in await idp.groups.members(group)} == {"ada", "grace"}
            assert server.url.startswith("http://127.0.0.1:")
            assert str(server.requests[-1]).startswith("GET /")
        async with server.connect(retries=0) as idp:
            with pytest.raises(NotSentError):
                await idp.users.list()


async def test_a_status_is_met_as_often_as_told(one: Emulator[Any]) -> None:
    fault = one.faults.status(503, times=2, retry_after=1)
    clock = NoWaiting()
    async with one.connect(clock=clock) as idp:
        assert len(await idp.users.list()) >= 3
        assert idp.stats().retries == 2
    assert fault.hits == 2
    assert len(clock.waits) == 2
    assert min(clock.waits) >= 1.0


async def test_statuses_are_typed_errors(one: Emulator[Any]) -> None:
    async with one.connect(backoff=(0, 0)) as idp:
        for status, error in ((403, PermissionDeniedError), (409, ConflictError), (500, ServerError)):
            with one.faults.status(status, on=LIST[one.backend]), pytest.raises(error) as caught:
                await idp.users.list()
            assert caught.value.status == status
        with one.faults.status(429, retry_after=120), pytest.raises(RateLimitedError) as limited:
            await idp.users.list()
        assert limited.value.retry_after == 120
        assert len(await idp.users.list()) >= 3  # each ended with its block


async def test_what_is_not_meant_is_not_hit(one: Emulator[Any]) -> None:
    with one.faults.status(500, on=CREATE[one.backend]) as fault:
        async with one.connect() as idp:
            await idp.users.list()
    assert fault.hits == 0
    assert "hits" in repr(fault)


async def test_a_dropped_connection(one: Emulator[Any]) -> None:
    async with one.connect(backoff=(0, 0)) as idp:
        with one.faults.drop(), pytest.raises(NoAnswerError):
            await idp.users.list()
        with one.faults.drop(on="POST *", after_work=True), pytest.raises(AmbiguousOutcomeError):
            await idp.credentials.create("ada")
        assert len(await idp.credentials.list("ada")) == 1  # the work was done
        for key in await idp.credentials.list("ada"):
            await idp.credentials.delete(key)


async def test_a_delay(one: Emulator[Any]) -> None:
    async with one.connect(timeout=0.15, retries=0) as idp:
        with one.faults.delay(0.6, times=1), pytest.raises(NoAnswerError):
            await idp.users.list()
    started = time.monotonic()
    with one.faults.delay(0.03, times=1):
        async with one.connect() as idp:
            assert len(await idp.users.list()) >= 3
    assert time.monotonic() - started >= 0.03


async def test_a_garbled_body(server: Emulator[Any]) -> None:
    async with server.connect() as idp:
        await idp.users.list()
        with server.faults.garbled_body(), pytest.raises(ProtocolError):
            await idp.users.list()
        await idp.users.list()


async def test_a_garbled_answer_without_a_body_stays(servers: dict[str, Emulator[Any]]) -> None:
    server = servers["lakefs"]
    async with server.connect() as idp:
        await idp.users.create("brief")
        with server.faults.garbled_body(on="DELETE *") as fault:
            await idp.users.delete("brief")
        assert fault.hits >= 1


@pytest.mark.parametrize("fault", ["expired_token", "revoked_token"])
async def test_a_refused_credential(server: Emulator[Any], fault: str) -> None:
    async with server.connect() as idp:
        await idp.users.list()
        with getattr(server.faults, fault)() as armed, pytest.raises(AuthenticationError) as caught:
            await idp.users.list()
        assert caught.value.status == 401
        assert armed.hits >= 1
        await idp.users.list()


@pytest.mark.parametrize("fault", ["expired_token", "revoked_token"])
async def test_a_client_that_can_sign_in_anew_gets_over_it(
    servers: dict[str, Emulator[Any]], fault: str
) -> None:
    server = servers["lakefs"]
    server.requests.clear()
    async with connect("lakefs", **{**server.options, "sign_in": "login"}, proxy="") as idp:  # type: ignore[call-overload]
        await idp.users.list()
        with getattr(server.faults, fault)(times=1) as armed:
            await idp.users.list()
        assert armed.hits == 1
        assert idp.stats().refreshes == 2
    assert [str(request) for request in server.requests] == [
        "POST /auth/login",
        "GET /auth/users",
        "GET /auth/users",
        "POST /auth/login",
        "GET /auth/users",
    ]


async def test_a_token_that_expires_by_the_servers_own_clock(one: Emulator[Any]) -> None:
    async with one.connect() as idp:
        if one.backend == "lakefs":
            mine, who = idp.with_credential(await idp.tokens.issue()), "admin"
        else:
            key = await idp.credentials.create("ada", lifetime=10 * 86400)
            mine, who = idp.with_credential(ApiKey(key.secret)), "ada"
        assert (await mine.users.me()).id == who
        with one.faults.skewed_clock(400 * 86400), pytest.raises(AuthenticationError):
            await mine.users.me()
        assert (await mine.users.me()).id == who


async def test_a_skewed_clock_is_seen(server: Emulator[Any]) -> None:
    with server.faults.skewed_clock(-600):
        async with server.connect() as idp:
            assert -603 < (await idp.ping()).clock_skew < -597


async def test_faults_that_cannot_be(servers: dict[str, Emulator[Any]]) -> None:
    faults = servers["lakefs"].faults
    for wrong in (
        lambda: faults.status(200),
        lambda: faults.delay(0),
        lambda: faults.skewed_clock(0),
        lambda: faults.drop(times=0),
    ):
        with pytest.raises(ConfigurationError):
            wrong()


async def test_what_a_server_received(servers: dict[str, Emulator[Any]]) -> None:
    server = servers["lakefs"]
    server.requests.clear()
    async with server.connect() as idp:
        await idp.users.create("seen")
        await idp.users.list(prefix="s")
        await idp.users.delete("seen")
    made = next(one for one in server.requests if one.body)
    listed = next(one for one in server.requests if "prefix" in one.query)
    assert (str(made), made.json()["id"]) == ("POST /auth/users", "seen")
    assert "prefix=s" in listed.query
    assert made.headers["authorization"].startswith("Basic ")
    assert "Basic" not in repr(server.requests)
    secret = server.options["secret_access_key"]
    assert isinstance(secret, Secret)
    assert secret.reveal() not in repr(server) + repr(server.options) + repr(vars(server))


async def test_what_is_not_http_is_not_noted() -> None:
    passed: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    async def nothing(*_: Any) -> Any: ...

    recorder = _Recorder(app, "")
    await recorder({"type": "lifespan"}, nothing, nothing)
    assert (passed, recorder.requests) == (["lifespan"], [])


async def test_the_environment_of_a_program(server: Emulator[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    async with connect() as idp:
        assert idp.provider == server.backend
        assert len(await idp.users.list()) >= 3


async def test_the_embedded_directory() -> None:
    async with embedded() as idp:
        assert [user.id for user in await idp.users.list()] == ["ada", "grace", "linus"]
        assert await idp.policies.check("grace", "docs:read", "docs/1")
        assert not await idp.policies.check("grace", "docs:write", "docs/1")
        assert await idp.policies.check("ada", "docs:write", "docs/1")
        assert not await idp.policies.check("linus", "docs:read", "docs/1")
    async with embedded({"users": [{"id": "solo"}]}, deadline=5) as idp:
        assert [user.id for user in await idp.users.list()] == ["solo"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "identity_sdk.emulators.server", raising=False)
    monkeypatch.delattr("identity_sdk.emulators.server", raising=False)
    monkeypatch.setitem(sys.modules, "h11", None)
    with (
        pytest.raises(ConfigurationError, match=r'h11 is missing: .*"unified-identity-sdk\[testing\]"'),
        emulator("lakefs"),
    ):
        pass


async def test_what_cannot_be_started() -> None:
    with pytest.raises(ConfigurationError, match="no emulator named 'lakfs'"):
        emulator("lakfs")
    with pytest.raises(ConfigurationError, match="a seed is"):
        embedded({"people": []})
    with pytest.raises(ConfigurationError, match="a seed is"), emulator("lakefs", seed={"people": []}):
        pass
    with pytest.raises(ConfigurationError, match=r"starlette is missing: .*\[testing\]"), needs_the_extra():
        raise ModuleNotFoundError("No module named 'starlette'", name="starlette")
    with pytest.raises(ModuleNotFoundError), needs_the_extra():
        raise ModuleNotFoundError("No module named 'identity_sdk.x'", name="identity_sdk.x")
    assert set(SEED) <= {"users", "groups", "memberships", "policies", "attachments"}


def test_plain_unittest() -> None:
    spec = importlib.util.spec_from_file_location(
        "unittest_case", Path(__file__).with_name("unittest_case.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = io.StringIO()
    result = unittest.TextTestRunner(told).run(unittest.defaultTestLoader.loadTestsFromModule(module))
    assert (result.testsRun, result.wasSuccessful()) == (3, True), told.getvalue()
