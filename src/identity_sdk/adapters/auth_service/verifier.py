"""Checks access tokens offline, by the server's public key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.models import AuthServiceClaims, AuthServiceUser
from identity_sdk.errors import AuthenticationError, ConfigurationError, ProtocolError
from identity_sdk.secrets import Secret

__all__ = ["Verifier"]

LIFETIME = 3600.0
"""Seconds for which a key is used without asking again."""
AGAIN = 60.0
"""Seconds between two looks for a new key."""
LONGEST = 65536
"""Characters; a token holds all groups of its user."""


class Verifier:
    """Keeps the public key; shared by all copies of a client. It is no secret."""

    def __init__(self) -> None:
        self._pem = ""
        self._fetched = float("-inf")

    async def verify(self, api: AuthServiceApi, token: Secret, now: float) -> AuthServiceClaims:
        """The claims of a token.

        Args:
            api: what to ask for the key with.
            token: the token.
            now: the server's time, in epoch seconds.

        Raises:
            AuthenticationError: forged, expired, or no token of this server.
            ConfigurationError: joserfc is not installed.
            ProtocolError: the server's key is none.
        """
        if len(token.reveal()) > LONGEST or token.reveal().count(".") != 2:
            raise _refused("it is no token")
        claims = await self._checked(api, token, now)
        if claims is None:
            raise _refused("its signature is not of the server's key (RS256)")
        until, subject = claims.get("exp"), claims.get("sub")
        if not isinstance(until, int | float) or isinstance(until, bool) or not now < until < 2**37:
            raise _refused("it is expired")
        user = _user(claims.get("user_info"))
        if not isinstance(subject, str) or not subject or user is None or user.id != subject:
            raise _refused("it does not say whose it is")
        ends = datetime.fromtimestamp(until, UTC)
        return AuthServiceClaims(active=True, subject=subject, expires_at=ends, claims=claims, user=user)

    async def _checked(self, api: AuthServiceApi, token: Secret, now: float) -> Mapping[str, Any] | None:
        try:
            from identity_sdk.adapters.auth_service import jose
        except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
            raise ConfigurationError(
                'verifying needs joserfc: python -m pip install "unified-identity-sdk[auth_service]"',
                provider="auth-service",
            ) from None
        if now - self._fetched >= LIFETIME:
            await self._fetch(api, now)
        try:
            claims = jose.verify(token, self._pem)
            if claims is None and now - self._fetched >= AGAIN:
                former = self._pem
                await self._fetch(api, now)
                claims = jose.verify(token, self._pem) if self._pem != former else None
        except ValueError:
            self._fetched = float("-inf")
            raise ProtocolError(
                "the server's public key is no RSA key", provider="auth-service", operation="get_public_key"
            ) from None
        return claims

    async def _fetch(self, api: AuthServiceApi, now: float) -> None:
        self._pem = (await api.get_public_key()).public_key
        self._fetched = now


def _refused(why: str) -> AuthenticationError:
    return AuthenticationError(f"the token is not accepted: {why}", provider="auth-service")


def _user(told: object) -> AuthServiceUser | None:
    """The user that ``user_info`` holds: a string of JSON."""
    if not isinstance(told, str):
        return None
    try:
        return AuthServiceUser.model_validate(json.loads(told))
    except (ValueError, ValidationError, RecursionError):
        return None
