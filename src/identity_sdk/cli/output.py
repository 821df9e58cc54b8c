"""Tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["print_json", "print_table"]


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is left open."""
    lines = [tuple(name.upper() for name in head), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_json(value: object) -> None:
    """Indented, in plain ASCII."""
    print(json.dumps(value, indent=2))
