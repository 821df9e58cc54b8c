"""Fixtures for the whole suite."""

from __future__ import annotations

import os

import pytest

# Both by default. `nox` runs both on one Python, and one of them on each further one.
LOOPS = os.environ.get("IDENTITY_SDK_TEST_LOOPS", "asyncio trio").split()


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run a test marked ``anyio`` on both event loops."""
    return str(request.param)
