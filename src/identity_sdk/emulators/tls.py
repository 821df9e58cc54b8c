"""A certificate authority of one's own, for serving TLS on loopback and for what can be wrong with it."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    import trustme

__all__ = ["HOSTS", "Authority"]

HOSTS = ("localhost", "127.0.0.1", "::1")


class Authority:
    """A CA that lives as long as this object.

    Raises:
        ConfigurationError: trustme is not installed.
    """

    def __init__(self) -> None:
        try:
            import trustme
        except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
            raise ConfigurationError(
                'TLS needs trustme: python -m pip install "unified-identity-sdk[server]"'
            ) from None
        self._ca: trustme.CA = trustme.CA()

    def write_ca(self, path: Path) -> None:
        """Write the CA's certificate (PEM), which clients have to trust."""
        self._ca.cert_pem.write_to_path(str(path))

    def server_context(self, *hosts: str, expired: bool = False) -> ssl.SSLContext:
        """Return a server's TLS context with a fresh certificate.

        Args:
            hosts: names and addresses; localhost, 127.0.0.1 and ::1 unless given.
            expired: make a certificate that was valid until 2001.
        """
        until = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC) if expired else None
        certificate = self._ca.issue_cert(*(hosts or HOSTS), not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts this CA and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
        return context
