"""What the official client sent to the vendor's local server, and what that answered: ours sends the same, and
survives it.

``tests/data/authress/local-server.json`` is recorded traffic. Differences of ours, each with its reason:
``Accept`` is sent
with every call (the official client leaves it out where it expects no body), a blank in a query is a plus as the
official
JavaScript client sends it, and no ``kid=`` goes with the account's own keys.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.errors import IdentityError
from identity_sdk.wire.operation import Query
from identity_sdk.wire.request import Response

pytestmark = pytest.mark.anyio

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "authress" / "local-server.json").read_text("utf-8")
)
BANNER = f"\n{'*' * 80}\n{'*' * 80}\n\nImplementation not yet available for this endpoint.\n\n{'*' * 80}\n"

ERRORS = {
    400: "InvalidRequestError",
    404: "NotFoundError",
    409: "ConflictError",
    500: "ServerError",
    501: "NotSupportedError",
}
LOST_ID = re.compile("after-id-lost")
"""That server keeps what a body says: an object that was written without its id has none when it is read."""
TOO_LITTLE = {"161-create_role-sdk-no-id"}


def arguments(row: dict[str, Any]) -> dict[str, Any]:
    """The arguments of our operation that make the recorded request."""
    function = getattr(AuthressApi, row["operation"])
    spec, parameters = function.__operation__, inspect.signature(function, eval_str=True).parameters
    path, _, query = row["target"].partition("?")
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(spec.path))
    match = re.fullmatch(pattern, path)
    assert match is not None, path
    told: dict[str, Any] = {name: unquote(value) for name, value in match.groupdict().items()}
    wire = {
        next(
            (mark.name for mark in getattr(one.annotation, "__metadata__", ()) if isinstance(mark, Query)),
            name,
        ): name
        for name, one in parameters.items()
    }
    for name, value in parse_qsl(query.replace("+", "%2B")):
        told[wire[name]] = int(value) if name == "limit" else value
    if row["body"] is not None:
        told["body"] = row["body"]
    if "If-Unmodified-Since" in row["headers"]:
        told["if_unmodified_since"] = row["headers"]["If-Unmodified-Since"]
    return told


def recorded(row: dict[str, Any]) -> Response:
    body = row["answer"]
    data = (
        b""
        if body is None
        else (BANNER if body == "BANNER" else body).encode()
        if isinstance(body, str)
        else json.dumps(body).encode()
    )
    headers = {"x-span-id": "c0a8"} | ({"content-type": row["type"]} if row["type"] else {})
    return Response(row["status"], headers, data, reason="Said")


def usable() -> list[Any]:
    return [
        pytest.param(row, id=row["case"])
        for row in ROWS
        if not (row["operation"] == "jwks" and "?" in row["target"])
    ]


@pytest.mark.parametrize("row", usable())
async def test_the_same_request_and_a_typed_outcome(row: dict[str, Any], authress: Any, sender: Any) -> None:
    sender.script = [recorded(row)]
    outcome: object = None
    raised: IdentityError | None = None
    try:
        outcome = await getattr(authress.native, row["operation"])(**arguments(row))
    except IdentityError as error:
        raised = error
    (call,) = sender.calls
    request = call.request
    path, _, query = row["target"].partition("?")
    assert (request.method, request.target.partition("?")[0]) == (row["method"], path)
    assert parse_qsl(request.target.partition("?")[2]) == parse_qsl(query.replace("+", "%2B"))
    assert (json.loads(request.body) if request.body else None) == row["body"]
    headers = {name: value for name, value in request.headers.items() if name != "User-Agent"}
    assert headers == {"Accept": "application/links+json", **row["headers"]}

    if row["status"] in ERRORS:
        assert raised is not None
        assert type(raised).__name__ == ERRORS[row["status"]]
        assert (raised.status, raised.operation, raised.request_id) == (
            row["status"],
            row["operation"],
            "c0a8",
        )
        assert "***" not in str(raised)
    elif LOST_ID.search(row["case"]):
        assert type(raised).__name__ == "ProtocolError"
    else:
        assert raised is None, raised
        assert (outcome is None) == (row["answer"] is None)


async def test_each_kind_of_answer_is_there() -> None:
    assert {row["status"] for row in ROWS} >= {200, 201, 202, 204, 400, 404, 409, 500, 501}
    assert len(ROWS) > 60
