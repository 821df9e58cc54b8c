"""The words for each failure, made from the exceptions that libraries raise."""

from __future__ import annotations

import socket
import ssl

import pytest

from identity_sdk.errors import NotSentError, TransportError
from identity_sdk.transport._failures import Failures, chain, find

FAILURES = Failures("https://h")


def wrapped(*errors: BaseException) -> Exception:
    """As libraries do it: one raised while another was handled, the last one outermost."""
    caught: BaseException | None = None
    for error in errors:
        error.__context__ = caught
        caught = error
    outermost = RuntimeError("outermost, with a canary")
    outermost.__cause__ = caught
    return outermost


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(socket.EAI_NONAME, "canary"), "looked up"),
        (ssl.SSLError(1, "canary"), "handshake"),
        (ConnectionRefusedError(111, "canary"), "refused"),
        (ConnectionResetError(104, "canary"), "closed the connection before"),
        (TimeoutError("canary"), "in time"),
        (OSError(101, "canary"), "no connection to https://h"),
        (ExceptionGroup("canary", [OSError(1, "x"), ConnectionRefusedError(111, "canary")]), "refused"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_was_sent(error, told):
    made = FAILURES.not_sent(wrapped(error))
    assert type(made) is NotSentError
    assert told in str(made)
    assert "canary" not in str(made)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (9, "not valid yet"),
        (10, "has expired"),
        (18, "authority that is not trusted"),
        (19, "authority that is not trusted"),
        (20, "authority that is not trusted"),
        (62, "another host name"),
        (64, "another host name"),
        (23, "is refused (certificate revoked)"),
        (None, "is refused (for a reason not told)"),
    ],
)
def test_certificates(code, told):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    if code is not None:
        error.verify_code, error.verify_message = code, "certificate revoked"
    made = FAILURES.not_sent(wrapped(OSError(), error, ValueError()))
    assert type(made) is TransportError
    assert not made.retryable
    assert told in str(made)


def test_a_chain_that_runs_in_a_circle_ends():
    one, other = ValueError(), KeyError()
    one.__context__, other.__context__ = other, one
    assert set(chain(one)) == {one, other}
    assert find(one, KeyError) is other
    assert find(one, OSError) is None
