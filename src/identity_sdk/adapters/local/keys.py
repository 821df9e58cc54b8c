"""Random ids and secrets. A prefix tells what a leaked string is; 30 and 32 random bytes cannot be guessed."""

from __future__ import annotations

import secrets
from typing import Final

from identity_sdk.secrets import Secret
from identity_sdk.store.hashing import hash_secret

__all__ = ["api_key", "api_key_id", "hash_of", "new_id", "new_secret"]

SESSION: Final = "ids_"
REFRESH: Final = "idr_"
RESET: Final = "idp_"
API_KEY: Final = "idk_"

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def new_id(prefix: str) -> str:
    """An id of our own making: 100 random bits in capital letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(20))


def new_secret(prefix: str = "", size: int = 32) -> Secret:
    """A random secret of ``size`` bytes, URL-safe."""
    return Secret(prefix + secrets.token_urlsafe(size))


def api_key(id: str) -> Secret:
    """The secret of an API key; it holds its id, so that it can be found by itself."""
    return new_secret(f"{API_KEY}{id}_", 30)


def api_key_id(secret: Secret) -> str | None:
    """The id in an API key; ``None`` where the string is none."""
    value = secret.reveal()
    return value[len(API_KEY) :].partition("_")[0] if value.startswith(API_KEY) else None


def hash_of(secret: Secret) -> str:
    """What is stored of a random secret: its SHA-256."""
    return hash_secret(secret.reveal())
