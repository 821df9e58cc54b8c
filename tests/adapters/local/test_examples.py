"""The tour runs, in memory and in a file, and says what it says it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOUR = Path(__file__).parents[3] / "examples" / "local_tour.py"

SAID = [
    "May ada read sales? yes: allowed by statement 1 of policy 'reads-reports'",
    "May ada read salaries? no: denied by statement 2 of policy 'reads-reports'",
    "The password alone is not enough any more: totp",
    "The code that confirmed the phone is spent: each works once",
    "The constrained session is ada's",
    "…and does no more than it was told: "
    "'ada' may not users:List on users/*: its session or token is limited to other scopes",
    "Verified offline, by the public key: ada",
    "the refresh token is not accepted: it was used before; its family is ended",
    "…so the token that came of it is dead as well",
    "Deleted; what nobody can end: 2 access token(s), only where they are verified offline",
    "A new ada has nothing of the old one",
]


@pytest.mark.parametrize("place", ["memory", "file"])
def test_the_tour(tmp_path: Path, place: str) -> None:
    arguments = [] if place == "memory" else [f"local://{tmp_path}/identity.db"]
    for _ in range(2 if arguments else 1):
        command = [sys.executable, "-W", "error", "-X", "utf8", str(TOUR), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == SAID
