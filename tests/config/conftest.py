"""A small adapter that `connect()` finds by the name `toy`, and a file of profiles of one's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Self

import pytest

from identity_sdk.adapters import registry
from identity_sdk.adapters.base import Adapter, Option
from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret


class Toy(Adapter):
    name: ClassVar[str] = "toy"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("where it is"),
        "access_key_id": Option("the id of the key"),
        "secret_access_key": Option("its secret", secret=True),
        "token": Option("a bearer token instead", secret=True),
        "organization": Option("whose directory"),
    }

    def __init__(
        self, *, base_url: str, auth: AccessKey | Bearer | None = None, given: Mapping[str, object]
    ) -> None:
        super().__init__(base_url=base_url, auth=auth)
        self.given = dict(given)

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        base_url = options.get("base_url")
        if not isinstance(base_url, str):
            raise ConfigurationError("base_url is missing")
        secret, token = options.get("secret_access_key"), options.get("token")
        auth: AccessKey | Bearer | None = None
        if isinstance(secret, Secret):
            auth = AccessKey(str(options.get("access_key_id", "")), secret)
        if isinstance(token, Secret):
            auth = Bearer(token)
        return cls(base_url=base_url, auth=auth, given=options)


class Anchored(Adapter):
    """An adapter that knows its own place: no base_url among its options."""

    name: ClassVar[str] = "anchored"
    options: ClassVar[Mapping[str, Option]] = {"token": Option("a token", secret=True)}

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        return cls(base_url="https://anchored.example.com")


class Greedy(Adapter):
    """An adapter that claims an option of the client."""

    name: ClassVar[str] = "greedy"
    options: ClassVar[Mapping[str, Option]] = {"deadline": Option("not its own")}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("identity_sdk_toys")
    vars(module).update(Toy=Toy, Anchored=Anchored, Greedy=Greedy)
    monkeypatch.setitem(sys.modules, "identity_sdk_toys", module)
    for name, cls in (("toy", Toy), ("anchored", Anchored), ("greedy", Greedy)):
        monkeypatch.setitem(registry.BUILT_IN, name, f"identity_sdk_toys:{cls.__name__}")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees this machine's own settings."""
    for name in os.environ:
        if name.startswith("IDENTITY_SDK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def profiles(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return write
