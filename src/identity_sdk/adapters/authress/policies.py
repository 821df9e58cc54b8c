"""``idp.policies`` over Authress: access records with their roles, and decisions of the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from identity_sdk.adapters.authress.changes import (
    DELETED,
    group_of,
    living,
    put_record,
    with_principal,
    without_principal,
)
from identity_sdk.adapters.authress.composing import (
    RoleWriter,
    check_statements,
    own_roles,
    policies_of,
    policy_of,
    says_the_same,
)
from identity_sdk.adapters.authress.inputs import RecordBody
from identity_sdk.adapters.authress.models import AuthressPolicy, AuthressRecord, AuthressStatement
from identity_sdk.adapters.authress.part import AuthressPart, again
from identity_sdk.adapters.authress.rules import (
    check_action,
    check_group,
    check_name,
    check_policy,
    check_principal,
    check_resource,
)
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    PartialFailureError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Decision, Deletion, Statement, Unset
from identity_sdk.resources.base import one_of, supports
from identity_sdk.resources.policies import Policies

__all__ = ["AuthressPolicies"]


class AuthressPolicies(AuthressPart, Policies):
    """Access records. A policy is one record and a role for each set of actions in it; rights are only ever given."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthressPolicy]:
        """The active records with the actions of their roles, in no order, up to five minutes old."""

        def records(most: int | None, at: str | None) -> Listing[AuthressRecord]:
            return self._records(
                lambda record: not prefix or record.id.startswith(prefix), limit=most, cursor=at
            )

        return policies_of(self._api, records, limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> AuthressPolicy:
        return await policy_of(self._api, await living(self._api, check_policy(id)))

    @supports()
    async def create(
        self,
        id: str,
        *,
        statements: Sequence[Statement],
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> AuthressPolicy:
        """Makes the roles, then the record; where the record fails, the roles go again.

        Args:
            statements: of effect ``allow`` alone.
            name: the id where it is left out.
            id, description, exist_ok: as in :meth:`Policies.create`.

        Raises:
            NotSupportedError: a denial, or a condition.
            ConflictError: the id is taken, perhaps by a policy that is deleted: the server gives no id twice.
            PartialFailureError: the record was not made, and not all of its roles could be deleted again.
        """
        wanted = check_policy(id)
        check_statements(statements)
        told = {"recordId": wanted, "name": check_name(wanted if name is None else name)}
        if description is not None:
            told["description"] = description
        there = await self._there(wanted)
        if there is not None:
            return await self._same(there, statements, None, exist_ok)
        writer = RoleWriter(self._api, wanted, await own_roles(self._api, wanted, None))
        try:
            body = RecordBody.model_validate(
                {**told, "statements": await writer.statements(statements, None)}
            )
            made = await self._api.create_record(body)
        except AmbiguousOutcomeError as unknown:
            # The record may be there: without its roles it would be another policy than was asked for.
            if exist_ok and isinstance(unknown.found, AuthressRecord):
                return await self._same(unknown.found, statements, unknown, exist_ok)
            raise
        except ConflictError as taken:
            there = await self._there(wanted)
            await self._undo(writer, taken)
            if there is None:
                raise
            return await self._same(there, statements, taken, exist_ok)
        except IdentityError as stopped:
            await self._undo(writer, stopped)
            raise
        return await policy_of(self._api, await self._made(wanted) if made is None else same_id(made, wanted))

    async def _there(self, id: str) -> AuthressRecord | None:
        try:
            return same_id(await self._api.get_record(id), id)
        except NotFoundError:
            return None

    async def _same(
        self,
        there: AuthressRecord,
        statements: Sequence[Statement],
        why: IdentityError | None,
        exist_ok: bool,
    ) -> AuthressPolicy:
        if there.status == DELETED:
            raise ConflictError(
                f"the id {there.id} was that of a policy that is deleted, and the server gives it to no other: choose "
                "another"
            ) from why
        if not exist_ok:
            raise why or ConflictError(f"there is a policy {there.id} already")
        policy = await policy_of(self._api, there)
        if says_the_same(policy.statements, statements):
            return policy
        raise ConflictError(f"there is a policy {there.id} already, and it says something else") from why

    async def _undo(self, writer: RoleWriter, why: IdentityError) -> None:
        made = tuple(writer.made)
        if made and (left := await writer.undo()):
            raise PartialFailureError(
                f"the policy was not written ({why.message}), and roles for it are left, which grant nothing",
                done=[f"made role {role}" for role in made],
                left=[f"delete role {role}" for role in left],
                provider="authress",
            ) from why

    async def _made(self, id: str) -> AuthressRecord:
        """A record that takes effect later (202)."""
        for pause in (0.2, 0.5, 1.0, 2.0):
            found = await self._there(id)
            if found is not None:
                return found
            if self._sender.remaining() < pause:
                break
            await self._sender.sleep(pause)
        raise AmbiguousOutcomeError(
            f"the server has accepted policy {id}, and does not show it yet",
            how_to_find_out="Read it: policies.get(id)",
        )

    @supports()
    async def update(
        self,
        id: str,
        *,
        statements: Sequence[Statement] | Unset = UNSET,
        name: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
    ) -> AuthressPolicy:
        """Replaces the statements by one write of the record, under its ``If-Unmodified-Since``; attachments stay.

        New actions get new roles first, and roles that nothing needs any more go last, so that never both the
        new actions
        and the old resources are in force.

        Raises:
            NotFoundError: there is none of that id.
            InvalidRequestError: ``name=None``: a record has a name.
            PreconditionFailedError: others were faster three times.
            PartialFailureError: it is changed, and a role that it no longer needs could not be deleted.
        """
        wanted = check_policy(id)
        if name is None:
            raise InvalidRequestError("a policy has a name: it cannot be erased", fields={"name": "required"})
        changes: dict[str, Any] = {} if isinstance(name, Unset) else {"name": check_name(name)}
        if not isinstance(description, Unset):
            changes["description"] = description
        if not isinstance(statements, Unset):
            check_statements(statements)
        there = await living(self._api, wanted)
        if not isinstance(statements, Unset):
            async with self._turns.of(wanted):
                return await self._replace(there, statements, changes)
        if changes:

            async def once() -> None:
                await put_record(self._api, await living(self._api, wanted), changes)

            await self._turns.change(wanted, once)
        return await policy_of(self._api, await living(self._api, wanted) if changes else there)

    async def _replace(
        self, there: AuthressRecord, statements: Sequence[Statement], changes: dict[str, Any]
    ) -> AuthressPolicy:
        own = await own_roles(self._api, there.id, there)
        writer = RoleWriter(self._api, there.id, own)

        async def once() -> None:
            record = await living(self._api, there.id)
            written = await writer.statements(statements, record)
            await put_record(self._api, record, {**changes, "statements": written})

        try:
            await again(once)
        except AmbiguousOutcomeError:
            raise
        except IdentityError as stopped:
            if (
                not stopped.retryable or stopped.status == 412
            ):  # else it may have been done, by roles that it needs
                await self._undo(writer, stopped)
            raise
        after = await living(self._api, there.id)
        used = {role for one in after.statements for role in one.roles}
        await self._drop([role for role in own if role not in used], f"changed policy {there.id}")
        return await policy_of(self._api, after)

    async def _drop(self, roles: Sequence[str], done: str) -> None:
        for number, role in enumerate(roles):
            try:
                await self._api.delete_role(role)
            except NotFoundError:
                continue
            except IdentityError as stopped:
                raise PartialFailureError(
                    f"a role that nothing needs any more could not be deleted: {stopped.message}",
                    done=[done, *(f"deleted role {one}" for one in roles[:number])],
                    left=[f"delete role {one}" for one in roles[number:]],
                    provider="authress",
                ) from stopped

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        """Deletes the record, then the roles that are its own. Repeated after a stop it deletes what is left.

        Raises:
            PartialFailureError: the record is deleted, and a role of it is left, which grants nothing.
        """
        wanted = check_policy(id)
        there = await self._there(wanted)
        own = await own_roles(self._api, wanted, there)
        alive = there is not None and there.status != DELETED
        if alive:
            try:
                await self._api.delete_record(wanted)
            except NotFoundError:
                alive = False
        listed = [role for role, found in own.items() if found is not None]
        await self._drop(listed if not alive else [*own], f"deleted record {wanted}")
        if not alive and not listed:
            if not missing_ok:
                raise NotFoundError(f"there is no policy {wanted}")
            return Deletion(id=wanted, existed=False)
        return Deletion(id=wanted)

    @supports()
    async def attach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        """Adds a user, a service client or a group to the record. The server takes any id of a user, also an
        unknown one.

        Raises:
            NotFoundError: there is no such policy or group.
            PreconditionFailedError: others were faster three times.
        """
        policy, kind, holder = self._pair(id, user, group)
        if kind == "group":
            await group_of(self._api, holder)

        async def once() -> None:
            record = await living(self._api, policy)
            changes = with_principal(record, kind, holder)
            if changes is not None:
                await put_record(self._api, record, changes)

        await self._turns.change(policy, once)

    @supports()
    async def detach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        """Takes a user, a service client or a group out of the record.

        Raises:
            NotFoundError: there is no such policy or group.
            PreconditionFailedError: others were faster three times.
        """
        policy, kind, holder = self._pair(id, user, group)

        async def once() -> bool:
            record = await living(self._api, policy)
            changes = without_principal(record, kind, holder)
            if changes is not None:
                await put_record(self._api, record, changes)
            return changes is not None

        if not await self._turns.change(policy, once) and kind == "group":
            await group_of(self._api, holder)

    @staticmethod
    def _pair(id: str, user: str | None, group: str | None) -> tuple[str, str, str]:
        policy = check_policy(id)
        kind, holder = one_of(user=user, group=group)
        return policy, kind, check_principal("user id", holder) if kind == "user" else check_group(holder)

    @supports()
    async def check(self, user: str, action: str, resource: str) -> Decision:
        """Asks the server, which also knows what is open to everybody. An unknown user may do nothing.

        Raises:
            PermissionDeniedError: the **caller** may not ask about this user.
        """
        wanted, asked, uri = check_principal("user id", user), check_action(action), check_resource(resource)
        try:
            await self._api.authorize_user(wanted, uri, asked)
        except NotFoundError as no:
            return Decision(allowed=False, reason=no.message, decided_by="server")
        return Decision(allowed=True, reason="the server allows it", decided_by="server")

    @supports()
    def permissions(
        self,
        user: str | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        resource: str | None = None,
    ) -> Listing[AuthressStatement]:
        """What a user may do.

        Args:
            user: whose; ``None``: this client's own.
            resource: what may be done on it, as the server sees it, with all that it inherits; otherwise the
                statements of
                every record that names the user or one of its groups, each with its ``policy``.
            limit, cursor: as in :meth:`Policies.permissions`.
        """
        if user is not None:
            check_principal("user id", user)
        if resource is not None:
            check_resource(resource)

        async def fetch(at: str | None, size: int | None) -> Page[AuthressStatement]:
            whose = self._caller.subject() if user is None else user
            found = await (self._in_records(whose) if resource is None else self._on(whose, resource))
            return page_of(found, at, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    async def _in_records(self, user: str) -> Sequence[AuthressStatement]:
        records = await self._of_user(user, True, None, None, nobody_ok=True)
        known: dict[str, tuple[str, ...]] = {}
        policies = [await policy_of(self._api, one, known) for one in records]
        return [
            AuthressStatement.model_validate(one).model_copy(update={"policy": policy.id})
            for policy in policies
            for one in policy.statements
        ]

    async def _on(self, user: str, resource: str) -> Sequence[AuthressStatement]:
        try:
            found = await self._api.get_user_permissions_for_resource(user, resource)
        except NotFoundError:
            return ()
        if found.user_id not in ("", user):
            raise ProtocolError(
                f"the server answered about {found.user_id[:100]!r} when asked for {user[:100]!r}"
            )
        actions = tuple(one.action for one in found.permissions if one.allow)
        return [AuthressStatement(effect="allow", actions=actions, resources=(resource,))] if actions else ()
