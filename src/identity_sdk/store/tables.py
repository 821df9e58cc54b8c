"""The tables: plain, without foreign keys and without cascades.

Keys may outlive their user here, memberships may name a group that is gone: some backends are like that, and
the store has to be able to hold what they hold. Times are epoch seconds UTC. Ids compare bytewise on every
database. Each table carries ``attributes`` (JSON) for what one dialect knows and the others do not.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Double, Index, Integer, MetaData, Table, Text

__all__ = [
    "SCHEMA_VERSION",
    "attachments",
    "credentials",
    "groups",
    "memberships",
    "meta",
    "metadata",
    "passwords",
    "policies",
    "resets",
    "sessions",
    "signing_keys",
    "tokens",
    "totp",
    "users",
]

SCHEMA_VERSION = 1
"""Raised whenever a table changes; ``engine.py`` migrates older files and refuses newer ones."""

metadata = MetaData()

# SQLite compares text as bytes (BINARY) unless told otherwise; PostgreSQL only with the collation "C".
_Id = Text().with_variant(Text(collation="C"), "postgresql")


def _id(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, _Id, primary_key=key, nullable=False)


def _attributes() -> Column[object]:
    return Column("attributes", JSON(none_as_null=True), nullable=False, default=dict)


def _time(name: str, *, optional: bool = False) -> Column[float]:
    return Column(name, Double, nullable=optional)


users = Table(
    "users",
    metadata,
    _id("id", key=True),
    _time("created_at"),
    Column("email", _Id, index=True),
    Column("name", Text),
    _attributes(),
)

groups = Table(
    "groups",
    metadata,
    _id("id", key=True),
    _time("created_at"),
    Column("name", Text),
    Column("description", Text),
    _attributes(),
)

memberships = Table(
    "memberships",
    metadata,
    _id("group_id", key=True),
    _id("user_id", key=True),
    Column("role", Text),
    _time("created_at"),
    _attributes(),
    Index("memberships_by_user", "user_id", "group_id"),
)

policies = Table(
    "policies",
    metadata,
    _id("id", key=True),
    _time("created_at"),
    Column("name", Text),
    Column("description", Text),
    # A JSON list; plain JSON (not JSONB) keeps the order of keys as well.
    Column("statements", JSON(none_as_null=True), nullable=False),
    _attributes(),
)

attachments = Table(
    "attachments",
    metadata,
    _id("policy_id", key=True),
    _id("subject_type", key=True),
    _id("subject_id", key=True),
    _time("created_at"),
    _attributes(),
    Index("attachments_by_subject", "subject_type", "subject_id", "policy_id"),
)

credentials = Table(
    "credentials",
    metadata,
    _id("id", key=True),
    _id("user_id"),
    _id("kind"),
    Column("secret_hash", Text),
    _time("created_at"),
    _time("expires_at", optional=True),
    _time("revoked_at", optional=True),
    _attributes(),
    Index("credentials_by_user", "user_id", "id"),
)

passwords = Table(
    "passwords",
    metadata,
    _id("user_id", key=True),
    Column("password_hash", Text, nullable=False),
    _time("created_at"),
    _attributes(),
)

totp = Table(
    "totp",
    metadata,
    _id("id", key=True),
    _id("user_id"),
    # The shared secret itself: a verifier needs it in the clear (RFC 6238).
    Column("secret", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False, default=False),
    Column("last_step", Integer),
    _time("created_at"),
    _attributes(),
    Index("totp_by_user", "user_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    _id("id", key=True),
    _id("user_id"),
    Column("credential_id", _Id),
    Column("secret_hash", Text),
    _time("created_at"),
    _time("expires_at", optional=True),
    _time("ended_at", optional=True),
    _attributes(),
    Index("sessions_by_user", "user_id", "id"),
    Index("sessions_by_secret", "secret_hash"),
)

tokens = Table(
    "tokens",
    metadata,
    _id("id", key=True),
    _id("family_id"),
    _id("user_id"),
    Column("session_id", _Id),
    Column("credential_id", _Id),
    Column("secret_hash", Text),
    _time("created_at"),
    _time("used_at", optional=True),
    _time("expires_at", optional=True),
    _time("revoked_at", optional=True),
    _attributes(),
    Index("tokens_by_family", "family_id"),
    Index("tokens_by_user", "user_id", "id"),
    Index("tokens_by_secret", "secret_hash"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    _id("kid", key=True),
    Column("algorithm", Text, nullable=False),
    Column("private_pem", Text, nullable=False),
    _time("created_at"),
    _time("retired_at", optional=True),
    _attributes(),
)

resets = Table(
    "resets",
    metadata,
    # The hash is the key: the token itself is handed over once and never stored.
    _id("secret_hash", key=True),
    _id("user_id"),
    _time("created_at"),
    _time("expires_at", optional=True),
    _time("used_at", optional=True),
    _attributes(),
)

meta = Table("meta", metadata, _id("key", key=True), Column("value", Text, nullable=False))
