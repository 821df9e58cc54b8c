"""How a client of the auth service signs in: an access token, a refresh UUID that gets them, a session cookie."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.models import TokenResponse
from identity_sdk.auth.sources import Issued, digest
from identity_sdk.errors import AuthenticationError, IdentityError, NoAnswerError, ProtocolError
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = ["RefreshSource", "claims_of", "refreshed"]


async def refreshed(
    api: AuthServiceApi, *, token: Secret | None = None, cookie: Secret | None = None
) -> TokenResponse:
    """A new access token.

    The real server closes the connection on a dead refresh token, which looks like a network failure. When it does so
    before and after it has shown that it is alive, the token is dead: one connection that broke, where no retry was
    left, is not enough.

    Args:
        token: the refresh UUID; ``None``: the one in ``cookie``.
        cookie: the session cookie of a sign-in.

    Raises:
        AuthenticationError: the refresh token is not accepted.
        NoAnswerError: the server cannot be reached.
    """
    proof = Secret(f"Bearer {'None' if token is None else token.reveal()}")
    first = await _asked(api, proof, cookie)
    if isinstance(first, TokenResponse):
        return first
    try:
        await api.health_liveness()
    except IdentityError:
        raise first from None
    second = await _asked(api, proof, cookie)
    if isinstance(second, TokenResponse):
        return second
    raise AuthenticationError(
        "the refresh token is not accepted: unknown, expired or revoked (the server, which is alive, closed the "
        "connection without an answer, its way to say so). Sign in again",
        provider="auth-service",
        operation="refresh",
    ) from None


async def _asked(api: AuthServiceApi, proof: Secret, cookie: Secret | None) -> TokenResponse | NoAnswerError:
    """A new access token, or the error of a connection that was closed without an answer."""
    try:
        answer = await api.refresh(authorization=proof, cookie=cookie)
    except NoAnswerError as silent:
        if not silent.broken:
            raise
        return silent
    if not answer.token:
        raise ProtocolError(
            "the server answered an empty token", provider="auth-service", operation="refresh"
        )
    return answer


class RefreshSource:
    """Gets access tokens by a refresh UUID, or by the cookie that holds one. Neither is ever rotated."""

    renewable = True

    def __init__(
        self,
        place: str,
        base_path: str,
        user_agent: str,
        *,
        token: Secret | None = None,
        cookie: Secret | None = None,
        first: Issued | None = None,
    ) -> None:
        """Args:
        place: the base URL: the same UUID elsewhere is another credential.
        token, cookie: one of them.
        first: the access token that came with it, to begin with.
        """
        held = token or cookie or Secret("")
        self._token, self._cookie, self._first = token, cookie, first
        self._base_path, self._user_agent = base_path, user_agent
        self.key = digest("auth-service refresh", place, "cookie" if token is None else "uuid", held.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        first, self._first = self._first, None
        if first is not None and previous is None and (first.expires_at or 0) > sender.now():
            return first
        api = AuthServiceApi(sender, self._base_path, user_agent=self._user_agent)
        answer = await refreshed(api, token=self._token, cookie=self._cookie)
        return Issued(answer.token, expires_at=answer.expires_at.timestamp(), issued_at=sender.now())

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {issued.value.reveal()}"


def claims_of(token: Secret) -> Mapping[str, object]:
    """The claims of a JWT (RFC 7519), unverified. Empty when it is none."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        claims: object = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}  # pyright: ignore[reportUnknownVariableType]
