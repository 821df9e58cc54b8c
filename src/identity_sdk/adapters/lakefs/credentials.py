"""``idp.credentials`` over lakeFS: access keys, and passwords where the server has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.deletion import login_tokens
from identity_sdk.adapters.lakefs.models import (
    ForgotPasswordRequest,
    LakeFSCredential,
    LakeFSCredentialList,
    UpdatePasswordByToken,
)
from identity_sdk.adapters.lakefs.part import PROPAGATION, LakeFSPart, keys_of, time_for_waiting
from identity_sdk.adapters.lakefs.rules import check_id
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    DeadlineExceededError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
)
from identity_sdk.listing import Listing
from identity_sdk.models import Credential, Deletion
from identity_sdk.resources.base import supports
from identity_sdk.resources.credentials import Credentials, Rotation
from identity_sdk.secrets import Secret

__all__ = ["LakeFSCredentials"]

KINDS = ("access_key",)


class LakeFSCredentials(LakeFSPart, Credentials):
    """Access keys. Without ``user=`` they are those of this client's principal."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "confirm": ("an access key works at once", "credentials.create"),
        "renew": ("an access key has no expiry", "credentials.rotate"),
    }

    @supports(kinds=KINDS)
    def list(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[LakeFSCredential]:
        """The access keys of a user, ordered by id; also those that a deleted user left."""
        owner = None if user is None else check_id("user id", user)

        async def page(after: str | None, amount: int) -> LakeFSCredentialList:
            nonlocal owner
            if owner is None:
                owner = (await self._me()).id
            await self._vouch("user", owner, gone_ok=True)
            answer = await self._api.list_user_credentials(owner, after=after, amount=amount)
            return answer.model_copy(update={"results": tuple(_of(owner, key) for key in answer.results)})

        return self._pages(page, limit=limit, cursor=cursor)

    @supports()
    async def get(self, credential: Credential | str, *, user: str | None = None) -> LakeFSCredential:
        key, owner = await self._named(credential, user)
        return _of(owner, same_id(await self._api.get_credentials(owner, key), key))

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
    ) -> LakeFSCredential:
        """Makes an access key. Its ``secret`` is in this answer and never again.

        The keys are listed before (where the caller may): a key carries nothing of the caller's choice, and dates are
        whole seconds of the server's clock, so that only a comparison of two lists can tell a new key from one that was
        made a moment earlier.

        Raises:
            AmbiguousOutcomeError: no answer came; ``found`` is a tuple of the keys that are new since the look before.
                Their secrets are lost: delete them.
        """
        owner = await self._owner(user)
        await self._vouch("user", owner)
        return await self._make(owner)

    async def _make(self, owner: str, *, replaces: bool = False) -> LakeFSCredential:
        before = await self._ids(owner, replaces)
        try:
            return _of(owner, await self._api.create_credentials(owner))
        except AmbiguousOutcomeError as unknown:
            await self._name_new(unknown, owner, before)
            raise

    async def _ids(self, owner: str, replaces: bool = False) -> frozenset[str] | None:
        try:
            return frozenset(key.id for key in await keys_of(self._api, owner))
        except NotSupportedError:
            if replaces:  # a single-user server: it lists no keys and deletes none, so both would stay alive
                raise
            return None
        except (NotFoundError, PermissionDeniedError):
            return None  # create_credentials says what there is to say

    async def _name_new(
        self, unknown: AmbiguousOutcomeError, owner: str, before: frozenset[str] | None
    ) -> None:
        if before is None:
            return
        try:
            keys = await keys_of(self._api, owner)
        except IdentityError:  # such as the deadline: what to do is in how_to_find_out
            return
        new = tuple(_of(owner, key) for key in keys if key.id not in before)
        unknown.found = new
        names = ", ".join(key.id for key in new)
        unknown.how_to_find_out = (
            f"New since the look before: {names}. Its secret is lost: delete it and make another"
            if new
            else "No key is new so far; list the keys again before making another"
        )

    @supports()
    def rotate(self, credential: Credential | str, *, user: str | None = None) -> Rotation:
        key, owner = self._names(credential, user)

        async def make() -> Credential:
            nonlocal owner
            owner = await self._owner(owner)
            await self._vouch("user", owner)
            same_id(await self._api.get_credentials(owner, key), key)
            return await self._make(owner, replaces=True)

        async def remove() -> None:
            try:
                await self._api.delete_credentials(await self._owner(owner), key)
            except NotFoundError:
                return  # the block deleted it itself

        return Rotation(key, make, remove, provider=self.provider)

    @supports()
    async def delete(
        self,
        credential: Credential | str,
        *,
        user: str | None = None,
        missing_ok: bool = False,
        wait: bool = False,
    ) -> Deletion:
        """Deletes an access key. It is read first: for a key of another user the server answers success and deletes
        nothing.

        Login tokens that it brought live on, up to seven days: they are in ``residual``, and end with their user.

        Raises:
            ConflictError: the key was left by a user who is gone: only ``users.delete`` can reach it.
            PartialFailureError: with ``wait``: it is deleted, and was still answered when the time was over.
        """
        if wait:
            time_for_waiting(self._sender)
        key, owner = await self._named(credential, user)
        try:
            await self._vouch("user", owner, gone_ok=True)
            same_id(await self._api.get_credentials(owner, key), key)
            await self._api.delete_credentials(owner, key)
        except NotFoundError:
            await self._not_left_over(owner, key)
            if not missing_ok:
                raise
            return Deletion(id=key, existed=False)
        if wait:
            await self._wait_out(owner, key)
        return Deletion(id=key, residual=(login_tokens(self._sender, "login tokens that it brought"),))

    async def _not_left_over(self, owner: str, key: str) -> None:
        """A key of a vanished user is listed, and otherwise not found: saying "not there" would be untrue."""
        before = await self._ids(owner)
        if before is not None and key in before:
            raise ConflictError(
                f"access key {key} was left by user {owner}, who is gone: the server deletes it no more, and it works "
                f"again if the name is given anew. users.delete({owner!r}) removes it"
            )

    async def _wait_out(self, owner: str, key: str) -> None:
        """Waits until the server's caches have forgotten the key: first blindly, then until a read says so."""
        try:
            await self._sender.sleep(PROPAGATION.credentials)
            while True:
                try:
                    await self._api.get_credentials(owner, key)
                except NotFoundError:
                    return
                if self._sender.remaining() < 1.0:
                    raise DeadlineExceededError("the server still answers it")
                await self._sender.sleep(1.0)
        except IdentityError as stopped:
            raise PartialFailureError(
                f"access key {key} is deleted, and it is not known whether it is refused everywhere: {stopped.message}",
                done=[f"deleted access key {key}"],
                left=["wait until the server's caches have forgotten it"],
            ) from stopped

    @supports()
    async def request_password_reset(self, email: str) -> None:
        """Asks the server to send a reset link. It does not tell whether the address is known.

        Raises:
            InvalidRequestError: that is no address.
            NotSupportedError: a server after v0.91.
        """
        await self._api.forgot_password(ForgotPasswordRequest(email=email))

    @supports()
    async def reset_password(self, token: Secret | str, new_password: Secret | str) -> None:
        """Sets a password by a reset token, which works once.

        Raises:
            AuthenticationError: the token is wrong, used or expired.
            AmbiguousOutcomeError: v0.91.0 was seen to drop the connection: the token is then spent and nothing set.
            NotSupportedError: a server after v0.91.
        """
        body = UpdatePasswordByToken(token=_secret(token), newPassword=_secret(new_password))
        await self._api.update_password(body)

    @staticmethod
    def _names(credential: Credential | str, user: str | None) -> tuple[str, str | None]:
        """The id of the key and its owner; ``None``: the principal of this client."""
        told = credential.user_id if isinstance(credential, Credential) else None
        if user is not None and told is not None and user != told:
            raise InvalidRequestError(
                f"that credential belongs to {told}, not to {user}", fields={"user": "not the credential's"}
            )
        owner = user if user is not None else told
        key = credential.id if isinstance(credential, Credential) else credential
        return check_id("access key id", key), None if owner is None else check_id("user id", owner)

    async def _owner(self, user: str | None) -> str:
        return (await self._me()).id if user is None else check_id("user id", user)

    async def _named(self, credential: Credential | str, user: str | None) -> tuple[str, str]:
        key, owner = self._names(credential, user)
        return key, await self._owner(owner)


def _of(owner: str, key: LakeFSCredential) -> LakeFSCredential:
    """The server does not repeat whose key it is: the caller asked for it."""
    return key.model_copy(update={"user_id": owner})


def _secret(value: Secret | str) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)
