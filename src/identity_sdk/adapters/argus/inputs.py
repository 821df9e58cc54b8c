"""What Argus takes: strict inputs, their fields named as documented (argus-api 5.1.0 schema)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from identity_sdk.models import Input
from identity_sdk.secrets import Secret

__all__ = [
    "ApiKeyInitiation",
    "ApiKeyRenewal",
    "ApiKeySignIn",
    "ApiKeySource",
    "Constraint",
    "FunctionAddition",
    "GroupAddition",
    "GroupUpdate",
    "Impersonation",
    "MemberAddition",
    "Move",
    "ParentGroups",
    "PasswordChange",
    "PasswordSignIn",
    "PermissionGrant",
    "PermissionGrants",
    "Phone",
    "SessionConstraints",
    "SubjectSearch",
    "TotpInitialization",
    "TotpSignIn",
    "TotpVerification",
    "UserApiKeyInitiation",
    "UserApiKeyRenewal",
    "UserAddition",
    "UserUpdate",
]

Language: TypeAlias = Literal["norwegian", "english"]
SecurityLevel: TypeAlias = Literal["external", "standard", "administrative"]
Requested: TypeAlias = tuple[Literal["enrollPublicKey", "setPassword"], ...]
SignInMethod: TypeAlias = Literal["password", "signature", "sms", "totp", "apikey", "ldap"]

_SHORT_NAME = r"^[a-zA-Z0-9_\-\.@]+$"


class SessionConstraints(Input):
    """What an API key is cut down to."""

    customerID: tuple[int, ...] | None = None
    function: tuple[str, ...] | None = None
    functionID: tuple[int, ...] | None = None
    readOnly: bool | None = None


class StaticOptions(Input):
    ipAddresses: tuple[str, ...] = Field(min_length=1)


class CloudOptions(Input):
    regions: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None


class ApiKeySource(Input):
    """From where the key may be used."""

    provider: Literal["staticIP", "disabled", "azure", "aws", "github"] = "staticIP"
    staticOptions: StaticOptions | None = None
    awsOptions: CloudOptions | None = None
    azureOptions: CloudOptions | None = None
    githubOptions: CloudOptions | None = None


class UserApiKeyInitiation(Input):
    """A new API key for another user, by an administrator.

    Attributes:
        expirationDays: 0 for unlimited; three months unless told. ``None`` is not sent.
        validSources: networks (``203.0.113.0/24``) that the key works from.
    """

    description: str
    validSources: tuple[str, ...] | None = None
    expirationDays: int | None = Field(None, ge=0, lt=2**31)
    disableExpiration: bool | None = None
    disableSourceRestriction: bool | None = None
    sessionConstraints: SessionConstraints | None = None
    source: ApiKeySource | None = None


class ApiKeyInitiation(UserApiKeyInitiation):
    """A new API key of one's own: ``password`` (or an ``authorization`` for ``apikey.create``) proves who asks."""

    password: Secret | None = None
    authorization: Secret | None = None


class UserApiKeyRenewal(Input):
    """Puts off the end of a key of another user, by an administrator."""

    expirationDays: int | None = Field(None, ge=0, lt=2**31)
    disableExpiration: bool | None = None


class ApiKeyRenewal(UserApiKeyRenewal):
    """Puts off the end of one's own key."""

    password: Secret | None = None
    authorization: Secret | None = None


class ApiKeySignIn(Input):
    """An API key that opens a session."""

    apikey: Secret


class PasswordSignIn(Input):
    """Also for LDAP. The domain is the server's default unless given; official clients send ``MNEMONIC``."""

    userName: str
    password: Secret
    domain: str | None = None
    requestedAuthorizations: Requested | None = None


class TotpSignIn(PasswordSignIn):
    """``tokenCode`` works once."""

    tokenCode: Secret


class TotpInitialization(Input):
    """The password, or an authorization for ``totp.initialize``."""

    password: Secret | None = None
    authorization: Secret | None = None


class TotpVerification(Input):
    """``cookie`` is what ``totp.initialize`` answered."""

    cookie: Secret
    verificationCode: Secret


class Constraint(Input):
    """A session that may do less. ``customer`` and ``function`` by name; the older fields take names or ids."""

    customer: tuple[str, ...] | None = None
    function: tuple[str, ...] | None = None
    readOnly: bool | None = None
    customerID: tuple[int, ...] | None = None
    functionID: tuple[int, ...] | None = None


