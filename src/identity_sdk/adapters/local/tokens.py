"""``idp.tokens`` of the embedded provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Connection, or_

from identity_sdk.adapters.local import keys, purge, signing
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.issuing import REFRESH_LIFE, narrowed, new_token
from identity_sdk.adapters.local.models import LocalToken, number_of, scopes_of, text_of, token_of, utc
from identity_sdk.adapters.local.principal import (
    Bond,
    access_expiry,
    find_session,
    token_lives,
)
from identity_sdk.adapters.local.reading import expect_user, paged
from identity_sdk.adapters.local.rules import (
    as_secret,
    check_cursor,
    check_id,
    check_lifetime,
    check_scopes,
    is_id,
    name_of,
)
from identity_sdk.adapters.local.signing import ACCESS_LIFE
from identity_sdk.errors import AuthenticationError, InvalidRequestError, NotFoundError
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Claims, Deletion, Token
from identity_sdk.resources.base import supports
from identity_sdk.resources.tokens import Tokens
from identity_sdk.secrets import Secret
from identity_sdk.store import tables
from identity_sdk.store.queries import SessionRow, TokenRow, tokens, users
from identity_sdk.wire.call import Sender

__all__ = ["LocalTokens"]


class LocalTokens(Tokens):
    """Access tokens are JWTs of up to 15 minutes; refresh tokens are random, and each works once.

    A family is all that came from one ``issue``; it ends after 30 days, or with the session or key that it was issued
    to. A refresh token that is shown twice was stolen from one of the two who show it, so its whole family is ended
    (RFC 9700 section 4.14.2): of any number who show it at once one gets a token, and that token is dead as well.
    """

    provider = "local"

    def __init__(self, sender: Sender, desk: Desk, own: Token | None) -> None:
        super().__init__(sender)
        self._desk = desk
        self._own = own

    @supports()
    async def issue(self, *, scopes: Sequence[str] = (), lifetime: float | None = None) -> LocalToken:
        """``scopes`` are patterns of actions; ``lifetime`` is that of the access token, at most 900 seconds.

        Issued by a token, the new one joins its family.
        """
        wanted = check_scopes(scopes)
        check_lifetime(lifetime, ACCESS_LIFE)
        return await self._issue(wanted, lifetime)

    async def _issue(self, wanted: tuple[str, ...], lifetime: float | None) -> LocalToken:
        def work(tx: Tx) -> LocalToken:
            who = tx.who
            tx.require("tokens:Issue", name_of("tokens", who.id))
            until = (
                tx.now + REFRESH_LIFE
                if who.expires_at is None
                else min(who.expires_at, tx.now + REFRESH_LIFE)
            )
            return new_token(
                tx.conn,
                who.user,
                tx.now,
                who.bond,
                scopes=narrowed(who, wanted),
                lifetime=lifetime,
                until=until,
            )

        return await self._desk.write(work)

    @supports()
    def list(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LocalToken]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalToken]:
            start = check_cursor(cursor)
            if user is not None:
                check_id(user, "user")

            def work(tx: Tx) -> Page[LocalToken]:
                id = tx.who.id if user is None else user
                tx.require("tokens:List", name_of("tokens", id))
                expect_user(tx.conn, id)
                alive = _alive(tx.now)
                return paged(
                    lambda n: tokens.page(tx.conn, *alive, after=start, limit=n, user_id=id), size, token_of
                )

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def get(self, token: Token | None = None, *, id: str | None = None) -> LocalToken:
        if (token is None) == (id is None):
            raise InvalidRequestError("give exactly one of token and id=", fields={"id": "exactly one"})
        wanted = check_id(token.id if token is not None else id)

        def work(tx: Tx) -> LocalToken:
            row = tokens.get(tx.conn, wanted)
            if row is None or row.user_id != tx.who.id:
                # Of an id that says nothing of its owner: who may not read all tokens does not learn which exist.
                tx.require("tokens:Get", name_of("tokens", row.user_id if row is not None else "?"))
            if row is None or not token_lives(tx.conn, row, tx.now):
                raise NotFoundError(f"there is no living token {wanted!r}", provider="local")
            return token_of(row)

        return await self._desk.read(work)

    @supports()
    async def refresh(self, token: Token | Secret | str | None = None) -> LocalToken:
        """With nothing given: by the refresh token of the ``Token`` that this client speaks by, else a new family."""
        given = token if token is not None else self._own
        if given is None:
            return await self._issue((), None)
        if isinstance(given, Token):
            if given.refresh_token is None:
                raise InvalidRequestError(
                    "this token holds no refresh token", fields={"token": "no refresh token"}
                )
            secret = given.refresh_token
        else:
            token = given = secret = as_secret(given, "token")

        def work(conn: Connection, now: float) -> LocalToken | Literal["reused", "dead"]:
            row = _by_refresh(conn, secret)
            if row is None or not token_lives(conn, row, now):
                return "dead"
            if row.used_at is not None:
                purge.end_family(conn, row.user_id, row.family_id, now)
                return "reused"
            return _next(conn, row, now)

        outcome = await self._desk.public_write(work)
        if isinstance(outcome, LocalToken):
            return outcome
        # Raised here: that the family is ended must not be undone.
        why = (
            "it is unknown, expired or revoked"
            if outcome == "dead"
            else "it was used before; its family is ended"
        )
        raise AuthenticationError(f"the refresh token is not accepted: {why}", provider="local")

    @supports()
    async def introspect(self, token: Token | Secret | str | None = None) -> Claims:
        """Knows access tokens, refresh tokens and sessions; with nothing given, what this client speaks by."""
        given = await self._value(token)

        def work(tx: Tx) -> Claims:
            found = _living(tx.conn, given, tx.now)
            if found is None:
                return Claims(active=False)
            tx.require("tokens:Introspect", name_of("tokens", found[0]))
            return found[1]

        return await self._desk.read(work)

    async def _value(self, token: Token | Secret | str | None) -> Secret:
        if isinstance(token, Token):
            token = token.value or token.refresh_token
        elif token is None:
            proof = await self._desk.caller.proof(self._sender)
            token = proof if isinstance(proof, Secret) else None
        if token is None:
            raise InvalidRequestError("there is no token to look at: give one", fields={"token": "missing"})
        return as_secret(token, "token", 8192)

    @supports()
    async def verify(self, token: Token | Secret | str, *, audience: str | None = None) -> Claims:
        """Asks no session: a token that was revoked passes until it expires, at most 15 minutes later."""
        if isinstance(token, Token):
            if token.value is None:
                raise InvalidRequestError("this token holds no value", fields={"token": "no value"})
            token = token.value
        secret = token = as_secret(token, "token", 8192)
        claims = await self._desk.public_read(lambda conn, now: signing.read(conn, secret, now))
        if claims is None:
            raise AuthenticationError(
                "the token is forged, expired, or no token of this store", provider="local"
            )
        found = signing.claims_of(claims)
        if audience is not None and audience not in found.audience:
            raise AuthenticationError(f"the token is not for the audience {audience!r}", provider="local")
        return found

    @supports()
    async def revoke(self, token: Token | Secret | str | None = None, *, id: str | None = None) -> Deletion:
        """Ends the whole family of an access or refresh token. One that is dead already is no error (RFC 7009)."""
        if (token is None) == (id is None):
            raise InvalidRequestError("give exactly one of token and id=", fields={"id": "exactly one"})
        wanted, secret = None if id is None else check_id(id), None
        if isinstance(token, Token):
            wanted = check_id(token.id)
        elif token is not None:
            token = secret = as_secret(token, "token", 8192)

        def work(tx: Tx) -> Deletion:
            row = tokens.get(tx.conn, wanted) if wanted is not None else None
            if secret is not None:
                row = _by_refresh(tx.conn, secret) or _by_access(tx.conn, secret, tx.now)
            if row is None or row.user_id != tx.who.id:
                tx.require("tokens:Revoke", name_of("tokens", row.user_id if row is not None else tx.who.id))
            if row is None and wanted is not None:
                raise NotFoundError(f"there is no token {wanted!r}", provider="local")
            if row is None or row.revoked_at is not None:
                return Deletion(id=row.id if row is not None else "", existed=False)
            tx.guard_root(row.user_id, "revoke its tokens")
            left = purge.residual(tx.conn, tx.now, family_id=row.family_id)
            purge.end_family(tx.conn, row.user_id, row.family_id, tx.now)
            return Deletion(id=row.id, residual=left)

        return await self._desk.write(work)


def _alive(now: float) -> list[ColumnElement[bool]]:
    """Tokens whose access token or refresh token still works."""
    table = tables.tokens.c
    usable = or_(table.used_at.is_(None), table.attributes["access_expires_at"].as_float() > now)
    return [table.revoked_at.is_(None), table.expires_at > now, usable]


def _by_refresh(conn: Connection, secret: Secret) -> TokenRow | None:
    found = tokens.find(conn, secret_hash=keys.hash_of(secret), limit=1)
    return found[0] if found else None


def _by_access(conn: Connection, secret: Secret, now: float) -> TokenRow | None:
    claims = signing.read(conn, secret, now)
    return tokens.get(conn, claims["jti"]) if claims is not None and is_id(claims["jti"]) else None


def _next(conn: Connection, row: TokenRow, now: float) -> LocalToken:
    """Rotation: the refresh token is used up, and the next one gets its place in the family."""
    user = users.get(conn, row.user_id)
    assert user is not None
    assert row.expires_at is not None
    tokens.update(conn, row.id, used_at=now)
    return new_token(
        conn,
        user,
        now,
        Bond(row.session_id, row.credential_id, row.family_id),
        scopes=scopes_of(row.attributes),
        lifetime=number_of(row.attributes, "lifetime"),
        until=row.expires_at,
    )


def _living(conn: Connection, value: Secret, now: float) -> tuple[str, Claims] | None:
    """Whose a living token or session is, and what is known of it."""
    if value.reveal().startswith(keys.SESSION):
        session = find_session(conn, value, now)
        return None if session is None else (session.user_id, _of_session(conn, session))
    row = _by_refresh(conn, value)
    if row is not None:
        alive = row.used_at is None and token_lives(conn, row, now)
        return (row.user_id, _of_token(conn, row, row.expires_at)) if alive else None
    row = _by_access(conn, value, now)
    if row is None or not token_lives(conn, row, now):
        return None
    return row.user_id, _of_token(conn, row, access_expiry(row))


def _of_token(conn: Connection, row: TokenRow, expires: float | None) -> Claims:
    return Claims(
        active=True,
        subject=row.user_id,
        issuer=signing.issuer(conn),
        token_id=row.id,
        expires_at=utc(expires),
        issued_at=utc(row.created_at),
        scopes=scopes_of(row.attributes),
    )


def _of_session(conn: Connection, row: SessionRow) -> Claims:
    known: dict[str, str] = {"sid": row.id}
    actor = text_of(row.attributes, "actor")
    if actor is not None:
        known["act"] = actor
    return Claims(
        active=True,
        subject=row.user_id,
        issuer=signing.issuer(conn),
        token_id=row.id,
        expires_at=utc(row.expires_at),
        issued_at=utc(row.created_at),
        scopes=scopes_of(row.attributes),
        claims=dict(known),
    )
