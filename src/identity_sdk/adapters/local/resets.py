"""Password resets: a token goes out through the application's own channel, and works once."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from anyio import to_thread
from sqlalchemy import Connection

from identity_sdk.adapters.local import keys, purge, throttle
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.models import is_active, kind_of
from identity_sdk.adapters.local.principal import belongs, generation
from identity_sdk.errors import AuthenticationError, NotSupportedError
from identity_sdk.secrets import Secret
from identity_sdk.store.queries import PasswordRow, ResetRow, UserRow, passwords, resets, users

__all__ = ["RESET_LIFE", "OnReset", "PasswordReset", "Resets"]

RESET_LIFE: Final = 3600.0
"""Seconds that a reset token works."""

NO_CHANNEL: Final = "there is no channel for the reset token: give Local(on_reset=…) a function that sends it"

log = logging.getLogger("identity_sdk.local")


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """What ``on_reset`` gets, once for each person of the address.

    Attributes:
        user_id: whose password the token sets.
        email: where to send it.
        token: what ``credentials.reset_password`` takes; a secret.
        expires_at: UTC.
    """

    user_id: str
    email: str
    token: Secret
    expires_at: datetime


OnReset: TypeAlias = Callable[[PasswordReset], "Awaitable[None] | None"]
"""Sends a reset token. A sync function runs in a worker thread.

It should only put the message into a queue: how long it takes, a caller could measure, and so learn who exists. What it
raises is logged by its type and goes no further, for the same reason.
"""


class Resets:
    """The two halves of a password reset."""

    def __init__(self, desk: Desk, on_reset: OnReset | None) -> None:
        self._desk = desk
        self._on_reset = on_reset

    async def request(self, email: str) -> None:
        """Make tokens and hand them over, after the transaction.

        Raises:
            NotSupportedError: there is no ``on_reset``.
        """
        if self._on_reset is None:
            raise NotSupportedError(NO_CHANNEL, provider="local")

        def work(conn: Connection, now: float) -> list[PasswordReset]:
            found = users.find(conn, email=email)
            people = [user for user in found if kind_of(user) == "human" and is_active(user)]
            return [_make(conn, user, email, now) for user in people]

        for reset in await self._desk.public_write(work):
            await self._hand_over(self._on_reset, reset)

    async def _hand_over(self, on_reset: OnReset, reset: PasswordReset) -> None:
        try:
            if inspect.iscoroutinefunction(on_reset):
                await on_reset(reset)
                return
            # In a tuple: trio takes a thread that answers a coroutine for a mistake.
            (answer,) = await to_thread.run_sync(lambda: (on_reset(reset),))
            if answer is not None:
                await answer
        except Exception as error:  # the application's own: to raise it would tell that the address is known
            log.error("on_reset failed for user %r: %s", reset.user_id, type(error).__name__)

    async def redeem(self, token: Secret, password: Secret) -> None:
        """Set the password.

        Raises:
            AuthenticationError: the token is unknown, was used, or has expired.
        """

        def alive(conn: Connection, now: float) -> bool:
            return _find(conn, token, now) is not None

        refused = AuthenticationError(
            "the reset token is not accepted: unknown, used or expired", provider="local"
        )
        if not await self._desk.public_read(alive):  # hashing is dear: not for anybody who asks
            raise refused
        hashed = await self._desk.core.passwords.hash(password)

        def work(conn: Connection, now: float) -> bool:
            user = _find(conn, token, now)
            if user is None:
                return False
            purge.sign_out(conn, user.id, now)  # takes all reset tokens of the user with it
            row = PasswordRow(
                user_id=user.id,
                created_at=now,
                password_hash=hashed.reveal(),
                attributes={"uid": generation(user)},
            )
            passwords.put(conn, row)
            throttle.clear(conn, throttle.user(user.id))
            return True

        if not await self._desk.public_write(work):
            raise refused


def _make(conn: Connection, user: UserRow, email: str, now: float) -> PasswordReset:
    token = keys.new_secret(keys.RESET)
    resets.remove(conn, user_id=user.id)  # the newest one counts
    row = ResetRow(
        user_id=user.id,
        created_at=now,
        secret_hash=keys.hash_of(token),
        expires_at=now + RESET_LIFE,
        attributes={"uid": generation(user)},
    )
    resets.insert(conn, row)
    return PasswordReset(user.id, email, token, datetime.fromtimestamp(now + RESET_LIFE, UTC))


def _find(conn: Connection, token: Secret, now: float) -> UserRow | None:
    """The user of a living reset token."""
    row = resets.get(conn, keys.hash_of(token))
    if row is None or row.used_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    user = users.get(conn, row.user_id)
    if user is None or not is_active(user) or not belongs(row.attributes, row.created_at, user):
        return None
    return user
