"""``expected.toml``: what each column must be able to do, written by hand from the facade's table.

A cell lists the optional keywords that work; ``kind=…`` a value of ``kind``. What is not listed is refused with
``NotSupportedError``.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from identity_sdk.adapters.base import Adapter
from identity_sdk.capabilities import Capabilities
from identity_sdk.resources.base import Resource
from identity_sdk.resources.credentials import Credentials
from identity_sdk.resources.groups import Groups
from identity_sdk.resources.policies import Policies
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.resources.users import Users

__all__ = ["AREAS", "FACADE", "Column", "columns", "declared", "expected", "options_of"]

AREAS: tuple[type[Resource], ...] = (Users, Groups, Policies, Credentials, Sessions, Tokens)
FACADE: tuple[str, ...] = tuple(f"{area.area}.{verb}" for area in AREAS for verb in area.verbs)

Column = Mapping[str, frozenset[str]]
"""Supported verbs with the options that work."""


@cache
def _table() -> dict[str, Column]:
    raw = tomllib.loads((Path(__file__).parent / "expected.toml").read_text("utf-8"))
    return {
        name: {
            f"{area}.{verb}": frozenset(options)
            for area, verbs in areas.items()
            for verb, options in verbs.items()
        }
        for name, areas in raw.items()
    }


def columns() -> tuple[str, ...]:
    return tuple(_table())


def expected(column: str) -> Column:
    return _table()[column]


def declared(capabilities: Capabilities, adapter: type[Adapter]) -> dict[str, frozenset[str]]:
    """What the adapter says that it can do, in the words of ``expected.toml``."""
    classes = {resource.area: resource for resource in adapter.resources}
    found: dict[str, frozenset[str]] = {}
    for verb, cell in capabilities.cells.items():
        if cell.supported:
            area, name = verb.split(".")
            options = options_of(getattr(classes[area], name)) - cell.refuses.keys() - {"kind"}
            found[verb] = frozenset(options | {f"kind={kind}" for kind in cell.kinds})
    return found


def options_of(function: object) -> set[str]:
    """The names of the parameters that may be left out (``create(id)`` only where the backend chooses ids)."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    optional = {one.name for one in parameters if one.default is not inspect.Parameter.empty}
    return optional - {
        one.name for one in parameters if one.name == "id" and one.kind is not one.KEYWORD_ONLY
    }
