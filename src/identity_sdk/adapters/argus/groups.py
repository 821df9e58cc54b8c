"""``idp.groups`` over Argus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.argus.inputs import GroupAddition, GroupUpdate, MemberAddition
from identity_sdk.adapters.argus.models import Answer, ArgusGroup, ArgusMember, ArgusPolicy
from identity_sdk.adapters.argus.part import ArgusPart, everything, looked_up, starting
from identity_sdk.adapters.argus.policies import granted
from identity_sdk.adapters.argus.rules import check_name
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Deletion, Unset
from identity_sdk.resources.base import supports
from identity_sdk.resources.groups import Groups

__all__ = ["ArgusGroups"]


class ArgusGroups(ArgusPart, Groups):
    """Groups of users and of other groups. Ids are short names, as those of users."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[ArgusGroup]:
        """All groups that are not deleted, in the server's order; ``prefix`` by a scan."""
        domain = () if self._setting.domain is None else (self._setting.domain,)

        async def page(offset: int, amount: int) -> Answer[tuple[ArgusGroup, ...] | None]:
            return await self._api.useradmin.group.list_groups(domain=domain, offset=offset, limit=amount)

        return self._pages(page, keep=starting(prefix), limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> ArgusGroup:
        return await self._group(id)

    @supports()
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
        customer: str | None = None,
    ) -> ArgusGroup:
        """Makes a group.

        Args:
            name: which Argus wants; the id unless given.
            customer: whose group it is; the adapter's ``customer`` unless given.
            id, description, exist_ok: as in :meth:`Groups.create`.

        Raises:
            ConfigurationError: no customer is known.
        """
        wanted = check_name("group id", id)
        told = {"customer": self._setting.customer_or(customer), "shortName": wanted}
        told["name"] = name or wanted
        if description is not None:
            told["description"] = description
        if self._setting.domain is not None:
            told["domain"] = self._setting.domain
        try:
            made = (await self._api.useradmin.group.add_group(GroupAddition.model_validate(told))).data
        except (ConflictError, InvalidRequestError) as refused:
            return await self._taken(wanted, refused, exist_ok)
        except AmbiguousOutcomeError as unknown:
            found = looked_up(unknown)
            if exist_ok and isinstance(found, ArgusGroup):
                return same_id(found, wanted)
            raise
        if made is None:
            return await self._group(wanted)
        return same_id(made, wanted)

    async def _taken(self, wanted: str, refused: IdentityError, exist_ok: bool) -> ArgusGroup:
        """Argus answers 412 to a name that is taken, as to any other fault: a look tells which it was."""
        try:
            there = await self._group(wanted)
        except NotFoundError:
            raise refused from None
        if exist_ok:
            return there
        raise ConflictError(f"there is a group {wanted} already", provider=self.provider) from refused

    @supports()
    async def update(
        self, id: str, *, name: str | Unset | None = UNSET, description: str | Unset | None = UNSET
    ) -> ArgusGroup:
        """Changes what is given.

        Raises:
            InvalidRequestError: ``name`` is ``None`` or empty: Argus wants one.
        """
        if name is None or name == "":
            raise InvalidRequestError("Argus wants a name: it cannot be erased", fields={"name": "required"})
        group = await self._group(id)
        told: dict[str, str] = {}
        if not isinstance(name, Unset):
            told["name"] = name
        if not isinstance(description, Unset):
            told["description"] = description or ""
        if not told:
            return group
        await self._api.useradmin.group.update_group(str(group.number), GroupUpdate.model_validate(told))
        return await self._group(id)

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        """Deletes a group (softly); its members stay."""
        wanted = check_name("group id", id)
        try:
            group = await self._group(wanted)
            await self._api.useradmin.group.delete_group(str(group.number))
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        return Deletion(id=wanted)

    @supports()
    def members(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[ArgusMember]:
        """Users and groups in the group; ``type`` tells them apart."""
        check_name("group id", id)

        async def fetch(after: str | None, size: int | None) -> Page[ArgusMember]:
            group = await self._group(id)
            found = (await self._api.useradmin.group.list_subjects_in_group(str(group.number))).data
            return page_of(found or (), after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports(refuses={"role": "Argus knows no roles in a group: grant functions to the group"})
    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        check_name("user id", user)
        group, member = await self._group(id), await self._user(user)
        if await self._is_in(group.number, member.number):
            return
        body = MemberAddition(subject=(str(member.number),))
        try:
            await self._api.useradmin.group.add_group_members(str(group.number), body)
        except (InvalidRequestError, ConflictError):
            if not await self._is_in(group.number, member.number):  # else somebody was faster
                raise

    @supports()
    async def remove_member(self, id: str, user: str) -> None:
        check_name("user id", user)
        group, member = await self._group(id), await self._user(user)
        if not await self._is_in(group.number, member.number):
            return
        try:
            await self._api.useradmin.group.remove_subjects_from_group(
                str(group.number), (str(member.number),)
            )
        except (InvalidRequestError, NotFoundError):
            if await self._is_in(group.number, member.number):
                raise

    async def _is_in(self, group: int, member: int) -> bool:
        """What Argus answers to a second addition or removal is not documented: so it is not asked for one."""
        found = (await self._api.useradmin.group.list_subjects_in_group(str(group))).data
        return any(one.number == member for one in found or ())

    @supports()
    def policies(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[ArgusPolicy]:
        """The functions granted to the group itself, each once, ordered by name."""
        check_name("group id", id)

        async def fetch(after: str | None, size: int | None) -> Page[ArgusPolicy]:
            number = str((await self._group(id)).number)
            permissions = await everything(
                lambda offset, amount: self._api.useradmin.group.list_permissions_for_group(
                    number, offset=offset, limit=amount, includeInherited=False
                )
            )
            return page_of(granted(permissions), after, size)

        return Listing(fetch, limit=limit, cursor=cursor)
