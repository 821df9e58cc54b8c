"""Each way in which the network, TLS or a server fails, for every transport: the same error, nothing repeated."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time
import traceback

import anyio
import pytest

from identity_sdk.errors import IdentityError, NoAnswerError, NotSentError, ProtocolError, TransportError
from identity_sdk.wire.request import Request

pytestmark = pytest.mark.anyio

CANARY = "canary-5f2b"
"""A secret that stands in every request's header and must not stand in any error."""


def secret_request(method: str = "GET") -> Request:
    return Request(
        method, "/api", {"Authorization": f"Bearer {CANARY}"}, b"canary-5f2b" if method == "POST" else b""
    )


async def fails(transport, kind, method="GET", timeout=5.0) -> IdentityError:
    """Sends a request that must end in exactly ``kind``, and looks for the secret in whatever can be printed."""
    with pytest.raises(IdentityError) as caught:
        await transport.send(secret_request(method), timeout=timeout)
    error = caught.value
    assert type(error) is kind, repr(error)
    assert error.__cause__ is None
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in told.stack if "transport" in frame.filename and "test_" not in frame.filename]
    assert ours
    assert CANARY not in str(error) + repr(error) + "".join(str(frame.locals) for frame in ours)
    assert error.__context__ is None or error.__suppress_context__
    return error


async def test_refused(opened, unused_url):
    async with opened(unused_url) as transport:
        error = await fails(transport, NotSentError)
        assert "refused" in str(error)
        assert error.retryable


