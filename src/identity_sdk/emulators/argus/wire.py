"""Requests and answers: the envelope, its messages, and refusals that end a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl

__all__ = ["JSON", "Answer", "Asked", "Refused", "field_error", "milliseconds", "refuse", "stash"]

JSON = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in the order of the wire, body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def having(self, *headers: tuple[str, str]) -> Answer:
        return Answer(self.status, (*self.headers, *headers), self.body)


def stash(
    data: object,
    status: int = 200,
    *,
    limit: int = 0,
    offset: int = 0,
    count: int = 0,
    size: int | None = None,
    messages: Sequence[JSON] = (),
    meta: JSON | None = None,
) -> Answer:
    """The envelope ("ResultStash") of every answer."""
    number = size if size is not None else len(cast("list[object]", data)) if isinstance(data, list) else 0
    whole: JSON = {
        "responseCode": status,
        "limit": limit,
        "offset": offset,
        "count": count,
        "metaData": meta or {},
        "messages": list(messages),
        "data": data,
        "size": number,
        "currentPage": 0,
    }
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(whole).encode())


def message(
    text: str, template: str, now: float, *, field: str | None = None, parameter: str | None = None
) -> JSON:
    """One of the ``messages``: of an action, or of a field."""
    return {
        "message": text,
        "messageTemplate": template,
        "type": "ACTION_ERROR" if field is None else "FIELD_ERROR",
        "field": field,
        "parameter": parameter,
        "timestamp": milliseconds(now),
    }


class Refused(Exception):
    """Ends a call with an error; the texts are this emulator's own.

    Attributes:
        keep: what the call wrote before stays: a failed sign-in is counted.
        data: for the one error that has data.
    """

    def __init__(self, status: int, text: str, template: str, field: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.text = text
        self.template = template
        self.field = field
        self.keep = False
        self.data: JSON | None = None

    def answer(self, now: float, style: str) -> Answer:
        """As ``Choices.error_body`` wants it."""
        if style == "empty":
            return Answer(self.status)
        if style == "text":
            return Answer(self.status, (("Content-Type", "text/plain"),), self.text.encode())
        told = message(self.text, self.template, now, field=self.field)
        return stash(self.data, self.status, messages=[told])


_TEMPLATES = {
    401: "authentication.failed",
    403: "access.denied",
    404: "object.not.found",
    409: "object.exists",
}


def refuse(status: int, text: str = "") -> Refused:
    """An error of the action."""
    words = {401: "Authentication failed", 403: "Access denied", 404: "Object not found"}
    return Refused(status, text or words.get(status, "Not possible"), _TEMPLATES.get(status, "action.failed"))


def field_error(name: str, text: str, status: int = 412) -> Refused:
    """An error of one field."""
    return Refused(status, text, "validation.error", name)


def milliseconds(seconds: float | None) -> int:
    """Epoch milliseconds; 0 for never."""
    return 0 if seconds is None else round(seconds * 1000)


@dataclass(slots=True)
class Asked:
    """A request as the handlers see it."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    client: str
    body: JSON = field(default_factory=dict[str, object])
    ids: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def query_of(cls, raw: str) -> list[tuple[str, str]]:
        return parse_qsl(raw, keep_blank_values=True)

    def all(self, name: str) -> list[str]:
        """A parameter that may be repeated."""
        return [value for key, value in self.query if key == name]

    def one(self, name: str) -> str | None:
        found = self.all(name)
        return found[-1] if found else None

    def flag(self, name: str, default: bool) -> bool:
        """A boolean, as the clients write them (``True``) or as JSON does.

        Raises:
            Refused: it is neither.
        """
        value = self.one(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise field_error(name, "must be true or false")
        return value.lower() == "true"

    def number(self, name: str, default: int) -> int:
        """A whole number, not negative, of 32 bits.

        Raises:
            Refused: it is none.
        """
        value = self.one(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()) or int(value[:12]) >= 2**31:
            raise field_error(name, "must be greater than or equal to 0")
        return int(value)

    def cookies(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, equals, value in pairs if equals}
