"""``idp.groups`` over Authress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from identity_sdk.adapters.authress.changes import MEMBERS, group_of, has_group, put_group
from identity_sdk.adapters.authress.composing import policies_of
from identity_sdk.adapters.authress.inputs import GroupBody
from identity_sdk.adapters.authress.models import (
    AuthressGroup,
    AuthressMember,
    AuthressPolicy,
    AuthressRecord,
)
from identity_sdk.adapters.authress.part import AuthressPart
from identity_sdk.adapters.authress.releasing import Releasing
from identity_sdk.adapters.authress.rules import check_group, check_name, check_principal
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import AmbiguousOutcomeError, ConflictError, InvalidRequestError, NotFoundError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Deletion, Unset
from identity_sdk.resources.base import supports
from identity_sdk.resources.groups import Groups

__all__ = ["AuthressGroups"]

_NO_TEXT = {"description": "a group has a name, and no description"}


class AuthressGroups(AuthressPart, Groups):
    """Groups of users and service clients, 100 at most, none nested. Ids begin with ``grp_``.

    Lists are in no order, and may be five minutes old; reading by id is not.
    """

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthressGroup]:
        return self._pages(
            lambda at, amount: self._api.get_groups(limit=amount, cursor=at),
            lambda page: page.groups,
            prefix=prefix,
            limit=limit,
            cursor=cursor,
        )

    @supports()
    async def get(self, id: str) -> AuthressGroup:
        return await group_of(self._api, check_group(id))

    @supports(refuses=_NO_TEXT)
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> AuthressGroup:
        """Makes a group. Without an id the server chooses it; without a name the id is its name.

        Raises:
            ConflictError: the id is taken.
            AmbiguousOutcomeError: no answer came; with an id of the server's choice, list the groups by their name.
        """
        if id is None:
            if name is None or exist_ok:
                raise InvalidRequestError(
                    "a group whose id the server chooses needs a name=, and no exist_ok=",
                    fields={"name": "required"},
                )
            return await self._api.create_group(GroupBody(name=check_name(name), users=(), admins=()))
        wanted = check_group(id)
        body = GroupBody(
            group_id=wanted, name=check_name(wanted if name is None else name), users=(), admins=()
        )
        try:
            return same_id(await self._api.create_group(body), wanted)
        except ConflictError as taken:
            if not exist_ok:
                raise
            try:
                return await group_of(self._api, wanted)
            except NotFoundError:
                raise taken from None
        except AmbiguousOutcomeError as unknown:
            if exist_ok and isinstance(unknown.found, AuthressGroup):
                return unknown.found
            raise

    @supports(refuses=_NO_TEXT)
    async def update(
        self, id: str, *, name: str | Unset | None = UNSET, description: str | Unset | None = UNSET
    ) -> AuthressGroup:
        """Renames a group; everything else in it stays, also what somebody else changes meanwhile.

        Raises:
            InvalidRequestError: ``name=None``: a group has a name.
            PreconditionFailedError: others were faster three times.
        """
        wanted = check_group(id)
        if name is None:
            raise InvalidRequestError("a group has a name: it cannot be erased", fields={"name": "required"})
        if not isinstance(name, Unset):
            check_name(name)

        async def once() -> AuthressGroup:
            found = await group_of(self._api, wanted)
            if isinstance(name, Unset) or found.name == name:
                return found
            return await put_group(self._api, found, {"name": name})

        return await self._turns.change(wanted, once)

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        """Deletes a group, after it was taken out of the records that name it."""
        wanted = check_group(id)
        try:
            await group_of(self._api, wanted)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        releasing = Releasing(self._api, self._turns, "group", wanted, f"delete group {wanted}")
        await releasing.run(lambda: self._api.delete_group(wanted))
        return Deletion(id=wanted)

    @supports()
    def members(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthressMember]:
        """Who is in the group: the server answers all of them at once."""
        wanted = check_group(id)

        async def fetch(at: str | None, size: int | None) -> Page[AuthressMember]:
            users = (await group_of(self._api, wanted)).users
            return page_of([AuthressMember(id=user.user_id) for user in users], at, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports(refuses={"role": "a group has members and administrators: idp.native.update_group sets admins"})
    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        """Puts a user or a service client into a group. The server takes any id, also one that nobody has (yet).

        Raises:
            NotFoundError: there is no such group.
            InvalidRequestError: there are 100 members.
            PreconditionFailedError: others were faster three times.
        """
        group, member = check_group(id), check_principal("user id", user)

        async def once() -> None:
            found = await group_of(self._api, group)
            if any(one.user_id == member for one in found.users):
                return
            if len(found.users) >= MEMBERS:
                raise InvalidRequestError(
                    f"group {group} has {MEMBERS} members, which is the limit", fields={"user": "no room"}
                )
            await self._put_members(found, [*(one.user_id for one in found.users), member])

        await self._turns.change(group, once)

    @supports()
    async def remove_member(self, id: str, user: str) -> None:
        """Takes a user or a service client out of a group.

        Raises:
            NotFoundError: there is no such group.
            PreconditionFailedError: others were faster three times.
        """
        group, member = check_group(id), check_principal("user id", user)

        async def once() -> None:
            found = await group_of(self._api, group)
            if any(one.user_id == member for one in found.users):
                await self._put_members(found, [one.user_id for one in found.users if one.user_id != member])

        await self._turns.change(group, once)

    async def _put_members(self, found: AuthressGroup, users: Sequence[str]) -> None:
        known = {one.user_id: {"userId": one.user_id, **(one.model_extra or {})} for one in found.users}
        await put_group(self._api, found, {"users": [known.get(one, {"userId": one}) for one in users]})

    @supports()
    def policies(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthressPolicy]:
        """The records that name the group."""
        wanted = check_group(id)

        def records(most: int | None, at: str | None) -> Listing[AuthressRecord]:
            return self._records(lambda record: has_group(record, wanted), limit=most, cursor=at)

        return policies_of(self._api, records, limit=limit, cursor=cursor)
