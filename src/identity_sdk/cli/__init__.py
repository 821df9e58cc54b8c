"""``idp``, the command line.

Exit codes: 0, it worked; 1, the operation failed (the server refused, the network broke); 2, wrong usage or
configuration, nothing was sent. Errors are one line on stderr that says what to do.

A command is a module with ``add(parser)``, which declares its arguments, and ``run(args)``, which does the work and
answers the exit code. Only the module of the chosen command is imported, and imports what is heavy in ``run``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from io import TextIOWrapper
from typing import Final, NoReturn, Protocol, cast

from identity_sdk import __version__
from identity_sdk.errors import ConfigurationError, IdentityError

__all__ = ["main"]

COMMANDS: Final = {
    "quickstart": ("quickstart", "see the main job done on the embedded provider, in memory"),
    "config": ("config", "show every setting and where it came from"),
    "capabilities": ("capabilities", "show what each backend can do"),
    "serve": ("serve", "run a backend's stand-in over HTTP, for tests"),
}


class Command(Protocol):
    """What a command's module holds."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declares the arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Does the work; answers the exit code."""
        ...


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and answers its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal may lack a letter; that is no reason to fail
    given = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(
        prog="idp", description="Users, groups, policies, credentials, sessions and tokens, anywhere."
    )
    parser.add_argument("--version", action="version", version=f"unified-identity-sdk {__version__}")
    try:
        command, args = _parse(parser, given)
        code = command.run(args)
        sys.stdout.flush()  # here, so that a reader who left is noticed here
    except IdentityError as error:
        print(f"idp: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter fails at exit
        return 1
    return code


def _parse(parser: argparse.ArgumentParser, given: list[str]) -> tuple[Command, argparse.Namespace]:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    parsers = {
        name: commands.add_parser(name, help=told, description=told) for name, (_, told) in COMMANDS.items()
    }
    chosen = next((word for word in given if not word.startswith("-")), None)
    if chosen is None:
        parser.parse_args(given)  # --help, --version and unknown options end here
        parser.error("name a command")
    if chosen not in COMMANDS:
        near = get_close_matches(chosen, COMMANDS, n=1, cutoff=0.5)
        parser.error(f"there is no command {chosen!r}" + (f": did you mean {near[0]!r}?" if near else ""))
    command = cast("Command", importlib.import_module(f"{__name__}.{COMMANDS[chosen][0]}"))
    command.add(parsers[chosen])
    return command, parser.parse_args(given)
