"""Every list verb with a way to fill it, so that each is tested alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract.target import World
from identity_sdk.listing import Listing

__all__ = ["LISTS", "Filled", "ListVerb"]


@dataclass(frozen=True)
class Filled:
    """A list that holds ``ids``, in the backend's order; ``listing(limit=, cursor=)`` asks for it."""

    listing: Callable[..., Listing[Any]]
    ids: list[str]
    key: Callable[[Any], str] = lambda item: str(item.id)


@dataclass(frozen=True)
class ListVerb:
    """``what`` names the rows that ``World.seed`` puts into the store."""

    verb: str
    what: str
    prefix: bool = False

    async def filled(self, world: World, count: int) -> Filled:
        """A list of exactly ``count`` items."""
        owner = await self._owner(world)
        stem = world.name(self.what)
        ids = sorted(await world.seed(self.what, stem, count, owner))
        area, name = self.verb.split(".")
        function = getattr(getattr(world.idp, area), name)
        if owner is not None:
            return Filled(lambda **options: function(owner, **options), ids, self._key)
        return Filled(lambda **options: function(prefix=stem, **options), ids, self._key)

    @property
    def needs(self) -> tuple[str, ...]:
        """What it takes to fill it."""
        if self.what.startswith("policies of"):
            return ("policies.attach",)
        return ("users.create",) if self.verb.startswith(("users.", "credentials.", "tokens.")) else ()

    @property
    def options(self) -> set[str]:
        """The options that it takes to ask for it."""
        return {"user"} if self.verb in ("credentials.list", "tokens.list", "policies.permissions") else set()

    @property
    def _key(self) -> Callable[[Any], str]:
        if self.verb == "policies.permissions":
            return lambda statement: str(statement.policy)
        return lambda item: str(item.id)

    async def _owner(self, world: World) -> str | None:
        if self.prefix:
            return None
        if self.verb.startswith("groups."):
            return await world.group()
        return await (world.key_user() if self.verb.startswith(("credentials.", "tokens.")) else world.user())


LISTS = (
    ListVerb("users.list", "users", prefix=True),
    ListVerb("groups.list", "groups", prefix=True),
    ListVerb("policies.list", "policies", prefix=True),
    ListVerb("users.groups", "groups of a user"),
    ListVerb("users.policies", "policies of a user"),
    ListVerb("groups.members", "members of a group"),
    ListVerb("groups.policies", "policies of a group"),
    ListVerb("credentials.list", "credentials of a user"),
    ListVerb("policies.permissions", "policies of a user"),
    ListVerb("tokens.list", "tokens of a user"),
)
