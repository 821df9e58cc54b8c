"""What the six resources of Authress share: pages, who speaks, changes under ``If-Unmodified-Since``, the waiting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ClassVar, Protocol, TypeVar

import anyio

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.auth import LIFE, read_claims
from identity_sdk.adapters.authress.changes import has_group, has_user
from identity_sdk.adapters.authress.lists import RecordCollection
from identity_sdk.adapters.authress.models import AuthressRecord, AuthressServiceClient, AuthressUser
from identity_sdk.adapters.checks import same_id
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Entity, Residual
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = [
    "MANY",
    "MOST",
    "PROPAGATION",
    "AuthressPart",
    "Caller",
    "Turns",
    "again",
    "everything",
    "time_for_waiting",
    "tokens_out",
]

PROPAGATION = Propagation(credentials=300.0, tokens=float(LIFE))
"""What a key is found to be is remembered for up to 5 minutes; a token lives for 24 hours."""

MOST = 20
"""The largest page of most lists."""
MANY = 100
"""The largest page of users and of roles."""
TRIES = 3
"""How often a change is tried that somebody else overtook."""

E = TypeVar("E", bound=Entity)
T = TypeVar("T")


class WirePage(Protocol):
    """A page as the server answers it."""

    @property
    def cursor(self) -> str | None: ...


C = TypeVar("C", bound=WirePage)


class Caller:
    """Who a client speaks as."""

    def __init__(self, service: str | None, token: Secret | None, given: bool) -> None:
        """Args:
        service: the id of the service client whose access key signs.
        token: the bearer token, where it is a plain one.
        given: whether there is any credential.
        """
        self._service = service
        self._token = token
        self._given = given

    def subject(self) -> str:
        """The ``sub`` of the token.

        Raises:
            AuthenticationError: nobody is signed in.
            NotSupportedError: a function brings the tokens, so that none is at hand.
        """
        if self._service is not None:
            return self._service
        if self._token is None:
            if self._given:
                raise NotSupportedError(
                    "a function brings this client's tokens, and no operation of Authress tells whose they are: "
                    "name the user",
                    provider="authress",
                )
            raise AuthenticationError("nobody is signed in", provider="authress")
        subject = read_claims(self._token).get("sub")
        if not isinstance(subject, str) or not subject:
            raise AuthenticationError("the bearer token names no subject", provider="authress")
        return subject

    @property
    def is_service(self) -> bool:
        """Whether that is a service client: such a token is issued under the client's own address."""
        if self._service is not None or self._token is None:
            return self._service is not None
        return "/clients/" in str(read_claims(self._token).get("iss"))


