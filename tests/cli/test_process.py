"""`idp` in a shell: pipes, completion, a quick start; pages as they come, and what a terminal is shown meanwhile."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from identity_sdk.cli.output import print_list
from identity_sdk.listing import Page
from identity_sdk.models import User

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Command = Callable[..., Any]
DATABASE = {"IDENTITY_SDK_TARGET": "local:identity.db"}


def test_verbs_as_processes(filled: Command, idp: Run) -> None:
    done = idp("users", "list", "-o", "ndjson", environ=DATABASE)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["ada", "u" * 70]
    assert done.stderr == ""
    done = idp("users", "get", "carol", environ=DATABASE)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("idp: local.users.get: ")


@pytest.mark.skipif(os.name != "posix", reason="pipes end otherwise there")
@pytest.mark.parametrize("form", ["table", "ndjson"])
def test_a_reader_who_leaves_is_no_error(form: str, filled: Command, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "identity_sdk.cli", "users", "list", "-o", form],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, **DATABASE},
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(os.name != "posix", reason="a pipe that nobody reads is made otherwise there")
def test_a_new_key_that_nobody_could_read_leaves_the_old_one_alive(filled: Command, tmp_path: Path) -> None:
    """The hand-over of a rotation is what is printed."""
    made = filled("credentials create ada --reveal -o json --url local:identity.db")
    old = json.loads(made.out)["id"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "identity_sdk.cli", "credentials", "rotate", old, "--user", "ada", "--reveal"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, **DATABASE},
        text=True,
    )
    os.close(writing)
    assert done.returncode == 8
    assert "both alive" in done.stderr
    left = filled("credentials list ada -o json --url local:identity.db")
    assert old in [one["id"] for one in json.loads(left.out)]


def completed(line: str, tmp_path: Path) -> list[str]:
    """What a shell would offer after `line`, by argcomplete's protocol."""
    answer = tmp_path / "completions"
    subprocess.run(
        [sys.executable, "-m", "identity_sdk.cli"],
        env={
            **os.environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_SHELL": "bash",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "_ARGCOMPLETE_IFS": "\n",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
        },
        timeout=60,
        check=True,
    )
    return [word.strip() for word in answer.read_text().splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [("idp us", "users"), ("idp groups add", "add-member"), ("idp users list --output nd", "ndjson")],
)
def test_the_shell_is_told_what_may_follow(line: str, offered: str, tmp_path: Path) -> None:
    assert completed(line, tmp_path) == [offered]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_completion_prints_is_a_script_of_that_shell(shell: str, command: Command) -> None:
    done = command(f"completion {shell}")
    assert done.code == 0
    assert "idp" in done.out
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    subprocess.run([shell, "-n"], input=done.out, text=True, check=True, timeout=30)


# --------------------------------------------------------------------------------- while it goes on
class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


async def three_pages(seen: Callable[[], Any]) -> AsyncIterator[Page[object]]:
    for number in range(3):
        seen()
        yield Page(tuple(User(id=f"u{number}{each}") for each in range(2)))


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_a_page_is_printed_before_the_next_is_asked_for(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    counts: list[int] = []
    anyio.run(print_list, three_pages(lambda: counts.append(out.getvalue().count("human"))), form)
    assert counts == [0, 2, 4]


def test_a_bar_on_the_terminal_while_a_long_list_goes_into_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), Screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    anyio.run(print_list, three_pages(lambda: None), "ndjson")
    assert "so far" in err.getvalue()
    assert len(out.getvalue().splitlines()) == 6
    assert "\x1b" not in out.getvalue()


def test_no_bar_between_the_lines_on_the_same_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Screen(), Screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    anyio.run(print_list, three_pages(lambda: None), "ndjson")
    assert err.getvalue() == ""


def test_a_table_on_a_terminal_fits_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    async def pages() -> AsyncIterator[Page[object]]:
        yield Page((User(id="u" * 60, name="[red]not markup[/red]", email="e" * 60),))

    anyio.run(print_list, pages(), "table")
    assert "[red]" in out.getvalue()
    assert "".join(out.getvalue().split()).count("u") >= 60
