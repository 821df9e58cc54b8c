"""The auth service emulator: what the recorded scenario does not show, over a socket and as a process."""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import pytest

from identity_sdk.emulators import auth_service
from identity_sdk.emulators.server import running
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store

GRANT = {"groupId": "g", "mode": "READ"}


class Wire:
    def __init__(self, url: str, app: Any) -> None:
        self.place = urlsplit(url)
        self.emulator = app.state.emulator

    def token(self) -> str:
        return str(self.emulator.token("boss", "ADMIN"))

    def ask(
        self,
        line: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        base: str = auth_service.BASE_PATH,
        **headers: str,
    ) -> tuple[int, Any]:
        method, _, path = line.partition(" ")
        connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=10)
        told = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json", **headers}
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, base + path, data, told)
            response = connection.getresponse()
            text = response.read()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return 0, None
        finally:
            connection.close()
        if response.getheader("Location"):
            return response.status, response.getheader("Location")
        kind = response.getheader("Content-Type", "")
        return response.status, json.loads(text) if text and (
            "json" in kind or "{" in text.decode()
        ) else text.decode()


def serving(dialect: str) -> Generator[Wire]:
    app = auth_service.create_app(Store.open(), dialect=dialect)
    with running(app) as url:
        wire = Wire(url, app)
        assert _key(wire).startswith("-----BEGIN PUBLIC KEY-----")  # the first request makes the key
        yield wire


@pytest.fixture(scope="module")
def documented() -> Generator[Wire]:
    yield from serving("documented")


@pytest.fixture(scope="module")
def real() -> Generator[Wire]:
    yield from serving("real")


def failure(code: int, message: str) -> tuple[int, dict[str, object]]:
    return code, {"code": code, "message": message}


def test_every_documented_failure_is_an_api_error(documented: Wire) -> None:
    ask = documented.ask
    assert ask("POST /admin/groups", {"groupId": "g"})[0] == 200
    assert ask("POST /admin/users", {"userId": "u", "globalRole": "USER", "groups": [GRANT]})[0] == 200
    assert ask("POST /admin/groups", {"groupId": "g"}) == failure(409, "Group already exists")
    assert ask("POST /admin/groups", {}) == failure(400, "groupId is required")
    assert ask("POST /admin/users", {"userId": "u", "globalRole": "USER"}) == failure(
        409, "User already exists"
    )
    assert ask("GET /admin/users/x") == failure(404, "User not found")
    assert ask("GET /admin/groups/x") == failure(404, "Group not found")
    assert ask("PUT /admin/groups/x", {"groupId": "x"}) == failure(404, "Group not found")
    assert ask("PUT /admin/groups/g", {"groupId": "x"}) == failure(400, "GroupId mismatch")
    assert ask("PUT /admin/users/u", {"userId": "x", "globalRole": "USER"}) == failure(400, "UserId mismatch")
    assert ask("PUT /admin/users/x", {"userId": "x", "globalRole": "USER"}) == failure(404, "User not found")
    assert ask("POST /admin/users", {"userId": "p"})[0] == 400
    assert (
        ask("POST /admin/users", {"userId": "p", "globalRole": "USER", "groups": [{"groupId": "g"}]})[0]
        == 400
    )
    assert ask("GET /admin/groups/g", Authorization="Bearer x") == failure(401, "Provided token is not valid")
    assert ask("GET /nothing") == failure(404, "Nothing matches the given URI")
    assert ask("GET /admin/refreshTokens/x") == failure(404, "Token not found")
    assert ask("POST /admin/refreshTokens", {"expirationDateTime": "tomorrow"})[0] == 400
    assert ask("GET /authSso") == failure(401, "Invalid session")


def test_a_refused_write_changes_nothing(documented: Wire) -> None:
    ask = documented.ask
    twice = [{**GRANT, "groupId": "n1"}, {**GRANT, "groupId": "n1"}]
    before = ask("GET /admin/groups")
    assert ask("POST /admin/users", {"userId": "half", "globalRole": "USER", "groups": twice})[0] == 400
    assert ask("GET /admin/groups") == before
    assert ask("GET /admin/users/half")[0] == 404


