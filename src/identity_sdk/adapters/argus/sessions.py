"""``idp.sessions`` and ``idp.tokens`` over Argus: sessions on the server, whose token is a bearer token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.auth import DEFAULT_DOMAIN, challenged, sign_in
from identity_sdk.adapters.argus.inputs import (
    ApiKeySignIn,
    Constraint,
    Impersonation,
    PasswordSignIn,
    TotpSignIn,
)
from identity_sdk.adapters.argus.part import ArgusPart, Setting, user_of
from identity_sdk.adapters.argus.session_model import ArgusSession
from identity_sdk.adapters.argus.signin import (
    Challenge,
    Outcome,
    PasswordChangeRequired,
    SessionInfo,
    SignedIn,
)
from identity_sdk.auth.sources import ApiKey, Auth, Bearer, Password
from identity_sdk.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import AuthMethod, Deletion, Ended, Session, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.secrets import Secret, fingerprint
from identity_sdk.wire.call import Sender

__all__ = ["ArgusSessions", "ArgusTokens"]

METHODS = {
    "PASSWORD": ("password", "User name and password"),
    "TOTP": ("totp", "User name, password and TOTP code"),
    "APIKEY": ("api_key", "API key"),
    "LDAP": ("ldap", "User name and the directory's password"),
}
READ_ONLY = "read-only"
NO_INFO = SessionInfo.model_validate({})


class _SigningIn(ArgusPart):
    """What both areas need: the client's own credential, and who a session belongs to."""

    def __init__(
        self, sender: Sender, api: ArgusApi, setting: Setting, auth: Auth | None, by_key: bool
    ) -> None:
        super().__init__(sender, api, setting)
        self._auth = auth
        self._by_key = by_key

    async def _described(
        self, session: SignedIn, method: str, *, scopes: Sequence[str] = (), change: bool = False
    ) -> ArgusSession:
        """The session with its user and its end, which are asked for where the sign-in did not tell them."""
        bearer = Secret(f"Bearer {session.token.reveal()}")
        username, created, until = session.username, session.created_at, session.valid_until
        if not username:
            username = user_of(
                (await self._api.currentuser.get_current_user_by(authorization=bearer)).data
            ).id
        if until is None:
            info = (await self._api.session.get_session_by(authorization=bearer)).data or NO_INFO
            created, until = info.created_at or created, info.valid_until
        return ArgusSession(
            id=_id_of(session.token),
            user_id=username,
            method=method,
            token=session.token,
            created_at=created,
            expires_at=until,
            scopes=tuple(scopes),
            cookie=session.cookie,
            session_key=session.session_key,
            password_change_required=change,
        )

    async def _opened(self, outcome: Outcome, method: str) -> ArgusSession:
        if isinstance(outcome, Challenge):
            raise challenged(outcome, method)
        if isinstance(outcome, PasswordChangeRequired):
            return await self._described(outcome.session, method, change=True)
        return await self._described(outcome, method)

    def _own_id(self, user: str) -> str:
        """What stands for the session of this client: Argus has no ids for sessions that their holder could read."""
        auth = self._auth
        if isinstance(auth, ApiKey):
            return auth.key.reveal().rpartition("/")[0] or fingerprint(auth.key.reveal(), "ses")
        if isinstance(auth, Session | Token):
            return auth.id
        if isinstance(auth, Bearer) and isinstance(auth.token, Secret):
            return _id_of(auth.token)
        return fingerprint(user, "ses")


