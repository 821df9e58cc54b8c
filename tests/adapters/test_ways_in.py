"""What the adapters' own tests of signing in leave open of docs/sign-in.md: fresh, expired in the middle of a list,
revoked, wrong. Cookies over TLS are in test_ways_in_tls.py.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pyotp
import pytest
from joserfc.jwk import RSAKey

from identity_sdk import AccessKey, ApiKey, Argus, Bearer, LakeFS, Password, connect
from identity_sdk.adapters.argus.inputs import PasswordChange
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.adapters.lakefs.models import LakeFSSession
from identity_sdk.emulators import argus, auth_service, igtcloud, lakefs
from identity_sdk.emulators.server import running
from identity_sdk.errors import AuthenticationError, ChallengeRequiredError, PermissionDeniedError
from identity_sdk.secrets import Secret
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

WEEK = 7 * 86400.0
PASSWORD = "a long password of the administrator"


class Clock:
    """Moved by hand; client and server share it."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def time(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(clock: Clock, anyio_backend: str) -> AsyncIterator[Store]:
    opened = Store.open("sqlite://", clock=clock.time)
    yield opened
    await opened.aclose()


async def read(idp: Any, between: Callable[[], Awaitable[object]]) -> int:
    """How many users a list brings when something happens after its first page."""
    count, pages = 0, idp.users.list().pages()
    async for page in pages:
        if not count:
            await between()
        count += len(page.items)
    return count


# lakeFS.


@asynccontextmanager
async def lakefs_root(
    store: Store, clock: Clock, codes: dict[str, str] | None = None, tls: Any = None, ca: str = "default"
) -> AsyncGenerator[tuple[Any, str]]:
    """1,501 users, which are two pages; and the base URL. ``codes`` are those of the OpenID provider."""
    admin = lakefs.Admin("admin", "AKIAJADMINADMINADMNQ", "a secret")
    app = lakefs.create_app(store, admin=admin, setup=True)
    app.state.emulator.openid.update(codes or {})
    with running(app, tls) as url:
        await store.write(lambda conn: q.seed_users(conn, 1500, created_at=1.0))
        root = AccessKey(admin.access_key_id, admin.secret_access_key)
        base_url = url + lakefs.BASE_PATH
        async with connect(LakeFS(base_url=base_url, auth=root), clock=clock, tls=ca) as idp:
            yield idp, base_url


async def powerful(idp: Any, name: str) -> Any:
    """A key of a user who may do everything."""
    await idp.users.create(name)
    await idp.groups.add_member("Admins", name)
    return await idp.credentials.create(name)


async def test_lakefs_basic_revoked_in_the_middle_of_a_list(store: Store, clock: Clock) -> None:
    async with lakefs_root(store, clock) as (idp, _):
        key = await powerful(idp, "ann")
        ann = idp.with_credential(AccessKey(key.id, key.secret))
        assert (await ann.users.me()).id == "ann"
        with pytest.raises(AuthenticationError):
            await read(ann, lambda: idp.credentials.delete(key))


async def test_lakefs_login_expired_in_the_middle_of_a_list_revoked_and_wrong(
    store: Store, clock: Clock
) -> None:
    async with lakefs_root(store, clock) as (idp, base_url):
        key = await powerful(idp, "ann")
        adapter = LakeFS(base_url=base_url, auth=AccessKey(key.id, key.secret), sign_in="login")

        async def expire() -> None:
            clock.at += WEEK + 1

        async with connect(adapter, clock=clock) as ann:
            assert await read(ann, expire) == 1502
            assert ann.stats().refreshes == 2
            await idp.credentials.delete(key)
            clock.at += WEEK + 1
            with pytest.raises(AuthenticationError):
                await ann.users.me()
        wrong = LakeFS(base_url=base_url, auth=AccessKey(key.id, "wrong"), sign_in="login")
        async with connect(wrong, clock=clock) as nobody:
            with pytest.raises(AuthenticationError):
                await nobody.users.me()


