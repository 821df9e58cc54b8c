"""The witness sees what is wrong: each of these would be a finding, and what is right is none."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from functools import cache
from typing import Any

import anyio
import pytest

from contract.masks import masked
from contract.witness import FOLDER, Exchange, Witness, document

DOCUMENT = document("lakefs-0.91")
JSON = "application/json"
USER = {"id": "alice", "creation_date": 1700000000}
PAGE = {
    "pagination": {"has_more": False, "next_offset": "", "results": 1, "max_per_page": 0},
    "results": [USER],
}
POLICY = {"id": "p", "statement": [{"effect": "allow", "resource": "*", "action": ["fs:*"]}]}


def exchange(method: str = "GET", path: str = "/auth/users", **changes: Any) -> Exchange:
    told = {"query": "", "headers": {"content-type": JSON}, "body": b"", "status": 200, "content_type": JSON}
    given = {**told, "answer": PAGE, **changes}
    for name in ("body", "answer"):
        if not isinstance(given[name], bytes):
            given[name] = json.dumps(given[name]).encode()
    return Exchange(method, path, **given)


def without(value: Any, *path: Any) -> Any:
    """A copy that lacks the field at ``path``."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return copy


def with_value(value: Any, new: Any, *path: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return copy


GOOD = {
    "a page": exchange(),
    "a page of some": exchange(query="prefix=al&after=an&amount=-1"),
    "a user": exchange(path="/auth/users/a%20b", answer=USER),
    "a new user": exchange("POST", body={"id": "alice"}, status=201, answer=USER),
    "an error": exchange(path="/auth/users/x", status=404, answer={"message": "user not found"}),
    "an error of no listed status": exchange(path="/auth/users/x", status=501, answer={"message": "no"}),
    "a deletion": exchange("DELETE", "/auth/users/x", status=204, answer=b"", content_type=""),
    "an attachment": exchange("PUT", "/auth/users/x/policies/y", status=201, answer=b"", content_type=""),
    "a policy": exchange("POST", "/auth/policies", body=POLICY, status=201, answer=POLICY),
}

BAD: dict[str, tuple[Exchange, str]] = {
    "an answer lacks a field": (
        exchange(answer=without(PAGE, "results", 0, "creation_date")),
        '"creation_date" is a required',
    ),
    "an answer lacks a part": (exchange(answer=without(PAGE, "pagination")), '"pagination" is a required'),
    "a page lacks a number": (
        exchange(answer=without(PAGE, "pagination", "max_per_page")),
        '"max_per_page" is a required',
    ),
    "a number is a string": (
        exchange(answer=with_value(PAGE, "1700000000", "results", 0, "creation_date")),
        'is not of type "integer"',
    ),
    "a boolean is a string": (
        exchange(answer=with_value(PAGE, "no", "pagination", "has_more")),
        'not of type "boolean"',
    ),
    "a list is an object": (exchange(answer=with_value(PAGE, {}, "results")), 'not of type "array"'),
    "an answer has a field more": (
        exchange(answer=with_value(PAGE, 1, "results", 0, "admin")),
        "'admin' was unexpected",
    ),
    "an unknown value": (
        exchange(
            "POST",
            "/auth/policies",
            body=with_value(POLICY, "perhaps", "statement", 0, "effect"),
            status=201,
            answer=POLICY,
        ),
        "perhaps",
    ),
    "too few": (
        exchange(
            "POST", "/auth/policies", body=with_value(POLICY, [], "statement"), status=201, answer=POLICY
        ),
        "request",
    ),
    "a request lacks a field": (
        exchange("POST", body={"invite_user": True}, status=201, answer=USER),
        '"id" is a required',
    ),
    "a request has a field more": (
        exchange("POST", body={"id": "a", "admin": True}, status=201, answer=USER),
        "'admin' was unexpected",
    ),
    "a request is no JSON": (exchange("POST", body=b"{", status=201, answer=USER), "no JSON"),
    "a request says another type": (
        exchange("POST", body={"id": "a"}, headers={"content-type": "text/plain"}, status=201, answer=USER),
        "content type text/plain",
    ),
    "a body where none belongs": (exchange(body={"id": "a"}), "a body was sent"),
    "a body is missing": (
        exchange("POST", "/auth/policies", status=201, answer=POLICY),
        "the body is missing",
    ),
    "an unknown query": (exchange(query="colour=red"), "colour is not known"),
    "a number too large": (exchange(query="amount=1001"), "1001 is greater than"),
    "no number": (exchange(query="amount=many"), "amount"),
    "an unknown path": (exchange(path="/auth/robots"), "no such operation"),
    "an unknown method": (exchange("PATCH", "/auth/users/x"), "no such operation"),
    "another status": (exchange(status=202), "status is not documented"),
    "an answer is no JSON": (exchange(answer=b"<html>"), "no JSON"),
    "an answer of another type": (exchange(content_type="text/html"), "content type text/html"),
    "an answer where none belongs": (
        exchange("DELETE", "/auth/users/x", status=204, answer=USER),
        "a body was answered",
    ),
    "an error without a message": (
        exchange(path="/auth/users/x", status=404, answer={}),
        '"message" is a required',
    ),
    "a credential where none belongs": (
        exchange(
            "POST",
            "/auth/login",
            headers={"content-type": JSON, "authorization": "Basic x"},
            body={"access_key_id": "a", "secret_access_key": "b"},
            answer={"token": "t"},
        ),
        "sent a credential",
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_right_is_no_finding(case: str) -> None:
    assert DOCUMENT.findings(GOOD[case]) == []


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_found(case: str) -> None:
    seen, told = BAD[case]
    findings = DOCUMENT.findings(seen)
    assert any(told in finding for finding in findings), findings


DOCUMENTS = ("lakefs-0.91", "argus", "authress", "auth-service", "igtcloud")


def every_operation() -> list[tuple[str, str, str]]:
    """Document, method and path of every operation."""
    return [
        (name, method.upper(), path)
        for name in DOCUMENTS
        for path, methods in read(name)["paths"].items()
        for method in methods
        if method != "parameters"
    ]


@cache
def read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def contents(raw: Any, response: Any) -> dict[str, Any]:
    """What a response may hold, by content type."""
    if "$ref" in response:
        response = raw["components"]["responses"][response["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = response.get("content", {})
    return {kind: one for kind, one in found.items() if "schema" in one}


def sample(raw: Any, schema: Any) -> Any:
    """The smallest value that fits a schema: all required fields, one item in every list."""
    if "$ref" in schema:
        return sample(raw, raw["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return sample(raw, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample(raw, schema["properties"][name]) for name in schema.get("required", ())}
    if kind == "array":
        return [sample(raw, schema["items"])]
    return {"string": "text", "integer": 1, "number": 1, "boolean": True, None: {}}[kind]


@pytest.mark.parametrize(("name", "method", "path"), every_operation())
def test_every_field_of_every_answer_counts(name: str, method: str, path: str) -> None:
    """Dropping a required field, another type, another status or content type is found wherever it stands."""
    raw, held = read(name), document(name)
    responses = raw["paths"][path][method.lower()]["responses"]
    path = path.replace("{", "").replace("}", "")

    def findings(status: int, kind: str, value: Any) -> list[str]:
        found = held.findings(exchange(method, path, status=status, answer=value, content_type=kind))
        return [finding for finding in found if " answer " in finding or "no such" in finding]

    for status, response in responses.items():
        for kind, content in contents(raw, response).items():
            if not status.isdigit():
                continue
            answer = sample(raw, content["schema"])
            assert findings(int(status), kind, answer) == []
            assert findings(int(status), "text/x-other", answer)
            for place in places(answer):
                told = f"{status} {place}"
                if isinstance(place[-1], str):
                    assert findings(int(status), kind, without(answer, *place)), f"nobody misses {told}"
                other = with_value(answer, [[{"another": "type"}]], *place)
                assert findings(int(status), kind, other), f"nobody minds {told}"
    for status in {201, 202, 204, 206, 418, 503} - {int(one) for one in responses if one.isdigit()}:
        if status < 400 or "default" not in responses:
            assert findings(status, "application/json", {}), f"nobody minds {status}"


def places(value: Any, *path: Any) -> list[tuple[Any, ...]]:
    """Where the fields of a value stand."""
    if isinstance(value, dict):
        return [
            place for name, inner in value.items() for place in ((*path, name), *places(inner, *path, name))
        ]
    if isinstance(value, list):
        return [place for index, inner in enumerate(value) for place in places(inner, *path, index)]
    return []


FACES = {
    "lakefs": {"0.91", "1.x", "1.x-acl"},
    "argus": {"argus", "argus-otherwise", "argus-terse"},
    "authress": {"authress", "authress-otherwise", "authress-text"},
    "auth-service": {"documented"},
    "igtcloud": {"igtcloud", "igtcloud-otherwise", "igtcloud-silent"},
}


@pytest.mark.parametrize("backend", FACES)
def test_every_exemption_has_its_reason_and_its_faces(backend: str) -> None:
    listed = tomllib.loads((FOLDER / f"{backend}.toml").read_text("utf-8"))
    for one in (*listed["exemption"], *listed.get("answer", ())):
        assert one["reason"]
        assert set(one["faces"]) <= FACES[backend] | {"fuzz", "official"}
        assert one.get("finding") or one["operation"]


def heard(face: str, answer: dict[str, Any], tamper: Callable[[bytes], bytes] = bytes) -> list[str]:
    """What the witness says of one answer to ``GET /auth/groups/g`` that an app gives, perhaps tampered with."""
    witness = Witness("lakefs", face, "/api/v1", DOCUMENT)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": tamper(json.dumps(answer).encode())})

    async def nothing(_message: Any) -> None:
        return None

    async def request() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": b"/api/v1/auth/groups/g",
        "query_string": b"",
        "headers": [(b"Authorization", b"Basic x")],
    }
    anyio.run(witness.around(app), scope, request, nothing)
    return witness.findings()


def test_an_emulator_that_drops_a_field_or_changes_a_type_turns_it_red() -> None:
    group = {"id": "g", "creation_date": 1}
    assert heard("0.91", group) == []
    assert heard("0.91", {"id": "g"})
    assert heard("0.91", group, lambda body: body.replace(b"1", b'"1"'))
    witness = Witness("lakefs", "0.91", "/api/v1", DOCUMENT, [exchange(answer={})])
    with pytest.raises(AssertionError, match="pagination"):
        witness.check()
    witness.check()  # told once


def test_an_exemption_holds_on_its_faces_only() -> None:
    group = {"id": "g", "creation_date": 1, "description": ""}
    assert heard("1.x-acl", group) == []
    assert heard("0.91", group)


USER_MASKED = {"loginId": "ann", "userUUID": "u"}


def test_a_masked_answer_holds_exactly_what_was_asked_for() -> None:
    def found(mask: str, answer: Any, path: str = "/data/users/u") -> list[str]:
        seen = exchange(path=path, headers={"x-fields": mask}, answer=answer)
        return document("igtcloud").findings(seen)

    mask = "loginId,userUUID"
    assert found(mask, USER_MASKED) == []
    assert found("{ loginId , userUUID }", USER_MASKED) == []
    assert found(mask, [USER_MASKED], "/data/users") == []
    assert found("userUUID,profile{givenName}", {"userUUID": "u", "profile": {"givenName": "A"}}) == []
    for wrong in ({"loginId": "ann"}, {**USER_MASKED, "userUUID": 1}, {**USER_MASKED, "settings": {}}):
        assert found(mask, wrong)
        assert found(mask, [wrong], "/data/users")
    assert found("userUUID,profile{givenName}", {"userUUID": "u", "profile": {"familyName": "A"}})
    assert found("*", USER_MASKED)
    assert found("loginId", {"loginId": "ann"}, "/auth/login/$aud")
    for no_mask in ("", "{", "a{", "a}b", "a,{b}", "{a}}", "a{b}c", "{}"):
        with pytest.raises(ValueError, match="mask"):
            masked({"type": "object"}, no_mask, lambda schema: schema)


def test_a_further_status_holds_on_its_faces_only() -> None:
    service = {
        "id": "i",
        "serviceId": "s",
        "name": "n",
        "organizationId": "o",
        "applicationId": "a",
        "privateKey": "k",
    }
    seen = exchange("POST", "/data/organizations/o/services", body={"name": "n"}, status=200, answer=service)
    gone = exchange("DELETE", "/data/users/u", status=200, answer=None)
    other = Witness("igtcloud", "igtcloud-otherwise", "/api", document("igtcloud"), [seen, gone])
    assert other.findings() == []
    other.seen = [exchange("DELETE", "/data/users/u", status=200, answer={})]
    assert other.findings()
    assert len(Witness("igtcloud", "igtcloud", "/api", document("igtcloud"), [seen, gone]).findings()) == 2
    role = {"roleId": "r", "name": "n", "permissions": []}
    kind = "application/links+json"
    bare = exchange(path="/v1/roles", content_type=kind, answer=[role])
    wrong = exchange(path="/v1/roles", content_type=kind, answer=[{**role, "name": 1}])
    for face, seen, count in (("otherwise", bare, 0), ("otherwise", wrong, 1), ("text", bare, 1)):
        held = Witness("authress", f"authress-{face}", "", document("authress"), [seen])
        assert len(held.findings()) == count
