"""``--extra``: the keywords that one backend's own verb has beside the neutral ones."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from identity_sdk.cli.sources import read_secret
from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from identity_sdk.cli.signature import Verb

__all__ = ["extras_of"]


def extras_of(words: Sequence[str], function: Callable[..., object], verb: Verb) -> dict[str, object]:
    """What ``--extra`` gives to the parameters that the backend's own verb has beside the neutral ones.

    Raises:
        ConfigurationError: it has none of that name, or a secret was given as a value.
    """
    neutral = {parameter.name for parameter in verb.parameters}
    further = {
        name: str(one.annotation)
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is inspect.Parameter.KEYWORD_ONLY and name not in neutral
    }
    found: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.replace("-", "_")
        if not equals or name not in further:
            known = ", ".join(further) or "nothing"
            raise ConfigurationError(
                f"--extra takes NAME=VALUE, and {verb.area} {verb.command} here takes {known} beside its options"
            )
        found[name] = read_secret(value, name) if "Secret" in further[name] else _value(value)
    return found


def _value(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found
