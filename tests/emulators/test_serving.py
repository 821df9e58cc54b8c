"""The real process: its one line, its signals, TLS, faults, seeds, and the app in a thread."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity_sdk.emulators import server
from identity_sdk.emulators.command import add_serve_parser, main, run
from identity_sdk.emulators.lakefs import create_app
from identity_sdk.emulators.seed import load_seed, plant
from identity_sdk.emulators.server import ServeOptions, running, serve
from identity_sdk.emulators.tls import Authority
from identity_sdk.errors import ConfigurationError
from identity_sdk.store import Store
from identity_sdk.store import queries as q


@contextlib.contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [sys.executable, "-m", "identity_sdk.emulators", "lakefs", "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running_process:
        assert running_process.stdout is not None
        try:
            yield running_process, json.loads(running_process.stdout.readline())
        finally:
            running_process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(number: int) -> None:
    with process() as (emulator, line):
        auth = (line["access_key_id"], line["secret_access_key"])
        assert set(line) == {"base_url", "access_key_id", "secret_access_key"}
        assert line["base_url"].endswith("/api/v1")
        with httpx.Client(auth=auth) as client:  # its connection stays open while the signal comes
            assert client.get(f"{line['base_url']}/user").json()["user"]["id"] == "admin"
            emulator.send_signal(number)
            assert emulator.wait(20) == 0
        assert emulator.stdout is not None
        assert emulator.stderr is not None
        assert (emulator.stdout.read(), emulator.stderr.read()) == ("", "")


def test_options_of_the_process(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED), "utf-8")
    options = ["--store", f"sqlite:///{tmp_path}/x.db", "--seed", str(seed), "--tls", "--admin", "root"]
    with process(*options, "--fault", "GET /auth/groups: 429, retry-after=1, times=1") as (emulator, line):
        context = ssl.create_default_context(cafile=line["ca"])
        key = SEED["keys"][0]
        auth = (key["access_key_id"], key["secret_access_key"])
        with httpx.Client(base_url=line["base_url"], verify=context, auth=auth) as client:
            assert client.get("/user").json()["user"] == {
                "creation_date": client.get("/user").json()["user"]["creation_date"],
                "friendly_name": "",
                "id": "ann",
            }
            assert client.get("/auth/groups").headers["Retry-After"] == "1"
            assert [group["id"] for group in client.get("/auth/groups?prefix=t").json()["results"]] == [
                "team"
            ]
            assert len(client.get("/auth/users?amount=1000").json()["results"]) == 52
            assert client.get("/auth/users/root").status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(line["base_url"])
        emulator.send_signal(signal.SIGTERM)
        assert emulator.wait(20) == 0
        assert not Path(line["ca"]).exists()
    with process("--store", f"sqlite:///{tmp_path}/x.db") as (_, line):
        auth = (line["access_key_id"], line["secret_access_key"])
        assert httpx.get(f"{line['base_url']}/auth/users/ann", auth=auth).status_code == 200


def test_a_face_and_a_new_installation() -> None:
    with process("--face", "1.x-acl", "--no-setup", "--auth-cache", "20") as (_, line):
        assert set(line) == {"base_url"}
        assert httpx.get(f"{line['base_url']}/setup_lakefs").json()["state"] == "not_initialized"


def test_a_wrong_option_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["lakefs", "--port", port]) == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err
    assert main(["lakefs", "--port", "0", "--fault", "nonsense"]) == 2
    assert main(["lakefs", "--port", "0", "--store", "mysql://root:canary@h/d"]) == 2
    assert main(["lakefs", "--port", "0", "--seed", str(tmp_path / "none.json")]) == 2
    told = capsys.readouterr()
    assert (told.out, "canary" in told.err) == ("", False)
    assert len(told.err.splitlines()) == 3
    assert main(["lakefs", "--port", "0", "--store", f"sqlite:///{tmp_path}/no/folder/x.db"]) == 2
    assert "unable to open database file" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="choose one of lakefs"):
        serve("nonsense", ServeOptions())


def test_the_sub_parser_of_idp() -> None:
    parser = argparse.ArgumentParser()
    add_serve_parser(parser.add_subparsers())
    arguments = parser.parse_args(["serve", "lakefs"])
    assert arguments.run is run
    assert (arguments.port, arguments.face, arguments.auth_cache, arguments.store) == (
        8000,
        "0.91",
        0.0,
        "sqlite://",
    )


def test_serve_in_the_foreground_announces_once_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of ``serve`` in this process; the signal is asked for by the announcement itself."""
    announced: list[dict[str, str]] = []

    class Out(io.StringIO):
        def flush(self) -> None:
            announced.append(json.loads(self.getvalue()))
            address = announced[0]["base_url"].split("/")[2].rsplit(":", 1)
            with socket.create_connection((address[0].strip("[]"), int(address[1])), timeout=5):
                pass
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert serve("lakefs", ServeOptions(port=0), out=Out()) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert announced[0]["access_key_id"].startswith("AKIAJ")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6_addresses_are_bracketed() -> None:
    with contextlib.closing(server._listen("::1", 0)) as listener:
        assert server._url(listener, None, "::1").startswith("http://[::1]:")


