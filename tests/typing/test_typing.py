"""Both type checkers, strict, agree on what the public API promises (``api.py`` beside this file)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKERS = {
    "mypy": ["mypy", "--strict", "--warn-unused-ignores", "--config-file", "pyproject.toml"],
    "pyright": ["pyright", "--project", "tests/typing/pyrightconfig.json", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_public_api(checker: str) -> None:
    pytest.importorskip(checker)
    target = [str(HERE / "api.py")] if checker == "mypy" else []
    run = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker], *target], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
