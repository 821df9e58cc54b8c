"""Typed rows and the few queries that the embedded provider and every emulator need.

All functions take the connection that ``Store.read`` or ``Store.write`` hands out::

    user = await store.read(lambda conn: users.get(conn, "alice"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from identity_sdk.store import tables
from identity_sdk.store.engine import DuplicateRow

__all__ = [
    "AttachmentRow",
    "CredentialRow",
    "GroupRow",
    "MembershipRow",
    "PasswordRow",
    "PolicyRow",
    "ResetRow",
    "Rows",
    "SessionRow",
    "SigningKeyRow",
    "TokenRow",
    "TotpRow",
    "UserRow",
    "attached_to",
    "attachments",
    "credentials",
    "effective_policies",
    "get_meta",
    "groups",
    "groups_of",
    "members_of",
    "memberships",
    "passwords",
    "policies",
    "resets",
    "seed_users",
    "sessions",
    "set_meta",
    "signing_keys",
    "tokens",
    "totp",
    "users",
]


def _empty() -> dict[str, object]:
    return {}


R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    id: str
    created_at: float
    email: str | None = None
    name: str | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    id: str
    created_at: float
    name: str | None = None
    description: str | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipRow:
    group_id: str
    user_id: str
    created_at: float
    role: str | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """``statements`` is a JSON list; what a statement looks like is the dialect's business."""

    id: str
    created_at: float
    statements: Sequence[Mapping[str, object]]
    name: str | None = None
    description: str | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRow:
    """``subject_type`` is ``"user"`` or ``"group"``."""

    policy_id: str
    subject_type: str
    subject_id: str
    created_at: float
    attributes: Mapping[str, object] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    id: str
    user_id: str
    kind: str
    created_at: float
    secret_hash: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    revoked_at: float | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRow:
    user_id: str
    created_at: float
    password_hash: str = field(repr=False)
    attributes: Mapping[str, object] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpRow:
    """``last_step`` is the last time step whose code was used (RFC 6238 5.2: a code works once)."""

    id: str
    user_id: str
    created_at: float
    secret: str = field(repr=False)
    confirmed: bool = False
    last_step: int | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    id: str
    user_id: str
    created_at: float
    credential_id: str | None = None
    secret_hash: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    ended_at: float | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    id: str
    family_id: str
    user_id: str
    created_at: float
    session_id: str | None = None
    credential_id: str | None = None
    secret_hash: str | None = field(default=None, repr=False)
    used_at: float | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRow:
    kid: str
    algorithm: str
    created_at: float
    private_pem: str = field(repr=False)
    retired_at: float | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRow:
    user_id: str
    created_at: float
    secret_hash: str = field(repr=False)
    expires_at: float | None = None
    used_at: float | None = None
    attributes: Mapping[str, object] = field(default_factory=_empty, repr=False)


class Rows(Generic[R]):
    """One table with its row type. Keys are given in the order of the table's primary key."""

    def __init__(self, table: Table, row: type[R]) -> None:
        self.table = table
        self._row = row
        self._keys = list(table.primary_key.columns)
        self._columns = [column.name for column in table.columns]
        # Made once: nearly every transaction reads by key.
        places: list[object] = [bindparam(f"key_{number}") for number in range(len(self._keys))]
        self._by_key = select(table).where(self._is(places))

    def get(self, conn: Connection, *key: str) -> R | None:
        """Return the row with this key, or ``None``."""
        if len(key) != len(self._keys):
            raise TypeError(self._wrong_key())
        places = {f"key_{number}": value for number, value in enumerate(key)}
        found = conn.execute(self._by_key, places).mappings().one_or_none()
        return None if found is None else self._row(**found)

    def insert(self, conn: Connection, row: R) -> None:
        """Add a row.

        Raises:
            DuplicateRow: the key is taken. The transaction goes on.
        """
        # Not by catching the driver's error: on PostgreSQL that would end the transaction.
        statement = _insert(conn, self.table).values(**self._values(row)).on_conflict_do_nothing()
        if conn.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 0:
            raise DuplicateRow(f"{self.table.name}: this key is taken")

    def put(self, conn: Connection, row: R) -> None:
        """Add a row, or replace the one with its key."""
        values = self._values(row)
        conn.execute(delete(self.table).where(self._is([values[column.name] for column in self._keys])))
        conn.execute(self.table.insert().values(**values))

    def update(self, conn: Connection, *key: str, **changes: object) -> bool:
        """Change columns of one row; tell whether it was there."""
        return conn.execute(update(self.table).where(self._is(key)).values(**changes)).rowcount > 0

    def delete(self, conn: Connection, *key: str) -> bool:
        """Delete one row; tell whether it was there. Nothing else is deleted with it."""
        return conn.execute(delete(self.table).where(self._is(key))).rowcount > 0

    def find(
        self, conn: Connection, *where: ColumnElement[bool], limit: int | None = None, **equal: object
    ) -> list[R]:
        """Return the rows where all columns equal what is given, in the order of the key."""
        statement = select(self.table).where(*where, *self._equal(equal)).order_by(*self._keys).limit(limit)
        return [self._row(**found) for found in conn.execute(statement).mappings()]

    def remove(self, conn: Connection, *where: ColumnElement[bool], **equal: object) -> int:
        """Delete the rows where all columns equal what is given; return how many there were."""
        if not where and not equal:
            raise ValueError("a condition is needed: this would delete the whole table")
        return conn.execute(delete(self.table).where(*where, *self._equal(equal))).rowcount

    def change(
        self, conn: Connection, changes: Mapping[str, object], *where: ColumnElement[bool], **equal: object
    ) -> int:
        """Change columns of the rows where all columns equal what is given; return how many there were."""
        statement = update(self.table).where(*where, *self._equal(equal)).values(**changes)
        return conn.execute(statement).rowcount

    def count(self, conn: Connection, *where: ColumnElement[bool], **equal: object) -> int:
        """Return how many rows there are."""
        statement = select(func.count()).select_from(self.table).where(*where, *self._equal(equal))
        return conn.execute(statement).scalar_one()

    def page(
        self,
        conn: Connection,
        *where: ColumnElement[bool],
        after: str = "",
        prefix: str = "",
        limit: int | None = None,
        **equal: object,
    ) -> list[R]:
        """Return rows in bytewise order of the (first) key.

        Args:
            after: only keys greater than this one; empty means from the start.
            prefix: only keys that start with this.
            limit: at most so many.
        """
        key = self._keys[0]
        limits = [*where, *self._equal(equal)]
        if after:
            limits.append(key > after)
        if prefix:
            limits.append(key >= prefix)
            end = _end_of(prefix)
            if end is not None:
                limits.append(key < end)
        statement = select(self.table).where(*limits).order_by(*self._keys).limit(limit)
        return [self._row(**found) for found in conn.execute(statement).mappings()]

    def _values(self, row: R) -> dict[str, object]:
        return {name: getattr(row, name) for name in self._columns}

    def _is(self, key: Sequence[object]) -> ColumnElement[bool]:
        if len(key) != len(self._keys):
            raise TypeError(self._wrong_key())
        return and_(*(column == value for column, value in zip(self._keys, key, strict=True)))

    def _wrong_key(self) -> str:
        return f"{self.table.name} has the key ({', '.join(column.name for column in self._keys)})"

    def _equal(self, equal: Mapping[str, object]) -> list[ColumnElement[bool]]:
        return [self.table.c[name] == value for name, value in equal.items()]


