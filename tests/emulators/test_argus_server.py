"""The Argus emulator by plain requests: bodies that are refused, odd paths, soft deletes, choices."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from identity_sdk.emulators import argus
from identity_sdk.emulators.argus.directory import Directory, Numbers
from identity_sdk.emulators.argus.grants import Grants
from identity_sdk.emulators.argus.routes import ROUTES, route
from identity_sdk.emulators.argus.secrets_of import check_csrf, code_at
from identity_sdk.emulators.passwords import hash_of_password, same_password
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store, StoreError
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

ADMIN = argus.Admin("admin", "password of the admin", "secret")
A, U = "/authentication/v1", "/useradmin/v2"


class Server:
    """The app in process, and a client with the administrator's key."""

    def __init__(self, choices: argus.Choices) -> None:
        self.now = 1_800_000_000.0
        self.store = Store.open("sqlite://", clock=lambda: self.now)
        self.app = argus.create_app(self.store, choices=choices, admin=ADMIN)
        self.emulator = self.app.state.emulator
        transport = httpx.ASGITransport(app=self.app, client=("127.0.0.1", 1))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://argus.example")

    async def __call__(self, line: str, status: int = 200, body: object = None, **headers: str) -> Any:
        method, path = line.split(" ", 1)
        told = headers or {"argus-api-key": self.emulator.api_key}
        if body is not None:
            told = {"content-type": "application/json", **told}
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        answer = await self.http.request(method, path, content=content, headers=told)
        assert answer.status_code == status, f"{line}: {answer.status_code} {answer.text}"
        if "json" not in answer.headers.get("content-type", ""):
            return answer.text
        found = answer.json()
        if found:
            assert found["responseCode"] == status
        return found


@pytest.fixture
def choices() -> argus.Choices:
    return argus.Choices()


@pytest.fixture
async def ask(choices: argus.Choices, anyio_backend: str) -> AsyncIterator[Server]:
    server = Server(choices)
    await server.emulator.prepare()
    yield server
    await server.http.aclose()
    await server.store.aclose()


def test_choices() -> None:
    made = argus.Choices.parse(["count=unknown", "session-life=60", "created = 200"])
    assert (made.count, made.session_life, made.created) == ("unknown", 60.0, 200)
    for wrong in ("nothing=1", "count=many", "created=x", "bad_code=500"):
        with pytest.raises(ConfigurationError):
            argus.Choices.parse([wrong])


def test_paths() -> None:
    def found(method: str, path: str) -> Any:
        one = route(method, tuple(path.removeprefix("/").split("/")))
        return None if one is None else (one[0].handler.__name__, one[1])

    assert found("DELETE", f"{A}/apikey/7") == ("revoke_key", {"key": "7"})
    assert found("DELETE", f"{A}/apikey/1ab/2c") == ("revoke_key", {"key": "1ab/2c"})
    assert found("DELETE", f"{A}/session/a/b/c") == ("evict_session", {"session": "a/b/c"})
    assert found("GET", f"{A}/user/ann") == ("user_status", {"user": "ann"})
    for nothing in (f"{A}/apikey/7/", f"{A}/apikey/x", f"{A}//apikey", "", f"{A}/apikey/1/2/3"):
        assert found("DELETE", nothing) is None
    assert len(ROUTES) == len({(one.method, one.path) for one in ROUTES})


