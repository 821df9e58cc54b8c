"""`idp serve`: the command that starts a stand-in, as a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from identity_sdk.client import connect

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def server() -> Iterator[dict[str, str]]:
    """What a served lakeFS says on its first line; it must stop cleanly when told."""
    command = [sys.executable, "-m", "identity_sdk.cli", "serve", "lakefs", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.anyio
@pytest.mark.skipif(os.name != "posix", reason="stops by SIGTERM")
async def test_it_serves_what_the_client_can_use_and_stops_when_told(server: dict[str, str]) -> None:
    key = {name: server[name] for name in ("access_key_id", "secret_access_key")}
    async with connect("lakefs", base_url=server["base_url"], **key) as idp:
        assert (await idp.users.me()).id == "admin"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "idp serve: the following arguments are required: BACKEND (see idp serve --help)"),
        (["lakefs", "--face", "2"], "idp serve lakefs: argument --face: invalid choice"),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], told: str, idp: Run) -> None:
    done = idp("serve", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from identity_sdk.cli import main; "
        "sys.exit(main(['serve', 'lakefs', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert missing in done.stderr
    assert "pip install" in done.stderr
    assert "unified-identity-sdk[server]" in done.stderr


def test_a_module_of_our_own_that_is_missing_is_a_defect_and_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from identity_sdk.cli import main
    from identity_sdk.emulators import command

    def broken(args: object) -> int:
        raise ModuleNotFoundError("No module named 'identity_sdk.nowhere'", name="identity_sdk.nowhere")

    monkeypatch.setattr(command, "run", broken)
    with pytest.raises(ModuleNotFoundError):
        main(["serve", "lakefs"])
