"""The migration pages against the code, and their snippets against the emulators.

The pages are written by hand; nothing in them is believed. That a verb uses an operation is read from the adapter's
source: from the verb's method through what it calls inside its own package to the wire API.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from identity_sdk.adapters.registry import adapter_class
from identity_sdk.cli.matrix import capabilities_of
from identity_sdk.emulators import argus, auth_service, authress, igtcloud, lakefs
from identity_sdk.emulators.server import running
from identity_sdk.resources.base import Resource
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from identity_sdk.wire.call import OperationSpec
from identity_sdk.wire.operation import Api

ROOT = Path(__file__).parents[2]
MIGRATION = ROOT / "docs/migration"

# What each backend's own document names, in the form that idp.native has it.
DOCUMENTED: dict[str, str] = {
    "lakefs": """
        add_group_membership attach_policy_to_group attach_policy_to_user create_credentials create_group create_policy
        create_user delete_credentials delete_group delete_group_membership delete_policy delete_user
        detach_policy_from_group detach_policy_from_user forgot_password get_auth_capabilities get_credentials
        get_current_user get_group get_policy get_user list_group_members list_group_policies list_groups list_policies
        list_user_credentials list_user_groups list_user_policies list_users login oauth_callback update_password
        update_policy
    """,
    "auth-service": """
        admin_add_group admin_add_user admin_get_group admin_get_user_info admin_group_put admin_list_groups
        admin_list_users admin_remove_group admin_remove_user admin_user_put generate_refresh_token get_token_info
        list_refresh_tokens revoke_refresh_token
    """,
    "authress": """
        create_client delete_access_key delete_client get_client get_clients request_access_key update_client
    """,
    "argus": """
        apikey.authenticate apikey.initiate apikey.list apikey.renew apikey.revoke constrain.constrain logout.logout
        methods.get_methods totp.authenticate totp.initialize totp.revoke totp.verify
    """,
    "igtcloud": """
        get_introspect_resource get_login_aud_resource get_permissions_resource get_s3_credentials_resource
        post_audit_resource post_login_resource_login post_logout_resource post_refresh_resource
    """,
}
COUNTS = {"lakefs": 33, "auth-service": 14, "authress": 7, "argus": 12, "igtcloud": 8}
PAGES = {
    "lakefs": "lakefs-client",
    "auth-service": "auth-python-client",
    "authress": "authress-sdk",
    "argus": "argus-api",
    "igtcloud": "igtcloud-client",
}
providers = pytest.mark.parametrize("provider", sorted(PAGES))


@dataclass(frozen=True)
class Row:
    """One operation as a page tells it."""

    theirs: tuple[str, ...]
    request: str | None
    native: str
    verbs: frozenset[str]
    note: str


def code(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


@cache
def rows(provider: str) -> tuple[Row, ...]:
    found: list[Row] = []
    for line in (MIGRATION / f"{PAGES[provider]}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 5 or cells[0] == "their operation" or set(cells[0]) == {"-"}:
            continue
        verbs = frozenset((*code(cells[3]), *(["signing in"] if "signing in" in cells[3] else [])))
        found.append(Row(code(cells[0]), (code(cells[1]) or (None,))[0], code(cells[2])[0], verbs, cells[4]))
    return tuple(found)


# What idp.native offers, and which verb reaches which operation.


@cache
def natives(provider: str) -> Mapping[str, OperationSpec | None]:
    """Every operation by its path under ``idp.native``; ``None`` for one that is made of another."""
    adapter: Any = adapter_class(provider)
    found: dict[str, OperationSpec | None] = {}

    def walk(place: Any, prefix: str) -> None:
        if isinstance(place, Api):
            for name, member in inspect.getmembers_static(type(place), inspect.iscoroutinefunction):
                if not name.startswith("_"):
                    found[prefix + name] = getattr(member, "__operation__", None)
        for name, part in vars(place).items():
            if not name.startswith("_") and type(part).__module__.startswith("identity_sdk.adapters"):
                walk(part, f"{prefix}{name}.")

    walk(adapter(base_url="https://backend.example").bind(object()).native, "")
    return found


def function_of(member: object) -> FunctionType | None:
    """The function behind a method, a property or a decorator."""
    for attribute in ("func", "fget", "__func__"):
        member = getattr(member, attribute, None) or member
    member = inspect.unwrap(member) if callable(member) else member
    return member if isinstance(member, FunctionType) else None


def chain(node: ast.expr) -> list[str]:
    """``self._api.get_user`` as its parts; ``LakeFSApi(…).login`` as ``["api", "login"]``."""
    if isinstance(node, ast.Attribute):
        return [*chain(node.value), node.attr]
    made = node.func if isinstance(node, ast.Call) else None
    if isinstance(made, ast.Name):
        return ["api" if made.id.endswith("Api") else "?"]
    return [node.id if isinstance(node, ast.Name) else "?"]


class Source:
    """An adapter's package, read for what its verbs call."""

    def __init__(self, provider: str) -> None:
        self.adapter = adapter_class(provider)
        self.package = self.adapter.__module__.rpartition(".")[0]
        self.operations = natives(provider)
        modules = pkgutil.iter_modules(importlib.import_module(self.package).__path__, f"{self.package}.")
        classes = {
            member
            for module in modules
            for member in vars(importlib.import_module(module.name)).values()
            if inspect.isclass(member) and self.ours(member)
        }
        # A sign-in's twin of an operation, for a credential that is not the client's own: known by its route.
        apis = [one for one in classes if issubclass(one, Api)]
        self.twins: dict[str, OperationSpec] = {
            name: member.__operation__
            for one in apis
            for name, member in vars(one).items()
            if hasattr(member, "__operation__") and "." not in "".join(self.operations)
        }
        self.helpers: dict[str, list[tuple[type, FunctionType]]] = {}
        for one in classes:
            for name, member in vars(one).items():
                function = function_of(member)
                if function is not None and not issubclass(one, Resource | Api):
                    self.helpers.setdefault(name, []).append((one, function))

    def ours(self, member: Any) -> bool:
        return str(getattr(member, "__module__", "")).startswith(self.package)

    def called(self, parts: list[str]) -> set[str]:
        """The operations that an attribute chain such as ``self._api.apikey.list`` names."""
        dotted = ".".join(parts)
        deep = {one for one in self.operations if "." in one and dotted.endswith(f".{one}")}
        if deep or len(parts) < 2 or parts[-2] not in ("_api", "api", "native", "_signing_in"):
            return deep
        if parts[-1] in self.operations:
            return {parts[-1]}
        route = self.twins.get(parts[-1])
        same = self.operations.items() if route is not None else ()
        return {
            name
            for name, spec in same
            if spec and route and (spec.method, spec.path) == (route.method, route.path)
        }

    def reached(self, owner: type | None, function: FunctionType, seen: set[Any]) -> set[str]:
        function = function_of(function) or function
        if (owner, function) in seen or not self.ours(function):
            return set()
        seen.add((owner, function))
        found: set[str] = set()
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Attribute):
                parts = chain(node)
                operations = self.called(parts)
                found |= operations
                for where, further in [] if operations else self.follow(owner, parts):
                    found |= self.reached(where, further, seen)
            elif isinstance(node, ast.Name):
                named = function.__globals__.get(node.id)
                if isinstance(named, FunctionType):
                    found |= self.reached(None, named, seen)
        return found

    def follow(self, owner: type | None, parts: list[str]) -> list[tuple[type, FunctionType]]:
        if parts[0] in ("self", "cls") and len(parts) == 2:
            own = function_of(inspect.getattr_static(owner, parts[1], None))
            return [(owner, own)] if owner is not None and own is not None else []
        return self.helpers.get(parts[-1], [])

    def verbs(self) -> dict[str, set[str]]:
        """Of each operation the verbs that reach it, ``ping`` and ``signing in`` among them."""
        found: dict[str, set[str]] = {name: set() for name in self.operations}
        starts: list[tuple[str, type, FunctionType]] = [
            (verb, resource, getattr(resource, verb.partition(".")[2]))
            for resource in self.adapter.resources
            for verb, cell in resource.cells().items()
            if cell.supported
        ]
        starts.append(("ping", self.adapter, self.adapter.probe))  # type: ignore[arg-type]
        starts += [("signing in", one, function) for one, function in self.helpers.get("fetch", [])]
        for verb, owner, function in starts:
            for name in self.reached(owner, function, set()):
                found[name].add(verb)
        return found


