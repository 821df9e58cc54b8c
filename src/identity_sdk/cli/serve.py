"""``idp serve``: a stand-in of a backend over HTTP; the work is done in ``identity_sdk.emulators``."""

from __future__ import annotations

import argparse

from identity_sdk.errors import ConfigurationError

__all__ = ["add", "run"]


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp serve``."""
    from identity_sdk.emulators.command import add_arguments

    parser.epilog = """\
for example (its first line says where it is, and which credential its administrator has):
  idp serve argus --port 8000

then, in another terminal:
  idp login demo --provider argus --url http://127.0.0.1:8000 --set customer=mnemonic
  idp users list
"""
    add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serves until it is told to stop.

    Raises:
        ConfigurationError: what serves needs an extra that is not installed.
    """
    from identity_sdk.emulators import command

    try:
        return command.run(args)
    except ModuleNotFoundError as missing:
        need = (missing.name or "").partition(".")[0]
        if need == "identity_sdk":
            raise
    raise ConfigurationError(f"idp serve needs {need}: pip install 'unified-identity-sdk[server]'")
