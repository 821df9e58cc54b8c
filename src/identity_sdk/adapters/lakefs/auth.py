# mypy: disable-error-code="empty-body"
"""How a lakeFS client signs in: Basic by access key, a login token that is got anew, a bearer token, a cookie."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Annotated

from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import AuthenticationToken, CurrentUser, LoginInformation
from identity_sdk.auth.sources import AccessKey, Issued, digest
from identity_sdk.errors import AuthenticationError, ProtocolError
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender
from identity_sdk.wire.operation import Header, operation

__all__ = ["CookieSource", "LoginSource", "SignInApi", "claims_of"]


class SignInApi(LakeFSApi):
    """``GET /user`` for a credential that is not the client's own."""

    @operation("GET /user", auth=False)
    async def get_user_by(
        self,
        *,
        authorization: Annotated[Secret | None, Header("Authorization")] = None,
        cookie: Annotated[Secret | None, Header("Cookie")] = None,
    ) -> CurrentUser:
        """Whose credential that is."""
        ...

    async def subject(self, token: AuthenticationToken) -> str:
        """The user that a login token is for: its ``sub`` claim; if that cannot be read, the server is asked.

        Raises:
            AuthenticationError: the server does not accept it.
            ProtocolError: it answers nobody.
        """
        told = claims_of(token.token).get("sub")
        if isinstance(told, str) and told:
            return told
        return signed_in(await self.get_user_by(authorization=Secret(f"Bearer {token.token.reveal()}")))


def signed_in(answer: CurrentUser) -> str:
    """The id of who is signed in.

    Raises:
        ProtocolError: it is empty: the server took the credential for none at all.
    """
    if not answer.user.id:
        raise ProtocolError(
            "the server took the credential for none: it answered an anonymous user (an empty id)",
            provider="lakefs",
        )
    return answer.user.id


def claims_of(token: Secret) -> Mapping[str, object]:
    """The claims of a JWT (RFC 7519), unverified: only its server can verify it. Empty when it is none."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        claims: object = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}  # pyright: ignore[reportUnknownVariableType]


class LoginSource:
    """Logs in by an access key, and again when the token runs out or is refused: there is no refresh."""

    renewable = True

    def __init__(self, key: AccessKey, place: str, base_path: str, user_agent: str) -> None:
        self._key = key
        self._base_path = base_path
        self._user_agent = user_agent
        self.key = digest("lakefs login", place, key.access_key_id, key.secret_access_key.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        body = LoginInformation(
            access_key_id=self._key.access_key_id, secret_access_key=self._key.secret_access_key
        )
        answer = await LakeFSApi(sender, self._base_path, user_agent=self._user_agent).login(body)
        if not answer.token:
            raise AuthenticationError(
                "the server answered an empty token", provider="lakefs", operation="login"
            )
        return Issued(answer.token, expires_at=answer.token_expiration, issued_at=sender.now())

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {issued.value.reveal()}"


class CookieSource:
    """A session cookie that ``sessions.create("oidc", …)`` brought; it cannot be renewed."""

    renewable = False

    def __init__(self, name: str, value: Secret) -> None:
        self._name = name
        self._issued = Issued(value)
        self.key = digest("lakefs cookie", name, value.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        return self._issued

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Cookie"] = f"{self._name}={issued.value.reveal()}"
