"""The transport on httpx2, the successor of httpx (extra ``[httpx2]``), and the only file that imports it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from identity_sdk.errors import ConfigurationError
from identity_sdk.transport._body import OnePiece
from identity_sdk.transport._httpx_family import FamilyTransport, Library
from identity_sdk.transport._network import origin_of, proxy_for, ssl_context_for
from identity_sdk.transport.base import TransportOptions
from identity_sdk.wire.request import Transport

__all__ = ["make"]


class _Body(httpx2.AsyncByteStream):
    """The bytes of a request; for an empty body nothing at all, which saves a turn through h11."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return OnePiece(self._body)


class _Target(httpx2.URL):
    """The origin, with a target that goes on the wire byte for byte: httpx2's own parser would normalise it."""

    target: bytes

    @property
    def raw_path(self) -> bytes:
        return self.target


_NO_BODY = _Body(b"")


def make(options: TransportOptions) -> Transport:
    """A transport on httpx2.

    ``tls="default"`` trusts what httpx2 trusts: the operating system's store (through truststore), unless
    ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names another. The TLS context is made here, which reads files.

    Raises:
        ConfigurationError: ``base_url``, ``tls`` or ``proxy`` is wrong.
    """
    context = ssl_context_for(options, httpx2.create_ssl_context)
    origin = origin_of(options.base_url)
    base = httpx2.URL(str(origin))
    limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=options.keepalive)
    proxy_url = proxy_for(options)
    try:
        proxy = httpx2.Proxy(proxy_url) if proxy_url else None
        if proxy is not None and proxy.url.scheme == "https":
            proxy.ssl_context = context
    except (ValueError, TypeError, httpx2.InvalidURL):
        raise ConfigurationError("proxy= is not a proxy's URL, such as http://host:3128") from None

    def new_pool() -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy)

    def new_call(
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        extensions: dict[str, object],
    ) -> httpx2.Request:
        stream = _Body(body) if body else _NO_BODY
        call = httpx2.Request(method, base, headers=headers, stream=stream, extensions=extensions)
        url = _Target(base)
        url.target = target
        call.url = url
        return call

    library = Library(
        new_pool=new_pool,
        new_call=new_call,
        pool_timeout=httpx2.PoolTimeout,
        proxy_error=httpx2.ProxyError,
        local_error=httpx2.LocalProtocolError,
        remote_error=httpx2.RemoteProtocolError,
    )
    return FamilyTransport(options, origin, library)
