"""The IGT Cloud adapter: its options and its resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self
from urllib.parse import urlsplit

from identity_sdk import __version__
from identity_sdk.adapters.base import Adapter, Option, Probe, kept
from identity_sdk.adapters.checks import secret_option, text_option
from identity_sdk.adapters.igtcloud.api import IgtCloudApi, SignInApi
from identity_sdk.adapters.igtcloud.auth import Audience, GetterSource, GivenSource, LoginSource, given_of
from identity_sdk.adapters.igtcloud.credentials import IgtCredentials
from identity_sdk.adapters.igtcloud.groups import IgtGroups
from identity_sdk.adapters.igtcloud.part import PROPAGATION, Setting, identity_of
from identity_sdk.adapters.igtcloud.policies import IgtPolicies
from identity_sdk.adapters.igtcloud.sessions import IgtSessions, IgtTokens
from identity_sdk.adapters.igtcloud.users import IgtUsers
from identity_sdk.auth.sources import AccessKey, Auth, Bearer, Password, TokenSource, bearer_of
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import ConfigurationError
from identity_sdk.options import ClientSettings
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["IgtCloud", "IgtCloudOptions"]

USER_AGENT = f"unified-identity-sdk/{__version__}"


class IgtCloudOptions(ClientSettings, total=False):
    """What ``connect("igtcloud", …)`` takes beside the client's own options.

    Keys:
        base_url: ``https://DOMAIN`` or ``DOMAIN``, which means ``https://DOMAIN/api``.
        username, password: a person; or
        service_id, private_key: a service and its key (PEM); or
        token, csrf_token: a JWT that was got elsewhere, and the CSRF token of its login.
        organization: whose groups and services are meant.
        email_domain: makes the address of a user who is made without one.
    """

    base_url: str
    username: str
    password: str | Secret
    service_id: str
    private_key: str | Secret
    token: str | Secret
    csrf_token: str | Secret
    organization: str
    email_domain: str


class IgtCloud(Adapter):
    """Philips IGT Cloud: its auth service, and the users, groups and services of its data service."""

    name: ClassVar[str] = "igtcloud"
    extra: ClassVar[str] = "igtcloud"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("https://DOMAIN, or DOMAIN, which means https://DOMAIN/api"),
        "username": Option("a person's login id"),
        "password": Option("its password", secret=True),
        "service_id": Option("a service's id, to sign in by an assertion"),
        "private_key": Option("its private key in PEM", secret=True),
        "token": Option("a JWT, instead of a person or a service", secret=True),
        "csrf_token": Option("the CSRF token of that JWT's login", secret=True),
        "organization": Option("the organization whose groups and services are meant"),
        "email_domain": Option("makes the address of a user who is made without one"),
    }
    variables: ClassVar[Mapping[str, str]] = {
        "base_url": "CLOUD_DOMAIN",
        "token": "CLOUD_JWT_TOKEN",
        "csrf_token": "CLOUD_CSRF_TOKEN",
    }
    resources: ClassVar[tuple[type[Resource], ...]] = (
        IgtUsers,
        IgtGroups,
        IgtPolicies,
        IgtCredentials,
        IgtSessions,
        IgtTokens,
    )
    propagation: ClassVar[Propagation] = PROPAGATION

    def __init__(
        self,
        *,
        base_url: str,
        auth: Auth | None = None,
        organization: str | None = None,
        email_domain: str | None = None,
        csrf_token: Secret | str | None = None,
    ) -> None:
        """A domain and how to sign in.

        Args:
            base_url: ``https://DOMAIN``; then ``/api`` is meant. Another path is taken as it is, and a trailing
                ``/auth`` or ``/data`` names one service of the two: ``http://localhost/auth``, as in the documents,
                has no prefix at all.
            auth: a ``Password``; an ``AccessKey`` of a service id and its private key (PEM); a ``Bearer`` JWT; or a
                session or token that this library answered.
            organization: whose groups and services are meant.
            email_domain: makes the address of a user who is made without one.
            csrf_token: beside a ``Bearer``: the CSRF token of its login, which everything that writes needs.

        Raises:
            ConfigurationError: see :class:`Adapter`; or a CSRF token beside another credential.
        """
        super().__init__(base_url=base_url, auth=auth)
        csrf = Secret(csrf_token) if isinstance(csrf_token, str) else csrf_token
        del csrf_token  # tracebacks show locals
        if csrf and not isinstance(auth, Bearer):
            raise ConfigurationError("csrf_token belongs to a token: give that as well", provider="igtcloud")
        self._csrf = csrf or None
        self._setting = Setting(organization or None, email_domain or None)
        self._audience = Audience()
        path = urlsplit(self.base_url).path
        self._base_path = path.removesuffix("/auth").removesuffix("/data") if path else "/api"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        given = {name: value for name, value in options.items() if value is not None}
        base_url = text_option(given, "base_url", "igtcloud")
        if not base_url:
            raise ConfigurationError(
                f"igtcloud needs base_url: {cls.options['base_url'].help}", provider="igtcloud"
            )
        return cls(
            base_url=base_url if "://" in base_url else f"https://{base_url}",
            auth=_auth(given),
            organization=text_option(given, "organization", "igtcloud"),
            email_domain=text_option(given, "email_domain", "igtcloud"),
            csrf_token=secret_option(given, "csrf_token", "igtcloud"),
        )

    def with_auth(self, auth: Auth | None) -> Self:
        """A copy that speaks as somebody else; the CSRF token of the former one is not taken along."""
        other = super().with_auth(auth)
        other._csrf = None
        return other

    def token_source(self) -> TokenSource | None:
        auth = self.auth
        if auth is None:
            return None
        if isinstance(auth, Password | AccessKey):
            return LoginSource(auth, self.base_url, self._base_path, USER_AGENT, self._audience)
        given = given_of(auth, self._csrf)
        if given is None:
            return GetterSource(bearer_of(auth))
        return GivenSource(given, self._base_path, USER_AGENT)

    @kept
    def native(self) -> IgtCloudApi:
        """All documented operations by their own names."""
        return IgtCloudApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @property
    def _signing_in(self) -> SignInApi:
        return SignInApi(self.sender, self._base_path, user_agent=USER_AGENT)

    @kept
    def users(self) -> IgtUsers:
        return IgtUsers(self.sender, self.native, self._signing_in, self._setting)

    @kept
    def groups(self) -> IgtGroups:
        return IgtGroups(self.sender, self.native, self._signing_in, self._setting)

    @kept
    def policies(self) -> IgtPolicies:
        return IgtPolicies(self.sender, self.native, self._signing_in, self._setting)

    @kept
    def credentials(self) -> IgtCredentials:
        return IgtCredentials(self.sender, self.native, self._signing_in, self._setting)

    @kept
    def sessions(self) -> IgtSessions:
        return IgtSessions(
            self.sender, self.native, self._signing_in, self._setting, self.auth, self._csrf, self._audience
        )

    @kept
    def tokens(self) -> IgtTokens:
        return IgtTokens(
            self.sender, self.native, self._signing_in, self._setting, self.auth, self._csrf, self._audience
        )

    async def probe(self) -> Probe:
        """Asks who is signed in, or without a credential for the audience. No operation tells the version.

        Raises:
            AuthenticationError: the credential is rejected.
        """
        principal: str | None = None
        if self.auth is None:
            await self.native.get_login_aud_resource()
        else:
            principal = identity_of(await self.native.get_introspect_resource())
        return Probe(version=None, principal=principal, capabilities=self.capabilities)


def _auth(given: Mapping[str, object]) -> Auth | None:
    username, service, token = (
        text_option(given, "username", "igtcloud"),
        text_option(given, "service_id", "igtcloud"),
        secret_option(given, "token", "igtcloud"),
    )
    if sum(one is not None for one in (username, service, token)) > 1:
        raise ConfigurationError("give one of username, service_id and token", provider="igtcloud")
    for secret, owner in (("password", "username"), ("private_key", "service_id")):
        if (secret in given) != (owner in given):
            raise ConfigurationError(f"{owner} and {secret} go together", provider="igtcloud")
    if username is not None:
        return Password(username, secret_option(given, "password", "igtcloud") or Secret(""))
    if service is not None:
        return AccessKey(service, secret_option(given, "private_key", "igtcloud") or Secret(""))
    return None if token is None else Bearer(token)
