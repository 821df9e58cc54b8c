"""204 single exchanges that were recorded on the real server, each fed to its operation over a socket.

``tests/data/auth_service/single.json`` holds status line, headers and body as the server sent them (status 0: it
closed the connection), and, written by hand, how the call ends: the typed object field by field, or the error's class,
status and message, and how often the request was sent. The rows of the official client are in
tests/interop/test_auth_service_wire.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from identity_sdk import errors
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.auth.sources import Bearer, RefreshToken
from identity_sdk.client import IdentityClient, connect
from identity_sdk.errors import AmbiguousOutcomeError, AuthenticationError, IdentityError, InvalidRequestError
from identity_sdk.models import Model
from identity_sdk.secrets import Secret
from tests.core.rig import Server

pytestmark = pytest.mark.anyio

BASE = "/api/auth/v1"
ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "auth_service" / "single.json").read_text("utf-8")
)
SECRETS = {"authorization", "cookie"}
ALIVE = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def on_the_wire(row: dict[str, Any]) -> bytes | str:
    """The answer as it was, byte for byte; but each comes on a connection of its own."""
    if not row["status"]:
        return "drop"
    body = row["body"].encode()
    lines = [f"HTTP/1.1 {row['status']} {row['reason']}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in row["headers"].items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@asynccontextmanager
async def client(server: Server, auth: Any = None) -> AsyncGenerator[IdentityClient[AuthService]]:
    adapter = AuthService(base_url=server.url + BASE, auth=auth or Bearer("a.b.c"))
    async with connect(adapter, backoff=(0.0, 0.0), retry_budget=10_000, proxy="") as idp:
        yield idp


def feed(server: Server, row: dict[str, Any]) -> None:
    """Every request of the row's method gets its answer; a look in between finds a server in trouble."""
    server.seen.clear()
    spec = METHODS.get(row["call"], "GET")
    trouble = on_the_wire(
        {
            "status": 500,
            "reason": "Internal Server Error",
            "headers": {},
            "body": "Server got itself in trouble",
        }
    )

    def handler(line: str, headers: dict[str, str], body: bytes) -> Any:
        if line == f"GET {BASE}/health/liveness" and row["call"] != "health_liveness":
            return ALIVE
        return on_the_wire(row) if line.startswith(spec) else trouble

    server.handler = handler


METHODS = {
    "admin_add_group": "POST",
    "admin_add_user": "POST",
    "generate_refresh_token": "POST",
    "refresh": "POST",
    "admin_group_put": "PUT",
    "admin_user_put": "PUT",
    "admin_remove_group": "DELETE",
    "admin_remove_user": "DELETE",
    "revoke_refresh_token": "DELETE",
}


