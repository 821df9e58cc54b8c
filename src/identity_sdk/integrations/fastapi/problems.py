"""Errors as problem details (RFC 9457), without what is nobody's business."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    DeadlineExceededError,
    IdentityError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    NotSentError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    ServerError,
)

__all__ = ["DeniedError", "Problem", "UnauthorizedError", "install", "problem_of"]

_log = logging.getLogger("identity_sdk.fastapi")


class UnauthorizedError(AuthenticationError):
    """A request shows no credential, or one that is not accepted."""

    def __init__(self, message: str, challenge: str) -> None:
        super().__init__(message)
        self.challenge = challenge
        self.on_behalf = True


class DeniedError(PermissionDeniedError):
    """The caller may not."""

    def __init__(self, message: str, challenge: str | None = None) -> None:
        super().__init__(message)
        self.challenge = challenge
        self.on_behalf = True


@dataclass(frozen=True, slots=True)
class Problem:
    """What is answered: ``application/problem+json``.

    The text is fixed for each kind of error. What the backend said, its addresses and its ids for requests go to the
    log ``identity_sdk.fastapi``, where the status is 500 or more.

    Attributes:
        status: the HTTP status code.
        detail: one sentence for the caller.
        error: the name of the error's class, such as ``"NotFoundError"``.
        fields: what is wrong, by field, for content that was refused before anything was sent.
        headers: ``WWW-Authenticate`` (RFC 9110 section 11.6.1), ``Retry-After`` (section 10.2.3).
    """

    status: int
    detail: str
    error: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self) -> dict[str, object]:
        """The members of the JSON object. ``type`` is left out: it is ``about:blank`` (RFC 9457 section 4.2.1)."""
        told: dict[str, object] = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "error": self.error,
        }
        return {**told, "fields": dict(self.fields)} if self.fields else told


_FIXED: tuple[tuple[type[IdentityError], int, str], ...] = (
    (NotFoundError, 404, "There is no such thing."),
    (ConflictError, 409, "It exists already, or its state forbids the change."),
    (PreconditionFailedError, 412, "Somebody else changed it meanwhile: read it again."),
    (InvalidRequestError, 422, "The identity system does not accept this content."),
    (NotSupportedError, 501, "The identity system cannot do this."),
    (ConfigurationError, 500, "This service is not set up correctly."),
    (RateLimitedError, 503, "The identity system is busy. Try again later."),
    (NotSentError, 503, "The identity system cannot be reached. Nothing was done."),
    (DeadlineExceededError, 504, "The identity system did not answer in time."),
    (NoAnswerError, 504, "The identity system did not answer."),
    (
        AmbiguousOutcomeError,
        504,
        "The identity system did not answer: look whether it was done.",
    ),
    (PartialFailureError, 502, "It was done in part. Repeating it goes on, and is safe."),
)
_ELSE = (502, "The identity system failed.")


def problem_of(error: IdentityError) -> Problem:
    """How an error is answered.

    A credential that is refused is the caller's problem (401, 403) only when it is the caller's credential: of the
    calls that this service makes in its own name it is a failure behind it (502).
    """
    name = type(error).__mro__[1 if isinstance(error, UnauthorizedError | DeniedError) else 0].__name__
    if isinstance(error, AuthenticationError | PermissionDeniedError):
        return _refused(error, name)
    if isinstance(error, ServerError):
        code = error.status if error.status in (503, 504) else 502
        return Problem(code, _ELSE[1], name, headers=_retry_after(error.retry_after))
    status, detail = next(((code, text) for kind, code, text in _FIXED if isinstance(error, kind)), _ELSE)
    fields: Mapping[str, str] = {}
    if isinstance(error, InvalidRequestError) and not error.sent:
        fields = error.fields
    after = error.retry_after if isinstance(error, RateLimitedError) else None
    return Problem(status, detail, name, fields, _retry_after(after))


def _refused(error: AuthenticationError | PermissionDeniedError, name: str) -> Problem:
    if isinstance(error, AuthenticationError) and error.on_behalf:
        challenge = (
            error.challenge if isinstance(error, UnauthorizedError) else 'Bearer error="invalid_token"'
        )
        detail = "Sign in: the request shows no credential that is accepted."
        return Problem(401, detail, name, headers={"WWW-Authenticate": challenge})
    asked = (
        error.operation == "policies.require"
    )  # the question was asked in this service's name, about somebody
    if isinstance(error, PermissionDeniedError) and (error.on_behalf or asked):
        narrow = error.challenge if isinstance(error, DeniedError) else None
        headers = {} if narrow is None else {"WWW-Authenticate": narrow}
        return Problem(403, "You may not do this.", name, headers=headers)
    return Problem(502, "The identity system refuses this service.", name)


_MEDIA_TYPE = "application/problem+json"
_SCHEMA: Mapping[str, object] = {
    "title": "Problem",
    "type": "object",
    "required": ["title", "status", "detail", "error"],
    "properties": {
        "title": {"type": "string", "examples": ["Unauthorized"]},
        "status": {"type": "integer", "examples": [401]},
        "detail": {"type": "string"},
        "error": {"type": "string", "examples": ["AuthenticationError"]},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}


def install(app: FastAPI) -> None:
    """Lets the app answer every :class:`~identity_sdk.errors.IdentityError` as a problem.

    Call it once, before the routes are added: theirs is the response ``default`` of the OpenAPI document then.
    """
    app.add_exception_handler(IdentityError, _answer)
    app.router.responses.setdefault(
        "default",
        {"description": "A problem (RFC 9457)", "content": {_MEDIA_TYPE: {"schema": _SCHEMA}}},
    )


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, IdentityError)
    problem = problem_of(error)
    if problem.status >= 500:
        _log.error("%s %s: %s: %s", request.method, problem.status, type(error).__name__, error)
    return JSONResponse(problem.body(), problem.status, dict(problem.headers), media_type=_MEDIA_TYPE)
