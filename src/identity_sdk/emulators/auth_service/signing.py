"""Tokens: access tokens (JWT, RS256, ten minutes), refresh tokens (UUIDs that are never rotated)."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from sqlalchemy import Connection

from identity_sdk.emulators.auth_service.answer import Problem, Trouble
from identity_sdk.store import hash_secret
from identity_sdk.store import queries as q

__all__ = [
    "ACCESS_SECONDS",
    "SSO_SECONDS",
    "access_token",
    "find_refresh",
    "iso",
    "make_refresh",
    "read_access",
    "read_uuid",
    "refresh_tokens",
    "signing_key",
]

ACCESS_SECONDS = 600.0
SSO_SECONDS = 86400.0
ALGORITHM = "RS256"
KIND = "auth-service.refresh"
INVALID = "Provided token is not valid"
_KID = "auth-service"


def signing_key(conn: Connection, now: float, given: str | None = None) -> RSAKey:
    """The key of this store; the first one is made, or the given one kept."""
    row = q.signing_keys.get(conn, _KID)
    if row is not None:
        return RSAKey.import_key(row.private_pem)
    key = RSAKey.import_key(given) if given else RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode("ascii")
    q.signing_keys.insert(
        conn, q.SigningKeyRow(kid=_KID, algorithm=ALGORITHM, created_at=now, private_pem=pem)
    )
    return key


def iso(seconds: float) -> str:
    """As pydantic words it: microseconds unless they are 0, and ``+00:00``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def access_token(key: RSAKey, user: Mapping[str, object], now: float, seconds: float) -> dict[str, object]:
    """``TokenResponse``: the token is a snapshot of the user, which it holds as a string of JSON."""
    until = now + seconds
    claims = {"sub": user["userId"], "exp": int(until), "user_info": json.dumps(user)}
    token = jwt.encode(
        {"alg": ALGORITHM, "typ": "JWT"}, cast("dict[str, Any]", claims), key, algorithms=[ALGORITHM]
    )
    return {"token": token, "expiresAt": iso(until)}


def read_access(key: RSAKey, token: str, now: float) -> dict[str, object]:
    """The user that an access token tells of.

    The real server also takes HS256 under its public key as the secret. That is not imitated.

    Raises:
        Problem: it is no JWT, or expired.
        Trouble: its signature is not of this key by RS256.
    """
    parts = token.split(".")
    if len(parts) != 3 or not all(isinstance(_part(part), dict) for part in parts[:2]):
        raise Problem(401, INVALID)
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise Trouble(401, INVALID) from None
    if not now < claims["exp"]:
        raise Problem(401, INVALID)
    return cast("dict[str, object]", json.loads(claims["user_info"]))


def _part(text: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None


def read_uuid(text: str) -> str | None:
    """A UUID in any of the forms that Python takes: upper case, braces, ``urn:uuid:``, without dashes."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def make_refresh(
    conn: Connection, user: str, now: float, seconds: float, more: Mapping[str, object] | None = None
) -> tuple[str, q.TokenRow]:
    """A new refresh token and its row, which holds only a hash of it."""
    token = str(uuid.uuid4())
    name = str(uuid.uuid4())
    row = q.TokenRow(
        id=name,
        family_id=name,
        user_id=user,
        created_at=now,
        secret_hash=hash_secret(token),
        expires_at=now + seconds,
        attributes={**(more or {}), "kind": KIND},
    )
    q.tokens.insert(conn, row)
    return token, row


def find_refresh(conn: Connection, token: str, now: float) -> q.TokenRow | None:
    """The row of a living refresh token."""
    found = q.tokens.find(conn, secret_hash=hash_secret(token), limit=1)
    return found[0] if found and _alive(found[0], now) else None


def refresh_tokens(conn: Connection, now: float, user: str | None = None) -> list[q.TokenRow]:
    """The living refresh tokens."""
    rows = q.tokens.find(conn) if user is None else q.tokens.find(conn, user_id=user)
    return [row for row in rows if _alive(row, now)]


def _alive(row: q.TokenRow, now: float) -> bool:
    ends = row.expires_at
    return row.attributes.get("kind") == KIND and row.revoked_at is None and (ends is None or now < ends)
