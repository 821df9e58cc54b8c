"""The tables of ``tests/data/operations``: what each operation sends, by the backend's own documents.

A row is ``METHOD /path/{id} ? query names [ headers ] { keys of the body }``. ``!`` marks what is required, ``-`` what
the document knows and we leave out (read-only, or a deprecated twin); ``Cookie:name`` is one cookie. Sections tell
where an operation comes from: ``documented`` are those of the backend's document that the package promises whole.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[2] / "data" / "operations"
BACKENDS = ("lakefs", "auth_service", "igtcloud", "argus", "authress")
SECTIONS = ("documented", "modules", "wider")
ROW = re.compile(r"(\S+) (\S+)(?: \? ([^\[{]*))?(?: \[ (.*?) \])?(?: \{ (.*) \})?$")


def same(name: str) -> str:
    """Names are told in snake_case, camelCase, with dashes and ``$``: the same letters are the same name."""
    return re.sub(r"[-_$]", "", name).lower()


@dataclass(frozen=True)
class Names:
    """Names on the wire, in order, and which of them are required."""

    all: tuple[str, ...]
    required: frozenset[str]

    @classmethod
    def of(cls, text: str | None) -> Names:
        told = [name for name in (text or "").split() if not name.startswith("-")]
        return cls(
            tuple(name.rstrip("!") for name in told),
            frozenset(n.rstrip("!") for n in told if n.endswith("!")),
        )


@dataclass(frozen=True)
class Row:
    """One operation as the documents have it."""

    section: str
    method: str
    path: str
    query: Names
    headers: Names
    body: Names | None

    @property
    def pattern(self) -> re.Pattern[str]:
        """Of the raw path, below the base path. An Argus key prefix is two segments."""
        parts = re.split(r"\{(\w+)\}", self.path)
        return re.compile(
            "".join(re.escape(p) if n % 2 == 0 else f"(?P<{p}>.+?)" for n, p in enumerate(parts)) + "$"
        )


def table(backend: str) -> dict[str, Row]:
    told = tomllib.loads((DATA / f"{backend}.toml").read_text("utf-8"))
    rows: dict[str, Row] = {}
    for section in SECTIONS:
        for name, text in told.get(section, {}).items():
            found = ROW.match(text)
            assert found, f"{backend}: {name}: {text}"
            method, path, query, headers, body = found.groups()
            rows[name] = Row(
                section,
                method,
                path,
                Names.of(query),
                Names.of(headers),
                None if body is None else Names.of(body),
            )
    return rows


def reasons(backend: str, section: str) -> dict[str, str]:
    """The exceptions, each with its reason.

    ``apart``: operations whose parameters exclude each other, each is given in one call or another; ``dropped``: keys
    of answers that the models of credentials and tokens do not keep.
    """
    told: dict[str, str] = tomllib.loads((DATA / f"{backend}.toml").read_text("utf-8")).get(section, {})
    return told