@pytest.mark.parametrize("way", ["bearer", "cookie"])
async def test_lakefs_token_and_cookie(store: Store, clock: Clock, way: str) -> None:
    """Neither can be renewed. Both are the same token here, as in the answer of a login."""

    def by(client: Any, value: Secret) -> Any:
        if way == "bearer":
            return client.with_credential(Bearer(value))
        held = LakeFSSession(id="s", user_id="ann", token=value, cookie="internal_auth_session")
        return client.with_credential(held)

    async with lakefs_root(store, clock) as (idp, _):
        key = await powerful(idp, "ann")
        signed_in = idp.with_credential(AccessKey(key.id, key.secret))
        token = (await signed_in.tokens.issue()).value
        ann = by(idp, token)
        assert (await ann.users.me()).id == "ann"

        async def expire() -> None:
            clock.at += WEEK + 1

        with pytest.raises(AuthenticationError):
            await read(ann, expire)
        ann = by(idp, (await signed_in.tokens.issue()).value)
        assert (await ann.users.me()).id == "ann"
        await idp.users.delete("ann")
        with pytest.raises(AuthenticationError):
            await ann.users.me()
        with pytest.raises(AuthenticationError):
            await by(idp, Secret(f"{token.reveal()[:-4]}AAAA")).users.me()


@pytest.fixture(scope="session")
def foreign_key() -> str:
    """A private key that nobody knows (PEM)."""
    return RSAKey.generate_key(2048).as_pem(private=True).decode("ascii")


# Auth service.


@pytest.mark.parametrize("dialect", ["documented", "real"])
async def test_auth_service_access_token_that_nothing_revokes_and_a_wrong_one(
    store: Store, clock: Clock, foreign_key: str, dialect: str
) -> None:
    """An access token is a snapshot: it outlives its user until its ten minutes are over."""
    app = auth_service.create_app(store, dialect=dialect, key=foreign_key, clock=clock.time)
    await app.state.emulator.prepare()
    boss, gone = (app.state.emulator.token(who, "ADMIN", 600.0) for who in ("boss", "gone"))
    with running(app) as url:
        adapter = AuthService(base_url=url + auth_service.BASE_PATH, auth=Bearer(boss), default_role="ADMIN")
        async with connect(adapter, clock=clock) as idp:
            await idp.users.create("gone")
            former = idp.with_credential(Bearer(gone))
            deletion = await idp.users.delete("gone")
            until = next(left.until for left in deletion.residual if "access tokens" in left.what)
            assert until is not None
            assert until.timestamp() == clock.at + 600
            assert (await former.users.me()).id == "gone"
            clock.at += 601
            with pytest.raises(AuthenticationError):
                await former.users.me()
            nobody = idp.with_credential(Bearer("wrong"))
            for call in (nobody.users.list(), nobody.users.me()):
                with pytest.raises(AuthenticationError):
                    await call


# IGT Cloud: its lists are one request each, and read again from a cursor.


@asynccontextmanager
async def igtcloud_site(
    store: Store, clock: Clock, tls: Any = None, ca: str = "default"
) -> AsyncGenerator[tuple[Any, str]]:
    admin = igtcloud.Admin("admin@example.com", PASSWORD)
    app = igtcloud.create_app(store, clock=clock.time, admin=admin)
    await app.state.emulator.prepare()
    with running(app, tls) as url:
        adapter = IgtCloud(
            base_url=url, auth=Password("admin@example.com", PASSWORD), organization=igtcloud.ROOT
        )
        async with connect(adapter, clock=clock, backoff=(0.0, 0.0), tls=ca) as idp:
            yield idp, url


async def test_igtcloud_assertion_fresh_expired_revoked_and_wrong(
    store: Store, clock: Clock, foreign_key: str
) -> None:
    async with igtcloud_site(store, clock) as (idp, _):
        robot = await idp.users.create(name="robot", kind="service")
        machine = idp.with_credential(AccessKey(robot.id, robot.private_key))
        assert (await machine.users.me()).id == robot.id
        (may,) = await machine.policies.permissions()  # the one list that a service may read, of one item
        refreshes = machine.stats().refreshes
        clock.at += 1801
        assert list(await machine.policies.permissions(cursor="0")) == [may]
        assert (
            machine.stats().refreshes == refreshes + 1
        )  # by a new assertion: its JWT holds no refresh token
        with pytest.raises(AuthenticationError):
            await idp.with_credential(AccessKey(robot.id, foreign_key)).users.me()
        await idp.users.delete(robot.id, kind="service")
        clock.at += 1801
        with pytest.raises(AuthenticationError):
            await machine.users.me()


