"""What several adapters check alike: the id of an answer, and options that were given as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from identity_sdk.errors import ConfigurationError, ProtocolError
from identity_sdk.models import Entity
from identity_sdk.secrets import Secret

__all__ = ["same_id", "secret_option", "text_option"]

E = TypeVar("E", bound=Entity)


def same_id(found: E, wanted: str) -> E:
    """``found``, if it is about ``wanted``. (Today's lakeFS turns ``+`` into a space on the way.)

    Raises:
        ProtocolError: the server answered about another id.
    """
    if found.id != wanted:
        raise ProtocolError(
            f"the server answered about {found.id[:100]!r} when asked for {wanted[:100]!r}",
            provider=found.provider or None,
        )
    return found


def text_option(given: Mapping[str, object], name: str, provider: str) -> str | None:
    """An option of ``connect()``, ``None`` when it was not given.

    Raises:
        ConfigurationError: it is no string.
    """
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string", provider=provider)
    return value


def secret_option(given: Mapping[str, object], name: str, provider: str) -> Secret | None:
    """The same for a secret, which may be given as a string.

    Raises:
        ConfigurationError: it is neither.
    """
    value = given.get(name)
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string", provider=provider)
    return Secret(value)