class ArgusSessions(_SigningIn, Sessions):
    """Sessions live on the server: they end by ``end``, by their cap, or by being idle."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports()
    def methods(self) -> Listing[AuthMethod]:
        """The server's ways to sign in, those that :meth:`create` takes; ``native.methods`` shows them all."""

        async def fetch(cursor: str | None, size: int | None) -> Page[AuthMethod]:
            told = (await self._api.methods.get_methods()).data or ()
            known = [METHODS[one] for one in dict.fromkeys(told) if one in METHODS]
            found = [AuthMethod(id=id, name=name) for id, name in known]
            return page_of(found, cursor, size)

        return Listing(fetch)

    @supports(refuses={"state": "Argus' sign-in by OpenID Connect is its own: native"})
    async def create(
        self,
        method: str,
        *,
        identifier: str | None = None,
        secret: Secret | str | None = None,
        code: str | None = None,
        state: str | None = None,
    ) -> ArgusSession:
        """Signs in: ``"password"`` and ``"ldap"`` by ``identifier=`` and ``secret=``, ``"totp"`` by these and
        ``code=``, ``"api_key"`` by ``secret=`` alone.

        A session with ``password_change_required`` may do nothing but change the password.

        Raises:
            ChallengeRequiredError: the code was used before (206): wait for the next one.
        """
        known = [one for one, _ in METHODS.values()]
        if method not in known:
            raise NotSupportedError(
                f"argus cannot sign in by {method[:40]!r}: this library knows {', '.join(known)}",
                provider="argus",
            )
        wanted = {"api_key": (False, True, False), "totp": (True, True, True)}.get(
            method, (True, True, False)
        )
        if (bool(identifier), bool(secret), bool(code)) != wanted or secret is None:
            names = [
                name
                for name, needed in zip(("identifier=", "secret=", "code="), wanted, strict=True)
                if needed
            ]
            raise InvalidRequestError(
                f"{method} takes {' and '.join(names)}, and nothing else",
                fields={name.rstrip("="): "required" for name in names},
            )
        return await self._opened(
            await self._sign_in(method, identifier or "", _secret(secret), code or ""), method
        )

    async def _sign_in(self, method: str, identifier: str, secret: Secret, code: str) -> Outcome:
        if method == "api_key":
            return (await self._api.apikey.authenticate(ApiKeySignIn(apikey=secret))).outcome
        domain = self._setting.domain or DEFAULT_DOMAIN
        if method == "totp":
            body = TotpSignIn(userName=identifier, domain=domain, password=secret, tokenCode=Secret(code))
            return (await self._api.totp.authenticate(body)).outcome
        plain = PasswordSignIn(userName=identifier, password=secret, domain=domain)
        if method == "ldap":
            return (await self._api.ldap.authentication(plain)).outcome
        return (await self._api.password.authentication(plain)).outcome

    @supports()
    async def current(self) -> ArgusSession:
        """The session of this client, or of its API key; named after its credential, for Argus tells no id."""
        info = (await self._api.session.get_session()).data or NO_INFO
        user = (await self._me()).id
        method = info.authentication_method or ""
        told = METHODS[method][0] if method in METHODS else method.lower() or None
        return ArgusSession(
            id=self._own_id(user),
            user_id=user,
            method=told,
            created_at=info.created_at,
            expires_at=info.valid_until,
        )

    @supports(refuses={"lifetime": "Argus decides how long a session lives"})
    async def constrain(self, scopes: Sequence[str], *, lifetime: float | None = None) -> ArgusSession:
        """A session that may do less.

        Args:
            scopes: names of functions, ``customer:<short name>``, or ``read-only``. Without a function all that the
                session has stay, and likewise the customers.
            lifetime: not supported.

        Raises:
            PermissionDeniedError: one of them is not among what this session may do.
            InvalidRequestError: none is given, or there is none of that name.
        """
        customers = tuple(one.removeprefix("customer:") for one in scopes if one.startswith("customer:"))
        others = [one for one in scopes if one != READ_ONLY and not one.startswith("customer:")]
        functions = tuple(one.removeprefix("function:") for one in others)
        if not scopes or not all((*functions, *customers)):
            raise InvalidRequestError("give at least one scope, none empty", fields={"scopes": "empty"})
        told: dict[str, object] = {}
        if customers:
            told["customer"] = customers
        if functions:
            told["function"] = functions
        if READ_ONLY in scopes:
            told["readOnly"] = True
        outcome = (await self._api.constrain.constrain(Constraint.model_validate(told))).outcome
        return await self._described(_session(outcome), "constrained", scopes=scopes)

    @supports()
    async def impersonate(self, user: str) -> ArgusSession:
        """A session as ``user``, which may do what both may do; marked INTERNAL by Argus: few may."""
        other = await self._user(user)
        outcome = (await self._api.session.impersonate_session(Impersonation(user=str(other.number)))).outcome
        return await self._described(_session(outcome), "impersonated")

    @supports()
    async def end(self, session: Session | None = None) -> Ended:
        """Ends a session on the server. An API key works on (``server_side=False``): only its cached session goes."""
        if session is None or (session.token is None and session.id == self._own_id(session.user_id)):
            await self._api.logout.logout()
            return Ended(server_side=not self._by_key)
        if session.token is None:
            raise InvalidRequestError(
                "that session holds no token: use what create() answered", fields={"session": "no token"}
            )
        await self._api.logout.logout_session(authorization=Secret(f"Bearer {session.token.reveal()}"))
        return Ended(server_side=True)


