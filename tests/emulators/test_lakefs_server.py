"""What the recordings do not show: keys that outlive their user, late rights, signing in, odd requests, passwords."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from identity_sdk.emulators.lakefs import Admin, create_app
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio
ADMIN = Admin("admin", "AKIAJADMINADMINADMQ", "admin secret")
BASIC = (ADMIN.access_key_id or "", ADMIN.secret_access_key or "")


class Server:
    """An emulator in process, on a clock that the test moves."""

    def __init__(self, face: str = "0.91", **options: Any) -> None:
        self.now = 1_800_000_000.0
        self.store = Store.open(clock=lambda: self.now)
        self.app = create_app(
            self.store, face=face, setup=True, admin=ADMIN, clock=lambda: self.now, **options
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://e/api/v1", follow_redirects=False
        )

    async def __call__(
        self, request: str, body: object = None, auth: Any = BASIC, **more: Any
    ) -> httpx.Response:
        method, path = request.split(" ", 1)
        if body is not None:
            more["json"] = body
        return await self.client.request(method, path, auth=auth, **more)

    async def key(self, user: str) -> tuple[str, str]:
        made = (await self(f"POST /auth/users/{user}/credentials")).json()
        return made["access_key_id"], made["secret_access_key"]

    async def login(self, key: tuple[str, str]) -> dict[str, str]:
        answer = await self("POST /auth/login", {"access_key_id": key[0], "secret_access_key": key[1]}, None)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}


Start = Callable[..., Server]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[Server] = []

    def make(*arguments: Any, **options: Any) -> Server:
        servers.append(Server(*arguments, **options))
        return servers[-1]

    yield make
    for server in servers:
        await server.client.aclose()
        await server.store.aclose()


@pytest.mark.parametrize("face", ["0.91", "1.x-acl"])
async def test_keys_and_tokens_of_a_deleted_user_work_again_when_the_name_is_given_anew(
    start: Start, face: str
) -> None:
    do = start(face)
    await do("POST /auth/users", {"id": "ann"})
    key = await do.key("ann")
    token = await do.login(key)
    assert (await do("GET /user", auth=key)).json()["user"]["id"] == "ann"

    assert (await do("DELETE /auth/users/ann")).status_code == 204
    assert (await do("GET /user", auth=key)).status_code == 401
    assert (await do("GET /user", auth=None, headers=token)).status_code == 401
    listed = (await do("GET /auth/users/ann/credentials")).json()["results"]
    assert [item["access_key_id"] for item in listed] == [key[0]]
    assert (await do(f"GET /auth/users/ann/credentials/{key[0]}")).status_code == 404
    # Nobody can delete them as long as the user is gone.
    assert (await do(f"DELETE /auth/users/ann/credentials/{key[0]}")).status_code == 404

    assert (await do("POST /auth/users", {"id": "ann"})).status_code == 201
    assert (await do("GET /user", auth=key)).json()["user"]["id"] == "ann"
    assert (await do("GET /user", auth=None, headers=token)).json()["user"]["id"] == "ann"
    assert (await do(f"DELETE /auth/users/ann/credentials/{key[0]}")).status_code == 204
    assert (await do("GET /user", auth=key)).status_code == 401


async def test_rights_keys_and_users_are_late_with_the_cache(start: Start) -> None:
    do = start(auth_cache=20.0)
    await do("POST /auth/users", {"id": "ann"})
    key = await do.key("ann")
    assert (await do("GET /auth/users", auth=key)).status_code == 401
    await do("PUT /auth/groups/Admins/members/ann")
    assert (await do("GET /auth/users", auth=key)).status_code == 401
    do.now += 20
    assert (await do("GET /auth/users", auth=key)).status_code == 200
    await do("DELETE /auth/groups/Admins/members/ann")
    assert (await do("GET /auth/users", auth=key)).status_code == 200
    do.now += 20
    assert (await do("GET /auth/users", auth=key)).status_code == 401

    assert (await do("GET /user", auth=key)).status_code == 200
    for _ in range(2):
        assert (await do(f"DELETE /auth/users/ann/credentials/{key[0]}")).status_code == 204
    assert (await do("GET /user", auth=key)).status_code == 200
    assert (await do("GET /auth/users/ann/credentials")).json()["results"] == []
    do.now += 20
    assert (await do("GET /user", auth=key)).status_code == 401
    assert (await do(f"DELETE /auth/users/ann/credentials/{key[0]}")).status_code == 404

    assert (await do("GET /auth/users/ann")).status_code == 200
    for _ in range(2):
        assert (await do("DELETE /auth/users/ann")).status_code == 204
    assert (await do("GET /auth/users/ann")).status_code == 200
    listed = (await do("GET /auth/users")).json()["results"]
    assert [user["id"] for user in listed] == ["admin"]
    do.now += 20
    assert (await do("GET /auth/users/ann")).status_code == 404
    assert (await do("DELETE /auth/users/ann")).status_code == 404


async def test_what_was_missing_is_not_remembered(start: Start) -> None:
    do = start(auth_cache=20.0)
    assert (await do("GET /auth/users/ann")).status_code == 404
    await do("POST /auth/users", {"id": "ann"})
    assert (await do("GET /auth/users/ann")).status_code == 200


@pytest.mark.parametrize("face", ["0.91", "1.x", "1.x-acl"])
async def test_a_login_token_lives_seven_days(start: Start, face: str) -> None:
    do = start(face)
    token = await do.login(BASIC)
    claims = json.loads(base64.urlsafe_b64decode(token["Authorization"].split(".")[1] + "=="))
    assert claims["sub"] == "admin"
    assert claims["aud"] == "login"
    assert claims["exp"] - claims["iat"] == 7 * 86400
    assert claims.get("iss") == (None if face == "0.91" else "auth")
    do.now += 7 * 86400 - 1
    assert (await do("GET /user", auth=None, headers=token)).status_code == 200
    do.now += 1
    assert (await do("GET /user", auth=None, headers=token)).status_code == 401


def forged(header: object, claims: object, key: bytes = b"") -> str:
    import hashlib
    import hmac

    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(key, b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_forged_tokens_are_refused(start: Start) -> None:
    do = start()
    good = {"sub": "admin", "aud": "login", "exp": int(do.now) + 1000}
    await do("GET /user")
    secret = do.app.state.emulator.secret.encode()
    hs256 = {"alg": "HS256", "typ": "JWT"}
    tokens = {
        forged(hs256, good, secret): 200,
        forged(hs256, good, b"another"): 401,
        forged({"alg": "none"}, good, secret): 401,
        forged(hs256, {**good, "aud": "other"}, secret): 401,
        forged(hs256, {**good, "exp": int(do.now)}, secret): 401,
        forged(hs256, {"sub": "admin", "aud": "login"}, secret): 401,
        forged(hs256, {**good, "sub": "nobody"}, secret): 401,
        forged(hs256, [], secret): 401,
        "a.b": 401,
        "a.b.ü": 401,
    }
    for token, status in tokens.items():
        headers = [(b"Authorization", f"Bearer {token}".encode("latin-1"))]
        assert (await do("GET /user", auth=None, headers=headers)).status_code == status, token


@pytest.mark.parametrize("face", ["0.91", "1.x"])
async def test_the_session_cookie_signs_in(start: Start, face: str) -> None:
    do = start(face)
    body = {"access_key_id": BASIC[0], "secret_access_key": BASIC[1]}
    session = (await do("POST /auth/login", body, None)).cookies["internal_auth_session"]
    cookie = {"Cookie": f"other:odd=1; internal_auth_session={session}"}
    assert (await do("GET /user", auth=None, headers=cookie)).json()["user"]["id"] == "admin"
    bad = {"Cookie": "internal_auth_session=nonsense"}
    assert (await do("GET /user", auth=None, headers=bad)).status_code == 401
    nothing = await do("GET /user", auth=None, headers={"Cookie": "internal_auth_session="})
    assert nothing.status_code == (401 if face == "0.91" else 200)


async def test_nobody_is_an_empty_user_on_new_servers_and_may_do_nothing(start: Start) -> None:
    do = start("1.x-acl")
    assert (await do("GET /user", auth=None)).json() == {"user": {"creation_date": 0, "id": ""}}
    for request in ("GET /auth/users", "GET /auth/groups", "DELETE /auth/users/admin"):
        answer = await do(request, auth=None)
        assert answer.status_code == 401
        assert answer.json() == {"message": "error authenticating request"}


async def test_a_caller_without_rights_is_refused_before_anything_is_looked_up(start: Start) -> None:
    do = start()
    await do("POST /auth/users", {"id": "ann"})
    key = await do.key("ann")
    assert (await do("POST /auth/groups", {"id": "a%b"}, key)).status_code == 401
    assert (await do("POST /auth/users", {"id": "a%b"}, key)).status_code == 400
    assert (await do("PUT /auth/groups/none/members/none", auth=key)).status_code == 401
    assert (await do("GET /user", auth=(key[0], "wrong"))).status_code == 401


async def test_members_of_viewers_manage_their_own_keys(start: Start) -> None:
    do = start()
    for name in ("ann", "bob"):
        await do("POST /auth/users", {"id": name})
        await do(f"PUT /auth/groups/Viewers/members/{name}")
    key = await do.key("ann")
    assert (await do("POST /auth/users/ann/credentials", auth=key)).status_code == 201
    assert (await do("GET /auth/users/bob/credentials", auth=key)).status_code == 401


async def test_request_ids(start: Start) -> None:
    do = start()
    assert (await do("GET /user", headers={"X-Request-Id": "mine"})).headers["X-Request-Id"] == "mine"
    first, second = [(await do("GET /nothing")).headers["X-Request-Id"] for _ in range(2)]
    assert first != second
    assert len(first) == 36


async def test_json_is_written_as_go_writes_it(start: Start) -> None:
    do = start()
    answer = await do("POST /auth/users", {"id": "<a&b>é\u2028"})
    assert answer.content == (b'{"creation_date":1800000000,"id":"\\u003ca\\u0026b\\u003e\xc3\xa9\\u2028"}\n')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "start_of_body"),
    [
        ("/auth/users/%25", 400, "Invalid format for parameter userId: error unescaping path parameter"),
        ("/auth/users/%2525", 404, '{"message":"user not found"}'),
        ("/auth/users/%2B%25", 404, '{"message":"user not found"}'),
        ("/auth/users/a%2520b", 200, '{"creation_date":1800000000,"id":"a b"}'),
        ("/auth/users/a%20b", 200, '{"creation_date":1800000000,"id":"a b"}'),
        ("/auth/users/%zz", 400, "400 Bad Request"),
        ("/auth/users/..", 404, '{"message":"user not found"}'),
        ("/auth/users?prefix=%zz&amount=1", 200, '{"pagination":{"has_more":true'),
        ("/auth/users?prefix=a;b", 200, '{"pagination":{"has_more":false'),
        (
            "/auth/users?amount=1e2",
            400,
            "Invalid format for parameter amount: error binding string parameter",
        ),
        (
            "/auth/users/a%20b/policies?effective=",
            400,
            "Invalid format for parameter effective: error binding",
        ),
        ("/auth/users?prefix=a&prefix=b", 400, "Invalid format for parameter prefix: multiple values"),
    ],
)
async def test_odd_paths_and_queries_on_0_91(
    start: Start, path: str, status: int, start_of_body: str
) -> None:
    do = start()
    await do("POST /auth/users", {"id": "a b"})
    bare, _, query = path.partition("?")
    answer = await raw(do, bare, query)
    assert answer[0] == status, answer
    assert answer[1].startswith(start_of_body), answer


async def raw(do: Server, path: str, query: str = "", method: str = "GET") -> tuple[int, str]:
    """Send a path as it is, which no HTTP client does."""
    sent: list[Any] = []
    token = base64.b64encode(":".join(BASIC).encode())
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/api/v1" + path,
        "raw_path": b"/api/v1" + path.encode(),
        "query_string": query.encode(),
        "headers": [(b"authorization", b"Basic " + token)],
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await do.app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


async def test_a_plus_in_a_path_is_a_blank_on_the_acl_face(start: Start) -> None:
    do = start("1.x-acl")
    for name in ("a+b", "a b"):
        assert (await do("POST /auth/users", {"id": name})).status_code == 201
    assert (await do("GET /auth/users/a%2Bb")).json()["id"] == "a b"
    assert (await do("DELETE /auth/users/a%2Bb")).status_code == 204
    assert (await do("GET /auth/users/a%2Bb")).status_code == 404
    listed = (await do("GET /auth/users", params={"prefix": "a"})).json()["results"]
    assert [user["id"] for user in listed] == ["a+b", "admin"]


async def test_an_id_that_equals_the_prefix_ends_a_page_of_one(start: Start) -> None:
    do = start()
    for name in ("ann", "anna"):
        await do("POST /auth/users", {"id": name})
    page = (await do("GET /auth/users", params={"prefix": "ann", "amount": 1})).json()
    assert page["pagination"] == {"has_more": False, "max_per_page": 0, "next_offset": "", "results": 1}


async def test_a_page_is_a_hundred_unless_told(start: Start) -> None:
    do = start()
    await do("GET /user")
    await do.store.write(lambda conn: q.seed_users(conn, 1000, created_at=1))
    for params, count, more in (({}, 100, True), ({"amount": 0}, 1000, True), ({"amount": 1000}, 1000, True)):
        page = (await do("GET /auth/users", params=params)).json()
        assert (len(page["results"]), page["pagination"]["has_more"]) == (count, more)
    last = (await do("GET /auth/users", params={"after": "user-000998"})).json()
    assert [user["id"] for user in last["results"]] == ["user-000999"]


@pytest.mark.parametrize(
    ("content", "content_type", "message"),
    [
        (b'{"id":"x"} trailing', "application/json", None),
        (b' {"id":"x"}', "application/json; charset=utf-8", None),
        (b"", "text/plain", "empty name: validation error"),
        (b"  ", "application/json", "request body has an error: failed to decode request body: EOF"),
        (b'{"id":"x"}', "", 'request body has an error: header Content-Type has unexpected value ""'),
        (
            b"nope",
            "application/json",
            "request body has an error: failed to decode request body: invalid char",
        ),
        (
            b'{"id":NaN}',
            "application/json",
            "request body has an error: failed to decode request body: invalid",
        ),
        (
            b'{"id":"x',
            "application/json",
            "request body has an error: failed to decode request body: unexpec",
        ),
        (b"[" * 100_000, "application/json", "request body has an error: failed to decode request body: "),
        (
            b'{"id":"x","invite_user":"yes"}',
            "application/json",
            'request body has an error: doesn\'t match the schema: Error at "/invite_user": Field must be set to '
            'boolean or not be present\nSchema:\n  {\n    "type": "boolean"\n  }\n\nValue:\n  "yes"\n',
        ),
    ],
)
async def test_bodies(start: Start, content: bytes, content_type: str, message: str | None) -> None:
    do = start()
    answer = await do("POST /auth/users", content=content, headers={"Content-Type": content_type})
    if message is None:
        assert answer.status_code == 201
    else:
        assert answer.status_code == 400
        assert answer.json()["message"].startswith(message)


async def test_lone_surrogates_become_replacement_characters(start: Start) -> None:
    do = start()
    headers = {"Content-Type": "application/json"}
    answer = await do("POST /auth/users", content=b'{"id":"a\\ud800","zz":[{"k\\ud800":1}]}', headers=headers)
    assert answer.json()["id"] == "a\ufffd"


async def test_a_policy_without_a_body_and_with_a_date(start: Start) -> None:
    do = start()
    answer = await do("POST /auth/policies")
    assert answer.json() == {"message": "request body has an error: value is required but missing"}
    statement = {"effect": "allow", "action": ["fs:*"], "resource": "*", "note": 1}
    made = await do(
        "POST /auth/policies", {"id": "p", "creation_date": 5, "statement": [statement], "acl": 1}
    )
    del statement["note"]
    assert made.json() == {"id": "p", "creation_date": 1_800_000_000, "statement": [statement]}
    for wrong in (True, "x", 1.5):
        answer = await do(
            "POST /auth/policies", {"id": "p2", "creation_date": wrong, "statement": [statement]}
        )
        assert answer.status_code == 400
    do.now += 60
    changed = await do("PUT /auth/policies/p", {"id": "p", "statement": [statement]})
    assert changed.json()["creation_date"] == 1_800_000_060


async def test_passwords_by_letter(start: Start) -> None:
    do = start()
    for body in (
        {"id": "Ann@Example.com", "invite_user": True},
        {"id": "Bob <bob@example.com>", "invite_user": True},
    ):
        assert (await do("POST /auth/users", body)).json() == {"id": body["id"], "creation_date": 0}
    listed = {user["id"]: user["email"] for user in (await do("GET /auth/users")).json()["results"]}
    assert listed["Ann@Example.com"] == "Ann@Example.com"
    assert listed["Bob <bob@example.com>"] == "bob@example.com"
    assert (await do("POST /auth/password/forgot", {"email": "nonsense"}, None)).status_code == 400
    login = {"access_key_id": "bob@example.com", "secret_access_key": "new"}
    assert (await do("POST /auth/login", login, None)).status_code == 401
    assert (
        await do("POST /auth/login", {**login, "access_key_id": "x@example.com"}, None)
    ).status_code == 401

    for email in ("bob@example.com", "bob@example.com", "unknown@example.com"):
        assert (await do("POST /auth/password/forgot", {"email": email}, None)).status_code == 204
    first, second = do.app.state.emulator.outbox
    assert first.email == "bob@example.com"
    assert first.token not in repr(first)
    change = {"token": first.token, "newPassword": "new"}
    assert (await do("POST /auth/password", change, None)).status_code == 201
    assert (await do("POST /auth/password", change, None)).status_code == 401
    do.now += 1200
    assert (await do("POST /auth/password", {**change, "token": second.token}, None)).status_code == 401

    assert (
        await do("POST /auth/login", {**login, "secret_access_key": "old"}, None)
    ).json() == "Unauthorized"
    token = (await do("POST /auth/login", login, None)).json()["token"]
    me = await do("GET /user", auth=None, headers={"Authorization": f"Bearer {token}"})
    assert me.json()["user"]["id"] == "Bob <bob@example.com>"


async def test_the_single_user_can_be_made_anew(start: Start) -> None:
    do = start("1.x")
    assert (await do("GET /auth/users/admin")).json()["id"] == "admin"
    key = await do.key("admin")
    assert (await do("GET /user", auth=key)).status_code == 200
    assert (await do(f"GET /auth/users/admin/credentials/{key[0]}")).status_code == 200
    invited = {"id": "a@b.c", "invite_user": True}
    assert (await do("POST /auth/users", invited)).status_code == 409
    assert (await do("DELETE /auth/users/admin")).status_code == 204
    await do.store.write(lambda conn: q.users.put(conn, q.UserRow(id="admin", created_at=1)))
    token = await do.login(key)
    await do("DELETE /auth/users/admin")
    assert (await do("POST /auth/users", invited, auth=None, headers=token)).status_code == 401


async def test_the_single_user_cannot_be_invited(start: Start) -> None:
    do = start("1.x", auth_cache=20.0)
    assert (await do("DELETE /auth/users/admin")).status_code == 204
    assert (await do("POST /auth/users", {"id": "a@b.c", "invite_user": True})).status_code == 501
    assert (await do("POST /auth/users", {"id": "ann"})).status_code == 201


async def test_a_client_that_goes_away_before_its_body_is_there(start: Start) -> None:
    do = start()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/auth/users",
        "headers": [],
        "query_string": b"",
    }

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:  # pragma: no cover
        raise AssertionError("nobody is there to hear it")

    await do.app.state.emulator(scope, receive, send)


async def test_set_up_with_a_key_of_ones_own() -> None:
    store = Store.open()
    app = create_app(store)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://e/api/v1") as client:
        assert (await client.get("/setup_lakefs")).json()["state"] == "comm_prefs_done"
        assert (await client.post("/setup_lakefs", json={"username": ""})).status_code == 400
        key = {"access_key_id": "AKIAMINE", "secret_access_key": "mine"}
        short = await client.post(
            "/setup_lakefs", json={"username": "root", "key": {**key, "access_key_id": ""}}
        )
        assert "minimum string length is 1" in short.json()["message"]
        made = await client.post("/setup_lakefs", json={"username": "root", "key": key})
        assert (made.status_code, made.json()["secret_access_key"]) == (200, "mine")
        assert (await client.get("/setup_lakefs")).json()["state"] == "initialized"
        assert (await client.get("/user", auth=("AKIAMINE", "mine"))).json()["user"]["id"] == "root"
    await store.aclose()


async def test_a_store_that_was_set_up_before_keeps_its_data(tmp_path: Any) -> None:
    for turn in range(2):
        store = Store.open(f"sqlite:///{tmp_path}/lakefs.db")
        app = create_app(store, setup=True)
        admin = app.state.emulator.admin
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://e/api/v1"
        ) as client:
            auth = (admin.access_key_id, admin.secret_access_key)
            made = await client.post("/auth/users", json={"id": "ann"}, auth=auth)
            assert made.status_code == (409 if turn else 201)
        await store.aclose()


async def test_outside_the_api_there_is_the_web_interface(start: Start) -> None:
    do = start()
    assert (await do.client.get("http://e/auth/login")).headers["Content-Type"].startswith("text/html")
    assert (await do.client.post("http://e/auth/login")).status_code == 404


async def test_a_store_that_fails_is_a_500(start: Start) -> None:
    do = start()
    await do("GET /user")

    async def broken(_work: object) -> object:
        from identity_sdk.store import StoreUnavailable

        raise StoreUnavailable("the file store failed")

    do.store.read = broken  # type: ignore[method-assign, assignment]
    assert (await do("GET /user")).status_code == 500


async def test_an_unknown_face_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"0\.91, 1\.x, 1\.x-acl"):
        create_app(Store.open(), face="2.0")
