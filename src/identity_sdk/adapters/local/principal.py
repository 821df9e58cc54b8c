"""Who is calling: a credential is looked up anew in every transaction, so what was taken away is dead at once.

What came from something dies with it. A session hangs on the credential that it was signed in by, a constrained one on
the session that it was made from, an impersonation on its actor, a token on the session, credential or token that it
was issued to. These bonds are followed upwards each time. And everything is bound to the *generation* of its user, a
random number that a user gets when it is created: when the name is given anew, nothing of the former user fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from identity_sdk.adapters.local import keys, signing
from identity_sdk.adapters.local.models import is_active, number_of, scopes_of, text_of
from identity_sdk.adapters.local.rules import is_id
from identity_sdk.auth.sources import AccessKey
from identity_sdk.errors import AuthenticationError
from identity_sdk.secrets import Secret
from identity_sdk.store import same
from identity_sdk.store.queries import (
    CredentialRow,
    SessionRow,
    TokenRow,
    UserRow,
    credentials,
    get_meta,
    sessions,
    tokens,
    users,
)

__all__ = ["NOBODY", "ROOT", "Bond", "Embedded", "Principal", "Proof", "authenticate", "generation"]

ROOT_ID: Final = "local.root"
"""The name (in ``meta``) under which the id of the root principal is kept."""
MAX_DEPTH: Final = 16
"""How many sessions may hang on one another."""
_DUMMY = keys.hash_of(Secret("no credential has this secret"))


class Embedded:
    """What a client shows that presents no secret: the program itself (root), or nobody."""

    def __init__(self, name: str) -> None:
        self.name = name


ROOT: Final = Embedded("root")
NOBODY: Final = Embedded("nobody")

Proof = AccessKey | Secret | Embedded
"""What a client shows: an access key, a bearer string (session, access token or API key), or nothing."""


@dataclass(frozen=True, slots=True)
class Bond:
    """What a session or token hangs on: it lives no longer than these."""

    session_id: str | None = None
    credential_id: str | None = None
    family_id: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, by what, and how far that reaches.

    Attributes:
        method: ``"embedded"``, ``"access_key"``, ``"api_key"``, ``"session"`` or ``"token"``.
        scopes: patterns of actions that it is limited to; empty means not limited.
        expires_at: when what it shows ends, in epoch seconds.
        bond: what things made by it will hang on.
    """

    user: UserRow
    root: bool
    method: str
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None
    bond: Bond = Bond()
    session: SessionRow | None = None
    token: TokenRow | None = None
    credential: CredentialRow | None = None

    @property
    def id(self) -> str:
        return self.user.id


def generation(user: UserRow) -> str:
    """What tells a user from a former one of the same name (rows of other writers: when they were made)."""
    return text_of(user.attributes, "uid") or f"@{user.created_at!r}"


def belongs(attributes: Mapping[str, object], created_at: float, user: UserRow) -> bool:
    """Whether a row belongs to this very user. One that another writer made says nothing, so its age decides."""
    uid = text_of(attributes, "uid")
    return created_at >= user.created_at if uid is None else uid == generation(user)


def root_id(conn: Connection) -> str:
    return get_meta(conn, ROOT_ID) or ""


def authenticate(conn: Connection, proof: Proof, now: float) -> Principal:
    """Who shows this.

    Raises:
        AuthenticationError: nobody: unknown, wrong, expired, revoked, or its user is gone or disabled.
    """
    if isinstance(proof, Embedded):
        root = users.get(conn, root_id(conn)) if proof is ROOT else None
        if root is None:
            raise _rejected("nobody is signed in")
        return Principal(root, True, "embedded")
    if isinstance(proof, AccessKey):
        return by_key(conn, "access_key", proof.access_key_id, proof.secret_access_key, now)
    id = keys.api_key_id(proof)
    if id is not None:
        return by_key(conn, "api_key", id, proof, now)
    if proof.reveal().startswith(keys.SESSION):
        session = find_session(conn, proof, now)
        if session is None:
            raise _rejected("the session is not accepted: it is unknown, or has ended")
        return _of_session(conn, session)
    token = find_token(conn, proof, now)
    if token is None:
        raise _rejected("the token is not accepted: it is unknown, expired or revoked")
    return _of_token(conn, token)