async def test_bodies_that_are_refused(ask: Server) -> None:
    line = f"POST {U}/user"
    good = {"customer": "mnemonic", "shortName": "ann", "name": "Ann"}
    for raw, status in ((b"{", 400), (b"[]", 400), (b'"x"', 400), (b"", 412)):
        await ask(line, status, raw)
    await ask(line, 415, b"{}", **{"argus-api-key": ask.emulator.api_key, "content-type": "text/plain"})
    for more, field in (
        ({"customer": None}, "customer"), ({"customer": "nobody"}, "customer"), ({"extra": 1}, "extra"),
        ({"shortName": "a b"}, "shortName"), ({"name": "<>"}, "name"), ({"language": "latin"}, "language"),
        ({"daemonAccount": "yes"}, "daemonAccount"), ({"phone": 5}, "phone"), ({"name": 5}, "name"),
        ({"enableAuthenticationMethods": "x"}, "enableAuthenticationMethods"), ({"domain": "OTHER"}, "domain"),
        ({"enableAuthenticationMethods": [5]}, "enableAuthenticationMethods"), ({"email": "a\x00"}, "email"),
    ):  # fmt: skip
        told = await ask(line, 412, {**good, **more})
        (message,) = told["messages"]
        assert (message["type"], message["field"]) == ("FIELD_ERROR", field)
    await ask(line, 201, good)
    assert (await ask(line, 412, good))["messages"][0]["field"] == "shortName"
    key = {"description": "d", "password": ADMIN.password}
    for more, field in (
        ({"expirationDays": -1}, "expirationDays"), ({"expirationDays": 10**6}, "expirationDays"),
        ({"expirationDays": True}, "expirationDays"), ({"validSources": ["x"]}, "validSources"),
        ({"disableSourceRestriction": True}, "disableSourceRestriction"), ({"password": None}, "password"),
        ({"sessionConstraints": {"function": ["no"]}}, "function"),
    ):  # fmt: skip
        assert (await ask(f"POST {A}/apikey", 412, {**key, **more}))["messages"][0]["field"] == field
    for query in ("limit=-1", "limit=x", "offset=99999999999", "includeDeleted=perhaps"):
        await ask(f"GET {U}/user?{query}", 412)
    assert (await ask(f"GET {U}/user?limit=0&sortBy=name"))["size"] == 2


async def test_who_is_not_let_in(ask: Server) -> None:
    for headers in (
        {"x": "y"},
        {"authorization": "Basic x"},
        {"authorization": "Bearer x"},
        {"cookie": "argus_session=x"},
    ):
        await ask(f"GET {A}/apikey", 401, **headers)
    await ask("GET /nothing", 404)
    await ask(f"GET {U}/user/%00", 404)
    await ask(f"GET {U}/user/%FF", 404)
    await ask(f"GET {A}/session?domain=OTHER", 401)
    await ask(f"PUT {A}/password", 401, {"newPassword": "a new password"}, x="y")
    bad = await ask(f"PUT {A}/password", 412, {"newPassword": "a new password", "oldPassword": "wrong"})
    assert bad["data"]["reason"] == "wrongPassword"
    short = await ask(f"PUT {A}/password", 412, {"newPassword": "short", "oldPassword": ADMIN.password})
    assert short["data"]["reason"] == "tooShort"
    await ask(f"POST {U}/user", 201, {"customer": "mnemonic", "shortName": "ann", "name": "Ann"})
    cut = {
        "description": "d",
        "sessionConstraints": {"function": ["viewUsers"], "customerID": [2], "readOnly": True},
    }
    made = (await ask(f"POST {A}/apikey", 201, {**cut, "password": ADMIN.password}))["data"]
    assert [one["name"] for one in made["keyDescriptor"]["constraints"]["functions"]] == ["viewUsers"]
    key = {"argus-api-key": made["apiKeyString"]}
    await ask(f"GET {U}/user", **key)
    await ask(f"GET {A}/session/permission/viewUsers/acme", **key)
    await ask(f"GET {A}/session/permission/viewUsers/mnemonic", 403, **key)
    await ask(f"GET {A}/session/permission/all", 403, **key)
    await ask(f"PUT {U}/user/ann", 403, {"name": "x"}, **key)
    assert [one["shortName"] for one in (await ask(f"GET {A}/session/customer", **key))["data"]] == ["acme"]
    session = (await ask(f"POST {A}/apikey/authenticate", 200, {"apikey": made["apiKeyString"]}))["data"]
    assert session["constrained"]
    bearer = {"authorization": f"Bearer {session['requestCredentialsData']}"}
    await ask(f"PUT {U}/user/ann", 403, {"name": "x"}, **bearer)
    await ask(f"POST {A}/session/constrain", 403, {"customer": ["mnemonic"]}, **bearer)


