"""The lakeFS adapter: its options, its resources, and what a server's state says about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from identity_sdk import __version__
from identity_sdk.adapters.base import Adapter, Option, Probe, kept
from identity_sdk.adapters.checks import secret_option
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.auth import CookieSource, LoginSource, SignInApi
from identity_sdk.adapters.lakefs.credentials import LakeFSCredentials
from identity_sdk.adapters.lakefs.groups import LakeFSGroups
from identity_sdk.adapters.lakefs.models import AuthCapabilities, LakeFSSession, SetupState
from identity_sdk.adapters.lakefs.part import MOST, PROPAGATION
from identity_sdk.adapters.lakefs.policies import LakeFSPolicies
from identity_sdk.adapters.lakefs.sessions import LakeFSSessions, LakeFSTokens
from identity_sdk.adapters.lakefs.users import LakeFSUsers
from identity_sdk.auth.sources import (
    AccessKey,
    Auth,
    BasicSource,
    Bearer,
    BearerSource,
    TokenSource,
    bearer_of,
)
from identity_sdk.capabilities import Capabilities, Propagation
from identity_sdk.errors import ConfigurationError
from identity_sdk.options import ClientSettings
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["LakeFS", "LakeFSOptions", "SignIn"]

SignIn = Literal["basic", "login"]

USER_AGENT = f"unified-identity-sdk/{__version__}"

SINGLE_USER = "a single-user server: it has one user, and neither groups nor policies"
ACL = "an ACL server (RBAC simplified): rights come from its groups alone"
NO_RESET = "this server resets no passwords"

_SIGN_IN = 'sign_in must be "basic" or "login"'

_POLICY_VERBS = ("users.policies", "groups.policies", *LakeFSPolicies.cells())
_RESET_VERBS = ("credentials.request_password_reset", "credentials.reset_password")


class LakeFSOptions(ClientSettings, total=False):
    """What ``connect("lakefs", …)`` takes beside the client's own options.

    Keys:
        base_url: the API, ``https://host[:port]/api/v1``.
        access_key_id, secret_access_key: an access key; or
        token: a login token that was got elsewhere.
        sign_in: ``"basic"`` sends the access key with every request, ``"login"`` gets a token by it, and a new one when
            that runs out.
    """

    base_url: str
    access_key_id: str
    secret_access_key: str | Secret
    token: str | Secret
    sign_in: SignIn


class LakeFS(Adapter):
    """A lakeFS server (v0.91 and today's)."""

    name: ClassVar[str] = "lakefs"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("the API: https://host[:port]/api/v1"),
        "access_key_id": Option("the id of an access key"),
        "secret_access_key": Option("its secret", secret=True),
        "token": Option("a login token, instead of an access key", secret=True),
        "sign_in": Option('"basic" (the key with every request) or "login" (a token got by the key)'),
    }
    resources: ClassVar[tuple[type[Resource], ...]] = (
        LakeFSUsers,
        LakeFSGroups,
        LakeFSPolicies,
        LakeFSCredentials,
        LakeFSSessions,
        LakeFSTokens,
    )
    propagation: ClassVar[Propagation] = PROPAGATION
    limits: ClassVar[Mapping[str, int]] = {"page": MOST}

    def __init__(self, *, base_url: str, auth: Auth | None = None, sign_in: SignIn = "basic") -> None:
        """A server and how to sign in.

        Args:
            base_url: the API, ``https://host[:port]/api/v1``; without a path, that one is meant.
            auth: an ``AccessKey``, a ``Bearer`` token, or a session or token that this library answered.
            sign_in: how an access key is used: ``"basic"`` sends it with every request (RFC 7617), ``"login"`` gets a
                token by it and a new one when that runs out or is refused.

        Raises:
            ConfigurationError: see :class:`Adapter`; or an unknown ``sign_in``.
        """
        super().__init__(base_url=base_url, auth=auth)
        if sign_in not in ("basic", "login"):
            raise ConfigurationError(f"{_SIGN_IN}, not {sign_in!r}", provider="lakefs")
        self.sign_in: SignIn = sign_in
        self._base_path = urlsplit(self.base_url).path or "/api/v1"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        given = {name: value for name, value in options.items() if value is not None}
        sign_in: SignIn = "login" if given.get("sign_in") == "login" else "basic"
        if given.get("sign_in", "basic") != sign_in:
            raise ConfigurationError(f"{_SIGN_IN}, not {given['sign_in']!r}", provider="lakefs")
        return cls(base_url=_string(given, "base_url"), auth=_auth(given), sign_in=sign_in)

    def token_source(self) -> TokenSource | None:
        auth = self.auth
        if auth is None:
            return None
        if isinstance(auth, AccessKey):
            if self.sign_in == "login":
                return LoginSource(auth, self.base_url, self._base_path, USER_AGENT)
            return BasicSource(auth)
        if isinstance(auth, LakeFSSession) and auth.cookie is not None and auth.token is not None:
            return CookieSource(auth.cookie, auth.token)
        return BearerSource(auth if isinstance(auth, Bearer) else bearer_of(auth))

    @kept
    def native(self) -> LakeFSApi:
        """All documented operations by their own names."""
        return LakeFSApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @property
    def _signing_in(self) -> SignInApi:
        return SignInApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @kept
    def users(self) -> LakeFSUsers:
        return LakeFSUsers(self.sender, self.native)

    @kept
    def groups(self) -> LakeFSGroups:
        return LakeFSGroups(self.sender, self.native)

    @kept
    def policies(self) -> LakeFSPolicies:
        return LakeFSPolicies(self.sender, self.native)

    @kept
    def credentials(self) -> LakeFSCredentials:
        return LakeFSCredentials(self.sender, self.native)

    @kept
    def sessions(self) -> LakeFSSessions:
        return LakeFSSessions(self.sender, self.native, self._signing_in, self.auth)

    @kept
    def tokens(self) -> LakeFSTokens:
        return LakeFSTokens(self.sender, self.native, self._signing_in, self.auth)

    async def probe(self) -> Probe:
        """Asks for the set-up state and the capabilities of the server, and who is signed in.

        No documented operation tells the version. On a server that is not set up nobody can be signed in.

        Raises:
            AuthenticationError: the credential is rejected.
        """
        state = await self.native.get_setup_state()
        able = await self.native.get_auth_capabilities()
        principal: str | None = None
        if self.auth is not None and state.state in (None, "initialized"):
            principal = (await self.native.get_current_user()).user.id or None
        return Probe(version=None, principal=principal, capabilities=narrowed(self.capabilities, state, able))


