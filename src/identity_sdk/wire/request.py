"""Plain HTTP values: what the middleware and the transports pass along. No I/O, no HTTP library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Request", "Response", "Transport", "TransportStats"]


@dataclass(slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: upper case.
        target: the raw path and query as they go on the wire, percent-encoded, starting with ``/``
            (for instance ``/api/v1/auth/users/a%2Fb?amount=10``).
        headers: names in their usual spelling; sent as they are. ``Host``, ``Content-Length`` and ``Accept-Encoding``
            are added by the transport.
        body: bytes, empty for none.
    """

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)

    def __repr__(self) -> str:
        """Without the query: an OAuth callback has its code there."""
        return f"Request({self.method} {self.target.partition('?')[0]})"


@dataclass(slots=True)
class Response:
    """One complete HTTP answer, body read.

    Attributes:
        status: the status code.
        headers: names in lower case; the values of a repeated header are joined by ``", "``, except ``set-cookie``,
            which is kept in :attr:`cookies`.
        body: the decoded (un-gzipped) body, in bytes.
        reason: the reason phrase; some backends put their message there.
        cookies: each ``Set-Cookie`` line as it came. A transport stores none.
        http_version: ``"1.1"`` or ``"2"``.
        attempts, elapsed, stopped_because: filled by the pipeline, see :class:`~identity_sdk.errors.IdentityError`.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reason: str = ""
    cookies: tuple[str, ...] = field(default=(), repr=False)
    http_version: str = "1.1"
    attempts: int = 1
    elapsed: float = 0.0
    stopped_because: str | None = None


@dataclass(frozen=True, slots=True)
class TransportStats:
    """What the pool holds now.

    Attributes:
        connections: open connections, idle ones too.
        in_flight: requests that hold a connection now.
        waiting: calls that wait for one on our side.
        healed: how often a poisoned pool was replaced.
    """

    connections: int = 0
    in_flight: int = 0
    waiting: int = 0
    healed: int = 0


class Transport(Protocol):
    """The port to the network. One instance serves one origin and one event loop.

    ``send`` raises only :class:`~identity_sdk.errors.NotSentError` (the server cannot have seen the request),
    :class:`~identity_sdk.errors.NoAnswerError` (it may have), :class:`~identity_sdk.errors.TransportError` with
    ``retryable=False`` (a certificate that is not trusted: permanent) and
    :class:`~identity_sdk.errors.ProtocolError` (an answer that is too large or not HTTP). Foreign exceptions are cut
    off (``from None``): their frames hold headers.
    """

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send one request and read the whole answer within ``timeout`` seconds."""
        ...

    def stats(self) -> TransportStats: ...

    async def aclose(self) -> None: ...
