"""The server's JWTs, and the assertions that services send."""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import cast

__all__ = ["check_assertion", "new_private_key", "read_jwt", "sign_jwt"]


def sign_jwt(claims: Mapping[str, object], secret: str) -> str:
    """HS256; which algorithm the real server uses is not known, and no client may care."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = ".".join(_encoded(json.dumps(one).encode()) for one in parts)
    return f"{signed}.{_encoded(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def read_jwt(text: str, secret: str) -> dict[str, object] | None:
    """The claims, if the signature is ours; whether they still hold is not judged."""
    head, _, signature = text.rpartition(".")
    wanted = hmac.digest(secret.encode(), head.encode("utf-8", "replace"), "sha256")
    try:
        if not hmac.compare_digest(_decoded(signature), wanted):
            return None
        return cast("dict[str, object]", json.loads(_decoded(head.partition(".")[2])))
    except (ValueError, binascii.Error):
        return None


def new_private_key() -> tuple[str, str]:
    """A new RSA key of 2048 bits: private (PKCS#8) and public, both in PEM."""
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(2048)
    return key.as_pem(private=True).decode(), key.as_pem(private=False).decode()


def check_assertion(text: str, public_pem: str) -> dict[str, object] | None:
    """The claims of an assertion under RS256, if this key has signed it."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    try:
        return dict(jwt.decode(text, RSAKey.import_key(public_pem), algorithms=["RS256"]).claims)
    except (JoseError, ValueError, TypeError):
        return None


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
