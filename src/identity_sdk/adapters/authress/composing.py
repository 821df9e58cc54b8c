"""A policy of the facade is an access record and the roles that it names.

Roles of ours are called ``ro_<policy>``, ``ro_<policy>.2`` …: no policy id holds a dot, so no two policies share
one. A
role grants nothing by itself: making one is harmless, and a record changes over from old roles to new ones in
one write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.inputs import RoleBody
from identity_sdk.adapters.authress.models import (
    AuthressPolicy,
    AuthressRecord,
    AuthressRole,
    AuthressStatement,
    plain,
)
from identity_sdk.adapters.authress.part import MANY
from identity_sdk.adapters.authress.rules import check_action, check_resource
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Statement

__all__ = ["RoleWriter", "check_statements", "own_roles", "policies_of", "policy_of", "says_the_same"]

Said = tuple[frozenset[str], tuple[str, ...]]
"""The actions of a statement, without case, and its resources."""


def check_statements(statements: Sequence[Statement]) -> None:
    """Refuses what no record can hold.

    Raises:
        InvalidRequestError: there is none, or an action or a resource is malformed or too many.
        NotSupportedError: a denial, or a key that we do not know (a condition).
    """
    if not 1 <= len(statements) <= 100:
        raise InvalidRequestError("a policy has 1 to 100 statements", fields={"statements": "1 to 100"})
    for number, one in enumerate(statements, 1):
        if one.effect != "allow":
            raise NotSupportedError(
                f"statement {number} denies, and Authress knows no denial: rights are only ever given. Instead: "
                "detach or "
                "narrow the policies that allow it",
                provider="authress",
            )
        if one.model_extra:
            raise NotSupportedError(
                f"statement {number} holds {', '.join(sorted(one.model_extra))}, which no record keeps",
                provider="authress",
            )
        if not 1 <= len(one.actions) <= 100 or not 1 <= len(one.resources) <= 100:
            raise InvalidRequestError(
                f"statement {number} needs 1 to 100 actions and 1 to 100 resources",
                fields={"statements": f"statement {number}"},
            )
        for action in one.actions:
            check_action(action)
        for resource in one.resources:
            check_resource(resource)


def says_the_same(found: Iterable[Statement], sent: Iterable[Statement]) -> bool:
    """Whether both give the same actions on the same resources, in whatever order they stand."""

    def said(statements: Iterable[Statement]) -> set[tuple[str, str]]:
        return {
            (action.lower(), resource)
            for one in statements
            for action in one.actions
            for resource in one.resources
        }

    return said(found) == said(sent)


async def policy_of(
    api: AuthressApi, record: AuthressRecord, known: dict[str, tuple[str, ...]] | None = None
) -> AuthressPolicy:
    """The policy that a record is. A role that is gone gives nothing.

    Args:
        api: what to read the roles with.
        record: the record.
        known: the actions of roles that were read; filled.
    """
    roles = {} if known is None else known
    statements: list[Statement] = []
    for one in record.statements:
        for role in one.roles:
            if role not in roles:
                roles[role] = await _actions(api, role)
        actions = dict.fromkeys(action for role in one.roles for action in roles[role])
        resources = tuple(ref.resource_uri for ref in one.resources)
        statements.append(
            AuthressStatement(effect="allow", actions=tuple(actions), resources=resources, roles=one.roles)
        )
    return AuthressPolicy(
        id=record.id, name=record.name, description=record.description, statements=tuple(statements)
    )


async def _actions(api: AuthressApi, role: str) -> tuple[str, ...]:
    try:
        found = same_id(await api.get_role(role), role)
    except NotFoundError:
        return ()
    return tuple(one.action for one in found.permissions if one.allow)


def policies_of(
    api: AuthressApi,
    records: Callable[[int | None, str | None], Listing[AuthressRecord]],
    *,
    limit: int | None,
    cursor: str | None,
) -> Listing[AuthressPolicy]:
    """The policies that these records are. ``records(limit, cursor)`` lists them."""

    async def fetch(at: str | None, size: int | None) -> Page[AuthressPolicy]:
        page = await anext(records(size, at).pages())
        known: dict[str, tuple[str, ...]] = {}
        return Page(tuple([await policy_of(api, one, known) for one in page.items]), page.cursor)

    return Listing(fetch, limit=limit, cursor=cursor)


def _is_own(role: str, policy: str) -> bool:
    return re.fullmatch(rf"ro_{re.escape(policy)}(\.[0-9]+)?", role) is not None


async def own_roles(
    api: AuthressApi, policy: str, record: AuthressRecord | None
) -> dict[str, AuthressRole | None]:
    """The roles that belong to this policy: those that are listed, and those that its record names."""
    found: dict[str, AuthressRole | None] = {}
    at: str | None = None
    seen: set[str] = set()
    while True:
        page = await api.get_roles(filter=f"ro_{policy}", limit=MANY, cursor=at)
        found.update((role.id, role) for role in page.roles if _is_own(role.id, policy))
        at = page.cursor
        if at is None:
            break
        if at in seen:
            raise ProtocolError(
                "the server answered a cursor that it had answered before", provider="authress"
            )
        seen.add(at)
    for statement in record.statements if record is not None else ():
        for role in statement.roles:
            if _is_own(role, policy):
                found.setdefault(role, None)
    return found


class RoleWriter:
    """Finds or makes the roles of one policy; remembers which it made, for :meth:`undo`."""

    def __init__(self, api: AuthressApi, policy: str, there: dict[str, AuthressRole | None]) -> None:
        """Args:
        api: what to write with.
        policy: whose roles.
        there: those that there are, see :func:`own_roles`.
        """
        self._api = api
        self._policy = policy
        self._taken = set(there)
        self._fitting = {
            _said(role): role.id for role in there.values() if role is not None and _is_plain(role)
        }
        self.made: list[str] = []

    async def statements(
        self, wanted: Sequence[Statement], record: AuthressRecord | None
    ) -> list[dict[str, Any]]:
        """The statements of the record, each with its role; one that was read and is unchanged stays as it is."""
        kept: dict[Said, dict[str, Any]] = {}
        if record is not None:
            before = (await policy_of(self._api, record)).statements
            kept = {
                _of(one): plain(raw)
                for one, raw in zip(before, record.statements, strict=True)
                if one.actions
            }
        written: list[dict[str, Any]] = []
        for one in wanted:
            same = kept.get(_of(one))
            if same is not None:
                written.append(same)
                continue
            role = await self._role(frozenset(action.lower() for action in one.actions), one.actions)
            holders = _holders(record)
            written.append(
                {"roles": [role], "resources": [{"resourceUri": uri} for uri in one.resources], **holders}
            )
        return written

    async def _role(self, said: frozenset[str], actions: Sequence[str]) -> str:
        if said in self._fitting:
            return self._fitting[said]
        while True:
            id = self._free()
            self._taken.add(id)
            body = RoleBody.model_validate(
                {
                    "roleId": id,
                    "name": id[:128],
                    "permissions": [
                        {"action": action, "allow": True, "grant": False, "delegate": False}
                        for action in dict.fromkeys(actions)
                    ],
                }
            )
            try:
                role = same_id(await self._api.create_role(body), id)
                self.made.append(id)
            except ConflictError:  # of an earlier run that stopped half-way, and the list did not know it yet
                role = same_id(await self._api.get_role(id), id)
            except AmbiguousOutcomeError as unknown:
                if not isinstance(unknown.found, AuthressRole):
                    raise
                role = unknown.found
                self.made.append(id)
            if _is_plain(role) and _said(role) == said:
                self._fitting[said] = id
                return id

    def _free(self) -> str:
        number = 1
        while (id := f"ro_{self._policy}" + (f".{number}" if number > 1 else "")) in self._taken:
            number += 1
        return id

    async def undo(self) -> list[str]:
        """Deletes the roles that were made; answers those that could not be."""
        left: list[str] = []
        for role in self.made:
            try:
                await self._api.delete_role(role)
            except NotFoundError:
                continue
            except IdentityError:
                left.append(role)
        self.made = left
        return left


def _holders(record: AuthressRecord | None) -> dict[str, Any]:
    """Principals stand in the record, or in its statements: a new statement is for the same ones as the first."""
    if record is None or not record.statements:
        return {}
    told = plain(record.statements[0])
    return {name: told[name] for name in ("users", "groups") if told.get(name)}


def _said(role: AuthressRole) -> frozenset[str]:
    return frozenset(one.action.lower() for one in role.permissions)


def _is_plain(role: AuthressRole) -> bool:
    return all(one.allow and not one.grant and not one.delegate for one in role.permissions)


def _of(statement: Statement) -> Said:
    return frozenset(action.lower() for action in statement.actions), tuple(sorted(statement.resources))
