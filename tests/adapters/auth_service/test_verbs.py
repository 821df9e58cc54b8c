"""Every supported verb against the emulator, in both dialects: the caller sees the same."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from identity_sdk.adapters.auth_service.models import GroupGrant
from identity_sdk.auth.sources import Bearer, RefreshToken
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
    ServerError,
)
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

ODD = [
    "a b",
    "a+b",
    "50%",
    "a/b",
    "a?b",
    "a#b",
    "юзер",
    "e😀",
    "x" * 63,
    "sl\\ash",
    'quote"d',
    "...",
    "a\nb",
    "A",
]


async def test_users(site: Any) -> None:
    idp = site.idp
    made = await idp.users.create("ann")
    assert (made.id, made.global_role, made.groups, made.provider) == ("ann", "USER", (), "auth-service")
    assert await idp.users.get("ann") == made
    with pytest.raises(ConflictError) as conflict:
        await idp.users.create("ann", global_role="ADMIN")
    assert conflict.value.operation == "users.create"
    assert await idp.users.create("ann", exist_ok=True) == made
    boss = await idp.users.update("ann", global_role="ADMIN")
    assert boss.global_role == "ADMIN"
    assert (await idp.users.update("ann")).global_role == "ADMIN"
    assert [user.id for user in await idp.users.list()] == ["ann", "boss"]
    assert [user.id for user in await idp.users.list(prefix="a")] == ["ann"]
    for call in (idp.users.get("bob"), idp.users.update("bob", global_role="USER"), idp.users.delete("bob")):
        with pytest.raises(NotFoundError):
            await call
    deletion = await idp.users.delete("ann")
    assert deletion.existed
    assert [left.what.split(",")[0] for left in deletion.residual] == [
        "its access tokens",
        "its refresh tokens",
    ]
    assert not (await idp.users.delete("ann", missing_ok=True)).existed
    assert (await idp.users.me()).id == "boss"


async def test_odd_ids(site: Any) -> None:
    for name in ODD:
        assert (await site.idp.users.create(name)).id == name
        assert (await site.idp.users.get(name)).id == name
        assert (await site.idp.groups.create(name, description="odd")).id == name
        await site.idp.groups.add_member(name, name)
        assert [one.id for one in await site.idp.groups.members(name)] == [name]
        assert (await site.idp.users.delete(name)).id == name
        assert (await site.idp.groups.delete(name)).existed


async def test_impossible_ids_are_never_sent(site: Any) -> None:
    users, groups = site.idp.users, site.idp.groups
    for name in ("", ".", "..", "x" * 64, "a\0b", "\ud800"):
        for call in (
            users.get(name),
            users.create(name),
            users.delete(name),
            groups.get(name),
            groups.delete(name),
        ):
            with pytest.raises(InvalidRequestError) as refused:
                await call
            assert not refused.value.sent
    assert site.requests() == []


async def test_groups_and_members(site: Any) -> None:
    idp = site.idp
    made = await idp.groups.create("devs", description="those")
    assert (made.id, made.description, made.users) == ("devs", "those", ())
    with pytest.raises(ConflictError):
        await idp.groups.create("devs")
    assert (await idp.groups.create("devs", exist_ok=True)).description == "those"
    assert (await idp.groups.create("ops")).description is None
    await idp.users.create("ann")
    await idp.groups.add_member("devs", "ann")
    await idp.groups.add_member("devs", "ann")
    await idp.groups.add_member("ops", "ann", role="ADMIN")
    assert [(one.id, one.role) for one in await idp.groups.members("devs")] == [("ann", "READ")]
    await idp.groups.add_member("devs", "ann", role="WRITE")
    assert [(one.id, one.mode) for one in await idp.users.groups("ann")] == [
        ("devs", "WRITE"),
        ("ops", "ADMIN"),
    ]
    assert (await idp.groups.update("devs", description="all of them")).description == "all of them"
    assert (await idp.groups.update("devs")).description == "all of them"
    assert (await idp.groups.update("devs", description=None)).description is None
    assert [one.id for one in await idp.groups.members("devs")] == ["ann"]
    said = [(one.actions, one.resources) for one in await idp.policies.permissions("ann")]
    assert said == [(("READ", "WRITE"), ("devs",)), (("READ", "WRITE", "ADMIN"), ("ops",))]
    page = await anext(idp.policies.permissions("ann", limit=1).pages())
    rest = await idp.policies.permissions("ann", cursor=page.cursor)
    assert [one.policy for one in (*page.items, *rest)] == ["devs", "ops"]
    assert [one.resources for one in await idp.policies.permissions()] == [("*",)]
    await idp.groups.remove_member("devs", "ann")
    await idp.groups.remove_member("devs", "ann")
    assert list(await idp.groups.members("devs")) == []
    assert [group.id for group in await idp.groups.list()] == ["devs", "ops"]
    first = await anext(idp.groups.list(limit=1).pages())
    assert [group.id for group in await idp.groups.list(cursor=first.cursor)] == ["ops"]
    for call in (
        idp.groups.get("none"),
        idp.groups.delete("none"),
        idp.groups.update("none", description="x"),
        idp.groups.add_member("none", "ann"),
        idp.groups.add_member("devs", "nobody"),
        idp.groups.remove_member("none", "ann"),
        idp.groups.members("none"),
        idp.users.update("ann", groups=[GroupGrant(group_id="none", mode="READ")]),
        idp.users.create("new", groups=[GroupGrant(group_id="none", mode="READ")]),
    ):
        with pytest.raises(NotFoundError):
            await call
    assert [group.id for group in await idp.groups.list()] == ["devs", "ops"]  # none was made by mistake
    assert (await idp.groups.delete("devs")).existed
    assert not (await idp.groups.delete("devs", missing_ok=True)).existed
    grants = [GroupGrant(group_id="ops", mode="READ")]
    assert [one.mode for one in (await idp.users.update("ann", groups=grants)).groups] == ["READ"]
    assert (await idp.users.create("new", groups=grants, global_role="ADMIN")).groups[0].id == "ops"


async def test_what_is_refused_before_anything_is_sent(site: Any) -> None:
    idp = site.idp
    twice = [GroupGrant(group_id="g", mode="READ"), GroupGrant(group_id="g", mode="ADMIN")]
    for call in (
        idp.users.create("x", global_role="ROOT"),
        idp.users.create("x", groups=twice),
        idp.users.update("x", groups=twice),
        idp.users.update("x", global_role="root"),
        idp.groups.add_member("g", "x", role="read"),
        idp.groups.create("g", description="x" * 256),
        idp.groups.update("g", description="a\0b"),
    ):
        with pytest.raises(InvalidRequestError):
            await call
    with pytest.raises(ConfigurationError):
        await idp.users.delete("x", wait=True)
    for call in (
        idp.users.create("x", email="a@b"),
        idp.users.update("x", name="N"),
        idp.groups.create("g", name="N"),
    ):
        with pytest.raises(NotSupportedError):
            await call
    assert site.requests() == []


async def test_concurrent_writers_of_one_client_lose_nothing(site: Any) -> None:
    idp = site.idp
    names = [f"g{number}" for number in range(5)]
    await idp.users.create("ann")
    for name in names:
        await idp.groups.create(name)
    results: list[str] = []

    async def create() -> None:
        try:
            await idp.users.create("same")
            results.append("made")
        except ConflictError:
            results.append("conflict")

    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(idp.groups.add_member, name, "ann")
            group.start_soon(create)
    assert [one.id for one in await idp.users.groups("ann")] == names
    assert sorted(results) == ["conflict"] * 4 + ["made"]


async def test_who_may_not(site: Any) -> None:
    idp = site.idp
    await idp.users.create("ann")
    clients = {
        "anonymous": site.client(None),
        "garbage": site.client(Bearer("garbage")),
        "expired": site.client(Bearer(site.emulator.token("boss", "ADMIN", -5.0))),
        "forged": site.client(Bearer(site.emulator.token("boss", "ADMIN")[:-6] + "AAAAAA")),
    }
    for client in clients.values():
        for call in (
            client.users.list(),
            client.users.get("ann"),
            client.groups.list(),
            client.users.create("z"),
        ):
            with pytest.raises(AuthenticationError):
                await call
    powerless = site.client(Bearer(site.emulator.token("ann", "USER")))
    assert (await powerless.users.me()).global_role == "USER"
    for call in (powerless.users.list(), powerless.users.get("ann"), powerless.groups.create("g")):
        with pytest.raises(PermissionDeniedError):
            await call
    assert (await powerless.ping()).principal == "ann"
    assert [user.id for user in await idp.users.list()] == ["ann", "boss"]


async def test_a_refused_right_is_not_answered_by_a_new_token(site: Any) -> None:
    await site.idp.users.create("ann")
    powerless = site.client(RefreshToken(await site.emulator.refresh_token("ann")))
    site.requests()
    with pytest.raises(PermissionDeniedError):
        await powerless.users.list()
    assert site.requests() == ["POST /refresh", "GET /admin/users"]


async def test_ping_tells_the_stubs(site: Any) -> None:
    info = await site.idp.ping()
    assert info.principal == "boss"
    assert info.capabilities.supports("tokens.list") is not site.real
    assert (await site.client(None).ping()).principal is None


async def test_damaged_objects_are_named_and_mended(site: Any) -> None:
    """What a careless client leaves on the real server: a user without role, a membership without mode."""
    if not site.real:
        return
    idp = site.idp
    await idp.groups.create("g")
    await idp.groups.create("other")

    def damage(conn: Any) -> None:
        q.users.put(conn, q.UserRow(id="noroles", created_at=0, attributes={"globalRole": None}))

    await site.store.write(damage)
    with pytest.raises(ServerError, match="global_role="):
        await idp.users.list()
    with pytest.raises(ServerError):
        await idp.users.get("noroles")
    assert (await idp.users.update("noroles", global_role="USER")).global_role == "USER"
    assert len(await idp.users.list()) == 2

    def loosen(conn: Any) -> None:
        row = q.MembershipRow(group_id="g", user_id="noroles", created_at=0, attributes={"mode": None})
        q.memberships.put(conn, row)

    await site.store.write(loosen)
    with pytest.raises(ServerError, match="role="):
        await idp.groups.list()
    with pytest.raises(ServerError):
        await idp.groups.get("g")
    with pytest.raises(InvalidRequestError, match="no mode"):
        await idp.groups.add_member("other", "noroles")
    await idp.groups.add_member("g", "noroles")
    assert [(one.id, one.role) for one in await idp.groups.members("g")] == [("noroles", "READ")]
    await site.store.write(loosen)
    await idp.groups.remove_member("g", "noroles")
    await site.store.write(loosen)
    assert (await idp.groups.delete("g")).existed
    with pytest.raises(ProtocolError):
        await site.client(Bearer(site.emulator.token("", "ADMIN"))).users.me()
