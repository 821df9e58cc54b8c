"""``idp.sessions`` of the embedded provider."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from identity_sdk.adapters.local import keys, purge, signin
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.issuing import narrowed, new_session
from identity_sdk.adapters.local.models import LocalSession, session_of, text_of, utc
from identity_sdk.adapters.local.principal import MAX_DEPTH, Principal, by_key, find_session
from identity_sdk.adapters.local.reading import expect_user
from identity_sdk.adapters.local.rules import (
    MAX_ID,
    as_secret,
    check_id,
    check_lifetime,
    check_scopes,
    check_text,
    name_of,
)
from identity_sdk.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import AuthMethod, Ended, Session
from identity_sdk.resources.base import supports
from identity_sdk.resources.sessions import Sessions
from identity_sdk.secrets import Secret
from identity_sdk.store.queries import sessions
from identity_sdk.wire.call import Sender

__all__ = ["LocalSessions"]

METHODS = (
    AuthMethod(id="password", name="user id and password, with code= where the user has an authenticator"),
    AuthMethod(id="access_key", name="access key id and secret"),
    AuthMethod(id="api_key", name="API key"),
)


class LocalSessions(Sessions):
    """Sessions live up to 12 hours, and never longer than the key that they were got by."""

    provider = "local"

    def __init__(self, sender: Sender, desk: Desk) -> None:
        super().__init__(sender)
        self._desk = desk

    @supports()
    def methods(self) -> Listing[AuthMethod]:
        async def fetch(cursor: str | None, size: int | None) -> Page[AuthMethod]:
            return page_of(METHODS, cursor, size)

        return Listing(fetch)

    @supports(refuses={"state": "nobody is sent elsewhere to sign in, so there is no OAuth callback"})
    async def create(
        self,
        method: str,
        *,
        identifier: str | None = None,
        secret: Secret | str | None = None,
        code: str | None = None,
        state: str | None = None,
    ) -> LocalSession:
        """Signs in by ``"password"`` (user id), ``"access_key"`` (key id) or ``"api_key"`` (no identifier needed)."""
        if secret is not None:
            secret = as_secret(secret, "secret")
        if method not in {known.id for known in METHODS}:
            known = ", ".join(each.id for each in METHODS)
            raise NotSupportedError(f"local has no method {method!r}: it knows {known}", provider="local")
        if secret is None:
            raise InvalidRequestError(f"{method} needs secret=", fields={"secret": "missing"})
        if method == "api_key" and identifier is None:
            identifier = keys.api_key_id(secret) or "?"
        if identifier is None:
            raise InvalidRequestError(f"{method} needs identifier=", fields={"identifier": "missing"})
        if code is not None:
            check_text(code, "code", MAX_ID)
            if method != "password":
                raise InvalidRequestError(f"{method} takes no code", fields={"code": "unexpected"})
        if method == "password":
            return await signin.by_password(self._desk, identifier, secret, code)
        return await self._by_key(method, identifier, secret)

    async def _by_key(self, kind: str, id: str, secret: Secret) -> LocalSession:
        def work(conn: Connection, now: float) -> LocalSession:
            who = by_key(conn, kind, id, secret, now)
            return new_session(conn, who.user, kind, now, who.bond, until=who.expires_at)

        return await self._desk.public_write(work)

    @supports()
    async def current(self) -> LocalSession:
        """For a client that speaks by a key or a token: what that amounts to, with the key's or token's own id."""
        return await self._desk.read(lambda tx: _of(tx.who))

    @supports()
    async def constrain(self, scopes: Sequence[str], *, lifetime: float | None = None) -> LocalSession:
        """``scopes`` are patterns of actions (``"users:Get"``, ``"groups:*"``); ``["*"]`` only shortens the life.

        The new session ends with the one that it was made from.
        """
        wanted = check_scopes(scopes)
        check_lifetime(lifetime)
        if not wanted:
            raise InvalidRequestError(
                'an empty list of scopes would mean everything: say ["*"]', fields={"scopes": "empty"}
            )

        def work(tx: Tx) -> LocalSession:
            tx.require("sessions:Constrain", name_of("sessions", tx.who.id))
            who = tx.who
            if _depth(tx, who) >= MAX_DEPTH:
                raise ConflictError(
                    f"sessions hang on one another {MAX_DEPTH} deep at most", provider="local"
                )
            until = _earlier(who.expires_at, tx.now, lifetime)
            limits = narrowed(who, wanted)
            return new_session(tx.conn, who.user, "constrained", tx.now, who.bond, scopes=limits, until=until)

        return await self._desk.write(work)

    @supports()
    async def impersonate(self, user: str) -> LocalSession:
        """An hour as a local user, for root or who may ``sessions:Impersonate``; the actor stays on record."""
        check_id(user, "user")

        def work(tx: Tx) -> LocalSession:
            tx.require("sessions:Impersonate", name_of("users", user))
            tx.guard_root(user, "act as itself")
            row = expect_user(tx.conn, user)
            if _depth(tx, tx.who) >= MAX_DEPTH:
                raise ConflictError(
                    f"sessions hang on one another {MAX_DEPTH} deep at most", provider="local"
                )
            return new_session(
                tx.conn,
                row,
                "impersonation",
                tx.now,
                tx.who.bond,
                scopes=tx.who.scopes,
                until=tx.who.expires_at,
                actor=tx.who.user,
            )

        return await self._desk.write(work)

    @supports()
    async def end(self, session: Session | None = None) -> Ended:
        """Also ends the sessions made from it and the tokens issued to it.

        A client that speaks by a key, or as the embedded root principal, has no session to end:
        ``Ended(server_side=False)``. One that speaks by a token ends the session that the token was issued to, or else
        the token and all of its family.
        """

        def work(tx: Tx) -> Ended:
            if session is not None:
                return _end_given(tx, session)
            who = tx.who
            own = who.bond.session_id
            row = sessions.get(tx.conn, own) if own is not None else None
            if row is not None:
                purge.end_session(tx.conn, row, tx.now)
            elif who.token is not None:
                purge.end_family(tx.conn, who.id, who.token.family_id, tx.now)
            else:
                return Ended(server_side=False)
            return Ended(server_side=True)

        return await self._desk.write(work)


def _end_given(tx: Tx, session: Session) -> Ended:
    row = None
    if session.token is not None:
        row = find_session(tx.conn, session.token, tx.now)
    check_id(session.id)
    row = row or sessions.get(tx.conn, session.id)
    tx.require("sessions:End", name_of("sessions", row.user_id if row is not None else session.user_id))
    if row is None:
        raise NotFoundError(f"there is no session {session.id!r}", provider="local")
    tx.guard_root(row.user_id, "end its sessions")
    if row.ended_at is None:
        purge.end_session(tx.conn, row, tx.now)
    return Ended(server_side=True)


def _of(who: Principal) -> LocalSession:
    if who.session is not None:
        return session_of(who.session)
    row = who.token or who.credential
    return LocalSession(
        id=row.id if row is not None else who.id,
        user_id=who.id,
        method=who.method,
        created_at=utc(row.created_at) if row is not None else None,
        expires_at=utc(who.expires_at),
        scopes=who.scopes,
    )


def _depth(tx: Tx, who: Principal) -> int:
    depth, at = 0, who.bond.session_id
    while at is not None and depth <= MAX_DEPTH:
        row = sessions.get(tx.conn, at)
        at = text_of(row.attributes, "parent") if row is not None else None
        depth += 1
    return depth


def _earlier(until: float | None, now: float, lifetime: float | None) -> float | None:
    ends = [end for end in (until, now + lifetime if lifetime is not None else None) if end is not None]
    return min(ends, default=None)
