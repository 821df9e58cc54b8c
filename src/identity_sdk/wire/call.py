"""What an adapter hands to the pipeline: a call, how to read its answers, and the port that sends it."""

from __future__ import annotations

import enum
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Protocol

from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from identity_sdk.secrets import redact_url
from identity_sdk.wire.request import Request, Response

__all__ = ["Call", "Dialect", "OperationSpec", "Retry", "Sender", "http_date", "retry_after"]


class Retry(enum.Enum):
    """How an operation may be repeated; the decision table is in ``middleware/retry.py``."""

    SAFE = "safe"
    """Reads only (GET)."""
    IDEMPOTENT = "idempotent"
    """Twice is the same as once (PUT, DELETE)."""
    KEYED = "keyed"
    """Creates under an id that the caller chose."""
    ONCE = "once"
    """Each time does something more."""


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """What is known about an operation before it is called.

    Attributes:
        name: the documented name, in snake_case.
        method, path: such as ``"GET"`` and ``"/auth/users/{user_id}"``.
        success: the statuses that mean it was done.
        retry: how it may be repeated.
        auth: whether the token is attached; public operations and logins go without.
        repeat_done: after an ambiguous outcome, statuses of the repeat that prove that the first one was done.
        how_to_find_out: for ``AmbiguousOutcomeError``.
    """

    name: str
    method: str
    path: str
    success: frozenset[int]
    retry: Retry
    auth: bool = True
    repeat_done: frozenset[int] = frozenset()
    how_to_find_out: str = ""


def http_date(value: str) -> float:
    """Epoch seconds of an HTTP date (RFC 9110 section 5.6.7: always UTC, also where its old forms do not say so).

    Raises:
        ValueError, OverflowError: it is none.
    """
    date = parsedate_to_datetime(value)
    return (date.replace(tzinfo=UTC) if date.tzinfo is None else date).timestamp()


def retry_after(response: Response, now: float) -> float | None:
    """Seconds to wait by ``Retry-After`` (RFC 9110 section 10.2.3: seconds or an HTTP date), or ``None``.

    Args:
        now: the server's idea of the time, in epoch seconds; a date is held against it.
    """
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, http_date(value) - now)
    except (ValueError, TypeError, OverflowError):
        return None


class Dialect:
    """How one backend words its answers. Subclass it where a backend differs from plain HTTP."""

    provider: str = ""

    def message(self, response: Response) -> tuple[str, str | None]:
        """The backend's message and code out of an error body; one line, at most 500 characters."""
        text = response.body[:4096].decode("utf-8", "replace")
        try:
            body: object = json.loads(response.body) if len(response.body) <= 65536 else text
        except (ValueError, RecursionError):
            body = text
        code: str | None = None
        if isinstance(body, dict):
            told: dict[object, object] = body  # pyright: ignore[reportUnknownVariableType]
            code = str(told["code"]) if "code" in told else None
            body = told.get("message") or told.get("detail") or told.get("title") or response.reason
        first = (str(body).strip() or response.reason or "no message").splitlines()[0]
        return first[:500], code

    def token_rejected(self, response: Response) -> bool:
        """Whether this answer means that the token is not accepted (a new one may be)."""
        return response.status == 401

    def permanent(self, response: Response) -> bool:
        """Whether no repeat can cure this 5xx."""
        return response.status == 501

    def not_done(self, response: Response) -> bool:
        """Whether the adapter vouches that a 503 means that nothing was done, even for *once* operations."""
        return False

    def tells(self, spec: OperationSpec, response: Response | None) -> bool:
        """Whether what leaves doubt elsewhere is this backend's own way to answer this operation.

        A repeat would bring the same, so there is none: the adapter finds out by a read.

        Args:
            response: a 5xx, or ``None`` when no answer came.
        """
        return False

    def error(self, response: Response, spec: OperationSpec, now: float) -> IdentityError:
        """The typed error for an answer that is no success."""
        message, code = self.message(response)
        status = response.status
        error: IdentityError
        if status in (400, 413, 414, 415, 422):
            error = InvalidRequestError(message, sent=True)
        elif status == 429:
            error = RateLimitedError(message, retry_after=retry_after(response, now))
        else:
            error = _BY_STATUS.get(status, _other)(message)
            if type(error) is ProtocolError:
                error = self._unexpected(response, spec, message)
        if isinstance(error, ServerError):
            error.retry_after = retry_after(response, now)
        error.status, error.code = status, code
        return error

    def _unexpected(self, response: Response, spec: OperationSpec, message: str) -> IdentityError:
        if response.status >= 500:
            return ServerError(message, retryable=not self.permanent(response))
        if response.status >= 400:
            return InvalidRequestError(message, sent=True)
        expected = ", ".join(str(status) for status in sorted(spec.success))
        if response.status in (301, 302, 303, 307, 308):
            where = redact_url(response.headers.get("location", "nowhere"))[:200]
            return ProtocolError(
                f"the server redirects to {where}, which is not followed: is base_url right?"
            )
        return ProtocolError(f"expected status {expected}, got {response.status}")


def _other(message: str) -> IdentityError:
    return ProtocolError(message)


_BY_STATUS: dict[int, Callable[[str], IdentityError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotSupportedError,
    409: ConflictError,
    412: PreconditionFailedError,
    501: NotSupportedError,
}


@dataclass(slots=True)
class Call:
    """One operation with its arguments bound.

    Attributes:
        look: after an ambiguous outcome, reads what is there now and answers it, or ``None`` for nothing. For an
            idempotent operation it answers only what equals what was sent. Runs in the pipeline as a call of its own.
        mine: whether what ``look`` found holds a value that only this call could have sent.
        proven: what ``look`` found, when that proves that the work was done; the call then succeeds with it.
        done: set when a repeat's status proved that the work was done.
        sent: how many times it was handed to the transport.
    """

    spec: OperationSpec
    dialect: Dialect
    request: Request
    look: Callable[[], Awaitable[object | None]] | None = None
    mine: Callable[[object], bool] | None = None
    proven: object | None = None
    done: bool = field(default=False)
    sent: int = 0


class Sender(Protocol):
    """The pipeline as an adapter sees it."""

    async def send(self, call: Call) -> Response:
        """Sends the call through retry, token, limits and transport.

        Answers every response that is an answer, also an error status; the operation maps it.

        Raises:
            IdentityError: what the pipeline itself concluded (transport, deadline, ambiguous outcome).
        """
        ...

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        """Opens the scope of a facade verb: one deadline over everything in it, and the context of its errors."""
        ...

    def now(self) -> float:
        """The server's idea of the time, in epoch seconds: our clock plus the learned skew."""
        ...

    def remaining(self) -> float:
        """Seconds that the present verb's deadline leaves; infinite outside a verb."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits on the client's clock."""
        ...

    def forget(self) -> None:
        """Drops the kept token of this client's credential; the next call signs in anew."""
        ...
