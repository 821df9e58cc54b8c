"""Fixtures of the tests of the core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core import rig


@pytest.fixture
def server() -> Iterator[rig.Server]:
    one = rig.Server()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Nothing is closed by the garbage collector while the loop runs: trio would complain, rightly."""
    yield
    rig.KEPT.clear()
