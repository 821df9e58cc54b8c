"""Users: made, read, changed, listed, deleted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)
from identity_sdk.models import UNSET

from .conftest import Idp, ManualClock, allow, grant, key_of, signed_in

pytestmark = pytest.mark.anyio

AWKWARD = (
    " ", " a ", "a/b", "..", ".", "a%2Fb", "*", "a*b", "a?b", "ä", "e\u0301", "é", "日本語", "🦊", "A" * 256, "a\nb",
    "'; DROP TABLE users; --", "%", "_", "\U0010ffff", "\x01", "\ud7ff", "\ue000", "user::x", "-", "null", "{id}", "A",
    "\u202eabc", "a",
)  # fmt: skip
REFUSED = ("", "a" * 257, "\0", "a\0b", "\ud800", "\udfffx")


async def test_what_is_made_can_be_read(everywhere: Idp, clock: ManualClock) -> None:
    made = await everywhere.users.create("alice", name="Alice", email="alice@example.org")
    read = await everywhere.users.get("alice")
    assert made == read
    assert read.model_dump() == made.model_dump()
    assert (read.id, read.name, read.email, read.kind, read.active) == (
        "alice", "Alice", "alice@example.org", "human", True,
    )  # fmt: skip
    assert read.created_at == datetime.fromtimestamp(clock.time(), UTC)
    assert read.provider == "local"


async def test_awkward_ids_are_kept_as_they_are_and_in_bytewise_order(everywhere: Idp) -> None:
    for id in AWKWARD:
        assert (await everywhere.users.create(id)).id == id
    for id in AWKWARD:
        assert (await everywhere.users.get(id)).id == id
        assert id in [user.id for user in await everywhere.users.list(prefix=id)]
    listed = [user.id for user in await everywhere.users.list()]
    assert listed == sorted(AWKWARD, key=lambda id: id.encode())
    for id in AWKWARD:
        assert (await everywhere.users.delete(id)).id == id
    assert len(await everywhere.users.list()) == 0


@pytest.mark.parametrize("id", REFUSED)
async def test_ids_that_no_database_can_hold_are_refused(idp: Idp, id: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await idp.users.create(id)
    assert not refused.value.sent
    assert "id" in refused.value.fields
    for verb in (idp.users.get, idp.users.delete, idp.groups.get, idp.groups.create, idp.policies.get):
        with pytest.raises(InvalidRequestError):
            await verb(id)


async def test_wrong_types_and_texts_are_refused(idp: Idp) -> None:
    with pytest.raises(InvalidRequestError, match="int"):
        await idp.users.create(7)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="chooses no ids"):
        await idp.users.create()
    with pytest.raises(InvalidRequestError, match="name"):
        await idp.users.create("a", name="x\0")
    with pytest.raises(InvalidRequestError, match="email"):
        await idp.users.create("a", email="x" * 321)
    with pytest.raises(InvalidRequestError, match="password"):
        await idp.users.create("a", password="")
    with pytest.raises(InvalidRequestError, match="Secret"):
        await idp.users.create("a", password=7)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="active"):
        await idp.users.update("a", active=None)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="cursor"):
        await idp.users.list(cursor="\0")
    assert len(await idp.users.list()) == 0


async def test_a_taken_id_is_a_conflict_unless_told(everywhere: Idp) -> None:
    first = await everywhere.users.create("alice", name="first")
    with pytest.raises(ConflictError) as conflict:
        await everywhere.users.create("alice", name="second")
    assert (conflict.value.provider, conflict.value.operation) == ("local", "users.create")
    there = await everywhere.users.create("alice", name="second", exist_ok=True)
    assert there.model_dump() == first.model_dump()
    with pytest.raises(ConflictError, match="human"):
        await everywhere.users.create("alice", kind="service", exist_ok=True)


async def test_services_are_users_of_another_kind(everywhere: Idp) -> None:
    await everywhere.users.create("alice")
    robot = await everywhere.users.create("robot", kind="service")
    assert robot.kind == "service"
    assert [user.id for user in await everywhere.users.list()] == ["alice"]
    assert [user.id for user in await everywhere.users.list(kind="service")] == ["robot", "root"]
    assert (await everywhere.users.get("robot", kind="service")).kind == "service"
    with pytest.raises(NotFoundError, match='kind="service"'):
        await everywhere.users.get("robot")
    with pytest.raises(NotFoundError):
        await everywhere.users.delete("robot")
    assert not (await everywhere.users.delete("robot", missing_ok=True)).existed
    with pytest.raises(InvalidRequestError, match="keys"):
        await everywhere.users.create("r2", kind="service", password="x")
    with pytest.raises(InvalidRequestError, match="keys"):
        await everywhere.users.update("robot", kind="service", password="x")
    with pytest.raises(NotSupportedError, match="human, service"):
        await everywhere.users.get("robot", kind="alien")  # type: ignore[arg-type]
    await everywhere.users.delete("robot", kind="service")


async def test_update_changes_what_is_given_and_erases_by_none(everywhere: Idp) -> None:
    await everywhere.users.create("alice", name="Alice", email="a@x")
    same = await everywhere.users.update("alice")
    assert (same.name, same.email, same.active) == ("Alice", "a@x", True)
    changed = await everywhere.users.update("alice", name=None, email="b@x", active=UNSET)
    assert (changed.name, changed.email, changed.active) == (None, "b@x", True)
    off = await everywhere.users.update("alice", active=False)
    assert (off.email, off.active) == ("b@x", False)
    assert (await everywhere.users.update("alice", active=True)).active
    with pytest.raises(NotFoundError):
        await everywhere.users.update("nobody", name="x")


async def test_a_disabled_user_is_refused_at_once_and_its_sessions_stay_dead(everywhere: Idp) -> None:
    by_key = await key_of(everywhere, "alice")
    session = await everywhere.sessions.create(
        "access_key",
        identifier=by_key._adapter.auth.access_key_id,
        secret=by_key._adapter.auth.secret_access_key,
    )
    by_session = everywhere.with_credential(session)
    await by_session.users.me()
    await everywhere.users.update("alice", active=False)
    for client in (by_key, by_session):
        with pytest.raises(AuthenticationError):
            await client.users.me()
    assert not (await everywhere.policies.check("alice", "x", "y")).allowed
    await everywhere.users.update("alice", active=True)
    assert (await by_key.users.me()).id == "alice"
    with pytest.raises(AuthenticationError):
        await by_session.users.me()


async def test_lists_filter_bound_and_resume(everywhere: Idp) -> None:
    for number in range(5):
        await everywhere.users.create(f"a{number}", email=f"{number % 2}@x")
    await everywhere.users.create("b")
    assert [user.id for user in await everywhere.users.list(prefix="a", limit=2)] == ["a0", "a1"]
    assert [user.id for user in await everywhere.users.list(email="1@x")] == ["a1", "a3"]
    assert len(await everywhere.users.list(email="none@x")) == 0
    pages = [page async for page in everywhere.users.list(prefix="a", limit=2).pages()]
    assert pages[0].cursor == "a1"
    assert [user.id for user in await everywhere.users.list(prefix="a", cursor="a1")] == ["a2", "a3", "a4"]
    assert len(await everywhere.users.list(limit=0)) == 0
    assert len(await everywhere.users.list(prefix="zz")) == 0


async def test_me_and_own_groups_and_policies(everywhere: Idp) -> None:
    assert (await everywhere.users.me()).id == "root"
    client = await key_of(everywhere, "alice")
    assert (await client.users.me()).id == "alice"
    await everywhere.groups.create("g")
    await everywhere.groups.add_member("g", "alice")
    own = await grant(everywhere, "alice", allow("x"), "own")
    await everywhere.policies.create("shared", statements=allow("y"))
    for target in ({"user": "alice"}, {"group": "g"}):
        await everywhere.policies.attach("shared", **target)
    assert [group.id for group in await client.users.groups("alice")] == ["g"]
    assert [policy.id for policy in await client.users.policies("alice")] == [own, "shared"]
    assert [policy.id for policy in await client.users.policies("alice", effective=True)] == [own, "shared"]
    await everywhere.policies.detach("shared", user="alice")
    assert [policy.id for policy in await client.users.policies("alice")] == [own]
    assert [policy.id for policy in await client.users.policies("alice", effective=True)] == [own, "shared"]
    for listing in (everywhere.users.groups("nobody"), everywhere.users.policies("nobody")):
        with pytest.raises(NotFoundError):
            await listing


async def test_root_stays(idp: Idp) -> None:
    with pytest.raises(PermissionDeniedError, match="root"):
        await idp.users.delete("root", kind="service")
    with pytest.raises(PermissionDeniedError, match="root"):
        await idp.users.update("root", kind="service", active=False)
    assert (await idp.users.update("root", kind="service", name="Operator")).name == "Operator"
    with pytest.raises(ConflictError):
        await idp.users.create("root")
    assert (await idp.policies.check("root", "anything", "at all")).allowed


async def test_a_new_password_ends_sessions_and_keeps_keys(idp: Idp) -> None:
    session = await signed_in(idp, "alice")
    by_session, by_key = idp.with_credential(session), await key_of(idp, "alice")
    token = await by_session.tokens.issue()
    await idp.users.update("alice", password="another one")
    for client in (by_session, idp.with_credential(token)):
        with pytest.raises(AuthenticationError):
            await client.users.me()
    assert (await by_key.users.me()).id == "alice"
    with pytest.raises(AuthenticationError):
        await signed_in(idp, "alice")
    await signed_in(idp, "alice", "another one")
