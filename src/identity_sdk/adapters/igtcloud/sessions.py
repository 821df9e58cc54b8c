"""``idp.sessions`` and ``idp.tokens`` over IGT Cloud: JWTs, with the CSRF token of their login."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from identity_sdk.adapters.igtcloud.api import IgtCloudApi, SignInApi
from identity_sdk.adapters.igtcloud.auth import Audience, Given, SignedIn, given_of, refreshed, sign_in
from identity_sdk.adapters.igtcloud.cookies import claims_of, expiry_of, refreshable
from identity_sdk.adapters.igtcloud.models import IgtSession, IgtToken, IntrospectResponse
from identity_sdk.adapters.igtcloud.part import IgtPart, Setting, identity_of
from identity_sdk.auth.sources import AccessKey, Auth, Password
from identity_sdk.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotSupportedError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import AuthMethod, Claims, Ended, Session, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.secrets import Secret, fingerprint
from identity_sdk.wire.call import Sender

__all__ = ["IgtSessions", "IgtTokens"]

PASSWORD, JWT_KEY = "password", "jwt-key"
_METHODS: Mapping[type[object], str] = {Password: PASSWORD, AccessKey: JWT_KEY}


class _SigningIn(IgtPart):
    """What both areas need: the client's own credential, and the audience of assertions."""

    def __init__(
        self,
        sender: Sender,
        api: IgtCloudApi,
        signing_in: SignInApi,
        setting: Setting,
        auth: Auth | None,
        csrf: Secret | None,
        audience: Audience,
    ) -> None:
        super().__init__(sender, api, signing_in, setting)
        self._auth = auth
        self._csrf = csrf
        self._audience = audience

    async def _sign_in(self, auth: Password | AccessKey) -> SignedIn:
        return await sign_in(self._signing_in, auth, self._audience, self._sender.now())

    @property
    def _own(self) -> Given | None:
        """The JWT that this client was given, if it was."""
        return given_of(self._auth, self._csrf)


