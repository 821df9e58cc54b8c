"""Pages and collections of Authress."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue, model_validator

from identity_sdk.adapters.authress.models import (
    AuthressGroup,
    AuthressRecord,
    AuthressRole,
    AuthressServiceClient,
    AuthressUser,
    Permission,
    PermissionedResource,
    ResourceRef,
    ResourceUser,
    RoleRef,
)
from identity_sdk.models import Model

__all__ = [
    "ClientCollection",
    "Collection",
    "GroupCollection",
    "Next",
    "Pagination",
    "PermissionCollection",
    "PermissionedResourceCollection",
    "RecordCollection",
    "ResourceUserCollection",
    "RoleCollection",
    "UserCollection",
    "UserResourceCollection",
    "UserRoleCollection",
]


class Next(Model):
    """How a list goes on."""

    cursor: str | None = None


class Pagination(Model):
    """Absent, or without ``next``, on the last page."""

    next: Next | None = None


class Collection(Model):
    """A page of a list. The vendor's local server answers a bare array: that is the whole list."""

    plural: ClassVar[str] = ""

    pagination: Pagination | None = None
    links: JsonValue = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        return {cls.plural: value} if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]

    @property
    def cursor(self) -> str | None:
        """What continues the list, opaque."""
        following = self.pagination.next if self.pagination is not None else None
        return (following.cursor or None) if following is not None else None


class ClientCollection(Collection):
    """A page of service clients."""

    plural: ClassVar[str] = "clients"
    clients: tuple[AuthressServiceClient, ...]


class UserCollection(Collection):
    """A page of users."""

    plural: ClassVar[str] = "users"
    users: tuple[AuthressUser, ...]


class GroupCollection(Collection):
    """A page of groups."""

    plural: ClassVar[str] = "groups"
    groups: tuple[AuthressGroup, ...]


class RoleCollection(Collection):
    """A page of roles."""

    plural: ClassVar[str] = "roles"
    roles: tuple[AuthressRole, ...]


class RecordCollection(Collection):
    """A page of access records."""

    plural: ClassVar[str] = "records"
    records: tuple[AuthressRecord, ...]


class PermissionCollection(Model):
    """What a user may do on a resource."""

    user_id: str = Field("", validation_alias="userId")
    permissions: tuple[Permission, ...] = ()
    account: JsonValue = None


class UserRoleCollection(Model):
    """The explicit roles of a user on a resource, none inherited; duplicates are possible."""

    user_id: str = Field("", validation_alias="userId")
    roles: tuple[RoleRef, ...] = ()


class UserResourceCollection(Collection):
    """Resources that a user has rights to."""

    plural: ClassVar[str] = "resources"
    user_id: str = Field("", validation_alias="userId")
    resources: tuple[ResourceRef, ...] | None = None
    account: JsonValue = None


class PermissionedResourceCollection(Collection):
    """A page of resources that have rules for everybody."""

    plural: ClassVar[str] = "resources"
    resources: tuple[PermissionedResource, ...]


class ResourceUserCollection(Collection):
    """A page of them."""

    plural: ClassVar[str] = "users"
    users: tuple[ResourceUser, ...]
