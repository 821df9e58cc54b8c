"""Passwords as emulators keep them: PBKDF2 (RFC 8018) with few rounds, for they guard nothing."""

from __future__ import annotations

import hashlib
import hmac
import secrets

__all__ = ["hash_of_password", "same_password"]

_ROUNDS = 1000


def hash_of_password(password: str) -> str:
    """The hash of a password, with a salt of its own."""
    salt = secrets.token_hex(8)
    return f"pbkdf2${salt}${_derived(password, salt)}"


def same_password(stored: str, password: str) -> bool:
    """Whether the password belongs to the hash; hashes of another kind belong to none."""
    scheme, _, rest = stored.partition("$")
    salt, _, found = rest.partition("$")
    return scheme == "pbkdf2" and hmac.compare_digest(found, _derived(password, salt))


def _derived(password: str, salt: str) -> str:
    raw = password.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", raw, salt.encode(), _ROUNDS).hex()
