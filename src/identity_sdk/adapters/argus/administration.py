# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of Argus beside authentication: useradmin v2, for administrators; grants are in ``granting.py``.

Paths, parameters and bodies are those of the argus-api 5.1.0 schema, names those of its functions. In paths a short
name or an id stands for an object (``domain`` tells namesakes apart). ``limit`` is 25 unless told, 0 means everything;
``count`` of an answer is exact, or -1 where counting timed out. Deletes are soft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from identity_sdk.adapters.argus import inputs as i
from identity_sdk.adapters.argus import models as m
from identity_sdk.adapters.argus.authentication import DONE, ArgusModule
from identity_sdk.errors import NotFoundError
from identity_sdk.wire.call import Retry
from identity_sdk.wire.operation import operation

__all__ = [
    "AdminGroupModule",
    "AdminMembershipModule",
    "AdminSubjectModule",
    "AdminUserModule",
]

ADMIN = "/useradmin/v2"

Match = Literal["any", "all"]
Subjects = m.Answer[tuple[m.ArgusMember, ...] | None]
Users = m.Answer[tuple[m.ArgusUser, ...] | None]
Groups = m.Answer[tuple[m.ArgusGroup, ...] | None]
Permissions = m.Answer[tuple[m.ArgusPermission, ...] | None]
Functions = m.Answer[tuple[m.ArgusPolicy, ...] | None]
Memberships = m.Answer[tuple[m.Membership, ...] | None]


def _field(body: Any, name: str) -> Any:
    return getattr(body, name) if not isinstance(body, Mapping) else body.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


async def _look_user(api: AdminUserModule, arguments: Mapping[str, Any]) -> object | None:
    """After a creation of unknown outcome: who has that name now. It may be an older namesake."""
    try:
        found = await api.get_user(
            _field(arguments["body"], "shortName"), domain=_field(arguments["body"], "domain")
        )
    except NotFoundError:
        return None
    return found if found.data is not None and "deleted" not in found.data.flags else None


async def _look_group(api: AdminGroupModule, arguments: Mapping[str, Any]) -> object | None:
    try:
        found = await api.get_group(
            _field(arguments["body"], "shortName"), domain=_field(arguments["body"], "domain")
        )
    except NotFoundError:
        return None
    return found if found.data is not None and "deleted" not in found.data.flags else None


