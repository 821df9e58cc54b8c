"""The FastAPI dependencies by themselves: templates, the cache, credentials, refusals, the OpenAPI document."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient

from identity_sdk import (
    AccessKey,
    Adapter,
    Bearer,
    IdentityClient,
    Local,
    Secret,
    Statement,
    User,
    connect,
)
from identity_sdk.adapters.local.passwords import Argon2Cost
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
)
from identity_sdk.integrations.fastapi import IdentityProvider, install, signed_in
from identity_sdk.integrations.fastapi.callers import Callers, Known, Presented, expiry_of
from identity_sdk.integrations.fastapi.decide import decide
from identity_sdk.integrations.fastapi.look import look
from identity_sdk.integrations.fastapi.template import Template
from identity_sdk.models import Claims, Session
from tests.integrations.fastapi_rig import Clock

pytestmark = pytest.mark.anyio


# Templates


@pytest.mark.parametrize(
    ("template", "values", "resource"),
    [
        ("docs/{doc}", {"doc": "r1"}, "docs/r1"),
        ("docs/{doc}", {"doc": 7}, "docs/7"),
        ("docs/{doc}/pages/{page}", {"doc": "a-b", "page": "c_d.~"}, "docs/a-b/pages/c_d.~"),
        ("docs/{doc}", {"doc": "../keys"}, "docs/..%2Fkeys"),
        ("docs/{doc}", {"doc": "a/b"}, "docs/a%2Fb"),
        ("docs/{doc}", {"doc": "*"}, "docs/%2A"),
        ("docs/{doc}", {"doc": "a%2Fb"}, "docs/a%252Fb"),
        ("docs/{doc}", {"doc": "a:b?c#d e"}, "docs/a%3Ab%3Fc%23d%20e"),
        ("docs/{doc}", {"doc": "{doc}"}, "docs/%7Bdoc%7D"),
        ("users/{user}", {"user": "ada@example.com"}, "users/ada@example.com"),
        ("docs/{doc}", {"doc": "ä\n"}, "docs/%C3%A4%0A"),
        ("files/{path:path}", {"path": "a/b c/*"}, "files/a/b%20c/%2A"),
        ("arn:lakefs:fs:::repository/{repo}", {"repo": "r"}, "arn:lakefs:fs:::repository/r"),
        ("{{x}}/{doc}", {"doc": "y"}, "{x}/y"),
        ("*", {}, "*"),
    ],
)
def test_a_template(template: str, values: dict[str, object], resource: str) -> None:
    assert Template(template).fill(values) == resource


@pytest.mark.parametrize("value", ["", ".", "..", "\ud800"])
@pytest.mark.parametrize("template", ["docs/{doc}", "files/{doc:path}"])
def test_what_names_nothing(template: str, value: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Template(template).fill({"doc": value})
    assert list(refused.value.fields) == ["doc"]


@pytest.mark.parametrize("path", ["a/../b", "/a", "a/", "a//b", "./a", "a/."])
def test_no_path_climbs(path: str) -> None:
    with pytest.raises(InvalidRequestError):
        Template("files/{path:path}").fill({"path": path})


@pytest.mark.parametrize("text", ["{", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>8}", "}", "{a b}"])
def test_no_template(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no template"):
        Template(text)


def test_a_parameter_that_the_route_does_not_have() -> None:
    with pytest.raises(ConfigurationError, match="doc"):
        Template("docs/{doc}").fill({"document": "x"})


# The cache


def known(id: str, expires_at: float | None = None) -> Known:
    return Known(User(id=id), Bearer("x"), expires_at=expires_at)


class Looks:
    """Counts the looks; each waits until it is told what to answer."""

    def __init__(self) -> None:
        self.count = 0
        self.go = anyio.Event()
        self.outcome: Known | IdentityError = known("ada")

    async def __call__(self) -> Known:
        self.count += 1
        await self.go.wait()
        if isinstance(self.outcome, IdentityError):
            raise self.outcome
        return self.outcome


async def test_one_look_for_all_who_ask_at_once() -> None:
    callers, look, found = Callers(Clock(), ttl=30, size=10), Looks(), list[str]()

    async def ask() -> None:
        found.append((await callers.find("k", look)).user.id)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        look.go.set()
    assert (look.count, found) == (1, ["ada"] * 50)


async def test_a_refusal_is_shared_by_those_who_wait_and_not_remembered() -> None:
    callers, look = Callers(Clock(), ttl=30, size=10), Looks()
    look.outcome = AuthenticationError("no")
    refused = 0

    async def ask() -> None:
        nonlocal refused
        with pytest.raises(AuthenticationError):
            await callers.find("k", look)
        refused += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        look.go.set()
    assert (look.count, refused, len(callers)) == (1, 20, 0)
    look.outcome = known("ada")
    assert (await callers.find("k", look)).user.id == "ada"


async def test_whoever_waits_takes_over_from_one_who_left() -> None:
    callers, look, found = Callers(Clock(), ttl=30, size=10), Looks(), list[str]()
    leaving = anyio.CancelScope()

    async def leave() -> None:
        with leaving:
            await callers.find("k", look)

    async def ask() -> None:
        found.append((await callers.find("k", look)).user.id)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        leaving.cancel()
        await anyio.wait_all_tasks_blocked()
        look.go.set()
    assert (look.count, found) == (2, ["ada"])


async def test_it_is_bounded_in_number_and_time() -> None:
    clock, look = Clock(), Looks()
    look.go.set()
    callers = Callers(clock, ttl=30, size=3)
    for key in ("a", "b", "c", "a", "d"):  # b was asked for the longest ago
        await callers.find(key, look)
    assert (look.count, len(callers)) == (4, 3)
    await callers.find("a", look)
    assert look.count == 4
    await callers.find("b", look)
    assert look.count == 5
    clock.advance(29.9)
    await callers.find("b", look)
    assert look.count == 5
    clock.advance(0.1)
    await callers.find("b", look)
    assert look.count == 6


async def test_nobody_is_remembered_beyond_the_end_of_the_credential() -> None:
    clock, look = Clock(), Looks()
    look.go.set()
    look.outcome = known("ada", expires_at=clock.time() + 5)
    callers = Callers(clock, ttl=30, size=3)
    await callers.find("a", look)
    clock.advance(4.9)
    await callers.find("a", look)
    assert look.count == 1
    clock.advance(0.1)
    await callers.find("a", look)
    assert look.count == 2


async def test_without_a_cache_each_request_looks() -> None:
    look = Looks()
    look.go.set()
    callers = Callers(Clock(), ttl=0, size=1)
    await callers.find("a", look)
    await callers.find("a", look)
    assert (look.count, len(callers)) == (2, 0)


@pytest.mark.parametrize(
    ("token", "expires"),
    [
        ("e30.eyJleHAiOiAxMjN9.x", 123.0),
        ("e30.eyJleHAiOiB0cnVlfQ.x", None),
        ("e30.eyJleHAiOiBOYU59.x", None),
        ("e30.W10.x", None),
        ("e30.%%%.x", None),
        ("opaque", None),
    ],
)
def test_the_expiry_of_a_jwt(token: str, expires: float | None) -> None:
    assert expiry_of(Secret(token)) == expires


# The provider


@pytest.mark.parametrize(
    "wrong",
    [{"name": "a b"}, {"ttl": 61}, {"ttl": -1}, {"cache_size": 0}, {"bearer": False}],
)
def test_what_is_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        IdentityProvider("local:", **wrong)


async def test_a_url_that_holds_a_password_shows_nowhere() -> None:
    password = "the-password"
    identity = IdentityProvider(f"postgresql://ada:{password}@nowhere.invalid/x?nonsense=1")
    assert password not in f"{identity!r} {vars(identity)}"
    with pytest.raises(ConfigurationError) as refused:
        IdentityProvider(f"postgresql://ada:{password}@nowhere.invalid/x", ttl=99)
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "fastapi/provider" in frame.filename]
    assert ours
    assert password not in str([frame.locals for frame in ours])


async def test_the_life_of_the_client() -> None:
    identity = IdentityProvider(Local("local:"))
    with pytest.raises(ConfigurationError, match="not open"):
        await identity.client()
    for _ in range(2):
        async with identity.lifespan():
            idp = await identity.client()
            assert (idp.provider, idp) == ("local", await identity.client())
            with pytest.raises(ConfigurationError, match="open already"):
                async with identity.lifespan():
                    pass
    by_url = IdentityProvider("local:")
    async with by_url.lifespan(FastAPI()):
        assert (await (await by_url.client()).users.me()).id == "root"
    with pytest.raises(ConfigurationError):
        async with IdentityProvider("no-such-profile").lifespan():
            pass


class House:
    """One application on the embedded provider, its administrator, and a caller of it."""

    def __init__(self, app: FastAPI, identity: IdentityProvider[Local], idp: IdentityClient[Local]) -> None:
        self.app = app
        self.identity = identity
        self.idp = idp
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=transport, base_url="https://app.example")

    async def token(self, user: str = "ada", **options: Any) -> dict[str, str]:
        await self.idp.users.create(user, exist_ok=True)
        key = await self.idp.credentials.create(user)
        token = await self.idp.with_credential(AccessKey(key.id, key.secret)).tokens.issue(**options)
        assert token.value is not None
        return {"Authorization": f"Bearer {token.value.reveal()}"}

    async def api_key(self, user: str = "ada") -> str:
        await self.idp.users.create(user, exist_ok=True)
        key = await self.idp.credentials.create(user, kind="api_key")
        assert key.secret is not None
        return key.secret.reveal()


@pytest.fixture
async def house(anyio_backend: str) -> AsyncIterator[House]:
    clock = Clock()
    adapter = Local("local:", clock=clock, password_cost=Argon2Cost.weak_for_tests())
    identity = IdentityProvider(
        lambda: connect(adapter, clock=clock), api_key="X-API-Key", cookie="session", clock=clock
    )
    app = FastAPI()
    install(app)
    reads = identity.require("docs:Read", "docs/{doc}")

    @app.get("/me")
    @app.post("/me")
    async def me(user: User = Depends(identity.current_user)) -> dict[str, str]:  # noqa: B008
        return {"id": user.id}

    @app.get("/docs/{doc}")
    async def read(doc: str, user: User = Depends(reads)) -> str:  # noqa: B008
        return f"{doc} for {user.id}"

    @app.get(
        "/own/{doc}", dependencies=[Depends(identity.require("docs:Read", "docs/{doc}", on_behalf=True))]
    )
    async def own(idp: IdentityClient[Local] = Depends(identity.on_behalf)) -> str:  # noqa: B008
        return (await idp.users.me()).id

    @app.get("/tree/{path:path}", dependencies=[Depends(identity.require("docs:Read", "docs/{path:path}"))])
    async def tree(path: str) -> str:
        return path

    @app.get("/typo/{doc}", dependencies=[Depends(identity.require("docs:Read", "docs/{document}"))])
    async def typo(doc: str) -> None: ...

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(identity.lifespan(app))
        opened = House(app, identity, await identity.client())
        await stack.enter_async_context(opened.http)
        statements = [Statement(effect="allow", actions=("docs:*",), resources=("docs/r*",))]
        await opened.idp.policies.create("readers", statements=statements)
        await opened.idp.users.create("ada")
        await opened.idp.policies.attach("readers", user="ada")
        yield opened


async def test_by_bearer_token_api_key_or_cookie(house: House) -> None:
    key, token = await house.api_key("kay"), await house.token("ada")
    assert (await house.http.get("/me", headers={"X-API-Key": key})).json() == {"id": "kay"}
    assert (await house.http.get("/me", headers={"Cookie": f"session={key}"})).json() == {"id": "kay"}
    both = {**token, "X-API-Key": key, "Cookie": f"session={key}"}
    assert (await house.http.get("/me", headers=both)).json() == {"id": "ada"}
    wrong = {"Authorization": "Bearer wrong", "Cookie": f"session={key}"}
    assert (await house.http.get("/me", headers=wrong)).status_code == 401  # no other one stands in for it
    twice = [("Authorization", token["Authorization"]), ("Authorization", f"Bearer {key}")]
    assert (await house.http.get("/me", headers=twice)).status_code == 401
    odd = {"Authorization": "Bearer ä".encode()}
    assert (await house.http.get("/me", headers=odd)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://app.example"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_cookie_does_not_count_in_what_another_site_asks_for(
    house: House, headers: dict[str, str], status: int
) -> None:
    key = await house.api_key()
    cookie = {"Cookie": f"session={key}", **headers}
    assert (await house.http.post("/me", headers=cookie)).status_code == status
    assert (await house.http.get("/me", headers=cookie)).status_code == 200
    assert (await house.http.post("/me", headers={"X-API-Key": key, **headers})).status_code == 200


async def test_who_may_read_what(house: House) -> None:
    ada, bob = await house.token("ada"), await house.token("bob")
    assert (await house.http.get("/docs/r1", headers=ada)).json() == "r1 for ada"
    for path in ("/docs/s1", "/docs/*", "/docs/%2Ar1", "/tree/s/r1"):
        assert (await house.http.get(path, headers=ada)).status_code == 403
    assert (await house.http.get("/docs/r1", headers=bob)).status_code == 403
    assert (await house.http.get("/own/r1", headers=ada)).json() == "ada"
    assert (await house.http.get("/own/r1", headers=bob)).status_code == 403
    assert (await house.http.get("/tree/r/1", headers=ada)).json() == "r/1"
    assert (await house.http.get("/tree/r/..%2Fs1", headers=ada)).status_code == 422
    named = await house.http.get("/docs/%2E%2E", headers=ada)
    assert (named.status_code, named.json()["fields"]) == (422, {"doc": "names nothing"})
    assert (await house.http.get("/typo/r1", headers=ada)).status_code == 500


async def test_a_narrow_token_reaches_no_further(house: House) -> None:
    narrow = await house.token("ada", scopes=["users:*"])
    assert (await house.http.get("/me", headers=narrow)).status_code == 200
    refused = await house.http.get("/docs/r1", headers=narrow)
    assert refused.status_code == 403
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="identity", error="insufficient_scope"'
    wide = await house.token("ada", scopes=["docs:R*"])
    assert (await house.http.get("/docs/r1", headers=wide)).status_code == 200


async def test_who_is_gone_meanwhile_may_do_nothing(house: House) -> None:
    ada = await house.token("ada")
    assert (await house.http.get("/docs/r1", headers=ada)).status_code == 200
    await house.idp.users.delete("ada")
    assert (await house.http.get("/docs/r1", headers=ada)).status_code == 403  # still remembered, and yet


async def test_a_client_that_is_closed_is_not_the_callers_fault(house: House) -> None:
    ada = await house.token("ada")
    await house.idp.aclose()
    refused = await house.http.get("/me", headers=ada)
    assert (refused.status_code, refused.json()["error"]) == (500, "ClientClosedError")


async def test_the_document_shows_how_to_sign_in(house: House) -> None:
    document = (await house.http.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert schemes["identity"]["scheme"] == "bearer"
    assert (schemes["identity-key"]["in"], schemes["identity-key"]["name"]) == ("header", "X-API-Key")
    assert (schemes["identity-cookie"]["in"], schemes["identity-cookie"]["name"]) == ("cookie", "session")
    for path in ("/me", "/docs/{doc}", "/own/{doc}"):
        told = document["paths"][path]["get"]
        assert told["security"] == [{"identity": []}, {"identity-key": []}, {"identity-cookie": []}]
        assert list(told["responses"]["default"]["content"]) == ["application/problem+json"]


@pytest.mark.parametrize(
    ("options", "challenge"),
    [
        ({"api_key": "X-Key"}, 'ApiKey realm="identity"'),
        ({"cookie": "s"}, 'Cookie realm="identity"'),
        ({"bearer": True, "api_key": "X-Key"}, 'Bearer realm="identity"'),
    ],
)
async def test_what_a_401_asks_for(options: dict[str, Any], challenge: str) -> None:
    identity = IdentityProvider("local:", **{"bearer": False, **options})
    app = FastAPI()
    install(app)

    @app.get("/me")
    async def me(user: User = Depends(identity.current_user)) -> str:  # noqa: B008
        return user.id

    transport = httpx.ASGITransport(app)
    async with identity.lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        answer = await http.get("/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)


# Tests of an application


async def test_somebody_is_signed_in(house: House) -> None:
    with signed_in(house.app, house.identity, "ada") as ada:
        assert ada == User(id="ada")
        assert (await house.http.get("/me")).json() == {"id": "ada"}
        assert (await house.http.get("/docs/r1")).status_code == 200  # by the policies of the real client
        assert (await house.http.get("/own/r1")).json()["error"] == "ConfigurationError"
    assert (await house.http.get("/me")).status_code == 401
    with signed_in(house.app, house.identity, User(id="bob", name="Bob"), idp=house.idp):
        assert (await house.http.get("/docs/r1")).status_code == 403
        await house.idp.users.create("bob")
        await house.idp.policies.attach("readers", user="bob")
        assert (await house.http.get("/docs/r1")).json() == "r1 for bob"
        assert (await house.http.get("/own/r1")).json() == "root"
    assert house.app.dependency_overrides == {}


def test_with_the_fixture_of_the_pytest_plugin(identity: IdentityClient[Local]) -> None:
    provider = IdentityProvider("local:")
    app = FastAPI(lifespan=provider.lifespan)
    install(app)

    @app.get("/docs/{doc}")
    async def read(user: User = Depends(provider.require("docs:read", "docs/{doc}"))) -> str:  # noqa: B008
        return user.id

    for who, status in (("ada", 200), ("linus", 403)):
        with TestClient(app) as http, signed_in(app, provider, who, idp=identity):
            assert http.get("/docs/plan").status_code == status


async def test_overrides_by_hand(house: House) -> None:
    house.app.dependency_overrides[house.identity.current_user] = lambda: User(id="eve")
    assert (await house.http.get("/me")).json() == {"id": "eve"}


# Decisions


class Rights:
    """A backend without ``policies.check``."""

    def __init__(self, *statements: Statement) -> None:
        self._statements = statements
        self.policies = self
        self.capabilities = self

    def supports(self, verb: str) -> bool:
        return False

    async def permissions(self, user: str) -> AsyncIterator[Statement]:
        for one in self._statements:
            yield one


def rule(effect: Any, action: str, resource: str) -> Statement:
    return Statement(effect=effect, actions=(action,), resources=(resource,))


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ((), False),
        ((rule("allow", "READ", "g"),), True),
        ((rule("allow", "READ", "h"), rule("allow", "WRITE", "g")), False),
        ((rule("allow", "*", "*"),), True),
        ((rule("allow", "R*D", "g*"), rule("deny", "READ", "g")), False),
        ((rule("allow", "RE", "g"), rule("allow", "READ.", "g")), False),
    ],
)
async def test_rights_that_are_only_told(statements: tuple[Statement, ...], allowed: bool) -> None:
    idp: Any = Rights(*statements)
    assert await decide(idp, "ada", "READ", "g") is allowed


async def test_a_request_knows_only_its_own_caller(house: House) -> None:
    """Two providers in one request keep their callers apart."""
    other: IdentityProvider[Adapter] = IdentityProvider("local:", name="other")

    @house.app.get("/both")
    async def both(
        request: Request,
        user: User = Depends(house.identity.current_user),  # noqa: B008
        idp: IdentityClient[Adapter] = Depends(other.client),  # noqa: B008
    ) -> list[str]:
        with pytest.raises(NotFoundError):
            await idp.users.get(user.id)
        return [user.id, (await idp.users.me()).id, str(other._known_in(request))]

    async with other.lifespan(house.app):
        answer = await house.http.get("/both", headers=await house.token("ada"))
    assert answer.json() == ["ada", "root", "None"]


# Who is behind a credential, where backends answer what none of ours does


class Odd:
    """A client of a backend that answers so."""

    provider = "odd"

    def __init__(self, *verbs: str, told: Claims | IdentityError, user: str = "ada") -> None:
        self._verbs, self._told, self._user = verbs, told, user
        self.capabilities = self.tokens = self.users = self.sessions = self

    def supports(self, verb: str) -> bool:
        return verb in self._verbs

    async def verify(self, token: Secret) -> Claims:
        if isinstance(self._told, IdentityError):
            raise self._told
        return self._told

    introspect = verify

    async def current(self) -> Session:
        return Session(id="s", user_id=self._user, scopes=("a",))

    async def me(self) -> User:
        return User(id=self._user)


async def seen(idp: Any) -> Known:
    auth = Bearer("a.b.c")
    return await look(idp, idp, auth, Presented("bearer", Secret("a.b.c")))


async def test_a_token_and_a_server_that_disagree() -> None:
    with pytest.raises(ProtocolError):
        await seen(Odd("tokens.verify", told=Claims(active=True, subject="bob")))


async def test_introspection() -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    told = Claims(active=True, subject="another name of ada", expires_at=until)
    found = await seen(Odd("tokens.introspect", told=told))
    assert (found.user.id, found.expires_at) == ("ada", until.timestamp())
    for answer, theirs in (
        (Claims(active=False), True),
        (InvalidRequestError("no token"), True),
        (AuthenticationError("this service may not ask"), False),
    ):
        with pytest.raises(IdentityError) as refused:
            await seen(Odd("tokens.introspect", told=answer))
        assert refused.value.on_behalf is theirs


async def test_a_session_without_an_end_is_limited_by_its_token() -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    told = Claims(active=True, subject="ada", expires_at=until)
    found = await seen(Odd("tokens.verify", "sessions.constrain", told=told))
    assert (found.scopes, found.expires_at) == (("a",), until.timestamp())
