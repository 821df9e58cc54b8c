"""What all emulators do with ASGI: the app around one, the whole body, the raw path, the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Send

from identity_sdk.emulators.faults import Fault, FaultInjector

__all__ = ["app_around", "body_of", "raw_path", "send_answer"]


def app_around(emulator: ASGIApp, faults: Iterable[Fault | str], base_path: str) -> Starlette:
    """The app of an emulator: ``app.state.emulator`` is it, ``app.state.faults`` what goes wrong.

    Raises:
        ConfigurationError: a fault is malformed.
    """
    injector = FaultInjector(emulator, faults, base_path=base_path)
    app = Starlette()
    app.router.default = injector  # not by a Mount: its pattern matches no path with a newline
    app.state.emulator = emulator
    app.state.faults = injector
    return app


async def body_of(request: Request) -> bytes | None:
    """The whole body; ``None`` when the client has gone before its end."""
    try:
        return await request.body()
    except ClientDisconnect:
        return None


def raw_path(request: Request) -> str:
    """The path as it was sent, still percent-encoded and without the query."""
    raw = cast("bytes", request.scope.get("raw_path") or quote(request.scope["path"]).encode())
    return raw.decode("latin-1").partition("?")[0]


async def send_answer(
    send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes, reason: str = ""
) -> None:
    """Answers in one piece. ``reason``: the phrase of the status line, where it is not the usual one."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    start: Message = {"type": "http.response.start", "status": status, "headers": raw}
    if reason:
        start["reason"] = reason.encode("ascii")
    await send(start)
    await send({"type": "http.response.body", "body": body})
