"""Access keys and API keys: shown once, stored hashed, renewed, rotated, deleted."""

from __future__ import annotations

import pytest

from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
)
from identity_sdk.models import Credential

from .conftest import Idp, ManualClock, allow, grant, key_of, shown

pytestmark = pytest.mark.anyio


async def test_an_access_key_is_shown_once_and_signs_in(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    made = await everywhere.credentials.create("a", name="laptop")
    assert (made.kind, made.user_id, made.name, made.expires_at) == ("access_key", "a", "laptop", None)
    read = await everywhere.credentials.get(made)
    assert read == made
    assert read.secret is None
    assert (await everywhere.credentials.get(made.id, user="a")).model_dump() == read.model_dump()
    (listed,) = await everywhere.credentials.list("a")
    assert listed.model_dump() == read.model_dump()
    client = everywhere.with_credential(AccessKey(made.id, shown(made.secret)))
    assert (await client.users.me()).id == "a"
    assert [key.id for key in await client.credentials.list()] == [made.id]
    current = await client.sessions.current()
    assert (current.id, current.user_id, current.method) == (made.id, "a", "access_key")


async def test_an_api_key_is_a_bearer_and_expires_unless_renewed(everywhere: Idp, clock: ManualClock) -> None:
    await everywhere.users.create("a")
    key = await everywhere.credentials.create("a", kind="api_key", lifetime=100)
    client = everywhere.with_credential(Bearer(shown(key.secret)))
    assert (await client.users.me()).id == "a"
    clock.advance(99)
    renewed = await everywhere.credentials.renew(key)
    assert renewed.expires_at is not None
    assert renewed.expires_at.timestamp() == clock.time() + 100
    clock.advance(99)
    assert (await client.users.me()).id == "a"
    assert (await everywhere.credentials.renew(key, lifetime=5)).expires_at is not None
    clock.advance(5)
    with pytest.raises(AuthenticationError):
        await client.users.me()
    with pytest.raises(ConflictError, match="expired"):
        await everywhere.credentials.renew(key)
    assert (await everywhere.credentials.get(key)).expires_at is not None


async def test_api_keys_live_90_days_and_access_keys_for_ever_by_default(
    idp: Idp, clock: ManualClock
) -> None:
    api = await idp.credentials.create(kind="api_key")
    assert api.expires_at is not None
    assert api.expires_at.timestamp() == clock.time() + 90 * 86400
    access = await idp.credentials.create()
    assert access.expires_at is None
    with pytest.raises(ConflictError, match="does not expire"):
        await idp.credentials.renew(access)
    limited = await idp.credentials.create(lifetime=10)
    client = idp.with_credential(AccessKey(limited.id, shown(limited.secret)))
    await client.users.me()
    clock.advance(10)
    with pytest.raises(AuthenticationError):
        await client.users.me()


async def test_lists_are_ordered_filtered_and_resumable(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    made = [
        await everywhere.credentials.create("a", kind=kind) for kind in ("totp", "api_key", "access_key") * 2
    ]
    made = [*made[1:3], *made[3:]]  # the second enrolment took the place of the first
    ids = sorted(key.id for key in made)
    assert [key.id for key in await everywhere.credentials.list("a")] == ids
    for kind, count in (("totp", 1), ("api_key", 2), ("access_key", 2)):
        found = await everywhere.credentials.list("a", kind=kind)
        assert [key.kind for key in found] == [kind] * count
    walked: list[str] = []
    cursor = None
    while True:
        page = await anext(everywhere.credentials.list("a", cursor=cursor, limit=2).pages())
        walked += [key.id for key in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert walked == ids
    with pytest.raises(NotSupportedError, match="access_key, api_key, totp"):
        everywhere.credentials.list("a", kind="s3")
    with pytest.raises(NotFoundError):
        await everywhere.credentials.list("nobody")


async def test_a_deleted_key_is_dead_with_all_that_was_got_by_it(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    key = await everywhere.credentials.create("a")
    other = await key_of(everywhere, "a")
    session = await everywhere.sessions.create("access_key", identifier=key.id, secret=shown(key.secret))
    by_session = everywhere.with_credential(session)
    constrained = everywhere.with_credential(await by_session.sessions.constrain(["*"]))
    token = await by_session.tokens.issue()
    direct = await everywhere.with_credential(AccessKey(key.id, shown(key.secret))).tokens.issue()
    deletion = await everywhere.credentials.delete(key)
    assert deletion.existed
    assert [left.what for left in deletion.residual] == [
        "1 access token(s), only where they are verified offline"
    ]
    for client in (by_session, constrained, *(everywhere.with_credential(each) for each in (token, direct))):
        with pytest.raises(AuthenticationError):
            await client.users.me()
    for each in (token, direct):
        with pytest.raises(AuthenticationError):
            await everywhere.tokens.refresh(each)
    with pytest.raises(AuthenticationError):
        await everywhere.sessions.create("access_key", identifier=key.id, secret=shown(key.secret))
    assert (await other.users.me()).id == "a"
    with pytest.raises(NotFoundError):
        await everywhere.credentials.delete(key)
    assert not (await everywhere.credentials.delete(key, missing_ok=True)).existed
    with pytest.raises(NotFoundError):
        await everywhere.credentials.get(key)


async def test_a_key_of_one_user_is_not_found_with_another(idp: Idp) -> None:
    await idp.users.create("a")
    await idp.users.create("b")
    key = await idp.credentials.create("a")
    for verb in (idp.credentials.get, idp.credentials.delete, idp.credentials.renew):
        with pytest.raises(NotFoundError):
            await verb(key.id, user="b")
        with pytest.raises(NotFoundError):
            await verb(key.id)  # the root principal has none
        with pytest.raises(InvalidRequestError, match="belongs to 'a'"):
            await verb(key, user="b")
    assert (await idp.credentials.get(Credential(id=key.id), user="a")).id == key.id


async def test_rotation_keeps_both_until_the_hand_over_is_done(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    old = await everywhere.credentials.create("a", kind="api_key", name="n", lifetime=1000)

    async def works(key: Credential) -> bool:
        try:
            return (await everywhere.with_credential(Bearer(shown(key.secret))).users.me()).id == "a"
        except AuthenticationError:
            return False

    async with everywhere.credentials.rotate(old) as new:
        assert await works(old)
        assert await works(new)
        assert (new.kind, new.name, new.expires_at) == ("api_key", "n", old.expires_at)
    assert not await works(old)
    assert await works(new)
    with pytest.raises(PartialFailureError, match="both alive") as stopped:
        async with everywhere.credentials.rotate(new) as newer:
            raise RuntimeError("the deployment failed")
    assert stopped.value.left == (f"delete {new.id}",)
    assert await works(new)
    assert await works(newer)
    with pytest.raises(NotFoundError):
        async with everywhere.credentials.rotate(old):
            raise AssertionError("there is nothing to rotate")


async def test_a_key_can_rotate_itself(idp: Idp) -> None:
    await idp.users.create("a")
    await grant(idp, "a", allow("credentials:Create"))
    old = await idp.credentials.create("a")
    client = idp.with_credential(AccessKey(old.id, shown(old.secret)))
    async with client.credentials.rotate(old) as new:
        pass
    with pytest.raises(AuthenticationError):
        await client.users.me()
    assert (await idp.with_credential(AccessKey(new.id, shown(new.secret))).users.me()).id == "a"


async def test_what_makes_no_sense_is_refused(idp: Idp) -> None:
    for lifetime in (0, -1, float("nan"), float("inf"), 1e10, True):
        with pytest.raises(InvalidRequestError, match="lifetime"):
            await idp.credentials.create(lifetime=lifetime)
    with pytest.raises(NotFoundError):
        await idp.credentials.create("nobody")
    with pytest.raises(NotSupportedError):
        await idp.credentials.create(kind="password")
    with pytest.raises(NotSupportedError, match="lifetime"):
        await idp.credentials.create(kind="totp", lifetime=5)
    key = await idp.credentials.create()
    with pytest.raises(InvalidRequestError, match="no authenticator"):
        await idp.credentials.confirm(key, "123456")
    authenticator = await idp.credentials.create(kind="totp")
    with pytest.raises(ConflictError):
        await idp.credentials.renew(authenticator)
    with pytest.raises(NotSupportedError, match="confirm a new one"):
        async with idp.credentials.rotate(authenticator):
            raise AssertionError("an authenticator cannot be rotated")
