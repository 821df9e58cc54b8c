"""The examples as modules, and as programs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports an example by its name, with its neighbours in reach."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(EXAMPLES)
        return importlib.import_module(name)

    return load


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs an example as a program, as it is shown."""

    def start(name: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("IDENTITY_SDK_")}
        command = [sys.executable, "-W", "error", "-X", "utf8", str(EXAMPLES / name), *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**clean, **more},
            timeout=120,
            check=False,
        )

    return start
