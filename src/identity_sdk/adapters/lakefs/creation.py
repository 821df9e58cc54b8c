"""Making a user without bringing the access keys of a former one back to life.

Keys outlive their user on the server and work again from the moment that the name is given anew: so they are dealt with
before the user is made. Once more after it, since a user of that name may have been deleted in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import LakeFSCredential, LakeFSUser, UserCreation
from identity_sdk.adapters.lakefs.part import exists, keys_of
from identity_sdk.adapters.lakefs.rules import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    IdentityError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
)

__all__ = ["UserCreating"]


class UserCreating:
    """One run of ``users.create``."""

    def __init__(self, api: LakeFSApi, user: str, existing: Literal["delete", "keep"] | None) -> None:
        self._api = api
        self._user = user
        self._existing = existing
        self._listable = existing != "keep"
        self._done: list[str] = []
        self._left: list[str] = [
            f"make user {user}",
            "see that no access key of a former user of that name is alive",
        ]

    async def run(self, *, invite: bool, exist_ok: bool) -> LakeFSUser:
        """See :meth:`LakeFSUsers.create <identity_sdk.adapters.lakefs.users.LakeFSUsers.create>`."""
        try:
            there = await self._look_before()
            if there is None:
                return await self._make(invite, exist_ok)
        except (ConflictError, AmbiguousOutcomeError):
            raise
        except IdentityError as stopped:
            if not self._done:
                raise
            raise PartialFailureError(
                f"making user {self._user} stopped half-way: {stopped.message}",
                done=self._done,
                left=self._left,
            ) from stopped
        if exist_ok:
            return there
        raise ConflictError(f"there is a user {self._user} already")

    async def _look_before(self) -> LakeFSUser | None:
        """Deals with the keys of a former user; answers the user if one is there (its keys are then its own)."""
        for _ in range(3):
            keys = await self._keys()
            if not keys:
                return None
            there = await exists(self._api, self._user)
            if there is not None:
                return there
            if self._existing is None:
                raise self._left_over(keys)
            # Only those that were listed before the user was seen to be gone: a newer one may be of a newer user.
            await self._delete(keys)
        raise ConflictError(f"keys of user {self._user} keep appearing: somebody is making them")

    async def _make(self, invite: bool, exist_ok: bool) -> LakeFSUser:
        body = UserCreation(id=self._user, invite_user=True) if invite else UserCreation(id=self._user)
        try:
            made = same_id(await self._api.create_user(body), self._user)
        except ConflictError as taken:
            if not exist_ok:
                raise
            try:
                return same_id(await self._api.get_user(self._user), self._user)
            except NotFoundError:  # a single-user server: it says of every id that it is taken
                raise taken from None
        except AmbiguousOutcomeError as unknown:
            if exist_ok and isinstance(unknown.found, LakeFSUser):
                return unknown.found
            raise
        if self._listable:
            self._done.append(f"made user {self._user}")
            self._left.pop(0)
            await self._look_after(made)
        return made

    async def _look_after(self, made: LakeFSUser) -> None:
        """Keys that came between the look and the making, from a user of that name who was deleted meanwhile."""
        # A key of the new user is made after it; dates are whole seconds, so an equal one counts as old.
        old = [key for key in await self._keys() if not _younger(key, made)]
        if old and self._existing is None:
            await self._api.delete_user(self._user)
            raise self._left_over(old)
        await self._delete(old)

    async def _keys(self) -> tuple[LakeFSCredential, ...]:
        if not self._listable:
            return ()
        try:
            return await keys_of(self._api, self._user)
        except NotFoundError:
            return ()
        except NotSupportedError:  # a single-user server
            self._listable = False
            return ()
        except PermissionDeniedError as refused:
            raise PermissionDeniedError(
                f"keys of a former user {self._user} would work again, and you may not list them ({refused.message}): "
                "existing_credentials='keep' makes the user without a look",
                status=refused.status,
            ) from refused

    async def _delete(self, keys: Sequence[LakeFSCredential]) -> None:
        for key in keys:
            try:
                await self._api.delete_credentials(self._user, key.id)
            except NotFoundError:
                continue  # somebody else was faster
            self._done.append(f"deleted access key {key.id}")

    def _left_over(self, keys: Sequence[LakeFSCredential]) -> ConflictError:
        names = ", ".join(key.id for key in keys[:5]) + (", …" if len(keys) > 5 else "")
        return ConflictError(
            f"a former user {self._user} left {len(keys)} access key(s), which would work again ({names}): "
            "existing_credentials='delete' removes them first, 'keep' lets them live"
        )


def _younger(key: LakeFSCredential, user: LakeFSUser) -> bool:
    return key.created_at is not None and user.created_at is not None and key.created_at > user.created_at
