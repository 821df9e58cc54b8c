"""Rows put into the store itself, past any API: the store is the same under ``local`` and under every emulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from identity_sdk.store import queries as q
from identity_sdk.store import tables

__all__ = ["plant"]


def plant(
    conn: Connection,
    what: str,
    stem: str,
    count: int,
    owner: str | None,
    now: float,
    statements: Sequence[Mapping[str, object]],
) -> list[str]:
    """Makes ``count`` rows whose ids begin with ``stem``, tied to ``owner`` where ``what`` says so."""
    ids = [f"{stem}-{number:06d}" for number in range(count)]
    if not ids:
        return ids
    kind, _, holder = what.partition(" of a ")
    base = {"created_at": now, "attributes": {}}
    if kind in ("users", "members"):
        q.seed_users(conn, count, created_at=now, prefix=f"{stem}-")
    elif kind == "groups":
        _many(conn, tables.groups, [{**base, "id": one} for one in ids])
    elif kind == "policies":
        _many(conn, tables.policies, [{**base, "id": one, "statements": list(statements)} for one in ids])
    elif kind == "tokens":
        life = {"expires_at": now + 1000, "attributes": {"access_expires_at": now + 1000}}
        _many(
            conn,
            tables.tokens,
            [{**base, **life, "id": one, "family_id": one, "user_id": owner} for one in ids],
        )
    else:
        rows = [{**base, "id": one, "user_id": owner, "kind": "access_key"} for one in ids]
        _many(conn, tables.credentials, rows)
    if kind == "members":
        _many(conn, tables.memberships, [{**base, "group_id": owner, "user_id": one} for one in ids])
    elif kind == "groups" and holder:
        _many(conn, tables.memberships, [{**base, "group_id": one, "user_id": owner} for one in ids])
    elif kind == "policies" and holder:
        _many(
            conn,
            tables.attachments,
            [{**base, "policy_id": one, "subject_type": holder, "subject_id": owner} for one in ids],
        )
    return ids


def _many(conn: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    conn.execute(table.insert(), rows)
