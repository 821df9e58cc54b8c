"""What Argus allows as an id, and the checks that hold an answer against what was asked."""

from __future__ import annotations

import re

from identity_sdk.errors import InvalidRequestError

__all__ = ["DAY", "check_function", "check_name", "check_prefix", "days"]


DAY = 86400
MOST_DAYS = 2**31 - 1

_SHORT_NAME = re.compile(r"[a-zA-Z0-9_\-.@]+")
_FUNCTION = re.compile(r"[a-zA-Z0-9_:\-.]+")
_PREFIX = re.compile(r"[a-z0-9]+/[a-z0-9]+")

_RULE = (
    "Argus takes letters, digits and _ - . @ (its shortName); not '.' and '..', which no path holds, and not digits "
    "alone, which it would read as the number of another object"
)


def check_name(what: str, value: str | None) -> str:
    """``value``, if it can be the short name of a user or a group; it is never rewritten.

    Raises:
        InvalidRequestError: it cannot; nothing was sent.
    """
    fault = ""
    if not value:
        fault = "is empty"
    elif value in (".", ".."):
        fault = f"is {value!r}"
    elif value.isdigit():
        fault = "holds digits alone"
    elif _SHORT_NAME.fullmatch(value) is None:
        fault = "holds other characters"
    if fault or value is None:
        raise InvalidRequestError(f"the {what} {fault}: {_RULE}", fields={what: fault}, provider="argus")
    return value


def check_function(value: str) -> str:
    """``value``, if it can be the name of a function.

    Raises:
        InvalidRequestError: it cannot; nothing was sent.
    """
    if _FUNCTION.fullmatch(value) is None or value in (".", "..") or value.isdigit():
        raise InvalidRequestError(
            "the policy id is the name of an Argus function: letters, digits and _ : - . (not digits alone)",
            fields={"policy id": "not a function's name"},
            provider="argus",
        )
    return value


def check_prefix(value: str) -> str | None:
    """``value``, if it has the form of an API key's prefix (``1ab/2c``); otherwise no key can have it."""
    return value if _PREFIX.fullmatch(value) is not None else None


def days(lifetime: float) -> int:
    """Whole days of a lifetime in seconds.

    Raises:
        InvalidRequestError: it is not a whole number of days, at least one: Argus counts in days.
    """
    number, rest = divmod(lifetime, DAY)
    if rest or not 1 <= number <= MOST_DAYS:
        raise InvalidRequestError(
            f"lifetime is whole days in seconds (a multiple of {DAY}), not {lifetime:g}: Argus counts in days",
            fields={"lifetime": "not whole days"},
            provider="argus",
        )
    return int(number)
