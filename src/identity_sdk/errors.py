"""Every exception that this library raises, in one tree, the same for every provider.

::

    IdentityError
    ├─ ConfigurationError          nothing was sent: a wrong option, a malformed key, an unknown adapter
    │  ├─ ClientClosedError        the client was used after ``aclose()``
    │  └─ WrongEventLoopError      the client was used on a second event loop while its first one lives
    ├─ NotSupportedError           this backend cannot; the message names what can
    ├─ InvalidRequestError         the content is refused, by us before sending or by the server (``sent`` tells)
    ├─ AuthenticationError         who are you: a credential is rejected, or expired and not refreshable
    │  └─ ChallengeRequiredError   one more factor is wanted; ``challenge`` says which
    ├─ PermissionDeniedError       known, but may not
    ├─ NotFoundError
    ├─ ConflictError
    ├─ PreconditionFailedError
    ├─ RateLimitedError            ``retry_after`` in seconds
    ├─ TransportError
    │  ├─ NotSentError             the server has not seen the request: safe to repeat
    │  ├─ NoAnswerError            sent, and no answer came
    │  └─ DeadlineExceededError    also a ``TimeoutError``
    ├─ ServerError                 5xx of a call that was repeated in vain
    ├─ AmbiguousOutcomeError       sent, and nobody knows whether it was done; ``how_to_find_out``
    ├─ PartialFailureError         a composed operation stopped half-way: ``done``, ``left``; repeating it is safe
    └─ ProtocolError               an answer that cannot be believed: unparsable, another id, a cursor seen before

Cancellation and programming errors (a ``TypeError`` for a missing argument) are not part of the tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
    "AmbiguousOutcomeError",
    "AuthenticationError",
    "ChallengeRequiredError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "DeadlineExceededError",
    "IdentityError",
    "InvalidRequestError",
    "NoAnswerError",
    "NotFoundError",
    "NotSentError",
    "NotSupportedError",
    "PartialFailureError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "ProtocolError",
    "RateLimitedError",
    "ServerError",
    "TransportError",
    "WrongEventLoopError",
]


class IdentityError(Exception):
    """The root of the tree.

    Attributes:
        message: one line that says what happened and what to do.
        provider: the adapter's name (``"lakefs"``), or ``None`` before an adapter was chosen.
        operation: the verb (``"users.create"``) or the wire operation (``"create_user"``).
        status: the HTTP status code of the answer, if one came.
        code: the backend's own error code, if it has one.
        request_id: what the server calls this request, for its operators.
        attempts: how many requests were made for the call.
        elapsed: seconds from the start of the call to its end.
        retryable: whether the same call may succeed later without any change, and is safe to repeat.
        stopped_because: why no further attempt was made, where there could have been one.
        on_behalf: whether the call was made by a copy that ``with_credential()`` made, so that what is refused is
            that credential, and not the client's own.
    """

    retryable: bool = False
    on_behalf: bool = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        operation: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        elapsed: float = 0.0,
        retryable: bool | None = None,
        stopped_because: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.operation = operation
        self.status = status
        self.code = code
        self.request_id = request_id
        self.attempts = attempts
        self.elapsed = elapsed
        if retryable is not None:
            self.retryable = retryable
        self.stopped_because = stopped_because

    def __str__(self) -> str:
        where = ".".join(part for part in (self.provider, self.operation) if part)
        facts = [
            f"status {self.status}" if self.status is not None else "",
            f"code {self.code}" if self.code else "",
            f"request id {self.request_id}" if self.request_id else "",
            f"{self.attempts} attempts in {self.elapsed:.1f} s" if self.attempts > 1 else "",
            self.stopped_because or "",
        ]
        told = ", ".join(fact for fact in facts if fact)
        return f"{where + ': ' if where else ''}{self.message}{f' ({told})' if told else ''}"


class ConfigurationError(IdentityError):
    """Nothing was sent: an option is wrong or missing, a key malformed, an adapter unknown."""


class ClientClosedError(ConfigurationError):
    """The client was used after ``aclose()``. Make a new one with ``connect()``."""


class WrongEventLoopError(ConfigurationError):
    """The client was used on a second event loop while its first one is still alive."""


class NotSupportedError(IdentityError):
    """This backend cannot do it. The message says why and names the nearest thing that works."""


class InvalidRequestError(IdentityError):
    """The content of the request is refused.

    Attributes:
        sent: ``False`` when we refused it before sending, ``True`` when the server did (HTTP 400, 422).
        fields: what is wrong, by field name.
    """

    def __init__(
        self,
        message: str,
        *,
        sent: bool = False,
        fields: Mapping[str, str] | None = None,
        provider: str | None = None,
        operation: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            message, provider=provider, operation=operation, status=status, code=code, request_id=request_id
        )
        self.sent = sent
        self.fields: Mapping[str, str] = fields or {}


class AuthenticationError(IdentityError):
    """The credential is rejected, or it has expired and cannot be refreshed."""


class ChallengeRequiredError(AuthenticationError):
    """The backend wants one more factor. ``challenge`` names it (``"totp"``, ``"password-change"``)."""

    def __init__(self, message: str, *, challenge: str = "", provider: str | None = None) -> None:
        super().__init__(message, provider=provider)
        self.challenge = challenge


class PermissionDeniedError(IdentityError):
    """The principal is known, but may not do this."""


class NotFoundError(IdentityError):
    """The object does not exist, or the principal may not know that it does."""


class ConflictError(IdentityError):
    """The object exists already, or its state forbids the change."""


class PreconditionFailedError(IdentityError):
    """Somebody else changed the object in between (HTTP 412). Read it again, then decide."""

    retryable = True


class RateLimitedError(IdentityError):
    """The server asks to slow down (HTTP 429). ``retry_after`` is in seconds, if the server said it."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        provider: str | None = None,
        operation: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            message, provider=provider, operation=operation, status=status, code=code, request_id=request_id
        )
        self.retry_after = retry_after


