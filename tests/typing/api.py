"""The public API as the type checkers see it. Never run: mypy and pyright, both strict, read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

import pandas
import polars

import identity_sdk
from identity_sdk import (
    AccessKey,
    Adapter,
    ApiKey,
    Argus,
    Authress,
    AuthService,
    Bearer,
    Capabilities,
    IdentityClient,
    IgtCloud,
    Items,
    LakeFS,
    Listing,
    Local,
    Page,
    Password,
    RefreshToken,
    Session,
    User,
    connect,
)
from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.credentials import ArgusCredentials
from identity_sdk.adapters.argus.groups import ArgusGroups
from identity_sdk.adapters.argus.models import ArgusUser
from identity_sdk.adapters.argus.policies import ArgusPolicies
from identity_sdk.adapters.argus.sessions import ArgusSessions, ArgusTokens
from identity_sdk.adapters.argus.users import ArgusUsers
from identity_sdk.adapters.auth_service.api import AuthServiceApi
from identity_sdk.adapters.auth_service.groups import AuthServiceGroups
from identity_sdk.adapters.auth_service.models import AuthServiceUser
from identity_sdk.adapters.auth_service.policies import AuthServicePolicies
from identity_sdk.adapters.auth_service.sessions import AuthServiceSessions
from identity_sdk.adapters.auth_service.tokens import AuthServiceTokens
from identity_sdk.adapters.auth_service.users import AuthServiceUsers
from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.credentials import AuthressCredentials
from identity_sdk.adapters.authress.groups import AuthressGroups
from identity_sdk.adapters.authress.models import AuthressUser
from identity_sdk.adapters.authress.policies import AuthressPolicies
from identity_sdk.adapters.authress.sessions import AuthressSessions, AuthressTokens
from identity_sdk.adapters.authress.users import AuthressPrincipal, AuthressUsers
from identity_sdk.adapters.igtcloud.api import IgtCloudApi
from identity_sdk.adapters.igtcloud.credentials import IgtCredentials
from identity_sdk.adapters.igtcloud.groups import IgtGroups
from identity_sdk.adapters.igtcloud.models import IgtUser
from identity_sdk.adapters.igtcloud.policies import IgtPolicies
from identity_sdk.adapters.igtcloud.sessions import IgtSessions, IgtTokens
from identity_sdk.adapters.igtcloud.users import IgtPrincipal, IgtUsers
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.credentials import LakeFSCredentials
from identity_sdk.adapters.lakefs.groups import LakeFSGroups
from identity_sdk.adapters.lakefs.models import LakeFSUser
from identity_sdk.adapters.lakefs.policies import LakeFSPolicies
from identity_sdk.adapters.lakefs.sessions import LakeFSSessions, LakeFSTokens
from identity_sdk.adapters.lakefs.users import LakeFSUsers
from identity_sdk.adapters.local.native import LocalNative
from identity_sdk.adapters.local.users import LocalUsers
from identity_sdk.capabilities import ServerInfo
from identity_sdk.integrations.fastapi import IdentityProvider
from identity_sdk.middleware.pipeline import Stats
from identity_sdk.resources.credentials import Credentials
from identity_sdk.resources.users import Users


async def by_name() -> None:
    idp = connect(
        "lakefs", base_url="https://h/api/v1", access_key_id="a", secret_access_key="b", deadline=5.0
    )
    assert_type(idp, IdentityClient[LakeFS])
    assert_type(idp.users, LakeFSUsers)
    assert_type(idp.groups, LakeFSGroups)
    assert_type(idp.policies, LakeFSPolicies)
    assert_type(idp.credentials, LakeFSCredentials)
    assert_type(idp.sessions, LakeFSSessions)
    assert_type(idp.tokens, LakeFSTokens)
    assert_type(idp.native, LakeFSApi)
    local = connect("local:")
    assert_type(local, IdentityClient[Local])
    assert_type(local.users, LocalUsers)
    assert_type(local.native, LocalNative)
    assert_type(connect("local"), IdentityClient[Local])


async def argus() -> None:
    idp = connect(
        "argus", base_url="https://h", api_key="1/2/k", sign_in="bearer", customer="c", deadline=5.0
    )
    assert_type(idp, IdentityClient[Argus])
    assert_type(idp.users, ArgusUsers)
    assert_type(idp.groups, ArgusGroups)
    assert_type(idp.policies, ArgusPolicies)
    assert_type(idp.credentials, ArgusCredentials)
    assert_type(idp.sessions, ArgusSessions)
    assert_type(idp.tokens, ArgusTokens)
    assert_type(idp.native, ArgusApi)
    assert_type(await idp.users.get("ann"), ArgusUser)
    assert_type((await idp.native.useradmin.user.get_user("ann")).data, ArgusUser | None)
    assert_type(connect(Argus(base_url="https://h", auth=ApiKey("1/2/k"))), IdentityClient[Argus])
    await neutral(idp)


async def authress() -> None:
    idp = connect("authress", base_url="https://h", access_key="k", keys_kept=60.0, retries=0)
    assert_type(idp, IdentityClient[Authress])
    assert_type(idp.users, AuthressUsers)
    assert_type(idp.groups, AuthressGroups)
    assert_type(idp.policies, AuthressPolicies)
    assert_type(idp.credentials, AuthressCredentials)
    assert_type(idp.sessions, AuthressSessions)
    assert_type(idp.tokens, AuthressTokens)
    assert_type(idp.native, AuthressApi)
    assert_type(await idp.users.get("ann"), AuthressPrincipal)
    assert_type(await idp.native.get_user("ann"), AuthressUser)
    assert_type(connect(Authress(base_url="https://h", auth=ApiKey("k"))), IdentityClient[Authress])
    await neutral(idp)


async def auth_service() -> None:
    idp = connect("auth-service", base_url="https://h", refresh_token="r", default_role="USER", timeout=1.0)
    assert_type(idp, IdentityClient[AuthService])
    assert_type(connect("auth_service", base_url="https://h"), IdentityClient[AuthService])
    assert_type(idp.users, AuthServiceUsers)
    assert_type(idp.groups, AuthServiceGroups)
    assert_type(idp.policies, AuthServicePolicies)
    assert_type(idp.credentials, Credentials)  # it has none: every verb says so
    assert_type(idp.sessions, AuthServiceSessions)
    assert_type(idp.tokens, AuthServiceTokens)
    assert_type(idp.native, AuthServiceApi)
    assert_type(await idp.users.get("ann"), AuthServiceUser)
    assert_type(
        connect(AuthService(base_url="https://h", auth=RefreshToken("r"))), IdentityClient[AuthService]
    )
    await neutral(idp)


async def igtcloud() -> None:
    idp = connect(
        "igtcloud", base_url="https://h", username="u", password="p", organization="o", max_in_flight=5
    )
    assert_type(idp, IdentityClient[IgtCloud])
    assert_type(idp.users, IgtUsers)
    assert_type(idp.groups, IgtGroups)
    assert_type(idp.policies, IgtPolicies)
    assert_type(idp.credentials, IgtCredentials)
    assert_type(idp.sessions, IgtSessions)
    assert_type(idp.tokens, IgtTokens)
    assert_type(idp.native, IgtCloudApi)
    assert_type(await idp.users.get("ann"), IgtPrincipal)
    assert_type(await idp.native.get_user("ann"), IgtUser)
    assert_type(connect(IgtCloud(base_url="https://h", auth=Password("u", "p"))), IdentityClient[IgtCloud])
    await neutral(idp)


async def by_adapter() -> None:
    idp = connect(
        LakeFS(base_url="https://h/api/v1", auth=AccessKey("a", "b")), retries=0, transport="aiohttp"
    )
    assert_type(idp, IdentityClient[LakeFS])
    async with idp as entered:
        assert_type(entered, IdentityClient[LakeFS])
        assert_type(entered.users, LakeFSUsers)
        assert_type(await entered.users.get("ada"), LakeFSUser)
        neutral_user: User = await entered.users.get("ada")
        assert_type(neutral_user.id, str)


async def by_profile(name: str) -> None:
    idp = connect(name)
    assert_type(idp, IdentityClient[Adapter])
    assert_type(idp.users, Users)
    assert_type(await idp.users.get("ada"), User)
    assert_type(idp.native_as(LakeFSApi), LakeFSApi)
    assert_type(connect(), IdentityClient[Adapter])
    assert_type(identity_sdk.connect("lakefs+https://h/api/v1"), IdentityClient[Adapter])


async def lists(idp: IdentityClient[LakeFS]) -> None:
    listing = idp.users.list(prefix="a", limit=10)
    assert_type(await listing, Items[LakeFSUser])
    async for user in listing:
        assert_type(user, LakeFSUser)
    async for page in listing.pages():
        assert_type(page, Page[LakeFSUser])
        assert_type(page.cursor, str | None)
    async with listing.prefetch(2) as users:
        assert_type(users, AsyncIterator[LakeFSUser])
    await takes(listing, await listing)


async def takes(listing: Listing[User], items: Items[User]) -> None:
    """Lists of an adapter's users are lists of users."""
    assert_type(await listing, Items[User])
    assert_type(items[0], User)
    assert_type(items[1:], Items[User])
    assert_type(listing.progress(), Listing[User])
    assert_type(items.to_pandas(), pandas.DataFrame)
    assert_type(items.to_polars(), polars.DataFrame)


