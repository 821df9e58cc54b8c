"""``idp.users``: principals, people and machines."""

from __future__ import annotations

from identity_sdk.listing import Listing
from identity_sdk.models import UNSET, Deletion, Group, Policy, Unset, User, UserKind
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["Users"]


class Users(Resource, area="users"):
    """Principals. Ids are what the backend calls them, case kept, never rewritten.

    Every verb raises :class:`~identity_sdk.errors.NotSupportedError` where the backend cannot (see
    ``idp.capabilities``), :class:`~identity_sdk.errors.PermissionDeniedError` where the caller may not, and
    :class:`~identity_sdk.errors.ProtocolError` when the answer is about another id than the one asked for.
    """

    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[User]:
        """All users, in the backend's order.

        Args:
            prefix: only ids that start with it.
            email: only users with exactly this address.
            kind: ``"service"`` lists machine identities.
            limit: at most so many.
            cursor: where to continue (``Page.cursor`` of the same list).
        """
        raise self._cannot("list")

    async def get(self, id: str, *, kind: UserKind = "human") -> User:
        """One user.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("get")

    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: UserKind = "human",
        exist_ok: bool = False,
    ) -> User:
        """Makes a user and answers it as the backend now holds it.

        Args:
            id: the id; ``None`` only where the backend chooses it.
            exist_ok: answer the user that is there instead of raising ``ConflictError``.

        Raises:
            ConflictError: the id is taken.
            AmbiguousOutcomeError: it was sent, no answer came, and a look found a user of that id who may be older.
            InvalidRequestError: the id breaks the backend's rule; raised before anything is sent.
        """
        raise self._cannot("create")

    async def update(
        self,
        id: str,
        *,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        active: bool | Unset = UNSET,
        password: Secret | str | Unset = UNSET,
        kind: UserKind = "human",
    ) -> User:
        """Changes what is given; ``None`` erases, what is omitted stays.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("update")

    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Deletes the user and everything of it that could still sign in.

        Args:
            missing_ok: answer ``Deletion(existed=False)`` instead of raising ``NotFoundError``.
            wait: wait until what was taken away is refused everywhere (``capabilities.propagation.credentials``
                seconds), polling what can be polled.

        Raises:
            NotFoundError: there is none of that id.
            PartialFailureError: it stopped half-way; repeating it is safe and goes on.
            ConfigurationError: ``wait`` needs more time than the deadline leaves; raised before anything is sent.
        """
        raise self._cannot("delete")

    async def me(self) -> User:
        """The principal that this client speaks as.

        Raises:
            AuthenticationError: nobody is signed in, or the credential is rejected.
        """
        raise self._cannot("me")

    def groups(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[Group]:
        """The groups that the user is in."""
        raise self._cannot("groups")

    def policies(
        self, id: str, *, effective: bool = False, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Policy]:
        """The policies attached to the user; with ``effective`` those of its groups as well, each once."""
        raise self._cannot("policies")
