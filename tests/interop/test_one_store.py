"""One store, seen through all five dialects at once: five emulators on sockets of their own, and the embedded provider.

What is made through one is read through the others, by our adapters, and by the official clients side by side.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from identity_sdk import (
    AccessKey,
    ApiKey,
    Argus,
    AuthenticationError,
    Authress,
    AuthService,
    Bearer,
    IgtCloud,
    LakeFS,
    NotFoundError,
    Password,
    connect,
)
from identity_sdk.emulators import argus, auth_service, authress, igtcloud, lakefs
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

DIALECTS = ("lakefs", "auth-service", "authress", "argus", "igtcloud")
VIEWS = ("local", *DIALECTS)
MAKERS = ("local", "lakefs", "auth-service", "argus", "igtcloud")
"""Where people can be made: those of Authress come from its identity provider."""

KEY = AccessKey("AKIAJONESTOREKEYONEQ", "of the administrator of lakeFS")


@dataclass
class House:
    """One store, five sockets before it, and what our client takes for each."""

    apps: Mapping[str, Any]
    urls: Mapping[str, str]
    targets: Mapping[str, Any]

    @asynccontextmanager
    async def views(self) -> Any:
        """A client for each dialect, all open at once."""
        async with AsyncExitStack() as stack:
            yield {name: await stack.enter_async_context(connect(self.targets[name])) for name in VIEWS}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = (tmp_path / "identity.db").as_posix()
    store = Store.open(f"sqlite:///{database}")
    lakefs_admin = lakefs.Admin("lakefs-admin", KEY.access_key_id, KEY.secret_access_key.reveal())
    apps = {
        "lakefs": lakefs.create_app(store, setup=True, admin=lakefs_admin),
        "auth-service": auth_service.create_app(store, start_tokens=True),
        "authress": authress.create_app(store),
        "argus": argus.create_app(store, admin=argus.Admin("argus-admin")),
        "igtcloud": igtcloud.create_app(store, admin=igtcloud.Admin("igt-admin@example.com")),
    }
    states = {name: app.state.emulator for name, app in apps.items()}
    with ExitStack() as stack:
        stack.callback(anyio.run, store.aclose)
        for state in states.values():
            anyio.run(state.prepare)
        urls = {name: stack.enter_context(running(app)) for name, app in apps.items()}
        person = states["igtcloud"].admin
        targets = {
            "local": f"local:{database}",
            "lakefs": LakeFS(base_url=urls["lakefs"] + lakefs.BASE_PATH, auth=KEY),
            "auth-service": AuthService(
                base_url=urls["auth-service"] + auth_service.BASE_PATH,
                auth=Bearer(states["auth-service"].greeting["admin_token"]),
                default_role="USER",
            ),
            "authress": Authress(base_url=urls["authress"], auth=ApiKey(states["authress"].access_key)),
            "argus": Argus(base_url=urls["argus"], auth=ApiKey(states["argus"].api_key), customer="mnemonic"),
            "igtcloud": IgtCloud(
                base_url=urls["igtcloud"] + igtcloud.BASE_PATH,
                auth=Password(person.username, person.password),
                organization=igtcloud.ROOT,
                email_domain="example.com",
            ),
        }
        yield House(apps, urls, targets)


async def missing(view: Any, user: str) -> bool:
    try:
        await view.users.get(user)
    except NotFoundError:
        return True
    return False


@pytest.mark.anyio
async def test_a_person_made_in_one_is_there_in_all_and_gone_in_all(house: House) -> None:
    async with house.views() as views:
        for maker in MAKERS:
            user = f"made-at-{maker}"
            assert (await views[maker].users.create(user)).id == user
            for viewer in VIEWS:
                assert (await views[viewer].users.get(user)).id == user, (maker, viewer)
                assert user in {one.id for one in await views[viewer].users.list()}, (maker, viewer)
        for number, maker in enumerate(MAKERS):
            user = f"made-at-{maker}"
            other = MAKERS[(number + 1) % len(MAKERS)]
            await views[other].users.delete(user)
            for viewer in VIEWS:
                assert await missing(views[viewer], user), (other, viewer)
                assert user not in {one.id for one in await views[viewer].users.list()}, (other, viewer)
        await views["lakefs"].users.create("made-at-lakefs")
        await views["authress"].users.delete("made-at-lakefs")
        assert [await missing(views[viewer], "made-at-lakefs") for viewer in VIEWS] == [True] * len(VIEWS)


@pytest.mark.anyio
async def test_what_one_writes_about_a_person_others_read_where_they_know_it(house: House) -> None:
    async with house.views() as views:
        await views["argus"].users.create("ada", name="Ada Lovelace", email="ada@example.org")
        seen = {name: await views[name].users.get("ada") for name in VIEWS}
        assert {name: one.email for name, one in seen.items()} == {
            "local": "ada@example.org",
            "lakefs": None,  # 0.91 tells it in the list alone
            "auth-service": None,
            "authress": "ada@example.org",
            "argus": "ada@example.org",
            "igtcloud": "ada@example.org",
        }
        assert {
            name: seen[name].name for name in ("local", "authress", "argus", "igtcloud")
        } == dict.fromkeys(("local", "authress", "argus", "igtcloud"), "Ada Lovelace")
        await views["igtcloud"].users.update("ada", email="ada@example.net", name="Ada King")
        assert (await views["argus"].users.get("ada")).email == "ada@example.net"
        assert (await views["authress"].users.get("ada")).name == "Ada King"
        [found] = await views["local"].users.list(email="ada@example.net")
        assert found.id == "ada"


@pytest.mark.anyio
async def test_a_group_and_its_members_are_the_same_everywhere(house: House) -> None:
    group = "grp_team"  # Authress wants this prefix, and no other minds
    async with house.views() as views:

        async def members() -> dict[str, list[str]]:
            return {
                name: sorted([one.id for one in await views[name].groups.members(group)]) for name in VIEWS
            }

        await views["authress"].groups.create(group)
        for name in VIEWS:
            assert (await views[name].groups.get(group)).id == group
            assert await members() == {name: [] for name in VIEWS}
        people = [f"of-{name}" for name in VIEWS]
        for name, person in zip(VIEWS, people, strict=True):
            await views["lakefs"].users.create(person)
            await views[name].groups.add_member(group, person)
        assert await members() == dict.fromkeys(VIEWS, sorted(people))
        for name in VIEWS:
            assert [one.id for one in await views[name].users.groups("of-argus")] == [group]
        for name, person in zip(reversed(VIEWS), people, strict=True):
            await views[name].groups.remove_member(group, person)
        assert await members() == {name: [] for name in VIEWS}
        await views["argus"].groups.delete(group)
        for name in VIEWS:
            with pytest.raises(NotFoundError):
                await views[name].groups.get(group)


@pytest.mark.anyio
async def test_all_at_once(house: House) -> None:
    """Each dialect makes, reads and fills while the others do: nothing is lost, and all see the same."""
    count = 6
    async with house.views() as views:
        await views["argus"].groups.create("grp_all")
        before = {name: {one.id for one in await views[name].users.list()} for name in VIEWS}

        async def work(maker: str) -> None:
            for number in range(count):
                user = f"{maker}.{number}"
                await views[maker].users.create(user)
                await views["lakefs"].groups.add_member("grp_all", user)

        async with anyio.create_task_group() as tasks:
            for maker in MAKERS:
                tasks.start_soon(work, maker)
        wanted = {f"{maker}.{number}" for maker in MAKERS for number in range(count)}
        for name in VIEWS:
            assert {one.id for one in await views[name].users.list()} - before[name] == wanted, name
            assert {one.id for one in await views[name].groups.members("grp_all")} == wanted, name


@pytest.mark.anyio
async def test_a_key_is_good_in_its_own_dialect_and_no_longer_than_its_owner(house: House) -> None:
    async with house.views() as views:
        await views["auth-service"].users.create("robot")
        access = await views["lakefs"].credentials.create("robot")
        api = await views["argus"].credentials.create("robot")
        signed_in = [
            views["lakefs"].with_credential(AccessKey(access.id, access.secret)),
            views["argus"].with_credential(ApiKey(api.secret)),
        ]
        assert [(await one.users.me()).id for one in signed_in] == ["robot", "robot"]
        assert [one.id for one in await views["lakefs"].credentials.list("robot")] == [access.id]
        assert [one.id for one in await views["argus"].credentials.list("robot", kind="api_key")] == [api.id]
        await views["igtcloud"].users.delete("robot")
        for one in signed_in:
            with pytest.raises(AuthenticationError):
                await one.users.me()


# The official clients, all in one process and on the one store.


def official(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            name, reason=f"the official client {name} is not installed (nox -s interop)"
        )


@dataclass
class Officials:
    """For each official client: how it makes a person, reads one, lists people, and lists a group's members."""

    make: Mapping[str, Callable[[str], None]]
    get: Mapping[str, Callable[[str], str]]
    people: Mapping[str, Callable[[], list[str]]]
    members: Mapping[str, Callable[[str], list[str]]]


