"""Answers, and the failures that end in one. Their bodies depend on the face."""

from __future__ import annotations

import json
from dataclasses import dataclass

from identity_sdk.emulators.auth_service.faces import Face

__all__ = ["EMPTY", "Answer", "ApiError", "Problem", "Refusal", "Spoken", "Trouble", "json_answer"]

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers, body; ``reason`` where it is not the usual one. ``drop``: the connection is closed instead."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reason: str = ""
    drop: bool = False

    def having(self, *headers: tuple[str, str]) -> Answer:
        return Answer(self.status, (*self.headers, *headers), self.body, self.reason, self.drop)


EMPTY = Answer(200, (("Content-Type", "application/octet-stream"),))


def json_answer(face: Face, value: object) -> Answer:
    """A success: the real server says ``text/plain`` of its JSON."""
    kind = "text/plain; charset=utf-8" if face.real else "application/json"
    return Answer(200, (("Content-Type", kind),), json.dumps(value).encode("ascii"))


class Refusal(Exception):
    """Ends a request with an answer. On the real server what was done until then stays done."""

    def answer(self, face: Face) -> Answer:
        raise NotImplementedError


class ApiError(Refusal):
    """The documented failure. The real server closes the connection in its place."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def answer(self, face: Face) -> Answer:
        if face.real:
            return Answer(0, drop=True)
        return _api_error(self.code, self.message)


class Problem(Refusal):
    """Problem details (RFC 7807), as the framework under the real server words them."""

    def __init__(self, status: int, detail: str | None, title: str = "") -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.title = title or TITLES[status]

    def answer(self, face: Face) -> Answer:
        if not face.real:
            return _api_error(self.status, self.detail or self.title)
        told = {"type": "about:blank", "title": self.title, "detail": self.detail, "status": self.status}
        body = json.dumps(told).encode("ascii") + b"\n"
        return Answer(self.status, (("Content-Type", "application/problem+json; charset=utf-8"),), body)


class Trouble(Problem):
    """A failure of the real server's own code. The documented one has a reason for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(500, "Server got itself in trouble")
        self.instead = ApiError(code, message)

    def answer(self, face: Face) -> Answer:
        return super().answer(face) if face.real else self.instead.answer(face)


class Spoken(Refusal):
    """An empty body with the message in the reason phrase."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def answer(self, face: Face) -> Answer:
        if not face.real:
            return _api_error(self.status, self.message)
        return Answer(self.status, (("Content-Type", "application/octet-stream"),), reason=self.message)


def _api_error(code: int, message: str) -> Answer:
    body = json.dumps({"code": code, "message": message}).encode("ascii")
    return Answer(code, (("Content-Type", "application/json"),), body)
