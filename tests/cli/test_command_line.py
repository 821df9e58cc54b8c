"""What every command shares: exit codes, errors in one line, a quick start."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import identity_sdk
from identity_sdk import cli
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ChallengeRequiredError,
    ConfigurationError,
    IdentityError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionFailedError,
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_version(idp: Run) -> None:
    done = idp("--version")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"unified-identity-sdk {identity_sdk.__version__}\n",
        "",
    )


def test_the_installed_script_is_this_command_line() -> None:
    script = Path(sys.executable).with_name("idp.exe" if os.name == "nt" else "idp")
    if not script.exists():
        pytest.skip("the package is not installed with its script")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert identity_sdk.__version__ in done.stdout


def test_help_names_every_command(idp: Run) -> None:
    done = idp("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in cli.COMMANDS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "idp: name a command (see idp --help)"),
        (["quickstar"], "idp: there is no command 'quickstar': did you mean 'quickstart'? (see idp --help)"),
        (["zzz"], "idp: there is no command 'zzz' (see idp --help)"),
        (["--bogus"], "idp: unrecognized arguments: --bogus (see idp --help)"),
        (["config"], "idp config: the following arguments are required: ACTION (see idp config --help)"),
        (["config", "show", "--nonsense"], "idp: unrecognized arguments: --nonsense (see idp --help)"),
        (["capabilities", "lakef"], "idp: there is no adapter 'lakef': did you mean 'lakefs'?"),
        (["config", "show", "a", "b"], "idp: there are two targets: give one, and options as option=value"),
        (["config", "show", "retries=1", "retries=2"], "idp: retries is given twice"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: list[str], told: str, idp: Run) -> None:
    done = idp(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told + "\n")


def test_every_error_of_the_tree_has_a_documented_exit_code() -> None:
    kinds = [IdentityError, *IdentityError.__subclasses__()]
    codes = {cli._code(kind("something")) for kind in kinds}
    assert codes <= cli.EXIT_CODES.keys()
    assert len(codes) == 8


def command(monkeypatch: pytest.MonkeyPatch, outcome: Callable[[], int]) -> None:
    module = ModuleType("identity_sdk.cli.failing")
    vars(module).update(add=lambda parser: None, run=lambda args: outcome())
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.COMMANDS, "failing", ("failing", "fails"))


def raising(error: BaseException) -> Callable[[], int]:
    def outcome() -> int:
        raise error

    return outcome


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigurationError("mend this"), 2, "idp: mend this\n"),
        (IdentityError("it\nfailed", provider="toy", status=500), 1, "idp: toy: it failed (status 500)\n"),
        (NoAnswerError("no answer"), 7, "idp: no answer\n"),
        (NotFoundError("none of that id"), 3, "idp: none of that id\n"),
        (ChallengeRequiredError("a code is wanted"), 4, "idp: a code is wanted\n"),
        (PermissionDeniedError("may not"), 4, "idp: may not\n"),
        (PreconditionFailedError("changed"), 5, "idp: changed\n"),
        (NotSupportedError("cannot"), 6, "idp: cannot\n"),
        (InvalidRequestError("refused here"), 2, "idp: refused here\n"),
        (InvalidRequestError("refused there", sent=True), 1, "idp: refused there\n"),
        (AmbiguousOutcomeError("sent", how_to_find_out="Look."), 8, "idp: sent. Look.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line_without_a_traceback(
    error: BaseException,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(monkeypatch, raising(error))
    assert cli.main(["failing"]) == code
    assert capsys.readouterr().err == told


def test_a_command_answers_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, lambda: 1)
    monkeypatch.setattr(sys, "argv", ["idp", "failing"])
    assert cli.main() == 1


def test_a_program_may_catch_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    assert cli.main(["capabilities", "lakefs"]) == 0
    assert "users.list" in output.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="pipes end otherwise there")
def test_a_reader_who_leaves_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "identity_sdk.cli", "config", "show", "lakefs+https://h.example.com"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        cwd=tmp_path,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_without_the_letters_is_no_error(idp: Run) -> None:
    done = idp("capabilities", "lakefs", environ={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2014" in done.stdout


@pytest.mark.parametrize("words", [["--version"], ["config", "--help"], ["capabilities", "--help"]])
def test_nothing_heavy_is_loaded_before_there_is_work(words: list[str]) -> None:
    code = (
        "import sys\nfrom identity_sdk.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        "print(*sorted(name for name in ('httpx', 'pydantic', 'anyio', 'tenacity', 'sqlalchemy', 'asyncio', 'ssl')"
        " if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == ""
