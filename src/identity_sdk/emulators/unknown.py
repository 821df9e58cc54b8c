"""Swaps the credential of a request for one that nobody has, so that a server refuses it in its own words."""

from __future__ import annotations

import base64
import binascii
import string
from collections.abc import Callable, Iterable

from starlette.types import Scope

__all__ = ["carries_credential", "swapped"]

_TURNS = ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz", string.ascii_uppercase)  # a UUID stays a UUID
_TABLE = str.maketrans("".join(_TURNS), "".join(turn[1:] + turn[0] for turn in _TURNS))


def carries_credential(scope: Scope) -> bool:
    """Whether a request says who is calling."""
    return any(name in _SWAPS for name, _ in scope["headers"])


def swapped(scope: Scope, *, lasting_only: bool = False) -> Scope:
    """The same request with another credential.

    Args:
        scope: of the request.
        lasting_only: swap only what has no end of its own, an access key or an API key, and leave tokens.
    """
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    changed = [
        (name, _SWAPS[name](value) if name in _SWAPS and not (lasting_only and _ends(name, value)) else value)
        for name, value in headers
    ]
    return {**scope, "headers": changed}


def _ends(name: bytes, value: bytes) -> bool:
    return name != b"argus-api-key" and not value.lower().startswith(b"basic ")


def _opaque(value: bytes) -> bytes:
    """Of a JWT the signature alone."""
    head, dot, tail = value.decode("latin-1").rpartition(".")
    return (head + dot + tail.translate(_TABLE)).encode("latin-1")


def _authorization(value: bytes) -> bytes:
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"basic":
        return scheme + b" " + _opaque(rest)
    try:
        plain = base64.b64decode(rest, validate=True).decode("latin-1")
    except binascii.Error:
        return value  # malformed: it is refused as it is
    return b"Basic " + base64.b64encode(plain.translate(_TABLE).encode("latin-1"))


def _cookies(value: bytes) -> bytes:
    pairs = (pair.partition(b"=") for pair in value.split(b";"))
    return b";".join(name + equals + _opaque(told) for name, equals, told in pairs)


_SWAPS: dict[bytes, Callable[[bytes], bytes]] = {
    b"authorization": _authorization,
    b"argus-api-key": _opaque,
    b"x-jwt": _opaque,
    b"cookie": _cookies,
}
