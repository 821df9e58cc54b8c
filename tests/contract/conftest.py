"""One run per target; what a test claims to prove is held against what it called; the sums at the end."""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.expected import expected
from contract.lists import LISTS
from contract.marks import covered, covers, needed
from contract.recorder import Recorder
from contract.server import Server, serving
from contract.target import Target, World
from contract.targets import TARGETS
from contract.witness import Witness, document

RECORDER = Recorder()
WITNESSES: dict[tuple[str, str], Witness] = {}
PROVEN: Counter[tuple[str, str]] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "covers(verb, *options): the contract test proves this cell")
    config.addinivalue_line("markers", "needs(verb, *options): the contract test makes use of this cell")
    config.addinivalue_line("markers", "each_list(*options): runs for every list verb and proves it")
    config.addinivalue_line(
        "markers", "announces: also runs for targets that are missing, and skips with their reason"
    )
    config.addinivalue_line("markers", "targets(**attributes): only targets whose attributes are so")
    config.addinivalue_line(
        "markers",
        "further: a target that is not the first of its adapter (one Python, one of both event loops)",
    )
    config.addinivalue_line(
        "markers", "either_loop: nothing in it depends on the event loop, one of both will do"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" not in metafunc.fixturenames:
        return
    marks = list(metafunc.definition.iter_markers())
    chosen = [target for target in TARGETS if _fits(target, needed(marks))]
    if not any(mark.name == "announces" for mark in marks):  # one skip tells it, not hundreds
        chosen = [target for target in chosen if not target.missing]
    for mark in marks:
        if mark.name == "targets":
            chosen = [
                one for one in chosen if all(getattr(one, key) == value for key, value in mark.kwargs.items())
            ]
    options = next((mark.args for mark in marks if mark.name == "each_list"), None)
    if options is None:
        metafunc.parametrize(
            "target", [pytest.param(one, id=one.name, marks=_further(one)) for one in chosen]
        )
        return
    pairs = [
        pytest.param(
            target,
            one,
            id=f"{target.name}-{one.verb}",
            marks=[covers(one.verb, *options), *_further(target)],
        )
        for target in chosen
        for one in LISTS
        if _fits(target, {one.verb: set(options) | one.options, **{verb: set[str]() for verb in one.needs}})
    ]
    metafunc.parametrize(("target", "lists"), pairs)


def _fits(target: Target, wanted: dict[str, set[str]]) -> bool:
    column = expected(target.column)
    return all(verb in column and options <= column[verb] for verb, options in wanted.items())


def _further(target: Target) -> list[pytest.MarkDecorator]:
    first = next(one for one in TARGETS if one.adapter is target.adapter)
    return [] if target is first or target.real else [pytest.mark.further]


@pytest.hookimpl(tryfirst=True)  # before -m: nox splits the suite by it
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The first target of each adapter runs on both event loops, its further ones on one of them, by lot."""
    twins: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("further") or item.get_closest_marker("either_loop"):
            twins.setdefault(item.nodeid.replace("asyncio", "loop").replace("trio", "loop"), []).append(item)
    left_out = {pair[zlib.crc32(name.encode()) % 2].nodeid for name, pair in twins.items() if len(pair) == 2}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
        items[:] = [item for item in items if item.nodeid not in left_out]


class Running:
    """What targets share for a whole session: servers and witnesses, made when they are first wanted."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._server: Server | None = None
        self.folder = folder

    def server(self) -> Server:
        if self._server is None:
            self._server = self._stack.enter_context(serving())
        return self._server

    def witness(self, backend: str, face: str, base_path: str, name: str) -> Witness:
        key = (backend, face)
        if key not in WITNESSES:
            WITNESSES[key] = Witness(backend, face, base_path, document(name))
        return WITNESSES[key]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        yield Running(stack, tmp_path_factory.mktemp("contract"))


@pytest.fixture
async def world(target: Target, services: Running, anyio_backend: str) -> AsyncGenerator[World]:
    """An empty directory of this target."""
    if target.missing:
        pytest.skip(target.missing)
    RECORDER.watch(target.adapter)
    async with target.open(services) as opened:
        RECORDER.clear()
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A test that ended well must have called what it covers."""
    result = yield
    target = pyfuncitem.funcargs.get("target")
    if isinstance(target, Target):
        for verb, options in covered(pyfuncitem.iter_markers()).items():
            called = RECORDER.calls.get(verb)
            assert called is not None, f"this test covers {verb} and never called it"
            told = f"this test covers {verb} with {sorted(options)} and called it with {sorted(called)}"
            assert options <= called, told
            PROVEN[target.column, verb] += 1
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A listed cell may not be skipped, except on a real server that nobody named."""
    report = yield
    target = getattr(item, "callspec", None) and item.callspec.params.get("target")  # type: ignore[attr-defined]
    if report.skipped and isinstance(target, Target) and not target.real and covered(item.iter_markers()):
        report.outcome = "failed"
        report.longrepr = f"a listed cell was skipped: {item.nodeid}"
    return report


# The sums, also under pytest-xdist: each worker hands over its own.


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["contract"] = _sums()


def _sums() -> dict[str, Any]:
    return {
        "proven": [[column, verb, count] for (column, verb), count in PROVEN.items()],
        "heard": [
            [backend, face, one.heard, sum(one.exempted.values())]
            for (backend, face), one in WITNESSES.items()
        ],
    }


_GATHERED: list[dict[str, Any]] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    sums = getattr(node, "workeroutput", {}).get("contract")
    if sums is not None:
        _GATHERED.append(sums)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    proven: Counter[tuple[str, str]] = Counter()
    heard: Counter[tuple[str, str]] = Counter()
    exempted: Counter[tuple[str, str]] = Counter()
    for sums in [*_GATHERED, _sums()]:
        for column, verb, count in sums["proven"]:
            proven[column, verb] += count
        for backend, face, number, exempt in sums["heard"]:
            heard[backend, face] += number
            exempted[backend, face] += exempt
    if not proven:
        return
    terminalreporter.section("contract")
    for column in dict.fromkeys(target.column for target in TARGETS):
        cells = expected(column)
        done = sum((column, verb) in proven for verb in cells)
        runs = sum(count for (name, _), count in proven.items() if name == column)
        terminalreporter.line(f"{column}: {done} of {len(cells)} cells proven in {runs} runs")
    for (backend, face), number in sorted(heard.items()):
        terminalreporter.line(
            f"witness {backend} {face}: {number} exchanges held against the OpenAPI file, "
            f"{exempted[backend, face]} findings exempted"
        )
