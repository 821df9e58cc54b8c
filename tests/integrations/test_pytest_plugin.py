"""The plugin in real runs of pytest: loaded by itself, light, and at home in sync, asyncio and trio tests."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from identity_sdk.integrations import pytest_plugin

pytest_plugins = ["pytester"]

INI = """
[pytest]
addopts = -p no:cacheprovider
filterwarnings = error
asyncio_mode = strict
asyncio_default_fixture_loop_scope = function
"""

USERS = "[user.id for user in await {}.users.list()]"

SYNC = """
    import asyncio

    def test_a_program_of_mine(identity, identity_server):
        server = identity_server("lakefs")

        async def program():
            async with server.connect() as idp:
                return [user.id for user in await idp.users.list()]

        assert asyncio.run(program()) == ["ada", "admin", "grace", "linus"]
        assert [str(request) for request in server.requests] == ["GET /auth/users"]

        async def embedded():
            return [user.id for user in await identity.users.list()]

        assert asyncio.run(embedded()) == ["ada", "grace", "linus"]
        assert asyncio.run(embedded()) == ["ada", "grace", "linus"]  # on one loop after the other
"""

ASYNCIO = """
    import pytest
    from identity_sdk import RateLimitedError

    @pytest.mark.asyncio
    async def test_a_fault(identity_server):
        server = identity_server("argus")
        with server.faults.status(429, retry_after=60):
            async with server.connect() as idp:
                with pytest.raises(RateLimitedError):
                    await idp.users.list()

    @pytest.mark.asyncio
    async def test_left_open(identity, identity_server):
        idp = identity_server("lakefs").connect()
        await identity.users.create("left")
        await idp.users.list()
"""

ANYIO = """
    import pytest

    pytestmark = pytest.mark.anyio

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return request.param

    @pytest.fixture
    def identity_seed():
        return {"users": [{"id": "solo"}]}

    async def test_my_own_directory(identity, identity_server):
        assert [user.id for user in await identity.users.list()] == ["solo"]
        async with identity_server("lakefs").connect() as idp:
            assert [user.id for user in await idp.users.list()] == ["admin", "solo"]

    @pytest.mark.parametrize("identity_seed", [{"users": [{"count": 3, "prefix": "u"}]}])
    async def test_a_directory_of_this_test(identity):
        assert len(await identity.users.list()) == 3
"""

LONG_LIVED = """
    import pytest

    @pytest.fixture(scope="module")
    def anyio_backend():
        return "trio"

    @pytest.fixture(scope="module")
    async def something(anyio_backend):
        yield 1  # keeps the event loop alive between the tests

    @pytest.mark.anyio
    async def test_one(identity, something):
        await identity.users.create("one")

    @pytest.mark.anyio
    async def test_two(identity, something):
        assert len(await identity.users.list()) == 3
"""


def test_it_is_installed() -> None:
    [point] = [point for point in entry_points(group="pytest11") if point.name == "identity_sdk"]
    assert point.load() is pytest_plugin


def recipes() -> dict[str, str]:
    """The test files that the documentation shows."""
    page = (Path(__file__).parents[2] / "docs/how-to/testing.md").read_text("utf-8")
    found = re.findall(r'^```python title="(\w+)\.py"\n(.*?)^```$', page, re.DOTALL | re.MULTILINE)
    return {name: f"# {name}\n{code}" for name, code in found}


def test_a_real_run(pytester: pytest.Pytester) -> None:
    """A process of its own: one within this one would drop what it imports, and libraries would be there twice."""
    shown = recipes()
    assert len(shown) == 6
    pytester.makeini(INI)
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'")
    pytester.makepyfile(test_sync=SYNC, test_asyncio=ASYNCIO, test_anyio=ANYIO, test_long=LONG_LIVED, **shown)
    run = pytester.runpytest_subprocess("-p", "no:xdist", "-p", "no:cov")
    of_recipes = len(re.findall(r"def test_", "".join(shown.values()))) + 3  # one of them for four backends
    run.assert_outcomes(passed=9 + of_recipes)


def test_it_costs_next_to_nothing_where_it_is_not_used() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import identity_sdk.integrations.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [
        "identity_sdk",
        "identity_sdk.integrations",
        "identity_sdk.integrations.pytest_plugin",
    ]
