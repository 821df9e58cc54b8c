"""Every way in by a cookie over TLS: fresh, expired in the middle of a list, revoked, wrong; see docs/sign-in.md.

The transport keeps no cookies: an adapter reads them from an answer, which only a server of a trusted name gives.
"""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from identity_sdk import Argus, Password, connect
from identity_sdk.adapters.auth_service.adapter import AuthService
from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.auth.sources import Bearer, RefreshToken
from identity_sdk.emulators import auth_service
from identity_sdk.emulators.server import running
from identity_sdk.emulators.tls import Authority
from identity_sdk.errors import AuthenticationError, TransportError
from identity_sdk.secrets import Secret
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from tests.adapters.test_ways_in import (
    PASSWORD,
    WEEK,
    Clock,
    argus_site,
    clock,
    foreign_key,
    igtcloud_site,
    lakefs_root,
    read,
    store,
)

__all__ = ["clock", "foreign_key", "store"]  # fixtures

pytestmark = pytest.mark.anyio


class Trust:
    """One authority: what servers show, and the file that clients trust."""

    def __init__(self, folder: Path) -> None:
        authority = Authority()
        self.ca = str(folder / "ca.pem")
        authority.write_ca(folder / "ca.pem")
        self.server = authority.server_context()


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("tls"))


async def test_lakefs_oidc_cookie(store: Store, clock: Clock, trust: Trust) -> None:
    """The OpenID provider's code becomes a cookie, which nothing renews."""
    codes = {"one": "ann", "two": "ann", "three": "ann"}
    async with lakefs_root(store, clock, codes, trust.server, trust.ca) as (idp, _):
        await idp.users.create("ann")
        await idp.groups.add_member("Admins", "ann")
        nobody = idp.with_credential(None)
        assert "oidc" in [one.id for one in await nobody.sessions.methods()]

        async def signed_in(code: str) -> Any:
            session = await nobody.sessions.create("oidc", code=code, state="a state")
            assert (session.user_id, session.cookie) == ("ann", "oidc_auth_session")
            return idp.with_credential(session)

        async def expire() -> None:
            clock.at += WEEK + 1

        ann = await signed_in("one")
        assert (await ann.users.me()).id == "ann"
        with pytest.raises(AuthenticationError):
            await read(ann, expire)
        for code in ("one", "made up"):  # a code works once
            with pytest.raises(AuthenticationError):
                await signed_in(code)
        ann = await signed_in("two")
        assert (await ann.sessions.current()).user_id == "ann"

        async def delete() -> None:
            await idp.users.delete("ann")

        with pytest.raises(AuthenticationError):
            await read(ann, delete)


async def test_argus_cookie(store: Store, clock: Clock, trust: Trust) -> None:
    with argus_site(store, clock, trust.server) as (url, emulator):
        await emulator.prepare()
        await store.write(lambda conn: q.seed_users(conn, 1500, created_at=1.0))
        adapter = Argus(base_url=url, auth=Password("admin", PASSWORD), sign_in="cookie")
        async with connect(adapter, clock=clock, tls=trust.ca) as idp:
            assert (await idp.users.me()).id == "admin"

            async def idle() -> None:
                clock.at += 1801

            assert await read(idp, idle) == 1501  # signs in again
            assert idp.stats().refreshes == 2
            session = await idp.sessions.create("password", identifier="admin", secret=PASSWORD)
            given = idp.with_credential(session)
            with pytest.raises(AuthenticationError):
                await read(given, idle)
            session = await idp.sessions.create("password", identifier="admin", secret=PASSWORD)
            given = idp.with_credential(session)
            assert (await given.users.me()).id == "admin"

            async def end() -> None:
                assert (await idp.sessions.end(session)).server_side

            with pytest.raises(AuthenticationError):
                await read(given, end)
            wrong = session.model_copy(update={"cookie": Secret("wrong")})
            for nobody in (idp.with_credential(wrong), idp.with_credential(Password("admin", "wrong"))):
                with pytest.raises(AuthenticationError):
                    await nobody.users.me()


