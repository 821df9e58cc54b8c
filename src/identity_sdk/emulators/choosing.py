"""Reads an emulator's choices: what its facts leave unknown, each a field of a frozen dataclass with alternatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["parse_choices"]

C = TypeVar("C", bound="DataclassInstance")


def parse_choices(chosen: C, lines: Iterable[str], allowed: Mapping[str, tuple[object, ...]]) -> C:
    """``chosen`` with the ``name=value`` lines of ``idp serve NAME --choice`` in place of its values.

    Raises:
        ConfigurationError: there is no such choice, or no such alternative.
    """
    known: dict[str, type[Any]] = {one.name: type(getattr(chosen, one.name)) for one in fields(chosen)}
    for line in lines:
        name, _, text = line.partition("=")
        name = name.strip().replace("-", "_")
        if name not in known:
            raise ConfigurationError(f"no choice {name!r}: there are {', '.join(known)}")
        try:
            value: object = known[name](text.strip())
        except ValueError:
            raise ConfigurationError(f"choice {name}: {text!r} is no number") from None
        if value not in allowed.get(name, (value,)):
            raise ConfigurationError(f"choice {name} is one of {', '.join(map(str, allowed[name]))}")
        told: dict[str, Any] = {name: value}
        chosen = replace(chosen, **told)
    return chosen
