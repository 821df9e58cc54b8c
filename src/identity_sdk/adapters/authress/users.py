"""``idp.users`` over Authress: people, who appear when they first sign in, and service clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from identity_sdk.adapters.authress.composing import policies_of
from identity_sdk.adapters.authress.inputs import ClientBody
from identity_sdk.adapters.authress.lists import GroupCollection
from identity_sdk.adapters.authress.models import (
    AuthressGroup,
    AuthressPolicy,
    AuthressServiceClient,
    AuthressUser,
    plain,
)
from identity_sdk.adapters.authress.part import (
    MANY,
    PROPAGATION,
    AuthressPart,
    time_for_waiting,
    tokens_out,
)
from identity_sdk.adapters.authress.releasing import Releasing
from identity_sdk.adapters.authress.rules import check_id, check_name, check_principal
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import DeadlineExceededError, NotFoundError, NotSupportedError, PartialFailureError
from identity_sdk.listing import Listing
from identity_sdk.models import UNSET, Deletion, Unset, UserKind
from identity_sdk.resources.base import supports
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret

__all__ = ["AuthressUsers"]

AuthressPrincipal = AuthressUser | AuthressServiceClient

NO_CREATE = (
    "a person appears at the first sign-in. Instead: kind='service' makes a service client; rights can "
    "be given to an id before "
    "it has ever signed in"
)
NO_UPDATE = "a person is what the identity provider says. Instead: kind='service' renames a service client"
_BOTH = ("human", "service")


class AuthressUsers(AuthressPart, Users):
    """People (``kind="human"``) and service clients (``kind="service"``)."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports(kinds=_BOTH)
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[AuthressPrincipal]:
        """People in pages of 100, service clients in pages of 20.

        Args:
            prefix: filtered here: the server's ``filter`` is a search through all text.
            email: filtered here; a service client has none.
            kind, limit, cursor: as in :meth:`Users.list`.
        """
        if kind == "service":
            return self._pages(
                lambda at, amount: self._api.get_clients(limit=amount, cursor=at),
                lambda page: page.clients,
                prefix=prefix,
                keep=None if email is None else lambda user: False,
                limit=limit,
                cursor=cursor,
            )
        return self._pages(
            lambda at, amount: self._api.get_users(limit=amount, cursor=at),
            lambda page: page.users,
            most=MANY,
            prefix=prefix,
            keep=None if email is None else lambda user: user.email == email,
            limit=limit,
            cursor=cursor,
        )

    @supports(kinds=_BOTH)
    async def get(self, id: str, *, kind: UserKind = "human") -> AuthressPrincipal:
        return await self._read(check_id("user id", id), kind)

    async def _read(self, id: str, kind: UserKind) -> AuthressPrincipal:
        if kind == "service":
            return same_id(await self._api.get_client(id), id)
        return same_id(await self._api.get_user(id), id)

    @supports(
        kinds=("service",),
        refuses={
            "email": "a service client has no address",
            "password": "a service client signs in by an access key: credentials.create(id)",
            "exist_ok": "the server chooses the id of a service client, so that none can be there already",
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
    ) -> AuthressServiceClient:
        """Makes a service client, whose id the server chooses.

        Args:
            id: none can be chosen.
            name: for people; need not be unique.
            kind: ``"service"``: a person cannot be made.
            email, password, exist_ok: not possible here.

        Raises:
            NotSupportedError: for a person, or with an id.
            AmbiguousOutcomeError: no answer came; list the service clients and look for the name.
        """
        if kind != "service":
            raise NotSupportedError(
                f"authress cannot users.create of a person: {NO_CREATE}", provider="authress"
            )
        if id is not None:
            raise NotSupportedError(
                "authress cannot take an id in users.create: the server chooses it. Instead: give name=",
                provider="authress",
            )
        told: dict[str, Any] = {} if name is None else {"name": check_name(name)}
        options = {"grantUserPermissionsAccess": False, "grantTokenGeneration": False}
        return await self._api.create_client(ClientBody.model_validate({**told, "options": options}))

    @supports(
        kinds=("service",),
        refuses={
            "email": "a service client has no address",
            "active": "a service client cannot be disabled: delete its access keys",
            "password": "a service client signs in by an access key: credentials.create(id)",
        },
    )
    async def update(
        self,
        id: str,
        *,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        active: bool | Unset = UNSET,
        password: Secret | str | Unset = UNSET,
        kind: UserKind = "human",
    ) -> AuthressServiceClient:
        """Renames a service client; its options, rate limits and tags are read and written back.

        There is no precondition on this operation: of two writers at once the last one wins.
        """
        if kind != "service":
            raise NotSupportedError(
                f"authress cannot users.update of a person: {NO_UPDATE}", provider="authress"
            )
        wanted = check_id("client id", id)
        there = same_id(await self._api.get_client(wanted), wanted)
        if isinstance(name, Unset) or name == there.name:
            return there
        told = plain(there, "id", "created_at", "verification_keys")
        told["name"] = None if name is None else check_name(name)
        return same_id(await self._api.update_client(wanted, ClientBody.model_validate(told)), wanted)

    @supports(kinds=_BOTH)
    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Takes the user out of every group and access record, then deletes it; a service client with its keys.

        Tokens that are out are in ``residual``: nobody can end one before its 24 hours are over.
        """
        wanted = check_id("user id", id)
        if wait:
            time_for_waiting(self._sender)
        try:
            await self._read(wanted, kind)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        releasing = Releasing(self._api, self._turns, "user", wanted, f"delete {wanted}")
        remove = self._api.delete_client if kind == "service" else self._api.delete_user
        began = self._sender.now()
        await releasing.run(lambda: remove(wanted))
        residual = tokens_out(self._sender, "tokens that are out: accepted by whoever checks them offline")
        if wait:
            await self._gone(wanted, kind, began)
        return Deletion(id=wanted, residual=(residual,))

    async def _gone(self, id: str, kind: UserKind, began: float) -> None:
        """A deletion is done later (202): until it cannot be read any more, and is remembered nowhere."""
        try:
            pause = 1.0
            while True:
                try:
                    await self._read(id, kind)
                except NotFoundError:
                    break
                if self._sender.remaining() < pause + PROPAGATION.credentials / 10:
                    raise DeadlineExceededError("it can still be read, and no time is left to wait")
                await self._sender.sleep(pause)
                pause = min(2 * pause, 30.0)
            await self._wait_out(began)
        except DeadlineExceededError as late:
            raise PartialFailureError(
                f"{id} is being deleted, and whether that is seen everywhere is not known: {late.message}",
                done=[f"asked to delete {id}"],
                left=["wait until it is refused everywhere"],
                provider="authress",
            ) from late

    @supports()
    async def me(self) -> AuthressPrincipal:
        """The subject of this client's token."""
        return await self._me()

    @supports()
    def groups(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthressGroup]:
        """The groups that the user is in: all groups are read, since the server has no such list."""
        wanted = check_principal("user id", id)

        def items(page: GroupCollection) -> tuple[AuthressGroup, ...]:
            return page.groups

        return self._pages(
            lambda at, amount: self._api.get_groups(limit=amount, cursor=at),
            items,
            keep=lambda group: any(one.user_id == wanted for one in group.users),
            nothing=lambda: self._known(wanted),
            limit=limit,
            cursor=cursor,
        )

    @supports()
    def policies(
        self, id: str, *, effective: bool = False, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthressPolicy]:
        """The records that name the user; with ``effective`` also those that name one of its groups."""
        wanted = check_principal("user id", id)
        return policies_of(
            self._api,
            lambda most, at: self._of_user(wanted, effective, most, at),
            limit=limit,
            cursor=cursor,
        )
