"""What each adapter can do, as one table: the capability matrix of README and docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from identity_sdk.adapters.base import Adapter
from identity_sdk.adapters.registry import BUILT_IN, adapter_class
from identity_sdk.capabilities import Capabilities, Cell

__all__ = ["all_capabilities", "capabilities_of", "markdown", "matrix"]


def capabilities_of(cls: type[Adapter]) -> Capabilities:
    """What an adapter's ``capabilities`` say, without making one."""
    cells = {name: cell for resource in cls.resources for name, cell in resource.cells().items()}
    return Capabilities(cls.name, cells, cls.propagation, cls.limits)


def all_capabilities(names: Sequence[str] = ()) -> Mapping[str, Capabilities]:
    """The capabilities of the adapters named, or of all built-in ones.

    Raises:
        ConfigurationError: there is no such adapter, or its extra is not installed.
    """
    return {name: capabilities_of(adapter_class(name)) for name in names or BUILT_IN}


def matrix(columns: Mapping[str, Capabilities]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: one row a verb, in the order of the facade, one column an adapter."""
    verbs = list(dict.fromkeys(verb for each in columns.values() for verb in each.cells))
    rows = [(verb, *(_mark(each.cells.get(verb)) for each in columns.values())) for verb in verbs]
    return ("verb", *columns), rows


def markdown(columns: Mapping[str, Capabilities]) -> str:
    """The matrix as a Markdown table."""
    head, rows = matrix(columns)
    lines = [
        [head[0], *(f"`{name}`" for name in head[1:])],
        ["---"] * len(head),
        *([f"`{row[0]}`", *row[1:]] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _mark(cell: Cell | None) -> str:
    if cell is None or not cell.supported:
        return "—"
    return "yes" + (f" ({', '.join(cell.kinds)})" if cell.kinds else "")
