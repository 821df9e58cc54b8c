"""The auth service over its emulator, on a real socket, in both dialects."""

from __future__ import annotations

import http.client
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from contract.clock import ManualClock
from contract.seeding import plant
from contract.server import ServedWorld, Server
from contract.target import Rules, Services, Target, World
from contract.witness import Witness
from identity_sdk import connect
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.adapters.base import Adapter
from identity_sdk.auth.sources import Bearer, RefreshToken
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import auth_service
from identity_sdk.models import Statement
from identity_sdk.store import Store
from identity_sdk.store import queries as q

__all__ = ["RULES", "TARGETS", "AuthServiceWorld"]

RULES = Rules(
    awkward=(
        " a",
        "a ",
        "a b",
        "a+b",
        "a?b",
        "a#b",
        "a@b",
        "a:b",
        'a"b',
        "a\\b",
        "a\nb",
        "...",
        "ä",
        "日本語",
        "🦊",
        "A",
        "a" * 63,
        "*",
        "{id}",
        "null",
        "a/b",
        "a%b",
        "%2F",
        "\x01",
    ),
    refused=("", ".", "..", "a\0b", "\ud800", "a" * 64),
    statements=(Statement(effect="allow", actions=("READ",), resources=("g",)),),
    other_statements=(Statement(effect="allow", actions=("WRITE",), resources=("g",)),),
    denial=None,
    allowed=("READ", "g"),
    not_allowed=("WRITE", "g"),
    page=1000,  # of ours: the server has none, so that each list is one request
    paged=False,
    callback_method="sso",
    dated=False,
    roles=("READ", "ADMIN"),
)


@cache
def signing_key() -> str:
    """Made once: it takes long."""
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048).as_pem(private=True).decode("ascii")


class AuthServiceWorld(ServedWorld):
    target: AuthServiceTarget

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        return self.idp.with_credential(credential)

    async def credential(self, owner: str) -> Any:
        return RefreshToken(await self.emulator.refresh_token(owner))

    async def grant_all(self, user: str) -> None:
        await self.idp.users.update(user, global_role="ADMIN")

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        return await self.store.write(
            lambda conn: plant(conn, what, stem, count, owner, self.clock.time(), ())
        )

    def at_the_provider(self, url: str, user: str) -> dict[str, str]:
        """What the user's browser does: the provider's page sends it back with code and state."""
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
        connection.request("GET", f"{place.path}?{place.query}&user={user}")
        response = connection.getresponse()
        response.read()
        connection.close()
        back = parse_qs(urlsplit(response.getheader("Location", "")).query)
        return {name: back[name][0] for name in ("code", "state", "scope")}

    def calls(self) -> Mapping[str, Any]:
        async def sign_in(idp: Any, stage: Any) -> Any:
            (method,) = await idp.sessions.methods()
            return await idp.sessions.create(method.id, **self.at_the_provider(method.url, "somebody"))

        return {
            "sessions.create": sign_in,
            "users.update": lambda idp, stage: idp.users.update(stage.user, global_role="ADMIN"),
            "tokens.list": lambda idp, stage: idp.tokens.list(),
            "tokens.verify": lambda idp, stage: idp.tokens.verify(self.emulator.token("somebody", "USER")),
        }

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        if state == "expired":
            token = self.emulator.token("admin", "ADMIN", 600.0)
            self.clock.advance(601)
            return self.idp.with_credential(Bearer(token))
        user = await self.user(state)
        return self.idp.with_credential(await self.credential(user))


@dataclass(frozen=True, kw_only=True)
class AuthServiceTarget(Target):
    dialect: str

    @property
    def adapter(self) -> type[Adapter]:
        return AuthService

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open(services)

    @asynccontextmanager
    async def _open(self, services: Services) -> AsyncGenerator[World]:
        clock = ManualClock()
        store = Store.open("sqlite://", clock=clock.time)
        app = auth_service.create_app(store, dialect=self.dialect, clock=clock.time, key=signing_key())
        emulator = app.state.emulator
        admin = q.UserRow(id="admin", created_at=clock.time(), attributes={"globalRole": "ADMIN"})
        await store.write(lambda conn: q.users.put(conn, admin))
        refresh = RefreshToken(await emulator.refresh_token("admin"))
        server: Server = services.server()
        # The real face is held against the recorded scenario: tests/emulators/test_auth_service_replay.py.
        witness: Witness | None = None
        if self.dialect == "documented":
            witness = services.witness("auth-service", self.dialect, auth_service.BASE_PATH, "auth-service")
        server.app = app if witness is None else _below(auth_service.BASE_PATH, witness.around(app), app)
        adapter = AuthService(base_url=server.url, auth=refresh, default_role="USER")
        try:
            async with connect(adapter, clock=clock, backoff=(0.0, 0.0)) as idp:
                yield AuthServiceWorld(self, idp, server, store, clock, emulator)
        finally:
            server.app = None
            await store.aclose()
        if witness is not None:
            witness.check()


def _below(base_path: str, inner: Any, outer: Any) -> Any:
    """The provider's page of the emulator is no part of the API."""

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        await (inner if scope["path"].startswith(base_path) else outer)(scope, receive, send)

    return chosen


_LACKS = {
    "revoked": "nothing on the real server ends a refresh token; the documented operation is proven by tokens.revoke"
}

TARGETS = (
    AuthServiceTarget(
        name="auth-service",
        column="auth-service",
        dialect="documented",
        rules=RULES,
        lacks=_LACKS,
        thorough=True,
        given_tokens_renew=True,
    ),
    AuthServiceTarget(
        name="auth-service-real",
        column="auth-service-real",
        dialect="real",
        rules=RULES,
        lacks=_LACKS,
        narrowed=True,
    ),
)
