"""The wire models of lakeFS's auth API: read models are neutral models with aliases, inputs are strict.

Names follow document.md (``User``, ``UserList``, ``CredentialsWithSecret`` …) with the provider in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema

from identity_sdk.models import Credential, Group, Input, Member, Model, Policy, Session, Statement, User
from identity_sdk.secrets import Secret

__all__ = [
    "AuthCapabilities",
    "AuthenticationToken",
    "CurrentUser",
    "ForgotPasswordRequest",
    "GroupCreation",
    "LakeFSCredential",
    "LakeFSCredentialList",
    "LakeFSGroup",
    "LakeFSGroupList",
    "LakeFSMember",
    "LakeFSMemberList",
    "LakeFSPolicy",
    "LakeFSPolicyList",
    "LakeFSSession",
    "LakeFSStatement",
    "LakeFSUser",
    "LakeFSUserList",
    "LoginConfig",
    "LoginInformation",
    "Pagination",
    "PolicyBody",
    "Setup",
    "SetupKey",
    "SetupState",
    "StatementBody",
    "UpdatePasswordByToken",
    "UserCreation",
]


def _none_for(unset: str | int, wanted: CoreSchema, told: str) -> CoreSchema:
    """``unset`` (``""``, ``0``) is how this server says that it knows nothing: read as ``None``.

    Done inside pydantic-core, without a Python call per object: lists of 100,000 users pass through here.
    """
    as_none = core_schema.chain_schema(
        [
            core_schema.literal_schema([unset]),
            core_schema.with_default_schema(core_schema.none_schema(), default=None, on_error="default"),
        ]
    )
    # The usual case first (``wanted`` takes no unset value): a failed choice costs as much as a field.
    return core_schema.union_schema(
        [core_schema.nullable_schema(wanted), as_none],
        mode="left_to_right",
        custom_error_type="wrong_type",
        custom_error_message=told,
    )


class _TextOrUnset:
    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _none_for("", core_schema.str_schema(min_length=1), "Input should be a string")


class _TimeOrUnset:
    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        # pydantic-core reads an int as seconds since the epoch and makes it an aware datetime in UTC
        after_epoch = core_schema.datetime_schema(gt=datetime.fromtimestamp(0, UTC))
        return _none_for(0, after_epoch, "Input should be a time in seconds since the epoch")


_Text: TypeAlias = Annotated[str | None, _TextOrUnset()]
_Seconds: TypeAlias = Annotated[datetime | None, _TimeOrUnset()]


class LakeFSUser(User):
    """A user. ``created_at`` is ``None`` for one who was invited and has not come yet (the server says 0).

    Attributes:
        name: ``friendly_name``; today's servers only.
    """

    provider: ClassVar[str] = "lakefs"

    name: _Text = Field(None, validation_alias="friendly_name")
    email: _Text = None
    created_at: _Seconds = Field(None, validation_alias="creation_date")


class LakeFSMember(Member):
    """A member of a group: always a user."""

    provider: ClassVar[str] = "lakefs"

    name: _Text = Field(None, validation_alias="friendly_name")
    email: _Text = None
    created_at: _Seconds = Field(None, validation_alias="creation_date")


class LakeFSGroup(Group):
    """A group; ``name`` and ``description`` come from today's servers only."""

    provider: ClassVar[str] = "lakefs"

    name: _Text = None
    description: _Text = None
    created_at: _Seconds = Field(None, validation_alias="creation_date")


def _one(resource: object) -> object:
    return (resource,) if isinstance(resource, str) else resource


class LakeFSStatement(Statement):
    """A statement. On the wire it has one resource.

    Attributes:
        condition: when it applies (servers of 2025 and later); kept, and never evaluated here.
    """

    actions: tuple[str, ...] = Field(validation_alias="action")
    resources: Annotated[tuple[str, ...], BeforeValidator(_one)] = Field(validation_alias="resource")
    condition: Mapping[str, JsonValue] | None = None


class LakeFSPolicy(Policy):
    """A policy. Its statements are :class:`LakeFSStatement` objects."""

    provider: ClassVar[str] = "lakefs"

    # fields are invariant for type checkers; at run time the statements are of our own type
    if TYPE_CHECKING:
        statements: tuple[Statement, ...] = ()
    else:
        statements: tuple[LakeFSStatement, ...] = Field((), validation_alias="statement")
    created_at: _Seconds = Field(None, validation_alias="creation_date")


