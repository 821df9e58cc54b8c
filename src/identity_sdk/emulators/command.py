"""``idp serve``: the emulators on the command line. Also ``python -m identity_sdk.emulators lakefs …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
    lakefs = backends.add_parser("lakefs", help="lakeFS's auth API")
    _common(lakefs)
    lakefs.add_argument(
        "--face",
        choices=("0.91", "1.x", "1.x-acl"),
        default="0.91",
        help="v0.91.0 (default), v1.84.0 as a single user, v1.84.0 with the ACL server",
    )
    lakefs.add_argument(
        "--auth-cache",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long users, keys and rights are remembered (real servers: 20; default 0)",
    )
    lakefs.add_argument("--admin", default="admin", metavar="NAME", help="name of the first admin")
    lakefs.add_argument(
        "--no-setup",
        action="store_false",
        dest="setup",
        help="start as a new installation, before its first admin is made",
    )
    lakefs.set_defaults(takes=("face", "auth_cache", "admin", "setup"))
    argus = backends.add_parser("argus", help="mnemonic's Argus")
    _common(argus)
    argus.add_argument("--admin", default="admin", metavar="NAME", help="name of the first admin")
    argus.add_argument(
        "--choice",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what no document says about the real server, such as count=unknown (see emulators/argus/choices.py)",
    )
    argus.set_defaults(takes=("admin", "choice"))
    authress = backends.add_parser("authress", help="Authress' management API")
    _common(authress)
    authress.add_argument("--admin", default="sc_admin", metavar="ID", help="id of the first service client")
    authress.add_argument("--account", default="acc-demo", metavar="ID", help="id of the account")
    authress.add_argument(
        "--choice",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what nobody knows of the real service, such as update_record=200 (see emulators/authress/choices.py)",
    )
    authress.set_defaults(takes=("admin", "account", "choice"))
    auth_service = backends.add_parser("auth-service", help="the auth service of auth_python_client")
    _common(auth_service)
    auth_service.add_argument(
        "--dialect",
        choices=("documented", "real"),
        default="documented",
        help="as its document promises (default), or as the real server answers",
    )
    auth_service.set_defaults(takes=("dialect",))
    igtcloud = backends.add_parser("igtcloud", help="Philips IGT Cloud: its auth service, users and groups")
    _common(igtcloud)
    igtcloud.add_argument(
        "--admin", default="admin@example.com", metavar="LOGIN", help="login id of the first administrator"
    )
    igtcloud.add_argument(
        "--choice",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what nobody knows of the real server, such as refresh_csrf=other (see emulators/igtcloud/choices.py)",
    )
    igtcloud.set_defaults(takes=("admin", "choice"))


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
