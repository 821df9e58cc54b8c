"""``idp.groups`` over lakeFS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.models import (
    GroupCreation,
    LakeFSGroup,
    LakeFSMember,
    LakeFSMemberList,
    LakeFSPolicy,
    LakeFSPolicyList,
)
from identity_sdk.adapters.lakefs.part import LakeFSPart
from identity_sdk.adapters.lakefs.rules import check_id
from identity_sdk.errors import AmbiguousOutcomeError, ConflictError, NotFoundError
from identity_sdk.listing import Listing
from identity_sdk.models import Deletion
from identity_sdk.resources.base import supports
from identity_sdk.resources.groups import Groups

__all__ = ["LakeFSGroups"]


class LakeFSGroups(LakeFSPart, Groups):
    """Groups of users. Ids: any text without ``/`` and ``%``."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "update": (
            "a group holds nothing but its id",
            "delete it and create another; attach policies to change rights",
        ),
    }

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LakeFSGroup]:
        return self._pages(
            lambda after, amount: self._api.list_groups(prefix=prefix or None, after=after, amount=amount),
            prefix=prefix,
            limit=limit,
            cursor=cursor,
        )

    @supports()
    async def get(self, id: str) -> LakeFSGroup:
        return same_id(await self._api.get_group(check_id("group id", id)), id)

    @supports(
        refuses={
            "name": "a group's id is its name",
            "description": "the documented API stores none, and v0.91 drops it silently",
        }
    )
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> LakeFSGroup:
        wanted = check_id("group id", id)
        try:
            return same_id(await self._api.create_group(GroupCreation(id=wanted)), wanted)
        except ConflictError as taken:
            if not exist_ok:
                raise
            try:
                return same_id(await self._api.get_group(wanted), wanted)
            except NotFoundError:
                raise taken from None
        except AmbiguousOutcomeError as unknown:
            if exist_ok and isinstance(unknown.found, LakeFSGroup):
                return unknown.found
            raise

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        wanted = check_id("group id", id)
        try:
            await self._vouch("group", wanted)
            await self._api.delete_group(wanted)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        return Deletion(id=wanted)

    @supports()
    def members(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LakeFSMember]:
        """Who is in the group: users only."""
        wanted = check_id("group id", id)

        async def page(after: str | None, amount: int) -> LakeFSMemberList:
            await self._vouch("group", wanted)
            return await self._api.list_group_members(wanted, after=after, amount=amount)

        return self._pages(page, limit=limit, cursor=cursor)

    @supports(refuses={"role": "lakeFS knows no roles in a group: attach policies to it"})
    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        group, member = check_id("group id", id), check_id("user id", user)
        await self._vouch("group", group)
        await self._vouch("user", member)
        try:
            await self._api.add_group_membership(group, member)
        except ConflictError:
            return  # it is a member already

    @supports()
    async def remove_member(self, id: str, user: str) -> None:
        group, member = check_id("group id", id), check_id("user id", user)
        await self._vouch("group", group)
        await self._vouch("user", member)
        await self._api.delete_group_membership(group, member)

    @supports()
    def policies(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LakeFSPolicy]:
        """The policies attached to the group; an unknown group has none."""
        wanted = check_id("group id", id)

        async def page(after: str | None, amount: int) -> LakeFSPolicyList:
            await self._vouch("group", wanted)
            return await self._api.list_group_policies(wanted, after=after, amount=amount)

        return self._pages(page, limit=limit, cursor=cursor)
