"""``idp.sessions`` over the auth service: signing in at the OpenID provider."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.auth import claims_of, refreshed
from identity_sdk.adapters.auth_service.models import AuthServiceSession, LoginUrl, TokenResponse
from identity_sdk.adapters.auth_service.part import AuthServicePart, Turns
from identity_sdk.auth.sources import Auth, Bearer, RefreshToken
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ChallengeRequiredError,
    IdentityError,
    InvalidRequestError,
    NoAnswerError,
    NotSupportedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page
from identity_sdk.models import AuthMethod, Ended, Session, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.sessions import Sessions
from identity_sdk.secrets import Secret, fingerprint
from identity_sdk.wire.call import Sender

__all__ = ["AuthServiceSessions", "Begun"]

SSO = "sso"


class Begun:
    """Sign-ins that were begun here: the cookie of each, by its ``state``. Bounded; each is used once."""

    most = 64

    def __init__(self) -> None:
        self._cookies: OrderedDict[str, Secret] = OrderedDict()

    def keep(self, login: LoginUrl) -> None:
        """Keeps the cookie of a login."""
        state = parse_qs(urlsplit(login.url).query).get("state", [""])[0]
        if state and login.cookie is not None:
            self._cookies[state] = login.cookie
            while len(self._cookies) > self.most:
                self._cookies.popitem(last=False)

    def take(self, state: str) -> Secret | None:
        """The cookie, once."""
        return self._cookies.pop(state, None)


class AuthServiceSessions(AuthServicePart, Sessions):
    """Signed-in states. The server keeps none: an access token is a snapshot, a refresh UUID lives until it expires."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "constrain": ("an access token holds all that its user may do", ""),
        "impersonate": ("nobody may speak as somebody else", ""),
    }

    def __init__(
        self, sender: Sender, api: AuthServiceApi, turns: Turns, auth: Auth | None, begun: Begun
    ) -> None:
        super().__init__(sender, api, turns)
        self._auth = auth
        self._begun = begun

    @supports()
    def methods(self) -> Listing[AuthMethod]:
        """``sso``, with the page of the OpenID provider where the user signs in. Each call begins a sign-in."""

        async def fetch(cursor: str | None, size: int | None) -> Page[AuthMethod]:
            login = await self._api.login()
            self._begun.keep(login)
            return Page((AuthMethod(id=SSO, name="OpenID Connect", url=login.url),))

        return Listing(fetch)

    @supports(
        refuses={
            "identifier": "people sign in at the OpenID provider",
            "secret": "people sign in at the OpenID provider",
        }
    )
    async def create(
        self,
        method: str,
        *,
        identifier: str | None = None,
        secret: Secret | str | None = None,
        code: str | None = None,
        state: str | None = None,
        scope: str | None = None,
        cookie: Secret | str | None = None,
    ) -> AuthServiceSession:
        """Signs in at the OpenID provider, in two calls.

        The first, ``create("sso")``, raises ``ChallengeRequiredError``; its ``challenge`` is the page where the user
        signs in (as does :meth:`methods`). The second, with ``code=`` and ``state=`` of the provider's redirect, ends
        it.
        A sign-in **ends all earlier refresh tokens** of that user on the real server.

        Args:
            scope: as the redirect brought it.
            cookie: the session cookie of ``native.login()``, where another process or client began the sign-in.
            method, identifier, secret, code, state: as in :meth:`Sessions.create`.

        Raises:
            AuthenticationError: no such sign-in was begun, or the provider's code is not accepted.
        """
        if method != SSO:
            raise NotSupportedError(
                f"auth-service has no sign-in {method[:40]!r}: it has sso", provider="auth-service"
            )
        if code is None and state is None:
            login = await self._api.login()
            self._begun.keep(login)
            raise ChallengeRequiredError(login.url, challenge=login.url, provider="auth-service")
        if not code or not state:
            raise InvalidRequestError(
                "give code= and state= of the provider's redirect",
                fields={"code": "both or none", "state": "both or none"},
                provider="auth-service",
            )
        held = cookie if isinstance(cookie, Secret) else self._begun.take(state)
        if held is None:
            raise AuthenticationError(
                "no sign-in of this state was begun by this client: give cookie= of the login that did",
                provider="auth-service",
            )
        return await self._end_sign_in(code, state, scope, held)

    async def _end_sign_in(
        self, code: str, state: str, scope: str | None, cookie: Secret
    ) -> AuthServiceSession:
        try:
            answer = await self._api.auth_sso(state=state, code=code, scope=scope, cookie=cookie)
        except AmbiguousOutcomeError as unknown:
            await self._refused(unknown)
            raise
        if answer.tokens is None:
            if answer.cookie is None:
                raise ProtocolError(
                    "the sign-in brought neither tokens nor a cookie", provider="auth-service"
                )
            return _session(await refreshed(self._api, cookie=answer.cookie), None, answer.cookie)
        access, refresh = answer.tokens.access_token, answer.tokens.refresh_token
        assert access is not None
        assert refresh is not None
        return _session(access, refresh.token, None)

    async def _refused(self, unknown: AmbiguousOutcomeError) -> None:
        """A closed connection of a server that lives is its way to refuse a sign-in."""
        if not (isinstance(unknown.__cause__, NoAnswerError) and unknown.__cause__.broken):
            return
        try:
            await self._api.health_liveness()
        except IdentityError:
            return
        raise AuthenticationError(
            "the sign-in is not accepted: its state or code is unknown or was used (the server, which is alive, closed "
            "the connection without an answer, its way to say so)",
            provider="auth-service",
        ) from None

    @supports()
    async def current(self) -> AuthServiceSession:
        """The session of this client. The server has no ids for sessions: it is named after its credential."""
        user = (await self._api.get_user_info()).id
        auth = self._auth
        if isinstance(auth, Session):
            return AuthServiceSession(
                id=auth.id,
                user_id=user,
                method=auth.method,
                created_at=auth.created_at,
                expires_at=auth.expires_at,
            )
        held = auth.token if isinstance(auth, Bearer | RefreshToken) else None
        if isinstance(auth, Token):
            held = auth.refresh_token or auth.value
        name = fingerprint(held.reveal(), "tok") if isinstance(held, Secret) else fingerprint(user, "ses")
        method = "bearer" if isinstance(auth, Bearer) else "refresh_token"
        return AuthServiceSession(id=name, user_id=user, method=method)

    @supports()
    async def end(self, session: Session | None = None) -> Ended:
        """The server keeps no sessions: only the local copy ends. Tokens stay good until they expire.

        Args:
            session: forget it; ``None`` drops the access token that this client keeps, and its next call gets another.
        """
        if session is None:
            self._sender.forget()
        return Ended(server_side=False)


def _session(access: TokenResponse, refresh: Secret | None, cookie: Secret | None) -> AuthServiceSession:
    subject = claims_of(access.token).get("sub")
    if not isinstance(subject, str) or not subject:
        raise ProtocolError("the sign-in answered an access token of nobody", provider="auth-service")
    return AuthServiceSession.model_validate(
        {
            "id": fingerprint(access.token.reveal(), "tok"),
            "user_id": subject,
            "method": SSO,
            "token": access.token,
            "refresh_token": refresh,
            "expires_at": access.expires_at,
            "cookie": cookie,
        }
    )
