"""What the adapter makes of answers, and of silence: by a sender that says what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from identity_sdk.adapters.auth_service.auth import claims_of
from identity_sdk.adapters.auth_service.models import GroupGrant, GroupPost, LoginUrl
from identity_sdk.adapters.auth_service.sessions import Begun
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
    ServerError,
)
from identity_sdk.models import Token
from identity_sdk.secrets import Secret

pytestmark = pytest.mark.anyio

ALICE = "e30.eyJzdWIiOiJhbGljZSJ9.c2ln"
"""A JWT of ``{"sub": "alice"}``."""


def broken() -> NoAnswerError:
    error = NoAnswerError("broke")
    error.broken = True
    return error


def unknown(cause: Exception | None = None) -> AmbiguousOutcomeError:
    error = AmbiguousOutcomeError("nobody knows", how_to_find_out="look")
    error.__cause__ = cause
    return error


async def test_the_four_shapes_of_failure(sender: Any, tools: Any) -> None:
    native = tools.adapter(sender).native
    api_error = tools.answer({"code": 404, "message": "Group not found"}, 404)
    problem = tools.answer(
        {"title": "Unauthorized", "detail": "Provided token is not valid", "status": 401}, 401
    )
    for reply, kind, words in (
        (api_error, NotFoundError, "Group not found"),
        (tools.answer({"code": 409, "message": "taken"}, 409), ConflictError, "taken"),
        (problem, AuthenticationError, "Provided token"),
        (
            tools.answer(None, 401, reason="Only admin can use this endpoint"),
            PermissionDeniedError,
            "Only admin",
        ),
        (tools.answer(None, 401), PermissionDeniedError, "Only admin"),
        (
            tools.answer({"code": 401, "message": "Only admin can use this endpoint"}, 401),
            PermissionDeniedError,
            "Only",
        ),
        (tools.answer(None, 400, reason="GroupId mismatch"), InvalidRequestError, "GroupId mismatch"),
        (tools.trouble(), ServerError, "trouble"),
        (broken(), NoAnswerError, "broke"),
    ):
        sender.script = [reply]
        with pytest.raises(kind, match=words):
            await native.admin_get_group("g")
    dialect = native.dialect
    assert dialect.token_rejected(problem)
    assert not dialect.token_rejected(tools.answer(None, 401))
    spec = sender.calls[0].spec
    assert dialect.tells(spec, None)
    assert not dialect.tells(spec, tools.trouble())


async def test_json_under_any_type_and_none_at_all(sender: Any, tools: Any) -> None:
    native = tools.adapter(sender).native
    sender.script = [tools.answer(tools.user("ann")), tools.answer("<html>"), tools.answer()]
    assert (await native.get_user_info()).id == "ann"
    with pytest.raises(ProtocolError):
        await native.get_user_info()
    with pytest.raises(NotSupportedError, match="stub"):
        await native.list_refresh_tokens()


async def test_nulls_and_what_nobody_knows(sender: Any, tools: Any) -> None:
    """A field that is new to us is kept, and written back with the rest."""
    idp = tools.adapter(sender)
    ann = {"userId": "ann", "globalRole": "USER", "groups": None, "shoe": 42}
    sender.script = [tools.answer(ann)]
    assert (await idp.users.get("ann")).groups == ()
    groups = [{"groupId": "g", "description": "d", "mode": "READ", "since": 1}]
    ann["groups"] = groups
    new = [{"groupId": "h", "description": None, "mode": "READ"}]
    sender.script = [
        tools.answer({"groupId": "h", "description": None, "users": None}),
        tools.answer(ann),
        tools.answer({**ann, "groups": groups + new}),
    ]
    await idp.groups.add_member("h", "ann")
    sent = sender.body()
    assert sent == {
        "userId": "ann",
        "globalRole": "USER",
        "groups": [*groups, {"groupId": "h", "mode": "READ"}],
        "shoe": 42,
    }
    sender.script = [
        tools.answer({"groupId": "g", "description": "d", "users": [], "colour": "red"}),
        tools.answer({"groupId": "g", "description": "e", "users": []}),
    ]
    await idp.groups.update("g", description="e")
    assert sender.body() == {"groupId": "g", "description": "e", "colour": "red"}


async def test_answers_about_somebody_else(sender: Any, tools: Any) -> None:
    idp = tools.adapter(sender)
    other = tools.answer(tools.user("bob"))
    for script, call in (
        ([other], lambda: idp.users.get("ann")),
        ([tools.answer(tools.user("ann")), other], lambda: idp.users.update("ann", global_role="ADMIN")),
        ([tools.answer({"groupId": "h"})], lambda: idp.groups.get("g")),
        ([tools.answer({"tokenId": "x"})], lambda: idp.tokens.get(id="t")),
    ):
        sender.script = list(script)
        with pytest.raises(ProtocolError):
            await call()
    sender.script = [tools.answer(tools.user("ann")), tools.answer(tools.user("ann"))]
    sender.script.insert(0, tools.answer({"groupId": "g", "users": []}))
    with pytest.raises(ProtocolError, match="other groups"):
        await idp.groups.add_member("g", "ann")


async def test_a_user_that_was_posted_into_silence(sender: Any, tools: Any) -> None:
    """Whoever is found then may be somebody else's: never repeated, never believed."""
    users = tools.adapter(sender).users
    nobody = [tools.trouble(), tools.answer({"users": []})]
    there = tools.answer(tools.user("ann"))
    sender.script = [tools.trouble(), unknown(broken()), there]
    with pytest.raises(AmbiguousOutcomeError) as left:
        await users.create("ann")
    assert left.value.found == await found(sender, tools)
    sender.script = [tools.trouble(), unknown(broken()), there]
    assert (await users.create("ann", exist_ok=True)).id == "ann"
    sender.script = [tools.trouble(), unknown(broken()), *nobody]
    with pytest.raises(AmbiguousOutcomeError, match="no such user now") as left:
        await users.create("ann")
    assert left.value.found is None
    assert sender.sent.count("POST /admin/users") == 3
    taken = tools.answer({"code": 409, "message": "User already exists"}, 409)
    sender.script = [broken(), taken]
    with pytest.raises(ConflictError):
        await users.create("ann")
    sender.script = [broken(), taken, there]
    assert (await users.create("ann", exist_ok=True)).id == "ann"


