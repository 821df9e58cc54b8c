"""How the auth service words its answers (measured on the real server, 2021-02-07, and on its JSON variant)."""

from __future__ import annotations

from identity_sdk.errors import IdentityError, PermissionDeniedError
from identity_sdk.wire.call import Dialect, OperationSpec
from identity_sdk.wire.request import Response

__all__ = ["NO_ADMIN", "AuthServiceDialect", "in_trouble"]

NO_ADMIN = "Only admin can use this endpoint"

_SILENT = frozenset({"admin_get_group", "admin_remove_group", "admin_remove_user"})
"""Operations on which the real server closes the connection to say "there is none of that id"."""


class AuthServiceDialect(Dialect):
    """Four shapes of failure: ``ApiError`` JSON, problem+json (RFC 7807), an empty body whose message is the reason
    phrase, and a connection that is closed without an answer. Beyond plain HTTP:

    - no right is a 401 with an empty body (a hop may lose its reason phrase); a new token cannot help;
    - an unknown user is a 500, an unknown group and a second deletion a closed connection: a read finds out.
    """

    provider = "auth-service"

    def _no_right(self, response: Response) -> bool:
        return response.status == 401 and (not response.body.strip() or self.message(response)[0] == NO_ADMIN)

    def token_rejected(self, response: Response) -> bool:
        return response.status == 401 and not self._no_right(response)

    def tells(self, spec: OperationSpec, response: Response | None) -> bool:
        if response is None:
            return spec.name in _SILENT
        return spec.name == "admin_get_user_info" and in_trouble(response)

    def error(self, response: Response, spec: OperationSpec, now: float) -> IdentityError:
        error: IdentityError
        if self._no_right(response):
            error = PermissionDeniedError(self.message(response)[0] if response.body else NO_ADMIN)
            error.status = response.status
        else:
            error = super().error(response, spec, now)
        return error


def in_trouble(response: Response) -> bool:
    """Whether this is the server's own 500, which a repeat never cured in any recording."""
    return response.status == 500 and b"Server got itself in trouble" in response.body
