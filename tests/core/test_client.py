"""``connect()`` and the client: no I/O, copies, closing, what it says of itself."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import anyio
import pytest
import trio

import identity_sdk
from identity_sdk import AccessKey, Bearer, LakeFS, Secret, connect
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.client import IdentityClient
from identity_sdk.errors import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    NoAnswerError,
    NotSentError,
    WrongEventLoopError,
)
from identity_sdk.middleware.observe import Event
from identity_sdk.models import Session
from tests.core.rig import KEPT, FakeClock, Server, fails, until

pytestmark = pytest.mark.anyio

USER = {"user": {"id": "ada", "creation_date": 1}}


def lakefs(server: Server, **options: Any) -> IdentityClient[LakeFS]:
    adapter = LakeFS(base_url=server.url, auth=options.pop("auth", AccessKey("AKIA", "s3cret")))
    idp = connect(adapter, **{"proxy": "", "backoff": (0.0, 0.0), **options})
    KEPT.append(idp)
    return idp


@pytest.fixture
def users(server: Server) -> Server:
    server.handler = lambda *_: (200, {}, USER)
    return server


async def test_connect_does_no_network_io(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    idp = connect(
        "lakefs", base_url="https://nowhere.invalid/api/v1", access_key_id="a", secret_access_key="b"
    )
    assert idp.provider == "lakefs"
    assert idp.capabilities.supports("users.list")
    assert idp.stats().requests == 0
    await idp.aclose()


def test_connect_and_close_need_no_running_loop() -> None:
    idp = connect(LakeFS(base_url="http://h", auth=None))
    assert isinstance(idp.users, identity_sdk.adapters.lakefs.users.LakeFSUsers)  # type: ignore[attr-defined]
    asyncio.run(idp.aclose())
    idp = connect(LakeFS(base_url="http://h", auth=None))
    trio.run(idp.aclose)


async def test_the_repr_shows_where_and_how_and_no_secret() -> None:
    idp = connect("lakefs", base_url="http://h/api/v1", access_key_id="a", secret_access_key="s3cret")
    assert (
        repr(idp)
        == "<IdentityClient lakefs http://h/api/v1 [observe → deadline → retry → token → limits → transport]>"
    )
    await idp.aclose()
    assert repr(idp).endswith("transport], closed>")


async def test_six_resources_and_the_native_operations(users: Server) -> None:
    async with lakefs(users) as idp:
        areas = [idp.users, idp.groups, idp.policies, idp.credentials, idp.sessions, idp.tokens]
        assert [area.area for area in areas] == [
            "users",
            "groups",
            "policies",
            "credentials",
            "sessions",
            "tokens",
        ]
        assert idp.users is idp.users
        assert isinstance(idp.native, LakeFSApi)
        assert idp.native_as(LakeFSApi) is idp.native
        with pytest.raises(ConfigurationError, match="native is LakeFSApi, not str"):
            idp.native_as(str)
        assert (await idp.native.get_current_user()).user.id == "ada"
        assert (await idp.users.me()).id == "ada"


async def test_ping(server: Server) -> None:
    def handler(line: str, headers: dict[str, str], body: bytes) -> Any:
        if "setup" in line:
            return (200, {}, {"state": "initialized", "oidc_enabled": False})
        if "capabilities" in line:
            return (200, {}, {"invite_user": False, "forgot_password": False})
        return (200, {"Date": "Fri, 15 Jan 2027 08:00:00 GMT"}, USER)

    server.handler = handler
    clock = FakeClock()
    async with lakefs(server, clock=clock) as idp:
        info = await idp.ping()
    assert (info.provider, info.principal) == ("lakefs", "ada")
    assert info.clock_skew == pytest.approx(-1000 + 0.5, abs=1)
    assert info.latency == 0.0
    assert not info.capabilities.supports("credentials.request_password_reset")
    assert isinstance(await fails(idp.ping()), ClientClosedError)


# ----------------------------------------------------------------------------------------------------------- copies


async def test_with_options_shares_pool_credential_and_counts(users: Server) -> None:
    events: list[Event] = []
    async with lakefs(users) as idp:
        copy = idp.with_options(timeout=1.0, deadline=2.0, retries=0, on_event=events.append)
        assert type(copy) is type(idp)
        await copy.users.me()
        await idp.users.me()
        assert copy.stats() == idp.stats()
        assert idp.stats().requests == 2
        assert idp.stats().pool.connections == 1
        assert {event.name for event in events} == {"get_current_user", "users.me"}
        assert copy._pipeline.shared is idp._pipeline.shared
        assert copy._pipeline.cache is idp._pipeline.cache
        again = copy.with_options(retries=1)
        assert again._pipeline.options.deadline == 2.0
        assert idp._pipeline.options.deadline == 30.0


@pytest.mark.parametrize(
    "wrong",
    [{"timeout": 0}, {"deadline": -1}, {"retries": -1}, {"max_in_flight": 5}, {"tls": "x"}, {"foo": 1}],
)
async def test_with_options_refuses_the_rest(users: Server, wrong: dict[str, Any]) -> None:
    async with lakefs(users) as idp:
        with pytest.raises(ConfigurationError) as caught:
            idp.with_options(**wrong)
        assert next(iter(wrong)) in str(caught.value)


async def test_with_credential_speaks_as_somebody_else(users: Server) -> None:
    async with lakefs(users) as idp:
        session = Session(id="1", user_id="bob", token=Secret("tok-b"))
        for auth, told in (
            (Bearer("tok-a"), "Bearer tok-a"),
            (session, "Bearer tok-b"),
            (AccessKey("k", "s"), "Basic azpz"),
            (None, None),
        ):
            copy = idp.with_credential(auth)
            await copy.users.me()
            assert users.seen[-1][1].get("authorization") == told
        await idp.users.me()
        assert users.seen[-1][1]["authorization"].startswith("Basic ")
        assert idp.stats().pool.connections == 1
        with pytest.raises(ConfigurationError, match="holds no value"):
            idp.with_credential(Session(id="1", user_id="bob"))


async def test_the_same_credential_has_the_same_cache(users: Server) -> None:
    asked = 0

    def token() -> str:
        nonlocal asked
        asked += 1
        return "tok"

    async with lakefs(users) as idp:
        bearer = Bearer(token)
        for _ in range(3):
            await idp.with_credential(bearer).users.me()
        assert asked == 1
        await idp.with_credential(Bearer(lambda: token())).users.me()
        assert asked == 2


async def test_closing_a_copy_closes_only_the_copy(users: Server) -> None:
    async with lakefs(users) as idp:
        copy = idp.with_options(retries=0)
        async with copy.with_credential(Bearer("x")) as third:
            await third.users.me()
        with pytest.raises(ClientClosedError):
            _ = third.users
        await copy.aclose()
        await copy.aclose()
        with pytest.raises(ClientClosedError):
            copy.with_options(retries=1)
        assert (await idp.users.me()).id == "ada"


async def test_closing_the_root_closes_all(users: Server) -> None:
    idp = lakefs(users)
    copy, held = idp.with_credential(Bearer("x")), idp.users
    await copy.users.me()
    await idp.aclose()
    await idp.aclose()
    for work in (copy.users.me, held.me, held.list):
        assert isinstance(await fails(work()), ClientClosedError)
    for name in ("users", "groups", "policies", "credentials", "sessions", "tokens", "native"):
        with pytest.raises(ClientClosedError):
            getattr(idp, name)
    with pytest.raises(ClientClosedError):
        idp.with_credential(None)
    with pytest.raises(ClientClosedError):
        async with idp:
            pass
    assert idp.stats().pool.connections == 0
    assert idp.provider == "lakefs"


async def test_closing_meanwhile(server: Server) -> None:
    server.handler = lambda *_: "hang"
    idp = lakefs(server, max_in_flight=1)
    errors: list[Exception] = []

    async def call() -> None:
        errors.append(await fails(idp.users.me()))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(call)
            await until(lambda: len(server.seen) == 1)
            await idp.aclose()
    assert sorted(type(error).__name__ for error in errors) == [
        "ClientClosedError",
        "ClientClosedError",
        "NoAnswerError",
    ]
    assert isinstance(
        errors[0] if isinstance(errors[0], NoAnswerError) else NoAnswerError("x"), NoAnswerError
    )


# ------------------------------------------------------------------------------------------------------------ loops


@pytest.mark.parametrize("auth", [None, AccessKey("a", "b"), Bearer(lambda: "tok")])
def test_one_client_in_several_runs(users: Server, auth: Any) -> None:
    idp = lakefs(users, auth=auth)

    async def use() -> None:
        for _ in range(3):
            await idp.users.me()

    asyncio.run(use())
    asyncio.run(use())
    trio.run(use)
    asyncio.run(use())
    assert len(users.seen) == 12

    async def close() -> None:
        await idp.aclose()
        with pytest.raises(ClientClosedError):
            await use()

    trio.run(close)


def test_a_second_loop_beside_the_first(users: Server) -> None:
    idp = lakefs(users)

    async def outer() -> None:
        await idp.users.me()
        error = await asyncio.to_thread(lambda: asyncio.run(fails(idp.users.me())))  # type: ignore[arg-type]
        assert type(error) is WrongEventLoopError
        with pytest.raises(WrongEventLoopError):
            await asyncio.to_thread(lambda: asyncio.run(idp.aclose()))
        await idp.users.me()
        await idp.aclose()

    asyncio.run(outer())


def test_the_embedded_provider_survives_its_loops() -> None:
    idp = connect("local:")

    async def make() -> None:
        await idp.users.create("ada")

    async def look() -> None:
        assert (await idp.users.get("ada")).id == "ada"
        await idp.aclose()

    asyncio.run(make())
    trio.run(look)


# ------------------------------------------------------------------------------------------------------- odds and ends


async def test_nobody_listens() -> None:
    server = Server()
    server.close()
    async with lakefs(server) as idp:
        error = await fails(idp.users.me())
    assert isinstance(error, NotSentError)
    assert (error.provider, error.operation, error.attempts) == ("lakefs", "users.me", 3)
    assert error.retryable


async def test_a_refused_credential(server: Server) -> None:
    server.handler = lambda *_: (401, {}, {"message": "error authenticating request"})
    async with lakefs(server) as idp:
        error = await fails(idp.users.me())
        assert isinstance(error, AuthenticationError)
        assert len(server.seen) == 1
        theirs = await fails(idp.with_credential(Bearer("x")).with_options(retries=0).users.me())
    assert (error.on_behalf, theirs.on_behalf) == (False, True)


def test_the_public_names() -> None:
    for name in identity_sdk.__all__:
        assert getattr(identity_sdk, name) is not None
        assert name in dir(identity_sdk)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        identity_sdk.Nothing  # noqa: B018
