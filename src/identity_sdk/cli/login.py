"""``idp login``: makes a profile. Its secrets go into the system keyring, or on request into the file of profiles."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from identity_sdk.cli.sources import SOURCES, read_secret
from identity_sdk.cli.target import needs_the_extra
from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from identity_sdk.adapters.base import Adapter

__all__ = ["add", "remove_profile", "run"]

_WAYS: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    "argus": (("api_key",), ("username", "password"), ("token",)),
    "auth-service": (("refresh_token",), ("token",)),
    "authress": (("access_key",), ("token",)),
    "igtcloud": (("username", "password"), ("service_id", "private_key"), ("token", "csrf_token")),
    "lakefs": (("access_key_id", "secret_access_key"), ("token",)),
    "local": ((), ("access_key_id", "secret_access_key"), ("token",)),
}
"""What each backend signs in by, the usual way first; a test holds the names against the adapters' options."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``idp login``."""
    parser.epilog = """\
examples:
  idp login                                   asks for everything
  idp login prod --provider lakefs --url https://lakefs.example.com/api/v1
  idp login prod --provider lakefs --url https://lakefs.example.com/api/v1 \\
      --set access_key_id=AKIA123 --set secret_access_key=env:KEY
  idp login mine --provider local --url local:identity.db
"""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="what to call the profile; not given: the provider"
    )
    parser.add_argument("--provider", metavar="NAME", help=", ".join(_WAYS))
    parser.add_argument("--url", metavar="URL", help="the server, such as https://host/api/v1")
    parser.add_argument(
        "--set",
        metavar="OPTION=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"any option of connect(); for a secret, where to read it: {SOURCES}",
    )
    parser.add_argument(
        "--store",
        choices=("keyring", "file"),
        default="keyring",
        help="where secrets are kept: the system keyring, or the file of profiles, which then only you may read",
    )
    parser.add_argument("--config", metavar="FILE", help="the file of profiles, instead of your own")
    parser.add_argument("--default", action="store_true", help="use it where nothing else is said")
    parser.add_argument("--no-check", action="store_true", help="do not try the credential on the server")


def run(args: argparse.Namespace) -> int:
    """Asks for what is missing, tries it, and writes the profile.

    Raises:
        ConfigurationError: something is missing or malformed, or there is no keyring.
        IdentityError: the server refuses the credential; nothing was written.
    """
    import anyio

    from identity_sdk.adapters.registry import adapter_class
    from identity_sdk.config import vault

    needs_the_extra()
    provider = (args.provider or _asked("provider", f"one of {', '.join(_WAYS)}")).replace("_", "-")
    cls = adapter_class(provider)
    name = args.name or provider
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ConfigurationError("a profile's name is letters, digits, dots, dashes and underscores")
    options = _options(args, cls)
    path = _path(args.config)
    secrets = {option: value for option, value in options.items() if isinstance(value, Secret)}
    if args.store == "keyring" and secrets:
        vault.check()  # before anything is sent
    if not args.no_check:
        told = anyio.run(_checked, provider, dict(options))
        print(f"Signed in at {told}.")
    if args.store == "keyring":
        place = str(options.get("base_url", provider))
        for option, secret in secrets.items():
            vault.keep(name, option, place, secret)
    _write(path, name, provider, options, in_file=args.store == "file", default=args.default)
    where = f"the system keyring and {path}" if args.store == "keyring" and secrets else str(path)
    print(f"Profile {name!r} is in {where}. Use it by --profile {name}, or connect(profile={name!r}).")
    return 0


def _options(args: argparse.Namespace, cls: type[Adapter]) -> dict[str, object]:
    """What was given, and what had to be asked for."""
    options: dict[str, object] = {}
    if args.url is not None:
        options["base_url"] = args.url
    for word in args.settings:
        option, equals, value = str(word).partition("=")
        option = option.replace("-", "_")
        if not equals:
            raise ConfigurationError("--set takes OPTION=VALUE, such as customer=mnemonic")
        if option in options:
            raise ConfigurationError(f"{option} is given twice")
        known = cls.options.get(option)
        options[option] = read_secret(value, option) if known is not None and known.secret else value
    if "base_url" not in options and "database_url" not in options:
        options["base_url"] = _asked("url", cls.options["base_url"].help)
    ways = _WAYS.get(cls.name, (tuple(name for name, option in cls.options.items() if option.secret),))
    begun = [way for way in ways if any(option in options for option in way)]
    for option in begun[0] if begun else _chosen(ways):
        if option not in options:
            secret = cls.options[option].secret
            options[option] = (
                read_secret("ask", option) if secret else _asked(option, cls.options[option].help)
            )
    return options


