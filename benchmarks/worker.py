"""One variant, one task, in a process of its own: ``python -m benchmarks.worker TASK VARIANT URL``; prints JSON."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks import peers
from benchmarks.server import USERS, name
from benchmarks.variants import ASYNC, IMPORTS, SYNC, Opener, SyncVariant, Variant

WARM = 200
CALLS = int(os.environ.get("BENCH_CALLS", "1500"))
Result = dict[str, float]
clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
"""CPU time of the client alone: for a machine that is busy with other things."""


def quantiles(times: list[float]) -> Result:
    times.sort()
    return {"p50": statistics.median(times) * 1e6, "p99": times[int(len(times) * 0.99)] * 1e6}


def memory_now() -> float:
    """Resident memory, in MB (Linux; elsewhere the peak so far)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return memory_peak()
    return pages * resource.getpagesize() / 1e6


def memory_peak() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def right(got: str, wanted: str) -> None:
    if got != wanted:
        raise SystemExit(f"asked for {wanted}, got {got}")


# ----------------------------------------------------------------------------------------------------------- async


async def latency(variant: Variant) -> Result:
    for number in range(WARM):
        right(await variant.get(name(number)), name(number))
    times: list[float] = []
    for number in range(CALLS):
        started = clock()
        got = await variant.get(name(number % WARM))
        times.append(clock() - started)
        right(got, name(number % WARM))
    return quantiles(times)


async def throughput(variant: Variant, concurrent: int) -> Result:
    """``concurrent`` callers, each with the same number of calls to make one after the other."""
    each = max(3, 2 * CALLS // concurrent)

    async def caller(number: int, calls: int, slowest: list[float]) -> None:
        wanted = name(number % WARM)
        for _ in range(calls):
            started = clock()
            right(await variant.get(wanted), wanted)
            slowest.append(clock() - started)

    async with asyncio.TaskGroup() as group:  # the connections, and the server's answers
        for number in range(min(concurrent, 100)):
            group.create_task(caller(number, 3, []))
    took: list[float] = []
    started = clock()
    async with asyncio.TaskGroup() as group:
        for number in range(concurrent):
            group.create_task(caller(number, each, took))
    seconds = clock() - started
    if len(took) != each * concurrent:
        raise SystemExit("calls were lost")
    # a caller that starves waits as long as everything takes
    return {
        "per second": len(took) / seconds,
        "slowest ms": max(took) * 1e3,
        "median ms": statistics.median(took) * 1e3,
    }


async def listing(variant: Variant) -> Result:
    await variant.get(name(0))
    before = memory_now()
    started = clock()
    users: Sequence[object]
    if variant.everybody is not None:
        users = await variant.everybody()
    else:
        users = collected = []
        async for page in variant.pages():
            collected.extend(page)
    seconds = clock() - started
    if len(users) != USERS:
        raise SystemExit(f"{len(users)} users instead of {USERS}")
    return {"seconds": seconds, "growth MB": memory_peak() - before}


async def streaming(variant: Variant) -> Result:
    await variant.get(name(0))
    before = memory_now()
    count = 0
    started = clock()
    if variant.stream is not None:
        async for _ in variant.stream():
            count += 1
    else:
        async for page in variant.pages():
            for _ in page:
                count += 1
    seconds = clock() - started
    if count != USERS:
        raise SystemExit(f"{count} users instead of {USERS}")
    return {"seconds": seconds, "growth MB": memory_peak() - before}


TASKS: dict[str, Callable[[Variant], Awaitable[Result]]] = {
    "latency": latency,
    "authress": latency,
    "argus": latency,
    "throughput 10": lambda variant: throughput(variant, 10),
    "throughput 100": lambda variant: throughput(variant, 100),
    "throughput 1000": lambda variant: throughput(variant, 1000),
    "listing": listing,
    "streaming": streaming,
}


Variants = tuple[dict[str, tuple[Opener, str]], dict[str, Callable[[str], SyncVariant]]]
PEERS: dict[str, Variants] = {
    "authress": (peers.AUTHRESS, {"authress": peers.authress}),
    "argus": (peers.ARGUS, {"argus-api": peers.argus_api}),
}


def variants(task: str) -> Variants:
    """With a loop and without. All tasks but those that are named speak to lakeFS."""
    return PEERS.get(task, (ASYNC, SYNC))


async def run(task: str, variant: str, url: str) -> Result:
    opener, option = variants(task)[0][variant]
    async with AsyncExitStack() as stack:
        return await TASKS[task](await opener(stack, url, option))


# ------------------------------------------------------------------------------------------------------------ sync


def run_sync(task: str, variant: SyncVariant) -> Result:
    variant.get(name(0))
    if TASKS[task] is latency:
        for number in range(WARM):
            right(variant.get(name(number)), name(number))
        times: list[float] = []
        for number in range(CALLS):
            started = clock()
            variant.get(name(number % WARM))
            times.append(clock() - started)
        return quantiles(times)
    if task.startswith("throughput"):
        threads = min(int(task.split()[1]), 100)  # a thousand threads would measure the threads
        calls = 2 * CALLS
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(variant.get, [name(number % WARM) for number in range(threads * 3)]))
            started = clock()
            got = list(pool.map(variant.get, [name(number % WARM) for number in range(calls)]))
            seconds = clock() - started
        for number, one in enumerate(got):
            right(one, name(number % WARM))
        return {"per second": calls / seconds}
    before = memory_now()
    started = clock()
    pages = variant.pages()
    count = (
        len([user for page in pages for user in page])
        if task == "listing"
        else sum(len(page) for page in pages)
    )
    seconds = clock() - started
    if count != USERS:
        raise SystemExit(f"{count} users instead of {USERS}")
    return {"seconds": seconds, "growth MB": memory_peak() - before}


def importing(variant: str) -> Result:
    """In a fresh interpreter, minus one that imports nothing; the best of three, since noise only adds."""
    timed = f"import time; started = time.{clock.__name__}(); {{}}; print(time.{clock.__name__}() - started)"

    def best(statement: str) -> float:
        command = [sys.executable, "-c", timed.format(statement)]
        return min(float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3))

    return {"ms": (best(IMPORTS[variant]) - best("pass")) * 1e3}


def main() -> None:
    task, variant, url = sys.argv[1:4]
    if task == "import":
        result = importing(variant)
    elif variant in (sync := variants(task)[1]):
        result = run_sync(task, sync[variant](url))
    else:
        result = asyncio.run(run(task, variant, url))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
