"""Access keys and the tokens that they sign (facts 3): made, and checked."""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError
from sqlalchemy import Connection

from identity_sdk.store import queries as q

__all__ = ["ACCESS_KEY", "Admin", "Caller", "KeyPair", "bearer", "jwk_of", "new_key"]

ACCESS_KEY = "access_key"
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
_SPKI = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """``private`` and ``public``: standard base64 of the DER."""

    private: str = field(repr=False)
    public: str


def new_key(seed: bytes | None = None) -> KeyPair:
    """An Ed25519 key pair; of a seed of 32 bytes, or a random one."""
    private = b64encode(_PKCS8 + (secrets.token_bytes(32) if seed is None else seed)).decode()
    return KeyPair(private, public_of(private))


def public_of(private: str) -> str:
    pem = f"-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n"
    told = jwk.OKPKey.import_key(pem).as_dict(private=False)
    return b64encode(_SPKI + urlsafe_b64decode(str(told["x"]) + "=")).decode()


@dataclass(frozen=True, slots=True)
class Admin:
    """The first service client and its key; a key is made if none is given."""

    client_id: str = "sc_admin"
    key_id: str = "k000"
    private: str | None = field(default=None, repr=False)

    def access_key(self, account: str) -> str:
        return f"{self.client_id}.{self.key_id}.{account}.{self.private}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a service client."""

    client_id: str


class _Registry(jws.JWSRegistry):
    """Takes the old name ``EdDSA``, and header fields that it does not know."""

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in ("EdDSA", "RS256"):
            raise JoseError("not accepted")
        return self.algorithms[name]


def jwk_of(key: q.CredentialRow) -> dict[str, str] | None:
    """The public JWK of a key; ``None`` for one that was planted without."""
    public = key.attributes.get("publicKey")
    if not isinstance(public, str):
        return None
    der = b64decode(public)
    if der[: len(_SPKI)] == _SPKI and len(der) == len(_SPKI) + 32:
        x = urlsafe_b64encode(der[len(_SPKI) :]).decode().rstrip("=")
        return {"kid": key.id, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x}
    pem = f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"
    told = jwk.RSAKey.import_key(pem).as_dict(private=False)
    return {
        "kid": key.id,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "n": str(told["n"]),
        "e": str(told["e"]),
    }


def bearer(conn: Connection, header: str, account: str, origins: frozenset[str], now: float) -> Caller | None:
    """Who an ``Authorization`` header speaks for; ``None``: nobody, so 401."""
    scheme, _, token = header.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return None
    head, said = _part(parts[0]), _part(parts[1])
    issuer = urlsplit(str(said.get("iss", "")))
    path = issuer.path.split("/")
    if (
        f"{issuer.scheme}://{issuer.netloc}" not in origins
        or path[:3] != ["", "v1", "clients"]
        or len(path) != 4
    ):
        return None
    client = unquote(path[3])
    row = q.credentials.get(conn, str(head.get("kid")))
    owner = q.users.get(conn, client)
    if row is None or row.kind != ACCESS_KEY or row.user_id != client or owner is None:
        return None
    public = jwk_of(row)
    if public is None or not _signed(token.strip(), public):
        return None
    fits = (
        said.get("sub") == client
        and said.get("aud") == f"{account}.accounts.authress.io"
        and isinstance(said.get("exp"), int | float)
        and cast("float", said["exp"]) > now
    )
    return Caller(client) if fits else None


def _signed(token: str, public: Mapping[str, str]) -> bool:
    try:
        jwt.decode(token, jwk.import_key(cast("Any", dict(public))), registry=_Registry())
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _part(text: str) -> dict[str, object]:
    try:
        found: object = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}
