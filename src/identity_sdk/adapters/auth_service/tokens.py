"""``idp.tokens`` over the auth service."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.auth import claims_of, refreshed
from identity_sdk.adapters.auth_service.models import (
    AdminRefreshTokenInfoPost,
    AuthServiceClaims,
    AuthServiceSession,
    AuthServiceToken,
    GroupGrant,
    TokenResponse,
)
from identity_sdk.adapters.auth_service.part import AuthServicePart, Turns
from identity_sdk.adapters.auth_service.rules import check_grants
from identity_sdk.adapters.auth_service.verifier import Verifier
from identity_sdk.adapters.checks import same_id
from identity_sdk.auth.sources import Auth, RefreshToken
from identity_sdk.errors import InvalidRequestError, NotFoundError, NotSupportedError, ProtocolError
from identity_sdk.listing import Listing
from identity_sdk.models import Deletion, Session, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.tokens import Tokens
from identity_sdk.secrets import Secret, fingerprint
from identity_sdk.wire.call import Sender

__all__ = ["AuthServiceTokens"]


class AuthServiceTokens(AuthServicePart, Tokens):
    """Access tokens are JWTs of ten minutes, refresh tokens UUIDs that work until they expire and are never rotated.

    ``issue``, ``list``, ``get`` and ``revoke`` are about refresh tokens; the real server has them as empty stubs, and
    they end in ``NotSupportedError`` there.
    """

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "introspect": (
            "there is no such operation",
            "tokens.verify checks one offline; with_credential, then users.me",
        ),
    }

    def __init__(
        self, sender: Sender, api: AuthServiceApi, turns: Turns, auth: Auth | None, verifier: Verifier
    ) -> None:
        super().__init__(sender, api, turns)
        self._auth = auth
        self._verifier = verifier

    @supports(refuses={"scopes": "a token is limited to groups: groups=[GroupGrant(…)]"})
    async def issue(
        self,
        *,
        scopes: Sequence[str] = (),
        lifetime: float | None = None,
        name: str | None = None,
        groups: Sequence[GroupGrant] = (),
    ) -> AuthServiceToken:
        """A refresh token with a first access token, for a service.

        Args:
            lifetime: seconds that the refresh token lives; ``None``: as the server likes.
            name: what it is called in lists; ``None``: a name is made.
            groups: what it is limited to; empty means no limit of its own.
            scopes: not known here.

        Raises:
            NotSupportedError: this server has the operation as an empty stub; nothing was made.
        """
        if lifetime is not None and not lifetime > 0:
            raise InvalidRequestError("lifetime must be more than 0 s", fields={"lifetime": "too short"})
        called = name or f"identity-sdk-{uuid.uuid4()}"
        given: dict[str, object] = {"tokenName": called}
        if lifetime is not None:
            given["expirationDateTime"] = datetime.fromtimestamp(self._sender.now() + lifetime, UTC)
        if groups:
            given["groups"] = check_grants(groups)
        answer = await self._api.generate_refresh_token(AdminRefreshTokenInfoPost.model_validate(given))
        refresh, access = answer.refresh_token, answer.access_token
        if refresh is None or access is None:
            raise ProtocolError(
                "the server answered no refresh token or no access token", provider="auth-service"
            )
        # The answer does not tell the id: the list does, by the name.
        same = [
            one for one in (await self._api.list_refresh_tokens()).refresh_token_info if one.name == called
        ]
        held = same[0].id if len(same) == 1 else fingerprint(refresh.token.reveal(), "tok")
        return _issued(held, access, refresh.token, name=called)

    @supports(refuses={"user": "the server does not tell whose a refresh token is"})
    def list(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthServiceToken]:
        """All refresh tokens that are alive, without their values, ordered by id."""
        if user is not None:
            raise NotSupportedError(
                "auth-service cannot take user= in tokens.list: the server does not tell whose a refresh token is",
                provider="auth-service",
                operation="tokens.list",
            )

        async def read() -> tuple[AuthServiceToken, ...]:
            return (await self._api.list_refresh_tokens()).refresh_token_info

        return self._listed(read, limit=limit, cursor=cursor)

    @supports()
    async def get(self, token: Token | None = None, *, id: str | None = None) -> AuthServiceToken:
        wanted = _id_of(token, id)
        return same_id(await self._api.get_token_info(wanted), wanted)

    @supports()
    async def refresh(self, token: Token | Secret | str | None = None) -> AuthServiceToken:
        """A new access token by a refresh UUID, which stays good.

        Args:
            token: a token with its ``refresh_token``, or the UUID itself; ``None``: the one of this client.

        Raises:
            AuthenticationError: the refresh token is dead (the real server closes the connection; a look at its health
                tells that from a failure of the network).
            NotSupportedError: none was given, and this client has none.
        """
        refresh, cookie = _refresh_of(token), None
        if token is None:
            refresh, cookie = _own(self._auth)
            if refresh is None and cookie is None:
                raise NotSupportedError(
                    "this client signs in by an access token alone: give the refresh token, or connect with "
                    "auth=RefreshToken(…)",
                    provider="auth-service",
                )
        elif refresh is None:
            raise InvalidRequestError(
                "this token holds no refresh token",
                fields={"token": "no refresh token"},
                provider="auth-service",
            )
        answer = await refreshed(self._api, token=refresh, cookie=cookie)
        return _issued(fingerprint(answer.token.reveal(), "tok"), answer, refresh)

    @supports(refuses={"audience": "its tokens name no audience"})
    async def verify(self, token: Token | Secret | str, *, audience: str | None = None) -> AuthServiceClaims:
        """Checks an access token offline, by the server's public key: RS256 and nothing else.

        Says what role and groups were when it was issued. The key is fetched once, and once more after a signature that
        does not fit (at most once a minute).

        Raises:
            ConfigurationError: joserfc is not installed.
        """
        if isinstance(token, Token):
            if token.value is None:
                raise InvalidRequestError("this token holds no value", fields={"token": "no value"})
            token = token.value
        secret = token if isinstance(token, Secret) else Secret(token)
        return await self._verifier.verify(self._api, secret, self._sender.now())

    @supports()
    async def revoke(self, token: Token | Secret | str | None = None, *, id: str | None = None) -> Deletion:
        """Ends a refresh token; counts only when it was there before and is gone after.

        Args:
            token: as ``issue`` or ``list`` answered it; its value does not tell its id.
            id: its id.

        Raises:
            NotFoundError: there is none of that id.
            NotSupportedError: this server has the operations as empty stubs; nothing was sent to end it.
            ProtocolError: the server said that it was done, and the token is still there.
        """
        if isinstance(token, Secret | str):
            raise InvalidRequestError(
                "the value of a token does not tell its id: give the Token, or id=",
                fields={"token": "no id"},
                provider="auth-service",
            )
        wanted = _id_of(token, id)
        same_id(await self._api.get_token_info(wanted), wanted)
        await self._api.revoke_refresh_token(wanted)
        try:
            await self._api.get_token_info(wanted)
        except NotFoundError:
            return Deletion(id=wanted)
        raise ProtocolError(
            "the server said that the refresh token was revoked, and it is still there",
            provider="auth-service",
        )


def _id_of(token: Token | None, id: str | None) -> str:
    if (token is None) == (id is None):
        raise InvalidRequestError("give exactly one of token and id=", fields={"id": "exactly one"})
    wanted = token.id if token is not None else id
    if not wanted:
        raise InvalidRequestError("the token id is empty", fields={"id": "empty"})
    return wanted


def _refresh_of(token: Token | Secret | str | None) -> Secret | None:
    if isinstance(token, Token):
        return token.refresh_token
    return Secret(token) if isinstance(token, str) else token


def _own(auth: Auth | None) -> tuple[Secret | None, Secret | None]:
    """The refresh UUID or cookie that a client speaks by."""
    if isinstance(auth, RefreshToken):
        return auth.token, None
    if isinstance(auth, Session | Token):
        return auth.refresh_token, auth.cookie if isinstance(auth, AuthServiceSession) else None
    return None, None


def _issued(
    id: str, access: TokenResponse, refresh: Secret | None, *, name: str | None = None
) -> AuthServiceToken:
    subject = claims_of(access.token).get("sub")
    return AuthServiceToken.model_validate(
        {
            "tokenId": id,
            "tokenName": name,
            "user_id": subject if isinstance(subject, str) else None,
            "value": access.token,
            "refresh_token": refresh,
            "expirationDateTime": access.expires_at,
        }
    )
