"""The assertion of a service, signed by joserfc. Imported when the first one is signed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from identity_sdk.secrets import Secret

__all__ = ["sign"]

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\s*(.*?)\s*-----END \1-----", re.DOTALL)


def sign(claims: Mapping[str, object], private_key: Secret) -> Secret | None:
    """A JWT under RS256 (RFC 7515); ``None`` when the key is no RSA key in PEM.

    The server may answer a PEM without its line breaks: it is wrapped again at 64 characters (RFC 7468 section 2).
    """
    try:
        key = jwk.RSAKey.import_key(_wrapped(private_key.reveal()))
        return Secret(jwt.encode({"alg": "RS256", "typ": "JWT"}, dict(claims), key, algorithms=["RS256"]))
    except (JoseError, ValueError, TypeError):
        return None


def _wrapped(pem: str) -> str:
    found = _PEM.search(pem.replace("\\n", "\n"))
    if found is None:
        return pem
    text = "".join(found[2].split())
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {found[1]}-----\n{lines}\n-----END {found[1]}-----\n"
