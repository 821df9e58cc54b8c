"""What goes on the wire, and what comes back, for every transport on raw sockets."""

from __future__ import annotations

import gzip
import zlib

import pytest

from identity_sdk.errors import ProtocolError, TransportError
from identity_sdk.wire.request import Request

pytestmark = pytest.mark.anyio

TARGETS = [
    "/api/v1/auth/users/a%2Fb",
    "/a%25b",
    "/a/%2e%2e/b",
    "/a/../b/./c",
    "/a//b///",
    "/%E2%82%AC%20%zz?q=%2F&r=+&s=%7e~",
    "/a?x=1&&=&y",
    "/a;b=c,d:e@f!$&'()*+?x=/?:@",
    '/users/%61?after=%5B%5D[]{}|^`"<>\\',
]


def lines(request: bytes) -> list[str]:
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


@pytest.mark.parametrize("target", TARGETS)
async def test_the_target_goes_on_the_wire_byte_for_byte(opened, serve, target):
    server = serve()
    async with opened(server.url) as transport:
        await transport.send(Request("GET", target), timeout=5)
    assert lines(server.requests[0])[0] == f"GET {target} HTTP/1.1"


async def test_headers_are_ours_and_nothing_is_added_but_what_http_needs(opened, serve):
    server = serve()
    async with opened(server.url) as transport:
        await transport.send(Request("GET", "/", {"X-One": "1", "Authorization": "Basic abc"}), timeout=5)
        await transport.send(
            Request("POST", "/", {"Content-Type": "application/json"}, b'{"a":1}'), timeout=5
        )
        await transport.send(Request("POST", "/", {"accept-encoding": "identity"}), timeout=5)
    got = [sorted(lines(request)[1:]) for request in server.requests]
    host = f"Host: 127.0.0.1:{server.port}"
    assert got[0] == sorted([host, "X-One: 1", "Authorization: Basic abc", "Accept-Encoding: gzip, deflate"])
    assert got[1] == sorted(
        [host, "Content-Type: application/json", "Content-Length: 7", "Accept-Encoding: gzip, deflate"]
    )
    assert got[2] == sorted([host, "accept-encoding: identity", "Content-Length: 0"])
    assert server.requests[1].endswith(b'\r\n\r\n{"a":1}')
    assert server.accepted == 1  # one warm connection


async def test_cookies_are_told_and_not_stored(opened, serve):
    server = serve(
        lambda c, _: c.answer(headers="Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2, c\r\nVia: x\r\nVIA: y\r\n")
    )
    async with opened(server.url) as transport:
        first = await transport.send(Request("GET", "/"), timeout=5)
        await transport.send(Request("GET", "/"), timeout=5)
    assert first.cookies == ("a=1; Path=/", "b=2, c")
    assert first.headers["via"] == "x, y"
    assert "set-cookie" not in first.headers
    assert b"ookie" not in server.requests[1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_handed_up(opened, serve, status):
    server = serve(lambda c, _: c.answer(status=f"{status} Elsewhere", headers="Location: /other\r\n"))
    async with opened(server.url) as transport:
        answer = await transport.send(Request("GET", "/", {"Authorization": "x"}), timeout=5)
    assert (answer.status, answer.headers["location"], answer.reason) == (status, "/other", "Elsewhere")
    assert len(server.requests) == 1


async def test_an_old_server_that_ends_the_body_by_closing(opened, serve):
    def old(conversation, request):
        conversation.send(b"HTTP/1.0 404 Nicht gefunden \xc3\xbc\r\nX-Latin: \xfc\r\n\r\nall of it")
        conversation.socket.close()

    server = serve(old)
    async with opened(server.url) as transport:
        answer = await transport.send(Request("GET", "/"), timeout=5)
        assert transport.stats().connections == 0
    assert (answer.status, answer.http_version, answer.body) == (404, "1.0", b"all of it")
    assert answer.reason == "Nicht gefunden ü"
    assert answer.headers["x-latin"] == "ü"


async def test_answers_without_a_body(opened, serve):
    def bare(conversation, request):
        if request.startswith(b"HEAD"):
            conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Encoding: gzip\r\n\r\n")
        else:
            conversation.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")

    server = serve(bare)
    async with opened(server.url) as transport:
        assert (await transport.send(Request("DELETE", "/"), timeout=5)).status == 204
        assert (await transport.send(Request("HEAD", "/"), timeout=5)).body == b""
    assert server.accepted == 1


RAW = zlib.compressobj(wbits=-15)
PLAIN = b'{"id": "a"}' * 50
ENCODED = {
    "gzip": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN[:70]) + gzip.compress(PLAIN[70:]),
    "deflate": zlib.compress(PLAIN),
    "DEFLATE": RAW.compress(PLAIN) + RAW.flush(),
    "identity": PLAIN,
}


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("encoding", ENCODED)
async def test_bodies_are_decoded(opened, serve, encoding, chunked):
    body = ENCODED[encoding]

    def send(conversation, request):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n"
        if not chunked:
            conversation.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return
        conversation.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for start in range(0, len(body), 9):
            piece = body[start : start + 9]
            conversation.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        conversation.send(b"0\r\n\r\n")

    async with opened(serve(send).url) as transport:
        assert (await transport.send(Request("GET", "/"), timeout=5)).body == PLAIN


