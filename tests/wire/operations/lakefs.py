"""lakeFS 0.91: the 33 operations of the document, and the set-up of a new server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from identity_sdk import connect
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.auth.sources import AccessKey
from identity_sdk.emulators import lakefs
from identity_sdk.emulators.server import running
from identity_sdk.store import Store
from tests.wire.operations.caller import Caller, Recorder

KEY = ("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")
STATEMENT = {"effect": "allow", "resource": "*", "action": ["fs:ReadObject"]}
USER, GROUP, POLICY = "ä b+c?", "Gruppe #1", "Pol:icy"


@asynccontextmanager
async def opened() -> AsyncGenerator[Caller]:
    """A new server that nobody has set up."""
    store = Store.open("sqlite://")
    app = lakefs.create_app(store, face="0.91", setup=False)
    recorder = Recorder(app)
    with running(recorder) as url:
        async with connect(LakeFS(base_url=url + lakefs.BASE_PATH, auth=AccessKey(*KEY))) as idp:
            caller = Caller("lakefs", idp.native, recorder.seen, base=lakefs.BASE_PATH)
            caller.aside = app.state.emulator
            yield caller
    await store.aclose()


async def scenario(call: Caller) -> None:
    await _setting_up(call)
    await _users(call)
    await _groups_and_policies(call)
    await _letting_go(call)
    await _signing_in(call)


async def _setting_up(call: Caller) -> None:
    assert (await call("get_setup_state")).state == "comm_prefs_done"
    key = {"access_key_id": KEY[0], "secret_access_key": KEY[1]}
    made = await call("setup", {"username": "admin", "key": key})
    assert (made.id, made.secret.reveal()) == KEY
    assert (await call("get_setup_state")).state == "initialized"
    from identity_sdk.errors import ConflictError

    await call.refused("setup", ConflictError, {"username": "admin"})
    assert (await call("get_current_user")).user.id == "admin"
    assert (await call("get_auth_capabilities")).forgot_password


async def _users(call: Caller) -> None:
    assert (await call("create_user", {"id": USER})).id == USER
    assert (await call("create_user", {"id": "b@x.org", "invite_user": True})).id == "b@x.org"
    assert (await call("get_user", USER)).id == USER
    assert [one.id for one in (await call("list_users")).results] == ["admin", "b@x.org", USER]
    page = await call("list_users", prefix="ä", after="", amount=1)
    assert [one.id for one in page.results] == [USER]
    key = await call("create_credentials", USER)
    assert (await call("get_credentials", USER, key.id)).secret is None
    assert [one.id for one in (await call("list_user_credentials", USER)).results] == [key.id]
    none = await call(
        "list_user_credentials", USER, prefix="AKIA", after=key.id.removeprefix("AKIA"), amount=5
    )
    assert none.results == ()
    await call("delete_credentials", USER, key.id)
    assert (await call("list_user_credentials", USER)).results == ()


async def _groups_and_policies(call: Caller) -> None:
    assert (await call("create_group", {"id": GROUP})).id == GROUP
    assert (await call("get_group", GROUP)).id == GROUP
    await call("add_group_membership", GROUP, USER)
    policy = {"id": POLICY, "statement": [STATEMENT]}
    assert (await call("create_policy", policy)).id == POLICY
    assert (await call("create_policy", {**policy, "id": "second", "creation_date": 5})).id == "second"
    assert (await call("get_policy", POLICY)).statements[0].actions == ("fs:ReadObject",)
    twice = {**policy, "statement": [STATEMENT, STATEMENT]}
    assert len((await call("update_policy", POLICY, twice)).statements) == 2
    assert len((await call("update_policy", POLICY, {**policy, "creation_date": 5})).statements) == 1
    await call("attach_policy_to_user", USER, POLICY)
    await call("attach_policy_to_group", GROUP, "second")
    for name, who, expected in (
        ("list_groups", (), GROUP),
        ("list_policies", (), POLICY),
        ("list_group_members", (GROUP,), USER),
        ("list_user_groups", (USER,), GROUP),
        ("list_group_policies", (GROUP,), "second"),
    ):
        assert expected in [one.id for one in (await call(name, *who)).results]
        page = await call(name, *who, prefix=expected[:1], after="", amount=1)
        assert [one.id for one in page.results] == [expected]
        assert (await call(name, *who, prefix=expected, after="~", amount=1)).results == ()
    assert [one.id for one in (await call("list_user_policies", USER)).results] == [POLICY]
    all_ = await call("list_user_policies", USER, prefix="", after="", amount=5, effective=True)
    assert {one.id for one in all_.results} == {POLICY, "second"}


async def _letting_go(call: Caller) -> None:
    await call("detach_policy_from_user", USER, POLICY)
    await call("detach_policy_from_group", GROUP, "second")
    assert (await call("list_user_policies", USER)).results == ()
    assert (await call("list_group_policies", GROUP)).results == ()
    await call("delete_group_membership", GROUP, USER)
    assert (await call("list_group_members", GROUP)).results == ()
    for kind, name in (("policy", POLICY), ("group", GROUP), ("user", USER)):
        await call(f"delete_{kind}", name)
        plural = {"policy": "policies"}.get(kind, f"{kind}s")
        assert name not in [one.id for one in (await call(f"list_{plural}")).results]


async def _signing_in(call: Caller) -> None:
    token = await call("login", {"access_key_id": KEY[0], "secret_access_key": KEY[1]})
    assert token.token.reveal().count(".") == 2
    assert (await call("oauth_callback")).status == 307
    assert (await call("oauth_callback", state="x", code="y")).status == 307
    letters: Any = call.aside.outbox
    for more in ({}, {"email": "b@x.org"}):
        await call("forgot_password", {"email": "b@x.org"})
        await call("update_password", {"token": letters[-1].token, "newPassword": "correct horse", **more})