class AuthressPart(Resource):
    """The base of Authress's resources; ``_api`` is the wire API."""

    provider: ClassVar[str] = "authress"

    def __init__(self, sender: Sender, api: AuthressApi, caller: Caller, turns: Turns) -> None:
        super().__init__(sender)
        self._api = api
        self._caller = caller
        self._turns = turns

    async def _me(self) -> AuthressUser | AuthressServiceClient:
        """Who speaks. The server is asked, since it alone knows whether the token is accepted; who may not read
        itself
        is known by its id.
        """
        subject = self._caller.subject()
        try:
            if self._caller.is_service:
                return same_id(await self._api.get_client(subject), subject)
            return same_id(await self._api.get_user(subject), subject)
        except (PermissionDeniedError, NotFoundError, NotSupportedError):
            if self._caller.is_service:
                return AuthressServiceClient.model_validate({"clientId": subject})
            return AuthressUser.model_validate({"userId": subject})

    async def _known(self, principal: str) -> None:
        """Whether there is a user or a service client of that id; asked when nothing else tells of one.

        Raises:
            NotFoundError: there is neither.
        """
        try:
            await self._api.get_user(principal)
        except NotFoundError:
            await self._api.get_client(principal)

    def _records(
        self, keep: Callable[[AuthressRecord], bool], *, limit: int | None, cursor: str | None
    ) -> Listing[AuthressRecord]:
        """The active records that ``keep`` says."""
        return self._pages(
            lambda at, amount: self._api.get_records(status="ACTIVE", limit=amount, cursor=at),
            lambda page: page.records,
            keep=lambda record: record.status != "DELETED" and keep(record),
            limit=limit,
            cursor=cursor,
        )

    def _pages(
        self,
        call: Callable[[str | None, int], Awaitable[C]],
        items: Callable[[C], Sequence[E]],
        *,
        most: int = MOST,
        prefix: str | None = None,
        keep: Callable[[E], bool] | None = None,
        nothing: Callable[[], Awaitable[None]] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[E]:
        """A list whose pages ``call(cursor, limit)`` answers.

        A page that holds more than is wanted is cut (ours are as large as they can be where we filter; the
        vendor's local
        server knows no limit). So a cursor of ours counts what was handed out of a page, before the server's own
        cursor.

        Args:
            call: asks for one page.
            items: what is in it.
            most: the largest page that the server makes.
            prefix: keeps ids that start with it: the server has no such filter.
            keep: keeps what it says.
            nothing: called at the end of a list of nothing, to say why.
            limit, cursor: of the listing.
        """
        filtered = bool(prefix) or keep is not None

        def wanted(one: E) -> bool:
            return (not prefix or one.id.startswith(prefix)) and (keep is None or keep(one))

        async def fetch(after: str | None, size: int | None) -> Page[E]:
            skip, at = _unpack(after)
            seen: set[str | None] = {at}
            while True:
                page = await call(at, most if filtered or skip or size is None else min(size, most))
                rest = [one for one in items(page) if wanted(one)][skip:]
                if size is not None and len(rest) > size:
                    return Page(tuple(rest[:size]), f"{skip + size}:{at or ''}")
                following = page.cursor
                if rest or following is None or not filtered:
                    if nothing is not None and not rest and following is None and after is None:
                        await nothing()
                    return Page(tuple(rest), None if following is None else f"0:{following}")
                if following in seen:
                    raise ProtocolError("the server answered a cursor that it had answered before")
                seen.add(following)
                skip, at = 0, following

        return Listing(fetch, limit=limit, cursor=cursor)

    def _of_user(
        self, user: str, effective: bool, limit: int | None, cursor: str | None, *, nobody_ok: bool = False
    ) -> Listing[AuthressRecord]:
        """The active records that name a user; with ``effective`` also those that name one of its groups."""
        groups: set[str] | None = None if effective else set()

        async def page(at: str | None, amount: int) -> RecordCollection:
            nonlocal groups
            if groups is None:
                pages = await everything(lambda at, amount: self._api.get_groups(limit=amount, cursor=at))
                groups = {
                    group.id
                    for one in pages
                    for group in one.groups
                    if any(ref.user_id == user for ref in group.users)
                }
            return await self._api.get_records(status="ACTIVE", limit=amount, cursor=at)

        def keep(record: AuthressRecord) -> bool:
            return record.status != "DELETED" and (
                has_user(record, user) or any(has_group(record, one) for one in groups or ())
            )

        return self._pages(
            page,
            lambda found: found.records,
            keep=keep,
            nothing=None if nobody_ok else lambda: self._known(user),
            limit=limit,
            cursor=cursor,
        )

    async def _wait_out(self, since: float) -> None:
        """Until what was taken away at ``since`` is refused everywhere."""
        left = since + PROPAGATION.credentials - self._sender.now()
        if left > 0:
            await self._sender.sleep(left)


async def everything(call: Callable[[str | None, int], Awaitable[C]]) -> list[C]:
    """All pages of a list."""
    pages: list[C] = []
    at: str | None = None
    seen: set[str] = set()
    while True:
        page = await call(at, MOST)
        pages.append(page)
        at = page.cursor
        if at is None:
            return pages
        if at in seen:
            raise ProtocolError(
                "the server answered a cursor that it had answered before", provider="authress"
            )
        seen.add(at)


class Turns:
    """Lets the tasks of one client change an object one after the other, so that they do not overtake one another."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[anyio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncGenerator[None]:
        """Waits for the others who change ``key``."""
        lock, waiting = self._locks.get(key) or (anyio.Lock(), 0)
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks.pop(key)
            if waiting > 1:
                self._locks[key] = (lock, waiting - 1)

    async def change(self, key: str, once: Callable[[], Awaitable[T]]) -> T:
        """Reads, merges and writes; again where somebody else was faster (412), three times in all."""
        async with self.of(key):
            return await again(once)


async def again(once: Callable[[], Awaitable[T]]) -> T:
    """Up to three times, while others are faster (412)."""
    for _ in range(TRIES - 1):
        try:
            return await once()
        except PreconditionFailedError:
            continue
    return await once()


def _unpack(cursor: str | None) -> tuple[int, str | None]:
    count, colon, at = (cursor or "").partition(":")
    if not (colon and count.isascii() and count.isdigit()):
        return 0, cursor  # the server's own
    return int(count[:18]), at or None


def tokens_out(sender: Sender, what: str) -> Residual:
    """Tokens that are out: nobody can end one; who has kept the public key accepts it."""
    return Residual(what=what, until=datetime.fromtimestamp(sender.now() + LIFE, UTC))


def time_for_waiting(sender: Sender) -> None:
    """Refuses ``wait=True`` when there is no time for it.

    Raises:
        ConfigurationError: the deadline is shorter than what ``wait=True`` waits out; nothing was sent.
    """
    if sender.remaining() < PROPAGATION.credentials:
        raise ConfigurationError(
            f"wait=True takes {PROPAGATION.credentials:g} s, and the deadline leaves {sender.remaining():.1f} s: "
            "raise it with idp.with_options(deadline=…)",
            provider="authress",
        )
