"""Where a command reads a secret from: never from its arguments, which other users of the machine can see."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from getpass import getpass
from pathlib import Path
from typing import Final

from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret

__all__ = ["SOURCES", "read_secret", "read_text"]

SOURCES: Final = "ask, -, env:NAME or file:PATH"


def read_secret(source: str, what: str, *, new: bool = False) -> Secret:
    """The secret that ``source`` holds.

    Args:
        source: ``ask`` (a prompt on a terminal; without one, the next line of stdin), ``-`` (the next line of stdin),
            ``env:NAME`` or ``file:PATH``. One line break at the end of a file is not part of the secret.
        what: its name, for the prompt and for messages.
        new: asked for twice at a prompt, since nobody can see a slip.

    Raises:
        ConfigurationError: it is none of these, or there is nothing in it. What was given is not repeated.
    """
    scheme, colon, rest = source.partition(":")
    if source == "ask" and sys.stdin.isatty():
        found = _asked(what, new=new)
    elif source in ("ask", "-"):
        found = sys.stdin.readline().rstrip("\r\n")
    elif scheme == "env" and colon:
        found = os.environ.get(rest, "")
        what = f"{what} (environment variable {rest})"
    elif scheme == "file" and colon:
        found = read_text(rest).removesuffix("\n").removesuffix("\r")
    else:
        raise ConfigurationError(
            f"{what} is a secret: say where to read it ({SOURCES}), not the secret itself, which others could see"
        )
    if not found:
        raise ConfigurationError(f"{what}: there is nothing to read (give one of {SOURCES})")
    return Secret(found)


def _asked(what: str, *, new: bool) -> str:
    ask: Callable[[str], str] = lambda prompt: getpass(prompt, stream=sys.stderr)  # noqa: E731
    found = ask(f"{what}: ")
    if new and found and ask(f"{what}, again: ") != found:
        raise ConfigurationError(f"{what}: the two are not the same; nothing was done")
    return found


def read_text(path: str) -> str:
    """The text of a file, or of stdin for ``-``.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return sys.stdin.read() if path == "-" else Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeError, RuntimeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
    raise ConfigurationError(f"{path} cannot be read: {why}")
