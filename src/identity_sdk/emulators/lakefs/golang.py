"""Manners of the Go standard library that show on the wire: JSON, paths, queries and what they refuse."""

from __future__ import annotations

import json
import re
from typing import cast
from urllib.parse import unquote_to_bytes

__all__ = ["BadEscape", "decode_json", "encode_json", "escape_path", "parse_bool", "parse_query", "unescape"]

_ESCAPED = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_PATH_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~$&+,/:;=@")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class BadEscape(ValueError):
    """A ``%`` that no two hexadecimal digits follow; its text is Go's own message."""


def encode_json(value: object) -> bytes:
    """Encode as ``encoding/json`` does: no blanks, keys sorted, ``& < >`` escaped, a newline at the end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace") + b"\n"


def decode_json(data: bytes) -> object:
    """Decode the first JSON value, as ``json.Decoder`` does (what follows it is not looked at).

    Raises:
        ValueError: with Go's own words, where they are known.
    """
    text = data.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise ValueError("EOF")
    try:
        value, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg:
            raise ValueError("unexpected EOF") from None
        raise ValueError(f"invalid character '{text[error.pos]}' looking for beginning of value") from None
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    return _without_surrogates(value)


def _no_constant(name: str) -> object:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


def _without_surrogates(value: object) -> object:
    """Replace lone surrogates by U+FFFD, as Go does: UTF-8 cannot hold them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {_without_surrogates(key): _without_surrogates(item) for key, item in items}
    return value


def unescape(text: str, *, plus: bool = False) -> str:
    """Undo percent-encoding; in a query (``plus``) a plus is a blank.

    Raises:
        BadEscape: the encoding is malformed.
    """
    bad = _ESCAPED.search(text)
    if bad is not None:
        raise BadEscape(f'invalid URL escape "{bad.group()}"')
    return unquote_to_bytes(text.replace("+", " ") if plus else text).decode("utf-8", "replace")


def escape_path(text: str) -> str:
    """Percent-encode as ``net/url`` encodes a path by default."""
    return "".join(chr(byte) if byte in _PATH_SAFE else f"%{byte:02X}" for byte in text.encode("utf-8"))


def parse_query(query: str) -> dict[str, list[str]]:
    """Parse a query as ``url.ParseQuery`` does; pairs that it refuses are dropped."""
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        if not pair or ";" in pair:
            continue
        name, _, value = pair.partition("=")
        try:
            key, text = unescape(name, plus=True), unescape(value, plus=True)
        except BadEscape:
            continue
        found.setdefault(key, []).append(text)
    return found


def parse_bool(text: str) -> bool | None:
    """Parse as ``strconv.ParseBool`` does; ``None`` when it is not a boolean."""
    return True if text in _TRUE else False if text in _FALSE else None