BOMB = gzip.compress(bytes(20_000_000))
TOO_MUCH = {
    "declared": (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n", b"x"),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n" + bytes(65536) + b"\r\n",
    ),
    "until closed": (b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)),
    "gzip bomb": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB),
        BOMB,
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
async def test_too_large_answers_are_not_read_further(opened, serve, case):
    head, piece = TOO_MUCH[case]

    def pour(conversation, request):
        if request.startswith(b"GET /good"):
            conversation.answer(b"good")
            return
        conversation.send(head)
        for _ in range(1 if b"Length" in head else 10_000):
            conversation.send(piece)  # ends with an error, when the client hangs up

    server = serve(pour)
    async with opened(server.url, max_response_bytes=100_000, max_in_flight=1) as transport:
        with pytest.raises(ProtocolError, match="max_response_bytes"):
            await transport.send(Request("GET", "/"), timeout=5)
        assert (await transport.send(Request("GET", "/good"), timeout=5)).body == b"good"
    if case != "gzip bomb":  # which is small on the wire, and may have been read to its end
        assert server.accepted == 2  # what was left of the first answer was not taken for the second


async def test_an_answer_of_exactly_the_limit_passes(opened, serve):
    server = serve(lambda c, _: c.answer(gzip.compress(bytes(1000)), headers="Content-Encoding: gzip\r\n"))
    async with opened(server.url, max_response_bytes=1000) as transport:
        assert len((await transport.send(Request("GET", "/"), timeout=5)).body) == 1000


BAD_BODIES = {
    "corrupt": ("gzip", b"\x1f\x8b\x08\x00" + bytes(30), "corrupt"),
    "no gzip at all": ("gzip", b'{"id": "a"}', "corrupt"),
    "no deflate at all": ("deflate", b"\xff\xff\xff\xff", "corrupt"),
    "cut off": ("gzip", gzip.compress(PLAIN)[:-5], "cut off"),
    "unknown": ("br", b"xxx", "not asked for"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(PLAIN)), "more than once"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_bodies_that_cannot_be_decoded(opened, serve, case):
    encoding, body, said = BAD_BODIES[case]
    server = serve(lambda c, _: c.answer(body, headers=f"Content-Encoding: {encoding}\r\n"))
    async with opened(server.url) as transport:
        with pytest.raises(ProtocolError, match=said):
            await transport.send(Request("GET", "/"), timeout=5)


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/", {"Authorization": "canary\r\nX-Evil: 1"}),
        Request("GET", "/", {"Authorization": "canary\n"}),
        Request("GET", "/", {"X canary é": "a"}),
        Request("GET", "/canary with blank"),
        Request("GET", "/canary\r\nX-Evil: 1"),
        Request("GET", "/canary#fragment"),
        Request("GET", "canary"),
        Request("GE T", "/"),
        Request("GET", "/", {"Authorization": "canary €"}),
    ],
    ids=range(9),
)
async def test_what_http_does_not_allow_is_refused_before_it_is_sent(opened, serve, request_):
    server = serve()
    async with opened(server.url) as transport:
        with pytest.raises(TransportError, match="cannot be put on the wire") as caught:
            await transport.send(request_, timeout=5)
    assert not caught.value.retryable
    assert "canary" not in str(caught.value)
    assert server.requests == []
