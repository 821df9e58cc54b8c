"""880 decisions of a real lakeFS v0.91.0, against the emulator's engine and against its enforced permissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from identity_sdk.emulators.lakefs import Admin, create_app
from identity_sdk.emulators.lakefs.policies import (
    InvalidPolicy,
    allows,
    match,
    resource_matches,
    validate_statement,
)
from identity_sdk.store import Store

DATA: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "lakefs" / "decisions.json").read_text("utf-8")
)
QUESTIONS: list[tuple[str, str]] = [(action, resource) for action, resource in DATA["questions"]]


def statements(policies: list[list[list[Any]]]) -> list[list[dict[str, Any]]]:
    return [
        [dict(zip(("effect", "action", "resource"), item, strict=True)) for item in one] for one in policies
    ]


def test_all_880_decisions_are_the_real_servers_own() -> None:
    decided = 0
    for case in DATA["cases"]:
        together = [item for one in statements(case["own"] + case["groups"]) for item in one]
        for (action, resource), answer in zip(QUESTIONS, case["answers"], strict=True):
            if answer != ".":
                assert allows(together, case["user"], action, resource) is (answer == "y"), (
                    case,
                    action,
                    resource,
                )
                decided += case.get("times", 1)  # one case was recorded three times over
    assert decided == 880


REQUESTS = {
    "ListUsers": "GET /auth/users",
    "ReadUser": "GET /auth/users/{id}",
    "CreateUser": "POST /auth/users",
    "DeleteUser": "DELETE /auth/users/{id}",
    "ListGroups": "GET /auth/groups",
    "ReadGroup": "GET /auth/groups/{id}",
    "DeleteGroup": "DELETE /auth/groups/{id}",
    "AddGroupMember": "PUT /auth/groups/{id}/members/bob",
    "ListPolicies": "GET /auth/policies",
    "ReadPolicy": "GET /auth/policies/{id}",
    "ListCredentials": "GET /auth/users/{id}/credentials",
    "CreateCredentials": "POST /auth/users/{id}/credentials",
    "ReadCredentials": "GET /auth/users/{id}/credentials/AKIAJNOSUCHKEYAAAAQ",
}


@pytest.mark.anyio
async def test_the_decisions_on_auth_are_enforced_over_http() -> None:
    app = create_app(Store.open(), setup=True, admin=Admin("admin", "AKIAJADMIN", "secret"))
    checked = 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://e/api/v1") as client:
        for number, case in enumerate(DATA["cases"]):
            checked += await enforce(client, number, case)
    assert checked == sum(
        answer != "." and question[0].startswith("auth:")
        for case in DATA["cases"]
        for question, answer in zip(QUESTIONS, case["answers"], strict=True)
    )
    assert checked > 500


async def enforce(client: httpx.AsyncClient, number: int, case: dict[str, Any]) -> int:
    admin = ("AKIAJADMIN", "secret")

    async def do(request: str, body: object = None, auth: tuple[str, str] = admin) -> httpx.Response:
        method, path = request.split(" ", 1)
        return await client.request(method, path, json=body, auth=auth)

    user, group = case["user"], f"group-{number}"
    await do(f"DELETE /auth/users/{user}")
    assert (await do("POST /auth/users", {"id": user})).status_code == 201
    assert (await do("POST /auth/groups", {"id": group})).status_code == 201
    assert (await do(f"PUT /auth/groups/{group}/members/{user}")).status_code == 201
    for place, policies in ((f"users/{user}", case["own"]), (f"groups/{group}", case["groups"])):
        for at, one in enumerate(statements(policies)):
            policy = f"{group}-{place[0]}{at}"
            assert (await do("POST /auth/policies", {"id": policy, "statement": one})).status_code == 201
            assert (await do(f"PUT /auth/{place}/policies/{policy}")).status_code == 201
    made = (await do(f"POST /auth/users/{user}/credentials")).json()
    key = (made["access_key_id"], made["secret_access_key"])
    checked = 0
    for (action, resource), answer in zip(QUESTIONS, case["answers"], strict=True):
        if action.startswith("auth:") and answer != ".":
            name = resource.rpartition("/")[2]
            line = REQUESTS[action.removeprefix("auth:")].format(id=quote(name, safe=""))
            body = {"id": name} if line.startswith("POST /auth/users") and line.endswith("users") else None
            response = await do(line, body, key)
            refused = response.status_code == 401
            assert refused is (answer == "n"), (case, action, resource, response.status_code, response.text)
            if refused:
                assert response.json() == {"message": "insufficient permissions"}
            elif action == "auth:CreateUser":
                await do(f"DELETE /auth/users/{name}")
            checked += 1
    await do(f"DELETE /auth/users/{user}")
    return checked


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXbYb", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*?", "x", True),
        ("abc", "abcd", False),
        ("[a]", "a", False),
        ("😀?", "😀é", True),
    ],
)
def test_wildcards(pattern: str, text: str, matches: bool) -> None:
    assert match(pattern, text) is matches


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not match("*a" * 200 + "b", "a" * 2000)


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("*", "*", True),
        ("arn:lakefs:auth:::user/*", "*", False),
        ("arn:lakefs:auth:::user/a", "arn:lakefs:auth:anywhere::user/a", True),
        ("arn:lakefs:auth::1:user/a", "arn:lakefs:auth::2:user/a", False),
        ("arn:*:auth:::user/a", "arn:lakefs:auth:::user/a", False),
        ("arn:lakefs:*:::user/a", "arn:lakefs:auth:::user/a", False),
        ("arn:lakefs:auth:::user/*", "arn:lakefs:auth:::user/a:b:c", True),
        ("nonsense", "nonsense", False),
    ],
)
def test_resources(pattern: str, resource: str, matches: bool) -> None:
    assert resource_matches(pattern, resource) is matches


@pytest.mark.parametrize("resource", ["", "arn", "arn:a:b:c:d", "urn:lakefs:fs:::x", "**"])
def test_resources_that_are_refused(resource: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"validation error: ARN"):
        validate_statement({"action": ["fs:*"], "effect": "allow", "resource": resource})


def test_the_deny_of_one_policy_wins_over_the_allow_of_another() -> None:
    allow = {"effect": "allow", "action": ["fs:*"], "resource": "*"}
    deny = {"effect": "deny", "action": ["fs:Write*"], "resource": "arn:lakefs:fs:::repository/${user}"}
    resource = "arn:lakefs:fs:::repository/ann"
    assert allows([allow, deny], "bob", "fs:WriteObject", resource)
    assert not allows([allow, deny], "ann", "fs:WriteObject", resource)
    assert not allows([deny, allow], "ann", "fs:WriteObject", resource)
    assert not allows([], "ann", "fs:WriteObject", resource)
