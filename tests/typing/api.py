"""What a caller's type checker sees. Not run: mypy and pyright read it (`nox -s types`)."""

from __future__ import annotations

from typing import assert_type

from identity_sdk import AccessKey, Adapter, IdentityClient, Items, LakeFS, Local, User, connect
from identity_sdk.adapters.lakefs.api import LakeFSApi
from identity_sdk.adapters.lakefs.models import LakeFSUser
from identity_sdk.adapters.local.models import LocalUser
from identity_sdk.adapters.local.native import LocalNative


async def by_profile() -> None:
    """A name that is known at run time only gives the neutral types."""
    async with connect("prod") as idp:
        assert_type(idp, IdentityClient[Adapter])
        assert_type(await idp.users.get("ada"), User)
        assert_type(await idp.users.list(), Items[User])
        assert_type(idp.native_as(LakeFSApi), LakeFSApi)
        async for user in idp.users.list(prefix="a", limit=10):
            assert_type(user, User)


async def by_adapter() -> None:
    """A configured adapter, or its name as a literal, gives the backend's own types."""
    idp = connect(
        LakeFS(base_url="https://lakefs.example/api/v1", auth=AccessKey("id", "secret")), deadline=5
    )
    assert_type(idp, IdentityClient[LakeFS])
    assert_type(await idp.users.get("ada"), LakeFSUser)
    assert_type(idp.native, LakeFSApi)
    assert_type(await idp.users.create("ada", existing_credentials="delete"), LakeFSUser)
    assert_type(idp.with_options(retries=0), IdentityClient[LakeFS])
    assert_type(idp.with_credential(None), IdentityClient[LakeFS])
    async for page in idp.users.list().pages():
        assert_type(page.items, tuple[LakeFSUser, ...])
    async with idp.users.list().prefetch() as users:
        async for user in users:
            assert_type(user, LakeFSUser)


async def by_name() -> None:
    assert_type(connect("lakefs"), IdentityClient[LakeFS])
    async with connect("local:") as idp:
        assert_type(idp, IdentityClient[Local])
        assert_type(await idp.users.get("ada"), LocalUser)
        assert_type(idp.native, LocalNative)


async def neutral(idp: IdentityClient[Adapter]) -> None:
    """Code for any backend takes `IdentityClient[Adapter]`; a client of any backend fits."""
    assert_type(await idp.users.me(), User)


async def fits() -> None:
    await neutral(connect("local:"))
    await neutral(connect("lakefs"))
