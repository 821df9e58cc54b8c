"""What Authress allows as an id, and the checks that hold an answer against what was asked (facts 1 and 2)."""

from __future__ import annotations

import re

from identity_sdk.errors import InvalidRequestError

__all__ = [
    "check_action",
    "check_group",
    "check_id",
    "check_name",
    "check_policy",
    "check_principal",
    "check_resource",
]


_USER = re.compile(r"[a-zA-Z0-9+._|/~:@\s-]{1,128}")
_GROUP = re.compile(r"grp_[a-zA-Z0-9_-]{0,60}")
_POLICY = re.compile(r"[a-zA-Z0-9_:-]{1,58}")
_ACTION = re.compile(r"(?=.{1,64}$)([*]|[a-zA-Z0-9_-]+)(:([*]|[a-zA-Z0-9_-]+))*")
# The document's own pattern; its groups are atomic here, since it backtracks without end on long text.
_PART = r"(?:[a-zA-Z0-9_.+=~|@-]{1,128}|[*])"
_RESOURCE = re.compile(rf"[*]|/?(?:{_PART}(?::(?:{_PART})?)*(?:/|$)){{0,15}}[*]?/?")


def _refuse(what: str, value: str | None, rule: str) -> InvalidRequestError:
    told = "nothing" if value is None else repr(value[:80])
    return InvalidRequestError(
        f"the {what} {told} is refused: {rule}", fields={what: "malformed"}, provider="authress"
    )


def check_id(what: str, value: str | None, most: int = 64) -> str:
    """``value``, if it can stand in a path; it is never rewritten.

    Raises:
        InvalidRequestError: it is empty, ``.`` or ``..``, longer than ``most`` characters, or no text that UTF-8
            holds.
    """
    if (
        not value
        or value in (".", "..")
        or len(value) > most
        or any("\ud800" <= one <= "\udfff" for one in value)
    ):
        raise _refuse(what, value, f"1 to {most} characters, and neither '.' nor '..'")
    return value


def check_principal(what: str, value: str | None) -> str:
    """A user id or a client id. One of 65 to 128 characters can hold rights, and be neither read nor asked about.

    Raises:
        InvalidRequestError: it breaks the rule.
    """
    if value is None or value in (".", "..") or not _USER.fullmatch(value):
        raise _refuse(what, value, "1 to 128 of letters, digits, blanks and + . _ | / ~ : @ -")
    return value


def check_group(value: str | None) -> str:
    """A group id.

    Raises:
        InvalidRequestError: it does not begin with ``grp_``, or holds more than letters, digits, ``-`` and ``_``.
    """
    if value is None or not _GROUP.fullmatch(value):
        raise _refuse(
            "group id", value, "it begins with grp_, and has up to 60 letters, digits, - and _ after it"
        )
    return value


def check_policy(value: str | None) -> str:
    """The id of a policy: of its record, and behind ``ro_`` of its roles, which are stricter.

    Raises:
        InvalidRequestError: it breaks the rule.
    """
    if value is None or not _POLICY.fullmatch(value):
        raise _refuse("policy id", value, "1 to 58 of letters, digits, - _ and :")
    return value


def check_action(value: str) -> str:
    """An action such as ``documents:read`` or ``documents:*``; the server compares without case.

    Raises:
        InvalidRequestError: it breaks the rule.
    """
    if not _ACTION.fullmatch(value):
        raise _refuse("action", value, "parts of letters, digits, - and _, or a * alone, with : between them")
    return value


def check_resource(value: str) -> str:
    """A resource URI such as ``documents/42`` or ``documents/*``; case counts.

    Raises:
        InvalidRequestError: it breaks the rule.
    """
    if not value.strip("/") or len(value) > 512 or not _RESOURCE.fullmatch(value):
        raise _refuse(
            "resource",
            value,
            "up to 15 parts of letters, digits and - _ . + = ~ | @ : with / between, or * as a part",
        )
    return value


def check_name(value: str) -> str:
    """A display name.

    Raises:
        InvalidRequestError: it has no or more than 128 characters.
    """
    if not 1 <= len(value) <= 128:
        raise _refuse("name", value, "1 to 128 characters")
    return value
