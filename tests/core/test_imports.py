"""What an import loads, and what it does not: each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = [
    "httpx",
    "httpcore",
    "pydantic",
    "anyio",
    "tenacity",
    "asyncio",
    "ssl",
    "trio",
    "sqlalchemy",
    "starlette",
    "aiohttp",
]
EXTRAS = [
    "sqlalchemy",
    "argon2",
    "joserfc",
    "pyotp",
    "starlette",
    "uvicorn",
    "aiohttp",
    "httpx2",
    "httpcore2",
    "psycopg",
]  # trio: httpcore itself imports it, if it is there
LAKEFS = "connect('lakefs', base_url='http://h', access_key_id='a', secret_access_key='b')"


def loaded(code: str) -> set[str]:
    """The modules that ``code`` loads beyond those that an empty interpreter has."""
    said = "import sys; before = set(sys.modules)\n" + code + "\nprint(*sorted(set(sys.modules) - before))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", said], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def roots(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_importing_the_package_loads_nothing_of_it() -> None:
    modules = loaded("import identity_sdk")
    assert not roots(modules) & set(HEAVY)
    assert {module for module in modules if module.startswith("identity_sdk")} == {"identity_sdk"}


def test_errors_cost_nothing() -> None:
    modules = loaded("from identity_sdk import NotFoundError, IdentityError")
    assert not roots(modules) & set(HEAVY)
    assert {module for module in modules if module.startswith("identity_sdk")} == {
        "identity_sdk",
        "identity_sdk.errors",
    }


@pytest.mark.parametrize(
    "code", ["from identity_sdk import connect", f"from identity_sdk import connect; {LAKEFS}"]
)
def test_naming_lakefs_loads_what_it_needs(code: str) -> None:
    modules = loaded(code)
    assert not roots(modules) & set(EXTRAS)
    assert not any(
        module.startswith(("identity_sdk.adapters.local", "identity_sdk.store")) for module in modules
    )
    assert not {"identity_sdk.emulators", "identity_sdk.cli"} & modules
    assert ("httpx" in modules) is ("lakefs'" in code)
    assert ("identity_sdk.adapters.lakefs.adapter" in modules) is ("lakefs'" in code)


def test_another_transport_loads_no_httpx() -> None:
    pytest.importorskip("aiohttp")
    modules = loaded(f"from identity_sdk import connect; {LAKEFS[:-1]}, transport='aiohttp')")
    assert not roots(modules) & {"httpx", "httpcore", "httpx2", "sqlalchemy"}


def test_the_embedded_provider_loads_no_http_client() -> None:
    pytest.importorskip("sqlalchemy")
    modules = loaded("from identity_sdk import connect; connect('local:')")
    assert not roots(modules) & {"httpx", "httpx2", "aiohttp", "starlette", "uvicorn", "psycopg"}
    assert not any(module.startswith("identity_sdk.adapters.lakefs") for module in modules)
