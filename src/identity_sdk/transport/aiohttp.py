"""The transport on aiohttp (extra ``[aiohttp]``), the quickest one, for asyncio only. The only file that imports it."""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, cast

import aiohttp
import anyio
import anyio.lowlevel
from yarl import URL

from identity_sdk.concurrency import Gate, on_asyncio, time_limit
from identity_sdk.errors import ClientClosedError, ConfigurationError, IdentityError
from identity_sdk.transport._answer import headers_of
from identity_sdk.transport._body import ACCEPT_ENCODING, BodyReader, says_encoding
from identity_sdk.transport._failures import Failures
from identity_sdk.transport._network import Origin, is_sendable, origin_of, proxy_for, ssl_context_for
from identity_sdk.transport.base import TransportOptions
from identity_sdk.wire.request import Request, Response, Transport, TransportStats

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["make"]


class _Attempt:
    """How far one request has come."""

    __slots__ = ("admitted", "sent")

    def __init__(self) -> None:
        self.admitted = False
        self.sent = False


_attempt: ContextVar[_Attempt] = ContextVar("identity_sdk_aiohttp_attempt")


class _Abortable(Protocol):
    def abort(self) -> None: ...


class _Connector(aiohttp.TCPConnector):
    """Notes when a request gets its connection: from then on the server may have seen it."""

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        _attempt.get().sent = True
        return connection

    def open_connections(self) -> int:
        """Idle ones and those in use."""
        return sum(len(idle) for idle in self._conns.values()) + len(self._acquired)

    def abort(self) -> None:
        """Closes every socket without the polite end of TLS, which aiohttp begins and does not wait for."""
        protocols = [protocol for idle in self._conns.values() for protocol, _ in idle]
        for protocol in [*protocols, *self._acquired]:
            transport: object = getattr(protocol, "transport", None)  # none while it connects
            if transport is not None:
                cast("_Abortable", transport).abort()


def make(options: TransportOptions) -> Transport:
    """A transport on aiohttp.

    ``tls="default"`` trusts the operating system's store, as aiohttp does. The TLS context is made here, which reads
    files; the session is made in the first :meth:`send`, since aiohttp binds it to the loop that runs.

    Raises:
        ConfigurationError: ``base_url``, ``tls`` or ``proxy`` is wrong, or aiohttp is older than 3.11, which repeats
            requests by itself and cannot be told not to.
    """
    if [int(part) for part in aiohttp.__version__.split(".")[:2]] < [3, 11]:
        raise ConfigurationError("transport='aiohttp' needs aiohttp 3.11 or later: pip install -U aiohttp")
    context = ssl_context_for(options, ssl.create_default_context)
    proxy_url = proxy_for(options)
    try:
        proxy = URL(proxy_url) if proxy_url else None
    except ValueError:
        raise ConfigurationError("proxy= is not a proxy's URL, such as http://host:3128") from None
    if proxy is not None and (proxy.scheme not in ("http", "https") or not proxy.host):
        raise ConfigurationError("proxy= needs a proxy that speaks HTTP, such as http://host:3128")
    return _AiohttpTransport(options, origin_of(options.base_url), context, proxy)


