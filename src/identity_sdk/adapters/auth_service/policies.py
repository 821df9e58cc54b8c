"""``idp.policies`` over the auth service: no policies, but rights that can be shown as statements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.auth_service.models import AuthServiceUser
from identity_sdk.adapters.auth_service.part import AuthServicePart
from identity_sdk.adapters.auth_service.rules import check_id
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Statement
from identity_sdk.resources.base import supports
from identity_sdk.resources.policies import Policies

__all__ = ["AuthServicePolicies"]

_IMPLIED: Mapping[str, tuple[str, ...]] = {
    "READ": ("READ",),
    "WRITE": ("READ", "WRITE"),
    "ADMIN": ("READ", "WRITE", "ADMIN"),
}
_NONE = "the server knows no policies: rights are the global role and the modes of the groups"
_INSTEAD = "groups.add_member(group, user, role=…) gives a mode, users.update(id, global_role=…) the role"


class AuthServicePolicies(AuthServicePart, Policies):
    """There are none; :meth:`permissions` shows role and modes as statements."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(
            ("list", "get", "create", "update", "delete", "attach", "detach"),
            (_NONE, _INSTEAD),
        ),
        "check": (
            "the server decides nothing but whether somebody is an administrator",
            "policies.permissions(user) shows what the server knows; the application decides",
        ),
    }

    @supports()
    def permissions(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Statement]:
        """Role and modes as statements: on a group what its mode includes, on ``*`` ``ADMIN`` for an administrator.

        Args:
            user: ``None``: the principal, by its access token.
            limit, cursor: as in :meth:`Policies.permissions`.
        """
        wanted = None if user is None else check_id("user id", user)

        async def fetch(after: str | None, size: int | None) -> Page[Statement]:
            person = await (self._api.get_user_info() if wanted is None else self._find_user(wanted))
            every = _statements(person)
            start = int(after) if after is not None and after.isascii() and after.isdigit() else 0
            end = len(every) if size is None else min(start + size, len(every))
            return Page(tuple(every[start:end]), None if end >= len(every) else str(end))

        return Listing(fetch, limit=limit, cursor=cursor)


def _statements(user: AuthServiceUser) -> list[Statement]:
    """Modes include the lesser ones, as the official wrapper reads them."""
    found = [
        Statement(
            effect="allow", actions=_IMPLIED.get(one.mode, (one.mode,)), resources=(one.id,), policy=one.id
        )
        for one in sorted(user.groups, key=lambda one: one.id)
        if one.mode is not None
    ]
    if user.global_role == "ADMIN":
        found.insert(0, Statement(effect="allow", actions=("ADMIN",), resources=("*",)))
    return found
