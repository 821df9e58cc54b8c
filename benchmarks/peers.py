"""One call to Authress and to Argus: this SDK, httpx by hand, and the official clients."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.variants import Opener, SyncVariant, Variant, no_pages

ACCESS_KEY = "sc_bench.k1ab.acc-bench.MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
"""A made-up Ed25519 key: every client of Authress signs its own token with it."""
API_KEY = "2a/1/benchmark"


def sdk(provider: str, **credential: str) -> Opener:
    async def open_(stack: AsyncExitStack, url: str, transport: str) -> Variant:
        import identity_sdk

        idp: Any = identity_sdk.connect(provider, base_url=url, transport=transport, proxy="", **credential)  # type: ignore[arg-type]
        await stack.enter_async_context(idp)

        async def get(user: str) -> str:
            return (await idp.users.get(user)).id

        return Variant(get, no_pages)

    return open_


def httpx_pydantic(
    path: str, headers: dict[str, str], id_of: Callable[[Any], str], model: Callable[[], Any]
) -> Opener:
    async def open_(stack: AsyncExitStack, url: str, _: str) -> Variant:
        import httpx

        client = httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False)
        await stack.enter_async_context(client)
        adapter = model()

        async def get(user: str) -> str:
            answer = await client.get(f"{path}/{user}")
            answer.raise_for_status()
            return id_of(adapter.validate_json(answer.content))

        return Variant(get, no_pages)

    return open_


def authress_model() -> Any:
    """As somebody writes it by hand who knows pydantic; the token is given, and signed nowhere."""
    from pydantic import BaseModel, TypeAdapter

    class User(BaseModel):
        userId: str
        name: str | None = None
        email: str | None = None

    return TypeAdapter(User)


def argus_model() -> Any:
    from pydantic import BaseModel, TypeAdapter

    class User(BaseModel):
        id: int
        shortName: str
        name: str
        email: str | None = None
        flags: list[str] = []

    class Envelope(BaseModel):
        responseCode: int
        data: User

    return TypeAdapter(Envelope)


def authress(url: str) -> SyncVariant:
    import warnings

    warnings.simplefilter("ignore")  # the client is generated code over pydantic's old interface
    from authress import AuthressClient

    client = AuthressClient(authress_api_url=url, service_client_access_key=ACCESS_KEY, user_agent="bench")
    return SyncVariant(lambda user: client.users.get_user(user).user_id, lambda: iter(()))


def argus_api(url: str) -> SyncVariant:
    from argus_api.lib.useradmin.v2 import user as users
    from argus_api.session import ArgusAPISession

    session = ArgusAPISession(auth=API_KEY, api_url=url)
    return SyncVariant(
        lambda user: users.get_user(user, api_session=session)["data"]["shortName"], lambda: iter(())
    )


BEARER = {"Authorization": "Bearer " + "x" * 300}
AUTHRESS: dict[str, tuple[Opener, str]] = {
    "sdk (httpx)": (sdk("authress", access_key=ACCESS_KEY), "httpx"),
    "sdk (aiohttp)": (sdk("authress", access_key=ACCESS_KEY), "aiohttp"),
    "httpx": (httpx_pydantic("/v1/users", BEARER, lambda user: user.userId, authress_model), ""),
}
ARGUS: dict[str, tuple[Opener, str]] = {
    "sdk (httpx)": (sdk("argus", api_key=API_KEY), "httpx"),
    "sdk (aiohttp)": (sdk("argus", api_key=API_KEY), "aiohttp"),
    "httpx": (
        httpx_pydantic(
            "/useradmin/v2/user", {"Argus-API-Key": API_KEY}, lambda told: told.data.shortName, argus_model
        ),
        "",
    ),
}
