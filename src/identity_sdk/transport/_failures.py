"""Turns what an HTTP library raises into our errors: the same ones, whatever the library.

Nothing of a foreign exception's text is repeated, except what OpenSSL says about a certificate and what the
operating system says about a connection: some libraries quote headers.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import TypeVar, cast

from identity_sdk.errors import NoAnswerError, NotSentError, ProtocolError, TransportError

__all__ = ["Failures", "chain", "find"]

E = TypeVar("E", bound=BaseException)


def chain(error: BaseException) -> Iterator[BaseException]:
    """``error`` and everything that led to it, exception groups opened, each once."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__context__, one.__cause__]
        for name in ("os_error", "certificate_error"):  # aiohttp keeps the reason there as well
            reason: object = getattr(one, name, None)
            if isinstance(reason, BaseException):
                left.append(reason)
        if isinstance(one, BaseExceptionGroup):
            left += cast("BaseExceptionGroup[BaseException]", one).exceptions


def find(error: BaseException, kind: type[E]) -> E | None:
    """The first exception of ``kind`` in the :func:`chain` of ``error``."""
    return next((one for one in chain(error) if isinstance(one, kind)), None)


class Failures:
    """Makes the errors of one transport; each message names the origin and nothing else of the request."""

    __slots__ = ("_origin",)

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def not_sent(self, error: BaseException) -> TransportError:
        """Nothing of the request has left: a certificate is refused for good, anything else may be tried again."""
        refused = [one for one in chain(error) if isinstance(one, ssl.SSLCertVerificationError)]
        if refused:
            # aiohttp's own error is one too, but does not know the reason.
            return self.certificate(next((one for one in refused if hasattr(one, "verify_code")), refused[0]))
        if find(error, socket.gaierror) is not None:
            return NotSentError(
                f"the name of {self._origin} cannot be looked up: check base_url and the resolver"
            )
        if find(error, ssl.SSLError) is not None:
            return NotSentError(
                f"the TLS handshake with {self._origin} was broken off: does it speak TLS there?"
            )
        if find(error, ConnectionRefusedError) is not None:
            return NotSentError(f"{self._origin} refused the connection: is the server running?")
        if find(error, ConnectionError) is not None:
            return NotSentError(f"{self._origin} closed the connection before the request was sent")
        if find(error, TimeoutError) is not None:
            return self.no_connection_in_time(None)
        return NotSentError(f"no connection to {self._origin}")

    def certificate(self, error: ssl.SSLCertVerificationError) -> TransportError:
        """Permanent: the same certificate comes again. The numbers are OpenSSL's (X509_V_ERR_*)."""
        code, said = (
            getattr(error, "verify_code", 0),
            getattr(error, "verify_message", "for a reason not told"),
        )
        if code == 10:
            what = "has expired: it must be renewed on the server (or this machine's clock is wrong)"
        elif code == 9:
            what = "is not valid yet: is this machine's clock right?"
        elif code in (18, 19, 20, 21):
            what = (
                "is signed by an authority that is not trusted here: if it is yours, give its certificate with "
                "tls='/path/to/ca.pem', or tls='system' for the operating system's store"
            )
        elif code in (62, 64):
            what = "is made out to another host name: use the name in the certificate in base_url"
        else:
            what = f"is refused ({said}): tls= says whom to trust"
        return TransportError(f"the certificate of {self._origin} {what}", retryable=False)

    def no_connection_in_time(self, seconds: float | None) -> NotSentError:
        within = "in time" if seconds is None else f"within {seconds:g} s"
        return NotSentError(f"no connection to {self._origin} {within} (connect_timeout): nothing was sent")

    def no_slot_in_time(self, seconds: float) -> NotSentError:
        return NotSentError(f"no free connection to {self._origin} within {seconds:g} s: nothing was sent")

    def no_answer_in_time(self, seconds: float) -> NoAnswerError:
        return NoAnswerError(f"{self._origin} did not answer completely within {seconds:g} s")

    def no_answer(self) -> NoAnswerError:
        error = NoAnswerError(f"the connection to {self._origin} broke before the whole answer was there")
        error.broken = True
        return error

    def not_http(self) -> ProtocolError:
        return ProtocolError(f"what {self._origin} answered is not HTTP")

    def cannot_be_sent(self) -> TransportError:
        """A header, method or target holds what HTTP does not allow. Not quoted: it may be a secret."""
        return TransportError(
            f"the request to {self._origin} cannot be put on the wire: a header, the method or the path holds "
            "characters that HTTP does not allow (a line break in a token?)",
            retryable=False,
        )

    def proxy_refused(self, status: str) -> TransportError:
        """``status`` is what the proxy answered to CONNECT, empty when unknown."""
        text = f"the proxy refused the way to {self._origin}{f' (status {status})' if status else ''}: check proxy="
        if status.startswith("4"):
            return TransportError(text, retryable=False)
        return NotSentError(text)
