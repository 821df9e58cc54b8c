"""`idp doctor` against real emulators: all is well, and each of five faults is named."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_sdk.emulators import lakefs, server
from identity_sdk.emulators.faults import server_time
from identity_sdk.emulators.tls import Authority
from identity_sdk.store import Store
from identity_sdk.testing import BACKENDS, Emulator, emulator
from identity_sdk.testing.directory import apart

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def well() -> Iterator[Emulator[Any]]:
    with emulator("lakefs") as running:
        yield running


def examined(command: Command, environ: dict[str, str], words: str = "") -> dict[str, tuple[str, str]]:
    done = command(f"doctor --json {words}", environ=environ)
    found = {one["check"]: (one["state"], one["told"]) for one in json.loads(done.out)}
    assert done.code == int(any(state == "fault" for state, _ in found.values())), done
    for name, value in environ.items():
        assert not (any(mark in name for mark in ("SECRET", "KEY", "TOKEN")) and value in done.out + done.err)
    return found


def faults(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {check: told for check, (state, told) in found.items() if state == "fault"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_is_well(backend: str, command: Command) -> None:
    with emulator(backend) as running:
        found = examined(command, running.environment)
    assert faults(found) == {}
    assert list(found) == ["settings", "reach", "tls", "clock", "credential", "rights"]
    assert found["reach"][0] == found["clock"][0] == found["credential"][0] == "ok"


def test_the_connection_is_refused(command: Command, well: Emulator[Any]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api/v1"
        found = examined(command, {**well.environment, "IDENTITY_SDK_BASE_URL": url})
    assert faults(found).keys() == {"reach"}
    assert "refused the connection: is the server running?" in found["reach"][1]
    assert "credential" not in found


def test_the_name_is_unknown(command: Command, well: Emulator[Any]) -> None:
    environ = {**well.environment, "IDENTITY_SDK_BASE_URL": "http://nowhere.invalid/api/v1"}
    assert faults(examined(command, environ)).keys() == {"reach"}


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    """A lakeFS emulator with a certificate of its own CA: settings that fit, and that CA."""
    authority = Authority()
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.write_ca(ca)
    store = Store.open("sqlite://", clock=server_time)
    app = lakefs.create_app(store, setup=True)
    apart(app.state.emulator.prepare)
    with server.running(app, authority.server_context()) as origin:
        admin = app.state.emulator.admin
        yield (
            {
                "IDENTITY_SDK_TARGET": "lakefs",
                "IDENTITY_SDK_PROXY": "",
                "IDENTITY_SDK_BASE_URL": f"{origin}/api/v1",
                "IDENTITY_SDK_ACCESS_KEY_ID": admin.access_key_id,
                "IDENTITY_SDK_SECRET_ACCESS_KEY": admin.secret_access_key,
            },
            ca,
        )
    apart(store.aclose)


def test_the_certificate_is_not_trusted(command: Command, encrypted: tuple[dict[str, str], Path]) -> None:
    environ, ca = encrypted
    found = examined(command, environ)
    assert faults(found).keys() == {"tls"}
    assert "not trusted" in found["tls"][1]
    assert "tls='/path/to/ca.pem'" in found["tls"][1]
    found = examined(command, environ, f"--set tls={ca}")  # as it says
    assert faults(found) == {}
    assert found["tls"] == ("ok", "the certificate is trusted")


def test_there_is_no_tls_where_it_should_be(command: Command, well: Emulator[Any]) -> None:
    environ = {**well.environment, "IDENTITY_SDK_BASE_URL": well.url.replace("http:", "https:")}
    assert faults(examined(command, environ)).keys() == {"tls"}


@pytest.mark.parametrize(
    ("seconds", "told"), [(3600, "60 min ahead of this machine's"), (-90, "90 s behind this machine's")]
)
def test_the_clock_is_skewed(seconds: float, told: str, command: Command, well: Emulator[Any]) -> None:
    with well.faults.skewed_clock(seconds):
        found = examined(command, well.environment)
    assert faults(found).keys() == {"clock"}
    assert told in found["clock"][1]


def test_the_credential_is_wrong(command: Command, well: Emulator[Any]) -> None:
    found = examined(command, {**well.environment, "IDENTITY_SDK_SECRET_ACCESS_KEY": "not-the-right-one"})
    assert faults(found).keys() == {"credential"}
    assert "the server does not accept it" in found["credential"][1]
    assert "rights" not in found


def test_there_is_no_credential(command: Command, well: Emulator[Any]) -> None:
    environ = {name: value for name, value in well.environment.items() if "ACCESS_KEY" not in name}
    found = examined(command, environ)
    assert faults(found).keys() == {"credential"}
    assert "idp login" in found["credential"][1]


def test_rights_are_missing(command: Command, well: Emulator[Any]) -> None:
    made = command("credentials create linus --reveal -o json", environ=well.environment)
    key = json.loads(made.out)
    environ = {
        **well.environment,
        "IDENTITY_SDK_ACCESS_KEY_ID": key["id"],
        "IDENTITY_SDK_SECRET_ACCESS_KEY": key["secret"],
    }
    found = examined(command, environ)
    assert faults(found).keys() == {"rights"}
    assert "linus may not users.list, groups.list, policies.list" in found["rights"][1]
    assert found["credential"] == ("ok", found["credential"][1])


def test_what_fails_otherwise_is_told_as_it_is(command: Command, well: Emulator[Any]) -> None:
    with well.faults.status(500, on="GET /auth/users"):
        found = examined(command, well.environment)
    assert "users.list failed" in faults(found)["rights"]
    with well.faults.status(403):
        assert "may not even ask" in faults(examined(command, well.environment))["credential"]
    with well.faults.status(500):
        assert faults(examined(command, well.environment)).keys() == {"credential"}


def test_the_embedded_provider_has_no_wire_to_examine(command: Command) -> None:
    done = command("doctor --url local:identity.db")
    assert done.code == 0
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["ok", "settings"],
        ["ok", "credential"],
        ["ok", "rights"],
    ]
