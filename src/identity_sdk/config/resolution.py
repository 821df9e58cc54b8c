"""One precedence for all settings, and a report of where each came from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import cast

from identity_sdk.adapters.base import Adapter
from identity_sdk.adapters.registry import adapter_class
from identity_sdk.config.goal import Files, Goal, find_goal, profile_files
from identity_sdk.config.profiles import Profile, user_config_file
from identity_sdk.config.sources import (
    CONTROLS,
    Setting,
    Source,
    arguments,
    environment,
    of_official_client,
    refuse_misspelled,
)
from identity_sdk.config.values import ARGUMENT_ONLY, Sealed, adapter_text, client_value, nearest
from identity_sdk.errors import ConfigurationError
from identity_sdk.options import CLIENT_OPTIONS, ClientOptions
from identity_sdk.secrets import REDACTED, Secret

__all__ = ["Resolved", "Setting", "resolve"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What ``connect()`` builds a client from."""

    adapter: Adapter
    client: ClientOptions
    settings: tuple[Setting, ...]


def resolve(
    target: str | Adapter | None,
    options: Mapping[str, object],
    *,
    environ: Mapping[str, str] | None = None,
    profile_file: Path | None = None,
) -> Resolved:
    """Finds out what to connect to, and with which options. Reads at most one file; no network.

    What to connect to is said by the first of these that says anything: the arguments (``target``, ``profile=``), the
    environment (``IDENTITY_SDK_TARGET``, ``IDENTITY_SDK_PROFILE``), ``default`` in the file of profiles. A target is an
    adapter's name, else a URL (``lakefs+https://host/api/v1``, ``local:``), else a profile's name: an adapter's name
    always wins, so that no file changes what ``connect("lakefs")`` in a program means; ``profile="lakefs"`` names the
    profile. A profile counts only when it is named so.

    Each option is then taken from the first source that has it: arguments, environment (``IDENTITY_SDK_<OPTION>``,
    empty means not set), profile, where none of them says ``base_url`` the variables of the backend's official client
    (:attr:`Adapter.variables`), default. An option that is secret is used only if ``base_url`` comes from the same
    source, or from none (the adapter's own). With an :class:`Adapter` as target only the client's options are
    resolved, from arguments and environment.

    Args:
        target: see above.
        options: the adapter's and the client's options, ``profile`` and ``config`` (the file of profiles); ``None``
            means not given.
        environ: instead of ``os.environ``.
        profile_file: instead of the user's own file (see :mod:`identity_sdk.config.profiles`); it may be missing,
            while one named by ``config=`` or ``IDENTITY_SDK_CONFIG`` may not.

    Raises:
        ConfigurationError: nothing says what to connect to; an option is unknown (the nearest is named), malformed or
            missing; a secret and ``base_url`` come from different sources; the file is malformed, or holds a secret
            and others may read it; an extra is not installed. No message shows a secret.
    """
    options = Sealed(options)  # in this frame too: tracebacks with locals print it
    variables = Sealed(os.environ if environ is None else environ)
    environ = None
    args, env = arguments(options), environment(variables)
    if isinstance(target, Adapter):
        return _given(target, args, env)
    if target is not None:
        args = args.adding({"target": target})
        target = None
        args.values.refuse_userinfo("target")
    files = profile_files(args, env, profile_file or user_config_file(variables))
    goal = find_goal(args, env, files)
    cls = adapter_class(goal.adapter)
    if cls.variables and _first("base_url", goal.sources) is None:
        theirs = of_official_client(variables, cls.variables)
        goal = replace(goal, sources=(*goal.sources, theirs))
    _refuse_unknown(cls, goal)
    _refuse_mixed(cls, goal)
    _refuse_exposed(cls, goal.profile)
    built = _build(cls, goal, files)
    client, shown = _client(goal.sources)
    settings = (*goal.said, *_adapter_settings(cls, goal.sources), *shown)
    return Resolved(built, client, settings)


def _given(adapter: Adapter, args: Source, env: Source) -> Resolved:
    """An adapter that the caller made: only the client's options are left to find."""
    made = type(adapter).__name__
    for name in args.values:
        if name in adapter.options or name in CONTROLS:
            raise ConfigurationError(
                f"{name} is settled by the adapter given: connect({made}(…)) takes none beside it"
            )
        if name not in CLIENT_OPTIONS:
            raise ConfigurationError(f"unknown option {name!r}: {nearest(name, CLIENT_OPTIONS)}")
    refuse_misspelled(env, (*adapter.options, *CLIENT_OPTIONS))
    client, shown = _client((args, env))
    return Resolved(adapter, client, (Setting("target", repr(adapter), "argument"), *shown))


# ------------------------------------------------------------------------------------------------- what is refused
def _refuse_unknown(cls: type[Adapter], goal: Goal) -> None:
    known = (*cls.options, *CLIENT_OPTIONS)
    taken = sorted(cls.options.keys() & {*CLIENT_OPTIONS, *CONTROLS})
    if taken:
        raise ConfigurationError(
            f"the adapter is at fault: its option {taken[0]} is the client's", provider=cls.name
        )
    if goal.url and "base_url" not in cls.options:
        raise ConfigurationError(f"{cls.name} takes no URL: connect({cls.name!r}, …)", provider=cls.name)
    for source in goal.sources:
        if source.kind == "environment":
            refuse_misspelled(source, known)
            continue
        allowed = {*known, *CONTROLS} if source.kind == "argument" else set(known)
        unknown = sorted(name for name in source.values if name not in allowed)
        if unknown:
            told = "; ".join(f"{name!r}: {nearest(name, known)}" for name in unknown)
            where = "" if source.kind == "argument" else f"{source.where}: "
            raise ConfigurationError(f"{where}{cls.name} has no option {told}", provider=cls.name)


