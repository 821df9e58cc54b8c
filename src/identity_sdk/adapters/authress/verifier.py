"""Checking a token offline, by the public keys of its issuer (facts 3.3, RFC 8725).

The issuer is held against this account's own addresses before anything is fetched, and keys are fetched from the
client's own base URL alone: whatever a token says, no other host is ever asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.auth import header_of, read_claims
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    IdentityError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from identity_sdk.models import Claims, JsonValue
from identity_sdk.secrets import Secret

__all__ = ["KeyRing", "Verifier", "origins_of"]

AGAIN = 60.0
"""Seconds between two fetches for the same key because of a signature that failed or a key that is not there."""
STALE = 3600.0
"""Seconds for which a key is used at most, when it cannot be fetched anew."""
MOST = 256

_HOST = re.compile(r"([^.]+)\.(?:api|login)(?:-[a-z0-9-]+)?\.authress\.io")
_PATH = re.compile(r"/v\d+/clients/([^/]+)")


def origins_of(base_url: str, account_id: str | None) -> frozenset[str]:
    """The addresses that may issue tokens of this account."""
    host = _HOST.fullmatch(urlsplit(base_url).netloc)
    account = account_id or (host[1] if host else None)
    own = {base_url}
    if account is not None:
        own |= {f"https://{account}.api.authress.io", f"https://{account}.login.authress.io"}
    return frozenset(own)


@dataclass(slots=True)
class _Kept:
    key: Mapping[str, JsonValue] | None
    fetched: float
    tried: float


class KeyRing:
    """Public keys for a bounded time; shared by all copies of a client. They are no secrets."""

    def __init__(self, lifetime: float) -> None:
        """Args:
        lifetime: seconds for which a key is used without asking again.
        """
        self.lifetime = lifetime
        self._kept: dict[tuple[str | None, str], _Kept] = {}

    async def find(
        self, api: AuthressApi, client: str | None, kid: str, now: float, *, anew: bool = False
    ) -> Mapping[str, JsonValue] | None:
        """The key ``kid`` of a service client (``None``: of the account).

        Args:
            api: what to ask with.
            client: whose key.
            kid: which.
            now: epoch seconds.
            anew: the kept one did not fit; it is fetched again, once a minute at most.

        Raises:
            IdentityError: it cannot be fetched, and none is kept.
        """
        kept = self._kept.get((client, kid))
        if kept is not None:
            fresh = kept.key is not None and not anew and now - kept.fetched < self.lifetime
            waits = (anew or kept.key is None) and now - kept.tried < AGAIN
            if fresh or waits:
                return kept.key
            kept.tried = now
        try:
            key = await _fetch(api, client, kid)
        except (TransportError, ServerError, RateLimitedError):
            if kept is None or kept.key is None or now - kept.fetched >= STALE:
                raise
            return kept.key
        self._kept[client, kid] = _Kept(key, now, now)
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        return key


async def _fetch(api: AuthressApi, client: str | None, kid: str) -> Mapping[str, JsonValue] | None:
    try:
        found = await (api.jwks() if client is None else api.client_jwks(client, kid=kid))
    except NotFoundError:
        return None
    return next((key for key in found.keys if key.get("kid") == kid), None)


class Verifier:
    """Checks tokens of one account."""

    def __init__(self, api: AuthressApi, origins: frozenset[str], ring: KeyRing) -> None:
        self._api = api
        self._origins = origins
        self._ring = ring

    async def verify(self, token: Secret, audience: str | None, now: float) -> Claims:
        """The claims of a token.

        Raises:
            AuthenticationError: forged, expired, of another issuer, or for another audience.
            ConfigurationError: joserfc is not installed.
        """
        kid, said = header_of(token).get("kid"), read_claims(token)
        if not isinstance(kid, str) or not kid or len(kid) > 200:
            raise _refused("it is no token, or names no key")
        client = self._issuer(said)
        _in_time(said, now)
        claims = await self._checked(token, client, kid, now)
        if claims is None:
            raise _refused("its signature is of no key of its issuer")
        if client is not None and claims.get("sub") != client:
            raise _refused("it is signed by another service client than it speaks for")
        return _claims(claims, audience)

    def _issuer(self, said: Mapping[str, object]) -> str | None:
        """The service client that issued it; ``None``: the account itself.

        Raises:
            AuthenticationError: the issuer is none of this account.
        """
        issuer = said.get("iss")
        if isinstance(issuer, str):
            for origin in self._origins:
                rest = issuer.removeprefix(origin)
                if issuer.startswith(origin) and rest in ("", "/"):
                    return None
                path = _PATH.fullmatch(rest) if issuer.startswith(origin) else None
                if path is not None and (client := unquote(path[1])) not in ("", ".", ".."):
                    return client
        raise _refused("it is issued by somebody else")

    async def _checked(
        self, token: Secret, client: str | None, kid: str, now: float
    ) -> Mapping[str, JsonValue] | None:
        try:
            from identity_sdk.adapters.authress import jose
        except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
            raise ConfigurationError(
                'verifying needs joserfc: python -m pip install "unified-identity-sdk[authress]"',
                provider="authress",
            ) from None
        first = await self._ring.find(self._api, client, kid, now)
        found = None if first is None else jose.verify(token, first)
        if found is not None or first is None:
            return found
        try:
            second = await self._ring.find(self._api, client, kid, now, anew=True)
        except IdentityError:
            return None
        return None if second is None or second == first else jose.verify(token, second)


def _refused(why: str) -> AuthenticationError:
    return AuthenticationError(f"the token is not accepted: {why}", provider="authress")


def _number(said: Mapping[str, object], name: str) -> float | None:
    value = said.get(name)
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**37
        else None
    )


def _in_time(said: Mapping[str, object], now: float) -> None:
    """Without any leeway, as the official clients do it; the time is the server's."""
    until, begins = _number(said, "exp"), _number(said, "nbf")
    if until is None or until <= now:
        raise _refused("it is expired")
    if begins is not None and begins > now:
        raise _refused("it is not valid yet")


def _claims(claims: Mapping[str, JsonValue], audience: str | None) -> Claims:
    told = claims.get("aud")
    audiences = (
        (told,)
        if isinstance(told, str)
        else tuple(one for one in told if isinstance(one, str))
        if isinstance(told, list)
        else ()
    )
    if audience is not None and audience not in audiences:
        raise _refused(f"it is not for the audience {audience!r}")
    scope = claims.get("scope") or claims.get("scopes")
    issued, until = _number(claims, "iat"), _number(claims, "exp")
    return Claims(
        active=True,
        subject=_text(claims.get("sub")),
        issuer=_text(claims.get("iss")),
        audience=audiences,
        token_id=_text(claims.get("jti")),
        expires_at=None if until is None else datetime.fromtimestamp(until, UTC),
        issued_at=None if issued is None else datetime.fromtimestamp(issued, UTC),
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        claims=dict(claims),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
