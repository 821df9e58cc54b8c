"""Who is calling: login tokens, access keys, the session cookie; and the operations that need none of them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from email.utils import formatdate
from typing import cast

from identity_sdk.emulators.lakefs.call import UNAUTHENTICATED, Answer, Refused, error, json_answer
from identity_sdk.emulators.lakefs.directory import Directory, Missing
from identity_sdk.emulators.lakefs.faces import Face
from identity_sdk.store import hash_secret, same
from identity_sdk.store.queries import UserRow

__all__ = [
    "TOKEN_SECONDS",
    "authenticate",
    "issue_token",
    "key_owner",
    "login_failed",
    "login_succeeded",
    "openid_session",
]

TOKEN_SECONDS = 7 * 86400
_COOKIE_SECONDS = 30 * 86400
_GONE = "oidc_auth_session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0"


def authenticate(face: Face, directory: Directory, headers: Mapping[str, str], secret: str) -> UserRow | None:
    """Return the caller, ``None`` for nobody.

    Raises:
        Refused: a credential was given and is not good.
    """
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return _by_token(directory, rest.strip(), secret)
    pair = _basic(rest) if scheme.lower() == "basic" else None
    if pair is not None:
        owner = key_owner(directory, *pair)
        if owner is None:
            raise Refused.because(401, UNAUTHENTICATED)
        return owner
    cookie = _cookie(headers.get("cookie", ""))
    if cookie is not None:
        return _by_token(directory, cookie, secret)
    if face.old:
        raise Refused.because(401, UNAUTHENTICATED)
    return None


def key_owner(directory: Directory, key_id: str, key_secret: str) -> UserRow | None:
    """Return the user whose access key this is."""
    try:
        key = directory.key(key_id)
        if not same(hash_secret(key_secret), key.secret_hash or ""):
            return None
        return directory.user(key.user_id)
    except Missing:
        return None


def issue_token(face: Face, user_id: str, now: float, secret: str) -> tuple[str, int]:
    """Return a login token (JWT, HS256) and when it expires, in epoch seconds."""
    issued = int(now)
    expires = issued + TOKEN_SECONDS
    claims: dict[str, object] = {"aud": "login", "exp": expires, "jti": str(uuid.uuid4()), "iat": issued}
    claims["sub"] = user_id
    if not face.old:
        claims = {"iss": "auth", **claims}
    signed = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_sign(signed, secret)}", expires


def login_succeeded(face: Face, token: str, expires: int, now: float) -> Answer:
    answer = json_answer(200, {"token": token, "token_expiration": expires})
    until = formatdate(now + _COOKIE_SECONDS, usegmt=True)
    session = f"internal_auth_session={token}; Path=/; Expires={until}; Max-Age={_COOKIE_SECONDS}"
    if face.old:
        return answer.having(("Set-Cookie", _GONE), ("Set-Cookie", session))
    return answer.having(("Set-Cookie", f"{session}; HttpOnly; SameSite=Lax"))


def login_failed(face: Face) -> Answer:
    if face.old:
        return json_answer(401, "Unauthorized").having(("Set-Cookie", _GONE))
    return error(401, UNAUTHENTICATED)


def openid_session(token: str) -> tuple[tuple[str, str], ...]:
    """The cookie of a sign-in at the OpenID provider."""
    return (("Set-Cookie", f"oidc_auth_session={token}; Path=/; HttpOnly"),)


def _by_token(directory: Directory, token: str, secret: str) -> UserRow:
    try:
        claims = _verified(token, secret)
        if claims.get("aud") == "login" and directory.now < float(cast("int", claims["exp"])):
            # Found by name: a token works again when its user was deleted and made anew.
            return directory.user(str(claims["sub"]))
    except (ValueError, KeyError, TypeError, AttributeError, Missing):
        pass
    raise Refused.because(401, UNAUTHENTICATED)


def _verified(token: str, secret: str) -> dict[str, object]:
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    if not same(_sign(signed, secret), signature):
        raise ValueError("signature")
    if json.loads(_decode(header)).get("alg") != "HS256":
        raise ValueError("algorithm")
    return cast("dict[str, object]", json.loads(_decode(payload)))


def _sign(text: str, secret: str) -> str:
    return _encode(hmac.digest(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _basic(text: str) -> tuple[str, str] | None:
    try:
        pair = base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return None
    key_id, colon, key_secret = pair.partition(":")
    return (key_id, key_secret) if colon else None


def _cookie(header: str) -> str | None:
    held: dict[str, str] = {}
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        held[name] = value.strip('"')
    return held.get("internal_auth_session") or held.get("oidc_auth_session") or None
