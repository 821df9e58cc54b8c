"""``idp.users`` over Argus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.argus.deletion import UserDeletion
from identity_sdk.adapters.argus.inputs import UserAddition, UserUpdate
from identity_sdk.adapters.argus.models import Answer, ArgusGroup, ArgusPolicy, ArgusUser
from identity_sdk.adapters.argus.part import ArgusPart, looked_up
from identity_sdk.adapters.argus.policies import granted
from identity_sdk.adapters.argus.rules import check_name
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    PartialFailureError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Deletion, Unset, UserKind
from identity_sdk.resources.base import supports
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret

__all__ = ["ArgusUsers"]

KINDS = ("human",)
_ASK_THE_USER = "Argus takes no password from an administrator: credentials.request_password_reset(address)"


class ArgusUsers(ArgusPart, Users):
    """Users. Ids are short names: letters, digits and ``_ - . @``, not digits alone."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports(kinds=KINDS)
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[ArgusUser]:
        """All users that are not deleted, in the server's order, in pages of 1,000.

        Args:
            prefix: found by a scan: what the server's keywords match is not documented.
            email: narrowed by the server, compared here.
            kind, limit, cursor: as in :meth:`Users.list`.
        """
        domain = () if self._setting.domain is None else (self._setting.domain,)

        async def page(offset: int, amount: int) -> Answer[tuple[ArgusUser, ...] | None]:
            if email is None:
                return await self._api.useradmin.user.list_users(domain=domain, offset=offset, limit=amount)
            return await self._api.useradmin.user.list_users(
                domain=domain, offset=offset, limit=amount, keywords=(email,), keywordField=("email",)
            )

        def wanted(user: ArgusUser) -> bool:
            return (not prefix or user.id.startswith(prefix)) and (email is None or user.email == email)

        return self._pages(
            page, keep=wanted if prefix or email is not None else None, limit=limit, cursor=cursor
        )

    @supports(kinds=KINDS)
    async def get(self, id: str, *, kind: UserKind = "human") -> ArgusUser:
        return await self._user(id)

    @supports(kinds=KINDS, refuses={"password": _ASK_THE_USER})
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: UserKind = "human",
        exist_ok: bool = False,
        customer: str | None = None,
    ) -> ArgusUser:
        """Makes a user.

        Args:
            name: the full name, which Argus wants; the id unless given.
            customer: whose user it is; the adapter's ``customer`` unless given.
            id, email, password, kind, exist_ok: as in :meth:`Users.create`.

        Raises:
            ConfigurationError: no customer is known.
        """
        wanted = check_name("user id", id)
        told = {"customer": self._setting.customer_or(customer), "shortName": wanted}
        told["name"] = name or wanted
        if email is not None:
            told["email"] = email
        if self._setting.domain is not None:
            told["domain"] = self._setting.domain
        try:
            made = (await self._api.useradmin.user.add_user(UserAddition.model_validate(told))).data
        except (ConflictError, InvalidRequestError) as refused:
            return await self._taken(wanted, refused, exist_ok)
        except AmbiguousOutcomeError as unknown:
            found = looked_up(unknown)
            if exist_ok and isinstance(found, ArgusUser):
                return same_id(found, wanted)
            raise
        if made is None:
            return await self._user(wanted)
        return same_id(made, wanted)

    async def _taken(self, wanted: str, refused: IdentityError, exist_ok: bool) -> ArgusUser:
        """Argus answers 412 to a name that is taken, as to any other fault: a look tells which it was."""
        if isinstance(refused, InvalidRequestError) and not refused.sent:
            raise refused
        try:
            there = await self._user(wanted)
        except NotFoundError:
            raise refused from None
        if exist_ok:
            return there
        raise ConflictError(f"there is a user {wanted} already", provider=self.provider) from refused

    @supports(kinds=KINDS, refuses={"password": _ASK_THE_USER})
    async def update(
        self,
        id: str,
        *,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        active: bool | Unset = UNSET,
        password: Secret | str | Unset = UNSET,
        kind: UserKind = "human",
    ) -> ArgusUser:
        """Changes what is given; ``active=False`` blocks the user, ``True`` unblocks.

        Raises:
            InvalidRequestError: ``name`` is ``None`` or empty: Argus wants one.
            PartialFailureError: the user was blocked, or changed, and the rest failed.
        """
        if name is None or name == "":
            raise InvalidRequestError("Argus wants a name: it cannot be erased", fields={"name": "required"})
        user = await self._user(id)
        told: dict[str, str] = {}
        if not isinstance(name, Unset):
            told["name"] = name
        if not isinstance(email, Unset):
            told["email"] = email or ""
        done: list[str] = []
        try:
            if active is False:
                await self._api.user.block_user(str(user.number))
                done.append(f"blocked {id}")
            if told:
                await self._api.useradmin.user.update_user(str(user.number), UserUpdate.model_validate(told))
                done.append(f"changed {', '.join(told)}")
            if active is True:
                await self._api.user.unblock_user(str(user.number))
                done.append(f"unblocked {id}")
            return await self._user(id) if done else user
        except IdentityError as stopped:
            if not done:
                raise
            complete = len(done) == (active is not UNSET) + bool(told)
            raise PartialFailureError(
                f"the update of user {id} stopped half-way: {stopped.message}",
                done=done,
                left=["read it again" if complete else "make the other change"],
                provider="argus",
            ) from stopped

    @supports(kinds=KINDS)
    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Ends the user's API keys, TOTP generator and sessions, then the user, then looks at the sessions once more.

        The deletion is soft: an administrator can take it back by ``native.useradmin.user.reenable_user``.
        """
        wanted = check_name("user id", id)
        try:
            user = await self._user(wanted)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        await UserDeletion(self._api, user).run()
        return Deletion(id=wanted)

    @supports()
    async def me(self) -> ArgusUser:
        return await self._me()

    @supports()
    def groups(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[ArgusGroup]:
        """The groups that the user is in itself, not those above them."""
        check_name("user id", id)

        async def page(offset: int, amount: int) -> Answer[tuple[ArgusGroup, ...] | None]:
            number = (await self._user(id)).number
            return await self._api.users.subject.get_subject_group_memberships(
                number, includeInherited=False, offset=offset, limit=amount
            )

        return self._pages(page, limit=limit, cursor=cursor)

    @supports()
    def policies(
        self, id: str, *, effective: bool = False, limit: int | None = None, cursor: str | None = None
    ) -> Listing[ArgusPolicy]:
        """The functions granted to the user, each once, ordered by name; its statement names the customers."""
        check_name("user id", id)

        async def fetch(after: str | None, size: int | None) -> Page[ArgusPolicy]:
            return page_of(granted(await self._permissions(id, effective)), after, size)

        return Listing(fetch, limit=limit, cursor=cursor)
