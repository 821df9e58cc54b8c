"""``idp.policies`` over lakeFS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.decision import check_question, decide
from identity_sdk.adapters.lakefs.models import LakeFSPolicy, LakeFSStatement, PolicyBody
from identity_sdk.adapters.lakefs.part import MOST, LakeFSPart, next_offset
from identity_sdk.adapters.lakefs.rules import check_id
from identity_sdk.adapters.lakefs.statements import says_the_same, to_wire
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Decision, Deletion, Statement, Unset
from identity_sdk.resources.base import one_of, supports
from identity_sdk.resources.policies import Policies

__all__ = ["LakeFSPolicies"]

_NO_TEXT = {
    "name": "a policy's id is its name",
    "description": "a policy holds statements only",
}


class LakeFSPolicies(LakeFSPart, Policies):
    """Policies. A statement with several resources becomes one wire statement for each of them."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LakeFSPolicy]:
        return self._pages(
            lambda after, amount: self._api.list_policies(prefix=prefix or None, after=after, amount=amount),
            prefix=prefix,
            limit=limit,
            cursor=cursor,
        )

    @supports()
    async def get(self, id: str) -> LakeFSPolicy:
        return same_id(await self._api.get_policy(check_id("policy id", id)), id)

    @supports(refuses=_NO_TEXT)
    async def create(
        self,
        id: str,
        *,
        statements: Sequence[Statement],
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> LakeFSPolicy:
        """Makes a policy and answers it as the server now holds it.

        Args:
            statements: a ``condition`` or other keys of a statement that was read are passed on; a server that drops
                one is a ``NotSupportedError``, and the policy is not left there.
            id, name, description, exist_ok: as in :meth:`Policies.create`.
        """
        wanted = check_id("policy id", id)
        body = PolicyBody(id=wanted, statement=to_wire(statements))
        try:
            made = same_id(await self._api.create_policy(body), wanted)
        except ConflictError as taken:
            return self._same(await self._there(wanted, taken), body, taken) if exist_ok else _raise(taken)
        except AmbiguousOutcomeError as unknown:
            if exist_ok and isinstance(unknown.found, LakeFSPolicy):
                return self._same(unknown.found, body, unknown)
            raise
        if says_the_same(made.statements, body.statement):
            return made
        await self._api.delete_policy(wanted)  # nobody can have attached it yet
        raise NotSupportedError(
            f"the server kept less of the statements of policy {wanted} than was sent, a condition perhaps: it would "
            "allow more than you said, and was deleted again"
        )

    async def _there(self, id: str, taken: ConflictError) -> LakeFSPolicy:
        try:
            return same_id(await self._api.get_policy(id), id)
        except NotFoundError:
            raise taken from None

    @staticmethod
    def _same(
        there: LakeFSPolicy, body: PolicyBody, otherwise: ConflictError | AmbiguousOutcomeError
    ) -> LakeFSPolicy:
        if says_the_same(there.statements, body.statement):
            return there
        raise ConflictError(f"there is a policy {body.id} already, and it says something else") from otherwise

    @supports(refuses=_NO_TEXT)
    async def update(
        self,
        id: str,
        *,
        statements: Sequence[Statement] | Unset = UNSET,
        name: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
    ) -> LakeFSPolicy:
        """Replaces the statements; attachments stay. The policy is read first, so that what it holds beside its
        statements is written back.

        Raises:
            NotFoundError: there is none of that id.
            ProtocolError: the server answers other statements than it was sent.
        """
        wanted = check_id("policy id", id)
        sent = None if isinstance(statements, Unset) else to_wire(statements)
        more: dict[str, Any] = {}
        try:
            there = same_id(await self._api.get_policy(wanted), wanted)
        except PermissionDeniedError:  # one may be allowed to write and not to read
            if sent is None:
                raise
        else:
            if sent is None:
                return there
            more = dict(there.model_extra or {})
        body = PolicyBody(id=wanted, statement=sent, **more)
        changed = same_id(await self._api.update_policy(wanted, body), wanted)
        if not says_the_same(changed.statements, sent):
            raise ProtocolError(
                f"the server holds other statements in policy {wanted} than it was sent: read it, it may allow more"
            )
        return changed

    @supports()
    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        wanted = check_id("policy id", id)
        try:
            await self._vouch("policy", wanted)
            await self._api.delete_policy(wanted)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        return Deletion(id=wanted)

    @supports()
    async def attach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        policy, kind, holder = await self._pair(id, user, group)
        try:
            if kind == "user":
                await self._api.attach_policy_to_user(holder, policy)
            else:
                await self._api.attach_policy_to_group(holder, policy)
        except ConflictError:
            return  # it is attached already

    @supports()
    async def detach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        policy, kind, holder = await self._pair(id, user, group)
        if kind == "user":
            await self._api.detach_policy_from_user(holder, policy)
        else:
            await self._api.detach_policy_from_group(holder, policy)

    async def _pair(self, id: str, user: str | None, group: str | None) -> tuple[str, str, str]:
        policy = check_id("policy id", id)
        kind, holder = one_of(user=user, group=group)
        check_id(f"{kind} id", holder)
        await self._vouch("policy", policy)
        await self._vouch("user" if kind == "user" else "group", holder)
        return policy, kind, holder

    @supports()
    async def check(self, user: str, action: str, resource: str) -> Decision:
        """Whether ``user`` may do ``action`` on ``resource``: evaluated here from its effective policies, by
        lakeFS's own rule. A right that was given or taken counts at once here, and on the server within 23 s.

        Raises:
            NotFoundError: there is no such user.
            InvalidRequestError: ``action`` or ``resource`` is not of lakeFS's form.
            NotSupportedError: it hangs on a condition, which only the server can evaluate; or this server has no
                policies.
        """
        wanted = check_id("user id", user)
        check_question(action, resource)
        return decide(await self._effective(wanted), wanted, action, resource)

    @supports()
    def permissions(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LakeFSStatement]:
        """The statements in force for a user; each names its ``policy``."""
        if user is not None:
            check_id("user id", user)

        async def fetch(after: str | None, size: int | None) -> Page[LakeFSStatement]:
            policies = await self._effective(user if user is not None else (await self._me()).id)
            statements = [
                LakeFSStatement.model_validate(statement).model_copy(update={"policy": policy.id})
                for policy in policies
                for statement in policy.statements
            ]
            return page_of(statements, after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    async def _effective(self, user: str) -> tuple[LakeFSPolicy, ...]:
        await self._vouch("user", user)
        policies: dict[str, LakeFSPolicy] = {}
        after: str | None = None
        seen: set[str | None] = set()
        while after not in seen:
            seen.add(after)
            page = await self._api.list_user_policies(user, after=after, amount=MOST, effective=True)
            policies.update((policy.id, policy) for policy in page.results)
            after = next_offset(page.pagination)
            if after is None:
                return tuple(policies.values())
        raise ProtocolError("the server answered a cursor that it had answered before")


def _raise(error: ConflictError) -> LakeFSPolicy:
    raise error
