"""Fixtures for the whole suite."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run a test marked ``anyio`` on both event loops."""
    return str(request.param)
