"""What only some backends have: rights granted for somebody and taken back, API keys and sessions on the server."""

from __future__ import annotations

from typing import Any

import pytest

from contract.marks import covers, needs, only
from contract.target import World
from identity_sdk.auth.sources import ApiKey
from identity_sdk.errors import (
    AuthenticationError,
    ChallengeRequiredError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)

pytestmark = [pytest.mark.anyio, only(column="argus")]

PASSWORD = "the administrator's password"


# Functions.


@covers("policies.get")
@covers("policies.attach", "user", "group", "customer")
@covers("policies.detach", "user", "group", "customer")
async def test_grants_for_a_customer(world: World) -> None:
    user, group, name = await world.user(), await world.group(), await world.policy()
    policy = await world.idp.policies.get(name)
    assert (policy.id, policy.statements[0].actions, policy.statements[0].resources) == (
        name,
        (name,),
        ("*",),
    )
    for customer in ("mnemonic", "acme", "acme"):
        await world.idp.policies.attach(name, user=user, customer=customer)
    await world.idp.policies.attach(name, group=group, customer="acme")
    (held,) = await world.idp.users.policies(user)
    assert (held.id, held.statements[0].resources) == (name, ("acme", "mnemonic"))
    await world.idp.policies.detach(name, user=user, customer="acme")
    (held,) = await world.idp.users.policies(user)
    assert held.statements[0].resources == ("mnemonic",)
    await world.idp.policies.attach(name, user=user, customer="acme")
    await world.idp.policies.detach(name, user=user)
    await world.idp.policies.detach(name, group=group, customer="acme")
    assert list(await world.idp.users.policies(user)) == list(await world.idp.groups.policies(group)) == []
    for call in (world.idp.policies.get("no-such"), world.idp.policies.attach("no-such", user=user)):
        with pytest.raises(NotFoundError):
            await call
    with pytest.raises((NotFoundError, InvalidRequestError)):
        await world.idp.policies.attach(name, user=user, customer="nobody")
    for bad in ("", "a/b", "42", "."):
        with pytest.raises(InvalidRequestError):
            await world.idp.policies.get(bad)


@covers("policies.check")
async def test_the_server_decides(world: World) -> None:
    user, group = await world.user(), await world.group()
    action, customer = world.rules.allowed
    await world.idp.groups.add_member(group, user)
    assert not await world.idp.policies.check(user, action, customer)
    await world.idp.policies.attach("administrateUsers", group=group, customer="mnemonic")
    client = await world.sign_in(await world.idp.credentials.create(user))
    for idp in (world.idp, client):  # asked by another, and about oneself
        for function, place in ((action, "mnemonic"), (action, "acme"), ("administrateUsers", "acme")):
            decision = await idp.policies.check(user, function, place)
            assert decision
            assert decision.reason
            assert decision.decided_by == "server"
        assert not await idp.policies.check(user, "all", "mnemonic")
        with pytest.raises(PermissionDeniedError):
            await idp.policies.require(user, "impersonateUser", "mnemonic")
    with pytest.raises(NotFoundError):
        await world.idp.policies.check(world.name("nobody"), action, customer)
    with pytest.raises(InvalidRequestError):
        await world.idp.policies.check(user, action, "")


@covers("policies.permissions", "user")
async def test_granted_functions_as_statements(world: World) -> None:
    user, group = await world.user(), await world.group()
    assert list(await world.idp.policies.permissions(user)) == []
    await world.idp.groups.add_member(group, user)
    await world.idp.policies.attach("viewUsers", user=user, customer="acme")
    await world.idp.policies.attach("impersonateUser", group=group)
    said = [(one.policy, one.actions, one.resources) for one in await world.idp.policies.permissions(user)]
    wanted = [
        ("impersonateUser", ("impersonateUser",), ("mnemonic",)),
        ("viewUsers", ("viewUsers",), ("acme",)),
    ]
    assert said == wanted
    client = await world.sign_in(await world.idp.credentials.create(user))
    assert [one.policy for one in await client.policies.permissions()] == ["impersonateUser", "viewUsers"]


@covers("users.create", "customer")
@covers("groups.create", "customer")
async def test_whose_users_and_groups_they_are(world: World) -> None:
    user = await world.idp.users.create(world.name(), customer="acme")
    group = await world.idp.groups.create(world.name("group"), customer="acme")
    for made in (user, group, await world.idp.users.get(user.id), await world.idp.groups.get(group.id)):
        assert made.customer.short_name == "acme"


