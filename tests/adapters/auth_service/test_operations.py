"""All 21 operations of the document over a socket, with the least and with all that they take."""

from __future__ import annotations

from typing import Any

import pytest

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.errors import IdentityError, NotSupportedError, ServerError
from identity_sdk.secrets import Secret

pytestmark = pytest.mark.anyio

STUBS = ("generate_refresh_token", "list_refresh_tokens", "get_token_info")


async def test_every_operation(site: Any) -> None:
    native = site.idp.native
    called: list[str] = []

    async def call(name: str, *arguments: Any, **options: Any) -> Any:
        called.append(name)
        if site.real and name in STUBS:
            with pytest.raises(NotSupportedError):
                await getattr(native, name)(*arguments, **options)
            return None
        return await getattr(native, name)(*arguments, **options)

    grant = {"groupId": "g1", "mode": "READ", "description": "d"}
    user = {"userId": "u1", "globalRole": "USER"}
    await call("health_liveness")
    await call("health_readiness")
    assert "BEGIN PUBLIC KEY" in (await call("get_public_key")).public_key
    assert (await call("get_user_info")).id == "boss"
    assert (await call("admin_add_group", {"groupId": "g1"})).id == "g1"
    assert (await call("admin_add_group", {"groupId": "g2", "description": "d"})).description == "d"
    assert (await call("admin_add_user", user)).id == "u1"
    assert (await call("admin_add_user", {**user, "userId": "u2", "groups": [grant]})).groups[0].id == "g1"
    assert len((await call("admin_list_users")).users) == 3
    assert len((await call("admin_list_groups")).groups) == 2
    assert (await call("admin_get_user_info", "u2")).global_role == "USER"
    assert [member.id for member in (await call("admin_get_group", "g1")).users] == ["u2"]
    assert (await call("admin_user_put", "u1", {**user, "groups": [grant]})).groups[0].mode == "READ"
    assert (await call("admin_user_put", "u1", user)).groups == ()
    assert (await call("admin_group_put", "g2", {"groupId": "g2"})).description is None
    everything = {"groupId": "g2", "description": "e", "users": [{"userId": "u1", "mode": "WRITE"}]}
    if site.real:
        with pytest.raises(ServerError):
            await call("admin_group_put", "g2", everything)
    else:
        assert (await call("admin_group_put", "g2", everything)).users[0].role == "WRITE"
    await call("admin_remove_group", "g2")
    await call("admin_remove_user", "u1")
    whole = {"tokenName": "n", "expirationDateTime": "2100-01-01T00:00:00Z", "groups": [grant]}
    await call("generate_refresh_token", {})
    await call("generate_refresh_token", whole)
    listed = await call("list_refresh_tokens")
    id = next(one.id for one in listed.refresh_token_info if one.name == "n") if listed is not None else "t"
    told = await call("get_token_info", id)
    assert told is None or [one.id for one in told.groups] == ["g1"]
    await call("revoke_refresh_token", id)
    assert (await call("login")).cookie is not None
    assert "state=" in (await call("login", redirection="http://front.example/")).url
    for options in ({}, {"state": "s", "code": "c", "scope": "o", "cookie": Secret("AIOHTTP_SESSION=x")}):
        with pytest.raises(IdentityError):
            await call("auth", **options)
    proof = Secret(f"Bearer {site.refresh}")
    assert (await call("refresh", authorization=proof)).token
    assert (await call("refresh", authorization=proof, cookie=Secret("AIOHTTP_SESSION=x"))).token
    documented = {name for name, member in vars(AuthServiceApi).items() if hasattr(member, "__operation__")}
    assert set(called) == documented
    assert len(documented) == 21
