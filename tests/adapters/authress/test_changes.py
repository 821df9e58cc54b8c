"""Read-modify-write keeps what it does not know, gives way to others three times, and never hits another object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio.lowlevel
import pytest

from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.adapters.authress.part import Turns
from identity_sdk.auth.sources import Bearer
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    ConflictError,
    DeadlineExceededError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from identity_sdk.models import Credential, Statement, Token
from identity_sdk.secrets import Secret
from identity_sdk.wire.request import Response

pytestmark = pytest.mark.anyio

SINCE = "2026-01-02T03:06:00.123Z"
GROUP = {
    "groupId": "grp_a",
    "name": "A",
    "users": [{"userId": "u1", "joined": 7}],
    "admins": [{"userId": "boss"}],
    "tags": {"team": "pay"},
    "colour": "red",
    "lastUpdated": SINCE,
    "links": {"self": {"href": "https://x"}},
}
RECORD = {
    "recordId": "p1",
    "name": "P",
    "status": "ACTIVE",
    "capacity": 0.1,
    "lastUpdated": SINCE,
    "account": {"accountId": "acc"},
    "users": [{"userId": "u1", "since": 1}],
    "admins": [{"userId": "boss"}],
    "statements": [
        {"roles": ["ro_x"], "resources": [{"resourceUri": "docs/1", "kind": "page"}], "note": "n"}
    ],
    "weight": 3,
}
ROLE = {
    "roleId": "ro_x",
    "name": "X",
    "permissions": [{"action": "docs:read", "allow": True, "grant": False, "delegate": False}],
}
READ = Statement(effect="allow", actions=("docs:read",), resources=("docs/1",))


def answer(status: int = 200, body: object = None, **headers: str) -> Response:
    data = b"" if body is None else json.dumps(body).encode()
    told = {"content-type": "application/links+json"} if body is not None else {}
    return Response(status, {**told, **headers}, data)


def refusal(status: int, code: str = "Code") -> Response:
    return answer(status, {"title": "Refused", "errorCode": code, "errorId": "req-1"})


GONE, OK = refusal(404), answer(204)
EMPTY_ROLES = answer(200, {"roles": [], "pagination": None})


async def test_a_group_is_written_back_whole(authress: Authress, sender: Any) -> None:
    sender.script = [answer(200, GROUP), answer(200, {**GROUP, "users": []})]
    await authress.groups.add_member("grp_a", "u2")
    assert sender.sent == ["GET /v1/groups/grp_a", "PUT /v1/groups/grp_a"]
    assert sender.body() == {
        "groupId": "grp_a",
        "name": "A",
        "users": [{"userId": "u1", "joined": 7}, {"userId": "u2"}],
        "admins": [{"userId": "boss"}],
        "tags": {"team": "pay"},
        "colour": "red",
    }
    assert sender.calls[-1].request.headers["If-Unmodified-Since"] == SINCE


async def test_a_record_is_written_back_whole(authress: Authress, sender: Any) -> None:
    sender.script = [answer(200, RECORD), answer(202)]
    await authress.policies.attach("p1", user="u2")
    sent = sender.body()
    assert sent["users"] == [{"userId": "u1", "since": 1}, {"userId": "u2"}]
    assert sent["statements"] == RECORD["statements"]
    assert sent["weight"] == 3
    assert not {"lastUpdated", "status", "capacity", "account"} & sent.keys()
    assert sender.calls[-1].request.headers["If-Unmodified-Since"] == SINCE


async def test_where_principals_stand_in_the_statements_they_stay_there(
    authress: Authress, sender: Any
) -> None:
    inside = {
        **{key: value for key, value in RECORD.items() if key != "users"},
        "statements": [{**RECORD["statements"][0], "users": [{"userId": "u1"}]}],  # type: ignore[index]
    }
    sender.script = [answer(200, inside), answer(202)]
    await authress.policies.attach("p1", user="u2")
    assert "users" not in sender.body()
    assert sender.body()["statements"][0]["users"] == [{"userId": "u1"}, {"userId": "u2"}]
    sender.script = [answer(200, inside), answer(202)]
    await authress.policies.detach("p1", user="u1")
    assert sender.body()["statements"][0]["users"] == []
    sender.script = [answer(200, inside)]
    await authress.policies.attach("p1", user="u1")
    full = {"groups": [{"groupId": f"grp_{one}"} for one in range(10)]}
    crowded = {**inside, "statements": [{**inside["statements"][0], **full}]}
    sender.script = [answer(200, {"groupId": "grp_x", "name": "x"}), answer(200, crowded)]
    with pytest.raises(InvalidRequestError, match="limit"):
        await authress.policies.attach("p1", group="grp_x")


async def test_others_are_given_way_three_times(authress: Authress, sender: Any) -> None:
    sender.script = [
        answer(200, GROUP),
        refusal(412),
        answer(200, GROUP),
        refusal(412),
        answer(200, GROUP),
        answer(200, GROUP),
    ]
    await authress.groups.add_member("grp_a", "u2")
    assert len(sender.sent) == 6
    sender.script = [answer(200, GROUP), refusal(412)] * 3
    with pytest.raises(PreconditionFailedError) as overtaken:
        await authress.groups.remove_member("grp_a", "u1")
    assert overtaken.value.retryable
    assert not sender.script


async def test_a_hundred_members_are_the_most(authress: Authress, sender: Any) -> None:
    sender.script = [answer(200, {**GROUP, "users": [{"userId": f"u{one}"} for one in range(100)]})]
    with pytest.raises(InvalidRequestError, match="100 members"):
        await authress.groups.add_member("grp_a", "new")


async def test_another_object_is_never_believed(authress: Authress, sender: Any) -> None:
    other = {**GROUP, "groupId": "grp_b"}
    sender.script = [answer(200, other)]
    with pytest.raises(ProtocolError):
        await authress.groups.get("grp_a")
    sender.script = [answer(200, GROUP), answer(200, other)]
    with pytest.raises(ProtocolError):
        await authress.groups.update("grp_a", name="B")
    sender.script = [answer(200, RECORD), answer(200, {**RECORD, "recordId": "p2"})]
    with pytest.raises(ProtocolError):
        await authress.policies.attach("p1", user="u2")
    sender.script = [answer(200, {"userId": "u2", "permissions": []})]
    with pytest.raises(ProtocolError):
        await authress.policies.permissions("u1", resource="docs/1")


async def test_a_deleted_record_is_none(authress: Authress, sender: Any) -> None:
    sender.script = [answer(200, {**RECORD, "status": "DELETED"})]
    with pytest.raises(NotFoundError):
        await authress.policies.get("p1")


async def test_the_local_server_knows_no_limit(authress: Authress, sender: Any) -> None:
    """Its lists are bare arrays with everything: a listing hands out what was asked for, and resumes."""
    groups = [{"groupId": f"grp_{one}", "name": "x", "users": [], "admins": []} for one in range(5)]
    sender.handler = lambda request: answer(200, groups)
    page = await anext(authress.groups.list(limit=2).pages())
    assert [one.id for one in page.items] == ["grp_0", "grp_1"]
    rest = await authress.groups.list(cursor=page.cursor)
    assert [one.id for one in rest] == ["grp_2", "grp_3", "grp_4"]


async def test_a_cursor_that_goes_round(authress: Authress, sender: Any) -> None:
    page = {"groups": [], "pagination": {"next": {"cursor": "c"}}}
    sender.handler = lambda request: answer(200, page)
    with pytest.raises(ProtocolError):
        await authress.groups.list(prefix="grp_")
    with pytest.raises(ProtocolError):
        await authress.users.policies("u1", effective=True)
    roles = {"roles": [], "pagination": {"next": {"cursor": "c"}}}
    sender.handler = lambda request: answer(200, roles) if "/roles" in request.target else GONE
    with pytest.raises(ProtocolError):
        await authress.policies.delete("p1")


async def test_a_403_is_never_a_no(authress: Authress, sender: Any) -> None:
    sender.script = [refusal(403)]
    with pytest.raises(PermissionDeniedError):
        await authress.policies.check("u1", "docs:read", "docs/1")
    sender.script = [GONE]
    assert not await authress.policies.check("u1", "docs:read", "docs/1")
    sender.script = [Response(404, {"content-type": "text/html"}, b"<html>")]
    with pytest.raises(ProtocolError):
        await authress.policies.check("u1", "docs:read", "docs/1")
    sender.script = [Response(404, {}, b"No endpoint exists at the specified url.")]
    with pytest.raises(ProtocolError):
        await authress.policies.check("u1", "docs:read", "docs/1")
    sender.script = [answer(200)]
    assert await authress.policies.check("google-oauth2|u@x ~", "doc:*", "/docs/a:1/*")
    assert sender.sent[-1] == (
        "GET /v1/users/google-oauth2%7Cu%40x%20~/resources/%2Fdocs%2Fa%3A1%2F%2A/permissions/doc%3A%2A"
    )


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("", "docs"),
        ("a b", "docs"),
        ("a:*b", "docs"),
        ("x" * 65, "docs"),
        ("a", ""),
        ("a", "/"),
        ("a", "a//b"),
        ("a", "a*"),
        ("a", "x" * 600),
    ],
)
async def test_malformed_questions_are_not_sent(
    authress: Authress, sender: Any, action: str, resource: str
) -> None:
    with pytest.raises(InvalidRequestError):
        await authress.policies.check("u1", action, resource)
    assert not sender.calls


async def test_statements_that_no_record_holds(authress: Authress, sender: Any) -> None:
    more = Statement.model_validate({**READ.model_dump(), "condition": {"ip": "x"}})
    for statement, kind in (
        (Statement(effect="deny", actions=("a",), resources=("b",)), NotSupportedError),
        (more, NotSupportedError),
        (Statement(effect="allow", actions=(), resources=("b",)), InvalidRequestError),
        (Statement(effect="allow", actions=("a",), resources=()), InvalidRequestError),
    ):
        with pytest.raises(kind):
            await authress.policies.create("p1", statements=[statement])
    assert not sender.calls


async def test_a_policy_whose_record_fails_leaves_no_role(authress: Authress, sender: Any) -> None:
    made = {**ROLE, "roleId": "ro_p1"}
    sender.script = [GONE, EMPTY_ROLES, answer(201, made), refusal(403), OK]
    with pytest.raises(PermissionDeniedError):
        await authress.policies.create("p1", statements=[READ])
    assert sender.sent[-1] == "DELETE /v1/roles/ro_p1"
    sender.script = [GONE, EMPTY_ROLES, answer(201, made), refusal(403), refusal(403)]
    with pytest.raises(PartialFailureError) as stopped:
        await authress.policies.create("p1", statements=[READ])
    assert stopped.value.done == ("made role ro_p1",)
    assert stopped.value.left == ("delete role ro_p1",)
    sender.script = [GONE, EMPTY_ROLES, answer(201, made), refusal(403), GONE]
    with pytest.raises(PermissionDeniedError):
        await authress.policies.create("p1", statements=[READ])


async def test_a_role_of_an_earlier_run_is_used_again(authress: Authress, sender: Any) -> None:
    own = {**ROLE, "roleId": "ro_p1"}
    record = {**RECORD, "statements": [{"roles": ["ro_p1"], "resources": [{"resourceUri": "docs/1"}]}]}
    sender.script = [GONE, answer(200, {"roles": [own]}), answer(201, record), answer(200, own)]
    assert (await authress.policies.create("p1", statements=[READ])).id == "p1"
    # not listed yet, and there all the same
    sender.script = [GONE, EMPTY_ROLES, refusal(409), answer(200, own), answer(201, record), answer(200, own)]
    await authress.policies.create("p1", statements=[READ])
    # there, and another one
    other = {**own, "permissions": []}
    second = {**ROLE, "roleId": "ro_p1.2"}
    sender.script = [
        GONE,
        EMPTY_ROLES,
        refusal(409),
        answer(200, other),
        answer(201, second),
        answer(201, record),
        answer(200, own),
    ]
    await authress.policies.create("p1", statements=[READ])
    assert sender.body(-2)["statements"][0]["roles"] == ["ro_p1.2"]


async def test_a_role_of_unknown_outcome(authress: Authress, sender: Any) -> None:
    own = {**ROLE, "roleId": "ro_p1"}
    found = AmbiguousOutcomeError("?", found=None)
    sender.script = [GONE, EMPTY_ROLES, found]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.policies.create("p1", statements=[READ])
    from identity_sdk.adapters.authress.models import AuthressRole

    known = AmbiguousOutcomeError("?", found=AuthressRole.model_validate(own))
    record = {**RECORD, "statements": [{"roles": ["ro_p1"], "resources": [{"resourceUri": "docs/1"}]}]}
    sender.script = [GONE, EMPTY_ROLES, known, answer(201, record), answer(200, own)]
    assert (await authress.policies.create("p1", statements=[READ])).statements[0].actions == ("docs:read",)


async def test_a_record_of_unknown_outcome(authress: Authress, sender: Any) -> None:
    from identity_sdk.adapters.authress.models import AuthressRecord

    own = {**ROLE, "roleId": "ro_p1"}
    record = {**RECORD, "statements": [{"roles": ["ro_p1"], "resources": [{"resourceUri": "docs/1"}]}]}
    unknown = AmbiguousOutcomeError("?", found=AuthressRecord.model_validate(record))
    sender.script = [GONE, EMPTY_ROLES, answer(201, own), unknown]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.policies.create("p1", statements=[READ])
    sender.script = [GONE, EMPTY_ROLES, answer(201, own), unknown, answer(200, own)]
    assert (await authress.policies.create("p1", statements=[READ], exist_ok=True)).id == "p1"


async def test_a_record_that_somebody_made_meanwhile(authress: Authress, sender: Any) -> None:
    own = {**ROLE, "roleId": "ro_p1"}
    record = {**RECORD, "statements": [{"roles": ["ro_x"], "resources": [{"resourceUri": "docs/1"}]}]}
    sender.script = [
        GONE,
        EMPTY_ROLES,
        answer(201, own),
        refusal(409),
        answer(200, record),
        OK,
        answer(200, ROLE),
    ]
    assert (await authress.policies.create("p1", statements=[READ], exist_ok=True)).id == "p1"
    sender.script = [GONE, EMPTY_ROLES, answer(201, own), refusal(409), GONE, OK]
    with pytest.raises(ConflictError):
        await authress.policies.create("p1", statements=[READ], exist_ok=True)


async def test_a_record_that_is_not_shown_yet(authress: Authress, sender: Any) -> None:
    own = {**ROLE, "roleId": "ro_p1"}
    sender.script = [
        GONE,
        EMPTY_ROLES,
        answer(201, own),
        answer(202),
        GONE,
        answer(200, RECORD),
        answer(200, ROLE),
    ]
    assert (await authress.policies.create("p1", statements=[READ])).id == "p1"
    assert sender.slept == [0.2]
    sender.script = [GONE, EMPTY_ROLES, answer(201, own), answer(202), *[GONE] * 4]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.policies.create("p1", statements=[READ])
    sender.left = 0.1
    sender.script = [GONE, EMPTY_ROLES, answer(201, own), answer(202), GONE]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.policies.create("p1", statements=[READ])


async def test_an_update_that_fails_takes_its_new_roles_back(authress: Authress, sender: Any) -> None:
    write = Statement(effect="allow", actions=("docs:write",), resources=("docs/1",))
    new = {
        "roleId": "ro_p1",
        "name": "n",
        "permissions": [{**ROLE["permissions"][0], "action": "docs:write"}],
    }  # type: ignore[index]
    begin = [answer(200, RECORD), EMPTY_ROLES, answer(200, RECORD), answer(200, ROLE), answer(201, new)]
    sender.script = [*begin, refusal(403), OK]
    with pytest.raises(PermissionDeniedError):
        await authress.policies.update("p1", statements=[write])
    assert sender.sent[-1] == "DELETE /v1/roles/ro_p1"
    sender.script = [*begin, AmbiguousOutcomeError("?")]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.policies.update("p1", statements=[write])
    sender.script = [*begin, refusal(503)]
    with pytest.raises(ServerError):  # it may have been done: the roles stay
        await authress.policies.update("p1", statements=[write])
    after = {**RECORD, "statements": [{"roles": ["ro_p1"], "resources": [{"resourceUri": "docs/1"}]}]}
    old = {**ROLE, "roleId": "ro_p1.7"}
    sender.script = [
        answer(200, RECORD), answer(200, {"roles": [old]}), answer(200, RECORD), answer(200, ROLE), answer(201, new),
        answer(202), answer(200, after), refusal(403),
    ]  # fmt: skip
    with pytest.raises(PartialFailureError) as stopped:
        await authress.policies.update("p1", statements=[write])
    assert stopped.value.left == ("delete role ro_p1.7",)


async def test_what_is_unchanged_keeps_its_roles(authress: Authress, sender: Any) -> None:
    after = [answer(200, RECORD), answer(200, ROLE)]
    sender.script = [
        answer(200, RECORD),
        EMPTY_ROLES,
        answer(200, RECORD),
        answer(200, ROLE),
        answer(202),
        *after,
    ]
    changed = await authress.policies.update("p1", statements=[READ])
    assert sender.body(4)["statements"] == RECORD["statements"]
    assert changed.statements[0].actions == ("docs:read",)


async def test_a_policy_that_is_half_deleted(authress: Authress, sender: Any) -> None:
    own = answer(200, {"roles": [{**ROLE, "roleId": "ro_p1"}, {**ROLE, "roleId": "ro_p1x"}]})
    sender.script = [answer(200, {**RECORD, "status": "DELETED"}), own, OK]
    assert (await authress.policies.delete("p1")).existed
    assert sender.sent[-1] == "DELETE /v1/roles/ro_p1"
    sender.script = [answer(200, RECORD), EMPTY_ROLES, GONE]
    with pytest.raises(NotFoundError):
        await authress.policies.delete("p1")
    sender.script = [GONE, own, GONE]
    assert (await authress.policies.delete("p1")).existed


async def test_names_are_not_erased(authress: Authress, sender: Any) -> None:
    with pytest.raises(InvalidRequestError):
        await authress.policies.update("p1", name=None)
    with pytest.raises(InvalidRequestError):
        await authress.groups.create(exist_ok=True, name="x")
    with pytest.raises(InvalidRequestError):
        await authress.groups.create("grp_a", name="")
    assert not sender.calls


async def test_groups_of_unknown_outcome(authress: Authress, sender: Any) -> None:
    from identity_sdk.adapters.authress.models import AuthressGroup

    found = AuthressGroup.model_validate(GROUP)
    sender.script = [AmbiguousOutcomeError("?", found=found)]
    assert await authress.groups.create("grp_a", exist_ok=True) is found
    sender.script = [AmbiguousOutcomeError("?", found=found)]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.groups.create("grp_a")
    sender.script = [refusal(409), GONE]
    with pytest.raises(ConflictError):
        await authress.groups.create("grp_a", exist_ok=True)


async def test_looks_after_a_lost_answer(authress: Authress, sender: Any) -> None:
    """What the pipeline reads when it does not know whether a create was done."""
    api = authress.native
    sender.script = [answer(201, GROUP)]
    await api.create_group({"groupId": "grp_a", "name": "A", "users": [], "admins": []})
    look = sender.calls[-1].look
    sender.script = [answer(200, GROUP)]
    assert (await look()).id == "grp_a"
    sender.script = [GONE]
    assert await look() is None
    sender.script = [answer(201, GROUP)]
    await authress.groups.create(name="By the server")
    with pytest.raises(Exception, match="nothing to look for"):
        await sender.calls[-1].look()


async def test_deleting_a_user_goes_through_all_that_names_it(authress: Authress, sender: Any) -> None:
    groups = {
        "groups": [
            GROUP,
            {**GROUP, "groupId": "grp_b", "users": [], "admins": [{"userId": "u1"}]},
            {**GROUP, "groupId": "grp_c", "users": []},
        ]
    }
    records = {"records": [RECORD, {**RECORD, "recordId": "p2", "users": []}]}
    sender.script = [
        answer(200, {"userId": "u1"}), answer(200, groups), answer(200, GROUP), answer(200, GROUP),
        answer(200, {**GROUP, "groupId": "grp_b", "users": [], "admins": [{"userId": "u1"}]}),
        answer(200, {**GROUP, "groupId": "grp_b"}), answer(200, records), answer(200, RECORD), answer(202),
        answer(202),
    ]  # fmt: skip
    deletion = await authress.users.delete("u1")
    assert deletion.residual[0].until is not None
    assert sender.sent[-1] == "DELETE /v1/users/u1"
    assert not sender.script
    # stopped half-way
    sender.script = [
        answer(200, {"userId": "u1"}),
        answer(200, {"groups": [GROUP]}),
        answer(200, GROUP),
        answer(200, GROUP),
        refusal(403),
    ]
    with pytest.raises(PartialFailureError) as stopped:
        await authress.users.delete("u1")
    assert stopped.value.done == ("taken out of group grp_a",)
    assert stopped.value.left == ("take u1 out of access records", "delete u1")
    # what went meanwhile
    sender.script = [
        answer(200, {"userId": "u1"}), answer(200, {"groups": [GROUP]}), GONE, answer(200, {"records":
        [RECORD]}), GONE, answer(202),
    ]  # fmt: skip
    await authress.users.delete("u1")
    sender.script = [
        answer(200, {"userId": "u1"}), answer(200, {"groups": [GROUP]}), answer(200, {**GROUP, "users": []}),
        answer(200, {"records": [RECORD]}), answer(200, {**RECORD, "users": []}), answer(202),
    ]  # fmt: skip
    await authress.users.delete("u1")


async def test_waiting_for_a_deletion(authress: Authress, sender: Any) -> None:
    nothing = [answer(200, {"groups": []}), answer(200, {"records": []})]
    there = answer(200, {"userId": "u1"})
    sender.script = [there, *nothing, answer(202), there, there, GONE]
    await authress.users.delete("u1", wait=True)
    assert sender.slept == [1.0, 2.0, 297.0]
    sender.left = 320.0
    sender.handler = lambda request: (
        there
        if request.method == "GET" and "/users/" in request.target
        else (
            answer(202)
            if request.method == "DELETE"
            else nothing[0]
            if "/groups" in request.target
            else nothing[1]
        )
    )
    with pytest.raises(PartialFailureError) as late:
        await authress.users.delete("u1", wait=True)
    assert late.value.done == ("asked to delete u1",)
    sender.left = 299.0
    with pytest.raises(ConfigurationError):
        await authress.users.delete("u1", wait=True)


CLIENT = {
    "clientId": "sc_1",
    "name": "n",
    "createdTime": "2026-01-02T03:04:05.000Z",
    "options": {"grantUserPermissionsAccess": True, "grantTokenGeneration": False, "newOption": True},
    "rateLimits": [{"duration": "PT1H", "quota": 1000}],
    "verificationKeys": [{"keyId": f"k{one}", "publicKey": "x"} for one in range(5)],
    "tags": {"a": "b"},
    "future": [1],
}


async def test_renaming_a_client_keeps_the_rest(authress: Authress, sender: Any) -> None:
    sender.script = [answer(200, CLIENT), answer(200, {**CLIENT, "name": "m"})]
    await authress.users.update("sc_1", name="m", kind="service")
    assert sender.body() == {
        "name": "m",
        "options": {"grantUserPermissionsAccess": True, "grantTokenGeneration": False, "newOption": True},
        "rateLimits": [{"duration": "PT1H", "quota": 1000}],
        "tags": {"a": "b"},
        "future": [1],
    }
    with pytest.raises(NotSupportedError):
        await authress.users.update("u1", name="m")


async def test_five_keys_are_explained_before_it_hurts(authress: Authress, sender: Any) -> None:
    sender.script = [answer(200, CLIENT)]
    with pytest.raises(ConflictError, match="5 is the limit"):
        await authress.credentials.create("sc_1")
    sender.script = [answer(200, CLIENT)]
    with pytest.raises(ConflictError, match="5 is the limit"):
        async with authress.credentials.rotate("k1", user="sc_1"):
            pytest.fail("nothing was made")
    for status in (400, 409, 422):  # what a sixth is answered is not documented
        sender.script = [refusal(403), refusal(status, "MaximumAccessKeysReached")]
        with pytest.raises(ConflictError, match="5 access keys at most") as told:
            await authress.credentials.create("sc_1")
        assert (told.value.code, told.value.status) == ("MaximumAccessKeysReached", status)
    sender.script = [refusal(403), refusal(429)]
    with pytest.raises(RateLimitedError):
        await authress.credentials.create("sc_1")


async def test_a_key_whose_answer_is_lost(authress: Authress, sender: Any) -> None:
    few = {**CLIENT, "verificationKeys": []}
    new = {**CLIENT, "verificationKeys": [{"keyId": "k9"}]}
    sender.script = [answer(200, few), AmbiguousOutcomeError("?"), answer(200, new)]
    with pytest.raises(AmbiguousOutcomeError) as lost:
        await authress.credentials.create("sc_1")
    assert [key.id for key in lost.value.found] == ["k9"]  # type: ignore[attr-defined]
    assert "k9" in lost.value.how_to_find_out
    sender.script = [answer(200, few), AmbiguousOutcomeError("?"), answer(200, few)]
    with pytest.raises(AmbiguousOutcomeError, match="No key is new"):
        await authress.credentials.create("sc_1")
    sender.script = [answer(200, few), AmbiguousOutcomeError("?"), NoAnswerError("down")]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.credentials.create("sc_1")
    sender.script = [refusal(403), AmbiguousOutcomeError("?")]
    with pytest.raises(AmbiguousOutcomeError):
        await authress.credentials.create("sc_1")


async def test_keys_that_cannot_be_believed(authress: Authress, sender: Any) -> None:
    few = {**CLIENT, "verificationKeys": None}
    for made in ({"keyId": "k", "clientId": "sc_2", "accessKey": "x"}, {"keyId": "k"}):
        sender.script = [answer(200, few), answer(201, made)]
        with pytest.raises(ProtocolError):
            await authress.credentials.create("sc_1")
    sender.script = [
        answer(200, few),
        answer(201, {"keyId": "k", "accessKey": "sc_1.k.acc.canary", "clientSecret": "canary"}),
    ]
    key = await authress.credentials.create("sc_1")
    assert "canary" not in f"{key!r}{key}{key.model_dump_json()}"
    assert isinstance(key.client_secret, Secret)
    with pytest.raises(InvalidRequestError):
        await authress.credentials.get(Credential(id="k", user_id="sc_1"), user="sc_2")


async def test_a_key_that_may_be_remembered(
    authress: Authress, sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(seconds: float) -> None:
        raise DeadlineExceededError("over")

    monkeypatch.setattr(sender, "sleep", late)
    sender.script = [answer(200, CLIENT), OK]
    with pytest.raises(PartialFailureError) as stopped:
        await authress.credentials.delete("k1", user="sc_1", wait=True)
    assert stopped.value.done == ("deleted access key k1",)


async def test_tokens_are_held_against_who_signs(bound: Callable[..., Authress], authress: Authress) -> None:
    with pytest.raises(InvalidRequestError):
        await authress.tokens.refresh(Token(id="t", user_id="sc_other"))
    with pytest.raises(NotSupportedError):
        await bound(Bearer("x.y.z")).tokens.issue()
    assert await authress.sessions.methods()


async def test_ping(bound: Callable[..., Authress], sender: Any) -> None:
    sender.script = [answer(200, {**CLIENT, "clientId": "sc_demo001"})]
    assert (await bound().probe()).principal == "sc_demo001"
    sender.script = [Response(501, {}, b"\n****\nNot yet\n")]
    assert (await bound().probe()).principal == "sc_demo001"
    sender.script = [answer(200, {"keys": []})]
    nobody = Authress(base_url="https://acc-demo.api.authress.io").bind(sender)
    assert (await nobody.probe()).principal is None


async def test_errors_without_words(authress: Authress, sender: Any) -> None:
    sender.script = [Response(418, {}, b"\n***\nbanner\n")]
    with pytest.raises(ProtocolError, match="localhost"):
        await authress.users.get("u1")
    sender.script = [Response(403, {"content-type": "application/json"}, b'{"errorCode":"Forbidden"}')]
    with pytest.raises(PermissionDeniedError, match="Forbidden"):
        await authress.users.get("u1")
    sender.script = [Response(403, {"content-type": "application/json"}, b"{}", reason="Forbidden")]
    with pytest.raises(PermissionDeniedError):
        await authress.users.get("u1")
    sender.script = [Response(403, {}, b"[" * 70_000, reason="Forbidden")]
    with pytest.raises(PermissionDeniedError):
        await authress.users.get("u1")


async def test_turns_are_taken_and_forgotten() -> None:
    turns, order = Turns(), list[str]()

    async def work(name: str) -> None:
        async with turns.of("x"):
            order.append(f"{name} in")
            await anyio.lowlevel.checkpoint()
            order.append(f"{name} out")

    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(work, name)
    assert [one.split()[1] for one in order] == ["in", "out"] * 3
    assert not turns._locks
