"""How far a list has come, shown while it streams: in a notebook, or on standard error when that is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

__all__ = ["Bar"]

_EVERY: Final = 0.2
"""Seconds between two updates of the display."""

Show = Callable[[str, str, bool], None]
"""``show(html, text, ended)``."""


class Bar:
    """Counts what arrives. Where nobody looks (no notebook, no terminal) it shows nothing.

    The total of a list is seldom known, so the bar is indeterminate unless the list has a limit. It needs no widgets:
    what it shows is plain HTML, replaced in place.
    """

    def __init__(
        self,
        wanted: int | None,
        *,
        show: Show | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        wanted: the limit of the list, if it has one.
        show: where to; found by itself unless given.
        clock: seconds that never jump.
        """
        self._wanted = wanted
        self._show = show if show is not None else _display()
        self._clock = clock
        self._started = clock()
        self._next = 0.0
        self._count = self._pages = 0
        self._ended = self._show is None
        self._update("", force=True)

    def add(self, count: int) -> None:
        """One more page, with so many items."""
        self._count += count
        self._pages += 1
        self._update("")

    def end(self, state: str) -> None:
        """The last thing that is shown; ``state`` is ``"done"`` or ``"stopped"``. Again is harmless."""
        self._update(state, force=True)

    def _update(self, state: str, *, force: bool = False) -> None:
        if self._ended or self._show is None:
            return
        now = self._clock()
        if now < self._next and not force:
            return
        self._next = now + _EVERY
        self._ended = bool(state)
        pages = f"{self._pages:,} page{'' if self._pages == 1 else 's'}"
        said = f"{self._count:,} in {pages}, {now - self._started:.1f} s"
        text = f"{state}: {said}" if state else said
        known = f' value="{self._count}" max="{self._wanted}"' if self._wanted else ""
        bar = "" if state else f'<progress aria-label="List"{known}></progress> '
        self._show(f'<div class="identity-sdk-progress">{bar}{text}</div>', text, self._ended)


class _Handle(Protocol):
    def update(self, obj: object, *, raw: bool) -> None: ...


class _Front(Protocol):
    def display(self, obj: object, *, raw: bool, display_id: bool) -> _Handle | None: ...


def _display() -> Show | None:
    shell = _shell()
    if shell is not None and hasattr(shell, "kernel"):  # a terminal's IPython has none
        return _in_notebook()
    if sys.stderr is not None and sys.stderr.isatty():  # pyright: ignore[reportUnnecessaryComparison] -- pythonw
        return _in_terminal
    return None


def _shell() -> object | None:
    """The running IPython; only one that is loaded already can run us."""
    find = cast(
        "Callable[[], object | None] | None", getattr(sys.modules.get("IPython"), "get_ipython", None)
    )
    return find() if find is not None else None


def _in_notebook() -> Show:
    from importlib import import_module

    front = cast("_Front", import_module("IPython.display"))
    handle: _Handle | None = None

    def show(html: str, text: str, ended: bool) -> None:
        nonlocal handle
        data: Mapping[str, str] = {"text/html": html, "text/plain": text}
        if handle is None:
            handle = front.display(data, raw=True, display_id=True)
        else:
            handle.update(data, raw=True)

    return show


def _in_terminal(html: str, text: str, ended: bool) -> None:
    with contextlib.suppress(OSError, ValueError):  # the terminal went away
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if ended else ""))
        sys.stderr.flush()