async def test_igtcloud_cookies(store: Store, clock: Clock, trust: Trust) -> None:
    async with igtcloud_site(store, clock, trust.server, trust.ca) as (idp, url):
        assert (await idp.users.me()).id == "admin@example.com"
        await idp.users.create("ann", email="ann@example.com")
        page = await anext(idp.users.list(limit=1).pages())
        refreshes = idp.stats().refreshes
        clock.at += 1801  # the cookies are over: it signs in again
        assert len(await idp.users.list(cursor=page.cursor)) == 1
        assert idp.stats().refreshes == refreshes + 1
        token = await idp.tokens.issue()
        given = idp.with_credential(token)
        page = await anext(given.users.list(limit=1).pages())
        clock.at += 1801
        with pytest.raises(AuthenticationError):
            await given.users.list(cursor=page.cursor)
        given = idp.with_credential(await idp.tokens.issue())
        page = await anext(given.users.list(limit=1).pages())
        await given.sessions.end()
        with pytest.raises(AuthenticationError):
            await given.users.list(cursor=page.cursor)
        assert token.value is not None
        wrong = IgtCloud(base_url=url, auth=Bearer(f"{token.value.reveal()[:-4]}AAAA"))
        async with connect(wrong, clock=clock, tls=trust.ca) as nobody:
            with pytest.raises(AuthenticationError):
                await nobody.users.list()
        with pytest.raises(AuthenticationError):
            await idp.with_credential(Password("admin@example.com", "wrong")).users.me()


def at_the_provider(url: str, trust: Trust) -> dict[str, str]:
    """The user's browser; behind TLS the server writes http into its links all the same."""
    place = urlsplit(url)
    context = ssl.create_default_context(cafile=trust.ca)
    connection = http.client.HTTPSConnection(place.hostname or "", place.port, timeout=10, context=context)
    connection.request("GET", f"{place.path}?{place.query}&user=sso-user")
    response = connection.getresponse()
    response.read()
    connection.close()
    back = parse_qs(urlsplit(response.getheader("Location", "")).query)
    return {name: back[name][0] for name in ("code", "state", "scope")}


@pytest.mark.parametrize("redirection", [None, "https://front.example/after"], ids=["200", "302"])
@pytest.mark.parametrize("dialect", ["documented", "real"])
async def test_auth_service_sso_cookie(
    store: Store, clock: Clock, trust: Trust, foreign_key: str, dialect: str, redirection: str | None
) -> None:
    """With ``redirection`` (302) the tokens are in the cookie alone, which ``Bearer None`` turns into access tokens."""
    app = auth_service.create_app(store, dialect=dialect, key=foreign_key, clock=clock.time)
    person = q.UserRow(id="sso-user", created_at=clock.at, attributes={"globalRole": "ADMIN"})
    await store.write(lambda conn: q.users.put(conn, person))
    await store.write(lambda conn: q.seed_users(conn, 3, created_at=1.0))
    with running(app, trust.server) as url:
        adapter = AuthService(base_url=url + auth_service.BASE_PATH)
        async with connect(adapter, clock=clock, tls=trust.ca, backoff=(0.0, 0.0)) as nobody:

            async def signed_in() -> Any:
                login = await nobody.native.login(redirection=redirection)
                back = at_the_provider(login.url, trust)
                session = await nobody.sessions.create("sso", **back, cookie=login.cookie)
                assert (session.user_id, session.cookie is None) == ("sso-user", redirection is None)
                return session

            async def outlived(client: Any, seconds: float) -> list[str]:
                page = await anext(client.users.list(limit=1).pages())
                clock.at += seconds
                return [one.id for one in (*page.items, *await client.users.list(cursor=page.cursor))]

            session = await signed_in()
            client = nobody.with_credential(session)
            assert (await client.users.me()).id == "sso-user"
            assert len(await outlived(client, 601.0)) == 4  # a new access token
            assert (await client.tokens.refresh()).user_id == "sso-user"
            with pytest.raises(AuthenticationError):  # past the refresh token as well
                await outlived(client, 86401.0)

            former = nobody.with_credential(await signed_in())
            page = await anext(former.users.list(limit=1).pages())
            latter = nobody.with_credential(await signed_in())  # ends all earlier refresh tokens of that user
            clock.at += 601
            with pytest.raises(AuthenticationError):
                await former.users.list(cursor=page.cursor)
            assert (await latter.users.me()).id == "sso-user"

            wrong = session.model_copy(
                update={"cookie": Secret("AIOHTTP_SESSION=wrong"), "token": None, "refresh_token": None}
            )
            dead = RefreshToken("3f2b8a10-0000-4000-8000-000000000000")
            for credential in (wrong, dead):
                with pytest.raises(AuthenticationError):
                    await nobody.with_credential(credential).users.list()
            with pytest.raises(AuthenticationError):
                await nobody.sessions.create("sso", code="made up", state="by nobody", cookie=Secret("x=y"))


async def test_an_unknown_authority_gets_no_cookie(store: Store, clock: Clock, trust: Trust) -> None:
    with argus_site(store, clock, trust.server) as (url, emulator):
        await emulator.prepare()
        adapter = Argus(base_url=url, auth=Password("admin", PASSWORD), sign_in="cookie")
        async with connect(adapter, clock=clock, retries=0) as idp:
            with pytest.raises(TransportError, match="authority"):
                await idp.users.me()
