"""Models, the dialect, and what of an answer is believed."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.adapters.lakefs.dialect import LakeFSDialect
from identity_sdk.adapters.lakefs.models import (
    LakeFSCredential,
    LakeFSGroup,
    LakeFSPolicy,
    LakeFSUser,
    PolicyBody,
    StatementBody,
    UserCreation,
)
from identity_sdk.adapters.lakefs.rules import check_id
from identity_sdk.adapters.lakefs.statements import says_the_same, to_wire
from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from identity_sdk.models import Statement
from identity_sdk.wire.call import OperationSpec, Retry
from identity_sdk.wire.request import Response

SPEC = OperationSpec("get_user", "GET", "/auth/users/{user_id}", frozenset({200}), Retry.SAFE)
DIALECT = LakeFSDialect()
JSON = {"content-type": "application/json"}


def said(status: int, body: object) -> Response:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Response(status, JSON, data)


# Models.


def test_dates_are_seconds_and_unset_is_none() -> None:
    user = LakeFSUser.model_validate_json(
        '{"id":"u","creation_date":1795510187,"email":"","friendly_name":""}'
    )
    assert user.created_at == datetime(2026, 11, 24, 8, 49, 47, tzinfo=UTC)
    assert (user.name, user.email) == (None, None)
    invited = LakeFSUser.model_validate_json(
        '{"id":"u@x","creation_date":0,"email":"u@x","friendly_name":"U"}'
    )
    assert (invited.created_at, invited.email, invited.name) == (None, "u@x", "U")
    assert invited == LakeFSUser.model_validate({"id": "u@x"})
    assert invited != LakeFSGroup.model_validate({"id": "u@x"})


@pytest.mark.parametrize(
    "body",
    ['{"creation_date":1}', '{"id":7}', '{"id":"u","creation_date":{}}', '{"id":"u","creation_date":-5}',
     '{"id":"u","email":[]}', '{"id":"u","friendly_name":{}}', '{"id":null}', "[]", '"u"'],
)  # fmt: skip
def test_wrong_types_are_refused(body: str) -> None:
    with pytest.raises(ValueError):
        LakeFSUser.model_validate_json(body)


def test_unknown_fields_are_kept_out_of_sight() -> None:
    user = LakeFSUser.model_validate_json('{"id":"u","creation_date":1,"source":"ldap"}')
    assert user.model_extra == {"source": "ldap"}
    assert "source" not in repr(user)
    assert "source" not in user.model_dump()


def test_credentials_ignore_what_they_do_not_know_and_hide_their_secret() -> None:
    key = LakeFSCredential.model_validate_json(
        '{"access_key_id":"k","creation_date":1,"secret_access_key":"canary","other_secret":"canary"}'
    )
    assert not key.model_extra
    assert key.secret is not None
    assert key.secret.reveal() == "canary"
    assert "canary" not in repr(key) + str(key) + key.model_dump_json() + repr(key.model_dump())
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_statements_keep_what_they_do_not_know() -> None:
    wire = {"effect": "allow", "action": ["fs:*"], "resource": "*", "condition": {"a": [1]}, "zz": 3}
    policy = LakeFSPolicy.model_validate({"id": "p", "statement": [wire]})
    sent = to_wire(policy.statements)
    assert [one.model_dump() for one in sent] == [{**wire, "action": ("fs:*",)}]
    assert says_the_same(policy.statements, sent)
    without = to_wire([Statement(effect="allow", actions=("fs:*",), resources=("*",))])
    assert not says_the_same(policy.statements, without)


def test_one_wire_statement_for_each_resource() -> None:
    both = Statement(effect="deny", actions=("fs:A", "fs:B"), resources=("*", "arn:lakefs:fs:::repository/x"))
    sent = to_wire([both])
    assert [one.resource for one in sent] == list(both.resources)
    assert {one.action for one in sent} == {("fs:A", "fs:B")}
    assert says_the_same([both], sent)


@pytest.mark.parametrize(
    "statements",
    [
        (),
        (Statement(effect="allow", actions=(), resources=("*",)),),
        (Statement(effect="allow", actions=("fs:*",), resources=()),),
        (
            Statement.model_validate(
                {"effect": "allow", "actions": ["a"], "resources": ["*"], "resource": "x"}
            ),
        ),
    ],
)
def test_a_statement_that_says_nothing_is_refused(statements: tuple[Statement, ...]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        to_wire(statements)
    assert "statements" in caught.value.fields


def test_inputs_are_strict() -> None:
    with pytest.raises(ValueError):
        UserCreation.model_validate({"id": "u", "invite": True})
    with pytest.raises(ValueError):
        PolicyBody(id="p", statement=())
    with pytest.raises(ValueError):
        StatementBody(effect="perhaps", resource="*", action=("a",))


# Ids.


@pytest.mark.parametrize(
    "value", ["a b", " a", "a+b", "Ä", "a?b#c&d=e@f:g;h", '"\\', "\t\n", "🦊", "x" * 256, "..."]
)
def test_ids_are_never_rewritten(value: str) -> None:
    assert check_id("user id", value) == value


@pytest.mark.parametrize("value", [None, "", ".", "..", "a/b", "/", "50%", "%2F", "\ud800"])
def test_ids_that_the_server_cannot_hold_are_refused(value: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_id("user id", value)
    assert "user id" in caught.value.fields
    assert caught.value.sent is False
    assert "'/' or '%'" in caught.value.message


# The dialect.


@pytest.mark.parametrize(
    ("status", "body", "kind", "permanent"),
    [
        (401, {"message": "insufficient permissions"}, PermissionDeniedError, False),
        (
            401,
            {"message": "insufficient permissions: not allowed to auth:ListUsers"},
            PermissionDeniedError,
            False,
        ),
        (401, {"message": "error authenticating request"}, AuthenticationError, False),
        (401, "Unauthorized", AuthenticationError, False),
        (401, '"Unauthorized"\n', AuthenticationError, False),
        (404, {"message": "user not found"}, NotFoundError, False),
        (404, {"message": "invalid API endpoint"}, NotSupportedError, False),
        (500, {"message": "invalid API endpoint"}, NotSupportedError, True),
        (501, {"message": "Not Implemented"}, NotSupportedError, True),
        (500, {"message": "database is away"}, ServerError, False),
        (502, "<html>", ServerError, False),
        (409, {"message": "Already exists"}, ConflictError, False),
        (429, {"message": "too many requests"}, RateLimitedError, False),
        (400, "Invalid format for parameter amount: x\n", InvalidRequestError, False),
    ],
)
def test_errors(status: int, body: object, kind: type[IdentityError], permanent: bool) -> None:
    response = said(status, body)
    error = DIALECT.error(response, SPEC, 0.0)
    assert type(error) is kind
    assert error.status == status
    assert DIALECT.permanent(response) is permanent
    assert DIALECT.token_rejected(response) is (kind is AuthenticationError)


def test_a_failed_login_says_so_in_a_bare_string() -> None:
    assert DIALECT.error(said(401, '"Unauthorized"\n'), SPEC, 0.0).message == "Unauthorized"


def test_a_long_dump_is_cut_after_its_first_line_and_its_field_kept() -> None:
    dump = 'request body has an error: doesn\'t match the schema: Error at "/id": property "id" is missing\nSchema:\n{…'
    error = DIALECT.error(said(400, {"message": dump}), SPEC, 0.0)
    assert isinstance(error, InvalidRequestError)
    assert error.sent
    assert "Schema" not in error.message
    assert error.fields == {"id": 'property "id" is missing'}


# What is believed.

pytest_async = pytest.mark.anyio


@pytest_async
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"id": "u", "creation_date": 1, "name": "admin"}, "pose"),
        ({"id": "u", "creation_date": 1, "created_at": "2000"}, "pose"),
        ({"creation_date": 1}, "id"),
        ([], "promises"),
    ],
)
async def test_a_posing_or_missing_key_is_no_user(
    body: object, why: str, lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    sender.script = [tools.answer(200, body)]
    with pytest.raises(ProtocolError, match=why) as caught:
        await lakefs.users.get("u")
    assert caught.value.request_id == "0f3b"
    assert caught.value.provider == "lakefs"


@pytest_async
async def test_a_posing_key_is_found_wherever_it_hides(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    statement = {"effect": "deny", "action": ["fs:*"], "resource": "*"}
    for body in (
        {"user": {"id": "u", "creation_date": 1, "created_at": 2}},
        {"id": "p", "statement": [{**statement, "actions": ["ci:*"]}]},
    ):
        sender.script = [tools.answer(200, body)]
        with pytest.raises(ProtocolError, match="pose"):
            await (lakefs.users.me() if "user" in body else lakefs.native.get_policy("p"))
    sender.script = [tools.page([{"id": "p", "statement": [{**statement, "resources": "*"}]}])]
    with pytest.raises(ProtocolError, match="pose"):
        await lakefs.policies.list()


@pytest_async
async def test_an_answer_about_another_id_is_refused(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    other = {"id": "a b", "creation_date": 1}
    policy = {**other, "statement": [{"effect": "allow", "action": ["fs:*"], "resource": "*"}]}
    key = {"access_key_id": "other", "creation_date": 1}
    statements = [Statement(effect="allow", actions=("fs:*",), resources=("*",))]
    for ask, script in (
        (lambda: lakefs.users.get("a+b"), [tools.answer(200, other)]),
        (lambda: lakefs.users.create("a+b"), [tools.page([]), tools.answer(201, other)]),
        (lambda: lakefs.groups.get("a+b"), [tools.answer(200, other)]),
        (lambda: lakefs.groups.create("a+b"), [tools.answer(201, other)]),
        (lambda: lakefs.policies.get("a+b"), [tools.answer(200, policy)]),
        (lambda: lakefs.policies.create("a+b", statements=statements), [tools.answer(201, policy)]),
        (lambda: lakefs.policies.update("a+b", statements=statements), [tools.answer(200, policy)]),
        (lambda: lakefs.credentials.get("k", user="u"), [tools.answer(200, key)]),
        (lambda: lakefs.credentials.delete("k", user="u"), [tools.answer(200, key)]),
    ):
        sender.script = script
        with pytest.raises(ProtocolError, match="when asked for"):
            await ask()
        assert sender.script == []


@pytest_async
async def test_an_anonymous_current_user_is_nobody(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    for ask in (lakefs.users.me, lakefs.sessions.current, lakefs.credentials.create):
        sender.script = [tools.answer(200, {"user": {"creation_date": 0, "id": ""}})]
        with pytest.raises(ProtocolError, match="anonymous"):
            await ask()


@pytest_async
async def test_a_write_never_hits_a_neighbour(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    """Today's servers turn + into a space: an id with a + is read before anything is written."""
    neighbour = {"id": "a b", "creation_date": 1}
    policy = {**neighbour, "statement": [{"effect": "allow", "action": ["fs:*"], "resource": "*"}]}
    for ask, body in (
        (lambda: lakefs.users.delete("a+b"), neighbour),
        (lambda: lakefs.groups.delete("a+b"), neighbour),
        (lambda: lakefs.policies.delete("a+b"), policy),
        (lambda: lakefs.groups.add_member("a+b", "u"), neighbour),
        (lambda: lakefs.groups.add_member("g", "a+b"), neighbour),
        (lambda: lakefs.groups.remove_member("g", "a+b"), neighbour),
        (lambda: lakefs.policies.attach("p", user="a+b"), neighbour),
        (lambda: lakefs.policies.detach("p", group="a+b"), neighbour),
        (lambda: lakefs.policies.attach("a+b", user="u"), policy),
        (lambda: lakefs.policies.check("a+b", "fs:Read", "*"), neighbour),
        (lambda: lakefs.policies.permissions("a+b"), neighbour),
        (lambda: lakefs.credentials.create("a+b"), neighbour),
        (lambda: lakefs.credentials.list("a+b"), neighbour),
        (lambda: lakefs.credentials.delete("k", user="a+b"), neighbour),
        (lambda: lakefs.users.groups("a+b"), neighbour),
        (lambda: lakefs.users.policies("a+b"), neighbour),
        (lambda: lakefs.groups.members("a+b"), neighbour),
        (lambda: lakefs.groups.policies("a+b"), neighbour),
    ):
        sender.calls.clear()
        sender.script = [tools.answer(200, body)]
        with pytest.raises(ProtocolError, match="a b"):
            await ask()
        assert [call.request.method for call in sender.calls] == ["GET"]