# TLS


def test_unknown_ca_wrong_host_and_expired_certificate() -> None:
    authority = Authority()
    app = create_app(Store.open(), setup=True)
    trusting = authority.client_context()
    with running(app, tls=authority.server_context()) as url:
        assert url.startswith("https://127.0.0.1:")
        assert httpx.get(f"{url}/api/v1/auth/capabilities", verify=trusting).status_code == 200
        with pytest.raises(httpx.ConnectError, match=r"self-signed certificate|unable to get local issuer"):
            httpx.get(url, verify=Authority().client_context())
    with (
        running(app, tls=authority.server_context("wrong.example")) as url,
        pytest.raises(httpx.ConnectError, match=r"not valid for '127\.0\.0\.1'"),
    ):
        httpx.get(url, verify=trusting)
    with (
        running(app, tls=authority.server_context(expired=True)) as url,
        pytest.raises(httpx.ConnectError, match="expired"),
    ):
        httpx.get(url, verify=trusting)


# In a thread


def test_several_apps_run_side_by_side_and_end() -> None:
    before = set(threading.enumerate())  # another test's server may live as long as the session
    with running(create_app(Store.open())) as left, running(create_app(Store.open(), face="1.x")) as right:
        assert left != right
        assert "login_config" not in httpx.get(f"{left}/api/v1/setup_lakefs").json()
        assert "login_config" in httpx.get(f"{right}/api/v1/setup_lakefs").json()
    with pytest.raises(httpx.ConnectError):
        httpx.get(left)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "emulator"]


def test_a_server_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(server._Server, "serve", broken)
    with pytest.raises(RuntimeError, match="did not start") as raised, running(create_app(Store.open())):
        pass  # pragma: no cover
    assert isinstance(raised.value.__cause__, OSError)


# Seeds

SEED: dict[str, list[dict[str, Any]]] = {
    "users": [{"id": "ann", "email": "ann@example.com"}, {"count": 50}],
    "groups": [{"id": "team", "description": "the team"}],
    "memberships": [{"group": "team", "user": "ann", "role": "READ"}],
    "policies": [{"id": "All", "statement": [{"effect": "allow", "action": ["auth:*"], "resource": "*"}]}],
    "attachments": [{"policy": "All", "user": "ann"}, {"policy": "All", "group": "team"}],
    "keys": [{"user": "ann", "access_key_id": "AKIAANN", "secret_access_key": "secret of ann"}],
}


@pytest.mark.anyio
async def test_a_seed_can_be_planted_twice() -> None:
    store = Store.open()
    await store.write(lambda conn: plant(conn, SEED, 5.0))
    await store.write(lambda conn: plant(conn, SEED, 6.0))
    assert await store.read(q.users.count) == 51
    assert await store.read(q.attachments.count) == 2
    membership = await store.read(lambda conn: q.memberships.get(conn, "team", "ann"))
    assert membership is not None
    assert membership.role == "READ"
    await store.aclose()


@pytest.mark.parametrize("text", ["", "[]", '{"people": []}', '{"users": '])
def test_a_malformed_seed_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seed.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match="seed file"):
        load_seed(path)


@pytest.mark.anyio
@pytest.mark.parametrize("item", [{}, {"id": 5}])
async def test_a_malformed_item(item: dict[str, Any]) -> None:
    store = Store.open()
    with pytest.raises(ConfigurationError, match="the seed file is malformed"):
        await store.write(lambda conn: plant(conn, {"users": [item]}, 5.0))
    await store.aclose()