class AdminUserModule(ArgusModule):
    """``native.useradmin.user``."""

    @operation(f"GET {ADMIN}/user")
    async def list_users(
        self,
        *,
        customer: Sequence[str] = (),
        domain: Sequence[str] = (),
        subject: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        includeFlag: Sequence[str] = (),
        excludeFlag: Sequence[str] = (),
        keywords: Sequence[str] = (),
        keywordMatch: Match | None = None,
        keywordField: Sequence[str] = (),
        sortBy: Sequence[str] = (),
    ) -> Users:
        """A page of users."""
        ...

    @operation(
        f"POST {ADMIN}/user",
        success=DONE,
        retry=Retry.KEYED,
        look=_look_user,
        how_to_find_out="Read the user: get_user(shortName). It may be older than this call",
    )
    async def add_user(self, body: i.UserAddition) -> m.Answer[m.ArgusUser | None]:
        """Makes a user."""
        ...

    @operation(f"GET {ADMIN}/user/{{shortNameOrID}}")
    async def get_user(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """One user, possibly a deleted one (flag ``deleted``)."""
        ...

    @operation(f"PUT {ADMIN}/user/{{shortNameOrID}}")
    async def update_user(
        self, shortNameOrID: str, body: i.UserUpdate, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """Changes what is given."""
        ...

    @operation(f"DELETE {ADMIN}/user/{{shortNameOrID}}", repeat_done=(404,))
    async def delete_user(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """Disables a user and flags it ``deleted``."""
        ...

    @operation(f"PUT {ADMIN}/user/{{shortNameOrID}}/reenable")
    async def reenable_user(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """Takes a deletion back."""
        ...

    @operation(f"PUT {ADMIN}/user/{{shortNameOrID}}/unblock")
    async def unblock_user(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """Deprecated, and gone from 5.1.0: ``native.user.unblock_user``."""
        ...

    @operation(f"PUT {ADMIN}/user/{{shortNameOrID}}/move")
    async def move_user(
        self, shortNameOrID: str, body: i.Move, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """Moves a user to another customer."""
        ...

    @operation(f"PUT {ADMIN}/user/{{shortNameOrID}}/resetpassword", retry=Retry.ONCE)
    async def reset_password(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusUser | None]:
        """Deprecated; ``native.user.reset_password`` answers the authorization."""
        ...

    @operation(f"POST {ADMIN}/user/search", retry=Retry.SAFE)
    async def search_users(self, body: i.SubjectSearch) -> Users:
        """A page of the users that the criteria name."""
        ...

    @operation(f"GET {ADMIN}/user/{{shortNameOrID}}/permissions")
    async def list_permissions_for_user(
        self,
        shortNameOrID: str,
        *,
        domain: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        includeInherited: bool | None = None,
    ) -> Permissions:
        """A page of what is granted to the user; ``includeInherited`` (by default) through groups as well."""
        ...


class AdminGroupModule(ArgusModule):
    """``native.useradmin.group``."""

    @operation(f"GET {ADMIN}/group")
    async def list_groups(
        self,
        *,
        customer: Sequence[str] = (),
        domain: Sequence[str] = (),
        subject: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        includeFlag: Sequence[str] = (),
        excludeFlag: Sequence[str] = (),
        keywords: Sequence[str] = (),
        keywordMatch: Match | None = None,
        keywordField: Sequence[str] = (),
        sortBy: Sequence[str] = (),
    ) -> Groups:
        """A page of groups (``list_groups_1`` of 5.1.0)."""
        ...

    @operation(
        f"POST {ADMIN}/group",
        success=DONE,
        retry=Retry.KEYED,
        look=_look_group,
        how_to_find_out="Read the group: get_group(shortName). It may be older than this call",
    )
    async def add_group(self, body: i.GroupAddition) -> m.Answer[m.ArgusGroup | None]:
        """Makes a group."""
        ...

    @operation(f"GET {ADMIN}/group/{{shortNameOrID}}")
    async def get_group(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusGroup | None]:
        """One group, possibly a deleted one."""
        ...

    @operation(f"PUT {ADMIN}/group/{{shortNameOrID}}")
    async def update_group(
        self, shortNameOrID: str, body: i.GroupUpdate, *, domain: str | None = None
    ) -> m.Answer[m.ArgusGroup | None]:
        """Changes what is given."""
        ...

    @operation(f"DELETE {ADMIN}/group/{{shortNameOrID}}", repeat_done=(404,))
    async def delete_group(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusGroup | None]:
        """Flags a group ``deleted``."""
        ...

    @operation(f"PUT {ADMIN}/group/{{shortNameOrID}}/reenable")
    async def reenable_group(
        self, shortNameOrID: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusGroup | None]:
        """Takes a deletion back."""
        ...

    @operation(f"PUT {ADMIN}/group/{{shortNameOrID}}/move")
    async def move_group(
        self, shortNameOrID: str, body: i.Move, *, domain: str | None = None
    ) -> m.Answer[m.ArgusGroup | None]:
        """Moves a group to another customer."""
        ...

    @operation(f"POST {ADMIN}/group/search", retry=Retry.SAFE)
    async def search_groups(self, body: i.SubjectSearch) -> Groups:
        """A page of the groups that the criteria name."""
        ...

    @operation(f"GET {ADMIN}/group/{{shortNameOrID}}/members")
    async def list_subjects_in_group(self, shortNameOrID: str, *, domain: str | None = None) -> Subjects:
        """The active members: users and groups. There are no pages."""
        ...

    @operation(f"POST {ADMIN}/group/{{shortNameOrID}}/members", success=DONE, retry=Retry.IDEMPOTENT)
    async def add_group_members(
        self, shortNameOrID: str, body: i.MemberAddition, *, domain: str | None = None
    ) -> Subjects:
        """Puts subjects into the group."""
        ...

    @operation(f"DELETE {ADMIN}/group/{{shortNameOrID}}/members")
    async def remove_subjects_from_group(
        self,
        shortNameOrID: str,
        subject: Sequence[str],
        *,
        comment: str | None = None,
        domain: str | None = None,
    ) -> Subjects:
        """Takes subjects out of the group."""
        ...

    @operation(f"GET {ADMIN}/group/{{shortNameOrID}}/permissions")
    async def list_permissions_for_group(
        self,
        shortNameOrID: str,
        *,
        domain: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        includeInherited: bool | None = None,
    ) -> Permissions:
        """A page of what is granted to the group."""
        ...


class AdminSubjectModule(ArgusModule):
    """``native.useradmin.subject``: users and groups alike."""

    @operation(f"GET {ADMIN}/subject")
    async def list_subjects(
        self,
        *,
        customer: Sequence[str] = (),
        subject: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
        keywords: Sequence[str] = (),
        keywordMatch: Match | None = None,
        keywordField: Sequence[str] = (),
    ) -> Subjects:
        """A page of subjects."""
        ...

    @operation(f"GET {ADMIN}/subject/{{shortNameOrId}}")
    async def get_subject(
        self, shortNameOrId: str, *, domain: str | None = None
    ) -> m.Answer[m.ArgusMember | None]:
        """One subject; ``type`` tells what it is."""
        ...

    @operation(f"POST {ADMIN}/subject/{{shortNameOrID}}/groups", success=DONE, retry=Retry.IDEMPOTENT)
    async def add_subject_group_memberships(
        self, shortNameOrID: str, body: i.ParentGroups, *, domain: str | None = None
    ) -> Memberships:
        """Puts the subject into groups."""
        ...


class AdminMembershipModule(ArgusModule):
    """``native.useradmin.membership``."""

    @operation(f"GET {ADMIN}/membership")
    async def list_memberships(
        self,
        *,
        subject: Sequence[str] = (),
        offset: int | None = None,
        limit: int | None = None,
        includeDeleted: bool | None = None,
    ) -> Memberships:
        """A page of memberships."""
        ...

    @operation(f"DELETE {ADMIN}/membership")
    async def remove_memberships_bulk(
        self, membershipID: Sequence[str], *, comment: str | None = None
    ) -> Memberships:
        """Ends memberships."""
        ...
