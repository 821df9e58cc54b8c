"""``idp.policies`` over IGT Cloud: there are none; one's own permissions can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.igtcloud.part import IgtPart, identity_of
from identity_sdk.adapters.igtcloud.rules import check_id
from identity_sdk.errors import NotSupportedError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import Decision, Statement
from identity_sdk.resources.base import supports
from identity_sdk.resources.policies import Policies

__all__ = ["IgtPolicies"]

ANYWHERE = "*"

_NONE = (
    "IGT Cloud has no policies: permissions come from the groups of an organization",
    "groups.add_member gives those of a group; policies.permissions reads one's own",
)


class IgtPolicies(IgtPart, Policies):
    """Permissions are plain words, each good in an organization; only one's own can be read."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("list", "get", "create", "update", "delete", "attach", "detach"), _NONE
    )

    @supports()
    async def check(self, user: str, action: str, resource: str) -> Decision:
        """Whether this client's own principal has a permission, decided here.

        Args:
            user: the principal of this client.
            action: a permission, letter by letter.
            resource: ``"*"``: the list of permissions; the id of an organization: what the token says of that one.

        Raises:
            NotSupportedError: ``user`` is somebody else: nobody's permissions but one's own can be read.
        """
        check_id("user id", user)
        told = await self._introspect()
        self._own(user, identity_of(told))
        if resource == ANYWHERE:
            held = (await self._api.get_permissions_resource()).permissions
            where = "the list of permissions"
        else:
            places = told.organizations.organization_list if told.organizations is not None else ()
            held = tuple(
                right for one in places if one.organization_id == resource for right in one.permissions
            )
            where = f"what the token says of organization {resource[:100]}"
        allowed = action in held
        return Decision(
            allowed=allowed,
            reason=f"{action[:100]} is {'' if allowed else 'not '}in {where}",
            decided_by="client",
        )

    @supports()
    def permissions(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Statement]:
        """One's own permissions, one statement each.

        Args:
            user: the principal of this client, or ``None`` for the same.
            limit, cursor: as in :meth:`Policies.permissions`.
        """
        if user is not None:
            check_id("user id", user)

        async def fetch(after: str | None, size: int | None) -> Page[Statement]:
            if user is not None:
                self._own(user, identity_of(await self._introspect()))
            held = (await self._api.get_permissions_resource()).permissions
            found = [Statement(effect="allow", actions=(one,), resources=(ANYWHERE,)) for one in held]
            return page_of(found, after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    def _own(self, user: str, me: str) -> None:
        if user != me:
            raise NotSupportedError(
                f"igtcloud tells the permissions of the caller alone, {me[:100]}, not those of {user[:100]}. "
                "Instead: with_credential(…) of that user, or profile.organization_roles of users.get",
                provider="igtcloud",
            )
