"""The witness of the auth service sees a field that is missing, another type, another status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.witness import Exchange, document

JSON = "application/json"
USER = {
    "userId": "ann",
    "globalRole": "USER",
    "groups": [{"groupId": "g", "description": "d", "mode": "READ"}],
}
GROUP = {"groupId": "g", "description": "d", "users": [{"userId": "ann", "mode": "READ"}]}
TOKEN = {"token": "t", "expiresAt": "2030-01-01T00:00:00+00:00"}
INFO = {"tokenId": "t", "tokenName": "n", "expirationDateTime": "2030-01-01T00:00:00+00:00", "groups": []}
ANSWERS: dict[str, tuple[str, str, Any, Any]] = {
    "users": ("GET", "/admin/users", None, {"users": [USER]}),
    "user": ("GET", "/admin/users/ann", None, USER),
    "new user": ("POST", "/admin/users", USER, USER),
    "put user": ("PUT", "/admin/users/ann", USER, USER),
    "groups": ("GET", "/admin/groups", None, {"groups": [GROUP]}),
    "group": ("GET", "/admin/groups/g", None, GROUP),
    "new group": ("POST", "/admin/groups", {"groupId": "g"}, GROUP),
    "put group": ("PUT", "/admin/groups/g", {"groupId": "g"}, GROUP),
    "tokens": ("GET", "/admin/refreshTokens", None, {"refreshTokenInfo": [INFO]}),
    "token": ("GET", "/admin/refreshTokens/t", None, INFO),
    "new token": (
        "POST",
        "/admin/refreshTokens",
        {"tokenName": "n"},
        {"refreshToken": TOKEN, "accessToken": TOKEN},
    ),
    "refresh": ("POST", "/refresh", None, TOKEN),
    "me": ("GET", "/userInfo", None, USER),
    "key": ("GET", "/publicKey", None, {"publicKey": "k"}),
    "login": ("GET", "/login", None, {"url": "u"}),
}
OPTIONAL = {"description", "tokenName"}


def findings(
    method: str, path: str, body: Any, answer: Any, *, status: int = 200, kind: str = JSON
) -> list[str]:
    sent = b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": JSON}
    seen = Exchange(method, path, "", headers, sent, status, kind, json.dumps(answer).encode())
    return document("auth-service").findings(seen)


def fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every field."""
    if isinstance(value, dict):
        return [here for key, one in value.items() for here in ((*path, key), *fields(one, (*path, key)))]
    if isinstance(value, list):
        return [here for index, one in enumerate(value) for here in fields(one, (*path, index))]
    return []


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    if new is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return copy


@pytest.mark.parametrize("case", ANSWERS)
def test_each_field_type_and_status_counts(case: str) -> None:
    method, path, body, answer = ANSWERS[case]
    assert findings(method, path, body, answer) == []
    for where in fields(answer):
        if where[-1] not in OPTIONAL:
            assert findings(method, path, body, changed(answer, where, None)), f"{where} may be missing"
        assert findings(method, path, body, changed(answer, where, 5)), f"{where} may be a number"
    assert findings(method, path, body, {**answer, "more": 1})
    assert findings(method, path, body, answer, status=201)
    assert findings(method, path, body, answer, kind="text/plain; charset=utf-8")
    error = {"code": 500, "message": "m"}
    assert findings(method, path, body, error, status=500)
    for where in fields(body):
        assert findings(method, path, changed(body, where, 5), answer), f"{where} may be sent as a number"


def test_members_are_never_sent_in_a_group() -> None:
    assert findings("PUT", "/admin/groups/g", GROUP, GROUP)
