"""No cell without proof: what an adapter declares, what the table lists and what the suite tests are the same."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from contract.expected import FACADE, columns, declared, expected
from contract.lists import LISTS
from contract.marks import covered, needed
from contract.target import Target, World
from contract.targets import TARGETS

pytestmark = pytest.mark.anyio

TESTS = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))


def _marks() -> list[tuple[str, dict[str, set[str]], dict[str, set[str]]]]:
    """Each test of this folder with what it covers and what it needs for that."""
    found: list[tuple[str, dict[str, set[str]], dict[str, set[str]]]] = []
    for name in TESTS:
        module = importlib.import_module(f"contract.{name}")
        for test, function in inspect.getmembers(module, inspect.isfunction):
            if test.startswith("test_"):
                marks = getattr(function, "pytestmark", ())
                found.append((f"{name}.{test}", covered(marks), needed(marks)))
                for mark in (mark for mark in marks if mark.name == "each_list"):
                    cells = [{one.verb: set(mark.args)} for one in LISTS]
                    found += [(f"{name}.{test}", cell, cell) for cell in cells]
    return found


def test_the_table_knows_only_verbs_of_the_facade() -> None:
    for column in columns():
        assert expected(column).keys() <= set(FACADE), column


def test_every_column_has_a_target_and_every_target_a_column() -> None:
    assert {target.column for target in TARGETS} == set(columns())


@pytest.mark.announces
async def test_what_the_adapter_declares_is_what_the_table_lists(world: World) -> None:
    """In either direction, down to each option; for servers that tell, after ``ping()``."""
    info = await world.idp.ping()
    assert declared(info.capabilities, world.target.adapter) == world.column
    assert set(info.capabilities.cells) == set(FACADE)
    assert info.capabilities.provider == info.provider == world.target.adapter.name
    if not world.target.narrowed:
        assert info.capabilities == world.idp.capabilities


@pytest.mark.parametrize("column", columns())
def test_every_listed_cell_and_option_has_a_test(column: str) -> None:
    listed = expected(column)
    proven: dict[str, set[str]] = {}
    for _, cells, needs in _marks():
        if all(verb in listed and options <= listed[verb] for verb, options in needs.items()):
            for verb, options in cells.items():
                proven.setdefault(verb, set()).update(options)
    lacking = {
        verb: sorted(options - proven.get(verb, set())) or "everything"
        for verb, options in listed.items()
        if verb not in proven or not options <= proven[verb]
    }
    assert not lacking, f"no contract test for {lacking}"


def test_no_test_covers_what_nobody_can() -> None:
    """A misspelt option would leave its test without a single target."""
    for test, _, needs in _marks():
        assert any(
            all(verb in expected(name) and options <= expected(name)[verb] for verb, options in needs.items())
            for name in columns()
        ), f"{test} wants {needs}, which no column lists"


def test_a_target_has_rules_and_reasons() -> None:
    for target in TARGETS:
        assert isinstance(target, Target)
        assert all(target.lacks.values()), "a state that is lacking needs its reason"
