"""Faults: the syntax, in process, and on a socket."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from identity_sdk.emulators.faults import ConnectionDropped, Fault, FaultInjector
from identity_sdk.emulators.lakefs import Admin, create_app
from identity_sdk.emulators.server import running
from identity_sdk.emulators.unknown import carries_credential, swapped
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store

BASIC = ("AKIAJADMINADMINADMQ", "secret")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("GET /user: 503", Fault("/user", method="GET", status=503)),
        ("/auth/*: drop", Fault("/auth/*", drop=True)),
        (
            "POST /auth/users: 503 after-work, times=1",
            Fault("/auth/users", method="POST", status=503, after_work=True, times=1),
        ),
        (
            "GET /x : 429 , retry-after=1.5,from=2,times=3",
            Fault("/x", method="GET", status=429, retry_after=1.5, first=2, times=3),
        ),
        ("/x: late=0.25", Fault("/x", late=0.25)),
        ("/x: stale", Fault("/x", stale=True)),
        ("/x: garbled", Fault("/x", garbled=True)),
        ("/*: expired, times=1", Fault("/*", expired=True, times=1)),
        ("/*: revoked", Fault("/*", revoked=True)),
        ("/*: skew=-600", Fault("/*", skew=-600.0)),
        ("/a:b: 412", Fault("/a:b", status=412)),
    ],
)
def test_the_syntax(line: str, fault: Fault) -> None:
    assert Fault.parse(line) == fault


@pytest.mark.parametrize(
    "line",
    [
        "",
        "503",
        "GET: 503",
        "get /x: 503",
        "/x: ",
        "/x: 200",
        "/x: 600",
        "/x: 503 drop",
        "/x: sometimes",
        "/x: late=soon",
        "/x: 503, from=0",
        "/x: 503, times=0",
        "/x: 503, colour=red",
        "/x: retry-after=1",
    ],
)
def test_malformed_lines(line: str) -> None:
    with pytest.raises(ConfigurationError, match="fault"):
        Fault.parse(line)


@pytest.mark.parametrize(
    ("pattern", "method", "path", "matches"),
    [
        ("/auth/users", "GET", "/auth/users", True),
        ("/auth/users", "GET", "/auth/users/a", False),
        ("/auth/users/*", "GET", "/auth/users/a/b", True),
        ("*", "GET", "/anything", True),
        ("/a.b", "GET", "/axb", False),
    ],
)
def test_patterns(pattern: str, method: str, path: str, matches: bool) -> None:
    assert Fault(pattern, drop=True).matches(method, path) is matches


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = Store.open()
    yield store
    await store.aclose()


def make(store: Store, *faults: Fault | str) -> tuple[httpx.AsyncClient, FaultInjector]:
    app = create_app(store, setup=True, admin=Admin("admin", *BASIC), faults=faults)
    transport = httpx.ASGITransport(app)
    client = httpx.AsyncClient(transport=transport, base_url="http://e/api/v1", auth=BASIC)
    return client, app.state.faults


@pytest.mark.anyio
async def test_before_and_after_the_work(store: Store) -> None:
    client, faults = make(store, "POST /auth/users: 503, times=1")
    async with client:
        answer = await client.post("/auth/users", json={"id": "ann"})
        assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})
        assert "retry-after" not in answer.headers
        assert (await client.get("/auth/users/ann")).status_code == 404
        faults.add("POST /auth/users: 500 after-work, retry-after=2, times=1")
        answer = await client.post("/auth/users", json={"id": "ann"})
        assert (answer.status_code, answer.headers["retry-after"]) == (500, "2")
        assert (await client.post("/auth/users", json={"id": "ann"})).status_code == 409
    assert faults.requests == ["POST /auth/users", "GET /auth/users/ann", *["POST /auth/users"] * 2]


@pytest.mark.anyio
async def test_from_the_second_to_the_third(store: Store) -> None:
    client, faults = make(store, "GET /user: 429, from=2, times=2", "GET /user: 412, from=4, times=1")
    async with client:
        assert [(await client.get("/user")).status_code for _ in range(5)] == [200, 429, 429, 412, 200]
        faults.add("/user: 500")
        assert (await client.get("/user")).status_code == 500
        faults.clear()
        assert (await client.get("/user")).status_code == 200
    assert faults.requests == ["GET /user"]


@pytest.mark.anyio
async def test_a_dropped_connection_in_process(store: Store) -> None:
    client, _ = make(store, "PUT /auth/groups/*: drop after-work, times=1", Fault("/user", drop=True))
    async with client:
        await client.post("/auth/groups", json={"id": "team"})
        with pytest.raises(ConnectionDropped):
            await client.put("/auth/groups/team/members/admin")
        assert (await client.put("/auth/groups/team/members/admin")).status_code == 409
        with pytest.raises(ConnectionDropped):
            await client.get("/user")


@pytest.mark.anyio
async def test_late_and_stale(store: Store) -> None:
    client, _ = make(
        store, "GET /user: late=0.02", "POST /auth/groups: late=0.02 after-work", "GET /auth/users/*: stale"
    )
    async with client:
        began = time.monotonic()
        assert (await client.get("/user")).status_code == 200
        assert (await client.post("/auth/groups", json={"id": "team"})).status_code == 201
        assert time.monotonic() - began > 0.04
        assert (await client.get("/auth/users/ann")).status_code == 404
        assert (await client.post("/auth/users", json={"id": "ann"})).status_code == 201
        assert (await client.get("/auth/users/ann")).status_code == 404
        assert (await client.get("/auth/users/ann?x")).status_code == 200


@pytest.mark.anyio
async def test_what_is_not_http_passes(store: Store) -> None:
    passed: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    await FaultInjector(app, ["/x: 503"])({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert passed == ["lifespan"]


@pytest.mark.parametrize("after_work", [False, True])
def test_a_dropped_connection_on_a_socket(after_work: bool) -> None:
    fault = Fault("/auth/users", method="POST", drop=True, after_work=after_work, times=1)
    app = create_app(Store.open(), setup=True, admin=Admin("admin", *BASIC), faults=[fault])
    with running(app) as url:
        with pytest.raises(httpx.RemoteProtocolError, match=r"without sending a response|disconnected"):
            httpx.post(f"{url}/api/v1/auth/users", json={"id": "ann"}, auth=BASIC)
        again = httpx.post(f"{url}/api/v1/auth/users", json={"id": "ann"}, auth=BASIC)
        assert again.status_code == (409 if after_work else 201)


def test_a_drop_sends_not_one_byte() -> None:
    app = create_app(Store.open(), setup=True, faults=["/user: drop"])
    with running(app) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        connection.request("GET", "/api/v1/user")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        (b"cookie", b"a=one1; b=x.y.Zz9", b"a=pof2; b=x.y.Ag0"),
        (b"authorization", b"Basic dXNlcjpwdzE=", b"Basic " + base64.b64encode(b"vtfs:qx2")),
        (b"authorization", b"Basic !", b"Basic !"),
        (b"authorization", b"Bearer head.body.sig1", b"Bearer head.body.tjh2"),
        (b"argus-api-key", b"1ab/2c", b"2bc/3d"),
    ],
)
def test_a_swapped_credential(name: bytes, value: bytes, other: bytes) -> None:
    scope = {"type": "http", "headers": [(name, value), (b"accept", b"a=one")]}
    [(_, changed), (_, same)] = swapped(scope)["headers"]
    assert (changed, same) == (other, b"a=one")
    assert carries_credential(scope)
    assert not carries_credential({"headers": [(b"accept", b"x")]})
    kept = swapped(scope, lasting_only=True)["headers"][0][1]
    assert kept == (other if b"Basic" in value or name == b"argus-api-key" else value)
