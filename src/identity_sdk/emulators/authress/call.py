"""One request on its way through the service, and the answer to it."""

from __future__ import annotations

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from typing import cast

from identity_sdk.emulators.authress.choices import Choices
from identity_sdk.emulators.authress.directory import JSON, Directory
from identity_sdk.emulators.authress.evaluate import covers_action, permissions

__all__ = ["Answer", "Call", "Refused", "error", "json_answer"]

CONTENT_TYPE = "application/links+json"
_CODES = {
    400: "InvalidRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "AlreadyExists",
    412: "PreconditionFailed",
    413: "TooLarge",
    422: "InvalidRequest",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in the order of the wire, body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def json_answer(status: int, value: object, *headers: tuple[str, str]) -> Answer:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Answer(status, (("Content-Type", CONTENT_TYPE), *headers), body)


def error(choices: Choices, status: int, title: str, code: str | None = None) -> Answer:
    """The body is one of the things that nobody knows."""
    if choices.errors == "empty":
        return Answer(status)
    if choices.errors == "text":
        return Answer(status, (), title.encode())
    told = {"title": title, "errorCode": code or _CODES.get(status, HTTPStatus(status).name)}
    return json_answer(status, {**told, "errorId": f"req-{secrets.token_hex(6)}"})


_IDS: Mapping[str, tuple[str, int]] = {
    "userId": (r"[a-zA-Z0-9+._|/~:@\s-]+", 128),
    "groupId": (r"[a-zA-Z0-9_-]+", 64),
}
"""How an id of these names is formed, and how long it may be."""


class Refused(Exception):
    """Ends a call with an error."""

    def __init__(self, status: int, title: str, code: str | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.code = status, title, code


@dataclass(slots=True)
class Call:
    """What a handler sees."""

    choices: Choices
    directory: Directory
    caller: str
    ids: Sequence[str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: JSON = field(default_factory=dict[str, object])

    # Rights.

    def rights(self, user: str, resource: str) -> dict[str, dict[str, bool]]:
        """What a user may do on a resource, by action."""
        directory = self.directory
        roles = {str(role["roleId"]): role for role in directory.roles()}
        return permissions(directory.records(), roles, user, directory.groups_of(user), resource)

    def allowed(self, user: str, action: str, resource: str) -> bool:
        rules = self.directory.rules(resource)
        open_to_all = [
            one
            for one in cast("list[JSON]", (rules or {}).get("permissions") or [])
            if one["action"] == "PUBLIC"
        ]
        return any(one["allow"] for one in open_to_all) or any(
            right["allow"] and covers_action(given, action)
            for given, right in self.rights(user, resource).items()
        )

    def require(self, action: str, resource: str) -> None:
        """403 for a caller who has not this right on one of the service's own resources."""
        if not self.allowed(self.caller, action, resource):
            raise Refused(403, "The user does not have the permission")

    # What is asked for.

    def invalid(self, why: str) -> Refused:
        return Refused(self.choices.invalid, why)

    def limit(self, most: int) -> int:
        told = self.query.get("limit", str(most))
        if not (told.isascii() and told.isdigit()) or not 1 <= int(told) <= most:
            raise self.invalid(f"limit is from 1 to {most}")
        return int(told)

    def text(
        self, name: str, pattern: str, most: int, *, required: bool = True, least: int = 1
    ) -> str | None:
        """A string of the body that fits.

        Raises:
            Refused: it does not.
        """
        value = self.body.get(name)
        if value is None and not required:
            return None
        if (
            not isinstance(value, str)
            or not least <= len(value) <= most
            or not re.fullmatch(pattern, value, re.DOTALL)
        ):
            raise self.invalid(f"{name} is malformed")
        return value

    def tags(self) -> None:
        """Checks the tags of the body: short texts by name."""
        told = self.body.get("tags")
        values = cast("JSON", told).values() if isinstance(told, dict) else [] if told is None else [None]
        if not all(isinstance(one, str) and len(one) <= 128 for one in values):
            raise self.invalid("tags holds short texts by name")

    def refs(
        self,
        holder: JSON,
        name: str,
        key: str,
        most: int,
        *,
        required: bool = False,
        also: Sequence[str] = (),
    ) -> None:
        """Checks a list such as ``[{"userId": "…"}]``; of each object, ``key`` and ``also`` are kept."""
        value = holder.get(name)
        if value is None and not required:
            return
        if not isinstance(value, list):
            raise self.invalid(f"{name} is a list")
        items = cast("list[object]", value)
        if len(items) > most:
            raise Refused(413 if name == "users" else self.choices.invalid, f"{name} holds {most} at most")
        for one in items:
            told: object = cast("JSON", one).get(key) if isinstance(one, dict) else None
            pattern, longest = _IDS.get(key, (".+", 512))
            if not isinstance(told, str) or len(told) > longest or not re.fullmatch(pattern, told, re.DOTALL):
                raise self.invalid(f"{name} holds objects with {key}")
        wanted = (key, *also)
        holder[name] = [
            {part: one[part] for part in wanted if part in one} for one in cast("list[JSON]", items)
        ]

    def precondition(self, last_updated: object) -> None:
        """``If-Unmodified-Since``: ISO 8601, or an HTTP date, which knows whole seconds only."""
        told = self.headers.get("if-unmodified-since")
        if told is None:
            return
        stored = datetime.fromisoformat(str(last_updated))
        try:
            since = datetime.fromisoformat(told)
        except ValueError:
            try:
                since = parsedate_to_datetime(told)
            except ValueError:
                raise self.invalid("If-Unmodified-Since is no date") from None
            stored = stored.replace(microsecond=0)
        since = since.replace(tzinfo=UTC) if since.tzinfo is None else since
        if stored > since:
            raise Refused(412, "The object was changed in the meantime")

    def modified(self, shown: JSON) -> tuple[tuple[str, str], ...]:
        if self.choices.last_modified == "no":
            return ()
        date = datetime.fromisoformat(str(shown["lastUpdated"])).astimezone(UTC)
        return (("Last-Modified", format_datetime(date, usegmt=True)),)

    def page(self, name: str, items: Sequence[JSON], key: str, most: int, path: str) -> Answer:
        """A page of a list; its cursor is opaque."""
        amount = self.limit(most)
        if self.choices.lists == "array":
            return json_answer(200, list(items))
        after = _uncover(self.query.get("cursor", ""))
        rest = [one for one in items if str(one[key]) > after] if after else list(items)
        shown, more = rest[:amount], len(rest) > amount
        told = {**self.query, "limit": str(amount)} if "limit" in self.query else dict(self.query)
        links: JSON = {"self": {"href": self._href(path, told)}}
        pagination: JSON = {}
        if more:
            cursor = (
                urlsafe_b64encode(str(shown[-1][key]).encode("utf-8", "surrogatepass")).decode().rstrip("=")
            )
            pagination["next"] = {"cursor": cursor}
            links["next"] = {"href": self._href(path, {**told, "cursor": cursor})}
        return json_answer(200, {name: shown, "pagination": pagination, "links": links})

    def _href(self, path: str, query: Mapping[str, str]) -> str:
        told = "&".join(f"{name}={value}" for name, value in query.items())
        return self.directory.url + path + (f"?{told}" if told else "")


def _uncover(cursor: str) -> str:
    """What a cursor hides; one that the service never gave is taken as it is."""
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        return cursor
