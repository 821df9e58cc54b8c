"""``idp serve``: a stand-in of a backend over HTTP; the work is done in ``identity_sdk.emulators``."""

from __future__ import annotations

import argparse
import importlib
from typing import Protocol, cast

from identity_sdk.errors import ConfigurationError

__all__ = ["add", "run"]


class _Serve(Protocol):
    def add_serve_parser(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


def _emulators() -> _Serve:
    """Imported by name: what serves needs an extra, and is no part of the client."""
    try:
        return cast("_Serve", importlib.import_module("identity_sdk.emulators.command"))
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("identity_sdk"):
            raise
        need = missing.name
    raise ConfigurationError(f"idp serve needs {need}: pip install 'unified-identity-sdk[server]'")


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp serve``."""
    _emulators().add_serve_parser(parser)


def run(args: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    return _emulators().run(args)