# API keys and authenticators.


@covers("credentials.create", "valid_sources", "password", "name")
@covers("credentials.renew", "password")
async def test_ones_own_keys(world: World) -> None:
    made = await world.idp.credentials.create(
        name="laptop", valid_sources=("203.0.113.0/24", "127.0.0.1"), password=PASSWORD
    )
    assert (made.name, [one.network for one in made.valid_sources]) == (
        "laptop",
        ["203.0.113.0/24", "127.0.0.1/32"],
    )
    assert await world.alive(made)
    assert (await world.idp.credentials.renew(made, password=PASSWORD)).id == made.id
    elsewhere = await world.idp.credentials.create(valid_sources=("203.0.113.0/24",))
    assert not await world.alive(elsewhere)
    with pytest.raises((AuthenticationError, PermissionDeniedError, InvalidRequestError)):
        await world.idp.credentials.create(password="not the password")
    async with world.idp.credentials.rotate(elsewhere) as new:
        assert [one.network for one in new.valid_sources] == ["203.0.113.0/24"]


@covers("credentials.create", "kind=totp")
@covers("credentials.confirm", "cookie")
@covers("credentials.list", "kind=totp")
@covers("credentials.delete")
async def test_ones_own_authenticator(world: World) -> None:
    made = await world.idp.credentials.create(kind="totp")
    assert made.secret is not None
    assert made.uri is not None
    assert made.uri.reveal().startswith("otpauth://totp/")
    assert made.confirmed is False
    assert made.secret.reveal() not in f"{made!r}{made.model_dump_json()}"
    assert list(await world.idp.credentials.list(kind="totp")) == []
    with pytest.raises(AuthenticationError):
        await world.idp.credentials.confirm(made, "000000")
    with pytest.raises(InvalidRequestError):
        await world.idp.credentials.confirm(made.id, "000000")
    code = world.code(made.secret)
    confirmed = await world.idp.credentials.confirm(made.id, code, cookie=made.cookie)
    assert (confirmed.id, confirmed.confirmed, confirmed.secret) == (made.id, True, None)
    (listed,) = await world.idp.credentials.list(kind="totp")
    assert (listed.id, listed.kind, listed.confirmed) == (made.id, "totp", True)
    assert (await world.idp.credentials.get(made.id)).confirmed
    assert (await world.idp.credentials.delete(made.id)).existed
    assert not (await world.idp.credentials.delete(made.id, missing_ok=True)).existed


@covers("credentials.create", "user", "kind=totp")
@covers("credentials.list", "user", "kind=totp")
@covers("credentials.delete", "user")
async def test_an_authenticator_by_an_administrator_counts_at_once(world: World) -> None:
    user = await world.user()
    made = await world.idp.credentials.create(user, kind="totp")
    assert made.confirmed is True
    assert [one.id for one in await world.idp.credentials.list(user, kind="totp")] == [made.id]
    await world.idp.credentials.delete(made.id, user=user)
    assert list(await world.idp.credentials.list(user)) == []


# Sessions.


@covers("sessions.methods")
@covers("sessions.create", "secret")
@covers("sessions.current")
@covers("sessions.end", "session")
async def test_a_session_by_an_api_key(world: World) -> None:
    assert "api_key" in [one.id for one in await world.idp.sessions.methods()]
    user = await world.user()
    key = await world.idp.credentials.create(user)
    assert key.secret is not None
    session = await world.idp.sessions.create("api_key", secret=key.secret)
    assert (session.user_id, session.method) == (user, "api_key")
    assert session.token is not None
    assert session.token.reveal() not in f"{session!r}{session.model_dump_json()}"
    client = world.idp.with_credential(session)
    assert (await client.sessions.current()).id == session.id
    again = await world.idp.sessions.create("api_key", secret=key.secret.reveal())
    assert again.id != session.id
    by_key = await world.sign_in(key)
    assert (await by_key.sessions.current()).id == key.id
    assert not (await by_key.sessions.end()).server_side
    assert (await by_key.sessions.end(again)).server_side
    assert (await client.sessions.end()).server_side
    for ended in (session, again):
        with pytest.raises(AuthenticationError):
            await world.idp.with_credential(ended).users.me()
    assert await world.alive(key)
    for wrong in ("abracadabra", "1ab/2c/abracadabra", f"{key.id}/abracadabra"):
        with pytest.raises(AuthenticationError) as refused:
            await world.idp.sessions.create("api_key", secret=wrong)
        assert "abracadabra" not in f"{refused.value!r}{refused.value}"
    before = world.requests()
    for choice in ({}, {"identifier": "x", "secret": "y"}, {"secret": "y", "code": "z"}):
        with pytest.raises(InvalidRequestError):
            await world.idp.sessions.create("api_key", **choice)
    with pytest.raises(NotSupportedError):
        await world.idp.sessions.create("telepathy", secret="x")
    assert world.requests() == before


