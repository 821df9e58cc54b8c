"""Signing in by password, with the second factor where the user has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from identity_sdk.adapters.local import throttle, totp
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.issuing import new_session
from identity_sdk.adapters.local.models import LocalSession, is_active, kind_of
from identity_sdk.adapters.local.principal import Bond, belongs, generation
from identity_sdk.adapters.local.rules import is_id
from identity_sdk.errors import AuthenticationError, ChallengeRequiredError
from identity_sdk.secrets import Secret
from identity_sdk.store import same
from identity_sdk.store.queries import PasswordRow, UserRow, passwords, users

__all__ = ["by_password"]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The user as it was when its password was checked; all of it is held against the user who signs in."""

    user: UserRow
    password: PasswordRow


async def by_password(desk: Desk, identifier: str, secret: Secret, code: str | None) -> LocalSession:
    """A session for the user of this password.

    Raises:
        AuthenticationError: refused; nothing says which part was wrong, nor does the time that it took.
        ChallengeRequiredError: the password is right, and a code is wanted.
        RateLimitedError: too many failures for this name, whether it exists or not.
    """
    async with desk.core.passwords.slot():
        # Read inside the slot: of many who try at once, no more than there are CPUs can miss a failure of another.
        candidate = await desk.public_read(lambda conn, now: _candidate(conn, identifier, now))
        hashed = None if candidate is None else Secret(candidate.password.password_hash)
        right = await desk.core.passwords.verify(hashed, secret)

        def work(conn: Connection, now: float) -> LocalSession | Literal["refused", "totp"]:
            throttle.check(conn, throttle.user(identifier), now)
            user = _still(conn, candidate) if right else None
            told = "refused" if user is None else _second_factor(conn, user, code, now)
            if told == "refused":
                throttle.count_failure(conn, throttle.user(identifier), now)
            if user is None or told is not None:
                return told or "refused"
            throttle.clear(conn, throttle.user(identifier))
            return new_session(conn, user, "password", now, Bond())

        outcome = await desk.public_write(work)
    if isinstance(outcome, LocalSession):
        return outcome
    # Raised here: a failure has to be counted, so the transaction must not be undone.
    if outcome == "totp":
        raise ChallengeRequiredError(
            "a code of the authenticator is wanted: give code=", challenge="totp", provider="local"
        )
    raise AuthenticationError("the sign-in is refused", provider="local")


def _candidate(conn: Connection, identifier: str, now: float) -> _Candidate | None:
    throttle.check(conn, throttle.user(identifier), now)
    user = users.get(conn, identifier) if is_id(identifier) else None
    password = passwords.get(conn, user.id) if user is not None else None
    if user is None or password is None or not is_active(user) or kind_of(user) != "human":
        return None
    return _Candidate(user, password) if belongs(password.attributes, password.created_at, user) else None


def _still(conn: Connection, candidate: _Candidate | None) -> UserRow | None:
    """The user, if between check and now neither it nor its password was changed."""
    user = users.get(conn, candidate.user.id) if candidate is not None else None
    password = passwords.get(conn, user.id) if user is not None else None
    if candidate is None or user is None or password is None or not is_active(user):
        return None
    unchanged = same(password.password_hash, candidate.password.password_hash)
    if not unchanged or generation(user) != generation(candidate.user):
        return None
    return user


def _second_factor(
    conn: Connection, user: UserRow, code: str | None, now: float
) -> Literal["refused", "totp"] | None:
    """``None`` where nothing more is wanted. A code that nobody asked for is a wrong one."""
    authenticators = totp.confirmed(conn, user)
    if code is None:
        return "totp" if authenticators else None
    return None if any(totp.accept(conn, row, code, now) for row in authenticators) else "refused"
