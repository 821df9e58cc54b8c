"""Recorded answers of three real lakeFS servers, replayed against the emulator's three faces over a socket.

Every status, every body (as raw JSON), content type, cookie name and Location has to be equal, up to dates, keys,
secrets, tokens and what follows the first line of a 400. The second time every id that the server does not fix
itself is renamed, and the emulator is a process of its own, which cannot know the recording.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from identity_sdk.emulators.lakefs import create_app
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

DATA = Path(__file__).parents[1] / "data" / "lakefs"
FACES = {"0.91": 241, "1.x": 199, "1.x-acl": 241}
KEY = re.compile(r"AKIAJ[A-Z2-7]{14}Q")
FIXED = {
    *("Admins", "SuperUsers", "Developers", "Viewers", "Readers", "Supers", "Writers"),
    *("AuthFullAccess", "AuthManageOwnCredentials", "FSFullAccess", "FSReadAll", "FSReadWriteAll"),
    *("RepoManagementFullAccess", "RepoManagementReadAll"),
}
Rename = Callable[[str], str]


def same(name: str) -> str:
    return name


def renamed(name: str) -> str:
    """Another id for each id: order and common beginnings stay as they are, nothing else does."""
    if not name or name in FIXED:
        return name
    return "m~" + "".join(chr(ord(c) + 1) if c.isascii() and c.isalpha() else c for c in name)


@pytest.mark.parametrize("face", FACES)
def test_every_answer_equals_the_recorded_one(face: str) -> None:
    with running(create_app(Store.open(), face=face)) as url:
        assert Replay(face, f"{url}/api/v1", same).run() == FACES[face]


@pytest.mark.parametrize("face", FACES)
def test_every_answer_is_equal_with_all_ids_renamed_in_another_process(face: str) -> None:
    with emulator_process("--face", face, "--no-setup") as base_url:
        assert Replay(face, base_url, renamed).run() == FACES[face]


def test_the_renaming_is_thorough_and_keeps_order() -> None:
    names = ["alan", "albert", "alice", "bob", "a b", "a+b", "ü-ñ", "UPPER", "x" * 256, "emoji😀"]
    new = [renamed(name) for name in names]
    assert not set(names) & set(new)
    assert sorted(range(len(names)), key=lambda i: names[i].encode()) == sorted(
        range(len(names)), key=lambda i: new[i].encode()
    )
    assert renamed("alan").startswith(renamed("al"))


class emulator_process:
    """``python -m identity_sdk.emulators lakefs`` on a free port."""

    def __init__(self, *options: str) -> None:
        self._options = options

    def __enter__(self) -> str:
        command = [sys.executable, "-m", "identity_sdk.emulators", "lakefs", "--port", "0", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return str(json.loads(self._process.stdout.readline())["base_url"])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(20) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass
class Answered:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Replay:
    face: str
    base_url: str
    rename: Rename
    admin: tuple[str, str] = ("", "")
    keys: list[tuple[str, str]] = field(default_factory=list)
    token: str = ""

    def run(self) -> int:
        steps: list[dict[str, Any]] = json.loads((DATA / f"face-{self.face}.json").read_text("utf-8"))
        place = urlsplit(self.base_url)
        self.connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        try:
            for step in steps:
                self.play(step)
        finally:
            self.connection.close()
        return len(steps)

    def play(self, step: dict[str, Any]) -> None:
        method, path = step["request"].split(" ", 1)
        prefix = "prefix=" in path and "effective" not in path
        target = "/api/v1" + self.path(path, step["step"])
        body, headers = self.body(step)
        answered = self.send(method, target, body, headers | self.credentials(step))
        told = f"{self.face}, step {step['step']!r}: {method} {target}\n{answered}"
        assert answered.status == step["status"], told
        assert answered.all("Content-Type") == ([step["type"]] if "type" in step else []), told
        assert answered.all("Location") == ([step["location"]] if "location" in step else []), told
        assert sorted(map(cookie_name, answered.all("Set-Cookie"))) == step.get("cookies", []), told
        assert answered.all("X-Request-Id")[0], told
        self.compare(step, answered, told, prefix=prefix)
        self.remember(step, answered)

    def send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answered:
        self.connection.putrequest(method, target, skip_accept_encoding=True)
        if body is not None:
            headers = {**headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders(body)
        response = self.connection.getresponse()
        return Answered(response.status, response.getheaders(), response.read())

    def path(self, path: str, name: str) -> str:
        path, question, query = path.partition("?")
        if "{key}" in path:
            path = path.replace("{key}", self.keys[1 if "second key" in name else 0][0])
        segments = path.split("/")
        for at, segment in enumerate(segments[:-1]):
            if segment in ("users", "groups", "members", "policies") and segments[at + 1]:
                segments[at + 1] = quote(self.rename(unquote(segments[at + 1])), safe="")
        pairs = [pair.partition("=") for pair in query.split("&")] if query else []
        relative = any(key == "prefix" for key, _, _ in pairs)
        for at, (key, equals, value) in enumerate(pairs):
            if key == "prefix" or (key == "after" and not relative and value):
                value = quote(self.rename(unquote(value)), safe="")
            if key == "after" and relative:
                # The scenario means an offset relative to the prefix, or the mistake of an absolute one.
                start = next(unquote(v) for k, _, v in pairs if k == "prefix")
                whole = unquote(value)
                value = self.rename(whole) if whole.startswith(start) else self.tail(start, whole)
            pairs[at] = (key, equals, value)
        return "/".join(segments) + question + "&".join("".join(pair) for pair in pairs)

    def tail(self, start: str, rest: str) -> str:
        return self.rename(start + rest)[len(self.rename(start)) :] if rest else ""

    def body(self, step: dict[str, Any]) -> tuple[bytes | None, dict[str, str]]:
        if "raw" in step:
            text = re.sub(r'"id":"([^"]+)"', lambda m: f'"id":{json.dumps(self.rename(m[1]))}', step["raw"])
            return text.encode(), {"Content-Type": step["as_type"]}
        if "json" not in step:
            return None, {}
        sent = dict(step["json"])
        key, secret = self.keys[0] if step["step"] == "user logs in" and self.keys else self.admin
        for name, value in sent.items():
            if name in ("id", "username"):
                sent[name] = self.rename(value)
            sent[name] = (
                {"@key": key, "@secret": secret}.get(value, sent[name]) if isinstance(value, str) else value
            )
        return json.dumps(sent).encode(), {"Content-Type": "application/json"}

    def credentials(self, step: dict[str, Any]) -> dict[str, str]:
        who = step.get("as")
        altered = self.token[:-1] + ("A" if self.token[-1:] != "A" else "B")
        given = {
            None: None,
            "admin": basic(*self.admin),
            "wrong-secret": basic(self.admin[0], "wrong"),
            "unknown-key": basic("AKIAJNOSUCHKEYAAAAQ", "wrong"),
            "bad-basic": "Basic %%%",
            "bad-bearer": "Bearer garbage",
            "login": f"Bearer {self.token}",
            # In the last letter of a base64 text two bits do not count: change one that does.
            "altered-login": f"Bearer {altered[:-2]}{'A' if altered[-2:-1] != 'A' else 'B'}{altered[-1:]}",
            "user": basic(*(self.keys[0] if self.keys else ("none", "none"))),
        }[who]
        return {"Authorization": given} if given else {}

    def compare(self, step: dict[str, Any], answered: Answered, told: str, *, prefix: bool) -> None:
        expected = step["body"]
        if step.get("type") != "application/json":
            assert answered.body == expected.encode(), told
            return
        actual = json.loads(answered.body)
        assert answered.body == go_json(actual), told
        if step["status"] == 400 and isinstance(actual, dict):
            actual["message"] = actual["message"].split("\n")[0]
        assert self.equal(self.expected(expected, prefix), actual), f"{told}\nexpected {expected}"

    def expected(self, value: Any, prefix: bool) -> Any:
        if isinstance(value, list):
            return [self.expected(item, prefix) for item in value]
        if not isinstance(value, dict):
            return value
        found = {name: self.expected(item, prefix) for name, item in value.items()}
        for name in ("id", "name"):
            if name in found:
                found[name] = self.rename(found[name])
        if not prefix and not str(found.get("next_offset", "@")).startswith("@"):
            found["next_offset"] = self.rename(found["next_offset"])
        if prefix and found.get("next_offset"):
            found["next_offset"] = self.tail("al", found["next_offset"])
        if re.fullmatch(r"\w+: not found", str(found.get("message", ""))):
            found["message"] = self.rename(found["message"].split(":")[0]) + ": not found"
        return found

    def equal(self, expected: Any, actual: Any) -> bool:
        if expected == "@date":
            return type(actual) is int and time.time() - 100 < actual < time.time() + 8 * 86400
        if expected == "@key":
            return isinstance(actual, str) and KEY.fullmatch(actual) is not None
        if expected == "@secret":
            return isinstance(actual, str) and len(actual) == 40 and len(base64.b64decode(actual)) == 30
        if expected == "@token":
            return isinstance(actual, str) and actual.count(".") == 2
        if isinstance(expected, dict) and isinstance(actual, dict):
            return list(expected) == list(actual) and all(
                self.equal(expected[k], actual[k]) for k in expected
            )
        if isinstance(expected, list) and isinstance(actual, list):
            return len(expected) == len(actual) and all(map(self.equal, expected, actual))
        return type(expected) is type(actual) and expected == actual

    def remember(self, step: dict[str, Any], answered: Answered) -> None:
        if step["status"] not in (200, 201) or step.get("type") != "application/json":
            return
        value = json.loads(answered.body)
        if "secret_access_key" in value:
            pair = (value["access_key_id"], value["secret_access_key"])
            if step["step"] == "set up":
                self.admin = pair
            else:
                self.keys.append(pair)
        if step["step"] == "login":
            self.token = value["token"]


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def cookie_name(header: str) -> str:
    (name, morsel), *rest = SimpleCookie(header).items()
    assert not rest
    return f"{name}=gone" if morsel["max-age"] == "0" else name


def go_json(value: Any) -> bytes:
    """How Go writes the same value, written down here a second time."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e").encode() + b"\n"
