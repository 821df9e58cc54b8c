"""`idp config show` in a real process: origins, and no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from identity_sdk.options import CLIENT_OPTIONS

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CANARY = "canary-51ab"
URL = "https://h.example.com/api/v1"


def settings(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[object, str]]:
    assert done.returncode == 0, done.stderr
    return {each["name"]: (each["value"], each["origin"]) for each in json.loads(done.stdout)["settings"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "identity.toml"
    path.write_text(
        f'default = "prod"\n[profiles.prod]\ntarget = "lakefs"\nbase_url = "{URL}"\naccess_key_id = "AKIA"\n'
        f'secret_access_key = "{CANARY}"\nretries = 5\n',
        encoding="utf-8",
    )
    path.chmod(0o600)
    return path


def test_every_setting_with_its_origin(idp: Run, file: Path) -> None:
    done = idp(
        "config",
        "show",
        "timeout=3",
        "--config",
        "identity.toml",
        "--json",
        environ={"IDENTITY_SDK_DEADLINE": "9"},
    )
    shown = settings(done)
    of_profile = "profile 'prod' in identity.toml"
    assert shown["profile"] == ("prod", "identity.toml")
    assert shown["base_url"] == (URL, of_profile)
    assert shown["secret_access_key"] == ("**********", of_profile)
    assert shown["retries"] == (5, of_profile)
    assert shown["deadline"] == (9.0, "environment variable IDENTITY_SDK_DEADLINE")
    assert shown["timeout"] == (3.0, "argument")
    assert shown["connect_timeout"] == (5.0, "default")
    assert set(CLIENT_OPTIONS) <= shown.keys()
    assert json.loads(done.stdout)["adapter"] == "lakefs"


def test_the_table_says_the_same(idp: Run, file: Path) -> None:
    done = idp("config", "show", "prod", environ={"IDENTITY_SDK_CONFIG": str(file)})
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "ORIGIN"]
    at = lines[0].index("VALUE"), lines[0].index("ORIGIN")
    cells = {line[: at[0]].strip(): (line[at[0] : at[1]].strip(), line[at[1] :]) for line in lines[1:]}
    assert cells["target"] == ("prod", "argument") or cells["target"][0] == "lakefs"
    assert cells["backoff"] == ("0.1, 5.0", "default")
    assert cells["proxy"] == ("-", "default")
    assert cells["base_url"] == (URL, f"profile 'prod' in {file}")


def test_a_profile_may_be_named_by_an_option(idp: Run, file: Path) -> None:
    done = idp("config", "show", "--profile", "prod", "--config", str(file), "--json")
    assert settings(done)["profile"] == ("prod", "argument")


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["prod", "--config", "identity.toml"], {}),
        (["prod", "--config", "identity.toml", "--json"], {}),
        (
            [f"lakefs+{URL}", "access_key_id=AKIA", "secret_access_key=env:IDENTITY_SDK_TEST_SECRET"],
            {"TEST_SECRET": CANARY},
        ),
        ([f"lakefs+{URL}", "access_key_id=AKIA", f"secret_access_key={CANARY}"], {}),
        ([f"lakefs+{URL}", f"proxy=http://u:{CANARY}@proxy.example.com"], {}),
        (["lakefs"], {"BASE_URL": URL, "ACCESS_KEY_ID": "AKIA", "SECRET_ACCESS_KEY": CANARY}),
        # and what fails
        ([f"lakefs+{URL}"], {"ACCESS_KEY_ID": "AKIA", "SECRET_ACCESS_KEY": CANARY}),
        ([f"lakefs+https://u:{CANARY}@h.example.com"], {}),
        ([], {"TARGET": f"lakefs+https://u:{CANARY}@h.example.com"}),
        (["lakefs", f"base_url=https://u:{CANARY}@h.example.com"], {}),
        (["lakefs", f"secret_acess_key={CANARY}"], {}),
        ([f"lakefs+{URL}", f"secret_access_key={CANARY}", f"secret_access_key={CANARY}"], {}),
        (["prod", "deadline=soon", "--config", "identity.toml"], {}),
    ],
)
def test_no_secret_is_ever_printed(words: list[str], environ: dict[str, str], idp: Run, file: Path) -> None:
    done = idp(
        "config", "show", *words, environ={f"IDENTITY_SDK_{name}": value for name, value in environ.items()}
    )
    assert CANARY not in done.stdout + done.stderr
    assert done.returncode in (0, 2)
    assert len(done.stderr.splitlines()) == (0 if done.returncode == 0 else 1)


def test_nothing_configured_is_an_error_that_says_what_to_do(idp: Run) -> None:
    done = idp("config", "show")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing says what to connect to" in done.stderr
    assert "IDENTITY_SDK_TARGET" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="no permission bits here")
def test_an_open_file_with_a_secret_is_refused(idp: Run, file: Path) -> None:
    file.chmod(0o644)
    done = idp("config", "show", "prod", "--config", "identity.toml")
    assert done.returncode == 2
    assert "chmod 600 identity.toml" in done.stderr


def test_the_variables_of_an_official_client(idp: Run) -> None:
    theirs = {"CLOUD_DOMAIN": "h.example.com", "CLOUD_JWT_TOKEN": CANARY, "CLOUD_CSRF_TOKEN": CANARY}
    done = idp("config", "show", "igtcloud", "--json", environ=theirs)
    shown = settings(done)
    assert shown["base_url"] == ("h.example.com", "environment variable CLOUD_DOMAIN")
    assert shown["token"] == ("**********", "environment variable CLOUD_JWT_TOKEN")
    assert shown["csrf_token"] == ("**********", "environment variable CLOUD_CSRF_TOKEN")
    assert CANARY not in done.stdout + done.stderr
