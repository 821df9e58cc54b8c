"""A real lakeFS server, named by the environment; not part of CI.

    IDENTITY_SDK_TEST_LAKEFS_URL                 http(s)://host:port/api/v1
    IDENTITY_SDK_TEST_LAKEFS_ACCESS_KEY_ID       an administrator's access key
    IDENTITY_SDK_TEST_LAKEFS_SECRET_ACCESS_KEY   its secret
    IDENTITY_SDK_TEST_LAKEFS_FACE                0.91 (unless given), 1.x or 1.x-acl: which column it must fulfil
    IDENTITY_SDK_TEST_LAKEFS_AUTH_CACHE          seconds until a change is seen everywhere; 23 unless given

What is made there has the tag of its test in its name, and is deleted afterwards. What only an emulator can show (a
clock that is moved, a request that is cut off, rows put into the store) is skipped there.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import anyio
import pytest

from contract.clock import ManualClock
from contract.target import Cut, Cutter, Services, Target, World
from contract.targets.lakefs import RULES
from identity_sdk import connect
from identity_sdk.adapters.base import Adapter
from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.auth.sources import AccessKey
from identity_sdk.client import IdentityClient
from identity_sdk.errors import IdentityError

__all__ = ["TARGETS"]

ENVIRONMENT = "IDENTITY_SDK_TEST_LAKEFS_"
NEEDED = ("URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")


class RealClock(ManualClock):
    """The machine's own: it cannot be moved."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def advance(self, seconds: float) -> NoReturn:
        pytest.skip("a real server's clock cannot be moved")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class NoCutter(Cutter):
    """Nobody cuts the requests of a real server."""

    def arm(self, number: int, how: Cut) -> NoReturn:
        pytest.skip("requests to a real server are not cut off")

    def disarm(self) -> bool:
        return False

    @property
    def reached(self) -> bool:
        return False


class RealWorld(World):
    target: RealTarget

    def __init__(self, target: RealTarget, idp: IdentityClient[Any], events: list[Any]) -> None:
        super().__init__(target, idp)
        self.clock = RealClock()
        self._events = events
        self._token = f"t{secrets.token_hex(4)}"

    @property
    def cutter(self) -> Cutter:
        return NoCutter()

    def requests(self) -> int:
        return sum(event.kind == "attempt" for event in self._events)

    def awkward(self) -> list[str]:
        return [f"{name}{self._token}" for name in self.rules.awkward if len(name) < 200]

    async def settle(self) -> None:
        await anyio.sleep(self.target.auth_cache)

    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        return self.idp.with_credential(AccessKey(credential.id, credential.secret))

    async def grant_all(self, user: str) -> None:
        if self.can("groups.add_member"):
            await self.idp.groups.add_member("Admins", user)

    async def user_with_address(self, address: str) -> str:
        return str((await self.idp.users.create(address, invite=True)).id)

    async def left_behind(self, user: str) -> Any:
        await self.idp.users.create(user)
        key = await self.idp.credentials.create(user)
        await self.idp.native.delete_user(user)
        await self.settle()
        return key

    def reset_token(self, address: str) -> NoReturn:
        pytest.skip("a real server sends its reset tokens by e-mail")

    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        if count > 10:
            pytest.skip("nothing is put into the store of a real server")
        kind, _, holder = what.partition(" of a ")
        ids: list[str] = []
        for number in range(count):
            name = f"{stem}-{number}"
            if kind in ("users", "members"):
                await self.idp.users.create(name)
            elif kind == "groups":
                await self.idp.groups.create(name)
            elif kind == "policies":
                await self.idp.policies.create(name, statements=self.rules.statements)
            else:
                name = (await self.idp.credentials.create(owner)).id
            if kind == "members":
                await self.idp.groups.add_member(owner, name)
            elif kind == "groups" and holder:
                await self.idp.groups.add_member(name, owner)
            elif kind == "policies" and holder:
                await self.idp.policies.attach(name, **{holder: owner})
            ids.append(name)
        return ids

    async def client(self, state: str) -> IdentityClient[Any]:
        if state == "anonymous":
            return self.idp.with_credential(None)
        user = await self.user(state)
        key = await self.idp.credentials.create(user)
        if state == "revoked":
            await self.grant_all(user)
            await self.idp.credentials.delete(key)
        await self.settle()
        return await self.sign_in(key)

    async def clean_up(self) -> None:
        """Deletes everything whose name holds the tag of this test."""
        idp = self.idp.with_options(retries=2)
        for area in (idp.users, idp.groups, idp.policies):
            if not self.can(f"{area.area}.create"):
                continue
            for found in await area.list():
                if self._token in found.id:
                    try:
                        await area.delete(found.id, missing_ok=True)
                    except IdentityError as error:
                        print(f"left on the server: {area.area} {found.id!r}: {type(error).__name__}")


@dataclass(frozen=True, kw_only=True)
class RealTarget(Target):
    auth_cache: float

    @property
    def adapter(self) -> type[Adapter]:
        return LakeFS

    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[World]:
        url, key_id, secret = (os.environ[ENVIRONMENT + name] for name in NEEDED)
        events: list[Any] = []
        adapter = LakeFS(base_url=url, auth=AccessKey(key_id, secret))
        async with connect(adapter, on_event=events.append) as idp:
            world = RealWorld(self, idp, events)
            yield world
            await world.clean_up()


def _target() -> RealTarget:
    face = os.environ.get(f"{ENVIRONMENT}FACE", "0.91")
    absent = [ENVIRONMENT + name for name in NEEDED if not os.environ.get(ENVIRONMENT + name)]
    single = "the one user of a single-user server may do everything"
    aged = "a real server's tokens live for seven days"
    return RealTarget(
        name="lakefs-real",
        column=f"lakefs-{face}",
        rules=replace(
            RULES, awkward=[name for name in RULES.awkward if face != "1.x-acl" or "+" not in name]
        ),
        lacks={"expired": aged, **({"powerless": single, "revoked": single} if face == "1.x" else {})},
        missing=f"no real lakeFS server: set {', '.join(absent)}" if absent else "",
        narrowed=face != "0.91",
        real=True,
        auth_cache=float(os.environ.get(f"{ENVIRONMENT}AUTH_CACHE", "23")),
    )


TARGETS = (_target(),)
