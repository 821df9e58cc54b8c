"""Adapters by name: built-ins from a static table, third parties from entry points."""

from __future__ import annotations

import importlib
from difflib import get_close_matches

from identity_sdk.adapters.base import Adapter
from identity_sdk.errors import ConfigurationError

__all__ = ["BUILT_IN", "adapter_class", "adapter_names"]

ENTRY_POINTS = "identity_sdk.adapters"

BUILT_IN: dict[str, str] = {
    "lakefs": "identity_sdk.adapters.lakefs.adapter:LakeFS",
    "local": "identity_sdk.adapters.local.adapter:Local",
}


def adapter_names() -> tuple[str, ...]:
    """Every name that ``connect()`` takes: built-ins, then what is installed beside."""
    from importlib.metadata import entry_points

    others = {point.name for point in entry_points(group=ENTRY_POINTS)} - BUILT_IN.keys()
    return (*BUILT_IN, *sorted(others))


def adapter_class(name: str) -> type[Adapter]:
    """The adapter called ``name`` (``-`` and ``_`` are the same); its module is imported only now.

    Raises:
        ConfigurationError: there is none of that name, or the extra that it needs is not installed.
    """
    wanted = name.replace("_", "-")
    reference = BUILT_IN.get(wanted) or _installed(wanted)
    if reference is None:
        near = get_close_matches(wanted, adapter_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(adapter_names())}"
        raise ConfigurationError(f"there is no adapter {name!r}: {hint}")
    module_name, _, attribute = reference.partition(":")
    try:
        found: object = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("identity_sdk"):
            raise
        raise ConfigurationError(
            f"adapter {name!r} needs {missing.name}: pip install 'unified-identity-sdk[{wanted}]'"
        ) from None
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ConfigurationError(f"the entry point {name!r} of {ENTRY_POINTS} is not an Adapter class")
    return found


def _installed(name: str) -> str | None:
    from importlib.metadata import entry_points

    return next((p.value for p in entry_points(group=ENTRY_POINTS) if p.name.replace("_", "-") == name), None)
