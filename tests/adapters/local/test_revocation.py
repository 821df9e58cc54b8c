"""Whatever belonged to a user is dead with it, also when the name is given anew."""

from __future__ import annotations

from collections.abc import Awaitable

import anyio
import pytest

from identity_sdk import connect
from identity_sdk.adapters.local import PasswordReset
from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import AuthenticationError, IdentityError, RateLimitedError
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret
from identity_sdk.store import queries as q
from identity_sdk.store import tables

from .conftest import Idp, ManualClock, allow, code_of, grant, local, shown, signed_in

pytestmark = pytest.mark.anyio


async def rows_about(idp: Idp, user: str) -> dict[str, int]:
    """How many rows of each table are about a user."""

    def count(conn: object) -> dict[str, int]:
        found = {}
        for name in ("credentials", "passwords", "totp", "sessions", "tokens", "resets", "memberships"):
            found[name] = getattr(q, name).count(conn, user_id=user)
        found["attachments"] = q.attachments.count(conn, subject_type="user", subject_id=user)
        return {name: number for name, number in found.items() if number}

    return await idp._adapter._core.store.read(count)  # type: ignore[arg-type]


async def test_a_user_made_anew_inherits_nothing(url: str, clock: ManualClock) -> None:
    sent: list[PasswordReset] = []
    async with connect(local(url, on_reset=sent.append), clock=clock) as idp:
        await idp.users.create("alice", password="pw", email="a@x")
        await idp.groups.create("g")
        await idp.groups.add_member("g", "alice", role="owner")
        await grant(idp, "alice", allow("*"), "p")
        access, api = [await idp.credentials.create("alice", kind=kind) for kind in ("access_key", "api_key")]
        totp = await idp.credentials.create("alice", kind="totp")
        await idp.credentials.confirm(totp, code_of(totp, clock))
        clock.advance(30)
        session = await signed_in(idp, "alice", "pw", code_of(totp, clock))
        client = idp.with_credential(session)
        child = await client.sessions.constrain(["*"])
        token, spent = await client.tokens.issue(), await client.tokens.issue()
        await idp.tokens.refresh(spent)
        await idp.credentials.request_password_reset("a@x")
        impersonation = await idp.sessions.impersonate("alice")
        await idp.users.create("bob")
        as_bob = await client.sessions.impersonate("bob")
        assert len(await rows_about(idp, "alice")) == 8

        deletion = await idp.users.delete("alice")
        assert [left.until for left in deletion.residual] == [token.expires_at]
        assert await rows_about(idp, "alice") == {}

        bearers = [session, child, token, impersonation, Bearer(shown(api.secret)), as_bob]
        clients = [idp.with_credential(auth) for auth in bearers]
        clients.append(idp.with_credential(AccessKey(access.id, shown(access.secret))))

        async def nothing_lives() -> None:
            ways: list[Awaitable[object]] = [client.users.me() for client in clients]
            ways += [client.tokens.issue() for client in clients]
            ways += [idp.tokens.refresh(token), idp.tokens.refresh(spent)]
            ways += [
                idp.sessions.create("access_key", identifier=access.id, secret=shown(access.secret)),
                idp.sessions.create("api_key", secret=shown(api.secret)),
                idp.sessions.create("password", identifier="alice", secret="pw", code=code_of(totp, clock)),
                idp.sessions.create("password", identifier="alice", secret="pw"),
                idp.credentials.reset_password(sent[0].token, "mine"),
            ]
            for way in ways:
                with pytest.raises(AuthenticationError):
                    await way

        await nothing_lives()
        clock.advance(30)
        await idp.users.create("alice")
        await nothing_lives()
        clock.advance(30)
        await idp.users.update("alice", password="other")
        await nothing_lives()
        assert await rows_about(idp, "alice") == {"passwords": 1}
        assert len(await idp.users.groups("alice")) == 0
        assert not await idp.policies.check("alice", "x", "y")
        assert (await idp.users.get("alice")).email is None
        assert len(await idp.credentials.list("alice")) == 0
        clock.advance(30)
        assert (await signed_in(idp, "alice", "other")).user_id == "alice"  # no code is asked for


