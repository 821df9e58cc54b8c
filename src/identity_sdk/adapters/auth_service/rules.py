"""What the auth service can hold, and the checks that hold an answer against what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from identity_sdk.adapters.auth_service.models import GroupGrant, GroupInfoBody, Mode
from identity_sdk.errors import InvalidRequestError

__all__ = ["check_description", "check_grants", "check_id", "check_mode"]


LONGEST_ID = 63
LONGEST_DESCRIPTION = 255

_RULE = (
    f"ids are any text of 1 to {LONGEST_ID} characters but '.' and '..', case kept (measured: more is a 500)"
)


def _fault(value: str, longest: int) -> str:
    if len(value) > longest:
        return f"has {len(value)} characters"
    if "\0" in value:
        return "holds a NUL, which its database cannot"
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "holds a lone surrogate, which UTF-8 cannot carry"
    return ""


def check_id(what: str, value: str | None) -> str:
    """``value``, if the server can hold it as an id; it is never rewritten.

    Raises:
        InvalidRequestError: it cannot; nothing was sent. An empty one would silently mean the whole list.
    """
    if not value:
        fault = "is empty"
    elif value in (".", ".."):
        fault = f"is {value!r}, which no path keeps"
    else:
        fault = _fault(value, LONGEST_ID)
    if fault or value is None:
        raise InvalidRequestError(
            f"the {what} {fault}: {_RULE}", fields={what: fault}, provider="auth-service"
        )
    return value


def check_description(value: str) -> str:
    """``value``, if the server can hold it.

    Raises:
        InvalidRequestError: it is longer than 255 characters, or holds what the database cannot.
    """
    fault = _fault(value, LONGEST_DESCRIPTION)
    if fault:
        raise InvalidRequestError(
            f"the description {fault}: it may have {LONGEST_DESCRIPTION}",
            fields={"description": fault},
            provider="auth-service",
        )
    return value


def check_mode(role: str) -> Mode:
    """``role``, if it is a mode.

    Raises:
        InvalidRequestError: it is none.
    """
    if role not in get_args(Mode):
        raise InvalidRequestError(
            f"role is READ, WRITE or ADMIN, not {role[:40]!r}",
            fields={"role": "unknown"},
            provider="auth-service",
        )
    return cast("Mode", role)


def check_grants(grants: Sequence[GroupGrant]) -> tuple[GroupInfoBody, ...]:
    """The grants as they are sent.

    Raises:
        InvalidRequestError: an id is impossible, or a group is named twice (the server stops half-way at that).
    """
    bodies = [GroupInfoBody(groupId=check_id("group id", one.group_id), mode=one.mode) for one in grants]
    if len({body.groupId for body in bodies}) != len(bodies):
        raise InvalidRequestError(
            "a group is named twice", fields={"groups": "named twice"}, provider="auth-service"
        )
    return tuple(bodies)
