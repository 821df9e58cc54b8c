"""The auth service as documented: the 14 administrative operations, and the 7 of signing in and health."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from joserfc.jwk import RSAKey

from identity_sdk import connect
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.adapters.auth_service.api import session_cookie
from identity_sdk.adapters.auth_service.models import Tokens
from identity_sdk.auth.sources import RefreshToken
from identity_sdk.emulators import auth_service
from identity_sdk.emulators.auth_service.sso import authorize
from identity_sdk.emulators.server import running
from identity_sdk.errors import AuthenticationError, NotFoundError
from identity_sdk.secrets import Secret
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from tests.wire.operations.caller import Caller, Recorder

GRANT = {"groupId": "g1", "mode": "READ", "description": "d"}
USER = {"userId": "u1", "globalRole": "USER"}


@cache
def signing_key() -> str:
    """Made once: it takes long."""
    return RSAKey.generate_key(2048).as_pem(private=True).decode("ascii")


@asynccontextmanager
async def opened() -> AsyncGenerator[Caller]:
    store = Store.open("sqlite://")
    app = auth_service.create_app(store, dialect="documented", key=signing_key())
    boss = q.UserRow(id="boss", created_at=1_800_000_000.0, attributes={"globalRole": "ADMIN"})
    await store.write(lambda conn: q.users.put(conn, boss))
    refresh = await app.state.emulator.refresh_token("boss")
    recorder = Recorder(app)
    with running(recorder) as url:
        adapter = AuthService(
            base_url=url + auth_service.BASE_PATH, auth=RefreshToken(refresh), default_role="USER"
        )
        async with connect(adapter) as idp:
            caller = Caller("auth_service", idp.native, recorder.seen, base=auth_service.BASE_PATH)
            caller.aside = refresh
            await idp.native.get_user_info()  # the sign-in, which is a call of /refresh as well
            yield caller
    await store.aclose()


async def scenario(call: Caller) -> None:
    await _people(call)
    await _tokens(call)
    await _signing_in(call)


async def _people(call: Caller) -> None:
    assert (await call("admin_add_group", {"groupId": "g1"})).id == "g1"
    assert (await call("admin_add_group", {"groupId": "g2", "description": "d"})).description == "d"
    assert (await call("admin_add_user", USER)).id == "u1"
    whole = {**USER, "userId": "u2", "groups": [GRANT]}
    assert (await call("admin_add_user", whole)).groups[0].id == "g1"
    assert {one.id for one in (await call("admin_list_users")).users} == {"boss", "u1", "u2"}
    assert {one.id for one in (await call("admin_list_groups")).groups} == {"g1", "g2"}
    assert (await call("admin_get_user_info", "u2")).global_role == "USER"
    assert [member.id for member in (await call("admin_get_group", "g1")).users] == ["u2"]
    assert (await call("admin_user_put", "u1", {**USER, "groups": [GRANT]})).groups[0].mode == "READ"
    assert (await call("admin_user_put", "u1", USER)).groups == ()
    assert (await call("admin_group_put", "g2", {"groupId": "g2"})).description is None
    everything = {"groupId": "g2", "description": "e", "users": [{"userId": "u1", "mode": "WRITE"}]}
    assert (await call("admin_group_put", "g2", everything)).users[0].role == "WRITE"
    await call("admin_remove_group", "g2")
    await call("admin_remove_user", "u1")
    await call.refused("admin_get_group", NotFoundError, "g2")
    await call.refused("admin_get_user_info", NotFoundError, "u1")


async def _tokens(call: Caller) -> None:
    whole = {"tokenName": "n", "expirationDateTime": "2100-01-01T00:00:00Z", "groups": [GRANT]}
    assert (await call("generate_refresh_token", {})).refresh_token is not None
    assert (await call("generate_refresh_token", whole)).access_token is not None
    listed = (await call("list_refresh_tokens")).refresh_token_info
    (one,) = [token for token in listed if token.name == "n"]
    told = await call("get_token_info", one.id)
    assert ([group.id for group in told.groups], told.expires_at.year) == (["g1"], 2100)
    await call("revoke_refresh_token", one.id)
    assert one.id not in [token.id for token in (await call("list_refresh_tokens")).refresh_token_info]


async def _signing_in(call: Caller) -> None:
    await call("health_liveness")
    await call("health_readiness")
    assert "BEGIN PUBLIC KEY" in (await call("get_public_key")).public_key
    assert (await call("get_user_info")).id == "boss"
    begun = await call("login")
    await call.refused("auth", AuthenticationError)
    told = await call("auth", **_provider(begun.url), cookie=begun.cookie)
    assert Tokens.model_validate_json(told.body).refresh_token is not None
    begun = await call("login", redirection="http://front.example/")
    back = await call("auth", **_provider(begun.url), cookie=begun.cookie)
    assert (back.status, back.headers["location"]) == (302, "http://front.example/")
    cookie = session_cookie(back)
    assert (await call("refresh", authorization=Secret("Bearer None"), cookie=cookie)).token
    proof = Secret(f"Bearer {call.aside}")
    assert (await call("refresh", authorization=proof)).token


def _provider(url: str) -> dict[str, str]:
    """What the OpenID provider's redirect brings, for the person who signs in at ``url``."""
    asked = dict(parse_qsl(urlsplit(url).query))
    answer = dict(authorize(asked).headers)["Location"]
    return dict(parse_qsl(urlsplit(answer).query))