async def test_a_sign_in_that_is_under_way_gets_nothing_of_the_next_owner(idp: Idp) -> None:
    """Between the check of a password and the session that it earns, the user is deleted and made anew."""
    await idp.users.create("alice", password="pw")
    passwords = idp._adapter._core.passwords
    verify = passwords.verify

    async def interrupted(*arguments: object) -> bool:
        right = await verify(*arguments)  # type: ignore[arg-type]
        await idp.users.delete("alice")
        await idp.users.create("alice")
        if again:
            await idp._adapter._core.store.write(copy_hash)
        return right

    def copy_hash(conn: object) -> None:
        """Even with the very same hash: the generation differs."""
        uid = q.users.get(conn, "alice").attributes["uid"]  # type: ignore[union-attr]
        q.passwords.put(
            conn,
            q.PasswordRow(user_id="alice", created_at=1.0, password_hash=stored, attributes={"uid": uid}),
        )

    stored = await idp._adapter._core.store.read(lambda conn: q.passwords.get(conn, "alice").password_hash)
    for again in (False, True):
        if again:
            await idp._adapter._core.store.write(copy_hash)
        passwords.verify = interrupted  # type: ignore[method-assign]
        with pytest.raises(AuthenticationError):
            await idp.sessions.create("password", identifier="alice", secret="pw")
        passwords.verify = verify  # type: ignore[method-assign]


async def test_a_sign_in_by_a_password_that_is_changed_meanwhile_is_refused(idp: Idp) -> None:
    await idp.users.create("alice", password="old")
    passwords = idp._adapter._core.passwords
    verify = passwords.verify

    async def interrupted(*arguments: object) -> bool:
        right = await verify(*arguments)  # type: ignore[arg-type]
        await idp._adapter._core.store.write(
            lambda conn: q.passwords.update(conn, "alice", password_hash="other")
        )
        return right

    passwords.verify = interrupted  # type: ignore[method-assign]
    with pytest.raises(AuthenticationError):
        await idp.sessions.create("password", identifier="alice", secret="old")
    assert (await rows_about(idp, "alice")) == {"passwords": 1}


async def test_what_other_writers_left_under_a_name_goes_to_nobody(
    everywhere: Idp, clock: ManualClock
) -> None:
    """An emulator on the same store may let keys outlive their user."""
    from identity_sdk.store import hash_secret

    store, now = everywhere._adapter._core.store, clock.time()

    def leave(conn: object) -> None:
        q.credentials.insert(
            conn,
            q.CredentialRow(
                id="OLD", user_id="alice", kind="access_key", created_at=now, secret_hash=hash_secret("s")
            ),
        )
        q.memberships.insert(conn, q.MembershipRow(group_id="g", user_id="alice", created_at=now))

    await everywhere.groups.create("g")
    await store.write(leave)
    old = everywhere.with_credential(AccessKey("OLD", "s"))
    with pytest.raises(AuthenticationError):
        await old.users.me()
    assert len(await everywhere.groups.members("g")) == 0
    clock.advance(1)
    await everywhere.users.create("alice")
    with pytest.raises(AuthenticationError):
        await old.users.me()
    assert len(await everywhere.groups.members("g")) == 0


async def test_users_of_other_writers_are_told_apart_by_their_age(
    everywhere: Idp, clock: ManualClock
) -> None:
    from identity_sdk.store import hash_secret

    store, now = everywhere._adapter._core.store, clock.time()
    key = q.CredentialRow(
        id="K", user_id="alice", kind="access_key", created_at=now + 1, secret_hash=hash_secret("s")
    )
    await store.write(lambda conn: q.users.insert(conn, q.UserRow(id="alice", created_at=now)))
    await store.write(lambda conn: q.credentials.insert(conn, key))
    client = everywhere.with_credential(AccessKey("K", "s"))
    assert (await client.users.me()).id == "alice"
    token = await client.tokens.issue()
    assert (await everywhere.with_credential(token).users.me()).id == "alice"
    await store.write(lambda conn: q.users.put(conn, q.UserRow(id="alice", created_at=now + 2)))
    for auth in (AccessKey("K", "s"), token):
        with pytest.raises(AuthenticationError):
            await everywhere.with_credential(auth).users.me()


async def test_a_right_that_is_taken_away_is_gone_at_the_next_page(everywhere: Idp) -> None:
    await everywhere._adapter._core.store.write(lambda conn: q.seed_users(conn, 2500, created_at=1.0))
    session = await signed_in(everywhere, "alice")
    policy = await grant(everywhere, "alice", allow("users:List"))
    pages = everywhere.with_credential(session).users.list().pages()
    assert len((await anext(pages)).items) == 1000
    await everywhere.policies.detach(policy, user="alice")
    with pytest.raises(IdentityError, match="users:List"):
        await anext(pages)


async def test_deleting_while_signing_in_leaves_nothing_alive(everywhere: Idp) -> None:
    """Whatever comes first: afterwards there is no row of the user."""
    await everywhere.users.create("alice", password="pw")
    key = await everywhere.credentials.create("alice")
    client = everywhere.with_credential(AccessKey(key.id, shown(key.secret)))
    made: list[object] = []

    async def use() -> None:
        try:
            made.append(await client.tokens.issue())
            made.append(await everywhere.sessions.create("password", identifier="alice", secret="pw"))
        except (AuthenticationError, RateLimitedError):
            pass

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(use)
            if number == 10:
                tasks.start_soon(everywhere.users.delete, "alice")
    assert await rows_about(everywhere, "alice") == {}
    for auth in made:
        with pytest.raises(AuthenticationError):
            await everywhere.with_credential(auth).users.me()  # type: ignore[arg-type]


