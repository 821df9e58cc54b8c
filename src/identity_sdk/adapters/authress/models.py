"""The wire models of Authress: neutral models with aliases. What is sent is in ``inputs.py``, pages in ``lists.py``.

Names are those of the official documentation with the provider in front. Writing back what was read keeps what it does
not know: the inputs of groups, roles, records and clients pass unknown keys on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, JsonValue

from identity_sdk.models import (
    Credential,
    Entity,
    Group,
    Member,
    Model,
    Policy,
    Statement,
    User,
    UserKind,
    UtcDatetime,
)
from identity_sdk.secrets import Secret

__all__ = [
    "AuthressAccessKey",
    "AuthressGroup",
    "AuthressMember",
    "AuthressPolicy",
    "AuthressRecord",
    "AuthressRole",
    "AuthressServiceClient",
    "AuthressStatement",
    "AuthressUser",
    "GroupRef",
    "JsonWebKeySet",
    "Permission",
    "PermissionedResource",
    "RateLimit",
    "RecordStatement",
    "ResourcePermission",
    "ResourceRef",
    "ResourceUser",
    "RoleRef",
    "UserRef",
]

_PROVIDER: str = "authress"


class UserRef(Model):
    """A principal by its id: a user or a service client."""

    user_id: str = Field(validation_alias="userId")


class GroupRef(Model):
    """A group by its id."""

    group_id: str = Field(validation_alias="groupId")


class RoleRef(Model):
    """A role by its id."""

    role_id: str = Field(validation_alias="roleId")


class ResourceRef(Model):
    """A resource by its URI."""

    resource_uri: str = Field(validation_alias="resourceUri")


class AuthressUser(User):
    """A person, known since the first sign-in. There is no date and no state."""

    provider: ClassVar[str] = _PROVIDER

    id: str = Field(validation_alias="userId")
    picture: str | None = None


class RateLimit(Model):
    """``duration`` is PT0S, PT5M, PT1H, P1D or P1M; ``quota`` calls are allowed in it."""

    duration: str
    quota: int


class Permissions(Model):
    """What a service client may do beside its records (``options``)."""

    grant_user_permissions_access: bool = Field(False, validation_alias="grantUserPermissionsAccess")
    grant_token_generation: bool = Field(False, validation_alias="grantTokenGeneration")


class AuthressAccessKey(Credential):
    """An access key of a service client. ``secret`` (the whole key) is there only where it was made.

    Attributes:
        public_key: base64 of the DER SubjectPublicKeyInfo.
        client_secret: for ``grant_type=client_credentials``; shown once, like ``secret``.
    """

    provider: ClassVar[str] = _PROVIDER

    id: str = Field(validation_alias="keyId")
    user_id: str | None = Field(None, validation_alias="clientId")
    secret: Secret | None = Field(None, validation_alias="accessKey")
    client_secret: Secret | None = Field(None, validation_alias="clientSecret")
    public_key: str | None = Field(None, validation_alias="publicKey")
    created_at: UtcDatetime | None = Field(None, validation_alias="generationDate")


class AuthressServiceClient(User):
    """A machine (``Client`` in the documentation)."""

    provider: ClassVar[str] = _PROVIDER

    id: str = Field(validation_alias="clientId")
    kind: UserKind = "service"
    created_at: UtcDatetime | None = Field(None, validation_alias="createdTime")
    options: Permissions | None = None
    rate_limits: tuple[RateLimit, ...] | None = Field(None, validation_alias="rateLimits")
    verification_keys: tuple[AuthressAccessKey, ...] | None = Field(None, validation_alias="verificationKeys")
    tags: Mapping[str, JsonValue] | None = None


class AuthressGroup(Group):
    """A group with all of its members.

    Attributes:
        last_updated: as the server wrote it; a change sends it back as ``If-Unmodified-Since``.
    """

    provider: ClassVar[str] = _PROVIDER

    id: str = Field(validation_alias="groupId")
    users: tuple[UserRef, ...] = ()
    admins: tuple[UserRef, ...] = ()
    last_updated: str | None = Field(None, validation_alias="lastUpdated")
    tags: Mapping[str, JsonValue] | None = None
    links: JsonValue = None


class AuthressMember(Member):
    """A member of a group: a user, or a service client."""

    provider: ClassVar[str] = _PROVIDER


class Permission(Model):
    """An action of a role. There is no deny: ``allow=False`` only withholds."""

    action: str
    allow: bool
    grant: bool
    delegate: bool


class AuthressRole(Entity):
    """A named set of actions."""

    provider: ClassVar[str] = _PROVIDER

    id: str = Field(validation_alias="roleId")
    name: str | None = None
    description: str | None = None
    permissions: tuple[Permission, ...] = ()
    tags: Mapping[str, JsonValue] | None = None


class RecordStatement(Model):
    """Some roles on some resources, for the principals of the record or for its own."""

    roles: tuple[str, ...]
    resources: tuple[ResourceRef, ...]
    users: tuple[UserRef, ...] | None = None
    groups: tuple[GroupRef, ...] | None = None


class AuthressRecord(Entity):
    """An access record: who has which roles on which resources.

    Attributes:
        status: ``"DELETED"`` for one that is gone and can still be read.
        last_updated: as the server wrote it.
    """

    provider: ClassVar[str] = _PROVIDER

    id: str = Field(validation_alias="recordId")
    name: str | None = None
    description: str | None = None
    status: str | None = None
    statements: tuple[RecordStatement, ...] = ()
    users: tuple[UserRef, ...] | None = None
    groups: tuple[GroupRef, ...] | None = None
    admins: tuple[UserRef, ...] | None = None
    tags: Mapping[str, JsonValue] | None = None
    capacity: float | None = None
    account: JsonValue = None
    links: JsonValue = None
    last_updated: str | None = Field(None, validation_alias="lastUpdated")


class AuthressStatement(Statement):
    """A statement of a record in neutral words: the actions are those that its roles allow.

    Attributes:
        roles: the ids of those roles.
    """

    roles: tuple[str, ...] = ()


class AuthressPolicy(Policy):
    """A record with its roles. Its statements are :class:`AuthressStatement` objects."""

    provider: ClassVar[str] = _PROVIDER


class ResourcePermission(Model):
    """A rule for everybody: ``PUBLIC`` opens the resource, ``CLAIM`` lets users claim what is in it."""

    action: Literal["CLAIM", "PUBLIC"]
    allow: bool


class PermissionedResource(Model):
    """The rules of a resource for everybody."""

    permissions: tuple[ResourcePermission, ...] = ()
    resource_uri: str | None = Field(None, validation_alias="resourceUri")


class ResourceUser(Model):
    """A user with explicit rights to a resource."""

    user_id: str = Field(validation_alias="userId")
    roles: tuple[JsonValue, ...] = ()


class JsonWebKeySet(Model):
    """Public keys (RFC 7517)."""

    keys: tuple[Mapping[str, JsonValue], ...] = ()


# What is sent back as it was read.


def plain(model: Model, *without: str) -> dict[str, Any]:
    """What a read model holds, under its wire names and with what it does not know: for writing it back.

    Only what the server sent is there. ``without`` names fields of ours that are read-only on the server.
    """
    told: dict[str, Any] = dict(model.model_extra or {})
    for name in model.model_fields_set - set(told) - set(without):
        info = type(model).model_fields.get(name)
        if info is not None:
            told[str(info.validation_alias or name)] = _plain(getattr(model, name))
    return told


def _plain(value: object) -> object:
    if isinstance(value, Model):
        return plain(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, datetime):
        return value.isoformat()
    return value
