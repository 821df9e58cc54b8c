"""Each of the 33 documented operations, and the set-up: what goes on the wire, and how it may be repeated.

The table is written by hand from document.md and from what the official client 0.91.0 was seen to send; the same is
shown live against both official clients in ``tests/interop/test_wire_equality.py``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import (
    ForgotPasswordRequest,
    GroupCreation,
    LoginInformation,
    PolicyBody,
    Setup,
    SetupKey,
    StatementBody,
    UpdatePasswordByToken,
    UserCreation,
)
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import OperationSpec, Retry

pytestmark = pytest.mark.anyio

Q = "?prefix=a%2Bb+%26&after=c%2Fd&amount=7"
P = {"prefix": "a+b &", "after": "c/d", "amount": 7}
STATEMENT = StatementBody(effect="allow", resource="*", action=("fs:ReadObject", "fs:List*"))
WIRE_STATEMENT = {"effect": "allow", "resource": "*", "action": ["fs:ReadObject", "fs:List*"]}


@dataclass(frozen=True)
class Row:
    """One operation: method and path by the document, and what is sent when only the required, and when all is set."""

    route: str
    success: frozenset[int]
    least: tuple[Any, ...]
    target: str
    most: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    full_target: str = ""
    body: object = None
    full_body: object = None
    public: bool = False
    retry: Retry | None = None
    repeat_done: frozenset[int] = frozenset()


def row(route: str, success: int | tuple[int, ...], target: str, *least: Any, **more: Any) -> Row:
    codes = frozenset((success,) if isinstance(success, int) else success)
    done = {"DELETE": frozenset({404}), "PUT": frozenset({409}) if codes == {201} else frozenset()}
    defaults = {"GET": Retry.SAFE, "PUT": Retry.IDEMPOTENT, "DELETE": Retry.IDEMPOTENT, "POST": Retry.ONCE}
    method = route.split()[0]
    more.setdefault("most", least)
    more.setdefault("retry", defaults[method])
    more.setdefault("repeat_done", done.get(method, frozenset()))
    more.setdefault("full_target", target)
    more.setdefault("full_body", more.get("body"))
    return Row(route, codes, least, target, **more)


def listing(route: str, target: str, *ids: str, **more: Any) -> Row:
    return row(route, 200, target, *ids, **{"options": P, "full_target": target + Q, **more})


U, G, C = "/auth/users/{user_id}", "/auth/groups/{group_id}", "/auth/users/{user_id}/credentials"
ODD, ODD_PATH = "ä b+?#&\\/%", "%C3%A4%20b%2B%3F%23%26%5C%2F%25"

OPERATIONS: dict[str, Row] = {
    "add_group_membership": row(f"PUT {G}/members/{{user_id}}", 201, "/auth/groups/g/members/u", "g", "u"),
    "attach_policy_to_group": row(
        f"PUT {G}/policies/{{policy_id}}", 201, "/auth/groups/g/policies/p", "g", "p"
    ),
    "attach_policy_to_user": row(
        f"PUT {U}/policies/{{policy_id}}", 201, "/auth/users/u/policies/p", "u", "p"
    ),
    "create_credentials": row(f"POST {C}", 201, "/auth/users/u/credentials", "u"),
    "create_group": row(
        "POST /auth/groups", 201, "/auth/groups", GroupCreation(id="g"), body={"id": "g"}, retry=Retry.KEYED
    ),
    "create_policy": row(
        "POST /auth/policies",
        201,
        "/auth/policies",
        PolicyBody(id="p", statement=(STATEMENT,)),
        body={"id": "p", "statement": [WIRE_STATEMENT]},
        retry=Retry.KEYED,
        most=(PolicyBody(id="p", statement=(STATEMENT,), creation_date=5),),
        full_body={"id": "p", "statement": [WIRE_STATEMENT], "creation_date": 5},
    ),
    "create_user": row(
        "POST /auth/users",
        201,
        "/auth/users",
        UserCreation(id="u"),
        body={"id": "u"},
        retry=Retry.KEYED,
        most=(UserCreation(id="u@x.org", invite_user=True),),
        full_body={"id": "u@x.org", "invite_user": True},
    ),
    "delete_credentials": row(f"DELETE {C}/{{access_key_id}}", 204, "/auth/users/u/credentials/k", "u", "k"),
    "delete_group": row(f"DELETE {G}", 204, "/auth/groups/g", "g"),
    "delete_group_membership": row(
        f"DELETE {G}/members/{{user_id}}", 204, "/auth/groups/g/members/u", "g", "u"
    ),
    "delete_policy": row("DELETE /auth/policies/{policy_id}", 204, "/auth/policies/p", "p"),
    "delete_user": row(f"DELETE {U}", 204, "/auth/users/u", "u"),
    "detach_policy_from_group": row(
        f"DELETE {G}/policies/{{policy_id}}", 204, "/auth/groups/g/policies/p", "g", "p"
    ),
    "detach_policy_from_user": row(
        f"DELETE {U}/policies/{{policy_id}}", 204, "/auth/users/u/policies/p", "u", "p"
    ),
    "forgot_password": row(
        "POST /auth/password/forgot",
        204,
        "/auth/password/forgot",
        ForgotPasswordRequest(email="a@b.c"),
        body={"email": "a@b.c"},
        public=True,
    ),
    "get_auth_capabilities": row("GET /auth/capabilities", 200, "/auth/capabilities", public=True),
    "get_credentials": row(f"GET {C}/{{access_key_id}}", 200, "/auth/users/u/credentials/k", "u", "k"),
    "get_current_user": row("GET /user", 200, "/user"),
    "get_group": row(f"GET {G}", 200, f"/auth/groups/{ODD_PATH}", ODD),
    "get_policy": row("GET /auth/policies/{policy_id}", 200, f"/auth/policies/{ODD_PATH}", ODD),
    "get_user": row(f"GET {U}", 200, f"/auth/users/{ODD_PATH}", ODD),
    "list_group_members": listing(f"GET {G}/members", "/auth/groups/g/members", "g"),
    "list_group_policies": listing(f"GET {G}/policies", "/auth/groups/g/policies", "g"),
    "list_groups": listing("GET /auth/groups", "/auth/groups"),
    "list_policies": listing("GET /auth/policies", "/auth/policies"),
    "list_user_credentials": listing(f"GET {C}", "/auth/users/u/credentials", "u"),
    "list_user_groups": listing(f"GET {U}/groups", "/auth/users/u/groups", "u"),
    "list_user_policies": listing(
        f"GET {U}/policies",
        "/auth/users/u/policies",
        "u",
        options={**P, "effective": True},
        full_target=f"/auth/users/u/policies{Q}&effective=True",
    ),
    "list_users": listing("GET /auth/users", "/auth/users"),
    "login": row(
        "POST /auth/login",
        200,
        "/auth/login",
        LoginInformation(access_key_id="k", secret_access_key=Secret("s")),
        body={"access_key_id": "k", "secret_access_key": "s"},
        public=True,
        retry=Retry.IDEMPOTENT,
    ),
    "oauth_callback": row(
        "GET /oidc/callback",
        (200, 302, 307),
        "/oidc/callback",
        public=True,
        retry=Retry.ONCE,
        options={"state": "x y", "code": "z"},
        full_target="/oidc/callback?state=x+y&code=z",
    ),
    "update_password": row(
        "POST /auth/password",
        201,
        "/auth/password",
        UpdatePasswordByToken(token=Secret("t"), newPassword=Secret("n")),
        body={"token": "t", "newPassword": "n"},
        public=True,
        most=(UpdatePasswordByToken(token=Secret("t"), newPassword=Secret("n"), email="a@b.c"),),
        full_body={"token": "t", "newPassword": "n", "email": "a@b.c"},
    ),
    "update_policy": row(
        "PUT /auth/policies/{policy_id}",
        200,
        "/auth/policies/p",
        "p",
        PolicyBody(id="p", statement=(STATEMENT,)),
        body={"id": "p", "statement": [WIRE_STATEMENT]},
    ),
}

SET_UP: dict[str, Row] = {
    "get_setup_state": row("GET /setup_lakefs", 200, "/setup_lakefs", public=True),
    "setup": row(
        "POST /setup_lakefs",
        200,
        "/setup_lakefs",
        Setup(username="admin"),
        body={"username": "admin"},
        public=True,
        most=(Setup(username="admin", key=SetupKey(access_key_id="k", secret_access_key=Secret("s"))),),
        full_body={"username": "admin", "key": {"access_key_id": "k", "secret_access_key": "s"}},
    ),
}

ALL = {**OPERATIONS, **SET_UP}

USER = {"id": "u", "creation_date": 1}
KEY = {"access_key_id": "k", "creation_date": 1, "secret_access_key": "s"}
POLICY = {"id": "p", "creation_date": 1, "statement": [WIRE_STATEMENT]}
ANSWERS: dict[str, object] = {
    "create_credentials": KEY,
    "create_group": {"id": "g", "creation_date": 1},
    "create_policy": POLICY,
    "create_user": USER,
    "get_auth_capabilities": {"invite_user": True, "forgot_password": True},
    "get_credentials": KEY,
    "get_current_user": {"user": USER},
    "get_group": USER,
    "get_policy": POLICY,
    "get_user": USER,
    "login": {"token": "t", "token_expiration": 1},
    "update_policy": POLICY,
    "get_setup_state": {"state": "initialized"},
    "setup": KEY,
}


def specs() -> dict[str, OperationSpec]:
    return {
        name: member.__operation__
        for name, member in vars(LakeFSApi).items()
        if hasattr(member, "__operation__")
    }


async def test_every_documented_operation_is_there_and_nothing_else() -> None:
    assert len(OPERATIONS) == 33
    assert specs().keys() == ALL.keys()


@pytest.mark.parametrize("name", ALL)
async def test_is_declared_as_documented(name: str) -> None:
    spec, wanted = specs()[name], ALL[name]
    assert f"{spec.method} {spec.path}" == wanted.route
    assert spec.success == wanted.success
    assert spec.auth is not wanted.public
    assert spec.retry is wanted.retry
    assert spec.repeat_done == wanted.repeat_done
    assert (spec.retry in (Retry.ONCE, Retry.KEYED)) == bool(spec.how_to_find_out)
    assert getattr(LakeFSApi, name).__doc__


def reply(tools: Any, name: str, wanted: Row) -> Any:
    status = min(wanted.success)
    if name.startswith("list_"):
        return tools.page([])
    if name in ANSWERS:
        return tools.answer(status, ANSWERS[name])
    return tools.answer(status)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
async def test_sends_what_the_official_client_sends(
    name: str, full: bool, lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    wanted = ALL[name]
    sender.script = [reply(tools, name, wanted)]
    method: Callable[..., Awaitable[object]] = getattr(lakefs.native, name)
    await method(*(wanted.most if full else wanted.least), **(wanted.options if full else {}))
    request = sender.calls[0].request
    assert request.method == wanted.route.split()[0]
    assert request.target == "/api/v1" + (wanted.full_target if full else wanted.target)
    body = wanted.full_body if full else wanted.body
    assert (json.loads(request.body) if request.body else None) == body
    assert request.headers.pop("Accept") == "application/json"
    assert request.headers.pop("User-Agent").startswith("unified-identity-sdk/")
    assert request.headers == ({"Content-Type": "application/json"} if body is not None else {})


@pytest.mark.parametrize("name", [name for name, wanted in ALL.items() if "{" in wanted.route])
@pytest.mark.parametrize("segment", ["", ".", ".."])
async def test_refuses_a_segment_that_no_path_holds(
    name: str, segment: str, lakefs: LakeFS, sender: Any
) -> None:
    from identity_sdk.errors import InvalidRequestError

    wanted = ALL[name]
    arguments = (segment, *wanted.least[1:])
    with pytest.raises(InvalidRequestError) as caught:
        await getattr(lakefs.native, name)(*arguments)
    assert caught.value.sent is False
    assert sender.calls == []


async def test_a_base_url_without_a_path_means_the_api(sender: Any, tools: Any) -> None:
    sender.script = [tools.answer(200, {"user": USER})]
    adapter = LakeFS(base_url="http://localhost:8000", auth=tools.admin).bind(sender)
    await adapter.native.get_current_user()
    assert sender.sent == ["GET /api/v1/user"]


# What a look after an unknown outcome answers.


@pytest.mark.parametrize(
    ("name", "arguments", "path"),
    [
        ("create_user", (UserCreation(id="u"),), "/auth/users/u"),
        ("create_group", (GroupCreation(id="u"),), "/auth/groups/u"),
        ("create_policy", ({"id": "u", "statement": [WIRE_STATEMENT]},), "/auth/policies/u"),
    ],
)
async def test_a_look_after_a_create(
    name: str, arguments: tuple[Any, ...], path: str, lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    made = {**POLICY, "id": "u"}
    sender.script = [tools.answer(201, made)]
    await getattr(lakefs.native, name)(*arguments)
    look = sender.calls[0].look
    sender.script = [tools.answer(404, {"message": "not found"}), tools.answer(200, made)]
    assert await look() is None
    found = await look()
    assert found.id == "u"
    assert sender.sent[1:] == [f"GET /api/v1{path}"] * 2


async def test_a_look_never_takes_another_for_the_one_asked_for(
    lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    from identity_sdk.errors import ProtocolError

    sender.script = [tools.answer(201, {"id": "a+b", "creation_date": 1}), tools.answer(200, {"id": "a b"})]
    await lakefs.native.create_user(UserCreation(id="a+b"))
    with pytest.raises(ProtocolError):
        await sender.calls[0].look()


async def test_a_look_after_a_replacement_answers_only_what_was_sent(
    lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    other = {**POLICY, "statement": [{**WIRE_STATEMENT, "effect": "deny"}]}
    swapped = {**POLICY, "statement": [{**WIRE_STATEMENT, "action": ["fs:List*", "fs:ReadObject"]}]}
    more = {**POLICY, "statement": [{**WIRE_STATEMENT, "condition": {"ip": "1"}}]}
    sender.script = [tools.answer(200, POLICY), *(tools.answer(200, one) for one in (other, swapped, more))]
    await lakefs.native.update_policy("p", PolicyBody(id="p", statement=(STATEMENT,)))
    look = sender.calls[0].look
    assert await look() is None
    assert (await look()).id == "p"
    assert await look() is None
