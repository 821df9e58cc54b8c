"""The IGT Cloud emulator as a client without any of our models sees it: statuses, cookies, messages, refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from joserfc import jwt as jose
from joserfc.jwk import RSAKey

from identity_sdk.emulators import igtcloud
from identity_sdk.emulators.igtcloud.jwt import check_assertion, read_jwt
from identity_sdk.emulators.passwords import hash_of_password, same_password
from identity_sdk.emulators.seed import plant
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
LOGIN = {"grantType": "password", "username": "admin@example.com", "password": "pw"}
ANN = {"loginId": "ann", "email": "ann@example.org", "givenName": "Ann", "familyName": "Dam"}


class Client:
    """Requests under the login's headers."""

    def __init__(self, http: httpx.AsyncClient, store: Store, emulator: Any) -> None:
        self.http = http
        self.store = store
        self.emulator = emulator
        self.headers: dict[str, str] = {}

    async def login(self, body: Any = None) -> httpx.Response:
        answer = await self.http.post("/api/auth/login", json=body or LOGIN)
        self.http.cookies.clear()
        if answer.status_code == 200:
            lines = answer.headers.get_list("set-cookie")
            pair = dict(line.partition(";")[0].split("=", 1) for line in lines)
            self.headers = {
                "X-JWT": f"{pair['jwt_header_payload']}.{pair['jwt_signature']}",
                "X-CSRF-TOKEN": answer.json()["CSRFToken"],
            }
        return answer

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        told = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.http.request(method, path, json=body, headers=told)


@asynccontextmanager
async def server(*choices: str, **options: Any) -> AsyncGenerator[Client]:
    store = Store.open("sqlite://", clock=lambda: NOW)
    admin = igtcloud.Admin("admin@example.com", "pw")
    app = igtcloud.create_app(store, choices=igtcloud.Choices.parse(choices), admin=admin, **options)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://igt.example") as http:
        yield Client(http, store, app.state.emulator)
    await store.aclose()


async def test_a_login_sets_two_cookies() -> None:
    async with server() as client:
        answer = await client.login()
        assert set(answer.json()) == {"CSRFToken", "sub"}
        assert "JWT" not in answer.text
        first, second = answer.headers.get_list("set-cookie")
        assert first.startswith("jwt_header_payload=")
        assert first.endswith("; Expires=Fri, 15 Jan 2027 08:30:00 GMT; Max-Age=1800; Secure; Path=/")
        assert second.startswith("jwt_signature=")
        assert second.endswith("Max-Age=1800; Secure; HttpOnly; Path=/")
        out = await client("POST", "/api/auth/logout")
        assert (out.status_code, out.json()) == (200, {"success": True})
        assert all("Max-Age=0" in line for line in out.headers.get_list("set-cookie"))
        again = await client("POST", "/auth/logout")
        assert again.json() == {"success": False}
        for flag in ("true", "True", "1", "TRUE"):
            assert (await client("POST", f"/auth/logout?hasExpired={flag}")).json() == {"success": True}
        assert (await client("POST", "/auth/logout?hasExpired=perhaps")).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**LOGIN, "password": "other"}, 401),
        ({**LOGIN, "username": "nobody"}, 401),
        ({"grantType": "password", "username": "admin@example.com"}, 400),
        ({"grantType": "telepathy"}, 400),
        ({"username": "u"}, 400),
        ({"grantType": 5}, 400),
        (["grantType"], 400),
        ({"grantType": "jwt-key"}, 400),
        ({"grantType": "jwt-key", "assertion": "a.b.c"}, 401),
    ],
)
async def test_logins_that_are_refused(body: Any, status: int) -> None:
    async with server() as client:
        answer = await client.login(body)
        assert answer.status_code == status
        assert isinstance(answer.json()["message"], str)


async def test_assertions_that_are_refused() -> None:
    async with server() as client:
        await client.login()
        made = (await client("POST", "/api/data/organizations/org-1/services", {"name": "robot"})).json()
        key, who = RSAKey.import_key(made["privateKey"]), made["serviceId"]
        aud = (await client.http.get("/api/auth/login/$aud")).json()
        good = {"aud": [aud], "iss": who, "sub": who, "exp": int(NOW) + 3600}

        async def status(claims: Any, signer: Any = key, algorithm: str = "RS256") -> int:
            signed = jose.encode({"alg": algorithm}, claims, signer, algorithms=[algorithm])
            return (await client.login({"grantType": "jwt-key", "assertion": signed})).status_code

        assert await status({**good, "aud": aud}) == 200
        assert "refresh_token" not in (read_jwt(client.headers["X-JWT"], client.emulator._secret) or {})
        assert (await client("POST", "/api/auth/refresh")).status_code == 400
        assert (await client("GET", "/api/data/users/me")).status_code == 400
        assert await status(good) == 200
        for wrong in (
            {**good, "aud": ["https://elsewhere"]},
            {**good, "exp": int(NOW)},
            {**good, "exp": int(NOW) + 7200},
            {**good, "exp": "soon"},
            {**good, "iss": "somebody"},
            {**good, "sub": "somebody"},
        ):
            assert await status(wrong) == 401
        assert await status(good, RSAKey.generate_key(2048)) == 401
        assert await status(good, key, "RS512") == 401
        assert check_assertion("a.b.c", "no key") is None


