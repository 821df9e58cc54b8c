"""`idp` in a real terminal of 80 columns: prompts, a table, Ctrl-C."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_sdk.testing import emulator

pexpect = pytest.importorskip("pexpect", reason="pexpect is not here")

pytestmark = [
    pytest.mark.edge,
    pytest.mark.skipif(os.name != "posix", reason="a terminal is another thing there"),
]

Spawn = Callable[..., Any]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_SDK_")}
    opened: list[Any] = []

    def start(*words: str, **environ: str) -> Any:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "identity_sdk.cli", *words],
            cwd=str(tmp_path),
            env={**bare, "TERM": "xterm", "XDG_CONFIG_HOME": str(tmp_path), **environ},
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=30,
        )
        opened.append(child)
        return child

    yield start
    for child in opened:
        child.close(force=True)


def ended(child: Any) -> tuple[int, str]:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before


def test_a_password_is_asked_for_twice_and_not_shown(spawn: Spawn) -> None:
    child = spawn("users", "create", "ada", "--password", "--url", "local:identity.db")
    child.expect("password: ")
    child.waitnoecho()
    child.sendline("a good password")
    child.expect("password, again: ")
    child.waitnoecho()
    child.sendline("a good password")
    code, shown = ended(child)
    assert code == 0
    assert "a good password" not in shown
    assert "ada" in shown


def test_a_table_keeps_to_80_columns(spawn: Spawn, filled: object) -> None:
    code, shown = ended(spawn("users", "list", "--url", "local:identity.db"))
    assert code == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["ID", "KIND", "ACTIVE"]  # the long id takes the room of the others
    assert lines[-1] == "not shown, -o json has them: created_at"


def test_login_asks_for_everything(spawn: Spawn, tmp_path: Path) -> None:
    with emulator("lakefs") as server:
        told = server.environment
        child = spawn("login", "--store", "file", IDENTITY_SDK_PROXY="")
        child.expect("provider: ")
        child.expect("provider: ")
        child.sendline("lakefs")
        child.expect("https://host")
        child.expect("url: ")
        child.sendline(server.url)
        child.expect(r"sign in by \(1\): ")
        child.sendline("")
        child.expect("access_key_id: ")
        child.expect("access_key_id: ")
        child.sendline(told["IDENTITY_SDK_ACCESS_KEY_ID"])
        child.expect("secret_access_key: ")
        child.waitnoecho()
        child.sendline(told["IDENTITY_SDK_SECRET_ACCESS_KEY"])
        code, shown = ended(child)
        assert code == 0, shown
        assert told["IDENTITY_SDK_SECRET_ACCESS_KEY"] not in shown
        assert "as admin" in shown
        code, shown = ended(spawn("users", "me", IDENTITY_SDK_PROXY=""))
        assert (code, "admin" in shown) == (0, True)


def test_ctrl_c_ends_it_quietly(spawn: Spawn) -> None:
    with emulator("lakefs") as server:
        server.faults.delay(20)
        child = spawn("users", "list", **server.environment)
        while not server.requests:
            child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.05)
        child.sendintr()
        code, shown = ended(child)
    assert code == 130
    assert "Traceback" not in shown
