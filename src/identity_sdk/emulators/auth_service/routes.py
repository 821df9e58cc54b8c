"""Which operation a request is for, who may ask it, and which body it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from identity_sdk.emulators.auth_service import handlers as h
from identity_sdk.emulators.auth_service.answer import Problem

__all__ = ["Route", "route"]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``access``: nobody's, anybody's with an access token, an admin's, or by a refresh token."""

    handler: h.Handler | None
    access: Literal["", "user", "admin", "refresh"] = ""
    body: str = ""
    name: str = ""


_ROUTES: Mapping[str, Mapping[str, Route]] = {
    "health/liveness": {"GET": Route(h.healthy)},
    "health/readiness": {"GET": Route(h.healthy)},
    "publicKey": {"GET": Route(h.public_key)},
    "login": {"GET": Route(None, name="login")},
    "authSso": {"GET": Route(None, name="authSso")},
    "userInfo": {"GET": Route(h.user_info, "user")},
    "refresh": {"POST": Route(h.refresh, "refresh")},
    "admin/groups": {
        "GET": Route(h.list_groups, "admin"),
        "POST": Route(h.add_group, "admin", "GroupPost"),
    },
    "admin/groups/*": {
        "GET": Route(h.get_group, "admin"),
        "PUT": Route(h.put_group, "admin", "GroupFull"),
        "DELETE": Route(h.remove_group, "admin"),
    },
    "admin/users": {
        "GET": Route(h.list_users, "admin"),
        "POST": Route(h.add_user, "admin", "UserInfo"),
    },
    "admin/users/*": {
        "GET": Route(h.get_user, "admin"),
        "PUT": Route(h.put_user, "admin", "UserInfo"),
        "DELETE": Route(h.remove_user, "admin"),
    },
    "admin/refreshTokens": {
        "GET": Route(h.list_tokens, "admin"),
        "POST": Route(h.make_token, "admin", "AdminRefreshTokenInfoPost"),
    },
    "admin/refreshTokens/*": {
        "GET": Route(h.get_token, "admin"),
        "DELETE": Route(h.revoke_token, "admin"),
    },
}


def route(method: str, path: str) -> tuple[Route, str]:
    """The operation and the raw id of a path below the base, without its leading slash.

    An empty id means the collection itself: a slash at its end is not looked at.

    Raises:
        Problem: there is no such path, or not by this method.
    """
    parts = path.split("/")
    raw_id = ""
    if len(parts) == 3 and parts[0] == "admin":
        raw_id = parts[2]
        path = f"admin/{parts[1]}/*" if raw_id else f"admin/{parts[1]}"
    found = _ROUTES.get(path)
    if found is None:
        raise Problem(404, "Nothing matches the given URI")
    if method not in found:
        raise Problem(405, "Specified method is invalid for this resource")
    return found[method], raw_id
