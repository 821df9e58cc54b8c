"""TOTP codes and CSRF tokens: the little cryptography of the server, by the RFCs and nothing else."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import struct
from typing import cast

__all__ = ["STEP", "check_csrf", "code_at", "new_seed"]

STEP = 30


def new_seed() -> str:
    """A TOTP seed of 160 bits, in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode("ascii")


def code_at(seed: str, step: int, digits: int) -> str:
    """RFC 4226 section 5.3 over the step of RFC 6238."""
    digest = hmac.digest(base64.b32decode(seed), struct.pack(">Q", step), "sha1")
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def check_csrf(token: str, session_key: str, urls: tuple[str, ...], now: float, window: float) -> bool:
    """Whether a token is of this session, for one of these URLs (as the client may see it), and new."""
    parts = token.split(".")
    if len(parts) != 3:
        return False
    signed = ".".join(parts[:2]).encode("utf-8", "replace")
    wanted = hmac.digest(base64.b64decode(session_key), signed, "sha256")
    try:
        if (
            not hmac.compare_digest(_decoded(parts[2]), wanted)
            or json.loads(_decoded(parts[0])).get("alg") != "HS256"
        ):
            return False
        told = json.loads(_decoded(parts[1]))
    except (ValueError, binascii.Error, AttributeError):
        return False
    timestamp = cast("object", told.get("timestamp"))
    if not isinstance(timestamp, int) or abs(timestamp / 1000 - now) > window:
        return False
    return told.get("url") in urls


def _decoded(part: str) -> bytes:
    bare = part.rstrip("=")  # the client of 2018 padded
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