class ArgusTokens(_SigningIn, Tokens):
    """Session tokens."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "list": ("Argus lists no sessions", "native.user.delete_all_user_sessions ends all of a user"),
        "introspect": ("there is no such operation", "tokens.get: what the server tells of a session"),
        "verify": ("a session token is opaque", "with_credential(token), then users.me"),
    }

    @supports(
        refuses={
            "scopes": "sessions.constrain makes a session that may do less",
            "lifetime": "Argus decides how long a session lives",
        }
    )
    async def issue(self, *, scopes: Sequence[str] = (), lifetime: float | None = None) -> Token:
        """A session token by this client's API key or password.

        Raises:
            NotSupportedError: this client signs in by neither.
        """
        return await self._issue("issue")

    @supports()
    async def refresh(self, token: Token | Secret | str | None = None) -> Token:
        """Signs in again by this client's API key or password: there are no refresh tokens. The former one stays good.

        Args:
            token: the former one, if it shall be held against the new one: it must be of the same user.

        Raises:
            AuthenticationError: ``token`` is given by its value, and dead.
            InvalidRequestError: ``token`` belongs to another user.
        """
        former = None if token is None else await self._user_of(token)
        new = await self._issue("refresh")
        if former is not None and former != new.user_id:
            raise InvalidRequestError(
                f"that token is {former}'s, and this client signs in as {new.user_id}: use a client of that user",
                fields={"token": "of another user"},
            )
        return new

    async def _issue(self, verb: str) -> Token:
        auth = self._auth
        if not isinstance(auth, ApiKey | Password):
            raise NotSupportedError(
                f"tokens.{verb} signs in by an API key or a password, and this client has neither: "
                "connect with auth=ApiKey(…) or auth=Password(…)",
                provider="argus",
            )
        method = "api_key" if isinstance(auth, ApiKey) else "password"
        session = await self._opened(await sign_in(self._api, auth, self._setting.domain), method)
        return Token(
            id=_token_id(session.token),
            user_id=session.user_id,
            value=session.token,
            created_at=session.created_at,
            expires_at=session.expires_at,
        )

    async def _user_of(self, token: Token | Secret | str) -> str:
        if isinstance(token, Token) and token.user_id is not None:
            return token.user_id
        bearer = Secret(f"Bearer {_value(token).reveal()}")
        return user_of((await self._api.currentuser.get_current_user_by(authorization=bearer)).data).id

    @supports(refuses={"id": "Argus shows a session to nobody but the holder of its token"})
    async def get(self, token: Token | None = None, *, id: str | None = None) -> Token:
        """What the server tells of a session.

        Raises:
            NotFoundError: it has ended.
        """
        if token is None:
            raise InvalidRequestError("give a token", fields={"token": "required"})
        bearer = Secret(f"Bearer {_value(token).reveal()}")
        try:
            info = (await self._api.session.get_session_by(authorization=bearer)).data or NO_INFO
            user = user_of((await self._api.currentuser.get_current_user_by(authorization=bearer)).data).id
        except AuthenticationError:
            raise NotFoundError("that session has ended, or never was", provider="argus") from None
        return Token(
            id=_token_id(_value(token)), user_id=user, created_at=info.created_at, expires_at=info.valid_until
        )

    @supports(
        refuses={"id": "Argus tells no ids of sessions; native.session.evict_session takes an identifier"}
    )
    async def revoke(self, token: Token | Secret | str | None = None, *, id: str | None = None) -> Deletion:
        """Ends the session of a token.

        Raises:
            NotFoundError: it has ended before.
        """
        if token is None:
            raise InvalidRequestError("give a token", fields={"token": "required"})
        value = _value(token)
        bearer = Secret(f"Bearer {value.reveal()}")
        try:
            await self._api.session.get_session_by(
                authorization=bearer
            )  # a revoke counts only of what was there
            await self._api.session.delete_session_by(authorization=bearer)
        except AuthenticationError:
            raise NotFoundError("that session has ended, or never was", provider="argus") from None
        return Deletion(id=_token_id(value))


def _session(outcome: Outcome) -> SignedIn:
    if isinstance(outcome, Challenge):
        raise challenged(outcome, "session")
    return outcome.session if isinstance(outcome, PasswordChangeRequired) else outcome


def _id_of(token: Secret) -> str:
    return fingerprint(token.reveal(), "ses")


def _token_id(token: Secret | None) -> str:
    return fingerprint(token.reveal(), "tok") if token is not None else ""


def _value(token: Token | Secret | str) -> Secret:
    held = token.value if isinstance(token, Token) else _secret(token)
    if not held:
        raise InvalidRequestError(
            "that token holds no value: use what issue() answered", fields={"token": "no value"}
        )
    return held


def _secret(value: Secret | str) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)
