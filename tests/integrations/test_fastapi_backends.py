"""``CurrentUser`` and ``require()`` behind a real uvicorn, on six backends: valid, expired, revoked, wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from identity_sdk import Adapter, AuthService, Bearer, ConfigurationError, IdentityClient, Secret, connect
from identity_sdk.integrations.fastapi import IdentityProvider, install
from identity_sdk.integrations.fastapi.callers import Presented
from identity_sdk.integrations.fastapi.look import look
from tests.integrations.fastapi_rig import BACKENDS, Backend, Caller, bearer, make_app, serving

NAMES = [one.name for one in BACKENDS]
Work = Callable[[IdentityClient[Any]], Coroutine[Any, Any, Any]]


@dataclass
class House:
    url: str
    backends: dict[str, Backend]
    runner: asyncio.Runner
    http: httpx.Client
    providers: dict[str, IdentityProvider[Adapter]]

    def requests(self, name: str) -> int:
        """How many requests the application has sent to this backend."""
        client = self.providers[name]._client
        assert client is not None
        return client.stats().requests

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(f"{self.url}/{path}", **more)

    def as_admin(self, name: str, work: Work) -> Any:
        async def run() -> Any:
            async with self.backends[name].connect() as idp:
                return await work(idp)

        return self.runner.run(run())

    def caller(self, name: str) -> Caller:
        return self.as_admin(name, self.backends[name].caller)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack, asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("fastapi")
        backends = {make.name: make(stack, folder) for make in BACKENDS}
        app, providers = make_app(backends)
        http = stack.enter_context(httpx.Client(timeout=30))
        yield House(stack.enter_context(serving(app)), backends, runner, http, providers)


@pytest.mark.parametrize("name", NAMES)
def test_valid_then_expired(house: House, name: str) -> None:
    backend, caller = house.backends[name], house.caller(name)
    assert house.get(f"{name}/me", headers=caller.headers).json() == caller.id
    assert house.get(f"{name}/whoami", headers=caller.headers).json() == caller.id
    backend.clock.advance(backend.life + 1)
    answer = house.get(f"{name}/me", headers=caller.headers)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="{name}", error="invalid_token"'
    assert house.get(f"{name}/whoami", headers=caller.headers).status_code == 401
    assert house.get(f"{name}/docs/{backend.allowed}", headers=caller.headers).status_code == 401


@pytest.mark.parametrize("name", NAMES)
def test_a_right_is_asked_for_at_each_request(house: House, name: str) -> None:
    backend = house.backends[name]

    async def two(idp: IdentityClient[Any]) -> tuple[Caller, Caller]:
        return await backend.caller(idp), await backend.caller(idp)

    able, unable = house.as_admin(name, two)
    path = f"{name}/docs/{backend.allowed}"
    assert house.get(path, headers=able.headers).status_code == 403
    house.as_admin(name, lambda idp: backend.grant(idp, able.id, *backend.right))
    answer = house.get(path, headers=able.headers)
    assert (answer.status_code, answer.json()) == (200, able.id), answer.text
    refused = house.get(path, headers=unable.headers)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["error"] == "PermissionDeniedError"
    assert "WWW-Authenticate" not in refused.headers


@pytest.mark.parametrize("name", NAMES)
def test_a_revocation_is_seen_within_a_minute(house: House, name: str) -> None:
    backend = house.backends[name]

    async def revoked(idp: IdentityClient[Any]) -> Caller:
        caller = await backend.caller(idp)
        assert house.get(f"{name}/me", headers=caller.headers).status_code == 200
        await caller.revoke()
        return caller

    caller = house.as_admin(name, revoked)
    backend.clock.advance(29)
    assert (
        house.get(f"{name}/me", headers=caller.headers).status_code == 200
    )  # remembered: the declared bound
    backend.clock.advance(1)
    answer = house.get(f"{name}/me", headers=caller.headers)
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "AuthenticationError"


@pytest.mark.parametrize("name", NAMES)
def test_wrong_credentials(house: House, name: str) -> None:
    caller = house.caller(name)
    token = caller.headers["Authorization"].split()[1]
    head, _, tail = token.rpartition(".")
    forged = f"{head}.{tail[::-1]}" if head else token[::-1]
    for wrong in (forged, "x", "a.b.c", token + "x"):
        answer = house.get(f"{name}/me", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401, (wrong, answer.text)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert wrong not in answer.text or wrong == "x"
    for headers in ({"X-API-Key": "x"}, {"Cookie": "session=x"}, {"X-API-Key": "x:y"}):
        assert house.get(f"{name}/me", headers=headers).status_code == 401
    for nothing in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
        answer = house.get(f"{name}/me", headers=nothing)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, f'Bearer realm="{name}"')


@pytest.mark.large
@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_callers_at_once_never_cross(house: House, name: str) -> None:
    backend = house.backends[name]

    async def five(idp: IdentityClient[Any]) -> list[Caller]:
        return [await backend.caller(idp) for _ in range(5)]

    callers = house.as_admin(name, five)
    wrong = Caller("", {"Authorization": "Bearer a.b.c"}, callers[0].revoke)
    mixed = [(caller, path) for path in ("me", "whoami") for caller in (*callers, wrong)] * 17

    async def all_at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=house.url, timeout=60) as http:
            work = [http.get(f"/{name}/{path}", headers=caller.headers) for caller, path in mixed]
            return await asyncio.gather(*work)

    answers = house.runner.run(all_at_once())
    assert len(answers) >= 200
    for (caller, _), answer in zip(mixed, answers, strict=True):
        told = (answer.status_code, answer.json() if answer.is_success else "")
        assert told == ((200, caller.id) if caller.id else (401, "")), answer.text


@pytest.mark.parametrize("name", NAMES)
def test_the_service_speaks_for_itself(house: House, name: str) -> None:
    caller = house.caller(name)
    own = house.get(f"{name}/service", headers=caller.headers)
    assert own.status_code == 200
    assert own.json() != caller.id


@pytest.mark.parametrize("name", ["local", "lakefs", "authress", "argus"])
def test_api_keys(house: House, name: str) -> None:
    """As the backend shows them; lakeFS's are two parts. One that is deleted is refused within the same time."""
    backend = house.backends[name]

    async def key(idp: IdentityClient[Any]) -> tuple[str, dict[str, str], Any]:
        person = name != "authress"
        made = await (
            idp.users.create(backend.new("user")) if person else idp.users.create(name="r", kind="service")
        )
        found = await idp.credentials.create(made.id, **({"kind": "api_key"} if name == "local" else {}))
        secret = found.secret.reveal()
        return made.id, {"X-API-Key": f"{found.id}:{secret}" if name == "lakefs" else secret}, found

    user, headers, credential = house.as_admin(name, key)
    answer = house.get(f"{name}/me", headers=headers)
    assert (answer.status_code, answer.json()) == (200, user)
    assert house.get(f"{name}/whoami", headers=headers).json() == user
    house.as_admin(name, lambda idp: idp.credentials.delete(credential))
    backend.clock.advance(30)
    assert house.get(f"{name}/me", headers=headers).status_code == 401


