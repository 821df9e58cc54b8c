"""``idp capabilities``: what each backend can do, known without asking one."""

from __future__ import annotations

import argparse

from identity_sdk.capabilities import Cell

__all__ = ["add", "run"]


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp capabilities``."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="one adapter, in detail; without it, all built-in ones"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--markdown", action="store_true", help="the matrix as in the documentation")


def run(args: argparse.Namespace) -> int:
    """Prints the matrix, or one adapter's cells with their reasons.

    Raises:
        ConfigurationError: there is no such adapter, or its extra is not installed.
    """
    from identity_sdk.cli import matrix
    from identity_sdk.cli.output import print_json, print_table

    found = matrix.all_capabilities([args.name] if args.name else [])
    if args.json:
        every = {name: each.to_dict() for name, each in found.items()}
        print_json(every[args.name] if args.name else every)
    elif args.markdown:
        print(matrix.markdown(found), end="")
    elif args.name:
        head, rows = matrix.matrix(found)
        told = [(*row, _remark(found[args.name].cells[row[0]])) for row in rows]
        print_table((*head, "remark"), told)
    else:
        print_table(*matrix.matrix(found))
    return 0


def _remark(cell: Cell) -> str:
    if not cell.supported:
        return cell.reason + (f"; instead: {cell.instead}" if cell.instead else "")
    return "; ".join(f"no {name}=: {reason}" for name, reason in sorted(cell.refuses.items()))
