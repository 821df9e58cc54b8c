# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of Argus that every user may read: users v2, currentuser v1, customers v2.

Paths and parameters are those of the argus-api 5.1.0 schema, names those of its functions; pages as in
:mod:`~identity_sdk.adapters.argus.administration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from identity_sdk.adapters.argus import models as m
from identity_sdk.adapters.argus.administration import Functions, Groups, Permissions, Users
from identity_sdk.adapters.argus.authentication import ArgusModule
from identity_sdk.secrets import Secret
from identity_sdk.wire.operation import Header, operation

__all__ = [
    "BasicFunctionModule",
    "BasicGroupModule",
    "BasicSubjectModule",
    "BasicUserModule",
    "CurrentUserModule",
    "CustomerModule",
]

BASIC = "/users/v2"
ME = "/currentuser/v1"
CUSTOMER = "/customers/v2"

Customers = m.Answer[tuple[m.CustomerInfo, ...] | None]


class BasicUserModule(ArgusModule):
    """``native.users.user``: what every user may read."""

    @operation(f"GET {BASIC}/user")
    async def list_basic_users(
        self,
        *,
        customer: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        keywords: Sequence[str] = (),
        keywordField: Sequence[str] = (),
    ) -> Users:
        """A page of users."""
        ...

    @operation(f"GET {BASIC}/user/{{shortNameOrID}}")
    async def get_basic_user(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """One user."""
        ...


class BasicGroupModule(ArgusModule):
    """``native.users.group``."""

    @operation(f"GET {BASIC}/group")
    async def list_basic_groups(
        self,
        *,
        customer: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        keywords: Sequence[str] = (),
    ) -> Groups:
        """A page of groups."""
        ...

    @operation(f"GET {BASIC}/group/{{shortNameOrID}}")
    async def get_basic_group(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusGroup | None]:
        """One group."""
        ...


class BasicSubjectModule(ArgusModule):
    """``native.users.subject``."""

    @operation(f"GET {BASIC}/subject/{{subject}}/groups")
    async def get_subject_group_memberships(
        self,
        subject: int,
        *,
        includeInherited: bool | None = None,
        sortBy: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
    ) -> Groups:
        """A page of the groups that a subject (its id) is in."""
        ...


class BasicFunctionModule(ArgusModule):
    """``native.users.function``."""

    @operation(f"GET {BASIC}/function")
    async def list_basic_functions(
        self,
        *,
        offset: int | None = None,
        limit: int | None = None,
        keywords: Sequence[str] = (),
    ) -> Functions:
        """A page of functions."""
        ...

    @operation(f"GET {BASIC}/function/{{idOrShortname}}")
    async def get_basic_function(self, idOrShortname: str) -> m.Answer[m.ArgusPolicy | None]:
        """One function."""
        ...


class CurrentUserModule(ArgusModule):
    """``native.currentuser``."""

    @operation(f"GET {ME}/user")
    async def get_current_user(self) -> m.Answer[m.CurrentUser | None]:
        """Who is signed in."""
        ...

    @operation(f"GET {ME}/user", auth=False)
    async def get_current_user_by(
        self, *, authorization: Annotated[Secret, Header("Authorization")]
    ) -> m.Answer[m.CurrentUser | None]:
        """:meth:`get_current_user` by ``Bearer <token>`` of another session."""
        ...

    @operation(f"GET {ME}/groups")
    async def get_current_user_groups(
        self, *, includeAncestors: bool | None = None, limit: int | None = None, offset: int | None = None
    ) -> m.Answer[tuple[m.SubjectInfo, ...] | None]:
        """A page of one's own groups."""
        ...

    @operation(f"GET {ME}/functions")
    async def get_functions(
        self,
        *,
        onlyRoles: bool | None = None,
        requirePermission: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> m.Answer[tuple[m.FunctionInfo, ...] | None]:
        """A page of one's own functions."""
        ...

    @operation(f"GET {ME}/customers")
    async def get_customers(self, *, limit: int | None = None, offset: int | None = None) -> Customers:
        """A page of the customers that one reaches."""
        ...

    @operation(f"GET {ME}/permissions")
    async def get_current_user_permissions(
        self, *, includeInherited: bool | None = None, limit: int | None = None, offset: int | None = None
    ) -> Permissions:
        """A page of one's own grants; a constrained session may not use them all."""
        ...

    @operation(f"GET {ME}/permission/{{function}}/{{customer}}")
    async def check_current_user_permission(
        self, function: str, customer: str, *, domain: str | None = None
    ) -> None:
        """Deprecated: ``native.session.check_session_permission``."""
        ...


class CustomerModule(ArgusModule):
    """``native.customers``."""

    @operation(f"GET {CUSTOMER}/customer")
    async def list_customers(
        self, *, offset: int | None = None, limit: int | None = None, keywords: Sequence[str] = ()
    ) -> Customers:
        """A page of customers."""
        ...

    @operation(f"GET {CUSTOMER}/customer/{{idOrShortName}}")
    async def get_customer(self, idOrShortName: str) -> m.Answer[m.CustomerInfo | None]:
        """One customer."""
        ...
