"""Making sessions and tokens: what they hang on, how long they live, what they are limited to."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from identity_sdk.adapters.local import keys, signing
from identity_sdk.adapters.local.evaluate import covers
from identity_sdk.adapters.local.models import LocalSession, LocalToken, session_of, token_of
from identity_sdk.adapters.local.principal import Bond, Principal, generation
from identity_sdk.adapters.local.signing import ACCESS_LIFE
from identity_sdk.errors import PermissionDeniedError
from identity_sdk.store.queries import SessionRow, TokenRow, UserRow, sessions, tokens

__all__ = ["narrowed", "new_session", "new_token"]

SESSION_LIFE: Final = 12 * 3600.0
"""Seconds that a session lives at most."""
IMPERSONATION_LIFE: Final = 3600.0
"""Seconds that a session as somebody else lives at most."""
REFRESH_LIFE: Final = 30 * 86400.0
"""Seconds after ``issue`` until the last refresh token of its family ends; refreshing does not put it off."""


def narrowed(who: Principal, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """``scopes``, if they lie within those of the caller; none asked for: the caller's own.

    Raises:
        PermissionDeniedError: they reach further.
    """
    if not scopes:
        return who.scopes
    beyond = [scope for scope in scopes if who.scopes and not covers(who.scopes, scope)]
    if beyond:
        raise PermissionDeniedError(
            f"this session or token is limited, and cannot hand on {', '.join(beyond)}", provider="local"
        )
    return scopes


def new_session(
    conn: Connection,
    user: UserRow,
    method: str,
    now: float,
    bond: Bond,
    *,
    scopes: tuple[str, ...] = (),
    until: float | None = None,
    actor: UserRow | None = None,
) -> LocalSession:
    """A new session, which ends no later than ``until`` and what it hangs on."""
    token = keys.new_secret(keys.SESSION)
    longest = SESSION_LIFE if actor is None else IMPERSONATION_LIFE
    attributes: dict[str, object] = {"uid": generation(user), "method": method, "scopes": list(scopes)}
    if bond.session_id is not None:
        attributes["parent"] = bond.session_id
    if bond.family_id is not None:
        attributes["family"] = bond.family_id
    if actor is not None:
        attributes.update(actor=actor.id, actor_uid=generation(actor))
    row = SessionRow(
        id=keys.new_id("S"),
        user_id=user.id,
        created_at=now,
        credential_id=bond.credential_id,
        secret_hash=keys.hash_of(token),
        expires_at=min(now + longest, until if until is not None else now + longest),
        attributes=attributes,
    )
    sessions.insert(conn, row)
    return session_of(row, token)


def new_token(
    conn: Connection,
    user: UserRow,
    now: float,
    bond: Bond,
    *,
    scopes: tuple[str, ...],
    lifetime: float | None,
    until: float,
) -> LocalToken:
    """An access token, and the refresh token that gets the next one; both end no later than ``until``."""
    id, family = keys.new_id("T"), bond.family_id or keys.new_id("F")
    refresh = keys.new_secret(keys.REFRESH)
    # Whole seconds, as in the token itself; rounded down, so that nothing outlives what it hangs on.
    expires = int(min(now + (lifetime or ACCESS_LIFE), until))
    claims: dict[str, object] = {"sub": user.id, "jti": id, "exp": expires}
    if scopes:
        claims["scope"] = " ".join(scopes)
    if bond.session_id is not None:
        claims["sid"] = bond.session_id
    row = TokenRow(
        id=id,
        family_id=family,
        user_id=user.id,
        created_at=now,
        session_id=bond.session_id,
        credential_id=bond.credential_id,
        secret_hash=keys.hash_of(refresh),
        expires_at=until,
        attributes={
            "uid": generation(user),
            "scopes": list(scopes),
            "access_expires_at": expires,
            "lifetime": lifetime,
        },
    )
    tokens.insert(conn, row)
    return token_of(row, signing.sign(conn, now, claims), refresh)
