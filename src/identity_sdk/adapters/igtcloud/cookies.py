"""The JWT of IGT Cloud: it comes in two cookies, and says when it ends and whether it can be refreshed."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import cast

from identity_sdk.secrets import Secret

__all__ = ["HEADER_PAYLOAD", "SIGNATURE", "claims_of", "expiry_of", "jwt_of_cookies", "refreshable"]

HEADER_PAYLOAD = "jwt_header_payload"
SIGNATURE = "jwt_signature"


def jwt_of_cookies(lines: Iterable[str]) -> tuple[Secret | None, float | None]:
    """The JWT and its life in seconds, out of ``Set-Cookie`` lines (RFC 6265 section 4.1), or ``(None, None)``.

    Several cookies in one line, joined by commas, are read as well: some servers and proxies fold them.
    """
    found: dict[str, Morsel[str]] = {}
    for line in lines:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(line)
        except CookieError:
            continue
        found.update({name: jar[name] for name in (HEADER_PAYLOAD, SIGNATURE) if name in jar})
    if len(found) != 2 or not all(one.value for one in found.values()):
        return None, None
    first, second = found[HEADER_PAYLOAD], found[SIGNATURE]
    return Secret(f"{first.value}.{second.value}"), _seconds(str(first["max-age"]))


def _seconds(text: str) -> float | None:
    digits = text.strip(" ,\"'")
    return float(digits[:12]) if digits.isascii() and digits.isdigit() else None


def claims_of(token: Secret) -> Mapping[str, object]:
    """The claims of the JWT (RFC 7519), unverified: only its server can verify it. Empty when it is none."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        claims: object = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return cast("dict[str, object]", claims) if isinstance(claims, dict) else {}


def expiry_of(token: Secret) -> float | None:
    """The ``exp`` claim, in epoch seconds."""
    told = claims_of(token).get("exp")
    if not isinstance(told, int | float) or isinstance(told, bool) or not 0 < told < 2**37:
        return None
    return float(told)


def refreshable(token: Secret) -> bool:
    """Whether ``POST /refresh`` takes it: only a JWT that carries an upstream refresh token is refreshed."""
    return bool(claims_of(token).get("refresh_token"))
