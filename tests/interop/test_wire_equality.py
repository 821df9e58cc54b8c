"""Wire equality: for each operation, lakeFS's official clients and ours send the same to a recording server.

Compared: method, raw path and query, body, ``Authorization``, ``Accept`` and ``Content-Type``; once with the required
parameters alone, once with every parameter set; by access key and by bearer token. Differences are listed below, each
with its reason, and a listed difference that is not there fails as well.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import anyio
import pytest

from identity_sdk import connect
from identity_sdk.adapters.lakefs import models as ours
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.secrets import Secret

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

HEADERS = ("authorization", "accept", "content-type")


@dataclass(frozen=True)
class Sent:
    """One request, as raw as it came."""

    method: str
    target: str
    body: object
    headers: tuple[tuple[str, str], ...]


# The differences that there are, and why.

NO_BODY_NO_TYPE = (
    "lakefs-client 0.91 announces a Content-Type for PUT and POST without a body; today's lakefs-sdk does not, and "
    "there is no content (RFC 9110 section 8.3)"
)
FOLLOWS = "lakefs-client 0.91 follows the redirect to the web page; we read the cookie and follow nothing"

FORM_OR_URI = (
    "lakefs-sdk 1.88 spells a blank in a query as %20 and leaves / as it is (RFC 3986); lakefs-client 0.91 and we "
    "spell it as a form does (+, %2F): the same parameters in the same order once decoded"
)

BODYLESS = (
    "add_group_membership",
    "attach_policy_to_group",
    "attach_policy_to_user",
    "create_credentials",
)
PAGED = (
    "list_group_members",
    "list_group_policies",
    "list_groups",
    "list_policies",
    "list_user_credentials",
    "list_user_groups",
    "list_user_policies",
    "list_users",
)
DIFFERENCES: dict[tuple[str, str], str] = {
    **{("lakefs_client", name): NO_BODY_NO_TYPE for name in BODYLESS},
    ("lakefs_client", "oauth_callback"): FOLLOWS,
    **{("lakefs_sdk", name): FORM_OR_URI for name in PAGED},
}
"""By client and operation; what is not listed must be equal."""

NOT_COMPARED = {
    "User-Agent": "it tells who sends",
    "Accept-Encoding": "a matter of the HTTP library: we take compressed answers",
    "Connection": "a matter of the HTTP library",
    "Content-Length": "follows from the body",
    "Host": "the same by construction",
    "white space in JSON": "bodies are compared as JSON values: ours is compact",
}

STATEMENT = {
    "effect": "allow",
    "resource": "arn:lakefs:fs:::repository/${user}/*",
    "action": ["fs:Read*", "fs:List*"],
}
USER, GROUP, POLICY = 'ä b+c?#&=@:;"\\', "a group", "Pol+icy"
PAGE = {"prefix": "a b+&é", "after": "x/y=z", "amount": 7}
KEY_ID, SECRET = "AKIAJ4XCVWUJ5JLDXXXQ", "abc/def+ghi=="
EVERY_SETUP_FIELD = {"username": "admin", "key": {"access_key_id": KEY_ID, "secret_access_key": SECRET}}


@dataclass(frozen=True)
class Case:
    """One operation: its positional arguments in plain values, and the models that they become."""

    least: tuple[Any, ...] = ()
    most: tuple[Any, ...] | None = None
    options: dict[str, Any] | None = None
    model: str = ""
    answer: object = None
    status: int = 200

    def arguments(self, full: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
        chosen = self.most if full and self.most is not None else self.least
        return chosen, (self.options or {}) if full else {}


ABOUT = {"has_more": False, "max_per_page": 0, "next_offset": "", "results": 0}
EMPTY = {"pagination": ABOUT, "results": []}
A_USER = {"id": "u", "creation_date": 1}
A_KEY = {"access_key_id": "k", "creation_date": 1, "secret_access_key": "s"}
A_POLICY = {"id": "p", "creation_date": 1, "statement": [STATEMENT]}


def page(*ids: str, **more: Any) -> Case:
    return Case(ids, options={**PAGE, **more}, answer=EMPTY)


CASES: dict[str, Case] = {
    "add_group_membership": Case((GROUP, USER), status=201),
    "attach_policy_to_group": Case((GROUP, POLICY), status=201),
    "attach_policy_to_user": Case((USER, POLICY), status=201),
    "create_credentials": Case((USER,), answer=A_KEY, status=201),
    "create_group": Case(({"id": GROUP},), model="GroupCreation", answer=A_USER, status=201),
    "create_policy": Case(
        ({"id": POLICY, "statement": [STATEMENT]},),
        ({"id": POLICY, "statement": [STATEMENT, STATEMENT], "creation_date": 5},),
        model="Policy",
        answer=A_POLICY,
        status=201,
    ),
    "create_user": Case(
        ({"id": USER},),
        ({"id": "a@b.c", "invite_user": True},),
        model="UserCreation",
        answer=A_USER,
        status=201,
    ),
    "delete_credentials": Case((USER, KEY_ID), status=204),
    "delete_group": Case((GROUP,), status=204),
    "delete_group_membership": Case((GROUP, USER), status=204),
    "delete_policy": Case((POLICY,), status=204),
    "delete_user": Case((USER,), status=204),
    "detach_policy_from_group": Case((GROUP, POLICY), status=204),
    "detach_policy_from_user": Case((USER, POLICY), status=204),
    "forgot_password": Case(({"email": "a@b.c"},), model="ForgotPasswordRequest", status=204),
    "get_auth_capabilities": Case(answer={"invite_user": True, "forgot_password": True}),
    "get_credentials": Case((USER, KEY_ID), answer={"access_key_id": "k", "creation_date": 1}),
    "get_current_user": Case(answer={"user": A_USER}),
    "get_group": Case((GROUP,), answer=A_USER),
    "get_policy": Case((POLICY,), answer=A_POLICY),
    "get_user": Case((USER,), answer=A_USER),
    "list_group_members": page(GROUP),
    "list_group_policies": page(GROUP),
    "list_groups": page(),
    "list_policies": page(),
    "list_user_credentials": page(USER),
    "list_user_groups": page(USER),
    "list_user_policies": page(USER, effective=True),
    "list_users": page(),
    "login": Case(
        ({"access_key_id": KEY_ID, "secret_access_key": SECRET},),
        model="LoginInformation",
        answer={"token": "t", "token_expiration": 1},
    ),
    "oauth_callback": Case(status=307),
    "update_password": Case(
        ({"token": "t", "newPassword": "n"},),
        ({"token": "t", "newPassword": "n", "email": "a@b.c"},),
        model="UpdatePasswordByToken",
        status=201,
    ),
    "update_policy": Case(
        (POLICY, {"id": POLICY, "statement": [STATEMENT]}),
        (POLICY, {"id": POLICY, "statement": [STATEMENT], "creation_date": 5}),
        model="Policy",
        answer=A_POLICY,
    ),
    "get_setup_state": Case(answer={"state": "initialized"}),
    "setup": Case(({"username": "admin"},), (EVERY_SETUP_FIELD,), model="Setup", answer=A_KEY),
}


class Recording(ThreadingHTTPServer):
    """Answers whatever was put into it, and keeps what it was sent."""

    daemon_threads = True
    reply: tuple[int, bytes]
    got: list[Sent]


class _Handler(BaseHTTPRequestHandler):
    server: Recording
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = tuple((name, self.headers[name]) for name in HEADERS if name in self.headers)
        body = json.loads(raw) if raw else None
        self.server.got.append(Sent(self.command, self.path, body, headers))
        status, data = self.server.reply
        if not self.path.startswith("/api/"):
            status, data = 200, b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status == 307:
            self.send_header("Location", "/auth/login")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _do

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Recording]:
    recording = Recording(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=recording.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield recording
    recording.shutdown()
    recording.server_close()
    thread.join()


def recorded(server: Recording, case: Case, call: Callable[[], object]) -> list[Sent]:
    data = b"" if case.answer is None else (json.dumps(case.answer) + "\n").encode()
    server.reply, server.got = (case.status, data), []
    call()
    return server.got


def official(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"the official client {name} is not installed")


class OldClient:
    """``lakefs-client`` 0.91.0."""

    name = "lakefs_client"

    def __init__(self, url: str, way: str) -> None:
        package = official("lakefs_client")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lakefs_client import apis
        configuration = package.Configuration(host=url)
        if way == "basic":
            configuration.username, configuration.password = KEY_ID, SECRET
        else:
            configuration.access_token = SECRET
        client = package.ApiClient(configuration)
        self._apis = [apis.AuthApi(client), apis.ConfigApi(client)]
        self._failure = package.exceptions.OpenApiException

    def operation(self, name: str) -> Callable[..., object] | None:
        return next((getattr(api, name) for api in self._apis if hasattr(api, name)), None)

    def model(self, name: str, value: dict[str, Any]) -> Any:
        import lakefs_client.models as models

        value = {_snake(key): inner for key, inner in value.items()}
        if "statement" in value:
            value["statement"] = [models.Statement(**one) for one in value["statement"]]
        if "key" in value:
            value["key"] = models.AccessKeyCredentials(**value["key"])
        return getattr(models, name)(**value)

    def call(self, name: str, *arguments: Any, **options: Any) -> None:
        method = self.operation(name)
        assert method is not None
        bodies = [one for one in arguments if not isinstance(one, str)]
        if bodies and name in ("create_group", "create_user", "login"):  # optional there, by name alone
            keyword = {
                "create_group": "group_creation",
                "create_user": "user_creation",
                "login": "login_information",
            }
            arguments, options = (), {**options, keyword[name]: bodies[0]}
        try:
            method(*arguments, **options)
        except self._failure:
            assert name == "oauth_callback"  # it fails on the page that it was redirected to


class NewClient:
    """``lakefs-sdk`` 1.88.0."""

    name = "lakefs_sdk"

    def __init__(self, url: str, way: str) -> None:
        package = self._package = official("lakefs_sdk")
        configuration = package.Configuration(host=url)
        if way == "basic":
            configuration.username, configuration.password = KEY_ID, SECRET
        else:
            configuration.access_token = SECRET
        client = package.ApiClient(configuration)
        self._apis = [package.AuthApi(client), package.ConfigApi(client), package.InternalApi(client)]

    def operation(self, name: str) -> Callable[..., object] | None:
        return next((getattr(api, name) for api in self._apis if hasattr(api, name)), None)

    def model(self, name: str, value: dict[str, Any]) -> Any:
        return getattr(self._package, name)(**value)

    def call(self, name: str, *arguments: Any, **options: Any) -> None:
        method = self.operation(name)
        assert method is not None
        method(*arguments, **options)


def _snake(name: str) -> str:
    return "new_password" if name == "newPassword" else name


GONE_FROM_TODAYS = {"forgot_password", "get_auth_capabilities", "oauth_callback", "update_password"}
"""Operations that today's client has no more."""

