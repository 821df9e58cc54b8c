"""The server itself: routing, who is calling, the operation in one transaction, the answer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from identity_sdk.emulators.argus.accounts import Accounts
from identity_sdk.emulators.argus.call import Call
from identity_sdk.emulators.argus.caller import authenticate
from identity_sdk.emulators.argus.choices import Choices
from identity_sdk.emulators.argus.directory import Directory, Numbers, facts
from identity_sdk.emulators.argus.grants import ALL, Grants
from identity_sdk.emulators.argus.routes import Route, route
from identity_sdk.emulators.argus.schema import check_body
from identity_sdk.emulators.argus.views import Views
from identity_sdk.emulators.argus.wire import Answer, Asked, Refused, refuse
from identity_sdk.emulators.faults import Fault
from identity_sdk.emulators.shell import app_around, body_of, raw_path, send_answer
from identity_sdk.store import Store, StoreError, hash_secret
from identity_sdk.store import queries as q

__all__ = ["BASE_PATH", "Admin", "ArgusEmulator", "Letter", "create_app"]

BASE_PATH = ""
CUSTOMERS = ((1, "mnemonic", "mnemonic", None), (2, "acme", "Acme", "mnemonic"))


@dataclass(frozen=True, slots=True)
class Admin:
    """The first administrator: a user with a password and, once prepared, an API key."""

    username: str = "admin"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """The last part of its API key."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What was "sent" to a user whose password was reset."""

    email: str
    token: str = field(repr=False)


def create_app(
    store: Store,
    *,
    choices: Choices | None = None,
    clock: Callable[[], float] | None = None,
    admin: Admin | None = None,
    faults: Iterable[Fault | str] = (),
) -> Starlette:
    """Make the ASGI app; its base URL has no path.

    ``app.state.emulator`` is the :class:`ArgusEmulator`, ``app.state.faults`` the
    :class:`~identity_sdk.emulators.faults.FaultInjector`.

    Args:
        store: where everything is kept; not closed by the app.
        choices: how the server behaves where nobody could measure it.
        clock: epoch seconds UTC; the store's unless given.
        admin: the first administrator.
        faults: what goes wrong, see :class:`~identity_sdk.emulators.faults.Fault`.

    Raises:
        ConfigurationError: a fault is malformed.
    """
    emulator = ArgusEmulator(store, choices or Choices(), clock or store.clock, admin or Admin())
    return app_around(emulator, faults, BASE_PATH)


class ArgusEmulator:
    """The ASGI app without faults."""

    def __init__(self, store: Store, choices: Choices, clock: Callable[[], float], admin: Admin) -> None:
        self.store = store
        self.choices = choices
        self.clock = clock
        self.admin = admin
        self.api_key = ""
        """The administrator's API key, once prepared."""
        self.outbox: list[Letter] = []
        self._numbers = Numbers()

    async def prepare(self) -> None:
        """Make the base functions, the customers and the administrator; requests do it by themselves."""
        if not self.api_key:
            self.api_key = await self.store.write(self._prepare)

    def _prepare(self, conn: Connection) -> str:
        Grants.install(conn, self.clock(), CUSTOMERS)
        directory = Directory(conn, self._numbers, self.clock())
        grants, accounts = Grants(directory), Accounts(directory, self.choices)
        user = directory.find("user", self.admin.username)
        if user is None:
            user = directory.add(
                "user", self.admin.username, {}, full_name="Administrator", email=None, text=None
            )
        grants.grant(grants.functions[ALL], user, next(iter(grants.customers.values())), None, None)
        accounts.set_password(user, self.admin.password)
        row, _ = accounts.make_key(user, {"description": "the first key", "expirationDays": 0}, user)
        whole = f"{row.id}/{self.admin.secret}"
        q.credentials.update(conn, row.id, secret_hash=hash_secret(whole))
        return whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if (data := await body_of(request)) is None:
            return
        answer = await self._answer(request, data)
        headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        await send_answer(send, answer.status, headers, answer.body)

    async def _answer(self, request: Request, data: bytes) -> Answer:
        try:
            return await self._serve(request, data)
        except Refused as refusal:
            return refusal.answer(self.clock(), self.choices.error_body)
        except StoreError as failure:
            told = Refused(500, str(failure), "internal.error")
            return told.answer(self.clock(), self.choices.error_body)

    async def _serve(self, request: Request, data: bytes) -> Answer:
        path = raw_path(request)
        segments = tuple(unquote(part) for part in path.removeprefix("/").split("/"))
        found = route(request.method, segments) if _readable(path) else None
        if found is None:
            raise refuse(404, "There is no such endpoint")
        chosen, ids = found
        body = check_body(chosen.body, request.headers.get("content-type", ""), data) if chosen.body else {}
        query = Asked.query_of(request.scope["query_string"].decode("latin-1"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        client = request.client.host if request.client is not None else "127.0.0.1"
        asked = Asked(request.method, path, query, headers, client, body, ids)
        await self.prepare()
        hosts = [f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")]

        def work(conn: Connection) -> Answer | Refused:
            try:
                return self._perform(conn, chosen, asked, hosts)
            except Refused as refusal:
                if refusal.keep:
                    return refusal  # not raised: the transaction would be undone
                raise

        result = await self.store.write(work)
        if isinstance(result, Refused):
            raise result
        return result

    def _perform(self, conn: Connection, chosen: Route, asked: Asked, hosts: list[str]) -> Answer:
        directory = Directory(conn, self._numbers, self.clock())
        grants, accounts = Grants(directory), Accounts(directory, self.choices)
        call = Call(asked, directory, grants, accounts, Views(directory, grants), self.choices)
        signed = {"argus-api-key", "authorization", "cookie"} & asked.headers.keys()
        if not chosen.public or (chosen.before_change and signed):
            call.caller = authenticate(asked, accounts, grants, hosts)
            session = call.caller.session
            if session is not None and facts(session).get("change") and not chosen.before_change:
                raise refuse(403, "The password must be changed first")
        answer = chosen.handler(call)
        if asked.path.endswith("/password/reset"):
            self._send_letter(call, answer)
        return answer

    def _send_letter(self, call: Call, answer: Answer) -> None:
        user = call.user()
        told = json.loads(answer.body)["data"]
        if isinstance(user.row, q.UserRow) and user.row.email:
            self.outbox.append(Letter(user.row.email, told["authorization"]))


def _readable(path: str) -> bool:
    try:
        return "\0" not in unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
