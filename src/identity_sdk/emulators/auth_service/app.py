"""The server itself: routing, who is calling, the body, the operation, the answer on the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import cast
from urllib.parse import parse_qsl, unquote_to_bytes

from joserfc.jwk import RSAKey
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from identity_sdk.emulators.auth_service import signing, sso
from identity_sdk.emulators.auth_service.answer import Answer, ApiError, Problem, Refusal, Spoken
from identity_sdk.emulators.auth_service.directory import Directory
from identity_sdk.emulators.auth_service.faces import FACES, Face
from identity_sdk.emulators.auth_service.handlers import Work
from identity_sdk.emulators.auth_service.routes import Route, route
from identity_sdk.emulators.auth_service.schema import check_size, read_body
from identity_sdk.emulators.faults import Fault, drop
from identity_sdk.emulators.shell import app_around, body_of, raw_path, send_answer
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store, StoreError

__all__ = ["BASE_PATH", "AuthServiceEmulator", "create_app"]

BASE_PATH = "/api/auth/v1"

_START_SECONDS = 86400.0
"""How long the access tokens of the start-up line are good; those of the server itself live for ten minutes."""
_YEAR = 365 * 86400.0
ADMIN, USER, REFRESH = "root-admin", "plain-user", "refresh-user"


def create_app(
    store: Store,
    *,
    dialect: str = "documented",
    clock: Callable[[], float] | None = None,
    key: str | None = None,
    start_tokens: bool = False,
    faults: Iterable[Fault | str] = (),
) -> Starlette:
    """Make the ASGI app; its base URL ends in ``/api/auth/v1``.

    ``app.state.emulator`` is the :class:`AuthServiceEmulator`, ``app.state.faults`` the
    :class:`~identity_sdk.emulators.faults.FaultInjector`.

    Args:
        store: where everything is kept; not closed by the app.
        dialect: ``documented`` or ``real``.
        clock: epoch seconds UTC; the store's unless given.
        key: an RSA private key (PEM) to sign with; one is made if none is given and the store has none.
        start_tokens: make the tokens of the start-up line (``greeting``), of three who are not in the directory.
        faults: what goes wrong, see :class:`~identity_sdk.emulators.faults.Fault`.

    Raises:
        ConfigurationError: there is no such dialect, or a fault is malformed.
    """
    if dialect not in FACES:
        raise ConfigurationError(
            f"the auth service has no dialect {dialect!r}: choose one of {', '.join(FACES)}"
        )
    emulator = AuthServiceEmulator(store, FACES[dialect], clock or store.clock, key, start_tokens)
    return app_around(emulator, faults, BASE_PATH)


class AuthServiceEmulator:
    """The ASGI app without faults."""

    def __init__(
        self, store: Store, face: Face, clock: Callable[[], float], key: str | None, start_tokens: bool
    ) -> None:
        self.store = store
        self.face = face
        self.clock = clock
        self._given = key
        self._key: RSAKey | None = None
        self._sessions = sso.Sessions()
        self._start_tokens = start_tokens
        self.greeting: Mapping[str, str] = {}

    async def prepare(self) -> None:
        """Make the key of the store, and the tokens that were asked for; requests do it by themselves."""
        if self._key is None:
            await self.store.write(self._prepare)

    def _prepare(self, conn: Connection) -> None:
        now = self.clock()
        self._key = signing.signing_key(conn, now, self._given)
        if not self._start_tokens or self.greeting:
            return
        refresh, _ = signing.make_refresh(conn, REFRESH, now, _YEAR)
        expired, _ = signing.make_refresh(conn, REFRESH, now, -1.0)
        self.greeting = {
            "admin_token": self.token(ADMIN, "ADMIN"),
            "user_token": self.token(USER, "USER"),
            "refresh_token": refresh,
            "expired_token": self.token(ADMIN, "ADMIN", -1.0),
            "expired_refresh_token": expired,
            "public_key": self.key.as_pem(private=False).decode("ascii"),
        }

    def token(self, user: str, role: str, seconds: float = _START_SECONDS) -> str:
        """An access token of somebody without groups, who need not be in the directory."""
        info = {"userId": user, "globalRole": role, "groups": list[object]()}
        return str(signing.access_token(self.key, info, self.clock(), seconds)["token"])

    async def refresh_token(self, user: str, seconds: float = _YEAR) -> str:
        """A refresh token of somebody, who need not be in the directory."""
        await self.prepare()
        return (await self.store.write(lambda conn: signing.make_refresh(conn, user, self.clock(), seconds)))[
            0
        ]

    @property
    def key(self) -> RSAKey:
        return cast("RSAKey", self._key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if (data := await body_of(request)) is None:
            return
        answer = await self._answer(request, data)
        if answer.drop:
            await drop(scope, receive)
            return
        date = formatdate(self.clock(), usegmt=True)
        headers = [*answer.headers, ("Content-Length", str(len(answer.body))), ("Date", date)]
        await send_answer(send, answer.status, headers, answer.body, answer.reason)

    async def _answer(self, request: Request, data: bytes) -> Answer:
        path = raw_path(request)
        query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if path == sso.AUTHORIZE:
            return sso.authorize(query)
        if not path.startswith(f"{BASE_PATH}/"):
            return Answer(404, (("Content-Type", "text/plain; charset=utf-8"),), b"404: Not Found")
        if "//" in path:
            return Answer(308, (("Location", re.sub("/+", "/", path)),))
        try:
            found, raw_id = route(request.method, path.removeprefix(f"{BASE_PATH}/"))
            await self.prepare()
            check_size(data)
            return await self._serve(request, data, query, found, raw_id)
        except Refusal as refusal:
            return refusal.answer(self.face)
        except StoreError as failure:
            return Problem(500, str(failure)).answer(self.face)

    async def _serve(
        self, request: Request, data: bytes, query: Mapping[str, str], found: Route, raw_id: str
    ) -> Answer:
        caller: Mapping[str, object] = {}
        refresh = ""
        if found.access == "refresh":
            refresh = self._refresh(request)
        elif found.access:
            caller = signing.read_access(self.key, _bearer(request), self.clock())
        body = read_body(data, request.headers.get("content-type", ""), found.body) if found.body else {}
        if found.access == "admin" and caller.get("globalRole") != "ADMIN":
            raise Spoken(401, "Only admin can use this endpoint")
        wanted = unquote_to_bytes(raw_id).decode("utf-8", "replace")

        def work(conn: Connection) -> Answer:
            directory = Directory(conn, self.face, self.clock())
            task = Work(self.face, directory, self.key, wanted, body, caller, refresh)
            try:
                return self._do(request, query, found, task)
            except Refusal as refusal:
                if not self.face.real:
                    raise  # nothing stays
                return refusal.answer(self.face)

        run = self.store.read if request.method == "GET" and found.handler is not None else self.store.write
        return await run(work)

    def _do(self, request: Request, query: Mapping[str, str], found: Route, task: Work) -> Answer:
        if found.handler is not None:
            return found.handler(task)
        if found.name == "login":
            host = request.headers.get("host", "localhost:8080")
            return self._sessions.login(task, host, BASE_PATH, query.get("redirection", ""))
        value, session = self._sessions.find(request.headers.get("cookie", ""))
        answer, ended = sso.sign_in(task, session, query)
        self._sessions.end(value)
        return answer.having(self._sessions.keep(ended))

    def _refresh(self, request: Request) -> str:
        """The refresh UUID, which stands in the header, or with the word None there in the cookie."""
        told = _bearer(request)
        if told == "None":
            _, session = self._sessions.find(request.headers.get("cookie", ""))
            if not session.refresh:
                raise ApiError(401, "auth key error")
            return session.refresh
        found = signing.read_uuid(told)
        if found is None:
            raise Problem(401, signing.INVALID)
        return found


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if not header:
        raise Problem(401, "No authorization token provided")
    parts = header.split(None, 1)
    if len(parts) != 2:
        raise Problem(401, "Invalid authorization header")
    if parts[0].lower() != "bearer":
        raise Problem(401, "No authorization token provided")
    return parts[1]
