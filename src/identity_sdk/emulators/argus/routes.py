"""The routes: for each operation its path, its handler, its body, and whether it asks who is calling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from identity_sdk.emulators.argus import administration as a
from identity_sdk.emulators.argus import rights as r
from identity_sdk.emulators.argus import secrets_kept as k
from identity_sdk.emulators.argus import signing_in as s
from identity_sdk.emulators.argus.call import Call
from identity_sdk.emulators.argus.wire import Answer

__all__ = ["ROUTES", "Route", "route"]


@dataclass(frozen=True, slots=True)
class Route:
    """``path``: ``{x}`` is one segment, ``{x#}`` one of digits, ``{x+}`` two (a key's prefix), ``{x*}`` the rest."""

    method: str
    path: tuple[str, ...]
    handler: Callable[[Call], Answer]
    body: str = ""
    public: bool = False
    before_change: bool = False
    """Whether a session that wants a new password (221) may do it."""


def _at(line: str, handler: Callable[[Call], Answer], body: str = "", **more: bool) -> Route:
    method, path = line.split(" ")
    return Route(method, tuple(path.strip("/").split("/")), handler, body, **more)


A = "/authentication/v1"
U = "/useradmin/v2"
B = "/users/v2"
M = "/currentuser/v1"

ROUTES = (
    _at(f"POST {A}/apikey/authenticate", s.apikey_authenticate, "ApiKeySignIn", public=True),
    _at(f"POST {A}/password/authenticate", s.password_authenticate, "SignIn", public=True),
    _at(f"POST {A}/password/authentication", s.password_authentication, "SignIn", public=True),
    _at(f"POST {A}/ldap/authenticate", s.ldap_authenticate, "SignIn", public=True),
    _at(f"POST {A}/ldap/authentication", s.ldap_authentication, "SignIn", public=True),
    _at(f"POST {A}/totp/authenticate", s.totp_authenticate, "TotpSignIn", public=True),
    _at(f"POST {A}/totp/authentication", s.totp_authentication, "TotpSignIn", public=True),
    _at(f"GET {A}/methods", s.get_methods, public=True),
    _at(f"PUT {A}/password", k.change_password, "Password", public=True, before_change=True),
    _at(f"GET {A}/apikey", k.list_keys),
    _at(f"POST {A}/apikey", k.initiate_key, "ApiKey"),
    _at(f"PUT {A}/apikey/{{key#}}", k.renew_key, "Renewal"),
    _at(f"PUT {A}/apikey/{{key+}}", k.renew_key, "Renewal"),
    _at(f"DELETE {A}/apikey/{{key#}}", k.revoke_key),
    _at(f"DELETE {A}/apikey/{{key+}}", k.revoke_key),
    _at(f"POST {A}/constrain", s.constrain, "Constrain"),
    _at(f"POST {A}/impersonate", s.impersonate, "Impersonate"),
    _at(f"DELETE {A}/logout", s.logout, before_change=True),
    _at(f"GET {A}/session", s.get_session, before_change=True),
    _at(f"DELETE {A}/session", s.logout, before_change=True),
    _at(f"DELETE {A}/session/cache", s.clear_session_data),
    _at(f"GET {A}/session/authmethods", s.session_methods),
    _at(f"GET {A}/session/customer", s.session_customers),
    _at(f"GET {A}/session/function", s.session_functions),
    _at(f"GET {A}/session/permission/{{function}}", s.session_permission),
    _at(f"GET {A}/session/permission/{{function}}/{{customer}}", s.session_permission),
    _at(f"POST {A}/session/constrain", s.constrain_session, "Constrain"),
    _at(f"POST {A}/session/impersonate", s.impersonate_session, "Impersonate"),
    _at(f"DELETE {A}/session/{{session*}}", s.evict_session),
    _at(f"POST {A}/totp", k.initialize_totp, "Totp"),
    _at(f"PUT {A}/totp", k.verify_totp, "Verification"),
    _at(f"DELETE {A}/totp", k.revoke_totp),
    _at(f"GET {A}/user/{{user}}", k.user_status),
    _at(f"PUT {A}/user/{{user}}/block", k.block_user),
    _at(f"PUT {A}/user/{{user}}/unblock", k.unblock_user),
    _at(f"GET {A}/user/{{user}}/methods", s.user_methods),
    _at(f"GET {A}/user/{{user}}/apikey", k.list_user_keys),
    _at(f"POST {A}/user/{{user}}/apikey", k.initiate_user_key, "UserApiKey"),
    _at(f"PUT {A}/user/{{user}}/apikey/{{key+}}", k.renew_user_key, "UserRenewal"),
    _at(f"DELETE {A}/user/{{user}}/apikey/{{key#}}", k.revoke_user_key),
    _at(f"DELETE {A}/user/{{user}}/apikey/{{key+}}", k.revoke_user_key),
    _at(f"PUT {A}/user/{{user}}/password/reset", k.reset_password),
    _at(f"DELETE {A}/user/{{user}}/sessions", k.end_sessions),
    _at(f"POST {A}/user/{{user}}/totp", k.initiate_user_totp),
    _at(f"DELETE {A}/user/{{user}}/totp", k.revoke_user_totp),
    _at(f"GET {U}/user", a.list_users),
    _at(f"POST {U}/user", a.add_user, "UserAdd"),
    _at(f"POST {U}/user/search", a.search_users, "Search"),
    _at(f"GET {U}/user/{{id}}", a.get_user),
    _at(f"PUT {U}/user/{{id}}", a.update_user, "UserUpdate"),
    _at(f"DELETE {U}/user/{{id}}", a.delete_user),
    _at(f"PUT {U}/user/{{id}}/reenable", a.reenable_user),
    _at(f"PUT {U}/user/{{id}}/unblock", a.unblock_user),
    _at(f"PUT {U}/user/{{id}}/move", a.move_user, "Move"),
    _at(f"PUT {U}/user/{{id}}/resetpassword", a.reset_password),
    _at(f"GET {U}/user/{{id}}/permissions", r.user_permissions),
    _at(f"GET {U}/group", a.list_groups),
    _at(f"POST {U}/group", a.add_group, "GroupAdd"),
    _at(f"POST {U}/group/search", a.search_groups, "Search"),
    _at(f"GET {U}/group/{{id}}", a.get_group),
    _at(f"PUT {U}/group/{{id}}", a.update_group, "GroupUpdate"),
    _at(f"DELETE {U}/group/{{id}}", a.delete_group),
    _at(f"PUT {U}/group/{{id}}/reenable", a.reenable_group),
    _at(f"PUT {U}/group/{{id}}/move", a.move_group, "Move"),
    _at(f"GET {U}/group/{{id}}/members", a.list_members),
    _at(f"POST {U}/group/{{id}}/members", a.add_members, "Members"),
    _at(f"DELETE {U}/group/{{id}}/members", a.remove_members),
    _at(f"GET {U}/group/{{id}}/permissions", r.group_permissions),
    _at(f"GET {U}/subject", a.list_subjects),
    _at(f"GET {U}/subject/{{id}}", a.get_subject),
    _at(f"POST {U}/subject/{{id}}/groups", a.add_to_groups, "Parents"),
    _at(f"GET {U}/membership", a.list_memberships),
    _at(f"DELETE {U}/membership", a.remove_memberships),
    _at(f"GET {U}/permission", r.list_permissions),
    _at(f"POST {U}/permission", r.grant_permission, "Grant"),
    _at(f"POST {U}/permission/bulk", r.grant_permissions, "Grants"),
    _at(f"DELETE {U}/permission", r.revoke_permissions),
    _at(f"DELETE {U}/permission/{{id#}}", r.revoke_permission),
    _at(f"GET {U}/function", r.list_functions),
    _at(f"POST {U}/function", r.add_function, "Function"),
    _at(f"GET {U}/function/{{id}}", r.get_function),
    _at(f"DELETE {U}/function/{{id}}", r.delete_function),
    _at(f"GET {B}/user", a.list_basic_users),
    _at(f"GET {B}/user/{{id}}", a.get_basic_user),
    _at(f"GET {B}/group", a.list_basic_groups),
    _at(f"GET {B}/group/{{id}}", a.get_basic_group),
    _at(f"GET {B}/subject/{{id}}/groups", a.subject_groups),
    _at(f"GET {B}/function", r.list_basic_functions),
    _at(f"GET {B}/function/{{id}}", r.get_basic_function),
    _at(f"GET {M}/user", r.current_user),
    _at(f"GET {M}/groups", r.current_groups),
    _at(f"GET {M}/functions", r.current_functions),
    _at(f"GET {M}/customers", r.current_customers),
    _at(f"GET {M}/permissions", r.current_permissions),
    _at(f"GET {M}/permission/{{function}}/{{customer}}", s.session_permission),
    _at("GET /customers/v2/customer", r.list_customers),
    _at("GET /customers/v2/customer/{id}", r.get_customer),
)


def route(method: str, segments: tuple[str, ...]) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, and the parts of its path by name."""
    for one in ROUTES:
        if one.method == method:
            found = _match(one.path, segments)
            if found is not None:
                return one, dict(found)
    return None


def _match(wanted: tuple[str, ...], given: tuple[str, ...]) -> Mapping[str, str] | None:
    found: dict[str, str] = {}
    place = 0
    for part in wanted:
        if not part.startswith("{"):
            taken = 1 if given[place : place + 1] == (part,) else 0
        elif part.endswith("+}"):
            taken = 2
        elif part.endswith("*}"):
            taken = len(given) - place
        elif part.endswith("#}"):
            taken = 1 if given[place : place + 1] and given[place].isdigit() else 0
        else:
            taken = 1
        here = given[place : place + taken]
        if not taken or len(here) < taken or not all(here):
            return None
        if part.startswith("{"):
            found[part.strip("{}#+*")] = "/".join(here)
        place += taken
    return found if place == len(given) else None