def fields(value: Any, told: Any) -> Any:
    """``value`` by the fields that ``told`` has; secrets revealed."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        assert len(value) == len(told)
        return [fields(one, wanted) for one, wanted in zip(value, told, strict=True)]
    if isinstance(value, Model):
        assert not value.model_extra
        return {name: fields(getattr(value, name), told[name]) for name in told}
    return value


async def outcome(work: Any) -> Any:
    try:
        return await work
    except IdentityError as error:
        return error


def test_the_recording_is_whole() -> None:
    assert len(ROWS) == 204
    assert {row["call"] for row in ROWS} == {
        *METHODS,
        *("admin_list_groups", "admin_get_group", "admin_list_users", "admin_get_user_info"),
        *("list_refresh_tokens", "get_token_info", "get_user_info", "login", "auth_sso", "health_liveness"),
    }
    assert sum("error" in row["ends"] for row in ROWS) == 140


async def test_each_answer_is_read_as_it_is_meant(server: Server) -> None:
    async with client(server) as idp:
        for row in ROWS:
            feed(server, row)
            named = {
                name: Secret(value) if name in SECRETS else value
                for name, value in row.get("named", {}).items()
            }
            got = await outcome(getattr(idp.native, row["call"])(*row["args"], **named))
            ends, case = row["ends"], f"{row['case']}: {row['call']}"
            if "error" not in ends:
                assert fields(got, ends["is"]) == ends["is"], case
            else:
                assert type(got) is getattr(errors, ends["error"]), f"{case}: {got!r}"
                assert (got.status, got.provider) == (ends["status"], "auth-service"), case
                assert ends["message"] in got.message, case
                if isinstance(got, AmbiguousOutcomeError):
                    assert got.how_to_find_out, case
                    assert getattr(got.__cause__, "status", 0) == ends["cause"], case
                assert got.operation == {"auth_sso": "auth"}.get(row["call"], row["call"]), case
            sent = [line for line in server.lines if not line.startswith("GET") or row["call"] not in METHODS]
            assert len(sent) == ends.get("sends", 1), case
            if "mended" in row:
                assert json.loads(server.seen[0][2]) == row["mended"], case
            if not row.get("foreign") and not row.get("refused"):
                assert set(sent) == {f"{row['method']} {BASE}{row['path']}"}, case


async def test_what_breaks_the_server_is_refused_before_it_is_sent(server: Server) -> None:
    """The bodies that were recorded to end in 400, in 500, or in a damaged database."""
    refused = [row for row in ROWS if row.get("refused")]
    assert len(refused) == 35
    async with client(server) as idp:
        server.seen.clear()
        for row in refused:
            if row["refused"] == "admin_get_group":
                work = idp.native.admin_get_group("")
            else:
                work = getattr(idp.native, row["call"])(*row["args"][:-1], row["sent"])
            with pytest.raises(InvalidRequestError) as refusal:
                await work
            assert refusal.value.sent is False, row["case"]
        assert server.seen == []


async def test_a_dead_refresh_token_and_a_silent_sign_in(server: Server) -> None:
    """The same rows through the verbs: a closed connection of a server that lives means no."""
    by_verb = [row for row in ROWS if row["call"] == "refresh" and not row.get("foreign")]
    async with client(server) as idp:
        for row in by_verb:
            feed(server, row)
            proof = row["named"]["authorization"].removeprefix("Bearer ")
            got = await outcome(idp.tokens.refresh(proof or "none"))
            if "is" in row["ends"]:
                assert (got.value.reveal(), got.expires_at.isoformat()) == tuple(row["ends"]["is"].values())
                assert got.user_id in ("root-admin", "plain-user", "sso-user"), row["case"]
            else:
                assert type(got) is AuthenticationError, row["case"]
            assert (f"GET {BASE}/health/liveness" in server.lines) == (not row["status"])
        signing_in = [row for row in ROWS if row["call"] == "auth_sso" and row["status"] != 302]
        for row in signing_in:
            feed(server, row)
            back = {name: row["named"].get(name) for name in ("code", "state", "scope")}
            got = await outcome(idp.sessions.create("sso", cookie="AIOHTTP_SESSION=x", **back))
            if row["status"]:
                assert got.user_id in ("sso-user", "sso-unregistered")
                tokens = row["ends"]["is"]["tokens"]
                assert got.token.reveal() == tokens["access_token"]["token"]
                assert got.refresh_token.reveal() == tokens["refresh_token"]["token"]
            else:
                assert type(got) is AuthenticationError
    assert (len(by_verb), len(signing_in)) == (19, 5)


async def test_a_client_of_a_dead_refresh_token(server: Server) -> None:
    """A client that signs in by it says so at its first call, and sends that call never."""
    dead = next(row for row in ROWS if row["case"] == "refresh: revoked refresh")
    async with client(server, RefreshToken("3f2b8a10-0000-4000-8000-000000000001")) as idp:
        feed(server, dead)
        with pytest.raises(AuthenticationError, match="Sign in again"):
            await idp.users.list()
        assert f"GET {BASE}/admin/users" not in server.lines
