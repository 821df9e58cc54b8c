"""The Authress emulator as its clients see it: the samples of the facts, its refusals, and each choice the
other way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import pytest

from identity_sdk.adapters.authress import jose
from identity_sdk.adapters.authress.auth import ServiceKey
from identity_sdk.emulators.authress import Admin, Choices, create_app
from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
ORIGIN = "https://acc-demo.api.authress.io"
SEED = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


class Reply:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode() for name, value in headers}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """The app in process, called as ASGI, and its clock."""

    def __init__(self, **choices: Any) -> None:
        self.now = NOW
        self.store = Store.open("sqlite://", clock=lambda: self.now)
        self.app = create_app(self.store, admin=Admin(private=SEED), choices=Choices(**choices))
        self.key: str = self.app.state.emulator.access_key

    def token(self, key: str | None = None, **claims: Any) -> str:
        parsed = ServiceKey.parse(Secret(key or self.key))
        said = {
            "iss": f"{ORIGIN}/v1/clients/{parsed.client_id}",
            "sub": parsed.client_id,
            "aud": parsed.audience,
            "exp": self.now + 60,
            **claims,
        }
        made = jose.sign("EdDSA", {"alg": "EdDSA", "kid": parsed.key_id, "typ": "JWT"}, said, parsed.private)
        assert made is not None
        return made.reveal()

    async def __call__(
        self,
        line: str,
        body: object = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        **headers: str,
    ) -> Reply:
        method, _, target = line.partition(" ")
        path, _, query = target.partition("?")
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        told = {
            "host": "acc-demo.api.authress.io",
            "authorization": f"Bearer {self.token() if token is None else token}",
        }
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in told.items()],
            "scheme": "https", "server": ("x", 443), "http_version": "1.1",
        }  # fmt: skip
        sent: list[Mapping[str, Any]] = []
        asked = [{"type": "http.request", "body": data, "more_body": False}]

        async def receive() -> Any:
            return asked.pop(0) if asked else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return Reply(
            sent[0]["status"], sent[0]["headers"], b"".join(one.get("body", b"") for one in sent[1:])
        )


@pytest.fixture
def service() -> Service:
    return Service()


GROUP = {"groupId": "grp_editors", "name": "Editors", "users": [{"userId": "u3"}], "admins": []}
RECORD = {
    "recordId": "rec-docs",
    "name": "Docs editors",
    "groups": [{"groupId": "grp_editors"}],
    "statements": [{"roles": ["ro_doc_editor"], "resources": [{"resourceUri": "docs/*"}]}],
}
RIGHT = {"action": "docs:edit", "allow": True, "grant": False, "delegate": False}
ROLE = {"roleId": "ro_doc_editor", "name": "Editor", "permissions": [RIGHT]}


async def test_the_samples_of_service_clients(service: Service) -> None:
    sent = {
        "name": "billing",
        "options": {"grantUserPermissionsAccess": True, "grantTokenGeneration": False},
        "rateLimits": [{"duration": "PT1H", "quota": 1000}],
        "tags": {"team": "pay"},
    }
    made = await service("POST /v1/clients", sent)
    assert (made.status, made.headers["content-type"]) == (201, "application/links+json")
    told = made.json()
    id = told.pop("clientId")
    assert told == {"createdTime": "2027-01-15T08:00:00.000Z", "verificationKeys": [], **sent}
    assert (await service(f"GET /v1/clients/{id}")).json() == {"clientId": id, **told}
    page = await service("GET /v1/clients?limit=1")
    assert set(page.json()) == {"clients", "pagination", "links"}
    cursor = page.json()["pagination"]["next"]["cursor"]
    assert page.json()["links"]["next"] == {"href": f"{ORIGIN}/v1/clients?limit=1&cursor={cursor}"}
    last = (await service(f"GET /v1/clients?limit=1&cursor={cursor}")).json()
    assert last["pagination"] == {}
    assert "next" not in last["links"]
    key = await service(f"POST /v1/clients/{id}/access-keys")
    assert key.status == 201
    assert set(key.json()) == {
        "keyId",
        "clientId",
        "publicKey",
        "generationDate",
        "clientSecret",
        "accessKey",
    }
    shown = (await service(f"GET /v1/clients/{id}")).json()["verificationKeys"]
    assert [set(one) for one in shown] == [{"keyId", "publicKey", "generationDate"}]
    assert (await service(f"DELETE /v1/clients/{id}/access-keys/{key.json()['keyId']}")).status == 204
    gone = await service(f"DELETE /v1/clients/{id}/access-keys/{key.json()['keyId']}")
    assert (gone.status, gone.json()["errorCode"]) == (404, "NotFound")
    assert (await service(f"DELETE /v1/clients/{id}")).status == 204
    assert (await service(f"DELETE /v1/clients/{id}")).status == 404


async def test_a_key_of_ones_own(service: Service) -> None:
    made = (await service("POST /v1/clients", {})).json()["clientId"]
    public = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    key = (await service(f"POST /v1/clients/{made}/access-keys", {"publicKey": public})).json()
    assert not {"accessKey", "clientSecret"} & key.keys()
    theirs = f"{made}.{key['keyId']}.acc-demo.{SEED}"
    assert (await service(f"GET /v1/clients/{made}", token=service.token(theirs))).status == 200
    keys = (
        await service(f"GET /v1/clients/{made}/.well-known/openid-configuration/jwks", authorization="")
    ).json()
    assert keys["keys"][0]["x"] == "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
    none = await service(
        f"GET /v1/clients/{made}/.well-known/openid-configuration/jwks?kid=x", authorization=""
    )
    assert none.json() == {"keys": []}
    assert (await service("GET /v1/clients/x/.well-known/openid-configuration/jwks")).status == 404
    assert (await service("GET /.well-known/openid-configuration/jwks")).json() == {"keys": []}
    assert (await service(f"POST /v1/clients/{made}/access-keys", {"publicKey": "*"})).status == 400


async def test_who_may_not(service: Service) -> None:
    good = service.token()
    for token in (
        "",
        "x",
        "a.b.c",
        "e30.W10.x",
        service.token(exp=NOW),
        service.token(aud="acc-other.accounts.authress.io"),
        service.token(sub="somebody"),
        service.token(iss="https://evil.example/v1/clients/sc_admin"),
        service.token(iss=f"{ORIGIN}/v1/users/sc_admin"),
        service.token(f"sc_admin.none.acc-demo.{SEED}"),
        service.token(f"sc_admin.k000.acc-demo.{SEED[:-4]}AAAA"),
        f"{good[:-4]}AAAA",
    ):
        refused = await service("GET /v1/clients", token=token)
        assert (refused.status, refused.json()["errorCode"]) == (401, "Unauthorized")
    assert (await service("GET /v1/clients", authorization=f"Basic {good}")).status == 401
    assert (await service("GET /v1/clients", authorization=f"bearer {good}")).status == 200
    made = (await service("POST /v1/clients", {"name": "powerless"})).json()["clientId"]
    key = (await service(f"POST /v1/clients/{made}/access-keys")).json()["accessKey"]
    theirs = service.token(key)
    assert (await service(f"GET /v1/clients/{made}", token=theirs)).status == 200
    for line in (
        "GET /v1/clients", f"PUT /v1/clients/{made}", f"POST /v1/clients/{made}/access-keys", "GET /v1/users",
        "GET /v1/groups/grp_x", "GET /v1/records", "GET /v1/roles/ro_x", "GET /v1/resources",
        "GET /v1/users/ann/resources/docs/permissions/read",
    ):  # fmt: skip
        assert (await service(line, {} if line[0] == "P" else None, token=theirs)).status == 403, line
    assert (
        await service(f"GET /v1/users/{made}/resources/docs/permissions/read", token=theirs)
    ).status == 404


async def test_what_was_planted_without_a_key(service: Service) -> None:
    made = (await service("POST /v1/clients", {})).json()["clientId"]
    row = q.CredentialRow(id="AKIA1", user_id=made, kind="access_key", created_at=1.0)
    await service.store.write(lambda conn: q.credentials.put(conn, row))
    assert (
        await service("GET /v1/clients", token=service.token(f"{made}.AKIA1.acc-demo.{SEED}"))
    ).status == 401
    assert (await service(f"GET /v1/clients/{made}/.well-known/openid-configuration/jwks")).json() == {
        "keys": []
    }


async def test_the_samples_of_groups_records_and_checks(service: Service) -> None:
    made = await service("POST /v1/groups", GROUP)
    told = made.json()
    assert (made.status, told["lastUpdated"]) == (201, "2027-01-15T08:00:00.000Z")
    assert told == {
        **GROUP,
        "lastUpdated": told["lastUpdated"],
        "links": {"self": {"href": f"{ORIGIN}/v1/groups/grp_editors"}},
    }
    assert made.headers["last-modified"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert (await service("POST /v1/groups", GROUP)).status == 409
    assert (await service("POST /v1/roles", ROLE)).status == 201
    record = (await service("POST /v1/records", RECORD)).json()
    assert record == {
        **RECORD, "status": "ACTIVE", "capacity": 0.01, "lastUpdated": "2027-01-15T08:00:00.000Z", "users": [],
        "account": {"accountId": "acc-demo"}, "admins": [{"userId": "sc_admin"}],
        "links": {"self": {"href": f"{ORIGIN}/v1/records/rec-docs"}},
    }  # fmt: skip
    yes = await service("GET /v1/users/u3/resources/docs%2F42/permissions/docs%3Aedit")
    assert (yes.status, yes.body, "content-type" in yes.headers) == (200, b"", False)
    no = await service("GET /v1/users/u9/resources/docs%2F42/permissions/docs%3Aedit")
    assert (no.status, no.json()["title"]) == (404, "The user does not have the permission")
    assert (
        await service("GET /v1/users/u3/resources/docs/42/permissions/docs")
    ).status == 404  # another path
    rights = (await service("GET /v1/users/u3/resources/docs%2F42/permissions")).json()
    assert rights == {"account": {"accountId": "acc-demo"}, "userId": "u3", "permissions": [RIGHT]}
    assert (await service("GET /v1/users/u9/resources/docs%2F42/permissions")).status == 404
    roles = (await service("GET /v1/users/u3/resources/docs%2F%2A/roles")).json()
    assert roles == {"userId": "u3", "roles": [{"roleId": "ro_doc_editor"}]}
    assert (await service("GET /v1/users/u3/resources/docs%2F42/roles")).status == 404
    found = (await service("GET /v1/users/u3/resources")).json()
    assert (found["userId"], found["resources"]) == ("u3", [{"resourceUri": "docs/*"}])
    for query, count in (
        ("permissions=docs:edit", 1),
        ("permissions=docs:read", 0),
        ("resourceUri=docs", 1),
        ("resourceUri=x", 0),
    ):
        told = (
            await service(f"GET /v1/users/u3/resources?collectionConfiguration=INCLUDE_NESTED&{query}")
        ).json()
        assert len(told["resources"]) == count, query


async def test_changes_need_what_they_were_read_with(service: Service) -> None:
    await service("POST /v1/groups", GROUP)
    await service("POST /v1/records", RECORD)
    for path, body in (("/v1/groups/grp_editors", GROUP), ("/v1/records/rec-docs", RECORD)):
        first = (await service(f"GET {path}")).json()["lastUpdated"]
        ok = await service(f"PUT {path}", body, if_unmodified_since=first)
        assert ok.status == (200 if "groups" in path else 202)
        assert (await service(f"PUT {path}", body, if_unmodified_since=first)).status == 412
        date = formatdate(NOW, usegmt=True)  # whole seconds: not later
        assert (await service(f"PUT {path}", body, if_unmodified_since=date)).status == ok.status
        assert (
            await service(f"PUT {path}", body, if_unmodified_since=formatdate(NOW - 5, usegmt=True))
        ).status == 412
        assert (await service(f"PUT {path}", body, if_unmodified_since="junk")).status == 400
        assert (await service(f"PUT {path}", body)).status == ok.status
        assert (await service(f"PUT {path}x", body)).status == 404


BAD_GROUPS: tuple[Any, ...] = (
    {}, {**GROUP, "name": ""}, {**GROUP, "name": 7}, {**GROUP, "name": "x" * 129}, {**GROUP, "users": None},
    {**GROUP, "users": {}}, {**GROUP, "users": ["u"]}, {**GROUP, "users": [{}]}, {**GROUP, "admins": [{"userId":
    ""}]},
    {**GROUP, "groupId": "editors"}, {**GROUP, "groupId": "grp_ä"}, {**GROUP, "groupId": "grp_" + "x" * 61},
)  # fmt: skip
BAD_ROLES: tuple[Any, ...] = (
    {}, {**ROLE, "roleId": "editor"}, {**ROLE, "permissions": [{"action": "a"}]}, {**ROLE, "permissions": None},
    {**ROLE, "permissions": [{**RIGHT, "action": "a b"}]}, {**ROLE, "permissions": [{**RIGHT, "allow": 1}]},
)  # fmt: skip
STATEMENT: dict[str, Any] = RECORD["statements"][0]  # type: ignore[assignment, index]
BAD_RECORDS: tuple[Any, ...] = (
    {}, {**RECORD, "statements": []}, {**RECORD, "statements": ["x"]}, {**RECORD, "statements": {}},
    {**RECORD, "statements": [{**STATEMENT, "roles": []}]}, {**RECORD, "statements": [{**STATEMENT, "resources":
    []}]},
    {**RECORD, "statements": [{**STATEMENT, "resources": [{"resourceUri": "a//b"}]}]}, {**RECORD, "recordId": "a b"},
    {**RECORD, "statements": [{**STATEMENT, "users": [{"userId": "u"}]}]}, {**RECORD, "description": 7},
    {**RECORD, "statements": [{**STATEMENT, "groups": [{"groupId": f"g{one}"} for one in range(11)]}]},
)  # fmt: skip


@pytest.mark.parametrize("invalid", [400, 422])
async def test_bodies_that_are_refused(invalid: int) -> None:
    service = Service(invalid=invalid)
    for path, bodies in (("groups", BAD_GROUPS), ("roles", BAD_ROLES), ("records", BAD_RECORDS)):
        for body in bodies:
            assert (await service(f"POST /v1/{path}", body)).status == invalid, (path, body)
        for raw in (b"", b"{", b"[]", b"null", b"7", b"[" * 9999):
            assert (await service(f"POST /v1/{path}", raw=raw)).status == invalid, (path, raw[:9])
        assert (await service(f"POST /v1/{path}", raw=b" " * 102_401)).status == 413
        assert (await service(f"GET /v1/{path}?limit=0")).status == invalid
        assert (await service(f"GET /v1/{path}?limit=x")).status == invalid
    many = [{"userId": f"u{one}"} for one in range(101)]
    assert (await service("POST /v1/groups", {**GROUP, "users": many})).status == 413
    for body in ({"options": 7}, {"rateLimits": [1, 2]}, {"rateLimits": 7}, {"name": 7}):
        assert (await service("POST /v1/clients", body)).status == invalid
    assert (await service("GET /v1/records?status=FOO")).status == invalid
    assert (await service("GET /v1/users/%FF")).status == invalid
    assert (
        await service("PUT /v1/resources/x", {"permissions": [{"action": "READ", "allow": True}]})
    ).status == invalid
    assert (await service("PUT /v1/resources/x", {"permissions": []})).status == invalid


async def test_paths(service: Service) -> None:
    for line, status in (
        ("GET /", 404), ("GET /v1", 404), ("GET /v1/groups/", 404), ("GET /v1/groups/a/b", 404),
        ("GET /V1/groups", 404),
        ("PATCH /v1/groups/grp_x", 405), ("POST /v1/users", 405), ("DELETE /v1/clients//access-keys/k", 404),
    ):  # fmt: skip
        assert (await service(line, {})).status == status, line
    await service("POST /v1/records", {**RECORD, "recordId": "a|b~c"})
    assert (await service("GET /v1/records/a%7Cb~c")).json()["recordId"] == "a|b~c"


async def test_everything_under_ids_of_the_service(service: Service) -> None:
    nameless = {key: value for key, value in GROUP.items() if key != "groupId"}
    group = (await service("POST /v1/groups", {**nameless, "tags": {"a": "b"}})).json()
    assert group["groupId"].startswith("grp_")
    assert group["tags"] == {"a": "b"}
    role = (await service("POST /v1/roles", {"name": "R", "permissions": []})).json()
    assert role["roleId"].startswith("ro_")
    told = {key: value for key, value in RECORD.items() if key != "recordId"}
    record = (await service("POST /v1/records", {**told, "tags": {"a": "b"}, "description": "d"})).json()
    assert (record["recordId"][:4], record["tags"], record["description"]) == ("rec_", {"a": "b"}, "d")
    assert (await service(f"PUT /v1/roles/{role['roleId']}", ROLE)).json()["permissions"] == [RIGHT]
    assert (await service("DELETE /v1/roles/ro_none")).status == 404
    assert (await service(f"DELETE /v1/groups/{group['groupId']}")).status == 204


async def test_people(service: Service) -> None:
    row = q.UserRow(id="ann", created_at=1.0, email="ann@example.org", name="Ann")
    await service.store.write(lambda conn: q.users.put(conn, row))
    await service("POST /v1/records", {**RECORD, "groups": [], "users": [{"userId": "ann"}]})
    assert (await service("GET /v1/users?filter=ANN@")).json()["users"] == [
        {"userId": "ann", "name": "Ann", "email": "ann@example.org"}
    ]
    assert (await service("GET /v1/users?filter=bob")).json()["users"] == []
    users = (await service("GET /v1/resources/docs%2F%2A/users")).json()["users"]
    assert users == [{"userId": "ann", "roles": [{"roleId": "ro_doc_editor"}]}]
    assert (await service("DELETE /v1/users/ann")).status == 202
    assert (await service("GET /v1/users/ann")).status == 404
    assert (await service("GET /v1/records/rec-docs")).json()["users"] == []


async def test_a_deletion_that_is_done_later() -> None:
    service = Service(late=10.0)
    await service.store.write(lambda conn: q.users.put(conn, q.UserRow(id="ann", created_at=1.0)))
    assert (await service("DELETE /v1/users/ann")).status == 202
    assert (await service("GET /v1/users/ann")).status == 200
    service.now += 10
    assert (await service("GET /v1/users/ann")).status == 404
    assert (await service("GET /v1/users")).json()["users"] == []


async def test_resources_and_claims(service: Service) -> None:
    rules = {"permissions": [{"action": "CLAIM", "allow": True}]}
    assert (await service("GET /v1/resources/docs")).status == 404
    put = await service("PUT /v1/resources/docs", rules)
    assert (put.status, put.body) == (200, b"")
    assert (await service("GET /v1/resources/docs")).json() == rules
    assert [one["resourceUri"] for one in (await service("GET /v1/resources")).json()["resources"]] == [
        "docs"
    ]
    claim = {"collectionResource": "docs/*", "resourceId": "77"}
    assert (await service("POST /v1/claims", claim)).status == 201
    assert (await service("POST /v1/claims", claim)).status == 409
    assert (await service("POST /v1/claims", {**claim, "collectionResource": "other"})).status == 403
    assert (await service("GET /v1/users/sc_admin/resources/docs%2F77/permissions/any")).status == 200


async def test_policies_of_other_backends_are_no_records(service: Service) -> None:
    statement = {"effect": "allow", "action": ["fs:*"], "resource": "*"}
    row = q.PolicyRow(id="FSFullAccess", created_at=1.0, statements=[statement])
    await service.store.write(lambda conn: q.policies.put(conn, row))
    assert (await service("GET /v1/records/FSFullAccess")).status == 404
    assert [one["recordId"] for one in (await service("GET /v1/records")).json()["records"]] == [
        "owner-sc_admin"
    ]


async def test_deleted_records() -> None:
    kept, gone = Service(), Service(deleted_records="gone")
    for service, status, again in ((kept, 200, 409), (gone, 404, 201)):
        await service("POST /v1/records", RECORD)
        assert (await service("DELETE /v1/records/rec-docs")).status == 204
        assert (await service("GET /v1/records/rec-docs")).status == status
        assert (await service("PUT /v1/records/rec-docs", RECORD)).status == 404
        assert (await service("DELETE /v1/records/rec-docs")).status == 404
        assert (await service("POST /v1/records", RECORD)).status == again
    listed = {
        status: (await kept(f"GET /v1/records?status={status}")).json()["records"]
        for status in ("ACTIVE", "DELETED")
    }
    assert [len(one) for one in listed.values()] == [1, 1]
    assert len((await kept("GET /v1/records")).json()["records"]) == 2


async def test_each_choice_the_other_way() -> None:
    service = Service(errors="text", create_record=202, update_record=200, last_modified="no", lists="array")
    refused = await service("GET /v1/groups/grp_x")
    assert (refused.status, refused.body, "content-type" in refused.headers) == (
        404,
        b"Group not found",
        False,
    )
    made = await service("POST /v1/records", RECORD)
    assert (made.status, made.body) == (202, b"")
    assert (await service("PUT /v1/records/rec-docs", RECORD)).json()["recordId"] == "rec-docs"
    assert "last-modified" not in (await service("GET /v1/records/rec-docs")).headers
    assert isinstance((await service("GET /v1/records?limit=1")).json(), list)
    assert isinstance((await service("GET /v1/users/u3/resources")).json(), list)
    empty = await Service(errors="empty")("GET /v1/groups/grp_x")
    assert (empty.status, empty.body) == (404, b"")
    limited = Service(sixth_key=409)
    id = (await limited("POST /v1/clients", {})).json()["clientId"]
    for _ in range(5):
        assert (await limited(f"POST /v1/clients/{id}/access-keys")).status == 201
    sixth = await limited(f"POST /v1/clients/{id}/access-keys")
    assert (sixth.status, sixth.json()["errorCode"]) == (409, "MaximumAccessKeysReached")


async def test_choices_by_their_lines() -> None:
    chosen = Choices.parse(["errors=text", "sixth-key=413", "late=2.5", "last_modified = no"])
    assert chosen == Choices(errors="text", sixth_key=413, late=2.5, last_modified="no")
    for line in ("colour=red", "errors=xml", "sixth_key=200", "sixth_key=many", "errors"):
        with pytest.raises(ConfigurationError):
            Choices.parse([line])


async def test_faults_and_a_store_that_fails(service: Service) -> None:
    service.app.state.faults.add("GET /v1/groups: 429, retry-after=2, times=1")
    limited = await service("GET /v1/groups")
    assert (limited.status, limited.headers["retry-after"]) == (429, "2")
    await service("GET /v1/groups")

    def broken(*_: object) -> None:
        from identity_sdk.store import StoreError

        raise StoreError("the disk is full")

    service.store.read = broken  # type: ignore[method-assign, assignment]
    assert (await service("GET /v1/groups")).status == 500


async def test_a_client_that_hangs_up(service: Service) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pytest.fail("nobody listens")

    scope = {"type": "http", "method": "GET", "path": "/v1/groups", "query_string": b"", "headers": []}
    await service.app.state.emulator(scope, receive, send)


async def test_prepared_once_for_each_store(service: Service) -> None:
    await service.app.state.emulator.prepare()
    again = create_app(service.store, admin=Admin(private=SEED))
    await again.state.emulator.prepare()
    assert again.state.emulator.access_key == service.key
