"""``idp.credentials`` of the embedded provider: access keys, API keys, authenticators, password resets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from identity_sdk.adapters.local import keys, purge, throttle, totp
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.models import LocalCredential, credential_of, number_of, text_of, totp_of
from identity_sdk.adapters.local.principal import generation
from identity_sdk.adapters.local.reading import expect_user, paged
from identity_sdk.adapters.local.resets import OnReset, Resets
from identity_sdk.adapters.local.rules import (
    MAX_EMAIL,
    MAX_ID,
    MAX_PASSWORD,
    MAX_TEXT,
    all_of,
    as_secret,
    check_cursor,
    check_id,
    check_lifetime,
    check_optional,
    check_text,
    name_of,
)
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
)
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Credential, Deletion
from identity_sdk.resources.base import supports
from identity_sdk.resources.credentials import Credentials, Rotation
from identity_sdk.secrets import Secret
from identity_sdk.store import queries as store
from identity_sdk.store import tables
from identity_sdk.store.queries import CredentialRow, TotpRow
from identity_sdk.wire.call import Sender

__all__ = ["API_KEY_LIFE", "LocalCredentials"]

API_KEY_LIFE = 90 * 86400.0
"""Seconds that an API key lives where no ``lifetime`` is given."""
KINDS = ("access_key", "api_key", "totp")
"""The first is what ``create`` makes where nothing is said."""


class LocalCredentials(Credentials):
    """Access keys (no expiry unless a lifetime is given), API keys (90 days), and authenticators (``totp``).

    Secrets of keys are stored as SHA-256; that of an authenticator as it is, since its codes are computed from it.
    """

    provider = "local"

    def __init__(self, sender: Sender, desk: Desk, on_reset: OnReset | None) -> None:
        super().__init__(sender)
        self._desk = desk
        self._resets = Resets(desk, on_reset)

    @supports(kinds=KINDS)
    def list(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[LocalCredential]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalCredential]:
            start = check_cursor(cursor)
            if user is not None:
                check_id(user, "user")

            def work(tx: Tx) -> Page[LocalCredential]:
                id = tx.who.id if user is None else user
                tx.require("credentials:List", all_of("credentials", id))
                expect_user(tx.conn, id)
                return paged(lambda n: _rows(tx, id, kind, start, n), size, _shown)

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def get(self, credential: Credential | str, *, user: str | None = None) -> LocalCredential:
        id, owner = _named(credential, user)

        def work(tx: Tx) -> LocalCredential:
            whose = owner or tx.who.id
            tx.require("credentials:Get", name_of("credentials", whose, id))
            return _shown(_expect(tx, whose, id))

        return await self._desk.read(work)

    @supports(kinds=KINDS)
    async def create(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        lifetime: float | None = None,
    ) -> LocalCredential:
        if user is not None:
            check_id(user, "user")
        check_optional(name, "name", MAX_TEXT)
        check_lifetime(lifetime)
        if kind == "totp" and lifetime is not None:
            raise NotSupportedError("an authenticator does not expire: leave lifetime out", provider="local")

        def work(tx: Tx) -> LocalCredential:
            owner = tx.who.id if user is None else user
            if kind == "totp":
                return _enrol(tx, owner, name)
            life = API_KEY_LIFE if kind == "api_key" and lifetime is None else lifetime
            return _make_key(tx, owner, kind or KINDS[0], name, life)

        return await self._make(work)

    async def _make(self, work: Callable[[Tx], LocalCredential]) -> LocalCredential:
        """Make a credential; an error of unknown outcome names it, since its secret is then lost."""
        made: LocalCredential | None = None

        def run(tx: Tx) -> LocalCredential:
            nonlocal made
            made = work(tx)
            return made

        try:
            return await self._desk.write(run)
        except AmbiguousOutcomeError as unknown:
            if made is not None:
                unknown.found = (made.model_copy(update={"secret": None, "uri": None}),)
                unknown.how_to_find_out = (
                    f"Get the credential {made.id}: "
                    "if it is there, delete it and make another, its secret is lost."
                )
            raise

    @supports()
    async def confirm(
        self, credential: Credential | str, code: str, *, user: str | None = None
    ) -> LocalCredential:
        id, owner = _named(credential, user)
        check_text(code, "code", MAX_ID)
        tries = throttle.enrolment(id)

        def work(tx: Tx) -> LocalCredential | None:
            whose = owner or tx.who.id
            tx.require("credentials:EnrolTotp", all_of("credentials", whose))
            row = _expect(tx, whose, id)
            if not isinstance(row, TotpRow):
                raise InvalidRequestError(
                    f"{id!r} is no authenticator: only these are confirmed", provider="local"
                )
            throttle.check(tx.conn, tries, tx.now)
            if not totp.accept(tx.conn, row, code, tx.now):
                throttle.count_failure(tx.conn, tries, tx.now)
                return None
            store.totp.update(tx.conn, id, confirmed=True)
            throttle.clear(tx.conn, tries)
            return totp_of(replace(row, confirmed=True))

        done = await self._desk.write(work)
        if done is None:  # raised here: the failure has to be counted, so the transaction must not be undone
            raise AuthenticationError("the code is wrong, or was used before", provider="local")
        return done

    @supports()
    async def renew(
        self, credential: Credential | str, *, user: str | None = None, lifetime: float | None = None
    ) -> LocalCredential:
        """Puts off the expiry of a key that has one; by the lifetime that it was made with where none is given."""
        id, owner = _named(credential, user)
        check_lifetime(lifetime)

        def work(tx: Tx) -> LocalCredential:
            whose = owner or tx.who.id
            tx.require("credentials:Renew", name_of("credentials", whose, id))
            tx.guard_root(whose, "renew its keys")
            tx.require_unlimited("renew keys")
            row = _expect(tx, whose, id)
            if not isinstance(row, CredentialRow) or row.expires_at is None:
                raise ConflictError(f"{id!r} does not expire: there is nothing to renew", provider="local")
            if row.expires_at <= tx.now:
                raise ConflictError(f"{id!r} has expired: make a new one", provider="local")
            life = lifetime or number_of(row.attributes, "lifetime") or API_KEY_LIFE
            store.credentials.update(tx.conn, id, expires_at=tx.now + life)
            return credential_of(replace(row, expires_at=tx.now + life))

        return await self._desk.write(work)

    @supports()
    def rotate(self, credential: Credential | str, *, user: str | None = None) -> Rotation:
        """The new key has the kind, the name and the lifetime of the old one."""
        id, owner = _named(credential, user)

        def work(tx: Tx) -> LocalCredential:
            whose = owner or tx.who.id
            tx.require("credentials:Delete", name_of("credentials", whose, id))
            old = _expect(tx, whose, id)
            if not isinstance(old, CredentialRow):
                raise NotSupportedError(
                    "an authenticator cannot be rotated: create and confirm a new one, then delete the old one",
                    provider="local",
                )
            life = number_of(old.attributes, "lifetime")
            return _make_key(tx, whose, old.kind, text_of(old.attributes, "name"), life)

        async def create() -> LocalCredential:
            return await self._make(work)

        async def delete() -> Deletion:
            return await self._delete(id, owner, missing_ok=True)

        return Rotation(id, create, delete, provider=self.provider)

    @supports()
    async def delete(
        self,
        credential: Credential | str,
        *,
        user: str | None = None,
        missing_ok: bool = False,
        wait: bool = False,
    ) -> Deletion:
        """Ends the sessions and tokens that were got by it as well. ``wait`` has nothing to wait for here."""
        id, owner = _named(credential, user)
        return await self._delete(id, owner, missing_ok=missing_ok)

    async def _delete(self, id: str, owner: str | None, *, missing_ok: bool) -> Deletion:
        def work(tx: Tx) -> Deletion:
            whose = owner or tx.who.id
            row = _find(tx, whose, id)
            action = "credentials:RemoveTotp" if isinstance(row, TotpRow) else "credentials:Delete"
            tx.require(action, name_of("credentials", whose, id))
            tx.guard_root(whose, "delete its credentials")
            if row is None:
                if missing_ok:
                    return Deletion(id=id, existed=False)
                raise _missing(whose, id)
            if isinstance(row, TotpRow):
                store.totp.delete(tx.conn, id)
                return Deletion(id=id)
            left = purge.residual(tx.conn, tx.now, user_id=whose, credential_id=id)
            purge.end_credential(tx.conn, whose, id, tx.now)
            return Deletion(id=id, residual=left)

        return await self._desk.write(work)

    @supports()
    async def request_password_reset(self, email: str) -> None:
        """Hands a token for every active person of this address to ``on_reset``, as ``Local(on_reset=…)`` was told."""
        check_text(email, "email", MAX_EMAIL)
        await self._resets.request(email)

    @supports()
    async def reset_password(self, token: Secret | str, new_password: Secret | str) -> None:
        """Also ends the user's sessions and tokens; keys and authenticators stay."""
        token = as_secret(token, "token")
        new_password = as_secret(new_password, "new_password", MAX_PASSWORD)
        await self._resets.redeem(token, new_password)