@providers
def test_every_documented_operation_is_one_of_ours(provider: str) -> None:
    documented = DOCUMENTED[provider].split()
    assert len(documented) == len(set(documented)) == COUNTS[provider]
    assert set(documented) <= natives(provider).keys()
    assert set(documented) <= {row.native for row in rows(provider)}


@providers
def test_a_page_has_each_of_our_operations_once_with_its_request(provider: str) -> None:
    told = {row.native: row.request for row in rows(provider)}
    assert len(told) == len(rows(provider))
    real = {
        name: None if spec is None else f"{spec.method} {spec.path}"
        for name, spec in natives(provider).items()
    }
    assert told == real


@providers
def test_a_verb_beside_an_operation_uses_it(provider: str) -> None:
    able = capabilities_of(adapter_class(provider))
    used = Source(provider).verbs()
    for row in rows(provider):
        for verb in row.verbs - {"ping", "signing in"}:
            assert able.supports(verb), f"{row.native}: {provider} has no {verb}"
        assert row.verbs <= used[row.native], f"{row.native}: {row.verbs - used[row.native]} does not use it"
    missing = {row.native: used[row.native] for row in rows(provider) if used[row.native] and not row.verbs}
    assert missing == {}, "these operations serve verbs"


# The snippets, each against an emulator of its own: theirs by the official client where it is installed.

