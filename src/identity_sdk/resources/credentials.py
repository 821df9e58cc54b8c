"""``idp.credentials``: long-lived ways to sign in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from types import TracebackType

from identity_sdk.errors import PartialFailureError
from identity_sdk.listing import Listing, Scope
from identity_sdk.models import Credential, Deletion
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["Credentials", "Rotation"]


class Rotation:
    """Makes a new credential on entering, and deletes the old one only when the block ends well.

    ::

        async with idp.credentials.rotate(old) as new:
            await hand_over(new)

    When the block raises, both stay alive and a ``PartialFailureError`` names both, with the block's exception as its
    cause; cancellation passes through, and leaves both alive as well.
    """

    def __init__(
        self,
        old: str,
        create: Callable[[], Awaitable[Credential]],
        delete: Callable[[], Awaitable[object]],
        *,
        provider: str,
    ) -> None:
        self._old = old
        self._create = create
        self._delete = delete
        self._provider = provider
        self._scope: Scope = nullcontext
        self._new: Credential | None = None

    def bind_scope(self, scope: Scope) -> None:
        """Entering and leaving each run inside ``scope()``. Called once, by ``@supports``."""
        self._scope = scope

    async def __aenter__(self) -> Credential:
        async with self._scope():
            self._new = await self._create()
        return self._new

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        new = self._new.id if self._new else "?"
        if isinstance(error, Exception):
            raise self._stopped("the hand-over failed", new) from error
        if error is not None:
            return
        try:
            async with self._scope():
                await self._delete()
        except Exception as failed:
            raise self._stopped("the old credential could not be deleted", new) from failed

    def _stopped(self, why: str, new: str) -> PartialFailureError:
        return PartialFailureError(
            f"{why}: the old credential {self._old} and the new one {new} are both alive",
            done=[f"made {new}"],
            left=[f"delete {self._old}"],
            provider=self._provider,
            operation="credentials.rotate",
        )


class Credentials(Resource, area="credentials"):
    """Access keys, API keys, TOTP seeds. Verbs take the ``Credential`` itself, or its id and ``user=``.

    Errors as in :class:`~identity_sdk.resources.users.Users`.
    """

    def list(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[Credential]:
        """The credentials of a user (``None``: of the principal of this client), without their secrets."""
        raise self._cannot("list")

    async def get(self, credential: Credential | str, *, user: str | None = None) -> Credential:
        """One credential, without its secret.

        Raises:
            NotFoundError: that user has none of that id.
        """
        raise self._cannot("get")

    async def create(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        lifetime: float | None = None,
    ) -> Credential:
        """Makes a credential. Its ``secret`` is shown in this answer and never again.

        Args:
            user: whose it will be; ``None`` means the principal of this client.
            kind: default: the backend's first kind.
            name: for people, where the backend keeps one.
            lifetime: seconds until it expires; ``None``: as long as the backend gives.

        Raises:
            AmbiguousOutcomeError: it was sent and no answer came; ``found`` holds the credentials that are new.
        """
        raise self._cannot("create")

    async def confirm(
        self, credential: Credential | str, code: str, *, user: str | None = None
    ) -> Credential:
        """Ends an enrolment (TOTP): proves by a code that the secret has arrived.

        Raises:
            AuthenticationError: the code is wrong or was used before.
        """
        raise self._cannot("confirm")

    async def renew(
        self, credential: Credential | str, *, user: str | None = None, lifetime: float | None = None
    ) -> Credential:
        """Puts off the expiry; the secret stays.

        Args:
            lifetime: seconds from now.
        """
        raise self._cannot("renew")

    def rotate(self, credential: Credential | str, *, user: str | None = None) -> Rotation:
        """A new credential for an old one, handed over inside ``async with``; see :class:`Rotation`."""
        raise self._cannot("rotate")

    async def delete(
        self,
        credential: Credential | str,
        *,
        user: str | None = None,
        missing_ok: bool = False,
        wait: bool = False,
    ) -> Deletion:
        """Deletes a credential: nothing obtains a token by it again.

        Args:
            missing_ok: answer ``Deletion(existed=False)`` instead of raising ``NotFoundError``.
            wait: wait until it is refused everywhere (``capabilities.propagation.credentials`` seconds).
        """
        raise self._cannot("delete")

    async def request_password_reset(self, email: str) -> None:
        """Asks the backend to send a reset token. It does not tell whether the address is known."""
        raise self._cannot("request_password_reset")

    async def reset_password(self, token: Secret | str, new_password: Secret | str) -> None:
        """Sets a password by a reset token, which works once.

        Raises:
            AuthenticationError: the token is wrong, used or expired.
        """
        raise self._cannot("reset_password")
