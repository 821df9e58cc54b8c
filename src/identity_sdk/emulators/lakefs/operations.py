"""The routes: for each operation its path, body, query, and the permission that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from identity_sdk.emulators.lakefs import handlers as h
from identity_sdk.emulators.lakefs.call import Call

__all__ = ["OPERATIONS", "PUBLIC", "Operation", "route"]

_PAGE = ("prefix", "after", "amount")


@dataclass(frozen=True, slots=True)
class Operation:
    """``resource`` is ``*`` or ``user/{userId}``; ``{id}`` stands for the id in the body."""

    path: tuple[str, ...]
    method: str
    name: str
    handler: h.Handler | None = None
    """None: a public operation, which the app itself serves."""
    action: str = ""
    resource: str = "*"
    body: str = ""
    body_required: bool = False
    query: tuple[str, ...] = ()
    before: Callable[[Call], None] | None = None
    policies: bool = False
    """Policies and attachments: 501 with the ACL server, before anything is looked at."""
    old_only: bool = False
    new_only: bool = False

    def arn(self, ids: Mapping[str, str], body_id: str) -> str:
        if self.resource == "*":
            return "*"
        kind, _, placeholder = self.resource.partition("/")
        name = body_id if placeholder == "{id}" else ids[placeholder[1:-1]]
        return f"arn:lakefs:auth:::{kind}/{name}"


def _operation(
    line: str,
    handler: h.Handler,
    action: str = "",
    resource: str = "*",
    *,
    body: str = "",
    body_required: bool = False,
    query: tuple[str, ...] = (),
    before: Callable[[Call], None] | None = None,
    policies: bool = False,
) -> Operation:
    method, path = line.split(" ")
    return Operation(
        tuple(path.strip("/").split("/")),
        method,
        handler.__name__,
        handler,
        action and f"auth:{action}",
        resource,
        body,
        body_required,
        query,
        before,
        policies,
    )


def _public(line: str, name: str, body: str = "", *, required: bool = True, old: bool = False) -> Operation:
    method, path = line.split(" ")
    segments = tuple(path.strip("/").split("/"))
    return Operation(segments, method, name, body=body, body_required=bool(body) and required, old_only=old)


PUBLIC = (
    _public("GET /setup_lakefs", "setup_state"),
    _public("POST /setup_lakefs", "setup", "Setup"),
    _public("POST /auth/login", "login", "LoginInformation", required=False),
    _public("GET /auth/capabilities", "get_auth_capabilities"),
    _public("POST /auth/password/forgot", "forgot_password", "ForgotPasswordRequest", old=True),
    _public("POST /auth/password", "update_password", "UpdatePasswordByToken", old=True),
    _public("GET /oidc/callback", "oauth_callback"),
)


def _enterprise(line: str, name: str) -> Operation:
    """Routed since 1.x, and 501 without an enterprise server."""
    method, path = line.split(" ")
    return Operation(tuple(path.strip("/").split("/")), method, name, h.not_implemented, new_only=True)


_USER = "/auth/users/{userId}"
_GROUP = "/auth/groups/{groupId}"
_POLICY = "/auth/policies/{policyId}"
_U = "user/{userId}"
_G = "group/{groupId}"
_P = "policy/{policyId}"

OPERATIONS = (
    *PUBLIC,
    _operation("GET /user", h.current_user),
    _operation("GET /auth/users", h.list_users, "ListUsers", query=_PAGE),
    _operation(
        "POST /auth/users",
        h.create_user,
        "CreateUser",
        "user/{id}",
        body="UserCreation",
        before=h.check_new_user,
    ),
    _operation(f"GET {_USER}", h.get_user, "ReadUser", _U),
    _operation(f"DELETE {_USER}", h.delete_user, "DeleteUser", _U),
    _operation(f"GET {_USER}/groups", h.list_user_groups, "ReadUser", _U, query=_PAGE),
    _operation(
        f"GET {_USER}/policies",
        h.list_user_policies,
        "ReadUser",
        _U,
        query=(*_PAGE, "effective"),
        policies=True,
    ),
    _operation(
        f"PUT {_USER}/policies/{{policyId}}", h.attach_policy_to_user, "AttachPolicy", _U, policies=True
    ),
    _operation(
        f"DELETE {_USER}/policies/{{policyId}}", h.detach_policy_from_user, "DetachPolicy", _U, policies=True
    ),
    _operation(f"GET {_USER}/credentials", h.list_user_credentials, "ListCredentials", _U, query=_PAGE),
    _operation(f"POST {_USER}/credentials", h.create_credentials, "CreateCredentials", _U),
    _operation(f"GET {_USER}/credentials/{{accessKeyId}}", h.get_credentials, "ReadCredentials", _U),
    _operation(f"DELETE {_USER}/credentials/{{accessKeyId}}", h.delete_credentials, "DeleteCredentials", _U),
    _operation("GET /auth/groups", h.list_groups, "ListGroups", query=_PAGE),
    _operation("POST /auth/groups", h.create_group, "CreateGroup", "group/{id}", body="GroupCreation"),
    _operation(f"GET {_GROUP}", h.get_group, "ReadGroup", _G),
    _operation(f"DELETE {_GROUP}", h.delete_group, "DeleteGroup", _G),
    _operation(f"GET {_GROUP}/members", h.list_group_members, "ReadGroup", _G, query=_PAGE),
    _operation(f"PUT {_GROUP}/members/{{userId}}", h.add_group_membership, "AddGroupMember", _G),
    _operation(f"DELETE {_GROUP}/members/{{userId}}", h.delete_group_membership, "RemoveGroupMember", _G),
    _operation(f"GET {_GROUP}/policies", h.list_group_policies, "ReadGroup", _G, query=_PAGE, policies=True),
    _operation(
        f"PUT {_GROUP}/policies/{{policyId}}", h.attach_policy_to_group, "AttachPolicy", _G, policies=True
    ),
    _operation(
        f"DELETE {_GROUP}/policies/{{policyId}}",
        h.detach_policy_from_group,
        "DetachPolicy",
        _G,
        policies=True,
    ),
    _operation("GET /auth/policies", h.list_policies, "ListPolicies", query=_PAGE, policies=True),
    _operation(
        "POST /auth/policies",
        h.create_policy,
        "CreatePolicy",
        "policy/{id}",
        body="Policy",
        body_required=True,
        policies=True,
    ),
    _operation(f"GET {_POLICY}", h.get_policy, "ReadPolicy", _P, policies=True),
    _operation(
        f"PUT {_POLICY}",
        h.update_policy,
        "UpdatePolicy",
        _P,
        body="Policy",
        body_required=True,
        policies=True,
    ),
    _operation(f"DELETE {_POLICY}", h.delete_policy, "DeletePolicy", _P, policies=True),
    _enterprise(f"POST {_USER}/external/principals", "create_user_external_principal"),
    _enterprise(f"DELETE {_USER}/external/principals", "delete_user_external_principal"),
    _enterprise(f"GET {_USER}/external/principals/ls", "list_user_external_principals"),
    _enterprise("GET /auth/external/principals", "get_external_principal"),
    _enterprise("POST /auth/external/principal/login", "external_principal_login"),
)


def route(method: str, segments: tuple[str, ...], *, old: bool) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation of a request and the raw path segments by name. Empty segments match nothing."""
    for operation in OPERATIONS:
        if operation.method != method or len(operation.path) != len(segments):
            continue
        if operation.new_only if old else operation.old_only:
            continue
        found: dict[str, str] = {}
        for wanted, given in zip(operation.path, segments, strict=True):
            if wanted.startswith("{") and given:
                found[wanted[1:-1]] = given
            elif wanted != given:
                break
        else:
            return operation, found
    return None
