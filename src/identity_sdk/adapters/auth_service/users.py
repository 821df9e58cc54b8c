"""``idp.users`` over the auth service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.models import (
    AuthServiceMembership,
    AuthServiceUser,
    GroupGrant,
    Role,
    UserInfoBody,
)
from identity_sdk.adapters.auth_service.part import ACCESS_LIFE, AuthServicePart, Turns
from identity_sdk.adapters.auth_service.rules import check_grants, check_id
from identity_sdk.adapters.auth_service.writing import UserWriting
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
)
from identity_sdk.listing import Listing
from identity_sdk.models import UNSET, Deletion, Residual, Unset, UserKind
from identity_sdk.resources.base import supports
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = ["AuthServiceUsers"]

_KEPT = {
    "name": "the server stores none",
    "email": "the server stores none",
    "password": "people sign in at the OpenID provider",
}


class AuthServiceUsers(UserWriting, AuthServicePart, Users):
    """Users: an id, a global role, and groups with a mode each."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "policies": (
            "the server knows no policies: rights are the global role and the modes of the groups",
            "policies.permissions(user) shows them as statements",
        ),
    }

    def __init__(self, sender: Sender, api: AuthServiceApi, turns: Turns, default_role: Role | None) -> None:
        super().__init__(sender, api, turns)
        self._default_role = default_role

    @supports(kinds=("human",), refuses={"email": "the server stores none"})
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[AuthServiceUser]:
        """All users, ordered by id here: the server has neither pages nor filters nor an order."""
        return self._listed(self._users, prefix=prefix, limit=limit, cursor=cursor)

    @supports(kinds=("human",))
    async def get(self, id: str, *, kind: UserKind = "human") -> AuthServiceUser:
        return await self._find_user(check_id("user id", id))

    @supports(kinds=("human",), refuses=_KEPT)
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: UserKind = "human",
        exist_ok: bool = False,
        global_role: Role | None = None,
        groups: Sequence[GroupGrant] = (),
    ) -> AuthServiceUser:
        """Makes a user, after a look whether the id is taken: the real server tells nobody.

        Args:
            global_role: ``ADMIN`` or ``USER``; ``None``: the client's ``default_role``. Without one the server would
                store a user who breaks every list.
            groups: memberships to begin with; the groups must be there (the server would make them silently).
            id, name, email, password, kind, exist_ok: as in :meth:`Users.create`.

        Raises:
            ConfigurationError: neither ``global_role`` nor ``default_role`` was given; nothing was sent.
            ConflictError: the id is taken.
            NotFoundError: a group of ``groups`` is not there; nobody was made.
            AmbiguousOutcomeError: it was sent, and no answer came. It is never repeated.
        """
        wanted = check_id("user id", id)
        role = self._role(global_role)
        grants = check_grants(groups)
        async with self._turns.take("user", wanted):
            there = await self._before(self._api.admin_get_user_info, wanted)
            if there is not None:
                if exist_ok:
                    return there
                raise ConflictError(f"there is a user {wanted!r} already", provider="auth-service")
            for grant in grants:
                await self._group_there(grant.groupId)
            return await self._make(UserInfoBody(userId=wanted, globalRole=role, groups=grants), exist_ok)

    def _role(self, global_role: Role | None) -> Role:
        role = global_role or self._default_role
        if role is None:
            raise ConfigurationError(
                "a new user needs a global role: users.create(id, global_role=…), or default_role= when connecting",
                provider="auth-service",
            )
        return _checked_role(role)

    async def _make(self, body: UserInfoBody, exist_ok: bool) -> AuthServiceUser:
        try:
            return same_id(await self._api.admin_add_user(body), body.userId)
        except ConflictError:
            if not exist_ok:
                raise
            return await self._find_user(body.userId)
        except AmbiguousOutcomeError as unknown:
            try:
                found = unknown.found = await self._find_user(body.userId)
            except NotFoundError:
                unknown.message += "; there is no such user now"
                unknown.how_to_find_out = (
                    "If nobody else makes this user at the same time, nothing was done: make it again"
                )
                raise unknown from unknown.__cause__
            if exist_ok:
                return found
            raise

    @supports(kinds=("human",), refuses={**_KEPT, "active": "the server cannot disable anybody"})
    async def update(
        self,
        id: str,
        *,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        active: bool | Unset = UNSET,
        password: Secret | str | Unset = UNSET,
        kind: UserKind = "human",
        global_role: Role | Unset = UNSET,
        groups: Sequence[GroupGrant] | Unset = UNSET,
    ) -> AuthServiceUser:
        """Changes role or groups: read, merged, and written back as a whole. Issued access tokens keep what they say.

        Args:
            global_role: ``ADMIN`` or ``USER``.
            groups: all memberships from now on; they must be there.
            id, name, email, active, password, kind: as in :meth:`Users.update`.

        Raises:
            NotFoundError: there is no such user, or no such group; nothing was written.
        """
        wanted = check_id("user id", id)
        role = None if isinstance(global_role, Unset) else _checked_role(global_role)
        grants = None if isinstance(groups, Unset) else check_grants(groups)
        async with self._turns.take("user", wanted):
            user = await self._find_user_to_mend(wanted, role)
            if role is None and grants is None:
                return user
            for grant in grants or ():
                await self._group_there(grant.groupId)
            return await self._write(user, role=role, groups=grants)

    async def _find_user_to_mend(self, wanted: str, role: Role | None) -> AuthServiceUser:
        """The user; where a global role is given, one without any can be mended although it cannot be read."""
        try:
            return await self._find_user(wanted)
        except IdentityError as failed:
            if failed.status != 500 or role is None or isinstance(failed, AuthenticationError):
                raise
        return AuthServiceUser.model_validate({"userId": wanted, "groups": await self._memberships(wanted)})

    @supports(kinds=("human",))
    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Deletes a user and its memberships. Nothing ends its refresh tokens, nor its access tokens before their time.

        Args:
            wait: waits out the access tokens (600 s); the refresh tokens, which then get only tokens without rights,
                stay in ``residual``.
            id, kind, missing_ok: as in :meth:`Users.delete`.
        """
        wanted = check_id("user id", id)
        if wait and self._sender.remaining() < ACCESS_LIFE:
            raise ConfigurationError(
                f"wait=True takes {ACCESS_LIFE:g} s, and the deadline leaves {self._sender.remaining():.1f} s: "
                "raise it with idp.with_options(deadline=…)",
                provider="auth-service",
            )
        async with self._turns.take("user", wanted):
            try:
                await self._find_user(wanted)
            except NotFoundError:
                if not missing_ok:
                    raise
                return Deletion(id=wanted, existed=False)
            await self._gone(self._api.admin_remove_user, self._find_user, wanted)
        until = datetime.fromtimestamp(self._sender.now() + ACCESS_LIFE, UTC)
        if wait:
            await self._sender.sleep(ACCESS_LIFE)
        return Deletion(id=wanted, residual=_residual(None if wait else until))

    @supports()
    async def me(self) -> AuthServiceUser:
        """The principal as its access token says: role and groups are those of when it was issued."""
        user = await self._api.get_user_info()
        if not user.id:
            raise ProtocolError("the server answered nobody (an empty id)", provider="auth-service")
        return user

    @supports()
    def groups(
        self, id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[AuthServiceMembership]:
        """The groups that the user is in, each with the user's mode, ordered by id."""
        wanted = check_id("user id", id)

        async def read() -> tuple[AuthServiceMembership, ...]:
            return (await self._find_user(wanted)).groups

        return self._listed(read, limit=limit, cursor=cursor)


def _checked_role(role: str) -> Role:
    if role not in ("ADMIN", "USER"):
        raise InvalidRequestError(
            "global_role is ADMIN or USER", fields={"global_role": "unknown"}, provider="auth-service"
        )
    return "ADMIN" if role == "ADMIN" else "USER"


def _residual(access_until: datetime | None) -> tuple[Residual, ...]:
    refresh = Residual(what="its refresh tokens, which the server never ends: they get tokens without rights")
    if access_until is None:
        return (refresh,)
    return (
        Residual(what="its access tokens, with the rights of when they were issued", until=access_until),
        refresh,
    )