class IgtSessions(_SigningIn, Sessions):
    """Sessions of the auth service."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "constrain": (
            "a JWT may do whatever its user may",
            "credentials.create: S3 credentials for one prefix",
        ),
        "impersonate": ("nobody acts as somebody else here", ""),
    }

    @supports()
    def methods(self) -> Listing[AuthMethod]:
        """A person signs in by password, a service by an assertion; its ``url`` is the audience of that."""

        async def fetch(cursor: str | None, size: int | None) -> Page[AuthMethod]:
            audience = await self._audience.of(self._signing_in)
            found = [
                AuthMethod(id=PASSWORD, name="Login id and password"),
                AuthMethod(id=JWT_KEY, name="Service id and private key", url=audience),
            ]
            return page_of(found, cursor, size)

        return Listing(fetch)

    @supports(
        refuses={
            "code": "a second factor is asked for by no documented operation",
            "state": "there is no OAuth",
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
    ) -> IgtSession:
        """Signs in: ``"password"`` by login id and password, ``"jwt-key"`` by service id and private key (PEM).

        Raises:
            ConfigurationError: the private key is none.
        """
        if method not in (PASSWORD, JWT_KEY):
            raise NotSupportedError(
                f"igtcloud cannot sign in by {method[:40]!r}: it knows {PASSWORD} and {JWT_KEY}",
                provider="igtcloud",
            )
        if not identifier or not secret:
            raise InvalidRequestError(
                f"{method} takes identifier= and secret=",
                fields={"identifier": "required", "secret": "required"},
            )
        kind = Password if method == PASSWORD else AccessKey
        if kind is AccessKey and ":" in identifier:
            raise InvalidRequestError("a service id holds no colon", fields={"identifier": "invalid"})
        signed = await self._sign_in(kind(identifier, secret))
        return IgtSession(
            id=_id_of(signed.jwt, "ses"),
            user_id=signed.user,
            method=method,
            token=signed.jwt,
            csrf_token=signed.csrf,
            created_at=_time(signed.issued_at),
            expires_at=_time(signed.expires_at),
        )

    @supports()
    async def current(self) -> IgtSession:
        """The session of this client, named after its JWT where that was given, else after its credential."""
        told = await self._introspect()
        user, auth, own = identity_of(told), self._auth, self._own
        if isinstance(auth, Session):
            id, method = auth.id, auth.method
        else:
            id = _id_of(own.jwt, "ses") if own is not None else fingerprint(user, "ses")
            method = None if auth is None else _METHODS.get(type(auth), "token")
        return IgtSession(id=id, user_id=user, method=method, expires_at=_time(told.exp))

    @supports()
    async def end(self, session: Session | None = None) -> Ended:
        """Signs out on the server, with ``hasExpired`` for a JWT that has run out.

        Raises:
            AuthenticationError: the server says that it ended nothing.
            InvalidRequestError: the session holds no token.
        """
        given = self._own if session is None else _held(session, self._csrf)
        if session is None:
            answer = await self._api.post_logout_resource(has_expired=self._ran_out(given))
            self._sender.forget()
        else:
            assert given is not None
            answer = await self._signing_in.logout_by(
                jwt=given.jwt, csrf=given.csrf, has_expired=self._ran_out(given)
            )
        if answer.success is False:
            raise AuthenticationError(
                "the server ended no session: the token is not one", provider="igtcloud"
            )
        return Ended(server_side=True)

    def _ran_out(self, given: Given | None) -> bool | None:
        ends = None if given is None else expiry_of(given.jwt)
        return True if ends is not None and ends <= self._sender.now() else None


class IgtTokens(_SigningIn, Tokens):
    """JWTs. Only their server can verify them."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "list": ("the server lists no tokens", "tokens.introspect"),
        "get": ("the server knows tokens by their value alone", "tokens.introspect(token)"),
        "verify": ("no key to verify with is published", "tokens.introspect(token)"),
        "revoke": ("a token ends with its session", "sessions.end(session)"),
    }

    @supports(refuses={"scopes": "a JWT may do whatever its user may", "lifetime": "the server decides it"})
    async def issue(self, *, scopes: Sequence[str] = (), lifetime: float | None = None) -> IgtToken:
        """Signs in by this client's password or key.

        Raises:
            NotSupportedError: this client has neither.
        """
        return await self._issue("issue")

    @supports()
    async def refresh(self, token: Token | Secret | str | None = None) -> IgtToken:
        """The next token. The former one stays good to its end.

        A JWT that carries a refresh token is refreshed, and keeps the CSRF token of its login; for one that does not,
        as those of services, this client signs in again.

        Args:
            token: what ``issue`` answered, or a JWT; ``None``: the one that this client was given, or else a new one
                by its password or key.

        Raises:
            AuthenticationError: it is dead.
            InvalidRequestError: it cannot be refreshed, and this client cannot sign in as its user.
        """
        given = self._own if token is None else _given(token, self._csrf)
        if given is None:
            return await self._issue("refresh")
        if refreshable(given.jwt):
            return _token(await refreshed(self._signing_in, given, self._sender.now()))
        if not isinstance(self._auth, Password | AccessKey):
            raise InvalidRequestError(
                "that token carries no refresh token, and this client has neither password nor key to sign in again",
                fields={"token": "not refreshable"},
            )
        who = identity_of(await self._signing_in.introspect_by(jwt=given.jwt, csrf=given.csrf))
        new = await self._issue("refresh")
        if new.user_id != who:
            raise InvalidRequestError(
                f"that token is {who[:100]}'s, and this client signs in as {new.user_id}: use a client of that user",
                fields={"token": "of another user"},
            )
        return new

    async def _issue(self, verb: str) -> IgtToken:
        auth = self._auth
        if not isinstance(auth, Password | AccessKey):
            raise NotSupportedError(
                f"tokens.{verb} signs in by a password or a service's key, and this client has neither: "
                "connect with auth=Password(…) or auth=AccessKey(…)",
                provider="igtcloud",
            )
        return _token(await self._sign_in(auth))

    @supports()
    async def introspect(self, token: Token | Secret | str | None = None) -> Claims:
        """What the server knows of a token; a given one that it rejects is not active."""
        if token is None:
            return _claims(await self._api.get_introspect_resource(), None)
        given = _given(token, self._csrf)
        try:
            told = await self._signing_in.introspect_by(jwt=given.jwt, csrf=given.csrf)
        except AuthenticationError:
            return Claims(active=False)
        return _claims(told, _id_of(given.jwt, "tok"))


def _token(signed: SignedIn) -> IgtToken:
    return IgtToken(
        id=_id_of(signed.jwt, "tok"),
        user_id=signed.user,
        value=signed.jwt,
        csrf_token=signed.csrf,
        created_at=_time(signed.issued_at),
        expires_at=_time(signed.expires_at),
    )


def _claims(told: IntrospectResponse, id: str | None) -> Claims:
    return Claims(
        active=told.active is not False,
        subject=told.user or told.sub,
        issuer=told.iss,
        token_id=id,
        expires_at=_time(told.exp),
        scopes=tuple((told.scope or "").split()),
        claims=told.model_dump(mode="json", exclude_none=True),
    )


def _id_of(jwt: Secret, kind: str) -> str:
    """The ``jti`` of a JWT; where it has none, its fingerprint."""
    told = claims_of(jwt).get("jti")
    return told if isinstance(told, str) and told else fingerprint(jwt.reveal(), kind)


def _given(token: Token | Secret | str, csrf: Secret | None) -> Given:
    if isinstance(token, Token):
        if token.value is None:
            raise InvalidRequestError(
                "that token holds no value: use what issue() answered", fields={"token": "no value"}
            )
        own = token.csrf_token if isinstance(token, IgtToken) else None
        return Given(token.value, own if own is not None else csrf)
    return Given(token if isinstance(token, Secret) else Secret(token), csrf)


def _held(session: Session, csrf: Secret | None) -> Given:
    if session.token is None:
        raise InvalidRequestError(
            "that session holds no token: use what create() answered", fields={"session": "no token"}
        )
    own = session.csrf_token if isinstance(session, IgtSession) else None
    return Given(session.token, own if own is not None else csrf)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None or not 0 < seconds < 2**37 else datetime.fromtimestamp(seconds, UTC)