@covers("sessions.create", "identifier", "secret", "code")
@needs("credentials.create", "kind=totp")
async def test_a_session_by_password_and_code(world: World) -> None:
    who: dict[str, Any] = {"identifier": "admin", "secret": PASSWORD}
    session = await world.idp.sessions.create("password", **who)
    assert (session.user_id, session.method) == ("admin", "password")
    made = await world.idp.credentials.create(kind="totp")
    await world.idp.credentials.confirm(made, world.code(made.secret))
    with pytest.raises(AuthenticationError):
        await world.idp.sessions.create("password", **who)
    with pytest.raises(AuthenticationError):
        await world.idp.sessions.create("totp", **who, code="000000")
    code = world.code(made.secret)
    session = await world.idp.sessions.create("totp", **who, code=code)
    assert (await world.idp.with_credential(session).users.me()).id == session.user_id == "admin"
    with pytest.raises(ChallengeRequiredError) as challenge:  # 206: a code works once
        await world.idp.sessions.create("totp", **who, code=code)
    assert (challenge.value.challenge, challenge.value.status) == ("totp", 206)
    world.clock.advance(31)
    assert await world.idp.sessions.create("totp", **who, code=world.code(made.secret))


@covers("sessions.constrain")
async def test_a_session_that_may_do_less(world: World) -> None:
    user = await world.user()
    await world.grant_all(user)
    client = await world.sign_in(await world.idp.credentials.create(user))
    scope, allowed, refused = world.rules.scope
    session = await client.sessions.constrain([scope])
    assert (session.user_id, session.scopes) == (user, (scope,))
    narrow = world.idp.with_credential(session)
    await allowed(narrow, user)
    with pytest.raises(PermissionDeniedError):
        await refused(narrow, user)
    with pytest.raises(PermissionDeniedError):  # never more again
        await narrow.sessions.constrain(["administrateUsers"])
    await refused(client, user)
    read_only = world.idp.with_credential(await client.sessions.constrain(["read-only", "customer:acme"]))
    await allowed(read_only, user)
    with pytest.raises(PermissionDeniedError):
        await refused(read_only, user)
    with pytest.raises(InvalidRequestError) as unknown:
        await client.sessions.constrain(["no-such-function"])
    assert unknown.value.sent
    for scopes in ([], ["customer:"]):
        with pytest.raises(InvalidRequestError) as empty:
            await client.sessions.constrain(scopes)
        assert not empty.value.sent


# Tokens.


@covers("tokens.get", "token")
@covers("tokens.revoke", "token")
@needs("tokens.issue")
async def test_session_tokens(world: World) -> None:
    user = await world.user()
    key = await world.idp.credentials.create(user)
    client = await world.sign_in(key)
    one, two = await client.tokens.issue(), await client.tokens.issue()
    read = await world.idp.tokens.get(one)
    assert (read.id, read.user_id, read.value, read.expires_at) == (one.id, user, None, one.expires_at)
    assert (await client.tokens.revoke(one)).id == one.id
    assert (await world.idp.tokens.revoke(two.value)).existed
    for token in (one, two):
        with pytest.raises(AuthenticationError):
            await world.idp.with_credential(token).users.me()
        with pytest.raises(NotFoundError):
            await client.tokens.get(token)
        with pytest.raises(NotFoundError):
            await client.tokens.revoke(token)
    for verb in (client.tokens.get, client.tokens.revoke):
        for choice in (None, read):
            with pytest.raises(InvalidRequestError):
                await verb(choice)
    with pytest.raises(NotSupportedError):
        await world.idp.with_credential(await client.tokens.issue()).tokens.refresh()
    other = await (await world.sign_in(await world.idp.credentials.create())).tokens.issue()
    with pytest.raises(InvalidRequestError):
        await client.tokens.refresh(other)
    with pytest.raises(InvalidRequestError):
        await client.tokens.refresh(other.value)
    assert isinstance(key.secret, object)
    assert ApiKey(key.secret) == ApiKey(key.secret.reveal())
