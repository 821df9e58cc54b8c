"""Both programs over profiles: a file of six, five of them served by `idp serve` in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.large

SERVED = ("lakefs", "auth-service", "authress", "argus", "igtcloud")
TAKEN = {
    "lakefs": {"access_key_id": "access_key_id", "secret_access_key": "secret_access_key"},
    "auth-service": {"token": "admin_token"},
    "authress": {"access_key": "access_key"},
    "argus": {"api_key": "api_key"},
    "igtcloud": {"username": "username", "password": "password", "organization": "organization"},
}
"""Options by the words of the start-up line."""
MORE = {
    "auth-service": {"default_role": "USER"},
    "argus": {"customer": "mnemonic"},
    "igtcloud": {"email_domain": "example.com"},
}
SEED = {
    "users": [{"id": "grace", "email": "grace@example.com"}],
    "groups": [{"id": "staff"}],
    "memberships": [{"group": "staff", "user": "grace"}],
}


@pytest.fixture
def profiles(tmp_path: Path) -> Iterator[Path]:
    """The file of profiles, as somebody writes it who has read the start-up lines."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED), encoding="utf-8")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name, seed)) for name in SERVED}
        stack.callback(lambda: [server.terminate() for server in servers.values()])
        tables = {
            "at-home": {"target": "local", "base_url": f"local:{(tmp_path / 'identity.db').as_posix()}"}
        }
        for name, server in servers.items():
            assert server.stdout is not None
            line = json.loads(server.stdout.readline())
            told = {option: line[word] for option, word in TAKEN[name].items()}
            tables[f"our-{name}"] = {
                "target": name,
                "base_url": line["base_url"],
                **told,
                **MORE.get(name, {}),
            }
        path = tmp_path / "profiles.toml"
        path.touch(mode=0o600)
        lines = [
            f"[profiles.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
            for name, table in tables.items()
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
        yield path
        for server in servers.values():
            server.terminate()
        assert [server.wait(20) for server in servers.values()] == [0] * len(servers)


def serving(name: str, seed: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "identity_sdk.cli", "serve", name, "--port", "0", "--seed", str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def test_both_programs_over_six_profiles(run: Any, profiles: Path) -> None:
    names = ("at-home", *(f"our-{name}" for name in SERVED))
    config = {"IDENTITY_SDK_CONFIG": str(profiles)}
    done = run("everywhere.py", "--group", "staff", "--policy", "viewUsers", *names, **config)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split()[0] for line in done.stdout.partition("\n\n")[0].splitlines()[1:]]
    assert tuple(rows) == names
    assert done.stdout.count("all gone") == 6
    assert done.stdout.count("is in") == 6

    who = ("--who", "grace", "--who", "grace@example.com")
    done = run("offboard.py", *who, *names, "--yes", **config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("grace is deleted; what it signed in with is refused") == 5
    assert done.stdout.count("nobody was found") == 1
    for secret in secrets_of(profiles):
        assert secret not in done.stdout + done.stderr


def secrets_of(profiles: Path) -> list[str]:
    words = ("secret_access_key", "token", "access_key", "api_key", "password")
    lines = profiles.read_text(encoding="utf-8").splitlines()
    return [json.loads(value) for key, _, value in (line.partition(" = ") for line in lines) if key in words]