class Impersonation(Input):
    """A session as ``user`` (name or id; ``userName`` is its older name), possibly narrowed."""

    user: str | None = None
    userName: str | None = None
    domain: str | None = None
    customer: tuple[str, ...] | None = None
    function: tuple[str, ...] | None = None
    securityLevel: SecurityLevel | None = None


class PasswordChange(Input):
    """``authorization`` (for ``password.set``) or the old password proves who asks."""

    newPassword: Secret
    oldPassword: Secret | None = None
    authorization: Secret | None = None


class Phone(Input):
    """A telephone number in two parts."""

    countryCode: str
    nationalNumber: str


class UserAddition(Input):
    """A new user."""

    customer: str
    shortName: str = Field(pattern=_SHORT_NAME)
    name: str
    domain: str | None = None
    description: str | None = None
    email: str | None = None
    language: Language | None = None
    phone: Phone | None = None
    phoneNumber: str | None = None
    role: str | None = None
    daemonAccount: bool | None = None
    notificationUser: bool | None = None
    externallyManaged: bool | None = None
    enableAuthenticationMethods: tuple[SignInMethod, ...] | None = None
    skipDefaultAuthenticationMethods: bool | None = None


class UserUpdate(Input):
    """What is given is changed; ``""`` clears the address."""

    name: str | None = None
    shortName: str | None = Field(None, pattern=_SHORT_NAME)
    description: str | None = None
    email: str | None = None
    language: Language | None = None
    phone: Phone | None = None
    phoneNumber: str | None = None
    role: str | None = None
    daemonAccount: bool | None = None
    externallyManaged: bool | None = None


class GroupAddition(Input):
    """A new group."""

    customer: str
    name: str
    shortName: str = Field(pattern=_SHORT_NAME)
    description: str | None = None
    domain: str | None = None
    daemonAccount: bool | None = None
    externallyManaged: bool | None = None


class GroupUpdate(Input):
    """What is given is changed."""

    name: str | None = None
    shortName: str | None = Field(None, pattern=_SHORT_NAME)
    description: str | None = None
    daemonAccount: bool | None = None
    externallyManaged: bool | None = None


class Move(Input):
    """Where to: a customer."""

    customer: str


class MemberAddition(Input):
    """``subject``: users or groups, by name or id."""

    subject: tuple[str, ...] = Field(min_length=1)
    comment: str | None = None


class ParentGroups(Input):
    """Groups to put a subject into."""

    parentGroups: tuple[str, ...]
    comment: str | None = None


class PermissionGrant(Input):
    """All three by name or id."""

    subject: str
    function: str
    customer: str
    comment: str | None = None


class PermissionGrants(Input):
    """Several grants."""

    permissions: tuple[PermissionGrant, ...]


class FunctionAddition(Input):
    """A new function below ``parent``."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_:\-\.]*$")
    parent: str
    minimumSecurityLevel: SecurityLevel
    description: str | None = None
    role: bool | None = None
    roleType: Literal["service", "case", "tool", "other"] | None = None
    readOnly: bool | None = None
    sysadm: bool | None = None
    localizedNames: dict[str, str] | None = None
    localizedDescriptions: dict[str, str] | None = None


class SubjectSearch(Input):
    """Criteria of the ``/search`` operations of users, groups and subjects; all must hold."""

    keywords: tuple[str, ...] | None = None
    keywordFieldStrategy: tuple[Literal["shortName", "name", "email", "phoneNumber"], ...] | None = None
    keywordMatchStrategy: Literal["any", "all"] | None = None
    customer: tuple[str, ...] | None = None
    domain: tuple[str, ...] | None = None
    subject: tuple[str, ...] | None = None
    ancestor: tuple[str, ...] | None = None
    parent: tuple[str, ...] | None = None
    includeFlags: tuple[str, ...] | None = None
    excludeFlags: tuple[str, ...] | None = None
    includeDeleted: bool | None = None
    timeFieldStrategy: tuple[str, ...] | None = None
    timeMatchStrategy: Literal["any", "all"] | None = None
    startTimestamp: int | None = None
    endTimestamp: int | None = None
    sortBy: tuple[str, ...] | None = None
    limit: int | None = None
    offset: int | None = None