def _named(credential: Credential | str, user: str | None) -> tuple[str, str | None]:
    """Id and owner of what a verb was given."""
    if user is not None:
        check_id(user, "user")
    if isinstance(credential, str):
        return check_id(credential, "credential"), user
    if user is not None and credential.user_id is not None and user != credential.user_id:
        raise InvalidRequestError(
            f"the credential belongs to {credential.user_id!r}, not to {user!r}", fields={"user": "another"}
        )
    return check_id(credential.id, "credential"), user if user is not None else credential.user_id


def _find(tx: Tx, user: str, id: str) -> CredentialRow | TotpRow | None:
    row = store.credentials.get(tx.conn, id) or store.totp.get(tx.conn, id)
    return row if row is not None and row.user_id == user else None


def _expect(tx: Tx, user: str, id: str) -> CredentialRow | TotpRow:
    row = _find(tx, user, id)
    if row is None:
        raise _missing(user, id)
    return row


def _missing(user: str, id: str) -> NotFoundError:
    return NotFoundError(f"{user!r} has no credential {id!r}", provider="local")


def _rows(tx: Tx, user: str, kind: str | None, after: str, limit: int) -> list[CredentialRow | TotpRow]:
    """Keys and authenticators together, in bytewise order of their ids."""
    found: list[CredentialRow | TotpRow] = []
    if kind != "totp":
        table = tables.credentials.c
        ofkind = {} if kind is None else {"kind": kind}
        found += store.credentials.find(tx.conn, table.id > after, user_id=user, limit=limit, **ofkind)
    if kind in (None, "totp"):
        found += store.totp.find(tx.conn, tables.totp.c.id > after, user_id=user, limit=limit)
    return sorted(found, key=lambda row: row.id)[:limit]


