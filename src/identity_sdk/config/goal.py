"""What to connect to: said by arguments, environment or the file of profiles, the first that says anything."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from identity_sdk.adapters.registry import BUILT_IN, adapter_names
from identity_sdk.config.profiles import Profile, ProfileFile, read_profiles
from identity_sdk.config.sources import Setting, Source, from_profile
from identity_sdk.config.values import nearest
from identity_sdk.errors import ConfigurationError

__all__ = ["Files", "Goal", "find_goal", "profile_files"]

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(\+[A-Za-z][A-Za-z0-9+.-]*)?:(.*)", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_TRY: Final = "or, to try things out, connect('local:') for the embedded provider in memory"

Files: TypeAlias = Callable[[], ProfileFile | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """What to connect to.

    Attributes:
        adapter: its name.
        sources: where options come from, highest first; what a URL said is part of its source.
        said: who said so, for the report.
        url: whether a URL said it, and with it ``base_url``.
        profile: if one was named.
    """

    adapter: str
    sources: tuple[Source, ...]
    said: tuple[Setting, ...]
    url: bool
    profile: Profile | None = None


def profile_files(args: Source, env: Source, own: Path | None) -> Files:
    """Reads the file of profiles when it is first asked for."""
    named = next((source for source in (args, env) if "config" in source.values), None)
    path, required = own, False
    if named is not None:
        value = named.values["config"]
        if not isinstance(value, str | os.PathLike):
            raise ConfigurationError("config must be the path of a TOML file")
        path, required = _expanded(os.fspath(value)), True
    read: list[ProfileFile | None] = []

    def once() -> ProfileFile | None:
        if not read:
            read.append(None if path is None else read_profiles(path, required=required))
        return read[0]

    if required:
        once()  # a file that was named and is not there is an error, needed or not
    return once


def _expanded(path: str | bytes) -> Path:
    try:
        return Path(os.fsdecode(path)).expanduser()
    except (RuntimeError, UnicodeError):
        return Path(os.fsdecode(path))


def find_goal(args: Source, env: Source, files: Files) -> Goal:
    """What ``target`` and ``profile`` of the first source that has one of them name.

    Raises:
        ConfigurationError: nothing does, a name is unknown, or a URL is malformed or holds userinfo.
    """
    for source in (args, env):
        if "target" in source.values or "profile" in source.values:
            return _named(source, args, env, files)
    file = files()
    if file is not None and file.default is not None:
        return _of_profile(
            file.profile(file.default), (args, env), Setting("profile", file.default, str(file.path))
        )
    where = f'write default = "…" into {file.path}, ' if file is not None else ""
    raise ConfigurationError(
        f"nothing says what to connect to: give connect() a target, set IDENTITY_SDK_TARGET, {where}{_TRY}"
    )


def _named(source: Source, args: Source, env: Source, files: Files) -> Goal:
    """The goal that ``source`` names by its target, its profile or both."""
    target, name = (_string(source, control) for control in ("target", "profile"))
    both = (args, env)
    if target is None:
        assert name is not None
        return _of_profile(_profile(name, files), both, Setting("profile", name, source.origin("profile")))
    said = Setting("target", target, source.origin("target"))
    adapter, url = _read_target(target)
    if adapter is None:
        if name is not None:
            raise ConfigurationError(f"two profiles are named, {target!r} and {name!r}: name one")
        return _of_profile(_profile(target, files), both, said)
    sources = tuple(each.adding(url) if url and each is source else each for each in both)
    if name is None:
        return Goal(adapter, sources, (said,), bool(url))
    beside = _of_profile(_profile(name, files), sources, Setting("profile", name, source.origin("profile")))
    if beside.adapter != adapter:
        raise ConfigurationError(f"profile {name!r} is for {beside.adapter}, but the target is {adapter}")
    return Goal(adapter, beside.sources, (said, *beside.said), bool(url), beside.profile)


def _string(source: Source, name: str) -> str | None:
    source.values.refuse_userinfo(name)
    value = source.values.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not of the type {type(value).__name__}")
    return value


def _profile(name: str, files: Files) -> Profile:
    file = files()
    if file is None:
        hint = nearest(name, adapter_names(), known="adapters are")
        raise ConfigurationError(f"there is no adapter or profile {name!r}, and no file of profiles: {hint}")
    if name not in file.tables:
        hint = nearest(name, (*file.tables, *adapter_names()))
        raise ConfigurationError(
            f"there is no adapter or profile {name!r} (profiles are in {file.path}): {hint}"
        )
    return file.profile(name)


def _of_profile(profile: Profile, sources: tuple[Source, ...], said: Setting) -> Goal:
    adapter, url = _read_target(profile.target)
    if adapter is None:
        hint = nearest(profile.target, adapter_names(), known="adapters are")
        raise ConfigurationError(f"{profile.origin}: target must be an adapter's name or a URL: {hint}")
    source = from_profile(profile)
    target = Setting("target", profile.target, profile.origin)
    return Goal(
        adapter, (*sources, source.adding(url) if url else source), (said, target), bool(url), profile
    )


def _read_target(target: str) -> tuple[str | None, Mapping[str, object]]:
    """The adapter's name and the options that a URL says; no name when it must be a profile's."""
    found = _URL.fullmatch(target)
    if found is not None:
        name, scheme, rest = found.groups()
        if scheme is None and name.lower() in ("http", "https"):
            raise ConfigurationError(f"a URL must name its adapter: lakefs+{name.lower()}://…")
        return name.lower(), {"base_url": f"{scheme[1:]}:{rest}" if scheme else target}
    if not _NAME.fullmatch(target):
        raise ConfigurationError(f"the target must be an adapter's name, a URL or a profile's name; {_TRY}")
    return (target if _is_adapter(target) else None), {}


def _is_adapter(name: str) -> bool:
    wanted = name.replace("_", "-")  # as the registry compares
    return wanted in BUILT_IN or wanted in {other.replace("_", "-") for other in adapter_names()}