async def test_authorizations(ask: Server) -> None:
    who = {"userName": "admin", "password": ADMIN.password}
    await ask(
        f"POST {A}/password/authentication", 412, {**who, "requestedAuthorizations": ["everything"]}, x="y"
    )
    await ask(
        f"POST {U}/user", 201, {"customer": "mnemonic", "shortName": "ann", "name": "Ann", "email": "a@x.no"}
    )
    token = (await ask(f"PUT {A}/user/ann/password/reset"))["data"]["authorization"]
    assert [letter.email for letter in ask.emulator.outbox] == ["a@x.no"]
    new = {"newPassword": "a new password"}
    await ask(f"POST {A}/totp", 401, {"authorization": token})
    await ask(f"PUT {A}/password", 401, {**new, "authorization": "wrong"}, x="y")
    await ask(f"PUT {A}/password", 200, {**new, "authorization": token}, x="y")
    await ask(f"PUT {A}/password", 401, {**new, "authorization": token}, x="y")
    late = (await ask(f"PUT {A}/user/ann/password/reset"))["data"]["authorization"]
    ask.now += 3601
    await ask(f"PUT {A}/password", 401, {**new, "authorization": late}, x="y")

    def authorize(conn: Any) -> str:
        from identity_sdk.emulators.argus.accounts import Accounts

        directory = Directory(conn, Numbers(), ask.now)
        accounts = Accounts(directory, argus.Choices())
        return accounts.authorize(directory.subject("ann", "user"), "apikey.create")[0]

    other = await ask.store.write(authorize)
    await ask(f"POST {A}/apikey", 403, {"description": "d", "authorization": other})


async def test_deletes_are_soft(ask: Server) -> None:
    told = {"customer": "acme", "shortName": "ann", "name": "Ann", "description": "d"}
    for kind in ("user", "group"):
        number = (await ask(f"POST {U}/{kind}", 201, told))["data"]["id"]
        await ask(f"DELETE {U}/{kind}/ann")
        await ask(f"GET {U}/{kind}/ann", 404)
        await ask(f"GET {U}/{kind}/{number}", 404)
        listed = (await ask(f"GET {U}/{kind}?includeDeleted=true&includeFlag=deleted&customer=acme"))["data"]
        assert [(one["id"], one["flags"]) for one in listed] == [(number, ["deleted"])]
        again = (await ask(f"POST {U}/{kind}", 201, told))["data"]["id"]
        assert again != number
        await ask(f"PUT {U}/{kind}/{number}/reenable", 412)
        await ask(f"PUT {U}/{kind}/{again}/reenable")
        await ask(f"DELETE {U}/{kind}/{again}")
        assert (await ask(f"PUT {U}/{kind}/{number}/reenable"))["data"]["flags"] == []
        assert (await ask(f"GET {U}/{kind}/{number}"))["data"]["shortName"] == "ann"
        await ask(f"PUT {U}/{kind}/ann", 412, {"shortName": "other"})
        await ask(f"PUT {U}/{kind}/ann", 200, {"shortName": "ann", "description": "x"})


@pytest.mark.parametrize("choices", [argus.Choices(deleted="flagged", missing="null", repeated="refused")])
async def test_other_choices(ask: Server) -> None:
    told = {"customer": "acme", "shortName": "ann", "name": "Ann"}
    for kind in ("user", "group"):
        await ask(f"POST {U}/{kind}", 201, told)
    await ask(f"POST {U}/group", 201, {**told, "shortName": "team"})
    one = {"subject": ["ann"]}
    await ask(f"POST {U}/group/team/members", 201, one)
    await ask(f"POST {U}/group/team/members", 412, one)
    await ask(f"DELETE {U}/group/team/members?subject=ann")
    await ask(f"DELETE {U}/group/team/members?subject=ann", 412)
    await ask(f"DELETE {U}/user/ann")
    assert (await ask(f"GET {U}/user/ann"))["data"]["flags"] == ["deleted"]
    assert (await ask(f"GET {U}/user/nobody"))["data"] is None
    assert (await ask(f"GET {U}/function/nothing"))["data"] is None