def _end_of(prefix: str) -> str | None:
    """Return the first string after all that start with the prefix, by code points (= UTF-8 bytes)."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # no characters there
        following = 0xE000
    return stem[:-1] + chr(following)


users = Rows(tables.users, UserRow)
groups = Rows(tables.groups, GroupRow)
memberships = Rows(tables.memberships, MembershipRow)
policies = Rows(tables.policies, PolicyRow)
attachments = Rows(tables.attachments, AttachmentRow)
credentials = Rows(tables.credentials, CredentialRow)
passwords = Rows(tables.passwords, PasswordRow)
totp = Rows(tables.totp, TotpRow)
sessions = Rows(tables.sessions, SessionRow)
tokens = Rows(tables.tokens, TokenRow)
signing_keys = Rows(tables.signing_keys, SigningKeyRow)
resets = Rows(tables.resets, ResetRow)


def members_of(
    conn: Connection, group_id: str, *, after: str = "", prefix: str = "", limit: int | None = None
) -> list[UserRow]:
    """Return the users of a group (those that exist), a page in bytewise order."""
    inside = select(tables.memberships.c.user_id).where(tables.memberships.c.group_id == group_id)
    return users.page(conn, tables.users.c.id.in_(inside), after=after, prefix=prefix, limit=limit)


def groups_of(
    conn: Connection, user_id: str, *, after: str = "", prefix: str = "", limit: int | None = None
) -> list[GroupRow]:
    """Return the groups of a user (those that exist), a page in bytewise order."""
    inside = select(tables.memberships.c.group_id).where(tables.memberships.c.user_id == user_id)
    return groups.page(conn, tables.groups.c.id.in_(inside), after=after, prefix=prefix, limit=limit)


def attached_to(
    conn: Connection,
    subject_type: str,
    subject_id: str,
    *,
    after: str = "",
    prefix: str = "",
    limit: int | None = None,
) -> list[PolicyRow]:
    """Return the policies attached to one user or group itself, a page in bytewise order."""
    table = tables.attachments
    inside = select(table.c.policy_id).where(
        table.c.subject_type == subject_type, table.c.subject_id == subject_id
    )
    return policies.page(conn, tables.policies.c.id.in_(inside), after=after, prefix=prefix, limit=limit)


def effective_policies(
    conn: Connection, user_id: str, *, after: str = "", limit: int | None = None
) -> list[PolicyRow]:
    """Return the distinct policies of a user and of its groups, in bytewise order."""
    table = tables.attachments
    own = select(tables.memberships.c.group_id).where(tables.memberships.c.user_id == user_id)
    inside = select(table.c.policy_id).where(
        or_(
            and_(table.c.subject_type == "user", table.c.subject_id == user_id),
            and_(table.c.subject_type == "group", table.c.subject_id.in_(own)),
        )
    )
    return policies.page(conn, tables.policies.c.id.in_(inside), after=after, limit=limit)


def get_meta(conn: Connection, key: str) -> str | None:
    """Return a small value by name, or ``None``."""
    return conn.scalar(select(tables.meta.c.value).where(tables.meta.c.key == key))


def set_meta(conn: Connection, key: str, value: str) -> None:
    """Keep a small value by name (``schema_version`` is the store's own)."""
    conn.execute(delete(tables.meta).where(tables.meta.c.key == key))
    conn.execute(tables.meta.insert().values(key=key, value=value))


def seed_users(
    conn: Connection, count: int, *, created_at: float, prefix: str = "user-", digits: int = 6
) -> list[str]:
    """Add many users at once (``user-000000`` …) and return their ids; 100,000 take about a second.

    Those that are there already stay as they are.
    """
    ids = [f"{prefix}{number:0{digits}d}" for number in range(count)]
    if ids:
        rows = [{"id": id_, "created_at": created_at, "attributes": _empty()} for id_ in ids]
        conn.execute(_insert(conn, tables.users).on_conflict_do_nothing(), rows)
    return ids


def _insert(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)
