"""An independent witness: every request and every answer of the suite is held against the backend's own OpenAPI file.

``tests/witness/<file>.json`` holds its schemas alone. They are read strictly: a field that no schema names is a finding
too. What differs on purpose is listed with its reason in ``tests/witness/<backend>.toml``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema_rs import Draft4, Draft4Validator, Registry

from contract.masks import masked

__all__ = ["Document", "Exchange", "Witness", "add_answer", "document"]

FOLDER = Path(__file__).parent.parent / "witness"
ROOT = "urn:openapi"


@dataclass(slots=True)
class Exchange:
    """One request as it came in, and the answer as it went out."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int = 0
    content_type: str = ""
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A finding that is none, and why."""

    finding: re.Pattern[str]
    faces: frozenset[str]
    reason: str


class Document:
    """An OpenAPI 3.0 file, read strictly."""

    def __init__(self, name: str) -> None:
        raw = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
        for schema in raw["components"]["schemas"].values():
            _seal(schema)
        self._components = raw["components"]
        # OpenAPI 3.0 schemas are of draft 4, but for `nullable` and the like, which none of these files holds.
        self._registry = Registry([(ROOT, raw)], draft=Draft4)
        self._operations = [
            (
                method.upper(),
                _pattern(path),
                operation
                | {
                    "parameters": [
                        self._resolved(one)
                        for one in (*methods.get("parameters", ()), *operation.get("parameters", ()))
                    ]
                },
            )
            for path, methods in sorted(raw["paths"].items(), key=lambda item: item[0].count("{"))
            for method, operation in methods.items()
            if method != "parameters"
        ]
        self._validators: dict[str, Draft4Validator] = {}

    def also(self, answers: Iterable[Mapping[str, Any]]) -> Document:
        """The same with further statuses, each answered ``like`` a documented one."""
        other = copy(self)
        other._operations = [(verb, pattern, deepcopy(found)) for verb, pattern, found in self._operations]
        for entry in answers:
            for _, _, found in other._operations:
                add_answer(found, entry)
                if entry.get("bare") and re.fullmatch(entry["operation"], found["operationId"]):
                    self._bare(found["responses"][str(entry["status"])]["content"])
        return other

    def _bare(self, contents: Mapping[str, dict[str, Any]]) -> None:
        """The one list of these objects, without the objects around it."""
        for content in contents.values():
            properties = self._resolved(content["schema"])["properties"].values()
            [content["schema"]] = [one for one in properties if one.get("type") == "array"]

    def findings(self, seen: Exchange) -> list[str]:
        """Everything in which an exchange is not what the document says, each in one line."""
        operation = self._operation(seen.method, seen.path)
        if operation is None:
            return [f"{seen.method} {seen.path}: no such operation"]
        where = operation["operationId"]
        problems = [f"request: {found}" for found in self._request(operation, seen)]
        problems += [f"answer {seen.status}: {found}" for found in self._answer(operation, seen)]
        return [f"{where} {problem}" for problem in problems]

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for verb, pattern, found in self._operations:
            if verb == method and pattern.fullmatch(path):
                return found
        return None

    def _request(self, operation: Mapping[str, Any], seen: Exchange) -> Iterable[str]:
        known = {one["name"]: one["schema"] for one in operation["parameters"] if one["in"] == "query"}
        for name, value in parse_qsl(seen.query, keep_blank_values=True):
            if name not in known:
                yield f"query parameter {name} is not known"
            else:
                for found in self._check(known[name], _typed(value, known[name])):
                    yield f"query parameter {name}: {found}"
        if "x-fields" in seen.headers and not self._takes_masks(operation):
            yield "a mask was sent to an operation that takes none"
        if operation.get("security") == [] and {"authorization", "cookie"} & seen.headers.keys():
            yield "a public operation was sent a credential"
        body = operation.get("requestBody")
        if body is None:
            if seen.body:
                yield "a body was sent"
        elif seen.body:
            yield from self._content(body["content"], seen.headers.get("content-type", ""), seen.body)
        elif body.get("required"):
            yield "the body is missing"

    def _answer(self, operation: Mapping[str, Any], seen: Exchange) -> Iterable[str]:
        responses = operation["responses"]
        told = responses.get(str(seen.status), responses.get("default"))
        if told is None or (str(seen.status) not in responses and seen.status < 400):
            yield "status is not documented"
            return
        content = self._resolved(told).get("content")
        mask = seen.headers.get("x-fields", "")
        if content is not None and mask and seen.status < 300:
            content = {
                kind: {"schema": masked(one["schema"], mask, self._resolved)} for kind, one in content.items()
            }
        if content is not None:
            yield from self._content(content, seen.content_type, seen.answer)
        elif seen.answer:
            yield "a body was answered where none is documented"

    def _content(self, content: Mapping[str, Any], content_type: str, body: bytes) -> Iterable[str]:
        kind = content_type.partition(";")[0].strip()
        if kind not in content:
            yield f"content type {kind or 'none'} is not documented"
            return
        if "schema" not in content[kind]:
            return
        try:
            value = json.loads(body)
        except ValueError:
            yield "the body is no JSON"
            return
        yield from self._check(content[kind]["schema"], value)

    def _check(self, schema: Mapping[str, Any], value: object) -> Iterable[str]:
        key = json.dumps(schema, sort_keys=True)
        validator = self._validators.get(key)
        if validator is None:
            absolute = json.loads(key.replace('"#/', f'"{ROOT}#/'))
            validator = self._validators[key] = Draft4Validator(absolute, registry=self._registry)
        for error in validator.iter_errors(value):
            yield f"at {'/'.join(str(part) for part in error.instance_path) or 'the top'}: {error.message[:300]}"

    def _takes_masks(self, operation: Mapping[str, Any]) -> bool:
        return any(one["in"] == "header" and one["name"] == "X-Fields" for one in operation["parameters"])

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = node.get("$ref")
        if reference is None:
            return node
        _, _, kind, name = reference.split("/")
        found: Mapping[str, Any] = self._components[kind][name]
        return found


def add_answer(operation: dict[str, Any], entry: Mapping[str, Any]) -> None:
    """An ``[[answer]]`` of the list: the operations that it names have one more status, like another or JSON's null."""
    null = {"content": {"application/json": {"schema": {"enum": [None]}}}}
    like = null if entry["like"] == "null" else operation["responses"].get(str(entry["like"]))
    if like is not None and re.fullmatch(entry["operation"], operation["operationId"]):
        operation["responses"].setdefault(str(entry["status"]), like)


