"""The service itself: routing, who is calling, the operation, the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import cast
from urllib.parse import parse_qsl, unquote

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from identity_sdk.emulators.authress import handlers, records
from identity_sdk.emulators.authress.call import Answer, Call, Refused, error
from identity_sdk.emulators.authress.choices import Choices
from identity_sdk.emulators.authress.directory import JSON, Directory
from identity_sdk.emulators.authress.keys import ACCESS_KEY, Admin, bearer, new_key, public_of
from identity_sdk.emulators.faults import Fault
from identity_sdk.emulators.shell import app_around, body_of, raw_path, send_answer
from identity_sdk.store import Store, StoreError
from identity_sdk.store import queries as q

__all__ = ["BASE_PATH", "AuthressEmulator", "create_app"]

BASE_PATH = ""
_LARGEST = 100 * 1024


@dataclass(frozen=True, slots=True)
class Route:
    path: tuple[str, ...]
    method: str
    handler: handlers.Handler
    body: str = ""
    """``required``, ``optional`` or none."""
    public: bool = False


_TABLE = """
POST   v1/clients                                        create_client required
GET    v1/clients                                        get_clients
GET    v1/clients/*                                      get_client
PUT    v1/clients/*                                      update_client required
DELETE v1/clients/*                                      delete_client
POST   v1/clients/*/access-keys                          request_access_key optional
DELETE v1/clients/*/access-keys/*                        delete_access_key
GET    v1/clients/*/.well-known/openid-configuration/jwks client_jwks
GET    .well-known/openid-configuration/jwks             jwks
GET    v1/users                                          get_users
GET    v1/users/*                                        get_user
DELETE v1/users/*                                        delete_user
GET    v1/groups                                         get_groups
POST   v1/groups                                         create_group required
GET    v1/groups/*                                       get_group
PUT    v1/groups/*                                       update_group required
DELETE v1/groups/*                                       delete_group
GET    v1/roles                                          get_roles
POST   v1/roles                                          create_role required
GET    v1/roles/*                                        get_role
PUT    v1/roles/*                                        update_role required
DELETE v1/roles/*                                        delete_role
GET    v1/records                                        get_records
POST   v1/records                                        create_record required
GET    v1/records/*                                      get_record
PUT    v1/records/*                                      update_record required
DELETE v1/records/*                                      delete_record
GET    v1/users/*/resources/*/permissions/*              authorize_user
GET    v1/users/*/resources/*/permissions                get_user_permissions_for_resource
GET    v1/users/*/resources/*/roles                      get_user_roles_for_resource
GET    v1/users/*/resources                              get_user_resources
GET    v1/resources                                      get_permissioned_resources
GET    v1/resources/*                                    get_permissioned_resource
PUT    v1/resources/*                                    update_permissioned_resource required
GET    v1/resources/*/users                              get_resource_users
POST   v1/claims                                         create_claim required
"""
"""Method, path, operation, and how its body is wanted."""


def _routes() -> tuple[Route, ...]:
    found: list[Route] = []
    for line in _TABLE.strip().splitlines():
        method, path, name, *body = line.split()
        handler: handlers.Handler = getattr(handlers, name, None) or getattr(records, name)
        public = name in ("jwks", "client_jwks")
        found.append(Route(tuple(path.split("/")), method, handler, body[0] if body else "", public))
    return tuple(found)


_ROUTES = _routes()


def create_app(
    store: Store,
    *,
    account: str = "acc-demo",
    admin: Admin | None = None,
    choices: Choices | None = None,
    clock: Callable[[], float] | None = None,
    faults: Iterable[Fault | str] = (),
) -> Starlette:
    """Make the ASGI app.

    ``app.state.emulator`` is the :class:`AuthressEmulator` (its ``access_key``), ``app.state.faults`` the
    :class:`~identity_sdk.emulators.faults.FaultInjector`.

    Args:
        store: where everything is kept; not closed by the app.
        account: the account id.
        admin: the first service client and its key; a key is made if none is given.
        choices: how the service answers where nobody knows it.
        clock: epoch seconds UTC; the store's unless given.
        faults: what goes wrong, see :class:`~identity_sdk.emulators.faults.Fault`.

    Raises:
        ConfigurationError: a fault is malformed.
    """
    first = admin or Admin()
    if first.private is None:
        first = replace(first, private=new_key().private)
    emulator = AuthressEmulator(store, account, first, choices or Choices(), clock or store.clock)
    return app_around(emulator, faults, BASE_PATH)


class AuthressEmulator:
    """The ASGI app without faults."""

    def __init__(
        self, store: Store, account: str, admin: Admin, choices: Choices, clock: Callable[[], float]
    ) -> None:
        self.store = store
        self.account = account
        self.admin = admin
        self.choices = choices
        self.clock = clock
        self._prepared = False

    @property
    def access_key(self) -> str:
        """The key of the first service client, which owns everything."""
        return self.admin.access_key(self.account)

    async def prepare(self) -> None:
        """Make the first service client; requests do it by themselves."""
        if not self._prepared:
            await self.store.write(self._install)
            self._prepared = True

    def _install(self, conn: Connection) -> None:
        now, admin = self.clock(), self.admin
        owner = f"owner-{admin.client_id}"
        options = {"grantUserPermissionsAccess": True, "grantTokenGeneration": True}
        attributes = {"kind": "service", "authress": {"options": options}}
        if q.users.get(conn, admin.client_id) is None:
            q.users.put(
                conn, q.UserRow(id=admin.client_id, created_at=now, name="Admin", attributes=attributes)
            )
            directory = Directory(conn, self.account, "", now)
            everything = [{"roles": ["Authress:Owner"], "resources": [{"resourceUri": "*"}]}]
            body: JSON = {"name": owner, "users": [{"userId": admin.client_id}], "statements": everything}
            directory.put_record(owner, body, admin.client_id)
        key = {"publicKey": public_of(cast("str", admin.private))}
        row = q.CredentialRow(
            id=admin.key_id, user_id=admin.client_id, kind=ACCESS_KEY, created_at=now, attributes=key
        )
        q.credentials.put(conn, row)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if (data := await body_of(request)) is None:
            return
        try:
            answer = await self._answer(request, data)
        except Refused as refusal:
            answer = error(self.choices, refusal.status, refusal.title, refusal.code)
        except StoreError as failure:
            answer = error(self.choices, 500, str(failure))
        # By the service's own clock: clients sign their tokens by it.
        headers = [("Date", formatdate(self.clock(), usegmt=True)), *answer.headers]
        if answer.status != 204:
            headers.append(("Content-Length", str(len(answer.body))))
        await send_answer(send, answer.status, headers, answer.body)

    async def _answer(self, request: Request, data: bytes) -> Answer:
        # Split first and decoded afterwards: %2F stays within its segment.
        segments = raw_path(request).removeprefix("/").split("/")
        found = [route for route in _ROUTES if _fits(route.path, segments)]
        if not found:
            raise Refused(404, "No such path")
        route = next((one for one in found if one.method == request.method), None)
        if route is None:
            raise Refused(405, "No such method here")
        try:
            ids = [
                unquote(one, errors="strict")
                for one, part in zip(segments, route.path, strict=True)
                if part == "*"
            ]
            query = dict(
                parse_qsl(
                    request.scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="strict"
                )
            )
        except UnicodeDecodeError:
            raise Refused(self.choices.invalid, "the address is no UTF-8") from None
        await self.prepare()
        headers = {name: request.headers[name] for name in request.headers}
        url = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"

        def work(conn: Connection) -> Answer:
            caller = self._caller(conn, route, headers, url)
            directory = Directory(conn, self.account, url, self.clock())
            body = self._body(route, data)
            return route.handler(Call(self.choices, directory, caller, ids, query, headers, body))

        run = self.store.read if request.method == "GET" else self.store.write
        return await run(work)

    def _caller(self, conn: Connection, route: Route, headers: Mapping[str, str], url: str) -> str:
        if route.public:
            return ""
        origins = frozenset({url, f"https://{self.account}.api.authress.io"})
        found = bearer(conn, headers.get("authorization", ""), self.account, origins, self.clock())
        if found is None:
            raise Refused(401, "Unauthorized")
        return found.client_id

    def _body(self, route: Route, data: bytes) -> JSON:
        if not route.body or (route.body == "optional" and not data):
            return {}
        if len(data) > _LARGEST:
            raise Refused(413, "The body is too large")
        try:
            found: object = json.loads(data)
            json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate, which no database holds
        except (ValueError, RecursionError):
            raise Refused(self.choices.invalid, "The body is no JSON") from None
        if not isinstance(found, dict):
            raise Refused(self.choices.invalid, "The body is no object")
        return cast("JSON", found)


def _fits(path: tuple[str, ...], segments: list[str]) -> bool:
    return len(path) == len(segments) and all(
        bool(given) if part == "*" else part == given for part, given in zip(path, segments, strict=True)
    )
