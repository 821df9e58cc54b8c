"""A session as this library hands it out."""

from __future__ import annotations

from typing import ClassVar

from identity_sdk.models import Session
from identity_sdk.secrets import Secret

__all__ = ["ArgusSession"]


class ArgusSession(Session):
    """A session.

    Attributes:
        cookie: the value of the cookie ``argus_session``, where it differs from the token.
        session_key: signs the CSRF token that the cookie needs; ``None`` where the answer held none.
        password_change_required: the server answered 221: the password must be changed before anything else.
    """

    provider: ClassVar[str] = "argus"

    cookie: Secret | None = None
    session_key: Secret | None = None
    password_change_required: bool = False
