# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of Argus, useradmin v2: permissions, and the functions that they grant.

Conventions are those of :mod:`~identity_sdk.adapters.argus.administration`.
"""

from __future__ import annotations

from collections.abc import Sequence

from identity_sdk.adapters.argus import inputs as i
from identity_sdk.adapters.argus import models as m
from identity_sdk.adapters.argus.administration import ADMIN, Functions, Match, Permissions
from identity_sdk.adapters.argus.authentication import DONE, ArgusModule
from identity_sdk.wire.operation import operation

__all__ = ["AdminFunctionModule", "AdminPermissionModule"]


class AdminPermissionModule(ArgusModule):
    """``native.useradmin.permission``."""

    @operation(f"GET {ADMIN}/permission")
    async def list_permissions(
        self,
        *,
        subject: Sequence[str] = (),
        customer: Sequence[str] = (),
        function: Sequence[str] = (),
        domain: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        includeSubjectAscendants: bool | None = None,
        includeSubjectDescendants: bool | None = None,
        includeCustomerAscendants: bool | None = None,
        includeCustomerDescendants: bool | None = None,
        includeFunctionAscendants: bool | None = None,
        includeFunctionDescendants: bool | None = None,
        keywords: Sequence[str] = (),
        keywordMatch: Match | None = None,
        keywordField: Sequence[str] = (),
        includeDeleted: bool | None = None,
    ) -> Permissions:
        """A page of grants; all six ``include…`` are on unless told otherwise."""
        ...

    @operation(
        f"POST {ADMIN}/permission",
        success=DONE,
        how_to_find_out="list_permissions(subject, function, customer): is it there?",
    )
    async def grant_permission(self, body: i.PermissionGrant) -> m.Answer[m.ArgusPermission | None]:
        """Grants a function to a subject for a customer."""
        ...

    @operation(
        f"POST {ADMIN}/permission/bulk",
        success=DONE,
        how_to_find_out="list_permissions(subject, function, customer): are they there?",
    )
    async def grant_permissions_bulk(self, body: i.PermissionGrants) -> Permissions:
        """Grants several at once."""
        ...

    @operation(f"DELETE {ADMIN}/permission/{{permissionID}}", repeat_done=(404,))
    async def revoke_permission(
        self, permissionID: int, *, comment: str | None = None
    ) -> m.Answer[m.ArgusPermission | None]:
        """Takes a grant back."""
        ...

    @operation(f"DELETE {ADMIN}/permission")
    async def revoke_permissions_bulk(
        self, permission: Sequence[int], *, comment: str | None = None
    ) -> Permissions:
        """Takes several back at once."""
        ...


class AdminFunctionModule(ArgusModule):
    """``native.useradmin.function``: what can be granted."""

    @operation(f"GET {ADMIN}/function")
    async def list_functions(
        self,
        *,
        function: Sequence[str] = (),
        minimumSecurityLevel: i.SecurityLevel | None = None,
        ancestor: Sequence[str] = (),
        descendant: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        includeFlag: Sequence[str] = (),
        excludeFlag: Sequence[str] = (),
        keywords: Sequence[str] = (),
        keywordMatch: Match | None = None,
        keywordField: Sequence[str] = (),
        sortBy: Sequence[str] = (),
    ) -> Functions:
        """A page of functions."""
        ...

    @operation(f"GET {ADMIN}/function/{{functionNameOrID}}")
    async def get_function(self, functionNameOrID: str) -> m.Answer[m.ArgusPolicy | None]:
        """One function."""
        ...

    @operation(
        f"POST {ADMIN}/function", success=DONE, how_to_find_out="Read the function: get_function(name)"
    )
    async def add_function(self, body: i.FunctionAddition) -> m.Answer[m.ArgusPolicy | None]:
        """Makes a function below another."""
        ...

    @operation(f"DELETE {ADMIN}/function/{{functionNameOrID}}", repeat_done=(404,))
    async def delete_function(self, functionNameOrID: str) -> m.Answer[m.ArgusPolicy | None]:
        """Flags a function ``deleted``."""
        ...
