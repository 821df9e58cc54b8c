"""What every transport is told, and how one is made by name. No HTTP library is imported here."""

from __future__ import annotations

import importlib
import ssl
from dataclasses import dataclass, field
from typing import Literal

from identity_sdk.errors import ConfigurationError
from identity_sdk.wire.request import Transport

__all__ = ["TransportName", "TransportOptions", "make_transport"]

TransportName = Literal["httpx", "httpx2", "aiohttp"]

_EXTRAS = {"httpx2": "httpx2", "aiohttp": "aiohttp"}


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to reach one origin.

    Attributes:
        base_url: scheme, host and port are used; ``Request.target`` holds the whole path.
        connect_timeout: seconds for name look-up, connection and TLS handshake together.
        max_in_flight: connections at most. The limits middleware admits no more calls than this.
        max_response_bytes: a larger (decoded) answer ends in a ``ProtocolError``, read no further.
        tls: ``"default"`` (the library's bundled or the platform's trust, see the docs), ``"system"`` (the operating
            system's trust store), a path to a PEM file or folder of CAs, or an ``ssl.SSLContext``. Verification
            cannot be switched off.
        proxy: a proxy URL; ``None`` takes it from the environment (``HTTPS_PROXY``, ``NO_PROXY`` …); ``""`` uses none.
        keepalive: seconds after which an idle connection is closed.
    """

    base_url: str
    connect_timeout: float = 5.0
    max_in_flight: int = 100
    max_response_bytes: int = 64 * 1024 * 1024
    tls: str | ssl.SSLContext = field(default="default", repr=False)
    proxy: str | None = field(default=None, repr=False)
    keepalive: float = 30.0


def make_transport(name: TransportName, options: TransportOptions) -> Transport:
    """The transport called ``name``; its module is imported only now.

    Raises:
        ConfigurationError: the name is unknown, or the extra that brings the library is not installed.
    """
    if name not in ("httpx", "httpx2", "aiohttp"):
        raise ConfigurationError(f"unknown transport {name!r}: use 'httpx', 'httpx2' or 'aiohttp'")
    try:
        module = importlib.import_module(f"identity_sdk.transport.{name}")
    except ModuleNotFoundError as missing:
        if name not in _EXTRAS or (missing.name or "").startswith("identity_sdk"):
            raise
        raise ConfigurationError(
            f"transport {name!r} needs an extra: pip install 'unified-identity-sdk[{_EXTRAS[name]}]'"
        ) from None
    transport: Transport = module.make(options)
    return transport
