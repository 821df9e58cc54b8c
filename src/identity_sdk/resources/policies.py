"""``idp.policies``: what principals may do."""

from __future__ import annotations

from collections.abc import Sequence

from identity_sdk.errors import PermissionDeniedError
from identity_sdk.listing import Listing
from identity_sdk.models import UNSET, Decision, Deletion, Policy, Statement, Unset
from identity_sdk.resources.base import Resource, derived

__all__ = ["Policies"]


class Policies(Resource, area="policies"):
    """Policies, their attachment, and decisions. Errors as in :class:`~identity_sdk.resources.users.Users`."""

    def list(
        self, *, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Policy]:
        """All policies, in the backend's order.

        Args:
            prefix: only ids that start with it.
            limit: at most so many.
            cursor: where to continue (``Page.cursor`` of the same list).
        """
        raise self._cannot("list")

    async def get(self, id: str) -> Policy:
        """One policy with its statements.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("get")

    async def create(
        self,
        id: str,
        *,
        statements: Sequence[Statement],
        name: str | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> Policy:
        """Makes a policy and answers it as the backend now holds it.

        Args:
            statements: at least one.
            exist_ok: answer the policy that is there instead of raising ``ConflictError``, if it says the same;
                a policy of that id with other statements is still a ``ConflictError``.

        Raises:
            ConflictError: the id is taken.
            AmbiguousOutcomeError: it was sent, no answer came, and a look found a policy that may be older.
        """
        raise self._cannot("create")

    async def update(
        self,
        id: str,
        *,
        statements: Sequence[Statement] | Unset = UNSET,
        name: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
    ) -> Policy:
        """Replaces the statements; attachments stay.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("update")

    async def delete(self, id: str, *, missing_ok: bool = False) -> Deletion:
        """Deletes the policy; it is detached everywhere.

        Args:
            missing_ok: answer ``Deletion(existed=False)`` instead of raising ``NotFoundError``.
        """
        raise self._cannot("delete")

    async def attach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        """Attaches the policy to exactly one user or group. Attaching again changes nothing and is no error.

        Raises:
            NotFoundError: there is no such policy, user or group.
            InvalidRequestError: neither ``user`` nor ``group`` was given, or both.
        """
        raise self._cannot("attach")

    async def detach(self, id: str, *, user: str | None = None, group: str | None = None) -> None:
        """Detaches the policy. Detaching what is not attached changes nothing and is no error.

        Raises:
            NotFoundError: there is no such policy, user or group.
            InvalidRequestError: neither ``user`` nor ``group`` was given, or both.
        """
        raise self._cannot("detach")

    async def check(self, user: str, action: str, resource: str) -> Decision:
        """Whether ``user`` may do ``action`` on ``resource``; the decision is true when allowed.

        Only the backend's documented denial counts as no; everything else raises. A forgotten ``await`` would be
        true: prefer :meth:`require` in guards.

        Raises:
            NotFoundError: there is no such user, where the backend tells.
        """
        raise self._cannot("check")

    @derived
    async def require(self, user: str, action: str, resource: str) -> None:
        """Like :meth:`check`, but a denial raises.

        Raises:
            PermissionDeniedError: the user may not.
        """
        decision = await self.check(user, action, resource)
        if not decision.allowed:
            raise PermissionDeniedError(
                f"{user} may not {action} on {resource}: {decision.reason}",
                provider=self.provider,
                operation="policies.require",
            )

    def permissions(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Statement]:
        """The statements in force for a user (``None``: for the principal of this client)."""
        raise self._cannot("permissions")
