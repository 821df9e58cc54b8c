"""Whether a caller may: the backend decides, or where it has no such question the rights that it tells of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from identity_sdk.adapters.base import Adapter
from identity_sdk.client import IdentityClient

__all__ = ["decide", "in_scope"]


async def decide(idp: IdentityClient[Adapter], user: str, action: str, resource: str) -> bool:
    """Whether ``user`` may do ``action`` on ``resource``.

    Raises:
        IdentityError: the backend could not tell.
    """
    if idp.capabilities.supports("policies.check"):
        return (await idp.policies.check(user, action, resource)).allowed
    effects = {
        statement.effect
        async for statement in idp.policies.permissions(user)
        if _covers(statement.actions, action) and _covers(statement.resources, resource)
    }
    return effects == {"allow"}  # a matching deny wins


def in_scope(scopes: tuple[str, ...], action: str) -> bool:
    """Whether a credential that is limited to these patterns of actions reaches this far; none: it is not limited."""
    return not scopes or _covers(scopes, action)


def _covers(patterns: Iterable[str], text: str) -> bool:
    """Whether one of the patterns fits, in which ``*`` stands for anything."""
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
        for pattern in patterns
    )
