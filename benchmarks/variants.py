"""The ways to ask for a user and for all users, each as its own authors would write it."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PAGE = 1000


@dataclass
class Variant:
    """One way.

    Attributes:
        get: asks for one user and answers its id.
        pages: asks for all users, page after page, as typed objects.
        stream: the same one by one, if the library has a way of its own.
        everybody: the same in one sequence, if the library has a way of its own.
    """

    get: Callable[[str], Awaitable[str]]
    pages: Callable[[], AsyncIterator[Sequence[object]]]
    stream: Callable[[], AsyncIterator[object]] | None = None
    everybody: Callable[[], Awaitable[Sequence[object]]] | None = None


@dataclass
class SyncVariant:
    """The same without a loop; concurrency is by threads."""

    get: Callable[[str], str]
    pages: Callable[[], Iterator[Sequence[object]]]


async def no_pages() -> AsyncIterator[Sequence[object]]:
    """Of a variant that is measured by one call alone."""
    for page in ():
        yield page


def models() -> tuple[Any, Any]:
    """What somebody writes by hand who knows pydantic: adapters for a user and for a page."""
    from pydantic import BaseModel, ConfigDict, TypeAdapter

    class User(BaseModel):
        model_config = ConfigDict(frozen=True, extra="allow")

        id: str
        creation_date: datetime.datetime
        friendly_name: str | None = None
        email: str | None = None

    class Pagination(BaseModel):
        has_more: bool
        next_offset: str

    class Users(BaseModel):
        pagination: Pagination
        results: list[User]

    return TypeAdapter(User), TypeAdapter(Users)


async def sdk(stack: AsyncExitStack, url: str, transport: str) -> Variant:
    """This SDK, whole: retry, token, deadline, limits, typed objects."""
    import identity_sdk

    idp: Any = identity_sdk.connect(
        "lakefs",
        base_url=f"{url}/api/v1",
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        transport=transport,  # type: ignore[arg-type]
        proxy="",
    )
    await stack.enter_async_context(idp)

    async def get(user: str) -> str:
        return (await idp.users.get(user)).id

    async def pages() -> AsyncIterator[Sequence[object]]:
        async for page in idp.users.list().pages():
            yield page.items

    async def everybody() -> Sequence[object]:
        return await idp.users.list()

    return Variant(get, pages, lambda: aiter(idp.users.list()), everybody)


async def sdk_transport(stack: AsyncExitStack, url: str, name: str) -> Variant:
    """This SDK's transport alone, without pipeline and adapter: what they cost is the difference."""
    from identity_sdk.transport.base import TransportOptions, make_transport
    from identity_sdk.wire.request import Request

    user_of, page_of = models()
    transport = make_transport(name, TransportOptions(url, proxy=""))  # type: ignore[arg-type]
    stack.push_async_callback(transport.aclose)
    headers = {"Accept": "application/json", "User-Agent": "bench", "Authorization": "Basic " + "x" * 80}

    async def get(user: str) -> str:
        answer = await transport.send(Request("GET", f"/api/v1/auth/users/{user}", headers), timeout=10)
        return user_of.validate_json(answer.body).id

    async def pages() -> AsyncIterator[Sequence[object]]:
        after, more = "", True
        while more:
            target = f"/api/v1/auth/users?amount={PAGE}&after={after}"
            page = page_of.validate_json(
                (await transport.send(Request("GET", target, headers), timeout=10)).body
            )
            yield page.results
            after, more = page.pagination.next_offset, page.pagination.has_more

    return Variant(get, pages)


async def httpx_pydantic(stack: AsyncExitStack, url: str, name: str) -> Variant:
    library: Any = __import__(name)
    user_of, page_of = models()
    client = library.AsyncClient(
        base_url=f"{url}/api/v1",
        auth=(KEY_ID, SECRET),
        limits=library.Limits(max_connections=100, max_keepalive_connections=100),
        timeout=30,
        trust_env=False,
    )
    await stack.enter_async_context(client)

    async def get(user: str) -> str:
        answer = await client.get(f"/auth/users/{user}")
        answer.raise_for_status()
        return user_of.validate_json(answer.content).id

    async def pages() -> AsyncIterator[Sequence[object]]:
        after, more = "", True
        while more:
            answer = await client.get("/auth/users", params={"amount": PAGE, "after": after})
            answer.raise_for_status()
            page = page_of.validate_json(answer.content)
            yield page.results
            after, more = page.pagination.next_offset, page.pagination.has_more

    return Variant(get, pages)


