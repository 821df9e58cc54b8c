"""A secret in every kind of credential never shows: logs at DEBUG, reprs, tracebacks with locals, dumps, pickles."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import identity_sdk
from identity_sdk import AccessKey, Bearer, IdentityClient, IdentityError, LakeFS, Secret, connect
from identity_sdk.middleware.observe import Event
from identity_sdk.models import Session
from tests.core.rig import CANARY, Server, wired

pytestmark = pytest.mark.anyio

HERE = str(Path(__file__).parent)
PARTS = {CANARY[start : start + 8] for start in range(len(CANARY) - 7)}
LIBRARIES = ["httpx", "httpx2", "aiohttp"]
COOKIE = {"Set-Cookie": f"internal_auth_session={CANARY}-cookie; HttpOnly", "X-New-Token": f"{CANARY}-header"}


def dumped(error: BaseException) -> str:
    """What an error reporter would show: the whole chain, every frame outside of the tests, with its locals."""
    shown: list[str] = []
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        shown += [str(one), repr(one), repr(vars(one)), *map(str, one.args)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            name = frame.f_code.co_filename
            if not name.startswith(HERE) and "/_pytest/" not in name and "/pluggy/" not in name:
                shown += [f"{key} = {_deep(value)}" for key, value in frame.f_locals.items()]
        shown.append("".join(traceback.format_exception(one)))
    return "\n".join(shown)


def _deep(value: object, depth: int = 2) -> str:
    """Like rich: attributes and items of what stands in a frame, not only its repr."""
    shown = repr(value)
    if depth and isinstance(value, dict | list | tuple | set):
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
        shown += "".join(_deep(part, depth - 1) for part in parts)
    if depth and hasattr(value, "__rich_repr__"):
        shown += "".join(_deep(part, depth - 1) for part in value.__rich_repr__())
    return shown


def assert_clean(text: str, where: str) -> None:
    for part in PARTS:
        if (at := text.find(part)) >= 0:
            raise AssertionError(f"the canary is in {where}: …{text[max(0, at - 300) : at + 100]}…")


CREDENTIALS: dict[str, Callable[[str], dict[str, Any]]] = {
    "basic": lambda url: {"access_key_id": "AKIA", "secret_access_key": CANARY},
    "secret object": lambda url: {"access_key_id": "AKIA", "secret_access_key": Secret(CANARY)},
    "bearer": lambda url: {"token": CANARY},
    "login": lambda url: {"access_key_id": "AKIA", "secret_access_key": CANARY, "sign_in": "login"},
}

ANSWERS: dict[str, Any] = {
    "fine": (200, COOKIE, {"user": {"id": "ada", "friendly_name": "x"}, "results": [], "pagination": {}}),
    "refused": (401, COOKIE, {"message": "no"}),
    "forbidden": (403, COOKIE, {"message": "no"}),
    "broken": (500, COOKIE, {"message": "no"}),
    "limited": (429, {**COOKIE, "Retry-After": "99"}, {"message": "no"}),
    "moved": (302, {**COOKIE, "Location": f"https://elsewhere.example/login?token={CANARY}"}, None),
    "no json": (200, {**COOKIE, "Content-Type": "text/html"}, f"<p>{CANARY}</p>".encode()),
    "wrong types": (
        200,
        COOKIE,
        {"user": {"id": [CANARY]}, "token": [CANARY], "access_key_id": 5, "secret_access_key": [CANARY]},
    ),
    "cut off": b"HTTP/1.1 200 OK\r\nSet-Cookie: s=" + CANARY.encode() + b"\r\nContent-Length: 500\r\n\r\n{",
    "no http": b"HTTP/1.1 200 OK\r\nSet-Cookie " + CANARY.encode() + b"\r\n\r\n",
    "nothing": "drop",
    "silence": "hang",
}


async def calls(idp: IdentityClient[LakeFS]) -> list[BaseException]:
    """A few verbs of each kind, and what they raised."""
    session = idp.sessions.create
    works: list[Callable[[], Awaitable[object]]] = [
        idp.users.me,
        lambda: idp.users.get("ada"),
        lambda: idp.users.create("ada"),
        lambda: idp.credentials.create("ada"),
        idp.users.list,
        lambda: session("access_key", identifier="AKIA", secret=CANARY),
        lambda: session("oidc", code="works-once", state="s"),
        lambda: idp.tokens.verify(CANARY),
        lambda: idp.with_credential(AccessKey("AKIA", CANARY)).users.me(),
        lambda: idp.with_credential(Bearer(lambda: CANARY)).users.me(),
        lambda: idp.with_credential(Session(id="s", user_id="u", token=Secret(CANARY))).users.me(),
        lambda: idp.users.create("ada", password=CANARY),
        lambda: idp.credentials.reset_password(CANARY, CANARY),
        idp.ping,
    ]
    errors: list[BaseException] = []
    for work in works:
        try:
            result = await work()
        except IdentityError as error:
            errors.append(error)
        else:
            assert_clean(repr(result), f"the answer of {work}")
    return errors


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_log_error_event_or_repr_shows_it(
    server: Server, answer: str, library: str, caplog: pytest.LogCaptureFixture, anyio_backend: str
) -> None:
    pytest.importorskip(library)
    if library == "aiohttp" and anyio_backend == "trio":
        pytest.skip("aiohttp works on asyncio only")
    if answer == "silence" and library != "httpx":
        pytest.skip("one library is enough")
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpx2", "httpcore2", "aiohttp", "asyncio", "identity_sdk"):
        caplog.set_level(logging.DEBUG, name)
    events: list[Event] = []

    def handler(line: str, headers: dict[str, str], body: bytes) -> Any:
        if line.startswith("POST /api/v1/auth/login") and answer not in ("refused", "wrong types"):
            return (200, COOKIE, {"token": f"{CANARY}-login", "token_expiration": 2_000_000_000})
        if "/credentials" in line and answer == "fine":
            return (
                201,
                COOKIE,
                {"access_key_id": "AKIB", "secret_access_key": f"{CANARY}-new", "creation_date": 1},
            )
        return ANSWERS[answer]

    server.handler = handler
    for kind, options in CREDENTIALS.items():
        idp = connect(
            "lakefs",
            base_url=server.url + "/api/v1",
            transport=library,  # type: ignore[typeddict-item]
            proxy="",
            backoff=(0.0, 0.0),
            timeout=0.02 if answer == "silence" else 5.0,
            on_event=events.append,
            **options(server.url),  # type: ignore[typeddict-item]
        )
        async with idp:
            errors = await calls(idp)
            if answer != "fine":
                assert errors, kind
            for error in errors:
                assert_clean(dumped(error), f"{type(error).__name__} ({kind}): {error}")
            for thing in (
                idp,
                idp._adapter,
                idp._pipeline,
                idp.stats(),
                idp.capabilities,
                vars(idp._adapter),
            ):
                assert_clean(repr(thing), f"the repr of {type(thing).__name__}")
    assert_clean(caplog.text, "the log")
    assert_clean(repr(events) + repr([dataclasses.asdict(event) for event in events]), "an event")
    assert (
        any(record.name.partition(".")[0] in ("httpcore", "httpcore2") for record in caplog.records)
        or library == "aiohttp"
    )


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_deadline_and_a_cancellation_show_nothing(
    server: Server, library: str, anyio_backend: str
) -> None:
    pytest.importorskip(library)
    if library == "aiohttp" and anyio_backend == "trio":
        pytest.skip("aiohttp works on asyncio only")
    server.handler = lambda *_: "hang"
    caught: list[BaseException] = []
    cancelled = anyio.get_cancelled_exc_class()
    async with connect(
        "lakefs",
        base_url=server.url,
        token=CANARY,
        deadline=0.05,
        transport=library,
        proxy="",  # type: ignore[arg-type]
    ) as idp:
        for work in (idp.users.me, lambda: idp.users.create("x"), lambda: idp.credentials.create("x")):
            try:
                await work()
            except IdentityError as error:
                caught.append(error)
        with anyio.move_on_after(0.02):
            try:
                await idp.with_options(deadline=30.0).users.me()
            except cancelled as error:
                caught.append(error)
                raise
    assert len(caught) == 4
    for error in caught:
        assert_clean(dumped(error), repr(error))


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "ftp://x", "access_key_id": "a", "secret_access_key": CANARY},
        {"base_url": "http://x", "access_key_id": "", "secret_access_key": CANARY},
        {"base_url": "http://x", "access_key_id": "a:b", "secret_access_key": CANARY},
        {"base_url": "http://x", "acces_key": "a", "secret_access_key": CANARY},
        {"base_url": "http://x", "token": CANARY, "access_key_id": "a", "secret_access_key": CANARY},
        {"base_url": f"http://user:{CANARY}@x/", "token": CANARY},
        {"base_url": "http://x", "token": CANARY, "timeout": -1},
        {"base_url": "http://x", "token": CANARY, "proxy": f"ftp://user:{CANARY}@h"},
        {"base_url": "http://x", "token": CANARY, "tls": "no-such-file.pem"},
        {"base_url": "http://x", "secret_access_key": CANARY},
        {"base_url": "http://x", "token": [CANARY]},
    ],
)
async def test_a_wrong_configuration_shows_nothing(options: dict[str, Any]) -> None:
    with pytest.raises(IdentityError) as caught:
        connect("lakefs", **options)
    assert_clean(dumped(caught.value), str(caught.value))
    with pytest.raises(IdentityError) as caught:
        AccessKey("a:b", CANARY)
    assert_clean(dumped(caught.value), str(caught.value))


async def test_a_token_that_no_header_can_carry_shows_nothing(server: Server) -> None:
    async with connect("lakefs", base_url=server.url, token=f"{CANARY}\nX: y", proxy="") as idp:
        with pytest.raises(IdentityError) as caught:
            await idp.users.me()
    assert_clean(dumped(caught.value), str(caught.value))
    assert server.seen == []


async def test_a_server_that_repeats_the_token_in_its_error(server: Server) -> None:
    server.handler = lambda *_: (401, {}, {"message": f"token {CANARY}-1 is not accepted"})
    async with connect("lakefs", base_url=server.url, token=f"{CANARY}-1", proxy="", retries=0) as idp:
        with pytest.raises(IdentityError) as caught:
            await idp.users.me()
    assert_clean(dumped(caught.value), str(caught.value))


async def test_pickles_are_refused() -> None:
    secret = Secret(CANARY)
    idp = connect("lakefs", base_url="http://x", token=CANARY)
    key = AccessKey("a", CANARY)
    for thing in (
        secret,
        key,
        Bearer(secret),
        idp,
        LakeFS(base_url="http://x", auth=key),
        {"deep": [secret]},
    ):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises((TypeError, pickle.PicklingError)) as caught:
                pickle.dumps(thing, protocol)
            assert_clean(str(caught.value), "the refusal")
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    await idp.aclose()


async def test_dumps_show_stars() -> None:
    session = Session(id="1", user_id="ada", token=Secret(CANARY), refresh_token=Secret(CANARY))
    credential = identity_sdk.Credential(
        id="k", secret=Secret(CANARY), uri=Secret(f"otpauth://totp/x?secret={CANARY}")
    )
    token = identity_sdk.Token(id="t", value=Secret(CANARY), refresh_token=Secret(CANARY))
    for model in (session, credential, token):
        assert_clean(model.model_dump_json() + repr(model) + str(model), type(model).__name__)
        assert_clean(
            json.dumps(model.model_dump(mode="json")) + repr(model.model_dump()), type(model).__name__
        )
        assert_clean(repr(dict(model)) + f"{model}" + "%s" % model, type(model).__name__)  # noqa: UP031
        with pytest.raises(TypeError):
            pickle.dumps(model)


async def test_nothing_of_a_wire_body_shows(server: Server) -> None:
    api, shared = wired(server.url)
    server.handler = lambda *_: (400, {}, {"message": "bad"})
    with pytest.raises(IdentityError) as caught:
        await api.put_user("ada", {"password": Secret(CANARY)})  # type: ignore[dict-item]
    assert_clean(str(caught.value), "the message")
    await shared.aclose()
