"""An emulator on a real port, in this process."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, cast, overload

from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret
from identity_sdk.testing.directory import SEED, Seed, apart, needs_the_extra, planted
from identity_sdk.testing.faults import Faults

if TYPE_CHECKING:
    from typing import Unpack

    from identity_sdk.adapters.argus.adapter import Argus
    from identity_sdk.adapters.auth_service.adapter import AuthService
    from identity_sdk.adapters.authress.adapter import Authress
    from identity_sdk.adapters.base import Adapter
    from identity_sdk.adapters.igtcloud.adapter import IgtCloud
    from identity_sdk.adapters.lakefs.adapter import LakeFS
    from identity_sdk.client import IdentityClient
    from identity_sdk.options import ClientSettings

__all__ = ["BACKENDS", "Backend", "Emulator", "EmulatorFactory", "Received", "emulator"]

Backend = Literal["argus", "auth-service", "authress", "igtcloud", "lakefs"]
BACKENDS: tuple[Backend, ...] = ("argus", "auth-service", "authress", "igtcloud", "lakefs")
"""The backends that there are emulators of."""

A_co = TypeVar("A_co", covariant=True)

# What connect() takes of the line that `idp serve` prints, by its names there; and what it must be told besides.
_CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "argus": {"api_key": "api_key", "password": "password"},
    "auth-service": {"token": "admin_token"},
    "authress": {"access_key": "access_key"},
    "igtcloud": {"username": "username", "password": "password", "organization": "organization"},
    "lakefs": {"access_key_id": "access_key_id", "secret_access_key": "secret_access_key"},
}
_ALSO: Mapping[str, Mapping[str, str]] = {
    "argus": {"customer": "mnemonic"},
    "auth-service": {"default_role": "USER"},
    "igtcloud": {"email_domain": "example.com"},
}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as the server got it. Headers and body, which hold secrets, are not in its ``repr``.

    Attributes:
        method: such as ``"GET"``.
        path: percent-encoded as it was sent, below the base path: ``"/auth/users"``.
        query: as it was sent, without the question mark.
        headers: names in lower case; of repeated ones the last.
        body: as it was sent.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """The body, parsed.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Emulator(Generic[A_co]):
    """A running emulator of one backend; made by :func:`emulator`.

    Attributes:
        backend: its name, which ``connect()`` knows.
        url: the base URL, ``http://127.0.0.1:PORT/…``.
        options: what ``connect(backend, **options)`` needs to speak as the first administrator; secrets are wrapped.
        faults: what goes wrong, see :class:`Faults`.
        requests: what it has received, in order.
    """

    def __init__(
        self, backend: str, url: str, options: Mapping[str, object], faults: Faults, requests: list[Received]
    ) -> None:
        self.backend = backend
        self.url = url
        self.options = options
        self.faults = faults
        self.requests = requests

    @property
    def environment(self) -> dict[str, str]:
        """The same for a program that calls ``connect()``: ``IDENTITY_SDK_TARGET`` and so on, secrets in clear."""
        plain = {f"IDENTITY_SDK_{name.upper()}": _plain(value) for name, value in self.options.items()}
        return {"IDENTITY_SDK_TARGET": self.backend, "IDENTITY_SDK_PROXY": "", **plain}

    def connect(self, **settings: Unpack[ClientSettings]) -> IdentityClient[A_co]:
        """A client that speaks as the first administrator; close it by ``async with`` or ``aclose()``.

        Args:
            settings: see :class:`~identity_sdk.options.ClientSettings`. No proxy is used unless given.
        """
        from identity_sdk.client import connect

        options: dict[str, object] = {**self.options, "proxy": "", **settings}
        return cast("IdentityClient[A_co]", connect(self.backend, **options))

    def __repr__(self) -> str:
        return f"<Emulator {self.backend} {self.url}>"


