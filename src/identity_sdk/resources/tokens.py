"""``idp.tokens``: what is issued to a signed-in principal."""

from __future__ import annotations

from collections.abc import Sequence

from identity_sdk.listing import Listing
from identity_sdk.models import Claims, Deletion, Token
from identity_sdk.resources.base import Resource
from identity_sdk.secrets import Secret

__all__ = ["Tokens"]


class Tokens(Resource, area="tokens"):
    """Issued tokens. Verbs take a ``Token``, its value, or ``id=``. Errors as in ``Users``."""

    async def issue(self, *, scopes: Sequence[str] = (), lifetime: float | None = None) -> Token:
        """A new token for the principal of this client.

        Args:
            scopes: what it is limited to; empty means everything that the principal may do.
            lifetime: seconds; ``None``: as long as the backend gives.
        """
        raise self._cannot("issue")

    def list(
        self, user: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Listing[Token]:
        """The tokens that are alive, without their values."""
        raise self._cannot("list")

    async def get(self, token: Token | None = None, *, id: str | None = None) -> Token:
        """One token, without its value.

        Raises:
            NotFoundError: there is none of that id.
        """
        raise self._cannot("get")

    async def refresh(self, token: Token | Secret | str | None = None) -> Token:
        """The next token. Where the backend rotates, the refresh token that was used is dead afterwards.

        Args:
            token: a token with its ``refresh_token``, or the refresh token itself; ``None`` where the backend gets a
                new token from this client's credential.

        Raises:
            AuthenticationError: the refresh token is dead, or was used before (then its whole family is ended).
        """
        raise self._cannot("refresh")

    async def introspect(self, token: Token | Secret | str | None = None) -> Claims:
        """What the server knows of a token (RFC 7662); ``active`` is ``False`` for a dead one."""
        raise self._cannot("introspect")

    async def verify(self, token: Token | Secret | str, *, audience: str | None = None) -> Claims:
        """Checks signature and claims offline, by the backend's public key (RFC 7519 section 7.2).

        Raises:
            AuthenticationError: forged, expired, or for another audience.
        """
        raise self._cannot("verify")

    async def revoke(self, token: Token | Secret | str | None = None, *, id: str | None = None) -> Deletion:
        """Ends a token before its time (RFC 7009)."""
        raise self._cannot("revoke")
