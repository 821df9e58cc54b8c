"""Credentials, cookies and tokens: what becomes of them, and what is refused before anything is sent."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc import jwt as jose
from joserfc.jwk import RSAKey

from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.adapters.igtcloud.auth import (
    ASSERTION_LIFE,
    Audience,
    GetterSource,
    GivenSource,
    LoginSource,
)
from identity_sdk.adapters.igtcloud.cookies import claims_of, expiry_of, jwt_of_cookies, refreshable
from identity_sdk.adapters.igtcloud.models import IgtSession, IgtToken
from identity_sdk.auth.sources import AccessKey, ApiKey, Bearer, Issued, Password
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotSupportedError,
    ProtocolError,
)
from identity_sdk.models import Token
from identity_sdk.secrets import Secret

pytestmark = pytest.mark.anyio

PEM = RSAKey.generate_key(2048).as_pem(private=True).decode()


def made(**claims: Any) -> str:
    """A JWT with these claims, which nobody verifies."""
    parts = [urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({}, claims)]
    return f"{parts[0]}.{parts[1]}.sig"


def cookies(jwt: str, age: str = "1800") -> tuple[str, ...]:
    head, _, signature = jwt.rpartition(".")
    return (
        f"jwt_header_payload={head}; Max-Age={age}; Path=/",
        f"jwt_signature={signature}; HttpOnly; Path=/",
    )


def test_cookies_are_joined() -> None:
    jwt, life = jwt_of_cookies(cookies("a.b.c"))
    assert jwt == Secret("a.b.c")
    assert life == 1800
    folded, life = jwt_of_cookies([", ".join(cookies("a.b.c"))])
    assert folded == Secret("a.b.c")
    assert life == 1800
    assert jwt_of_cookies(cookies("a.b.c", "soon")) == (Secret("a.b.c"), None)
    for lines in ((), cookies("a.b.c")[:1], ("jwt_header_payload=; Path=/", "jwt_signature=x"), ("\0=;;",)):
        assert jwt_of_cookies(lines) == (None, None)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "a.W10.c", "a.eyJl.c", "a.!!.c", "a." + "W10" * 3 + ".c"]
)
def test_cookies_with_what_is_no_jwt(text: str) -> None:
    assert claims_of(Secret(text)) == {}
    assert expiry_of(Secret(text)) is None
    assert not refreshable(Secret(text))


def test_when_a_jwt_ends() -> None:
    assert expiry_of(Secret(made(exp=1_800_000_000))) == 1_800_000_000.0
    for odd in (True, "soon", -1, 2**40, None):
        assert expiry_of(Secret(made(exp=odd))) is None
    assert refreshable(Secret(made(refresh_token="r")))
    assert not refreshable(Secret(made(refresh_token="")))


async def test_the_assertion_is_as_the_official_client_makes_it(sender: Any, tools: Any) -> None:
    audience = Audience()
    source = LoginSource(AccessKey("svc@x", PEM.replace("\n", "")), "place", "/api", "agent", audience)
    for _ in range(2):
        sender.script = [
            *([tools.answer(200, "https://iam.example/token")] if not sender.calls else []),
            tools.answer(200, {"CSRFToken": "c", "sub": "svc@x"}, cookies=cookies(made(exp=1))),
        ]
        issued = await source.fetch(sender, None)
    assert issued.expires_at == tools.now + 1800
    assert sender.sent == ["GET /api/auth/login/$aud", *["POST /api/auth/login"] * 2]
    body = json.loads(sender.calls[1].request.body)
    assert (body["grantType"], body["hospitalOrgId"]) == ("jwt-key", "")
    token = jose.decode(body["assertion"], RSAKey.import_key(PEM), algorithms=["RS256"])
    assert token.header == {"alg": "RS256", "typ": "JWT"}
    assert token.claims == {
        "aud": ["https://iam.example/token"],
        "iss": "svc@x",
        "sub": "svc@x",
        "exp": int(tools.now) + ASSERTION_LIFE,
    }
    headers: dict[str, str] = {}
    source.authorize(issued, "GET", headers)
    assert headers["X-CSRF-TOKEN"] == "c"


async def test_keys_that_cannot_sign(sender: Any, tools: Any) -> None:
    seed = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    ed25519 = f"-----BEGIN PRIVATE KEY-----\n{seed}\n-----END PRIVATE KEY-----"
    for key in ("no key", ed25519):
        source = LoginSource(AccessKey("svc", key), "place", "/api", "agent", Audience())
        sender.script = [tools.answer(200, "aud")]
        with pytest.raises(ConfigurationError) as refused:
            await source.fetch(sender, None)
        assert key not in str(refused.value)
    sender.script = [tools.answer(200, "")]
    with pytest.raises(ProtocolError):
        await LoginSource(AccessKey("svc", PEM), "p", "/api", "a", Audience()).fetch(sender, None)


async def test_an_answer_without_cookies(igt: IgtCloud, sender: Any, tools: Any) -> None:
    sender.script = [tools.answer(200, {"CSRFToken": "c", "sub": "ann"})]
    with pytest.raises(ProtocolError, match="cookies"):
        await igt.tokens.issue()


async def test_a_refresh_that_is_refused_ends_in_a_login(sender: Any, tools: Any) -> None:
    source = LoginSource(tools.admin, "place", "/api", "agent", Audience())
    old = Issued(Secret(made(refresh_token="r")), extra={"csrf": Secret("c")})
    new = tools.answer(200, {"CSRFToken": "n", "sub": "a"}, cookies=cookies(made(exp=1)))
    for status in (400, 401):
        sender.script = [tools.answer(status, {"message": "no"}), new]
        assert (await source.fetch(sender, old)).extra["csrf"] == Secret("n")
    sender.script = [new]
    kept = await source.fetch(sender, old)
    assert kept.extra["csrf"] == Secret("c")
    sender.script = [new]
    await source.fetch(sender, Issued(Secret(made())))
    assert sender.sent[-1] == "POST /api/auth/login"


async def test_given_tokens(sender: Any, tools: Any) -> None:
    adapter = tools.adapter(sender, Bearer(made(exp=5)), csrf_token="c")
    source = adapter.token_source()
    assert isinstance(source, GivenSource)
    assert not source.renewable
    issued = await source.fetch(sender, None)
    assert issued.expires_at == 5.0
    with pytest.raises(AuthenticationError):
        await source.fetch(sender, issued)
    assert adapter.with_auth(Bearer("x")).token_source().key != source.key
    getter = tools.adapter(
        sender, Bearer(lambda: Issued(Secret("j"), extra={"csrf": Secret("c")}))
    ).token_source()
    assert isinstance(getter, GetterSource)
    headers: dict[str, str] = {}
    getter.authorize(await getter.fetch(sender, None), "POST", headers)
    assert headers == {"X-JWT": "j", "X-CSRF-TOKEN": "c"}
    bare = tools.adapter(sender, Token(id="t", value=Secret("j"))).token_source()
    headers = {}
    bare.authorize(await bare.fetch(sender, None), "POST", headers)
    assert headers == {"X-JWT": "j"}
    for empty in (IgtToken(id="t"), IgtSession(id="s", user_id="u"), ApiKey("k")):
        with pytest.raises(ConfigurationError):
            tools.adapter(sender, empty).token_source()
    assert tools.adapter(sender, None).token_source() is None


def test_options() -> None:
    base = {"base_url": "https://igt.example"}
    for told, kind in (
        ({"username": "u", "password": "p"}, Password),
        ({"service_id": "s", "private_key": Secret(PEM)}, AccessKey),
        ({"token": "t", "csrf_token": "c", "organization": "o", "email_domain": "d"}, Bearer),
        ({}, type(None)),
    ):
        assert isinstance(IgtCloud.from_options({**base, **told, "csrf": None}).auth, kind)
    for wrong in (
        {},
        {**base, "username": "u"},
        {**base, "password": "p"},
        {**base, "service_id": "s"},
        {**base, "token": "t", "username": "u", "password": "p"},
        {**base, "username": "u", "password": ""},
        {**base, "csrf_token": "c"},
        {**base, "token": 5},
        {**base, "organization": 5},
        {"base_url": "ftp://x"},
    ):
        with pytest.raises(ConfigurationError):
            IgtCloud.from_options(wrong)


async def test_what_a_token_that_is_given_may_not(igt: IgtCloud, sender: Any, tools: Any) -> None:
    with pytest.raises(InvalidRequestError):
        await igt.tokens.refresh(IgtToken(id="t"))
    with pytest.raises(InvalidRequestError):
        await igt.sessions.end(IgtSession(id="s", user_id="u"))
    given = tools.adapter(sender, Bearer(made(exp=5)), csrf_token="c")
    with pytest.raises(NotSupportedError):
        await given.tokens.issue()
    with pytest.raises(InvalidRequestError):
        await given.tokens.refresh()
    sender.script = [
        tools.answer(200, {"user": "bob"}),
        tools.answer(200, {"sub": "ann"}, cookies=cookies(made(exp=1))),
    ]
    with pytest.raises(InvalidRequestError, match="bob"):
        await igt.tokens.refresh(made(exp=5))
    with pytest.raises(InvalidRequestError):
        await igt.sessions.create("jwt-key", identifier="a:b", secret=PEM)
    sender.script = [tools.answer(200, {"user": "ann", "exp": 2**40})]
    current = await tools.adapter(sender, Bearer("opaque")).sessions.current()
    assert (current.id[:4], current.method, current.expires_at) == ("ses_", "token", None)
    sender.script = [tools.answer(200, {"success": None})]
    assert (await igt.sessions.end()).server_side
    assert sender.forgotten == 1


async def test_introspections_that_name_nobody(igt: IgtCloud, sender: Any, tools: Any) -> None:
    sender.script = [tools.answer(200, {"active": False}), tools.answer(200, {"active": True})]
    with pytest.raises(AuthenticationError):
        await igt.sessions.current()
    with pytest.raises(ProtocolError):
        await igt.sessions.current()
    sender.script = [tools.answer(200, {"active": False}), tools.answer(200, {"sub": "u", "scope": "a b"})]
    assert not (await igt.tokens.introspect()).active
    claims = await igt.tokens.introspect("t")
    assert (claims.subject, claims.scopes) == ("u", ("a", "b"))