async def found(sender: Any, tools: Any) -> Any:
    sender.script = [tools.answer(tools.user("ann"))]
    return await tools.adapter(sender).users.get("ann")


async def test_a_group_that_was_posted_into_silence(sender: Any, tools: Any) -> None:
    groups = tools.adapter(sender).groups
    there = tools.answer({"groupId": "g", "description": None, "users": []})
    sender.script = [broken(), unknown(broken()), there]
    with pytest.raises(AmbiguousOutcomeError):
        await groups.create("g")
    sender.script = [broken(), unknown(broken()), there]
    assert (await groups.create("g", exist_ok=True)).id == "g"
    sender.script = [broken(), unknown(broken()), broken(), tools.answer({"groups": []})]
    with pytest.raises(AmbiguousOutcomeError, match="no such group now"):
        await groups.create("g")
    taken = tools.answer({"code": 409, "message": "Group already exists"}, 409)
    sender.script = [broken(), taken, there]
    assert (await groups.create("g", exist_ok=True)).id == "g"
    sender.script = [broken(), taken]
    with pytest.raises(ConflictError):
        await groups.create("g")


async def test_a_deletion_into_silence(sender: Any, tools: Any) -> None:
    idp = tools.adapter(sender)
    ann, nobody = tools.answer(tools.user("ann")), tools.answer({"users": []})
    sender.script = [ann, broken(), tools.trouble(), nobody]
    assert (await idp.users.delete("ann")).existed  # it was there, and is gone
    sender.script = [ann, broken(), ann]
    with pytest.raises(NoAnswerError):
        await idp.users.delete("ann")
    sender.script = [ann, broken(), broken()]
    with pytest.raises(AmbiguousOutcomeError, match="looking failed"):
        await idp.users.delete("ann")
    sender.script = [ann, tools.answer({"code": 404, "message": "gone"}, 404)]
    assert (await idp.users.delete("ann")).existed
    sender.left = 700.0
    sender.script = [ann, tools.answer()]
    deletion = await idp.users.delete("ann", wait=True)
    assert sender.slept == [600.0]
    assert [left.until for left in deletion.residual] == [None]
    sender.script = [
        tools.answer({"groupId": "g", "users": []}),
        broken(),
        broken(),
        tools.answer({"groups": []}),
    ]
    assert (await idp.groups.delete("g")).existed


