"""How an Authress client signs in: an access key signs tokens here, without any request (facts 3)."""

from __future__ import annotations

import binascii
import json
import secrets
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import quote

from identity_sdk.auth.sources import Issued, digest
from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = ["LIFE", "KeySource", "ServiceKey", "header_of", "issuer_of", "new_token_id", "read_claims"]

LIFE = 24 * 3600
"""Seconds that a token lives."""

_FORM = "an access key is clientId.keyId.accountId.privateKey, in one piece as Authress showed it"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """An access key, taken apart.

    Attributes:
        algorithm: ``EdDSA``; ``RS256`` for keys of the older form.
        private: PKCS#8, in PEM.
    """

    client_id: str
    key_id: str
    account_id: str
    audience: str
    algorithm: Literal["EdDSA", "RS256"]
    private: Secret = field(repr=False)

    @classmethod
    def parse(cls, key: Secret) -> ServiceKey:
        """Reads an access key: four parts with dots between, or base64 of a JSON object (the older form).

        Raises:
            ConfigurationError: it is malformed. The message holds nothing of it.
        """
        parts = key.reveal().split(".")
        found = _older(parts[0]) if len(parts) == 1 and parts[0].startswith("eyJ") else _parted(parts)
        del parts  # tracebacks show locals
        if found is None:
            raise ConfigurationError(f"the access key is malformed: {_FORM}", provider="authress")
        return found

    def sign(self, issuer: str, now: float, *, token_id: str | None = None) -> Secret:
        """A token of 24 hours, as the official JavaScript client signs it (RFC 9068, RFC 8037).

        Args:
            issuer: see :func:`issuer_of`.
            now: epoch seconds UTC.
            token_id: the ``jti`` claim, for tokens that are handed out; two of one second would be equal without.

        Raises:
            ConfigurationError: joserfc is not installed, or the private key is none.
        """
        claims: dict[str, object] = {
            "aud": self.audience,
            "iss": issuer,
            "sub": self.client_id,
            "client_id": self.client_id,
            "iat": int(now),
            "exp": int(now) + LIFE,
            "scope": "openid",
        }
        if token_id is not None:
            claims["jti"] = token_id
        header = {"alg": self.algorithm, "kid": self.key_id, "typ": "at+jwt"}
        try:
            from identity_sdk.adapters.authress import jose
        except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
            raise ConfigurationError(
                'signing needs joserfc: python -m pip install "unified-identity-sdk[authress]"',
                provider="authress",
            ) from None
        signed = jose.sign(self.algorithm, header, claims, self.private)
        if signed is None:
            raise ConfigurationError("the private key in the access key cannot sign", provider="authress")
        return signed


def _parted(parts: list[str]) -> ServiceKey | None:
    if len(parts) != 4 or not all(parts):
        return None
    try:
        der = b64decode(parts[3], validate=True)
    except (ValueError, binascii.Error):
        return None
    # RFC 8410: PKCS#8 of Ed25519 is these 16 bytes and the 32 of the seed.
    if len(der) != 48 or der[:16].hex() != "302e020100300506032b657004220420":
        return None
    pem = Secret(f"-----BEGIN PRIVATE KEY-----\n{parts[3]}\n-----END PRIVATE KEY-----\n")
    return ServiceKey(parts[0], parts[1], parts[2], f"{parts[2]}.accounts.authress.io", "EdDSA", pem)


def _older(text: str) -> ServiceKey | None:
    try:
        told: object = json.loads(b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    given = cast("dict[str, object]", told)
    values = [given.get(name) for name in ("clientId", "keyId", "audience", "privateKey")]
    if not all(isinstance(value, str) and value for value in values):
        return None
    client, key, audience, pem = cast("list[str]", values)
    return ServiceKey(client, key, audience.partition(".")[0], audience, "RS256", Secret(pem))


def issuer_of(base_url: str, key: ServiceKey) -> str:
    """The ``iss`` of a service client's token: never a regional host of Authress, else the address as configured."""
    origin = f"https://{key.account_id}.api.authress.io" if ".authress.io" in base_url else base_url
    return f"{origin}/v1/clients/{quote(key.client_id, safe='')}"


class KeySource:
    """Signs a token when one is wanted, and the next one in time. There is no request, so nothing can fail
    on the way.
    """

    renewable = True

    def __init__(self, key: ServiceKey, base_url: str) -> None:
        self._key = key
        self._issuer = issuer_of(base_url, key)
        self.key = digest("authress", self._issuer, key.key_id, key.private.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        now = float(int(sender.now()))
        return Issued(self._key.sign(self._issuer, now), expires_at=now + LIFE, issued_at=now)

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {issued.value.reveal()}"


def new_token_id() -> str:
    """A ``jti``: 128 random bits."""
    return secrets.token_urlsafe(16)


def header_of(token: Secret) -> Mapping[str, object]:
    """The header of a JWT, unverified. Empty when it is none."""
    return _part(token, 0)


def read_claims(token: Secret) -> Mapping[str, object]:
    """The claims of a JWT, unverified. Empty when it is none."""
    return _part(token, 1)


def _part(token: Secret, number: int) -> Mapping[str, object]:
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        found: object = json.loads(urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}
