"""Time-based one-time passwords (RFC 6238): six digits, SHA-1, 30 seconds; a code works once."""

from __future__ import annotations

import hmac
from typing import Final

from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import Connection

from identity_sdk.adapters.local.keys import new_id
from identity_sdk.adapters.local.principal import belongs, generation
from identity_sdk.errors import ConflictError
from identity_sdk.secrets import Secret
from identity_sdk.store.queries import TotpRow, UserRow, totp

__all__ = ["accept", "confirmed", "enrol", "uri_of"]

STEP: Final = 30
WINDOW: Final = 1
"""Steps before and after the present one that are accepted, since clocks differ (RFC 6238 section 5.2)."""
MOST: Final = 5
ISSUER: Final = "identity-sdk"


def enrol(conn: Connection, user: UserRow, name: str | None, now: float) -> TotpRow:
    """A new secret that waits for its first code. One that waited before is given up.

    Raises:
        ConflictError: the user has 5 already.
    """
    totp.remove(conn, user_id=user.id, confirmed=False)
    if totp.count(conn, user_id=user.id) >= MOST:
        raise ConflictError(f"a user has at most {MOST} authenticators: delete one first", provider="local")
    row = TotpRow(
        id=new_id("TOTP"),
        user_id=user.id,
        created_at=now,
        secret=random_base32(),
        attributes={"uid": generation(user), "name": name},
    )
    totp.insert(conn, row)
    return row


def uri_of(row: TotpRow) -> Secret:
    """What an authenticator's camera reads (``otpauth://``); it holds the secret."""
    return Secret(TOTP(row.secret).provisioning_uri(name=row.user_id, issuer_name=ISSUER))


def confirmed(conn: Connection, user: UserRow) -> list[TotpRow]:
    """The authenticators that this user has to use."""
    rows = totp.find(conn, user_id=user.id, confirmed=True)
    return [row for row in rows if belongs(row.attributes, row.created_at, user)]


def accept(conn: Connection, row: TotpRow, code: str, now: float) -> bool:
    """Use up a code; in a writing transaction, so that of two who show it at once one is refused."""
    present = int(now // STEP)
    clock = TOTP(row.secret)
    found: int | None = None
    for step in range(present - WINDOW, present + WINDOW + 1):  # all of them, so that the time tells nothing
        right = hmac.compare_digest(
            clock.generate_otp(max(step, 0)).encode(), code.encode("utf-8", "replace")
        )
        if right and (row.last_step is None or step > row.last_step) and step >= 0:
            found = step
    if found is None:
        return False
    totp.update(conn, row.id, last_step=found)
    return True
