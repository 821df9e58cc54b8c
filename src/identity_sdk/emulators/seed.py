"""What is in the directory at first (``--seed FILE``), as JSON::

    {
      "users": [{"id": "alice", "email": "alice@example.com"}, {"count": 10000, "prefix": "user-"}],
      "groups": [{"id": "team", "description": "…"}],
      "memberships": [{"group": "team", "user": "alice", "role": "…"}],
      "policies": [{"id": "ReadAll", "statement": [{"effect": "allow", "action": ["fs:Read*"], "resource": "*"}]}],
      "attachments": [{"policy": "ReadAll", "user": "alice"}, {"policy": "ReadAll", "group": "team"}],
      "keys": [{"user": "alice", "access_key_id": "…", "secret_access_key": "…"}]
    }

Every part may be left out. ``{"count": N}`` makes N users at once. Rows that are there already are replaced, counted
users left as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from identity_sdk.errors import ConfigurationError
from identity_sdk.store import hash_secret
from identity_sdk.store import queries as q

__all__ = ["checked", "load_seed", "plant"]

_Item = Mapping[str, object]
_PARTS = frozenset({"users", "groups", "memberships", "policies", "attachments", "keys"})


def load_seed(path: Path | None) -> Mapping[str, Sequence[_Item]]:
    """Read a seed file; no file is an empty seed.

    Raises:
        ConfigurationError: it cannot be read or has another shape.
    """
    if path is None:
        return {}
    try:
        found: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read the seed file {path.name}: {type(error).__name__}") from None
    return checked(found, "a seed file")


def checked(found: object, what: str = "a seed") -> Mapping[str, Sequence[_Item]]:
    """What was found, if it is a seed.

    Raises:
        ConfigurationError: it has another shape.
    """
    if not isinstance(found, Mapping) or not _PARTS.issuperset(cast("_Item", found)):
        raise ConfigurationError(f"{what} is a JSON object with some of {', '.join(sorted(_PARTS))}")
    return cast("Mapping[str, Sequence[_Item]]", found)


def plant(conn: Connection, seed: Mapping[str, Sequence[_Item]], now: float) -> None:
    """Put a seed into the store.

    Raises:
        ConfigurationError: an item lacks a field.
    """
    try:
        _plant(conn, seed, now)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"the seed file is malformed: {error}") from None


def _plant(conn: Connection, seed: Mapping[str, Sequence[_Item]], now: float) -> None:
    for item in seed.get("users", ()):
        if "count" in item:
            prefix = str(item.get("prefix", "user-"))
            q.seed_users(conn, cast("int", item["count"]), created_at=now, prefix=prefix)
        else:
            email = cast("str | None", item.get("email"))
            q.users.put(conn, q.UserRow(id=_text(item, "id"), created_at=now, email=email))
    for item in seed.get("groups", ()):
        description = cast("str | None", item.get("description"))
        q.groups.put(conn, q.GroupRow(id=_text(item, "id"), created_at=now, description=description))
    for item in seed.get("memberships", ()):
        group, user, role = _text(item, "group"), _text(item, "user"), cast("str | None", item.get("role"))
        q.memberships.put(conn, q.MembershipRow(group_id=group, user_id=user, role=role, created_at=now))
    for item in seed.get("policies", ()):
        statements = cast("Sequence[_Item]", item["statement"])
        q.policies.put(conn, q.PolicyRow(id=_text(item, "id"), created_at=now, statements=statements))
    for item in seed.get("attachments", ()):
        kind = "user" if "user" in item else "group"
        policy, subject = _text(item, "policy"), _text(item, kind)
        row = q.AttachmentRow(policy_id=policy, subject_type=kind, subject_id=subject, created_at=now)
        q.attachments.put(conn, row)
    for item in seed.get("keys", ()):
        q.credentials.put(conn, _key(item, now))


def _key(item: _Item, now: float) -> q.CredentialRow:
    return q.CredentialRow(
        id=_text(item, "access_key_id"),
        user_id=_text(item, "user"),
        kind="access_key",
        created_at=now,
        secret_hash=hash_secret(_text(item, "secret_access_key")),
    )


def _text(item: _Item, name: str) -> str:
    value = item[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a string")
    return value
