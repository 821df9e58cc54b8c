"""Signatures, by joserfc. Imported when the first token is signed or verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from identity_sdk.secrets import Secret

__all__ = ["sign", "verify"]

_KINDS = {"EdDSA": "OKP", "Ed25519": "OKP", "RS256": "RSA", "RS512": "RSA"}


class _Registry(jws.JWSRegistry):
    """Without the warning that RFC 9864 asks for ``Ed25519`` in place of ``EdDSA``: the server knows the old name."""

    def __init__(self) -> None:
        super().__init__(algorithms=list(_KINDS), strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in _KINDS:
            raise JoseError(f"algorithm {name[:20]!r} is not accepted")
        return self.algorithms[name]


def sign(
    algorithm: Literal["EdDSA", "RS256"],
    header: Mapping[str, str],
    claims: Mapping[str, object],
    private: Secret,
) -> Secret | None:
    """A JWT (compact, keys in the given order); ``None`` when the private key cannot sign."""
    kind = jwk.OKPKey if algorithm == "EdDSA" else jwk.RSAKey
    try:
        key = kind.import_key(private.reveal())
        return Secret(jwt.encode(dict(header), dict(claims), key, registry=_Registry(), default_type=None))
    except (JoseError, ValueError, TypeError):
        return None


def verify(token: Secret, key: Mapping[str, object]) -> Mapping[str, Any] | None:
    """The claims of a JWT whose signature is of this public JWK; ``None`` when it is not.

    The algorithm must be one of the key's own kind (RFC 8725 section 3.1), and the one that the key names.
    """
    try:
        material: Any = {name: value for name, value in key.items() if name not in ("d", "use", "key_ops")}
        public = jwk.import_key(material)
        found = jwt.decode(token.reveal(), public, registry=_Registry())
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    used = found.header.get("alg")
    if _KINDS.get(str(used)) != public.key_type or key.get("alg") not in (None, used):
        return None
    return found.claims
