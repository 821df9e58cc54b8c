"""The wire models of Argus: the envelope, and read models that are neutral models with aliases.

Names and meanings are those of the argus-api 5.1.0 schema; times are epoch milliseconds there, 0 or absent for "never".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr

from identity_sdk.models import Group, JsonValue, Member, Model, Policy, Statement, User
from identity_sdk.secrets import Secret

__all__ = [
    "Answer",
    "ArgusGroup",
    "ArgusMember",
    "ArgusPermission",
    "ArgusPolicy",
    "ArgusStatement",
    "ArgusUser",
    "AuthenticationStatus",
    "Authorization",
    "CurrentUser",
    "CustomerInfo",
    "DomainInfo",
    "FunctionInfo",
    "Membership",
    "Message",
    "MethodState",
    "SessionFunction",
    "SessionsDeleted",
    "SubjectInfo",
]

T = TypeVar("T")


def _milliseconds(value: object) -> object:
    if value is None or value == 0:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000, UTC)
        except (OverflowError, OSError):
            raise ValueError("Input should be a time in milliseconds since the epoch") from None
    if isinstance(value, datetime):
        return value
    raise ValueError("Input should be a time in milliseconds since the epoch")


def _text(value: object) -> object:
    return None if value == "" else value


def listed(value: object) -> object:
    return () if value is None else value


def _active(flags: object) -> object:
    if isinstance(flags, bool):
        return flags
    return "blocked" not in flags if isinstance(flags, list | tuple) else None  # pyright: ignore[reportUnknownVariableType]


Milliseconds: TypeAlias = Annotated[datetime | None, BeforeValidator(_milliseconds)]
Text: TypeAlias = Annotated[str | None, BeforeValidator(_text)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(listed)]
Numbers: TypeAlias = Annotated[tuple[int, ...], BeforeValidator(listed)]


class Quiet(Model):
    """Ignores what it does not know: an unknown string may be a secret here."""

    model_config = ConfigDict(extra="ignore")


class Message(Model):
    """One of the ``messages`` of an answer."""

    message: str | None = None
    message_template: str | None = Field(None, validation_alias="messageTemplate")
    type: str | None = None
    field: str | None = None


class Answer(Model, Generic[T]):
    """The envelope ("ResultStash") of every answer, also of those with one object.

    Attributes:
        status: the HTTP status; 206 and 221 mean more than success (see ``signin.SignIn``).
        cookies: the ``Set-Cookie`` lines as they came.
        count: how many there are on the server; 0 where not counted, -1 where counting timed out.
        limit, offset, size: of this page.
        data: the object, or the objects; ``None`` for nothing.
    """

    response_code: int = Field(0, validation_alias="responseCode")
    limit: int = 0
    offset: int = 0
    count: int = 0
    size: int = 0
    meta_data: Mapping[str, JsonValue] | None = Field(None, validation_alias="metaData")
    messages: Annotated[tuple[Message, ...], BeforeValidator(listed)] = ()
    data: T = Field(default=None)  # type: ignore[assignment]

    _status: int = PrivateAttr(0)
    _cookies: tuple[str, ...] = PrivateAttr(())

    @property
    def status(self) -> int:
        return self._status

    @property
    def cookies(self) -> tuple[str, ...]:
        return self._cookies

    def complete(self, status: int, cookies: tuple[str, ...]) -> None:
        """Keeps what the body does not hold."""
        self._status = status
        self._cookies = cookies


# What hangs on other objects.


class DomainInfo(Model):
    """A domain: short names are unique within one."""

    id: int | None = None
    name: str | None = None


class CustomerInfo(Model):
    """A customer, for which functions are granted."""

    id: int | None = None
    name: str | None = None
    short_name: str | None = Field(None, validation_alias="shortName")
    domain: DomainInfo | None = None


class SubjectInfo(Model):
    """A user or a group, as other objects name it."""

    id: int | None = None
    name: str | None = None
    short_name: str | None = Field(None, validation_alias="shortName")
    type: str | None = None
    flags: Names = ()
    customer: CustomerInfo | None = None
    domain: DomainInfo | None = None


class FunctionInfo(Model):
    """A function, as other objects name it."""

    id: int | None = None
    name: str | None = None


# Users, groups, functions, permissions.


class ArgusUser(User):
    """A user. ``id`` is its short name, ``number`` what Argus calls its id; a blocked one is not ``active``."""

    provider: ClassVar[str] = "argus"

    id: str = Field(validation_alias="shortName")
    number: int = Field(validation_alias="id")
    email: Text = None
    active: Annotated[bool | None, BeforeValidator(_active)] = Field(None, validation_alias="flags")
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    flags: Names = ()
    description: Text = None
    customer: CustomerInfo | None = None
    domain: DomainInfo | None = None
    last_login_at: Milliseconds = Field(None, validation_alias="lastLoginTimestamp")
    deleted_at: Milliseconds = Field(None, validation_alias="deletedTimestamp")


class CurrentUser(Model):
    """``/currentuser/v1/user``: the older model, with upper-case flags."""

    id: int
    user_name: str = Field(validation_alias="userName")
    name: str | None = None
    email: str | None = None
    mobile: str | None = None
    flags: Names = ()
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    customer: CustomerInfo | None = None
    domain: DomainInfo | None = None


class ArgusGroup(Group):
    """A group. ``id`` is its short name, ``number`` what Argus calls its id."""

    provider: ClassVar[str] = "argus"

    id: str = Field(validation_alias="shortName")
    number: int = Field(validation_alias="id")
    description: Text = None
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    flags: Names = ()
    customer: CustomerInfo | None = None
    domain: DomainInfo | None = None
    deleted_at: Milliseconds = Field(None, validation_alias="deletedTimestamp")


class ArgusMember(Member):
    """A member of a group: a user, or another group."""

    provider: ClassVar[str] = "argus"

    id: str = Field(validation_alias="shortName")
    number: int = Field(validation_alias="id")
    email: Text = None
    flags: Names = ()


class ArgusStatement(Statement):
    """A function as an action, and the customers that it is granted for as resources."""


class ArgusPolicy(Policy):
    """A function: what Argus grants to a user or a group, for a customer.

    Attributes:
        id: the function's name.
        name: its localized name.
        number: what Argus calls its id.
        statements: one; its resources are the customers of the grants, or ``*`` where no grant is told of.
        flags: ``role``, ``sysadm``, ``readOnly``, ``deleted``.
    """

    provider: ClassVar[str] = "argus"

    id: str = Field(validation_alias="name")
    name: str | None = Field(None, validation_alias="localizedName")
    number: int | None = Field(None, validation_alias="id")
    description: Text = None
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    flags: Names = ()
    minimum_security_level: str | None = Field(None, validation_alias="minimumSecurityLevel")
    role_type: str | None = Field(None, validation_alias="roleType")


class SessionFunction(Model):
    """A function that the present session may use."""

    id: int | None = None
    name: str
    description: str | None = None
    security_level: str | None = Field(None, validation_alias="securityLevel")
    flags: Names = ()


class ArgusPermission(Model):
    """A grant of a function to a subject for a customer."""

    id: int
    subject: SubjectInfo | None = None
    function: FunctionInfo | None = None
    function_info: FunctionInfo | None = Field(None, validation_alias="functionInfo")
    customer: CustomerInfo | None = None
    flags: Names = ()
    granted_at: Milliseconds = Field(None, validation_alias="grantedTimestamp")
    grant_comment: str | None = Field(None, validation_alias="grantComment")
    revoked_at: Milliseconds = Field(None, validation_alias="revokedTimestamp")
    revoke_comment: str | None = Field(None, validation_alias="revokeComment")

    @property
    def function_name(self) -> str | None:
        """The granted function's name, wherever the server put it."""
        told = self.function or self.function_info
        return None if told is None else told.name

    @property
    def customer_name(self) -> str | None:
        """The customer's short name; its id where the server tells no name."""
        told = self.customer
        return None if told is None else told.short_name or (str(told.id) if told.id is not None else None)


