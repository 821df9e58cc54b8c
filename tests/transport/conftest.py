"""Raw servers on real sockets, in threads of their own: they do what no HTTP library would do."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest
import trustme

from identity_sdk.transport.base import TransportName, TransportOptions, make_transport
from identity_sdk.wire.request import Transport

LEGS = [
    ("httpx", "asyncio"),
    ("httpx", "trio"),
    ("httpx2", "asyncio"),
    ("httpx2", "trio"),
    ("aiohttp", "asyncio"),
]


@pytest.fixture(params=LEGS, ids="-".join)
def leg(request: pytest.FixtureRequest) -> tuple[str, str]:
    """One transport on one event loop; aiohttp works on asyncio only."""
    name, loop = request.param
    pytest.importorskip(name)
    return name, loop


@pytest.fixture
def anyio_backend(leg: tuple[str, str]) -> str:
    return leg[1]


class Open(Protocol):
    def __call__(self, base_url: str, **options: object) -> AbstractAsyncContextManager[Transport]: ...


@pytest.fixture
def opened(leg: tuple[str, str]) -> Open:
    """``async with opened(url) as transport``: closed at the end, whatever happens."""

    @asynccontextmanager
    async def open_it(base_url: str, **options: object) -> AsyncIterator[Transport]:
        name: TransportName = leg[0]  # type: ignore[assignment]
        transport = make_transport(name, TransportOptions(base_url, **{"proxy": "", **options}))  # type: ignore[arg-type]
        try:
            yield transport
        finally:
            await transport.aclose()
        assert transport.stats().connections == 0
        assert transport.stats().in_flight == 0

    return open_it


@dataclass
class Conversation:
    """One accepted connection."""

    socket: socket.socket
    number: int
    buffer: bytes = b""

    def read_request(self) -> bytes | None:
        """Head and body of the next request as they came, or ``None`` at the end."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            if not self._more():
                return None
            rest = self.buffer.partition(b"\r\n\r\n")[2]
        self.buffer = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.send(head.encode() + body)

    def reset(self) -> None:
        """Ends with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Behaviour = Callable[[Conversation, bytes], None]


def answers(conversation: Conversation, request: bytes) -> None:
    """The friendly one: an empty JSON object."""
    conversation.answer()


@dataclass
class RawServer:
    """Hands each request to ``behaviour``; a behaviour that closes the socket ends the conversation."""

    behaviour: Behaviour
    context: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    accepted: int = 0
    handshakes_failed: int = 0

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.stopping = threading.Event()
        self.sockets: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://{self.host}:{self.port}"

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(connection)
            self.accepted += 1
            self._start(self._talk, connection, self.accepted)

    def _talk(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            if self.context is not None:
                try:
                    connection = self.context.wrap_socket(connection, server_side=True)
                except OSError:
                    self.handshakes_failed += 1
                    return
            with connection:
                conversation = Conversation(connection, number)
                while (request := conversation.read_request()) is not None:
                    self.requests.append(request)
                    self.behaviour(conversation, request)

    def stop(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)


class Serve(Protocol):
    def __call__(
        self, behaviour: Behaviour = ..., context: ssl.SSLContext | None = ..., host: str = ...
    ) -> RawServer: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """``serve(behaviour)`` starts a raw server; all are stopped at the end of the test."""
    servers: list[RawServer] = []

    def start(
        behaviour: Behaviour = answers, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> RawServer:
        servers.append(RawServer(behaviour, context, host))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def unused_url() -> str:
    """An origin where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}"


class Authority:
    """A CA of the test's own, and a server certificate for 127.0.0.1 and localhost."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.context = self.serving("127.0.0.1", "localhost")
        self.trusting = ssl.create_default_context()
        self.ca.configure_trust(self.trusting)

    def serving(self, *names: str, days: int = 30) -> ssl.SSLContext:
        now = datetime.datetime.now(datetime.UTC)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(
            *names,
            not_before=now - datetime.timedelta(days=60),
            not_after=now + datetime.timedelta(days=days),
        ).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()
