"""The auth service's adapter: its options, its resources, and what a server's answers say about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self, get_args
from urllib.parse import urlsplit

from identity_sdk import __version__
from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.auth import RefreshSource
from identity_sdk.adapters.auth_service.groups import AuthServiceGroups
from identity_sdk.adapters.auth_service.models import AuthServiceSession, Role
from identity_sdk.adapters.auth_service.part import PROPAGATION, Turns
from identity_sdk.adapters.auth_service.policies import AuthServicePolicies
from identity_sdk.adapters.auth_service.sessions import AuthServiceSessions, Begun
from identity_sdk.adapters.auth_service.tokens import AuthServiceTokens
from identity_sdk.adapters.auth_service.users import AuthServiceUsers
from identity_sdk.adapters.auth_service.verifier import Verifier
from identity_sdk.adapters.base import Adapter, Option, Probe, kept
from identity_sdk.adapters.checks import secret_option
from identity_sdk.auth.sources import (
    Auth,
    Bearer,
    BearerSource,
    Issued,
    RefreshToken,
    TokenSource,
    bearer_of,
)
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import ConfigurationError, IdentityError, NotSupportedError
from identity_sdk.models import Session, Token
from identity_sdk.options import ClientSettings
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["AuthService", "AuthServiceOptions"]

USER_AGENT = f"unified-identity-sdk/{__version__}"

STUBS = "this server has the refresh-token operations as empty stubs, which do nothing"
_STUB_VERBS = ("tokens.issue", "tokens.list", "tokens.get", "tokens.revoke")


class AuthServiceOptions(ClientSettings, total=False):
    """What ``connect("auth-service", …)`` takes beside the client's own options.

    Keys:
        base_url: the API, ``https://host[:port]/api/auth/v1``.
        refresh_token: a refresh UUID, which gets access tokens of ten minutes each; or
        token: an access token that was got elsewhere.
        default_role: the global role of users that are made without one.
    """

    base_url: str
    refresh_token: str | Secret
    token: str | Secret
    default_role: Role


class AuthService(Adapter):
    """The auth service of auth_python_client 1.0.0, as documented and as the real server answers."""

    name: ClassVar[str] = "auth-service"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("the API: https://host[:port]/api/auth/v1"),
        "refresh_token": Option("a refresh token (a UUID), which gets access tokens", secret=True),
        "token": Option("an access token, instead of a refresh token", secret=True),
        "default_role": Option('the global role of new users where none is given: "USER" or "ADMIN"'),
    }
    resources: ClassVar[tuple[type[Resource], ...]] = (
        AuthServiceUsers,
        AuthServiceGroups,
        AuthServicePolicies,
        AuthServiceSessions,
        AuthServiceTokens,
    )
    propagation: ClassVar[Propagation] = PROPAGATION
    limits: ClassVar[Mapping[str, int]] = {"id": 63, "description": 255}

    def __init__(self, *, base_url: str, auth: Auth | None = None, default_role: Role | None = None) -> None:
        """A server and how to sign in.

        Args:
            base_url: the API, ``https://host[:port]/api/auth/v1``; without a path, that one is meant.
            auth: a ``RefreshToken``, a ``Bearer`` access token, or a session or token that this library answered.
            default_role: the global role of users that are made without one. The server needs one, whatever its
                document says: a user without any breaks the list of users for everybody.

        Raises:
            ConfigurationError: see :class:`Adapter`; or an unknown ``default_role``.
        """
        super().__init__(base_url=base_url, auth=auth)
        if default_role is not None and default_role not in get_args(Role):
            raise ConfigurationError("default_role is ADMIN or USER", provider="auth-service")
        self.default_role: Role | None = default_role
        self._base_path = urlsplit(self.base_url).path or "/api/auth/v1"
        # Shared by all copies of a client.
        self._turns = Turns()
        self._begun = Begun()
        self._verifier = Verifier()

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        given = {name: value for name, value in options.items() if value is not None}
        base_url = given.get("base_url")
        if not isinstance(base_url, str) or not base_url:
            raise ConfigurationError(
                f"auth-service needs base_url: {cls.options['base_url'].help}", provider="auth-service"
            )
        refresh, access = (
            secret_option(given, "refresh_token", "auth-service"),
            secret_option(given, "token", "auth-service"),
        )
        if refresh is not None and access is not None:
            raise ConfigurationError("give refresh_token or token, not both", provider="auth-service")
        auth: Auth | None = None
        if refresh is not None:
            auth = RefreshToken(refresh)
        elif access is not None:
            auth = Bearer(access)
        return cls(base_url=base_url, auth=auth, default_role=_role(given))

    def token_source(self) -> TokenSource | None:
        auth = self.auth
        if auth is None:
            return None
        if isinstance(auth, RefreshToken):
            return self._refreshing(auth.token)
        if isinstance(auth, Session | Token) and auth.refresh_token is not None:
            return self._refreshing(auth.refresh_token, first=_first(auth))
        if isinstance(auth, AuthServiceSession) and auth.cookie is not None:
            return self._refreshing(cookie=auth.cookie, first=_first(auth))
        return BearerSource(bearer_of(auth))

    def _refreshing(
        self, token: Secret | None = None, *, cookie: Secret | None = None, first: Issued | None = None
    ) -> RefreshSource:
        return RefreshSource(
            self.base_url, self._base_path, USER_AGENT, token=token, cookie=cookie, first=first
        )

    @kept
    def native(self) -> AuthServiceApi:
        """All documented operations by their own names."""
        return AuthServiceApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @kept
    def users(self) -> AuthServiceUsers:
        return AuthServiceUsers(self.sender, self.native, self._turns, self.default_role)

    @kept
    def groups(self) -> AuthServiceGroups:
        return AuthServiceGroups(self.sender, self.native, self._turns)

    @kept
    def policies(self) -> AuthServicePolicies:
        return AuthServicePolicies(self.sender, self.native, self._turns)

    @kept
    def sessions(self) -> AuthServiceSessions:
        return AuthServiceSessions(self.sender, self.native, self._turns, self.auth, self._begun)

    @kept
    def tokens(self) -> AuthServiceTokens:
        return AuthServiceTokens(self.sender, self.native, self._turns, self.auth, self._verifier)

    async def probe(self) -> Probe:
        """Asks who is signed in, and whether the refresh-token operations are more than stubs.

        No documented operation tells the version. Only an administrator can be told about the stubs.

        Raises:
            AuthenticationError: the credential is rejected.
        """
        able = self.capabilities
        if self.auth is None:
            await self.native.health_liveness()
            return Probe(version=None, principal=None, capabilities=able)
        principal = (await self.native.get_user_info()).id or None
        try:
            await self.native.list_refresh_tokens()
        except NotSupportedError:
            able = able.without(_STUB_VERBS, STUBS)
        except IdentityError:
            pass  # whoever may not ask is not told
        return Probe(version=None, principal=principal, capabilities=able)


def _first(auth: Session | Token) -> Issued | None:
    """The access token that came with a refresh token."""
    value = auth.token if isinstance(auth, Session) else auth.value
    if value is None or auth.expires_at is None:
        return None
    return Issued(value, expires_at=auth.expires_at.timestamp())


def _role(given: Mapping[str, object]) -> Role | None:
    role = given.get("default_role")
    if role not in (None, "USER", "ADMIN"):
        raise ConfigurationError("default_role is ADMIN or USER", provider="auth-service")
    return None if role is None else "ADMIN" if role == "ADMIN" else "USER"