async def test_who_is_not_let_in() -> None:
    async with server() as client:
        for path in ("introspect", "permissions", "s3credentials?action=GET"):
            answer = await client("GET", f"/api/auth/{path}")
            assert (answer.status_code, answer.json()) == (401, {"message": "Missing or invalid token"})
        await client.login()
        good = client.headers
        for jwt in ("", "x", "a.b.c", good["X-JWT"] + "x", good["X-JWT"].replace(".", "..")):
            client.headers = {**good, "X-JWT": jwt}
            assert (await client("GET", "/api/auth/introspect")).status_code == 401
        for csrf in ("", "wrong"):
            client.headers = {**good, "X-CSRF-TOKEN": csrf}
            for method, path in (
                ("POST", "auth/refresh"),
                ("POST", "auth/audit-trail"),
                ("POST", "data/users"),
            ):
                assert (await client(method, f"/api/{path}", {})).status_code == 401
            assert (await client("GET", "/api/auth/introspect")).status_code == 200


async def test_paths_and_methods() -> None:
    async with server() as client:
        await client.login()
        for path in (
            "/",
            "/api",
            "/api/auth",
            "/api/auth/nothing",
            "/api/v2/users",
            "/api/data/users/a/b",
            "/data/users/",
        ):
            assert (await client("GET", path)).status_code == 404
        for method, path in (
            ("PUT", "/auth/login"),
            ("POST", "/data/users/me"),
            ("DELETE", "/data/projects"),
        ):
            answer = await client(method, path, {})
            assert answer.status_code == 405
        assert (await client("GET", "/data/users/%00")).status_code == 404
        assert (await client("GET", "/data/users/%ff")).status_code == 404


async def test_bodies_that_are_refused() -> None:
    async with server() as client:
        await client.login()
        plain = {**client.headers, "Content-Type": "text/plain"}
        assert (await client.http.post("/data/users", content=b"{}", headers=plain)).status_code == 415
        typed = {**client.headers, "Content-Type": "application/json"}
        for raw in (b"", b"{", b"[" * 100_000):
            assert (await client.http.post("/data/users", content=raw, headers=typed)).status_code == 400
        lacking = await client("POST", "/data/users", {"loginId": "ann"})
        assert lacking.json() == {
            "message": "Input payload validation failed",
            "errors": {
                name: f"'{name}' is a required property" for name in ("email", "familyName", "givenName")
            },
        }
        for wrong in ({**ANN, "email": 5}, {**ANN, "email": ""}):
            assert set((await client("POST", "/data/users", wrong)).json()["errors"]) == {"email"}
        made = (await client("POST", "/data/users", ANN)).json()
        assert (
            await client("PUT", f"/data/users/{made['userUUID']}", {**ANN, "loginId": "b"})
        ).status_code == 400
        groups = {"userId": made["userUUID"], "groupIds": [5]}
        assert (await client("PUT", "/data/organizations/org-1/users-groups", groups)).status_code == 400
        assert (await client("POST", "/data/organizations/org-1/services", {"name": ""})).status_code == 400
        for query in ("", "?action=", "?action=EAT"):
            assert (await client("GET", f"/auth/s3credentials{query}")).status_code == 400
        assert (await client("GET", "/auth/introspect", X_Fields="a}b")).status_code == 400


async def test_what_is_not_there() -> None:
    for choice, status in (("missing=404", 404), ("missing=400", 400)):
        async with server(choice) as client:
            await client.login()
            for method, path, body in (
                ("GET", "users/u", None),
                ("PUT", "users/u", ANN),
                ("DELETE", "users/u", None),
                ("POST", "users/$mfa-reset", {"loginId": "nobody"}),
                ("GET", "organizations/none/groups", None),
                ("POST", "organizations/none/services", {"name": "n"}),
                ("DELETE", "organizations/org-1/services/none", None),
                ("PUT", "organizations/org-1/users-groups", {"userId": "u", "groupIds": []}),
                ("GET", "projects/hospitals/none", None),
            ):
                assert (await client(method, f"/data/{path}", body)).status_code == status, path
            assert (
                await client("GET", "/data/projects/none")
            ).status_code == 404  # the one that is documented
            made = (await client("POST", "/data/users", ANN)).json()
            groups = {"userId": made["userUUID"], "groupIds": ["none"]}
            assert (
                await client("PUT", "/data/organizations/org-1/users-groups", groups)
            ).status_code == status


async def test_projects_and_hospitals_are_organizations() -> None:
    async with server() as client:
        await client.login()
        (project,) = (await client("POST", "/data/projects", {"name": "P"})).json()
        place = f"/data/projects/{project['id']}/hospitals"
        hospitals = [(await client("POST", place, {"name": name})).json() for name in ("H", "I")]
        for one in (project, *hospitals):
            assert (await client("GET", f"/data/organizations/{one['id']}/groups")).json() == []
        for one in hospitals:
            assert (await client("GET", f"/data/projects/hospitals/{one['id']}")).json()["name"] == one[
                "name"
            ]


