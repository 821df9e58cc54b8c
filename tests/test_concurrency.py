"""The one module that knows asyncio from trio, on both."""

from __future__ import annotations

import asyncio
import time

import anyio
import anyio.lowlevel
import pytest

from identity_sdk.concurrency import (
    Gate,
    SystemClock,
    current_loop,
    loop_is_alive,
    on_asyncio,
    spawn,
    time_limit,
)


def test_without_a_loop():
    assert not on_asyncio()


@pytest.mark.anyio
async def test_which_loop_it_is(anyio_backend):
    assert on_asyncio() is (anyio_backend == "asyncio")
    loop = current_loop()
    assert current_loop() is loop
    assert loop_is_alive(loop)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_that_has_ended_is_dead(backend):
    async def main() -> object:
        return current_loop()

    assert not loop_is_alive(anyio.run(main, backend=backend))


def test_trio_in_guest_mode_of_asyncio_is_trio():
    import trio

    async def guest() -> tuple[bool, object]:
        return on_asyncio(), current_loop()

    async def host() -> None:
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=lambda outcome: done.set_result(outcome.unwrap()),
        )
        said, loop = await done
        assert said is False
        assert not isinstance(loop, asyncio.AbstractEventLoop)
        assert on_asyncio()

    asyncio.run(host())


@pytest.mark.anyio
class TestTimeLimit:
    async def test_it_ends(self):
        with pytest.raises(TimeoutError):
            async with time_limit(0.02):
                await anyio.sleep(5)

    async def test_it_does_not_end_what_is_quick(self):
        async with time_limit(5):
            await anyio.lowlevel.checkpoint()

    async def test_cancellation_from_outside_stays_cancellation(self):
        reached = []
        with anyio.CancelScope() as scope:
            try:
                async with time_limit(5):
                    scope.cancel()
                    await anyio.sleep(5)
            except TimeoutError:
                reached.append("time-out")
        assert scope.cancelled_caught
        assert reached == []

    async def test_it_can_be_moved_forth(self):
        limit = time_limit(0.02)
        async with limit:
            limit.move(5)
            await anyio.sleep(0.04)

    async def test_it_can_be_moved_back(self):
        limit = time_limit(5)
        with pytest.raises(TimeoutError):
            async with limit:
                limit.move(0.01)
                await anyio.sleep(5)

    async def test_when_it_is_over_it_stays_over(self):
        limit = time_limit(0.01)
        with pytest.raises(TimeoutError):
            async with limit:
                time.sleep(0.02)  # noqa: ASYNC251 -- the loop learns of it when this is over
                with anyio.CancelScope(shield=True):
                    try:
                        await anyio.sleep(0.01)
                    finally:
                        limit.move(0)
                await anyio.sleep(5)

    async def test_before_it_is_entered_it_cannot_be_moved(self, anyio_backend):
        limit = time_limit(5)
        if anyio_backend == "trio":
            limit.move(1)
        async with limit:
            pass

    async def test_of_two_that_end_together_the_outer_one_is_told(self):
        ended: list[str] = []
        try:
            async with time_limit(0.02):
                try:
                    async with time_limit(0.02):
                        await anyio.sleep(5)
                except TimeoutError:
                    ended.append("inner")
                    raise
        except TimeoutError:
            ended.append("outer")
        assert ended[-1] == "outer"
        await anyio.sleep(0.005)  # nothing of the cancellation is left

    async def test_of_two_the_inner_one_may_end_and_the_outer_one_go_on(self):
        async with time_limit(5):
            with pytest.raises(TimeoutError):
                async with time_limit(0.01):
                    await anyio.sleep(5)
            await anyio.sleep(0.005)

    async def test_many_end_each_in_its_time(self):
        took: dict[int, float] = {}

        async def one(number: int) -> None:
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                async with time_limit(0.01 + number / 10_000):
                    await anyio.sleep(5)
            took[number] = time.monotonic() - started

        async with anyio.create_task_group() as group:
            for number in range(300):
                group.start_soon(one, number)
        assert len(took) == 300
        assert all(0.009 + number / 10_000 <= seconds < 4 for number, seconds in took.items())