async def bare_aiohttp(stack: AsyncExitStack, url: str, _: str) -> Variant:
    """``get`` reads the bytes and parses nothing: the floor."""
    import aiohttp

    _, page_of = models()
    session = aiohttp.ClientSession(
        f"{url}/api/v1/", auth=None, headers={"Authorization": "Basic " + "x" * 80}
    )
    await stack.enter_async_context(session)

    async def get(user: str) -> str:
        async with session.get(f"auth/users/{user}") as answer:
            answer.raise_for_status()
            body = await answer.read()
            return user if user.encode() in body else ""

    async def pages() -> AsyncIterator[Sequence[object]]:
        after, more = "", True
        while more:
            async with session.get("auth/users", params={"amount": PAGE, "after": after}) as answer:
                answer.raise_for_status()
                page = page_of.validate_json(await answer.read())
            yield page.results
            after, more = page.pagination.next_offset, page.pagination.has_more

    return Variant(get, pages)


async def lakefs_sdk_async(stack: AsyncExitStack, url: str, _: str) -> Variant:
    import lakefs_sdk_async as sdk
    from lakefs_sdk_async.api.auth_api import AuthApi

    client = sdk.ApiClient(sdk.Configuration(host=f"{url}/api/v1", username=KEY_ID, password=SECRET))
    await stack.enter_async_context(client)
    api = AuthApi(client)

    async def get(user: str) -> str:
        return (await api.get_user(user)).id

    async def pages() -> AsyncIterator[Sequence[object]]:
        after, more = "", True
        while more:
            page = await api.list_users(after=after, amount=PAGE)
            yield page.results
            after, more = page.pagination.next_offset, page.pagination.has_more

    return Variant(get, pages)


def lakefs_sdk(url: str) -> SyncVariant:
    import lakefs_sdk as sdk
    from lakefs_sdk.api.auth_api import AuthApi

    configuration = sdk.Configuration(host=f"{url}/api/v1", username=KEY_ID, password=SECRET)
    configuration.connection_pool_maxsize = 100
    return _official(AuthApi(sdk.ApiClient(configuration)))


def lakefs_client(url: str) -> SyncVariant:
    import lakefs_client as sdk
    from lakefs_client.apis import AuthApi

    configuration = sdk.Configuration(host=f"{url}/api/v1", username=KEY_ID, password=SECRET)
    configuration.connection_pool_maxsize = 100
    return _official(AuthApi(sdk.ApiClient(configuration)))


def _official(api: Any) -> SyncVariant:
    def get(user: str) -> str:
        return api.get_user(user).id

    def pages() -> Iterator[Sequence[object]]:
        after, more = "", True
        while more:
            page = api.list_users(after=after, amount=PAGE)
            yield page.results
            after, more = page.pagination.next_offset, page.pagination.has_more

    return SyncVariant(get, pages)


Opener = Callable[[AsyncExitStack, str, str], Awaitable[Variant]]

ASYNC: dict[str, tuple[Opener, str]] = {
    "sdk (httpx)": (sdk, "httpx"),
    "sdk (httpx2)": (sdk, "httpx2"),
    "sdk (aiohttp)": (sdk, "aiohttp"),
    "httpx": (httpx_pydantic, "httpx"),
    "httpx2": (httpx_pydantic, "httpx2"),
    "aiohttp": (bare_aiohttp, ""),
    "lakefs-sdk-async": (lakefs_sdk_async, ""),
    "transport (httpx)": (sdk_transport, "httpx"),
    "transport (httpx2)": (sdk_transport, "httpx2"),
    "transport (aiohttp)": (sdk_transport, "aiohttp"),
}
SYNC: dict[str, Callable[[str], SyncVariant]] = {"lakefs-sdk": lakefs_sdk, "lakefs-client": lakefs_client}
IMPORTS: dict[str, str] = {
    "sdk": "import identity_sdk",
    "sdk, connected to lakeFS": "import identity_sdk; identity_sdk.connect('lakefs', "
    "base_url='http://127.0.0.1:1/api/v1', access_key_id='AKIAIOSFODNN7EXAMPLE', secret_access_key='x' * 40)",
    "sdk, connected to Authress": "import identity_sdk; identity_sdk.connect('authress', "
    "base_url='http://127.0.0.1:1', access_key='sc_b.k1ab.acc-b."
    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f')",
    "sdk, connected to Argus": "import identity_sdk; identity_sdk.connect('argus', base_url='http://127.0.0.1:1', "
    "api_key='2a/1/benchmark')",
    "httpx": "import httpx",
    "httpx + pydantic": "import httpx; from pydantic import BaseModel",
    "aiohttp": "import aiohttp",
    "lakefs-client": "import lakefs_client.apis",
    "lakefs-sdk": "import lakefs_sdk",
    "lakefs-sdk-async": "import lakefs_sdk_async",
    "authress": "import authress",
    "argus-api": "import argus_api.session; from argus_api.lib.useradmin.v2 import user",
}
