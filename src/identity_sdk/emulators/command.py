"""``idp serve``: the emulators on the command line. Also ``python -m identity_sdk.emulators lakefs …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

__all__ = ["add_serve_parser", "main", "run"]


def add_serve_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add ``serve`` to a parser; :func:`run` takes what it parses."""
    parser = subparsers.add_parser(
        "serve",
        help="serve an emulator of a backend",
        description="Serve an emulator until SIGTERM. Prints one JSON line with its address and credentials.",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)
    return parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the backends, each with its options."""
    backends = parser.add_subparsers(dest="backend", required=True, metavar="BACKEND")
    _lakefs(_backend(backends, "lakefs", "lakeFS's auth API"))
    argus = _backend(backends, "argus", "mnemonic's Argus")
    _admin(argus, "admin", "NAME", "name of the first admin")
    _choices(argus, "what no document says about the real server, such as count=unknown")
    authress = _backend(backends, "authress", "Authress' management API")
    _admin(authress, "sc_admin", "ID", "id of the first service client")
    _own(authress, "--account", default="acc-demo", metavar="ID", help="id of the account")
    _choices(authress, "what nobody knows of the real service, such as update_record=200")
    auth_service = _backend(backends, "auth-service", "the auth service of auth_python_client")
    _own(
        auth_service,
        "--dialect",
        choices=("documented", "real"),
        default="documented",
        help="as its document promises (default), or as the real server answers",
    )
    igtcloud = _backend(backends, "igtcloud", "Philips IGT Cloud: its auth service, users and groups")
    _admin(igtcloud, "admin@example.com", "LOGIN", "login id of the first administrator")
    _choices(igtcloud, "what nobody knows of the real server, such as refresh_csrf=other")


def _lakefs(parser: argparse.ArgumentParser) -> None:
    _own(
        parser,
        "--face",
        choices=("0.91", "1.x", "1.x-acl"),
        default="0.91",
        help="v0.91.0 (default), v1.84.0 as a single user, v1.84.0 with the ACL server",
    )
    _own(
        parser,
        "--auth-cache",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long users, keys and rights are remembered (real servers: 20; default 0)",
    )
    _admin(parser, "admin", "NAME", "name of the first admin")
    _own(
        parser,
        "--no-setup",
        action="store_false",
        dest="setup",
        help="start as a new installation, before its first admin is made",
    )


def _backend(backends: Subparsers, name: str, about: str) -> argparse.ArgumentParser:
    parser = backends.add_parser(name, help=about)
    _common(parser)
    parser.set_defaults(takes=())
    return parser


def _own(parser: argparse.ArgumentParser, flag: str, **told: Any) -> None:
    """An option that the backend's own ``create_app`` takes."""
    added = parser.add_argument(flag, **told)
    parser.set_defaults(takes=(*parser.get_default("takes"), added.dest))


def _admin(parser: argparse.ArgumentParser, default: str, metavar: str, about: str) -> None:
    _own(parser, "--admin", default=default, metavar=metavar, help=about)


def _choices(parser: argparse.ArgumentParser, about: str) -> None:
    """``about`` is told with the file that has them all."""
    backend = parser.prog.split()[-1]
    _own(
        parser,
        "--choice",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"{about} (see emulators/{backend}/choices.py)",
    )


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 picks a free one")
    parser.add_argument(
        "--store",
        default="sqlite://",
        metavar="URL",
        help="sqlite:///FILE or postgresql://… (default: in memory)",
    )
    parser.add_argument(
        "--seed", type=Path, metavar="FILE", help="JSON file of users, groups, policies, keys"
    )
    parser.add_argument("--tls", action="store_true", help="serve TLS with a CA of its own")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="LINE",
        help="such as 'POST /auth/users: 503, times=1'",
    )


def run(args: argparse.Namespace) -> int:
    """Serve what the arguments name; return the exit code: 0, or 2 for a wrong option."""
    try:
        from identity_sdk.emulators.server import ServeOptions, serve
        from identity_sdk.store import StoreError
    except ConfigurationError as error:  # pragma: no cover - only in an environment without the extra
        sys.stderr.write(f"idp serve: {error}\n")
        return 2
    try:
        options = ServeOptions(
            host=args.host,
            port=args.port,
            store=args.store,
            seed=args.seed,
            tls=args.tls,
            faults=tuple(args.fault),
            backend={name: getattr(args, name) for name in args.takes},
        )
        return serve(args.backend, options)
    except (ConfigurationError, StoreError) as error:
        sys.stderr.write(f"idp serve: {error}\n")
        return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the arguments of ``python -m identity_sdk.emulators`` and serve."""
    parser = argparse.ArgumentParser(prog="python -m identity_sdk.emulators", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))
