"""What ids, texts and lifetimes may be, and the names under which policies speak of this provider's own objects.

Ids are any text of 1 to 256 characters except NUL (PostgreSQL cannot hold it) and lone surrogates (they are no
text); blanks, slashes, ``.``, ``*``, right-to-left marks and the like are kept as they are. Nothing is rewritten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, cast

from identity_sdk.errors import InvalidRequestError
from identity_sdk.secrets import Secret

__all__ = ["as_secret", "check_cursor", "check_id", "check_lifetime", "check_scopes", "check_text", "name_of"]

MAX_ID: Final = 256
MAX_EMAIL: Final = 320
MAX_TEXT: Final = 4096
MAX_PASSWORD: Final = 1024
PAGE: Final = 1000

PASSWORDLESS: Final = "a service signs in by keys: only people have passwords"


def check_text(value: object, field: str, longest: int = MAX_TEXT, *, empty: bool = False) -> str:
    """``value``, if it is text that every database can hold.

    Raises:
        InvalidRequestError: it is empty, too long, no string, or holds NUL or a lone surrogate.
    """
    problem = _problem(value, longest, empty)
    if problem or not isinstance(value, str):
        raise _invalid(field, problem)
    return value


def _problem(value: object, longest: int, empty: bool) -> str:
    if not isinstance(value, str):
        return f"must be a string, not {type(value).__name__}"
    if not value and not empty:
        return "must not be empty"
    if len(value) > longest:
        return f"has {len(value)} characters, at most {longest} are allowed"
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return "must not hold NUL or a lone surrogate"
    return ""


def check_id(value: object, field: str = "id") -> str:
    """``value``, if it can be an id (see the module)."""
    return check_text(value, field, MAX_ID)


def check_optional(value: object, field: str, longest: int = MAX_TEXT) -> str | None:
    """``value``, if it is ``None`` or text."""
    return None if value is None else check_text(value, field, longest)


def check_cursor(cursor: str | None) -> str:
    """Where a list continues: after this id. ``""`` for the start."""
    return "" if cursor is None else check_text(cursor, "cursor", MAX_ID)


def check_prefix(prefix: str | None) -> str:
    return "" if prefix is None else check_text(prefix, "prefix", MAX_ID, empty=True)


def check_lifetime(lifetime: float | None, longest: float | None = None) -> float | None:
    """Seconds, more than 0 and finite; never shortened silently.

    Raises:
        InvalidRequestError: it is not, or more than ``longest``.
    """
    if lifetime is None:
        return None
    if isinstance(lifetime, bool) or not math.isfinite(lifetime) or lifetime <= 0:
        raise _invalid("lifetime", "must be more than 0 seconds and finite")
    if lifetime > (longest or 3.2e9):
        raise _invalid("lifetime", f"must be at most {longest or 3.2e9:.0f} seconds")
    return float(lifetime)


def check_scopes(scopes: object) -> tuple[str, ...]:
    """Patterns of actions, each a scope-token (RFC 6749 section 3.3: printable ASCII without ``"`` and backslash)."""
    if isinstance(scopes, str) or not isinstance(scopes, list | tuple | set | frozenset):
        raise _invalid("scopes", "must be a sequence of strings")
    found: list[str] = []
    for scope in cast("Iterable[object]", scopes):
        text = check_text(scope, "scopes", MAX_ID)
        if not all("!" <= character <= "~" and character not in '"\\' for character in text):
            raise _invalid("scopes", "must be printable ASCII without blanks, quotes and backslashes")
        found.append(text)
    if len(found) > 100:
        raise _invalid("scopes", "are at most 100")
    return tuple(dict.fromkeys(found))


def as_secret(value: Secret | str, field: str, longest: int = MAX_TEXT) -> Secret:
    """``value`` as a secret that can be stored or compared.

    Raises:
        InvalidRequestError: see :func:`check_text`; the message never shows the value.
    """
    if not isinstance(value, Secret | str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
        raise _invalid(field, f"must be a string or a Secret, not {type(value).__name__}")
    secret = value if isinstance(value, Secret) else Secret(value)
    value = secret  # this frame may end in a traceback
    problem = _problem(secret.reveal(), longest, False)
    if problem:
        raise _invalid(field, problem)
    return secret


def name_of(area: str, *ids: str) -> str:
    """What policies call an object: ``users/alice``, ``credentials/alice/AKID``.

    In ids ``/``, ``*`` and ``%`` are percent-encoded (RFC 3986), so that ``credentials/a/*`` never speaks of the
    credentials of a user called ``a/b``, and a user called ``a*`` can be named alone.
    """
    coded = (id.replace("%", "%25").replace("/", "%2F").replace("*", "%2A") for id in ids)
    return "/".join((area, *coded))


def all_of(area: str, *ids: str, prefix: str = "") -> str:
    """What policies call a list: ``users/*``, with a prefix ``users/team-*``, ``credentials/alice/*``."""
    return f"{name_of(area, *ids, prefix)}*"


def _invalid(field: str, problem: str) -> InvalidRequestError:
    return InvalidRequestError(f"{field} {problem}", fields={field: problem}, provider="local")


def is_id(value: str) -> bool:
    """Whether there could be something of this id: what cannot be stored is looked up nowhere."""
    return not _problem(value, MAX_ID, False)