async def neutral(idp: IdentityClient[Adapter]) -> None:
    """What works with any backend takes a client of any adapter."""
    async for user in idp.users.list():
        assert_type(user, User)
    assert_type(idp.capabilities, Capabilities)
    assert_type(await idp.ping(), ServerInfo)
    assert_type(idp.stats(), Stats)


async def copies(idp: IdentityClient[LakeFS], session: Session) -> None:
    assert_type(
        idp.with_options(timeout=1.0, deadline=2.0, retries=0, on_event=print), IdentityClient[LakeFS]
    )
    assert_type(idp.with_credential(session), IdentityClient[LakeFS])
    assert_type(idp.with_credential(Bearer(lambda: "t")), IdentityClient[LakeFS])
    assert_type(idp.with_credential(None).users, LakeFSUsers)
    await neutral(idp)  # covariant


async def in_fastapi() -> None:
    assert_type(IdentityProvider("local:"), IdentityProvider[Adapter])
    assert_type(IdentityProvider(lambda: connect("lakefs")), IdentityProvider[LakeFS])
    identity = IdentityProvider(LakeFS(base_url="x"), api_key="X-API-Key", ttl=10)
    assert_type(await identity.client(), IdentityClient[LakeFS])
    assert_type(await identity.current_user(), User)
    assert_type(await identity.on_behalf(), IdentityClient[LakeFS])
    assert_type(await identity.require("docs:Read", "docs/{doc}")(), User)


def refused() -> None:
    """Each of these is an error in both checkers: an ignore that is not needed is one, too."""
    connect(LakeFS(base_url="x"), nonsense=1)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    connect(LakeFS(base_url="x"), deadline="5")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    connect(5)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    LakeFS()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    AccessKey("a")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    connect("local:").with_options(tls="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
