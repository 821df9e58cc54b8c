"""The server itself: routing, who is calling, the operation in one transaction, the answer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import cast
from urllib.parse import unquote

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from identity_sdk.emulators.faults import Fault
from identity_sdk.emulators.igtcloud import entities, signing_in
from identity_sdk.emulators.igtcloud.call import Call, Handler
from identity_sdk.emulators.igtcloud.choices import Choices
from identity_sdk.emulators.igtcloud.directory import Directory
from identity_sdk.emulators.igtcloud.wire import JSON, Answer, Asked, Refused
from identity_sdk.emulators.passwords import hash_of_password
from identity_sdk.emulators.shell import app_around, body_of, raw_path, send_answer
from identity_sdk.store import DuplicateRow, Store, StoreError
from identity_sdk.store import queries as q

__all__ = ["BASE_PATH", "Admin", "IgtCloudEmulator", "create_app"]

BASE_PATH = "/api"
ISSUER = "https://iam.example.com"
_SIGNING = "igtcloud.jwt_secret"
_POLICY = "igtcloud-administrator"

_AUTH: Mapping[str, Handler] = {
    "GET introspect": signing_in.introspect,
    "GET login/$aud": signing_in.audience,
    "GET permissions": signing_in.permissions,
    "GET s3credentials": signing_in.s3_credentials,
    "POST audit-trail": signing_in.audit,
    "POST login": signing_in.login,
    "POST logout": signing_in.logout,
    "POST refresh": signing_in.refresh,
}


def _table() -> list[tuple[str, tuple[str, ...], Handler]]:
    rows = [(f"auth/{name.partition(' ')[2]}", name, one) for name, one in _AUTH.items()]
    rows += [(f"data/{name.partition(' ')[2]}", name, one) for name, one in entities.HANDLERS.items()]
    return [(name.partition(" ")[0], tuple(path.split("/")), one) for path, name, one in rows]


_ROUTES = _table()
_BODIES = frozenset({"POST", "PUT"})
_NO_BODY = frozenset({"logout", "refresh", "$profile"})


@dataclass(frozen=True, slots=True)
class Admin:
    """The first administrator: a person with a password and every permission."""

    username: str = "admin@example.com"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)


def create_app(
    store: Store,
    *,
    choices: Choices | None = None,
    clock: Callable[[], float] | None = None,
    admin: Admin | None = None,
    faults: Iterable[Fault | str] = (),
) -> Starlette:
    """Make the ASGI app. Its base URL ends in ``/api``; below ``/auth`` and ``/data`` of the root it answers as well.

    ``app.state.emulator`` is the :class:`IgtCloudEmulator`, ``app.state.faults`` the
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
    emulator = IgtCloudEmulator(store, choices or Choices(), clock or store.clock, admin or Admin())
    return app_around(emulator, faults, BASE_PATH)


class IgtCloudEmulator:
    """The ASGI app without faults."""

    def __init__(self, store: Store, choices: Choices, clock: Callable[[], float], admin: Admin) -> None:
        self.store = store
        self.choices = choices
        self.clock = clock
        self.admin = admin
        self._secret: str | None = None

    async def prepare(self) -> None:
        """Make the administrator and the secret that JWTs are signed with; requests do it by themselves."""
        if self._secret is None:
            self._secret = await self.store.write(self._prepare)

    def _prepare(self, conn: Connection) -> str:
        now, name = self.clock(), self.admin.username
        if q.users.get(conn, name) is None:
            q.users.insert(conn, q.UserRow(id=name, created_at=now, email=name if "@" in name else None))
        self.set_password(conn, name, self.admin.password)
        statement: JSON = {"effect": "allow", "action": ["*"], "resource": "*"}
        q.policies.put(conn, q.PolicyRow(id=_POLICY, created_at=now, statements=[statement]))
        row = q.AttachmentRow(policy_id=_POLICY, subject_type="user", subject_id=name, created_at=now)
        with suppress(DuplicateRow):
            q.attachments.insert(conn, row)
        found = q.get_meta(conn, _SIGNING)
        if found is None:
            found = secrets.token_hex(32)
            q.set_meta(conn, _SIGNING, found)
        return found

    def set_password(self, conn: Connection, login_id: str, password: str) -> None:
        """As the person does by its activation letter."""
        row = q.PasswordRow(
            user_id=login_id, created_at=self.clock(), password_hash=hash_of_password(password)
        )
        q.passwords.put(conn, row)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if (data := await body_of(request)) is None:
            return
        try:
            answer = await self._serve(request, data)
        except Refused as refusal:
            answer = refusal.answer(self.choices.error_body)
        except StoreError as failure:
            answer = Refused(500, str(failure)).answer(self.choices.error_body)
        headers = [("Date", formatdate(self.clock(), usegmt=True)), *answer.headers]
        if answer.status != 204:
            headers.append(("Content-Type", answer.content_type))
            headers.append(("Content-Length", str(len(answer.body))))
        await send_answer(send, answer.status, headers, b"" if answer.status == 204 else answer.body)

    async def _serve(self, request: Request, data: bytes) -> Answer:
        path = raw_path(request).removeprefix(BASE_PATH)
        handler, ids, literal = _route(request.method, path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        wanted = request.method in _BODIES and literal[-1] not in _NO_BODY
        public = literal[:2] == ("auth", "login") or literal == ("auth", "logout")
        query = Asked.query_of(request.scope["query_string"].decode("latin-1"))
        await self.prepare()
        asked = Asked(request.method, query, headers, ids)

        def work(conn: Connection) -> Answer:
            directory = Directory(conn, self.clock(), self.choices)
            call = Call(asked, directory, self.choices, cast("str", self._secret), ISSUER)
            if not public:
                call.admit(write=request.method != "GET")
            if wanted:
                call.asked = Asked(request.method, query, headers, ids, _body(headers, data))
            return handler(call)

        run = self.store.read if request.method == "GET" else self.store.write
        return await run(work)


def _body(headers: Mapping[str, str], data: bytes) -> JSON:
    if "json" not in headers.get("content-type", ""):
        raise Refused(415, "Did not attempt to load JSON data because the request Content-Type was not JSON")
    try:
        found: object = json.loads(data)
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate, which no database holds
    except (ValueError, RecursionError):
        raise Refused(400, "Failed to decode JSON object") from None
    return cast("JSON", found)


def _route(method: str, path: str) -> tuple[Handler, Mapping[str, str], tuple[str, ...]]:
    try:
        segments = tuple(unquote(part, errors="strict") for part in path.removeprefix("/").split("/"))
    except UnicodeDecodeError:
        raise Refused(404, "The requested URL was not found on the server") from None
    found = [row for row in _ROUTES if _fits(row[1], segments)]
    if not found:
        raise Refused(404, "The requested URL was not found on the server")
    first = found[0][1]  # the literal one: ``users/me`` is no user of the UUID "me"
    for wanted, pattern, handler in found:
        if pattern == first and wanted == method:
            ids = {part[1:-1]: have for part, have in zip(pattern, segments, strict=True) if part[0] == "{"}
            return handler, ids, pattern
    raise Refused(405, "The method is not allowed for the requested URL")


def _fits(pattern: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    if len(pattern) != len(segments):
        return False
    pairs = zip(pattern, segments, strict=True)
    return all((have != "" and "\0" not in have) if part[0] == "{" else part == have for part, have in pairs)