def narrowed(able: Capabilities, state: SetupState, told: AuthCapabilities) -> Capabilities:
    """The capabilities of this very server, by what its state tells (measured on v0.91.0 and v1.84.0)."""
    rbac = state.login_config.rbac if state.login_config is not None else None
    if rbac == "none":
        single = [verb for verb in able.cells if verb.startswith("groups.")]
        keys = ["credentials.list", "credentials.delete", "credentials.rotate"]
        able = able.without([*_POLICY_VERBS, *single, *keys, "users.create", "users.groups"], SINGLE_USER)
    elif rbac == "simplified":
        able = able.without(_POLICY_VERBS, ACL)
    if not told.forgot_password:
        able = able.without(_RESET_VERBS, NO_RESET)
    return able


def _string(given: Mapping[str, object], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"lakefs needs {name}: {LakeFS.options[name].help}", provider="lakefs")
    return value


def _auth(given: Mapping[str, object]) -> Auth | None:
    secret, token = (
        secret_option(given, "secret_access_key", "lakefs"),
        secret_option(given, "token", "lakefs"),
    )
    if token is not None:
        if secret is not None or "access_key_id" in given:
            raise ConfigurationError("give an access key or a token, not both", provider="lakefs")
        return Bearer(token)
    if secret is None:
        if "access_key_id" in given:
            raise ConfigurationError("access_key_id needs secret_access_key beside it", provider="lakefs")
        return None
    return AccessKey(_string(given, "access_key_id"), secret)
