"""Deleting a user so that nothing of it can sign in again.

On the server keys outlive their user: they stay listed under the vanished name, cannot be deleted any more (404), and
work again when the name is given anew. So the keys go first, then the user, and then the keys are looked at once more,
since one may have been made meanwhile. What a vanished user left is reached by making the user once more, for a moment
and without any right, and deleting it with its keys. Every step can be repeated.
"""

from __future__ import annotations

from datetime import UTC, datetime

from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import LakeFSUser, UserCreation
from identity_sdk.adapters.lakefs.part import PROPAGATION, keys_of
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    DeadlineExceededError,
    IdentityError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
)
from identity_sdk.models import Deletion, Residual
from identity_sdk.wire.call import Sender

__all__ = ["UserDeletion", "login_tokens"]

ROUNDS = 10
"""How often the keys are listed anew while others appear."""


def login_tokens(sender: Sender, what: str) -> Residual:
    """Login tokens that are out: they name the user alone, and nobody can end one."""
    until = datetime.fromtimestamp(sender.now() + PROPAGATION.tokens, UTC)
    return Residual(what=what, until=until)


class UserDeletion:
    """One run of ``users.delete``; what is done and what is left is written down as it goes."""

    def __init__(self, sender: Sender, api: LakeFSApi, user: str) -> None:
        self._sender = sender
        self._api = api
        self._user = user
        self._done: list[str] = []
        self._left: list[str] = []
        self._keys_unlistable = False
        self._removed = 0

    async def run(self, *, missing_ok: bool, wait: bool) -> Deletion:
        """Deletes the keys, the user, and the keys that came meanwhile.

        Raises:
            NotFoundError: there is neither the user nor a key that it left, unless ``missing_ok``.
            PartialFailureError: it stopped half-way.
        """
        self._left = [
            "delete its access keys",
            f"delete user {self._user}",
            "look at its access keys once more",
        ]
        if wait:
            self._left.append("wait until the server's caches have forgotten them")
        try:
            existed, missing = await self._steps(wait)
        except IdentityError as stopped:
            if not self._done:
                raise
            raise PartialFailureError(
                f"the deletion of user {self._user} stopped half-way: {stopped.message}",
                done=self._done,
                left=self._left,
                provider="lakefs",
            ) from stopped
        if missing is not None and not existed:
            if not missing_ok:
                raise missing
            return Deletion(id=self._user, existed=False)
        return Deletion(id=self._user, residual=self._residual())

    async def _steps(self, wait: bool) -> tuple[bool, NotFoundError | None]:
        await self._purge()
        self._left.pop(0)
        missing: NotFoundError | None = None
        try:
            await self._api.delete_user(self._user)
            self._done.append(f"deleted user {self._user}")
        except NotFoundError as gone:  # perhaps an earlier run stopped after this step
            missing = gone
        self._left.pop(0)
        await self._purge_vanished()
        self._left.pop(0)
        existed = missing is None or self._removed > 0
        if wait and existed:
            await self._wait_out()
            self._left.pop(0)
        return existed, missing

    async def _purge(self) -> bool:
        """Deletes keys until none is listed; ``False``: the server lists some and finds them no more.

        A server that leaves the list of keys out (501) lets none be deleted either.
        """
        refused: set[str] = set()
        if self._keys_unlistable:
            return True
        for _ in range(ROUNDS):
            try:
                keys = await keys_of(self._api, self._user)
            except NotFoundError:
                return True
            except NotSupportedError:
                self._keys_unlistable = True
                return True
            if not keys:
                return True
            if all(key.id in refused for key in keys):
                return False
            for key in keys:
                try:
                    await self._api.delete_credentials(self._user, key.id)
                except NotFoundError:  # somebody else was faster, or the user is gone
                    refused.add(key.id)
                else:
                    self._done.append(f"deleted access key {key.id}")
                    self._removed += 1
        raise ConflictError(f"keys of user {self._user} keep appearing: somebody is making them")

    async def _purge_vanished(self) -> None:
        """The same when the user is gone. While the server's cache still knows the user, that works as it is."""
        for _ in range(ROUNDS):
            if await self._purge():
                return
            self._left[:0] = [
                f"make user {self._user} once more",
                "delete its access keys",
                "delete it again",
            ]
            await self._make_once_more()
            self._left.pop(0)
            await self._purge()
            self._left.pop(0)
            await self._api.delete_user(self._user)
            self._left.pop(0)
            self._done.append(f"deleted user {self._user} again")
        raise ConflictError(f"keys of user {self._user} keep appearing: somebody is making them")

    async def _make_once_more(self) -> None:
        try:
            await self._api.create_user(UserCreation(id=self._user))
        except ConflictError as taken:
            raise ConflictError(f"the name {self._user} was given anew while its user was deleted") from taken
        except AmbiguousOutcomeError as unknown:
            if not isinstance(unknown.found, LakeFSUser):
                raise
            # whoever made it: a user of this id is to be deleted
        self._done.append(f"made user {self._user} once more, to reach the keys that it left")

    async def _wait_out(self) -> None:
        """Waits until caches have forgotten what is gone, then looks whether something has come to life meanwhile."""
        while True:
            await self._sender.sleep(PROPAGATION.credentials)
            before = self._removed
            await self._purge_vanished()
            if self._removed == before:
                return
            if self._sender.remaining() < PROPAGATION.credentials:
                raise DeadlineExceededError("a key was made meanwhile, and no time is left to wait again")

    def _residual(self) -> tuple[Residual, ...]:
        left = [
            login_tokens(self._sender, "login tokens that are out: they work again if the name is given anew")
        ]
        if self._keys_unlistable:
            left.append(
                Residual(
                    what="access keys that this server does not list: they work again if the name is given anew"
                )
            )
        return tuple(left)
