"""Answers that cannot be believed: always an error of ours, never one of another library, never a wrong object."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from identity_sdk.middleware.pipeline import Pipeline, Shared
from identity_sdk.models import Entity, Model, User, UtcDatetime
from identity_sdk.options import ClientOptions
from identity_sdk.transport.base import TransportOptions, make_transport
from identity_sdk.wire.call import Dialect, OperationSpec, Retry
from identity_sdk.wire.operation import Api, operation
from identity_sdk.wire.request import Response
from tests.core.rig import Rig, Server, fails, wired

pytestmark = pytest.mark.anyio


class Thing(Entity):
    """A model with some of everything."""

    count: int = 0
    share: float = 0.0
    at: UtcDatetime | None = None
    kind: str = "plain"


class Things(Model):
    results: tuple[Thing, ...]
    cursor: str | None = None


class ThingApi(Api):
    @operation("GET /things/{id}")
    async def get_thing(self, id: str) -> Thing: ...

    @operation("GET /things")
    async def list_things(self) -> Things: ...

    @operation("GET /raw")
    async def raw(self) -> Response: ...

    @operation("GET /nothing", success=204)
    async def nothing(self) -> None: ...


def api_for(*acts: Any, **options: Any) -> ThingApi:
    rig = Rig(*acts, retries=0, **options)
    return ThingApi(rig.pipeline, "/api", user_agent="tests")


def nested(depth: int, inside: str = "1") -> bytes:
    return ("[" * depth + inside + "]" * depth).encode()


BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "text": b"<html>hello</html>",
    "cut off": b'{"id": "a',
    "two values": b'{"id": "a"} {"id": "b"}',
    "a list": b"[]",
    "a string": b'"a"',
    "null": b"null",
    "a number": b"5",
    "no id": b"{}",
    "id is null": b'{"id": null}',
    "id is a number": b'{"id": 5}',
    "id is a list": b'{"id": ["a"]}',
    "single quotes": b"{'id': 'a'}",
    "trailing comma": b'{"id": "a",}',
    "comment": b'{"id": "a" /* b */}',
    "invalid UTF-8": b'{"id": "\xff\xfe"}',
    "UTF-16": '{"id": "a"}'.encode("utf-16"),
    "BOM": b'\xef\xbb\xbf{"id": "a"}',
    "lone surrogate": b'{"id": "\\ud800"}',
    "control character": b'{"id": "a\nb"}',
    "NaN as a count": b'{"id": "a", "count": NaN}',
    "infinite count": b'{"id": "a", "count": Infinity}',
    "huge count": b'{"id": "a", "count": ' + b"9" * 5000 + b"}",
    "fractional count": b'{"id": "a", "count": 1.5}',
    "a date that is none": b'{"id": "a", "at": "yesterday"}',
    "a date far away": b'{"id": "a", "at": 1e300}',
    "NaN as a date": b'{"id": "a", "at": NaN}',
    "deep": nested(100_000),
    "deep in the id": b'{"id": ' + nested(5_000) + b"}",
    "deep in an unknown key": b'{"id": "a", "x": ' + nested(5_000) + b"}",
    "unclosed": b"[" * 100_000,
    "an error inside of a 200": b'{"error": {"code": 500, "message": "failed"}}',
    "a message inside of a 200": b'{"message": "failed"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_is_not_what_was_promised(body: bytes) -> None:
    error = await fails(api_for((200, {}, body)).get_thing("a"))
    assert type(error) is ProtocolError
    assert error.status == 200
    assert len(str(error)) < 500
    assert error.__context__ is None
    error = (
        await fails(api_for((200, {}, b'{"results": [' + body + b"]}")).list_things())
        if body.strip()
        else error
    )
    assert type(error) is ProtocolError


@pytest.mark.parametrize(
    "kind", ["text/html", "text/plain; charset=utf-8", "", "application/octet-stream", "image/png"]
)
async def test_a_content_type_that_is_not_json(kind: str) -> None:
    error = await fails(api_for((200, {"content-type": kind}, b'{"id": "a"}')).get_thing("a"))
    assert type(error) is ProtocolError
    assert "content type" in str(error)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/problem+json", "text/json"]
)
async def test_content_types_that_are(kind: str) -> None:
    assert (await api_for((200, {"content-type": kind}, b'{"id": "a"}')).get_thing("a")).id == "a"


async def test_what_is_tolerated() -> None:
    thing = await api_for(
        (200, {}, b'{"id": "a", "kind": "of the future", "share": 1e999, "new": {"x": [1, 2]}}')
    ).get_thing("a")
    assert thing.kind == "of the future"
    assert thing.share == float("inf")
    assert thing.model_extra == {"new": {"x": [1, 2]}}
    thing = await api_for((200, {}, b'{"id": "a", "id": "b"}')).get_thing("b")
    assert thing.id == "b"  # the last one, as every JSON parser in use has it
    assert await api_for((204, {}, b"whatever")).nothing() is None
    assert (await api_for((200, {}, b"\xff")).raw()).body == b"\xff"


async def test_an_unknown_value_where_only_some_are_known() -> None:
    rig = Rig((200, {}, {"id": "a", "kind": "robot"}), retries=0)
    assert type(await fails(rig.api.get_user("a"))) is ProtocolError


@pytest.mark.parametrize("status", [100, 201, 204, 206, 299, 300, 301, 302, 304, 307, 308, 399, 600, 999])
async def test_a_status_that_was_not_promised(status: int) -> None:
    error = await fails(
        api_for((status, {"location": "https://user:pw@evil.example/x?token=t"})).get_thing("a")
    )
    assert isinstance(error, ProtocolError | ServerError)
    assert "pw" not in str(error)
    assert "token=t" not in str(error)


@pytest.mark.parametrize("location", ["http://[broken", "//", "", "\x00", "https://u:p/w@h", "x" * 9000])
async def test_a_redirect_to_nowhere(location: str) -> None:
    error = await fails(api_for((302, {"location": location})).get_thing("a"))
    assert type(error) is ProtocolError
    assert len(str(error)) < 500


STATUSES = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InvalidRequestError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotSupportedError,
    408: InvalidRequestError,
    409: ConflictError,
    410: InvalidRequestError,
    412: PreconditionFailedError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    418: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
    500: ServerError,
    501: NotSupportedError,
    503: ServerError,
    505: ServerError,
    599: ServerError,
}
MESSAGES: dict[str, bytes] = {
    **BODIES,
    "a string with lines": json.dumps("one\ntwo").encode(),
    "a long message": json.dumps({"message": "x" * 100_000}).encode(),
    "a message that is a list": json.dumps({"message": [1, {"a": 2}]}).encode(),
    "an empty message": b'{"message": ""}',
    "a code that is a list": b'{"code": [1], "message": "m"}',
    "large": b"x" * 200_000,
    "line separators": '{"message": "\u2028\u2029"}'.encode(),
    **{f"nested {depth}": nested(depth) for depth in (10, 500, *range(850, 1000, 3))},
    **{
        f"message nested {depth}": b'{"message": ' + nested(depth) + b"}"
        for depth in (10, *range(850, 1000, 3))
    },
}


@pytest.mark.parametrize("status", STATUSES)
async def test_each_status_is_one_error_whatever_its_body(status: int) -> None:
    for name, body in MESSAGES.items():
        error = await fails(api_for((status, {}, body)).get_thing("a"))
        assert type(error) is STATUSES[status], name
        assert error.status == status
        assert error.message, name
        assert len(error.message) <= 500
        assert "\n" not in error.message


def test_words_of_an_error() -> None:
    spec = OperationSpec("x", "GET", "/x", frozenset({200}), Retry.SAFE)
    for body, reason, told in (
        (b'{"message": "m", "code": "c"}', "", ("m", "c")),
        (b'{"detail": "d"}', "", ("d", None)),
        (b'{"title": "t"}', "", ("t", None)),
        (b'{"other": 1}', "Gone Fishing", ("Gone Fishing", None)),
        (b"", "Gone Fishing", ("Gone Fishing", None)),
        (b"", "", ("no message", None)),
        (b"plain\nmore", "", ("plain", None)),
    ):
        assert Dialect().message(Response(404, {}, body, reason)) == told
        assert isinstance(Dialect().error(Response(404, {}, body, reason), spec, 0.0), NotFoundError)


# ------------------------------------------------------------------------------------------------- on real sockets


RAW: dict[str, tuple[bytes, type[IdentityError]]] = {
    "truncated": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", NoAnswerError),
    "nothing at all": (b"", NoAnswerError),
    "not HTTP": (b"hello\r\n\r\n", ProtocolError),
    "binary": (bytes(range(256)) * 10, ProtocolError),
    "gzip that is none": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        ProtocolError,
    ),
    "gigantic by its own word": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", ProtocolError),
}


@pytest.mark.parametrize("library", ["httpx", "httpx2", "aiohttp"])
@pytest.mark.parametrize("case", RAW)
async def test_broken_http(server: Server, case: str, library: str, anyio_backend: str) -> None:
    pytest.importorskip(library)
    if library == "aiohttp" and anyio_backend == "trio":
        pytest.skip("aiohttp works on asyncio only")
    raw, kind = RAW[case]
    server.handler = lambda *_: raw
    api, shared = wired(server.url, library=library, retries=0)
    error = await fails(api.get_user("a"))
    assert isinstance(error, kind)
    await shared.aclose()


async def test_a_gigantic_answer_is_not_read_further() -> None:
    server = Server(lambda *_: (200, {}, b'{"id": "' + b"a" * 1_000_000 + b'"}'))
    api, shared = wired(server.url, retries=0)
    assert shared.transport is not None
    assert len((await api.get_user("a")).id) == 1_000_000
    await shared.aclose()
    narrow = TransportOptions(server.url, max_response_bytes=10_000, proxy="")
    shared = Shared(ClientOptions(), partial(make_transport, "httpx", narrow))
    small = ThingApi(Pipeline(shared, shared.options, provider="p"), "", user_agent="u")
    error = await fails(small.get_thing("a"))
    assert isinstance(error, ProtocolError)
    assert "10000" in str(error)
    await shared.aclose()
    server.close()


async def test_bodies_over_the_wire(server: Server) -> None:
    api, shared = wired(server.url, retries=0)
    things = ThingApi(api._sender, "", user_agent="u")
    for body in BODIES.values():
        server.script.append((200, {}, body))
        error = await fails(things.get_thing("a"))
        assert type(error) is ProtocolError
    await shared.aclose()


# --------------------------------------------------------------------------------------- what only a mock can show


class TestMocked:
    """respx stands in for the network under httpx."""

    @pytest.fixture
    def mock(self) -> Any:
        respx = pytest.importorskip("respx")
        with respx.mock(base_url="http://mocked.example", assert_all_called=False) as router:
            yield router

    async def test_headers_that_no_server_sends(self, mock: Any) -> None:
        import httpx

        api, shared = wired("http://mocked.example", retries=0)
        mock.get("/users/a").mock(
            return_value=httpx.Response(
                200, content=b'{"id": "a"}', headers={"Content-Type": "application/json"}
            )
        )
        assert (await api.get_user("a")).id == "a"
        for headers in (
            [("Content-Type", "application/json"), ("Date", "\x00")],
            [("Content-Type", "application/json"), ("Retry-After", "1" * 400)],
            [(b"Content-Type", b"application/json"), (b"X-Request-Id", b"\xff\xfe")],
        ):
            mock.get("/users/b").mock(return_value=httpx.Response(404, content=b"\xff", headers=headers))
            assert isinstance(await fails(api.get_user("b")), NotFoundError)
        await shared.aclose()

    async def test_whatever_the_library_raises_is_typed(self, mock: Any) -> None:
        import httpx

        api, shared = wired("http://mocked.example", retries=0)
        kinds = [
            kind
            for kind in vars(httpx).values()
            if isinstance(kind, type)
            and issubclass(kind, httpx.TransportError)
            and kind not in (httpx.TransportError,)
        ]
        assert len(kinds) > 10
        for kind in [*kinds, OSError, ValueError, RuntimeError, KeyError]:
            mock.get("/users/a").mock(side_effect=kind("canary-text"))
            error = await fails(api.get_user("a"))
            assert isinstance(error, IdentityError)
            assert "canary-text" not in str(error)
        await shared.aclose()


async def test_models_of_answers_that_pose(server: Server) -> None:
    api, shared = wired(server.url, retries=0)
    server.script.append((200, {}, {"id": "ada", "model_config": 1, "__class__": "x", "model_fields": []}))
    user = await api.get_user("ada")
    assert (user.id, type(user)) == ("ada", User)
    await shared.aclose()
