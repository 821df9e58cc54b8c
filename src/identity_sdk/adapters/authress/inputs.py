"""What Authress takes: strict inputs. Those that replace an object keep what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from identity_sdk.models import (
    Input,
)

__all__ = [
    "ClaimBody",
    "ClientBody",
    "GroupBody",
    "GroupRefBody",
    "OptionsBody",
    "PermissionBody",
    "PublicKeyBody",
    "RateLimitBody",
    "RecordBody",
    "RecordStatementBody",
    "ResourceBody",
    "ResourcePermissionBody",
    "ResourceRefBody",
    "RoleBody",
    "UserRefBody",
]


class _Body(Input):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Kept(_Body):
    """Passes unknown keys on: they were read."""

    model_config = ConfigDict(extra="allow")


class RateLimitBody(_Body):
    """See :class:`RateLimit`."""

    duration: str
    quota: int


class OptionsBody(_Kept):
    """Both are always sent."""

    grant_user_permissions_access: bool
    grant_token_generation: bool


class ClientBody(_Kept):
    """A service client without its read-only fields; ``PUT`` replaces all of it."""

    name: str | None = Field(None, max_length=128)
    options: OptionsBody | None = None
    rate_limits: tuple[RateLimitBody, ...] | None = Field(None, max_length=1)
    tags: Mapping[str, JsonValue] | None = None


class PublicKeyBody(_Body):
    """A key of one's own: base64 of its DER SubjectPublicKeyInfo."""

    public_key: str = Field(max_length=256, pattern="^[a-zA-Z0-9+/= -]*$")


class UserRefBody(_Kept):
    """A principal by its id."""

    user_id: str = Field(min_length=1, max_length=128)


class GroupRefBody(_Kept):
    """A group by its id."""

    group_id: str = Field(min_length=1, max_length=64)


class ResourceRefBody(_Kept):
    """A resource by its URI."""

    resource_uri: str = Field(min_length=1, max_length=512)


class GroupBody(_Kept):
    """A group; ``PUT`` replaces all of it."""

    group_id: str | None = None
    name: str = Field(min_length=1, max_length=128)
    users: tuple[UserRefBody, ...] = Field(max_length=100)
    admins: tuple[UserRefBody, ...] = Field(max_length=100)
    tags: Mapping[str, JsonValue] | None = None


class PermissionBody(_Kept):
    """An action of a role."""

    action: str = Field(min_length=1, max_length=64)
    allow: bool
    grant: bool
    delegate: bool


class RoleBody(_Kept):
    """A role; ``PUT`` replaces all of it."""

    role_id: str | None = None
    name: str = Field(min_length=1, max_length=128)
    description: str | None = Field(None, max_length=1024)
    permissions: tuple[PermissionBody, ...] = Field(max_length=100)


class RecordStatementBody(_Kept):
    """See :class:`RecordStatement`."""

    roles: tuple[str, ...] = Field(min_length=1, max_length=100)
    resources: tuple[ResourceRefBody, ...] = Field(min_length=1, max_length=100)
    users: tuple[UserRefBody, ...] | None = Field(None, max_length=100)
    groups: tuple[GroupRefBody, ...] | None = Field(None, max_length=10)


class RecordBody(_Kept):
    """An access record; ``PUT`` replaces all of it."""

    record_id: str | None = None
    name: str = Field(min_length=1, max_length=128)
    description: str | None = Field(None, max_length=1024)
    statements: tuple[RecordStatementBody, ...] = Field(min_length=1, max_length=100)
    users: tuple[UserRefBody, ...] | None = Field(None, max_length=1000)
    groups: tuple[GroupRefBody, ...] | None = Field(None, max_length=100)
    admins: tuple[UserRefBody, ...] | None = None
    tags: Mapping[str, JsonValue] | None = None


class ResourcePermissionBody(_Body):
    """See :class:`ResourcePermission`."""

    action: Literal["CLAIM", "PUBLIC"]
    allow: bool


class ResourceBody(_Body):
    """The rules of a resource for everybody; overwrites what was there."""

    permissions: tuple[ResourcePermissionBody, ...] = Field(min_length=1, max_length=100)


class ClaimBody(_Body):
    """What the caller wants to become the administrator of."""

    collection_resource: str = Field(min_length=1, max_length=128)
    resource_id: str = Field(min_length=1, max_length=128)
