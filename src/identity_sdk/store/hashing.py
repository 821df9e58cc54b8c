"""Hashes: SHA-256 for random secrets, argon2 for passwords, and comparisons in constant time.

A random key or token of 30 bytes cannot be guessed, so a plain SHA-256 is enough and costs a microsecond. A
password can be guessed, so it gets argon2id, which costs about 0.1 s and 64 MiB a hash: as many at a time as
there are CPUs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from anyio.lowlevel import RunVar

from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["hash_password", "hash_secret", "same", "verify_password"]

# One limiter for each event loop: an anyio limiter belongs to the loop that uses it.
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("identity_sdk.store.hashing")


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a *random* secret as hexadecimal text. Not for passwords."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two strings in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


async def hash_password(password: str) -> str:
    """Return the argon2id hash of a password (PHC string format), computed in a worker thread.

    Raises:
        ConfigurationError: argon2-cffi is not installed.
    """
    return await to_thread.run_sync(_hasher().hash, password, limiter=_workers())


async def verify_password(password_hash: str, password: str) -> bool:
    """Tell whether the password belongs to the hash, in a worker thread. A malformed hash is a no.

    Raises:
        ConfigurationError: argon2-cffi is not installed.
    """
    hasher = _hasher()
    return await to_thread.run_sync(_verify, hasher, password_hash, password, limiter=_workers())


def _verify(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
        raise ConfigurationError(
            'passwords need argon2-cffi: python -m pip install "unified-identity-sdk[local]"'
        ) from None
    return PasswordHasher()


def _workers() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(os.cpu_count() or 1)
        _limiter.set(limiter)
        return limiter
