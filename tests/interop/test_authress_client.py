"""The official client of Authress live against the emulator, over a socket: every operation that the facade uses."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.witness import Witness, document

from identity_sdk import ApiKey, Authress, Bearer, connect
from identity_sdk.emulators.authress import BASE_PATH, Choices, create_app
from identity_sdk.emulators.server import running
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = [
    pytest.mark.interop,
    # The client is generated code over pydantic's old interface; what it warns of is not ours.
    pytest.mark.filterwarnings("ignore"),
]


def official() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "authress", reason="the official client authress is not installed (nox -s interop)"
        )


@pytest.fixture
def authress() -> Any:
    return official()


@pytest.fixture
def app() -> Any:
    return create_app(Store.open())


@pytest.fixture
def url(app: Any) -> Iterator[str]:
    """Every request of the official client, and every field of every answer, is held against the OpenAPI file."""
    witness = Witness("authress", "official", BASE_PATH, document("authress"))
    with running(witness.around(app)) as url:
        yield url
    assert witness.seen
    witness.check()


@pytest.fixture
def client(authress: Any, app: Any, url: str) -> Any:
    return authress.AuthressClient(
        authress_api_url=url, service_client_access_key=app.state.emulator.access_key, user_agent="tests"
    )


def status_of(call: Any) -> int:
    with pytest.raises(Exception) as raised:
        call()
    return int(raised.value.status)  # type: ignore[attr-defined]


def people(app: Any, *ids: str) -> None:
    """People sign up elsewhere: they are put into the store."""

    async def plant() -> None:
        for id in ids:
            row = q.UserRow(id=id, created_at=1.0, email=f"{id}@example.org", name=id.title())
            await app.state.emulator.store.write(lambda conn, row=row: q.users.put(conn, row))

    asyncio.run(plant())


def test_the_seven_operations_on_service_clients(authress: Any, client: Any, app: Any, url: str) -> None:
    api = client.service_clients
    limit = authress.models.ClientRateLimit(duration="PT1H", quota=1000)
    options = authress.models.ClientOptions(grant_user_permissions_access=True, grant_token_generation=False)
    made = api.create_client(
        authress.models.Client(name="billing", options=options, rate_limits=[limit], tags={"team": "pay"})
    )
    assert made.client_id.startswith("sc_")
    assert (made.name, made.tags, made.verification_keys) == ("billing", {"team": "pay"}, [])
    assert (made.options.grant_user_permissions_access, made.options.grant_token_generation) == (True, False)
    assert isinstance(made.created_time, datetime)
    assert [(one.duration, one.quota) for one in made.rate_limits] == [("PT1H", 1000)]

    key = api.request_access_key(made.client_id)
    parts = key.access_key.split(".")
    assert (parts[0], parts[1], parts[2], len(parts[3])) == (made.client_id, key.key_id, "acc-demo", 64)
    assert key.client_secret
    assert len(key.public_key) == 60
    read = api.get_client(made.client_id)
    assert [(one.key_id, one.public_key) for one in read.verification_keys] == [(key.key_id, key.public_key)]
    assert read.verification_keys[0].access_key is None

    second = api.create_client(authress.models.Client(name="other"))
    first_page = api.get_clients(limit=2)
    assert len(first_page.clients) == 2
    following = api.get_clients(limit=2, cursor=first_page.pagination.next.cursor)
    assert following.pagination.next is None
    everybody = {one.client_id for one in [*first_page.clients, *following.clients]}
    assert everybody == {"sc_admin", made.client_id, second.client_id}

    changed = api.update_client(made.client_id, authress.models.Client(name="billing-2"))
    assert (changed.name, changed.tags) == ("billing-2", None)

    theirs = authress.AuthressClient(authress_api_url=url, service_client_access_key=key.access_key)
    assert theirs.service_clients.get_client(made.client_id).client_id == made.client_id
    assert status_of(lambda: theirs.service_clients.get_clients()) == 403
    verified = client.verify_token(theirs.get_client_token())
    assert verified["sub"] == made.client_id

    for _ in range(4):
        api.request_access_key(made.client_id)
    assert status_of(lambda: api.request_access_key(made.client_id)) == 422
    api.delete_access_key(made.client_id, key.key_id)
    assert status_of(lambda: theirs.service_clients.get_client(made.client_id)) == 401
    api.delete_client(made.client_id)
    assert status_of(lambda: api.get_client(made.client_id)) == 404
    assert status_of(lambda: api.delete_client(made.client_id)) == 404


def test_users(client: Any, app: Any) -> None:
    people(app, "ann", "bob", "cid")
    page = client.users.get_users(limit=2)
    assert [(one.user_id, one.email, one.name) for one in page.users] == [
        ("ann", "ann@example.org", "Ann"),
        ("bob", "bob@example.org", "Bob"),
    ]
    rest = client.users.get_users(limit=2, cursor=page.pagination.next.cursor)
    assert [one.user_id for one in rest.users] == ["cid"]
    assert [one.user_id for one in client.users.get_users(filter="BOB").users] == ["bob"]
    assert client.users.get_user("ann").email == "ann@example.org"
    client.users.delete_user("ann")
    assert status_of(lambda: client.users.get_user("ann")) == 404


def test_groups(authress: Any, client: Any) -> None:
    user = authress.models.User(user_id="ann")
    made = client.groups.create_group(
        authress.models.Group(group_id="grp_editors", name="Editors", users=[user], admins=[])
    )
    assert (made.group_id, made.name, [one.user_id for one in made.users]) == (
        "grp_editors",
        "Editors",
        ["ann"],
    )
    assert isinstance(made.last_updated, datetime)
    assert status_of(lambda: client.groups.create_group(made)) == 409
    client.groups.create_group(authress.models.Group(name="Others", users=[], admins=[]))
    page = client.groups.get_groups(limit=1)
    rest = client.groups.get_groups(limit=1, cursor=page.pagination.next.cursor)
    assert {one.name for one in [*page.groups, *rest.groups]} == {"Editors", "Others"}
    read = client.groups.get_group("grp_editors")
    read.users = []
    since = read.last_updated.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert client.groups.update_group("grp_editors", read, expected_last_modified_time=since).users == []
    assert (
        status_of(lambda: client.groups.update_group("grp_editors", read, expected_last_modified_time=since))
        == 412
    )
    client.groups.delete_group("grp_editors")
    assert status_of(lambda: client.groups.get_group("grp_editors")) == 404


def test_roles_records_and_checks(authress: Any, client: Any) -> None:
    models = authress.models
    right = models.PermissionObject(action="docs:read", allow=True, grant=False, delegate=False)
    role = client.roles.create_role(models.Role(role_id="ro_reader", name="Reader", permissions=[right]))
    assert (role.role_id, role.permissions[0].action, role.permissions[0].allow) == (
        "ro_reader",
        "docs:read",
        True,
    )
    assert status_of(lambda: client.roles.create_role(role)) == 409
    page = client.roles.get_roles(limit=1)
    rest = client.roles.get_roles(limit=1, cursor=page.pagination.next.cursor)
    assert [one.role_id for one in [*page.roles, *rest.roles]] == ["Authress:Owner", "ro_reader"]
    assert client.roles.get_role("ro_reader").name == "Reader"
    assert client.roles.update_role("ro_reader", models.Role(name="R", permissions=[right])).name == "R"

    statement = models.Statement(roles=["ro_reader"], resources=[models.Resource(resource_uri="docs/*")])
    record = models.AccessRecord(
        record_id="rec-docs", name="Docs", users=[models.User(user_id="ann")], statements=[statement]
    )
    made = client.access_records.create_record(record)
    assert (made.record_id, made.status, made.account.account_id) == ("rec-docs", "ACTIVE", "acc-demo")
    assert [one.user_id for one in made.users] == ["ann"]
    assert [one.user_id for one in made.admins] == ["sc_admin"]
    page = client.access_records.get_records(limit=1)
    rest = client.access_records.get_records(limit=1, cursor=page.pagination.next.cursor)
    assert {one.record_id for one in [*page.records, *rest.records]} == {"rec-docs", "owner-sc_admin"}

    checks = client.user_permissions
    assert checks.authorize_user("ann", "docs/42", "docs:read") is None
    assert status_of(lambda: checks.authorize_user("ann", "docs/42", "docs:write")) == 404
    assert status_of(lambda: checks.authorize_user("bob", "docs/42", "docs:read")) == 404
    found = checks.get_user_permissions_for_resource("ann", "docs/42")
    assert (found.user_id, [one.action for one in found.permissions]) == ("ann", ["docs:read"])
    assert [one.role_id for one in checks.get_user_roles_for_resource("ann", "docs/*").roles] == ["ro_reader"]
    assert [one.resource_uri for one in checks.get_user_resources("ann").resources] == ["docs/*"]

    read = client.access_records.get_record("rec-docs")
    read.users = []
    client.access_records.update_record("rec-docs", read)
    assert client.access_records.get_record("rec-docs").users == []
    client.access_records.delete_record("rec-docs")
    assert client.access_records.get_record("rec-docs").status == "DELETED"
    client.roles.delete_role("ro_reader")
    assert status_of(lambda: client.roles.get_role("ro_reader")) == 404


def test_resources(authress: Any, client: Any) -> None:
    models = authress.models
    api = client.resource_permissions
    rule = models.ResourcePermission(action="PUBLIC", allow=True)
    api.update_permissioned_resource("open/1", models.PermissionedResource(permissions=[rule]))
    read = api.get_permissioned_resource("open/1")
    assert [(one.action, one.allow) for one in read.permissions] == [("PUBLIC", True)]
    assert len(api.get_permissioned_resources().resources) == 1
    assert client.user_permissions.authorize_user("anybody", "open/1", "read") is None
    assert api.get_resource_users("open/1").users == []


def test_a_record_that_takes_effect_later_is_nothing_to_this_client(authress: Any) -> None:
    """Its answer of a 202 is None (facts 9.2): so is the emulator's."""
    app = create_app(Store.open(), choices=Choices(create_record=202))
    with running(app) as url:
        client = authress.AuthressClient(
            authress_api_url=url, service_client_access_key=app.state.emulator.access_key
        )
        statement = authress.models.Statement(
            roles=["ro_x"], resources=[authress.models.Resource(resource_uri="docs/1")]
        )
        record = authress.models.AccessRecord(record_id="later", name="Later", statements=[statement])
        assert client.access_records.create_record(record) is None
        assert client.access_records.get_record("later").name == "Later"


def test_each_accepts_the_tokens_of_the_other(client: Any, app: Any, url: str) -> None:
    theirs = client.get_client_token()

    async def ours() -> tuple[str, str | None]:
        auth = ApiKey(app.state.emulator.access_key)
        async with connect(Authress(base_url=url, auth=auth)) as idp:
            token = await idp.tokens.issue()
            assert token.value is not None
            assert (await idp.with_credential(Bearer(theirs)).users.me()).id == "sc_admin"
            return token.value.reveal(), (await idp.tokens.verify(theirs)).subject

    issued, subject = asyncio.run(ours())
    assert subject == "sc_admin"
    assert client.verify_token(issued)["sub"] == "sc_admin"
