"""``idp.sessions`` and ``idp.tokens`` over lakeFS: stateless login tokens, and the cookie of its old OIDC sign-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import ClassVar

from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.auth import SignInApi, claims_of, signed_in
from identity_sdk.adapters.lakefs.models import AuthenticationToken, LakeFSSession, LoginInformation
from identity_sdk.adapters.lakefs.part import LakeFSPart
from identity_sdk.auth.sources import AccessKey, Auth, Bearer
from identity_sdk.errors import AuthenticationError, InvalidRequestError, NotSupportedError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import AuthMethod, Ended, Session, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.secrets import Secret, fingerprint
from identity_sdk.wire.call import Sender
from identity_sdk.wire.request import Response

__all__ = ["LakeFSSessions", "LakeFSTokens"]

COOKIES = ("oidc_auth_session", "internal_auth_session")


class _SigningIn(LakeFSPart):
    """What both areas need: the client's own credential, and a login."""

    def __init__(self, sender: Sender, api: LakeFSApi, signing_in: SignInApi, auth: Auth | None) -> None:
        super().__init__(sender, api)
        self._signing_in = signing_in
        self._auth = auth

    async def _login(self, key_id: str, secret: Secret) -> tuple[AuthenticationToken, str]:
        answer = await self._api.login(LoginInformation(access_key_id=key_id, secret_access_key=secret))
        if not answer.token:
            raise AuthenticationError("the server answered an empty token")
        return answer, await self._signing_in.subject(answer)


