"""Events, logs with an allowlist, and the HTTP libraries' own logs made clean."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from identity_sdk.errors import NotFoundError
from identity_sdk.middleware.observe import ALLOWED_HEADERS, Event, clean_library_logs, shown_headers
from tests.core.rig import CANARY, NO_ANSWER, NOT_SENT, Rig, late

pytestmark = pytest.mark.anyio


@pytest.fixture
def events() -> list[Event]:
    return []


async def test_a_hook_is_told_of_every_attempt_and_every_verb(events: list[Event]) -> None:
    rig = Rig(NOT_SENT, NO_ANSWER, (200, {"x-request-id": "r1"}), on_event=events.append)

    async def sleep(seconds: float) -> None:
        rig.clock.now += 2.0

    rig.clock.sleep = sleep  # type: ignore[method-assign]
    await rig.api.get_user("ada")
    assert [(event.kind, event.name, event.number, event.outcome, event.error) for event in events] == [
        ("attempt", "get_user", 1, "not sent", "NotSentError"),
        ("attempt", "get_user", 2, "ambiguous", "NoAnswerError"),
        ("attempt", "get_user", 3, "answered", None),
        ("verb", "get_user", 3, "ok", None),
    ]
    attempt, verb = events[2], events[3]
    assert (attempt.method, attempt.route, attempt.status, attempt.request_id) == (
        "GET",
        "/users/{id}",
        200,
        "r1",
    )
    assert (attempt.provider, verb.provider) == ("fake", "fake")
    assert verb.elapsed == 4.0
    assert (verb.method, verb.route, verb.status) == ("", "", None)
    assert "ada" not in repr(events)


async def test_a_verb_that_fails(events: list[Event]) -> None:
    rig = Rig(200, 404, on_event=events.append)
    with pytest.raises(NotFoundError):
        async with rig.pipeline.verb("users.delete"):
            await rig.api.get_user("a")
            await rig.api.get_user("b")
    assert [event.kind for event in events] == ["attempt", "attempt", "verb"]
    assert (events[2].name, events[2].outcome, events[2].error, events[2].number) == (
        "users.delete",
        "failed",
        "NotFoundError",
        2,
    )


async def test_a_verb_that_is_late(events: list[Event]) -> None:
    rig = Rig(500, on_event=events.append)
    rig.clock.frozen = True
    await late(rig, rig.api.get_user("a"), lambda: bool(rig.clock.slept))
    assert [(event.kind, event.error) for event in events] == [
        ("attempt", None),
        ("verb", "DeadlineExceededError"),
    ]
    assert events[0].outcome == "ambiguous"


async def test_a_hook_that_raises_harms_nobody_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("broken hook")

    rig = Rig((200, {"x-secret": CANARY}), on_event=broken)
    assert (await rig.api.get_user("ada")).id == "ada"
    records = [record for record in caplog.records if record.name == "identity_sdk.http"]
    assert [record.getMessage() for record in records] == ["the on_event hook raised"] * 2
    assert records[0].exc_info is not None
    assert records[0].exc_info[2] is not None
    frame = records[0].exc_info[2].tb_frame
    assert set(frame.f_locals) == {"hook", "event"}  # no headers for a handler that prints locals


async def test_copies_may_have_hooks_of_their_own(events: list[Event]) -> None:
    rig = Rig(auth=True)
    await rig.copy(on_event=events.append).get_user("a")
    await rig.api.get_user("a")
    assert [event.name for event in events if event.kind == "attempt"] == ["get_user"]


async def test_the_log_shows_allowlisted_headers_and_no_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "identity_sdk")
    headers = {"server": "lakefs/1", "set-cookie2": CANARY, "www-authenticate": CANARY, "x-new": CANARY}
    rig = Rig((200, headers, {"id": "ada", "name": CANARY}), NO_ANSWER, 200)
    await rig.api.get_user("ada")
    await rig.api.get_user("ada")
    text = caplog.text
    assert "attempt fake get_user: answered 200" in text
    assert "attempt fake get_user: ambiguous in" in text
    assert "NoAnswerError" in text
    assert "verb fake get_user: ok" in text
    assert "'server': 'lakefs/1'" in text
    assert "'x-new': '[redacted]'" in text
    assert CANARY not in text
    assert "ada" not in text


def test_the_allowlist() -> None:
    assert shown_headers({"Date": "d", "Authorization": "a", "Cookie": "c", "X-Unknown": "u"}) == {
        "Date": "d",
        "Authorization": "[redacted]",
        "Cookie": "[redacted]",
        "X-Unknown": "[redacted]",
    }
    dangerous = {
        "authorization",
        "cookie",
        "set-cookie",
        "proxy-authorization",
        "location",
        "www-authenticate",
        "x-csrf-token",
    }
    assert not dangerous & ALLOWED_HEADERS


CORE = "httpcore.http11"
LIBRARY_LOGS: list[tuple[str, str, tuple[Any, ...]]] = [
    (
        CORE,
        f"receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'Set-Cookie', b'{CANARY}')])",
        (),
    ),
    (
        "httpcore2.http11",
        f"receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'X', b'{CANARY}')])",
        (),
    ),
    (
        "httpcore.http2",
        f"receive_response_headers.complete return_value=(200, [(b'x-token', b'{CANARY}')])",
        (),
    ),
    (CORE, f"r return_value=(200, [(b\"X-A\", b\"a')]{CANARY}\"), (b'X-B', b'it\\'s\"{CANARY}')])", ()),
    (CORE, f"r return_value=(200, [(b'cut off', b'{CANARY}", ()),
    (CORE, f"r return_value=(200, [(1, b'{CANARY}')])", ()),
    (CORE, f"r return_value=(200, [(b'\\xff', b'{CANARY}')])", ()),
    (CORE, f"r return_value=[({CANARY!r}, 1, 2)]", ()),
    (
        CORE,
        "receive_response_headers.failed "
        f"exception=RemoteProtocolError(\"illegal header line: bytearray(b'Set-Cookie {CANARY}')\")",
        (),
    ),
    (
        CORE,
        f"send_request_headers.failed exception=LocalProtocolError(\"Illegal header value b'{CANARY}\\\\n'\")",
        (),
    ),
    (
        "httpx",
        'HTTP Request: %s %s "%s %d %s"',
        ("GET", f"https://h/callback?code={CANARY}&x=1", "HTTP/1.1", 200, "OK"),
    ),
    (
        "hpack.hpack",
        "Adding %s to the header table, sensitive:%s, huffman:%s",
        ((b"authorization", CANARY), True, False),
    ),
    ("aiohttp.internal", "Can not load cookies: Illegal cookie name %r", (CANARY,)),
    ("aiohttp.client", "Can not load response cookies: %s", (CANARY,)),
]


@pytest.mark.parametrize(("name", "message", "args"), LIBRARY_LOGS, ids=range(len(LIBRARY_LOGS)))
def test_the_logs_of_the_libraries_are_clean(
    name: str, message: str, args: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    clean_library_logs()
    clean_library_logs()
    caplog.set_level(logging.DEBUG)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger(name).debug(message, *args, exc_info=True)
    assert len(caplog.records) == 1
    assert CANARY not in caplog.text
    assert caplog.records[0].exc_info is None
    assert caplog.text.count("\n") == 1


def test_what_is_harmless_stays_readable(caplog: pytest.LogCaptureFixture) -> None:
    clean_library_logs()
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("httpcore.connection")
    log.debug("connect_tcp.started host='localhost' port=80 local_address=None timeout=5.0")
    log.debug("connect_tcp.complete return_value=<httpcore._backends.anyio.AnyIOStream object at 0x1>")
    log.debug("connect_tcp.failed exception=ConnectError('All connection attempts failed')")
    log.debug(
        "receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'Date', b'today'), (b'X', b'y')])"
    )
    logging.getLogger("httpx").info('HTTP Request: GET https://h/a?b=c "HTTP/1.1 200 OK"')
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "connect_tcp.started host='localhost' port=80 local_address=None timeout=5.0",
        "connect_tcp.complete return_value=<httpcore._backends.anyio.AnyIOStream object at 0x1>",
        "connect_tcp.failed exception=ConnectError",
        "receive_response_headers.complete return_value="
        "(b'HTTP/1.1', 200, b'OK', [(b'Date', b'today'), (b'X', b'[redacted]')])",
        'HTTP Request: GET https://h/a?[redacted] "HTTP/1.1 200 OK"',
    ]
