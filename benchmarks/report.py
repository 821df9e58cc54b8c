"""Tables out of measurements: medians, and ratios of pairs in the same round with their range."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Rounds = Sequence[dict[str, float]]

FIGURES: dict[str, list[tuple[str, str, str]]] = {
    "latency": [("p50", "p50, µs", ".0f"), ("p99", "p99, µs", ".0f")],
    "authress": [("p50", "p50, µs", ".0f"), ("p99", "p99, µs", ".0f")],
    "argus": [("p50", "p50, µs", ".0f"), ("p99", "p99, µs", ".0f")],
    "throughput 10": [("per second", "calls/s", ".0f"), ("slowest ms", "slowest, ms", ".0f")],
    "throughput 100": [("per second", "calls/s", ".0f"), ("slowest ms", "slowest, ms", ".0f")],
    "throughput 1000": [("per second", "calls/s", ".0f"), ("slowest ms", "slowest, ms", ".0f")],
    "listing": [("seconds", "s", ".2f"), ("growth MB", "memory grown by, MB", ".0f")],
    "streaming": [("seconds", "s", ".2f"), ("growth MB", "memory grown by, MB", ".1f")],
    "import": [("ms", "ms", ".0f")],
}
TITLES = {
    "latency": "One warm `users.get`",
    "authress": "One warm `users.get` of Authress",
    "argus": "One warm `users.get` of Argus",
    "throughput 10": "10 callers at once",
    "throughput 100": "100 callers at once",
    "throughput 1000": "1,000 callers at once",
    "listing": "100,000 users (pages of 1,000) to a list of typed objects",
    "streaming": "The same, streamed: no object is kept",
    "import": "Import, in a fresh interpreter",
}


@dataclass(frozen=True)
class Target:
    """``variant`` / ``against`` in ``figure`` must be at most (or at least) ``bound``."""

    task: str
    variant: str
    against: str
    figure: str
    bound: float
    at_most: bool


TARGETS = [
    Target("latency", "sdk (httpx)", "httpx", "p50", 0.90, True),
    Target("latency", "sdk (aiohttp)", "aiohttp", "p50", 1.4, True),
    Target("latency", "sdk (aiohttp)", "lakefs-sdk-async", "p50", 0.6, True),
    *(
        Target(f"throughput {number}", variant, against, "per second", bound, False)
        for number in (100, 1000)
        for variant, against, bound in (
            ("sdk (httpx)", "httpx", 3.0),
            ("sdk (httpx)", "lakefs-sdk-async", 0.7),
            ("sdk (aiohttp)", "aiohttp", 0.65),
            ("sdk (aiohttp)", "lakefs-sdk-async", 2.2),
        )
    ),
    Target("listing", "sdk (httpx)", "lakefs-sdk-async", "seconds", 1 / 3, True),
    Target("listing", "sdk (httpx)", "lakefs-client", "seconds", 1 / 4, True),
    Target("listing", "sdk (httpx)", "httpx", "seconds", 1.10, True),
    Target("import", "sdk", "httpx", "ms", 0.5, True),
]
PEERS = ("httpx", "aiohttp", "lakefs-sdk-async", "lakefs-client", "authress", "argus-api")
STREAM_LIMIT_MB = 10.0


def ratios(one: Rounds, other: Rounds, figure: str) -> list[float]:
    return [a[figure] / b[figure] for a, b in zip(one, other, strict=False)]


def shown(values: Sequence[float], form: str = ".2f") -> str:
    middle = f"{statistics.median(values):{form}}"
    return middle if len(values) == 1 else f"{middle} [{min(values):{form}}–{max(values):{form}}]"


def table(task: str, measured: dict[str, Rounds]) -> list[str]:
    figures = FIGURES[task]
    lead = figures[0][0]
    against = [name for name in PEERS if name in measured]
    heads = ["", *(title for _, title, _ in figures), *(f"× {name}" for name in against)]
    lines = [f"### {TITLES[task]}", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for variant, rounds in measured.items():
        cells = [
            shown([one[figure] for one in rounds], form) if all(figure in one for one in rounds) else "–"
            for figure, _, form in figures
        ]
        cells += ["1" if name == variant else shown(ratios(rounds, measured[name], lead)) for name in against]
        lines.append("| " + " | ".join([variant, *cells]) + " |")
    return [*lines, ""]


def verdicts(results: dict[str, dict[str, Rounds]]) -> list[str]:
    lines = ["### Targets", "", "| what | target | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        measured = results.get(target.task, {})
        if target.variant not in measured or target.against not in measured:
            continue
        values = ratios(measured[target.variant], measured[target.against], target.figure)
        middle = statistics.median(values)
        met = middle <= target.bound if target.at_most else middle >= target.bound
        bound = f"{'≤' if target.at_most else '≥'} {target.bound:.2f}"
        what = f"{TITLES[target.task]}: {target.variant} / {target.against}"
        lines.append(f"| {what} | {bound} | {shown(values)} | {'met' if met else '**missed**'} |")
    for variant, rounds in results.get("streaming", {}).items():
        if variant.startswith("sdk"):
            values = [one["growth MB"] for one in rounds]
            met = statistics.median(values) <= STREAM_LIMIT_MB
            what = f"{TITLES['streaming']}: {variant}, MB grown"
            bound = f"≤ {STREAM_LIMIT_MB:.0f}"
            lines.append(f"| {what} | {bound} | {shown(values, '.1f')} | {'met' if met else '**missed**'} |")
    return [*lines, ""]


def budget(results: dict[str, dict[str, Rounds]]) -> list[str]:
    """The pipeline over its own transport, in bare httpx gets, where the transports were measured as well."""
    measured = results.get("latency", {})
    lines: list[str] = []
    for name in ("httpx", "httpx2", "aiohttp"):
        whole, alone = measured.get(f"sdk ({name})"), measured.get(f"transport ({name})")
        if whole and alone and (bare := measured.get("httpx")):
            cost = [(a["p50"] - b["p50"]) / c["p50"] for a, b, c in zip(whole, alone, bare, strict=False)]
            lines.append(f"Pipeline and adapter over the {name} transport: {shown(cost)} × a bare httpx get.")
    return [*lines, ""] if lines else []


def render(machine: list[str], results: dict[str, dict[str, Rounds]], rounds: int) -> str:
    lines = [*machine, f"{rounds} interleaved rounds, one process per variant and round; medians [range]", ""]
    for task, measured in results.items():
        lines += table(task, measured)
    return "\n".join([*lines, *budget(results), *verdicts(results)]).rstrip()
