"""What signing in answers: a session, a challenge (206), or a session that wants a new password (221)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field

from identity_sdk.adapters.argus.models import Answer, Authorization, Milliseconds, Names, Quiet
from identity_sdk.errors import ProtocolError
from identity_sdk.secrets import Secret

__all__ = [
    "Challenge",
    "Outcome",
    "PasswordChangeRequired",
    "RequestCredentials",
    "SessionInfo",
    "SignIn",
    "SignInData",
    "SignedIn",
    "cookie_of",
]

SESSION_COOKIE = "argus_session"
CHALLENGED = 206
PASSWORD_CHANGE = 221


def _listed(value: object) -> object:
    return () if value is None else value


class RequestCredentials(Quiet):
    """How the session is used: ``data`` is its token."""

    data: Secret | None = Field(None, validation_alias="requestCredentialsData")
    type: str | None = Field(None, validation_alias="requestCredentialsType")
    client_ip: str | None = Field(None, validation_alias="clientIP")


class SignInData(RequestCredentials):
    """All that the three generations of the API answer: RequestCredentials (``/authenticate`` today), the older
    LegacySessionDescriptor (its superset, also of 221), AuthenticationResponse (``/authentication``), or a challenge.
    """

    credentials: RequestCredentials | None = None
    session_key: Secret | None = Field(None, validation_alias="sessionKey")
    authorizations: Annotated[tuple[Authorization, ...], BeforeValidator(_listed)] = ()
    username: str | None = None
    cookie: Secret | None = None
    user_number: int | None = Field(None, validation_alias="userID")
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    valid_until: Milliseconds = Field(None, validation_alias="validUntilTimestamp")
    authentication_method: str | None = Field(None, validation_alias="authenticationMethod")
    security_level: str | None = Field(None, validation_alias="securityLevel")
    constrained: bool | None = None
    read_only: bool | None = Field(None, validation_alias="readOnly")
    impersonating_user_number: int | None = Field(None, validation_alias="impersonatingUserID")
    failed: bool | None = None
    message: str | None = None
    suppressed: Names = ()
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session.

    Attributes:
        token: for ``Authorization: Bearer``.
        cookie: the value of the cookie ``argus_session``.
        session_key: base64; signs the CSRF token that the cookie needs. ``None`` on the older paths.
        username: who, where the answer says it.
    """

    token: Secret
    cookie: Secret
    session_key: Secret | None = None
    username: str | None = None
    created_at: datetime | None = None
    valid_until: datetime | None = None
    method: str | None = None
    authorizations: tuple[Authorization, ...] = ()


@dataclass(frozen=True, slots=True)
class PasswordChangeRequired:
    """221: there is a session, and the user must change the password first."""

    session: SignedIn


@dataclass(frozen=True, slots=True)
class Challenge:
    """206: no session yet. A TOTP code that was used before (wait for the next), or the first step of SMS."""

    message: str | None = None
    failed: bool = False
    username: str | None = None
    mode: str | None = None
    suppressed: tuple[str, ...] = ()
    cookie: Secret | None = None


Outcome: TypeAlias = SignedIn | PasswordChangeRequired | Challenge


class SignIn(Answer[SignInData | None]):
    """The answer of a sign-in; :attr:`outcome` says what came of it."""

    @property
    def outcome(self) -> Outcome:
        """A :class:`SignedIn`, a :class:`PasswordChangeRequired` (221) or a :class:`Challenge` (206).

        Raises:
            ProtocolError: success, and no session token in it.
        """
        data = self.data
        if self.status == CHALLENGED:
            if data is None:
                return Challenge(message=self.messages[0].message if self.messages else None)
            return Challenge(
                data.message, bool(data.failed), data.username, data.mode, data.suppressed, data.cookie
            )
        token = None
        if data is not None:
            told = data.credentials.data if data.credentials is not None else None
            token = told or data.data or data.cookie
        if data is None or not token:
            raise ProtocolError("the server answered success, and no session token", provider="argus")
        session = SignedIn(
            token=token,
            cookie=cookie_of(self.cookies, SESSION_COOKIE) or data.cookie or token,
            session_key=data.session_key,
            username=data.username,
            created_at=data.created_at,
            valid_until=data.valid_until,
            method=data.authentication_method,
            authorizations=data.authorizations,
        )
        return PasswordChangeRequired(session) if self.status == PASSWORD_CHANGE else session


class SessionInfo(Quiet):
    """``GET /session``: the session of the caller. It names neither its user nor an id."""

    authentication_method: str | None = Field(None, validation_alias="authenticationMethod")
    client_ip: str | None = Field(None, validation_alias="clientIP")
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    updated_at: Milliseconds = Field(None, validation_alias="timestamp")
    valid_until: Milliseconds = Field(None, validation_alias="validUntilTimestamp")
    security_level: str | None = Field(None, validation_alias="securityLevel")
    session_key: Secret | None = Field(None, validation_alias="sessionKey")
    read_only: bool | None = Field(None, validation_alias="readOnly")
    password_not_set: bool | None = Field(None, validation_alias="passwordNotSet")


def cookie_of(lines: tuple[str, ...], name: str) -> Secret | None:
    """The value that ``Set-Cookie`` lines (RFC 6265 section 4.1) give a cookie, if any."""
    for line in lines:
        try:
            cookie = SimpleCookie(line)
        except CookieError:
            continue
        if name in cookie and cookie[name].value:
            return Secret(cookie[name].value)
    return None
