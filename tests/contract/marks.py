"""What a contract test proves, and what it only makes use of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

__all__ = ["covered", "covers", "each_list", "either_loop", "needed", "needs", "only"]

F = TypeVar("F", bound=Callable[..., object])


def covers(verb: str, *options: str) -> pytest.MarkDecorator:
    """This test proves ``verb`` with each of ``options`` (``"limit"``, ``"kind=totp"``).

    It runs for every target whose column lists all of them, and fails if it ends well without having called them.
    """
    return pytest.mark.covers(verb, *options)


def needs(verb: str, *options: str) -> pytest.MarkDecorator:
    """This test uses ``verb``; it runs only where the column lists it."""
    return pytest.mark.needs(verb, *options)


def only(**attributes: object) -> pytest.MarkDecorator:
    """Only targets whose attributes are so."""
    return pytest.mark.targets(**attributes)


def each_list(*options: str) -> pytest.MarkDecorator:
    """Runs the test, which takes ``lists``, for every list verb, and proves each of them with ``options``."""
    return pytest.mark.each_list(*options)


def either_loop(test: F) -> F:
    """Nothing in it depends on the event loop: it runs on one of both."""
    return pytest.mark.either_loop(test)


def covered(marks: Iterable[pytest.Mark]) -> dict[str, set[str]]:
    """The verbs and options that these marks promise to prove."""
    found: dict[str, set[str]] = {}
    for mark in marks:
        if mark.name == "covers":
            found.setdefault(mark.args[0], set()).update(mark.args[1:])
    return found


def needed(marks: Iterable[pytest.Mark]) -> dict[str, set[str]]:
    """The verbs and options that these marks call for."""
    found: dict[str, set[str]] = {}
    for mark in marks:
        if mark.name in ("covers", "needs"):
            found.setdefault(mark.args[0], set()).update(mark.args[1:])
    return found
