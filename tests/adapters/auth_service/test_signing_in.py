"""Access tokens, refresh UUIDs, signing in at the OpenID provider, cookies, and what the public key verifies."""

from __future__ import annotations

import base64
import hmac
import http.client
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from identity_sdk import connect
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.adapters.auth_service.models import AuthServiceSession, GroupGrant
from identity_sdk.auth.sources import AccessKey, Bearer, RefreshToken
from identity_sdk.errors import (
    AuthenticationError,
    ChallengeRequiredError,
    ConfigurationError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSentError,
    NotSupportedError,
)
from identity_sdk.models import Token
from identity_sdk.secrets import Secret

pytestmark = pytest.mark.anyio


def at_the_provider(url: str, user: str = "sso-user") -> dict[str, str]:
    """What a browser does: the provider's page sends it back with code and state."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    connection.request("GET", f"{place.path}?{place.query}&user={user}")
    response = connection.getresponse()
    response.read()
    connection.close()
    back = parse_qs(urlsplit(response.getheader("Location", "")).query)
    return {name: back[name][0] for name in ("code", "state", "scope")}


async def test_a_refresh_token_gets_access_tokens_again_and_again(site: Any) -> None:
    idp = site.idp
    site.requests()
    await idp.users.list()
    await idp.users.list()
    assert site.requests() == ["POST /refresh", "GET /admin/users", "GET /admin/users"]
    token = await idp.tokens.refresh()
    assert (token.user_id, token.refresh_token.reveal()) == ("boss", site.refresh)
    assert token.value.reveal() not in f"{token!r}{token.model_dump_json()}"
    again = await idp.tokens.refresh(token)
    assert (await site.client(again).users.me()).id == "boss"
    assert (await idp.tokens.refresh(site.refresh.upper())).user_id == "boss"
    current = await idp.sessions.current()
    assert (current.user_id, current.method) == ("boss", "refresh_token")
    assert (await idp.sessions.end()).server_side is False
    site.requests()
    await idp.users.me()
    assert site.requests() == ["POST /refresh", "GET /userInfo"]
    assert (await idp.sessions.end(current)).server_side is False


async def test_a_dead_refresh_token_is_told_from_a_dead_network(site: Any) -> None:
    dead = await site.emulator.refresh_token("boss", -1.0)
    for wrong in (dead, "3f2b8a10-0000-4000-8000-000000000000", "no uuid"):
        with pytest.raises(AuthenticationError):
            await site.client(RefreshToken(wrong)).users.list()
        with pytest.raises(AuthenticationError):
            await site.idp.tokens.refresh(wrong)
    site.faults.add("POST /refresh: drop")
    site.faults.add("/health/*: drop")
    with pytest.raises(NoAnswerError):
        await site.client(RefreshToken(await site.emulator.refresh_token("boss"))).users.list()
    site.faults.clear()
    site.faults.add("POST /refresh: late=0.5")
    with pytest.raises(NoAnswerError):
        await site.idp.with_options(timeout=0.05, retries=0).tokens.refresh()
    adapter = AuthService(base_url="http://127.0.0.1:1/api/auth/v1", auth=RefreshToken(dead))
    async with connect(adapter, retries=0) as nowhere:
        with pytest.raises(NotSentError):
            await nowhere.users.list()


async def test_an_access_token_that_is_refused_is_renewed_once(site: Any) -> None:
    """The access token that came with a refresh token is used first, unless its time is over."""
    old = site.emulator.token("boss", "ADMIN", -5.0)
    told = {"id": "t", "user_id": "boss", "value": old, "refresh_token": site.refresh}
    future = Token.model_validate({**told, "expires_at": time.time() + 600})
    past = Token.model_validate({**told, "expires_at": 1.0})
    renewed = ["POST /refresh", "GET /admin/users"]
    for token, requests in ((future, ["GET /admin/users", *renewed]), (past, renewed)):
        async with connect(AuthService(base_url=site.base_url, auth=token)) as idp:
            assert len(await idp.users.list()) == 1
        assert site.requests() == requests


async def test_a_bearer_token(site: Any) -> None:
    value = site.emulator.token("boss", "ADMIN")
    client = site.client(Bearer(value))
    current = await client.sessions.current()
    assert (current.user_id, current.method) == ("boss", "bearer")
    with pytest.raises(NotSupportedError):
        await client.tokens.refresh()
    with pytest.raises(InvalidRequestError):
        await client.tokens.refresh(Token(id="t"))
    named = await site.client(Bearer(lambda: value)).sessions.current()
    assert named.id.startswith("ses_")
    assert (
        await site.client(Token.model_validate({"id": "t", "value": value})).sessions.current()
    ).id == current.id


async def test_a_token_that_expires_in_the_middle_of_a_list(site: Any) -> None:
    """Whatever can get another does so, once; a bearer token cannot."""
    idp = site.client(None)
    (method,) = await idp.sessions.methods()
    await site.idp.users.create("sso-user", global_role="ADMIN")
    session = await idp.sessions.create("sso", **at_the_provider(method.url))
    bearer = site.client(Bearer(site.emulator.token("boss", "ADMIN", 600.0)))
    for client, renewed in ((site.idp, True), (site.client(session), True), (bearer, False)):
        page = await anext(client.users.list(limit=1).pages())
        site.emulator.clock = lambda: time.time() + 700
        site.requests()
        rest = client.users.list(cursor=page.cursor)
        if renewed:
            assert [user.id for user in await rest] == ["sso-user"]
            assert site.requests() == ["GET /admin/users", "POST /refresh", "GET /admin/users"]
        else:
            with pytest.raises(AuthenticationError):
                await rest
            assert site.requests() == ["GET /admin/users"]
        site.emulator.clock = time.time


async def test_a_cookie_gets_new_tokens_until_it_is_dead(site: Any) -> None:
    idp = site.client(None)
    await site.idp.users.create("sso-user", global_role="ADMIN")
    login = await idp.native.login(redirection="http://front.example/")
    session = await idp.sessions.create("sso", **at_the_provider(login.url), cookie=login.cookie)
    client = site.client(session)
    page = await anext(client.users.list(limit=1).pages())
    site.emulator.clock = lambda: time.time() + 700
    assert [user.id for user in await client.users.list(cursor=page.cursor)] == ["sso-user"]
    site.emulator.clock = lambda: time.time() + 90000  # past the refresh token in the cookie
    with pytest.raises(AuthenticationError):
        await client.users.list()
    wrong = session.model_copy(update={"cookie": Secret("AIOHTTP_SESSION=wrong"), "token": None})
    with pytest.raises(AuthenticationError):
        await site.client(wrong).users.list()


async def test_signing_in_at_the_provider(site: Any) -> None:
    idp = site.client(None)
    await site.idp.users.create("sso-user")
    with pytest.raises(ChallengeRequiredError) as challenge:
        await idp.sessions.create("sso")
    back = at_the_provider(challenge.value.challenge)
    session = await idp.sessions.create("sso", **back)
    assert (session.user_id, session.method) == ("sso-user", "sso")
    assert session.token.reveal() not in f"{session!r}{session.model_dump_json()}"
    client = site.client(session)
    assert (await client.users.me()).id == "sso-user"
    assert (await client.sessions.current()).id == session.id
    assert (await client.tokens.refresh()).user_id == "sso-user"
    with pytest.raises(AuthenticationError):  # a state works once
        await idp.sessions.create("sso", **back)
    (method,) = await idp.sessions.methods()
    assert method.id == "sso"
    second = await idp.sessions.create("sso", **at_the_provider(method.url))
    with pytest.raises(AuthenticationError):  # a sign-in ends the earlier refresh tokens of its user
        await idp.tokens.refresh(session.refresh_token)
    assert (await idp.tokens.refresh(second.refresh_token)).user_id == "sso-user"


async def test_a_wrong_callback(site: Any) -> None:
    idp = site.client(None)
    (method,) = await idp.sessions.methods()
    back = at_the_provider(method.url)
    with pytest.raises(AuthenticationError):
        await idp.sessions.create("sso", code="made up", state=back["state"])
    with pytest.raises(AuthenticationError):
        await idp.sessions.create("sso", code="made up", state="by nobody")
    with pytest.raises(InvalidRequestError):
        await idp.sessions.create("sso", code="alone")
    with pytest.raises(NotSupportedError):
        await idp.sessions.create("password", code="x", state="y")


async def test_a_sign_in_with_redirection_leaves_its_tokens_in_the_cookie(site: Any) -> None:
    idp = site.client(None)
    login = await idp.native.login(redirection="http://front.example/after?a=b")
    back = at_the_provider(login.url, "somebody")
    answer = await idp.native.auth_sso(**back, cookie=login.cookie)
    assert (answer.tokens, answer.location) == (None, "http://front.example/after?a=b")
    login = await idp.native.login(redirection="http://front.example/after")
    session = await idp.sessions.create(
        "sso", **at_the_provider(login.url, "somebody"), cookie=login.cookie.reveal()
    )
    assert isinstance(session, AuthServiceSession)
    assert (session.user_id, session.refresh_token) == ("somebody", None)
    assert session.cookie.reveal() not in f"{session!r}{session.model_dump_json()}"
    client = site.client(session)
    site.requests()
    assert (await client.users.me()).id == "somebody"
    assert (await client.tokens.refresh()).user_id == "somebody"
    assert site.requests() == ["GET /userInfo", "POST /refresh"]


async def test_tokens_are_checked_offline(site: Any) -> None:
    idp = site.idp
    await idp.groups.create("g")
    await idp.users.update("boss", groups=[GroupGrant(group_id="g", mode="WRITE")])
    token = await idp.tokens.refresh()
    site.requests()
    claims = await idp.tokens.verify(token)
    assert (claims.active, claims.subject, claims.user.global_role) == (True, "boss", "ADMIN")
    assert [(one.id, one.mode) for one in claims.user.groups] == [("g", "WRITE")]
    value = token.value.reveal()
    head, payload, signature = value.split(".")
    pem = (await idp.native.get_public_key()).public_key
    symmetric = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    mac = hmac.digest(pem.encode(), f"{symmetric}.{payload}".encode(), "sha256")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for wrong in (
        f"{symmetric}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        f"{none}.{payload}.",
        f"{head}.{payload}.AAAA{signature[4:]}",
        site.emulator.token("boss", "ADMIN", -1.0),
        site.emulator.token("", "ADMIN"),
        "a.b.c",
        "nothing",
    ):
        with pytest.raises(AuthenticationError):
            await idp.tokens.verify(wrong)
    assert site.requests() == ["GET /publicKey"] * 2  # one of them is this test's own
    with pytest.raises(NotSupportedError):
        await idp.tokens.verify(token, audience="x")
    with pytest.raises(InvalidRequestError):
        await idp.tokens.verify(Token(id="t"))


async def test_refresh_tokens_of_the_documented_face(site: Any) -> None:
    idp = site.idp
    if site.real:
        await _stubs(site)
        return
    token = await idp.tokens.issue(
        lifetime=1000, name="robot", groups=[GroupGrant(group_id="g", mode="READ")]
    )
    assert (token.user_id, token.name) == ("boss", "robot")
    assert (await site.client(token).users.me()).id == "boss"
    other = await idp.tokens.issue()
    assert {token.id, other.id} < {one.id for one in await idp.tokens.list()}
    read = await idp.tokens.get(token)
    assert (read.name, read.value, read.refresh_token) == ("robot", None, None)
    assert (await idp.tokens.get(id=other.id)).expires_at is not None
    assert (await idp.tokens.refresh(token)).user_id == "boss"
    assert (await idp.tokens.revoke(token)).existed
    with pytest.raises(AuthenticationError):
        await idp.tokens.refresh(token)
    for call in (idp.tokens.revoke(token), idp.tokens.get(id=token.id)):
        with pytest.raises(NotFoundError):
            await call
    for call in (
        idp.tokens.revoke(),
        idp.tokens.revoke(other.value),
        idp.tokens.get(other, id=other.id),
        idp.tokens.get(id=""),
        idp.tokens.issue(lifetime=0),
    ):
        with pytest.raises(InvalidRequestError):
            await call
    with pytest.raises(NotSupportedError):
        await idp.tokens.list("boss")
    with pytest.raises(NotSupportedError):
        await idp.tokens.list(user="boss")


async def _stubs(site: Any) -> None:
    tokens = site.idp.tokens
    for call in (tokens.issue(), tokens.list(), tokens.get(id="t"), tokens.revoke(id="t")):
        with pytest.raises(NotSupportedError, match="stub"):
            await call
    assert "DELETE /admin/refreshTokens/t" not in site.requests()
    await site.idp.native.revoke_refresh_token("t")  # as it is


async def test_options() -> None:
    base = "http://h/api/auth/v1"
    made = AuthService.from_options({"base_url": base, "refresh_token": "u", "default_role": "ADMIN"})
    assert isinstance(made.auth, RefreshToken)
    assert made.default_role == "ADMIN"
    assert AuthService.from_options({"base_url": base}).token_source() is None
    assert isinstance(AuthService.from_options({"base_url": base, "token": "t"}).auth, Bearer)
    for wrong in (
        {},
        {"base_url": base, "token": 5},
        {"base_url": base, "default_role": "ROOT"},
        {"base_url": base, "token": "t", "refresh_token": "u"},
    ):
        with pytest.raises(ConfigurationError):
            AuthService.from_options(wrong)
    with pytest.raises(ConfigurationError):
        AuthService(base_url=base, default_role="user")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        AuthService(base_url=base, auth=AccessKey("a", "b")).token_source()