async def test_a_cancelled_delete_is_done_or_not_done(everywhere: Idp) -> None:
    for delay in (0.0, 0.001, 0.003, 0.01):
        await everywhere.users.create("alice", password="pw", exist_ok=True)
        key = await everywhere.credentials.create("alice")
        with anyio.move_on_after(delay):
            await everywhere.users.delete("alice")
        left = await rows_about(everywhere, "alice")
        there = [user.id for user in await everywhere.users.list()]
        if there:
            assert left["credentials"] >= 1
            client = everywhere.with_credential(AccessKey(key.id, shown(key.secret)))
            assert (await client.users.me()).id == "alice"
        else:
            assert left == {}


async def test_nothing_lives_on_what_another_writer_took_away(everywhere: Idp, clock: ManualClock) -> None:
    """An emulator on the same store deletes by its own rules; what hangs on something gone is dead all the same."""
    store = everywhere._adapter._core.store

    async def dead(auth: Session | Token) -> None:
        with pytest.raises(AuthenticationError):
            await everywhere.with_credential(auth).users.me()

    await everywhere.users.create("alice")
    key = await everywhere.credentials.create("alice")
    session = await everywhere.sessions.create("access_key", identifier=key.id, secret=shown(key.secret))
    by_key = everywhere.with_credential(AccessKey(key.id, shown(key.secret)))
    token, constrained = await by_key.tokens.issue(), await by_key.sessions.constrain(["*"])
    await store.write(lambda conn: q.credentials.delete(conn, key.id))
    for auth in (session, token, constrained):
        await dead(auth)
    session = await signed_in(everywhere, "bob")
    await store.write(lambda conn: q.users.delete(conn, "bob"))
    await dead(session)
    session = await signed_in(everywhere, "carol")
    child = await everywhere.with_credential(session).sessions.constrain(["*"])
    await store.write(lambda conn: q.sessions.delete(conn, session.id))
    await dead(child)


async def test_sessions_that_hang_on_one_another_in_a_ring_are_dead(idp: Idp) -> None:
    """No such thing is ever made here; a store that holds it must not hang us up."""
    first = await idp.sessions.constrain(["*"])
    second = await idp.with_credential(first).sessions.constrain(["*"])

    def tie(conn: object) -> None:
        row = q.sessions.get(conn, first.id)
        q.sessions.update(conn, first.id, attributes={**row.attributes, "parent": second.id})

    await idp._adapter._core.store.write(tie)
    with pytest.raises(AuthenticationError):
        await idp.with_credential(second).users.me()


async def test_a_reset_that_is_under_way_gets_nothing_of_the_next_owner(clock: ManualClock) -> None:
    sent: list[PasswordReset] = []
    async with connect(local(on_reset=sent.append), clock=clock) as idp:
        store, passwords = idp._adapter._core.store, idp._adapter._core.passwords
        real = passwords.hash

        async def interrupted(password: Secret) -> Secret:
            await idp.users.delete("alice")
            await idp.users.create("alice", email="a@x")
            return await real(password)

        await idp.users.create("alice", email="a@x")
        await idp.credentials.request_password_reset("a@x")
        passwords.hash = interrupted  # type: ignore[method-assign]
        with pytest.raises(AuthenticationError):
            await idp.credentials.reset_password(sent[0].token, "mine")
        passwords.hash = real  # type: ignore[method-assign]
        assert await rows_about(idp, "alice") == {}
        await idp.credentials.request_password_reset("a@x")
        await store.write(lambda conn: q.users.delete(conn, "alice"))
        await store.write(
            lambda conn: q.users.insert(conn, q.UserRow(id="alice", created_at=clock.time() + 1))
        )
        with pytest.raises(AuthenticationError):
            await idp.credentials.reset_password(sent[1].token, "mine")
        await store.write(lambda conn: q.users.delete(conn, "alice"))
        with pytest.raises(AuthenticationError):
            await idp.credentials.reset_password(sent[1].token, "mine")


def test_no_table_that_names_a_user_is_forgotten() -> None:
    """A table that is added later must be purged too, or named here with its reason."""
    purged = {"credentials", "passwords", "totp", "sessions", "tokens", "resets", "memberships"}
    naming = {table.name for table in tables.metadata.sorted_tables if "user_id" in table.c}
    assert naming == purged
