"""`idp` as a process of its own, away from this machine's settings."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from identity_sdk.cli import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def idp(tmp_path: Path) -> Run:
    """Runs `idp WORD…` in an empty folder and answers the finished process."""

    def run(*words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_SDK_")}
        own = {"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "identity_sdk.cli", *words],
            env={**bare, **own, **(environ or {})},
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return run


@dataclass(frozen=True)
class Done:
    """What `main()` did."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """`main()` in this process, in an empty folder, with nobody's settings and nobody's keyring."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("IDENTITY_SDK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")

    def run(line: str, *, stdin: str = "", environ: Mapping[str, str] | None = None) -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = main(shlex.split(line))
        done = capsys.readouterr()
        return Done(code, done.out, done.err)

    return run


@pytest.fixture
def filled(command: Callable[..., Done]) -> Callable[..., Done]:
    """With two users in `local:identity.db`, which is in the present folder; made in this process, which is quick."""
    for name in ("ada", "u" * 70):
        assert command(f"users create {name} --url local:identity.db").code == 0
    return command
