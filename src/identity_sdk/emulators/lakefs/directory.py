"""Users, groups, policies and keys as the server keeps them: its checks, its cascades, its late cache.

Deleting a user takes memberships and attachments along and never keys; a key counts only while a user of its name
exists. With ``auth_cache`` seconds the server reads users, keys and a user's policies from memory for so long after it
first read them, whatever has happened to them since.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from sqlalchemy import Connection

from identity_sdk.store import DuplicateRow, hash_secret
from identity_sdk.store import queries as q

__all__ = ["AlreadyExists", "Directory", "LateCache", "Missing", "new_access_key"]

T = TypeVar("T")
ACCESS_KEY = "access_key"


class Missing(Exception):
    """There is no such user, group, policy or key; ``args[0]`` is the id that was looked for."""


class AlreadyExists(Exception):
    """The id is taken, the member is in, the policy is attached."""


@dataclass
class LateCache:
    """What the server has read lately. Only what was found is kept."""

    seconds: float
    clock: Callable[[], float]
    _kept: dict[tuple[str, str], tuple[float, object]] = field(
        default_factory=dict[tuple[str, str], tuple[float, object]]
    )

    def get(self, kind: str, key: str, read: Callable[[], T]) -> T:
        if self.seconds <= 0:
            return read()
        kept = self._kept.get((kind, key))
        if kept is not None and self.clock() < kept[0]:
            return cast("T", kept[1])
        value = read()
        self._kept[kind, key] = (self.clock() + self.seconds, value)
        return value


def new_access_key() -> tuple[str, str]:
    """Return an access key id and its secret in the server's own forms."""
    middle = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(14))
    return f"AKIAJ{middle}Q", base64.b64encode(secrets.token_bytes(30)).decode("ascii")


@dataclass(frozen=True, slots=True)
class Directory:
    """The data within one transaction."""

    conn: Connection
    cache: LateCache
    now: float

    def user(self, user_id: str) -> q.UserRow:
        return self.cache.get("user", user_id, lambda: self._user(user_id))

    def _user(self, user_id: str) -> q.UserRow:
        row = q.users.get(self.conn, user_id)
        if row is None:
            raise Missing(user_id)
        return row

    def group(self, group_id: str) -> q.GroupRow:
        row = q.groups.get(self.conn, group_id)
        if row is None:
            raise Missing(group_id)
        return row

    def policy(self, policy_id: str) -> q.PolicyRow:
        row = q.policies.get(self.conn, policy_id)
        if row is None:
            raise Missing(policy_id)
        return row

    def key(self, key_id: str) -> q.CredentialRow:
        """Return a key of a user that exists."""
        return self.cache.get("key", key_id, lambda: self._key(key_id))

    def _key(self, key_id: str) -> q.CredentialRow:
        row = q.credentials.get(self.conn, key_id)
        if row is None or row.kind != ACCESS_KEY or q.users.get(self.conn, row.user_id) is None:
            raise Missing(key_id)
        return row

    def statements(self, user_id: str) -> list[dict[str, object]]:
        """Return all statements that apply to a user; nothing for a user that is gone."""
        return self.cache.get("statements", user_id, lambda: self._statements(user_id))

    def _statements(self, user_id: str) -> list[dict[str, object]]:
        self.user(user_id)
        policies = q.effective_policies(self.conn, user_id)
        return [dict(statement) for policy in policies for statement in policy.statements]

    def add_user(self, user_id: str, email: str | None = None) -> q.UserRow:
        row = q.UserRow(id=user_id, created_at=self.now, email=email)
        _insert(q.users, self.conn, row)
        return row

    def delete_user(self, user_id: str) -> None:
        self.user(user_id)
        q.memberships.remove(self.conn, user_id=user_id)
        q.attachments.remove(self.conn, subject_type="user", subject_id=user_id)
        q.users.delete(self.conn, user_id)

    def add_group(self, group_id: str, description: str | None = None) -> q.GroupRow:
        row = q.GroupRow(id=group_id, created_at=self.now, description=description)
        _insert(q.groups, self.conn, row)
        return row

    def delete_group(self, group_id: str) -> None:
        self.group(group_id)
        q.memberships.remove(self.conn, group_id=group_id)
        q.attachments.remove(self.conn, subject_type="group", subject_id=group_id)
        q.groups.delete(self.conn, group_id)

    def add_member(self, group_id: str, user_id: str) -> None:
        self.user(user_id)
        self.group(group_id)
        row = q.MembershipRow(group_id=group_id, user_id=user_id, created_at=self.now)
        _insert(q.memberships, self.conn, row)

    def remove_member(self, group_id: str, user_id: str) -> None:
        self.user(user_id)
        self.group(group_id)
        q.memberships.delete(self.conn, group_id, user_id)

    def add_policy(self, policy_id: str, statements: list[dict[str, object]]) -> q.PolicyRow:
        row = q.PolicyRow(id=policy_id, created_at=self.now, statements=statements)
        _insert(q.policies, self.conn, row)
        return row

    def replace_policy(self, policy_id: str, statements: list[dict[str, object]]) -> q.PolicyRow:
        if not q.policies.update(self.conn, policy_id, statements=statements, created_at=self.now):
            raise Missing(policy_id)
        return self.policy(policy_id)

    def delete_policy(self, policy_id: str) -> None:
        self.policy(policy_id)
        q.attachments.remove(self.conn, policy_id=policy_id)
        q.policies.delete(self.conn, policy_id)

    def attach(self, policy_id: str, kind: str, subject_id: str) -> None:
        self._subject(kind, subject_id)
        self.policy(policy_id)
        row = q.AttachmentRow(
            policy_id=policy_id, subject_type=kind, subject_id=subject_id, created_at=self.now
        )
        _insert(q.attachments, self.conn, row)

    def detach(self, policy_id: str, kind: str, subject_id: str) -> None:
        self._subject(kind, subject_id)
        self.policy(policy_id)
        q.attachments.delete(self.conn, policy_id, kind, subject_id)

    def _subject(self, kind: str, subject_id: str) -> None:
        if kind == "user":
            self.user(subject_id)
        else:
            self.group(subject_id)

    def add_key(self, user_id: str, key: tuple[str, str] | None = None) -> tuple[q.CredentialRow, str]:
        """Make a key and return it with its secret, which is kept as a hash only."""
        self.user(user_id)
        key_id, secret = key or new_access_key()
        row = q.CredentialRow(
            id=key_id,
            user_id=user_id,
            kind=ACCESS_KEY,
            created_at=self.now,
            secret_hash=hash_secret(secret),
        )
        _insert(q.credentials, self.conn, row)
        return row, secret

    def key_of(self, user_id: str, key_id: str) -> q.CredentialRow:
        self.user(user_id)
        row = q.credentials.get(self.conn, key_id)
        if row is None or row.kind != ACCESS_KEY or row.user_id != user_id:
            raise Missing(key_id)
        return row

    def delete_key(self, user_id: str, key_id: str) -> None:
        """Delete a key; one of another user is found, not deleted, and nothing is said about it."""
        self.user(user_id)
        self.key(key_id)
        q.credentials.remove(self.conn, id=key_id, user_id=user_id)


def _insert(rows: q.Rows[T], conn: Connection, row: T) -> None:
    try:
        rows.insert(conn, row)
    except DuplicateRow:
        raise AlreadyExists from None
