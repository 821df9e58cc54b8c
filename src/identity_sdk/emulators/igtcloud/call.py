"""One request on its way through the server: who is calling, with which session, and what that one may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from identity_sdk.emulators.igtcloud.choices import Choices
from identity_sdk.emulators.igtcloud.directory import PERMISSIONS, Directory, facts, uuid_of
from identity_sdk.emulators.igtcloud.jwt import read_jwt
from identity_sdk.emulators.igtcloud.wire import JSON, Answer, Asked, Refused, apply_mask, dropped, stash
from identity_sdk.store import hash_secret, same
from identity_sdk.store import queries as q

__all__ = ["Call", "Caller", "session_of"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a JWT is of. ``user`` is ``None`` for services, and for users who are gone."""

    claims: JSON
    session: q.SessionRow
    user: q.UserRow | None
    service: q.CredentialRow | None

    @property
    def login(self) -> str:
        return str(self.claims["login"])


@dataclass(slots=True)
class Call:
    """What a handler sees, within one transaction."""

    asked: Asked
    directory: Directory
    choices: Choices
    secret: str
    issuer: str
    caller: Caller | None = None

    @property
    def now(self) -> float:
        return self.directory.now

    @property
    def body(self) -> JSON:
        return self.asked.body

    def id(self, name: str) -> str:
        return self.asked.ids[name]

    @property
    def who(self) -> Caller:
        """Raises:
        Refused: 401: no JWT, or one that is not accepted.
        """
        if self.caller is None:
            self.caller = authenticate(self)
        return self.caller

    @property
    def me(self) -> q.UserRow:
        """The person who is calling.

        Raises:
            Refused: it is a machine, or gone.
        """
        if self.who.user is None and self.who.service is None:
            raise self.directory.missing("User")
        if self.who.user is None:
            raise Refused(400, "Only users have a profile")
        return self.who.user

    def admit(self, *, write: bool) -> None:
        """Raises:
        Refused: 401: no good JWT, or for a write not the CSRF token of its login.
        """
        held = self.who.session.attributes.get("csrf")
        given = hash_secret(self.asked.headers.get("x-csrf-token", ""))
        if write and not (isinstance(held, str) and same(held, given)):
            raise Refused(401, "CSRF double submit tokens do not match")

    def permissions(self) -> list[str]:
        if self.who.service is not None:
            return ["project.write"]  # services upload, and nothing else
        return [] if self.who.user is None else self.directory.permissions(self.who.user.id)

    def require(self, permission: str) -> None:
        """Raises:
        Refused: 403: the caller may not.
        """
        assert permission in PERMISSIONS
        if permission not in self.permissions():
            raise Refused(403, f"Missing permission {permission}")

    def show(self, value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """An answer under the mask that the request names."""
        mask = self.asked.headers.get("x-fields", "")
        if mask and self.choices.mask == "taken":
            value = apply_mask(value, mask)
        return stash(dropped(value) if self.choices.absent == "omitted" else value, status, headers)

    def done(self) -> Answer:
        """A write that answers nothing."""
        return Answer(204) if self.choices.done == 204 else stash(None)


Handler = Callable[[Call], Answer]


def session_of(call: Call, text: str) -> tuple[JSON, q.SessionRow] | None:
    """The claims and the session of a JWT of ours that was not ended, though it may have run out."""
    claims = read_jwt(text, call.secret)
    if claims is None:
        return None
    session = q.sessions.get(call.directory.conn, str(claims.get("sid")))
    return None if session is None or session.ended_at is not None else (claims, session)


def authenticate(call: Call) -> Caller:
    text = call.asked.headers.get("x-jwt", "")
    found = session_of(call, text) if text else None
    if found is None or cast("float", found[0]["exp"]) <= call.now:
        raise Refused(401, "Missing or invalid token")
    claims, session = found
    user = call.directory.by_login(session.user_id)
    if user is not None and uuid_of(user) != claims["uid"]:
        user = None  # somebody else, to whom the name was given anew
    service = call.directory.service_by_name(session.user_id) if claims["kind"] == "Service" else None
    gone = user is None if claims["kind"] == "User" else service is None
    if (gone and call.choices.orphaned == "dead") or (user is not None and facts(user).get("disabled")):
        raise Refused(401, "The user of this token is gone")
    return Caller(claims, session, user if claims["kind"] == "User" else None, service)
