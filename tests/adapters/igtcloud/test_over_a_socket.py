"""The adapter over the emulator on a real socket: every cell, under every way in which the server may behave."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)

pytestmark = pytest.mark.anyio

WAYS: tuple[tuple[str, ...], ...] = (
    (),
    ("created=200", "done=200"),
    ("missing=400", "error_body=text"),
    ("missing=400", "error_body=empty", "mask=ignored"),
    ("refresh_csrf=other", "cookies=folded"),
    ("absent=null", "private_key=bare"),
    ("orphaned=dead", "logout=401"),
)


@pytest.fixture(params=WAYS, ids=lambda choices: ",".join(choices) or "as proposed")
def choices(request: pytest.FixtureRequest) -> tuple[str, ...]:
    told: tuple[str, ...] = request.param
    return told


async def test_people(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        idp = it.idp
        made = await idp.users.create("ann", name="Ann van Dam", email="ann@example.org")
        assert (made.id, made.name, made.email, made.active) == (
            "ann",
            "Ann van Dam",
            "ann@example.org",
            True,
        )
        assert (made.profile.given_name, made.profile.family_name) == ("Ann van", "Dam")
        with pytest.raises(ConflictError):
            await idp.users.create("ann")
        assert (await idp.users.create("ann", exist_ok=True)).uuid == made.uuid
        assert (await idp.users.create("bob@example.net")).email == "bob@example.net"
        assert (await idp.users.create("cy")).email == "cy@example.com"
        assert [one.id for one in await idp.users.list(email="ann@example.org")] == ["ann"]
        assert [one.id for one in await idp.users.list(prefix="b")] == ["bob@example.net"]
        assert [one.id for one in await idp.users.list(limit=2)] == ["admin@example.com", "ann"]
        changed = await idp.users.update("ann", email="new@example.org")
        assert (changed.name, changed.email) == ("Ann van Dam", "new@example.org")
        changed = await idp.users.update("ann", name="Ann")
        assert (changed.name, changed.email) == ("Ann", "new@example.org")
        puts = it.count("PUT")
        assert (await idp.users.update("ann", name="Ann")).name == "Ann"
        assert it.count("PUT") == puts
        for verb in (idp.users.get, idp.users.update, idp.users.delete):
            with pytest.raises(NotFoundError):
                await verb("nobody")
        deletion = await idp.users.delete("ann")
        assert deletion.existed
        assert deletion.residual[0].until == datetime.fromtimestamp(it.clock.time() + 1800, UTC)
        assert not (await idp.users.delete("ann", missing_ok=True)).existed
        assert (await idp.users.create("ann")).uuid != made.uuid


async def test_what_the_facade_does_not_know_of_a_user_survives_an_update(place: Any) -> None:
    async with place() as it:
        told = {
            "loginId": "ann",
            "email": "ann@example.org",
            "givenName": "Ann",
            "familyName": "Dam",
            "istLevel": "2",
            "preferredLanguage": "nl-NL",
            "trainingStartDate": "2026-01-01T00:00:00Z",
            "trainingEndDate": "2026-02-01T00:00:00Z",
        }
        await it.idp.native.post_users(told)
        changed = await it.idp.users.update("ann", name="Anna Dam")
        settings = changed.settings
        assert (settings.ist_level, settings.preferred_language) == ("2", "nl-NL")
        assert (settings.training_start_date, settings.training_end_date) == ("2026-01-01", "2026-02-01")


async def test_groups(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        idp = it.idp
        for id in ("g1", "g2", "h1"):
            await it.group(id, f"Group {id}")
        await idp.users.create("ann")
        await idp.users.create("bob")
        assert [one.id for one in await idp.groups.list(prefix="g")] == ["g1", "g2"]
        assert (await idp.groups.get("g1")).name == "Group g1"
        for id in ("g1", "h1", "g1"):
            await idp.groups.add_member(id, "ann")
        await idp.groups.add_member("g1", "bob")
        assert [one.id for one in await idp.groups.members("g1")] == ["ann", "bob"]
        assert [one.id for one in await idp.users.groups("ann")] == ["g1", "h1"]
        await idp.groups.remove_member("g1", "ann")
        await idp.groups.remove_member("g1", "ann")
        assert [one.id for one in await idp.groups.members("g1")] == ["bob"]
        assert [one.id for one in await idp.users.groups("ann")] == ["h1"]
        assert list(await idp.groups.members("g2")) == []
        for call in (
            idp.groups.get("none"),
            idp.groups.members("none"),
            idp.groups.add_member("none", "ann"),
            idp.groups.add_member("g1", "nobody"),
            idp.users.groups("nobody"),
        ):
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(NotSupportedError):
            await idp.groups.create("new")


async def test_services(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        idp = it.idp
        made = await idp.users.create(name="uploader", kind="service")
        assert made.kind == "service"
        assert made.private_key is not None
        assert made.private_key.reveal() not in f"{made!r}{made.model_dump_json()}"
        listed = await idp.users.list(kind="service")
        assert [(one.id, one.private_key) for one in listed] == [(made.id, None)]
        assert (await idp.users.get(made.id, kind="service")).name == "uploader"
        with pytest.raises(NotFoundError):
            await idp.users.get(made.id)
        machine = idp.with_credential(AccessKey(made.id, made.private_key))
        me = await machine.users.me()
        assert (me.id, me.kind) == (made.id, "service")
        assert (await machine.sessions.current()).method == "jwt-key"
        assert it.count("/login/$aud") == 1
        token = await machine.tokens.refresh()
        assert token.user_id == made.id
        following = await machine.tokens.refresh(token)  # carries no refresh token: signs in again
        assert following.id != token.id
        assert it.count("/refresh") == 0
        assert it.count("/login/$aud") == 1
        with pytest.raises(PermissionDeniedError):
            await machine.credentials.create(action="GET")
        assert (await machine.credentials.create(action="PUT")).action == "PUT"
        assert (await idp.users.delete(made.id, kind="service")).existed
        assert not (await idp.users.delete(made.id, kind="service", missing_ok=True)).existed
        with pytest.raises(NotFoundError):
            await idp.users.delete(made.id, kind="service")
        with pytest.raises(AuthenticationError):
            await machine.tokens.issue()


async def test_signing_in_and_out(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        idp = it.idp
        await idp.users.create("ann")
        await it.password("ann", "hers")
        assert [one.id for one in await idp.sessions.methods()] == ["password", "jwt-key"]
        session = await idp.sessions.create("password", identifier="ann", secret="hers")
        assert (session.user_id, session.method) == ("ann", "password")
        assert session.token is not None
        assert session.csrf_token is not None
        assert session.expires_at == datetime.fromtimestamp(it.clock.time() + 1800, UTC)
        ann = idp.with_credential(session)
        assert (await ann.users.me()).id == "ann"
        assert (await ann.sessions.current()).id == session.id
        with pytest.raises(AuthenticationError):
            await idp.sessions.create("password", identifier="ann", secret="another's")
        with pytest.raises(NotSupportedError):
            await idp.sessions.create("telepathy", identifier="x", secret="y")
        assert (await ann.sessions.end()).server_side
        for verb in (ann.users.me, ann.sessions.end):
            with pytest.raises(AuthenticationError):
                await verb()
        other = await idp.sessions.create("password", identifier="ann", secret="hers")
        assert (await idp.sessions.end(other)).server_side
        with pytest.raises(AuthenticationError):
            await idp.sessions.end(other)
        old = await idp.sessions.create("password", identifier="ann", secret="hers")
        it.clock.at += 1801
        assert (await idp.sessions.end(old)).server_side  # with hasExpired
        assert it.count("hasExpired=True") == 1


async def test_tokens(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        idp = it.idp
        token = await idp.tokens.issue()
        assert token.csrf_token is not None
        following = await idp.tokens.refresh(token)
        assert following.id != token.id
        assert following.csrf_token == token.csrf_token  # that of the login, whatever the refresh says
        client = idp.with_credential(following)
        await client.users.create("ann")  # so it is good for writing
        claims = await client.tokens.introspect()
        assert (claims.active, claims.subject) == (True, "admin@example.com")
        assert (await idp.tokens.introspect(token)).token_id == token.id
        assert (await client.tokens.refresh()).id not in (token.id, following.id)
        assert not (await idp.tokens.introspect("nobody's token")).active
        it.clock.at += 1801
        assert not (await idp.tokens.introspect(token)).active
        with pytest.raises(AuthenticationError):
            await idp.tokens.refresh(token)
        with pytest.raises(AuthenticationError):
            await idp.with_credential(token).users.me()
        assert (await idp.tokens.refresh()).user_id == "admin@example.com"


async def test_a_client_refreshes_in_time_and_signs_in_when_that_is_too_late(
    place: Any, choices: tuple[str, ...]
) -> None:
    async with place(*choices) as it:
        await it.idp.users.create("ann")
        assert (it.count("/login"), it.count("/refresh")) == (1, 0)
        for number in range(1, 4):
            it.clock.at += 1800 - 20  # in the mandatory window: everybody waits for the refresh
            await it.idp.users.create(f"user-{number}")
            assert (it.count("/login"), it.count("/refresh")) == (1, number)
        it.clock.at += 1801
        await it.idp.users.create("late")
        assert it.count("/login") == 2


async def test_a_given_token_is_refreshed_as_long_as_it_can_be(place: Any) -> None:
    async with place("refresh_csrf=other") as it:
        token = await it.idp.tokens.issue()
        given = it.idp.with_credential(token)
        for number in range(3):
            await given.users.create(f"user-{number}")
            it.clock.at += 1780
        assert it.count("/refresh") == 2
        bare = it.idp.with_credential(Bearer((await it.idp.tokens.issue()).value))
        assert (await bare.users.me()).id == "admin@example.com"
        with pytest.raises(AuthenticationError):
            await bare.users.create("without-csrf")


async def test_expired_in_the_middle_of_a_list(place: Any) -> None:
    async with place() as it:
        for number in range(4):
            await it.idp.users.create(f"user-{number}")
        ids = []
        async for page in it.idp.users.list(prefix="user", limit=4).pages():
            ids += [one.id for one in page.items]
            it.clock.at += 1801
        assert len(ids) == 4
        token = await it.idp.tokens.issue()
        client = it.idp.with_credential(token)
        first = await client.users.list(limit=2)
        it.clock.at += 1801
        with pytest.raises(AuthenticationError):
            await client.users.list(cursor="2")
        assert len(first) == 2


async def test_permissions(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        idp = it.idp
        me = "admin@example.com"
        held = {one.actions[0] for one in await idp.policies.permissions()}
        assert "user.write" in held
        assert {one.actions[0] for one in await idp.policies.permissions(me)} == held
        assert [one.actions for one in await idp.policies.permissions(limit=1)] == [("group.read",)]
        for resource in ("*", "org-1"):
            assert await idp.policies.check(me, "user.write", resource)
            assert not await idp.policies.check(me, "user.fly", resource)
        assert not await idp.policies.check(me, "user.write", "org-2")
        with pytest.raises(PermissionDeniedError):
            await idp.policies.require(me, "user.fly", "*")
        for call in (idp.policies.check("ann", "user.write", "*"), idp.policies.permissions("ann")):
            with pytest.raises(NotSupportedError, match="with_credential"):
                await call


async def test_who_may_nothing(place: Any, choices: tuple[str, ...]) -> None:
    async with place(*choices) as it:
        await it.idp.users.create("ann")
        ann = it.idp.with_credential(await it.password("ann"))
        assert (await ann.users.me()).id == "ann"
        assert list(await ann.policies.permissions()) == []
        for call in (
            ann.users.list(),
            ann.users.create("x"),
            ann.groups.list(),
            ann.users.list(kind="service"),
        ):
            with pytest.raises(PermissionDeniedError):
                await call
        nobody = it.idp.with_credential(None)
        with pytest.raises(AuthenticationError):
            await nobody.users.me()
        assert (await nobody.ping()).principal is None
        with pytest.raises(AuthenticationError):
            await nobody.sessions.end()
        await it.idp.users.delete("ann")
        with pytest.raises(AuthenticationError):
            await it.idp.with_credential(await it.password("ann", "other")).users.me()


async def test_s3_credentials_are_kept_and_fetched_again_in_time(place: Any) -> None:
    async with place() as it:
        credentials = it.idp.credentials
        first = await credentials.create(prefix="p1/study/")
        assert (first.kind, first.bucket, first.resources) == ("s3", "igt-data", ("p1/study/*",))
        assert first.as_boto3() == {
            "aws_access_key_id": first.id,
            "aws_secret_access_key": first.secret.reveal(),
            "aws_session_token": first.session_token.reveal(),
        }
        assert first.secret.reveal() not in f"{first!r}{first.model_dump_json()}"
        assert first.expires_at == datetime.fromtimestamp(it.clock.time() + 12 * 3600, UTC)
        assert await credentials.create(prefix="p1/study/") is first
        assert (await credentials.create(prefix="p2/")).id != first.id
        assert (await credentials.create(prefix="p1/study/", action="PUT")).id != first.id
        it.clock.at += 11 * 3600 - 1
        assert await credentials.create(prefix="p1/study/") is first
        it.clock.at += 2
        second = await credentials.create(prefix="p1/study/")
        assert second.id != first.id
        third = await credentials.renew(second.id)
        assert third.id != second.id
        assert (await credentials.renew(first)).prefix == "p1/study/"
        with pytest.raises(InvalidRequestError):
            await credentials.renew("ASIANOBODY")
        with pytest.raises(InvalidRequestError):
            await credentials.create(action="EAT")


@pytest.mark.parametrize("path", ["", "/api", "/api/auth", "/auth", "/data"])
async def test_both_base_paths(place: Any, path: str) -> None:
    async with place(path=path) as it:
        assert (await it.idp.users.me()).id == "admin@example.com"
        prefix = "" if path in ("/auth", "/data") else "/api"
        assert it.seen[0] == f"POST {prefix}/auth/login?"


async def test_masks(place: Any) -> None:
    async with place() as it:
        native = it.idp.native
        told = await native.get_introspect_resource(x_fields="sub, exp")
        assert told.sub
        assert told.exp
        assert told.iss is None
        told = await native.get_introspect_resource(x_fields="{organizations{managingOrganization}}")
        assert told.organizations.managing_organization == "org-1"
        assert told.organizations.organization_list == ()
        assert (await native.get_introspect_resource(x_fields="*")).active
        assert (await native.get_permissions_resource(x_fields="nothing")).permissions == ()
        (user,) = await native.get_users(x_fields="loginId")
        assert (user.id, user.uuid) == ("admin@example.com", None)
        for bad in ("{sub", "sub,,exp", "sub}", "(", "organizations{", ",", "{}"):
            with pytest.raises(InvalidRequestError):
                await native.get_introspect_resource(x_fields=bad)
