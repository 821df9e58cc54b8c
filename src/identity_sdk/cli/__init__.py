"""``idp``, the command line.

Errors are one line on stderr that says what to do; :data:`EXIT_CODES` are the answers of the process.

A command is a module with ``add(parser)``, which declares its arguments, and ``run(args)``, which does the work and
answers the exit code. Only the module of the chosen command is imported, and imports what is heavy in ``run``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import textwrap
from collections.abc import Sequence
from difflib import get_close_matches
from io import TextIOWrapper
from typing import Any, Final, NoReturn, Protocol, cast

from identity_sdk import __version__
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    ServerError,
    TransportError,
)

__all__ = ["COMMANDS", "EXIT_CODES", "main"]

COMMANDS: Final = {
    "quickstart": ("quickstart", "see the main job done on the embedded provider, in memory"),
    "login": ("login", "make a profile: where, as whom, its secrets kept safely"),
    "logout": ("logout", "forget a profile and its secrets"),
    "doctor": ("doctor", "find out what is wrong: server, TLS, clock, credential, rights"),
    "users": ("verbs", "principals, people and machines"),
    "groups": ("verbs", "sets of principals"),
    "policies": ("verbs", "what principals may do"),
    "credentials": ("verbs", "long-lived ways to sign in: keys, TOTP, passwords"),
    "sessions": ("verbs", "signing in and out"),
    "tokens": ("verbs", "what is issued to a signed-in principal"),
    "config": ("config", "show every setting and where it came from"),
    "capabilities": ("capabilities", "show what each backend can do"),
    "serve": ("serve", "run a backend's stand-in over HTTP, for tests"),
    "completion": ("completion", "print what makes your shell complete idp's words"),
}

EXIT_CODES: Final = {
    0: "it worked",
    1: "it failed in another way: the server refused the content, or answered what cannot be believed",
    2: "wrong usage or configuration; nothing was sent",
    3: "there is no such thing",
    4: "not signed in, or not allowed",
    5: "it is there already, or was changed by somebody else in between",
    6: "this backend cannot do that",
    7: "the network or the server failed, or asks to slow down: try again later",
    8: "it may have been done, or was done in part: the message tells how to find out",
    130: "interrupted by Ctrl-C",
}

_CODE_OF: Final[tuple[tuple[type[IdentityError], int], ...]] = (
    (ConfigurationError, 2),
    (NotFoundError, 3),
    (AuthenticationError, 4),
    (PermissionDeniedError, 4),
    (ConflictError, 5),
    (PreconditionFailedError, 5),
    (NotSupportedError, 6),
    (RateLimitedError, 7),
    (TransportError, 7),
    (ServerError, 7),
    (AmbiguousOutcomeError, 8),
    (PartialFailureError, 8),
)

_EPILOG: Final = """\
try it on a file of your own, without any server:
  export IDENTITY_SDK_TARGET=local:identity.db
  idp users create ada --email ada@example.com
  idp users list
  idp users --help            every verb of users
  idp users create --help     one verb, with examples

then with a server:
  idp login prod --provider lakefs --url https://lakefs.example.com/api/v1
  idp doctor
"""


class Command(Protocol):
    """What a command's module holds."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declares the arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Does the work; answers the exit code."""
        ...


class _Help(argparse.RawDescriptionHelpFormatter):
    """Examples stay as they are written; what is prose is wrapped."""

    def __init__(self, *given: Any, **options: Any) -> None:
        options["max_help_position"] = 28
        super().__init__(*given, **options)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def __init__(self, *given: Any, **options: Any) -> None:
        options["formatter_class"] = _Help
        super().__init__(*given, **options)

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
        prog="idp",
        description="Users, groups, policies, credentials, sessions and tokens, anywhere.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"unified-identity-sdk {__version__}")
    try:
        if "_ARGCOMPLETE" in os.environ:
            _complete(parser)
        command, args = _parse(parser, given)
        code = command.run(args)
        sys.stdout.flush()  # here, so that a reader who left is noticed here
    except IdentityError as error:
        print(f"idp: {_told(error)}", file=sys.stderr)
        return _code(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter fails at exit
        return 1
    return code


def _told(error: IdentityError) -> str:
    """In one line, in the words of a command line."""
    if isinstance(error, ConfigurationError) and error.message.startswith("nothing says what to connect to"):
        return (
            "nothing says what to connect to: give --url or --profile, set IDENTITY_SDK_TARGET, or run idp login once; "
            "to try things out, --url local:identity.db"
        )
    return " ".join(str(error).split())


def _code(error: IdentityError) -> int:
    if isinstance(error, InvalidRequestError):
        return 1 if error.sent else 2
    return next((code for kind, code in _CODE_OF if isinstance(error, kind)), 1)


def _parse(parser: argparse.ArgumentParser, given: list[str]) -> tuple[Command, argparse.Namespace]:
    parsers = _subparsers(parser)
    chosen = next((word for word in given if not word.startswith("-")), None)
    if chosen is None:
        parser.parse_args(given)  # --help, --version and unknown options end here
        parser.error("name a command")
    if chosen not in COMMANDS:
        near = get_close_matches(chosen, COMMANDS, n=1, cutoff=0.5)
        parser.error(f"there is no command {chosen!r}" + (f": did you mean {near[0]!r}?" if near else ""))
    command = _load(chosen)
    command.add(parsers[chosen])
    return command, parser.parse_args(given)


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    return {
        name: commands.add_parser(name, help=told, description=told) for name, (_, told) in COMMANDS.items()
    }


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(f"{__name__}.{COMMANDS[name][0]}"))


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answers the shell, which has the line so far in ``COMP_LINE``, and ends the process."""
    from identity_sdk.cli.target import needs_the_extra

    needs_the_extra()
    import argcomplete

    parsers = _subparsers(parser)
    for word in os.environ.get("COMP_LINE", "").split()[1:]:
        if word in parsers:
            _load(word).add(parsers[word])
            break
    argcomplete.autocomplete(parser)
