"""The Argus adapter: its options and its resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from identity_sdk import __version__
from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.auth import Carrier, GivenSource, KeySource, SessionSource
from identity_sdk.adapters.argus.credentials import ArgusCredentials
from identity_sdk.adapters.argus.groups import ArgusGroups
from identity_sdk.adapters.argus.part import MOST, PROPAGATION, Setting
from identity_sdk.adapters.argus.policies import ArgusPolicies
from identity_sdk.adapters.argus.session_model import ArgusSession
from identity_sdk.adapters.argus.sessions import ArgusSessions, ArgusTokens
from identity_sdk.adapters.argus.signin import SignedIn
from identity_sdk.adapters.argus.users import ArgusUsers
from identity_sdk.adapters.base import Adapter, Option, Probe, kept
from identity_sdk.adapters.checks import secret_option, text_option
from identity_sdk.auth.sources import ApiKey, Auth, Bearer, BearerSource, Password, TokenSource, bearer_of
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import ConfigurationError
from identity_sdk.options import ClientSettings
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["Argus", "ArgusOptions", "SignInBy"]

SignInBy: TypeAlias = Literal["key", "bearer", "cookie"]

USER_AGENT = f"unified-identity-sdk/{__version__}"


class ArgusOptions(ClientSettings, total=False):
    """What ``connect("argus", …)`` takes beside the client's own options.

    Keys:
        base_url: the server, ``https://api.mnemonic.no``.
        api_key: an API key (``1ab/2c/…``); or
        username, password: a user; or
        token: a session token that was got elsewhere.
        password: beside an API key or a token, what making and renewing keys of one's own asks for.
        sign_in: ``"key"`` (an API key with every request), ``"bearer"`` or ``"cookie"`` (a session).
        domain: where short names are looked up and users sign in.
        customer: for whom users and groups are made and functions granted.
    """

    base_url: str
    api_key: str | Secret
    username: str
    password: str | Secret
    token: str | Secret
    sign_in: SignInBy
    domain: str
    customer: str


class Argus(Adapter):
    """mnemonic's Argus (``argus-api`` 5.1.0, and the older document)."""

    name: ClassVar[str] = "argus"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("the server: https://api.mnemonic.no"),
        "api_key": Option("an API key", secret=True),
        "username": Option("a user's short name, to sign in by password"),
        "password": Option(
            "its password; beside an API key, what making keys of one's own asks for", secret=True
        ),
        "token": Option("a session token, instead of a key or a user", secret=True),
        "sign_in": Option('"key" (the API key with every request), "bearer" or "cookie" (a session)'),
        "domain": Option("where short names are looked up and users sign in"),
        "customer": Option("for whom users and groups are made and functions granted"),
    }
    resources: ClassVar[tuple[type[Resource], ...]] = (
        ArgusUsers,
        ArgusGroups,
        ArgusPolicies,
        ArgusCredentials,
        ArgusSessions,
        ArgusTokens,
    )
    propagation: ClassVar[Propagation] = PROPAGATION
    limits: ClassVar[Mapping[str, int]] = {"page": MOST}

    def __init__(
        self,
        *,
        base_url: str,
        auth: Auth | None = None,
        sign_in: SignInBy | None = None,
        domain: str | None = None,
        customer: str | None = None,
        password: Secret | str | None = None,
    ) -> None:
        """A server and how to sign in.

        Args:
            base_url: the server, ``https://api.mnemonic.no``.
            auth: an ``ApiKey``, a ``Password``, a ``Bearer`` token, or a session or token that this library answered.
            sign_in: ``"key"`` sends the API key with every request; ``"bearer"`` and ``"cookie"`` open a session and
                send its token, or its cookie with a CSRF token. By default ``"key"`` for API keys, else ``"bearer"``.
            domain: where short names are looked up; sign-ins use ``MNEMONIC`` unless it is given.
            customer: for whom users and groups are made and functions granted, where no call says it.
            password: of the principal; making and renewing credentials of its own asks for it. That of a ``Password``
                serves as well.

        Raises:
            ConfigurationError: see :class:`Adapter`; or ``sign_in`` is unknown, or ``"key"`` without an API key.
        """
        super().__init__(base_url=base_url, auth=auth)
        if sign_in == "key" and isinstance(auth, Password):
            raise ConfigurationError('sign_in="key" needs an API key', provider="argus")
        self.sign_in: SignInBy | None = _way(sign_in)
        if password is None and isinstance(auth, Password):
            password = auth.password
        proof = Secret(password) if isinstance(password, str) else password
        del password
        self._setting = Setting(domain or None, customer or None, proof or None)
        self._base_path = urlsplit(self.base_url).path

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        given = {name: value for name, value in options.items() if value is not None}
        base_url = text_option(given, "base_url", "argus")
        if not base_url:
            raise ConfigurationError(
                f"argus needs base_url: {cls.options['base_url'].help}", provider="argus"
            )
        return cls(
            base_url=base_url,
            auth=_auth(given),
            sign_in=_way(text_option(given, "sign_in", "argus")),
            domain=text_option(given, "domain", "argus"),
            customer=text_option(given, "customer", "argus"),
            password=secret_option(given, "password", "argus"),
        )

    def with_auth(self, auth: Auth | None) -> Self:
        """A copy that speaks as somebody else; the password of the former principal is not taken along."""
        other = super().with_auth(auth)
        proof = auth.password if isinstance(auth, Password) else None
        other._setting = Setting(self._setting.domain, self._setting.customer, proof)
        return other

    @property
    def _key_per_request(self) -> bool:
        return isinstance(self.auth, ApiKey) and self.sign_in in (None, "key")

    def token_source(self) -> TokenSource | None:
        auth = self.auth
        if auth is None:
            return None
        carrier: Carrier = "cookie" if self.sign_in == "cookie" else "bearer"
        if isinstance(auth, ApiKey):
            if self._key_per_request:
                return KeySource(auth)
            return SessionSource(
                auth, self._setting.domain, self.base_url, self._base_path, USER_AGENT, carrier
            )
        if isinstance(auth, Password):
            return SessionSource(
                auth, self._setting.domain, self.base_url, self._base_path, USER_AGENT, carrier
            )
        if carrier == "cookie" and isinstance(auth, ArgusSession) and auth.token is not None:
            held = SignedIn(auth.token, auth.cookie or auth.token, auth.session_key)
            return GivenSource(held, self.base_url.removesuffix(self._base_path), carrier)
        return BearerSource(bearer_of(auth))

    @kept
    def native(self) -> ArgusApi:
        """All documented operations by their own names, in their modules."""
        return ArgusApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @kept
    def users(self) -> ArgusUsers:
        return ArgusUsers(self.sender, self.native, self._setting)

    @kept
    def groups(self) -> ArgusGroups:
        return ArgusGroups(self.sender, self.native, self._setting)

    @kept
    def policies(self) -> ArgusPolicies:
        return ArgusPolicies(self.sender, self.native, self._setting)

    @kept
    def credentials(self) -> ArgusCredentials:
        return ArgusCredentials(self.sender, self.native, self._setting)

    @kept
    def sessions(self) -> ArgusSessions:
        return ArgusSessions(self.sender, self.native, self._setting, self.auth, self._key_per_request)

    @kept
    def tokens(self) -> ArgusTokens:
        return ArgusTokens(self.sender, self.native, self._setting, self.auth, self._key_per_request)

    async def probe(self) -> Probe:
        """Asks who is signed in, or without a credential how one can sign in. No operation tells the version.

        Raises:
            AuthenticationError: the credential is rejected.
        """
        principal: str | None = None
        if self.auth is None:
            await self.native.methods.get_methods()
        else:
            principal = (await self.users.me()).id
        return Probe(version=None, principal=principal, capabilities=self.capabilities)


def _way(told: str | None) -> SignInBy | None:
    ways: dict[str | None, SignInBy | None] = {
        None: None,
        "key": "key",
        "bearer": "bearer",
        "cookie": "cookie",
    }
    if told not in ways:
        raise ConfigurationError(
            f'sign_in must be "key", "bearer" or "cookie", not {told!r}', provider="argus"
        )
    return ways[told]


def _auth(given: Mapping[str, object]) -> Auth | None:
    key, token, username = (
        secret_option(given, "api_key", "argus"),
        secret_option(given, "token", "argus"),
        text_option(given, "username", "argus"),
    )
    if sum(one is not None for one in (key, token, username)) > 1:
        raise ConfigurationError("give one of api_key, username and token", provider="argus")
    if key is not None:
        return ApiKey(key)
    if token is not None:
        return Bearer(token)
    password = secret_option(given, "password", "argus")
    if username is not None:
        if password is None:
            raise ConfigurationError("username needs password beside it", provider="argus")
        return Password(username, password)
    if password is not None:
        raise ConfigurationError("password needs username, api_key or token beside it", provider="argus")
    return None