LESS_IN_TODAYS = {"create_user": ("UserCreation", "invite_user")}
"""Operations with a documented parameter that today's client cannot send any more: the required ones are compared."""

OUR_MODELS = {"Policy": "PolicyBody"}


def our_model(name: str, value: dict[str, Any]) -> Any:
    return getattr(ours, OUR_MODELS.get(name, name)).model_validate(value)


def bound(
    case: Case, full: bool, make: Callable[[str, dict[str, Any]], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    arguments, options = case.arguments(full)
    return tuple(make(case.model, one) if isinstance(one, dict) else one for one in arguments), options


def ours_sends(server: Recording, url: str, way: str, name: str, full: bool) -> list[Sent]:
    case = CASES[name]
    arguments, options = bound(case, full, our_model)
    auth = AccessKey(KEY_ID, SECRET) if way == "basic" else Bearer(SECRET)

    async def call() -> None:
        async with connect(LakeFS(base_url=url, auth=auth), retries=0) as idp:
            await getattr(idp.native, name)(*arguments, **options)

    return recorded(server, case, lambda: anyio.run(call))


CLIENTS = {"lakefs_client": OldClient, "lakefs_sdk": NewClient}


@pytest.mark.parametrize("way", ["basic", "bearer"])
@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("client", CLIENTS)
def test_both_send_the_same(server: Recording, client: str, name: str, full: bool, way: str) -> None:
    url = f"http://127.0.0.1:{server.server_address[1]}/api/v1"
    theirs = CLIENTS[client](url, way)
    if client == "lakefs_sdk" and name in GONE_FROM_TODAYS:
        assert theirs.operation(name) is None
        return
    case = CASES[name]
    if client == "lakefs_sdk" and full and name in LESS_IN_TODAYS:
        model, field = LESS_IN_TODAYS[name]
        assert field not in theirs.model(model, case.most[0]).to_dict()
        full = False
    arguments, options = bound(case, full, theirs.model)
    official_sent = recorded(server, case, lambda: theirs.call(name, *arguments, **options))
    our_sent = ours_sends(server, url, way, name, full)
    assert len(our_sent) == 1
    reason = DIFFERENCES.get((client, name))
    if reason is FORM_OR_URI and not full:
        reason = None  # nothing in the query
    if reason is None:
        assert our_sent == official_sent
        return
    assert our_sent != official_sent, f"listed and not there: {reason}"
    if reason is FOLLOWS:
        assert our_sent == official_sent[:1]
        assert [one.target for one in official_sent[1:]] == ["/auth/login"]
    elif reason is FORM_OR_URI:
        assert [_decoded(one) for one in our_sent] == [_decoded(one) for one in official_sent]
    else:
        announced = [
            replace(one, headers=(*one.headers, ("content-type", "application/json"))) for one in our_sent
        ]
        assert announced == official_sent


def _decoded(sent: Sent) -> Sent:
    path, _, query = sent.target.partition("?")
    return replace(sent, target=f"{path}?{parse_qsl(query, strict_parsing=True)}")


def test_nothing_is_left_out() -> None:
    """All 33 operations and the set-up; each difference belongs to one of them."""
    assert len(CASES) == 35
    client = OldClient("http://127.0.0.1:9", "basic")
    assert all(client.operation(name) is not None for name in CASES)
    assert {name for _, name in DIFFERENCES} <= CASES.keys()


def test_the_parameters_that_no_official_client_can_send(server: Recording) -> None:
    """state and code of the OIDC redirect are not in the document's signature; the server reads them."""
    url = f"http://127.0.0.1:{server.server_address[1]}/api/v1"

    async def call() -> None:
        async with connect(LakeFS(base_url=url), retries=0) as idp:
            await idp.native.oauth_callback(state="x y", code="z")

    sent = recorded(server, CASES["oauth_callback"], lambda: anyio.run(call))
    assert sent == [
        Sent("GET", "/api/v1/oidc/callback?state=x+y&code=z", None, (("accept", "application/json"),))
    ]


def test_the_recorder_tells_differences_apart(server: Recording) -> None:
    """The comparison can fail: an id that only its encoding tells from another, and another body."""
    url = f"http://127.0.0.1:{server.server_address[1]}/api/v1"
    first = ours_sends(server, url, "basic", "get_user", False)
    changed = replace(CASES["get_user"], least=("ä b",))

    async def call() -> None:
        async with connect(LakeFS(base_url=url, auth=AccessKey(KEY_ID, Secret(SECRET))), retries=0) as idp:
            await idp.native.get_user(*changed.least)

    assert recorded(server, changed, lambda: anyio.run(call)) != first