Given = tuple[Any, Callable[[str], Mapping[str, Any]]]


def lakefs_server(store: Store, runner: asyncio.Runner) -> Given:
    app = lakefs.create_app(store, setup=True)
    key = app.state.emulator.admin
    return app, lambda url: {
        "base_url": url + lakefs.BASE_PATH,
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
    }


def authress_server(store: Store, runner: asyncio.Runner) -> Given:
    app = authress.create_app(store)
    return app, lambda url: {"base_url": url, "access_key": app.state.emulator.access_key}


def auth_service_server(store: Store, runner: asyncio.Runner) -> Given:
    app = auth_service.create_app(store)
    boss = q.UserRow(id="boss", created_at=1.0, attributes={"globalRole": "ADMIN"})

    async def token() -> str:
        await store.write(lambda conn: q.users.put(conn, boss))
        return str(await app.state.emulator.refresh_token("boss"))

    refresh = runner.run(token())
    return app, lambda url: {"base_url": url + auth_service.BASE_PATH, "refresh_token": refresh}


def argus_server(store: Store, runner: asyncio.Runner) -> Given:
    app = argus.create_app(store)
    runner.run(app.state.emulator.prepare())
    return app, lambda url: {"base_url": url, "api_key": app.state.emulator.api_key}


def igtcloud_server(store: Store, runner: asyncio.Runner) -> Given:
    admin = igtcloud.Admin()
    app = igtcloud.create_app(store, admin=admin)
    return app, lambda url: {"base_url": url, "username": admin.username, "password": admin.password}


SERVERS: dict[str, Callable[[Store, asyncio.Runner], Given]] = {
    "lakefs": lakefs_server,
    "authress": authress_server,
    "auth-service": auth_service_server,
    "argus": argus_server,
    "igtcloud": igtcloud_server,
}
# Theirs that a package index has; the other two are compiled only, by test_docs.
OFFICIAL = {"lakefs": "lakefs_client", "authress": "authress", "argus": "argus_api.session"}
SNIPPET = re.compile(
    r"<!-- no-run: (needs|tests/package/test_migration\.py)[^\n]* -->\n```python\n(.*?)^```$", re.S | re.M
)


def snippet(provider: str, kind: str) -> str:
    """The one before (``needs``) or the one after."""
    text = (MIGRATION / f"{PAGES[provider]}.md").read_text(encoding="utf-8")
    (found,) = [code for about, code in SNIPPET.findall(text) if about.startswith(kind)]
    return str(found)