def _chosen(ways: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The usual way, unless somebody at a terminal says otherwise."""
    if len(ways) < 2 or not sys.stdin.isatty():
        return ways[0]
    for number, way in enumerate(ways, 1):
        print(f"  {number}. {' and '.join(way) or 'nothing (as root)'}", file=sys.stderr)
    answer = _line("sign in by (1): ") or "1"
    if not (answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(ways)):
        raise ConfigurationError(f"sign in by a number from 1 to {len(ways)}")
    return ways[int(answer) - 1]


def _asked(what: str, told: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{what} is missing: give {_option(what)} ({told})")
    print(f"{what}: {told}", file=sys.stderr)
    answer = _line(f"{what}: ")
    if not answer:
        raise ConfigurationError(f"{what} is missing ({told})")
    return answer


def _option(what: str) -> str:
    return f"--{what}" if what in ("provider", "url") else f"--set {what}=…"


def _line(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


async def _checked(provider: str, options: dict[str, object]) -> str:
    from identity_sdk.client import connect

    async with connect(provider, **options) as idp:
        info = await idp.ping()
        where = options.get("base_url", provider)
        return f"{where} as {info.principal}" if info.principal else f"{where}, as nobody in particular"


# ----------------------------------------------------------------------------------------------------- the file
def _path(config: str | None) -> Path:
    from identity_sdk.config import user_config_file

    named = config or os.environ.get("IDENTITY_SDK_CONFIG")
    path = Path(named).expanduser() if named else user_config_file(os.environ)
    if path is None:
        raise ConfigurationError("there is no home folder to keep profiles in: name a file by --config")
    return path


def _document(path: Path) -> MutableMapping[str, Any]:
    """What is in the file; its comments and its order stay."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    from identity_sdk.config.profiles import read_profiles

    read_profiles(path, required=False)  # says what is wrong with it
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        return cast("MutableMapping[str, Any]", tomlkit.parse(text))
    except (OSError, TOMLKitError):
        pass
    raise ConfigurationError(f"{path} cannot be read")


def _write(
    path: Path, name: str, provider: str, options: dict[str, object], *, in_file: bool, default: bool
) -> None:
    import tomlkit

    document = _document(path)
    table = tomlkit.table()
    table["target"] = provider
    kept: list[str] = []
    for option, value in options.items():
        if not isinstance(value, Secret):
            table[option] = value
        elif in_file:
            table[option] = value.reveal()
        else:
            kept.append(option)
    if kept:
        table["keyring"] = kept
    profiles: MutableMapping[str, Any] | None = document.get("profiles")
    if profiles is None:
        document["profiles"] = tomlkit.table(is_super_table=True)
        profiles = cast("MutableMapping[str, Any]", document["profiles"])
    first = not profiles
    _forget_what_is_replaced(name, profiles.get(name, {}), table)
    profiles[name] = table
    if default or (first and "default" not in document):
        _set_default(document, name)
    _save(path, tomlkit.dumps(document))


def _forget_what_is_replaced(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """What the keyring held for this profile, unless the new one has it there as well."""
    from identity_sdk.config import vault

    place = _place(old)
    for option in old.get("keyring", []):
        if place != _place(new) or option not in new.get("keyring", []):
            with suppress(ConfigurationError):  # a keyring that is gone keeps nothing
                vault.forget(name, str(option), place)


def _place(table: Mapping[str, Any]) -> str:
    return str(table.get("base_url", table.get("target", "")))


def _set_default(document: MutableMapping[str, Any], name: str) -> None:
    """It must stand before the first table, or it would belong to that."""
    import tomlkit

    if "default" in document:
        document["default"] = name
        return
    old = [(key, document[key]) for key in list(document)]
    for key, _ in old:
        del document[key]
    document["default"] = tomlkit.item(name)
    for key, value in old:
        document[key] = value


def _save(path: Path, text: str) -> None:
    """In place of the old file, all or nothing, for its owner alone."""
    target = path.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


def remove_profile(config: str | None, name: str) -> Path:
    """Forgets a profile, in the keyring first.

    Raises:
        ConfigurationError: there is none of that name, or the keyring refuses.
    """
    import tomlkit

    from identity_sdk.config import vault

    path = _path(config)
    document = _document(path)
    profiles = document.get("profiles", {})
    table = profiles.get(name)
    if table is None:
        raise ConfigurationError(f"there is no profile {name!r} in {path}")
    for option in table.get("keyring", []):
        vault.forget(name, str(option), _place(table))
    del profiles[name]
    if document.get("default") == name:
        del document["default"]
    _save(path, tomlkit.dumps(document))
    return path
