"""``idp config show``: every setting that ``connect()`` would use, and where it came from. Secrets are redacted."""

from __future__ import annotations

import argparse
import re

from identity_sdk.cli.sources import SOURCES, read_secret
from identity_sdk.cli.target import SECRET_OPTIONS
from identity_sdk.errors import ConfigurationError

__all__ = ["add", "run"]

_OPTION = re.compile(r"([a-z][a-z0-9_]*)=(.*)", re.DOTALL)


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp config``."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    show = actions.add_parser(
        "show",
        help="print every setting with its origin, secrets redacted",
        description="Prints every setting that connect(TARGET, option=value, …) would use, and where it came from.",
    )
    show.add_argument(
        "words",
        nargs="*",
        metavar="TARGET option=value",
        help=f"as in connect(); a target is a name or a URL; for a secret, where to read it: {SOURCES}",
    )
    show.add_argument("--profile", help="a profile's name")
    show.add_argument("--config", metavar="FILE", help="the file of profiles, instead of the user's own")
    show.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Prints the settings.

    Raises:
        ConfigurationError: as ``connect()`` would.
    """
    from identity_sdk.cli.output import print_json, print_table
    from identity_sdk.config import resolve

    target, options = _words(args.words)
    for name in ("profile", "config"):
        value = getattr(args, name)
        if value is not None:
            options[name] = value
    resolved = resolve(target, options)
    if args.json:
        settings = [
            {"name": each.name, "value": each.value, "origin": each.origin} for each in resolved.settings
        ]
        print_json({"adapter": resolved.adapter.name, "settings": settings})
    else:
        rows = [(each.name, _plain(each.value), each.origin) for each in resolved.settings]
        print_table(("setting", "value", "origin"), rows)
    return 0


def _words(words: list[str]) -> tuple[str | None, dict[str, object]]:
    """The target and the options; no message shows a value, since it may be a secret."""
    target: str | None = None
    options: dict[str, object] = {}
    for word in words:
        option = _OPTION.fullmatch(word)
        if option is None and target is not None:
            raise ConfigurationError("there are two targets: give one, and options as option=value")
        if option is None:
            target = word
        elif option[1] in options:
            raise ConfigurationError(f"{option[1]} is given twice")
        elif option[1] in SECRET_OPTIONS:
            options[option[1]] = read_secret(option[2], option[1])
        else:
            options[option[1]] = option[2]
    return target, options


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType]
