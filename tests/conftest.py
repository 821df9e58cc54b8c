"""Fixtures for the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Both by default. `nox` runs both on one Python, and one of them on each further one.
LOOPS = os.environ.get("IDENTITY_SDK_TEST_LOOPS", "asyncio trio").split()

HERE = Path(__file__).parent
ALIKE = ("adapters", "contract", "emulators")
"""Folders whose tests go through the same lines on either event loop: loops are told apart further down."""


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run a test marked ``anyio`` on both event loops."""
    return str(request.param)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Coverage nearly doubles the time of a test: those that cover no line of their own run without it."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    repeats = params.get("anyio_backend") == "trio" and item.path.relative_to(HERE).parts[0] in ALIKE
    if repeats or item.get_closest_marker("further"):
        item.add_marker("unmeasured")