async def test_a_replacement_into_silence(sender: Any, tools: Any) -> None:
    idp = tools.adapter(sender)
    ann = tools.answer(tools.user("ann"))
    sender.script = [ann, broken(), tools.trouble(), tools.answer({"users": []})]
    with pytest.raises(NotFoundError):
        await idp.users.update("ann", global_role="ADMIN")
    sender.script = [ann, broken(), ann]
    with pytest.raises(NoAnswerError):
        await idp.users.update("ann", global_role="ADMIN")
    group = tools.answer({"groupId": "g", "description": "d", "users": []})
    sender.script = [group, broken(), broken(), tools.answer({"groups": []})]
    with pytest.raises(NotFoundError):
        await idp.groups.update("g", description="e")
    sender.script = [group, broken(), group]
    with pytest.raises(NoAnswerError):
        await idp.groups.update("g", description="e")
    look = sender.calls[-2].look
    sender.script = [tools.answer({"groupId": "g", "description": "e", "users": []})]
    assert (await look()).description == "e"
    sender.script = [group]
    assert await look() is None
    put = next(call for call in sender.calls if call.spec.name == "admin_user_put")
    sender.script = [ann]
    assert await put.look() is None
    sender.script = [tools.answer(tools.user("ann", role="ADMIN"))]
    assert (await put.look()).id == "ann"


async def test_failures_that_are_no_answers(sender: Any, tools: Any) -> None:
    idp = tools.adapter(sender)
    slow = NoAnswerError("too slow")
    gateway = tools.answer("<html>", 502)
    for script, call in (
        ([slow], lambda: idp.groups.get("g")),
        ([slow], lambda: idp.tokens.refresh("u")),
        ([broken(), gateway], lambda: idp.tokens.refresh("u")),
    ):
        sender.script = list(script)
        with pytest.raises(NoAnswerError):
            await call()
    for script, call in (
        ([gateway], lambda: idp.users.get("ann")),
        ([gateway], lambda: idp.users.list()),
        ([gateway], lambda: idp.groups.delete("g")),
        ([tools.trouble(), tools.trouble(), tools.answer(tools.user("b"))], lambda: idp.users.get("ann")),
        ([tools.trouble(), broken()], lambda: idp.users.list()),
    ):
        sender.script = list(script)
        with pytest.raises(ServerError):
            await call()
    sender.script = [tools.trouble()] * 2
    with pytest.raises(AuthenticationError, match="signature"):
        await idp.groups.delete("g")


async def test_one_broken_connection_is_no_verdict(sender: Any, tools: Any) -> None:
    """Where no retry is left: the server is asked again once it has shown that it lives."""
    tokens = tools.adapter(sender).tokens
    held = {"token": ALICE, "expiresAt": "2030-01-01T00:00:00+00:00"}
    asked = ["POST /refresh", "GET /health/liveness", "POST /refresh"]
    sender.script = [broken(), tools.answer(), tools.answer(held)]
    assert (await tokens.refresh("u")).user_id == "alice"
    assert sender.sent == asked
    sender.script = [broken(), tools.answer(), broken()]
    with pytest.raises(AuthenticationError, match="Sign in again"):
        await tokens.refresh("u")
    assert sender.sent == asked * 2
    sender.script = [broken(), tools.answer(), NoAnswerError("slow")]
    with pytest.raises(NoAnswerError):
        await tokens.refresh("u")


async def test_damaged_users(sender: Any, tools: Any) -> None:
    idp = tools.adapter(sender)
    sender.script = [tools.answer({"groupId": "g", "users": []}), tools.answer(tools.user("ann", role=None))]
    with pytest.raises(InvalidRequestError, match="no global role"):
        await idp.groups.add_member("g", "ann")
    groups = {"groups": [{"groupId": "g", "users": [{"userId": "ann", "mode": "READ"}]}]}
    sender.script = [tools.trouble(), tools.trouble(), tools.answer(tools.user("me")), tools.answer(groups)]
    sender.script.append(tools.answer(tools.user("ann", ("g", "READ"))))
    assert (await idp.users.update("ann", global_role="USER")).groups[0].id == "g"
    assert sender.body()["groups"] == [{"groupId": "g", "mode": "READ"}]


async def test_a_role_is_needed(sender: Any, tools: Any) -> None:
    users = tools.adapter(sender, default_role=None).users
    with pytest.raises(ConfigurationError, match="default_role"):
        await users.create("ann")
    sender.script = [tools.trouble(), tools.answer(tools.user("ann", role="ADMIN"))]
    assert (await users.create("ann", global_role="ADMIN")).global_role == "ADMIN"


