"""Closing, loops that end, loops that live side by side, and copies."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from typing import Any

import anyio
import pytest
import trio

from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ClientClosedError,
    ConfigurationError,
    IdentityError,
    NoAnswerError,
    WrongEventLoopError,
)
from identity_sdk.middleware.pipeline import Shared
from identity_sdk.options import ClientOptions
from tests.core.rig import FakeApi, FakeClock, FakeSource, Rig, Server, fails, until, wired

LIBRARIES = ["httpx", "httpx2", "aiohttp"]


def swept() -> None:
    """Whatever is garbage warns now, and warnings are errors."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            gc.collect()
    assert [str(warning.message) for warning in caught] == []


@pytest.mark.anyio
class TestClosing:
    async def test_use_after_close(self) -> None:
        rig = Rig()
        await rig.shared.aclose()
        await rig.shared.aclose()
        error = await fails(rig.api.get_user("a"))
        assert type(error) is ClientClosedError
        assert isinstance(error, ConfigurationError)
        with pytest.raises(ClientClosedError):
            async with rig.pipeline.verb("users.list"):
                pass
        assert rig.transport.requests == []

    async def test_a_call_that_is_begun_after_close_inside_of_a_verb(self) -> None:
        rig = Rig()
        with pytest.raises((ClientClosedError, ZeroDivisionError)):
            async with rig.pipeline.verb("users.delete"):
                await rig.shared.aclose()
                assert type(await fails(rig.api.get_user("a"))) is ClientClosedError
                raise ZeroDivisionError
        assert rig.transport.requests == []

    async def test_an_unused_client_is_closed_without_a_request(self) -> None:
        rig = Rig()
        await rig.shared.aclose()
        assert rig.transport.closed == 1

    async def test_calls_in_flight_queued_and_waiting_for_a_login(self) -> None:
        rig = Rig(max_in_flight=1)
        released = anyio.Event()

        async def break_at_close(request: object) -> type[Exception]:
            await released.wait()
            return NoAnswerError

        rig.transport.acts.extend([break_at_close])
        login = Rig(auth=True)
        login.source.acts.append(anyio.sleep_forever)
        errors: dict[str, IdentityError] = {}

        async def call(name: str, api: FakeApi) -> None:
            errors[name] = await fails(api.get_user(name))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(call, "flying", rig.api)
                await until(lambda: rig.transport.in_flight == 1)
                group.start_soon(call, "queued", rig.api)
                group.start_soon(call, "login", login.api)
                await until(lambda: rig.shared.gate.waiting == 1 and login.source.fetched == 1)
                await rig.shared.aclose()
                released.set()
                await login.shared.aclose()
        assert type(errors["flying"]) is NoAnswerError
        assert type(errors["queued"]) is ClientClosedError
        assert type(errors["login"]) is ClientClosedError
        assert len(rig.transport.requests) == 1

    @pytest.mark.parametrize("library", LIBRARIES)
    async def test_on_real_sockets(self, server: Server, library: str, anyio_backend: str) -> None:
        pytest.importorskip(library)
        if library == "aiohttp" and anyio_backend == "trio":
            pytest.skip("aiohttp works on asyncio only")
        server.handler = lambda *_: "hang"
        api, shared = wired(server.url, library=library, max_in_flight=2)
        errors: list[IdentityError] = []

        async def call(number: int) -> None:
            errors.append(await fails(api.create_key() if number % 2 else api.get_user("a")))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for number in range(6):
                    group.start_soon(call, number)
                await until(lambda: len(server.seen) == 2)
                await shared.aclose()
        assert {type(error) for error in errors} <= {ClientClosedError, NoAnswerError, AmbiguousOutcomeError}
        assert sum(type(error) is ClientClosedError for error in errors) == 4
        assert len(server.seen) == 2
        assert shared.stats().pool.connections == 0

    async def test_a_copys_pool_is_everybodys(self) -> None:
        rig = Rig(auth=True)
        copy = rig.copy(retries=0)
        await copy.get_user("a")
        await rig.api.get_user("a")
        assert rig.source.fetched == 1
        assert len(rig.made) == 1
        await rig.shared.aclose()
        assert isinstance(await fails(copy.get_user("a")), ClientClosedError)


