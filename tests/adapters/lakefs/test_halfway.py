"""Every composed verb, cut after each of its requests, then repeated: nothing that should be dead lives.

Over a real socket against the emulator. A cut is made with the work done (500, dropped connection, cancellation) or
before it (500, dropped connection). Retries are off, so that every cut is felt. The server's clock goes on by a second
with every request, as real time would: dates of keys and users are whole seconds.
"""

from __future__ import annotations

import enum
import itertools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from identity_sdk import connect
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.auth.sources import AccessKey
from identity_sdk.client import IdentityClient
from identity_sdk.emulators import lakefs
from identity_sdk.emulators.faults import ABORT
from identity_sdk.emulators.server import running
from identity_sdk.errors import AuthenticationError, IdentityError, NotFoundError
from identity_sdk.models import Credential, Statement
from identity_sdk.secrets import Secret
from identity_sdk.store import Store

pytestmark = [pytest.mark.anyio, pytest.mark.large]

KEY = ("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")
ADMIN = AccessKey(*KEY)
NAMES = itertools.count()


class Cut(enum.Enum):
    FAIL = "done, and answered 500"
    DROP = "done, and the connection dropped"
    CANCEL = "done, and the caller cancelled"
    FAIL_FIRST = "not done, and answered 500"
    DROP_FIRST = "not done, and the connection dropped"


@dataclass
class Cutter:
    """An emulator whose n-th request from now is cut."""

    app: Any
    url: str = ""
    count: int = 0
    armed: tuple[int, Cut] | None = None
    made: bool = False
    reached: threading.Event = field(default_factory=threading.Event)

    def arm(self, number: int, how: Cut) -> None:
        self.armed, self.made = (self.count + number, how), False
        self.reached.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.count += 1
        if self.armed is None or self.armed[0] != self.count:
            await self.app(scope, receive, send)
            return
        how, self.made = self.armed[1], True
        if how in (Cut.FAIL, Cut.DROP, Cut.CANCEL):
            await self.app(scope, receive, _nowhere)
        else:
            while (await receive()).get("more_body"):
                pass
        if how in (Cut.FAIL, Cut.FAIL_FIRST):
            body = b'{"message":"cut"}\n'
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if how is Cut.CANCEL:
            self.reached.set()
        else:
            scope["extensions"][ABORT]()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _nowhere(message: object) -> None:
    pass


