"""`idp capabilities`: what it prints is what the adapters say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from identity_sdk.adapters.registry import BUILT_IN, adapter_class
from identity_sdk.cli import main, matrix

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_matrix_has_every_built_in_adapter_and_every_verb(idp: Run) -> None:
    done = idp("capabilities")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["VERB", *(name.upper() for name in BUILT_IN)]
    verbs = [line.split()[0] for line in lines[1:]]
    assert verbs == [verb for resource in adapter_class("lakefs").resources for verb in resource.cells()]
    assert "users.list" in verbs
    assert "tokens.revoke" in verbs


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_json_is_what_the_adapter_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capabilities", name, "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one == json.loads(json.dumps(matrix.capabilities_of(adapter_class(name)).to_dict()))
    assert main(["capabilities", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[name] == one


def test_one_adapter_tells_reasons_and_what_works_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capabilities", "lakefs"]) == 0
    out = capsys.readouterr().out
    cells = matrix.capabilities_of(adapter_class("lakefs")).cells
    for cell in cells.values():
        line = next(line for line in out.splitlines() if line.split()[0] == cell.verb)
        assert ("—" in line.split()[1]) is not cell.supported
        assert cell.reason in line
        assert cell.instead in line
        assert all(reason in line for reason in cell.refuses.values())


def test_markdown_is_a_table_with_a_row_for_each_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capabilities", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| verb | " + " | ".join(f"`{name}`" for name in BUILT_IN) + " |"
    assert lines[1] == "| --- |" + " --- |" * len(BUILT_IN)
    assert all(line.count(" | ") == len(BUILT_IN) for line in lines)
    assert len(lines) == 2 + len(matrix.capabilities_of(adapter_class("lakefs")).cells)


def test_a_missing_extra_is_told_with_the_line_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("identity_sdk.adapters.local", "sqlalchemy"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("identity_sdk.store")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert main(["config", "show", "local:"]) == 2
    assert "pip install 'unified-identity-sdk[local]'" in capsys.readouterr().err
