"""Writes down which verbs are called with which options, so that no test can claim what it did not do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from identity_sdk.adapters.base import Adapter
from identity_sdk.resources.base import Resource

__all__ = ["Recorder"]


class Recorder:
    """``calls`` holds each verb that was called since the last :meth:`clear`, with the options that were given."""

    def __init__(self) -> None:
        self.calls: dict[str, set[str]] = {}
        self._watched: set[type[Resource]] = set()

    def clear(self) -> None:
        self.calls.clear()

    def watch(self, adapter: type[Adapter]) -> None:
        """From now on every verb of this adapter is written down."""
        for resource in adapter.resources:
            if resource not in self._watched:
                self._watched.add(resource)
                for verb in resource.verbs:
                    function = getattr(resource, verb)
                    if hasattr(function, "__cell__"):
                        setattr(resource, verb, self._recording(f"{resource.area}.{verb}", function))

    def _recording(self, verb: str, function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)

        @wraps(function)
        def recorded(*args: object, **kwargs: object) -> object:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return function(*args, **kwargs)
            seen = self.calls.setdefault(verb, set())
            for name, parameter in signature.parameters.items():
                value = given.get(name, parameter.default)
                if name == "kind":
                    seen.add(f"kind={value}")
                elif (
                    name in given
                    and parameter.default is not parameter.empty
                    and value is not parameter.default
                ):
                    seen.add(name)
            return function(*args, **kwargs)

        return recorded
