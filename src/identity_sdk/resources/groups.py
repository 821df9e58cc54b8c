"""``idp.groups``: sets of principals."""

from __future__ import annotations

from identity_sdk.listing import Listing
from identity_sdk.models import UNSET, Deletion, Group, Member, Policy, Unset
from identity_sdk.resources.base import Resource

__all__ = ["Groups"]


class Groups(Resource, area="groups"):
    """Groups and who is in them. Errors as in :class:`~identity_sdk.resources.users.Users`."""

    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Group]:
        """All groups, in the backend's order.

        Args:
            prefix: only ids that start with it.
            limit: at most so many.
            cursor: where to continue (``Page.cursor`` of the same list).
        """
        raise self._cannot("list")

    async def get(self, id: str) -> Group:
        """One group.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("get")

    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> Group:
        """Makes a group and answers it as the backend now holds it.

        Args:
            id: the id; ``None`` only where the backend chooses it.
            exist_ok: answer the group that is there instead of raising ``ConflictError``.

        Raises:
            ConflictError: the id is taken.
            AmbiguousOutcomeError: it was sent, no answer came, and a look found a group that may be older.
        """
        raise self._cannot("create")

    async def update(
        self, id: str, *, name: str | Unset | None = UNSET, description: str | Unset | None = UNSET
    ) -> Group:
        """Changes what is given; ``None`` erases, what is omitted stays.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("update")

    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        """Deletes the group, its memberships and attachments; never its members.

        Args:
            missing_ok: answer ``Deletion(existed=False)`` instead of raising ``NotFoundError``.
        """
        raise self._cannot("delete")

    def members(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[Member]:
        """Who is in the group; ``Member.type`` tells users from nested groups.

        Raises:
            NotFoundError: there is no such group.
        """
        raise self._cannot("members")

    async def add_member(self, id: str, user: str, *, role: str | None = None) -> None:
        """Puts a user into a group. Adding a member again changes nothing and is no error.

        Args:
            role: what the user may do in the group, where the backend knows roles.

        Raises:
            NotFoundError: there is no such group or user.
        """
        raise self._cannot("add_member")

    async def remove_member(self, id: str, user: str) -> None:
        """Takes a user out of a group. Removing one who is not in it changes nothing and is no error.

        Raises:
            NotFoundError: there is no such group or user.
        """
        raise self._cannot("remove_member")

    def policies(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[Policy]:
        """The policies attached to the group."""
        raise self._cannot("policies")
