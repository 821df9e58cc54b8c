"""Headers of answers, from bytes to what :class:`~identity_sdk.wire.request.Response` holds."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["headers_of", "text"]


def text(raw: bytes) -> str:
    """UTF-8 where it is UTF-8, else Latin-1 (RFC 9110, section 5.5, leaves bytes above 127 opaque)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The headers by lower-case name, repeated ones joined by ``", "``; and each ``Set-Cookie`` line as it came."""
    headers: dict[str, str] = {}
    cookies: tuple[str, ...] = ()
    for raw_name, raw_value in raw:
        name, value = text(raw_name).lower(), text(raw_value)
        if name == "set-cookie":
            cookies += (value,)
        elif name in headers:
            headers[name] = f"{headers[name]}, {value}"
        else:
            headers[name] = value
    return headers, cookies
