"""Where settings come from: arguments, the environment, a profile. Each source knows its values' names and origins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal

from identity_sdk.config.profiles import Profile
from identity_sdk.config.values import Sealed
from identity_sdk.errors import ConfigurationError

__all__ = [
    "CONTROLS",
    "PREFIX",
    "Setting",
    "Source",
    "arguments",
    "environment",
    "from_profile",
    "of_official_client",
    "refuse_misspelled",
]

PREFIX: Final = "IDENTITY_SDK_"
CONTROLS: Final = ("target", "profile", "config")
"""What to connect to and where profiles are read; all other names are options of the adapter or of the client."""

_NOT_OURS = ("test_", "require")
"""The test suite's own variables (``IDENTITY_SDK_TEST_POSTGRES``, ``IDENTITY_SDK_REQUIRE``)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of ``idp config show``.

    Attributes:
        name: the option.
        value: plain and ready for JSON; ``"**********"`` for a secret, ``None`` when it is not set.
        origin: ``"argument"``, ``"environment variable …"``, ``"profile … in …"``, ``"default"`` or ``"not set"``.
    """

    name: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Source:
    """One of the four, with what it sets."""

    kind: Literal["argument", "environment", "profile"]
    values: Sealed
    where: str = ""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of variables that are not ``IDENTITY_SDK_<OPTION>``, by option."""

    def origin(self, name: str) -> str:
        """Where ``name`` was set, for messages and ``idp config show``."""
        if self.kind == "environment":
            return f"environment variable {self._variable(name)}"
        return self.where or "argument"

    def mend(self, name: str) -> str:
        """How one would set ``name`` in this source as well."""
        if self.kind == "environment":
            return f"set {self._variable(name)}"
        return (
            f"give {name}= as an argument" if self.kind == "argument" else f"write {name} into {self.where}"
        )

    def _variable(self, name: str) -> str:
        return self.variables.get(name, f"{PREFIX}{name.upper()}")

    def adding(self, values: Mapping[str, object]) -> Source:
        """A copy that sets ``values`` too.

        Raises:
            ConfigurationError: it sets one of them already.
        """
        for name in values:
            if name in self.values:
                raise ConfigurationError(f"{name} is given twice: by the target, and by {self.origin(name)}")
        return Source(self.kind, Sealed({**self.values, **values}), self.where, self.variables)


def arguments(options: Mapping[str, object]) -> Source:
    """What the caller passed; ``None`` means not given."""
    return Source("argument", Sealed({name: value for name, value in options.items() if value is not None}))


def environment(environ: Mapping[str, object]) -> Source:
    """All ``IDENTITY_SDK_<OPTION>``; an empty variable counts as not set."""
    found = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and len(name) > len(PREFIX) and value
    }
    return Source("environment", Sealed(found))


def of_official_client(environ: Mapping[str, object], variables: Mapping[str, str]) -> Source:
    """What variables of a backend's official client say; an empty one counts as not set."""
    found = {option: environ[name] for option, name in variables.items() if environ.get(name)}
    return Source("environment", Sealed(found), variables=variables)


def from_profile(profile: Profile) -> Source:
    """What the profile sets beside its target."""
    return Source("profile", profile.options, profile.origin)


def refuse_misspelled(source: Source, known: Iterable[str]) -> None:
    """A variable that nearly is one of ours is an error; others are none of our business.

    Not every unknown variable is one: the environment may hold options of another adapter.

    Raises:
        ConfigurationError: names the variable and what it was probably meant to be.
    """
    names = {*known, *CONTROLS}
    for name in sorted(source.values):
        if name in names or name.startswith(_NOT_OURS):
            continue
        near = get_close_matches(name, sorted(names), n=1, cutoff=0.85)
        if near:
            raise ConfigurationError(
                f"the environment variable {PREFIX}{name.upper()} is unknown: "
                f"did you mean {PREFIX}{near[0].upper()}?"
            )