class _AiohttpTransport:
    """The transport port on one aiohttp session."""

    def __init__(
        self, options: TransportOptions, origin: Origin, context: ssl.SSLContext, proxy: URL | None
    ) -> None:
        self._options = options
        self._origin = str(origin)
        self._context = context
        self._proxy = proxy
        self._failures = Failures(self._origin)
        self._gate = Gate(options.max_in_flight)
        self._timeout = aiohttp.ClientTimeout(total=None, connect=options.connect_timeout)
        self._session: aiohttp.ClientSession | None = None
        self._connector: _Connector | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send ``request`` and read the whole answer within ``timeout`` seconds. See the port for what is raised.

        Raises:
            ConfigurationError: the event loop is not asyncio's.
        """
        # Errors are made below and raised here: no frame that escapes holds a header.
        outcome = await self._outcome(request, timeout)
        if isinstance(outcome, IdentityError):
            raise outcome
        return outcome

    async def _outcome(self, request: Request, timeout: float) -> Response | IdentityError:
        if self._closed:
            return ClientClosedError("the client is closed")
        if not is_sendable(request):
            return self._failures.cannot_be_sent()
        if self._session is None and not on_asyncio():
            return ConfigurationError(
                "transport='aiohttp' works on asyncio only: use 'httpx' or 'httpx2' on trio"
            )
        attempt = _Attempt()
        token = _attempt.set(attempt)
        try:
            async with time_limit(timeout):
                await self._gate.acquire()
                attempt.admitted = True
                try:
                    return await self._exchange(request)
                finally:
                    self._gate.release()
        except Exception as error:
            return self._classify(error, attempt, timeout)
        except BaseException as escaping:
            raise escaping.with_traceback(None) from None  # the frames below hold headers
        finally:
            _attempt.reset(token)

    async def _exchange(self, request: Request) -> Response:
        session = self._session or self._open()
        headers = request.headers
        if not says_encoding(headers):
            headers = {**headers, "Accept-Encoding": ACCEPT_ENCODING}
        answer = await session.request(
            request.method,
            URL(self._origin + request.target, encoded=True),
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
            proxy=self._proxy,
        )
        whole = False
        try:
            response = await self._read(answer)
            whole = True
            return response
        finally:
            if not whole:
                answer.close()  # what is left of the answer must not be taken for the next one

    def _open(self) -> aiohttp.ClientSession:
        self._connector = _Connector(
            limit=self._options.max_in_flight,
            keepalive_timeout=self._options.keepalive,
            ssl=self._context,
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp repeats PUT and DELETE by itself when a kept connection breaks: the outcome would be guessed.
        # No public switch exists; its own test client sets the same attribute.
        self._session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        return self._session

    async def _read(self, answer: aiohttp.ClientResponse) -> Response:
        headers, cookies = headers_of(answer.raw_headers)
        reader = BodyReader(
            headers.get("content-encoding", ""),
            headers.get("content-length"),
            self._options.max_response_bytes,
        )
        content = answer.content
        while chunk := await content.readany():
            reader.feed(chunk)
        version = answer.version
        return Response(
            status=answer.status,
            headers=headers,
            body=reader.finish(),
            reason=answer.reason or "",
            cookies=cookies,
            http_version="1.1" if version is None else f"{version.major}.{version.minor}",
        )

    def _classify(self, error: Exception, attempt: _Attempt, timeout: float) -> IdentityError:
        failures = self._failures
        if isinstance(error, IdentityError):
            error.__context__ = None
            return error.with_traceback(None)
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return failures.proxy_refused(str(error.status))
        if isinstance(error, TimeoutError):  # our limit's, or aiohttp's for a connection
            if not attempt.admitted:
                return failures.no_slot_in_time(timeout)
            if not attempt.sent:
                return failures.no_connection_in_time(min(timeout, self._options.connect_timeout))
            return failures.no_answer_in_time(timeout)
        if not attempt.sent:
            return failures.not_sent(error)
        if isinstance(error, aiohttp.ClientResponseError):
            return failures.not_http()
        if isinstance(error, aiohttp.ClientPayloadError) and "Not enough data" not in str(error):
            return failures.not_http()
        return failures.no_answer()

    def stats(self) -> TransportStats:
        """What the session's pool holds now."""
        connections = 0 if self._connector is None else self._connector.open_connections()
        return TransportStats(connections=connections, in_flight=self._gate.held, waiting=self._gate.waiting)

    async def aclose(self) -> None:
        """Closes every connection; requests that are under way end in an error. May be called again."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            if self._connector is not None:
                self._connector.abort()
            with anyio.CancelScope(shield=True):
                await session.close()
                await anyio.lowlevel.checkpoint()  # asyncio closes an aborted socket in its next turn
