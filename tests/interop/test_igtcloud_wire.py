"""Wire equality with IGT Cloud's official client: ours against requests of it that were recorded, call by call.

``recorded-requests.jsonl`` holds what its two halves sent to a loopback server (``core-auth`` signs in, ``generated``
is the client of document.md). Compared: method, path and query, body, and the headers that mean something:
``Accept``, ``Content-Type``, ``X-JWT``, ``X-CSRF-TOKEN``, ``X-Fields``. ``User-Agent``, ``Accept-Encoding``,
``Connection`` and the spelling of JSON are each client's own. Every other difference is listed below with its reason,
and one that is listed and not there fails as well.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.adapters.igtcloud.auth import Given, GivenSource
from identity_sdk.auth.sources import AccessKey, Bearer, Password
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Call
from identity_sdk.wire.request import Response

pytestmark = pytest.mark.anyio

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data/igtcloud/recorded-requests.jsonl")
    .read_text()
    .splitlines()
]
JWT = next(row["headers"]["x-jwt"] for row in RECORDED if row["target"] == "/api/auth/refresh")
NOW = 1_795_423_209.0
HEADERS = ("accept", "content-type", "x-jwt", "x-csrf-token", "x-fields")
COOKIES = (f"jwt_header_payload={JWT.rpartition('.')[0]}; Max-Age=1800; Path=/", "jwt_signature=sig; Path=/")

# The differences that there are, and why.
PUBLIC = (
    "x-jwt",
    "x-csrf-token",
)  # the generated client attaches both even to the public operations; they need none (document: security [])
ALWAYS_BOTH = (
    "x-csrf-token",
)  # core-auth's logout leaves the CSRF token out; the generated client sends it, as we do
ALWAYS_JSON = (
    "accept",
    "content-type",
)  # core-auth's $aud and logout are bare; the generated client's are as ours
AUDIT_ACCEPT = ("accept",)  # the generated client sends no Accept with /audit-trail, which answers nothing


class Recorder:
    """The pipeline's port: keeps what is sent under the given token, and answers what any operation can live with."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.jwt = Given(Secret("J.W.T"), Secret("C"))

    async def send(self, call: Call) -> Response:
        if call.spec.auth:
            source = GivenSource(self.jwt, "/api", "x")
            source.authorize(await source.fetch(self, None), call.request.method, call.request.headers)
        self.calls.append(call)
        path = call.request.target.partition("?")[0]
        body: Any = "https://iam.example/oauth2/access_token" if path.endswith("$aud") else {}
        told = {"content-type": "application/json"}
        return Response(200, told, json.dumps(body).encode(), cookies=COOKIES)

    def verb(self, name: str) -> Any:
        return nullcontext()

    def now(self) -> float:
        return NOW

    def remaining(self) -> float:
        return 30.0

    async def sleep(self, seconds: float) -> None: ...

    def forget(self) -> None: ...


def bound(recorder: Recorder, auth: Any = None, **options: Any) -> IgtCloud:
    return IgtCloud(base_url="https://igt.example", auth=auth, **options).bind(recorder)


def native(recorder: Recorder) -> Any:
    return bound(recorder).native


async def _refresh(recorder: Recorder) -> None:
    recorder.jwt = Given(Secret(JWT), Secret("csrf1"))
    source = GivenSource(recorder.jwt, "/api", "x")
    await source.fetch(recorder, await source.fetch(recorder, None))


async def _logout(recorder: Recorder) -> None:
    recorder.jwt = Given(Secret(JWT), Secret("csrf1"))
    await bound(recorder, Bearer(JWT), csrf_token="csrf1").sessions.end()


async def _environment(recorder: Recorder) -> None:
    recorder.jwt = Given(Secret(JWT), Secret("c"))
    await bound(recorder, Bearer(JWT), csrf_token="c").native.get_introspect_resource()


async def _by_key(recorder: Recorder) -> None:
    from joserfc.jwk import RSAKey

    pem = RSAKey.generate_key(2048).as_pem(private=True).decode()
    await bound(recorder, AccessKey("svc@x", pem)).tokens.issue()


Make = Callable[[Recorder], Awaitable[Any]]
CALLS: list[tuple[Make, int, dict[int, tuple[str, ...]]]] = [
    (lambda r: bound(r, Password("u@example.com", "pw")).tokens.issue(), 1, {}),
    (_refresh, 1, {}),
    (_logout, 1, {0: (*ALWAYS_BOTH, *ALWAYS_JSON)}),
    (_by_key, 2, {0: ALWAYS_JSON}),
    (_environment, 1, {}),
    (lambda r: native(r).get_introspect_resource(), 1, {}),
    (lambda r: native(r).get_introspect_resource(x_fields="sub,exp"), 1, {}),
    (lambda r: native(r).get_login_aud_resource(), 1, {0: PUBLIC}),
    (lambda r: native(r).get_permissions_resource(), 1, {}),
    (lambda r: native(r).get_s3_credentials_resource("GET", prefix="a/b/"), 1, {}),
    (lambda r: native(r).post_audit_resource({"eventAction": "x", "eventType": "y"}), 1, {0: AUDIT_ACCEPT}),
    (
        lambda r: native(r).post_login_resource_login(
            {"grantType": "password", "username": "u", "password": "p"}, includes3creds=True
        ),
        1,
        {0: PUBLIC},
    ),
    (lambda r: native(r).post_logout_resource(has_expired=True), 1, {}),
    (lambda r: native(r).post_logout_resource(), 1, {}),
    (lambda r: native(r).post_refresh_resource(), 1, {}),
]


