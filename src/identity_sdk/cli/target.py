"""The options that say what to connect to, the same for every verb."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Final

from identity_sdk.cli.sources import SOURCES, read_secret
from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret

__all__ = ["SECRET_OPTIONS", "add_target", "needs_the_extra", "options_of", "target_of"]

SECRET_OPTIONS: Final = frozenset(
    [
        "access_key",
        "api_key",
        "csrf_token",
        "database_url",
        "password",
        "private_key",
        "refresh_token",
        "secret_access_key",
        "token",
    ]
)
"""The secret options of the built-in adapters; a test holds it against them."""


def needs_the_extra() -> None:
    """
    Raises:
        ConfigurationError: the extra of the command line is not installed.
    """
    missing = next(
        (name for name in ("rich", "keyring", "tomlkit", "argcomplete") if not _is_there(name)), None
    )
    if missing is not None:
        raise ConfigurationError(f"this needs {missing}: pip install 'unified-identity-sdk[cli]'")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # half-imported
        return False


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds ``--provider``, ``--url``, ``--profile``, ``--config`` and ``--set``."""
    group = parser.add_argument_group(
        "what to connect to",
        "not given: the environment (IDENTITY_SDK_*), else the default profile (idp login)",
    )
    group.add_argument(
        "--provider", metavar="NAME", help="argus, auth-service, authress, igtcloud, lakefs, local"
    )
    group.add_argument(
        "--url",
        metavar="URL",
        help="such as https://host/api/v1 with --provider, or local:///path/identity.db",
    )
    group.add_argument("--profile", metavar="NAME", help="a profile that idp login made")
    group.add_argument("--config", metavar="FILE", help="the file of profiles, instead of your own")
    group.add_argument(
        "--set",
        metavar="OPTION=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"any option of connect(), such as deadline=5 or tls=ca.pem; for a secret, where to read it: {SOURCES}",
    )


def target_of(args: argparse.Namespace) -> str | None:
    """What ``connect()`` takes first.

    Raises:
        ConfigurationError: provider and URL do not go together.
    """
    provider: str | None = args.provider
    url: str | None = args.url
    if url is None:
        return provider
    scheme = url.partition(":")[0].lower()
    if scheme in ("http", "https"):
        if provider is None and args.profile is None:
            raise ConfigurationError(f"whose URL is that? Say --provider too, or --url NAME+{scheme}://…")
        return f"{provider}+{url}" if provider is not None else None
    if provider is not None and scheme.partition("+")[0].replace("_", "-") != provider.replace("_", "-"):
        raise ConfigurationError(f"--url is not one of {provider}: it begins with {scheme}:")
    return url


def options_of(args: argparse.Namespace, *, ask: bool = True) -> dict[str, object]:
    """The further options of ``connect()``; secrets are read from where they are.

    Args:
        args: the parsed arguments.
        ask: whether to read secrets from a prompt or stdin; otherwise something stands in for them.

    Raises:
        ConfigurationError: an option is malformed or given twice, or a secret cannot be read.
    """
    options: dict[str, object] = {
        name: value for name in ("profile", "config") if (value := getattr(args, name)) is not None
    }
    if args.url is not None and target_of(args) is None:
        options["base_url"] = args.url
    secrets = SECRET_OPTIONS | _further_secrets(args.provider)
    for word in args.settings:
        name, equals, value = str(word).partition("=")
        name = name.replace("-", "_")
        if not equals or not name:
            raise ConfigurationError("--set takes OPTION=VALUE, such as deadline=5")
        if name in options:
            raise ConfigurationError(f"{name} is given twice")
        if name not in secrets:
            options[name] = value
        elif not ask and value in ("ask", "-"):
            options[name] = Secret(f"{{{name}}}")
        else:
            options[name] = read_secret(value, name)
    return options


def _further_secrets(provider: str | None) -> frozenset[str]:
    """Those of a third party's adapter."""
    if provider is None:
        return frozenset()
    from identity_sdk.adapters.registry import adapter_class

    return frozenset(name for name, option in adapter_class(provider).options.items() if option.secret)