VARIABLES = {
    "environment": {
        "base_url": "IDENTITY_SDK_BASE_URL",
        "token": "IDENTITY_SDK_TOKEN",
        "csrf_token": "IDENTITY_SDK_CSRF_TOKEN",
    },
    "official": {
        "base_url": "CLOUD_DOMAIN",
        "token": "CLOUD_JWT_TOKEN",
        "csrf_token": "CLOUD_CSRF_TOKEN",
    },
}
"""Ours, and those of the official client."""


@pytest.mark.parametrize("way", ["options", *VARIABLES])
async def test_igtcloud_cookies_and_environment(
    store: Store, clock: Clock, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The JWT is both cookies joined by a dot; the CSRF token is that of the login's answer."""
    async with igtcloud_site(store, clock) as (idp, base_url):

        def given(jwt: str, csrf: str) -> Any:
            options = {"base_url": base_url, "token": jwt, "csrf_token": csrf}
            if way == "options":
                return connect("igtcloud", clock=clock, **options)
            variables = VARIABLES[way]
            for name, value in options.items():
                monkeypatch.setenv(variables[name], value)
            return connect("igtcloud", clock=clock)

        token = await idp.tokens.issue()
        head, payload, signature = token.value.reveal().split(".")
        cookies = {"jwt_header_payload": f"{head}.{payload}", "jwt_signature": signature}
        csrf = token.csrf_token.reveal()
        async with given(".".join(cookies.values()), csrf) as ann:
            assert (await ann.users.me()).id == "admin@example.com"
            await ann.users.create("ann", email="ann@example.com")
            clock.at += 1750  # nearly over: it is refreshed, and keeps the CSRF token
            await ann.users.create("bob", email="bob@example.com")
            page = await anext(ann.users.list(limit=1).pages())
            clock.at += 1750
            assert len(await ann.users.list(cursor=page.cursor)) == 2
            clock.at += 1801
            with pytest.raises(AuthenticationError):
                await ann.users.list(cursor=page.cursor)
        revoked = await idp.tokens.issue()
        async with given(revoked.value.reveal(), revoked.csrf_token.reveal()) as ann:
            await ann.sessions.end()
            with pytest.raises(AuthenticationError):
                await ann.users.list()
        async with given(f"{revoked.value.reveal()[:-4]}AAAA", csrf) as ann:
            with pytest.raises(AuthenticationError):
                await ann.users.list()


async def test_igtcloud_refresh_fresh_expired_in_the_middle_of_a_list_revoked_and_wrong(
    store: Store, clock: Clock
) -> None:
    """A JWT that carries a refresh token; each refresh answers another, and the CSRF token of the login stays."""
    async with igtcloud_site(store, clock) as (idp, _):
        await idp.users.create("ann", email="ann@example.com")
        first = await idp.tokens.issue()
        second = await idp.tokens.refresh(first)
        assert (second.id == first.id, second.csrf_token) == (False, first.csrf_token)
        client = idp.with_credential(second)
        page = await anext(client.users.list(limit=1).pages())
        clock.at += 1790  # in its last seconds, in which everybody waits for the refresh
        assert len(await client.users.list(cursor=page.cursor)) == 1
        clock.at += 1801
        for dead in (second, first):
            with pytest.raises(AuthenticationError):
                await idp.tokens.refresh(dead)
        with pytest.raises(AuthenticationError):
            await client.users.list(cursor=page.cursor)
        third = await idp.tokens.issue()
        await idp.with_credential(third).sessions.end()
        with pytest.raises(AuthenticationError):
            await idp.tokens.refresh(third)
        fourth = await idp.tokens.issue()
        assert fourth.value is not None
        with pytest.raises(AuthenticationError):
            await idp.tokens.refresh(f"{fourth.value.reveal()[:-4]}AAAA")


# Argus: sessions by TOTP; the other ways are in argus/test_signing_in.py.


@contextmanager
def argus_site(store: Store, clock: Clock, tls: Any = None) -> Iterator[tuple[str, Any]]:
    clock.at = float(int(time.time()))  # CSRF tokens are dated by the time that answers tell
    choices = argus.Choices(csrf_window=1e6)  # which goes on as it likes
    admin = argus.Admin("admin", PASSWORD, "secret")
    app = argus.create_app(store, clock=clock.time, admin=admin, choices=choices)
    with running(app, tls) as url:
        yield url, app.state.emulator


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
async def test_argus_totp_session_fresh_expired_in_the_middle_of_a_list_revoked_and_wrong(
    store: Store, clock: Clock, carrier: Any
) -> None:
    with argus_site(store, clock) as (url, emulator):
        await emulator.prepare()
        await store.write(lambda conn: q.seed_users(conn, 1500, created_at=1.0))
        adapter = Argus(base_url=url, auth=ApiKey(emulator.api_key), password=PASSWORD, sign_in=carrier)
        async with connect(adapter, clock=clock) as idp:
            made = await idp.credentials.create(kind="totp")
            code = pyotp.TOTP(made.secret.reveal())
            await idp.credentials.confirm(made, code.at(int(clock.at)))
            who: dict[str, Any] = {"identifier": "admin", "secret": PASSWORD}
            with pytest.raises(AuthenticationError):
                await idp.sessions.create("totp", **who, code="000000")
            clock.at += 30
            session = await idp.sessions.create("totp", **who, code=code.at(int(clock.at)))
            admin = idp.with_credential(session)
            assert (await admin.users.me()).id == "admin"

            async def idle() -> None:
                clock.at += 9 * 3600

            with pytest.raises(AuthenticationError):
                await read(admin, idle)
            session = await idp.sessions.create("totp", **who, code=code.at(int(clock.at)))
            admin = idp.with_credential(session)
            assert (await admin.users.me()).id == "admin"
            await idp.sessions.end(session)
            with pytest.raises(AuthenticationError):
                await admin.users.me()


async def test_argus_session_token_as_bearer(store: Store, clock: Clock) -> None:
    """A session token that was got elsewhere: nothing renews it."""
    with argus_site(store, clock) as (url, emulator):
        await emulator.prepare()
        await store.write(lambda conn: q.seed_users(conn, 1500, created_at=1.0))
        async with connect(Argus(base_url=url, auth=Password("admin", PASSWORD)), clock=clock) as idp:

            async def bearer() -> tuple[Any, Any]:
                session = await idp.sessions.create("password", identifier="admin", secret=PASSWORD)
                assert session.token is not None
                return session, idp.with_credential(Bearer(session.token))

            async def idle() -> None:
                clock.at += 1801

            session, admin = await bearer()
            assert (await admin.users.me()).id == "admin"
            with pytest.raises(AuthenticationError):
                await read(admin, idle)
            session, admin = await bearer()

            async def end() -> None:
                await idp.sessions.end(session)

            with pytest.raises(AuthenticationError):
                await read(admin, end)
            with pytest.raises(AuthenticationError):
                await idp.with_credential(Bearer("wrong")).users.me()


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
async def test_argus_221_fresh_in_the_middle_of_a_list_revoked_and_wrong(
    store: Store, clock: Clock, carrier: Any
) -> None:
    """A password that must be changed: its session may do nothing else, and a client that signs in by itself stops."""
    with argus_site(store, clock) as (url, emulator):
        await emulator.prepare()
        await store.write(lambda conn: q.seed_users(conn, 1500, created_at=1.0))
        adapter = Argus(base_url=url, auth=Password("admin", PASSWORD), sign_in=carrier)
        async with (
            connect(adapter, clock=clock) as idp,
            connect(Argus(base_url=url, auth=ApiKey(emulator.api_key)), clock=clock) as root,
        ):

            async def reset() -> None:
                await root.native.useradmin.user.reset_password("admin")
                clock.at += 1801  # so that the client signs in again

            with pytest.raises(ChallengeRequiredError) as wanted:
                await read(idp, reset)
            assert wanted.value.challenge == "password-change"
            session = await root.sessions.create("password", identifier="admin", secret=PASSWORD)
            assert session.password_change_required
            narrow = idp.with_credential(session)
            with pytest.raises(PermissionDeniedError):
                await narrow.users.me()
            await root.sessions.end(session)
            change = PasswordChange(oldPassword=Secret(PASSWORD), newPassword=Secret("a new password"))
            with pytest.raises(AuthenticationError):
                await narrow.native.password.change(change)
            with pytest.raises(AuthenticationError) as wrong:
                await root.sessions.create("password", identifier="admin", secret="wrong")
            assert not isinstance(wrong.value, ChallengeRequiredError)
            session = await root.sessions.create("password", identifier="admin", secret=PASSWORD)
            await idp.with_credential(session).native.password.change(change)
            changed = idp.with_credential(Password("admin", "a new password"))
            assert (await changed.users.me()).id == "admin"
