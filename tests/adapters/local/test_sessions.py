"""Sessions: what they hang on, constraint, impersonation, the end."""

from __future__ import annotations

import pytest

from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from identity_sdk.models import Session, Token

from .conftest import Idp, ManualClock, allow, grant, key_of, shown, signed_in

pytestmark = pytest.mark.anyio


async def alive(idp: Idp, auth: Session | Token) -> bool:
    try:
        await idp.with_credential(auth).users.me()
    except AuthenticationError:
        return False
    return True


async def test_a_session_ends_after_12_hours(everywhere: Idp, clock: ManualClock) -> None:
    session = await signed_in(everywhere, "alice")
    clock.advance(12 * 3600 - 1)
    assert await alive(everywhere, session)
    clock.advance(1)
    assert not await alive(everywhere, session)


async def test_ending_ends_all_that_was_made_from_it(everywhere: Idp) -> None:
    session, other = await signed_in(everywhere, "alice"), await signed_in(everywhere, "alice")
    client = everywhere.with_credential(session)
    child = await client.sessions.constrain(["*"])
    grandchild = await everywhere.with_credential(child).sessions.constrain(["users:*"])
    token = await client.tokens.issue()
    of_grandchild = await everywhere.with_credential(await _with_tokens(everywhere, child)).tokens.issue()
    of_token = await everywhere.with_credential(token).sessions.constrain(["*"])
    made = (child, grandchild, token, of_grandchild, of_token)
    for each in (session, *made):
        assert await alive(everywhere, each)
    ended = await client.sessions.end()
    assert ended.server_side
    for each in (session, *made):
        assert not await alive(everywhere, each)
    for each in (token, of_grandchild):
        with pytest.raises(AuthenticationError):
            await everywhere.tokens.refresh(each)
    assert await alive(everywhere, other)
    with pytest.raises(AuthenticationError):
        await client.sessions.end()


async def _with_tokens(idp: Idp, session: Session) -> Session:
    return await idp.with_credential(session).sessions.constrain(["*"])


async def test_a_child_ends_alone(idp: Idp) -> None:
    session = await signed_in(idp, "alice")
    client = idp.with_credential(session)
    child = await client.sessions.constrain(["*"])
    assert (await client.sessions.end(child)).server_side
    assert (await client.sessions.end(child)).server_side  # again is no error
    assert not await alive(idp, child)
    assert await alive(idp, session)


async def test_ending_by_id_or_by_token(idp: Idp) -> None:
    for by_id in (True, False):
        session = await signed_in(idp, "alice")
        given = session.model_copy(update={"token": None} if by_id else {"id": "other"})
        assert (await idp.sessions.end(given)).server_side
        assert not await alive(idp, session)
    with pytest.raises(NotFoundError):
        await idp.sessions.end(Session(id="nothing", user_id="alice"))
    bob = await key_of(idp, "bob")
    with pytest.raises(PermissionDeniedError):
        await bob.sessions.end(await signed_in(idp, "alice"))


async def test_where_there_is_no_session_nothing_ends(idp: Idp) -> None:
    alice = await key_of(idp, "alice")
    for client in (idp, alice):
        assert not (await client.sessions.end()).server_side
        await client.users.me()
    token = await alice.tokens.issue()
    assert (await idp.with_credential(token).sessions.end()).server_side
    assert not await alive(idp, token)
    await alice.users.me()


async def test_current_tells_what_one_speaks_by(idp: Idp, clock: ManualClock) -> None:
    root = await idp.sessions.current()
    assert (root.id, root.user_id, root.method, root.expires_at) == ("root", "root", "embedded", None)
    token = await idp.tokens.issue(lifetime=60)
    by_token = await idp.with_credential(token).sessions.current()
    assert (by_token.id, by_token.method, by_token.expires_at) == (token.id, "token", token.expires_at)
    key = await idp.credentials.create(kind="api_key")
    by_key = await idp.with_credential(Bearer(shown(key.secret))).sessions.current()
    assert (by_key.id, by_key.method, by_key.expires_at) == (key.id, "api_key", key.expires_at)


