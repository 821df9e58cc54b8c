"""``idp completion``: what makes a shell complete the words of ``idp``."""

from __future__ import annotations

import argparse

from identity_sdk.cli.target import needs_the_extra

__all__ = ["add", "run"]


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp completion``."""
    parser.epilog = """\
put it where your shell looks:
  eval "$(idp completion bash)"                                  in ~/.bashrc
  eval "$(idp completion zsh)"                                   in ~/.zshrc, after compinit
  idp completion fish > ~/.config/fish/completions/idp.fish      once
"""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")


def run(args: argparse.Namespace) -> int:
    """Prints a script for the shell, which asks ``idp`` itself for the words.

    Raises:
        ConfigurationError: the extra is not installed.
    """
    needs_the_extra()
    from argcomplete.shell_integration import shellcode

    print(shellcode(["idp"], shell=args.shell))
    return 0
