"""lakeFS over its emulator, on a real socket: three faces, each with the server's cache off and at 20 seconds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from contract.clock import ManualClock
from contract.seeding import plant
from contract.server import ServedWorld, Server
from contract.target import Rules, Services, Target, World
from contract.witness import Witness
from identity_sdk import connect
from identity_sdk.adapters.base import Adapter
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.auth.sources import AccessKey
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import lakefs
from identity_sdk.models import Statement
from identity_sdk.store import Store
from identity_sdk.store import queries as q

__all__ = ["RULES", "TARGETS", "LakeFSWorld"]

ADMIN = AccessKey("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")
ALL_DAYS = 8 * 24 * 3600.0
"""A login token lives for seven days."""

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
    ),
    refused=("", ".", "..", "a/b", "a%b", "%2F", "\ud800"),
    statements=(
        Statement(effect="allow", actions=("fs:Read*",), resources=("arn:lakefs:fs:::repository/r1",)),
    ),
    other_statements=(
        Statement(effect="allow", actions=("fs:List*", "auth:ReadUser"), resources=("*",)),
        Statement(
            effect="deny", actions=("fs:DeleteObject",), resources=("arn:lakefs:fs:::repository/r1/object/*",)
        ),
    ),
    denial=Statement(effect="deny", actions=("fs:ReadObject",), resources=("arn:lakefs:fs:::repository/r1",)),
    allowed=("fs:ReadObject", "arn:lakefs:fs:::repository/r1"),
    not_allowed=("fs:WriteObject", "arn:lakefs:fs:::repository/r1"),
    page=1000,
    callback_method="oidc",
)


class LakeFSWorld(ServedWorld):
    target: LakeFSTarget

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        return self.idp.with_credential(AccessKey(credential.id, credential.secret))

    async def grant_all(self, user: str) -> None:
        if not self.target.single_user:
            await self.idp.groups.add_member("Admins", user)

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        now, (statement, *_) = self.clock.time(), self.rules.statements
        wire = [
            {
                "effect": statement.effect,
                "action": list(statement.actions),
                "resource": statement.resources[0],
            }
        ]
        return await self.store.write(lambda conn: plant(conn, what, stem, count, owner, now, wire))

    def reset_token(self, address: str) -> Any:
        return next((letter.token for letter in self.emulator.outbox if letter.email == address), None)

    def password_name(self, user: str, address: str) -> str:
        return address

    async def user_with_address(self, address: str) -> str:
        return str((await self.idp.users.create(address, invite=True)).id)

    async def left_behind(self, user: str) -> Any:
        await self.idp.users.create(user)
        key = await self.idp.credentials.create(user)
        await self.idp.native.delete_user(user)
        await self.settle()
        return key

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        if state == "expired":
            token = await self.idp.tokens.issue()
            self.clock.advance(ALL_DAYS)
            return self.idp.with_credential(token)
        if self.target.single_user:
            return await self._deleted_by_the_operator()
        user = self.name(state)
        await self.idp.users.create(user)
        key = await self.idp.credentials.create(user)
        if state == "revoked":
            await self.grant_all(user)
            await self.idp.credentials.delete(key)
        await self.settle()
        return await self.sign_in(key)

    async def _deleted_by_the_operator(self) -> IdentityClient[Any]:
        """A single-user server deletes no key: it goes from the store."""
        key = await self.idp.credentials.create()
        await self.store.write(lambda conn: q.credentials.delete(conn, key.id))
        return await self.sign_in(key)


@dataclass(frozen=True, kw_only=True)
class LakeFSTarget(Target):
    face: str
    cache: float

    @property
    def adapter(self) -> type[Adapter]:
        return LakeFS

    @property
    def single_user(self) -> bool:
        return self.face == "1.x"

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open(services)

    @asynccontextmanager
    async def _open(self, services: Services) -> AsyncGenerator[World]:
        clock = ManualClock()
        store = Store.open("sqlite://", clock=clock.time)
        admin = lakefs.Admin("admin", ADMIN.access_key_id, ADMIN.secret_access_key.reveal())
        app = lakefs.create_app(
            store, face=self.face, auth_cache=self.cache, clock=clock.time, admin=admin, setup=True
        )
        await app.state.emulator.prepare()
        witness: Witness = services.witness("lakefs", self.face, lakefs.BASE_PATH, "lakefs-0.91")
        server: Server = services.server()
        server.app = witness.around(app)
        try:
            adapter = LakeFS(base_url=server.url + lakefs.BASE_PATH, auth=ADMIN)
            async with connect(adapter, clock=clock, backoff=(0.0, 0.0)) as idp:
                yield LakeFSWorld(self, idp, server, store, clock, app.state.emulator)
        finally:
            server.app = None
            await store.aclose()
        witness.check()


def _target(face: str, cache: float) -> LakeFSTarget:
    single = face == "1.x"
    acl = [name for name in RULES.awkward if "+" not in name]
    return LakeFSTarget(
        name=f"lakefs-{face}" + ("-cached" if cache else ""),
        column=f"lakefs-{face}",
        face=face,
        cache=cache,
        thorough=cache == 0,
        rules=replace(RULES, awkward=acl, mistaken=(("a+b", "a b"),)) if face == "1.x-acl" else RULES,
        narrowed=face != "0.91",
        lacks={"powerless": "the one user of a single-user server may do everything"} if single else {},
    )


TARGETS = tuple(_target(face, cache) for face in ("0.91", "1.x", "1.x-acl") for cache in (0.0, 20.0))
