"""Whether a user may do something (facts 2.5): rights are only ever given, and cascade to what is below a
resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

__all__ = ["covers_action", "covers_resource", "permissions", "roles_on"]

JSON = Mapping[str, object]


def covers_action(given: str, asked: str) -> bool:
    """``documents:*`` and ``documents`` cover ``documents:read``; without case."""
    given, asked = given.lower(), asked.lower()
    return (
        given in ("*", asked)
        or asked.startswith(given + ":")
        or (given.endswith(":*") and asked.startswith(given[:-1]))
    )


def covers_resource(given: str, asked: str) -> bool:
    """``docs`` and ``docs/*`` cover ``docs/42``; with case."""
    given, asked = given.strip("/"), asked.strip("/")
    return (
        given in ("*", asked)
        or asked.startswith(given + "/")
        or (given.endswith("/*") and asked.startswith(given[:-1]))
    )


def statements_of(record: JSON, user: str, groups: set[str]) -> Iterable[JSON]:
    """The statements of a record that are about a user."""
    for one in cast("list[JSON]", record.get("statements") or []):
        if any(_names(holder, user, groups) for holder in (record, one)):
            yield one


def _names(holder: JSON, user: str, groups: set[str]) -> bool:
    users = cast("list[JSON]", holder.get("users") or [])
    there = cast("list[JSON]", holder.get("groups") or [])
    return any(one.get("userId") == user for one in users) or any(
        one.get("groupId") in groups for one in there
    )


def uris(statement: JSON) -> list[str]:
    return [str(one.get("resourceUri")) for one in cast("list[JSON]", statement.get("resources") or [])]


def permissions(
    records: Iterable[JSON], roles: Mapping[str, JSON], user: str, groups: set[str], resource: str
) -> dict[str, dict[str, bool]]:
    """What a user may do on a resource, by action."""
    found: dict[str, dict[str, bool]] = {}
    for record in records:
        for one in statements_of(record, user, groups):
            if any(covers_resource(uri, resource) for uri in uris(one)):
                for role in cast("list[str]", one.get("roles") or []):
                    for right in cast("list[JSON]", roles.get(role, {}).get("permissions") or []):
                        merged = found.setdefault(
                            str(right["action"]), {"allow": False, "grant": False, "delegate": False}
                        )
                        for name in merged:
                            merged[name] = merged[name] or right.get(name) is True
    return found


def roles_on(records: Iterable[JSON], user: str, groups: set[str], resource: str) -> list[str]:
    """The explicit roles of a user on a resource itself, none from above."""
    return [
        role
        for record in records
        for one in statements_of(record, user, groups)
        if resource.strip("/") in [uri.strip("/") for uri in uris(one)]
        for role in cast("list[str]", one.get("roles") or [])
    ]