@contextmanager
def emulated(provider: str, runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    """A new server on a socket, and the names that the page's snippets take for given."""
    store = Store.open()
    app, given = SERVERS[provider](store, runner)
    with running(app) as url:
        yield {"__name__": "snippet", **given(url)}
    runner.run(store.aclose())


@providers
def test_the_snippet_after_runs(provider: str, runner: asyncio.Runner) -> None:
    program = compile(
        snippet(provider, "tests"), PAGES[provider], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    with emulated(provider, runner) as names:
        runner.run(eval(program, names))
        found = names.get("names") or names.get("users") or names.get("answer") or names.get("page")
        assert found


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("provider", sorted(OFFICIAL))
def test_the_snippet_before_runs(provider: str, runner: asyncio.Runner) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(
            OFFICIAL[provider], reason=f"the official client {PAGES[provider]} is not installed"
        )
    with emulated(provider, runner) as names:
        exec(compile(snippet(provider, "needs"), PAGES[provider], "exec"), names)
        assert names.get("names") or names.get("key")


# Whether a page has all that the official client has.

ARGUS_SERVICES = ("authentication.v1", "useradmin.v2", "users.v2", "currentuser.v1", "customers.v2")


def theirs(provider: str) -> set[str]:
    """The operations of the installed official client, as the page names them; of Argus with the service before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = pytest.importorskip(
            OFFICIAL[provider], reason=f"the official client {PAGES[provider]} is not installed"
        )
    if provider == "authress":
        apis = {
            name: inspect.signature(made.fget).return_annotation
            for name, made in vars(client.AuthressClient).items()
            if isinstance(made, property)
        }
        return {f"{name}.{one}" for name, api in apis.items() for one in operations_of(api)}
    if provider == "argus":
        root = Path(client.__file__).parent / "lib"
        found: set[str] = set()
        for service in ARGUS_SERVICES:
            home = root.joinpath(*service.split("."))
            for file in home.rglob("*.py"):
                module = file.relative_to(home).parts[0].removesuffix(".py")
                tree = ast.parse(file.read_text(encoding="utf-8"))
                names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
                found |= {f"{service}:{module}.{name}" for name in names}
        return found
    modules = [importlib.import_module(f"{name}.api.auth_api") for name in ("lakefs_client", "lakefs_sdk")]
    return {one for module in modules for one in operations_of(module.AuthApi)}


def operations_of(api: type) -> set[str]:
    names = {name for name, member in vars(api).items() if callable(member) and not name.startswith("_")}
    return {name for name in names if "_with" not in name}


def told_here(provider: str) -> set[str]:
    if provider != "argus":
        return {one for row in rows(provider) for one in row.theirs}
    named: set[str] = set()
    for row in rows(provider):
        path = (row.request or "GET /authentication/v1/methods").split("/")
        service = f"{path[1]}.{path[2]}"
        old = row.native in DOCUMENTED["argus"].split() and (len(row.theirs) == 2 or "gone" in row.note)
        named |= {f"{service}:{one.removeprefix(f'{service}.')}" for one in row.theirs[1 if old else 0 :]}
    return named


def tables(text: str) -> list[list[list[str]]]:
    """Each table's rows without its head."""
    found: list[list[list[str]]] = []
    for lines in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        cells = [
            [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines.strip().splitlines()
        ]
        found.append(cells[2:])
    return found


def not_here(provider: str) -> set[str]:
    """Names, or patterns of names, of what the page says is left out."""
    text = (MIGRATION / f"{PAGES[provider]}.md").read_text(encoding="utf-8").split("## Not here\n")[1]
    left: set[str] = set()
    for cells in tables(text)[0]:
        service = "".join(f"{one}:" for one in code(cells[0])) if len(cells) == 3 else ""
        left |= {service + one for one in code(cells[-2])}
    return left


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("provider", sorted(OFFICIAL))
def test_a_page_tells_of_every_operation_of_the_official_client(provider: str) -> None:
    there, here, left = theirs(provider), told_here(provider), not_here(provider)
    if provider == "lakefs":
        here -= {"get_setup_state", "setup"}  # of other modules of the client
    assert here <= there, "the client has no such operation"
    missing = {one for one in there - here if not any(fnmatch(one, pattern) for pattern in left)}
    assert missing == set(), "the page tells nothing of it"
    assert [one for one in left if not any(fnmatch(name, one) for name in there)] == []
    assert [one for one in here if any(fnmatch(one, pattern) for pattern in left)] == []
