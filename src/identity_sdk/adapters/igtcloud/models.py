"""The wire models of IGT Cloud: neutral models with aliases. What is sent is in ``inputs.py``.

Names follow the documents (``IntrospectResponse``, ``S3Credential``, ``UsersGroups`` …). No property is required
there, and an ``X-Fields`` mask takes any of them away; only what names an object (``loginId``, ``id``) must be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, PrivateAttr, model_validator

from identity_sdk.models import (
    Credential,
    Group,
    Member,
    Model,
    Session,
    Token,
    User,
    UserKind,
    UtcDatetime,
)
from identity_sdk.secrets import Secret

__all__ = [
    "AccountStatus",
    "Allowed",
    "Contact",
    "HsdpResponse",
    "IgtGroup",
    "IgtMember",
    "IgtS3Credential",
    "IgtService",
    "IgtSession",
    "IgtToken",
    "IgtUser",
    "IntrospectResponse",
    "LoginResponse",
    "LogoutResponse",
    "Organization",
    "OrganizationRole",
    "Organizations",
    "PermissionsResponse",
    "Profile",
    "S3Credential",
    "S3CredentialResponse",
    "S3Keys",
    "UserSettings",
    "UsersGroups",
]


def _or_none(told: object) -> object:
    return () if told is None else told


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_or_none)]
"""Flask-RESTX writes ``null`` for what is not there, and where a mask names it."""


class Quiet(Model):
    """Ignores what it does not know: an unknown string beside a credential may be a secret."""

    model_config = ConfigDict(extra="ignore")


# The auth service.


class Allowed(Quiet):
    """What S3 credentials are good for."""

    resources: Texts = ()
    actions: Texts = ()


class S3Keys(Quiet):
    """The keys themselves. ``expires`` comes without an offset and is read as UTC."""

    access_key: str | None = Field(None, validation_alias="accessKey")
    secret_key: Secret | None = Field(None, validation_alias="secretKey")
    session_token: Secret | None = Field(None, validation_alias="sessionToken")
    bucket: str | None = None
    expires: UtcDatetime | None = None


class S3Credential(Quiet):
    """One set of temporary S3 credentials."""

    allowed: Allowed | None = None
    credentials: S3Keys | None = None
    resource_type: str | None = Field(None, validation_alias="resourceType")


class S3CredentialResponse(Quiet):
    """What ``GET /s3credentials`` answers. Empty: nothing is allowed."""

    policy_credentials: Annotated[tuple[S3Credential, ...], BeforeValidator(_or_none)] = Field(
        (), validation_alias="policyCredentials"
    )


class LoginResponse(Quiet):
    """What login and refresh answer: the CSRF token in the body, the JWT in two cookies.

    Attributes:
        sub: who signed in.
        csrf_token: goes with the JWT of a login; that of a refresh is not to be used (the login's stays).
    """

    csrf_token: Secret | None = Field(None, validation_alias="CSRFToken")
    sub: str | None = None
    s3_credentials: tuple[S3Credential, ...] | None = Field(None, validation_alias="S3Credentials")
    _jwt: Secret | None = PrivateAttr(None)
    _life: float | None = PrivateAttr(None)

    @property
    def jwt(self) -> Secret | None:
        """The two cookies joined by a dot; ``None`` when the answer set none."""
        return self._jwt

    @property
    def life(self) -> float | None:
        """Seconds that the JWT lives: ``Max-Age`` of the first cookie."""
        return self._life

    def _joined(self, jwt: Secret | None, life: float | None) -> None:
        self._jwt, self._life = jwt, life


class LogoutResponse(Model):
    """Whether the session was ended."""

    success: bool | None = None


class Organization(Model):
    """An organization as the caller sees it: what it may do there."""

    organization_id: str | None = Field(None, validation_alias="organizationId")
    organization_name: str | None = Field(None, validation_alias="organizationName")
    permissions: Texts = ()
    roles: Texts = ()
    groups: Texts = ()


OrganizationRole = Organization
"""In ``User.profile.organizationRoles`` an organization has the same five properties."""


class Organizations(Model):
    """Where the caller belongs."""

    managing_organization: str | None = Field(None, validation_alias="managingOrganization")
    organization_list: Annotated[tuple[Organization, ...], BeforeValidator(_or_none)] = Field(
        (), validation_alias="organizationList"
    )


class IntrospectResponse(Model):
    """What the server knows of the JWT (RFC 7662). ``exp`` is in epoch seconds."""

    active: bool | None = None
    scope: str | None = None
    user: str | None = None
    exp: int | None = None
    sub: str | None = None
    iss: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    identity_type: str | None = None
    organizations: Organizations | None = None
    roles: tuple[str, ...] | None = None


class PermissionsResponse(Model):
    """What the caller may do."""

    permissions: Texts = ()


# The data service: users, groups, services, organizations.


class Contact(Model):
    """How a person is reached."""

    email_address: str | None = Field(None, validation_alias="emailAddress")
    mobile_phone: str | None = Field(None, validation_alias="mobilePhone")


class Profile(Model):
    """Who a person is, and what it may do in each organization."""

    addresses: tuple[str, ...] | None = None
    contact: Contact | None = None
    disabled: bool | None = None
    family_name: str | None = Field(None, validation_alias="familyName")
    given_name: str | None = Field(None, validation_alias="givenName")
    organization_roles: tuple[Organization, ...] | None = Field(None, validation_alias="organizationRoles")
    preferred_language: str | None = Field(None, validation_alias="preferredLanguage")
    roles: tuple[str, ...] | None = None


class UserSettings(Model):
    """Training and language; the dates are ISO 8601."""

    ist_level: str | None = Field(None, validation_alias="istLevel")
    preferred_language: str | None = Field(None, validation_alias="preferredLanguage")
    training_start_date: str | None = Field(None, validation_alias="trainingStartDate")
    training_end_date: str | None = Field(None, validation_alias="trainingEndDate")


class AccountStatus(Model):
    """The account behind a user; times in UTC."""

    last_login_time: UtcDatetime | None = Field(None, validation_alias="lastLoginTime")
    account_locked_on: UtcDatetime | None = Field(None, validation_alias="accountLockedOn")
    account_locked_until: UtcDatetime | None = Field(None, validation_alias="accountLockedUntil")
    last_invalid_attempted_on: UtcDatetime | None = Field(None, validation_alias="lastInvalidAttemptedOn")
    password_expires_on: UtcDatetime | None = Field(None, validation_alias="passwordExpiresOn")
    password_changed_on: UtcDatetime | None = Field(None, validation_alias="passwordChangedOn")
    mfa_status: str | None = Field(None, validation_alias="mfaStatus")
    email_verified: bool | None = Field(None, validation_alias="emailVerified")
    disabled: bool | None = None
    number_of_invalid_attempt: int | None = Field(None, validation_alias="numberOfInvalidAttempt")


def _full_name(given: str | None, family: str | None) -> str | None:
    """One name out of two; equal ones are a name of one word (see ``rules.names_of``)."""
    if given == family:
        return given or None
    return " ".join(part for part in (given, family) if part) or None


class IgtUser(User):
    """A person. ``id`` is the login id; ``name``, ``email`` and ``active`` are read from the profile.

    Attributes:
        uuid: ``userUUID``, by which paths and memberships name the user.
    """

    provider: ClassVar[str] = "igtcloud"

    id: str = Field(validation_alias="loginId", min_length=1)
    uuid: str | None = Field(None, validation_alias="userUUID")
    profile: Profile | None = None
    settings: UserSettings | None = None
    account_status: AccountStatus | None = Field(None, validation_alias="accountStatus")
    _status: int = PrivateAttr(0)

    @model_validator(mode="after")
    def _read(self) -> IgtUser:
        profile, account = self.profile, self.account_status
        found: dict[str, object] = {}
        if profile is not None:
            found["name"] = _full_name(profile.given_name, profile.family_name)
            found["email"] = profile.contact.email_address if profile.contact is not None else None
        told = [
            one
            for one in (
                profile.disabled if profile is not None else None,
                account.disabled if account is not None else None,
            )
            if one is not None
        ]
        if told:
            found["active"] = not any(told)
        for name, value in found.items():
            object.__setattr__(self, name, value)  # frozen for others; it is being made here
        return self

    @property
    def was_there(self) -> bool:
        """In the answer of ``post_users``: an existing user was onboarded (200), none was made (201)."""
        return self._status == 200

    def _answered(self, status: int) -> None:
        self._status = status


class IgtService(User):
    """A machine identity. ``id`` is its ``serviceId``, which it signs in with; the server chooses it.

    Attributes:
        uuid: ``id`` on the wire, by which it is deleted; ``None`` in what ``users.me`` answers.
        private_key: PEM; shown once, by ``create``.
    """

    provider: ClassVar[str] = "igtcloud"
    model_config = ConfigDict(extra="ignore")

    id: str = Field(validation_alias="serviceId", min_length=1)
    uuid: str | None = Field(None, validation_alias="id")
    kind: UserKind = "service"
    application_id: str | int | None = Field(None, validation_alias="applicationId")
    organization_id: str | None = Field(None, validation_alias="organizationId")
    expires_on: str | None = Field(None, validation_alias="expiresOn")
    default_scopes: tuple[str, ...] | None = Field(None, validation_alias="defaultScopes")
    scopes: tuple[str, ...] | None = None
    private_key: Secret | None = Field(None, validation_alias="privateKey")


class IgtGroup(Group):
    """A group of an organization."""

    provider: ClassVar[str] = "igtcloud"


class IgtMember(Member):
    """A member of a group, by login id.

    Attributes:
        uuid: ``userUUID``; it stands in ``id`` as well where the list of users does not know it.
    """

    provider: ClassVar[str] = "igtcloud"

    uuid: str | None = None


class UsersGroups(Model):
    """The groups of one user within an organization."""

    user_id: str = Field(validation_alias="userId", min_length=1)
    group_ids: Texts = Field((), validation_alias="groupIds")


class HsdpResponse(Model):
    """What the platform below says."""

    resource_type: str | None = Field(None, validation_alias="resourceType")
    issue: Annotated[tuple[Mapping[str, JsonValue], ...], BeforeValidator(_or_none)] = ()


# What the facade's verbs answer.


class IgtSession(Session):
    """A signed-in state.

    Attributes:
        csrf_token: goes with the token on everything that writes.
    """

    provider: ClassVar[str] = "igtcloud"

    csrf_token: Secret | None = None


class IgtToken(Token):
    """A JWT with the CSRF token of its login."""

    provider: ClassVar[str] = "igtcloud"

    token_type: str = "X-JWT"  # noqa: S105 -- the header that it goes in
    csrf_token: Secret | None = None


class IgtS3Credential(Credential):
    """Temporary S3 credentials. ``id`` is the access key, ``secret`` the secret key.

    Attributes:
        action, prefix: what they were asked for.
        bucket: where they are good.
        actions, resources: what they allow, as the server says.
    """

    provider: ClassVar[str] = "igtcloud"

    kind: str = "s3"
    session_token: Secret | None = None
    bucket: str | None = None
    action: str = "GET"
    prefix: str | None = None
    actions: Texts = ()
    resources: Texts = ()

    def as_boto3(self) -> dict[str, str]:
        """What ``boto3.Session`` and ``boto3.client("s3", …)`` take. **These are secrets in the clear.**"""
        found = {"aws_access_key_id": self.id}
        if self.secret is not None:
            found["aws_secret_access_key"] = self.secret.reveal()
        if self.session_token is not None:
            found["aws_session_token"] = self.session_token.reveal()
        return found
