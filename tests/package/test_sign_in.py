"""The table of sign-ins against the code: its options exist, and so do the tests that it names."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import identity_sdk
from identity_sdk.adapters.registry import adapter_class
from identity_sdk.resources.sessions import Sessions

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "lakeFS": "lakefs",
    "Authress": "authress",
    "Argus": "argus",
    "Auth service": "auth-service",
    "IGT Cloud": "igtcloud",
}


def section(title: str) -> str:
    text = (ROOT / "docs/sign-in.md").read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def code(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def tables(text: str) -> list[list[list[str]]]:
    """Each table's rows without its head."""
    found: list[list[list[str]]] = []
    for lines in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        cells = [
            [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines.strip().splitlines()
        ]
        found.append(cells[2:])
    return found


@pytest.mark.parametrize("title", sorted(SECTIONS))
def test_the_options_of_a_way_in_exist(title: str) -> None:
    adapter: Any = adapter_class(SECTIONS[title])
    known = {*adapter.options, *inspect.signature(adapter).parameters}
    (sessions,) = [one for one in adapter.resources if issubclass(one, Sessions)]
    create = set(inspect.signature(inspect.unwrap(sessions.create)).parameters)
    ways, _ = tables(section(title))
    assert ways
    for row in ways:
        for call in code(row[1]):
            names = set(re.findall(r"(\w+)=", call))
            assert names <= (create if call.startswith("sessions.create") else known), f"{title}: {call}"
            for kind in re.findall(r"auth=(\w+)\(", call):
                assert getattr(identity_sdk, kind)
            if call.startswith("IDENTITY_SDK_"):
                assert call.removeprefix("IDENTITY_SDK_").lower() in adapter.options
            if call.startswith("CLOUD_"):
                assert call in adapter.variables.values()


@pytest.mark.parametrize("title", [*sorted(SECTIONS), "Cookies over TLS"])
def test_the_tests_of_a_way_in_exist(title: str) -> None:
    text = section(title)
    home = re.search(r"the tests are in `(tests/[^`]+)`", text)
    for row in tables(text)[-1]:
        named = [one for cell in row[1:] for one in code(cell)]
        assert named
        for one in named:
            file, _, test = one.rpartition("::")
            source = (ROOT / (file or home[1] if home else file)).read_text(encoding="utf-8")
            assert re.search(rf"def {test}\(", source), f"{title}: no {one}"


def test_every_way_in_has_its_tests() -> None:
    """The rows of the second table name, in order, all of those of the first."""
    (over_tls,) = tables(section("Cookies over TLS"))
    assert all(len(row) == 5 and all(row) for row in over_tls)
    for title in SECTIONS:
        ways, proofs = tables(section(title))
        assert len(proofs) <= len(ways)
        assert all(len(row) == 5 and all(row) for row in (*ways, *proofs)), title
