"""What nobody could measure about Argus: each unknown with the choice made, and its plausible alternatives as a switch.

The marks of the wire sheet: everything here is *unknown* there. Whoever learns how the real server does it changes one
default.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from identity_sdk.emulators.choosing import parse_choices

__all__ = ["Choices"]

_ALLOWED: dict[str, tuple[object, ...]] = {
    "created": (201, 200),
    "totp_cookie": ("data", "set-cookie"),
    "count": ("exact", "unknown", "uncounted"),
    "bad_code": (412, 401),
    "wrong_password": (401, 403, 412),
    "bad_csrf": (403, 401),
    "logout_body": ("empty", "envelope"),
    "missing": ("status", "null"),
    "deleted": ("missing", "flagged"),
    "legacy_sign_in": ("descriptor", "credentials"),
    "error_body": ("json", "text", "empty"),
    "duplicate": (412, 409),
    "repeated": ("ok", "refused"),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """One way in which the server may behave.

    Attributes:
        created: the status of what makes something; API keys are documented as 201.
        totp_cookie: where the cookie of a new TOTP generator is.
        count: ``exact``, ``unknown`` (-1, as when counting timed out) or ``uncounted`` (0).
        bad_code: the status of a wrong code at the verification of a generator.
        wrong_password: the status where a password proves who asks, and is wrong.
        bad_csrf: the status of a missing, old or wrong CSRF token.
        logout_body: ``{}`` or an envelope.
        missing: 404, or 200 with ``data: null``.
        deleted: whether a single read finds a deleted object, flagged.
        legacy_sign_in: ``/authenticate`` answers the older descriptor, or RequestCredentials alone.
        error_body: an envelope, text, or nothing.
        duplicate: the status where a short name is taken.
        repeated: whether a second membership or removal is taken, or refused by 412.
        page: the most items of a page; 0 for as many as asked.
        session_life, session_idle: seconds.
        csrf_window: seconds that a CSRF token may be off.
        key_days: days that an API key lives unless told.
        failures: wrong passwords in a row that block a user; 0 for never.
        code_length: digits of a TOTP code.
    """

    created: int = 201
    totp_cookie: str = "data"
    count: str = "exact"
    bad_code: int = 412
    wrong_password: int = 401
    bad_csrf: int = 403
    logout_body: str = "empty"
    missing: str = "status"
    deleted: str = "missing"
    legacy_sign_in: str = "descriptor"
    error_body: str = "json"
    duplicate: int = 412
    repeated: str = "ok"
    page: int = 0
    session_life: float = 8 * 3600.0
    session_idle: float = 1800.0
    csrf_window: float = 300.0
    key_days: int = 90
    failures: int = 10
    code_length: int = 6

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Choices:
        """Read ``name=value`` lines, as ``idp serve argus --choice`` takes them.

        Raises:
            ConfigurationError: there is no such choice, or no such alternative.
        """
        return parse_choices(cls(), lines, _ALLOWED)
