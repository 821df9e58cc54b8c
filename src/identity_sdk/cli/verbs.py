"""``idp users …``, ``idp groups …`` and so on: every verb of the facade, generated from the resource classes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from identity_sdk.cli.examples import EXAMPLES
from identity_sdk.cli.extras import extras_of
from identity_sdk.cli.output import FORMATS
from identity_sdk.cli.sources import SOURCES, read_secret, read_text
from identity_sdk.cli.target import add_target, needs_the_extra, options_of, target_of
from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from identity_sdk.cli.signature import Parameter, Verb
    from identity_sdk.models import Session, Statement

__all__ = ["add", "run"]

_ALSO: Final = {"sessions.create": "login", "sessions.end": "logout"}


def add(parser: argparse.ArgumentParser) -> None:
    """The verbs of one area as subcommands."""
    from identity_sdk.cli.signature import verbs_of

    area = (parser.prog or "").rpartition(" ")[2]
    parser.epilog = f"examples (more: idp {area} VERB --help):\n" + "\n".join(
        f"  {lines[0]}" for name, lines in EXAMPLES.items() if name.startswith(f"{area}.")
    )
    actions = parser.add_subparsers(
        title="verbs", metavar="VERB", dest="verb", required=True, parser_class=type(parser)
    )
    for verb in verbs_of(area):
        also = _ALSO.get(f"{area}.{verb.name}")
        one = actions.add_parser(
            verb.command,
            aliases=[also] if also else [],
            help=verb.summary.replace("%", "%%"),
            description=verb.description,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in EXAMPLES.get(f"{area}.{verb.name}", ())),
        )
        one.set_defaults(chosen=verb)
        _add_parameters(one, verb)
        _add_output(one, verb)
        add_target(one)


def _add_parameters(parser: argparse.ArgumentParser, verb: Verb) -> None:
    for parameter in verb.parameters:
        if parameter.positional:
            _add_positional(parser, parameter)
        else:
            _add_option(parser, parameter)
    erasable = [parameter.name for parameter in verb.parameters if parameter.erasable]
    if erasable:
        parser.add_argument(
            "--erase",
            action="append",
            default=[],
            choices=erasable,
            help="empty this field (may be repeated)",
        )


def _add_positional(parser: argparse.ArgumentParser, parameter: Parameter) -> None:
    told = parameter.help.replace("%", "%%")
    if parameter.kind == "texts":
        parser.add_argument(parameter.name, nargs="+", metavar=parameter.name.rstrip("s").upper(), help=told)
    else:
        nargs = None if parameter.required else "?"
        parser.add_argument(parameter.name, nargs=nargs, metavar=parameter.name.upper(), help=told)


def _add_option(parser: argparse.ArgumentParser, parameter: Parameter) -> None:
    told = parameter.help.replace("%", "%%")
    flag, name = parameter.option, parameter.name
    match parameter.kind:
        case "flag":
            parser.add_argument(flag, dest=name, action="store_true", default=None, help=told)
        case "switch":
            parser.add_argument(
                flag, dest=name, action=argparse.BooleanOptionalAction, default=None, help=told
            )
        case "choice":
            parser.add_argument(flag, dest=name, choices=parameter.choices, help=told)
        case "secret":
            told = f"{told}; where to read it: {SOURCES}"
            parser.add_argument(flag, dest=name, nargs="?", const="ask", metavar="SOURCE", help=told)
        case "statements" | "session":
            parser.add_argument(
                "--file", dest=name, metavar="FILE", required=parameter.required, help=f"{told}; - for stdin"
            )
        case "texts":
            singular = flag.rstrip("s")
            metavar = name.rstrip("s").upper()
            parser.add_argument(
                singular, dest=name, action="append", metavar=metavar, help=f"{told} (may be repeated)"
            )
        case "whole":
            parser.add_argument(flag, dest=name, type=int, metavar="NUMBER", help=told)
        case "number":
            parser.add_argument(flag, dest=name, type=float, metavar="NUMBER", help=told)
        case "text":
            parser.add_argument(flag, dest=name, metavar=name.upper(), help=told)


def _add_output(parser: argparse.ArgumentParser, verb: Verb) -> None:
    parser.add_argument(
        "--extra",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what only this backend's verb takes, such as invite=true on lakeFS; a value may be JSON",
    )
    group = parser.add_argument_group("what is printed")
    group.add_argument(
        "-o",
        "--output",
        choices=FORMATS,
        default="table",
        help="table for people (default), the others for programs",
    )
    group.add_argument(
        "--explain",
        action="store_true",
        help="print the requests that would be sent, redacted, and send nothing",
    )
    if verb.makes_secrets:
        way = group.add_mutually_exclusive_group()
        way.add_argument("--reveal", action="store_true", help="print the new secret, this once")
        way.add_argument(
            "--secret-file", metavar="FILE", help="write it into a new file that only you may read"
        )


# ------------------------------------------------------------------------------------------------------------ arguments
def arguments_of(args: argparse.Namespace, verb: Verb) -> dict[str, object]:
    """What the verb is called with; nothing that was not given."""
    found: dict[str, object] = {}
    for parameter in verb.parameters:
        given: Any = getattr(args, parameter.name)
        if parameter.kind == "secret":
            given = _secret(args, parameter, given)
        elif given is not None and parameter.kind == "statements":
            given = _statements(str(given))
        elif given is not None and parameter.kind == "session":
            given = _session(str(given))
        if given is not None:
            found[parameter.name] = given
    for name in getattr(args, "erase", ()):
        if name in found:
            raise ConfigurationError(f"{name} is both given and erased")
        found[name] = None
    return found


def _secret(args: argparse.Namespace, parameter: Parameter, source: str | None) -> object:
    if source is None and not parameter.required and not _signs_in(args, parameter):
        return None
    source = source or "ask"
    if args.explain and source in ("ask", "-"):
        from identity_sdk.secrets import Secret

        return Secret(f"{{{parameter.name}}}")
    new = parameter.name in ("password", "new_password")
    return read_secret(source, parameter.name.replace("_", " "), new=new)


def _signs_in(args: argparse.Namespace, parameter: Parameter) -> bool:
    """Whoever signs in by a name has a secret too."""
    return parameter.name == "secret" and args.identifier is not None


def _statements(path: str) -> list[Statement]:
    """One statement, a list of them, or a policy that holds them."""
    from pydantic import TypeAdapter, ValidationError

    from identity_sdk.models import Statement

    found = _json(path)
    if isinstance(found, dict):
        held = cast("dict[str, object]", found)
        found = held.get("statements", [held])
    try:
        return TypeAdapter(list[Statement]).validate_python(found)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    raise ConfigurationError(
        f'{path} holds no statements ({first["msg"]} at {where}): a statement is {{"effect": "allow", '
        '"actions": ["reports:Read"], "resources": ["reports/*"]}'
    )


def _session(path: str) -> Session:
    from pydantic import ValidationError

    from identity_sdk.models import Session

    found = _json(path)
    try:
        return Session.model_validate(found)
    except ValidationError:
        pass
    raise ConfigurationError(f"{path} holds no session: idp sessions create --reveal -o json prints one")


def _json(path: str) -> object:
    try:
        found: object = json.loads(read_text(path))
    except (ValueError, RecursionError):
        pass  # the error would quote what may hold a secret
    else:
        return found
    raise ConfigurationError(f"{path} holds no JSON")


# ----------------------------------------------------------------------------------------------------------------- work
def run(args: argparse.Namespace) -> int:
    """Calls the verb and prints what it answers.

    Raises:
        ConfigurationError: an argument is malformed, or the extra is not installed.
        IdentityError: what the verb raises.
    """
    import anyio

    needs_the_extra()
    verb: Verb = args.chosen
    arguments = partial(arguments_of, args, verb)
    if args.explain:
        from identity_sdk.cli.explain import explain

        options = options_of(args, ask=False)
        anyio.run(explain, verb, arguments(), args.extra, target_of(args), options)
        return 0
    if verb.makes_secrets and not args.reveal and args.secret_file is None:
        raise ConfigurationError(
            f"{verb.area} {verb.command} answers a secret that is shown only once: say --reveal to print it, or "
            "--secret-file FILE to write it into a file that only you may read"
        )
    options = options_of(args)
    anyio.run(_call, args, verb, arguments(), target_of(args), options)
    return 0


async def _call(
    args: argparse.Namespace,
    verb: Verb,
    arguments: Mapping[str, object],
    target: str | None,
    options: dict[str, object],
) -> None:
    from identity_sdk.cli.output import print_list
    from identity_sdk.client import connect
    from identity_sdk.listing import Listing
    from identity_sdk.resources.credentials import Rotation

    async with connect(target, **options) as idp:
        with _secret_file(getattr(args, "secret_file", None)) as file:
            function: Callable[..., object] = getattr(getattr(idp, verb.area), verb.name)
            answer = function(**arguments, **extras_of(args.extra, function, verb))
            if isinstance(answer, Listing):
                listing = cast("Listing[object]", answer)
                cursor = await print_list(listing.pages(), args.output)
                if cursor is not None:
                    print(f"idp: there is more: go on with --cursor {cursor!r}", file=sys.stderr)
            elif isinstance(answer, Rotation):
                async with answer as new:  # the old one is deleted only when the new one has been handed over
                    _show(args, new, file)
            else:
                _show(args, await cast("Awaitable[object]", answer), file)


def _show(args: argparse.Namespace, answer: object, file: Callable[[object], None] | None) -> None:
    from identity_sdk.cli.output import print_object

    if file is not None:
        file(answer)
    print_object(answer, args.output, reveal=getattr(args, "reveal", False))
    sys.stdout.flush()


def _secret_file(path: str | None) -> AbstractContextManager[Callable[[object], None] | None]:
    return nullcontext() if path is None else _written(Path(path))


@contextmanager
def _written(path: Path) -> Generator[Callable[[object], None]]:
    """A new file of our own, made before the secret is: what cannot be written must not be made."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}; nothing was sent") from None
    done = False

    def write(answer: object) -> None:
        nonlocal done
        from identity_sdk.cli.output import secrets_of

        held = {"id": getattr(answer, "id", None), **secrets_of(answer)}
        os.write(handle, (json.dumps(held, indent=2) + "\n").encode())
        os.fsync(handle)
        done = True

    try:
        yield write
    finally:
        os.close(handle)
        if not done:
            path.unlink(missing_ok=True)
    print(f"idp: the secret is in {path}, which only you may read", file=sys.stderr)