SETTINGS = {
    "0.91 asyncio": tuple(Cut),
    "0.91 trio": (Cut.CANCEL,),  # the other cuts are the same to every loop
    "1.x-acl asyncio": (Cut.DROP, Cut.CANCEL),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "how" in metafunc.fixturenames:
        pairs = [(setting, how) for setting, cuts in SETTINGS.items() for how in cuts]
        names = [f"{setting} {how.name.lower()}" for setting, how in pairs]
        metafunc.parametrize(("setting", "how"), pairs, indirect=["setting"], ids=names, scope="module")
    elif "setting" in metafunc.fixturenames:
        metafunc.parametrize("setting", list(SETTINGS), indirect=True, scope="module")


@pytest.fixture(scope="module")
def setting(request: pytest.FixtureRequest) -> tuple[str, str]:
    face, loop = str(request.param).split()
    return face, loop


@pytest.fixture(scope="module")
def anyio_backend(setting: tuple[str, str]) -> str:
    return setting[1]


@pytest.fixture(scope="module")
def cutter(setting: tuple[str, str]) -> Iterator[Cutter]:
    store = Store.open("sqlite://")
    seconds = itertools.count(1_800_000_000)
    app = lakefs.create_app(
        store,
        face=setting[0],
        clock=lambda: float(next(seconds)),
        admin=lakefs.Admin("admin", *KEY),
        setup=True,
    )
    cutter = Cutter(app)
    with running(cutter) as url:
        cutter.url = url + lakefs.BASE_PATH
        yield cutter
    anyio.run(store.aclose)


@asynccontextmanager
async def admin(cutter: Cutter, retries: int = 0) -> AsyncIterator[IdentityClient[LakeFS]]:
    cutter.armed = None
    async with connect(
        LakeFS(base_url=cutter.url, auth=ADMIN), retries=retries, backoff=(0.0, 0.0), retry_budget=1000.0
    ) as idp:
        yield idp


async def cut(cutter: Cutter, number: int, how: Cut, work: Callable[[], Awaitable[object]]) -> bool:
    """Does ``work`` with its ``number``-th request cut; answers whether it had so many."""
    cutter.arm(number, how)
    async with anyio.create_task_group() as group:

        async def run() -> None:
            try:
                await work()
            except (IdentityError, HandOver):
                pass
            finally:
                group.cancel_scope.cancel()

        group.start_soon(run)
        while not cutter.reached.is_set():
            await anyio.sleep(0.0005)
        group.cancel_scope.cancel()
    cutter.armed = None
    return cutter.made


class HandOver(Exception):
    pass


async def works(idp: IdentityClient[LakeFS], key: Credential) -> bool:
    assert key.secret is not None
    try:
        await idp.with_credential(AccessKey(key.id, key.secret)).users.me()
    except AuthenticationError:
        return False
    return True


async def made_anew(idp: IdentityClient[LakeFS], user: str) -> None:
    """What brings old keys to life: the name, given anew by somebody who knows nothing of the trap."""
    from identity_sdk.adapters.lakefs.models import UserCreation

    await idp.native.create_user(UserCreation(id=user))


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_deletion_that_is_cut_and_repeated_leaves_no_key(
    cutter: Cutter, how: Cut, retries: int
) -> None:
    async with admin(cutter, retries) as idp:
        for number in itertools.count(1):
            user = f"del-{next(NAMES)}"
            await idp.users.create(user)
            keys = [await idp.credentials.create(user) for _ in range(2)]
            was_cut = await cut(cutter, number, how, lambda user=user: idp.users.delete(user))
            await idp.users.delete(user, missing_ok=True)
            with pytest.raises(NotFoundError):
                await idp.users.get(user)
            assert list(await idp.credentials.list(user)) == []
            await made_anew(idp, user)
            assert [await works(idp, key) for key in keys] == [False, False]
            if not was_cut:
                break
    assert number == 7, "list, two deletes, list again, the user, one more list"


async def test_keys_of_a_vanished_user_go_too(cutter: Cutter, how: Cut) -> None:
    """The user was deleted past us; the server deletes such keys no more until the user is there."""
    async with admin(cutter) as idp:
        for number in itertools.count(1):
            user = f"van-{next(NAMES)}"
            await idp.users.create(user)
            key = await idp.credentials.create(user)
            await idp.native.delete_user(user)
            assert [one.id for one in await idp.credentials.list(user)] == [key.id]
            was_cut = await cut(cutter, number, how, lambda user=user: idp.users.delete(user))
            await idp.users.delete(user, missing_ok=True)
            with pytest.raises(NotFoundError):
                await idp.users.get(user)
            assert list(await idp.credentials.list(user)) == []
            await made_anew(idp, user)
            assert not await works(idp, key)
            if not was_cut:
                break
    assert number > 8


async def test_a_name_given_anew_without_its_old_keys(cutter: Cutter, how: Cut) -> None:
    async with admin(cutter) as idp:
        for number in itertools.count(1):
            user = f"new-{next(NAMES)}"
            await idp.users.create(user)
            old = await idp.credentials.create(user)
            await idp.native.delete_user(user)

            async def again(user: str = user) -> None:
                await idp.users.create(user, existing_credentials="delete", exist_ok=True)

            was_cut = await cut(cutter, number, how, again)
            await again()
            assert (await idp.users.get(user)).id == user
            assert not await works(idp, old)
            new = await idp.credentials.create(user)
            await again()
            assert await works(idp, new), "a key of the new user was taken for an old one"
            assert [key.id for key in await idp.credentials.list(user)] == [new.id]
            if not was_cut:
                break
    assert number >= 5


async def test_a_rotation_that_is_cut_leaves_a_key_that_works(cutter: Cutter, how: Cut) -> None:
    async with admin(cutter) as idp:
        for number in itertools.count(1):
            user = f"rot-{next(NAMES)}"
            await idp.users.create(user)
            old = await idp.credentials.create(user)
            handed: list[Credential] = []

            async def rotate(handed: list[Credential] = handed, old: Credential = old) -> None:
                async with idp.credentials.rotate(old) as new:
                    handed.append(new)

            was_cut = await cut(cutter, number, how, rotate)
            alive = [key for key in (old, *handed) if await works(idp, key)]
            assert alive, "no key is left that works"
            if was_cut and not handed:
                assert await works(idp, old)
            await idp.credentials.delete(old, missing_ok=True)
            assert not await works(idp, old)
            if not was_cut:
                break
    assert number >= 4


async def test_a_hand_over_that_fails_keeps_both(cutter: Cutter) -> None:
    from identity_sdk.errors import PartialFailureError

    async with admin(cutter) as idp:
        user = f"hand-{next(NAMES)}"
        await idp.users.create(user)
        old = await idp.credentials.create(user)
        fresh: list[Credential] = []
        with pytest.raises(PartialFailureError) as caught:
            async with idp.credentials.rotate(old) as new:
                fresh.append(new)
                raise HandOver
        assert isinstance(caught.value.__cause__, HandOver)
        assert old.id in str(caught.value)
        assert fresh[0].id in str(caught.value)
        assert await works(idp, old)
        assert await works(idp, fresh[0])


async def test_a_key_deletion_that_is_cut_and_repeated(cutter: Cutter, how: Cut) -> None:
    async with admin(cutter) as idp:
        for number in itertools.count(1):
            user = f"key-{next(NAMES)}"
            await idp.users.create(user)
            key = await idp.credentials.create(user)
            was_cut = await cut(cutter, number, how, lambda key=key: idp.credentials.delete(key))
            await idp.credentials.delete(key, missing_ok=True)
            assert not await works(idp, key)
            if not was_cut:
                break


async def test_a_policy_update_that_is_cut_and_repeated(cutter: Cutter, how: Cut) -> None:
    async with admin(cutter) as idp:
        if not (await idp.ping()).capabilities.supports("policies.update"):
            return
        before = Statement(effect="allow", actions=("fs:*",), resources=("*",))
        after = Statement(effect="deny", actions=("fs:*",), resources=("*",))
        for number in itertools.count(1):
            name = f"pol-{next(NAMES)}"
            await idp.policies.create(name, statements=[before])
            was_cut = await cut(
                cutter, number, how, lambda name=name: idp.policies.update(name, statements=[after])
            )
            await idp.policies.update(name, statements=[after])
            assert [one.effect for one in (await idp.policies.get(name)).statements] == ["deny"]
            if not was_cut:
                break


async def test_an_unknown_outcome_of_a_new_key_names_it(cutter: Cutter) -> None:
    from identity_sdk.errors import AmbiguousOutcomeError

    async with admin(cutter) as idp:
        user = f"amb-{next(NAMES)}"
        await idp.users.create(user)
        older = await idp.credentials.create(user)
        for how, count in ((Cut.DROP, 1), (Cut.FAIL, 1), (Cut.FAIL_FIRST, 0), (Cut.DROP_FIRST, 0)):
            before = {key.id for key in await idp.credentials.list(user)}
            cutter.arm(2, how)
            with pytest.raises(AmbiguousOutcomeError) as caught:
                await idp.credentials.create(user)
            assert isinstance(caught.value.found, tuple)
            now = {key.id for key in await idp.credentials.list(user)}
            assert {key.id for key in caught.value.found} == now - before
            assert len(caught.value.found) == count
            assert all(key.user_id == user and key.secret is None for key in caught.value.found)
            assert older.id not in {key.id for key in caught.value.found}
            assert all(key.id in str(caught.value) for key in caught.value.found)


async def test_memberships_and_attachments_are_idempotent_through_a_lost_answer(cutter: Cutter) -> None:
    async with admin(cutter, retries=2) as idp:
        user, group = f"mem-{next(NAMES)}", f"team-{next(NAMES)}"
        await idp.users.create(user)
        await idp.groups.create(group)
        for how in (Cut.FAIL, Cut.DROP, Cut.FAIL_FIRST, Cut.DROP_FIRST):
            cutter.arm(1, how)
            await idp.groups.add_member(group, user)
            assert [one.id for one in await idp.groups.members(group)] == [user]
            await idp.groups.add_member(group, user)
            cutter.arm(1, how)
            await idp.groups.remove_member(group, user)
            assert list(await idp.groups.members(group)) == []
            cutter.arm(1, how)
            await idp.groups.delete(group)
            await idp.groups.create(group)


async def test_a_secret_is_a_secret(cutter: Cutter) -> None:
    async with admin(cutter) as idp:
        user = f"sec-{next(NAMES)}"
        await idp.users.create(user)
        key = await idp.credentials.create(user)
        assert isinstance(key.secret, Secret)
        assert key.secret.reveal() not in repr(key) + key.model_dump_json()
