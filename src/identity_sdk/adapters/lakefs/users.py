"""``idp.users`` over lakeFS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.creation import UserCreating
from identity_sdk.adapters.lakefs.deletion import UserDeletion
from identity_sdk.adapters.lakefs.models import (
    LakeFSGroup,
    LakeFSGroupList,
    LakeFSPolicy,
    LakeFSPolicyList,
    LakeFSUser,
)
from identity_sdk.adapters.lakefs.part import LakeFSPart, time_for_waiting
from identity_sdk.adapters.lakefs.rules import check_id
from identity_sdk.errors import InvalidRequestError
from identity_sdk.listing import Listing
from identity_sdk.models import Deletion, UserKind
from identity_sdk.resources.base import supports
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret

__all__ = ["LakeFSUsers"]


class LakeFSUsers(LakeFSPart, Users):
    """Users. Ids: any text without ``/`` and ``%``; case counts."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "update": (
            "a user holds nothing that can be changed",
            "policies.attach and groups.add_member change what it may do, request_password_reset its password",
        ),
    }

    @supports(kinds=("human",))
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[LakeFSUser]:
        """All users, ordered by id, in pages of 1,000.

        Args:
            email: found by a scan over all users (those of ``prefix``): the server has no such filter.
            prefix, kind, limit, cursor: as in :meth:`Users.list`.
        """
        return self._pages(
            lambda after, amount: self._api.list_users(prefix=prefix or None, after=after, amount=amount),
            prefix=prefix,
            limit=limit,
            cursor=cursor,
            keep=None if email is None else lambda user: user.email == email,
            keep_base=prefix or "",
        )

    @supports(kinds=("human",))
    async def get(self, id: str, *, kind: UserKind = "human") -> LakeFSUser:
        return same_id(await self._api.get_user(check_id("user id", id)), id)

    @supports(
        kinds=("human",),
        refuses={
            "name": "the server stores none",
            "email": "an address is the id of an invited user: create(address, invite=True)",
            "password": "a user sets one by a reset link: credentials.request_password_reset(address)",
        },
    )
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: UserKind = "human",
        exist_ok: bool = False,
        invite: bool = False,
        existing_credentials: Literal["delete", "keep"] | None = None,
    ) -> LakeFSUser:
        """Makes a user, after a look at what a former user of that name left.

        Access keys outlive their user here, and work again from the moment that the name is given anew. So the keys
        are listed before, and once more right after the user was made.

        Args:
            invite: ``id`` is an e-mail address, which gets an invitation.
            existing_credentials: what to do with keys of a former user: ``"delete"`` them, or ``"keep"`` them alive
                on purpose (then nobody looks).
            id, name, email, password, kind, exist_ok: as in :meth:`Users.create`.

        Raises:
            ConflictError: the id is taken, or keys of a former user are left and ``existing_credentials`` is ``None``.
            PermissionDeniedError: the caller may not list the keys of that name; ``existing_credentials="keep"`` makes
                the user without a look.
            PartialFailureError: the user was made, and its keys could not be looked at; or keys were deleted, and it
                was not made.
        """
        wanted = check_id("user id", id)
        if existing_credentials not in (None, "delete", "keep"):
            raise InvalidRequestError(
                "existing_credentials is 'delete', 'keep' or None", fields={"existing_credentials": "unknown"}
            )
        creating = UserCreating(self._api, wanted, existing_credentials)
        return await creating.run(invite=invite, exist_ok=exist_ok)

    @supports(kinds=("human",))
    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Deletes the access keys, then the user, then looks at the keys once more.

        A repeat after a stop half-way goes on, also when the user is gone and keys are left: then it answers the
        deletion, not ``NotFoundError``. Login tokens that are out are in ``residual``: they stop working with the
        user, and work again if the name is given anew within seven days.
        """
        wanted = check_id("user id", id)
        if wait:
            time_for_waiting(self._sender)
        await self._vouch("user", wanted, gone_ok=True)
        return await UserDeletion(self._sender, self._api, wanted).run(missing_ok=missing_ok, wait=wait)

    @supports()
    async def me(self) -> LakeFSUser:
        return await self._me()

    @supports()
    def groups(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[LakeFSGroup]:
        wanted = check_id("user id", id)

        async def page(after: str | None, amount: int) -> LakeFSGroupList:
            await self._vouch("user", wanted)
            return await self._api.list_user_groups(wanted, after=after, amount=amount)

        return self._pages(page, limit=limit, cursor=cursor)

    @supports()
    def policies(
        self, id: str, *, effective: bool = False, limit: int | None = None, cursor: str | None = None
    ) -> Listing[LakeFSPolicy]:
        """The policies of a user. An unknown user has none; with ``effective`` it is a ``NotFoundError``."""
        wanted = check_id("user id", id)

        async def page(after: str | None, amount: int) -> LakeFSPolicyList:
            await self._vouch("user", wanted)
            return await self._api.list_user_policies(
                wanted, after=after, amount=amount, effective=True if effective else None
            )

        return self._pages(page, limit=limit, cursor=cursor)
