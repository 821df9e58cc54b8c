"""``idp doctor``: asks one question after the other until it knows what is wrong."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from dataclasses import dataclass
from functools import partial
from time import time
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from identity_sdk.cli.target import add_target, needs_the_extra, options_of, target_of
from identity_sdk.errors import (
    AuthenticationError,
    IdentityError,
    NotSentError,
    NotSupportedError,
    PermissionDeniedError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from identity_sdk.adapters.base import Adapter
    from identity_sdk.capabilities import Capabilities
    from identity_sdk.client import IdentityClient
    from identity_sdk.config import Resolved

__all__ = ["add", "run"]

_INDENT: Final = 20
_SKEW: Final = 10.0
"""Seconds: what signed requests and one-time codes commonly bear, with some to spare."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of what doctor says."""

    check: Literal["settings", "reach", "tls", "clock", "credential", "rights"]
    state: Literal["ok", "fault", "skipped"]
    told: str


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp doctor``."""
    add_target(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Prints what it finds; 0 when nothing is wrong, 1 otherwise.

    Raises:
        ConfigurationError: what to connect to is not said, or malformed.
    """
    import anyio

    needs_the_extra()
    findings: list[Finding] = []
    anyio.run(partial(_examine, target_of(args), options_of(args), findings, quiet=args.json))
    if args.json:
        from identity_sdk.cli.output import print_json

        print_json([{"check": one.check, "state": one.state, "told": one.told} for one in findings])
    return int(any(one.state == "fault" for one in findings))


async def _examine(
    target: str | None, options: dict[str, object], findings: list[Finding], *, quiet: bool
) -> None:
    from identity_sdk.config import resolve

    resolved = resolve(target, options)
    async for finding in _findings(resolved, target, options):
        findings.append(finding)
        if not quiet:
            print(f"{_mark(finding.state)} {finding.check:<10}  {_folded(finding.told)}", flush=True)


def _folded(told: str) -> str:
    """In a terminal, in lines that begin where the first one does."""
    text = " ".join(told.split())
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - _INDENT, 20)
    return f"\n{' ' * _INDENT}".join(textwrap.wrap(text, width, break_on_hyphens=False))


def _mark(state: str) -> str:
    words = {"ok": "ok     ", "fault": "FAULT  ", "skipped": "skipped"}
    colours = {"ok": "32", "fault": "1;31", "skipped": "2"}
    return f"\x1b[{colours[state]}m{words[state]}\x1b[0m" if sys.stdout.isatty() else words[state]


async def _findings(
    resolved: Resolved, target: str | None, options: dict[str, object]
) -> AsyncGenerator[Finding]:
    from identity_sdk.client import connect

    adapter = resolved.adapter
    yield Finding("settings", "ok", _settings(resolved))
    if adapter.remote:
        async for finding in _wire(resolved):
            yield finding
            if finding.state == "fault" and finding.check in ("reach", "tls"):
                return
    async with connect(target, **{**options, "retries": 0}) as idp:
        try:
            info = await idp.ping()
            principal = info.principal or (await idp.users.me()).id
        except IdentityError as error:
            yield Finding("credential", "fault", _of_credential(error, adapter))
            return
        version = f", {adapter.name} {info.version}" if info.version else ""
        yield Finding("credential", "ok", f"accepted: this is {principal}{version}")
        yield await _rights(idp, info.capabilities, principal)


def _settings(resolved: Resolved) -> str:
    adapter = resolved.adapter
    first = resolved.settings[0]
    how = f"by {type(adapter.auth).__name__}" if adapter.auth is not None else "without a credential"
    where = first.origin if first.origin != "argument" else "the command line"
    return f"{adapter.name} at {adapter.base_url or 'its database'} {how} (from {where})"


async def _wire(resolved: Resolved) -> AsyncGenerator[Finding]:
    """One request without a credential: any answer will do."""
    from identity_sdk.transport.base import TransportOptions, make_transport
    from identity_sdk.wire.call import http_date
    from identity_sdk.wire.request import Request

    adapter, client = resolved.adapter, resolved.client
    parts = urlsplit(adapter.base_url)
    transport = make_transport(
        client.transport,
        TransportOptions(
            adapter.base_url, connect_timeout=client.connect_timeout, tls=client.tls, proxy=client.proxy
        ),
    )
    started = time()
    try:
        response = await transport.send(Request("GET", parts.path or "/"), timeout=client.timeout)
    except TransportError as error:
        yield _unreached(error)
        return
    finally:
        await transport.aclose()
    ended = time()
    yield Finding("reach", "ok", f"{parts.netloc} answers in {(ended - started) * 1000:.0f} ms")
    if parts.scheme == "https":
        yield Finding("tls", "ok", "the certificate is trusted")
    else:
        yield Finding("tls", "skipped", "plain http: whoever is on the way can read and change everything")
    try:
        skew = http_date(response.headers.get("date", "")) + 0.5 - (started + ended) / 2
    except (ValueError, TypeError, OverflowError):
        yield Finding("clock", "skipped", "the server does not tell its time")
        return
    yield _clock(skew)


def _unreached(error: TransportError) -> Finding:
    """The words are those of ``transport/_failures.py``."""
    about_tls = "certificate" in error.message or "TLS handshake" in error.message
    if about_tls and not (isinstance(error, NotSentError) and "TLS" not in error.message):
        return Finding("tls", "fault", error.message)
    return Finding("reach", "fault", error.message)


def _clock(skew: float) -> Finding:
    if abs(skew) <= _SKEW:
        return Finding("clock", "ok", "this machine and the server agree about the time")
    size = f"{abs(skew):.0f} s" if abs(skew) < 180 else f"{abs(skew) / 60:.0f} min"
    told = f"the server's clock is {size} {'ahead of' if skew > 0 else 'behind'} this machine's"
    return Finding(
        "clock", "fault", f"{told}: set the wrong one right, or tokens and one-time codes are refused"
    )


def _of_credential(error: IdentityError, adapter: Adapter) -> str:
    if isinstance(error, AuthenticationError):
        if adapter.auth is None:
            return f"nobody is signed in, and the server wants somebody: idp login ({error.message})"
        return f"the server does not accept it ({error.message}): is it the right one, for this server, still alive?"
    if isinstance(error, PermissionDeniedError):
        return f"it may not even ask who it is ({error.message})"
    return str(error)


async def _rights(idp: IdentityClient[Adapter], able: Capabilities, principal: str) -> Finding:
    """What it may read; doctor changes nothing, so rights to write show only when they are used."""
    lists: dict[str, Callable[..., Awaitable[object]]] = {
        "users.list": idp.users.list,
        "groups.list": idp.groups.list,
        "policies.list": idp.policies.list,
    }
    may: list[str] = []
    denied: list[str] = []
    for verb in lists:
        if not able.cells[verb].supported:
            continue
        try:
            await lists[verb](limit=1)
        except PermissionDeniedError:
            denied.append(verb)
        except NotSupportedError:
            continue
        except IdentityError as error:
            return Finding("rights", "fault", f"{verb} failed: {error}")
        else:
            may.append(verb)
    if denied:
        told = f"{principal} may not {', '.join(denied)}"
        some = f" (but may {', '.join(may)})" if may else ""
        return Finding(
            "rights", "fault", f"{told}{some}: an administrator can give the right, if it is needed"
        )
    if not may:
        return Finding("rights", "skipped", "this backend has nothing that could be listed to try them")
    return Finding("rights", "ok", f"{principal} may {', '.join(may)}")
