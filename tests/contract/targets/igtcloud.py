"""IGT Cloud over its emulator, on a real socket: as the choices say, and with every plausible alternative to them."""

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
from identity_sdk.adapters.base import Adapter
from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.adapters.igtcloud.models import IgtS3Credential
from identity_sdk.auth.sources import Password
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import igtcloud
from identity_sdk.models import Statement
from identity_sdk.store import Store
from identity_sdk.store import queries as q

__all__ = ["RULES", "TARGETS", "IgtWorld"]

ADMIN = Password("admin@example.com", "the administrator's password")
RIGHTS = "all-rights"
_NO_KEY = IgtS3Credential(id="ASIAX")

RULES = Rules(
    awkward=(
        *(
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
            "a/b",
            "a%b",
        ),
        *(
            "%2F",
            ".",
            "..",
            "...",
            "a\tb",
            "a\nb",
            "ä",
            "e\u0301",
            "日本語",
            "🦊",
            "A",
            "a" * 256,
            "-",
            "*",
            "<b>",
        ),
        *("{id}", "null", "0", "'", "$x", "me", "^|", "~!"),
    ),
    refused=("", "\ud800"),
    statements=(Statement(effect="allow", actions=("project.read",), resources=("*",)),),
    other_statements=(Statement(effect="allow", actions=("project.write",), resources=("*",)),),
    denial=None,
    allowed=("project.read", "*"),
    not_allowed=("project.fly", "*"),
    page=1000,
    key_kind="password",
    some_cursor="1",
    dated=False,
    erasable=False,
    paged=False,
)


class IgtWorld(ServedWorld):
    target: IgtTarget

    async def group(self, stem: str = "group") -> str:
        """A new group, made by the operator: the API makes none."""
        row = q.GroupRow(id=self.name(stem), created_at=self.clock.time())
        await self.store.write(lambda conn: q.groups.insert(conn, row))
        return row.id

    async def credential(self, owner: str) -> Any:
        """A password, which people set by their activation letter."""
        password = self.name("password")
        await self.store.write(lambda conn: self.emulator.set_password(conn, owner, password))
        return Password(owner, password)

    async def machine(self) -> Any:
        return await self.idp.users.create(name="robot", kind="service")

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        return self.idp.with_credential(credential)

    def key_sign_in(self, credential: Any) -> tuple[str, dict[str, Any]]:
        return "password", {"identifier": credential.username, "secret": credential.password}

    def calls(self) -> Mapping[str, Any]:
        return {
            "credentials.create": lambda idp, stage: idp.credentials.create(),
            "credentials.renew": lambda idp, stage: idp.credentials.renew(_NO_KEY),
            "policies.check": lambda idp, stage: idp.policies.check(ADMIN.username, *RULES.allowed),
            "policies.permissions": lambda idp, stage: idp.policies.permissions(),
        }

    async def grant_all(self, user: str) -> None:
        statement = {"effect": "allow", "action": ["*"], "resource": "*"}
        now = self.clock.time()

        def write(conn: Any) -> None:
            q.policies.put(conn, q.PolicyRow(id=RIGHTS, created_at=now, statements=[statement]))
            row = q.AttachmentRow(policy_id=RIGHTS, subject_type="user", subject_id=user, created_at=now)
            q.attachments.put(conn, row)

        await self.store.write(write)

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        now = self.clock.time()
        return await self.store.write(lambda conn: plant(conn, what, stem, count, owner, now, []))

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        if state == "expired":
            token = await self.idp.tokens.issue()
            self.clock.advance(self.idp.capabilities.propagation.tokens + 1)
            return self.idp.with_credential(token)
        user = await self.user(state)
        credential = await self.credential(user)
        if state == "revoked":
            await self.grant_all(user)
            await self.idp.users.delete(user)
        return await self.sign_in(credential)


@dataclass(frozen=True, kw_only=True)
class IgtTarget(Target):
    choices: tuple[str, ...] = ()
    given_tokens_renew: bool = True

    @property
    def adapter(self) -> type[Adapter]:
        return IgtCloud

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open(services)

    @asynccontextmanager
    async def _open(self, services: Services) -> AsyncGenerator[World]:
        clock = ManualClock()
        store = Store.open("sqlite://", clock=clock.time)
        admin = igtcloud.Admin(ADMIN.username, ADMIN.password.reveal())
        choices = igtcloud.Choices.parse(self.choices)
        app = igtcloud.create_app(store, choices=choices, clock=clock.time, admin=admin)
        emulator = app.state.emulator
        await emulator.prepare()
        server: Server = services.server()
        witness = services.witness("igtcloud", self.name, igtcloud.BASE_PATH, "igtcloud")
        server.app = witness.around(app)
        adapter = IgtCloud(
            base_url=server.url, auth=ADMIN, organization=igtcloud.ROOT, email_domain="example.com"
        )
        try:
            async with connect(adapter, clock=clock, backoff=(0.0, 0.0)) as idp:
                await idp.ping()  # signed in: a login that was cut is another matter
                yield IgtWorld(self, idp, server, store, clock, emulator)
        finally:
            server.app = None
            await store.aclose()
        witness.check()


OTHERWISE = (
    "created=200",
    "done=200",
    "missing=400",
    "error_body=text",
    "refresh_csrf=other",
    "cookies=folded",
    "absent=null",
    "orphaned=dead",
)
"""What is different from the default in one target, as far as it can go together."""

TARGETS = (
    IgtTarget(name="igtcloud", column="igtcloud", rules=RULES, thorough=True),
    IgtTarget(name="igtcloud-otherwise", column="igtcloud", rules=RULES, choices=OTHERWISE),
    IgtTarget(
        name="igtcloud-silent",
        column="igtcloud",
        rules=RULES,
        choices=("error_body=empty", "missing=400", "mask=ignored", "private_key=bare", "logout=401"),
    ),
)
