"""One directory per test: in memory, in a file, or in PostgreSQL, on a clock that stands still."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.lowlevel
import pytest
from pyotp.totp import TOTP

from identity_sdk import connect
from identity_sdk.adapters.local import Argon2Cost, Local
from identity_sdk.client import IdentityClient
from identity_sdk.models import Credential, Session, Statement
from identity_sdk.secrets import Secret

POSTGRES = os.environ.get("IDENTITY_SDK_TEST_POSTGRES", "")

Idp = IdentityClient[Local]


class ManualClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.start = float(int(time.time()) // 30 * 30)
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def time(self) -> float:
        return self.start + self.passed

    def advance(self, seconds: float) -> None:
        self.passed += seconds

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty schema of its own in the database that the environment names."""
    import psycopg

    plain = POSTGRES.replace("postgresql+psycopg://", "postgresql://")
    schema = f"local_{uuid.uuid4().hex}"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    separator = "&" if "?" in plain else "?"
    yield f"{plain}{separator}options=-csearch_path%3D{schema}"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(
    params=[
        "memory",
        "file",
        pytest.param(
            "postgresql",
            marks=[
                pytest.mark.postgres,
                pytest.mark.skipif(
                    not POSTGRES, reason="IDENTITY_SDK_TEST_POSTGRES names no PostgreSQL database"
                ),
            ],
        ),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every kind of store."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return "local:" if request.param == "memory" else f"local://{tmp_path}/identity.db"


@pytest.fixture
async def idp(clock: ManualClock) -> AsyncIterator[Idp]:
    """The root principal of a directory in memory."""
    async with connect(local(), clock=clock) as client:
        yield client


@pytest.fixture
async def everywhere(url: str, clock: ManualClock) -> AsyncIterator[Idp]:
    """The root principal of a directory in every kind of store."""
    async with connect(local(url), clock=clock) as client:
        yield client


def local(url: str = "local:", **options: object) -> Local:
    """A provider whose passwords cost next to nothing."""
    return Local(url, password_cost=Argon2Cost.weak_for_tests(), **options)  # type: ignore[arg-type]


def allow(*actions: str, on: str = "*") -> list[Statement]:
    return [Statement(effect="allow", actions=actions, resources=(on,))]


def deny(*actions: str, on: str = "*") -> list[Statement]:
    return [Statement(effect="deny", actions=actions, resources=(on,))]


async def grant(idp: Idp, user: str, statements: list[Statement], name: str = "") -> str:
    """A policy of these statements, attached to a user."""
    policy = await idp.policies.create(name or f"for {user} {uuid.uuid4().hex}", statements=statements)
    await idp.policies.attach(policy.id, user=user)
    return policy.id


async def key_of(idp: Idp, user: str) -> Idp:
    """A client that speaks by a new access key of a user, who is made if need be."""
    from identity_sdk.auth.sources import AccessKey

    await idp.users.create(user, exist_ok=True)
    key = await idp.credentials.create(user)
    assert key.secret is not None
    return idp.with_credential(AccessKey(key.id, key.secret))


async def signed_in(idp: Idp, user: str, password: str = "correct horse", code: str | None = None) -> Session:
    """A session by password of a user, who is made if need be."""
    await idp.users.create(user, password=password, exist_ok=True)
    return await idp.sessions.create("password", identifier=user, secret=password, code=code)


def code_of(credential: Credential, clock: ManualClock, steps: int = 0) -> str:
    """What an authenticator shows."""
    assert credential.secret is not None
    return TOTP(credential.secret.reveal()).at(int(clock.time()) + 30 * steps)


def shown(secret: Secret | None) -> str:
    assert secret is not None
    return secret.reveal()
