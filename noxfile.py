"""Every check of the project: `nox` runs them all, `nox -s NAME` one of them, `nox -l` lists them.

What this machine lacks (a further CPython, PostgreSQL, Chromium) is skipped with a reason that names it.
`IDENTITY_SDK_REQUIRE` turns such a skip into a failure: a list of names with blanks between them,
"python3.12 python3.13 postgres chromium".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True  # only interpreters that were seen to run are asked for
nox.options.reuse_existing_virtualenvs = True

# Containers like to set it. Then each of some hundred processes would compile all that it imports, and pytest rewrite
# the assertions of all tests, anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
REQUIRED = frozenset(os.environ.get("IDENTITY_SDK_REQUIRE", "").split())
PROCESSES = os.environ.get("IDENTITY_SDK_TEST_PROCESSES", str((os.cpu_count() or 1) + 1))
"""One more than cores, since many a test waits for a process or a socket."""


def runs_here(version: str) -> bool:
    """Whether `pythonX.Y` on the PATH starts and is what it says (a version manager's shim may do neither)."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    command = shutil.which(f"python{version}")
    if command is None:
        return False
    probe = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    try:
        done = subprocess.run([command, "-c", probe], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.split() == [version, "cpython"]


FOUND = tuple(version for version in VERSIONS if runs_here(version))
MISSING = tuple(version for version in VERSIONS if version not in FOUND)
MAIN = FOUND[0]  # the Python of the sessions that need only one, of the coverage and of the largest cases


def group(*names: str) -> list[str]:
    """The requirements of PEP 735 groups (spelled out, since old installers do not know `--group`)."""
    return list(nox.project.dependency_groups(PROJECT, *names))


def install(session: nox.Session, *groups: str, extras: str = "all", also: tuple[str, ...] = ()) -> None:
    session.install("-e", f".[{extras}]" if extras else ".", *group(*groups), *also)


WHOLE = ("not interop",)
"""The marks of the whole suite, on both event loops: it runs on one Python."""
USUAL = ("not interop", "not large", "not edge", "not further")
"""Without the largest cases, the edges (browser, kernel, terminal), further faces and rarer set-ups of backends."""


def pytest(session: nox.Session, *args: str, marks: tuple[str, ...], loop: str | None = None) -> Path:
    """Run the tests that have all of `marks`, with `loop` on that event loop alone; return the report.

    Fails when a skipped test lacks something that `IDENTITY_SDK_REQUIRE` names.
    """
    report = Path(session.create_tmp()) / f"report-{session.name}-{marks[-1].replace(' ', '-')}.xml"
    parallel = [] if PROCESSES == "0" else ["-n", PROCESSES, "--dist", "worksteal"]
    session.run(
        "pytest",
        "-q",
        "-rs",
        "--timeout=180",
        f"--junitxml={report}",
        *parallel,
        "-m",
        " and ".join(marks),
        *args,
        *session.posargs,
        env={"IDENTITY_SDK_TEST_LOOPS": loop} if loop else None,
    )
    refuse_skips(session, report)
    return report


def refuse_skips(session: nox.Session, report: Path) -> None:
    words = {"postgres": "postgres", "chromium": "chromium"}
    for case in ElementTree.parse(report).iter("testcase"):
        for skip in case.iter("skipped"):
            reason = skip.get("message", "").lower()
            for name in REQUIRED & words.keys():
                if words[name] in reason:
                    session.error(f"{name} is required, and {case.get('name')} was skipped: {reason}")


# ------------------------------------------------------------------------------------------------------------ tests
@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """The suite on each CPython that is found: whole on the first one, with branch coverage."""
    install(session, "test")
    if session.python != MAIN:
        pytest(session, marks=USUAL, loop=("asyncio", "trio")[FOUND.index(session.python) % 2])
        return
    if session.posargs:  # a part of the suite covers a part of the code
        pytest(session, marks=WHOLE)
        return
    # In two parts, for coverage nearly doubles the time: what covers no line of its own goes without.
    session.run("coverage", "erase")
    measured = pytest(
        session, "--cov", "--cov-report=", "--cov-fail-under=0", marks=(*WHOLE, "not unmeasured")
    )
    rest = pytest(session, marks=(*WHOLE, "unmeasured"))
    session.run("coverage", "report")
    session.run("coverage", "report", "--include=src/*/middleware/*,src/*/auth/*", "--fail-under=100")
    sum_up(measured, rest)


def sum_up(*reports: Path) -> None:
    """Print the closing lines of several runs of pytest as one."""
    suites = [suite for report in reports for suite in ElementTree.parse(report).iter("testsuite")]
    tests, skipped = (sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "skipped"))
    seconds = sum(float(suite.get("time", "0")) for suite in suites)
    print(f"{tests - skipped} passed, {skipped} skipped in {seconds:.2f}s", flush=True)


def tests_on_a_missing_python(version: str) -> None:
    def missing(session: nox.Session) -> None:
        reason = f"CPython {version} is not on this machine: `python{version}` does not answer"
        if f"python{version}" in REQUIRED:
            session.error(reason)
        session.skip(reason)

    missing.__doc__ = f"Skipped: CPython {version} is not on this machine."
    nox.session(python=False, name=f"tests-{version}")(missing)


for _version in MISSING:
    tests_on_a_missing_python(_version)


@nox.session(python=MAIN)
def interop(session: nox.Session) -> None:
    """The official clients of the backends against the emulators, in an environment of their own."""
    install(session, "test", "interop")
    session.env["IDENTITY_SDK_TEST_ARGUS_1_0_0"] = other_environment(session, "argus-api==1.0.0")
    pytest(session, marks=("interop",))


def other_environment(session: nox.Session, requirement: str) -> str:
    """The Python of an environment that holds only what cannot be installed beside the rest."""
    folder = Path(session.create_tmp()).resolve() / requirement
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    if not Path(python).exists():
        session.run("python", "-m", "venv", str(folder))
    session.run(python, "-m", "pip", "install", "-q", requirement, external=True)
    return python


@nox.session(python=MAIN)
def lowest(session: nox.Session) -> None:
    """The suite on the lowest versions of the hard dependencies that `pyproject.toml` allows.

    Without the folders that these are not behind: emulators know no wire model, examples and archives run elsewhere.
    """
    pins = [lowest_of(requirement) for requirement in PROJECT["project"]["dependencies"]]
    install(session, "test", also=tuple(pins))
    for pin in pins:
        name, version = pin.split("==")
        probe = f"from importlib.metadata import version as v; assert v({name!r}) == {version!r}, v({name!r})"
        session.run("python", "-c", probe)
    apart = ("cli", "emulators", "package", "plugin", "typing")
    ignored = (f"--ignore=tests/{folder}" for folder in apart)
    pytest(session, *ignored, marks=(*USUAL, "not postgres"), loop="asyncio")


def lowest_of(requirement: str) -> str:
    """`"httpx>=0.27.2"` to `"httpx==0.27.2"`: the bound is the pin, so that the two cannot drift apart."""
    found = re.fullmatch(r"([A-Za-z0-9_.-]+)>=(\d+\.\d+\.\d+)(,<.*)?", requirement)
    if found is None:
        raise ValueError(f"a hard dependency needs one full lower bound (x.y.z): {requirement!r}")
    return f"{found[1]}=={found[2]}"


# ----------------------------------------------------------------------------------------------------------- checks
@nox.session(python=MAIN)
def lint(session: nox.Session) -> None:
    """Lint and format, by ruff."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=MAIN)
def types(session: nox.Session) -> None:
    """Types under two checkers, both strict."""
    install(session, "types", "test")
    commands = [
        ["mypy"],
        ["pyright", "--pythonpath", str(Path(session.bin) / "python")],
        ["pytest", "tests/typing"],
    ]
    with ThreadPoolExecutor() as beside:  # each keeps one core busy
        runs = [beside.submit(session.run, *command, silent=True) for command in commands]
    for run in runs:
        print(run.result(), flush=True)


@nox.session(python=MAIN)
def layers(session: nox.Session) -> None:
    """The import arrows."""
    install(session, "layers")
    session.run("lint-imports", "--no-cache")


@nox.session(python=MAIN)
def docs(session: nox.Session) -> None:
    """The documentation site; a broken link or a name that is gone is an error."""
    install(session, "docs")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(python=MAIN)
def package(session: nox.Session) -> None:
    """Build wheel and sdist, check them, install the wheel into an empty environment and use it."""
    session.install(*group("package"))
    out = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(out), ".", silent=True)
    session.run("twine", "check", "--strict", *map(str, sorted(out.iterdir())))
    wheel, sdist = next(out.glob("*.whl")), next(out.glob("*.tar.gz"))
    session.run("python", "tests/package/check_archives.py", str(wheel), str(sdist))

    empty = out.parent / "empty"
    shutil.rmtree(empty, ignore_errors=True)
    session.run("python", "-m", "venv", str(empty))
    python = str(empty / ("Scripts" if os.name == "nt" else "bin") / "python")
    idp = str(Path(python).with_name("idp"))
    with session.chdir(out.parent):  # away from the source tree
        session.run(python, "-m", "pip", "install", "-q", str(wheel), external=True)
        session.run(python, "-c", "import identity_sdk; print(identity_sdk.__version__)", external=True)
        session.run(idp, "quickstart", external=True, success_codes=[2])  # says which extra it needs
        session.run(python, "-m", "pip", "install", "-q", f"{wheel}[local]", external=True)
        session.run(idp, "quickstart", external=True)
    quickstart_of_the_readme(session, sdist)


def quickstart_of_the_readme(session: nox.Session, sdist: Path) -> None:
    """The one line of the README, in a tree that holds nothing but the sources, prints what the README shows."""
    tree = sdist.parent.parent / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(tree, filter="data")
    [clone] = tree.iterdir()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.split("<!-- quickstart command -->\n```sh\n")[1].split("\n```")[0]
    shown = readme.split("<!-- generated: quickstart -->")[1].split("```text\n")[1].split("```")[0]
    with session.chdir(clone):
        printed = session.run("sh", "-c", command, external=True, silent=True)
    key = re.compile(r"\bAK[0-9A-Z]{14,}\b")
    if key.sub("", str(printed)) != key.sub("", shown):
        session.error(f"the README shows another output than `{command}` prints:\n{printed}")
    print(printed)


@nox.session(python=MAIN, default=False)
def bench(session: nox.Session) -> None:
    """Benchmarks side by side with bare HTTP libraries and the official clients (about ten minutes)."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)
