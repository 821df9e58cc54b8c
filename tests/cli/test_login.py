"""`idp login`: a profile that works, its secrets in a keyring or in a file of one's own."""

from __future__ import annotations

import io
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked

from identity_sdk.adapters.registry import BUILT_IN, adapter_class
from identity_sdk.cli.login import _WAYS
from identity_sdk.cli.target import SECRET_OPTIONS
from identity_sdk.client import connect
from identity_sdk.errors import ConfigurationError
from identity_sdk.testing import Emulator, emulator

Command = Callable[..., Any]


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class Plain(Ring):
    priority = 0.5  # type: ignore[assignment]


class Locked(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("with the secret in it")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("with the secret in it")


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, now = keyring.get_keyring(), Ring()
    keyring.set_keyring(now)
    yield now
    keyring.set_keyring(before)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator[Any]]:
    with emulator("lakefs") as running:
        yield running


@pytest.fixture
def login(server: Emulator[Any]) -> tuple[str, dict[str, str]]:
    """The words, and the environment that holds the secret."""
    told = server.environment
    words = (
        f"login prod --provider lakefs --url {server.url} --set proxy= "
        f"--set access_key_id={told['IDENTITY_SDK_ACCESS_KEY_ID']} --set secret_access_key=env:THE_SECRET"
    )
    return words, {"THE_SECRET": told["IDENTITY_SDK_SECRET_ACCESS_KEY"]}


def file(folder: Path) -> Path:
    return folder / "config" / "identity-sdk" / "config.toml"


def test_into_the_keyring_and_out_again(
    login: tuple[str, dict[str, str]], command: Command, ring: Ring, tmp_path: Path, server: Emulator[Any]
) -> None:
    words, environ = login
    done = command(words, environ=environ)
    assert done.code == 0, done
    assert f"Signed in at {server.url} as admin." in done.out
    text = file(tmp_path).read_text()
    assert environ["THE_SECRET"] not in text + done.out + done.err
    assert list(ring.held.values()) == [environ["THE_SECRET"]]
    assert stat.S_IMODE(file(tmp_path).stat().st_mode) == 0o600
    assert tomllib.loads(text)["default"] == "prod"
    assert tomllib.loads(text)["profiles"]["prod"]["keyring"] == ["secret_access_key"]
    for how in ("", " --profile prod"):
        assert "admin" in command(f"users me{how}").out
    shown = command("config show --json").out
    assert environ["THE_SECRET"] not in shown
    done = command("logout prod")
    assert done.code == 0
    assert ring.held == {}
    assert "prod" not in file(tmp_path).read_text()
    assert command("users me").code == 2


@pytest.mark.anyio
async def test_a_program_reads_the_same_profile(
    login: tuple[str, dict[str, str]], command: Command, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anyio.to_thread import run_sync

    words, environ = login
    monkeypatch.setenv("THE_SECRET", environ["THE_SECRET"])
    await run_sync(command, words)
    async with connect(profile="prod") as idp:
        assert (await idp.users.me()).id == "admin"


def test_a_changed_place_gets_no_secret(
    login: tuple[str, dict[str, str]], command: Command, ring: Ring, tmp_path: Path, server: Emulator[Any]
) -> None:
    words, environ = login
    assert command(words, environ=environ).code == 0
    changed = file(tmp_path).read_text().replace(server.url, "http://127.0.0.1:1/api/v1")
    file(tmp_path).write_text(changed)
    done = command("users me")
    assert done.code == 2
    assert (
        "the system keyring holds no secret_access_key of profile 'prod' for http://127.0.0.1:1" in done.err
    )


def test_a_login_anew_leaves_nothing_of_the_old_one(
    login: tuple[str, dict[str, str]], command: Command, ring: Ring
) -> None:
    words, environ = login
    assert command(words, environ=environ).code == 0
    assert command(words, environ=environ).code == 0
    assert len(ring.held) == 1
    assert command(f"{words} --store file", environ=environ).code == 0
    assert ring.held == {}
    assert "admin" in command("users me").out


def test_a_name_that_no_profile_can_have(command: Command) -> None:
    done = command("login 'a b' --provider local --url local:")
    assert (done.code, done.out) == (2, "")
    assert "a profile's name is letters" in done.err


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring, Plain])
def test_without_a_real_keyring_nothing_is_written_or_sent(
    backend: type[KeyringBackend],
    login: tuple[str, dict[str, str]],
    command: Command,
    ring: Ring,
    tmp_path: Path,
    server: Emulator[Any],
) -> None:
    keyring.set_keyring(backend())
    before = len(server.requests)
    words, environ = login
    done = command(words, environ=environ)
    assert (done.code, done.out) == (2, "")
    assert "--store file" in done.err
    assert not file(tmp_path).exists()
    assert len(server.requests) == before


def test_a_locked_keyring_is_told_without_its_words(
    login: tuple[str, dict[str, str]], command: Command, ring: Ring
) -> None:
    keyring.set_keyring(Locked())
    words, environ = login
    done = command(words, environ=environ)
    assert done.code == 2
    assert "KeyringLocked" in done.err
    assert "with the secret" not in done.err


