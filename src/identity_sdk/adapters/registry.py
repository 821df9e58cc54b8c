"""Adapters by name: built-ins from a static table, third parties from entry points."""

from __future__ import annotations

import importlib
from difflib import get_close_matches

from identity_sdk.adapters.base import Adapter
from identity_sdk.errors import ConfigurationError

__all__ = ["BUILT_IN", "adapter_class", "adapter_names"]

ENTRY_POINTS = "identity_sdk.adapters"

BUILT_IN: dict[str, str] = {
    "argus": "identity_sdk.adapters.argus.adapter:Argus",
    "igtcloud": "identity_sdk.adapters.igtcloud.adapter:IgtCloud",
    "auth-service": "identity_sdk.adapters.auth_service.adapter:AuthService",
    "authress": "identity_sdk.adapters.authress.adapter:Authress",
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
    found = _built_in(wanted, BUILT_IN[wanted]) if wanted in BUILT_IN else _third_party(wanted)
    if found is None:
        near = get_close_matches(wanted, adapter_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(adapter_names())}"
        raise ConfigurationError(f"there is no adapter {name!r}: {hint}")
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ConfigurationError(f"the entry point {name!r} of {ENTRY_POINTS} is not an Adapter class")
    return found


def _built_in(name: str, reference: str) -> object:
    module_name, _, attribute = reference.partition(":")
    try:
        found: object = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as missing:
        need = (missing.name or "").partition(".")[0]
        if need == "identity_sdk":
            raise
        raise ConfigurationError(
            f"adapter {name!r} needs {need}: pip install 'unified-identity-sdk[{name}]'"
        ) from None
    return found


def _third_party(name: str) -> object | None:
    from importlib.metadata import entry_points

    point = next((p for p in entry_points(group=ENTRY_POINTS) if p.name.replace("_", "-") == name), None)
    if point is None:
        return None
    try:
        found: object = point.load()
    except Exception as error:  # whatever a stranger's module raises while it is imported
        whose = point.dist.name if point.dist is not None else "another distribution"
        raise ConfigurationError(
            f"adapter {name!r} of {whose} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return found
