"""What the official auth_python_client 1.0.0 sent to the real server, and what it was answered: ours, call by call.

The client is in no package index, so the recording stands for it: 51 exchanges. Differences in headers are listed here,
each with its reason; method, path and body have none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    IdentityError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ServerError,
)
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Call, Retry
from identity_sdk.wire.request import Response

pytestmark = pytest.mark.anyio

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "auth_service" / "official.json").read_text("utf-8")
)
DIFFERENT = {
    "User-Agent": "each names itself",
    "Authorization": "put on by the token middleware, or given to refresh()",
    "Content-Length": "put on by the transport",
}
NEEDLESS = "Content-Type"
"""The official client says it of GET and DELETE as well, which have no body."""
GONE = ("/authGoogle", "/loginGoogle")
"""Paths of older servers, which that client still had: the real server answered 404. Not in the document."""


class Recorded:
    """A sender that answers what the real server answered."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.call: Call | None = None

    async def send(self, call: Call) -> Response:
        self.call = call
        row = self.row
        if not row["status"]:
            error = NoAnswerError("closed")
            error.broken = True
            raise AmbiguousOutcomeError("closed") if call.spec.retry in (Retry.KEYED, Retry.ONCE) else error
        body = b"" if row["body"] is None else json.dumps(row["body"]).encode()
        return Response(row["status"], {"content-type": row["kind"]}, body, row["reason"])

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return 1_800_000_000.0

    def remaining(self) -> float:
        return 30.0

    async def sleep(self, seconds: float) -> None: ...

    def forget(self) -> None: ...


def ours(native: Any, row: dict[str, Any]) -> Awaitable[Any]:
    """The same call by our wire API."""
    verb, parts, body = row["method"], row["path"].strip("/").split("/"), row["sent"]
    if parts[0] != "admin":
        simple = {
            "publicKey": native.get_public_key,
            "userInfo": native.get_user_info,
            "refresh": lambda: native.refresh(authorization=Secret(row["headers"]["Authorization"])),
            "health": lambda: getattr(native, f"health_{parts[1]}")(),
        }
        return simple[parts[0]]()
    names = {
        ("groups", "POST"): "admin_add_group",
        ("groups", "GET"): "admin_get_group" if len(parts) == 3 else "admin_list_groups",
        ("groups", "PUT"): "admin_group_put",
        ("groups", "DELETE"): "admin_remove_group",
        ("users", "POST"): "admin_add_user",
        ("users", "GET"): "admin_get_user_info" if len(parts) == 3 else "admin_list_users",
        ("users", "PUT"): "admin_user_put",
        ("users", "DELETE"): "admin_remove_user",
        ("refreshTokens", "POST"): "generate_refresh_token",
        ("refreshTokens", "GET"): "get_token_info" if len(parts) == 3 else "list_refresh_tokens",
        ("refreshTokens", "DELETE"): "revoke_refresh_token",
    }
    arguments = [unquote(part) for part in parts[2:]] + ([] if body is None else [body])
    return getattr(native, names[parts[1], verb])(*arguments)


def expected(row: dict[str, Any]) -> type[IdentityError] | None:
    """How the call ends, by what the server answered."""
    if not row["status"]:
        return AmbiguousOutcomeError if row["method"] == "POST" else NoAnswerError
    if row["status"] == 200:
        stub = row["path"].startswith("/admin/refreshTokens") and row["method"] != "DELETE"
        return NotSupportedError if stub else None
    if row["status"] == 401:
        return PermissionDeniedError if row["body"] is None else AuthenticationError
    return {404: NotFoundError, 500: ServerError, 400: InvalidRequestError}[row["status"]]


def same(sent: Any, recorded: Any) -> bool:
    """Equal as JSON; times as times."""
    return json.dumps(sent, sort_keys=True).replace("+00:00", "Z") == json.dumps(
        recorded, sort_keys=True
    ).replace("+00:00", "Z")


CALLS = [row for row in ROWS if row["path"] not in GONE]


def test_the_recording_is_whole() -> None:
    assert len(ROWS) == 51
    assert len(CALLS) == 49
    assert all(row["status"] == 404 for row in ROWS if row["path"] in GONE)


async def test_each_call_is_sent_alike_and_its_answer_is_read() -> None:
    operations: set[str] = set()
    read = 0
    for row in CALLS:
        sender = Recorded(row)
        native = AuthService(base_url="http://h/api/auth/v1").bind(sender).native
        kind, answer = expected(row), None
        if kind is None:
            answer = await ours(native, row)
        else:
            with pytest.raises(kind):
                await ours(native, row)
        assert sender.call is not None
        operations.add(sender.call.spec.name)
        request = sender.call.request
        assert (request.method, request.target) == (row["method"], f"/api/auth/v1{row['path']}"), row["case"]
        assert same(json.loads(request.body or b"null"), row["sent"]), row["case"]
        headers = {name: value for name, value in row["headers"].items() if name not in DIFFERENT}
        if row["sent"] is None:
            headers.pop(NEEDLESS, None)
        told = {name: value for name, value in request.headers.items() if name not in DIFFERENT}
        if "Accept" not in headers:
            told.pop("Accept")  # we name it of the health pages as well, which answer nothing
        assert told == headers, row["case"]
        if isinstance(row["body"], dict) and kind is None:
            assert told_by(answer, row["body"]) == row["body"], row["case"]
            read += 1
    assert read == 18
    assert len(operations) == 14 + 5


NAMES = {"userId": "id", "groupId": "id", "globalRole": "global_role", "publicKey": "public_key"}
"""What a field of the document is called here; others keep their name."""


def told_by(answer: Any, body: Any) -> Any:
    """The recorded body, rebuilt field by field out of the typed object that came of it."""
    if isinstance(body, list):
        assert len(answer) == len(body)
        return [told_by(one, told) for one, told in zip(answer, body, strict=True)]
    if not isinstance(body, dict):
        return answer.reveal() if isinstance(answer, Secret) else answer
    member = "mode" in body and "userId" in body
    names = {**NAMES, **({"mode": "role"} if member else {}), "expiresAt": "expires_at"}
    rebuilt = {name: told_by(getattr(answer, names.get(name, name)), told) for name, told in body.items()}
    if "expiresAt" in rebuilt:
        rebuilt["expiresAt"] = rebuilt["expiresAt"].isoformat()
    return rebuilt
