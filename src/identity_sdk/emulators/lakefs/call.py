"""One request on its way through the server, and the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from identity_sdk.emulators.lakefs.directory import Directory
from identity_sdk.emulators.lakefs.faces import Face
from identity_sdk.emulators.lakefs.golang import encode_json
from identity_sdk.emulators.lakefs.policies import allows

if TYPE_CHECKING:
    from identity_sdk.store.queries import UserRow

__all__ = ["JSON", "Answer", "Call", "Refused", "error", "json_answer"]

JSON = dict[str, object]
UNAUTHENTICATED = "error authenticating request"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in the order of the wire, body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def having(self, *headers: tuple[str, str]) -> Answer:
        return Answer(self.status, (*self.headers, *headers), self.body)


def json_answer(status: int, value: object) -> Answer:
    headers = (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"))
    return Answer(status, headers, encode_json(value))


def text_answer(status: int, text: str) -> Answer:
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    return Answer(status, headers, text.encode("utf-8"))


def error(status: int, message: str) -> Answer:
    return json_answer(status, {"message": message})


class Refused(Exception):
    """Ends a call with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer

    @classmethod
    def because(cls, status: int, message: str) -> Refused:
        return cls(error(status, message))


@dataclass(slots=True)
class Call:
    """What a handler sees. ``ids`` are those of the path as the directory will look them up."""

    face: Face
    directory: Directory
    user: UserRow | None
    ids: Mapping[str, str]
    asked: Mapping[str, str]
    """The ids as the permission check sees them, before a proxying server changed a plus into a blank."""
    query: Mapping[str, str]
    body: JSON = field(default_factory=dict[str, object])

    def authorize(self, action: str, resource: str) -> None:
        """Permission comes before existence; the lack of it is 401."""
        if self.user is None:
            raise Refused.because(401, UNAUTHENTICATED)
        if self.face.single_user:
            return
        statements = self.directory.statements(self.user.id)
        if not allows(statements, self.user.id, action, resource):
            raise Refused.because(401, self.face.not_allowed(action))

    def refuse_single_user(self) -> None:
        if self.face.single_user:
            raise Refused.because(501, "Not Implemented")

    def text(self, name: str) -> str:
        """Return a string of the body; empty when it was left out."""
        return cast("str", self.body.get(name) or "")

    def window(self) -> tuple[str, str, int]:
        """Return prefix, ``after`` and how many: 100 unless told, -1 and 0 mean 1,000."""
        amount = int(self.query.get("amount", "100"))
        return self.query.get("prefix", ""), self.query.get("after", ""), amount if amount > 0 else 1000
