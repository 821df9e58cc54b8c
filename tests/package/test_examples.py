"""The examples run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity_sdk import Local, connect
from identity_sdk.adapters.local.passwords import Argon2Cost

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_SDK_")}
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_onboarding() -> None:
    printed = run("onboarding.py", "--try", "grace", "analysts", "writers")
    assert printed.startswith("grace is in analysts, writers, and has the key ")


@pytest.mark.parametrize("loop", ["--asyncio", "--trio"])
def test_audit(loop: str) -> None:
    assert run("audit.py", "--try", loop).splitlines() == [
        *(f"user-{number}: allowed by statement 1 of policy 'reports'" for number in ("00", "10", "20")),
        "25 users, 0 requests",
    ]


def test_access_review(tmp_path: Path) -> None:
    assert run("access_review.py", "--try").splitlines() == [
        "local: ada: allowed by statement 1 of policy 'salaries'",
        "local: ben: allowed by statement 1 of policy 'salaries'",
    ]
    empty = f"local:{(tmp_path / 'empty.db').as_posix()}"
    assert run("access_review.py", "docs:Read", "docs/x", empty).splitlines() == [f"{empty} nobody"]
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "access_review.py"), "docs:Read", "docs/x", empty, "nowhere"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, f"{empty} nobody\n")
    assert done.stderr.startswith("nowhere could not be asked: ")


@pytest.mark.anyio
async def test_on_behalf() -> None:
    spec = importlib.util.spec_from_file_location("on_behalf", EXAMPLES / "on_behalf.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    async with connect(Local(password_cost=Argon2Cost.weak_for_tests())) as idp:
        for name in ("ada", "ben"):
            await idp.users.create(name, password="a long pass phrase")
        session = await idp.sessions.create("password", identifier="ada", secret="a long pass phrase")
        assert session.token is not None
        as_ada = {"Authorization": f"Bearer {session.token.reveal()}"}
        transport = httpx.ASGITransport(module.make_app(idp))
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as browser:
            answers = [
                await browser.get("/me", headers=as_ada),
                await browser.get("/users/ada", headers=as_ada),
                await browser.get("/users/ben", headers=as_ada),
                await browser.get("/me"),
                await browser.get("/me", headers={"Authorization": "Bearer forged"}),
            ]
    assert [answer.status_code for answer in answers] == [200, 200, 403, 401, 401]
    assert answers[0].json() == {"id": "ada"}
