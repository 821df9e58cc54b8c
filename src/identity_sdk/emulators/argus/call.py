"""One request on its way through the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from identity_sdk.emulators.argus.accounts import Accounts
from identity_sdk.emulators.argus.caller import Caller
from identity_sdk.emulators.argus.choices import Choices
from identity_sdk.emulators.argus.directory import Directory, Subject
from identity_sdk.emulators.argus.grants import Grants
from identity_sdk.emulators.argus.views import Views
from identity_sdk.emulators.argus.wire import JSON, Answer, Asked, refuse, stash

__all__ = ["Call"]

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """What a handler sees, within one transaction."""

    asked: Asked
    directory: Directory
    grants: Grants
    accounts: Accounts
    views: Views
    choices: Choices
    caller: Caller | None = None

    @property
    def body(self) -> JSON:
        return self.asked.body

    @property
    def who(self) -> Caller:
        """Who is calling; only operations that are not public ask."""
        assert self.caller is not None
        return self.caller

    def id(self, name: str) -> str:
        return self.asked.ids[name]

    def user(self, name: str = "user") -> Subject:
        """The user that the path names, alive."""
        return self.directory.subject(self.id(name), "user")

    def made(self, data: object) -> Answer:
        return stash(data, self.choices.created)

    def missing(self) -> Answer:
        """There is none: 404, or ``data: null``."""
        if self.choices.missing == "null":
            return stash(None)
        raise refuse(404)

    def page(self, items: Sequence[T], show: Callable[[T], JSON], *, source: JSON | None = None) -> Answer:
        """A page by ``limit`` (25 unless told, 0 means everything) and ``offset``, of the query or of a body."""
        limit, offset = self._bounds(source or {})
        chosen = items[offset:] if limit == 0 else items[offset : offset + limit]
        return self._paged([show(one) for one in chosen], limit, offset, len(items))

    def window(self, kind: str, show: Callable[[Subject], JSON]) -> Answer:
        """A page of all users or groups, read from the store as a page."""
        limit, offset = self._bounds({})
        shown = [show(one) for one in self.directory.window(kind, offset, limit)]
        return self._paged(shown, limit, offset, self.directory.count(kind))

    def _bounds(self, told: JSON) -> tuple[int, int]:
        limit = cast("int", told["limit"]) if "limit" in told else self.asked.number("limit", 25)
        offset = cast("int", told["offset"]) if "offset" in told else self.asked.number("offset", 0)
        if self.choices.page:
            limit = min(limit or self.choices.page, self.choices.page)
        return limit, offset

    def _paged(self, shown: list[JSON], limit: int, offset: int, total: int) -> Answer:
        count = {"exact": total, "unknown": -1}.get(self.choices.count, 0)
        return stash(shown, limit=limit, offset=offset, count=count)
