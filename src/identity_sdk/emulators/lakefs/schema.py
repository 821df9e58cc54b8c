"""The server's OpenAPI validator, as far as its answers show: bodies, ``amount`` and ``effective``.

Its errors are 400 with one line that says what is wrong, followed by a dump of the schema and the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TypeAlias, cast

from identity_sdk.emulators.lakefs.faces import Face
from identity_sdk.emulators.lakefs.golang import decode_json, parse_bool

__all__ = ["BODIES", "Invalid", "InvalidFormat", "Schema", "bind_query", "check_body", "check_query"]

Schema: TypeAlias = Mapping[str, object]

_STRING: Schema = {"type": "string"}
_STATEMENT: Schema = {
    "type": "object",
    "required": ["effect", "resource", "action"],
    "properties": {
        "effect": {"type": "string", "enum": ["allow", "deny"]},
        "resource": _STRING,
        "action": {"type": "array", "items": _STRING, "minItems": 1},
    },
}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


BODIES: Mapping[str, Schema] = {
    "UserCreation": _object(["id"], id=_STRING, invite_user={"type": "boolean"}),
    "GroupCreation": _object(["id"], id=_STRING, description=_STRING),
    "Policy": _object(
        ["id", "statement"],
        id=_STRING,
        creation_date={"type": "integer"},
        statement={"type": "array", "items": _STATEMENT, "minItems": 1},
    ),
    "LoginInformation": _object(
        ["access_key_id", "secret_access_key"], access_key_id=_STRING, secret_access_key=_STRING
    ),
    "ForgotPasswordRequest": _object(["email"], email=_STRING),
    "UpdatePasswordByToken": _object(
        ["token", "newPassword"], token=_STRING, newPassword=_STRING, email=_STRING
    ),
    "Setup": _object(
        ["username"],
        username=_STRING,
        key=_object(
            ["access_key_id", "secret_access_key"],
            access_key_id={"type": "string", "minLength": 1},
            secret_access_key={"type": "string", "minLength": 1},
        ),
    ),
}

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_AMOUNT: Schema = {"type": "integer", "minimum": -1, "maximum": 1000, "default": 100}


class Invalid(Exception):
    """Refused by the validator: 400 with a JSON message."""


class InvalidFormat(Exception):
    """Refused while parameters are bound: 400 with plain text."""


class _Mismatch(Exception):
    def __init__(self, reason: str, path: tuple[str, ...], schema: Schema, value: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.schema = schema
        self.value = value


def check_body(face: Face, name: str, required: bool, content_type: str, data: bytes) -> dict[str, object]:
    """Return the decoded body; empty when there is none and none is required.

    Raises:
        Invalid: as the server words it.
    """
    if not data:
        if required:
            raise Invalid("request body has an error: value is required but missing")
        return {}
    if content_type.partition(";")[0].strip() != "application/json":
        raise Invalid(f'request body has an error: header Content-Type has unexpected value "{content_type}"')
    try:
        value = decode_json(data)
    except ValueError as error:
        raise Invalid(f"request body has an error: failed to decode request body: {error}") from None
    try:
        _check(face, BODIES[name], value, ())
    except _Mismatch as error:
        at = f'Error at "/{"/".join(error.path)}": ' if error.path else ""
        dump = _dump(error.schema, error.value)
        raise Invalid(face.schema_error(name, at + error.reason) + dump) from None
    return cast("dict[str, object]", value)


def check_query(face: Face, query: Mapping[str, list[str]], names: tuple[str, ...]) -> None:
    """Validate the first value of ``amount`` and ``effective``.

    Raises:
        Invalid: as the server words it.
    """
    amount = (query.get("amount") or [""])[0]
    if "amount" in names and amount:
        pattern = _FLOAT if face.old else _INTEGER
        if not pattern.fullmatch(amount):
            raise Invalid(face.unparsable("amount", amount, "integer"))
        number = float(amount)
        if number > 1000:
            raise Invalid(face.too_large("amount", 1000) + _dump(_AMOUNT, number))
        if number < -1:
            reason = 'parameter "amount" in query has an error: number must be at least -1'
            raise Invalid(reason + _dump(_AMOUNT, number))
    effective = (query.get("effective") or [""])[0]
    if "effective" in names and effective and parse_bool(effective) is None:
        raise Invalid(face.unparsable("effective", effective, "boolean"))


def bind_query(face: Face, query: Mapping[str, list[str]], names: tuple[str, ...]) -> dict[str, str]:
    """Return one value for each parameter that was given.

    Raises:
        InvalidFormat: given twice, or empty where a number or a boolean is wanted.
    """
    bound: dict[str, str] = {}
    for name in names:
        values = query.get(name)
        if values is None:
            continue
        value = values[0]
        typed = name in ("amount", "effective")
        if len(values) > 1 or (typed and not value and not face.old):
            reason = f"multiple values for single value parameter '{name}'"
            raise InvalidFormat(f"Invalid format for parameter {name}: {reason}\n")
        if (name == "amount" and not _INTEGER.fullmatch(value)) or (name == "effective" and not value):
            parser = "ParseInt" if name == "amount" else "ParseBool"
            reason = f'error binding string parameter: strconv.{parser}: parsing "{value}": invalid syntax'
            raise InvalidFormat(f"Invalid format for parameter {name}: {reason}\n")
        bound[name] = value
    return bound


def _check(face: Face, schema: Schema, value: object, path: tuple[str, ...]) -> None:
    if value is None:
        raise _Mismatch("Value is not nullable", path, schema, value)
    expected = str(schema["type"])
    if not _is(expected, value):
        raise _Mismatch(face.wrong_type(expected), path, schema, value)
    if expected == "object":
        _check_object(face, schema, cast("dict[str, object]", value), path)
    elif expected == "array":
        items = cast("list[object]", value)
        if len(items) < cast("int", schema.get("minItems", 0)):
            raise _Mismatch(f"minimum number of items is {schema['minItems']}", path, schema, value)
        for number, item in enumerate(items):
            _check(face, cast("Schema", schema["items"]), item, (*path, str(number)))
    elif expected == "string":
        if "enum" in schema and value not in cast("list[str]", schema["enum"]):
            allowed = json.dumps(schema["enum"], separators=(",", ":"))
            raise _Mismatch(face.wrong_choice(allowed), path, schema, value)
        if len(cast("str", value)) < cast("int", schema.get("minLength", 0)):
            raise _Mismatch(f"minimum string length is {schema['minLength']}", path, schema, value)


def _check_object(face: Face, schema: Schema, value: dict[str, object], path: tuple[str, ...]) -> None:
    properties = cast("Mapping[str, Schema]", schema["properties"])
    for name in sorted(value):
        if name in properties:
            _check(face, properties[name], value[name], (*path, name))
    for name in cast("list[str]", schema["required"]):
        if name not in value:
            raise _Mismatch(f'property "{name}" is missing', (*path, name), schema, value)


def _is(expected: str, value: object) -> bool:
    if expected == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "object": dict, "array": list}[expected])


def _dump(schema: Schema, value: object) -> str:
    """What the validator appends after its first line."""
    texts = (json.dumps(part, indent=2, sort_keys=True).replace("\n", "\n  ") for part in (schema, value))
    shown, given = texts
    return f"\nSchema:\n  {shown}\n\nValue:\n  {given}\n"