@pytest.mark.asyncio
class TestTimeLimitOnAsyncio:
    async def test_a_task_that_is_cancelled_when_its_time_ends_stays_cancelled(self):
        async def work() -> None:
            async with time_limit(0.01):
                try:
                    await asyncio.sleep(5)
                finally:
                    me = asyncio.current_task()
                    assert me is not None
                    me.cancel()

        task = asyncio.create_task(work())
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_an_error_of_the_block_that_ends_late_is_told(self):
        async def work() -> None:
            async with time_limit(0.01):
                try:
                    await asyncio.sleep(5)
                except asyncio.CancelledError:
                    raise ValueError from None

        with pytest.raises(ValueError):
            await work()
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


def test_limits_on_one_loop_after_another():
    async def work() -> None:
        async with time_limit(5):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with time_limit(0.005):
                await asyncio.sleep(5)

    for _ in range(3):
        asyncio.run(work())


@pytest.mark.anyio
class TestGate:
    async def test_first_come_first_served(self):
        gate = Gate(1)
        order: list[int] = []

        async def one(number: int) -> None:
            await gate.acquire()
            order.append(number)
            await anyio.lowlevel.checkpoint()
            gate.release()

        await gate.acquire()
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(one, number)
                await anyio.wait_all_tasks_blocked()
            assert gate.waiting == 20
            gate.release()
        assert order == list(range(20))
        assert (gate.held, gate.waiting) == (0, 0)

    async def test_never_more_than_its_size(self):
        gate = Gate(3)
        inside = most = 0

        async def one() -> None:
            nonlocal inside, most
            await gate.acquire()
            inside += 1
            most = max(most, inside)
            await anyio.lowlevel.checkpoint()
            inside -= 1
            gate.release()

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(one)
        assert most == 3
        assert gate.held == 0

    async def test_a_newcomer_does_not_overtake(self):
        gate = Gate(1)
        got: list[str] = []

        async def wait(name: str) -> None:
            await gate.acquire()
            got.append(name)

        await gate.acquire()
        async with anyio.create_task_group() as group:
            group.start_soon(wait, "first")
            await anyio.wait_all_tasks_blocked()
            gate.release()  # the place is handed over at once
            assert gate.held == 1
            group.start_soon(wait, "second")
            await anyio.wait_all_tasks_blocked()
            assert got == ["first"]
            gate.release()
        assert got == ["first", "second"]

    async def test_who_leaves_the_queue_takes_no_place(self):
        gate = Gate(1)
        await gate.acquire()
        with anyio.move_on_after(0.01):
            await gate.acquire()
        assert gate.waiting == 0
        gate.release()
        assert gate.held == 0
        await gate.acquire()

    async def test_a_place_handed_over_in_the_moment_of_cancellation_is_not_lost(self):
        gate = Gate(1)

        async def one() -> None:
            await gate.acquire()
            gate.release()

        await gate.acquire()
        async with anyio.create_task_group() as group:
            group.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            gate.release()
            group.cancel_scope.cancel()
        assert gate.held == 0


@pytest.mark.asyncio
async def test_a_place_handed_over_to_a_cancelled_task_is_passed_on():
    gate = Gate(1)
    await gate.acquire()
    first, second = (asyncio.create_task(gate.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    gate.release()
    first.cancel()
    async with asyncio.timeout(1):
        await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (gate.held, gate.waiting) == (1, 0)


@pytest.mark.asyncio
async def test_a_waiter_that_is_cancelled_before_it_is_woken_is_passed_over():
    """``task.cancel()`` cancels the future at once; the task leaves the queue only when it runs."""
    gate = Gate(1)
    await gate.acquire()
    first, second = (asyncio.create_task(gate.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.release()
    async with asyncio.timeout(1):
        await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (gate.held, gate.waiting) == (1, 0)


@pytest.mark.anyio
class TestSpawn:
    async def test_the_work_outlives_who_waits_for_it(self):
        go_on = anyio.Event()
        done = []

        async def work() -> None:
            await go_on.wait()
            done.append(1)

        running = spawn(work, "work")
        with anyio.move_on_after(0.01):
            await running.wait()
        assert not running.finished
        go_on.set()
        with anyio.fail_after(1):
            await running.wait()
        assert running.finished
        assert done == [1]

    async def test_it_can_be_cancelled(self):
        async def work() -> None:
            await anyio.sleep(60)

        running = spawn(work, "work")
        await anyio.lowlevel.checkpoint()
        running.cancel()
        with anyio.fail_after(1):
            await running.wait()
        assert running.finished


@pytest.mark.anyio
async def test_the_systems_clock():
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    assert abs(clock.time() - time.time()) < 1
