"""What nobody could measure about IGT Cloud: each unknown with the choice made, and its alternatives as a switch.

No public server exists, and the documents require next to nothing. Whoever learns how the real server does it changes
one default.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from identity_sdk.emulators.choosing import parse_choices

__all__ = ["Choices"]

_ALLOWED: dict[str, tuple[object, ...]] = {
    "created": (201, 200),
    "done": (204, 200),
    "missing": (404, 400),
    "error_body": ("json", "text", "empty"),
    "refresh_csrf": ("same", "other"),
    "cookies": ("two", "folded"),
    "absent": ("omitted", "null"),
    "private_key": ("pem", "bare"),
    "orphaned": ("alive", "dead"),
    "logout": ("false", "401"),
    "mask": ("taken", "ignored"),
}


@dataclass(frozen=True, slots=True)
class Choices:
    """One way in which the server may behave.

    Attributes:
        created: the status of what makes a service, a hospital or a membership (documented: 201).
        done: the status of a write that answers nothing (documented: 204).
        missing: of an unknown user, group or service. 400 is all that the documents list.
        error_body: ``{"message": …}``, text, or nothing.
        refresh_csrf: whether a refresh answers the CSRF token of the login, or another one, which is not accepted.
        cookies: two ``Set-Cookie`` lines, or one into which a proxy has folded both.
        absent: properties that a thing has not: left out, for the official client refuses ``null``; or ``null``, as
            Flask-RESTX marshals them unless told otherwise.
        private_key: a PEM with its line breaks, or without.
        orphaned: whether the JWT of a user who is gone lives on to its end.
        logout: what a logout without a living session answers, unless ``hasExpired``.
        mask: whether ``X-Fields`` is obeyed.
        life: seconds that a JWT lives.
        s3_life: seconds that S3 credentials live.
    """

    created: int = 201
    done: int = 204
    missing: int = 404
    error_body: str = "json"
    refresh_csrf: str = "same"
    cookies: str = "two"
    absent: str = "omitted"
    private_key: str = "pem"
    orphaned: str = "alive"
    logout: str = "false"
    mask: str = "taken"
    life: int = 1800
    s3_life: int = 12 * 3600

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Choices:
        """Read ``name=value`` lines, as ``idp serve igtcloud --choice`` takes them.

        Raises:
            ConfigurationError: there is no such choice, or no such alternative.
        """
        return parse_choices(cls(), lines, _ALLOWED)
