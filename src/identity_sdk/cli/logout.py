"""``idp logout``: forgets a profile and its secrets."""

from __future__ import annotations

import argparse

from identity_sdk.cli.target import needs_the_extra

__all__ = ["add", "run"]


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp logout``."""
    parser.add_argument("name", metavar="NAME", help="the profile")
    parser.add_argument("--config", metavar="FILE", help="the file of profiles, instead of your own")


def run(args: argparse.Namespace) -> int:
    """Removes the profile from its file, and its secrets from the keyring. The server is not told.

    Raises:
        ConfigurationError: there is no such profile, or the keyring refuses.
    """
    from identity_sdk.cli.login import remove_profile

    needs_the_extra()
    path = remove_profile(args.config, args.name)
    print(f"Profile {args.name!r} is gone from {path}; to end its key as well: idp credentials delete.")
    return 0