async def test_tokens_that_nobody_should_believe(sender: Any, tools: Any) -> None:
    idp = tools.adapter(sender)
    alive = tools.answer({"tokenId": "t", "tokenName": "n"})
    sender.script = [alive, tools.answer(), alive]
    with pytest.raises(ProtocolError, match="still there"):
        await idp.tokens.revoke(id="t")
    sender.script = [tools.answer({"refreshToken": None})]
    with pytest.raises(ProtocolError):
        await idp.tokens.issue()
    sender.script = [tools.answer({"token": "", "expiresAt": "2030-01-01T00:00:00+00:00"})]
    with pytest.raises(ProtocolError):
        await idp.tokens.refresh("u")
    held = {"token": "a.b.c", "expiresAt": "2030-01-01T00:00:00+00:00"}
    both = tools.answer({"refreshToken": held, "accessToken": held})
    sender.script = [both, tools.answer({"refreshTokenInfo": []})]
    issued = await idp.tokens.issue(groups=[GroupGrant(group_id="g", mode="READ")], lifetime=60)
    assert (issued.user_id, issued.id[:4]) == (None, "tok_")
    assert sender.calls[-2].request.body.count(b"Z") == 1
    sender.script = [tools.answer({"publicKey": "no key"})]
    with pytest.raises(ProtocolError, match="RSA"):
        await idp.tokens.verify("a.b.c")
    assert idp.tokens is idp.tokens


async def test_a_new_key_of_the_server_is_fetched(sender: Any, tools: Any, signing_key: str) -> None:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    old, new = RSAKey.generate_key(2048), RSAKey.import_key(signing_key)

    def pem(key: Any) -> Any:
        return tools.answer({"publicKey": key.as_pem(private=False).decode()})

    def token(claims: dict[str, Any]) -> str:
        return str(jwt.encode({"alg": "RS256"}, claims, new, algorithms=["RS256"]))

    good = {"sub": "a", "exp": tools.now + 100, "user_info": '{"userId": "a"}'}
    tokens = tools.adapter(sender).tokens
    sender.script = [pem(old)]
    with pytest.raises(AuthenticationError):
        await tokens.verify(token(good))
    sender.clock += 61
    sender.script = [pem(new)]
    assert (await tokens.verify(token(good))).subject == "a"
    for wrong in (
        {**good, "exp": True},
        {**good, "user_info": {"userId": "a"}},
        {**good, "user_info": "[]"},
        {**good, "user_info": '{"userId": "b"}'},
        {**good, "sub": 5},
    ):
        with pytest.raises(AuthenticationError):
            await tokens.verify(token(wrong))


async def test_a_sign_in_into_silence(sender: Any, tools: Any) -> None:
    sessions = tools.adapter(sender).sessions
    sender.script = [unknown(broken()), tools.answer()]
    with pytest.raises(AuthenticationError, match="alive"):
        await sessions.create("sso", code="c", state="s", cookie="AIOHTTP_SESSION=x")
    for script in ([unknown(broken()), broken()], [unknown(NoAnswerError("slow"))], [unknown(None)]):
        sender.script = list(script)
        with pytest.raises(AmbiguousOutcomeError):
            await sessions.create("sso", code="c", state="s", cookie="AIOHTTP_SESSION=x")
    held = {"token": "not a jwt", "expiresAt": "2030-01-01T00:00:00Z"}
    for reply in (
        tools.answer("nothing"),
        tools.answer({}),
        tools.answer("302: Found", 302),
        tools.answer({"refreshToken": held, "accessToken": held}),
    ):
        sender.script = [reply]
        with pytest.raises(ProtocolError):
            await sessions.create("sso", code="c", state="s", cookie="AIOHTTP_SESSION=x")


async def test_cookies_are_read_as_they_are_written(sender: Any, tools: Any) -> None:
    native = tools.adapter(sender).native
    cookies = ("a=b", "[]=;;", "AIOHTTP_SESSION=gAAA-_=; HttpOnly; Path=/")
    sender.script = [tools.answer({"url": "http://p/?state=s"}, cookies=cookies), tools.answer({"url": "x"})]
    login = await native.login()
    assert login.cookie is not None
    assert login.cookie.reveal() == "AIOHTTP_SESSION=gAAA-_="
    assert (await native.login()).cookie is None


def test_begun_sign_ins_are_bounded() -> None:
    begun = Begun()
    for number in range(Begun.most + 5):
        login = LoginUrl(url=f"http://p/?state=s{number}")
        begun.keep(login.model_copy(update={"cookie": Secret(str(number))}))
    begun.keep(LoginUrl(url="http://p/"))
    assert begun.take("s0") is None
    kept = begun.take("s10")
    assert kept is not None
    assert begun.take("s10") is None


