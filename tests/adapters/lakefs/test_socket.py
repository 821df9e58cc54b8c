"""All 33 operations and the facade's verbs over a real socket, against the emulator's three faces."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from identity_sdk import connect
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import (
    ForgotPasswordRequest,
    GroupCreation,
    LoginInformation,
    PolicyBody,
    Setup,
    SetupKey,
    StatementBody,
    UpdatePasswordByToken,
    UserCreation,
)
from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import lakefs
from identity_sdk.emulators.server import running
from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)
from identity_sdk.models import Statement
from identity_sdk.secrets import Secret
from identity_sdk.store import Store

pytestmark = pytest.mark.anyio

KEY = ("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")
ADMIN = AccessKey(*KEY)
STATEMENT = StatementBody(effect="allow", resource="*", action=("fs:ReadObject",))


class Served:
    """An emulator on a socket, its clock in our hands."""

    def __init__(self, face: str, *, setup: bool = True) -> None:
        self.store = Store.open("sqlite://")
        self.seconds = 1_800_000_000.0
        self.app = lakefs.create_app(
            self.store, face=face, clock=lambda: self.seconds, admin=lakefs.Admin("admin", *KEY), setup=setup
        )
        self.url = ""

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[IdentityClient[LakeFS]]:
        auth = options.pop("auth", ADMIN)
        adapter = LakeFS(base_url=self.url, auth=auth, sign_in=options.pop("sign_in", "basic"))
        async with connect(adapter, backoff=(0.0, 0.0), **options) as idp:
            yield idp


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    server = Served(getattr(request, "param", "0.91"))
    with running(server.app) as url:
        server.url = url + lakefs.BASE_PATH
        yield server
    anyio.run(server.store.aclose)


async def test_all_33_operations(served: Served) -> None:
    called: set[str] = set()
    letters = served.app.state.emulator.outbox
    async with served.client() as idp:
        native = idp.native

        async def call(name: str, *arguments: Any, **options: Any) -> Any:
            called.add(name)
            return await getattr(native, name)(*arguments, **options)

        assert (await call("get_current_user")).user.id == "admin"
        assert (await call("get_auth_capabilities")).forgot_password
        token = await call("login", LoginInformation(access_key_id=KEY[0], secret_access_key=Secret(KEY[1])))
        assert token.token_expiration == served.seconds + 7 * 24 * 3600
        assert (await call("oauth_callback", state="x", code="y")).status == 307

        user, group, policy = "ä b+c?", "Gruppe #1", "Pol:icy"
        assert (await call("create_user", UserCreation(id=user))).id == user
        assert (await call("create_user", UserCreation(id="b@x.org", invite_user=True))).created_at is None
        assert (await call("get_user", user)).id == user
        assert user in [one.id for one in (await call("list_users", prefix="ä")).results]
        assert (await call("create_group", GroupCreation(id=group))).id == group
        assert (await call("get_group", group)).id == group
        assert group in [one.id for one in (await call("list_groups")).results]
        await call("add_group_membership", group, user)
        assert [one.id for one in (await call("list_group_members", group)).results] == [user]
        assert [one.id for one in (await call("list_user_groups", user)).results] == [group]
        assert (await call("create_policy", PolicyBody(id=policy, statement=(STATEMENT,)))).id == policy
        assert (await call("get_policy", policy)).statements[0].actions == ("fs:ReadObject",)
        changed = PolicyBody(id=policy, statement=(STATEMENT, STATEMENT))
        assert len((await call("update_policy", policy, changed)).statements) == 2
        assert policy in [one.id for one in (await call("list_policies", prefix="Pol")).results]
        await call("attach_policy_to_user", user, policy)
        await call("attach_policy_to_group", group, policy)
        assert [one.id for one in (await call("list_user_policies", user)).results] == [policy]
        assert [one.id for one in (await call("list_group_policies", group)).results] == [policy]
        assert len((await call("list_user_policies", user, effective=True)).results) == 1
        await call("detach_policy_from_user", user, policy)
        await call("detach_policy_from_group", group, policy)
        key = await call("create_credentials", user)
        assert (await call("get_credentials", user, key.id)).secret is None
        assert [one.id for one in (await call("list_user_credentials", user)).results] == [key.id]
        await call("delete_credentials", user, key.id)
        await call("delete_group_membership", group, user)
        await call("forgot_password", ForgotPasswordRequest(email="b@x.org"))
        reset = UpdatePasswordByToken(token=Secret(letters[-1].token), newPassword=Secret("correct horse"))
        await call("update_password", reset)
        await call("delete_policy", policy)
        await call("delete_group", group)
        await call("delete_user", user)
        assert len(called) == 33
        assert called == {name for name, one in vars(LakeFSApi).items() if hasattr(one, "__operation__")} - {
            "get_setup_state",
            "setup",
        }
        session = await idp.sessions.create("password", identifier="b@x.org", secret="correct horse")
        assert (await idp.with_credential(session).users.me()).id == "b@x.org"


async def test_the_set_up_of_a_new_server() -> None:
    server = Served("0.91", setup=False)
    with running(server.app) as url:
        server.url = url + lakefs.BASE_PATH
        async with server.client(auth=None) as idp:
            assert (await idp.native.get_setup_state()).state == "comm_prefs_done"
            info = await idp.ping()
            assert info.principal is None
            own = SetupKey(access_key_id=KEY[0], secret_access_key=Secret(KEY[1]))
            made = await idp.native.setup(Setup(username="root", key=own))
            assert made.id == KEY[0]
            with pytest.raises(ConflictError):
                await idp.native.setup(Setup(username="root"))
            assert (await idp.native.get_setup_state()).state == "initialized"
            assert (await idp.with_credential(ADMIN).users.me()).id == "root"
            assert (await idp.with_credential(ADMIN).ping()).principal == "root"
    await server.store.aclose()


async def test_the_trap_and_the_way_round_it(served: Served) -> None:
    """What the server does by itself, and what the facade makes of it."""
    async with served.client() as idp:
        await idp.users.create("alice")
        key = await idp.credentials.create("alice")
        assert key.secret is not None
        alice = idp.with_credential(AccessKey(key.id, key.secret))
        token = idp.with_credential(await alice.tokens.issue())
        assert (await token.users.me()).id == "alice"

        served.seconds += 60
        await idp.native.delete_user("alice")
        await idp.native.create_user(UserCreation(id="alice"))
        assert (await alice.users.me()).id == "alice", "the emulator lost the trap"
        assert (await token.users.me()).id == "alice"

        served.seconds += 60
        deletion = await idp.users.delete("alice")
        assert "login tokens" in deletion.residual[0].what
        served.seconds += 60
        await idp.users.create("alice")
        with pytest.raises(AuthenticationError):
            await alice.users.me()
        assert (await token.users.me()).id == "alice", "this is what residual tells"


async def test_a_name_that_still_owns_keys(served: Served) -> None:
    async with served.client() as idp:
        await idp.users.create("bob")
        key = await idp.credentials.create("bob")
        assert key.secret is not None
        await idp.native.delete_user("bob")
        served.seconds += 1
        with pytest.raises(ConflictError, match=key.id):
            await idp.users.create("bob")
        with pytest.raises(ConflictError, match=r"users\.delete"):
            await idp.credentials.delete(key.id, user="bob", missing_ok=True)
        with pytest.raises(NotFoundError):
            await idp.users.get("bob")
        assert (await idp.users.create("bob", existing_credentials="keep")).id == "bob"
        assert (await idp.with_credential(AccessKey(key.id, key.secret)).users.me()).id == "bob"
        with pytest.raises(ConflictError, match=key.id):
            await idp.users.create("bob", exist_ok=True)
        with pytest.raises(ConflictError, match="there is a user"):
            await idp.users.create("bob", existing_credentials="delete")
        with pytest.raises(AuthenticationError):
            await idp.with_credential(AccessKey(key.id, key.secret)).users.me()
        assert (await idp.users.create("bob", exist_ok=True)).id == "bob"


@pytest.mark.parametrize("sign_in", ["basic", "login"])
async def test_signing_in(served: Served, sign_in: str) -> None:
    async with served.client(sign_in=sign_in) as idp:
        assert (await idp.users.me()).id == "admin"
        served.seconds += 8 * 24 * 3600
        assert (await idp.users.me()).id == "admin", "an expired login token is got anew"
        assert idp.stats().refreshes == (2 if sign_in == "login" else 0)
        await idp.sessions.end()
        assert (await idp.users.me()).id == "admin"
        assert idp.stats().refreshes == (3 if sign_in == "login" else 0), "the ended one was used again"
        await idp.with_credential(None).sessions.end()
    async with served.client(sign_in=sign_in, auth=AccessKey(KEY[0], "wrong")) as idp:
        with pytest.raises(AuthenticationError):
            await idp.users.me()
        with pytest.raises(AuthenticationError):
            await idp.ping()


async def test_a_given_token(served: Served) -> None:
    async with served.client() as idp:
        token = await idp.tokens.issue()
        assert token.user_id == "admin"
        assert token.value is not None
        again = await idp.tokens.refresh(token)
        assert again.id != token.id
        assert (await idp.tokens.refresh(token.value)).user_id == "admin"
        by_token = idp.with_credential(Bearer(token.value))
        assert (await by_token.users.me()).id == "admin"
        assert (await by_token.sessions.current()).id == token.id
        served.seconds += 8 * 24 * 3600
        with pytest.raises(AuthenticationError):
            await by_token.users.me()


async def test_no_permission_is_told_apart_and_never_replayed(served: Served) -> None:
    async with served.client() as idp:
        await idp.users.create("eve")
        key = await idp.credentials.create("eve")
        assert key.secret is not None
        async with served.client(auth=AccessKey(key.id, key.secret), sign_in="login") as eve:
            await eve.users.me()
            before = eve.stats()
            with pytest.raises(PermissionDeniedError):
                await eve.users.list()
            with pytest.raises(PermissionDeniedError, match="keep"):
                await eve.users.create("mallory")
            assert eve.stats().requests == before.requests + 2
            assert eve.stats().refreshes == 1


NO_POLICIES = ("policies.create", "policies.check", "users.policies", "groups.policies")


@pytest.mark.parametrize("served", ["1.x", "1.x-acl"], indirect=True)
async def test_today_s_servers(served: Served) -> None:
    single = not served.app.state.emulator.face.acl
    async with served.client() as idp:
        able = (await idp.ping()).capabilities
        for verb in NO_POLICIES:
            assert not able.supports(verb)
            assert able[verb].reason
        assert able.supports("groups.create") is not single
        assert able.supports("credentials.list") is not single
        assert not able.supports("credentials.reset_password")
        with pytest.raises(NotSupportedError, match="list_policies"):
            await idp.policies.list()
        with pytest.raises(NotSupportedError, match="forgot"):
            await idp.credentials.request_password_reset("a@b.c")
        if single:
            assert [one.id for one in await idp.users.list(prefix="adm")] == ["admin"]
            assert list(await idp.users.list(prefix="zz")) == []
            for exist_ok in (False, True):
                with pytest.raises(NotSupportedError, match="single-user"):
                    await idp.users.create("alice", exist_ok=exist_ok)
            with pytest.raises(ConflictError):
                await idp.users.create("admin")
            assert (await idp.users.create("admin", exist_ok=True)).id == "admin"
            with pytest.raises(NotSupportedError):
                await idp.groups.list()
            key = await idp.credentials.create()
            assert key.user_id == "admin"
            with pytest.raises(NotSupportedError):
                async with idp.credentials.rotate(key):
                    raise AssertionError("both keys would stay alive")
            with pytest.raises(NotSupportedError):
                await idp.credentials.delete(key)
        else:
            await idp.users.create("alice")
            await idp.users.delete("alice")


@pytest.mark.parametrize("served", ["1.x-acl"], indirect=True)
async def test_a_plus_in_an_id_hits_nobody_else(served: Served) -> None:
    """Users called so can be made and listed there, and neither be read nor deleted."""
    async with served.client() as idp:
        await idp.users.create("a b")
        key = await idp.credentials.create("a b")
        await idp.native.create_user(UserCreation(id="a+b"))
        from identity_sdk.errors import ProtocolError

        for work in (
            lambda: idp.users.get("a+b"),
            lambda: idp.users.delete("a+b"),
            lambda: idp.groups.add_member("Readers", "a+b"),
            lambda: idp.credentials.create("a+b"),
            lambda: idp.users.create("a+b", existing_credentials="delete"),
        ):
            with pytest.raises(ProtocolError):
                await work()
        assert [one.id for one in await idp.credentials.list("a b")] == [key.id]
        assert (await idp.users.get("a b")).id == "a b"


AWKWARD = (
    " a",
    "a ",
    "a b",
    "a?b",
    "a#b",
    "a&b=c",
    "a@b:c;d",
    'a"b',
    "a\\b",
    "a\tb",
    "a\nb",
    "...",
    "é",
    "🦊",
    "A",
    "x" * 256,
)


async def test_every_awkward_id_goes_there_and_back(served: Served) -> None:
    async with served.client() as idp:
        for name in (*AWKWARD, "a+b"):
            await idp.users.create(name)
            await idp.groups.create(name)
            await idp.groups.add_member(name, name)
            await idp.policies.create(
                name, statements=[Statement(effect="allow", actions=("fs:*",), resources=("*",))]
            )
            await idp.policies.attach(name, user=name)
            assert (await idp.users.get(name)).id == name
            assert [one.id for one in await idp.users.groups(name)] == [name]
            assert [one.id for one in await idp.users.list(prefix=name) if one.id == name] == [name]
            assert await idp.policies.check(name, "fs:ReadObject", "*")
        listed = [one.id for one in await idp.users.list()]
        assert listed == sorted(listed, key=str.encode)
        for name in (*AWKWARD, "a+b"):
            await idp.users.delete(name)
            await idp.groups.delete(name)
            await idp.policies.delete(name)


async def test_twenty_at_once_make_twenty_memberships(served: Served) -> None:
    async with served.client() as idp:
        await idp.users.create("u")
        names = [f"g{number:02}" for number in range(20)]
        for name in names:
            await idp.groups.create(name)
        async with anyio.create_task_group() as group:
            for name in itertools.chain(names, names):
                group.start_soon(idp.groups.add_member, name, "u")
        assert [one.id for one in await idp.users.groups("u")] == names
