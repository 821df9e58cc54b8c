"""What lakeFS allows as an id, and the checks that hold an answer against what was asked."""

from __future__ import annotations

from identity_sdk.errors import InvalidRequestError

__all__ = ["check_id"]


_RULE = (
    "lakeFS takes any text, case kept, but the empty one, '.', '..' (no path holds them) and anything with '/' or '%' "
    "(the server refuses them)"
)


def check_id(what: str, value: str | None) -> str:
    """``value``, if lakeFS can hold it as an id; it is never rewritten.

    Raises:
        InvalidRequestError: it cannot; nothing was sent.
    """
    fault = ""
    if not value:
        fault = "is empty"
    elif value in (".", ".."):
        fault = f"is {value!r}"
    elif "/" in value or "%" in value:
        fault = "holds '/' or '%'"
    elif not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        fault = "holds a lone surrogate, which UTF-8 cannot carry"
    if fault or value is None:
        raise InvalidRequestError(f"the {what} {fault}: {_RULE}", fields={what: fault}, provider="lakefs")
    return value
