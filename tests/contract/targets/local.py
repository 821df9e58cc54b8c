"""The embedded provider, in memory and in a file."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from contract.clock import ManualClock
from contract.seeding import plant
from contract.target import Cut, Cutter, Rules, Services, Target, World
from identity_sdk import connect
from identity_sdk.adapters.base import Adapter
from identity_sdk.adapters.local.adapter import Local
from identity_sdk.adapters.local.passwords import Argon2Cost
from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.client import IdentityClient
from identity_sdk.models import Statement
from identity_sdk.store import Store
from identity_sdk.store.engine import StoreUnavailable

__all__ = ["TARGETS"]

_files = itertools.count(1)

RULES = Rules(
    awkward=(
        " a",
        "a ",
        "a b",
        "a+b",
        "a?b",
        "a#b",
        "a&b=c",
        "a@b",
        "a:b",
        "a;b",
        'a"b',
        "a\\b",
        "a`b",
        "a\tb",
        "a\nb",
        "...",
        ".a",
        "ä",
        "e\u0301",
        "日本語",
        "🦊",
        "A",
        "a" * 256,
        "-",
        "*",
        "<b>",
        "{id}",
        "null",
        "0",
        "'",
        "$x",
        "^|",
        "~!",
        ".",
        "..",
        "a/b",
        "a%b",
        "%2F",
        "%",
        "_",
        "\u202e",
        "\x01",
        "\U0010ffff",
    ),
    refused=("", "a\0b", "\ud800", "a" * 257),
    statements=(Statement(effect="allow", actions=("docs:Read*",), resources=("docs/r1",)),),
    other_statements=(
        Statement(effect="allow", actions=("docs:List*", "users:Get"), resources=("*",)),
        Statement(effect="deny", actions=("docs:Delete",), resources=("docs/r1/*", "docs/r2/*")),
    ),
    denial=Statement(effect="deny", actions=("docs:ReadPage",), resources=("docs/r1",)),
    allowed=("docs:ReadPage", "docs/r1"),
    not_allowed=("docs:Write", "docs/r1"),
    page=1000,
    unknown_key="AKNOSUCHKEY",
    scope=("users:Get", lambda idp, user: idp.users.get(user), lambda idp, user: idp.users.groups(user)),
)

EVERYTHING = (Statement(effect="allow", actions=("*",), resources=("*",)),)


class Transactions(Cutter):
    """Counts the transactions of a store, and cuts them off where that was asked for."""

    def __init__(self, store: Store) -> None:
        self.count = 0
        self._armed: tuple[int, Cut] | None = None
        self._made = False
        self._reached = False
        for name in ("read", "write"):
            setattr(store, name, self._counting(getattr(store, name)))

    def arm(self, number: int, how: Cut) -> None:
        self._armed, self._made, self._reached = (self.count + number, how), False, False

    def disarm(self) -> bool:
        self._armed, self._reached = None, False
        return self._made

    @property
    def reached(self) -> bool:
        return self._reached

    def _counting(self, transact: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def counted(work: Any) -> Any:
            self.count += 1
            how = self._armed[1] if self._armed is not None and self._armed[0] == self.count else None
            if how is None:
                return await transact(work)
            self._made = True
            if how in (Cut.FAIL_FIRST, Cut.DROP_FIRST):
                raise StoreUnavailable("cut before the work")
            result = await transact(work)
            if how is Cut.CANCEL:
                self._reached = True
                await anyio.sleep_forever()
            del result
            raise StoreUnavailable("cut after the work")

        return counted


class LocalWorld(World):
    def __init__(
        self, target: Target, idp: IdentityClient[Any], clock: ManualClock, store: Store, outbox: list[Any]
    ):
        super().__init__(target, idp)
        self.clock = clock
        self.store = store
        self._outbox = outbox
        self._transactions = Transactions(store)

    @property
    def cutter(self) -> Cutter:
        return self._transactions

    def requests(self) -> int:
        return self._transactions.count

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        if credential.kind == "api_key":
            return self.idp.with_credential(Bearer(credential.secret))
        return self.idp.with_credential(AccessKey(credential.id, credential.secret))

    async def grant_all(self, user: str) -> None:
        policy = self.name("everything")
        await self.idp.policies.create(policy, statements=EVERYTHING)
        await self.idp.policies.attach(policy, user=user)

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        now = self.clock.time()
        rows = [{"effect": "allow", "actions": ["docs:Read*"], "resources": ["docs/r1"]}]
        return await self.store.write(lambda conn: plant(conn, what, stem, count, owner, now, rows))

    def reset_token(self, address: str) -> Any:
        return next((letter.token for letter in self._outbox if letter.email == address), None)

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        user = self.name(state)
        await self.idp.users.create(user)
        if state == "powerless":
            return await self.sign_in(await self.idp.credentials.create(user))
        await self.grant_all(user)
        if state == "expired":
            key = await self.idp.credentials.create(user, kind="api_key", lifetime=60)
            self.clock.advance(61)
        else:
            key = await self.idp.credentials.create(user)
            await self.idp.credentials.delete(key)
        return await self.sign_in(key)


@dataclass(frozen=True, kw_only=True)
class LocalTarget(Target):
    in_file: bool

    @property
    def adapter(self) -> type[Adapter]:
        return Local

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open(services)

    @asynccontextmanager
    async def _open(self, services: Services) -> AsyncGenerator[World]:
        clock, outbox = ManualClock(), list[Any]()
        path = services.folder / f"identity-{next(_files)}.db"
        adapter = Local(
            f"local://{path}" if self.in_file else "local:",
            on_reset=outbox.append,
            password_cost=Argon2Cost.weak_for_tests(),
        )
        async with connect(adapter, clock=clock) as idp:
            await idp.ping()
            yield LocalWorld(self, idp, clock, adapter._core.store, outbox)
        for left in services.folder.glob(f"{path.name}*"):
            left.unlink()


TARGETS = (
    LocalTarget(name="local-memory", column="local", in_file=False, thorough=True, rules=RULES, rotates=True),
    LocalTarget(name="local-file", column="local", in_file=True, rules=RULES, rotates=True),
)