def test_into_a_file_on_request_beside_what_is_there(
    login: tuple[str, dict[str, str]], command: Command, tmp_path: Path
) -> None:
    path = file(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[profiles.lab]   # a comment\ntarget = "local:"\n')
    path.chmod(0o644)
    words, environ = login
    done = command(f"{words} --store file --default", environ=environ)
    assert done.code == 0, done
    text = path.read_text()
    assert "# mine" in text
    assert "# a comment" in text
    held = tomllib.loads(text)
    assert held["default"] == "prod"
    assert held["profiles"]["lab"] == {"target": "local:"}
    assert held["profiles"]["prod"]["secret_access_key"] == environ["THE_SECRET"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]
    assert "admin" in command("users me").out
    command(f"{words} --store file", environ=environ)
    assert tomllib.loads(path.read_text())["default"] == "prod"


def test_a_wrong_credential_writes_nothing(server: Emulator[Any], command: Command, tmp_path: Path) -> None:
    words = f"login x --provider lakefs --url {server.url} --set proxy= --set access_key_id=AKIA --store file"
    done = command(words, stdin="wrong\n")
    assert done.code == 4
    assert "wrong" not in done.err.replace("wrong?", "")
    assert not file(tmp_path).exists()
    assert command(f"{words} --no-check", stdin="wrong\n").code == 0
    assert file(tmp_path).exists()


def test_without_a_terminal_what_is_missing_is_told(command: Command) -> None:
    assert "--provider" in command("login").err
    assert "--url" in command("login --provider argus").err
    assert "access_key_id" in command("login --provider lakefs --url http://127.0.0.1:1").err
    assert "--set takes OPTION=VALUE" in command("login --provider argus --url http://h --set x").err
    assert "given twice" in command("login --provider argus --url http://h --set base_url=http://h").err
    assert "no profile 'x'" in command("logout x").err


def test_a_file_that_is_no_toml_is_left_alone(command: Command, tmp_path: Path) -> None:
    file(tmp_path).parent.mkdir(parents=True)
    file(tmp_path).write_text("this is = not [toml")
    done = command("login mine --provider local --url local:identity.db --no-check")
    assert done.code == 2
    assert file(tmp_path).read_text() == "this is = not [toml"


def test_the_embedded_provider_needs_no_secret(command: Command, tmp_path: Path) -> None:
    assert command("login mine --provider local --url local:identity.db").code == 0
    assert "root" in command("users me").out
    assert "keyring" not in file(tmp_path).read_text()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('keyring = "token"', "keyring must be a list"),
        ("keyring = [1]", "keyring must be a list"),
        ('keyring = ["token"]\ntoken = "x"', "in the file and in the keyring"),
    ],
)
def test_a_profile_that_names_the_keyring_wrongly(
    table: str, told: str, command: Command, tmp_path: Path, ring: Ring
) -> None:
    file(tmp_path).parent.mkdir(parents=True)
    file(tmp_path).write_text(f'[profiles.p]\ntarget = "lakefs"\nbase_url = "http://h/api/v1"\n{table}\n')
    file(tmp_path).chmod(0o600)
    with pytest.raises(ConfigurationError, match=told):
        connect(profile="p")


def test_the_names_of_options_are_those_of_the_adapters() -> None:
    secret = {
        name: {o for o, told in adapter_class(name).options.items() if told.secret} for name in BUILT_IN
    }
    assert set().union(*secret.values()) == SECRET_OPTIONS
    assert _WAYS.keys() == set(BUILT_IN)
    for name, ways in _WAYS.items():
        assert {option for way in ways for option in way} <= adapter_class(name).options.keys()
        assert secret[name] <= {*(option for way in ways for option in way), "database_url"}


def test_an_url_beside_a_profile_is_not_sent_the_profiles_secret(
    login: tuple[str, dict[str, str]], command: Command
) -> None:
    words, environ = login
    assert command(f"{words} --store file", environ=environ).code == 0
    done = command("users me --profile prod --url http://127.0.0.1:1/api/v1")
    assert done.code == 2
    assert "a secret is sent only to the base_url of its own source" in done.err


def test_at_a_terminal_everything_is_asked_for(
    server: Emulator[Any], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from identity_sdk.cli import sources

    told = server.environment
    answers = Terminal(f"lakefs\n{server.url}\n1\n{told['IDENTITY_SDK_ACCESS_KEY_ID']}\n")
    monkeypatch.setattr(sources, "getpass", lambda prompt, stream: told["IDENTITY_SDK_SECRET_ACCESS_KEY"])
    monkeypatch.setattr("io.StringIO", lambda text: answers)
    done = command("login --store file", environ={"IDENTITY_SDK_PROXY": ""})
    assert done.code == 0, done
    assert "2. token" in done.err
    assert tomllib.loads(file(tmp_path).read_text())["default"] == "lakefs"


@pytest.mark.parametrize(
    ("typed", "told"), [("\n", "provider is missing"), ("lakefs\nhttp://h\n7\n", "from 1 to 2")]
)
def test_an_answer_that_is_none(
    typed: str, told: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Terminal(typed)
    monkeypatch.setattr("io.StringIO", lambda text: answers)
    done = command("login")
    assert done.code == 2
    assert told in done.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
