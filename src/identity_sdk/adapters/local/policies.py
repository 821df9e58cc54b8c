"""``idp.policies`` of the embedded provider."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from identity_sdk.adapters.local import evaluate, purge
from identity_sdk.adapters.local.access import Tx, verdict_for
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.adapters.local.models import LocalPolicy, policy_of
from identity_sdk.adapters.local.principal import root_id
from identity_sdk.adapters.local.reading import expect_group, expect_policy, expect_user, paged
from identity_sdk.adapters.local.rules import (
    MAX_TEXT,
    all_of,
    check_cursor,
    check_id,
    check_optional,
    check_prefix,
    check_text,
    name_of,
)
from identity_sdk.errors import ConflictError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Decision, Deletion, Statement, Unset
from identity_sdk.resources.base import one_of, supports
from identity_sdk.resources.policies import Policies
from identity_sdk.store import DuplicateRow
from identity_sdk.store.queries import AttachmentRow, PolicyRow, attachments, effective_policies, policies
from identity_sdk.wire.call import Sender

__all__ = ["LocalPolicies"]


class LocalPolicies(Policies):
    """Policies in which ``*`` stands for any run of characters, and a deny wins.

    The same policies rule this provider's own verbs (:mod:`identity_sdk.adapters.local.access` has the names of their
    actions) and answer ``check`` for whatever actions an application invents.
    """

    provider = "local"

    def __init__(self, sender: Sender, desk: Desk) -> None:
        super().__init__(sender)
        self._desk = desk

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LocalPolicy]:
        async def fetch(cursor: str | None, size: int | None) -> Page[LocalPolicy]:
            start, begins = check_cursor(cursor), check_prefix(prefix)

            def work(tx: Tx) -> Page[LocalPolicy]:
                tx.require("policies:List", all_of("policies", prefix=begins))
                return paged(
                    lambda n: policies.page(tx.conn, after=start, prefix=begins, limit=n), size, policy_of
                )

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> LocalPolicy:
        check_id(id)

        def work(tx: Tx) -> LocalPolicy:
            tx.require("policies:Get", name_of("policies", id))
            return policy_of(expect_policy(tx.conn, id))

        return await self._desk.read(work)

    @supports()
    async def create(
        self,
        id: str,
        *,
        statements: Sequence[Statement],
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> LocalPolicy:
        check_id(id)
        check_optional(name, "name", MAX_TEXT)
        check_optional(description, "description", MAX_TEXT)
        stored = evaluate.statement_rows(statements)

        def work(tx: Tx) -> LocalPolicy:
            tx.require("policies:Create", name_of("policies", id))
            row = PolicyRow(id=id, created_at=tx.now, statements=stored, name=name, description=description)
            try:
                policies.insert(tx.conn, row)
            except DuplicateRow:
                there = expect_policy(tx.conn, id)
                if exist_ok and evaluate.statements_of(there) == evaluate.statements_of(row):
                    return policy_of(there)
                says = "" if not exist_ok else ", and it says something else"
                raise ConflictError(f"there is a policy {id!r} already{says}", provider="local") from None
            purge.purge_policy(tx.conn, id)  # what other writers of this store left under the name
            return policy_of(row)

        return await self._desk.write(work)

    @supports()
    async def update(
        self,
        id: str,
        *,
        statements: Sequence[Statement] | Unset = UNSET,
        name: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
    ) -> LocalPolicy:
        check_id(id)
        changes: dict[str, object] = {
            field: check_optional(value, field, MAX_TEXT)
            for field, value in {"name": name, "description": description}.items()
            if not isinstance(value, Unset)
        }
        if not isinstance(statements, Unset):
            changes["statements"] = evaluate.statement_rows(statements)

        def work(tx: Tx) -> LocalPolicy:
            tx.require("policies:Update", name_of("policies", id))
            expect_policy(tx.conn, id)
            if changes:
                policies.update(tx.conn, id, **changes)
            return policy_of(expect_policy(tx.conn, id))

        return await self._desk.write(work)

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        check_id(id)

        def work(tx: Tx) -> Deletion:
            tx.require("policies:Delete", name_of("policies", id))
            if missing_ok and policies.get(tx.conn, id) is None:
                return Deletion(id=id, existed=False)
            expect_policy(tx.conn, id)
            purge.purge_policy(tx.conn, id)
            policies.delete(tx.conn, id)
            return Deletion(id=id)

        return await self._desk.write(work)

    @supports()
    async def attach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        kind, subject = one_of(user=user, group=group)

        def work(tx: Tx) -> None:
            _both_there(tx, "policies:Attach", id, kind, subject)
            row = AttachmentRow(policy_id=id, subject_type=kind, subject_id=subject, created_at=tx.now)
            with suppress(DuplicateRow):
                attachments.insert(tx.conn, row)

        check_id(id)
        check_id(subject, kind)
        await self._desk.write(work)

    @supports()
    async def detach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        kind, subject = one_of(user=user, group=group)

        def work(tx: Tx) -> None:
            _both_there(tx, "policies:Detach", id, kind, subject)
            attachments.delete(tx.conn, id, kind, subject)

        check_id(id)
        check_id(subject, kind)
        await self._desk.write(work)

    @supports()
    async def check(self, user: str, action: str, resource: str) -> Decision:
        check_id(user, "user")
        check_text(action, "action", evaluate.MAX_PATTERN)
        check_text(resource, "resource", evaluate.MAX_PATTERN)

        def work(tx: Tx) -> Decision:
            tx.require("policies:Check", name_of("users", user))
            verdict = verdict_for(tx.conn, expect_user(tx.conn, user), action, resource)
            return Decision(allowed=verdict.effect == "allow", reason=verdict.reason, decided_by="server")

        return await self._desk.read(work)

    @supports()
    def permissions(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Statement]:
        async def fetch(cursor: str | None, size: int | None) -> Page[Statement]:
            if user is not None:
                check_id(user, "user")

            def work(tx: Tx) -> Page[Statement]:
                id = tx.who.id if user is None else user
                tx.require("policies:ListPermissions", name_of("users", id))
                expect_user(tx.conn, id)
                return page_of(_statements(tx, id), cursor, size)

            return await self._desk.read(work)

        return Listing(fetch, limit=limit, cursor=cursor)


def _statements(tx: Tx, user: str) -> tuple[Statement, ...]:
    if user == root_id(tx.conn):
        return (Statement(effect="allow", actions=("*",), resources=("*",)),)
    rows = effective_policies(tx.conn, user)
    return tuple(
        statement.model_copy(update={"policy": row.id})
        for row in rows
        for statement in evaluate.statements_of(row)
    )


def _both_there(tx: Tx, action: str, policy: str, kind: str, subject: str) -> None:
    tx.require(action, name_of("policies", policy))
    tx.require(action, name_of("users" if kind == "user" else "groups", subject))
    expect_policy(tx.conn, policy)
    if kind == "user":
        expect_user(tx.conn, subject)
    else:
        expect_group(tx.conn, subject)
