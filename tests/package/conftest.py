"""What the blocks of README and docs find in their namespace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

import identity_sdk
from identity_sdk.testing import Emulator, emulator
from identity_sdk.testing.server import Backend


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as loop:
        yield loop


@contextmanager
def quiet_logging() -> Iterator[None]:
    """What a block sets up for logging ends with it."""
    root, ours = logging.getLogger(), logging.getLogger("identity_sdk")
    handlers, level = list(root.handlers), ours.level
    yield
    root.handlers[:] = handlers
    ours.setLevel(level)


# What a page's blocks find: an emulator of its backend, and the names by which the page reaches it.
SERVED: dict[str, Backend] = {
    "argus": "argus",
    "auth-service": "auth-service",
    "authress": "authress",
    "igtcloud": "igtcloud",
    "lakefs": "lakefs",
    "operations": "lakefs",
    "tutorial": "lakefs",
}


@pytest.fixture
def snippet_names(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[dict[str, Any]]:
    """`idp` is the embedded provider with a few people in it; on a backend's own page it is that backend's emulator."""
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path("company-ca.pem")
    with quiet_logging():
        yield from names_for(request.node.callspec.params["page"], runner)


async def refresh_token(server: Emulator[Any]) -> object:
    async with server.connect() as idp:
        return (await idp.tokens.issue()).refresh_token


def names_for(page: Path, runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    names: dict[str, Any] = {"__name__": "snippet"}
    if page.stem in SERVED:
        with emulator(SERVED[page.stem], seed={"groups": [{"id": "g1"}]}) as server:
            names.update(server.options)
            if server.backend == "auth-service":
                names["uuid"] = runner.run(refresh_token(server))
            yield names
            runner.run(names["idp"].aclose())
        return
    if "idp." not in page.read_text(encoding="utf-8"):
        yield names
        return
    idp: Any = identity_sdk.connect("local:")

    async def people() -> None:
        for name in ("ada", "grace"):
            await idp.users.create(name)

    runner.run(people())
    yield {**names, "idp": idp}
    runner.run(idp.aclose())
