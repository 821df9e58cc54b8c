# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of Authress: the 7 operations on service clients of document.md, and what the facade needs beside
them.

Names, paths and statuses are those of the official clients. Every operation raises as
:class:`~identity_sdk.adapters.authress.dialect.AuthressDialect` words it: ``AuthenticationError`` for a token
that is not
accepted, ``PermissionDeniedError`` for a caller who is known and may not, ``NotFoundError`` for what is unknown or
invisible to the caller.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel

from identity_sdk.adapters.authress.dialect import AuthressDialect
from identity_sdk.adapters.authress.inputs import (
    ClaimBody,
    ClientBody,
    GroupBody,
    PublicKeyBody,
    RecordBody,
    ResourceBody,
    RoleBody,
)
from identity_sdk.adapters.authress.lists import (
    ClientCollection,
    GroupCollection,
    PermissionCollection,
    PermissionedResourceCollection,
    RecordCollection,
    ResourceUserCollection,
    RoleCollection,
    UserCollection,
    UserResourceCollection,
    UserRoleCollection,
)
from identity_sdk.adapters.authress.models import (
    AuthressAccessKey,
    AuthressGroup,
    AuthressRecord,
    AuthressRole,
    AuthressServiceClient,
    AuthressUser,
    JsonWebKeySet,
    PermissionedResource,
)
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import IdentityError, NotFoundError
from identity_sdk.models import Entity, JsonValue
from identity_sdk.wire.call import Dialect, Retry
from identity_sdk.wire.operation import Api, Header, Query, operation

__all__ = ["AuthressApi"]

_Since = Annotated[str | None, Header("If-Unmodified-Since")]


def _look(operation_name: str, key: str) -> Callable[[Any, Mapping[str, Any]], Awaitable[object | None]]:
    """After a create of unknown outcome: reads the id that was chosen. What it finds may be an older namesake."""

    async def look(api: AuthressApi, arguments: Mapping[str, Any]) -> object | None:
        body: BaseModel | Mapping[str, Any] = arguments["body"]
        told = body.model_dump(by_alias=True) if isinstance(body, BaseModel) else body
        wanted: str | None = told.get(key)
        if not wanted:
            raise IdentityError("the server chose the id: there is nothing to look for")
        try:
            found: Entity = await getattr(api, operation_name)(wanted)
        except NotFoundError:
            return None
        return same_id(found, wanted)

    return look


class AuthressApi(Api):
    """Authress' management API. ``limit`` (1 to 20; users and roles 1 to 100) and an opaque ``cursor`` page
    the lists.
    """

    dialect: ClassVar[Dialect] = AuthressDialect()
    accept: ClassVar[str] = "application/links+json"

    # Service clients: document.md.

    @operation(
        "POST /v1/clients",
        success=201,
        how_to_find_out="List the clients: get_clients(). Names need not be unique",
    )
    async def create_client(self, body: ClientBody) -> AuthressServiceClient:
        """Makes a service client; the server chooses its id."""
        ...

    @operation("GET /v1/clients")
    async def get_clients(self, *, limit: int | None = None, cursor: str | None = None) -> ClientCollection:
        """A page of the service clients that the caller may see."""
        ...

    @operation("GET /v1/clients/{client_id}")
    async def get_client(self, client_id: str) -> AuthressServiceClient:
        """One service client with its public keys, never private ones."""
        ...

    @operation("PUT /v1/clients/{client_id}")
    async def update_client(self, client_id: str, body: ClientBody) -> AuthressServiceClient:
        """Replaces name, options, rate limits and tags. There is no ``If-Unmodified-Since``: the last writer wins."""
        ...

    @operation("DELETE /v1/clients/{client_id}", success=204, repeat_done=(404,))
    async def delete_client(self, client_id: str) -> None:
        """Deletes a service client with its keys."""
        ...

    @operation(
        "POST /v1/clients/{client_id}/access-keys",
        success=201,
        how_to_find_out="Read the client: get_client(id).verification_keys. The secret of a key that is new is lost",
    )
    async def request_access_key(
        self, client_id: str, body: PublicKeyBody | None = None
    ) -> AuthressAccessKey:
        """Makes an access key, five at most. Its secret is in this answer alone.

        Args:
            client_id: whose.
            body: a public key of one's own; then there is no secret in the answer.
        """
        ...

    @operation("DELETE /v1/clients/{client_id}/access-keys/{key_id}", success=204, repeat_done=(404,))
    async def delete_access_key(self, client_id: str, key_id: str) -> None:
        """Deletes an access key: tokens signed by it are refused from then on."""
        ...

    # Users.

    @operation("GET /v1/users")
    async def get_users(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        filter: str | None = None,
        tenant_id: Annotated[str | None, Query("tenantId")] = None,
    ) -> UserCollection:
        """A page of users.

        Args:
            filter: a search through text fields, without case; no query language.
            limit, cursor, tenant_id: as they are called.
        """
        ...

    @operation("GET /v1/users/{user_id}")
    async def get_user(self, user_id: str) -> AuthressUser:
        """One user."""
        ...

    @operation("DELETE /v1/users/{user_id}", success=202, repeat_done=(404,))
    async def delete_user(self, user_id: str) -> None:
        """Deletes a user, and later what records grant to it."""
        ...

    # Groups.

    @operation("GET /v1/groups")
    async def get_groups(
        self, *, limit: int | None = None, cursor: str | None = None, filter: str | None = None
    ) -> GroupCollection:
        """A page of groups, in no order, up to five minutes old."""
        ...

    @operation(
        "POST /v1/groups",
        success=201,
        retry=Retry.KEYED,
        look=_look("get_group", "groupId"),
        how_to_find_out="Read the group: get_group(id). It may be older than this call",
    )
    async def create_group(self, body: GroupBody) -> AuthressGroup:
        """Makes a group; without a ``group_id`` the server chooses it."""
        ...

    @operation("GET /v1/groups/{group_id}")
    async def get_group(self, group_id: str) -> AuthressGroup:
        """One group with its members."""
        ...

    @operation("PUT /v1/groups/{group_id}")
    async def update_group(
        self, group_id: str, body: GroupBody, *, if_unmodified_since: _Since = None
    ) -> AuthressGroup:
        """Replaces a group.

        Args:
            group_id: which.
            body: all of it.
            if_unmodified_since: its ``last_updated`` as it was read.

        Raises:
            PreconditionFailedError: it was changed since.
        """
        ...

    @operation("DELETE /v1/groups/{group_id}", success=204, repeat_done=(404,))
    async def delete_group(self, group_id: str) -> None:
        """Deletes a group."""
        ...

    # Roles.

    @operation("GET /v1/roles")
    async def get_roles(
        self, *, limit: int | None = None, cursor: str | None = None, filter: str | None = None
    ) -> RoleCollection:
        """A page of roles."""
        ...

    @operation(
        "POST /v1/roles",
        success=201,
        retry=Retry.KEYED,
        look=_look("get_role", "roleId"),
        how_to_find_out="Read the role: get_role(id). It may be older than this call",
    )
    async def create_role(self, body: RoleBody) -> AuthressRole:
        """Makes a role; ids of one's own begin with ``ro_``."""
        ...

    @operation("GET /v1/roles/{role_id}")
    async def get_role(self, role_id: str) -> AuthressRole:
        """One role."""
        ...

    @operation("PUT /v1/roles/{role_id}")
    async def update_role(self, role_id: str, body: RoleBody) -> AuthressRole:
        """Replaces a role, in force at once wherever a record names it."""
        ...

    @operation("DELETE /v1/roles/{role_id}", success=204, repeat_done=(404,))
    async def delete_role(self, role_id: str) -> None:
        """Deletes a role; records that name it stay, and grant nothing by it."""
        ...

    # Access records.

    @operation("GET /v1/records")
    async def get_records(
        self,
        *,
        status: Literal["ACTIVE", "DELETED"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        filter: str | None = None,
    ) -> RecordCollection:
        """A page of access records, in no order, up to five minutes old."""
        ...

    @operation(
        "POST /v1/records",
        success=(201, 202),
        retry=Retry.KEYED,
        look=_look("get_record", "recordId"),
        how_to_find_out="Read the record: get_record(id). It may be older than this call",
    )
    async def create_record(self, body: RecordBody) -> AuthressRecord | None:
        """Makes an access record. Nothing is answered (202) when it takes effect later."""
        ...

    @operation("GET /v1/records/{record_id}")
    async def get_record(self, record_id: str) -> AuthressRecord:
        """One access record; also a deleted one, by its ``status``."""
        ...

    @operation("PUT /v1/records/{record_id}", success=(200, 202))
    async def update_record(
        self, record_id: str, body: RecordBody, *, if_unmodified_since: _Since = None
    ) -> AuthressRecord | None:
        """Replaces an access record; today's service answers nothing (202).

        Args:
            record_id: which.
            body: all of it.
            if_unmodified_since: its ``last_updated`` as it was read.

        Raises:
            PreconditionFailedError: it was changed since.
        """
        ...

    @operation("DELETE /v1/records/{record_id}", success=204, repeat_done=(404,))
    async def delete_record(self, record_id: str) -> None:
        """Deletes an access record; it can still be read, with ``status`` ``DELETED``, and its id stays taken."""
        ...

    # Checks.

    @operation("GET /v1/users/{user_id}/resources/{resource_uri}/permissions/{permission}")
    async def authorize_user(self, user_id: str, resource_uri: str, permission: str) -> None:
        """Whether a user may do something.

        Raises:
            NotFoundError: the user may not.
            PermissionDeniedError: the **caller** may not ask.
        """
        ...

    @operation("GET /v1/users/{user_id}/resources/{resource_uri}/permissions")
    async def get_user_permissions_for_resource(
        self, user_id: str, resource_uri: str
    ) -> PermissionCollection:
        """What a user may do on a resource; ``NotFoundError``: nothing."""
        ...

    @operation("GET /v1/users/{user_id}/resources/{resource_uri}/roles")
    async def get_user_roles_for_resource(self, user_id: str, resource_uri: str) -> UserRoleCollection:
        """The explicit roles of a user on a resource, none inherited; ``NotFoundError``: none."""
        ...

    @operation("GET /v1/users/{user_id}/resources")
    async def get_user_resources(
        self,
        user_id: str,
        *,
        resource_uri: Annotated[str | None, Query("resourceUri")] = None,
        collection_configuration: Annotated[
            Literal["TOP_LEVEL_ONLY", "INCLUDE_NESTED"] | None, Query("collectionConfiguration")
        ] = None,
        permissions: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> UserResourceCollection:
        """A page of the resources that a user has rights to.

        Args:
            user_id: whose.
            permissions: one action that must be allowed.
            resource_uri, collection_configuration, limit, cursor: as they are called.
        """
        ...

    # Resources.

    @operation("GET /v1/resources")
    async def get_permissioned_resources(
        self, *, cursor: str | None = None
    ) -> PermissionedResourceCollection:
        """A page of the resources that have rules for everybody."""
        ...

    @operation("GET /v1/resources/{resource_uri}")
    async def get_permissioned_resource(self, resource_uri: str) -> PermissionedResource:
        """The rules of a resource for everybody."""
        ...

    @operation("PUT /v1/resources/{resource_uri}")
    async def update_permissioned_resource(self, resource_uri: str, body: ResourceBody) -> None:
        """Replaces the rules of a resource for everybody."""
        ...

    @operation("GET /v1/resources/{resource_uri}/users")
    async def get_resource_users(
        self, resource_uri: str, *, limit: int | None = None, cursor: str | None = None
    ) -> ResourceUserCollection:
        """A page of the users with explicit rights to a resource."""
        ...

    @operation(
        "POST /v1/claims", success=201, how_to_find_out="Ask for the rights of the caller on the resource"
    )
    async def create_claim(self, body: ClaimBody) -> Mapping[str, JsonValue] | None:
        """Makes the caller the administrator of a resource that nobody has claimed.

        Raises:
            ConflictError: somebody has.
        """
        ...

    # Public keys.

    @operation("GET /.well-known/openid-configuration/jwks", auth=False)
    async def jwks(self) -> JsonWebKeySet:
        """The keys that user tokens are signed with."""
        ...

    @operation("GET /v1/clients/{client_id}/.well-known/openid-configuration/jwks", auth=False)
    async def client_jwks(
        self, client_id: str, *, kid: str | None = None, iss: str | None = None
    ) -> JsonWebKeySet:
        """The public keys of a service client.

        Args:
            client_id: whose.
            kid: the key that is wanted.
            iss: the host of the token's issuer; the official Python client sends it.
        """
        ...
