"""``idp.credentials`` over Authress: the access keys of service clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.authress.dialect import KEY_LIMIT
from identity_sdk.adapters.authress.models import AuthressAccessKey, AuthressServiceClient
from identity_sdk.adapters.authress.part import AuthressPart, time_for_waiting, tokens_out
from identity_sdk.adapters.authress.rules import check_id
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    DeadlineExceededError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    PartialFailureError,
    PermissionDeniedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import Credential, Deletion
from identity_sdk.resources.base import supports
from identity_sdk.resources.credentials import Credentials, Rotation

__all__ = ["AuthressCredentials"]

KINDS = ("access_key",)


class AuthressCredentials(AuthressPart, Credentials):
    """Access keys of service clients, five at most for each. Without ``user=`` they are this client's own.

    A key has no name, no expiry and no state. A new one may take up to five minutes until it is accepted everywhere.
    """

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "confirm": ("an access key needs no confirmation", "credentials.create"),
        "renew": ("an access key has no expiry", "credentials.rotate"),
        "request_password_reset": ("people sign in at their identity provider", ""),
        "reset_password": ("people sign in at their identity provider", ""),
    }

    @supports(kinds=KINDS)
    def list(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[AuthressAccessKey]:
        """The access keys of a service client: the server answers all of them with the client."""
        owner = None if user is None else check_id("client id", user)

        async def fetch(at: str | None, size: int | None) -> Page[AuthressAccessKey]:
            return page_of(await self._keys(owner or self._caller.subject()), at, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports()
    async def get(self, credential: Credential | str, *, user: str | None = None) -> AuthressAccessKey:
        key, owner = self._named(credential, user)
        return await self._key(owner, key)

    @supports(
        kinds=KINDS,
        refuses={
            "name": "an access key has an id alone, which the server chooses",
            "lifetime": "an access key has no expiry: rotate it, or delete it",
        },
    )
    async def create(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        lifetime: float | None = None,
    ) -> AuthressAccessKey:
        """Makes an access key. Its ``secret`` is the whole key in one piece, as ``ApiKey(…)`` takes it.

        The keys are read before, where the caller may: to say clearly that there are five already, and to tell a
            new key
        from an older one when no answer comes.

        Raises:
            ConflictError: there are five keys.
            AmbiguousOutcomeError: no answer came; ``found`` is a tuple of the keys that are new. Their secrets
                are lost:
                delete them.
        """
        owner = self._caller.subject() if user is None else check_id("client id", user)
        try:
            before = await self._keys(owner)
        except PermissionDeniedError:
            before = None
        return await self._make(owner, before)

    async def _make(self, owner: str, before: tuple[AuthressAccessKey, ...] | None) -> AuthressAccessKey:
        if before is not None and len(before) >= KEY_LIMIT:
            names = ", ".join(key.id for key in before)
            raise ConflictError(
                f"service client {owner} has {len(before)} access keys ({names}), and {KEY_LIMIT} is the limit: "
                "delete one first"
            )
        try:
            made = await self._api.request_access_key(owner)
        except AmbiguousOutcomeError as unknown:
            await self._name_new(unknown, owner, before)
            raise
        if made.user_id not in (None, owner):
            raise ProtocolError(f"the server made a key of {made.user_id!r} when asked for one of {owner!r}")
        if made.secret is None:
            raise ProtocolError(f"the server made key {made.id} of {owner} and did not show it: delete it")
        return _of(owner, made)

    async def _name_new(
        self, unknown: AmbiguousOutcomeError, owner: str, before: tuple[AuthressAccessKey, ...] | None
    ) -> None:
        if before is None:
            return
        try:
            after = await self._keys(owner)
        except IdentityError:  # such as the deadline: what to do is in how_to_find_out
            return
        known = {key.id for key in before}
        new = tuple(key for key in after if key.id not in known)
        unknown.found = new
        unknown.how_to_find_out = (
            f"New since the look before: {', '.join(key.id for key in new)}. Its secret is lost: delete it and "
            "make another"
            if new
            else "No key is new so far; list the keys again before making another"
        )

    @supports()
    def rotate(self, credential: Credential | str, *, user: str | None = None) -> Rotation:
        """A new key for an old one. At five keys it fails before anything is made: free one first.

        Hand the new key over, and wait up to five minutes until it is accepted everywhere, before the block ends.
        """
        key, told = self._names(credential, user)

        async def create() -> Credential:
            owner = told or self._caller.subject()
            before = await self._keys(owner)
            if all(one.id != key for one in before):
                raise NotFoundError(f"service client {owner} has no access key {key}")
            return await self._make(owner, before)

        async def delete() -> None:
            owner = told or self._caller.subject()
            await self._api.delete_access_key(owner, key)

        return Rotation(key, create, delete, provider=self.provider)

    @supports()
    async def delete(
        self,
        credential: Credential | str,
        *,
        user: str | None = None,
        missing_ok: bool = False,
        wait: bool = False,
    ) -> Deletion:
        """Deletes an access key: tokens signed by it are refused by the server.

        Who checks tokens offline, and has kept the public key, accepts those that are out: they are in ``residual``.
        """
        key, owner = self._named(credential, user)
        if wait:
            time_for_waiting(self._sender)
        began = self._sender.now()
        try:
            await self._key(owner, key)  # the vendor's local server says of every id that it has deleted it
            await self._api.delete_access_key(owner, key)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=key, existed=False)
        if wait:
            try:
                await self._wait_out(began)
            except DeadlineExceededError as late:
                raise PartialFailureError(
                    f"access key {key} is deleted, and may be remembered still: {late.message}",
                    done=[f"deleted access key {key}"],
                    left=["wait until it is refused everywhere"],
                ) from late
        what = "tokens signed by it that are out: accepted by whoever checks them offline"
        return Deletion(id=key, residual=(tokens_out(self._sender, what),))

    async def _client(self, owner: str) -> AuthressServiceClient:
        return same_id(await self._api.get_client(owner), owner)

    async def _keys(self, owner: str) -> tuple[AuthressAccessKey, ...]:
        keys = (await self._client(owner)).verification_keys or ()
        return tuple(_of(owner, key) for key in keys)

    async def _key(self, owner: str, key: str) -> AuthressAccessKey:
        for one in await self._keys(owner):
            if one.id == key:
                return one
        raise NotFoundError(f"service client {owner} has no access key {key}")

    @staticmethod
    def _names(credential: Credential | str, user: str | None) -> tuple[str, str | None]:
        told = credential.user_id if isinstance(credential, Credential) else None
        if user is not None and told is not None and user != told:
            raise InvalidRequestError(
                f"that access key belongs to {told}, not to {user}", fields={"user": "not the credential's"}
            )
        owner = user if user is not None else told
        key = credential.id if isinstance(credential, Credential) else credential
        return check_id("access key id", key), None if owner is None else check_id("client id", owner)

    def _named(self, credential: Credential | str, user: str | None) -> tuple[str, str]:
        key, owner = self._names(credential, user)
        return key, owner or self._caller.subject()


def _of(owner: str, key: AuthressAccessKey) -> AuthressAccessKey:
    """A client's list of keys does not repeat whose they are."""
    return key.model_copy(update={"user_id": owner})
