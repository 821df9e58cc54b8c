"""Requests and answers as Flask-RESTX makes them: messages, validation, ``X-Fields`` masks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl

__all__ = ["JSON", "Answer", "Asked", "Refused", "apply_mask", "checked", "dropped", "stash"]

JSON = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body, and headers beside ``Content-Type`` and ``Content-Length``."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """Ends a request with an error."""

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def answer(self, shape: str) -> Answer:
        if shape == "empty":
            return Answer(self.status, b"", "text/html; charset=utf-8")
        if shape == "text":
            return Answer(self.status, self.message.encode(), "text/plain; charset=utf-8")
        told: JSON = {"message": self.message}
        if self.errors:
            told["errors"] = dict(self.errors)
        return Answer(self.status, _encoded(told))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read."""

    method: str
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JSON = field(default_factory=dict[str, object])

    @staticmethod
    def query_of(raw: str) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, value in parse_qsl(raw, keep_blank_values=True):
            found[name] = (*found.get(name, ()), value)
        return found

    def one(self, name: str) -> str | None:
        return self.query.get(name, (None,))[0]

    def flag(self, name: str) -> bool:
        """As ``flask_restx.inputs.boolean`` reads it: ``true``, ``1``, ``false``, ``0`` in any case.

        Raises:
            Refused: it is none of them.
        """
        told = self.one(name)
        if told is None or told == "":
            return False
        if told.lower() not in ("true", "1", "false", "0"):
            why = f"Invalid literal for boolean(): {told}"
            raise Refused(400, "Input payload validation failed", {name: why})
        return told.lower() in ("true", "1")


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def stash(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A JSON answer."""
    return Answer(status, _encoded(value), headers=headers)


def dropped(value: object) -> object:
    """The same without what is ``None``."""
    if isinstance(value, dict):
        told = cast("JSON", value)
        return {name: dropped(one) for name, one in told.items() if one is not None}
    if isinstance(value, list):
        return [dropped(one) for one in cast("list[object]", value)]
    return value


_KINDS: Mapping[str, tuple[type, str]] = {
    "string": (str, "string"),
    "strings": (list, "array"),
    "object": (dict, "object"),
}


def checked(body: object, properties: Mapping[str, str], required: tuple[str, ...]) -> JSON:
    """A body that has the required properties, each of its type; others are let pass, as ``@api.expect`` does.

    Raises:
        Refused: 400 with ``errors``.
    """
    if not isinstance(body, dict):
        raise Refused(400, "Input payload validation failed", {"": f"{body!r:.40} is not of type 'object'"})
    told, errors = cast("JSON", body), dict[str, str]()
    for name in required:
        if name not in told:
            errors[name] = f"'{name}' is a required property"
    for name, kind in properties.items():
        value = told.get(name)
        if name in told and (not isinstance(value, _KINDS[kind][0]) or not _all_strings(kind, value)):
            errors[name] = f"{value!r:.40} is not of type '{_KINDS[kind][1]}'"
    if errors:
        raise Refused(400, "Input payload validation failed", errors)
    return told


def _all_strings(kind: str, value: object) -> bool:
    return kind != "strings" or all(isinstance(one, str) for one in cast("list[object]", value))


_DEEPEST = 100
_TOKEN = re.compile(r"\s*([\w$*-]+|[{},])\s*")


def apply_mask(value: object, mask: str) -> object:
    """What a mask leaves: ``sub,exp`` or ``{sub,organizations{managingOrganization}}``; ``*`` is everything else.

    Raises:
        Refused: 400: it cannot be parsed.
    """
    text = mask.strip()
    if text.count("{") > _DEEPEST:
        raise Refused(400, "The mask is too deep")
    tokens: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Refused(400, f"Parse error in the mask at {at}")
        tokens.append(found[1])
        at = found.end()
    if tokens[:1] == ["{"]:
        if tokens[-1] != "}":
            raise Refused(400, "Missing closing bracket in the mask")
        tokens = tokens[1:-1]
    fields, rest = _parsed(tokens)
    if rest or not fields:
        raise Refused(400, "Parse error in the mask")
    return _masked(value, fields)


_Fields = dict[str, "_Fields | None"]


def _parsed(tokens: list[str]) -> tuple[_Fields, list[str]]:
    fields: _Fields = {}
    while tokens:
        name, *tokens = tokens
        if name in "{},":
            raise Refused(400, f"Unexpected {name} in the mask")
        fields[name] = None
        if tokens[:1] == ["{"]:
            fields[name], tokens = _parsed(tokens[1:])
            if tokens[:1] != ["}"]:
                raise Refused(400, "Missing closing bracket in the mask")
            tokens = tokens[1:]
        if tokens[:1] != [","]:
            break
        tokens = tokens[1:]
    return fields, tokens


def _masked(value: object, fields: _Fields) -> object:
    if isinstance(value, list):
        return [_masked(one, fields) for one in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    told = cast("JSON", value)
    found: JSON = dict(told) if "*" in fields else {}
    for name, inner in fields.items():
        if name != "*":
            one = told.get(name)
            found[name] = one if inner is None else _masked(one, inner)
    return found
