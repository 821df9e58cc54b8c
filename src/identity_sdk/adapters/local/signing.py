"""Access tokens: JWTs signed with Ed25519 (RFC 9864, RFC 8037), checked here or offline by the public keys."""

from __future__ import annotations

from typing import Any, Final, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy import Connection

from identity_sdk.adapters.local.keys import new_id
from identity_sdk.models import Claims, JsonValue
from identity_sdk.secrets import Secret
from identity_sdk.store import tables
from identity_sdk.store.queries import SigningKeyRow, get_meta, signing_keys

__all__ = ["ACCESS_LIFE", "claims_of", "public_keys", "read", "rotate", "sign"]

ALGORITHM: Final = "Ed25519"
ACCESS_LIFE: Final = 900.0
"""Seconds that an access token lives at most: as long as it passes offline after a revocation."""

ISSUER: Final = "local.issuer"
_LONGEST = 8192


def issuer(conn: Connection) -> str:
    """The ``iss`` of this store's tokens: a URN of its own, made with the store."""
    return get_meta(conn, ISSUER) or ""


def rotate(conn: Connection, now: float) -> SigningKeyRow:
    """A new key signs from now on. Older ones verify for as long as their last token lives, then they go."""
    table = tables.signing_keys
    signing_keys.change(conn, {"retired_at": now}, retired_at=None)
    signing_keys.remove(conn, table.c.retired_at.is_not(None), table.c.retired_at <= now - ACCESS_LIFE)
    made = OKPKey.generate_key("Ed25519")
    row = SigningKeyRow(
        kid=new_id("k"),
        algorithm=ALGORITHM,
        created_at=now,
        private_pem=made.as_pem(private=True).decode("ascii"),
    )
    signing_keys.insert(conn, row)
    return row


def sign(conn: Connection, now: float, claims: dict[str, Any]) -> Secret:
    """A signed token. The first one of a store makes the key, so it needs a writing transaction."""
    found = signing_keys.find(conn, retired_at=None, algorithm=ALGORITHM, limit=1)
    row = found[0] if found else rotate(conn, now)
    header = {"alg": ALGORITHM, "kid": row.kid, "typ": "JWT"}
    claims = {"iss": issuer(conn), "iat": int(now), **claims}
    return Secret(jwt.encode(header, claims, _key(row), algorithms=[ALGORITHM]))


def read(conn: Connection, token: Secret, now: float) -> dict[str, Any] | None:
    """The claims of a token of this store that has not expired; ``None`` for anything else."""

    def find(recipient: Any) -> OKPKey:
        kid = recipient.headers().get("kid")
        row = (
            signing_keys.get(conn, kid)
            if isinstance(kid, str) and kid.isascii() and "\0" not in kid
            else None
        )
        if row is None or row.algorithm != ALGORITHM:
            raise ValueError("unknown key")
        if row.retired_at is not None and row.retired_at + ACCESS_LIFE <= now:
            raise ValueError("retired key")
        return _key(row)

    if len(token.reveal()) > _LONGEST:
        return None
    try:
        claims = jwt.decode(token.reveal(), find, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # forged or no JWT at all: what is wrong with it is nobody's business
    expires, subject, id = claims.get("exp"), claims.get("sub"), claims.get("jti")
    if not isinstance(expires, int | float) or not isinstance(subject, str) or not isinstance(id, str):
        return None
    return claims if expires > now and claims.get("iss") == issuer(conn) else None


def public_keys(conn: Connection, now: float) -> list[dict[str, JsonValue]]:
    """The public keys that verify tokens which are alive (RFC 7517), for a ``jwks.json``."""
    alive = [
        row
        for row in signing_keys.find(conn, algorithm=ALGORITHM)
        if row.retired_at is None or row.retired_at + ACCESS_LIFE > now
    ]
    return [
        {
            **cast("dict[str, JsonValue]", _key(row).as_dict(private=False)),
            "kid": row.kid,
            "alg": ALGORITHM,
            "use": "sig",
        }
        for row in alive
    ]


def claims_of(claims: dict[str, Any]) -> Claims:
    """Claims of a token that is accepted."""
    audience = claims.get("aud", ())
    return Claims(
        active=True,
        subject=claims["sub"],
        issuer=claims.get("iss"),
        audience=(audience,) if isinstance(audience, str) else tuple(audience),
        token_id=claims["jti"],
        expires_at=claims["exp"],
        issued_at=claims.get("iat"),
        scopes=tuple(str(claims.get("scope", "")).split()),
        claims=claims,
    )


def _key(row: SigningKeyRow) -> OKPKey:
    return OKPKey.import_key(row.private_pem)
