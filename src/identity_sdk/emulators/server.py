"""Start-up and end of an emulator: uvicorn on a socket of its own, in the foreground or in a thread.

:func:`serve` is what ``idp serve`` runs. :func:`running` serves an ASGI app in a thread for tests, whatever event loop
they use themselves.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, TextIO, cast

import anyio
import h11
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from identity_sdk.emulators import argus, auth_service, authress, igtcloud, lakefs
from identity_sdk.emulators.faults import ABORT, server_time
from identity_sdk.emulators.seed import load_seed, plant
from identity_sdk.emulators.tls import Authority
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
    raise ConfigurationError(
        'emulators need uvicorn: python -m pip install "unified-identity-sdk[server]"'
    ) from None

__all__ = ["BACKENDS", "ServeOptions", "running", "serve"]

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What ``idp serve`` was told.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        store: database URL; in memory unless given.
        seed: JSON file of what is there at first (see ``seed.py``).
        tls: serve TLS, with a CA of its own.
        faults: lines as in ``faults.py``.
        backend: options that only one backend knows, by name.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    store: str = field(default="sqlite://", repr=False)
    seed: Path | None = None
    tls: bool = False
    faults: tuple[str, ...] = ()
    backend: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class _Backend:
    base_path: str
    make: Callable[[Store, ServeOptions], Starlette]
    greeting: Callable[[Starlette], Mapping[str, str]]


def _make_lakefs(store: Store, options: ServeOptions) -> Starlette:
    return lakefs.create_app(
        store,
        face=str(options.backend.get("face", "0.91")),
        auth_cache=float(str(options.backend.get("auth_cache", 0.0))),
        admin=lakefs.Admin(str(options.backend.get("admin", "admin"))),
        setup=bool(options.backend.get("setup", True)),
        faults=options.faults,
    )


def _greet_lakefs(app: Starlette) -> Mapping[str, str]:
    emulator: lakefs.LakeFSEmulator = app.state.emulator
    if not emulator.setup:
        return {}
    admin = emulator.admin
    return {"access_key_id": admin.access_key_id or "", "secret_access_key": admin.secret_access_key or ""}


def _make_argus(store: Store, options: ServeOptions) -> Starlette:
    lines = cast("Sequence[str]", options.backend.get("choice") or ())
    admin = argus.Admin(str(options.backend.get("admin", "admin")))
    return argus.create_app(store, choices=argus.Choices.parse(lines), admin=admin, faults=options.faults)


def _greet_argus(app: Starlette) -> Mapping[str, str]:
    emulator: argus.ArgusEmulator = app.state.emulator
    admin = emulator.admin
    return {"api_key": emulator.api_key, "username": admin.username, "password": admin.password}


def _make_authress(store: Store, options: ServeOptions) -> Starlette:
    lines = cast("Sequence[str]", options.backend.get("choice") or ())
    admin = authress.Admin(str(options.backend.get("admin", "sc_admin")))
    account = str(options.backend.get("account", "acc-demo"))
    return authress.create_app(
        store, account=account, admin=admin, choices=authress.Choices.parse(lines), faults=options.faults
    )


def _greet_authress(app: Starlette) -> Mapping[str, str]:
    emulator: authress.AuthressEmulator = app.state.emulator
    return {"access_key": emulator.access_key}


def _make_auth_service(store: Store, options: ServeOptions) -> Starlette:
    return auth_service.create_app(
        store,
        dialect=str(options.backend.get("dialect", "documented")),
        start_tokens=True,
        faults=options.faults,
    )


def _greet_auth_service(app: Starlette) -> Mapping[str, str]:
    emulator: auth_service.AuthServiceEmulator = app.state.emulator
    return emulator.greeting


def _make_igtcloud(store: Store, options: ServeOptions) -> Starlette:
    lines = cast("Sequence[str]", options.backend.get("choice") or ())
    admin = igtcloud.Admin(str(options.backend.get("admin", "admin@example.com")))
    return igtcloud.create_app(
        store, choices=igtcloud.Choices.parse(lines), admin=admin, faults=options.faults
    )


def _greet_igtcloud(app: Starlette) -> Mapping[str, str]:
    emulator: igtcloud.IgtCloudEmulator = app.state.emulator
    admin = emulator.admin
    return {"username": admin.username, "password": admin.password, "organization": igtcloud.ROOT}


BACKENDS: Mapping[str, _Backend] = {
    "lakefs": _Backend(lakefs.BASE_PATH, _make_lakefs, _greet_lakefs),
    "argus": _Backend(argus.BASE_PATH, _make_argus, _greet_argus),
    "authress": _Backend(authress.BASE_PATH, _make_authress, _greet_authress),
    "auth-service": _Backend(auth_service.BASE_PATH, _make_auth_service, _greet_auth_service),
    "igtcloud": _Backend(igtcloud.BASE_PATH, _make_igtcloud, _greet_igtcloud),
}


def serve(backend: str, options: ServeOptions, *, out: TextIO | None = None) -> int:
    """Serve an emulator until SIGTERM or SIGINT; return the exit code 0.

    One JSON line with ``base_url`` and the admin's credentials (and ``ca`` with TLS) is printed once the socket
    listens.

    Raises:
        ConfigurationError: there is no such backend, a wrong option, or the port is taken.
    """
    if backend not in BACKENDS:
        raise ConfigurationError(f"no emulator named {backend!r}: choose one of {', '.join(BACKENDS)}")
    chosen = BACKENDS[backend]
    store = Store.open(options.store, clock=server_time)
    app = chosen.make(store, options)
    seed = load_seed(options.seed)
    with contextlib.ExitStack() as stack:
        context, ca = _tls(stack) if options.tls else (None, None)
        listener = stack.enter_context(_listen(options.host, options.port))
        base_url = _url(listener, context, options.host) + chosen.base_path

        def announce() -> None:
            line = {"base_url": base_url, **chosen.greeting(app)}
            if ca is not None:
                line["ca"] = ca
            stream = out or sys.stdout
            stream.write(json.dumps(line) + "\n")
            stream.flush()

        async def main() -> None:
            await app.state.emulator.prepare()
            await store.write(lambda conn: plant(conn, seed, store.clock()))
            await _Server(app, listener, context, announce).serve(sockets=[listener])
            await store.aclose()

        anyio.run(main)
    return 0


@contextlib.contextmanager
def running(app: ASGIApp, tls: ssl.SSLContext | None = None) -> Generator[str]:
    """Serve an app on a free port of 127.0.0.1 in a thread; yield ``http(s)://127.0.0.1:PORT`` (no path).

    ``tls`` comes from :class:`~identity_sdk.emulators.tls.Authority`.
    """
    listener = _listen("127.0.0.1", 0)
    started = threading.Event()
    server = _Server(app, listener, tls, started.set)
    failed: list[BaseException] = []

    async def main() -> None:
        await server.serve(sockets=[listener])

    def run() -> None:
        try:
            anyio.run(main)
        except BaseException as error:  # handed over to the thread that waits
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="emulator", daemon=True)
    thread.start()
    try:
        if not started.wait(_START_SECONDS) or failed:
            raise RuntimeError("the emulator did not start") from (failed[0] if failed else None)
        yield _url(listener, tls, "127.0.0.1")
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listener.close()


class _Protocol(H11Protocol):
    """Lends each request the means to cut its connection (see ``faults.py``), and dates each answer.

    The date is the machine's, unless the app has sent one: an emulator with a clock of its own tells that.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # pyright: ignore
        inner: ASGIApp = self.app  # pyright: ignore

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async def dated(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    headers = list(message.get("headers", ()))
                    if not any(name.lower() == b"date" for name, _ in headers):
                        headers.insert(0, (b"date", formatdate(usegmt=True).encode()))
                    message["headers"] = headers
                    if "reason" in message:
                        self._say(message.pop("reason"))
                await send(message)

            scope.setdefault("extensions", {})[ABORT] = self._abort
            await inner(scope, receive, dated)

        self.app = app  # pyright: ignore

    def _abort(self) -> None:
        self.transport.abort()

    def _say(self, reason: bytes) -> None:
        """The next answer of this connection gets a reason phrase of its own (``reason`` of an answer's start)."""
        conn = self.conn

        def send(event: Any) -> object:
            del conn.send  # the instance's: what follows is the class's again
            return conn.send(
                h11.Response(status_code=event.status_code, headers=event.headers, reason=reason)
            )

        conn.send = send  # type: ignore[method-assign,assignment]


class _Server(uvicorn.Server):
    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        started: Callable[[], None],
    ) -> None:
        config = uvicorn.Config(
            app,  # pyright: ignore
            http=_Protocol,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
        config.load()
        config.ssl = tls
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """End cleanly on SIGTERM and SIGINT: uvicorn itself would raise the signal again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        kept = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off for the connections accepted here; else every
    # answer, which is written in two parts, waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"cannot listen on {host} port {port}: {reason}") from None
    return listener


def _url(listener: socket.socket, tls: ssl.SSLContext | None, host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{listener.getsockname()[1]}"


def _tls(stack: contextlib.ExitStack) -> tuple[ssl.SSLContext, str]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="idp-tls-")))
    authority = Authority()
    authority.write_ca(folder / "ca.pem")
    return authority.server_context(), str(folder / "ca.pem")
