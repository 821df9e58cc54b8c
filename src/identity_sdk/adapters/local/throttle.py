"""What keeps passwords and six-digit codes from being guessed.

Failures are counted by the name that was tried, whether there is such a user or not, so that the count tells nobody
who exists. The first 5 failures cost nothing; then each next try has to wait: 1 s, 2 s, 4 s … up to an hour. A
success, a password that is set anew, and a day without a failure begin again at none. With a code right by chance in 3
of 1,000,000 tries, a guesser who knows the password already gets some 24 tries a day. The price: whoever knows a user's
id can make the user wait as well.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import Connection, delete

from identity_sdk.errors import RateLimitedError
from identity_sdk.store import tables
from identity_sdk.store.queries import get_meta, set_meta

__all__ = ["check", "clear", "count_failure", "enrolment", "user"]

FREE: Final = 5
LONGEST: Final = 3600.0
FORGET: Final = 86400.0

_PREFIX = "local.failures:"
_END = "local.failures;"  # the first key after all that start with the prefix


def user(id: str) -> str:
    """The name under which sign-ins by password are counted."""
    return f"user {id}"


def enrolment(id: str) -> str:
    """The name under which tries to confirm an authenticator are counted."""
    return f"enrolment {id}"


def check(conn: Connection, name: str, now: float) -> None:
    """Let a try pass.

    Raises:
        RateLimitedError: too many failures; ``retry_after`` tells in how many seconds the next try counts.
    """
    failures, last = _read(conn, name)
    if failures < FREE or last + FORGET <= now:
        return
    wait = last + min(2.0 ** (failures - FREE), LONGEST) - now
    if wait > 0:
        raise RateLimitedError(
            f"too many failed attempts: try again in {wait:.0f} s", retry_after=wait, provider="local"
        )


def count_failure(conn: Connection, name: str, now: float) -> None:
    """Remember a failure, and forget those of a day ago."""
    table = tables.meta
    old = f"{now - FORGET:017.3f}~"  # after the blank and the count that follow the time in a value
    conn.execute(delete(table).where(table.c.key >= _PREFIX, table.c.key < _END, table.c.value < old))
    failures, _ = _read(conn, name)
    set_meta(conn, _key(name), f"{now:017.3f} {min(failures + 1, FREE + 30)}")


def clear(conn: Connection, name: str) -> None:
    """Begin again at none."""
    conn.execute(delete(tables.meta).where(tables.meta.c.key == _key(name)))


def _read(conn: Connection, name: str) -> tuple[int, float]:
    value = get_meta(conn, _key(name))
    if value is None:
        return 0, 0.0
    last, _, failures = value.partition(" ")
    return int(failures), float(last)


def _key(name: str) -> str:
    return _PREFIX + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
