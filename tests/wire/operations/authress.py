"""Authress: the 7 operations on service clients, and those that the facade needs beside them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from identity_sdk import connect
from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.auth.sources import ApiKey
from identity_sdk.emulators import authress
from identity_sdk.emulators.server import running
from identity_sdk.errors import NotFoundError, PreconditionFailedError
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from tests.wire.operations.caller import Caller, Recorder

PUBLIC = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
RIGHT = {"action": "docs:read", "allow": True, "grant": False, "delegate": False}
CLIENT = {
    "name": "billing",
    "options": {"grantUserPermissionsAccess": True, "grantTokenGeneration": False},
    "rateLimits": [{"duration": "PT1H", "quota": 1000}],
    "tags": {"team": "pay"},
}


@asynccontextmanager
async def opened() -> AsyncGenerator[Caller]:
    store = Store.open("sqlite://")
    app = authress.create_app(store, choices=authress.Choices(update_record=200))
    recorder = Recorder(app)
    with running(recorder) as url:
        for id in ("ann", "bob"):
            await store.write(lambda conn, id=id: q.users.put(conn, q.UserRow(id=id, created_at=1.0)))
        async with connect(Authress(base_url=url, auth=ApiKey(app.state.emulator.access_key))) as idp:
            yield Caller("authress", idp.native, recorder.seen)
    await store.aclose()


async def scenario(call: Caller) -> None:
    await _clients(call)
    await _people(call)
    await _groups(call)
    await _roles(call)
    await _records(call)
    await _rights(call)
    await _resources(call)


async def _clients(call: Caller) -> None:
    one = await call("create_client", {})
    two = await call("create_client", CLIENT)
    assert (two.name, two.tags, two.rate_limits[0].quota) == ("billing", {"team": "pay"}, 1000)
    assert len((await call("get_clients")).clients) == 3
    page = await call("get_clients", limit=2, cursor="")
    assert len((await call("get_clients", limit=2, cursor=page.cursor)).clients) == 1
    key = await call("request_access_key", one.id)
    assert key.secret is not None
    own = await call("request_access_key", one.id, {"publicKey": PUBLIC})
    assert (own.secret, own.public_key) == (None, PUBLIC)
    assert len((await call("get_client", one.id)).verification_keys) == 2
    assert len((await call("client_jwks", one.id)).keys) == 2
    assert len((await call("client_jwks", one.id, kid=own.id, iss="127.0.0.1")).keys) == 1
    assert (await call("jwks")).keys == ()
    assert (await call("update_client", two.id, {})).name is None
    assert (await call("update_client", two.id, {**CLIENT, "name": "m"})).name == "m"
    await call("delete_access_key", one.id, key.id)
    assert [left.id for left in (await call("get_client", one.id)).verification_keys] == [own.id]
    await call("delete_client", one.id)
    await call.refused("get_client", NotFoundError, one.id)


async def _people(call: Caller) -> None:
    assert [user.id for user in (await call("get_users")).users] == ["ann", "bob"]
    page = await call("get_users", limit=1)
    rest = await call("get_users", limit=1, cursor=page.cursor, filter="B", tenant_id="t")
    assert [user.id for user in rest.users] == ["bob"]
    assert (await call("get_user", "ann")).id == "ann"
    await call("delete_user", "ann")
    assert [user.id for user in (await call("get_users")).users] == ["bob"]


async def _groups(call: Caller) -> None:
    bare = {"name": "G", "users": [], "admins": []}
    made = await call("create_group", bare)
    assert [group.id for group in (await call("get_groups")).groups] == [made.id]
    body = {
        "groupId": "grp_g",
        **bare,
        "users": [{"userId": "bob"}],
        "admins": [{"userId": "x"}],
        "tags": {"a": "b"},
    }
    full = await call("create_group", body)
    page = await call("get_groups", limit=1, filter="G")
    assert len((await call("get_groups", limit=1, cursor=page.cursor, filter="G")).groups) == 1
    assert (await call("update_group", made.id, {**bare, "name": "H"})).name == "H"
    changed = await call("update_group", "grp_g", body, if_unmodified_since=full.last_updated)
    await call.refused(
        "update_group", PreconditionFailedError, "grp_g", body, if_unmodified_since=full.last_updated
    )
    assert (await call("get_group", "grp_g")).last_updated == changed.last_updated
    await call("delete_group", made.id)
    await call.refused("get_group", NotFoundError, made.id)


async def _roles(call: Caller) -> None:
    bare = {"name": "R", "permissions": []}
    first = await call("create_role", bare)
    role = {"roleId": "ro_r", "name": "R", "description": "d", "permissions": [RIGHT]}
    assert (await call("create_role", role)).id == "ro_r"
    assert {one.id for one in (await call("get_roles")).roles} >= {first.id, "ro_r"}
    page = await call("get_roles", limit=1, filter="ro_")
    assert len((await call("get_roles", limit=1, cursor=page.cursor, filter="ro_")).roles) == 1
    assert (await call("get_role", "ro_r")).description == "d"
    assert (await call("update_role", first.id, {**bare, "name": "S"})).name == "S"
    assert (await call("update_role", "ro_r", role)).permissions[0].allow


async def _records(call: Caller) -> None:
    least = {"name": "N", "statements": [{"roles": ["ro_r"], "resources": [{"resourceUri": "docs/*"}]}]}
    bare = await call("create_record", least)
    body = {
        "recordId": "rec",
        **least,
        "description": "d",
        "users": [{"userId": "bob"}],
        "groups": [{"groupId": "grp_g"}],
        "admins": [{"userId": "boss"}],
        "tags": {"a": "b"},
    }
    made = await call("create_record", body)
    assert {one.id for one in (await call("get_records")).records} >= {bare.id, "rec"}
    page = await call("get_records", status="ACTIVE", limit=1, filter="N")
    assert (await call("get_records", status="ACTIVE", limit=1, filter="N", cursor=page.cursor)).records
    assert (await call("update_record", bare.id, {**least, "name": "M"})).name == "M"
    changed = await call("update_record", "rec", body, if_unmodified_since=made.last_updated)
    assert changed.last_updated > made.last_updated
    await call.refused(
        "update_record", PreconditionFailedError, "rec", body, if_unmodified_since=made.last_updated
    )
    assert (await call("get_record", "rec")).tags == {"a": "b"}
    await call("delete_record", bare.id)
    assert (await call("get_record", bare.id)).status == "DELETED"


async def _rights(call: Caller) -> None:
    await call("authorize_user", "bob", "docs/1", "docs:read")
    await call.refused("authorize_user", NotFoundError, "bob", "docs/1", "docs:write")
    rights = (await call("get_user_permissions_for_resource", "bob", "docs/1")).permissions
    assert [one.action for one in rights] == ["docs:read"]
    assert (await call("get_user_roles_for_resource", "bob", "docs/*")).roles
    assert [one.resource_uri for one in (await call("get_user_resources", "bob")).resources] == ["docs/*"]
    every = {
        "resource_uri": "docs/*",
        "collection_configuration": "INCLUDE_NESTED",
        "permissions": "docs:read",
    }
    assert (await call("get_user_resources", "bob", **every, limit=1, cursor="")).resources
    await call("delete_role", "ro_r")
    await call.refused("get_role", NotFoundError, "ro_r")


async def _resources(call: Caller) -> None:
    rules = {"permissions": [{"action": "CLAIM", "allow": True}, {"action": "PUBLIC", "allow": False}]}
    await call("update_permissioned_resource", "open/1", rules)
    assert len((await call("get_permissioned_resource", "open/1")).permissions) == 2
    assert (await call("get_permissioned_resources")).resources
    await call("get_permissioned_resources", cursor="x")
    assert await call("create_claim", {"collectionResource": "open/1", "resourceId": "7"}) == {}
    assert (await call("get_resource_users", "open/1/7")).users
    await call("get_resource_users", "open/1/7", limit=1, cursor="")
