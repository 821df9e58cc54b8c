"""The tightened file of Authress lets nothing pass: a field less, another type, another status turn a test red."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.witness import Exchange, document

SAMPLES: dict[str, tuple[str, str, int, Any]] = {
    "get_client": (
        "GET",
        "/v1/clients/sc_7Hq2",
        200,
        {
            "clientId": "sc_7Hq2",
            "createdTime": "2026-01-02T03:04:05.000Z",
            "name": "billing",
            "options": {"grantUserPermissionsAccess": True, "grantTokenGeneration": False},
            "verificationKeys": [{"keyId": "k1ab", "generationDate": "2026-01-02T03:05:00.000Z"}],
        },
    ),
    "get_group": (
        "GET",
        "/v1/groups/grp_editors",
        200,
        {
            "groupId": "grp_editors",
            "name": "Editors",
            "users": [{"userId": "u3"}],
            "admins": [],
            "lastUpdated": "2026-01-02T03:06:00.123Z",
            "links": {"self": {"href": "https://acc-demo.api.authress.io/v1/groups/grp_editors"}},
        },
    ),
    "get_groups": (
        "GET",
        "/v1/groups",
        200,
        {"groups": [], "pagination": {}, "links": {"self": {"href": "x"}}},
    ),
    "get_role": (
        "GET",
        "/v1/roles/ro_x",
        200,
        {
            "roleId": "ro_x",
            "name": "X",
            "permissions": [{"action": "a", "allow": True, "grant": False, "delegate": False}],
        },
    ),
    "refusal": (
        "GET",
        "/v1/groups/grp_x",
        404,
        {"title": "Not found", "errorCode": "NotFound", "errorId": "req-1"},
    ),
}


def findings(sample: tuple[str, str, int, Any], **changes: Any) -> list[str]:
    method, path, status, answer = sample
    seen = Exchange(method, path, "", {}, b"", status, "application/links+json", json.dumps(answer).encode())
    for name, value in changes.items():
        setattr(seen, name, value)
    return document("authress").findings(seen)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_passes_and_nothing_less(name: str) -> None:
    sample = SAMPLES[name]
    method, path, status, answer = sample
    assert findings(sample) == []
    for field in answer:
        less = {key: value for key, value in answer.items() if key != field}
        assert findings((method, path, status, less)), f"nobody misses {field}"
        assert findings((method, path, status, {**answer, field: 7})), f"{field} may be a number"
    assert findings((method, path, status, {**answer, "more": 1}))
    assert findings(sample, status=202)
    assert findings(sample, content_type="text/plain")
    assert findings(sample, answer=b"")
    assert findings(sample, path=f"{path}/more")
    assert findings(sample, query="colour=red")
    assert findings(sample, body=b"{}")
