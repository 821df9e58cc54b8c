"""What the options say, worked out once for every transport: the origin, whom to trust, which proxy."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from identity_sdk.errors import ConfigurationError
from identity_sdk.transport.base import TransportOptions
from identity_sdk.wire.request import Request

__all__ = ["Origin", "is_sendable", "origin_of", "proxy_for", "ssl_context_for"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port.

    Attributes:
        host: in ASCII (IDNA), without brackets.
        port: always set.
        authority: what ``Host`` says: the host in brackets where it is IPv6, the port where it is not the default.
    """

    scheme: str
    host: str
    port: int
    authority: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def origin_of(base_url: str) -> Origin:
    """The origin of ``base_url``.

    Raises:
        ConfigurationError: it has no ``http`` or ``https`` scheme, no host, or a wrong port.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode()
    except ValueError:
        raise ConfigurationError("base_url cannot be read: it must look like https://host/path") from None
    if parts.scheme not in _PORTS or not host:
        raise ConfigurationError("base_url must start with http:// or https:// and a host")
    shown = f"[{host}]" if ":" in host else host
    if port is None or port == _PORTS[parts.scheme]:
        return Origin(parts.scheme, host, _PORTS[parts.scheme], shown)
    return Origin(parts.scheme, host, port, f"{shown}:{port}")


def ssl_context_for(options: TransportOptions, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """The one context that all connections share. Reads files: call it while the client is made, not on the loop.

    Args:
        options: ``tls`` is read.
        default: makes the library's own context.

    Raises:
        ConfigurationError: the path does not exist or holds no certificate, or the context does not verify.
    """
    tls = options.tls
    if isinstance(tls, ssl.SSLContext):
        if tls.verify_mode != ssl.CERT_REQUIRED or not tls.check_hostname:
            raise ConfigurationError(
                "tls= is an SSLContext that does not verify certificates: that is not allowed"
            )
        return tls
    if tls == "system":
        return ssl.create_default_context()
    if tls != "default":
        return _context_of(Path(tls))
    if origin_of(options.base_url).scheme == "http" and not (proxy_for(options) or "").startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; it trusts nobody, and costs nothing
    return default()


def _context_of(path: Path) -> ssl.SSLContext:
    """Trusts the CAs in ``path`` alone: a PEM file, or a folder of them (file names do not matter)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    except OSError:
        raise ConfigurationError(f"tls={str(path)!r} cannot be read") from None
    for file in files:
        try:
            context.load_verify_locations(cafile=file)
        except OSError as error:  # an SSLError is an OSError
            if path.is_dir() and isinstance(error, ssl.SSLError):
                continue  # a README in a folder of certificates
            why = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else "cannot be read"
            raise ConfigurationError(f"tls={str(path)!r} {why}") from None
    if not context.get_ca_certs():
        raise ConfigurationError(f"tls={str(path)!r} holds no CA certificate in PEM form")
    return context


def proxy_for(options: TransportOptions) -> str | None:
    """The proxy's URL, from the option or the environment; ``None`` for a direct connection.

    The environment is read as the standard library does: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and
    ``NO_PROXY`` in either case (and the system's settings on macOS and Windows).
    """
    if options.proxy is not None:
        return options.proxy or None
    from urllib.request import getproxies, proxy_bypass

    origin = origin_of(options.base_url)
    proxies = getproxies()
    proxy = proxies.get(origin.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_sendable(request: Request) -> bool:
    """Whether ``request`` is HTTP/1.1 as it stands: no blank in the target, no line break in a header, all ASCII.

    A line break in a header's value would be another header, so it is refused here, whatever the library does.
    """
    target = request.target
    if not (
        target.isascii()
        and target.isprintable()
        and target.startswith("/")
        and " " not in target
        and "#" not in target
        and request.method.isascii()
        and request.method.isupper()
        and request.method.isalpha()
    ):
        return False
    for name, value in request.headers.items():
        if name not in _GOOD_NAMES and not _is_good_name(name):
            return False
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            return False
    return True


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_GOOD_NAMES: set[str] = set()
"""Header names that were looked at before: they are the same few, and looking is slow."""


def _is_good_name(name: str) -> bool:
    if _NAME.fullmatch(name) is None:
        return False
    if len(_GOOD_NAMES) < 256:
        _GOOD_NAMES.add(name)
    return True
