"""The pytest plugin: fixtures ``identity``, ``identity_seed`` and ``identity_server``; installed with the library.

pytest imports this file in every project that has the library installed, so it imports nothing until a fixture is asked
for. All fixtures are synchronous: they work in plain tests, with pytest-asyncio and with anyio's plugin (asyncio and
trio). What they give is documented in :mod:`identity_sdk.testing`; an entry ``-p no:identity_sdk`` switches them off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from identity_sdk import IdentityClient, Local
    from identity_sdk.testing import Emulator, EmulatorFactory, Seed


@pytest.fixture
def identity_seed() -> Seed:
    """What is in the directory at first: ``identity_sdk.testing.SEED``. Override it by a fixture of the same name."""
    from identity_sdk.testing import SEED

    return SEED


@pytest.fixture
def identity(identity_seed: Seed) -> Iterator[IdentityClient[Local]]:
    """The embedded provider, in memory, with ``identity_seed`` in it, as its root principal."""
    from identity_sdk.testing import embedded
    from identity_sdk.testing.directory import dispose

    client = embedded(identity_seed)
    yield client
    dispose(client)


@pytest.fixture
def identity_server(identity_seed: Seed) -> Iterator[EmulatorFactory]:
    """Starts emulators, which live as long as the test: ``identity_server("lakefs")`` gives one."""
    from contextlib import ExitStack

    from identity_sdk.testing import emulator

    with ExitStack() as stack:

        def start(backend: str, *, seed: Seed = identity_seed) -> Emulator[Any]:
            return stack.enter_context(emulator(backend, seed=seed))

        yield start
