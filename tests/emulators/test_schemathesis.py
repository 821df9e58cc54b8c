"""schemathesis over each emulator, with the tightened OpenAPI file of its backend: boundary values, broken values.

Every operation is tried, and none may answer with a status, a content type or a body that the file does not hold, or
with a 500. What differs on purpose stands in ``tests/witness/<backend>.toml``, each with its reason: ``answer``
adds a status to operations of the file, ``fuzz`` lets a finding pass, ``never_well`` tells which operations have no
good answer here. An entry that nothing needs fails.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import requests
import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.witness import FOLDER, add_answer
from emulators.fuzzed import BACKENDS, Backend

from identity_sdk.emulators.server import running
from identity_sdk.store import Store

# On one Python, and without coverage: the same lines are run thousands of times.
pytestmark = [pytest.mark.edge, pytest.mark.unmeasured]


class Listed:
    """What ``tests/witness/<backend>.toml`` says of the fuzz, and what of it was needed."""

    def __init__(self, name: str) -> None:
        told = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
        self.answers: list[dict[str, Any]] = [one for one in told.get("answer", []) if "fuzz" in one["faces"]]
        self.findings: list[dict[str, Any]] = told.get("fuzz", [])
        self.never: list[dict[str, Any]] = told.get("never_well", [])
        self._used: set[int] = set()

    def add_to(self, raw: dict[str, Any]) -> None:
        """Writes the further statuses into the document."""
        for entry in self.answers:
            for operation in operations(raw):
                add_answer(operation, entry)

    def answered(self, operation: str, status: int) -> None:
        self._mark(self.answers, lambda one: status == one["status"] and _fits(one["operation"], operation))

    def passes(self, finding: str) -> bool:
        return self._mark(self.findings, lambda one: _fits(one["finding"], finding))

    def never_well(self, operation: str) -> bool:
        return self._mark(self.never, lambda one: _fits(one["operation"], operation))

    def _mark(self, entries: list[dict[str, Any]], fits: Callable[[dict[str, Any]], bool]) -> bool:
        found = [id(one) for one in entries if fits(one)]
        self._used.update(found)
        return bool(found)

    def unused(self) -> list[dict[str, Any]]:
        every = (*self.answers, *self.findings, *self.never)
        return [one for one in every if id(one) not in self._used or not one["reason"]]


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def operations(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in raw["paths"].values():
        yield from (one for method, one in methods.items() if method != "parameters")


def document(backend: Backend, known: dict[str, Any], listed: Listed) -> dict[str, Any]:
    """The file of the backend, with its objects closed and with good values as examples."""
    raw = json.loads((FOLDER / f"{backend.document}.json").read_text("utf-8"))
    raw |= {"openapi": "3.0.3", "info": {"title": backend.name, "version": "1"}}
    for schema in raw["components"]["schemas"].values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    for path, methods in raw["paths"].items():
        shared = [one for one in methods.pop("parameters", []) if one.get("in") != "path"]
        declared = [_path_parameter(path, place, known) for place in re.finditer(r"(\w*)/\{(\w+)\}", path)]
        for operation in methods.values():
            for one in operation.get("parameters", ()):
                value = known.get(f"{operation['operationId']}?{one.get('name')}")
                if value is not None:
                    one["example"] = int(value) if one["schema"].get("type") == "integer" else value
            own = [one for one in operation.get("parameters", []) if one.get("in") != "path"]
            operation["parameters"] = [*shared, *own, *declared]
    for operation in operations(raw):
        body = known.get(operation["operationId"], backend.bodies.get(operation["operationId"]))
        if body is not None:
            for content in operation["requestBody"]["content"].values():
                content["example"] = body
    listed.add_to(raw)
    return raw


def _path_parameter(path: str, place: re.Match[str], known: dict[str, Any]) -> dict[str, Any]:
    """A value that is there is the example.

    ``known`` tells it by the path and the name, by what stands before (``group/shortNameOrID``), or by the name.
    """
    before, name = place.groups()
    parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    value = known.get(f"{path} {name}", known.get(f"{before}/{name}", known.get(name)))
    return parameter if value is None else {**parameter, "example": value}


def configuration(backend: Backend, url: str, headers: dict[str, str]) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "base-url": url,
            "headers": headers,
            "seed": 1,
            "continue-on-failure": True,
            "max-redirects": 0,
            "generation": {
                "deterministic": True, "max-examples": 1, "no-shrink": True, "database": "none",
                "with-security-parameters": False,
            },
            "phases": {
                "stateful": {"enabled": False},
                "examples": {"enabled": False},  # the coverage phase takes them as well
                # What one operation answered is no value for the next: the administrator would be deleted.
                "coverage": {"extra-data-sources": {"responses": False}, "unexpected-methods": ["PATCH"]},
                "fuzzing": {"extra-data-sources": {"responses": False}},
            },
            "checks": {"enabled": False, **{name: {"enabled": True} for name in backend.checks}},
            "operations": [
                {
                    "include-operation-id": list(backend.wide),
                    "generation": {"max-examples": 10},
                    "phases": {"coverage": {"enabled": False}},
                }
            ] if backend.wide else [],
            "warnings": False,
            "cache": {"enabled": False},
        }
    )  # fmt: skip


def started(backend: Backend) -> Any:
    app = backend.app(Store.open())
    anyio.run(app.state.emulator.prepare)
    return app


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda one: one.name)
def test_every_answer_is_as_the_file_says(backend: Backend) -> None:
    listed = Listed(backend.name)
    app = started(backend)
    answers: dict[str, Counter[int]] = {}
    findings: dict[str, str] = {}
    with running(app) as root, requests.Session() as session:
        url = root.removesuffix(backend.base) + backend.base
        headers = backend.sign_in(url, app.state.emulator)

        def ask(method: str, path: str, body: Any = None) -> requests.Response:
            answer = session.request(method, url + path, json=body, headers=headers, timeout=5)
            assert answer.ok, (method, path, answer.text)
            return answer

        raw = document(backend, backend.plant(ask, app.state.emulator), listed)
        schema = schemathesis.openapi.from_dict(raw, config=configuration(backend, url, headers))
        for part in _in_order(schema, backend.last):
            for event in engine.from_schema(part).execute():
                if isinstance(event, events.FatalError | events.NonFatalError):
                    findings[f"{event}"] = str(getattr(event, "info", ""))
                elif isinstance(event, events.ScenarioFinished):
                    _gather(event, raw, answers, findings, listed)
    assert not findings, "\n\n".join(f"{one}\n{told}" for one, told in list(findings.items())[:20])
    names = {one["operationId"] for one in operations(raw)}
    assert answers.keys() == names
    silent = [one for one in sorted(names) if not any(status < 400 for status in answers[one])]
    assert [one for one in silent if not listed.never_well(one)] == []
    assert listed.unused() == []


def _in_order(schema: Any, last: tuple[str, ...]) -> list[Any]:
    if not last:
        return [schema]
    return [schema.exclude(operation_id=list(last)), schema.include(operation_id=list(last))]


def _gather(
    event: events.ScenarioFinished,
    raw: dict[str, Any],
    answers: dict[str, Counter[int]],
    findings: dict[str, str],
    listed: Listed,
) -> None:
    if event.recorder.label is None or not event.recorder.interactions:
        return
    method, path = event.recorder.label.split(" ", 1)
    operation = raw["paths"][path][method.lower()]["operationId"]
    for number, exchange in event.recorder.interactions.items():
        if exchange.response is None:
            findings[f"{operation} has no answer"] = exchange.request.uri
            continue
        status = exchange.response.status_code
        if exchange.request.method == method:
            answers.setdefault(operation, Counter())[status] += 1
            listed.answered(operation, status)
        for check in event.recorder.checks.get(number, ()):
            if check.failure_info is None:
                continue
            finding = (
                f"{operation} {status} {check.name}: {_told(check.failure_info.failure, exchange.response)}"
            )
            if not listed.passes(finding):
                shown = f"{exchange.request.method} {exchange.request.uri} {exchange.request.body!r:.300}"
                findings.setdefault(finding, f"{shown}\n{exchange.response.content!r:.300}")


def _told(failure: Exception, response: Any) -> str:
    """What is wrong, in one line; of a 500 the body, which tells those of the real server from a crash."""
    lines = [line for line in str(failure).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else response.content.decode("utf-8", "replace").strip()


@pytest.mark.parametrize("backend", [one for one in BACKENDS if one.bodies], ids=lambda one: one.name)
def test_text_that_no_database_holds(backend: Backend) -> None:
    """A lone surrogate is well-formed JSON (RFC 8259 section 8.2), which schemathesis does not make."""
    app = started(backend)
    allowed = range(501) if backend.name == "auth-service-real" else range(500)
    with running(app) as root, requests.Session() as session:
        url = root.removesuffix(backend.base) + backend.base
        session.headers.update(backend.sign_in(url, app.state.emulator))
        raw = json.loads((FOLDER / f"{backend.document}.json").read_text("utf-8"))
        for path, methods in raw["paths"].items():
            for method, operation in methods.items():
                body = backend.bodies.get(operation["operationId"]) if method != "parameters" else None
                for place in texts(body):
                    sent = replaced(body, place, "\ud800")
                    answer = session.request(method, url + re.sub("[{}]", "", path), json=sent, timeout=5)
                    assert answer.status_code in allowed, (method, path, sent, answer.text)
        for path, methods in raw["paths"].items():
            if "{" not in path and "get" in methods and "security" not in methods["get"]:
                assert session.get(url + path, timeout=5, allow_redirects=False).status_code < 500, path


def texts(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the strings of a value stand."""
    if isinstance(value, str):
        yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from texts(part, (*place, name))


def replaced(value: Any, place: tuple[Any, ...], new: str) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = new
    return copy
