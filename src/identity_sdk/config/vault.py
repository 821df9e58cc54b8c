"""The system keyring, where the secrets of profiles are kept that ``idp login`` made.

An entry is bound to the place that its secret is for: whoever changes ``base_url`` in the file of profiles finds no
secret to send there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar, cast

from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret

__all__ = ["check", "forget", "keep", "recall"]

T = TypeVar("T")


class _Ring(Protocol):
    """What is used of a keyring's backend."""

    @property
    def priority(self) -> float: ...

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


_SERVICE: Final = "identity-sdk"
_LEAST: Final = 1.0
"""What keyring itself recommends (``keyring.core.recommended``): those below keep secrets in plain files."""


def check() -> None:
    """
    Raises:
        ConfigurationError: there is no keyring worth its name.
    """
    _asked(lambda ring: None)


def keep(profile: str, option: str, place: str, secret: Secret) -> None:
    """Keeps a secret.

    Raises:
        ConfigurationError: there is no keyring worth its name, or it refuses.
    """
    _asked(lambda ring: ring.set_password(_SERVICE, _entry(profile, option, place), secret.reveal()))


def recall(profile: str, option: str, place: str) -> Secret | None:
    """The secret, if it is there.

    Raises:
        ConfigurationError: there is no keyring worth its name, or it refuses.
    """
    found = _asked(lambda ring: ring.get_password(_SERVICE, _entry(profile, option, place)))
    return Secret(found) if found else None


def forget(profile: str, option: str, place: str) -> None:
    """Forgets it; again is harmless.

    Raises:
        ConfigurationError: there is no keyring worth its name, or it refuses.
    """

    def drop(ring: _Ring) -> None:
        if ring.get_password(_SERVICE, _entry(profile, option, place)) is not None:
            ring.delete_password(_SERVICE, _entry(profile, option, place))

    _asked(drop)


def _entry(profile: str, option: str, place: str) -> str:
    return f"{profile} {option} {place}"


def _asked(work: Callable[[_Ring], T]) -> T:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        raise ConfigurationError(
            "keyring is not installed: pip install 'unified-identity-sdk[cli]'"
        ) from None
    ring = cast("_Ring", keyring.get_keyring())
    kind = type(ring)
    if (
        kind.__module__.startswith(("keyring.backends.fail", "keyring.backends.null"))
        or ring.priority < _LEAST
    ):
        raise ConfigurationError(
            "this machine has no system keyring that keeps secrets safely (see `keyring diagnose`): set one up, or say "
            "--store file to idp login to keep them in a file that only you may read"
        )
    try:
        return work(ring)
    except KeyringError as error:
        why = type(error).__name__  # its message may quote
    raise ConfigurationError(f"the system keyring refused ({why}): is it unlocked?")