@pytest.fixture
def officials(house: House) -> Iterator[Officials]:
    old, new = official("lakefs_client"), official("lakefs_sdk")
    vendor, session_module = official("authress"), official("argus_api.session")
    from argus_api.lib.useradmin.v2 import group as argus_group
    from argus_api.lib.useradmin.v2 import user as argus_user
    from lakefs_client.api.auth_api import AuthApi
    from lakefs_client.model.user_creation import UserCreation

    told = {
        "host": house.urls["lakefs"] + lakefs.BASE_PATH,
        "username": KEY.access_key_id,
        "password": KEY.secret_access_key.reveal(),
    }
    with old.ApiClient(old.Configuration(**told)) as one, new.ApiClient(new.Configuration(**told)) as other:
        first, second = AuthApi(one), new.AuthApi(other)
        third = vendor.AuthressClient(
            authress_api_url=house.urls["authress"],
            service_client_access_key=house.apps["authress"].state.emulator.access_key,
        )
        fourth = session_module.ArgusAPISession(
            auth=house.apps["argus"].state.emulator.api_key, api_url=house.urls["argus"]
        )
        use = {"api_session": fourth}

        def subjects(group: str) -> list[str]:
            return [row["shortName"] for row in argus_group.list_subjects_in_group(group, **use)["data"]]

        yield Officials(
            make={
                "lakefs-client": lambda id: first.create_user(user_creation=UserCreation(id=id)),
                "lakefs-sdk": lambda id: second.create_user(user_creation=new.UserCreation(id=id)),
                "argus-api": lambda id: argus_user.add_user(
                    customer="mnemonic", name=id, shortName=id, email=f"{id}@example.com", **use
                ),
            },
            get={
                "lakefs-client": lambda id: first.get_user(id).id,
                "lakefs-sdk": lambda id: second.get_user(id).id,
                "authress": lambda id: third.users.get_user(id).user_id,
                "argus-api": lambda id: argus_user.get_user(id, **use)["data"]["shortName"],
            },
            people={
                "lakefs-client": lambda: [row.id for row in first.list_users().results],
                "lakefs-sdk": lambda: [row.id for row in second.list_users().results],
                "authress": lambda: [row.user_id for row in third.users.get_users().users],
                "argus-api": lambda: [row["shortName"] for row in argus_user.list_users(**use)["data"]],
            },
            members={
                "lakefs-client": lambda id: [row.id for row in first.list_group_members(id).results],
                "lakefs-sdk": lambda id: [row.id for row in second.list_group_members(id).results],
                "authress": lambda id: [row.user_id for row in third.groups.get_group(id).users],
                "argus-api": subjects,
            },
        )
        fourth._session.close()


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore")  # what the official clients warn of is not ours
def test_the_official_clients_see_the_same(house: House, officials: Officials) -> None:
    """Four official clients and our six views, side by side: whoever makes somebody, all see the same."""
    clients = officials.get.keys()
    everybody: set[str] = set()

    async def ours(user: str) -> None:
        async with house.views() as views:
            for name in VIEWS:
                assert (await views[name].users.get(user)).id == user, name

    async def by_us() -> None:
        async with house.views() as views:
            for maker in MAKERS:
                await views[maker].users.create(f"ours-{maker}")
            await views["authress"].groups.create("grp_shared")
            for viewer, user in zip(VIEWS, sorted(everybody)[: len(VIEWS)], strict=True):
                await views[viewer].groups.add_member("grp_shared", user)

    for maker, make in officials.make.items():
        user = f"theirs-{maker}"
        everybody.add(user)
        make(user)
        anyio.run(ours, user)
    everybody |= {f"ours-{maker}" for maker in MAKERS}
    anyio.run(by_us)
    members = sorted(everybody)[: len(VIEWS)]
    for client in clients:
        for user in everybody:
            assert officials.get[client](user) == user, (client, user)
        assert everybody <= set(officials.people[client]()), client
        assert sorted(officials.members[client]("grp_shared")) == members, client

    async def leave() -> None:
        async with house.views() as views:
            await views["auth-service"].groups.remove_member("grp_shared", members[0])
            await views["igtcloud"].users.delete(members[1])

    anyio.run(leave)
    for client in clients:
        assert sorted(officials.members[client]("grp_shared")) == members[2:], client
        assert members[1] not in officials.people[client](), client
        with pytest.raises(Exception, match=r"(?i)not.?found|404"):
            officials.get[client](members[1])
