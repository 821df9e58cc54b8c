"""``python -m benchmarks [--rounds 5] [--tasks latency,listing] [--variants sdk,httpx] [--markdown FILE]``.

Every round runs every variant once, each in a process of its own, in an order that changes from round to round; a
ratio pairs two variants of the same round. What is printed is the median of the ratios, with their range.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.report import render
from benchmarks.variants import IMPORTS
from benchmarks.worker import variants

ROOT = Path(__file__).resolve().parent.parent
TASKS = [
    "latency",
    "authress",
    "argus",
    "throughput 10",
    "throughput 100",
    "throughput 1000",
    "listing",
    "streaming",
    "import",
]
HIDDEN = {"transport (httpx)", "transport (httpx2)", "transport (aiohttp)"}
PACKAGES = [
    "httpx",
    "httpcore",
    "httpx2",
    "aiohttp",
    "pydantic",
    "lakefs-client",
    "lakefs-sdk",
    "lakefs-sdk-async",
    "authress",
    "argus-api",
    "uvloop",
]
Results = dict[str, dict[str, list[dict[str, float]]]]


def pinned(core: int) -> list[str]:
    """The beginning of a command that keeps a process on one core, where that is possible."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return [sys.executable]
    pin = f"import os, runpy, sys; os.sched_setaffinity(0, {{{cores[core % len(cores)]}}}); "
    run = "sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", pin + run]


def command(core: int, module: str, *arguments: str) -> list[str]:
    start = pinned(core)
    return [*start, *(["-m"] if len(start) == 1 else []), module, *arguments]


@contextmanager
def served() -> Iterator[str]:
    process = subprocess.Popen(
        command(1, "benchmarks.server"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(10)


def measure(task: str, variant: str, url: str) -> dict[str, float] | None:
    done = subprocess.run(
        command(0, "benchmarks.worker", task, variant, url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"! {task}: {variant}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    result: dict[str, float] = json.loads(done.stdout)
    return result


def machine() -> list[str]:
    """What was measured on, and with what."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    installed = []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            installed.append(f"{package} missing")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return [
        f"{datetime.date.today():%Y-%m-%d}, {platform.system()} {platform.machine()}, {processor}, "
        f"{os.cpu_count()} cores, load {load:.1f}",
        f"{platform.python_implementation()} {platform.python_version()}; {', '.join(installed)}",
        "server: raw asyncio, answers rendered beforehand, its own process and core; loopback, no TLS",
    ]


def variants_of(task: str, wanted: list[str]) -> list[str]:
    known = list(IMPORTS) if task == "import" else [name for group in variants(task) for name in group]
    if wanted:
        return [name for name in known if any(name == one or name.startswith(one + " (") for one in wanted)]
    return [name for name in known if name not in HIDDEN]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", default=",".join(TASKS), help="of " + ", ".join(TASKS))
    parser.add_argument("--variants", default="", help="names, separated by commas; all by default")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: on a busy machine")
    parser.add_argument("--markdown", type=Path, help="also write the tables there")
    options = parser.parse_args()
    os.environ["BENCH_CLOCK"] = options.clock
    tasks = [
        task
        for task in TASKS
        if task in options.tasks.split(",") or task.split()[0] in options.tasks.split(",")
    ]
    wanted = [name for name in options.variants.split(",") if name]
    results: Results = {task: {} for task in tasks}
    before = machine()
    if options.clock == "cpu":
        before.append("times are CPU time of the client's process")
    with served() as url:
        for number in range(options.rounds):
            for task in tasks:
                order = variants_of(task, wanted)
                random.Random(number).shuffle(order)
                for variant in order:
                    result = measure(task, variant, url)
                    if result is not None:
                        results[task].setdefault(variant, []).append(result)
                print(f"round {number + 1}/{options.rounds}: {task}", file=sys.stderr)
    text = render(before, results, options.rounds)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
