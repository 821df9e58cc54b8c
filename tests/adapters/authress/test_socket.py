"""All operations of the wire API over a socket: each with only what is required, and each with every parameter."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from identity_sdk import connect
from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.auth.sources import ApiKey
from identity_sdk.emulators import authress
from identity_sdk.emulators.server import running
from identity_sdk.errors import NotFoundError, PreconditionFailedError
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

OPERATIONS = {name for name, member in vars(AuthressApi).items() if hasattr(member, "__operation__")}
DOCUMENTED = {
    "create_client", "delete_access_key", "delete_client", "get_client", "get_clients", "request_access_key",
    "update_client",
}  # fmt: skip
PUBLIC = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
RIGHT = {"action": "docs:read", "allow": True, "grant": False, "delegate": False}


class Calls:
    """Calls operations by name, and remembers with which arguments."""

    def __init__(self, api: AuthressApi) -> None:
        self._api = api
        self.made: dict[str, set[str]] = {}
        self.times: Counter[str] = Counter()

    async def __call__(self, operation: str, *arguments: Any, **options: Any) -> Any:
        function = getattr(AuthressApi, operation)
        bound = inspect.signature(function).bind(self._api, *arguments, **options)
        self.made.setdefault(operation, set()).update(bound.arguments.keys() - {"self"})
        self.times[operation] += 1
        return await getattr(self._api, operation)(*arguments, **options)

    def complete(self) -> None:
        """Every operation was called, and each parameter was given once."""
        assert self.made.keys() == OPERATIONS
        for name, given in self.made.items():
            known = set(inspect.signature(getattr(AuthressApi, name)).parameters) - {"self"}
            assert given == known, name


@pytest.fixture
async def call(anyio_backend: str) -> AsyncIterator[Calls]:
    store = Store.open("sqlite://")
    app = authress.create_app(store, choices=authress.Choices(update_record=200))
    with running(app) as url:
        for id in ("ann", "bob"):
            await store.write(lambda conn, id=id: q.users.put(conn, q.UserRow(id=id, created_at=1.0)))
        async with connect(Authress(base_url=url, auth=ApiKey(app.state.emulator.access_key))) as idp:
            yield Calls(idp.native)
    await store.aclose()


async def test_every_operation(call: Calls) -> None:
    assert OPERATIONS > DOCUMENTED
    await _clients(call)
    await _people(call)
    await _groups(call)
    await _roles_and_records(call)
    await _resources(call)
    call.complete()


async def _clients(call: Calls) -> None:
    one = await call("create_client", {})
    full = {
        "name": "billing",
        "options": {"grantUserPermissionsAccess": True, "grantTokenGeneration": False},
        "rateLimits": [{"duration": "PT1H", "quota": 1000}],
        "tags": {"team": "pay"},
    }
    two = await call("create_client", full)
    assert (two.name, two.tags, two.rate_limits[0].quota) == ("billing", {"team": "pay"}, 1000)
    assert len((await call("get_clients")).clients) == 3
    page = await call("get_clients", limit=2)
    assert len((await call("get_clients", limit=2, cursor=page.cursor)).clients) == 1
    key = await call("request_access_key", one.id)
    assert key.secret is not None
    own = await call("request_access_key", one.id, {"publicKey": PUBLIC})
    assert (own.secret, own.public_key) == (None, PUBLIC)
    assert len((await call("get_client", one.id)).verification_keys) == 2
    assert len((await call("client_jwks", one.id)).keys) == 2
    assert len((await call("client_jwks", one.id, kid=own.id, iss="127.0.0.1")).keys) == 1
    assert (await call("jwks")).keys == ()
    assert (await call("update_client", one.id, {"name": "m"})).name == "m"
    await call("delete_access_key", one.id, key.id)
    await call("delete_client", one.id)
    with pytest.raises(NotFoundError):
        await call("get_client", one.id)


async def _people(call: Calls) -> None:
    assert [user.id for user in (await call("get_users")).users] == ["ann", "bob"]
    page = await call("get_users", limit=1)
    rest = await call("get_users", limit=1, cursor=page.cursor, filter="B", tenant_id="t")
    assert [user.id for user in rest.users] == ["bob"]
    assert (await call("get_user", "ann")).id == "ann"
    await call("delete_user", "ann")


async def _groups(call: Calls) -> None:
    made = await call("create_group", {"name": "G", "users": [], "admins": []})
    await call("get_groups")
    body = {
        "groupId": "grp_g",
        "name": "G",
        "users": [{"userId": "bob"}],
        "admins": [{"userId": "x"}],
        "tags": {"a": "b"},
    }
    full = await call("create_group", body)
    page = await call("get_groups", limit=1, filter="G")
    assert len((await call("get_groups", limit=1, cursor=page.cursor, filter="G")).groups) == 1
    changed = await call("update_group", "grp_g", body)
    with pytest.raises(PreconditionFailedError):
        await call("update_group", "grp_g", body, if_unmodified_since=full.last_updated)
    assert (await call("get_group", "grp_g")).last_updated == changed.last_updated
    await call("delete_group", made.id)


async def _roles_and_records(call: Calls) -> None:
    await call("create_role", {"name": "R", "permissions": []})
    role = {"roleId": "ro_r", "name": "R", "description": "d", "permissions": [RIGHT]}
    assert (await call("create_role", role)).id == "ro_r"
    page = await call("get_roles", limit=1, filter="ro_")
    assert len((await call("get_roles", limit=1, cursor=page.cursor, filter="ro_")).roles) == 1
    assert (await call("get_role", "ro_r")).description == "d"
    assert (await call("update_role", "ro_r", role)).permissions[0].allow
    statements = [{"roles": ["ro_r"], "resources": [{"resourceUri": "docs/*"}]}]
    bare = await call("create_record", {"name": "N", "statements": statements})
    body = {
        "recordId": "rec", "name": "N", "description": "d", "users": [{"userId": "bob"}],
        "groups": [{"groupId": "grp_g"}],
        "admins": [{"userId": "boss"}], "tags": {"a": "b"}, "statements": statements,
    }  # fmt: skip
    made = await call("create_record", body)
    await call("get_records")
    page = await call("get_records", status="ACTIVE", limit=1, filter="N")
    assert (await call("get_records", status="ACTIVE", limit=1, filter="N", cursor=page.cursor)).records
    changed = await call("update_record", "rec", body)
    assert changed.last_updated > made.last_updated
    with pytest.raises(PreconditionFailedError):
        await call("update_record", "rec", body, if_unmodified_since=made.last_updated)
    assert (await call("get_record", "rec")).tags == {"a": "b"}
    await call("authorize_user", "bob", "docs/1", "docs:read")
    assert (await call("get_user_permissions_for_resource", "bob", "docs/1")).permissions
    assert (await call("get_user_roles_for_resource", "bob", "docs/*")).roles
    assert (await call("get_user_resources", "bob")).resources
    every = {
        "resource_uri": "docs/*",
        "collection_configuration": "INCLUDE_NESTED",
        "permissions": "docs:read",
    }
    assert (await call("get_user_resources", "bob", **every, limit=1, cursor="")).resources
    await call("delete_record", bare.id)
    await call("delete_role", "ro_r")


async def _resources(call: Calls) -> None:
    rules = {"permissions": [{"action": "CLAIM", "allow": True}, {"action": "PUBLIC", "allow": False}]}
    await call("update_permissioned_resource", "open/1", rules)
    assert len((await call("get_permissioned_resource", "open/1")).permissions) == 2
    assert (await call("get_permissioned_resources")).resources
    await call("get_permissioned_resources", cursor="x")
    assert await call("create_claim", {"collectionResource": "open/1", "resourceId": "7"}) == {}
    assert (await call("get_resource_users", "open/1/7")).users
    await call("get_resource_users", "open/1/7", limit=1, cursor="")
