"""Signing in at an OpenID provider, which is a page of the emulator itself that asks nobody anything."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection

from identity_sdk.emulators.auth_service import signing
from identity_sdk.emulators.auth_service.answer import Answer, ApiError, json_answer
from identity_sdk.emulators.auth_service.handlers import Work
from identity_sdk.store import queries as q

__all__ = ["AUTHORIZE", "Session", "Sessions", "authorize", "sign_in"]

AUTHORIZE = "/oauth2/authorize"
COOKIE = "AIOHTTP_SESSION"
_SCOPE = "api email offline_access openid profile"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """What a session cookie holds: a sign-in that was begun, or the refresh token of one that ended."""

    state: str = ""
    nonce: str = ""
    redirection: str = ""
    refresh: str = ""


class Sessions:
    """The cookies. They die with the server: it makes the key of its cookies anew at each start."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Session] = OrderedDict()

    def keep(self, session: Session) -> tuple[str, str]:
        """The ``Set-Cookie`` header of a new cookie."""
        value = secrets.token_urlsafe(48)
        self._held[value] = session
        while len(self._held) > _MOST:
            self._held.popitem(last=False)
        return "Set-Cookie", f"{COOKIE}={value}; HttpOnly; Path=/"

    def find(self, header: str) -> tuple[str, Session]:
        """The session of a ``Cookie`` header."""
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and value in self._held:
                return value, self._held[value]
        return "", Session()

    def end(self, value: str) -> None:
        self._held.pop(value, None)

    def login(self, work: Work, host: str, base_path: str, redirection: str) -> Answer:
        state = "".join(secrets.choice(_LETTERS) for _ in range(30))
        session = Session(state, secrets.token_urlsafe(16), redirection)
        query = {
            "response_type": "code",
            "client_id": "local",
            "redirect_uri": f"http://{host}{base_path}/authSso",
            "scope": _SCOPE,
            "state": state,
            "nonce": session.nonce,
        }
        answer = json_answer(work.face, {"url": f"http://{host}{AUTHORIZE}?{urlencode(query)}"})
        return answer.having(self.keep(session))


def authorize(query: Mapping[str, str]) -> Answer:
    """The provider's page: ``user=`` (``sso-user``) signs in at once, and comes back with a code."""
    back = {
        "state": query.get("state", ""),
        "code": f"{query.get('user', 'sso-user')}|{query.get('nonce', '')}",
        "scope": query.get("scope", ""),
    }
    return Answer(302, (("Location", f"{query.get('redirect_uri', '')}?{urlencode(back)}"),))


def sign_in(work: Work, session: Session, query: Mapping[str, str]) -> tuple[Answer, Session]:
    """Ends a sign-in: all earlier refresh tokens of that user die.

    Raises:
        ApiError: state or code are not those of the session.
    """
    user, _, nonce = query.get("code", "").rpartition("|")
    if not session.state or query.get("state") != session.state or not user or nonce != session.nonce:
        raise ApiError(401, "Invalid session")
    conn: Connection = work.directory.conn
    for row in signing.refresh_tokens(conn, work.now, user):
        q.tokens.update(conn, row.id, revoked_at=work.now)
    token, row = signing.make_refresh(conn, user, work.now, signing.SSO_SECONDS)
    ended = Session(refresh=token)
    if session.redirection:
        text = (("Content-Type", "text/plain; charset=utf-8"), ("Location", session.redirection))
        return Answer(302, text, b"302: Found"), ended
    snapshot = work.directory.snapshot(user)
    tokens = {
        "refreshToken": {"token": token, "expiresAt": signing.iso(row.expires_at or 0)},
        "accessToken": signing.access_token(work.key, snapshot, work.now, signing.ACCESS_SECONDS),
    }
    return work.answer(tokens), ended
