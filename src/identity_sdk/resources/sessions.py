"""``idp.sessions``: signing in and out."""

from __future__ import annotations

from collections.abc import Sequence

from identity_sdk.listing import Listing
from identity_sdk.models import AuthMethod, Ended, Session
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["Sessions"]


class Sessions(Resource, area="sessions"):
    """Signed-in states. No verb changes this client's own credential.

    What ``create`` answers is usable at once: ``idp.with_credential(session)`` is a client that speaks as that user.
    Errors as in :class:`~identity_sdk.resources.users.Users`.
    """

    def methods(self) -> Listing[AuthMethod]:
        """The ways to sign in here; their ids are what :meth:`create` takes first."""
        raise self._cannot("methods")

    async def create(
        self,
        method: str,
        *,
        identifier: str | None = None,
        secret: Secret | str | None = None,
        code: str | None = None,
        state: str | None = None,
    ) -> Session:
        """Signs in.

        Args:
            method: such as ``"password"``, ``"access_key"``; see :meth:`methods`.
            identifier: user name or access key id.
            secret: password or secret access key.
            code: a TOTP code, or the ``code`` of an OAuth callback (RFC 6749 section 4.1.2).
            state: the ``state`` of an OAuth callback.

        Raises:
            AuthenticationError: rejected; nothing says which part was wrong.
            ChallengeRequiredError: one more factor is wanted, such as ``code=``.
        """
        raise self._cannot("create")

    async def current(self) -> Session:
        """The session of this client."""
        raise self._cannot("current")

    async def constrain(self, scopes: Sequence[str], *, lifetime: float | None = None) -> Session:
        """A session of the same user that may do less: only ``scopes``, and no longer than ``lifetime`` seconds."""
        raise self._cannot("constrain")

    async def impersonate(self, user: str) -> Session:
        """A session as somebody else, where the backend allows it to this principal."""
        raise self._cannot("impersonate")

    async def end(self, session: Session | None = None) -> Ended:
        """Signs out: ends ``session`` (``None``: the session of this client)."""
        raise self._cannot("end")
