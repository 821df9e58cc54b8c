"""Closing a client while a connection is being made: no hang, a typed error, no socket left."""

from __future__ import annotations

import gc
import socket
import time
import warnings

import anyio
import pytest

from identity_sdk.errors import ClientClosedError, IdentityError, TransportError
from tests.core.rig import fails, until, wired

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("library", ["httpx", "httpx2", "aiohttp"])
async def test_closing_while_connecting(library: str, anyio_backend: str) -> None:
    pytest.importorskip(library)
    if library == "aiohttp" and anyio_backend == "trio":
        pytest.skip("aiohttp works on asyncio only")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with socket.create_server(("127.0.0.1", 0)) as silent:  # it never answers the handshake
            api, shared = wired(f"https://127.0.0.1:{silent.getsockname()[1]}", library=library)
            errors: list[IdentityError] = []

            async def call() -> None:
                errors.append(await fails(api.get_user("a")))

            started = time.monotonic()
            with anyio.fail_after(10):
                async with anyio.create_task_group() as group:
                    group.start_soon(call)
                    await until(lambda: shared.requests == 1)
                    await anyio.sleep(0.03)
                    await shared.aclose()
            assert isinstance(errors[0], ClientClosedError | TransportError)
            print(library, time.monotonic() - started, repr(errors))
            assert time.monotonic() - started < 2
        gc.collect()
        await anyio.sleep(0.01)
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize("library", ["httpx", "httpx2", "aiohttp"])
async def test_cancelling_while_a_body_is_written(library: str, anyio_backend: str) -> None:
    pytest.importorskip(library)
    if library == "aiohttp" and anyio_backend == "trio":
        pytest.skip("aiohttp works on asyncio only")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with socket.create_server(("127.0.0.1", 0)) as deaf:  # it reads nothing, so that the writer must wait
            api, shared = wired(f"http://127.0.0.1:{deaf.getsockname()[1]}", library=library)
            with anyio.move_on_after(0.1) as scope:
                await api.put_user("ada", {"big": "x" * (900_000 if library == "aiohttp" else 20_000_000)})
            assert scope.cancelled_caught
            gc.collect()
            await shared.aclose()
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []
