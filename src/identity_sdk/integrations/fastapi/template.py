"""A resource with holes for path parameters, which no value can break out of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from urllib.parse import quote

from identity_sdk.errors import ConfigurationError, InvalidRequestError

__all__ = ["Template"]

_SAFE = "@"
"""What is kept beside letters, digits and ``-._~`` of ASCII: no system of resources gives it a meaning."""


class Template:
    """``"docs/{doc_id}"``, or ``"files/{path:path}"`` for a parameter that may hold slashes.

    A value is percent-encoded (RFC 3986 section 2.1) but for ASCII letters, digits and ``-._~@``; so neither a slash,
    a colon nor a wildcard reaches the resource. In a ``:path`` parameter each part between slashes is.
    """

    def __init__(self, text: str) -> None:
        """Raises:
        ConfigurationError: a hole is not ``{name}`` or ``{name:path}``.
        """
        self.text = text
        self._parts: list[tuple[str, str | None, bool]] = []
        try:
            for literal, name, spec, conversion in Formatter().parse(text):
                if name is not None and (
                    not re.fullmatch(r"[A-Za-z_]\w*", name) or spec not in ("", "path") or conversion
                ):
                    raise ValueError
                self._parts.append((literal, name, spec == "path"))
        except ValueError:
            raise ConfigurationError(
                f"the resource {text!r} is no template: holes are {{name}} or {{name:path}}"
            ) from None

    def fill(self, values: Mapping[str, object]) -> str:
        """The resource for these path parameters.

        Raises:
            ConfigurationError: the route has no parameter of that name.
            InvalidRequestError: a value, or a part of a path, is empty, ``.``, ``..``, or no text.
        """
        filled: list[str] = []
        for literal, name, is_path in self._parts:
            filled.append(literal)
            if name is None:
                continue
            if name not in values:
                raise ConfigurationError(
                    f"the resource {self.text!r} names no path parameter of its route: {name}"
                )
            value = str(values[name])
            pieces = value.split("/") if is_path else [value]
            filled.append("/".join(_piece(name, piece) for piece in pieces))
        return "".join(filled)


def _piece(name: str, text: str) -> str:
    try:
        if text not in ("", ".", ".."):
            return quote(text, safe=_SAFE)
    except UnicodeEncodeError:
        pass
    raise InvalidRequestError(f"the path parameter {name} names nothing", fields={name: "names nothing"})
