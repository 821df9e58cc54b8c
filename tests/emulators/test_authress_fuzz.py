"""Whatever a client sends, the Authress emulator answers, and never with a 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_sdk.adapters.authress import jose
from identity_sdk.adapters.authress.auth import ServiceKey
from identity_sdk.emulators.authress import Admin, create_app
from identity_sdk.emulators.authress.app import _ROUTES
from identity_sdk.secrets import Secret
from identity_sdk.store import Store

SEED = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
NOW = 1_800_000_000.0

FIELDS = st.sampled_from(
    ["name", "description", "users", "admins", "groups", "statements", "permissions", "roles", "resources", "groupId",
     "roleId", "recordId", "userId", "resourceUri", "action", "allow", "grant", "delegate", "options", "rateLimits",
     "tags", "publicKey", "collectionResource", "resourceId"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["grp_a", "ro_a", "a", "docs/*", "PUBLIC", "\ud800", "x" * 200, "\0", "sc_admin", "owner-sc_admin"]
    ),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(FIELDS, inner, max_size=4)),
    max_leaves=12,
)
GROUPS = st.fixed_dictionaries(
    {"name": st.just("n"), "users": VALUES, "admins": st.just([])},
    optional={"groupId": TEXTS, "tags": VALUES},
)
RECORDS = st.fixed_dictionaries(
    {
        "name": st.just("n"),
        "statements": st.lists(st.fixed_dictionaries({"roles": VALUES, "resources": VALUES}), max_size=2),
    },
    optional={
        "recordId": TEXTS,
        "users": VALUES,
        "groups": VALUES,
        "admins": VALUES,
        "description": VALUES,
        "tags": VALUES,
    },
)
BODIES = st.one_of(VALUES, GROUPS, RECORDS, st.dictionaries(FIELDS, VALUES, max_size=6))
IDS = st.one_of(TEXTS.filter(lambda one: "\ud800" not in one and one), st.just("sc_admin"))


def token() -> str:
    key = ServiceKey.parse(Secret(f"sc_admin.k000.acc-demo.{SEED}"))
    claims = {
        "iss": "https://acc-demo.api.authress.io/v1/clients/sc_admin",
        "sub": "sc_admin",
        "aud": key.audience,
        "exp": NOW + 60,
    }
    made = jose.sign("EdDSA", {"alg": "EdDSA", "kid": "k000"}, claims, key.private)
    assert made is not None
    return made.reveal()


async def answered(app: Any, method: str, path: str, query: str, data: bytes, headers: dict[str, str]) -> int:
    asked = [{"type": "http.request", "body": data}]
    sent: list[Any] = []

    async def receive() -> Any:
        return asked.pop(0) if asked else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    told = {"host": "h", "authorization": f"Bearer {token()}", **headers}
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in told.items()], "scheme": "http",
    }  # fmt: skip
    await app(scope, receive, send)
    return int(sent[0]["status"])


APP = create_app(Store.open("sqlite://", clock=lambda: NOW), admin=Admin(private=SEED))
"""One for all examples: what some of them make is there for the others."""


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.data())
def test_never_a_500(data: st.DataObject) -> None:
    steps = data.draw(
        st.lists(
            st.tuples(st.sampled_from(_ROUTES), BODIES, st.lists(IDS, min_size=3, max_size=3)), max_size=3
        )
    )
    query = data.draw(
        st.sampled_from(
            ["", "limit=1", "cursor=%FF", "cursor=YQ", "limit=1&cursor=~&filter=a", "status=DELETED"]
        )
    )
    since = data.draw(
        st.sampled_from(["", "junk", "2026-01-01", "Mon, 01 Jan 2001 00:00:00 GMT", "9999-99-99", "0"])
    )

    async def run() -> None:
        for route, body, ids in steps:
            names = iter(ids)
            path = "/" + "/".join(quote(next(names), safe="") if part == "*" else part for part in route.path)
            headers = {"if-unmodified-since": since} if since else {}
            status = await answered(APP, route.method, path, query, json.dumps(body).encode(), headers)
            assert status < 500, (route.method, path, body)

    anyio.run(run)


SURROGATE = "\ud800"
GOOD = {"name": "n", "users": [], "admins": []}
STATEMENTS = [{"roles": ["ro_a"], "resources": [{"resourceUri": "docs"}]}]


def test_text_that_no_database_holds() -> None:
    """A lone surrogate is well-formed JSON (RFC 8259 section 8.2)."""
    bodies: list[tuple[str, Any]] = [
        ("/v1/clients", {"name": SURROGATE}),
        ("/v1/clients", {"tags": {SURROGATE: SURROGATE}}),
        ("/v1/groups", {**GOOD, "name": SURROGATE}),
        ("/v1/groups", {**GOOD, "users": [{"userId": SURROGATE}]}),
        ("/v1/groups", {**GOOD, "admins": [{"userId": SURROGATE}]}),
        ("/v1/roles", {"name": SURROGATE, "permissions": []}),
        ("/v1/records", {"name": SURROGATE, "statements": STATEMENTS}),
        ("/v1/records", {"name": "n", "description": SURROGATE, "statements": STATEMENTS}),
        ("/v1/records", {"name": "n", "statements": [{**STATEMENTS[0], "roles": [SURROGATE]}]}),
        ("/v1/records", {"name": "n", "statements": [{**STATEMENTS[0], "roles": [7]}]}),
        ("/v1/records", {"name": "n", "statements": STATEMENTS, "users": [{"userId": SURROGATE}]}),
        ("/v1/claims", {"collectionResource": SURROGATE, "resourceId": SURROGATE}),
    ]

    async def run() -> None:
        store = Store.open("sqlite://", clock=lambda: NOW)
        app = create_app(store, admin=Admin(private=SEED))
        for path, body in bodies:
            status = await answered(app, "POST", path, "", json.dumps(body).encode(), {})
            assert status < 500, (path, body)
        for path in ("/v1/clients", "/v1/groups", "/v1/roles", "/v1/records", "/v1/users/x/resources"):
            assert await answered(app, "GET", path, "", b"", {}) == 200
        await store.aclose()

    anyio.run(run)
