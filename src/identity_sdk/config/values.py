"""Values on their way from a source to a client: sealed, named, converted."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, Literal, cast

from identity_sdk.errors import ConfigurationError
from identity_sdk.options import ClientOptions

__all__ = ["ARGUMENT_ONLY", "CLIENT_KINDS", "Sealed", "adapter_text", "client_value", "nearest"]

Kind = Literal["number", "whole", "pair", "text", "tls", "callable", "object"]

CLIENT_KINDS: Final[Mapping[str, Kind]] = {
    "timeout": "number",
    "deadline": "number",
    "retries": "whole",
    "backoff": "pair",
    "retry_after_cap": "number",
    "on_event": "callable",
    "telemetry": "object",
    "connect_timeout": "number",
    "max_in_flight": "whole",
    "max_response_bytes": "whole",
    "retry_budget": "number",
    "retry_budget_ratio": "number",
    "tls": "tls",
    "proxy": "text",
    "transport": "text",
    "clock": "object",
}
"""How each option of the client is written as text; a test holds it against the fields of ``ClientOptions``."""

ARGUMENT_ONLY: Final = frozenset(
    name for name, kind in CLIENT_KINDS.items() if kind in ("callable", "object")
)


class Sealed(Mapping[str, object]):
    """A mapping that shows its names and hides its values.

    Debuggers and tracebacks with locals print ``repr``: a plain dict (or ``os.environ``) in a frame of ours would
    show every secret in it.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        held = dict(values)
        self._values: Callable[[], Mapping[str, object]] = lambda: held

    def __getitem__(self, name: str) -> object:
        held = self._values()
        if name not in held:
            raise KeyError(name)
        return held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return f"Sealed({', '.join(map(str, self))})"

    def text(self, name: str) -> str | None:
        """The value, if it is a string."""
        value = self.get(name)
        return value if isinstance(value, str) else None

    def refuse_userinfo(self, name: str, where: str = "") -> None:
        """Refuses a URL with ``@`` where a password may stand before it: all but a path (``local:///home/a@b``).

        Raises:
            ConfigurationError: without the URL, and with no frame that holds it.
        """
        if "@" in (self.text(name) or "") and not re.match(
            r"[A-Za-z][A-Za-z0-9_-]*:///", self.text(name) or ""
        ):
            raise ConfigurationError(
                f"{where}{name} must not be a URL with user or password: give them as options, they are kept secret"
            )


def nearest(name: str, names: Iterable[str], *, known: str = "known are") -> str:
    """``"did you mean 'deadline'?"``, or the list of all names when none is near."""
    choices = sorted(set(names))
    near = get_close_matches(name.lower().replace("-", "_"), choices, n=1) or get_close_matches(
        name, choices, n=1
    )
    if near:
        return f"did you mean {near[0]!r}?"
    return f"{known} {', '.join(choices)}" if choices else "there is none"


def client_value(name: str, value: object) -> object:
    """The value of a client option as :class:`~identity_sdk.options.ClientOptions` wants it.

    Text, from wherever it comes, is converted: ``"5"`` is a number, ``"0.1,5"`` a pair.

    Raises:
        ConfigurationError: the value is not of the option's type, or out of its range; the message names the option.
    """
    kind = CLIENT_KINDS[name]
    converted = _CONVERT[kind](name, value)
    if name != "proxy":  # not checked there, and its text may hold a password
        ClientOptions.of({name: converted})
    return converted


def adapter_text(name: str, values: Sealed) -> str:
    """An adapter's option from a file as text, which is what the environment gives as well.

    Raises:
        ConfigurationError: it is an array, a table or a date.
    """
    kind = type(values[name]).__name__  # never the value itself: it may be a secret, and frames are printed
    if kind not in ("str", "bool", "int", "float"):
        raise ConfigurationError(f"{name} must be a string, not {_a(kind)}")
    return str(values[name]).lower() if kind == "bool" else str(values[name])


def _number(name: str, value: object) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _wrong(name, "a number", value)


def _whole(name: str, value: object) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong(name, "a whole number", value)


def _pair(name: str, value: object) -> tuple[float, float]:
    parts: list[object] = []
    given = value
    if isinstance(value, str):
        parts.extend(value.split(","))
    elif isinstance(value, list | tuple):
        parts.extend(cast("Iterable[object]", value))
    if len(parts) != 2:
        raise _wrong(name, "two numbers, such as 0.1,5", given)
    return _number(name, parts[0]), _number(name, parts[1])


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {_a(type(value).__name__)}")
    return value


def _tls(name: str, value: object) -> str | ssl.SSLContext:
    if isinstance(value, ssl.SSLContext):
        return value
    return _text(
        name, os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value
    )


def _callable(name: str, value: object) -> object:
    if not callable(value):
        raise ConfigurationError(f"{name} must be a function, not {_a(type(value).__name__)}")
    return value


def _object(name: str, value: object) -> object:
    kind = type(value).__name__
    if kind in ("str", "int", "float", "bool", "list", "tuple", "dict"):
        raise ConfigurationError(f"{name} must be an object, not {_a(kind)}")
    return value


def _wrong(name: str, wanted: str, value: object) -> ConfigurationError:
    kind = type(value).__name__
    shown = repr(value) if kind in ("str", "int", "float", "bool", "list", "tuple") else _a(kind)
    return ConfigurationError(
        f"{name} must be {wanted}, not {shown if len(shown) <= 40 else shown[:37] + '…'}"
    )


def _a(kind: str) -> str:
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


_CONVERT: Final[Mapping[Kind, Callable[[str, object], object]]] = {
    "number": _number,
    "whole": _whole,
    "pair": _pair,
    "text": _text,
    "tls": _tls,
    "callable": _callable,
    "object": _object,
}
