"""What a policy may say, and what it decides (v0.91; the emulator's own reading, apart from the adapter's).

Any matching deny wins, else any matching allow, else no. Wildcards are ``*`` (any run) and ``?`` (one character), in
actions after the colon and in the last part of a resource. ``${user}`` in a resource stands for the user's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

__all__ = ["InvalidPolicy", "allows", "match", "resource_matches", "validate_statement"]

SERVICES = frozenset({"fs", "auth", "ci", "retention", "branches"})


class InvalidPolicy(ValueError):
    """A statement that the server refuses; the text is its message."""


def validate_statement(statement: Mapping[str, object]) -> None:
    """Check actions and resource of one statement (its shape was checked before).

    Raises:
        InvalidPolicy: an action or the resource is malformed.
    """
    for action in cast("Sequence[str]", statement["action"]):
        parts = action.split(":")
        if len(parts) != 2:
            raise InvalidPolicy(f"{action}: invalid action")
        if parts[0] not in SERVICES:
            raise InvalidPolicy(f"{action}: invalid service name")
    resource = str(statement["resource"])
    if resource != "*" and _parts(resource) is None:
        raise InvalidPolicy(f"validation error: ARN '{resource}'")


def allows(statements: Iterable[Mapping[str, object]], user: str, action: str, resource: str) -> bool:
    """Decide whether a user may do an action on a resource, by all statements that apply to it."""
    allowed = False
    for statement in statements:
        pattern = str(statement["resource"]).replace("${user}", user)
        if not resource_matches(pattern, resource):
            continue
        if not any(match(wanted, action) for wanted in cast("Sequence[str]", statement["action"])):
            continue
        if statement["effect"] == "deny":
            return False
        allowed = True
    return allowed


def resource_matches(pattern: str, resource: str) -> bool:
    """Match a statement's resource with the one asked for; the region does not count."""
    if pattern == "*":
        return True
    left, right = _parts(pattern), _parts(resource)
    if left is None or right is None:
        return False
    same = (left[1], left[2], left[4]) == (right[1], right[2], right[4])
    return same and match(left[5], right[5])


def match(pattern: str, text: str) -> bool:
    """Match with ``*`` and ``?``, in time proportional to the product of the lengths at worst."""
    at = in_text = 0
    star, resume = -1, 0
    while in_text < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, in_text
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[in_text]):
            at += 1
            in_text += 1
        elif star >= 0:
            resume += 1
            at, in_text = star + 1, resume
        else:
            return False
    return all(character == "*" for character in pattern[at:])


def _parts(resource: str) -> list[str] | None:
    """Split ``arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE``; the last part may hold colons."""
    parts = resource.split(":", 5)
    return parts if len(parts) == 6 and parts[0] == "arn" else None