def test_a_service_that_may_not_look_up_users_takes_the_word_of_the_token(house: House) -> None:
    backend = house.backends["auth-service"]
    caller = house.caller("auth-service")
    token = Secret(caller.headers["Authorization"].split()[1])

    async def powerless(idp: IdentityClient[Any]) -> str:
        own = Bearer(token)
        known = await look(
            idp.with_credential(own), idp.with_credential(own), own, Presented("bearer", token)
        )
        assert known.expires_at is not None
        return known.user.id

    assert house.as_admin("auth-service", powerless) == caller.id
    assert backend.life > 30


def test_a_token_for_somebody_else(house: House) -> None:
    """Authress' tokens name their audience; what was given to another service is refused."""
    backend = house.backends["authress"]

    async def ask(audience: str, headers: dict[str, str]) -> int:
        identity = IdentityProvider(backend.connect, audience=audience, clock=backend.clock)
        app = FastAPI()
        install(app)

        @app.get("/me", dependencies=[Depends(identity.current_user)])
        async def me() -> None: ...

        transport = httpx.ASGITransport(app)
        async with (
            identity.lifespan(app),
            httpx.AsyncClient(transport=transport, base_url="http://a") as http,
        ):
            return (await http.get("/me", headers=headers)).status_code

    headers = house.caller("authress").headers
    token = Secret(headers["Authorization"].split()[1])
    (own,) = house.as_admin("authress", lambda idp: idp.tokens.verify(token)).audience
    assert house.runner.run(ask(own, headers)) == 200
    assert house.runner.run(ask("another", headers)) == 401
    assert house.runner.run(ask(own, {"Authorization": "Bearer opaque"})) == 401