def _refuse_mixed(cls: type[Adapter], goal: Goal) -> None:
    """A secret goes only to the place that the same source named."""
    place = _first("base_url", goal.sources)
    if place is None:
        return
    for name, option in cls.options.items():
        source = _first(name, goal.sources) if option.secret and name != "base_url" else None
        if source is not None and source is not place:
            raise ConfigurationError(
                f"{name} comes from {source.origin(name)}, but base_url from {place.origin('base_url')}: a secret is "
                "sent only to the base_url of its own source. "
                f"Either {source.mend('base_url')} too, or {place.mend(name)}",
                provider=cls.name,
            )


def _refuse_exposed(cls: type[Adapter], profile: Profile | None) -> None:
    if profile is None or not profile.exposed:
        return
    written = profile.options.keys() - set(profile.kept)
    held = [name for name, option in cls.options.items() if option.secret and name in written]
    if "@" in (profile.options.text("proxy") or ""):
        held.append("proxy")
    if held:
        raise ConfigurationError(
            f"{profile.path} holds a secret ({', '.join(held)}) and is open to other users: chmod 600 {profile.path}",
            provider=cls.name,
        )


def _first(name: str, sources: Sequence[Source]) -> Source | None:
    return next((source for source in sources if name in source.values), None)


# --------------------------------------------------------------------------------------------------- what is built
def _build(cls: type[Adapter], goal: Goal, files: Files) -> Adapter:
    given: dict[str, object] = {}  # secrets in it are Secrets
    for name, option in cls.options.items():
        source = _first(name, goal.sources)
        if source is not None:
            given[name] = _adapter_value(cls, name, option.secret, source)
    try:
        return cls.from_options(given)
    except ConfigurationError as error:
        target = goal.said[0].value
        if goal.profile is not None or target != goal.adapter or not _has_profile(files, goal.adapter):
            raise
        raise ConfigurationError(
            f"{error.message} ({target!r} is the adapter here; for the profile of that name: profile={target!r})",
            provider=cls.name,
        ) from None


def _has_profile(files: Files, name: str) -> bool:
    try:
        file = files()
    except ConfigurationError:
        return False
    return file is not None and name in file.tables


def _adapter_value(cls: type[Adapter], name: str, secret: bool, source: Source) -> object:
    """The value as ``from_options`` gets it: text from environment and file, and a ``Secret`` where it is secret."""
    try:
        if name == "base_url":
            _refuse_place(cls, source)
        if secret and source.values.text(name) is not None:
            return Secret(str(source.values[name]))
        if secret and isinstance(source.values[name], Secret):  # an argument's, or one that the keyring holds
            return source.values[name]
        if source.kind == "argument":
            return source.values[name]
        return Secret(adapter_text(name, source.values)) if secret else adapter_text(name, source.values)
    except ConfigurationError as error:
        raise _located(error, source, name, cls.name) from None


def _refuse_place(cls: type[Adapter], source: Source) -> None:
    """Refuses a ``base_url`` with a secret in it, which the adapter's own check could show.

    No name is given to the value here: tracebacks with locals would print it.
    """
    if source.kind == "argument" and source.values.text("base_url") is None:
        kind = type(source.values["base_url"]).__name__
        raise ConfigurationError(f"base_url must be a string, not of the type {kind}")
    if cls.remote and any(mark in str(source.values["base_url"]) for mark in "@?#"):
        raise ConfigurationError(
            "base_url must hold neither user and password nor a query: give secrets as options, they are kept secret"
        )


def _client(sources: Sequence[Source]) -> tuple[ClientOptions, list[Setting]]:
    values: dict[str, object] = {}
    settings: list[Setting] = []
    for option in fields(ClientOptions):
        name = option.name
        source = _first(name, sources)
        if source is None:
            settings.append(Setting(name, _shown(name, option.default), "default"))
            continue
        try:
            if name in ARGUMENT_ONLY and source.kind != "argument":
                raise ConfigurationError(f"{name} can only be given as an argument")
            values[name] = client_value(name, source.values[name])
        except ConfigurationError as error:
            raise _located(error, source, name) from None
        settings.append(Setting(name, _shown(name, values[name]), source.origin(name)))
    return ClientOptions.of(values), settings


def _located(
    error: ConfigurationError, source: Source, name: str, provider: str | None = None
) -> ConfigurationError:
    """The same error with the place that the value came from in front."""
    where = "" if source.kind == "argument" else f"{source.origin(name)}: "
    return ConfigurationError(f"{where}{error.message}", provider=provider)


def _adapter_settings(cls: type[Adapter], sources: Sequence[Source]) -> list[Setting]:
    settings: list[Setting] = []
    for name, option in cls.options.items():
        source = _first(name, sources)
        if source is None:
            settings.append(Setting(name, None, "not set"))
        else:
            shown = REDACTED if option.secret else _shown(name, source.values[name])
            settings.append(Setting(name, shown, source.origin(name)))
    return settings


def _shown(name: str, value: object) -> object:
    """Plain and ready for JSON; a password in a proxy's URL is cut out."""
    if isinstance(value, str):
        return f"{REDACTED}@{value.rpartition('@')[2]}" if name == "proxy" and "@" in value else value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [_shown(name, each) for each in cast("Iterable[object]", value)]
    return f"<{type(value).__name__}>"
