"""``idp.groups`` of the embedded provider."""

from __future__ import annotations

from identity_sdk.adapters.local import purge
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.models import (
    LocalGroup,
    LocalMember,
    LocalPolicy,
    group_of,
    member_of,
    policy_of,
)
from identity_sdk.adapters.local.reading import expect_group, expect_user, paged
from identity_sdk.adapters.local.rules import (
    MAX_ID,
    MAX_TEXT,
    all_of,
    check_cursor,
    check_id,
    check_optional,
    check_prefix,
    name_of,
)
from identity_sdk.errors import ConflictError, InvalidRequestError
from identity_sdk.listing import Listing, Page
from identity_sdk.models import UNSET, Deletion, Unset
from identity_sdk.resources.base import supports
from identity_sdk.resources.groups import Groups
from identity_sdk.store import DuplicateRow, tables
from identity_sdk.store.queries import (
    GroupRow,
    MembershipRow,
    attached_to,
    groups,
    members_of,
    memberships,
)
from identity_sdk.wire.call import Sender

__all__ = ["LocalGroups"]


class LocalGroups(Groups):
    """Groups of users. A role is a label of up to 256 characters that applications give a meaning to."""

    provider = "local"

    def __init__(self, sender: Sender, desk: Desk) -> None:
        super().__init__(sender)
        self._desk = desk

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LocalGroup]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalGroup]:
            start, begins = check_cursor(cursor), check_prefix(prefix)

            def work(tx: Tx) -> Page[LocalGroup]:
                tx.require("groups:List", all_of("groups", prefix=begins))
                return paged(
                    lambda n: groups.page(tx.conn, after=start, prefix=begins, limit=n), size, group_of
                )

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> LocalGroup:
        check_id(id)

        def work(tx: Tx) -> LocalGroup:
            tx.require("groups:Get", name_of("groups", id))
            return group_of(expect_group(tx.conn, id))

        return await self._desk.read(work)

    @supports()
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> LocalGroup:
        if id is None:
            raise InvalidRequestError("local chooses no ids: give one", fields={"id": "missing"})
        check_id(id)
        check_optional(name, "name", MAX_TEXT)
        check_optional(description, "description", MAX_TEXT)

        def work(tx: Tx) -> LocalGroup:
            tx.require("groups:Create", name_of("groups", id))
            row = GroupRow(id=id, created_at=tx.now, name=name, description=description)
            try:
                groups.insert(tx.conn, row)
            except DuplicateRow:
                if not exist_ok:
                    raise ConflictError(f"there is a group {id!r} already", provider="local") from None
                return group_of(expect_group(tx.conn, id))
            purge.purge_group(tx.conn, id)  # what other writers of this store left under the name
            return group_of(row)

        return await self._desk.write(work)

    @supports()
    async def update(
        self, id: str, *, name: str | Unset | None = UNSET, description: str | Unset | None = UNSET
    ) -> LocalGroup:
        check_id(id)
        given = {"name": name, "description": description}
        changes = {
            field: check_optional(value, field, MAX_TEXT)
            for field, value in given.items()
            if not isinstance(value, Unset)
        }

        def work(tx: Tx) -> LocalGroup:
            tx.require("groups:Update", name_of("groups", id))
            expect_group(tx.conn, id)
            if changes:
                groups.update(tx.conn, id, **changes)
            return group_of(expect_group(tx.conn, id))

        return await self._desk.write(work)

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        check_id(id)

        def work(tx: Tx) -> Deletion:
            tx.require("groups:Delete", name_of("groups", id))
            if missing_ok and groups.get(tx.conn, id) is None:
                return Deletion(id=id, existed=False)
            expect_group(tx.conn, id)
            purge.purge_group(tx.conn, id)
            groups.delete(tx.conn, id)
            return Deletion(id=id)

        return await self._desk.write(work)

    @supports()
    def members(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LocalMember]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalMember]:
            check_id(id)
            start = check_cursor(cursor)

            def work(tx: Tx) -> Page[LocalMember]:
                tx.require("groups:ListMembers", name_of("groups", id))
                expect_group(tx.conn, id)
                found = paged(
                    lambda n: members_of(tx.conn, id, after=start, limit=n), size, lambda user: user
                )
                table = tables.memberships.c
                inside = table.user_id.in_([user.id for user in found.items])
                roles = {row.user_id: row for row in memberships.find(tx.conn, inside, group_id=id)}
                return Page(tuple(member_of(user, roles.get(user.id)) for user in found.items), found.cursor)

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        """Adding a member again with another ``role`` changes the role; without one it stays."""
        check_id(id)
        check_id(user, "user")
        check_optional(role, "role", MAX_ID)

        def work(tx: Tx) -> None:
            tx.require("groups:AddMember", name_of("groups", id))
            expect_group(tx.conn, id)
            expect_user(tx.conn, user)
            row = MembershipRow(group_id=id, user_id=user, created_at=tx.now, role=role)
            try:
                memberships.insert(tx.conn, row)
            except DuplicateRow:
                if role is not None:
                    memberships.update(tx.conn, id, user, role=role)

        await self._desk.write(work)

    @supports()
    async def remove_member(self, id: str, user: str) -> None:
        check_id(id)
        check_id(user, "user")

        def work(tx: Tx) -> None:
            tx.require("groups:RemoveMember", name_of("groups", id))
            expect_group(tx.conn, id)
            expect_user(tx.conn, user)
            memberships.delete(tx.conn, id, user)

        await self._desk.write(work)

    @supports()
    def policies(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LocalPolicy]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalPolicy]:
            check_id(id)
            start = check_cursor(cursor)

            def work(tx: Tx) -> Page[LocalPolicy]:
                tx.require("groups:ListPolicies", name_of("groups", id))
                expect_group(tx.conn, id)
                return paged(
                    lambda n: attached_to(tx.conn, "group", id, after=start, limit=n), size, policy_of
                )

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)
