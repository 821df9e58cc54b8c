"""Taking a principal out of everything that names it, before it is deleted.

The server takes any id as a member or in a record, also one that nobody has. What a deleted user or group left there
would count again for the next one of that id, so it goes first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.changes import (
    group_of,
    living,
    put_group,
    put_record,
    without_principal,
    without_user,
)
from identity_sdk.adapters.authress.models import AuthressRecord, plain
from identity_sdk.adapters.authress.part import Turns, everything
from identity_sdk.errors import IdentityError, NotFoundError, PartialFailureError

__all__ = ["Releasing"]

T = TypeVar("T")


class Releasing:
    """One run: what is done and what is left is written down as it goes."""

    def __init__(
        self, api: AuthressApi, turns: Turns, kind: Literal["user", "group"], id: str, last: str
    ) -> None:
        """Args:
        api: what to send with.
        turns: for changes one after the other.
        kind: what is deleted.
        id: which.
        last: the deletion itself, in words.
        """
        self._api = api
        self._turns = turns
        self._kind = kind
        self._id = id
        self._done: list[str] = []
        self._left = [f"take {id} out of access records", last]
        if kind == "user":
            self._left.insert(0, f"take {id} out of groups")

    async def run(self, delete: Callable[[], Awaitable[T]]) -> T:
        """Takes it out everywhere, then calls ``delete``.

        Raises:
            PartialFailureError: it stopped half-way; repeating it goes on.
        """
        try:
            if self._kind == "user":
                await self._groups()
                self._left.pop(0)
            await self._records()
            self._left.pop(0)
            return await delete()
        except IdentityError as stopped:
            if not self._done:
                raise
            raise PartialFailureError(
                f"the deletion of {self._id} stopped half-way: {stopped.message}",
                done=self._done,
                left=self._left,
                provider="authress",
            ) from stopped

    async def _groups(self) -> None:
        api = self._api
        pages = await everything(lambda at, amount: api.get_groups(limit=amount, cursor=at))
        for group in [one for page in pages for one in page.groups if without_user(plain(one), self._id)]:

            async def once(id: str = group.id) -> bool:
                try:
                    found = await group_of(api, id)
                except NotFoundError:
                    return False
                changes = without_user(plain(found), self._id)
                if changes:
                    await put_group(api, found, changes)
                return bool(changes)

            if await self._turns.change(group.id, once):
                self._done.append(f"taken out of group {group.id}")

    async def _records(self) -> None:
        api = self._api
        pages = await everything(lambda at, amount: api.get_records(status="ACTIVE", limit=amount, cursor=at))
        for record in [one for page in pages for one in page.records if self._without(one)]:

            async def once(id: str = record.id) -> bool:
                try:
                    found = await living(api, id)
                except NotFoundError:
                    return False
                changes = self._without(found)
                if changes:
                    await put_record(api, found, changes)
                return bool(changes)

            if await self._turns.change(record.id, once):
                self._done.append(f"taken out of record {record.id}")

    def _without(self, record: AuthressRecord) -> dict[str, Any] | None:
        if self._kind == "user":
            return without_user(plain(record), self._id)
        return without_principal(record, "group", self._id)
