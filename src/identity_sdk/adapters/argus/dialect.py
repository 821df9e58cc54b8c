"""How Argus words its answers: an envelope with ``messages``, also for errors."""

from __future__ import annotations

import json
from typing import cast

from identity_sdk.errors import IdentityError, InvalidRequestError
from identity_sdk.wire.call import Dialect, OperationSpec
from identity_sdk.wire.request import Response

__all__ = ["ArgusDialect"]


class ArgusDialect(Dialect):
    """Differs from plain HTTP in these points:

    - the message and its template stand in ``messages`` of the envelope; ``FIELD_ERROR`` names a field;
    - 412 is a validation error, not a failed precondition: nothing is gained by reading again.
    """

    provider = "argus"

    def message(self, response: Response) -> tuple[str, str | None]:
        said = _messages(response)
        for one in said:
            text = one.get("message")
            if isinstance(text, str) and text.strip():
                field, template = one.get("field"), one.get("messageTemplate")
                where = f"{field}: " if isinstance(field, str) and field else ""
                code = template if isinstance(template, str) and template else None
                return f"{where}{text.strip()}".splitlines()[0][:500], code
        if not response.body or said or _is_envelope(response):
            return response.reason or f"no message (status {response.status})", None
        return super().message(response)

    def error(self, response: Response, spec: OperationSpec, now: float) -> IdentityError:
        if response.status != 412:
            return super().error(response, spec, now)
        message, code = self.message(response)
        fields = {
            str(one["field"]): str(one.get("message") or "invalid")
            for one in _messages(response)
            if one.get("field")
        }
        return InvalidRequestError(message, sent=True, fields=fields, status=412, code=code)


def _parsed(response: Response) -> dict[str, object]:
    try:
        body: object = json.loads(response.body) if len(response.body) <= 1 << 20 else None
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", body) if isinstance(body, dict) else {}


def _is_envelope(response: Response) -> bool:
    return "responseCode" in _parsed(response)


def _messages(response: Response) -> list[dict[str, object]]:
    found = _parsed(response).get("messages")
    if not isinstance(found, list):
        return []
    return [cast("dict[str, object]", one) for one in cast("list[object]", found) if isinstance(one, dict)]
