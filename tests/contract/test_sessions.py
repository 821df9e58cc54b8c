"""Signing in and out."""

from __future__ import annotations

import pytest

from contract.marks import covers, needs
from contract.target import World
from identity_sdk.errors import (
    AuthenticationError,
    ChallengeRequiredError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)
from identity_sdk.models import Session

pytestmark = pytest.mark.anyio


@covers("sessions.methods")
@needs("credentials.create", "kind=access_key")
async def test_methods_are_what_create_takes(world: World) -> None:
    methods = [method.id for method in await world.idp.sessions.methods()]
    assert "access_key" in methods
    assert len(set(methods)) == len(methods)
    assert methods == [method.id async for method in world.idp.sessions.methods()]
    with pytest.raises(NotSupportedError):
        await world.idp.sessions.create("telepathy", identifier="x", secret="y")


@covers("sessions.create", "identifier", "secret")
@needs("credentials.create")
@needs("credentials.create", "kind=access_key")
async def test_signing_in_by_an_access_key(world: World) -> None:
    user = await world.key_user()
    key = await world.idp.credentials.create(user)
    assert key.secret is not None
    session = await world.idp.sessions.create("access_key", identifier=key.id, secret=key.secret)
    assert isinstance(session, Session)
    assert (session.user_id, session.method) == (user, "access_key")
    assert session.id
    assert session.token is not None
    assert session.token.reveal() not in f"{session!r}{session.model_dump_json()}"
    assert session.expires_at is not None
    assert session.expires_at.timestamp() > world.clock.time()
    client = world.idp.with_credential(session)
    assert (await client.users.me()).id == user
    again = await world.idp.sessions.create("access_key", identifier=key.id, secret=key.secret.reveal())
    assert again.id != session.id


@covers("sessions.create", "identifier", "secret")
@needs("credentials.create")
@needs("credentials.create", "kind=access_key")
async def test_a_wrong_secret_is_refused(world: World) -> None:
    key = await world.idp.credentials.create(await world.key_user())
    for identifier, secret in ((key.id, "abracadabra"), (world.rules.unknown_key, "abracadabra")):
        with pytest.raises(AuthenticationError) as refused:
            await world.idp.sessions.create("access_key", identifier=identifier, secret=secret)
        assert "abracadabra" not in f"{refused.value!r}{refused.value}"
    for choice in ({"identifier": key.id}, {"secret": "x"}, {}):
        with pytest.raises(InvalidRequestError) as incomplete:
            await world.idp.sessions.create("access_key", **choice)
        assert not incomplete.value.sent


@covers("sessions.create", "code", "state")
async def test_the_code_of_a_callback_that_nobody_gave(world: World) -> None:
    """Where sign-in ends in an OAuth callback (RFC 6749 section 4.1.2): a made-up code signs nobody in."""
    with pytest.raises(AuthenticationError):
        await world.idp.sessions.create(world.rules.callback_method, code="made up", state="by nobody")


@covers("sessions.create", "identifier", "secret", "code")
@needs("users.create", "password")
@needs("credentials.create", "kind=totp")
async def test_a_password_and_a_second_factor(world: World) -> None:
    user = world.name()
    await world.idp.users.create(user, password="correct horse")
    session = await world.idp.sessions.create("password", identifier=user, secret="correct horse")
    assert (session.user_id, session.method) == (user, "password")
    totp = await world.idp.credentials.create(user, kind="totp")
    assert totp.secret is not None
    await world.idp.credentials.confirm(totp.id, world.code(totp.secret), user=user)
    with pytest.raises(ChallengeRequiredError) as challenge:
        await world.idp.sessions.create("password", identifier=user, secret="correct horse")
    assert challenge.value.challenge == "totp"
    world.clock.advance(60)
    code = world.code(totp.secret)
    session = await world.idp.sessions.create("password", identifier=user, secret="correct horse", code=code)
    assert session.user_id == user
    with pytest.raises(AuthenticationError):  # a code works once (RFC 6238 section 5.2)
        await world.idp.sessions.create("password", identifier=user, secret="correct horse", code=code)


@covers("sessions.current")
@needs("sessions.create", "identifier", "secret")
@needs("credentials.create", "kind=access_key")
async def test_the_current_session(world: World) -> None:
    user = await world.key_user()
    key = await world.idp.credentials.create(user)
    signed_in = await world.idp.sessions.create("access_key", identifier=key.id, secret=key.secret)
    for client in (world.idp.with_credential(signed_in), await world.sign_in(key)):
        current = await client.sessions.current()
        assert current.user_id == user
        assert current.id
        assert current.token is None
    current = await world.idp.with_credential(signed_in).sessions.current()
    assert current.id == signed_in.id
    mine = await world.idp.sessions.current()
    assert mine.user_id == (await world.idp.users.me()).id


@covers("sessions.end", "session")
@needs("sessions.create", "identifier", "secret")
@needs("credentials.create", "kind=access_key")
async def test_signing_out(world: World) -> None:
    key = await world.idp.credentials.create(await world.key_user())
    given = await world.idp.sessions.create("access_key", identifier=key.id, secret=key.secret)
    own = await world.idp.sessions.create("access_key", identifier=key.id, secret=key.secret)
    for session, ended in (
        (given, await world.idp.with_credential(given).sessions.end(given)),
        (own, await world.idp.with_credential(own).sessions.end()),
    ):
        client = world.idp.with_credential(session)
        if ended.server_side:
            with pytest.raises(AuthenticationError):
                await client.users.me()
        else:
            await client.users.me()  # stateless: it lives on, and the answer says so
    assert await world.alive(key)


@covers("sessions.constrain", "lifetime")
@needs("credentials.create", "user")
async def test_a_constrained_session_may_do_less_and_for_less_long(world: World) -> None:
    user = await world.user()
    await world.grant_all(user)
    client = await world.sign_in(await world.idp.credentials.create(user))
    scope, allowed, refused = world.rules.scope
    session = await client.sessions.constrain([scope], lifetime=120)
    assert session.user_id == user
    assert session.scopes == (scope,)
    narrow = world.idp.with_credential(session)
    await allowed(narrow, user)
    with pytest.raises(PermissionDeniedError):
        await refused(narrow, user)
    await refused(client, user)
    world.clock.advance(121)
    with pytest.raises(AuthenticationError):
        await allowed(narrow, user)
    with pytest.raises(InvalidRequestError):
        await client.sessions.constrain([])


@covers("sessions.impersonate")
async def test_impersonation(world: World) -> None:
    user = await world.user()
    session = await world.idp.sessions.impersonate(user)
    assert session.user_id == user
    client = world.idp.with_credential(session)
    assert (await client.users.me()).id == user
    with pytest.raises(PermissionDeniedError):
        await client.users.create(world.name())
    with pytest.raises(NotFoundError):
        await world.idp.sessions.impersonate(world.name("nobody"))
    await world.idp.users.delete(user)
    with pytest.raises(AuthenticationError):
        await client.users.me()
