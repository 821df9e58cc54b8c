"""Authress over its emulator, on a real socket: as the service is taken to be, and with other plausible answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from contract.clock import ManualClock
from contract.seeding import plant
from contract.server import ServedWorld, Server
from contract.target import Rules, Services, Target, World
from identity_sdk import connect
from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.adapters.base import Adapter
from identity_sdk.auth.sources import ApiKey
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import authress
from identity_sdk.models import Statement
from identity_sdk.store import Store
from identity_sdk.store import queries as q

__all__ = ["RULES", "TARGETS", "AuthressWorld"]

PRIVATE = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
"""Of the facts' vector: the seed 00 01 02 … 1f."""

RULES = Rules(
    awkward=("grp_", "grp_-", "grp__", "grp_A", "grp_a", "grp_0", "grp_null", "grp_grp_", "grp_" + "a" * 54),
    refused=("", ".", "..", "\ud800", "a" * 129),
    statements=(Statement(effect="allow", actions=("docs:read",), resources=("docs/r1",)),),
    other_statements=(
        Statement(effect="allow", actions=("docs:list", "users:get"), resources=("lists/*",)),
        Statement(effect="allow", actions=("docs:delete",), resources=("docs/r1/*", "docs/r2/*")),
    ),
    denial=None,
    allowed=("docs:read", "docs/r1"),
    not_allowed=("docs:write", "docs/r1"),
    page=20,
    unknown_key="k000000",
    dated=False,
    any_principal=True,
    ids_return=False,
    keys=5,
)


class AuthressWorld(ServedWorld):
    target: AuthressTarget

    def name(self, stem: str = "user") -> str:
        prefix = "grp_" if stem in ("group", "nogroup", "gr", "some-group") else ""
        return prefix + super().name(stem.replace(" ", "-"))

    async def user(self, stem: str = "user") -> str:
        """Somebody who has signed in: no operation makes a person."""
        return await self.sign_up(self.name(stem))

    async def sign_up(self, id: str, email: str | None = None) -> str:
        row = q.UserRow(id=id, created_at=self.clock.time(), email=email)
        await self.store.write(lambda conn: q.users.put(conn, row))
        return id

    async def user_with_address(self, address: str) -> str:
        return await self.sign_up(self.name("mail"), address)

    async def key_user(self) -> str:
        return str((await self.idp.users.create(name="robot", kind="service")).id)

    def calls(self) -> Mapping[str, Any]:
        return {
            "users.create": lambda idp, stage: idp.users.create(name=stage.new, kind="service"),
            "users.update": lambda idp, stage: idp.users.update(stage.owner, name="Name", kind="service"),
            "groups.create": lambda idp, stage: idp.groups.create(f"grp_{stage.new}"),
        }

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        return self.idp.with_credential(ApiKey(credential.secret))

    async def grant_all(self, user: str) -> None:
        everything = Statement(effect="allow", actions=("*",), resources=("*",))
        policy = await self.policy("all", (everything,))
        await self.idp.policies.attach(policy, user=user)

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        wire = [{"roles": ["Authress:Owner"], "resources": [{"resourceUri": "docs/r1"}]}]
        return await self.store.write(
            lambda conn: plant(conn, what, stem, count, owner, self.clock.time(), wire)
        )

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        if state == "expired":
            token = await self.idp.tokens.issue()
            self.clock.advance(self.idp.capabilities.propagation.tokens + 1)
            return self.idp.with_credential(token)
        user = await self.key_user()
        key = await self.idp.credentials.create(user)
        if state == "revoked":
            await self.grant_all(user)
            await self.idp.credentials.delete(key)
        return await self.sign_in(key)


@dataclass(frozen=True, kw_only=True)
class AuthressTarget(Target):
    choices: authress.Choices

    @property
    def adapter(self) -> type[Adapter]:
        return Authress

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open(services)

    @asynccontextmanager
    async def _open(self, services: Services) -> AsyncGenerator[World]:
        clock = ManualClock()
        store = Store.open("sqlite://", clock=clock.time)
        admin = authress.Admin(private=PRIVATE)
        app = authress.create_app(store, admin=admin, choices=self.choices, clock=clock.time)
        await app.state.emulator.prepare()
        server: Server = services.server()
        witness = services.witness("authress", self.name, authress.BASE_PATH, "authress")
        server.app = witness.around(app)
        adapter = Authress(base_url=server.url, auth=ApiKey(app.state.emulator.access_key))
        try:
            async with connect(adapter, clock=clock) as idp:
                yield AuthressWorld(self, idp, server, store, clock, app.state.emulator)
            witness.check()
        finally:
            server.app = None
            await store.aclose()


OTHERWISE = authress.Choices(
    errors="empty",
    sixth_key=400,
    invalid=422,
    update_record=200,
    deleted_records="gone",
    last_modified="no",
    lists="array",
)
"""What is different from the default in one target, as far as it can go together."""

TARGETS = (
    AuthressTarget(
        name="authress",
        column="authress",
        rules=RULES,
        choices=authress.Choices(),
        thorough=True,
    ),
    AuthressTarget(
        name="authress-otherwise", column="authress", rules=replace(RULES, ids_return=True), choices=OTHERWISE
    ),
    AuthressTarget(
        name="authress-text",
        column="authress",
        rules=RULES,
        choices=authress.Choices(errors="text", create_record=202),
    ),
)