def _plain(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


class EmulatorFactory(Protocol):
    """The fixture ``identity_server``: starts an emulator that lives as long as the test."""

    @overload
    def __call__(self, backend: Literal["lakefs"], *, seed: Seed = ...) -> Emulator[LakeFS]: ...
    @overload
    def __call__(self, backend: Literal["argus"], *, seed: Seed = ...) -> Emulator[Argus]: ...
    @overload
    def __call__(self, backend: Literal["authress"], *, seed: Seed = ...) -> Emulator[Authress]: ...
    @overload
    def __call__(self, backend: Literal["auth-service"], *, seed: Seed = ...) -> Emulator[AuthService]: ...
    @overload
    def __call__(self, backend: Literal["igtcloud"], *, seed: Seed = ...) -> Emulator[IgtCloud]: ...
    @overload
    def __call__(self, backend: str, *, seed: Seed = ...) -> Emulator[Adapter]: ...


@overload
def emulator(backend: Literal["lakefs"], *, seed: Seed = ...) -> AbstractContextManager[Emulator[LakeFS]]: ...
@overload
def emulator(backend: Literal["argus"], *, seed: Seed = ...) -> AbstractContextManager[Emulator[Argus]]: ...
@overload
def emulator(
    backend: Literal["authress"], *, seed: Seed = ...
) -> AbstractContextManager[Emulator[Authress]]: ...
@overload
def emulator(
    backend: Literal["auth-service"], *, seed: Seed = ...
) -> AbstractContextManager[Emulator[AuthService]]: ...
@overload
def emulator(
    backend: Literal["igtcloud"], *, seed: Seed = ...
) -> AbstractContextManager[Emulator[IgtCloud]]: ...
@overload
def emulator(backend: str, *, seed: Seed = ...) -> AbstractContextManager[Emulator[Adapter]]: ...
def emulator(backend: str, *, seed: Seed = SEED) -> AbstractContextManager[Emulator[Any]]:
    """Serves an emulator of a backend on a free port of 127.0.0.1, in a thread, for the length of a ``with`` block.

    It answers as the real server does (statuses, bodies, paging, permissions) and keeps its data in memory. A session
    or module may share one: it takes about 50 ms to start.

    Args:
        backend: one of :data:`BACKENDS`.
        seed: what is in its directory at first, beside the first administrator. It keeps the backend's own rules for
            ids; in :data:`~identity_sdk.testing.SEED` the groups are ``grp_engineers`` and ``grp_owners`` on Authress.

    Raises:
        ConfigurationError: there is no such backend, the seed is malformed, or the extra ``[testing]`` is missing.
    """
    if backend not in BACKENDS:
        raise ConfigurationError(f"no emulator named {backend!r}: choose one of {', '.join(BACKENDS)}")
    if seed is SEED and backend == "authress":
        seed = _with_group_ids(seed, "grp_")
    return _serving(backend, seed)


def _with_group_ids(seed: Seed, prefix: str) -> Seed:
    def renamed(item: Mapping[str, object], name: str) -> Mapping[str, object]:
        return {**item, name: f"{prefix}{item[name]}"} if name in item else item

    groups = [renamed(item, "id") for item in seed["groups"]]
    return {
        **{part: [renamed(item, "group") for item in items] for part, items in seed.items()},
        "groups": groups,
    }


@contextmanager
def _serving(backend: str, seed: Seed) -> Generator[Emulator[Any]]:
    with needs_the_extra():
        from identity_sdk.emulators import server
        from identity_sdk.emulators.faults import server_time
        from identity_sdk.store import Store

    store = Store.open("sqlite://", clock=server_time)
    chosen = server.BACKENDS[backend]
    app = chosen.make(store, server.ServeOptions())

    async def prepare() -> None:
        await app.state.emulator.prepare()
        await planted(store, seed)

    try:
        apart(prepare)
        recorder = _Recorder(app, chosen.base_path)
        with server.running(recorder) as origin:
            url = origin + chosen.base_path
            greeting = chosen.greeting(app)
            options = {"base_url": url, **_ALSO.get(backend, {})}
            for option, name in _CREDENTIALS[backend].items():
                options[option] = greeting[name]
            wrapped = _wrapped(backend, options)
            yield Emulator(backend, url, wrapped, Faults(app.state.faults), recorder.requests)
    finally:
        apart(store.aclose)


def _wrapped(backend: str, options: Mapping[str, str]) -> dict[str, object]:
    """With the adapter's secret options as secrets."""
    from identity_sdk.adapters.registry import adapter_class

    known = adapter_class(backend).options
    return {name: Secret(value) if known[name].secret else value for name, value in options.items()}


_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class _Recorder:
    """ASGI middleware that notes each request before the app answers it."""

    def __init__(self, app: Callable[[Any, _Receive, _Send], Awaitable[None]], base_path: str) -> None:
        self.requests: list[Received] = []
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: list[_Message] = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
        self.requests.append(self._received(scope, b"".join(one.get("body", b"") for one in messages)))

        async def again() -> _Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    def _received(self, scope: _Message, body: bytes) -> Received:
        return Received(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1").partition("?")[0].removeprefix(self._base_path),
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
