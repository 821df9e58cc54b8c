"""The suite's own guards: they fail when they should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from contract.expected import declared, expected
from identity_sdk.adapters.local.adapter import Local

TESTS = Path(__file__).parent.parent

CONFTEST = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from contract.conftest import *
"""

HEAD = """
import pytest
from contract.marks import covers
pytestmark = pytest.mark.anyio
@pytest.fixture
def anyio_backend(): return "asyncio"
"""


CASES = {
    "proven": ('"users.get"', "await world.idp.users.get(await world.user())", ""),
    "not_called": ('"users.get"', "await world.user()", "this test covers users.get and never called it"),
    "skipped": ('"users.get"', "pytest.skip('no time')", "a listed cell was skipped"),
    "option_not_given": (
        '"users.create", "exist_ok"',
        "await world.idp.users.create(world.name(), exist_ok=False)",
        "this test covers users.create with ['exist_ok'] and called it with",
    ),
}


def test_a_cell_more_or_less_is_a_difference() -> None:
    able = Local("local:", on_reset=lambda reset: None).capabilities
    listed = expected("local")
    assert declared(able, Local) == listed
    assert declared(able.without(["users.get"], "no reason"), Local) != listed
    assert declared(able, Local) != {verb: options for verb, options in listed.items() if verb != "users.get"}
    assert declared(able, Local) != {**listed, "users.create": listed["users.create"] - {"exist_ok"}}
    assert declared(able, Local) != {**listed, "users.create": listed["users.create"] | {"invite"}}


def test_a_test_must_call_what_it_covers(tmp_path: Path) -> None:
    """In a process of its own, since failures are what is to be seen."""
    tests = [
        f"@covers({covered})\nasync def test_{name}(world):\n    {body}\n"
        for name, (covered, body, _) in CASES.items()
    ]
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    (tmp_path / "test_it.py").write_text("\n".join([HEAD, *tests]), "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "-p",
        "no:cacheprovider",
        "-k",
        "local-memory",
        str(tmp_path),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    said = done.stdout + done.stderr
    assert "1 passed" in said, said
    assert "3 failed" in said, said
    assert "local: 1 of 48 cells proven in 1 runs" in said
    for name, (_, _, told) in CASES.items():
        assert f"{'FAILED' if told else 'PASSED'} test_it.py::test_{name}[local-memory]" in said
        assert told in said
