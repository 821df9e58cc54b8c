"""The file of profiles: where it is looked for, what it may hold, and who may read it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from identity_sdk.config import profiles as profiles_module
from identity_sdk.config import resolve, user_config_file
from identity_sdk.errors import ConfigurationError

Write = Callable[..., Path]
TOY = '[profiles.one]\ntarget = "toy"\nbase_url = "https://p.example.com"\n'


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/h/u"}, "/h/u/.config/identity-sdk/config.toml"),
        ("linux", {"HOME": "/h/u", "XDG_CONFIG_HOME": "/x"}, "/x/identity-sdk/config.toml"),
        ("linux", {"HOME": "/h/u", "XDG_CONFIG_HOME": "relative"}, "/h/u/.config/identity-sdk/config.toml"),
        ("linux", {"HOME": "/h/u", "XDG_CONFIG_HOME": ""}, "/h/u/.config/identity-sdk/config.toml"),
        ("freebsd14", {"HOME": "/h/u"}, "/h/u/.config/identity-sdk/config.toml"),
        (
            "darwin",
            {"HOME": "/U/u", "XDG_CONFIG_HOME": "/x"},
            "/U/u/Library/Application Support/identity-sdk/config.toml",
        ),
        ("win32", {"APPDATA": "/A/Roaming", "USERPROFILE": "/P"}, "/A/Roaming/identity-sdk/config.toml"),
        ("win32", {"USERPROFILE": "/P"}, "/P/AppData/Roaming/identity-sdk/config.toml"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the paths are written as on POSIX")
def test_the_users_own_file_by_platform(platform: str, environ: dict[str, str], expected: str) -> None:
    assert user_config_file(environ, platform) == Path(expected)


def test_without_a_home_in_the_environment_the_system_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert user_config_file({}, "linux") == tmp_path / ".config" / "identity-sdk" / "config.toml"


def test_without_any_home_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", homeless)
    assert user_config_file({}, "linux") is None
    with pytest.raises(ConfigurationError, match="nothing says what to connect to"):
        resolve(None, {}, environ={})
    with pytest.raises(ConfigurationError, match="there is no configuration file ~nobody-of-this-name"):
        resolve("toy", {"config": "~nobody-of-this-name/identity.toml"}, environ={})


def test_the_users_own_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "identity-sdk" / "config.toml"
    path.parent.mkdir()
    path.write_text('default = "one"\n' + TOY, encoding="utf-8")
    resolved = resolve(None, {}, environ={"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)})
    assert resolved.adapter.base_url == "https://p.example.com"


def test_a_file_in_the_working_directory_is_read_only_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("identity.toml", "config.toml"):
        Path(name).write_text('default = "one"\n' + TOY, encoding="utf-8")
    own = {
        "XDG_CONFIG_HOME": str(tmp_path / "none"),
        "APPDATA": str(tmp_path / "none"),
        "HOME": str(tmp_path / "none"),
    }
    with pytest.raises(ConfigurationError, match="nothing says what to connect to"):
        resolve(None, {}, environ=own)
    for options, environ in (
        ({"config": "./identity.toml"}, own),
        ({"config": Path("identity.toml")}, own),
        ({}, {**own, "IDENTITY_SDK_CONFIG": "identity.toml"}),
    ):
        assert resolve(None, options, environ=environ).adapter.base_url == "https://p.example.com"
    with pytest.raises(ConfigurationError, match="config must be the path of a TOML file"):
        resolve(None, {"config": 5}, environ=own)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.toml", tmp_path / "none" / "x.toml"):
        with pytest.raises(ConfigurationError, match=r"there is no configuration file .*(none|x).toml"):
            resolve("toy", {"config": str(missing), "base_url": "https://x.example.com"}, environ={})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("default = one", "line 1"),
        ('[profile.one]\ntarget = "toy"', "'profile' is not known there: did you mean 'profiles'"),
        ("default = 1", "default must be the name of a profile"),
        ('profiles = "one"', r"profiles must be tables: \[profiles.NAME\]"),
        ("[profiles]\none = 1", r"profiles.one must be a table: \[profiles.one\]"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "1" * 5000, "too long"),
        ('default = "x"\ndefault = "y"', "Cannot overwrite a value"),
        ("[profiles.one]", "profile 'one' in .* has no target"),
        ("[profiles.one]\ntarget = 5", "profile 'one' in .* has no target"),
        (
            '[profiles.one]\ntarget = "two"',
            "target must be an adapter's name or a URL: adapters are|did you mean",
        ),
        ('[profiles.one]\ntarget = "toyy"', "target must be an adapter's name or a URL: did you mean 'toy'"),
        ('[profiles.one]\ntarget = "https://h.example.com"', "must name its adapter"),
        (
            '[profiles.one]\ntarget = "toy+https://h.example.com"\nbase_url = "https://x.example.com"',
            "given twice",
        ),
        (
            '[profiles.uno]\ntarget = "toy"',
            "no adapter or profile 'one' .profiles are in .*config.toml.: known are",
        ),
        ('[profiles.ones]\ntarget = "toy"', "did you mean 'ones'"),
    ],
)
def test_a_malformed_file(text: str, told: str, profiles: Write) -> None:
    path = profiles(text)
    with pytest.raises(ConfigurationError, match=told) as caught:
        resolve("one", {}, environ={}, profile_file=path)
    assert str(path) in str(caught.value) or "name its adapter" in told or "twice" in told


def test_a_default_that_is_no_profile(profiles: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no profile 'on' in .*: did you mean 'one'"):
        resolve(None, {}, environ={}, profile_file=profiles('default = "on"\n' + TOY))
    with pytest.raises(ConfigurationError, match=r"there is no profile 'on' in .*: there is none"):
        resolve(None, {}, environ={}, profile_file=profiles('default = "on"\n'))


def test_a_file_without_a_default_is_told_how_to_have_one(profiles: Write) -> None:
    with pytest.raises(ConfigurationError, match=r'write default = "…" into .*config.toml'):
        resolve(None, {}, environ={}, profile_file=profiles(TOY))


def test_what_is_no_text_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    marked = tmp_path / "marked.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + ('default = "one"\n' + TOY).encode())
    with pytest.raises(ConfigurationError, match="it is not UTF-8"):
        resolve(None, {"config": binary}, environ={})
    with pytest.raises(ConfigurationError, match=r"no regular file|cannot be read"):
        resolve(None, {"config": tmp_path}, environ={})
    with pytest.raises(ConfigurationError, match="path is malformed"):
        resolve(None, {"config": "a\0b"}, environ={})
    with monkeypatch.context() as patch:
        patch.setattr(profiles_module, "MAX_BYTES", 10)
        with pytest.raises(ConfigurationError, match="larger than 10 bytes"):
            resolve(None, {"config": marked}, environ={})
    assert (
        resolve(None, {"config": marked}, environ={}).adapter.base_url == "https://p.example.com"
    )  # a BOM is no fault


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigurationError, match="no regular file"):
        resolve(None, {"config": pipe}, environ={})


def test_a_file_that_may_not_be_read(profiles: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = profiles(TOY)
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        resolve("one", {}, environ={}, profile_file=path)


def test_a_disk_that_fails(profiles: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **kwargs: object) -> None:
        raise OSError(5, "Input/output error")

    path = profiles(TOY)
    monkeypatch.setattr(os, "fdopen", failing)
    with pytest.raises(ConfigurationError, match="cannot be read: Input/output error"):
        resolve("one", {}, environ={}, profile_file=path)


@pytest.mark.skipif(os.name != "posix", reason="no permission bits here")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610])
def test_a_secret_in_a_file_that_is_open_to_others_is_refused(mode: int, profiles: Write) -> None:
    for line in ('token = "canary"', 'proxy = "http://u:canary@proxy.example.com"'):
        path = profiles(TOY + line, mode)
        with pytest.raises(ConfigurationError, match=rf"open to other users: chmod 600 {path}") as caught:
            resolve("one", {}, environ={}, profile_file=path)
        assert "canary" not in str(caught.value)
        path.chmod(0o600)
        resolve("one", {}, environ={}, profile_file=path)
    path = profiles(TOY, mode)
    resolve("one", {}, environ={}, profile_file=path)  # no secret in it: everybody may read it
