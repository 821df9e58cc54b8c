"""The Authress adapter: its options and its resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self
from urllib.parse import urlsplit

from identity_sdk import __version__
from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.auth import KeySource, ServiceKey, issuer_of
from identity_sdk.adapters.authress.credentials import AuthressCredentials
from identity_sdk.adapters.authress.dialect import KEY_LIMIT
from identity_sdk.adapters.authress.groups import AuthressGroups
from identity_sdk.adapters.authress.part import MANY, MOST, PROPAGATION, Caller, Turns
from identity_sdk.adapters.authress.policies import AuthressPolicies
from identity_sdk.adapters.authress.sessions import AuthressSessions, AuthressTokens
from identity_sdk.adapters.authress.users import AuthressUsers
from identity_sdk.adapters.authress.verifier import KeyRing, Verifier, origins_of
from identity_sdk.adapters.base import Adapter, Option, Probe, kept
from identity_sdk.auth.sources import ApiKey, Auth, Bearer, BearerSource, TokenSource, bearer_of
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import ConfigurationError
from identity_sdk.models import Session, Token
from identity_sdk.options import ClientSettings
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["Authress", "AuthressOptions"]

USER_AGENT = f"unified-identity-sdk/{__version__}"
KEYS_KEPT = 900.0
"""Seconds for which a public key is used without asking again. Until then a key that was withdrawn is believed."""


class AuthressOptions(ClientSettings, total=False):
    """What ``connect("authress", …)`` takes beside the client's own options.

    Keys:
        base_url: the account, ``https://ACCOUNT.api.authress.io``, or its own domain.
        access_key: an access key of a service client, in one piece; or
        token: a token that was got elsewhere.
        keys_kept: seconds for which ``tokens.verify`` uses a public key without asking again.
    """

    base_url: str
    access_key: str | Secret
    token: str | Secret
    keys_kept: float


class Authress(Adapter):
    """An Authress account."""

    name: ClassVar[str] = "authress"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("the account: https://ACCOUNT.api.authress.io, or its own domain"),
        "access_key": Option("an access key of a service client, in one piece", secret=True),
        "token": Option("a token that was got elsewhere, instead of an access key", secret=True),
        "keys_kept": Option("seconds for which tokens.verify uses a public key without asking again (900)"),
    }
    resources: ClassVar[tuple[type[Resource], ...]] = (
        AuthressUsers,
        AuthressGroups,
        AuthressPolicies,
        AuthressCredentials,
        AuthressSessions,
        AuthressTokens,
    )
    propagation: ClassVar[Propagation] = PROPAGATION
    limits: ClassVar[Mapping[str, int]] = {
        "page": MOST,
        "page_users": MANY,
        "members": 100,
        "access_keys": KEY_LIMIT,
    }
    extra: ClassVar[str] = "authress"

    def __init__(self, *, base_url: str, auth: Auth | None = None, keys_kept: float = KEYS_KEPT) -> None:
        """An account and how to sign in.

        Args:
            base_url: ``https://ACCOUNT.api.authress.io``, or the account's own domain.
            auth: ``ApiKey`` with an access key of a service client in one piece: tokens of 24 hours are signed
                by it here,
                and signed anew in time, without any request. Or a ``Bearer`` token, or a token that this library
                issued.
            keys_kept: seconds for which ``tokens.verify`` uses a public key without asking again.

        Raises:
            ConfigurationError: see :class:`Adapter`; or the access key is malformed, or ``keys_kept`` no
                positive number.
        """
        super().__init__(base_url=base_url)
        self.auth = auth
        if not 0 < keys_kept <= 24 * 3600:
            raise ConfigurationError("keys_kept is a number of seconds, up to a day", provider="authress")
        self._ring = KeyRing(keys_kept)
        self._turns = Turns()
        self._base_path = urlsplit(self.base_url).path
        self._service_key()  # a malformed one is told now

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        given = {name: value for name, value in options.items() if value is not None}
        base_url = given.get("base_url")
        if not isinstance(base_url, str) or not base_url:
            raise ConfigurationError(
                f"authress needs base_url: {cls.options['base_url'].help}", provider="authress"
            )
        return cls(
            base_url=base_url, auth=_auth(given), keys_kept=_seconds(given.get("keys_kept", KEYS_KEPT))
        )

    def _service_key(self) -> ServiceKey | None:
        return ServiceKey.parse(self.auth.key) if isinstance(self.auth, ApiKey) else None

    def token_source(self) -> TokenSource | None:
        if self.auth is None:
            return None
        key = self._service_key()
        if key is not None:
            return KeySource(key, self.base_url)
        if isinstance(self.auth, Bearer):
            return BearerSource(self.auth)
        if isinstance(self.auth, Session | Token):
            return BearerSource(bearer_of(self.auth))
        raise ConfigurationError(
            f"authress cannot sign in by {type(self.auth).__name__}: use ApiKey(access key in one piece), or Bearer",
            provider="authress",
        )

    def _given_token(self) -> Secret | None:
        auth = self.auth
        if isinstance(auth, Session | Token):
            auth = bearer_of(auth)
        return auth.token if isinstance(auth, Bearer) and isinstance(auth.token, Secret) else None

    @property
    def _caller(self) -> Caller:
        key = self._service_key()
        return Caller(key.client_id if key is not None else None, self._given_token(), self.auth is not None)

    @kept
    def native(self) -> AuthressApi:
        """The operations by their own names."""
        return AuthressApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @kept
    def users(self) -> AuthressUsers:
        return AuthressUsers(self.sender, self.native, self._caller, self._turns)

    @kept
    def groups(self) -> AuthressGroups:
        return AuthressGroups(self.sender, self.native, self._caller, self._turns)

    @kept
    def policies(self) -> AuthressPolicies:
        return AuthressPolicies(self.sender, self.native, self._caller, self._turns)

    @kept
    def credentials(self) -> AuthressCredentials:
        return AuthressCredentials(self.sender, self.native, self._caller, self._turns)

    @kept
    def sessions(self) -> AuthressSessions:
        return AuthressSessions(
            self.sender, self.native, self._caller, self._turns, self._service_key(), self._given_token()
        )

    @kept
    def tokens(self) -> AuthressTokens:
        key = self._service_key()
        issuer = "" if key is None else issuer_of(self.base_url, key)
        account = None if key is None else key.account_id
        verifier = Verifier(self.native, origins_of(self.base_url, account), self._ring)
        return AuthressTokens(self.sender, self.native, self._caller, self._turns, key, issuer, verifier)

    async def probe(self) -> Probe:
        """Fetches the account's public keys, and asks who is signed in. No operation tells a version.

        Raises:
            AuthenticationError: the token is not accepted.
        """
        if self.auth is None:
            await self.native.jwks()
            return Probe(version=None, principal=None, capabilities=self.capabilities)
        return Probe(version=None, principal=(await self.users.me()).id, capabilities=self.capabilities)


def _seconds(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ConfigurationError("keys_kept is a number of seconds", provider="authress") from None


def _auth(given: Mapping[str, object]) -> Auth | None:
    found: list[Auth] = []
    for name, kind in (("access_key", ApiKey), ("token", Bearer)):
        value = given.get(name)
        if value is not None and not isinstance(value, str | Secret):
            raise ConfigurationError(f"{name} must be a string", provider="authress")
        if value is not None:
            found.append(kind(value))
    if len(found) > 1:
        raise ConfigurationError("give an access key or a token, not both", provider="authress")
    return found[0] if found else None
