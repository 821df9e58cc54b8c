"""A server that is not the bottleneck: raw asyncio, answers rendered beforehand, in a process of its own.

It speaks the two operations of lakeFS that are measured, ``GET /auth/users/{id}`` and ``GET /auth/users`` in pages, and
the one of Authress and of Argus that reads a user.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

USERS = 100_000
_REQUEST = re.compile(
    rb"GET (/api/v1/auth/users|/v1/users|/useradmin/v2/user)(?:/([^ ?]+))?(?:\?([^ ]*))? HTTP/1\.1\r\n"
)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: %b\r\nContent-Length: %d\r\n"
    b"X-Request-Id: 8b1e5f3e-0000-4000-8000-000000000001\r\n\r\n%b"
)
_DATE = b"Tue, 24 Nov 2026 12:00:00 GMT"


def name(number: int) -> str:
    return f"user-{number:06d}"


def user(number: int) -> bytes:
    told = {
        "id": name(number),
        "creation_date": 1_700_000_000 + number,
        "friendly_name": f"User Number {number}",
        "email": f"{name(number)}@example.com",
    }
    return json.dumps(told).encode()


def authress_user(number: int) -> bytes:
    told = {
        "userId": name(number),
        "name": f"User Number {number}",
        "email": f"{name(number)}@example.com",
        "picture": "",
        "createdTime": "2026-01-01T00:00:00.000Z",
    }
    return json.dumps(told).encode()


def argus_user(number: int) -> bytes:
    domain = {"id": 1, "name": "MNEMONIC"}
    customer = {"id": 1, "shortName": "mnemonic", "name": "mnemonic", "domain": domain}
    told = {
        "id": 1000 + number,
        "shortName": name(number),
        "name": f"User Number {number}",
        "email": f"{name(number)}@example.com",
        "language": "english",
        "customer": customer,
        "domain": domain,
        "flags": [],
        "createdTimestamp": 1_700_000_000_000 + number,
    }
    around = {
        "responseCode": 200,
        "limit": 0,
        "offset": 0,
        "count": 1,
        "size": 1,
        "metaData": {},
        "messages": [],
    }
    return json.dumps({**around, "data": told}).encode()


RENDER = {b"/api/v1/auth/users": user, b"/v1/users": authress_user, b"/useradmin/v2/user": argus_user}


class Answers:
    """Rendered when first asked for, then kept."""

    def __init__(self) -> None:
        self.users: dict[bytes, bytes] = {}
        self.pages: dict[bytes, bytes] = {}

    def user(self, place: bytes, wanted: bytes) -> bytes:
        kept = self.users.get(place + wanted)
        if kept is None:
            body = RENDER[place](int(wanted.rpartition(b"-")[2]))
            kept = self.users[place + wanted] = _HEAD % (_DATE, len(body), body)
        return kept

    def page(self, query: bytes) -> bytes:
        kept = self.pages.get(query)
        if kept is None:
            asked = dict(part.split(b"=", 1) for part in query.split(b"&") if b"=" in part)
            amount = int(asked.get(b"amount", b"100"))
            after = asked.get(b"after", b"")
            start = int(after.rpartition(b"-")[2]) + 1 if after else 0
            end = min(start + amount, USERS)
            more = end < USERS
            paging = {
                "has_more": more,
                "max_per_page": 1000,
                "next_offset": name(end - 1) if more else "",
                "results": end - start,
            }
            results = b",".join(user(number) for number in range(start, end))
            body = b'{"pagination":' + json.dumps(paging).encode() + b',"results":[' + results + b"]}"
            kept = self.pages[query] = _HEAD % (_DATE, len(body), body)
        return kept


class Talk(asyncio.Protocol):
    """One connection. Requests come without a body and end in an empty line."""

    answers = Answers()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            request, self.buffer = self.buffer[: end + 2], self.buffer[end + 4 :]
            asked = _REQUEST.match(request)
            if asked is None:
                answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            elif asked[2]:
                answer = self.answers.user(asked[1], asked[2])
            else:
                answer = self.answers.page(asked[3] or b"")
            self.transport.write(answer)  # type: ignore[attr-defined]


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Talk, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the parent closes the pipe, or dies
    server.close()


def main() -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve())
    else:
        uvloop.run(serve())


if __name__ == "__main__":
    main()