class Membership(Model):
    """A subject in a group."""

    id: str
    group: SubjectInfo | None = None
    member: SubjectInfo | None = None
    flags: Names = ()
    added_at: Milliseconds = Field(None, validation_alias="addedTimestamp")
    removed_at: Milliseconds = Field(None, validation_alias="removedTimestamp")


# Authorizations, and how others sign in.


class Authorization(Quiet):
    """A token that authorizes one operation (``setPassword``, ``apikey.create`` …) instead of the password."""

    authorization: Secret
    expires_at: Milliseconds = Field(None, validation_alias="expires")
    identifier: str | None = None
    operation: str | None = None
    next_uri: str | None = Field(None, validation_alias="nextURI")


class MethodState(Model):
    """A way to sign in, and whether the user has set it up."""

    method: str
    initialized: bool | None = None
    last_login_ip: str | None = Field(None, validation_alias="lastLoginIP")
    last_login_at: Milliseconds = Field(None, validation_alias="lastLoginTimestamp")
    settings: Mapping[str, JsonValue] | None = None


class AuthenticationStatus(Model):
    """Whether a user may sign in."""

    blocked: bool | None = None
    force_password_change: bool | None = Field(None, validation_alias="forcePasswordChange")


class SessionsDeleted(Model):
    """How many sessions were ended."""

    sessions_deleted: int | None = Field(None, validation_alias="sessionsDeleted")
