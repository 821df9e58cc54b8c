"""One socket for the whole session; behind it, for each test, an emulator of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

from contract.clock import ManualClock
from contract.target import Cut, Cutter, Target, World
from identity_sdk.client import IdentityClient
from identity_sdk.emulators.faults import ABORT
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

__all__ = ["ServedWorld", "Server", "serving"]

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Any], Callable[[Any], Any]], Any]


class Server(Cutter):
    """An ASGI app that hands each request to ``app``, counts it, and cuts it off where that was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.app: App | None = None
        self.count = 0
        self._lock = threading.Lock()
        self._armed: tuple[int, Cut] | None = None
        self._made = False
        self._reached = threading.Event()

    def arm(self, number: int, how: Cut) -> None:
        with self._lock:
            self._armed = (self.count + number, how)
            self._made = False
            self._reached.clear()

    def disarm(self) -> bool:
        with self._lock:
            self._armed = None
            self._reached.clear()
            return self._made

    @property
    def reached(self) -> bool:
        return self._reached.is_set()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        app = self.app
        if scope["type"] != "http" or app is None:
            return
        with self._lock:
            self.count += 1
            how = self._armed[1] if self._armed is not None and self._armed[0] == self.count else None
            self._made = self._made or how is not None
        if how is None:
            await app(scope, receive, send)
        else:
            await self._cut(app, how, scope, receive, send)

    async def _cut(self, app: App, how: Cut, scope: Scope, receive: Any, send: Any) -> None:
        if how in (Cut.FAIL, Cut.DROP, Cut.CANCEL):
            await app(scope, receive, _swallow)
        else:
            while (await receive()).get("more_body"):
                pass
        if how in (Cut.FAIL, Cut.FAIL_FIRST):
            body = b'{"message":"cut"}\n'
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if how is Cut.CANCEL:
            self._reached.set()
        else:
            scope["extensions"][ABORT]()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _swallow(_message: object) -> None:
    return None


class ServedWorld(World):
    """A directory behind an emulator, which ``server`` hands the requests of this test."""

    def __init__(
        self,
        target: Target,
        idp: IdentityClient[Any],
        server: Server,
        store: Store,
        clock: ManualClock,
        emulator: Any,
    ) -> None:
        super().__init__(target, idp)
        self.clock = clock
        self.store = store
        self.emulator = emulator
        self._server = server

    @property
    def cutter(self) -> Cutter:
        return self._server

    def requests(self) -> int:
        return self._server.count


@contextmanager
def serving() -> Generator[Server]:
    server = Server()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)  # client and server are threads of one process, and wait for one another
    try:
        with running(server) as url:
            server.url = url
            yield server
    finally:
        sys.setswitchinterval(interval)