class TransportError(IdentityError):
    """The network, the TLS handshake or the connection failed."""


class NotSentError(TransportError):
    """The server has not seen the request: name look-up, connection or handshake failed. Safe to repeat."""

    retryable = True


class NoAnswerError(TransportError):
    """The request was sent, at least in part, and no complete answer came.

    Attributes:
        broken: whether the connection broke, rather than that time ran out.
    """

    broken: bool = False


class DeadlineExceededError(TransportError, TimeoutError):
    """The total time that the call may take (``deadline=``, seconds) is over."""

    retryable = True


class ServerError(IdentityError):
    """The server failed (HTTP 5xx), also when asked again. ``retry_after`` is in seconds, if the server said it."""

    retryable = True
    retry_after: float | None = None


class AmbiguousOutcomeError(IdentityError):
    """The request was sent, and nobody knows whether it was done.

    Attributes:
        how_to_find_out: what to read, and how to tell.
        found: what a look at the server showed, if one was taken: the object that is there now. It may be an
            older namesake.
    """

    def __init__(
        self,
        message: str,
        *,
        how_to_find_out: str = "",
        found: object | None = None,
        provider: str | None = None,
        operation: str | None = None,
    ) -> None:
        super().__init__(message, provider=provider, operation=operation)
        self.how_to_find_out = how_to_find_out
        self.found = found

    def __str__(self) -> str:
        return super().__str__() + (f". {self.how_to_find_out}" if self.how_to_find_out else "")


class PartialFailureError(IdentityError):
    """A composed operation stopped half-way. Repeating the verb is safe.

    Attributes:
        done: the steps that are done, in words, in order.
        left: the steps that are left.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        done: Sequence[str] = (),
        left: Sequence[str] = (),
        provider: str | None = None,
        operation: str | None = None,
    ) -> None:
        super().__init__(message, provider=provider, operation=operation)
        self.done = tuple(done)
        self.left = tuple(left)

    def __str__(self) -> str:
        return f"{super().__str__()}. Done: {', '.join(self.done) or 'nothing'}. Left: {', '.join(self.left)}"


class ProtocolError(IdentityError):
    """An answer that cannot be believed: unparsable, too large, about another id, or a cursor seen before."""
