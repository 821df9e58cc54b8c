"""How Authress words its answers, and how its local server does (facts 5 and 6)."""

from __future__ import annotations

import json

from identity_sdk.errors import ConflictError, IdentityError, NotSupportedError, ProtocolError
from identity_sdk.wire.call import Dialect, OperationSpec
from identity_sdk.wire.request import Response

__all__ = ["AuthressDialect"]

NO_SUCH_PATH = "No endpoint exists at the specified url."
KEY_LIMIT = 5


class AuthressDialect(Dialect):
    """Differs from plain HTTP in these points:

    - an error holds ``title``, ``errorCode`` and ``errorId``, all optional; or text without a content type, or
    nothing;
    - 404 means unknown, or invisible to the caller; an HTML page is no answer of Authress at all;
    - what a sixth access key is answered is not documented: any refusal of it is told as such;
    - 501 and 418 are the vendor's local server's: it leaves most out, and serves only hosts that it knows.
    """

    provider = "authress"

    def message(self, response: Response) -> tuple[str, str | None]:
        told = _told(response)
        if not told:
            text, _ = super().message(response)
            return next(
                (line for line in text.splitlines() if line.strip("* ")), response.reason or "no message"
            ), None
        code, title = told.get("errorCode"), told.get("title")
        words = title if isinstance(title, str) and title else code
        return str(words or response.reason or "no message").splitlines()[0][:500], str(
            code
        ) if code else None

    def error(self, response: Response, spec: OperationSpec, now: float) -> IdentityError:
        error = self._error(response, spec, now)
        told = _told(response).get("errorId")
        error.request_id = str(told)[:200] if told else response.headers.get("x-span-id")
        return error

    def _error(self, response: Response, spec: OperationSpec, now: float) -> IdentityError:
        message, code = self.message(response)
        status = response.status
        if status == 404 and (message == NO_SUCH_PATH or "html" in response.headers.get("content-type", "")):
            return _at(
                ProtocolError(f"there is no {spec.method} {spec.path} at this address: is base_url right?"),
                status,
            )
        if status in (405, 501):
            return _at(
                NotSupportedError(
                    f"this server leaves {spec.name} out: the vendor's local server has groups, roles and records "
                    "only"
                ),
                status,
            )
        if status == 418:
            return _at(
                ProtocolError("the local server serves no host of this name: use localhost or 127.0.0.1"),
                status,
            )
        if spec.name == "request_access_key" and status in (400, 409, 413, 422):
            refused = ConflictError(
                f"{message}. A service client has {KEY_LIMIT} access keys at most: delete one first"
            )
            refused.code = code
            return _at(refused, status)
        return super().error(response, spec, now)


def _at(error: IdentityError, status: int) -> IdentityError:
    error.status = status
    return error


def _told(response: Response) -> dict[str, object]:
    if not response.body or len(response.body) > 65536:
        return {}
    try:
        body: object = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}  # pyright: ignore[reportUnknownVariableType]
