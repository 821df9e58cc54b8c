"""Signatures of access tokens, by joserfc. Imported when the first one is verified."""

from __future__ import annotations

from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from identity_sdk.secrets import Secret

__all__ = ["verify"]

ALGORITHM = "RS256"
"""The only one that counts: the server itself takes HS256 signed with its public key as the secret."""


def verify(token: Secret, public_pem: str) -> dict[str, Any] | None:
    """The claims of a JWT that this key signed; ``None`` when it is anything else.

    Raises:
        ValueError: the key is no RSA key.
    """
    try:
        key = RSAKey.import_key(public_pem)
    except (JoseError, ValueError, TypeError) as error:
        raise ValueError(type(error).__name__) from None
    try:
        return jwt.decode(token.reveal(), key, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