def by_key(conn: Connection, kind: str, id: str, secret: Secret, now: float) -> Principal:
    """The owner of an access key or API key.

    Raises:
        AuthenticationError: id and secret do not belong together, or the key is dead; it does not tell which.
    """
    row = credentials.get(conn, id) if is_id(id) else None
    right = same(row.secret_hash if row and row.secret_hash else _DUMMY, keys.hash_of(secret))
    if row is None or row.kind != kind or not right or not _is_alive(conn, row, now):
        raise _rejected(
            f"the {kind.replace('_', ' ')} is not accepted: it is unknown, wrong, expired or deleted"
        )
    user = users.get(conn, row.user_id)
    assert user is not None
    return Principal(
        user, _is_root(conn, user), kind, expires_at=row.expires_at, bond=Bond(None, row.id), credential=row
    )


def find_session(conn: Connection, secret: Secret, now: float) -> SessionRow | None:
    """The living session of this token."""
    hashed = keys.hash_of(secret)
    found = sessions.find(conn, secret_hash=hashed, limit=1)
    session = found[0] if found else None
    if session is None or not same(session.secret_hash or "", hashed):
        return None
    return session if session_lives(conn, session, now) else None


def find_token(conn: Connection, value: Secret, now: float) -> TokenRow | None:
    """The living access token of this value."""
    claims = signing.read(conn, value, now)
    row = tokens.get(conn, claims["jti"]) if claims is not None and is_id(claims["jti"]) else None
    if row is None or claims is None or claims["sub"] != row.user_id:
        return None
    return row if token_lives(conn, row, now) else None


def session_lives(conn: Connection, row: SessionRow, now: float, depth: int = 0) -> bool:
    """Whether a session, its user, and all that it hangs on are alive."""
    if row.ended_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return False
    if not _user_lives(conn, row.user_id, row.attributes, row.created_at):
        return False
    actor = text_of(row.attributes, "actor")
    if actor is not None and not _user_lives(
        conn, actor, {"uid": row.attributes.get("actor_uid")}, row.created_at
    ):
        return False
    return bond_holds(conn, bond_of(row), now, depth + 1)


def token_lives(conn: Connection, row: TokenRow, now: float) -> bool:
    """Whether a token's grant is alive: not revoked, its user there, and all that it hangs on alive."""
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return False
    return _user_lives(conn, row.user_id, row.attributes, row.created_at) and bond_holds(
        conn, Bond(row.session_id, row.credential_id), now
    )


def bond_of(row: SessionRow) -> Bond:
    """What a session hangs on."""
    return Bond(text_of(row.attributes, "parent"), row.credential_id, text_of(row.attributes, "family"))


def bond_holds(conn: Connection, bond: Bond, now: float, depth: int = 0) -> bool:
    """Whether all that something hangs on is alive."""
    if depth > MAX_DEPTH:
        return False
    if bond.session_id is not None:
        session = sessions.get(conn, bond.session_id)
        if session is None or not session_lives(conn, session, now, depth):
            return False
    if bond.credential_id is not None:
        credential = credentials.get(conn, bond.credential_id)
        if credential is None or not _is_alive(conn, credential, now):
            return False
    return bond.family_id is None or bool(
        tokens.find(conn, family_id=bond.family_id, revoked_at=None, limit=1)
    )


def _is_alive(conn: Connection, row: CredentialRow, now: float) -> bool:
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return False
    return _user_lives(conn, row.user_id, row.attributes, row.created_at)


def _user_lives(conn: Connection, id: str, attributes: Mapping[str, object], created_at: float) -> bool:
    user = users.get(conn, id)
    return user is not None and is_active(user) and belongs(attributes, created_at, user)


def _of_session(conn: Connection, row: SessionRow) -> Principal:
    user = users.get(conn, row.user_id)
    assert user is not None
    return Principal(
        user,
        _is_root(conn, user),
        "session",
        scopes=scopes_of(row.attributes),
        expires_at=row.expires_at,
        bond=Bond(row.id),
        session=row,
    )


def _of_token(conn: Connection, row: TokenRow) -> Principal:
    user = users.get(conn, row.user_id)
    assert user is not None
    return Principal(
        user,
        _is_root(conn, user),
        "token",
        scopes=scopes_of(row.attributes),
        expires_at=access_expiry(row),  # not that of its family: what an access token makes ends with it
        bond=Bond(row.session_id, row.credential_id, row.family_id),
        token=row,
    )


def access_expiry(row: TokenRow) -> float:
    """When the access token of this row ends, in epoch seconds."""
    return number_of(row.attributes, "access_expires_at") or 0.0


def _is_root(conn: Connection, user: UserRow) -> bool:
    return user.id == root_id(conn)


def _rejected(message: str) -> AuthenticationError:
    return AuthenticationError(message, provider="local")