class LakeFSCredential(Credential):
    """An access key; ``secret`` is there only in the answer of ``create_credentials``."""

    provider: ClassVar[str] = "lakefs"

    id: str = Field(validation_alias="access_key_id")
    secret: Secret | None = Field(None, validation_alias="secret_access_key")
    created_at: _Seconds = Field(None, validation_alias="creation_date")


class LakeFSSession(Session):
    """A session.

    Attributes:
        cookie: the name of the cookie that carries ``token``; ``None`` when it is a bearer token.
    """

    provider: ClassVar[str] = "lakefs"

    cookie: str | None = None


class Pagination(Model):
    """Where a page stands. ``next_offset`` is relative to the prefix that was asked for."""

    has_more: bool
    next_offset: str
    results: int
    max_per_page: int


class LakeFSUserList(Model):
    """A page of users."""

    pagination: Pagination
    results: tuple[LakeFSUser, ...]


class LakeFSMemberList(Model):
    """A page of the members of a group."""

    pagination: Pagination
    results: tuple[LakeFSMember, ...]


class LakeFSGroupList(Model):
    """A page of groups."""

    pagination: Pagination
    results: tuple[LakeFSGroup, ...]


class LakeFSPolicyList(Model):
    """A page of policies."""

    pagination: Pagination
    results: tuple[LakeFSPolicy, ...]


class LakeFSCredentialList(Model):
    """A page of access keys."""

    pagination: Pagination
    results: tuple[LakeFSCredential, ...]


class CurrentUser(Model):
    """Who is signed in; an empty id means nobody."""

    user: LakeFSUser


class AuthCapabilities(Model):
    """What the server can do beside the list of operations; absent means no."""

    invite_user: bool = False
    forgot_password: bool = False


class AuthenticationToken(Model):
    """The answer of ``login``. ``token_expiration`` is in epoch seconds."""

    model_config = ConfigDict(extra="ignore")

    token: Secret
    token_expiration: int | None = None


class LoginConfig(Model):
    """How today's servers sign in.

    Attributes:
        rbac: ``"none"`` (single user), ``"simplified"`` (ACL), ``"external"`` or ``"internal"`` (policies).
    """

    rbac: str | None = Field(None, validation_alias="RBAC")


class SetupState(Model):
    """``initialized``, ``not_initialized`` or ``comm_prefs_done``, and how the server signs in."""

    state: str | None = None
    oidc_enabled: bool = False
    login_config: LoginConfig | None = None


# What is sent.


class UserCreation(Input):
    """A new user; with ``invite_user`` the id is an e-mail address that gets an invitation."""

    id: str
    invite_user: bool | None = None


class GroupCreation(Input):
    """A new group."""

    id: str


class StatementBody(Input):
    """A statement as it is sent. What it does not know (a ``condition``) is passed on."""

    model_config = ConfigDict(extra="allow")

    effect: Literal["allow", "deny"]
    resource: str
    action: tuple[str, ...] = Field(min_length=1)

    if TYPE_CHECKING:

        def __init__(self, *, effect: str, resource: str, action: tuple[str, ...], **more: Any) -> None: ...


class PolicyBody(Input):
    """A policy as it is sent. A ``creation_date`` is accepted and ignored by the server."""

    model_config = ConfigDict(extra="allow")

    id: str
    statement: tuple[StatementBody, ...] = Field(min_length=1)
    creation_date: int | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            id: str,
            statement: tuple[StatementBody, ...],
            creation_date: int | None = None,
            **more: Any,
        ) -> None: ...


class LoginInformation(Input):
    """An access key, to log in with."""

    access_key_id: str
    secret_access_key: Secret


class ForgotPasswordRequest(Input):
    """Where to send the reset link."""

    email: str


class UpdatePasswordByToken(Input):
    """A new password by a reset token. ``email`` is ignored by the server."""

    token: Secret
    new_password: Secret = Field(alias="newPassword")
    email: str | None = None

    model_config = ConfigDict(populate_by_name=True)


class SetupKey(Input):
    """The access key that the first administrator shall have."""

    access_key_id: str
    secret_access_key: Secret


class Setup(Input):
    """The first administrator."""

    username: str
    key: SetupKey | None = None