class TestLoops:
    @pytest.mark.parametrize("library", LIBRARIES)
    def test_one_client_in_two_runs(self, server: Server, library: str) -> None:
        pytest.importorskip(library)
        source = FakeSource(FakeClock())
        api, shared = wired(server.url, library=library, source=source)

        async def use() -> None:
            await asyncio.gather(*(api.get_user("ada") for _ in range(3)))

        asyncio.run(use())
        assert shared.stats().pool.connections == 0  # the pool was closed with its loop
        swept()
        asyncio.run(use())
        assert source.fetched == 1  # tokens are kept

        async def close() -> None:
            await use()
            await shared.aclose()

        asyncio.run(close())
        swept()
        assert len(server.seen) == 9

    def test_trio_then_asyncio_then_trio(self, server: Server) -> None:
        api, shared = wired(server.url)

        async def use() -> None:
            assert (await api.get_user("ada")).id == "ada"

        trio.run(use)
        swept()
        asyncio.run(use())
        trio.run(use)
        swept()

        async def close() -> None:
            await shared.aclose()

        asyncio.run(close())  # on a loop that it was never used on
        swept()
        with pytest.raises(ClientClosedError):
            trio.run(use)

    def test_a_client_that_is_never_closed_leaves_no_socket(self, server: Server) -> None:
        for run in (lambda work: asyncio.run(work()), trio.run):
            api, shared = wired(server.url)

            async def use(api: FakeApi = api) -> None:
                await api.get_user("ada")

            run(use)
            del api, shared, use
            swept()

    def test_a_refresh_on_a_dead_loop_is_started_anew(self) -> None:
        rig = Rig(auth=True)
        rig.source.acts.append(anyio.sleep_forever)

        async def leave() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(rig.api.get_user, "a")
                await until(lambda: rig.source.fetched == 1)
                group.cancel_scope.cancel()

        async def use() -> None:
            with anyio.fail_after(2):
                await rig.api.get_user("a")

        asyncio.run(leave())
        trio.run(use)
        assert rig.source.fetched == 2

    def test_a_refresh_on_a_loop_that_does_not_run_is_not_waited_for(self) -> None:
        rig = Rig(auth=True)
        rig.source.acts.append(anyio.sleep_forever)
        loop = asyncio.new_event_loop()

        async def leave() -> None:
            tasks.append(loop.create_task(rig.api.get_user("a")))
            await until(lambda: rig.source.fetched == 1)

        async def use() -> None:
            with anyio.fail_after(2):
                await rig.api.get_user("a")
            await rig.shared.aclose()

        tasks: list[asyncio.Task[object]] = []
        loop.run_until_complete(leave())
        trio.run(use)
        assert rig.source.fetched == 2
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def test_a_refresh_on_a_dead_loop_does_not_hinder_close(self) -> None:
        rig = Rig(auth=True)
        rig.source.acts.append(anyio.sleep_forever)

        async def leave() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(rig.api.get_user, "a")
                await until(lambda: rig.source.fetched == 1)
                group.cancel_scope.cancel()

        trio.run(leave)
        asyncio.run(rig.shared.aclose())
        assert rig.shared.closed

    def test_waiters_at_the_gate_of_a_dead_loop_are_forgotten(self) -> None:
        rig = Rig(max_in_flight=1)

        async def hang(request: Any) -> None:
            await anyio.sleep_forever()

        async def leave() -> None:
            rig.transport.acts.append(hang)
            loop = asyncio.get_running_loop()
            tasks.append(loop.create_task(rig.api.get_user("a")))
            tasks.append(loop.create_task(rig.api.get_user("b")))
            await asyncio.sleep(0.01)

        tasks: list[asyncio.Task[object]] = []
        loop = asyncio.new_event_loop()
        loop.run_until_complete(leave())  # tasks are left behind; the loop lives, but does not run

        async def use() -> None:
            with anyio.fail_after(2):
                await rig.api.get_user("c")

        trio.run(use)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def test_two_loops_that_live(self) -> None:
        rig = Rig()
        used, done = threading.Event(), threading.Event()

        async def first() -> None:
            await rig.api.get_user("a")
            used.set()
            await asyncio.to_thread(done.wait, 5)
            await rig.api.get_user("a")

        thread = threading.Thread(target=lambda: asyncio.run(first()))
        thread.start()
        assert used.wait(5)

        async def second() -> None:
            error = await fails(rig.api.get_user("b"))
            assert type(error) is WrongEventLoopError
            assert isinstance(error, ConfigurationError)
            with pytest.raises(WrongEventLoopError):
                await rig.shared.aclose()
            assert not rig.shared.closed

        asyncio.run(second())
        trio.run(second)
        done.set()
        thread.join(5)
        assert rig.transport.sent == ["GET /api/users/a"] * 2

    def test_a_living_trio_loop_is_noticed_from_asyncio(self) -> None:
        rig = Rig()
        used, done = threading.Event(), threading.Event()

        async def first() -> None:
            await rig.api.get_user("a")
            used.set()
            await trio.to_thread.run_sync(done.wait, 5)

        thread = threading.Thread(target=lambda: trio.run(first))
        thread.start()
        assert used.wait(5)

        async def second() -> None:
            assert type(await fails(rig.api.get_user("b"))) is WrongEventLoopError

        asyncio.run(second())
        done.set()
        thread.join(5)

        async def third() -> None:
            await rig.api.get_user("c")

        asyncio.run(third())
        assert len(rig.made) == 2

    def test_a_client_without_a_transport_changes_loops_too(self) -> None:
        shared = Shared(ClientOptions(), None)

        async def use() -> None:
            shared.enter_loop()

        asyncio.run(use())
        trio.run(use)
        trio.run(shared.aclose)
