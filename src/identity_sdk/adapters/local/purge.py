"""Ending things for good: what goes together goes in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from identity_sdk.adapters.local import throttle
from identity_sdk.adapters.local.models import text_of, utc
from identity_sdk.adapters.local.principal import access_expiry
from identity_sdk.adapters.local.signing import ACCESS_LIFE
from identity_sdk.models import Residual
from identity_sdk.store import tables
from identity_sdk.store.queries import (
    SessionRow,
    attachments,
    credentials,
    memberships,
    passwords,
    resets,
    sessions,
    tokens,
    totp,
)

__all__ = [
    "end_credential",
    "end_family",
    "end_session",
    "purge_group",
    "purge_policy",
    "purge_user",
    "residual",
    "sign_out",
    "vacuum",
]


def residual(conn: Connection, now: float, **equal: str) -> tuple[Residual, ...]:
    """Access tokens, revoked ones too, that pass where they are verified offline until they expire."""
    alive = [row for row in tokens.find(conn, limit=None, **equal) if access_expiry(row) > now]
    if not alive:
        return ()
    last = max(access_expiry(row) for row in alive)
    what = f"{len(alive)} access token(s), only where they are verified offline"
    return (Residual(what=what, id=alive[0].id if len(alive) == 1 else None, until=utc(last)),)


def purge_user(conn: Connection, user: str) -> None:
    """Take away everything of a user: whoever gets the name next inherits nothing."""
    for table in (credentials, passwords, totp, sessions, tokens, resets, memberships):
        table.remove(conn, user_id=user)
    attachments.remove(conn, subject_type="user", subject_id=user)
    throttle.clear(conn, throttle.user(user))


def purge_group(conn: Connection, group: str) -> None:
    """Take away a group's memberships and attachments."""
    memberships.remove(conn, group_id=group)
    attachments.remove(conn, subject_type="group", subject_id=group)


def purge_policy(conn: Connection, policy: str) -> None:
    """Detach a policy everywhere."""
    attachments.remove(conn, policy_id=policy)


def sign_out(conn: Connection, user: str, now: float) -> None:
    """End all sessions and tokens of a user, and its pending password resets; keys stay."""
    sessions.change(conn, {"ended_at": now}, user_id=user, ended_at=None)
    tokens.change(conn, {"revoked_at": now}, user_id=user, revoked_at=None)
    resets.remove(conn, user_id=user)


def end_session(conn: Connection, session: SessionRow, now: float) -> None:
    """End a session, those that were made from it, and the tokens issued to them."""
    doomed = [session]
    alive = sessions.find(conn, user_id=session.user_id, ended_at=None)
    while doomed:
        row = doomed.pop()
        sessions.update(conn, row.id, ended_at=now)
        tokens.change(conn, {"revoked_at": now}, user_id=row.user_id, session_id=row.id, revoked_at=None)
        doomed += [each for each in alive if text_of(each.attributes, "parent") == row.id]


def end_family(conn: Connection, user: str, family: str, now: float) -> None:
    """Revoke all tokens that came from one ``issue``, and end the sessions that were made by them."""
    tokens.change(conn, {"revoked_at": now}, family_id=family, revoked_at=None)
    for session in sessions.find(conn, user_id=user, ended_at=None):
        if text_of(session.attributes, "family") == family:
            end_session(conn, session, now)


def end_credential(conn: Connection, user: str, credential: str, now: float) -> None:
    """Delete a key with the sessions and tokens that were got by it."""
    for session in sessions.find(conn, user_id=user, credential_id=credential, ended_at=None):
        end_session(conn, session, now)
    tokens.change(conn, {"revoked_at": now}, user_id=user, credential_id=credential, revoked_at=None)
    credentials.delete(conn, credential)


def vacuum(conn: Connection, now: float) -> dict[str, int]:
    """Delete what is dead and no longer needed to tell a dead thing from an unknown one."""
    gone = now - ACCESS_LIFE
    s, t, r, c = tables.sessions.c, tables.tokens.c, tables.resets.c, tables.credentials.c
    return {
        "sessions": sessions.remove(conn, (s.ended_at <= gone) | (s.expires_at <= gone)),
        "tokens": tokens.remove(conn, t.expires_at <= gone),
        "resets": resets.remove(conn, r.expires_at <= now),
        "credentials": credentials.remove(conn, c.expires_at <= gone),
    }