def _seal(schema: dict[str, Any]) -> None:
    """No object may hold a field that is not named."""
    if schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path)))


def _typed(value: str, schema: Mapping[str, Any]) -> object:
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


@cache
def document(name: str) -> Document:
    return Document(name)


@cache
def _listed(backend: str) -> Mapping[str, Any]:
    return tomllib.loads((FOLDER / f"{backend}.toml").read_text("utf-8"))


@cache
def _exemptions(backend: str) -> tuple[Exemption, ...]:
    listed = _listed(backend)["exemption"]
    return tuple(
        Exemption(re.compile(one["finding"]), frozenset(one["faces"]), one["reason"]) for one in listed
    )


@dataclass
class Witness:
    """Listens between a server and its clients; :meth:`check` says what it heard."""

    backend: str
    face: str
    base_path: str
    document: Document
    seen: list[Exchange] = field(default_factory=list)
    exempted: Counter[str] = field(default_factory=Counter)
    heard: int = 0

    def __post_init__(self) -> None:
        answers = _listed(self.backend).get("answer", ())
        self.document = self.document.also(one for one in answers if self.face in one["faces"])

    def around(self, app: Any) -> Any:
        """An ASGI app that answers what ``app`` answers, and remembers it."""

        async def witnessed(scope: Any, receive: Any, send: Any) -> None:
            path = scope["raw_path"].decode("latin-1").partition("?")[0].removeprefix(self.base_path)
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
            }
            seen = Exchange(scope["method"], path, scope["query_string"].decode("latin-1"), headers, b"")

            async def listen_in() -> Any:
                message = await receive()
                if message["type"] == "http.request":
                    seen.body += message.get("body", b"")
                return message

            async def listen_out(message: Any) -> None:
                if message["type"] == "http.response.start":
                    seen.status = message["status"]
                    told = {name.lower(): value for name, value in message["headers"]}
                    seen.content_type = told.get(b"content-type", b"").decode("latin-1")
                elif message["type"] == "http.response.body":
                    seen.answer += message.get("body", b"")
                    if not message.get("more_body"):
                        self.seen.append(seen)
                await send(message)

            await app(scope, listen_in, listen_out)

        return witnessed

    def findings(self) -> list[str]:
        """What is not as documented and not exempted, each once."""
        found: dict[str, None] = {}
        seen, self.seen = self.seen, []
        self.heard += len(seen)
        for exchange in seen:
            for finding in self.document.findings(exchange):
                if not self._exempt(finding):
                    found[finding] = None
        return list(found)

    def _exempt(self, finding: str) -> bool:
        for exemption in _exemptions(self.backend):
            if self.face in exemption.faces and exemption.finding.fullmatch(finding):
                self.exempted[exemption.finding.pattern] += 1
                return True
        return False

    def check(self) -> None:
        """Fails with all that was found."""
        found = self.findings()
        assert not found, "not as the backend's OpenAPI file says:\n" + "\n".join(found[:20])