async def test_name_that_cannot_be_looked_up(opened, monkeypatch):
    def no_such_host(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    async with opened("http://nowhere.invalid") as transport:
        assert "looked up" in str(await fails(transport, NotSentError))


def drop(conversation, request):
    conversation.socket.close()


def reset(conversation, request):
    conversation.reset()


def says(*pieces):
    def say(conversation, request):
        for piece in pieces:
            conversation.send(piece)
        conversation.socket.shutdown(socket.SHUT_RDWR)
        conversation.socket.close()

    return say


OK = b"HTTP/1.1 200 OK\r\n"
FAILURES = {
    "closes without an answer": (drop, NoAnswerError),
    "resets without an answer": (reset, NoAnswerError),
    "head cut off": (says(b"HTTP/1.1 200 O"), NoAnswerError),
    "headers cut off": (says(OK, b"Content-Length: 10\r\n"), NoAnswerError),
    "body cut off": (says(OK, b"Content-Length: 10\r\n\r\n", b"12345"), NoAnswerError),
    "body missing": (says(OK, b"Content-Length: 10\r\n\r\n"), NoAnswerError),
    "chunks cut off": (says(OK, b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n12345\r\n"), NoAnswerError),
    "chunk cut off": (says(OK, b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n123"), NoAnswerError),
    "garbage": (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ProtocolError),
    "binary garbage": (says(bytes(range(256)) * 4), ProtocolError),
    "wrong chunk size": (says(OK, b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n12345\r\n"), ProtocolError),
    "wrong content length": (says(OK, b"Content-Length: ten\r\n\r\n", b"12345"), ProtocolError),
    "two content lengths": (
        says(OK, b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n", b"12345"),
        ProtocolError,
    ),
    "header without a colon": (says(OK, b"this is no header\r\n\r\n"), ProtocolError),
    "endless header": (says(OK, b"X-Long: ", b"x" * 300_000, b"\r\n\r\n"), ProtocolError),
    "wrong status": (says(b"HTTP/1.1 twohundred OK\r\n\r\n"), ProtocolError),
}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("case", FAILURES)
async def test_what_a_server_can_do_wrong(leg, opened, serve, case, method):
    behaviour, kind = FAILURES[case]
    server = serve(behaviour)
    async with opened(server.url) as transport:
        if leg[0] == "aiohttp" and case == "wrong chunk size":
            # aiohttp 3.14 sometimes loses the error when it comes after the head; then our time limit ends it
            with pytest.raises((ProtocolError, NoAnswerError)) as caught:
                await transport.send(secret_request(method), timeout=0.2)
            error = caught.value
        else:
            error = await fails(transport, kind, method)
        assert not error.retryable
        assert transport.stats().in_flight == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("end", [drop, reset], ids=["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_kept_connection_that_breaks_is_ambiguous_and_nothing_is_repeated(opened, serve, method, end):
    def once(conversation, request):
        if b"/first" in request:
            conversation.answer()
        else:
            end(conversation, request)

    server = serve(once)
    async with opened(server.url) as transport:
        await transport.send(Request("GET", "/first"), timeout=5)
        error = await fails(transport, NoAnswerError, method)
        assert error.broken
    assert server.accepted == 1
    assert len(server.requests) == 2


async def test_a_connection_that_the_server_closed_in_the_meantime_is_not_used(opened, serve):
    def close_after(conversation, request):
        conversation.answer()
        conversation.socket.shutdown(socket.SHUT_RDWR)
        conversation.socket.close()

    server = serve(close_after)
    async with opened(server.url) as transport:
        for _ in range(3):
            await transport.send(Request("POST", "/"), timeout=5)
            await anyio.sleep(0.01)
    assert server.accepted == 3


@pytest.mark.parametrize(
    "early", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12"], ids=["head", "body"]
)
async def test_a_late_answer(opened, serve, early):
    def late(conversation, request):
        if b"/first" in request:
            conversation.answer()
            return
        conversation.send(early)
        conversation.read_request()

    async with opened(serve(late).url) as transport:
        await transport.send(
            Request("GET", "/first"), timeout=5
        )  # on a slow machine the connection takes longer
        started = time.monotonic()
        error = await fails(transport, NoAnswerError, timeout=0.05)
        assert time.monotonic() - started < 2
        assert "0.05 s" in str(error)


async def test_one_limit_over_the_whole_attempt(opened, serve):
    """A server that drips a byte now and then never lets a read time out; the attempt does."""

    def drip(conversation, request):
        if b"/first" in request:
            conversation.answer()
            return
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            conversation.send(b"x")
            time.sleep(0.005)

    async with opened(serve(drip).url) as transport:
        await transport.send(Request("GET", "/first"), timeout=5)
        started = time.monotonic()
        await fails(transport, NoAnswerError, timeout=0.06)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("connect_timeout", "timeout", "told"), [(0.04, 5.0, "0.04 s"), (5.0, 0.05, "0.05 s")]
)
async def test_a_handshake_that_never_ends(opened, serve, connect_timeout, timeout, told):
    """The TCP connection is there, TLS is not: nothing was sent, whichever limit ends it."""
    silent = serve()  # waits for a request in plain text
    async with opened(silent.url.replace("http:", "https:"), connect_timeout=connect_timeout) as transport:
        started = time.monotonic()
        error = await fails(transport, NotSentError, timeout=timeout)
        assert time.monotonic() - started < 2
        assert told in str(error)
    assert silent.requests == []


async def test_the_connect_timeout_ends_with_the_connection(opened, serve, authority):
    """A slow answer over a new connection may take longer than ``connect_timeout``."""

    def slow(conversation, request):
        time.sleep(0.06)
        conversation.answer()

    server = serve(slow, authority.context)
    async with opened(server.url, connect_timeout=0.04, tls=authority.trusting) as transport:
        with contextlib.suppress(NotSentError):  # the handshake itself may be slow on a busy machine
            assert (await transport.send(Request("GET", "/"), timeout=5)).status == 200


# ------------------------------------------------------------------------------------------------------------ TLS


@pytest.mark.parametrize("given", ["file", "folder", "context"])
async def test_a_private_ca(opened, serve, authority, tmp_path, given):
    authority.ca.cert_pem.write_to_path(str(tmp_path / "our-own.pem"))
    (tmp_path / "README").write_text("these are our CAs")
    tls = {
        "file": str(tmp_path / "our-own.pem"),
        "folder": str(tmp_path),
        "context": authority.trusting,
    }[given]
    server = serve(context=authority.context)
    async with opened(server.url, tls=tls) as transport:
        for _ in range(2):
            assert (await transport.send(Request("GET", "/a%2Fb"), timeout=5)).status == 200
    assert server.accepted == 1


CERTIFICATES = {
    "unknown CA": (["127.0.0.1"], 30, "default", "authority that is not trusted"),
    "unknown CA, system store": (["127.0.0.1"], 30, "system", "tls='/path/to/ca.pem'"),
    "wrong host": (["other.example"], 30, "ours", "another host name"),
    "expired": (["127.0.0.1"], -3, "ours", "has expired"),
}


@pytest.mark.parametrize("case", CERTIFICATES)
async def test_certificates_fail_once_and_for_good(opened, serve, authority, case):
    names, days, tls, told = CERTIFICATES[case]
    server = serve(context=authority.serving(*names, days=days))
    async with opened(server.url, tls=authority.trusting if tls == "ours" else tls) as transport:
        error = await fails(transport, TransportError)
        assert told in str(error)
        assert not error.retryable
        assert server.url in str(error)
    assert server.requests == []
    assert server.accepted == 1


async def test_wrong_host_by_name(opened, serve, authority):
    server = serve(context=authority.serving("other.example"), host="localhost")
    async with opened(server.url, tls=authority.trusting) as transport:
        assert "another host name" in str(await fails(transport, TransportError))


async def test_not_valid_yet(opened, serve, authority):
    now = datetime.datetime.now(datetime.UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    later = authority.ca.issue_cert("127.0.0.1", not_before=now + datetime.timedelta(days=2))
    later.configure_cert(context)
    async with opened(serve(context=context).url, tls=authority.trusting) as transport:
        assert "clock" in str(await fails(transport, TransportError))


async def test_tls_to_a_server_that_speaks_plain_http(opened, serve, authority):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def plain():
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=plain)
        thread.start()
        async with opened(
            f"https://127.0.0.1:{listener.getsockname()[1]}", tls=authority.trusting
        ) as transport:
            error = await fails(transport, NotSentError)
            assert "handshake" in str(error)
        thread.join(5)
