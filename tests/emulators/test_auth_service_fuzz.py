"""Whatever a client sends, the auth service emulator answers; the documented face never with a 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from identity_sdk.emulators.auth_service import BASE_PATH, create_app
from identity_sdk.emulators.faults import ConnectionDropped
from identity_sdk.store import Store

TEXTS = st.one_of(
    st.text(max_size=6), st.sampled_from(["a", "b", "READ", "USER", "ADMIN", "\0", "\ud800", "x" * 64])
)
FIELDS = st.sampled_from(
    [
        "groupId",
        "userId",
        "description",
        "users",
        "groups",
        "mode",
        "globalRole",
        "tokenName",
        "expirationDateTime",
    ]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(FIELDS, inner, max_size=4)),
    max_leaves=10,
)
INFOS = st.lists(
    st.fixed_dictionaries({"groupId": TEXTS}, optional={"mode": st.just("READ"), "description": TEXTS}),
    max_size=3,
)
BODIES = st.one_of(
    VALUES,
    st.fixed_dictionaries({"userId": TEXTS}, optional={"globalRole": st.just("USER"), "groups": INFOS}),
    st.fixed_dictionaries({"groupId": TEXTS}, optional={"description": TEXTS, "users": VALUES}),
    st.fixed_dictionaries({"tokenName": TEXTS}, optional={"expirationDateTime": TEXTS, "groups": INFOS}),
)
PLACES = st.one_of(
    st.sampled_from(["login", "authSso", "publicKey", "userInfo", "refresh", "health/liveness"]),
    st.sampled_from(["admin/users", "admin/groups", "admin/refreshTokens"]),
    st.tuples(st.sampled_from(["users", "groups", "refreshTokens"]), TEXTS).map(
        lambda pair: f"admin/{pair[0]}/{quote(pair[1].encode('utf-8', 'surrogatepass'), safe='')}"
    ),
)
REQUESTS = st.lists(
    st.tuples(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), PLACES, BODIES), min_size=1, max_size=6
)
KEY = RSAKey.generate_key(2048).as_pem(private=True).decode("ascii")


async def ask(app: Any, method: str, path: str, body: bytes, token: str) -> int:
    """The status of one request in process; 0 for a connection that was closed."""
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"state=s&code=c",
        "headers": [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")],
    }
    try:
        await app(scope, receive, send)
    except ConnectionDropped:
        return 0
    return int(said[0]["status"])


@pytest.mark.parametrize("dialect", ["documented", "real"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests=REQUESTS)
def test_every_request_is_answered(dialect: str, requests: list[tuple[str, str, Any]]) -> None:
    async def main() -> None:
        store = Store.open()
        app = create_app(store, dialect=dialect, key=KEY)
        await app.state.emulator.prepare()
        token = app.state.emulator.token("boss", "ADMIN")
        allowed = {200, 302, 400, 401, 404, 405, 409, 415} | ({0, 500} if dialect == "real" else set())
        for method, path, value in requests:
            body = json.dumps(value).encode()
            status = await ask(app, method, f"{BASE_PATH}/{path}", body, token)
            assert status in allowed, (method, path, value, status)
        await store.aclose()

    anyio.run(main)
