"""The file of profiles: where it lies, how it is read, and who may read it.

::

    default = "prod"                    # optional: used when nothing else says what to connect to

    [profiles.prod]
    target = "lakefs"                   # an adapter's name or a URL
    base_url = "https://lakefs.example.com/api/v1"
    access_key_id = "AKIA…"
    secret_access_key = "…"             # then the file must be yours alone: chmod 600
    deadline = 20
    keyring = ["token"]                 # instead of a secret: options that the system keyring holds (``idp login``)
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from identity_sdk.config import vault
from identity_sdk.config.values import Sealed, nearest
from identity_sdk.errors import ConfigurationError

__all__ = ["Profile", "ProfileFile", "read_profiles", "user_config_file"]

MAX_BYTES = 1024 * 1024
_FOLDER = "identity-sdk"
# Not blocking: a named pipe would otherwise wait for its writer. Binary: Windows would otherwise translate line ends.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Profile:
    """One table of the file: ``target``, and options of its adapter and of the client."""

    name: str
    target: str
    options: Sealed
    path: Path
    exposed: bool
    """Whether others than its owner may read or write the file (never on Windows, which has no such bits)."""
    kept: tuple[str, ...] = ()
    """The options that do not stand in the file, but in the system keyring."""

    @property
    def origin(self) -> str:
        return f"profile {self.name!r} in {self.path}"


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A file that was read and has the right shape."""

    path: Path
    default: str | None
    tables: Mapping[str, Sealed]
    exposed: bool

    def profile(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            ConfigurationError: there is none, or it does not say its target.
        """
        table = self.tables.get(name)
        if table is None:
            hint = nearest(name, self.tables, known="it has")
            raise ConfigurationError(f"there is no profile {name!r} in {self.path}: {hint}")
        table.refuse_userinfo("target", f"profile {name!r} in {self.path}: ")
        target = table.text("target")
        if target is None:
            raise ConfigurationError(
                f'profile {name!r} in {self.path} has no target: write target = "…", an adapter\'s name or a URL'
            )
        options = {key: value for key, value in table.items() if key not in ("target", "keyring")}
        kept = self._kept(name, table)
        options.update(self._recalled(name, kept, table.text("base_url") or target))
        return Profile(name, target, Sealed(options), self.path, self.exposed, kept)

    def _kept(self, name: str, table: Sealed) -> tuple[str, ...]:
        named = table.get("keyring", [])
        listed = cast("list[object]", named) if isinstance(named, list) else [named]
        kept = tuple(one for one in listed if isinstance(one, str))
        if len(kept) != len(listed) or not isinstance(named, list):
            raise ConfigurationError(
                f"profile {name!r} in {self.path}: keyring must be a list of options' names"
            )
        twice = next((one for one in kept if one in table), None)
        if twice is not None:
            raise ConfigurationError(
                f"profile {name!r} in {self.path}: {twice} is in the file and in the keyring"
            )
        return kept

    def _recalled(self, name: str, kept: tuple[str, ...], place: str) -> dict[str, object]:
        found: dict[str, object] = {}
        for option in kept:
            secret = vault.recall(name, option, place)
            if secret is None:
                raise ConfigurationError(
                    f"the system keyring holds no {option} of profile {name!r} for {place}: idp login {name}"
                )
            found[option] = secret
        return found


def user_config_file(environ: Mapping[str, object], platform: str = sys.platform) -> Path | None:
    r"""Where the user's own profiles lie.

    ``%APPDATA%\identity-sdk\config.toml`` on Windows, ``~/Library/Application Support/identity-sdk/config.toml`` on
    macOS, otherwise ``$XDG_CONFIG_HOME/identity-sdk/config.toml`` or ``~/.config/identity-sdk/config.toml``. ``None``
    when there is no home folder.
    """
    if platform == "win32":
        folder = _folder(environ, "APPDATA") or _home(environ, "USERPROFILE", "AppData", "Roaming")
    elif platform == "darwin":
        folder = _home(environ, "HOME", "Library", "Application Support")
    else:
        folder = _folder(environ, "XDG_CONFIG_HOME") or _home(environ, "HOME", ".config")
    return None if folder is None else folder / _FOLDER / "config.toml"


def _folder(environ: Mapping[str, object], name: str) -> Path | None:
    value = environ.get(name)
    if not isinstance(value, str) or not value:
        return None
    # The XDG specification: a relative path is invalid and is to be ignored. (Else: a file of the working directory.)
    return Path(value) if Path(value).is_absolute() else None


def _home(environ: Mapping[str, object], name: str, *parts: str) -> Path | None:
    home = _folder(environ, name)
    if home is None:
        try:
            home = Path.home()
        except RuntimeError:
            return None
    return home.joinpath(*parts)


def read_profiles(path: Path, *, required: bool) -> ProfileFile | None:
    """The profiles in ``path``; ``None`` when there is no such file and none is ``required``.

    Raises:
        ConfigurationError: the file cannot be read, is no TOML, or has another shape than this module's docstring.
    """
    found = _load(path)
    if isinstance(found, FileNotFoundError | NotADirectoryError):
        if not required:
            return None
        raise ConfigurationError(f"there is no configuration file {path}") from None
    if isinstance(found, OSError):
        raise ConfigurationError(
            f"the configuration file {path} cannot be read: {found.strerror or 'it is no file'}"
        )
    if isinstance(found, str):
        raise ConfigurationError(f"the configuration file {path} is not valid: {found}")
    document, exposed = found
    problem = _problem(document)
    if problem:
        raise ConfigurationError(f"the configuration file {path} is not valid: {problem}")
    tables = document.get("profiles")
    found_tables = tables.items() if isinstance(tables, Sealed) else ()
    sealed = {name: table for name, table in found_tables if isinstance(table, Sealed)}
    return ProfileFile(path, document.text("default"), sealed, exposed)


def _load(path: Path) -> tuple[Sealed, bool] | OSError | str:
    """The sealed document; what went wrong is answered, not raised, so that no traceback holds the file's text."""
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return error if isinstance(error, OSError) else "its path is malformed"
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return "it is no regular file"
        with os.fdopen(handle, "rb", closefd=False) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        return error
    finally:
        os.close(handle)
    if len(raw) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES} bytes"
    try:
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        return str(error)
    except (RecursionError, ValueError):  # ValueError: an integer of more digits than Python converts
        return "it is nested too deeply, or holds a number that is too long"
    return _seal(document), os.name == "posix" and bool(status.st_mode & 0o077)


def _seal(document: Mapping[str, object]) -> Sealed:
    tables = document.get("profiles")
    if not isinstance(tables, dict):
        return Sealed(document)
    named = cast("dict[str, object]", tables)
    sealed = {
        name: Sealed(cast("dict[str, object]", table)) if isinstance(table, dict) else table
        for name, table in named.items()
    }
    return Sealed({**document, "profiles": Sealed(sealed)})


def _problem(document: Sealed) -> str:
    """What is wrong with the shape of the document, or nothing."""
    for key in document:
        if key not in ("default", "profiles"):
            return f"{key!r} is not known there: {nearest(key, ('default', 'profiles'))}"
    if "default" in document and document.text("default") is None:
        return "default must be the name of a profile"
    tables = document.get("profiles", Sealed({}))
    if not isinstance(tables, Sealed):
        return "profiles must be tables: [profiles.NAME]"
    for name, table in tables.items():
        if not isinstance(table, Sealed):
            return f"profiles.{name} must be a table: [profiles.{name}]"
    return ""
