"""``idp.users`` of the embedded provider."""

from __future__ import annotations

from identity_sdk.adapters.local import purge, throttle
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.keys import new_id
from identity_sdk.adapters.local.models import (
    LocalGroup,
    LocalPolicy,
    LocalUser,
    group_of,
    is_active,
    kind_of,
    policy_of,
    user_of,
)
from identity_sdk.adapters.local.principal import generation, root_id
from identity_sdk.adapters.local.reading import expect_user, paged, users_page
from identity_sdk.adapters.local.rules import (
    MAX_EMAIL,
    MAX_PASSWORD,
    MAX_TEXT,
    PASSWORDLESS,
    all_of,
    as_secret,
    check_cursor,
    check_id,
    check_optional,
    check_prefix,
    name_of,
)
from identity_sdk.errors import ConflictError, InvalidRequestError, PermissionDeniedError
from identity_sdk.listing import Listing, Page
from identity_sdk.models import UNSET, Deletion, Unset, UserKind
from identity_sdk.resources.base import supports
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret
from identity_sdk.store import DuplicateRow
from identity_sdk.store.queries import (
    PasswordRow,
    UserRow,
    attached_to,
    effective_policies,
    groups_of,
    passwords,
    users,
)
from identity_sdk.wire.call import Sender

__all__ = ["LocalUsers"]

KINDS = ("human", "service")