async def test_constraint_is_less_and_shorter(everywhere: Idp, clock: ManualClock) -> None:
    await grant(everywhere, (await everywhere.users.create("alice", password="pw")).id, allow("groups:*"))
    session = await signed_in(everywhere, "alice", "pw")
    client = everywhere.with_credential(session)
    short = await client.sessions.constrain(["groups:List", "users:*"], lifetime=60)
    assert (short.scopes, short.method) == (("groups:List", "users:*"), "constrained")
    limited = everywhere.with_credential(short)
    await limited.groups.list()
    assert (await limited.users.get("alice")).id == "alice"
    for refused in (limited.groups.create("g"), limited.users.list(), limited.tokens.issue()):
        with pytest.raises(PermissionDeniedError):
            await refused
    clock.advance(60)
    assert not await alive(everywhere, short)
    assert await alive(everywhere, session)
    same = await client.sessions.constrain(["*"], lifetime=1e9)
    assert same.expires_at == session.expires_at


async def test_scopes_are_checked(idp: Idp) -> None:
    for scopes in ([], ["a b"], [""], ['"'], ["ä"], "users:*", [7], ["x"] * 101, 7):
        with pytest.raises(InvalidRequestError, match="scopes"):
            await idp.sessions.constrain(scopes if scopes != ["x"] * 101 else [f"x{n}" for n in range(101)])  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="lifetime"):
        await idp.sessions.constrain(["*"], lifetime=0)


async def test_sessions_hang_on_one_another_16_deep_at_most(idp: Idp) -> None:
    client = idp
    for _ in range(16):
        client = idp.with_credential(await client.sessions.constrain(["*"]))
        await client.users.me()
    with pytest.raises(ConflictError):
        await client.sessions.constrain(["*"])
    with pytest.raises(ConflictError):
        await client.sessions.impersonate((await idp.users.create("alice")).id)


async def test_impersonation_ends_with_its_actor(everywhere: Idp, clock: ManualClock) -> None:
    admin = await key_of(everywhere, "admin")
    await everywhere.users.create("alice")
    await grant(everywhere, "admin", allow("sessions:Impersonate", on="users/alice"))
    own = everywhere.with_credential(await admin.sessions.constrain(["*"]))
    sessions = [await admin.sessions.impersonate("alice"), await own.sessions.impersonate("alice")]
    for session in sessions:
        assert (session.user_id, session.method, session.actor) == ("alice", "impersonation", "admin")
        assert session.expires_at is not None
        assert session.expires_at.timestamp() == clock.time() + 3600
        assert (await everywhere.with_credential(session).sessions.current()).actor == "admin"
    token = await everywhere.with_credential(sessions[1]).tokens.issue()
    introspected = await everywhere.tokens.introspect(sessions[1].token)
    assert (introspected.subject, introspected.claims["act"]) == ("alice", "admin")
    await own.sessions.end()
    assert [await alive(everywhere, session) for session in sessions] == [True, False]
    assert not await alive(everywhere, token)
    await everywhere.users.delete("admin")
    await everywhere.users.create("admin")
    assert not await alive(everywhere, sessions[0])
    with pytest.raises(NotFoundError):
        await everywhere.sessions.impersonate("nobody")
    assert (
        await everywhere.with_credential(await everywhere.sessions.impersonate("alice")).users.me()
    ).id == "alice"


async def test_no_session_outlives_the_key_it_was_got_by(idp: Idp, clock: ManualClock) -> None:
    key = await idp.credentials.create(lifetime=100)
    client = idp.with_credential(AccessKey(key.id, shown(key.secret)))
    for session in (
        await idp.sessions.create("access_key", identifier=key.id, secret=shown(key.secret)),
        await client.sessions.constrain(["*"]),
    ):
        assert session.expires_at == key.expires_at
    token = await client.tokens.issue()
    assert token.expires_at == key.expires_at
    clock.advance(100)
    with pytest.raises(AuthenticationError):
        await idp.tokens.refresh(token)
