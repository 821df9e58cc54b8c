"""What the six resources of lakeFS share: pages, the vouching for ids, and the waiting for its caches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Literal, Protocol, TypeVar

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.auth import signed_in
from identity_sdk.adapters.lakefs.models import LakeFSCredential, LakeFSUser, Pagination
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import ConfigurationError, IdentityError, NotFoundError, ProtocolError
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Entity
from identity_sdk.resources.base import Resource
from identity_sdk.wire.call import Sender

__all__ = ["MOST", "PROPAGATION", "LakeFSPart", "exists", "keys_of", "time_for_waiting"]

PROPAGATION = Propagation(credentials=23.0, tokens=7 * 24 * 3600.0)
"""The server caches users, keys and policies for 20 s and up to 3 s more; a login token lives for seven days."""

MOST = 1000
"""The largest page that the server makes."""

E = TypeVar("E", bound=Entity)
E_co = TypeVar("E_co", bound=Entity, covariant=True)


class WirePage(Protocol[E_co]):
    """A page as the server answers it."""

    @property
    def pagination(self) -> Pagination: ...
    @property
    def results(self) -> tuple[E_co, ...]: ...


class LakeFSPart(Resource):
    """The base of lakeFS's resources; ``_api`` is the wire API."""

    provider: ClassVar[str] = "lakefs"

    def __init__(self, sender: Sender, api: LakeFSApi) -> None:
        super().__init__(sender)
        self._api = api

    async def _me(self) -> LakeFSUser:
        answer = await self._api.get_current_user()
        signed_in(answer)
        return answer.user

    async def _vouch(
        self, what: Literal["user", "group", "policy"], id: str, *, gone_ok: bool = False
    ) -> None:
        """Today's servers turn ``+`` in a path into a space, so that a write would hit somebody else: an id with a
        ``+`` is read first, and must come back as itself.

        Raises:
            ProtocolError: it does not.
            NotFoundError: there is none, unless ``gone_ok``.
        """
        if "+" not in id:
            return
        try:
            if what == "user":
                same_id(await self._api.get_user(id), id)
            elif what == "group":
                same_id(await self._api.get_group(id), id)
            else:
                same_id(await self._api.get_policy(id), id)
        except NotFoundError:
            if not gone_ok:
                raise

    def _pages(
        self,
        call: Callable[[str | None, int], Awaitable[WirePage[E]]],
        *,
        prefix: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        keep: Callable[[E], bool] | None = None,
        keep_base: str = "",
    ) -> Listing[E]:
        """A list whose pages ``call(after, amount)`` answers.

        Args:
            prefix: what every item must start with, since the server was asked so.
            keep: filters here what the server does not. Then the pages are as large as they can be, and the cursor is
                made from the last item that is handed out: its id after ``keep_base``, the prefix that was sent.
        """

        async def fetch(after: str | None, size: int | None) -> Page[E]:
            amount = MOST if size is None or keep is not None else min(size, MOST)
            # Offsets are relative to the prefix: after the id that equals it the offset is empty, and a page that ends
            # there looks like the last one. So no such page is asked for, and "" as a cursor means: after that id.
            asked = min(amount + 1, MOST) if prefix and (amount == 1 or after == "") else amount
            page = await call(after or None, asked)
            items: Sequence[E] = page.results
            if len(items) > asked:
                raise ProtocolError(f"the server answered {len(items)} items when asked for {asked} at most")
            follows = next_offset(page.pagination)
            if prefix and not all(item.id.startswith(prefix) for item in items):
                if not await self._single_user():
                    raise ProtocolError(f"the server answered ids outside the prefix {prefix[:100]!r}")
                items = [item for item in items if item.id.startswith(prefix)]
            if after == "":
                items = [item for item in items if item.id != prefix]
            if keep is not None:
                items = [item for item in items if keep(item)]
            if size is not None and len(items) > size:
                items = items[:size]
                follows = items[-1].id[len(prefix or keep_base) :]
            return Page(tuple(items), follows)

        return Listing(fetch, limit=limit, cursor=cursor)

    async def _single_user(self) -> bool:
        """Whether this is a single-user server: its list of users answers the one user whatever the prefix."""
        try:
            state = await self._api.get_setup_state()
        except IdentityError:
            return False
        return state.login_config is not None and state.login_config.rbac == "none"


def next_offset(pagination: Pagination) -> str | None:
    """What continues a list, verbatim. ``has_more`` promises no item: the next page may be empty.

    Raises:
        ProtocolError: there is more, and no way to ask for it.
    """
    if not pagination.has_more:
        return None
    if not pagination.next_offset:
        raise ProtocolError(
            "the server says that there is more, and answers no offset to ask for it", provider="lakefs"
        )
    return pagination.next_offset


async def keys_of(api: LakeFSApi, user: str) -> tuple[LakeFSCredential, ...]:
    """All access keys of a user, who need not exist any more. Lists are never answered from the server's cache."""
    keys: list[LakeFSCredential] = []
    after: str | None = None
    seen: set[str] = set()
    while True:
        page = await api.list_user_credentials(user, after=after, amount=MOST)
        keys.extend(page.results)
        after = next_offset(page.pagination)
        if after is None:
            return tuple(keys)
        if after in seen:
            raise ProtocolError("the server answered a cursor that it had answered before", provider="lakefs")
        seen.add(after)


async def exists(api: LakeFSApi, user: str) -> LakeFSUser | None:
    """The user, if it is there now.

    A read may come out of the server's cache for 23 s after a deletion; a list does not, and the exact id comes first
    among those that start with it. Who may not list gets what the read said.
    """
    try:
        found = same_id(await api.get_user(user), user)
    except NotFoundError:
        return None
    try:
        listed = await api.list_users(prefix=user, amount=1)
    except IdentityError:
        return found
    return found if listed.results and listed.results[0].id == user else None


def time_for_waiting(sender: Sender) -> None:
    """Refuses ``wait=True`` when there is no time for it.

    Raises:
        ConfigurationError: the deadline is shorter than what ``wait=True`` waits out; nothing was sent.
    """
    if sender.remaining() < PROPAGATION.credentials:
        raise ConfigurationError(
            f"wait=True takes {PROPAGATION.credentials:g} s, and the deadline leaves {sender.remaining():.1f} s: "
            "raise it with idp.with_options(deadline=…)",
            provider="lakefs",
        )