class LocalUsers(Users):
    """People and services share one space of ids. The root principal is a service."""

    provider = "local"

    def __init__(self, sender: Sender, desk: Desk) -> None:
        super().__init__(sender)
        self._desk = desk

    @supports(kinds=KINDS)
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[LocalUser]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalUser]:
            start, begins = check_cursor(cursor), check_prefix(prefix)
            check_optional(email, "email", MAX_EMAIL)

            def work(tx: Tx) -> Page[LocalUser]:
                tx.require("users:List", all_of("users", prefix=begins))
                return paged(lambda n: users_page(tx.conn, start, begins, n, kind, email), size, user_of)

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports(kinds=KINDS)
    async def get(self, id: str, *, kind: UserKind = "human") -> LocalUser:
        check_id(id)

        def work(tx: Tx) -> LocalUser:
            tx.require("users:Get", name_of("users", id))
            return user_of(expect_user(tx.conn, id, kind))

        return await self._desk.read(work)

    @supports(kinds=KINDS)
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: UserKind = "human",
        exist_ok: bool = False,
    ) -> LocalUser:
        if password is not None:
            password = as_secret(password, "password", MAX_PASSWORD)
            if kind == "service":
                raise InvalidRequestError(PASSWORDLESS, fields={"password": PASSWORDLESS})
        if id is None:
            raise InvalidRequestError("local chooses no ids: give one", fields={"id": "missing"})
        check_id(id)
        check_optional(name, "name", MAX_TEXT)
        check_optional(email, "email", MAX_EMAIL)
        hashed = await self._hashed(password, "users:Create", id)

        def work(tx: Tx) -> LocalUser:
            tx.require("users:Create", name_of("users", id))
            attributes = {"uid": new_id("U"), "kind": kind, "active": True}
            row = UserRow(id=id, created_at=tx.now, email=email, name=name, attributes=attributes)
            try:
                users.insert(tx.conn, row)
            except DuplicateRow:
                return _existing(tx, id, kind, exist_ok)
            purge.purge_user(tx.conn, id)  # what other writers of this store left under the name
            if hashed is not None:
                _set_password(tx, row, hashed)
            return user_of(row)

        return await self._desk.write(work)

    @supports(kinds=KINDS)
    async def update(
        self,
        id: str,
        *,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        active: bool | Unset = UNSET,
        password: Secret | str | Unset = UNSET,
        kind: UserKind = "human",
    ) -> LocalUser:
        """A new password ends the user's sessions and tokens, and so does ``active=False``; keys stay."""
        if not isinstance(password, Unset):
            password = as_secret(password, "password", MAX_PASSWORD)
            if kind == "service":
                raise InvalidRequestError(PASSWORDLESS, fields={"password": PASSWORDLESS})
        check_id(id)
        changes: dict[str, object] = {}
        if not isinstance(name, Unset):
            changes["name"] = check_optional(name, "name", MAX_TEXT)
        if not isinstance(email, Unset):
            changes["email"] = check_optional(email, "email", MAX_EMAIL)
        if not isinstance(active, bool | Unset):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError("active must be True or False", fields={"active": "not a bool"})
        hashed = await self._hashed(None if isinstance(password, Unset) else password, "users:Update", id)

        def work(tx: Tx) -> LocalUser:
            tx.require("users:Update", name_of("users", id))
            tx.guard_root(id, "change itself")
            row = expect_user(tx.conn, id, kind)
            if not isinstance(active, Unset) and active != is_active(row):
                _switch(tx, row, active)
                changes["attributes"] = {**row.attributes, "active": active}
            if changes:
                users.update(tx.conn, id, **changes)
            if hashed is not None:
                tx.require_unlimited("set passwords")
                _set_password(tx, row, hashed)
                purge.sign_out(tx.conn, id, tx.now)
            return user_of(expect_user(tx.conn, id, kind))

        return await self._desk.write(work)

    @supports(kinds=KINDS)
    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Takes everything of the user in one transaction. ``wait`` has nothing to wait for here."""
        check_id(id)

        def work(tx: Tx) -> Deletion:
            tx.require("users:Delete", name_of("users", id))
            row = users.get(tx.conn, id)
            if missing_ok and (row is None or kind_of(row) != kind):
                return Deletion(id=id, existed=False)
            expect_user(tx.conn, id, kind)
            if id == root_id(tx.conn):
                raise PermissionDeniedError("the root principal cannot be deleted", provider="local")
            left = purge.residual(tx.conn, tx.now, user_id=id)
            purge.purge_user(tx.conn, id)
            users.delete(tx.conn, id)
            return Deletion(id=id, residual=left)

        return await self._desk.write(work)

    @supports()
    async def me(self) -> LocalUser:
        return await self._desk.read(lambda tx: user_of(tx.who.user))

    @supports()
    def groups(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[LocalGroup]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalGroup]:
            check_id(id)
            start = check_cursor(cursor)

            def work(tx: Tx) -> Page[LocalGroup]:
                tx.require("users:ListGroups", name_of("users", id))
                expect_user(tx.conn, id)
                return paged(lambda n: groups_of(tx.conn, id, after=start, limit=n), size, group_of)

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    def policies(
        self, id: str, *, effective: bool = False, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LocalPolicy]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalPolicy]:
            check_id(id)
            start = check_cursor(cursor)

            def work(tx: Tx) -> Page[LocalPolicy]:
                tx.require("users:ListPolicies", name_of("users", id))
                expect_user(tx.conn, id)
                if effective:
                    return paged(
                        lambda n: effective_policies(tx.conn, id, after=start, limit=n), size, policy_of
                    )
                return paged(
                    lambda n: attached_to(tx.conn, "user", id, after=start, limit=n), size, policy_of
                )

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    async def _hashed(self, password: Secret | str | None, action: str, id: str) -> Secret | None:
        """The hash of a password, once the caller is known to be allowed to set it: hashing is dear."""
        if password is None:
            return None

        def allowed(tx: Tx) -> None:
            tx.require(action, name_of("users", id))
            tx.require_unlimited("set passwords")

        await self._desk.read(allowed)
        return await self._desk.core.passwords.hash(as_secret(password, "password", MAX_PASSWORD))


def _existing(tx: Tx, id: str, kind: str, exist_ok: bool) -> LocalUser:
    row = expect_user(tx.conn, id)
    if not exist_ok or kind_of(row) != kind:
        raise ConflictError(f"there is a {kind_of(row)} user {id!r} already", provider="local")
    return user_of(row)


def _set_password(tx: Tx, row: UserRow, hashed: Secret) -> None:
    passwords.put(
        tx.conn,
        PasswordRow(
            user_id=row.id,
            created_at=tx.now,
            password_hash=hashed.reveal(),
            attributes={"uid": generation(row)},
        ),
    )
    throttle.clear(tx.conn, throttle.user(row.id))


def _switch(tx: Tx, row: UserRow, active: bool) -> None:
    if row.id == root_id(tx.conn):
        raise PermissionDeniedError("the root principal cannot be disabled", provider="local")
    if not active:
        purge.sign_out(tx.conn, row.id, tx.now)
