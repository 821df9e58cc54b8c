"""``idp.groups`` over the auth service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.auth_service.models import (
    AuthServiceGroup,
    AuthServiceMember,
    GroupFullBody,
    GroupInfoBody,
    GroupPost,
)
from identity_sdk.adapters.auth_service.part import AuthServicePart
from identity_sdk.adapters.auth_service.rules import check_description, check_id, check_mode
from identity_sdk.adapters.auth_service.writing import UserWriting, as_sent
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    NoAnswerError,
    NotFoundError,
    ServerError,
)
from identity_sdk.listing import Listing
from identity_sdk.models import UNSET, Deletion, Unset
from identity_sdk.resources.base import supports
from identity_sdk.resources.groups import Groups

__all__ = ["AuthServiceGroups"]

_NO_NAME = {"name": "a group's id is its name"}


class AuthServiceGroups(UserWriting, AuthServicePart, Groups):
    """Groups and their members. A membership is changed through its user: the server fails on it in a group."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "policies": (
            "the server knows no policies: rights in a group are the modes of its members",
            "groups.members(id) shows them as roles",
        ),
    }

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthServiceGroup]:
        """All groups, ordered by id here: the server has neither pages nor filters nor an order."""
        return self._listed(self._groups, prefix=prefix, limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> AuthServiceGroup:
        return await self._find_group(check_id("group id", id))

    @supports(refuses=_NO_NAME)
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> AuthServiceGroup:
        """Makes a group, after a look whether the id is taken: the real server tells nobody."""
        wanted = check_id("group id", id)
        body = GroupPost(groupId=wanted)
        if description is not None:
            body = GroupPost(groupId=wanted, description=check_description(description))
        async with self._turns.take("group", wanted):
            there = await self._before(self._api.admin_get_group, wanted)
            if there is not None:
                if exist_ok:
                    return there
                raise ConflictError(f"there is a group {wanted!r} already", provider="auth-service")
            try:
                return same_id(await self._api.admin_add_group(body), wanted)
            except ConflictError:
                if not exist_ok:
                    raise
                return await self._find_group(wanted)
            except AmbiguousOutcomeError as unknown:
                return await self._look(unknown, wanted, exist_ok)

    async def _look(self, unknown: AmbiguousOutcomeError, wanted: str, exist_ok: bool) -> AuthServiceGroup:
        try:
            found = unknown.found = await self._find_group(wanted)
        except NotFoundError:
            unknown.message += "; there is no such group now"
            raise unknown from unknown.__cause__
        if exist_ok:
            return found
        raise unknown

    @supports(refuses=_NO_NAME)
    async def update(
        self, id: str, *, name: str | Unset | None = UNSET, description: str | Unset | None = UNSET
    ) -> AuthServiceGroup:
        """Changes the description: read, merged, written back. Members are never sent, and stay."""
        wanted = check_id("group id", id)
        if isinstance(description, str):
            check_description(description)
        async with self._turns.take("group", wanted):
            group = await self._find_group(wanted)
            if isinstance(description, Unset):
                return group
            more: dict[str, object] = dict(group.model_extra or {})
            if description is not None:
                more["description"] = description
            try:
                body = GroupFullBody(groupId=wanted, **more)
                return same_id(await self._api.admin_group_put(wanted, body), wanted)
            except (NoAnswerError, ServerError):
                await self._find_group(wanted)  # raises NotFoundError when that was the reason
                raise

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        """Deletes a group with its memberships. What access tokens say of it lives on for up to ten minutes."""
        wanted = check_id("group id", id)
        async with self._turns.take("group", wanted):
            try:
                await self._group_there(wanted)
            except NotFoundError:
                if not missing_ok:
                    raise
                return Deletion(id=wanted, existed=False)
            await self._gone(self._api.admin_remove_group, self._find_group, wanted)
        return Deletion(id=wanted)

    @supports()
    def members(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthServiceMember]:
        """Who is in the group, ordered by id: users only; ``role`` is the mode."""
        wanted = check_id("group id", id)

        async def read() -> tuple[AuthServiceMember, ...]:
            return (await self._find_group(wanted)).users

        return self._listed(read, limit=limit, cursor=cursor)

    @supports()
    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        """Puts a user into a group, or changes what it may do there, by writing the user back.

        Args:
            role: ``READ``, ``WRITE`` or ``ADMIN``; ``None``: ``READ`` for a new member, and no change for an old one.
            id, user: as in :meth:`Groups.add_member`.
        """
        wanted, who = check_id("group id", id), check_id("user id", user)
        mode = None if role is None else check_mode(role)
        async with self._turns.take("user", who):
            group = await self._group_there(wanted)
            person = await self._find_user(who)
            held = next((one for one in person.groups if one.id == wanted), None)
            if held is not None and held.mode is not None and mode in (None, held.mode):
                return
            # The description counts only if the group is deleted at this very moment, and so made anew.
            text = group.description if group is not None else None
            more = {} if text is None else {"description": text}
            new = GroupInfoBody(groupId=wanted, mode=mode or "READ", **more)
            others = [as_sent(one) for one in person.groups if one.id != wanted]
            await self._write(person, groups=[*others, new])

    @supports()
    async def remove_member(self, id: str, user: str) -> None:
        wanted, who = check_id("group id", id), check_id("user id", user)
        async with self._turns.take("user", who):
            await self._group_there(wanted)
            person = await self._find_user(who)
            if any(one.id == wanted for one in person.groups):
                await self._write(person, groups=[as_sent(one) for one in person.groups if one.id != wanted])