async def test_users_of_other_dialects_are_seen() -> None:
    async with server() as client:
        seed = {
            "users": [{"id": "ann", "email": "ann@example.com"}, {"id": "bob"}],
            "policies": [
                {"id": "p", "statement": [{"effect": "allow", "action": "project.read", "resource": "*"}]},
                {"id": "d", "statement": [{"effect": "deny", "action": ["*"], "resource": "*"}]},
            ],
            "attachments": [
                {"policy": "p", "user": "ann"},
                {"policy": "p", "user": "bob"},
                {"policy": "d", "user": "bob"},
            ],
        }
        await client.store.write(lambda conn: plant(conn, seed, NOW))
        machine = q.UserRow(id="robot", created_at=NOW, attributes={"kind": "service"})
        blocked = q.UserRow(id="cy", created_at=NOW, name="Cy Li", attributes={"active": False})
        files = q.UserRow(
            id="dee",
            created_at=NOW,
            attributes={"igtcloud": {"files": [{"key": "a", "fileSize": 2}, {"key": "b", "fileSize": 1}]}},
        )
        for row in (machine, blocked, files):
            await client.store.write(lambda conn, row=row: q.users.insert(conn, row))
        await client.login()
        told = {one["loginId"]: one for one in (await client("GET", "/data/users")).json()}
        assert set(told) == {"admin@example.com", "ann", "bob", "cy", "dee"}
        rights = {name: one["profile"]["organizationRoles"][0]["permissions"] for name, one in told.items()}
        assert (rights["ann"], rights["bob"]) == (["project.read"], [])
        assert told["cy"]["profile"]["disabled"]
        assert (told["cy"]["profile"]["givenName"], told["cy"]["profile"]["familyName"]) == ("Cy", "Li")
        taken = {**ANN, "loginId": "robot"}
        assert (await client("POST", "/data/users", taken)).status_code == 400
        await client.store.write(lambda conn: client.emulator.set_password(conn, "dee", "pw"))
        await client.login({**LOGIN, "username": "dee"})
        own = f"/data/users/{told['dee']['userUUID']}"
        assert (await client("GET", own)).json()["loginId"] == "dee"
        assert (await client("GET", f"/data/users/{told['ann']['userUUID']}")).status_code == 403
        assert [one["key"] for one in (await client("GET", "/data/users/files")).json()] == ["a", "b"]
        assert (await client("DELETE", "/data/users/files?keys=a&keys=c")).status_code == 204
        assert [one["key"] for one in (await client("GET", "/data/users/files")).json()] == ["b"]
        assert (await client("GET", "/data/users/download-files")).content[:2] == b"PK"
        assert (await client("GET", own)).json()["userUUID"] == told["dee"]["userUUID"]


async def test_the_shapes_of_errors() -> None:
    for shape, content_type in (("json", "application/json"), ("text", "text/plain"), ("empty", "text/html")):
        async with server(f"error_body={shape}", "logout=401") as client:
            answer = await client("POST", "/auth/logout")
            assert answer.status_code == 401
            assert answer.headers["content-type"].startswith(content_type)
            assert bool(answer.content) is (shape != "empty")


async def test_a_store_that_is_away() -> None:
    async with server() as client:
        await client.login()

        async def away(_work: Any) -> None:
            from identity_sdk.store import StoreError

            raise StoreError("away")

        client.emulator.store.read = away  # type: ignore[method-assign]
        answer = await client("GET", "/auth/introspect")
        assert (answer.status_code, answer.json()) == (500, {"message": "away"})


async def test_set_up_twice_on_one_store() -> None:
    async with server() as client:
        await client.login()
        again = igtcloud.create_app(client.store, admin=igtcloud.Admin("admin@example.com", "pw"))
        await again.state.emulator.prepare()
        transport = httpx.ASGITransport(app=again)
        async with httpx.AsyncClient(transport=transport, base_url="http://igt.example") as http:
            answer = await http.get("/auth/introspect", headers=client.headers)
        assert answer.json()["user"] == "admin@example.com"


async def test_faults() -> None:
    async with server(faults=["GET /auth/permissions: 429, retry-after=2, times=1"]) as client:
        await client.login()
        answer = await client("GET", "/api/auth/permissions")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        assert (await client("GET", "/api/auth/permissions")).status_code == 200


def test_choices() -> None:
    chosen = igtcloud.Choices.parse(["refresh-csrf=other", "life=60"])
    assert (chosen.refresh_csrf, chosen.life, chosen.created) == ("other", 60, 201)
    for wrong in ("nothing=1", "life=long", "created=418", "missing"):
        with pytest.raises(ConfigurationError):
            igtcloud.Choices.parse([wrong])


def test_passwords() -> None:
    stored = hash_of_password("secret")
    assert stored != hash_of_password("secret")
    assert same_password(stored, "secret")
    for other in ("", "Secret", "\ud800"):
        assert not same_password(stored, other)
    assert not same_password("$argon2id$v=19$x", "secret")
    assert "secret" not in json.dumps(stored)
