"""Connections: reused when clean, thrown away when not, never more than allowed, and no pool stays poisoned."""

from __future__ import annotations

import threading
import time
from importlib.metadata import version
from typing import Any

import anyio
import pytest

from identity_sdk.errors import ClientClosedError, IdentityError, NotSentError
from identity_sdk.transport import _httpx_family
from identity_sdk.transport.base import TransportOptions, make_transport
from identity_sdk.wire.request import Request

pytestmark = pytest.mark.anyio


class Holding:
    """Answers ``/hold`` only when it is let go, everything else at once."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def __call__(self, conversation, request):
        if b"/hold" in request.split(b"\r\n")[0]:
            self.let_go.wait(5)
        conversation.answer(request.split(b" ")[1])


@pytest.fixture
def holding():
    behaviour = Holding()
    yield behaviour
    behaviour.let_go.set()


async def until(condition) -> None:
    with anyio.fail_after(5):
        while not condition():
            await anyio.sleep(0.002)


async def test_a_quiet_client_stays_on_its_warm_connection(opened, serve):
    server = serve()
    async with opened(server.url) as transport:
        for _ in range(20):
            await transport.send(Request("GET", "/"), timeout=5)
        assert transport.stats().connections == 1
    assert server.accepted == 1


async def test_a_burst_and_its_connections(opened, serve):
    server = serve()
    seen = []

    async def one(number: int) -> None:
        answer = await transport.send(Request("GET", f"/{number}"), timeout=10)
        seen.append(answer.status)

    async with opened(server.url, max_in_flight=10) as transport:
        async with anyio.create_task_group() as group:
            for number in range(200):
                group.start_soon(one, number)
        assert transport.stats().connections <= 10
        assert transport.stats().waiting == 0
    assert seen == [200] * 200
    assert server.accepted <= 10


async def test_every_answer_belongs_to_its_request(opened, serve, holding):
    holding.let_go.set()
    wrong = []

    async def one(number: int) -> None:
        for _ in range(5):
            answer = await transport.send(Request("GET", f"/{number}"), timeout=10)
            if answer.body != f"/{number}".encode():
                wrong.append(answer.body)

    server = serve(holding)
    async with opened(server.url, max_in_flight=8) as transport, anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(one, number)
    assert wrong == []


async def test_who_waits_for_a_place_has_sent_nothing(opened, serve, holding):
    server = serve(holding)
    async with opened(server.url, max_in_flight=2) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(lambda: transport.send(Request("GET", "/hold"), timeout=5))
            await until(lambda: len(server.requests) == 2)
            assert transport.stats().in_flight == 2
            with pytest.raises(NotSentError, match="no free connection"):
                await transport.send(Request("POST", "/other"), timeout=0.03)
            assert transport.stats().waiting == 0
            holding.let_go.set()
        assert (await transport.send(Request("GET", "/other"), timeout=5)).body == b"/other"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "early", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsec"], ids=["head", "body"]
)
async def test_a_cancelled_requests_connection_is_not_used_again(opened, serve, early):
    go_on = threading.Event()

    def late(conversation, request):
        if b"/late" in request:
            conversation.send(early)
            go_on.wait(5)
            conversation.send(b"ret" if early else b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
        else:
            conversation.answer(b"mine")

    server = serve(late)
    async with opened(server.url, max_in_flight=1) as transport:
        await transport.send(Request("GET", "/warm"), timeout=5)
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: transport.send(Request("GET", "/late"), timeout=5))
            await until(lambda: len(server.requests) == 2)
            started = time.monotonic()
            group.cancel_scope.cancel()
        assert time.monotonic() - started < 1
        assert transport.stats().in_flight == 0
        go_on.set()
        for _ in range(3):
            assert (await transport.send(Request("GET", "/next"), timeout=5)).body == b"mine"
    assert server.accepted == 2


async def test_a_handshake_that_is_cancelled_leaves_no_socket(opened, serve):
    silent = serve()
    async with opened(silent.url.replace("http:", "https:")) as transport:
        with anyio.move_on_after(0.03):
            await transport.send(Request("GET", "/"), timeout=5)
        assert transport.stats().connections == 0
    await until(lambda: silent.accepted == 1)


async def test_idle_connections_are_closed_after_keepalive(opened, serve, holding):
    server = serve(holding)
    async with opened(server.url, keepalive=0.05, max_in_flight=6) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(lambda: transport.send(Request("GET", "/hold"), timeout=5))
            await until(lambda: len(server.requests) == 6)
            holding.let_go.set()
        assert transport.stats().connections == 6

        await anyio.sleep(0.08)
        await transport.send(Request("GET", "/"), timeout=5)
        assert transport.stats().connections == 1


async def test_closed_means_closed(opened, serve, holding):
    server = serve(holding)
    errors = []

    async def held() -> None:
        with pytest.raises(IdentityError) as caught:
            await transport.send(Request("GET", "/hold"), timeout=5)
        errors.append(caught.value)

    async with opened(server.url) as transport:
        async with anyio.create_task_group() as group:
            group.start_soon(held)
            await until(lambda: len(server.requests) == 1)
            await transport.aclose()
            holding.let_go.set()
        await transport.aclose()
        with pytest.raises(ClientClosedError):
            await transport.send(Request("GET", "/"), timeout=5)
    assert len(errors) == 1
    assert len(server.requests) == 1


async def test_closing_before_anything_was_sent(opened, unused_url):
    async with opened(unused_url):
        pass


# -------------------------------------------------------------------------------------------- the poisoned pool


def bare_pool(name: str, connections: int):
    library: Any = __import__(name)
    return library, library.AsyncHTTPTransport(limits=library.Limits(max_connections=connections))


async def storm(send) -> None:
    """Five bursts of four GETs, each cancelled at another moment (encode/httpcore#1099)."""
    for burst in range(5):
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(send)
            for _ in range(burst):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()


async def is_poisoned(library, pool, url: str) -> bool:
    request = library.Request("GET", url, extensions={"timeout": {"pool": 0.2}})
    try:
        answer = await pool.handle_async_request(request)
    except library.PoolTimeout:
        return True
    await answer.aread()
    await answer.aclose()
    return False


def must_be_poisoned(poisoned: bool) -> None:
    """The newest httpcore there is when this was written has the fault; a later one may be rid of it."""
    if version("httpcore") == "1.0.9":
        assert poisoned, "this httpcore is known to be poisoned by it: the test has lost its force"


async def test_a_storm_of_cancellations(leg, opened, serve):
    name, loop = leg
    server = serve()
    if (name, loop) == ("httpx", "asyncio"):  # trio shuffles its tasks: there the storm hits only sometimes
        library, pool = bare_pool(name, 2)

        async def get_bare() -> None:
            await (await pool.handle_async_request(library.Request("GET", server.url))).aread()

        await storm(get_bare)
        must_be_poisoned(await is_poisoned(library, pool, server.url))
        await pool.aclose()
    async with opened(server.url, max_in_flight=2) as transport:

        async def get() -> None:
            await transport.send(Request("GET", "/"), timeout=5)

        for _ in range(10):
            await storm(get)
            assert transport.stats().in_flight == 0
            for _ in range(3):
                assert (await transport.send(Request("GET", "/"), timeout=5)).status == 200
        assert transport.stats().connections <= 2


async def test_the_moment_that_poisons_a_pool(leg, opened, serve, monkeypatch):
    """A request that is cancelled when its connection has just been made: httpcore counts it as busy for ever."""
    name, _ = leg
    if name == "aiohttp":
        pytest.skip("aiohttp's pool has no such fault")
    server = serve()
    library, pool = bare_pool(name, 2)
    for _ in range(2):
        with anyio.CancelScope() as scope:

            async def cancel(event, info, scope=scope):
                if event == "connection.connect_tcp.complete":
                    scope.cancel()

            await pool.handle_async_request(library.Request("GET", server.url, extensions={"trace": cancel}))
    poisoned = await is_poisoned(library, pool, server.url)
    if name == "httpx":
        must_be_poisoned(poisoned)
    await pool.aclose()

    trace = _httpx_family._Attempt.trace
    scopes: list[anyio.CancelScope] = []

    async def trace_and_cancel(self, event, info):
        await trace(self, event, info)
        if event == "connection.connect_tcp.complete" and scopes:
            scopes.pop().cancel()

    monkeypatch.setattr(_httpx_family._Attempt, "trace", trace_and_cancel)
    async with opened(server.url, max_in_flight=2) as transport:
        for _ in range(4):
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await transport.send(Request("GET", "/"), timeout=5)
            assert scope.cancelled_caught
        assert transport.stats().healed == (4 if poisoned else 0)
        assert transport.stats().connections == 0
        for _ in range(4):
            assert (await transport.send(Request("GET", "/"), timeout=5)).status == 200
        assert transport.stats().connections == 1


async def test_a_pool_that_is_poisoned_none_the_less_is_replaced_within_the_call(leg, serve, monkeypatch):
    """Whatever poisons the pool: the call that meets it was not sent, and goes through a new pool."""
    name, _ = leg
    if name == "aiohttp":
        pytest.skip("aiohttp's pool has no such fault")
    monkeypatch.setattr("identity_sdk.transport._httpx_family._POOL_PATIENCE", 0.03)
    server = serve()
    transport: Any = make_transport(name, TransportOptions(server.url, max_in_flight=1, proxy=""))
    library: Any = __import__(name)
    slot = transport._slots[0]
    held = await slot.pool.handle_async_request(library.Request("GET", server.url))  # busy for ever
    assert transport.stats().connections == 1
    assert (await transport.send(Request("GET", "/"), timeout=5)).status == 200
    assert transport.stats().healed == 1
    assert transport.stats().connections == 1
    assert (await transport.send(Request("GET", "/"), timeout=5)).status == 200
    assert transport.stats().healed == 1
    await held.aclose()
    await transport.aclose()
