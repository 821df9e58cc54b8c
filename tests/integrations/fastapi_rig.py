"""Six directories, each with its administrator, behind one FastAPI application on a real socket."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import uvicorn
from fastapi import Depends, FastAPI

from identity_sdk import (
    AccessKey,
    Adapter,
    ApiKey,
    Argus,
    Authress,
    AuthService,
    IdentityClient,
    IgtCloud,
    LakeFS,
    Local,
    Password,
    RefreshToken,
    Secret,
    Statement,
    User,
    connect,
)
from identity_sdk.emulators import argus, auth_service, authress, igtcloud, lakefs
from identity_sdk.emulators.server import running
from identity_sdk.integrations.fastapi import IdentityProvider, install
from identity_sdk.store import Store
from identity_sdk.store import queries as q

__all__ = ["BACKENDS", "Backend", "Caller", "Clock", "make_app", "serving"]

_numbers = itertools.count(1)


class Clock:
    """Stands still until it is told to go on; application and backend share it."""

    def __init__(self) -> None:
        self._start = float(int(time.time()))
        self._passed = 0.0

    def monotonic(self) -> float:
        return self._passed

    def time(self) -> float:
        return self._start + self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


@dataclass
class Caller:
    """Somebody with a credential, and how to take it away."""

    id: str
    headers: dict[str, str]
    revoke: Callable[[], Awaitable[Any]]


def bearer(token: Secret | None) -> dict[str, str]:
    assert token is not None
    return {"Authorization": f"Bearer {token.reveal()}"}


class Backend(ABC):
    """One directory.

    Attributes:
        life: seconds after which what ``caller`` gives is over.
        action, resource: what the application's guarded route asks for; ``allowed`` is the value of its parameter.
    """

    name: str
    life: float
    action = "docs:Read"
    resource = "docs/{doc}"
    allowed = "r1"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.clock = Clock()
        self.store = Store.open("sqlite://", clock=self.clock.time)
        self.stack = stack
        self.folder = folder

    @abstractmethod
    def adapter(self) -> Adapter:
        """Of an administrator, anew for each client."""

    @abstractmethod
    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        """A new user, signed in."""

    @abstractmethod
    def profile(self) -> dict[str, str]:
        """The same as options of ``connect()``, as they stand in a file of profiles."""

    @property
    def right(self) -> tuple[str, str]:
        """What the guarded route of :func:`make_app` asks for."""
        return self.action, self.resource.format(doc=self.allowed)

    async def grant(self, idp: IdentityClient[Any], user: str, action: str, resource: str) -> None:
        statement = Statement(effect="allow", actions=(action,), resources=(resource,))
        policy = await idp.policies.create(self.new("policy"), statements=[statement])
        await idp.policies.attach(policy.id, user=user)

    def new(self, stem: str) -> str:
        return f"{stem}-{next(_numbers)}"

    def connect(self) -> IdentityClient[Any]:
        return connect(self.adapter(), clock=self.clock, backoff=(0.0, 0.0))

    def start(self, app: Any) -> str:
        anyio.run(app.state.emulator.prepare)
        self.stack.callback(anyio.run, self.store.aclose)
        return self.stack.enter_context(running(app))


class LocalBackend(Backend):
    name = "local"
    life = 900.0

    def adapter(self) -> Adapter:
        return Local(f"local://{self.folder}/identity.db", clock=self.clock)

    def profile(self) -> dict[str, str]:
        return {"base_url": f"local://{self.folder}/identity.db"}

    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        user = (await idp.users.create(self.new("user"))).id
        key = await idp.credentials.create(user)
        token = await idp.with_credential(AccessKey(key.id, key.secret)).tokens.issue()
        return Caller(user, bearer(token.value), lambda: idp.tokens.revoke(token))


class LakeFSBackend(Backend):
    name = "lakefs"
    life = 7 * 86400.0
    action = "fs:ReadObject"
    resource = "arn:lakefs:fs:::repository/{doc}"
    ADMIN = AccessKey("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        admin = lakefs.Admin("admin", self.ADMIN.access_key_id, self.ADMIN.secret_access_key.reveal())
        self.url = self.start(lakefs.create_app(self.store, clock=self.clock.time, admin=admin, setup=True))

    def adapter(self) -> Adapter:
        return LakeFS(base_url=self.url + lakefs.BASE_PATH, auth=self.ADMIN)

    def profile(self) -> dict[str, str]:
        return {
            "base_url": self.url + lakefs.BASE_PATH,
            "access_key_id": self.ADMIN.access_key_id,
            "secret_access_key": self.ADMIN.secret_access_key.reveal(),
        }

    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        user = (await idp.users.create(self.new("user"))).id
        key = await idp.credentials.create(user)
        token = await idp.with_credential(AccessKey(key.id, key.secret)).tokens.issue()
        return Caller(user, bearer(token.value), lambda: idp.users.delete(user))


class AuthServiceBackend(Backend):
    name = "auth-service"
    life = 600.0
    action = "READ"
    resource = "{doc}"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        app = auth_service.create_app(self.store, clock=self.clock.time)
        self.emulator = app.state.emulator
        admin = q.UserRow(id="admin", created_at=self.clock.time(), attributes={"globalRole": "ADMIN"})
        anyio.run(self.store.write, lambda conn: q.users.put(conn, admin))
        self.refresh = RefreshToken(anyio.run(self.emulator.refresh_token, "admin"))
        self.url = self.start(app)

    def adapter(self) -> Adapter:
        return AuthService(base_url=self.url + auth_service.BASE_PATH, auth=self.refresh, default_role="USER")

    def profile(self) -> dict[str, str]:
        return {
            "base_url": self.url + auth_service.BASE_PATH,
            "token": self.emulator.token("admin", "ADMIN"),
            "default_role": "USER",
        }

    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        user = (await idp.users.create(self.new("user"))).id
        return Caller(
            user,
            bearer(Secret(self.emulator.token(user, "USER", self.life))),
            lambda: idp.users.delete(user),
        )

    async def grant(self, idp: IdentityClient[Any], user: str, action: str, resource: str) -> None:
        await idp.groups.create(resource, exist_ok=True)
        await idp.groups.add_member(resource, user, role=action)


class AuthressBackend(Backend):
    name = "authress"
    life = 86400.0
    action = "docs:read"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        app = authress.create_app(self.store, clock=self.clock.time)
        self.url = self.start(app)
        self.key = app.state.emulator.access_key

    def adapter(self) -> Adapter:
        return Authress(base_url=self.url, auth=ApiKey(self.key))

    def profile(self) -> dict[str, str]:
        return {"base_url": self.url, "access_key": self.key}

    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        user = (await idp.users.create(name="robot", kind="service")).id
        key = await idp.credentials.create(user)
        token = await idp.with_credential(ApiKey(key.secret)).tokens.issue()
        return Caller(user, bearer(token.value), lambda: idp.credentials.delete(key))


class ArgusBackend(Backend):
    name = "argus"
    life = 8 * 3600.0
    action = "viewUsers"
    resource = "{doc}"
    allowed = "mnemonic"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        app = argus.create_app(self.store, clock=self.clock.time)
        self.url = self.start(app)
        self.key = app.state.emulator.api_key

    def adapter(self) -> Adapter:
        return Argus(base_url=self.url, auth=ApiKey(self.key), customer="mnemonic")

    def profile(self) -> dict[str, str]:
        return {"base_url": self.url, "api_key": self.key, "customer": "mnemonic"}

    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        user = (await idp.users.create(self.new("user"))).id
        key = await idp.credentials.create(user)
        session = await idp.sessions.create("api_key", secret=key.secret)
        own = idp.with_credential(session)
        return Caller(user, bearer(session.token), own.sessions.end)

    async def grant(self, idp: IdentityClient[Any], user: str, action: str, resource: str) -> None:
        await idp.policies.attach(action, user=user)


class IgtBackend(Backend):
    name = "igtcloud"
    life = 86400.0
    action = "project.read"
    resource = "*"
    ADMIN = Password("admin@example.com", "the administrator's password")

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        admin = igtcloud.Admin(self.ADMIN.username, self.ADMIN.password.reveal())
        app = igtcloud.create_app(self.store, clock=self.clock.time, admin=admin)
        self.emulator = app.state.emulator
        self.url = self.start(app)

    def adapter(self) -> Adapter:
        return IgtCloud(
            base_url=self.url, auth=self.ADMIN, organization=igtcloud.ROOT, email_domain="example.com"
        )

    def profile(self) -> dict[str, str]:
        return {
            "base_url": self.url,
            "username": self.ADMIN.username,
            "password": self.ADMIN.password.reveal(),
            "organization": igtcloud.ROOT,
            "email_domain": "example.com",
        }

    async def caller(self, idp: IdentityClient[Any]) -> Caller:
        user = (await idp.users.create(self.new("user"))).id
        await self.store.write(lambda conn: self.emulator.set_password(conn, user, "their password"))
        token = await idp.with_credential(Password(user, "their password")).tokens.issue()
        own = idp.with_credential(token)
        return Caller(user, bearer(token.value), own.sessions.end)

    async def grant(self, idp: IdentityClient[Any], user: str, action: str, resource: str) -> None:
        statement = {"effect": "allow", "action": [action], "resource": "*"}
        now, policy = self.clock.time(), self.new("policy")

        def write(conn: Any) -> None:
            q.policies.put(conn, q.PolicyRow(id=policy, created_at=now, statements=[statement]))
            row = q.AttachmentRow(policy_id=policy, subject_type="user", subject_id=user, created_at=now)
            q.attachments.put(conn, row)

        await self.store.write(write)


BACKENDS: tuple[type[Backend], ...] = (
    LocalBackend,
    LakeFSBackend,
    AuthServiceBackend,
    AuthressBackend,
    ArgusBackend,
    IgtBackend,
)


def make_app(backends: dict[str, Backend]) -> tuple[FastAPI, dict[str, IdentityProvider[Adapter]]]:
    """One application with a provider per backend: ``/<backend>/me``, ``/docs/{doc}``, ``/whoami``, ``/service``."""
    providers: dict[str, IdentityProvider[Adapter]] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        async with AsyncExitStack() as stack:
            for provider in providers.values():
                await stack.enter_async_context(provider.lifespan(app))
            yield

    app = FastAPI(lifespan=lifespan)
    install(app)
    for backend in backends.values():
        identity = IdentityProvider(
            backend.connect, name=backend.name, api_key="X-API-Key", cookie="session", clock=backend.clock
        )
        providers[backend.name] = identity
        _add_routes(app, backend, identity)
    return app, providers


def _add_routes(app: FastAPI, backend: Backend, identity: IdentityProvider[Adapter]) -> None:
    guard = identity.require(backend.action, backend.resource)

    async def me(user: User = Depends(identity.current_user)) -> str:  # noqa: B008
        return user.id

    async def read(doc: str, user: User = Depends(guard)) -> str:  # noqa: B008
        return user.id

    async def whoami(idp: IdentityClient[Adapter] = Depends(identity.on_behalf)) -> str:  # noqa: B008
        return (await idp.users.me()).id

    async def service(idp: IdentityClient[Adapter] = Depends(identity.client)) -> str:  # noqa: B008
        return (await idp.users.me()).id

    for path, route in {"me": me, "docs/{doc}": read, "whoami": whoami, "service": service}.items():
        app.add_api_route(f"/{backend.name}/{path}", route, methods=["GET", "POST"])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told.set()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real uvicorn in a thread, with the application's lifespan; yields its URL."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    started = threading.Event()
    config = uvicorn.Config(app, lifespan="on", log_config=None, access_log=False, timeout_keep_alive=30)
    server = _Server(config, started)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert started.wait(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
