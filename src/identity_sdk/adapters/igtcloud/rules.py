"""What IGT Cloud allows as an id, how one name becomes two, and the check of answers against what was asked."""

from __future__ import annotations

from identity_sdk.errors import InvalidRequestError

__all__ = ["check_id", "names_of"]


_RULE = "IGT Cloud takes any text but the empty one, and keeps its case"


def check_id(what: str, value: str | None) -> str:
    """``value``, if it can be an id; it is never rewritten.

    Raises:
        InvalidRequestError: it cannot; nothing was sent.
    """
    fault = ""
    if not value:
        fault = "is empty"
    elif any("\ud800" <= letter <= "\udfff" for letter in value):
        fault = "holds a lone surrogate, which UTF-8 cannot carry"
    if fault or value is None:
        raise InvalidRequestError(f"the {what} {fault}: {_RULE}", fields={what: fault}, provider="igtcloud")
    return value


def names_of(name: str) -> tuple[str, str]:
    """Given and family name: the last word is the family's. A name of one word stands for both."""
    given, _, family = name.rpartition(" ")
    return (given, family) if given and family else (name, name)
