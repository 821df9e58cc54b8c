"""Making a user without bringing the access keys of a former one back to life.

Keys outlive their user on the server and work again from the moment that the name is given anew. They are looked for
before the user is made, and once more after it, since a user of that name may have been deleted in between. The server
deletes a key only while its user is there: so those of a former user are deleted right after the user was made, which
has no right yet; if that fails, the user is deleted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import LakeFSCredential, LakeFSUser, UserCreation
from identity_sdk.adapters.lakefs.part import exists, keys_of
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

ROUNDS = 3
"""How often the keys are listed anew while others appear."""


class UserCreating:
    """One run of ``users.create``."""

    def __init__(self, api: LakeFSApi, user: str, existing: Literal["delete", "keep"] | None) -> None:
        self._api = api
        self._user = user
        self._existing = existing
        self._listable = existing != "keep"
        self._single_user = False
        self._former: tuple[LakeFSCredential, ...] = ()
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
        except (ConflictError, AmbiguousOutcomeError, NotSupportedError):
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
        """Looks for the keys of a former user; answers the user if one is there."""
        keys = await self._keys()
        there = await exists(self._api, self._user) if keys else None
        if there is None:
            if keys and self._existing is None:
                raise self._left_over(keys)
            self._former = keys
            return None
        # Its keys are its own, but those that are older than itself: an earlier run may have been cut off.
        old = [key for key in keys if _older(key, there)]
        if old and self._existing is None:
            raise self._left_over(old)
        await self._delete(old)
        return there

    async def _make(self, invite: bool, exist_ok: bool) -> LakeFSUser:
        body = UserCreation(id=self._user, invite_user=True) if invite else UserCreation(id=self._user)
        try:
            made = same_id(await self._api.create_user(body), self._user)
        except (ConflictError, AmbiguousOutcomeError) as stopped:
            # Somebody was faster, or it was made and the answer lost: what the former user left is alive now.
            self._done.append(f"asked for user {self._user}")
            await self._delete(self._former)
            if not exist_ok and not self._single_user:
                raise
            there = await exists(self._api, self._user)
            if there is None and self._single_user and isinstance(stopped, ConflictError):
                raise NotSupportedError(
                    "a single-user server has its one user and takes no other: it says of every id that it is taken"
                ) from stopped
            if there is None or not exist_ok:
                raise
            return there
        if self._listable:
            self._done.append(f"made user {self._user}")
            self._left.pop(0)
            await self._look_after(made)
        return made

    async def _look_after(self, made: LakeFSUser) -> None:
        """Deletes the keys of the former user, also those that came between the look and the making."""
        former = {key.id for key in self._former}
        try:
            for _ in range(ROUNDS):
                # A key of the new user is made after it; dates are whole seconds, so an equal one counts as old.
                keys = await self._keys()
                old = [key for key in keys if key.id in former or not _older(made, key)]
                if not old:
                    return
                if self._existing is None:
                    raise self._left_over(old)
                await self._delete(old)
            raise ConflictError(f"keys of user {self._user} keep appearing: somebody is making them")
        except IdentityError:
            await self._api.delete_user(self._user)
            self._done.remove(f"made user {self._user}")
            self._left.insert(0, f"make user {self._user}")
            raise

    async def _keys(self) -> tuple[LakeFSCredential, ...]:
        if not self._listable:
            return ()
        try:
            return await keys_of(self._api, self._user)
        except NotFoundError:
            return ()
        except NotSupportedError:
            self._listable, self._single_user = False, True
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
            "existing_credentials='delete' removes them, 'keep' lets them live"
        )


def _older(one: LakeFSCredential | LakeFSUser, other: LakeFSCredential | LakeFSUser) -> bool:
    """Whether it was certainly made earlier; dates are whole seconds of the server's clock."""
    return one.created_at is not None and other.created_at is not None and one.created_at < other.created_at
