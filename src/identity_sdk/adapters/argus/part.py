"""What the six resources of Argus share: pages by limit and offset, objects read by name before they are written to.

Paths take a short name or an id, so that a short name of digits would hit another object, and users and groups may
share a name. So every object is read first, held against what was asked, and written to by its number.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar, cast

from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.models import (
    Answer,
    ArgusGroup,
    ArgusPermission,
    ArgusPolicy,
    ArgusUser,
    CurrentUser,
)
from identity_sdk.adapters.argus.rules import check_function, check_name
from identity_sdk.adapters.checks import same_id
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Entity, Model
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = ["MOST", "PROPAGATION", "ArgusPart", "Setting", "everything", "looked_up", "starting", "user_of"]

SESSION_LIFE = 8 * 3600.0
PROPAGATION = Propagation(credentials=0.0, tokens=SESSION_LIFE)
"""Keys and rights are looked up at each request; a session that a key opened lives on to its end (its cap is not
documented, 8 h are assumed), unless somebody ends it."""

MOST = 1000
"""The page that is asked for. The server documents no maximum."""

E = TypeVar("E", bound=Entity)
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Setting:
    """Options of the adapter that verbs make use of.

    Attributes:
        domain: where short names are looked up; ``None``: wherever the server looks.
        customer: for whom users and groups are made and functions granted, where no call says it.
        password: of the client's own principal; making and renewing keys of one's own asks for it.
    """

    domain: str | None = None
    customer: str | None = None
    password: Secret | None = None

    def customer_or(self, given: str | None) -> str:
        """The customer of a call.

        Raises:
            ConfigurationError: there is none.
        """
        chosen = given or self.customer
        if not chosen:
            raise ConfigurationError(
                'Argus needs a customer here: connect("argus", customer=…), or customer= in the call',
                provider="argus",
            )
        return chosen


class ArgusPart(Resource):
    """The base of Argus' resources; ``_api`` is the wire API."""

    provider: ClassVar[str] = "argus"

    def __init__(self, sender: Sender, api: ArgusApi, setting: Setting) -> None:
        super().__init__(sender)
        self._api = api
        self._setting = setting

    async def _user(self, id: str) -> ArgusUser:
        """The living user of that short name.

        Raises:
            NotFoundError: there is none, or it is deleted.
            ProtocolError: the server answered about another.
        """
        answer = await self._api.useradmin.user.get_user(
            check_name("user id", id), domain=self._setting.domain
        )
        return _alive(answer.data, id)

    async def _group(self, id: str) -> ArgusGroup:
        """The living group of that short name; raises as :meth:`_user`."""
        answer = await self._api.useradmin.group.get_group(
            check_name("group id", id), domain=self._setting.domain
        )
        return _alive(answer.data, id)

    async def _function(self, id: str) -> ArgusPolicy:
        """The function of that name; raises as :meth:`_user`."""
        answer = await self._api.useradmin.function.get_function(check_function(id))
        return _alive(answer.data, id)

    async def _permissions(self, user: str, inherited: bool) -> tuple[ArgusPermission, ...]:
        """What is granted to a user, with ``inherited`` through its groups as well."""
        number = str((await self._user(user)).number)
        return await everything(
            lambda offset, amount: self._api.useradmin.user.list_permissions_for_user(
                number, offset=offset, limit=amount, includeInherited=inherited
            )
        )

    async def _me(self) -> ArgusUser:
        return user_of((await self._api.currentuser.get_current_user()).data)

    def _pages(
        self,
        call: Callable[[int, int], Awaitable[Answer[tuple[E, ...] | None]]],
        *,
        keep: Callable[[E], bool] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[E]:
        """A list whose pages ``call(offset, limit)`` answers; the cursor is an offset.

        Args:
            keep: filters here what the server does not; pages are then as large as they can be.
        """

        async def fetch(after: str | None, size: int | None) -> Page[E]:
            offset = _offset(after)
            asked = MOST if size is None or keep is not None else min(size, MOST)  # 0 would mean everything
            answer = await call(offset, asked)
            items = answer.data or ()
            if len(items) > asked:
                raise ProtocolError(f"the server answered {len(items)} items when asked for {asked} at most")
            more = _follows(answer, offset, asked)
            chosen = [(place, item) for place, item in enumerate(items) if keep is None or keep(item)]
            follows = offset + len(items)
            if size is not None and len(chosen) > size:
                chosen = chosen[:size]
                follows, more = offset + chosen[-1][0] + 1, True
            return Page(tuple(item for _, item in chosen), str(follows) if more else None)

        return Listing(fetch, limit=limit, cursor=cursor)


def user_of(current: CurrentUser | None) -> ArgusUser:
    """The older model of ``/currentuser/v1`` as a user.

    Raises:
        ProtocolError: nobody is signed in, by the answer.
    """
    if current is None or not current.user_name:
        raise ProtocolError("the server answered nobody when asked who is signed in", provider="argus")
    blocked = {"BLOCKED", "DISABLED"} & set(current.flags)
    return ArgusUser.model_validate(
        {
            "shortName": current.user_name,
            "id": current.id,
            "name": current.name,
            "email": current.email,
            "flags": ["blocked"] if blocked else [],
            "createdTimestamp": current.created_at,
            "customer": current.customer,
            "domain": current.domain,
        }
    )


def starting(prefix: str | None) -> Callable[[Entity], bool] | None:
    """Keeps what has an id that starts so; ``None`` keeps everything."""
    return None if not prefix else lambda one: one.id.startswith(prefix)


def looked_up(unknown: AmbiguousOutcomeError) -> Entity | None:
    """What the look after a creation of unknown outcome found, taken out of its envelope."""
    found = unknown.found
    if isinstance(found, Answer):
        unknown.found = found = cast("Answer[Entity | None]", found).data
    return found if isinstance(found, Entity) else None


def _alive(found: E | None, wanted: str) -> E:
    if found is None or "deleted" in getattr(found, "flags", ()):
        raise NotFoundError(
            f"there is no {wanted}" if found is None else f"{wanted} is deleted", provider="argus"
        )
    return same_id(found, wanted)


def _follows(answer: Answer[tuple[E, ...] | None], offset: int, asked: int) -> bool:
    """Whether there is more: by the count, and where that is unknown (-1, or 0 for not counted) by a full page."""
    got = len(answer.data or ())
    if not got:
        return False
    if answer.count > 0:
        return answer.count > offset + got
    return got >= (min(answer.limit, asked) if answer.limit > 0 else asked)


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 18:
        raise InvalidRequestError(
            f"cursor {cursor[:40]!r} is not one of this list", fields={"cursor": "unknown"}
        )
    return int(cursor)


async def everything(call: Callable[[int, int], Awaitable[Answer[tuple[M, ...] | None]]]) -> tuple[M, ...]:
    """All pages of a list that is needed whole, such as somebody's permissions."""
    found: list[M] = []
    while True:
        answer = await call(len(found), MOST)
        items = answer.data or ()
        more = bool(items) and (
            answer.count > len(found) + len(items)
            if answer.count > 0
            else len(items) >= (answer.limit or MOST)
        )
        found.extend(items)
        if not more:
            return tuple(found)
