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
from identity_sdk.emulators import argus, authress, lakefs
from identity_sdk.emulators.server import running
from identity_sdk.store import Store


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


@contextmanager
def served_lakefs(runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    """A lakeFS emulator on a socket, and the names that the page needs to reach it."""
    store = Store.open("sqlite://")
    app = lakefs.create_app(store, setup=True)
    admin = app.state.emulator.admin
    with running(app) as url:
        yield {
            "base_url": f"{url}{lakefs.BASE_PATH}",
            "access_key_id": admin.access_key_id,
            "secret_access_key": admin.secret_access_key,
        }
    runner.run(store.aclose())


@contextmanager
def served_authress(runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    """The same for Authress."""
    store = Store.open("sqlite://")
    app = authress.create_app(store)
    with running(app) as url:
        yield {"base_url": url, "access_key": app.state.emulator.access_key}
    runner.run(store.aclose())


@contextmanager
def served_argus(runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    """The same for Argus."""
    store = Store.open("sqlite://")
    app = argus.create_app(store)
    emulator = app.state.emulator
    runner.run(emulator.prepare())
    with running(app) as url:
        yield {"base_url": url, "api_key": emulator.api_key, "password": emulator.admin.password}
    runner.run(store.aclose())


SERVED = {
    "argus": served_argus,
    "authress": served_authress,
    "lakefs": served_lakefs,
    "operations": served_lakefs,
    "tutorial": served_lakefs,
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


def names_for(page: Path, runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    names: dict[str, Any] = {"__name__": "snippet"}
    if page.stem in SERVED:
        with SERVED[page.stem](runner) as connected:
            names.update(connected)
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
