"""Writing a user back as a whole: the only way to change memberships."""

from __future__ import annotations

from collections.abc import Sequence

from identity_sdk.adapters.auth_service.models import (
    AuthServiceMembership,
    AuthServiceUser,
    GroupInfoBody,
    Role,
    UserInfoBody,
)
from identity_sdk.adapters.auth_service.part import AuthServicePart
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import InvalidRequestError, NoAnswerError, ProtocolError, ServerError

__all__ = ["UserWriting", "as_sent"]


def as_sent(membership: AuthServiceMembership) -> GroupInfoBody:
    """A membership that was read, as it is written back; what it holds beside is passed on.

    Raises:
        InvalidRequestError: it has no mode: written back, it would go on breaking its group.
    """
    if membership.mode is None:
        raise InvalidRequestError(
            f"the membership in {membership.id[:100]!r} has no mode, which breaks that group: mend it first with "
            "groups.add_member(group, user, role=…), or replace all of them with users.update(user, groups=…)",
            fields={"groups": "without a mode"},
            provider="auth-service",
        )
    more: dict[str, object] = dict(membership.model_extra or {})
    if membership.description is not None:
        more["description"] = membership.description
    return GroupInfoBody(groupId=membership.id, mode=membership.mode, **more)


class UserWriting(AuthServicePart):
    """For the resources that change a user. Call :meth:`_write` only in the user's turn."""

    async def _write(
        self,
        user: AuthServiceUser,
        *,
        role: Role | None = None,
        groups: Sequence[GroupInfoBody] | None = None,
    ) -> AuthServiceUser:
        """Replaces role and groups, in path and body under the same id; the answer is held against what was sent.

        Raises:
            NotFoundError: the user is gone.
            InvalidRequestError: the user has no global role, and none is given.
        """
        chosen = role or user.global_role
        if chosen is None:
            raise InvalidRequestError(
                "the user has no global role: give one with users.update(id, global_role=…)",
                fields={"global_role": "missing"},
                provider="auth-service",
            )
        sent = tuple(as_sent(one) for one in user.groups) if groups is None else tuple(groups)
        more: dict[str, object] = dict(user.model_extra or {})
        body = UserInfoBody(userId=user.id, globalRole=chosen, groups=sent, **more)
        try:
            answer = same_id(await self._api.admin_user_put(user.id, body), user.id)
        except (NoAnswerError, ServerError):
            await self._find_user(user.id)  # raises NotFoundError when that was the reason
            raise
        if {(one.id, one.mode) for one in answer.groups} != {(one.groupId, one.mode) for one in sent}:
            raise ProtocolError(
                "the server answered other groups than were written: read the user", provider="auth-service"
            )
        return answer

    async def _memberships(self, user: str) -> list[dict[str, object]]:
        """The memberships of a user who cannot be read, out of the groups."""
        return [
            {"groupId": group.id, "description": group.description, "mode": member.role}
            for group in await self._groups()
            for member in group.users
            if member.id == user
        ]