def test_members_in_a_documented_put_of_a_group(documented: Wire) -> None:
    ask = documented.ask
    ask("POST /admin/groups", {"groupId": "m"})
    ask("POST /admin/users", {"userId": "m1", "globalRole": "USER"})
    member = {"userId": "m1", "mode": "WRITE"}
    assert ask("PUT /admin/groups/m", {"groupId": "m", "users": [member]}) == (
        200,
        {"groupId": "m", "users": [member]},
    )
    assert ask("PUT /admin/groups/m", {"groupId": "m", "users": []})[1]["users"] == [member]
    assert ask("PUT /admin/groups/m", {"groupId": "m", "users": [{"userId": "m1"}]})[0] == 400
    assert ask("PUT /admin/groups/m", {"groupId": "m", "users": [{"userId": "no", "mode": "READ"}]})[0] == 404


def test_a_member_without_mode_in_a_real_put_poisons_the_group(real: Wire) -> None:
    ask = real.ask
    ask("POST /admin/groups", {"groupId": "g"})
    ask("POST /admin/users", {"userId": "u", "globalRole": "USER"})
    assert ask("PUT /admin/groups/g", {"groupId": "g", "users": [{"userId": "u"}]})[0] == 500
    assert ask("GET /admin/groups/g")[0] == 500
    assert ask("GET /admin/users/u")[1]["groups"][0]["mode"] is None
    assert ask("PUT /admin/users/u", {"userId": "u", "globalRole": "USER", "groups": [GRANT]})[0] == 200
    assert ask("GET /admin/groups/g")[0] == 200


def test_what_a_real_stop_half_way_leaves(real: Wire) -> None:
    ask = real.ask
    ask("POST /admin/groups", {"groupId": "h1"})
    ask("POST /admin/users", {"userId": "h", "globalRole": "USER", "groups": [{**GRANT, "groupId": "h1"}]})
    entries = [{**GRANT, "groupId": "h2"}, {"mode": "READ"}]
    assert ask("PUT /admin/users/h", {"userId": "h", "globalRole": "ADMIN", "groups": entries})[0] == 0
    left = ask("GET /admin/users/h")[1]
    assert (left["globalRole"], [one["groupId"] for one in left["groups"]]) == ("ADMIN", ["h2"])


def test_bodies_that_no_text_holds(real: Wire) -> None:
    assert real.ask("POST /admin/groups", raw=b'{"groupId": "\xff"}')[0] == 500
    assert real.ask("POST /admin/groups", raw=b'{"groupId": "\\ud800"}')[0] == 500
    status, told = real.ask("POST /admin/groups", raw=b'"' + b"x" * 1048577)
    assert (status, told["title"]) == (413, "Request Entity Too Large")
    assert told["detail"].startswith("Maximum request body size 1048576 exceeded, ")


def test_paths_beside_the_api(real: Wire) -> None:
    assert real.ask("GET /nothing", base="") == (404, "404: Not Found")
    assert real.ask("GET //admin/groups") == (308, "/api/auth/v1/admin/groups")


def test_the_key_of_a_store_outlives_its_server() -> None:
    store = Store.open()
    found: list[str] = []
    for _ in range(2):
        app = auth_service.create_app(store)
        with running(app) as url:
            found.append(_key(Wire(url, app)))
    assert found[0] == found[1]


def _key(wire: Wire) -> str:
    connection = http.client.HTTPConnection(wire.place.hostname or "", wire.place.port, timeout=10)
    connection.request("GET", f"{auth_service.BASE_PATH}/publicKey")
    told = json.loads(connection.getresponse().read())
    connection.close()
    return str(told["publicKey"])


def test_an_unknown_dialect() -> None:
    with pytest.raises(ConfigurationError):
        auth_service.create_app(Store.open(), dialect="other")