async def test_what_is_not_there(ask: Server) -> None:
    await ask(f"POST {U}/group", 201, {"customer": "1", "shortName": "team", "name": "T"})
    for line, status in (
        (f"GET {U}/function/nothing", 404), (f"GET {U}/function/5", 404), ("GET /customers/v2/customer/x", 404),
        (f"DELETE {U}/permission/5", 404), (f"DELETE {U}/permission?permission=5", 404),
        (f"DELETE {U}/permission", 404),
        (f"DELETE {U}/membership?membershipID=x", 404), (f"GET {U}/membership?subject=nobody", 404),
        (f"DELETE {U}/group/team/members", 412), (f"GET {U}/group/nobody/members", 404),
        ("GET /users/v2/subject/team/groups", 412), (f"DELETE {A}/apikey/1/2", 404), (f"DELETE {A}/session/x", 404),
        (f"DELETE {A}/user/admin/totp", 404), (f"GET {U}/permission?function=nothing", 404),
        (f"GET {A}/session/permission/nothing", 404), (f"PUT {U}/user/nobody/reenable", 404),
    ):  # fmt: skip
        await ask(line, status)
    await ask(f"POST {U}/group/team/members", 412, {"subject": []})
    await ask(f"POST {A}/session/impersonate", 412, {})
    await ask(f"POST {A}/session/impersonate", 404, {"user": "nobody"})
    await ask(f"PUT {A}/totp", 404, {"cookie": "x", "verificationCode": "1"})
    await ask(f"POST {A}/totp", 200, {"password": ADMIN.password})
    await ask(f"PUT {A}/totp", 412, {"cookie": "x", "verificationCode": "1"})
    function = {"name": "mine", "parent": "all", "minimumSecurityLevel": "standard"}
    await ask(f"POST {U}/function", 201, function)
    await ask(f"POST {U}/function", 412, function)
    found = (await ask(f"GET {U}/function/mine"))["data"]["id"]
    assert (await ask(f"GET {U}/function/{found}"))["data"]["name"] == "mine"


async def test_groups_in_groups(ask: Server) -> None:
    for name in ("top", "middle", "low"):
        await ask(f"POST {U}/group", 201, {"customer": "1", "shortName": name, "name": name})
    for outer, inner in (("top", "middle"), ("middle", "low"), ("low", "top")):
        await ask(f"POST {U}/group/{outer}/members", 201, {"subject": [inner]})
    number = (await ask(f"GET {U}/group/low"))["data"]["id"]
    path = f"GET /users/v2/subject/{number}/groups"
    assert [one["shortName"] for one in (await ask(path))["data"]] == ["middle"]
    every = [one["shortName"] for one in (await ask(f"{path}?includeInherited=true"))["data"]]
    assert every == ["low", "middle", "top"]
    await ask(f"POST {U}/permission", 201, {"subject": "top", "function": "viewUsers", "customer": "1"})
    held = (await ask(f"GET {U}/group/low/permissions"))["data"]
    assert [one["subject"]["shortName"] for one in held] == ["top"]
    await ask(f"DELETE {U}/group/middle")
    assert (await ask(path))["data"] == []


async def test_what_other_dialects_have_put_there(ask: Server) -> None:
    def plant(conn: Any) -> None:
        q.users.put(conn, q.UserRow(id="42", created_at=1.0))
        q.policies.put(conn, q.PolicyRow(id="foreign", created_at=1.0, statements=[]))
        for subject, policy in (
            ("42", "foreign"),
            ("nobody", "foreign"),
            ("admin", "foreign"),
            ("admin", "gone"),
        ):
            q.attachments.put(
                conn,
                q.AttachmentRow(policy_id=policy, subject_type="user", subject_id=subject, created_at=1.0),
            )
        q.credentials.put(conn, q.CredentialRow(id="1/1", user_id="admin", kind="access_key", created_at=1.0))

    await ask.store.write(plant)
    number = (await ask(f"GET {U}/user?keywords=42&keywordField=shortName"))["data"][0]["id"]
    assert (await ask(f"GET {U}/user/{number}"))["data"]["shortName"] == "42"
    assert "foreign" in [one["name"] for one in (await ask("GET /users/v2/function?limit=0"))["data"]]
    held = (await ask(f"GET {U}/user/admin/permissions"))["data"]
    assert ("foreign", "mnemonic") in [
        (one["function"]["name"], one["customer"]["shortName"]) for one in held
    ]
    assert (await ask(f"GET {U}/permission?limit=0&function=foreign"))["count"] >= 1
    assert await ask.store.read(lambda conn: Grants(Directory(conn, Numbers(), 0.0)).functions) is not None


async def test_a_store_that_fails(ask: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_fn: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(ask.store, "write", broken)
    assert (await ask(f"GET {A}/apikey", 500))["messages"][0]["message"] == "the disk is full"


def test_the_cryptography() -> None:
    assert code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 1, 8) == "94287082"  # RFC 6238, appendix B
    stored = hash_of_password("pw")
    assert same_password(stored, "pw")
    assert not same_password(stored, "other")
    assert not same_password("$argon2id$x", "pw")
    assert not check_csrf("a.b", "a2V5", ("u",), 0.0, 1.0)
    assert not check_csrf("é.b.c", "a2V5", ("u",), 0.0, 1.0)
