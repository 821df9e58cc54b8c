"""What the resources of the auth service share: reads that find out, lists without pages, one writer per object."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import ClassVar, TypeVar

import anyio

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.models import AuthServiceGroup, AuthServiceUser
from identity_sdk.adapters.checks import same_id
from identity_sdk.capabilities import Propagation
from identity_sdk.concurrency import current_loop
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    IdentityError,
    NoAnswerError,
    NotFoundError,
    ServerError,
)
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Entity
from identity_sdk.resources.base import Resource
from identity_sdk.wire.call import Sender

__all__ = ["ACCESS_LIFE", "PROPAGATION", "AuthServicePart", "Turns"]

ACCESS_LIFE = 600.0
"""Seconds that an access token lives: a snapshot of role and groups that nothing takes back."""

REFRESH_LIFE = 365 * 24 * 3600.0
"""Seconds that the longest-lived refresh tokens of the real server live; nothing there ends one early."""

PROPAGATION = Propagation(credentials=ACCESS_LIFE, tokens=REFRESH_LIFE)

E = TypeVar("E", bound=Entity)


class Turns:
    """One writer per object among the users of one client and its copies.

    The server has no conditional writes, and of two POSTs of one user id at once the loser deletes what the winner
    made.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[int, str, str], tuple[anyio.Lock, int]] = {}

    @asynccontextmanager
    async def take(self, what: str, id: str) -> AsyncGenerator[None]:
        """Waits for its turn."""
        key = (id_of_loop(), what, id)
        lock, users = self._held[key] if key in self._held else (anyio.Lock(), 0)
        self._held[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            _, users = self._held[key]
            if users == 1:
                del self._held[key]
            else:
                self._held[key] = (lock, users - 1)


def id_of_loop() -> int:
    """Tells the running event loop from others: a lock belongs to one."""
    return id(current_loop())


class AuthServicePart(Resource):
    """The base of the resources; ``_api`` is the wire API."""

    provider: ClassVar[str] = "auth-service"

    def __init__(self, sender: Sender, api: AuthServiceApi, turns: Turns) -> None:
        super().__init__(sender)
        self._api = api
        self._turns = turns

    async def _users(self) -> tuple[AuthServiceUser, ...]:
        return (
            await self._trouble(
                self._api.admin_list_users,
                "a user without a global role breaks this list for everybody: give it one with "
                "users.update(id, global_role=…)",
            )
        ).users

    async def _groups(self) -> tuple[AuthServiceGroup, ...]:
        return (
            await self._trouble(
                self._api.admin_list_groups,
                "a membership without a mode breaks this list for everybody: users.list() shows whose, and "
                "groups.add_member(group, user, role=…) mends it",
            )
        ).groups

    async def _trouble(self, call: Callable[[], Awaitable[T]], why: str) -> T:
        """``call()``; its 500 is told apart from that of a token whose signature the server does not accept."""
        try:
            return await call()
        except ServerError as failed:
            if failed.status != 500:
                raise
            try:
                await self._api.get_user_info()  # does not look into the database
            except ServerError:
                raise AuthenticationError(
                    "the server answers 500 to everything with this token: its signature is not of the server's key",
                    provider="auth-service",
                    status=500,
                ) from failed
            except IdentityError:
                pass
            failed.message += f" (often {why})"
            raise

    async def _find_user(self, id: str) -> AuthServiceUser:
        """One user.

        Raises:
            NotFoundError: there is none, told so or found out by the list.
        """
        try:
            return same_id(await self._api.admin_get_user_info(id), id)
        except ServerError as failed:  # the real server's answer for an unknown user
            if failed.status != 500:
                raise
            listed = await self._users()
        return _one_of(listed, id, "user")

    async def _find_group(self, id: str) -> AuthServiceGroup:
        """One group.

        Raises:
            NotFoundError: there is none, told so or found out by the list.
        """
        try:
            return same_id(await self._api.admin_get_group(id), id)
        except NoAnswerError as silent:  # the real server's answer for an unknown group
            if not silent.broken:
                raise
            listed = await self._groups()
        return _one_of(listed, id, "group")

    async def _group_there(self, id: str) -> AuthServiceGroup | None:
        """One group; ``None``: it is there, and one membership without a mode makes it unreadable.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return await self._find_group(id)
        except ServerError as failed:
            if failed.status != 500:
                raise
        try:
            await self._api.get_user_info()
        except ServerError:
            raise AuthenticationError(
                "the server answers 500 to everything with this token: its signature is not of the server's key",
                provider="auth-service",
                status=500,
            ) from None
        return None

    async def _before(self, read: Callable[[str], Awaitable[E]], id: str) -> E | None:
        """What is known to be there before an object is made; ``None`` also where the server says nothing clear."""
        try:
            return same_id(await read(id), id)
        except (NotFoundError, ServerError, NoAnswerError):
            return None

    async def _gone(
        self, remove: Callable[[str], Awaitable[None]], find: Callable[[str], Awaitable[object]], id: str
    ) -> None:
        """Deletes what was there a moment ago. Silence and failures end in a look: gone means done.

        Raises:
            AmbiguousOutcomeError: nobody can tell.
        """
        try:
            await remove(id)
        except NotFoundError:
            return  # somebody else was quicker
        except (NoAnswerError, ServerError) as unclear:
            try:
                await find(id)
            except NotFoundError:
                return
            except IdentityError:
                raise AmbiguousOutcomeError(
                    "it was sent, and whether it was done is not known: looking failed as well",
                    how_to_find_out="Repeat it: deleting what is gone does no harm",
                    provider="auth-service",
                ) from unclear
            raise

    def _listed(
        self,
        read: Callable[[], Awaitable[Iterable[E]]],
        *,
        prefix: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[E]:
        """A list of a server that knows no pages: read whole, filtered, ordered by id here.

        A cursor is the last id that was handed out; what continues after it is read anew.
        """

        async def fetch(after: str | None, size: int | None) -> Page[E]:
            found = sorted(
                (
                    one
                    for one in await read()
                    if (not prefix or one.id.startswith(prefix)) and (after is None or one.id > after)
                ),
                key=lambda one: one.id,
            )
            if size is None or len(found) <= size:
                return Page(tuple(found))
            return Page(tuple(found[:size]), found[size - 1].id)

        return Listing(fetch, limit=limit, cursor=cursor)


T = TypeVar("T")


def _one_of(listed: Iterable[E], id: str, what: str) -> E:
    for one in listed:
        if one.id == id:
            return one
    raise NotFoundError(f"there is no {what} {id[:100]!r}", provider="auth-service")
