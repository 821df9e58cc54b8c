"""``idp.policies`` over Argus: functions, granted to users and groups for a customer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from identity_sdk.adapters.argus.inputs import PermissionGrant
from identity_sdk.adapters.argus.models import Answer, ArgusPermission, ArgusPolicy, ArgusStatement
from identity_sdk.adapters.argus.part import ArgusPart, everything, starting
from identity_sdk.adapters.argus.rules import check_function, check_name
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    PartialFailureError,
    PermissionDeniedError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import Decision
from identity_sdk.resources.base import one_of, supports
from identity_sdk.resources.policies import Policies

__all__ = ["ArgusPolicies", "granted"]

_MADE_BY = "functions are made by Argus' operators"


class ArgusPolicies(ArgusPart, Policies):
    """A policy is a function, its id the function's name."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "create": (_MADE_BY, "policies.list for what there is; native.useradmin.function.add_function"),
        "update": (_MADE_BY, "grant another one: policies.attach"),
        "delete": (_MADE_BY, "policies.detach; native.useradmin.function.delete_function"),
    }

    @supports()
    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[ArgusPolicy]:
        """All functions, in the server's order; ``prefix`` by a scan."""

        async def page(offset: int, amount: int) -> Answer[tuple[ArgusPolicy, ...] | None]:
            answer = await self._api.useradmin.function.list_functions(offset=offset, limit=amount)
            if answer.data is None:
                return answer
            return answer.model_copy(update={"data": tuple(_said(one, ("*",)) for one in answer.data)})

        return self._pages(page, keep=starting(prefix), limit=limit, cursor=cursor)

    @supports()
    async def get(self, id: str) -> ArgusPolicy:
        """One function; for whom it is granted is in ``users.policies`` and ``groups.policies``."""
        return _said(await self._function(id), ("*",))

    @supports()
    async def attach(
        self, id: str, *, user: str | None = None, group: str | None = None, customer: str | None = None
    ) -> None:
        """Grants the function for ``customer`` (the adapter's unless given). A grant that is there is no error.

        Raises:
            ConfigurationError: no customer is known.
        """
        check_function(id)
        kind, holder = one_of(user=user, group=group)
        check_name(f"{kind} id", holder)
        chosen = self._setting.customer_or(customer)
        subject = await self._subject(kind, holder)
        function = await self._function(id)
        if await self._grants(subject, function.id, chosen):
            return
        body = PermissionGrant(subject=subject, function=function.id, customer=chosen)
        try:
            await self._api.useradmin.permission.grant_permission(body)
        except AmbiguousOutcomeError as unknown:
            if not await self._grants(subject, function.id, chosen):
                raise unknown from None

    @supports()
    async def detach(
        self, id: str, *, user: str | None = None, group: str | None = None, customer: str | None = None
    ) -> None:
        """Takes the function back: for ``customer``, or where none is given for every customer.

        Raises:
            PartialFailureError: some grants were taken back and one was not.
        """
        check_function(id)
        kind, holder = one_of(user=user, group=group)
        check_name(f"{kind} id", holder)
        subject = await self._subject(kind, holder)
        function = await self._function(id)
        found = await self._grants(subject, function.id, customer)
        for place, grant in enumerate(found):
            try:
                await self._api.useradmin.permission.revoke_permission(grant.id)
            except NotFoundError:
                continue  # somebody else was faster
            except IdentityError as stopped:
                if not place:
                    raise
                raise PartialFailureError(
                    f"{id} is taken back from {holder} for some customers only: {stopped.message}",
                    done=[f"revoked permission {one.id}" for one in found[:place]],
                    left=[f"revoke permission {one.id}" for one in found[place:]],
                    provider="argus",
                ) from stopped

    async def _subject(self, kind: str, name: str) -> str:
        return str((await (self._user(name) if kind == "user" else self._group(name))).number)

    async def _grants(self, subject: str, function: str, customer: str | None) -> tuple[ArgusPermission, ...]:
        """The grants of exactly this function to exactly this subject."""
        found = await everything(
            lambda offset, amount: self._api.useradmin.permission.list_permissions(
                subject=(subject,),
                function=(function,),
                customer=() if customer is None else (customer,),
                offset=offset,
                limit=amount,
                includeSubjectAscendants=False,
                includeSubjectDescendants=False,
                includeCustomerAscendants=False,
                includeCustomerDescendants=False,
                includeFunctionAscendants=False,
                includeFunctionDescendants=False,
            )
        )
        return tuple(
            one
            for one in found
            if "deleted" not in one.flags
            and one.function_name == function
            and (one.subject is None or str(one.subject.id) == subject)
        )

    @supports()
    async def check(self, user: str, action: str, resource: str) -> Decision:
        """Whether ``user`` may use the function ``action`` for the customer ``resource``, as the server says.

        Of the client's own principal its session is asked, which may be constrained; of others, whether any grant to
        them, to groups that they are in, for this customer or one above, holds the function.

        Raises:
            NotFoundError: there is no such user, function or customer, where the server tells.
        """
        check_name("user id", user)
        check_function(action)
        if not resource:
            raise InvalidRequestError("resource is a customer's short name", fields={"resource": "empty"})
        if (await self._me()).id == user:
            return await self._own(action, resource)
        subject = str((await self._user(user)).number)
        answer = await self._api.useradmin.permission.list_permissions(
            subject=(subject,),
            function=(action,),
            customer=(resource,),
            limit=1,
            includeSubjectAscendants=True,
            includeSubjectDescendants=False,
            includeCustomerAscendants=True,
            includeCustomerDescendants=False,
            includeFunctionAscendants=True,
            includeFunctionDescendants=False,
        )
        for one in answer.data or ():
            holder = one.subject.short_name or one.subject.name if one.subject is not None else None
            reason = (
                f"permission {one.id} grants {one.function_name} to {holder or 'it'} for {one.customer_name}"
            )
            return Decision(allowed=True, reason=reason, decided_by="server")
        return Decision(
            allowed=False, reason=f"no permission grants {action} for {resource}", decided_by="server"
        )

    async def _own(self, action: str, resource: str) -> Decision:
        try:
            await self._api.session.check_session_permission(action, resource)
        except PermissionDeniedError as denied:
            return Decision(allowed=False, reason=denied.message, decided_by="server")
        return Decision(
            allowed=True, reason=f"the session may use {action} for {resource}", decided_by="server"
        )

    @supports()
    def permissions(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[ArgusStatement]:
        """The granted functions, through groups as well, each with its customers as resources.

        Without ``user`` those that this client's session may use.
        """
        if user is not None:
            check_name("user id", user)

        async def fetch(after: str | None, size: int | None) -> Page[ArgusStatement]:
            found = await self._in_session() if user is None else granted(await self._permissions(user, True))
            statements = [
                ArgusStatement.model_validate(one).model_copy(update={"policy": policy.id})
                for policy in found
                for one in policy.statements
            ]
            return page_of(statements, after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    async def _in_session(self) -> tuple[ArgusPolicy, ...]:
        """One's own grants, cut to the functions and customers of the session, which may be constrained."""
        functions = {one.name for one in (await self._api.session.get_session_functions()).data or ()}
        customers = {one.short_name for one in (await self._api.session.get_session_customers()).data or ()}
        grants = await everything(
            lambda offset, amount: self._api.currentuser.get_current_user_permissions(
                includeInherited=True, offset=offset, limit=amount
            )
        )
        return granted(
            one for one in grants if one.function_name in functions and one.customer_name in customers
        )


def granted(permissions: Iterable[ArgusPermission]) -> tuple[ArgusPolicy, ...]:
    """Each granted function once, ordered by name, with the customers that it is granted for."""
    found: dict[str, tuple[int | None, dict[str, None]]] = {}
    for one in permissions:
        name, told = one.function_name, one.function or one.function_info
        if name is None or told is None or "deleted" in one.flags:
            continue
        _, customers = found.setdefault(name, (told.id, {}))
        if one.customer_name is not None:
            customers[one.customer_name] = None
    return tuple(
        _said(ArgusPolicy.model_validate({"name": name, "id": number}), tuple(customers) or ("*",))
        for name, (number, customers) in sorted(found.items())
    )


def _said(policy: ArgusPolicy, customers: tuple[str, ...]) -> ArgusPolicy:
    statement = ArgusStatement(effect="allow", actions=(policy.id,), resources=customers)
    return policy.model_copy(update={"statements": (statement,)})
