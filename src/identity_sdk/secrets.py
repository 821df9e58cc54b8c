"""Secret strings, and the fingerprints that tell them apart.

Every string that comes from a token endpoint is a :class:`Secret` unless it is named plain. A ``Secret`` shows
only its fingerprint in ``repr``, logs, tracebacks and dumps, and refuses to be pickled.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NoReturn, final

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, SerializationInfo
    from pydantic_core import CoreSchema

__all__ = ["REDACTED", "Secret", "fingerprint", "redact_url"]

REDACTED = "**********"

REVEAL: Final = object()
"""The serialization context under which a request body carries its secrets. For ``wire/`` alone."""


def fingerprint(value: str, kind: str = "sec") -> str:
    """``"tok_1a2b3c4d"``: enough to tell two secrets apart in a log, useless to anyone else.

    Args:
        value: the secret; only the first 32 bits of its SHA-256 appear.
        kind: the prefix, such as ``"tok"`` or ``"key"``.
    """
    return f"{kind}_{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


@final
class Secret:
    """A string that does not show itself. :meth:`reveal` is the only way to its value.

    Equality is compared in constant time. ``pickle`` is refused with a ``TypeError``; ``copy`` answers the same
    object, since it is immutable.
    """

    __slots__ = ("_reveal",)

    _reveal: Callable[[], str]

    def __init__(self, value: str) -> None:
        text = value if isinstance(value, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
        # A closure, not an attribute: debuggers and "tracebacks with locals" print attributes.
        object.__setattr__(self, "_reveal", lambda: text)
        if text is not value:
            del value  # tracebacks show locals
            raise TypeError("a secret is a str")

    def reveal(self) -> str:
        """The secret itself. Do not log it."""
        return self._reveal()

    @property
    def fingerprint(self) -> str:
        """The first 32 bits of the SHA-256, as ``"sec_1a2b3c4d"``."""
        return fingerprint(self.reveal())

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret is immutable")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint!r})"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: reveal() it where you mean to store it")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def parse(value: object) -> Secret:
            return value if isinstance(value, Secret) else cls(str(value))

        text = core_schema.chain_schema(
            [core_schema.str_schema(strict=True), core_schema.no_info_plain_validator_function(parse)]
        )
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), text]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _serialize, info_arg=True, when_used="json"
            ),
        )


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")


def _serialize(value: object, info: SerializationInfo) -> str:
    """Redacted in every dump, except when the wire layer writes a request body with :data:`REVEAL`."""
    if info.context is REVEAL and isinstance(value, Secret):
        return value.reveal()
    return REDACTED


def redact_url(url: str) -> str:
    """``url`` without userinfo, query and fragment, for reprs and messages; also of what is no URL. Raises nothing."""
    shown = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, mark, rest = shown.partition("//")
    if not mark:
        return shown
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if not _HOST.fullmatch(host):  # a part of a password, when that holds one of /?#
        return f"{scheme}//[redacted]"
    return f"{scheme}//{host}{slash}{path}"


_HOST = re.compile(r"([^:\[\]]*|\[[^\[\]]*\])(:\d*)?")
