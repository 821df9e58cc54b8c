"""`idp` as a process of its own, away from this machine's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

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
