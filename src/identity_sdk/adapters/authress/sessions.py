"""``idp.sessions`` and ``idp.tokens`` over Authress: an access key signs tokens here, and the server keeps
no list of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.auth import LIFE, ServiceKey, new_token_id, read_claims
from identity_sdk.adapters.authress.part import AuthressPart, Caller, Turns
from identity_sdk.adapters.authress.verifier import Verifier
from identity_sdk.errors import InvalidRequestError, NotSupportedError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import AuthMethod, Claims, Ended, Session, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.secrets import Secret, fingerprint
from identity_sdk.wire.call import Sender

__all__ = ["AuthressSessions", "AuthressTokens"]


class AuthressSessions(AuthressPart, Sessions):
    """There are no sessions of service clients: each request carries a token that was signed here."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "create": (
            "people sign in in a browser, and a service client signs its own tokens",
            "connect(auth=ApiKey(access key)), or auth=Bearer(token)",
        ),
        "constrain": (
            "a token may do whatever its subject may",
            "a service client of its own with fewer records",
        ),
        "impersonate": ("there is no such operation", ""),
    }

    def __init__(
        self,
        sender: Sender,
        api: AuthressApi,
        caller: Caller,
        turns: Turns,
        key: ServiceKey | None,
        token: Secret | None,
    ) -> None:
        super().__init__(sender, api, caller, turns)
        self._key = key
        self._token = token

    @supports()
    def methods(self) -> Listing[AuthMethod]:
        """An access key, with which a client signs its own tokens: it is given to ``connect()``. Nothing is asked."""

        async def fetch(cursor: str | None, size: int | None) -> Page[AuthMethod]:
            return page_of([AuthMethod(id="access_key", name="Access key of a service client")], cursor, size)

        return Listing(fetch)

    @supports()
    async def current(self) -> Session:
        """Who this client speaks as, after the server has accepted its token. Named after the key, or the token."""
        user = (await self._me()).id
        if self._key is not None:
            return Session(id=self._key.key_id, user_id=user, method="access_key")
        claims: Mapping[str, object] = read_claims(self._token) if self._token is not None else {}
        jti = claims.get("jti")
        name = (
            jti
            if isinstance(jti, str) and jti
            else fingerprint(self._token.reveal() if self._token else user, "tok")
        )
        return Session(
            id=name,
            user_id=user,
            method="bearer",
            created_at=_time(claims.get("iat")),
            expires_at=_time(claims.get("exp")),
        )

    @supports()
    async def end(self, session: Session | None = None) -> Ended:
        """The server keeps no sessions: only the local copy of the token goes, and the next call signs another.

        Args:
            session: forget it; ``None``: the token that this client keeps.
        """
        if session is None:
            self._sender.forget()
        return Ended(server_side=False)


class AuthressTokens(AuthressPart, Tokens):
    """Tokens of 24 hours, signed here by the access key. Nothing ends one before its time, but its key's deletion."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "list": ("tokens are signed here, and nobody keeps a list", ""),
        "get": ("tokens are signed here, and nobody keeps a list", ""),
        "introspect": ("there is no such operation", "tokens.verify"),
        "revoke": (
            "nothing ends a token before its time",
            "credentials.delete: the server refuses what that key signed",
        ),
    }

    def __init__(
        self,
        sender: Sender,
        api: AuthressApi,
        caller: Caller,
        turns: Turns,
        key: ServiceKey | None,
        issuer: str,
        verifier: Verifier,
    ) -> None:
        super().__init__(sender, api, caller, turns)
        self._key = key
        self._issuer = issuer
        self._verifier = verifier

    @supports(
        refuses={
            "scopes": "a token may do whatever its subject may",
            "lifetime": "the server expects tokens of 24 hours",
        }
    )
    async def issue(self, *, scopes: Sequence[str] = (), lifetime: float | None = None) -> Token:
        """Signs a token by this client's access key, without any request.

        Raises:
            NotSupportedError: this client does not sign in by an access key.
        """
        return self._sign("issue")

    @supports()
    async def refresh(self, token: Token | Secret | str | None = None) -> Token:
        """Signs another: there are no refresh tokens. The former token stays good.

        Args:
            token: the former one, if it shall be held against the new one: it must be of the same service client.

        Raises:
            InvalidRequestError: ``token`` belongs to another, or to nobody that can be told.
        """
        new = self._sign("refresh")
        if token is not None and (former := _subject(token)) != new.user_id:
            raise InvalidRequestError(
                f"that token is {former or 'nobody'}'s, and this client signs as {new.user_id}",
                fields={"token": "of another subject"},
            )
        return new

    @supports()
    async def verify(self, token: Token | Secret | str, *, audience: str | None = None) -> Claims:
        """Checks signature, issuer and expiry by the issuer's public keys, which are kept for a bounded time.

        Tokens of service clients and of people alike (EdDSA; RS256 and RS512 for keys of older forms). The
        issuer must
        be this account before any key is fetched, and keys are fetched from this client's base URL alone.

        Raises:
            AuthenticationError: forged, expired, of another issuer, or for another audience.
        """
        value = token.value if isinstance(token, Token) else token
        if value is None:
            raise InvalidRequestError("this token holds no value", fields={"token": "no value"})
        secret = token = value = value if isinstance(value, Secret) else Secret(value)
        return await self._verifier.verify(secret, audience, self._sender.now())

    def _sign(self, verb: str) -> Token:
        if self._key is None:
            raise NotSupportedError(
                f"tokens.{verb} signs by an access key, and this client has none: connect with auth=ApiKey(access "
                "key)",
                provider="authress",
            )
        now, id = float(int(self._sender.now())), new_token_id()
        return Token(
            id=id,
            user_id=self._key.client_id,
            value=self._key.sign(self._issuer, now, token_id=id),
            created_at=datetime.fromtimestamp(now, UTC),
            expires_at=datetime.fromtimestamp(now + LIFE, UTC),
        )


def _subject(token: Token | Secret | str) -> str | None:
    if isinstance(token, Token):
        return token.user_id
    found = read_claims(token if isinstance(token, Secret) else Secret(token)).get("sub")
    return found if isinstance(found, str) and found else None


def _time(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < 2**37:
        return None
    return datetime.fromtimestamp(seconds, UTC)