def test_claims_of_what_is_no_token() -> None:
    for text in ("x", "a.b.c", "a.W10.c"):
        assert claims_of(Secret(text)) == {}


async def test_operations_with_least_and_with_all(sender: Any, tools: Any) -> None:
    """Every operation of the document, by what is sent."""
    native = tools.adapter(sender).native
    user, group = tools.answer(tools.user("u")), tools.answer({"groupId": "g", "users": []})
    held = {"token": "t", "expiresAt": "2030-01-01T00:00:00Z"}
    grant = {"groupId": "g", "mode": "READ"}
    calls: list[tuple[str, Any, Any]] = [
        ("POST /admin/groups", group, native.admin_add_group(GroupPost(groupId="g"))),
        ("POST /admin/groups", group, native.admin_add_group(GroupPost(groupId="g", description="d"))),
        ("GET /admin/groups", tools.answer({"groups": []}), native.admin_list_groups()),
        ("GET /admin/groups/g%2F", group, native.admin_get_group("g/")),
        ("PUT /admin/groups/g", group, native.admin_group_put("g", {"groupId": "g"})),
        (
            "PUT /admin/groups/g",
            group,
            native.admin_group_put(
                "g", {"groupId": "g", "description": "d", "users": [{"userId": "u", "mode": "READ"}]}
            ),
        ),
        ("DELETE /admin/groups/g", tools.answer(), native.admin_remove_group("g")),
        ("POST /admin/users", user, native.admin_add_user({"userId": "u", "globalRole": "USER"})),
        (
            "POST /admin/users",
            user,
            native.admin_add_user(
                {"userId": "u", "globalRole": "USER", "groups": [{**grant, "description": "d"}]}
            ),
        ),
        ("GET /admin/users", tools.answer({"users": []}), native.admin_list_users()),
        ("GET /admin/users/u", user, native.admin_get_user_info("u")),
        ("PUT /admin/users/u", user, native.admin_user_put("u", {"userId": "u", "globalRole": "USER"})),
        ("DELETE /admin/users/u", tools.answer(), native.admin_remove_user("u")),
        (
            "POST /admin/refreshTokens",
            tools.answer({"refreshToken": held, "accessToken": held}),
            native.generate_refresh_token(
                {"tokenName": "n", "expirationDateTime": "2030-01-01", "groups": [grant]}
            ),
        ),
        ("POST /admin/refreshTokens", tools.answer({}), native.generate_refresh_token({})),
        ("GET /admin/refreshTokens", tools.answer({"refreshTokenInfo": []}), native.list_refresh_tokens()),
        ("GET /admin/refreshTokens/t", tools.answer({"tokenId": "t"}), native.get_token_info("t")),
        ("DELETE /admin/refreshTokens/t", tools.answer(), native.revoke_refresh_token("t")),
        ("GET /login", tools.answer({"url": "u"}), native.login()),
        (
            "GET /login?redirection=http%3A%2F%2Ff",
            tools.answer({"url": "u"}),
            native.login(redirection="http://f"),
        ),
        ("GET /authSso", tools.answer({}), native.auth()),
        (
            "GET /authSso?state=s&code=c&scope=o",
            tools.answer({}),
            native.auth(state="s", code="c", scope="o"),
        ),
        ("GET /publicKey", tools.answer({"publicKey": "k"}), native.get_public_key()),
        ("GET /userInfo", user, native.get_user_info()),
        ("POST /refresh", tools.answer(held), native.refresh(authorization=Secret("Bearer x"))),
        (
            "POST /refresh",
            tools.answer(held),
            native.refresh(authorization=Secret("Bearer None"), cookie=Secret("AIOHTTP_SESSION=x")),
        ),
        ("GET /health/liveness", tools.answer(), native.health_liveness()),
        ("GET /health/readiness", tools.answer(), native.health_readiness()),
    ]
    for line, reply, call in calls:
        sender.script = [reply]
        await call
        assert sender.sent[-1] == line
    assert len({call.spec.name for call in sender.calls}) == 21
    for wrong in ({"userId": "u"}, {"userId": "u", "globalRole": "USER", "groups": [{"groupId": "g"}]}):
        with pytest.raises(InvalidRequestError):
            await native.admin_add_user(wrong)
    assert Token(id="t").value is None