def _shown(row: CredentialRow | TotpRow) -> LocalCredential:
    return totp_of(row) if isinstance(row, TotpRow) else credential_of(row)


def _enrol(tx: Tx, owner: str, name: str | None) -> LocalCredential:
    tx.require("credentials:EnrolTotp", all_of("credentials", owner))
    tx.guard_root(owner, "enrol its authenticators")
    tx.require_unlimited("enrol authenticators")
    row = totp.enrol(tx.conn, expect_user(tx.conn, owner), name, tx.now)
    return totp_of(row, Secret(row.secret), totp.uri_of(row))


def _make_key(tx: Tx, owner: str, kind: str, name: str | None, lifetime: float | None) -> LocalCredential:
    tx.require("credentials:Create", all_of("credentials", owner))
    tx.guard_root(owner, "make its keys")
    tx.require_unlimited("make keys")
    user = expect_user(tx.conn, owner)
    id = keys.new_id("AK" if kind == "access_key" else "K")
    secret = keys.new_secret(size=30) if kind == "access_key" else keys.api_key(id)
    row = CredentialRow(
        id=id,
        user_id=owner,
        kind=kind,
        created_at=tx.now,
        secret_hash=keys.hash_of(secret),
        expires_at=None if lifetime is None else tx.now + lifetime,
        attributes={"uid": generation(user), "name": name, "lifetime": lifetime},
    )
    store.credentials.insert(tx.conn, row)
    return credential_of(row, secret)
