"""What only the embedded provider has: ``idp.native``."""

from __future__ import annotations

from identity_sdk.adapters.local import purge, signing
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.desk import Desk
from identity_sdk.models import JsonValue
from identity_sdk.wire.call import Sender

__all__ = ["LocalNative"]


class LocalNative:
    """Keeping house. For the root principal, or who has the permission that each method names."""

    def __init__(self, sender: Sender, desk: Desk) -> None:
        self._sender = sender
        self._desk = desk

    async def vacuum(self) -> dict[str, int]:
        """Deletes sessions, tokens, reset tokens and keys that are dead for good; answers how many of each.

        Needs ``store:Vacuum``.
        """

        def work(tx: Tx) -> dict[str, int]:
            tx.require("store:Vacuum", "store")
            return purge.vacuum(tx.conn, tx.now)

        async with self._sender.verb("native.vacuum"):
            return await self._desk.write(work)

    async def rotate_signing_key(self) -> str:
        """A new key signs from now on; answers its id (``kid``). Tokens of the old one live out their 15 minutes.

        Needs ``store:RotateSigningKey``.
        """

        def work(tx: Tx) -> str:
            tx.require("store:RotateSigningKey", "store")
            return signing.rotate(tx.conn, tx.now).kid

        async with self._sender.verb("native.rotate_signing_key"):
            return await self._desk.write(work)

    async def jwks(self) -> dict[str, list[dict[str, JsonValue]]]:
        """The public keys (RFC 7517), with which anybody verifies access tokens offline. Needs no permission."""
        async with self._sender.verb("native.jwks"):
            return {"keys": await self._desk.public_read(signing.public_keys)}
