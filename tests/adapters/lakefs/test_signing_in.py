"""Sessions, tokens, token sources, options, and what ``ping`` learns."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from identity_sdk.adapters.base import Probe
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.adapters.lakefs.auth import CookieSource, LoginSource, claims_of
from identity_sdk.adapters.lakefs.models import LakeFSSession
from identity_sdk.auth.sources import AccessKey, BasicSource, Bearer, BearerSource
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    ProtocolError,
)
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret

pytestmark = pytest.mark.anyio

URL = "https://lakefs.example/api/v1"


def jwt(**claims: object) -> str:
    payload = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.c2ln"


ALICE = jwt(sub="alice", jti="j-1", iat=1_800_000_000, exp=1_800_604_800)


def login(tools: Any, token: str = ALICE, **more: Any) -> Any:
    return tools.answer(200, {"token": token, "token_expiration": 1_800_604_800, "refresh": "canary", **more})


# Sessions.


async def test_a_session_by_access_key(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [login(tools)]
    session = await lakefs.sessions.create("access_key", identifier="k", secret="s")
    assert (session.id, session.user_id, session.method) == ("j-1", "alice", "access_key")
    assert session.token == Secret(ALICE)
    assert session.created_at is not None
    assert session.expires_at is not None
    assert session.expires_at.timestamp() == 1_800_604_800
    assert "canary" not in repr(session) + session.model_dump_json()
    assert not sender.calls[0].spec.auth
    source = tools.adapter(sender, session).token_source()
    assert isinstance(source, BearerSource)


async def test_a_token_that_is_no_jwt(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    """Then the server is asked whose it is."""
    me = tools.answer(200, {"user": {"id": "alice", "creation_date": 1}})
    sender.script = [login(tools, "opaque", token_expiration=None), me]
    session = await lakefs.sessions.create("password", identifier="a@b.c", secret=Secret("s"))
    assert session.user_id == "alice"
    assert session.id.startswith("tok_")
    assert session.expires_at is None
    assert sender.calls[1].request.headers["Authorization"] == "Bearer opaque"
    assert not sender.calls[1].spec.auth, "the client's own token must not go along"
    sender.script = [login(tools, "opaque"), tools.answer(200, {"user": {"id": "", "creation_date": 0}})]
    with pytest.raises(ProtocolError):
        await lakefs.sessions.create("access_key", identifier="k", secret="s")
    sender.script = [login(tools, "")]
    with pytest.raises(AuthenticationError, match="empty"):
        await lakefs.sessions.create("access_key", identifier="k", secret="s")


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.!.c", "a.W10.c", "a.bm8.c", "a." + "W" * 9 + ".c", "a..c", "a.éé.c"]
)
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    assert claims_of(Secret(token)) == {}


@pytest.mark.parametrize(
    ("method", "given", "kind"),
    [
        ("access_key", {"identifier": "k"}, InvalidRequestError),
        ("access_key", {"secret": "s"}, InvalidRequestError),
        ("access_key", {"identifier": "k", "secret": "s", "code": "1"}, InvalidRequestError),
        ("oidc", {"code": "c"}, InvalidRequestError),
        ("oidc", {"code": "c", "state": "s", "secret": "x"}, InvalidRequestError),
        ("saml", {}, NotSupportedError),
    ],
)
async def test_what_cannot_sign_in(
    method: str, given: dict[str, Any], kind: type[Exception], lakefs: LakeFS, sender: Any
) -> None:
    with pytest.raises(kind):
        await lakefs.sessions.create(method, **given)
    assert sender.calls == []


async def test_the_old_openid_sign_in(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    redirect = tools.answer(
        307,
        cookies=("internal_auth_session=; Max-Age=0", "oidc_auth_session=MTY4; Path=/; HttpOnly"),
        location="/",
    )
    sender.script = [redirect, tools.answer(200, {"user": {"id": "alice", "creation_date": 1}})]
    session = await lakefs.sessions.create("oidc", code="c", state="s t")
    assert sender.sent[0] == "GET /api/v1/oidc/callback?state=s+t&code=c"
    assert sender.calls[1].request.headers["Cookie"] == "oidc_auth_session=MTY4"
    assert (session.user_id, session.cookie, session.method) == ("alice", "oidc_auth_session", "oidc")
    assert "MTY4" not in repr(session)
    adapter = tools.adapter(sender, session)
    source = adapter.token_source()
    assert isinstance(source, CookieSource)
    headers: dict[str, str] = {}
    source.authorize(await source.fetch(sender, None), "GET", headers)
    assert headers == {"Cookie": "oidc_auth_session=MTY4"}
    assert "MTY4" not in source.key
    sender.script = [tools.answer(200, {"user": {"id": "alice", "creation_date": 1}})]
    current = await adapter.sessions.current()
    assert (current.id, current.cookie, current.token) == (session.id, "oidc_auth_session", None)


@pytest.mark.parametrize(
    "cookies", [(), ("other=1",), ("oidc_auth_session=x; Max-Age=0",), ("\x00bad",), ("(a)=1",)]
)
async def test_a_callback_that_signs_nobody_in(
    cookies: tuple[str, ...], lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    sender.script = [tools.answer(307, cookies=cookies, location="/auth/login")]
    with pytest.raises(AuthenticationError, match="cookie"):
        await lakefs.sessions.create("oidc", code="c", state="s")


async def test_methods(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [
        tools.answer(200, {"invite_user": True, "forgot_password": True}),
        tools.answer(200, {"state": "initialized", "oidc_enabled": True}),
        tools.answer(200, {"invite_user": False}),
        tools.answer(200, {"state": "initialized"}),
    ]
    assert [one.id for one in await lakefs.sessions.methods()] == ["access_key", "password", "oidc"]
    assert [one.id for one in await lakefs.sessions.methods()] == ["access_key"]


async def test_the_current_session(sender: Any, tools: Any) -> None:
    def me() -> Any:
        return tools.answer(200, {"user": {"id": "alice", "creation_date": 1}})

    async def current(auth: Any) -> LakeFSSession:
        sender.script = [me()]
        return await tools.adapter(sender, auth).sessions.current()  # type: ignore[no-any-return]

    assert (await current(tools.admin)).id == tools.admin.access_key_id
    told = await current(Bearer(ALICE))
    assert (told.id, told.method, told.token) == ("j-1", "bearer", None)
    assert told.expires_at is not None
    assert (await current(Bearer("opaque"))).id.startswith("tok_")
    assert (await current(Bearer(lambda: "opaque"))).id.startswith("ses_")
    assert (await current(Token(id="t", value=Secret(ALICE)))).id == "j-1"
    assert (await current(Session(id="s", user_id="alice", method="access_key"))).id == "s"


async def test_ending_is_local(lakefs: LakeFS, sender: Any) -> None:
    assert (await lakefs.sessions.end(Session(id="s", user_id="u"))).server_side is False
    assert sender.forgotten == 0
    assert (await lakefs.sessions.end()).server_side is False
    assert sender.forgotten == 1
    assert sender.calls == []
    for verb in (lakefs.sessions.constrain(["x"]), lakefs.sessions.impersonate("u")):
        with pytest.raises(NotSupportedError):
            await verb


# Tokens.


async def test_issuing(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [login(tools), login(tools), login(tools)]
    token = await lakefs.tokens.issue()
    assert (token.id, token.user_id, token.token_type) == ("j-1", "alice", "Bearer")
    assert token.value == Secret(ALICE)
    assert (await lakefs.tokens.refresh()).user_id == "alice"
    assert (await lakefs.tokens.refresh(token)).user_id == "alice"
    for refused in ({"scopes": ["a"]}, {"lifetime": 5.0}):
        with pytest.raises(NotSupportedError):
            await lakefs.tokens.issue(**refused)


@pytest.mark.parametrize("former", [jwt(sub="bob"), "opaque", Token(id="t", user_id="bob")])
async def test_a_token_of_somebody_else_is_not_refreshed(
    former: Any, lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    sender.script = [login(tools)]
    with pytest.raises(InvalidRequestError, match="alice"):
        await lakefs.tokens.refresh(former)


async def test_without_an_access_key_nothing_is_issued(sender: Any, tools: Any) -> None:
    for auth in (Bearer("x"), None):
        with pytest.raises(NotSupportedError, match="AccessKey"):
            await tools.adapter(sender, auth).tokens.issue()
    assert sender.calls == []


async def test_what_tokens_cannot_do(lakefs: LakeFS) -> None:
    for work in (
        lakefs.tokens.get(id="t"),
        lakefs.tokens.introspect("t"),
        lakefs.tokens.verify("t"),
        lakefs.tokens.revoke("t"),
    ):
        with pytest.raises(NotSupportedError):
            await work
    with pytest.raises(NotSupportedError):
        lakefs.tokens.list()


# Sources.


async def test_logging_in_again(sender: Any, tools: Any) -> None:
    adapter = tools.adapter(sender, AccessKey("k", "canary-secret"), sign_in="login")
    source = adapter.token_source()
    assert isinstance(source, LoginSource)
    assert source.renewable
    sender.script = [login(tools), login(tools, "")]
    issued = await source.fetch(sender, None)
    assert (issued.expires_at, issued.issued_at) == (1_800_604_800, tools.now)
    assert json.loads(sender.calls[0].request.body) == {
        "access_key_id": "k",
        "secret_access_key": "canary-secret",
    }
    headers: dict[str, str] = {}
    source.authorize(issued, "GET", headers)
    assert headers == {"Authorization": f"Bearer {ALICE}"}
    with pytest.raises(AuthenticationError):
        await source.fetch(sender, issued)
    other = LakeFS(base_url="https://other/api/v1", auth=AccessKey("k", "canary-secret"), sign_in="login")
    assert other.token_source().key != source.key  # type: ignore[union-attr]
    assert "canary" not in source.key + repr(source) + repr(adapter) + repr(issued)


def test_sources_by_credential(tools: Any) -> None:
    def source(auth: Any) -> object:
        return LakeFS(base_url=URL, auth=auth).token_source()

    assert source(None) is None
    assert isinstance(source(tools.admin), BasicSource)
    assert isinstance(source(Bearer("t")), BearerSource)
    assert isinstance(source(Token(id="t", value=Secret("v"))), BearerSource)
    with pytest.raises(ConfigurationError, match="no value"):
        source(Session(id="s", user_id="u"))


# Options.


def test_options() -> None:
    key = {"access_key_id": "k", "secret_access_key": "s"}
    adapter = LakeFS.from_options({"base_url": URL + "/", **key, "sign_in": "login", "token": None})
    assert (adapter.base_url, adapter.auth, adapter.sign_in) == (URL, AccessKey("k", "s"), "login")
    assert LakeFS.from_options({"base_url": URL, "token": Secret("t")}).auth == Bearer("t")
    assert LakeFS.from_options({"base_url": URL}).auth is None
    assert {name for name, option in LakeFS.options.items() if option.secret} == {
        "secret_access_key",
        "token",
    }


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "base_url"),
        ({"base_url": 7}, "base_url"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": URL, "access_key_id": "k"}, "secret_access_key"),
        ({"base_url": URL, "secret_access_key": "s"}, "access_key_id"),
        ({"base_url": URL, "secret_access_key": 7, "access_key_id": "k"}, "string"),
        ({"base_url": URL, "token": "t", "access_key_id": "k"}, "not both"),
        ({"base_url": URL, "sign_in": "kerberos"}, "sign_in"),
    ],
)
def test_wrong_options(options: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        LakeFS.from_options(options)


def test_wrong_construction() -> None:
    with pytest.raises(ConfigurationError, match="sign_in"):
        LakeFS(base_url=URL, sign_in="kerberos")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="connect"):
        _ = LakeFS(base_url=URL).users


# What ping learns.

OLD = {"state": "initialized", "oidc_enabled": False}


def today(rbac: str, state: str = "initialized") -> dict[str, object]:
    return {"state": state, "login_config": {"RBAC": rbac, "login_cookie_names": []}}


async def probe(
    adapter: LakeFS, sender: Any, tools: Any, state: object, able: object, me: Any = None
) -> Probe:
    sender.script = [tools.answer(200, state), tools.answer(200, able)]
    if me is not None:
        sender.script.append(me)
    found = await adapter.probe()
    assert sender.script == []
    return found


async def test_ping_narrows(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    me = tools.answer(200, {"user": {"id": "admin", "creation_date": 1}})
    mail, no_mail = {"invite_user": True, "forgot_password": True}, {"invite_user": True}
    all_of_them = set(lakefs.capabilities.supported())

    async def lacks(state: object, able: object) -> set[str]:
        found = await probe(lakefs, sender, tools, state, able, me)
        assert found.principal == "admin"
        return all_of_them - set(found.capabilities.supported())

    resets = {"credentials.request_password_reset", "credentials.reset_password"}
    policies = {verb for verb in all_of_them if verb.startswith("policies.")} | {
        "users.policies",
        "groups.policies",
    }
    groups = {verb for verb in all_of_them if verb.startswith("groups.")}
    single = {"users.create", "users.groups", "credentials.list", "credentials.delete", "credentials.rotate"}
    assert await lacks(OLD, mail) == set()
    assert await lacks(OLD, no_mail) == resets
    assert await lacks(today("internal"), no_mail) == resets
    assert await lacks(today("external"), no_mail) == resets
    assert await lacks(today("simplified"), no_mail) == resets | policies
    assert await lacks(today("none"), no_mail) == resets | policies | groups | single


async def test_ping_of_nobody(sender: Any, tools: Any) -> None:
    able = {"invite_user": True}
    anonymous = tools.adapter(sender, None)
    assert (await probe(anonymous, sender, tools, OLD, able)).principal is None
    nobody = tools.answer(200, {"user": {"id": "", "creation_date": 0}})
    assert (await probe(tools.adapter(sender), sender, tools, OLD, able, nobody)).principal is None
    new = today("none", "not_initialized")
    assert (await probe(tools.adapter(sender), sender, tools, new, able)).principal is None
    rejected = tools.answer(401, {"message": "error authenticating request"})
    with pytest.raises(AuthenticationError):
        await probe(tools.adapter(sender), sender, tools, OLD, able, rejected)
    sender.script = [tools.answer(404, {"message": "not found"})]
    with pytest.raises(NotFoundError):
        await anonymous.probe()


def test_capabilities_before_any_io() -> None:
    able = LakeFS(base_url=URL).capabilities
    assert able.propagation.credentials == 23.0
    assert able.propagation.tokens == 7 * 24 * 3600
    assert not able.supports("users.update")
    assert able["users.update"].instead
    assert json.loads(json.dumps(able.to_dict()))["provider"] == "lakefs"
    missing = [verb for verb, cell in able.cells.items() if not cell.supported and not cell.reason]
    assert missing == []
