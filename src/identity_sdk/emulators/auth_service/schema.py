"""Bodies: what the framework refuses before the server's own code sees them, in its words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from identity_sdk.emulators.auth_service.answer import Problem, Trouble

__all__ = ["LIMIT", "check_size", "read_body"]

LIMIT = 1048576

Schema = Mapping[str, object]

_TEXT: Schema = {"type": "string"}
_MODE: Schema = {"enum": ["READ", "WRITE", "ADMIN"]}
_GROUP_INFO: Schema = {
    "type": "object",
    "fields": {"groupId": _TEXT, "description": _TEXT, "mode": _MODE},
}
_GROUPS: Schema = {"type": "array", "items": _GROUP_INFO}
_MEMBER: Schema = {"type": "object", "fields": {"userId": _TEXT, "mode": _MODE}}

SCHEMAS: Mapping[str, Schema] = {
    "GroupPost": {"type": "object", "fields": {"groupId": _TEXT, "description": _TEXT}},
    "GroupFull": {
        "type": "object",
        "fields": {
            "groupId": _TEXT,
            "description": _TEXT,
            "users": {"type": "array", "items": _MEMBER},
        },
    },
    "UserInfo": {
        "type": "object",
        "fields": {"userId": _TEXT, "globalRole": {"enum": ["ADMIN", "USER"]}, "groups": _GROUPS},
    },
    "AdminRefreshTokenInfoPost": {
        "type": "object",
        "fields": {"tokenName": _TEXT, "expirationDateTime": _TEXT, "groups": _GROUPS},
    },
}

_KINDS: Mapping[str, type] = {"string": str, "object": dict, "array": list}


def check_size(data: bytes) -> None:
    """Raises:
    Problem: the body is larger than 1 MiB.
    """
    if len(data) > LIMIT:
        raise Problem(413, f"Maximum request body size {LIMIT} exceeded, actual body size {len(data)}")


def read_body(data: bytes, content_type: str, name: str) -> dict[str, object]:
    """The body, whatever content type it says; a key that comes twice counts as its last.

    Raises:
        Problem: it is not what the document says.
        Trouble: it cannot be read as text at all.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Trouble(400, "the body is not UTF-8") from None
    value: object
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        value = text
    if text and value is None:
        kind = content_type.partition(";")[0].strip() or "application/octet-stream"
        if kind == "application/json":
            raise Problem(400, "Request body is not valid JSON")
        raise Problem(415, None, f"Invalid Content-type ({kind}), expected JSON data")
    _check(SCHEMAS[name], value, ())
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Trouble(400, "the body holds a lone surrogate") from None
    return cast("dict[str, object]", value)


def _check(schema: Schema, value: object, where: tuple[str, ...]) -> None:
    place = f" - '{'.'.join(where)}'" if where else ""
    if "enum" in schema:
        if value not in cast("list[str]", schema["enum"]):
            raise Problem(400, f"{value!r} is not one of {schema['enum']!r}{place}")
        return
    kind = cast("str", schema["type"])
    if not isinstance(value, _KINDS[kind]):
        raise Problem(400, f"{value!r} is not of type {kind!r}{place}")
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        for field, inner in cast("Mapping[str, Schema]", schema["fields"]).items():
            if field in given:
                _check(inner, given[field], (*where, field))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            _check(cast("Schema", schema["items"]), item, (*where, str(index)))