@pytest.mark.parametrize("name", ["lakefs", "argus", "igtcloud", "auth-service"])
def test_a_backend_whose_tokens_name_no_audience(house: House, name: str) -> None:
    async def start() -> None:
        async with IdentityProvider(house.backends[name].connect, audience="x").lifespan():
            pass

    with pytest.raises(ConfigurationError, match="audience"):
        house.runner.run(start())


@pytest.mark.parametrize("name", ["local", "authress", "auth-service"])
def test_what_can_be_verified_here_costs_no_request(house: House, name: str) -> None:
    """A token that has expired, or that somebody forged, does not reach the backend."""
    backend, caller = house.backends[name], house.caller(name)
    head, _, tail = caller.headers["Authorization"].rpartition(".")
    forged = {"Authorization": f"{head}.{tail[::-1]}"}
    assert house.get(f"{name}/me", headers=caller.headers).status_code == 200
    house.get(f"{name}/me", headers=forged)  # the key is fetched anew for it, once a minute
    before = house.requests(name)
    assert house.get(f"{name}/me", headers=forged).status_code == 401
    backend.clock.advance(backend.life + 1)
    house.as_admin(name, lambda idp: idp.users.me())
    assert house.get(f"{name}/me", headers=caller.headers).status_code == 401
    assert house.requests(name) - before <= (1 if name == "auth-service" else 0)  # its key, once an hour


def test_a_service_that_is_refused_itself(house: House) -> None:
    """The caller cannot help it: 502, and no word of signing in."""
    backend = house.backends["auth-service"]
    adapter = AuthService(base_url=backend.profile()["base_url"], auth=Bearer("dead"))

    async def ask(headers: dict[str, str]) -> httpx.Response:
        identity = IdentityProvider(lambda: connect(adapter, clock=backend.clock))
        app = FastAPI()
        install(app)

        @app.get("/me", dependencies=[Depends(identity.current_user)])
        async def me() -> None: ...

        transport = httpx.ASGITransport(app)
        async with (
            identity.lifespan(app),
            httpx.AsyncClient(transport=transport, base_url="http://a") as http,
        ):
            return await http.get("/me", headers=headers)

    answer = house.runner.run(ask(house.caller("auth-service").headers))
    assert (answer.status_code, answer.json()["error"]) == (502, "AuthenticationError")
    assert "WWW-Authenticate" not in answer.headers


def test_a_session_that_may_do_less_than_its_user(house: House) -> None:
    """Argus does not tell what a session is limited to; so the session itself asks."""
    backend = house.backends["argus"]
    action, resource = backend.right

    async def limited(idp: IdentityClient[Any]) -> tuple[dict[str, str], dict[str, str]]:
        caller = await backend.caller(idp)
        await backend.grant(idp, caller.id, action, resource)
        await backend.grant(idp, caller.id, "deleteSession", resource)
        own = idp.with_credential(Bearer(caller.headers["Authorization"].split()[1]))
        return caller.headers, bearer((await own.sessions.constrain(["deleteSession"])).token)

    whole, less = house.as_admin("argus", limited)
    assert house.get(f"argus/docs/{resource}", headers=whole).status_code == 200
    assert house.get("argus/me", headers=less).status_code == 200
    assert house.get(f"argus/docs/{resource}", headers=less).status_code == 403
