"""Argus over its emulator, on a real socket: with the choices made, and with every plausible alternative to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from contract.clock import ManualClock
from contract.seeding import plant
from contract.server import ServedWorld, Server
from contract.target import Rules, Services, Target, World
from identity_sdk import connect
from identity_sdk.adapters.argus.adapter import Argus
from identity_sdk.adapters.argus.inputs import FunctionAddition
from identity_sdk.adapters.base import Adapter
from identity_sdk.auth.sources import ApiKey
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import argus
from identity_sdk.models import Statement
from identity_sdk.store import Store, tables

__all__ = ["RULES", "TARGETS", "ArgusWorld"]

DAY = 86400.0
PASSWORD = "the administrator's password"

RULES = Rules(
    awkward=("A", "a-b", "a_b", "a.b", "a@b", "-", "_", "@", "...", ".a", "a" * 256, "0a", "null", "0x1"),
    refused=("", ".", "..", "a/b", "a%b", "a b", "a+b", "ä", "a:b", "a?b", "42", "a\n", "\ud800"),
    statements=(Statement(effect="allow", actions=("viewUsers",), resources=("mnemonic",)),),
    other_statements=(Statement(effect="allow", actions=("administrateUsers",), resources=("mnemonic",)),),
    denial=Statement(effect="deny", actions=("viewUsers",), resources=("mnemonic",)),
    allowed=("viewUsers", "mnemonic"),
    not_allowed=("administrateUsers", "mnemonic"),
    page=1000,
    unknown_key="1ab/2c",
    key_kind="api_key",
    lifetimes=(10 * DAY, 20 * DAY),
    renews_expired=True,
    some_cursor="1",
    scope=(
        "viewUsers",
        lambda idp, user: idp.users.get(user),
        lambda idp, user: idp.users.update(user, name="x"),
    ),
)


class ArgusWorld(ServedWorld):
    target: ArgusTarget

    async def policy(self, stem: str = "policy", statements: Any = None) -> str:
        """A new function, made by Argus' own operation: the facade makes none."""
        body = FunctionAddition(name=self.name(stem), parent="all", minimumSecurityLevel="standard")
        made = (await self.idp.native.useradmin.function.add_function(body)).data
        assert made is not None
        return str(made.id)

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        return self.idp.with_credential(ApiKey(credential.secret))

    def key_sign_in(self, credential: Any) -> tuple[str, dict[str, Any]]:
        return "api_key", {"secret": credential.secret}

    def calls(self) -> Mapping[str, Any]:
        return {
            "credentials.renew": lambda idp, stage: idp.credentials.renew(stage.key, user=stage.user),
            "credentials.confirm": lambda idp, stage: idp.credentials.confirm(
                "totp:x", "000000", cookie="c-1"
            ),
            "sessions.constrain": lambda idp, stage: idp.sessions.constrain(["viewUsers"]),
            "tokens.get": lambda idp, stage: idp.tokens.get(stage.token),
            "tokens.revoke": lambda idp, stage: idp.tokens.revoke(stage.token),
        }

    async def grant_all(self, user: str) -> None:
        await self.idp.policies.attach("all", user=user)

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        now = self.clock.time()
        if what != "credentials of a user":
            rows = [{"effect": "allow", "action": ["x"], "resource": "*"}]
            return await self.store.write(lambda conn: plant(conn, what, stem, count, owner, now, rows))
        assert owner is not None
        number = (await self.idp.users.get(owner)).number
        ids = [f"{number:x}/{one:06x}" for one in range(1, count + 1)]

        rows = [
            {"id": one, "user_id": owner, "kind": "api_key", "created_at": now, "attributes": {}}
            for one in ids
        ]
        if rows:
            await self.store.write(lambda conn: conn.execute(tables.credentials.insert(), rows))
        return ids

    def reset_token(self, address: str) -> Any:
        return next((letter.token for letter in self.emulator.outbox if letter.email == address), None)

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        user = self.name(state)
        await self.idp.users.create(user)
        if state == "powerless":
            return await self.sign_in(await self.idp.credentials.create(user))
        await self.grant_all(user)
        key = await self.idp.credentials.create(user, lifetime=DAY)
        if state == "expired":
            self.clock.advance(DAY + 1)
        else:
            await self.idp.credentials.delete(key)
        return await self.sign_in(key)


@dataclass(frozen=True, kw_only=True)
class ArgusTarget(Target):
    choices: tuple[str, ...] = ()

    @property
    def adapter(self) -> type[Adapter]:
        return Argus

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open(services)

    @asynccontextmanager
    async def _open(self, services: Services) -> AsyncGenerator[World]:
        clock = ManualClock()
        store = Store.open("sqlite://", clock=clock.time)
        admin = argus.Admin("admin", PASSWORD, "secret")
        app = argus.create_app(
            store, choices=argus.Choices.parse(self.choices), clock=clock.time, admin=admin
        )
        emulator = app.state.emulator
        await emulator.prepare()
        server: Server = services.server()
        witness = services.witness("argus", self.name, argus.BASE_PATH, "argus")
        server.app = witness.around(app)
        adapter = Argus(
            base_url=server.url, auth=ApiKey(emulator.api_key), customer="mnemonic", password=PASSWORD
        )
        try:
            async with connect(adapter, clock=clock, backoff=(0.0, 0.0)) as idp:
                yield ArgusWorld(self, idp, server, store, clock, emulator)
        finally:
            server.app = None
            await store.aclose()
        witness.check()


def _target(name: str, *choices: str, thorough: bool = False) -> ArgusTarget:
    # Sessions that end by being idle are tested with the adapter: here tokens are watched to their very end.
    return ArgusTarget(
        name=name, column="argus", choices=("session_idle=1e9", *choices), rules=RULES, thorough=thorough
    )


TARGETS = (
    _target("argus", thorough=True),
    _target(
        "argus-otherwise",
        "created=200",
        "totp_cookie=set-cookie",
        "count=unknown",
        "bad_code=401",
        "wrong_password=403",
        "logout_body=envelope",
        "missing=null",
        "deleted=flagged",
        "legacy_sign_in=credentials",
        "error_body=text",
        "duplicate=409",
        "repeated=refused",
    ),
    _target(
        "argus-terse", "count=uncounted", "error_body=empty", "page=100", "bad_csrf=401", "wrong_password=412"
    ),
)
