"""What an ``X-Fields`` mask leaves of a schema: exactly the fields that were asked for.

Read anew out of the documentation of Flask-RESTX, without the emulator's parser: twins would share their misreadings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["masked"]

Schema = Mapping[str, Any]
_WORD = re.compile(r"[^\s{},]+|[{},]")


def masked(schema: Schema, mask: str, resolve: Callable[[Schema], Schema]) -> Schema:
    """The schema of what an answer of ``schema`` holds under ``mask``.

    Of what is asked for, that which ``schema`` requires is required here; nothing else may be there.

    Raises:
        ValueError: the mask is none.
    """
    words = iter(_WORD.findall(mask))
    fields = _fields(words, inside=mask.lstrip().startswith("{") and next(words) == "{")
    if next(words, None) is not None:
        raise ValueError(f"not a mask: {mask}")
    return _masked(schema, fields, resolve)


def _fields(words: Iterator[str], *, inside: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    last, free = "", True  # free: a name may come
    for word in words:
        if word == "}" and inside and found:
            return found
        if word == "," and not free:
            last, free = "", True
        elif word == "{" and last:
            found[last] = _fields(words, inside=True)
            last = ""
        elif word not in "{}," and free:
            found[word] = None
            last, free = word, False
        else:
            raise ValueError(f"not a mask: unexpected {word}")
    if inside or not found:
        raise ValueError("not a mask: it ends too early")
    return found


def _masked(schema: Schema, fields: Mapping[str, Any], resolve: Callable[[Schema], Schema]) -> Schema:
    schema = resolve(schema)
    if schema.get("type") == "array":
        return {**schema, "items": _masked(schema["items"], fields, resolve)}
    properties: Mapping[str, Schema] = schema.get("properties", {})
    kept = dict(properties) if "*" in fields else {}
    for name, inner in fields.items():
        if name in properties:
            kept[name] = properties[name] if inner is None else _masked(properties[name], inner, resolve)
    required = [name for name in schema.get("required", ()) if name in kept]
    found = {"type": "object", "properties": kept, "additionalProperties": False}
    return {**found, "required": required} if required else found
