"""Deleting a user so that nothing of it can sign in again.

Whether Argus ends API keys, generators and sessions with their user is not documented, so they go first: keys,
generator, sessions, then the user, and then the keys and sessions that came meanwhile. Every step can be repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.models import ArgusUser
from identity_sdk.errors import IdentityError, NotFoundError, PartialFailureError

__all__ = ["UserDeletion"]


class UserDeletion:
    """One run of ``users.delete``; what is done and what is left is written down as it goes."""

    def __init__(self, api: ArgusApi, user: ArgusUser) -> None:
        self._api = api
        self._user = user
        self._path = str(user.number)
        self._done: list[str] = []

    async def run(self) -> None:
        """Raises:
        PartialFailureError: it stopped half-way.
        """
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("revoke its API keys", self._keys),
            ("revoke its TOTP generator", self._totp),
            ("end its sessions", self._sessions),
            (f"delete user {self._user.id}", self._delete),
            ("look at its keys and sessions once more", self._once_more),
        ]
        for number, (_, step) in enumerate(steps):
            try:
                await step()
            except IdentityError as stopped:
                if not self._done:
                    raise
                raise PartialFailureError(
                    f"the deletion of user {self._user.id} stopped half-way: {stopped.message}",
                    done=self._done,
                    left=[what for what, _ in steps[number:]],
                    provider="argus",
                ) from stopped

    async def _keys(self) -> None:
        found = (await self._api.user.list_user_api_keys(self._path)).data
        for key in found.keys if found is not None else ():
            try:
                await self._api.user.revoke_user_api_key_by_prefix(self._path, key.id)
            except NotFoundError:  # somebody else was faster
                continue
            self._done.append(f"revoked API key {key.id}")

    async def _totp(self) -> None:
        try:
            await self._api.user.revoke_user_totp(self._path)
        except NotFoundError:
            return  # it has none
        self._done.append("revoked its TOTP generator")

    async def _sessions(self) -> None:
        try:
            ended = (await self._api.user.delete_all_user_sessions(self._path)).data
        except NotFoundError:  # "User or session not found"
            return
        if ended is None or ended.sessions_deleted:
            self._done.append("ended its sessions")

    async def _delete(self) -> None:
        try:
            await self._api.useradmin.user.delete_user(self._path)
        except NotFoundError:
            return  # somebody else was faster
        self._done.append(f"deleted user {self._user.id}")

    async def _once_more(self) -> None:
        with suppress(NotFoundError):  # the server finds the user no more
            await self._keys()
        await self._sessions()
