"""A recorded scenario of the real server, replayed in order against ``--dialect real`` over a socket.

Every status, body, content type with charset, cookie, the reason phrase of 400 and 401, and what is inside the tokens
has to be equal, up to dates, UUIDs, tokens, keys and the order of lists (PostgreSQL's rows there). The emulator is a
process of its own; the second time every id is another one, so that it cannot know the recording.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

SCENARIO = Path(__file__).parents[1] / "data" / "auth_service" / "scenario.json"
ROWS = 370
Rename = Callable[[str], str]


def same(name: str) -> str:
    return name


def renamed(name: str) -> str:
    """Another id of the same length."""
    return "".join(chr(ord(c) + 1) if c.isascii() and c.isalpha() else c for c in name)


@pytest.mark.parametrize("rename", [same, renamed])
def test_every_answer_equals_the_recorded_one(rename: Rename) -> None:
    with serving("--dialect", "real") as line:
        assert Replay(line, rename).run() == ROWS


def test_a_wrong_answer_is_noticed() -> None:
    with serving() as line, pytest.raises(AssertionError):
        Replay(line, same).run()


@contextmanager
def serving(*options: str) -> Generator[dict[str, str]]:
    """``python -m identity_sdk.emulators auth-service`` on a free port; its start-up line."""
    command = [sys.executable, "-m", "identity_sdk.emulators", "auth-service", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@dataclass
class Answered:
    status: int
    reason: str = ""
    kind: str = ""
    cookies: list[str] = field(default_factory=list)
    body: bytes = b""


@dataclass
class Replay:
    line: dict[str, str]
    rename: Rename
    refreshed: str = ""

    def __post_init__(self) -> None:
        place = urlsplit(self.line["base_url"])
        self.host, self.base = place.netloc, place.path
        self.connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        names = {}
        for word in ("admin", "user"):
            names[word] = part(self.line[f"{word}_token"].split(".")[1])["sub"]
        self.fixed = {
            "<admin user>": names["admin"],
            "<plain user>": names["user"],
            "<refresh user>": self.owner(),
            "<refresh uuid>": self.line["refresh_token"],
        }

    def owner(self) -> str:
        answered = self.send(
            "POST", "/refresh", {"Authorization": f"Bearer {self.line['refresh_token']}"}, None
        )
        return str(part(json.loads(answered.body)["token"].split(".")[1])["sub"])

    def run(self) -> int:
        rows: list[dict[str, Any]] = json.loads(SCENARIO.read_text("utf-8"))
        try:
            for row in rows:
                self.play(row)
        finally:
            self.connection.close()
        return len(rows)

    # Ids: those of the start state, and those that the scenario chooses.

    def id(self, text: str) -> str:
        return self.fixed[text] if text in self.fixed else self.rename(text)

    def ids(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.ids(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self.ids(one) for one in value]
        return self.id(value) if key in ("groupId", "userId", "sub") and isinstance(value, str) else value

    def path(self, path: str) -> str:
        found = re.fullmatch(r"(/admin/\w+/)([^/?]+)(\?.*)?", path)
        if found is None:
            return path
        return f"{found[1]}{quote(self.id(unquote(found[2])), safe='')}{found[3] or ''}"

    # One step.

    def play(self, row: dict[str, Any]) -> None:
        headers = {} if (proof := self.proof(row)) is None else {"Authorization": proof}
        body: bytes | None = None
        if row["sent"] is not None:
            headers["Content-Type"] = row.get("content_type") or "application/json"
            body = json.dumps(self.ids(row["sent"])).encode()
        elif row.get("sent_raw") is not None:
            body = self.raw(row["sent_raw"])
            if row.get("content_type"):
                headers["Content-Type"] = row["content_type"]
        answered = self.send(row["method"], self.path(row["path"]), headers, body)
        self.compare(row, answered)
        if row["path"] == "/refresh" and answered.status == 200:
            self.refreshed = json.loads(answered.body)["token"]

    def raw(self, text: str) -> bytes:
        try:
            value = json.loads(text)
        except ValueError:
            return text.encode()
        return json.dumps(self.ids(value)).encode() if isinstance(value, dict) else text.encode()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answered:
        try:
            self.connection.putrequest(method, self.base + path, skip_accept_encoding=True)
            for name, value in headers.items():
                self.connection.putheader(name, value)
            if body is not None or method in ("POST", "PUT"):
                self.connection.putheader("Content-Length", str(len(body or b"")))
            self.connection.endheaders(body)
            response = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            self.connection.close()
            return Answered(0)
        told = response.getheaders()
        cookies = [value for name, value in told if name.lower() == "set-cookie"]
        kind = response.getheader("Content-Type", "")
        return Answered(response.status, response.reason, kind, cookies, response.read())

    def proof(self, row: dict[str, Any]) -> str | None:
        admin, refresh = self.line["admin_token"], self.line["refresh_token"]
        head, payload, signature = admin.split(".")
        user = self.line["user_token"].split(".")
        whoever = json.loads(base64.urlsafe_b64decode(user[1] + "=="))
        raised = {**json.loads(whoever["user_info"]), "globalRole": "ADMIN"}
        other = b64(json.dumps({**whoever, "user_info": json.dumps(raised)}).encode())
        none = b64(b'{"alg": "none", "typ": "JWT"}')
        symmetric = b64(b'{"alg": "HS256", "typ": "JWT"}')
        mac = hmac.digest(self.line["public_key"].encode(), f"{symmetric}.{payload}".encode(), hashlib.sha256)
        flipped = signature[:-6] + ("AAAAAA" if signature[-6:] != "AAAAAA" else "BBBBBB")
        if row["as"] is None:
            return None
        return {
            "admin": f"Bearer {admin}",
            "user": f"Bearer {self.line['user_token']}",
            "refresh": f"Bearer {refresh}",
            "expired": f"Bearer {self.line['expired_token']}",
            "expired refresh": f"Bearer {self.line['expired_refresh_token']}",
            "garbage": "Bearer garbage",
            "basic": "Basic YTpi",
            "bad signature": f"Bearer {head}.{payload}.{flipped}",
            "no signature": f"Bearer {head}.{payload}.",
            "payload changed": f"Bearer {user[0]}.{other}.{user[2]}",
            "alg none": f"Bearer {none}.{payload}.",
            "HS256 by public key": f"Bearer {symmetric}.{payload}.{b64(mac)}",
            "lower-case scheme": f"bearer {admin}",
            "no scheme": admin,
            "scheme only": "Bearer",
            "unknown uuid": f"Bearer {uuid.uuid4()}",
            "upper case": f"Bearer {refresh.upper()}",
            "refreshed": f"Bearer {self.refreshed}",
            "None": "Bearer None",
        }[row["as"]]

    def compare(self, row: dict[str, Any], answered: Answered) -> None:
        case = row["case"]
        if row.get("not_to_imitate"):
            assert answered.status in (401, 500), case
            return
        assert (answered.status, answered.kind) == (row["status"], row["kind"]), (case, answered)
        if row["status"] in (400, 401):
            assert answered.reason == row["reason"], case
        shown = [re.sub("=[^;]*", "=<…>", cookie, count=1) for cookie in answered.cookies]
        assert shown == row.get("cookies", []), case
        if row["body"] == "":
            assert answered.body == b"", case
            return
        assert (answered.body[-1:] == b"\n") is answered.kind.startswith("application/problem"), case
        assert self.shape(json.loads(answered.body)) == self.shape(self.ids(row["body"])), case
        if "claims" in row:
            assert self.claims(json.loads(answered.body)) == self.ids(row["claims"]), case

    def shape(self, value: Any) -> Any:
        """Without what is different each time; lists of objects in one order."""
        if isinstance(value, dict):
            return {key: self.mask(key, self.shape(one)) for key, one in value.items()}
        if isinstance(value, list):
            return sorted((self.shape(one) for one in value), key=json.dumps)
        return value

    def mask(self, key: str, value: Any) -> Any:
        if key == "publicKey" and value.startswith("-----BEGIN PUBLIC KEY-----\n"):
            return "<pem>"
        if key == "token" and re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", value):
            return "<jwt>"
        if key == "expiresAt" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00", value):
            return "<time>"
        if key == "url":
            value = re.sub(r"^\w+://[^/]+/", "<provider>/", value)
            value = value.replace(quote(self.host, safe=""), "<host>")
            return re.sub(r"(client_id|state|nonce)=[^&<]+", r"\1=<…>", value)
        return value

    def claims(self, answer: dict[str, Any]) -> dict[str, Any]:
        head, payload = (part(text) for text in answer["token"].split(".")[:2])
        until = datetime.fromisoformat(answer["expiresAt"])
        left = (until - datetime.now(until.tzinfo)).total_seconds()
        return {
            "header": head,
            "claims": sorted(payload),
            "sub": payload["sub"],
            "user_info": json.loads(payload["user_info"]),
            "exp is expiresAt in whole seconds": payload["exp"] == int(until.timestamp()),
            "minutes": round(left / 60),
        }
