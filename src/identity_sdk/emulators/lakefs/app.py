"""The server itself: routing, validation, who is calling, permissions, the operation, the answer's headers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from identity_sdk.emulators.faults import Fault
from identity_sdk.emulators.lakefs import public
from identity_sdk.emulators.lakefs.bootstrap import Admin, install, signing_secret
from identity_sdk.emulators.lakefs.call import Answer, Call, Refused, error, text_answer
from identity_sdk.emulators.lakefs.directory import (
    AlreadyExists,
    Directory,
    LateCache,
    Missing,
    new_access_key,
)
from identity_sdk.emulators.lakefs.faces import FACES, Face
from identity_sdk.emulators.lakefs.golang import BadEscape, escape_path, parse_query, unescape
from identity_sdk.emulators.lakefs.operations import Operation, route
from identity_sdk.emulators.lakefs.schema import Invalid, InvalidFormat, bind_query, check_body, check_query
from identity_sdk.emulators.lakefs.signin import authenticate
from identity_sdk.emulators.shell import app_around, body_of, raw_path, send_answer
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store, StoreError

__all__ = ["BASE_PATH", "LakeFSEmulator", "create_app"]

BASE_PATH = "/api/v1"
_UI = Answer(
    200,
    (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-cache, no-store")),
    b"<html><head></head><body>ui</body></html>",
)


def create_app(
    store: Store,
    *,
    face: str = "0.91",
    auth_cache: float = 0.0,
    clock: Callable[[], float] | None = None,
    admin: Admin | None = None,
    setup: bool = False,
    faults: Iterable[Fault | str] = (),
) -> Starlette:
    """Make the ASGI app; its base URL ends in ``/api/v1``.

    ``app.state.emulator`` is the :class:`LakeFSEmulator` (its ``admin``, its ``outbox``), ``app.state.faults`` the
    :class:`~identity_sdk.emulators.faults.FaultInjector`.

    Args:
        store: where everything is kept; not closed by the app.
        face: ``0.91``, ``1.x`` (single user) or ``1.x-acl``.
        auth_cache: seconds for which users, keys and rights that were read once are not read again.
        clock: epoch seconds UTC; the store's unless given.
        admin: the first admin and its key; a key is made if none is given.
        setup: start initialised, with that admin in the group Admins.
        faults: what goes wrong, see :class:`~identity_sdk.emulators.faults.Fault`.

    Raises:
        ConfigurationError: there is no such face, or a fault is malformed.
    """
    if face not in FACES:
        raise ConfigurationError(f"lakeFS has no face {face!r}: choose one of {', '.join(FACES)}")
    chosen = admin or Admin()
    if chosen.key is None:
        key_id, secret = new_access_key()
        chosen = Admin(chosen.username, key_id, secret)
    emulator = LakeFSEmulator(store, FACES[face], auth_cache, clock or store.clock, chosen, setup)
    return app_around(emulator, faults, BASE_PATH)


class LakeFSEmulator:
    """The ASGI app without faults."""

    def __init__(
        self,
        store: Store,
        face: Face,
        auth_cache: float,
        clock: Callable[[], float],
        admin: Admin,
        setup: bool,
    ) -> None:
        self.store = store
        self.face = face
        self.clock = clock
        self.admin = admin
        """The admin that ``setup=True`` makes, with its key."""
        self.openid: dict[str, str] = {}
        """Authorization codes of the OpenID provider (v0.91), each with the id of its user, which is emptied when it is
        used. None at all: no provider is configured, as on the recorded server."""
        self.outbox: list[public.Letter] = []
        """Password-reset letters that were "sent"."""
        self._cache = LateCache(auth_cache, clock)
        self.setup = setup
        self._secret: str | None = None

    def directory(self, conn: Connection) -> Directory:
        return Directory(conn, self._cache, self.clock())

    async def prepare(self) -> None:
        """Do the set-up that was asked for; requests do it by themselves."""
        if self._secret is None:
            self._secret = await self.store.write(self._prepare)

    def _prepare(self, conn: Connection) -> str:
        # Not through the cache: nobody has asked the server anything yet.
        directory = Directory(conn, LateCache(0, self.clock), self.clock())
        if self.setup:
            install(directory, self.face, self.admin)
        return signing_secret(directory)

    @property
    def secret(self) -> str:
        return cast("str", self._secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if (data := await body_of(request)) is None:
            return
        answer = await self._answer(request, data)
        request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
        headers = [*answer.headers, ("X-Request-Id", request_id)]
        if answer.status != 204:
            headers.append(("Content-Length", str(len(answer.body))))
        await send_answer(send, answer.status, headers, answer.body)

    async def _answer(self, request: Request, data: bytes) -> Answer:
        path = raw_path(request)
        if not path.startswith(f"{BASE_PATH}/"):
            return _UI if request.method == "GET" else error(404, "not found")
        try:
            unescape(path)
        except BadEscape:
            return text_answer(400, "400 Bad Request")
        segments = tuple(path.removeprefix(f"{BASE_PATH}/").split("/"))
        found = route(request.method, segments, old=self.face.old)
        if found is None:
            return error(self.face.unknown_endpoint, "invalid API endpoint")
        try:
            return await self._serve(request, data, path, *found)
        except Refused as refusal:
            return refusal.answer
        except Invalid as refusal:
            return error(400, str(refusal))
        except InvalidFormat as refusal:
            return text_answer(400, str(refusal))
        except Missing as missing:
            return error(404, self.face.missing(str(missing)))
        except AlreadyExists:
            return error(409, "Already exists")
        except StoreError as failure:
            return error(500, str(failure))

    async def _serve(
        self, request: Request, data: bytes, path: str, operation: Operation, raw_ids: Mapping[str, str]
    ) -> Answer:
        query = parse_query(request.scope["query_string"].decode("latin-1"))
        check_query(self.face, query, operation.query)
        body: dict[str, object] = {}
        if operation.body:
            content_type = request.headers.get("content-type", "")
            body = check_body(self.face, operation.body, operation.body_required, content_type, data)
        await self.prepare()
        if operation.handler is None:
            said = {name: values[0] for name, values in query.items()}
            return await public.HANDLERS[operation.name](self, body or dict(said))
        headers = {name: request.headers[name] for name in request.headers}

        def work(conn: Connection) -> Answer:
            directory = self.directory(conn)
            user = authenticate(self.face, directory, headers, self.secret)
            asked = self._ids(path, raw_ids)
            ids = {name: value.replace("+", " ") for name, value in asked.items()} if self.face.acl else asked
            bound = bind_query(self.face, query, operation.query)
            return _perform(operation, Call(self.face, directory, user, ids, asked, bound, body))

        run = self.store.read if request.method == "GET" else self.store.write
        return await run(work)

    def _ids(self, path: str, raw_ids: Mapping[str, str]) -> dict[str, str]:
        """Decode the ids of the path; v0.91 does so twice unless the path needs its own encoding."""
        ids = {name: unescape(raw) for name, raw in raw_ids.items()}
        if self.face.old and escape_path(unescape(path)) == path:
            for name, value in ids.items():
                try:
                    ids[name] = unescape(value)
                except BadEscape as bad:
                    reason = f"error unescaping path parameter '{name}': {bad}"
                    raise InvalidFormat(f"Invalid format for parameter {name}: {reason}\n") from None
        return ids


def _perform(operation: Operation, call: Call) -> Answer:
    if operation.policies and call.face.acl:
        raise Refused.because(501, "Not Implemented")
    if operation.before is not None:
        operation.before(call)
    if operation.action:
        call.authorize(operation.action, operation.arn(call.asked, call.text("id")))
    handler = operation.handler
    assert handler is not None
    return handler(call)