class LakeFSSessions(_SigningIn, Sessions):
    """Signing in. The server keeps no sessions: a login token is good until it expires."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "constrain": ("a login token may do whatever its user may", "a user of its own with fewer policies"),
        "impersonate": ("there is no such right", "credentials.create(user), then with_credential"),
    }

    @supports()
    def methods(self) -> Listing[AuthMethod]:
        """Access keys always; passwords where the server resets them; OpenID Connect where it is set up (v0.91)."""

        async def fetch(cursor: str | None, size: int | None) -> Page[AuthMethod]:
            able = await self._api.get_auth_capabilities()
            state = await self._api.get_setup_state()
            methods = [AuthMethod(id="access_key", name="Access key")]
            if able.forgot_password:
                methods.append(AuthMethod(id="password", name="E-mail and password"))
            if state.oidc_enabled:
                methods.append(AuthMethod(id="oidc", name="OpenID Connect"))
            return page_of(methods, cursor, size)

        return Listing(fetch)

    @supports()
    async def create(
        self,
        method: str,
        *,
        identifier: str | None = None,
        secret: Secret | str | None = None,
        code: str | None = None,
        state: str | None = None,
    ) -> LakeFSSession:
        """Signs in: ``"access_key"`` by ``identifier=`` and ``secret=``, ``"password"`` by an e-mail address and its
        password, ``"oidc"`` by ``code=`` and ``state=`` of the provider's redirect.
        """
        if method in ("access_key", "password"):
            return await self._by_key(method, identifier, secret, code or state)
        if method == "oidc":
            return await self._by_callback(code, state, identifier or secret)
        raise NotSupportedError(
            f"lakefs cannot sign in by {method[:40]!r}: it knows access_key, password and oidc",
            provider="lakefs",
        )

    async def _by_key(
        self, method: str, identifier: str | None, secret: Secret | str | None, surplus: object
    ) -> LakeFSSession:
        if not identifier or not secret or surplus:
            raise InvalidRequestError(
                f"{method} takes identifier= and secret=, and nothing else",
                fields={"identifier": "required", "secret": "required"},
            )
        answer, user = await self._login(identifier, secret if isinstance(secret, Secret) else Secret(secret))
        token = _token(answer, user)
        return LakeFSSession(
            id=token.id,
            user_id=user,
            method=method,
            token=answer.token,
            created_at=token.created_at,
            expires_at=token.expires_at,
        )

    async def _by_callback(self, code: str | None, state: str | None, surplus: object) -> LakeFSSession:
        if not code or not state or surplus:
            raise InvalidRequestError(
                "oidc takes code= and state=, and nothing else",
                fields={"code": "required", "state": "required"},
            )
        found = _session_cookie(await self._api.oauth_callback(state=state, code=code))
        if found is None:
            raise AuthenticationError(
                "the server set no session cookie: the code or the state is not accepted"
            )
        name, value = found
        user = signed_in(await self._signing_in.get_user_by(cookie=Secret(f"{name}={value.reveal()}")))
        return LakeFSSession(
            id=fingerprint(value.reveal(), "ses"), user_id=user, method="oidc", token=value, cookie=name
        )

    @supports()
    async def current(self) -> LakeFSSession:
        """The session of this client. The server has no ids for sessions: it is named after its credential."""
        user = (await self._me()).id
        auth = self._auth
        if isinstance(auth, AccessKey):
            return LakeFSSession(id=auth.access_key_id, user_id=user, method="access_key")
        if isinstance(auth, Session):
            return LakeFSSession(
                id=auth.id,
                user_id=user,
                method=auth.method,
                created_at=auth.created_at,
                expires_at=auth.expires_at,
                cookie=auth.cookie if isinstance(auth, LakeFSSession) else None,
            )
        held = auth.token if isinstance(auth, Bearer) else auth.value if isinstance(auth, Token) else None
        if not isinstance(held, Secret):  # a function that gets tokens: no token stands for the session
            return LakeFSSession(id=fingerprint(user, "ses"), user_id=user, method="bearer")
        claims = claims_of(held)
        return LakeFSSession(
            id=_text(claims.get("jti")) or fingerprint(held.reveal(), "tok"),
            user_id=user,
            method="bearer",
            created_at=_time(claims.get("iat")),
            expires_at=_time(claims.get("exp")),
        )

    @supports()
    async def end(self, session: Session | None = None) -> Ended:
        """The server keeps no sessions: only the local copy ends. A token stays good until it expires.

        Args:
            session: forget it; ``None`` drops the login token that this client keeps, and its next call logs in anew.
        """
        if session is None:
            self._sender.forget()
        return Ended(server_side=False)


class LakeFSTokens(_SigningIn, Tokens):
    """Login tokens: JWTs that only their server can verify. Nothing ends one before its time."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "list": ("the server keeps no list of login tokens", ""),
        "get": ("the server keeps no list of login tokens", ""),
        "introspect": ("there is no such operation", "with_credential(token), then users.me"),
        "verify": ("the signing secret never leaves the server", "with_credential(token), then users.me"),
        "revoke": ("nothing ends a login token before its time", "users.delete: it ends with its user"),
    }

    @supports(
        refuses={
            "scopes": "a login token may do whatever its user may",
            "lifetime": "the server decides it (seven days by default)",
        }
    )
    async def issue(self, *, scopes: Sequence[str] = (), lifetime: float | None = None) -> Token:
        """Logs in by this client's access key.

        Raises:
            NotSupportedError: this client does not sign in by an access key.
        """
        return await self._issue("issue")

    @supports()
    async def refresh(self, token: Token | Secret | str | None = None) -> Token:
        """Logs in again by this client's access key: there are no refresh tokens. The former token stays good.

        Args:
            token: the former one, if it shall be held against the new one: it must be of the same user.

        Raises:
            InvalidRequestError: ``token`` belongs to another user, or to nobody that can be told.
        """
        former = None if token is None else _user_of(token)
        new = await self._issue("refresh")
        if token is not None and former != new.user_id:
            raise InvalidRequestError(
                f"that token is {former or 'nobody'}'s, and this client signs in as {new.user_id}: "
                "use a client with that user's access key",
                fields={"token": "of another user"},
            )
        return new

    async def _issue(self, verb: str) -> Token:
        if not isinstance(self._auth, AccessKey):
            raise NotSupportedError(
                f"tokens.{verb} logs in by an access key, and this client signs in otherwise: "
                "connect with auth=AccessKey(…)",
                provider="lakefs",
            )
        return _token(*await self._login(self._auth.access_key_id, self._auth.secret_access_key))


def _token(answer: AuthenticationToken, user: str) -> Token:
    claims = claims_of(answer.token)
    return Token(
        id=_text(claims.get("jti")) or fingerprint(answer.token.reveal(), "tok"),
        user_id=user,
        value=answer.token,
        created_at=_time(claims.get("iat")),
        expires_at=_time(answer.token_expiration) or _time(claims.get("exp")),
    )


def _user_of(token: Token | Secret | str) -> str | None:
    if isinstance(token, Token):
        return token.user_id
    return _text(claims_of(token if isinstance(token, Secret) else Secret(token)).get("sub"))


def _session_cookie(response: Response) -> tuple[str, Secret] | None:
    """The session cookie that an answer sets (RFC 6265 section 4.1), if any; one that it clears is none."""
    for line in response.cookies:
        try:
            cookie = SimpleCookie(line)
        except CookieError:
            continue
        for name in COOKIES:
            if name in cookie and cookie[name].value and cookie[name]["max-age"] != "0":
                return name, Secret(cookie[name].value)
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < 2**37:
        return None
    return datetime.fromtimestamp(seconds, UTC)