def _rows() -> list[tuple[Make, list[dict[str, Any]], dict[int, tuple[str, ...]]]]:
    found, at = [], 0
    for make, count, allowed in CALLS:
        found.append((make, RECORDED[at : at + count], allowed))
        at += count
    assert at == len(RECORDED), "every recorded request has its call"
    return found


@pytest.mark.parametrize(
    ("make", "theirs", "allowed"),
    _rows(),
    ids=[f"{row[1][0]['client']}-{row[1][0]['target'].rpartition('/')[2]}" for row in _rows()],
)
async def test_equal(make: Make, theirs: list[dict[str, Any]], allowed: dict[int, tuple[str, ...]]) -> None:
    recorder = Recorder()
    await make(recorder)
    assert len(recorder.calls) == len(theirs)
    for number, (call, row) in enumerate(zip(recorder.calls, theirs, strict=True)):
        request = call.request
        path, _, query = request.target.partition("?")
        their_path, _, their_query = row["target"].partition("?")
        assert (request.method, path) == (row["method"], their_path)
        # The generated client sorts nothing: it sends prefix before action, we action first (the same once parsed).
        assert sorted(parse_qsl(query)) == sorted(parse_qsl(their_query))
        body = json.loads(request.body) if request.body else None
        assert _plain(body) == _plain(row["body"])
        mine = {name.lower(): value for name, value in request.headers.items() if name.lower() in HEADERS}
        differing = {name for name in HEADERS if mine.get(name) != row["headers"].get(name)}
        assert differing == set(allowed.get(number, ())), (mine, row["headers"])


def _plain(body: Any) -> Any:
    """An assertion is signed by another key and at another second: its header and claims are compared."""
    if not isinstance(body, dict) or "assertion" not in body:
        return body
    header, claims, _ = body["assertion"].split(".")
    parts = [json.loads(urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in (header, claims)]
    return {**body, "assertion": parts}


def test_the_query_is_spelled_as_theirs() -> None:
    """Percent-encoding, ``True`` in Python's spelling, the dollar sign in the path raw and in the query encoded."""
    targets = {row["target"] for row in RECORDED}
    assert "/api/auth/login?%24includes3creds=True" in targets
    assert "/api/auth/login/$aud" in targets
    assert "/api/auth/s3credentials?prefix=a%2Fb%2F&action=GET" in targets


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["target"])
async def test_each_recorded_request_is_answered(row: dict[str, Any]) -> None:
    """The same requests, byte by byte as recorded but for tokens and passwords, against the emulator."""
    import httpx

    from identity_sdk.emulators import igtcloud
    from identity_sdk.store import Store

    store = Store.open()
    app = igtcloud.create_app(store, admin=igtcloud.Admin("u@example.com", "pw"))
    await app.state.emulator.prepare()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://igt.example") as client:
        login = {"grantType": "password", "username": "u@example.com", "password": "pw"}
        signed_in = await client.post("/api/auth/login", json=login)
        assert signed_in.status_code == 200
        jar = dict(line.partition(";")[0].split("=", 1) for line in signed_in.headers.get_list("set-cookie"))
        client.cookies.clear()
        headers = dict(row["headers"])
        if "x-jwt" in headers:
            headers["x-jwt"] = f"{jar['jwt_header_payload']}.{jar['jwt_signature']}"
        if "x-csrf-token" in headers:
            headers["x-csrf-token"] = signed_in.json()["CSRFToken"]
        body = row["body"]
        if body is not None and "password" in body:
            body = login
        text = None if body is None else json.dumps(body)
        answer = await client.request(row["method"], row["target"], headers=headers, content=text)
    await store.aclose()
    stranger = body is not None and "assertion" in body  # signed by a key that this server has never seen
    assert answer.status_code == (401 if stranger else 200)
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    expected = {
        "/api/auth/introspect": {"active", "user", "sub", "exp", "organizations"},
        "/api/auth/permissions": {"permissions"},
        "/api/auth/login": {"CSRFToken", "sub"},
        "/api/auth/refresh": {"CSRFToken", "sub"},
        "/api/auth/logout": {"success"},
        "/api/auth/s3credentials": {"policyCredentials"},
    }.get(row["target"].partition("?")[0], set())
    if "x-fields" in headers:
        assert set(told) == {"sub", "exp"}
    elif not stranger:
        assert expected <= (set(told) if isinstance(told, dict) else set())
    if (
        row["target"].startswith(("/api/auth/login", "/api/auth/refresh"))
        and row["method"] == "POST"
        and not stranger
    ):
        names = [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")]
        assert names == ["jwt_header_payload", "jwt_signature"]
