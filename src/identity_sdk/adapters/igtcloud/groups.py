"""``idp.groups`` over IGT Cloud: the groups of one organization, which others make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import anyio

from identity_sdk.adapters.igtcloud.api import IgtCloudApi, SignInApi
from identity_sdk.adapters.igtcloud.inputs import UsersGroupsRequest
from identity_sdk.adapters.igtcloud.models import IgtGroup, IgtMember, UsersGroups
from identity_sdk.adapters.igtcloud.part import IgtPart, Setting
from identity_sdk.adapters.igtcloud.rules import check_id
from identity_sdk.errors import ProtocolError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.resources.base import supports
from identity_sdk.resources.groups import Groups
from identity_sdk.wire.call import Sender

__all__ = ["IgtGroups"]

_MADE_ELSEWHERE = (
    "the API neither makes nor changes groups",
    "an administrator makes them in the console of the platform; groups.add_member fills them",
)


class IgtGroups(IgtPart, Groups):
    """Groups of the organization that the client was connected with.

    A membership is changed by reading all groups of the user and writing them back. The API has no precondition for
    that, so changes through one client wait for one another; of two clients at once the last one wins.
    """

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "create": _MADE_ELSEWHERE,
        "update": _MADE_ELSEWHERE,
        "delete": _MADE_ELSEWHERE,
        "policies": ("IGT Cloud has no policies", "policies.permissions: what one may do oneself"),
    }

    def __init__(self, sender: Sender, api: IgtCloudApi, signing_in: SignInApi, setting: Setting) -> None:
        super().__init__(sender, api, signing_in, setting)
        self._one_writer = anyio.Lock()

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[IgtGroup]:
        """All groups of the organization; it has neither pages nor a filter for ``prefix``."""

        async def fetch(after: str | None, size: int | None) -> Page[IgtGroup]:
            found = await self._api.get_groups(self._setting.organization)
            return page_of([one for one in found if one.id.startswith(prefix or "")], after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> IgtGroup:
        return await self._group(id)

    @supports()
    def members(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[IgtMember]:
        """Who is in the group; one whom the list of users does not know has its UUID as id."""
        wanted = check_id("group id", id)

        async def fetch(after: str | None, size: int | None) -> Page[IgtMember]:
            await self._group(wanted)
            entries = await self._api.get_users_groups(self._setting.organization)
            inside = [one.user_id for one in entries if wanted in one.group_ids]
            names = await self._names() if inside else {}
            found = [
                IgtMember.model_validate({"id": names.get(uuid, uuid), "uuid": uuid})
                for uuid in dict.fromkeys(inside)
            ]
            return page_of(found, after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports(refuses={"role": "a member of a group has no role of its own"})
    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        await self._change(id, user, lambda groups: groups if id in groups else (*groups, id))

    @supports()
    async def remove_member(self, id: str, user: str) -> None:
        await self._change(id, user, lambda groups: tuple(one for one in groups if one != id))

    async def _change(
        self, id: str, user: str, changed: Callable[[tuple[str, ...]], tuple[str, ...]]
    ) -> None:
        check_id("group id", id)
        check_id("user id", user)
        async with self._one_writer:
            await self._group(id)
            uuid = await self._uuid(user)
            organization = self._setting.organization
            there = _groups_of(uuid, await self._api.get_users_groups(organization))
            wanted = changed(there)
            if wanted == there:
                return
            body = UsersGroupsRequest.model_validate({"userId": uuid, "groupIds": wanted})
            answer = await self._api.put_users_groups(organization, body)
        if any(one.user_id == uuid for one in answer) and set(_groups_of(uuid, answer)) != set(wanted):
            raise ProtocolError(
                f"the server answers other groups of {user[:100]} than were written", provider="igtcloud"
            )


def _groups_of(uuid: str, entries: tuple[UsersGroups, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(group for one in entries if one.user_id == uuid for group in one.group_ids))
