"""How lakeFS words its answers (measured on v0.91.0 and v1.84.0)."""

from __future__ import annotations

import re

from identity_sdk.errors import (
    IdentityError,
    InvalidRequestError,
    NotSupportedError,
    PermissionDeniedError,
)
from identity_sdk.wire.call import Dialect, OperationSpec
from identity_sdk.wire.request import Response

__all__ = ["LakeFSDialect"]

NO_RIGHT = "insufficient permissions"
NO_SUCH_PATH = "invalid API endpoint"
_FIELD = re.compile(r'Error at "/([^"]{1,100})": (.{1,200})')


class LakeFSDialect(Dialect):
    """Differs from plain HTTP in these points:

    - no permission is a 401 too, told apart by its message; a new token cannot help;
    - an unknown path is a 500 on v0.91 and a 404 on today's servers: neither can be cured by a repeat;
    - 501 is how single-user and ACL servers say that they leave an operation out;
    - a 400 of the schema validator is a long dump after its first line.
    """

    provider = "lakefs"

    def _no_right(self, response: Response) -> bool:
        return response.status == 401 and self.message(response)[0].startswith(NO_RIGHT)

    def token_rejected(self, response: Response) -> bool:
        return response.status == 401 and not self._no_right(response)

    def permanent(self, response: Response) -> bool:
        return response.status == 501 or (
            response.status == 500 and self.message(response)[0] == NO_SUCH_PATH
        )

    def error(self, response: Response, spec: OperationSpec, now: float) -> IdentityError:
        message, _ = self.message(response)
        error: IdentityError
        if self._no_right(response):
            error = PermissionDeniedError(message)
        elif response.status == 501:
            error = NotSupportedError(
                f"this server leaves {spec.name} out ({message}): single-user servers have no groups, policies "
                "and lists of keys, ACL servers no policies. `await idp.ping()` tells what it can do"
            )
        elif response.status in (404, 500) and message == NO_SUCH_PATH:
            error = NotSupportedError(
                f"this server has no {spec.method} {spec.path} ({message}): password resets are gone from servers "
                "after v0.91. If nothing else works either, check base_url: it ends in /api/v1"
            )
        else:
            error = super().error(response, spec, now)
            field = _FIELD.search(message)
            if isinstance(error, InvalidRequestError) and field is not None:
                error.fields = {field[1]: field[2]}
        error.status = response.status
        return error
