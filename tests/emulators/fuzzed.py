"""The emulators that schemathesis runs over: what is there before it comes, and good values to begin with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import requests

from identity_sdk import ApiKey, Authress, connect
from identity_sdk.emulators import argus, auth_service, authress, igtcloud, lakefs
from identity_sdk.emulators.faults import ABORT, ConnectionDropped
from identity_sdk.store import Store
from identity_sdk.store import queries as q

__all__ = ["BACKENDS", "Backend"]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
Ask = Callable[..., requests.Response]


@dataclass(frozen=True, slots=True)
class Backend:
    """One emulator, and what is there before schemathesis comes."""

    name: str
    document: str
    base: str
    app: Callable[[Store], Any]
    sign_in: Callable[[str, Any], dict[str, str]]
    plant: Callable[[Ask, Any], dict[str, Any]]
    """Makes a few things; answers good values: of path parameters by name, see :func:`_path_parameter`, of query
    parameters by operation and name (``search?limit``), of bodies by operation."""
    bodies: dict[str, Any] = field(default_factory=dict[str, Any])
    """A good body of operations that need more than one that fits the schema."""
    wide: tuple[str, ...] = ()
    """Operations of so many fields that the boundary values of all would take too long: they get random ones."""
    checks: tuple[str, ...] = CHECKS
    last: tuple[str, ...] = ()
    """Operations that end the session which all are called with."""


def basic(_url: str, _emulator: Any) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(b"AKIAJADMINADMINADMQ:secret").decode()}


STATEMENT = {"effect": "allow", "resource": "*", "action": ["fs:*"]}


def plant_lakefs(ask: Ask, _emulator: Any) -> dict[str, Any]:
    for name in ("ann", "spare"):
        ask("POST", "/auth/users", {"id": name})
        ask("POST", "/auth/groups", {"id": name})
        ask("POST", "/auth/policies", {"id": name, "statement": [STATEMENT]})
    key = ask("POST", "/auth/users/ann/credentials").json()["access_key_id"]
    spare = {f"/auth/{many}/{{{one}}} {one}": "spare"
             for many, one in (("users", "userId"), ("groups", "groupId"), ("policies", "policyId"))}  # fmt: skip
    return {"userId": "ann", "groupId": "ann", "policyId": "ann", "accessKeyId": key, **spare}


KEY = {"description": "d", "expirationDays": 1, "validSources": ["10.0.0.0/8"]}


def plant_argus(ask: Ask, _emulator: Any) -> dict[str, Any]:
    ids = {}
    for user in ("ann", "bob", "cid"):
        body = {"customer": "mnemonic", "name": user, "shortName": user}
        ids[user] = ask("POST", "/useradmin/v2/user", body).json()["data"]["id"]
    for group in ("devs", "spare"):
        ask("POST", "/useradmin/v2/group", {"customer": "mnemonic", "name": group, "shortName": group})
    ask("POST", "/useradmin/v2/group/devs/members", {"subject": ["ann"]})
    grant = {"customer": "mnemonic", "subject": "ann", "function": "viewUsers"}
    rights = [ask("POST", "/useradmin/v2/permission", {**grant, "function": one}).json()["data"]["id"]
              for one in ("viewUsers", "administrateUsers")]  # fmt: skip
    prefixes: list[str] = []
    for who in ("ann", "ann", "admin", "admin"):
        made = ask("POST", f"/authentication/v1/user/{who}/apikey", KEY).json()["data"]
        prefixes.append(made["keyDescriptor"]["prefix"])
    parts = [one.split("/") for one in prefixes]
    return {
        "user/shortNameOrID": "bob", "group/shortNameOrID": "spare", "subject/shortNameOrID": "cid",
        "subject/shortNameOrId": "cid", "subject": str(ids["ann"]), "user": "ann",
        "shortNameOrID": "cid", "functionNameOrID": "viewUsers", "function": "viewUsers", "customer": "mnemonic",
        "function/idOrShortname": "viewUsers", "id": "1", "permissionID": str(rights[0]),
        "/authentication/v1/user/{user}/apikey/{keyID} keyID": str(int(parts[0][1], 16)),
        "/authentication/v1/user/{user}/apikey/{userPart}/{keyPart} userPart": parts[1][0],
        "/authentication/v1/user/{user}/apikey/{userPart}/{keyPart} keyPart": parts[1][1],
        "keyID": str(int(parts[2][1], 16)), "userPart": parts[3][0], "keyPart": parts[3][1],
        "removeSubjectsFromGroup?subject": "ann",
        "/useradmin/v2/group/{shortNameOrID}/members shortNameOrID": "devs",
        "revokePermissionsBulk?permission": str(rights[1]),
    }  # fmt: skip


def bearer_of_authress(url: str, emulator: Any) -> dict[str, str]:
    async def issue() -> str:
        async with connect(Authress(base_url=url, auth=ApiKey(emulator.access_key))) as idp:
            token = await idp.tokens.issue()
            assert token.value is not None
            return str(token.value.reveal())

    return {"authorization": f"Bearer {anyio.run(issue)}"}


PERMISSION = {"action": "read", "allow": True, "grant": False, "delegate": False}
RIGHT = {"roles": ["ro_reader"], "resources": [{"resourceUri": "docs"}]}
RECORD = {"name": "more", "description": "d", "users": [{"userId": "ann"}], "statements": [RIGHT]}


def plant_authress(ask: Ask, emulator: Any) -> dict[str, Any]:
    for role in ("ro_reader", "ro_spare"):
        ask("POST", "/v1/roles", {"roleId": role, "name": "R", "permissions": [PERMISSION]})
    users = [{"userId": "ann"}]
    for record in ("rec", "spare"):
        body = {"recordId": record, "name": "R", "users": users, "statements": [RIGHT]}
        ask("POST", "/v1/records", body)
    ask("POST", "/v1/groups", {"groupId": "grp_devs", "name": "D", "users": users, "admins": []})
    ask("PUT", "/v1/resources/docs", {"permissions": [{"action": "CLAIM", "allow": True}]})
    client, spare = (ask("POST", "/v1/clients", {"name": "billing"}).json()["clientId"] for _ in range(2))
    key = ask("POST", f"/v1/clients/{client}/access-keys").json()["keyId"]
    for user in ("ann", "bob"):
        row = q.UserRow(id=user, created_at=1.0, email=f"{user}@example.com", name=user)
        anyio.run(emulator.store.write, lambda conn, row=row: q.users.put(conn, row))
    return {"clientId": spare, "keyId": key, "roleId": "ro_spare", "recordId": "spare", "groupId": "grp_devs",
            "userId": "ann", "resourceUri": "docs", "permission": "read",
            "/v1/clients/{clientId}/access-keys/{keyId} clientId": client,
            "/v1/users/{userId} userId": "bob"}  # fmt: skip


def plant_auth_service(ask: Ask, _emulator: Any) -> dict[str, Any]:
    ask("POST", "/admin/groups", {"groupId": "devs", "description": "d"})
    grant = {"groupId": "devs", "mode": "READ"}
    ask("POST", "/admin/users", {"userId": "ann", "globalRole": "USER", "groups": [grant]})
    ask("POST", "/admin/refreshTokens", {"tokenName": "n", "groups": [grant]})
    token = ask("GET", "/admin/refreshTokens").json()["refreshTokenInfo"][0]["tokenId"]
    return {"userId": "ann", "groupId": "devs", "tokenId": token}


def plant_real_auth_service(ask: Ask, _emulator: Any) -> dict[str, Any]:
    ask("POST", "/admin/groups", {"groupId": "devs", "description": "d"})
    ask("POST", "/admin/users", {"userId": "ann", "globalRole": "USER", "groups": []})
    return {"userId": "ann", "groupId": "devs", "tokenId": "t"}


class ToldDrops:
    """A server that closes the connection without an answer says 499 here: schemathesis would leave the operation."""

    def __init__(self, app: Any) -> None:
        self.app, self.state = (
            app.state.faults,
            app.state,
        )  # without the layer that makes a 500 of any exception

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.get("extensions", {}).pop(ABORT, None)
        try:
            await self.app(scope, receive, send)
        except ConnectionDropped:
            await send({"type": "http.response.start", "status": 499, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})


def sign_in_to_igtcloud(url: str, _emulator: Any) -> dict[str, str]:
    body = {"grantType": "password", "username": "admin@example.com", "password": "secret"}
    answer = requests.post(f"{url}/auth/login", json=body, timeout=5)
    jwt = answer.cookies["jwt_header_payload"] + "." + answer.cookies["jwt_signature"]
    return {"x-jwt": jwt, "x-csrf-token": answer.json()["CSRFToken"]}


IGT_USER = {"loginId": "ann", "email": "a@example.com", "givenName": "A", "familyName": "B"}


def plant_igtcloud(ask: Ask, emulator: Any) -> dict[str, Any]:
    group = q.GroupRow(id="devs", created_at=1.0)
    anyio.run(emulator.store.write, lambda conn: q.groups.insert(conn, group))
    user = ask("POST", "/data/users", IGT_USER).json()["userUUID"]
    service = ask("POST", f"/data/organizations/{igtcloud.ROOT}/services", {"name": "robot"}).json()["id"]
    project, spare = (ask("POST", "/data/projects", {"name": "P"}).json()[0]["id"] for _ in range(2))
    hospital = ask("POST", f"/data/projects/{project}/hospitals", {"name": "H"}).json()["id"]
    return {
        "organization_id": igtcloud.ROOT, "user_uuid": user, "service_id": service,
        "project_id": project, "hospital_id": hospital, "/data/projects/{project_id} project_id": spare,
        "get_s3_credentials_resource?action": "GET",
        "put_users_groups": {"userId": user, "groupIds": ["devs"]},
    }  # fmt: skip


CUSTOMER = {"customer": "mnemonic"}
PASSWORD = {"userName": "admin", "domain": "MNEMONIC", "password": "secret"}
BACKENDS = (
    Backend(
        "lakefs", "lakefs-0.91", lakefs.BASE_PATH,
        lambda store: lakefs.create_app(
            store, setup=True, admin=lakefs.Admin("admin", "AKIAJADMINADMINADMQ", "secret")
        ),
        basic, plant_lakefs,
        {
            "login": {"access_key_id": "AKIAJADMINADMINADMQ", "secret_access_key": "secret"},
            "createUser": {"id": "more"}, "createGroup": {"id": "more"}, "forgotPassword": {"email": "a@example.com"},
            "createPolicy": {"id": "more", "statement": [STATEMENT]},
            "updatePolicy": {"id": "spare", "statement": [STATEMENT]},
        },
    ),
    Backend(
        "argus", "argus", argus.BASE_PATH,
        lambda store: argus.create_app(store, admin=argus.Admin("admin", "secret", "secret")),
        lambda _url, emulator: {"argus-api-key": emulator.api_key}, plant_argus,
        {
            "initiateApiKey": {**KEY, "password": "secret"},
            "initiateUserApiKeyV1": KEY,
            "renewUserApiKeyByPrefixV1": {"expirationDays": 3},
            "renewApiKeyByID": {"password": "secret"}, "renewApiKeyByPrefix": {"password": "secret"},
            "initialize": {"password": "secret"},
            "passwordAuthentication": PASSWORD, "legacyPasswordAuthentication": PASSWORD,
            "ldapAuthentication": PASSWORD, "legacyLDAPAuthentication": PASSWORD,
            "changeCurrentUserPassword": {"oldPassword": "secret", "newPassword": "secret"},
            "addFunction": {"name": "more", "parent": "all", "minimumSecurityLevel": "standard"},
            "addGroup": {**CUSTOMER, "name": "N", "shortName": "more"},
            "addUser": {**CUSTOMER, "name": "N", "shortName": "dan"},
            "addGroupMembers": {"subject": ["cid"]}, "moveUser": CUSTOMER, "moveGroup": CUSTOMER,
            "impersonate": {"userName": "ann"}, "impersonateSession": {"user": "ann"},
            "addSubjectGroupMemberships": {"parentGroups": ["devs"]},
            "grantPermission": {**CUSTOMER, "subject": "ann", "function": "viewUsers"},
        },
        wide=(
            "searchUsers", "searchGroups", "listPermissions",
            "listSubjects", "listBasicUsers", "listBasicGroups", "listBasicFunctions",  # as listUsers and listFunctions
        ),
    ),
    Backend(
        "authress", "authress", authress.BASE_PATH, authress.create_app, bearer_of_authress, plant_authress,
        {
            "create_claim": {"collectionResource": "docs", "resourceId": "1"},
            "create_client": {"name": "more", "tags": {"team": "pay"}},
            "create_group": {"name": "more", "users": [{"userId": "ann"}], "admins": [{"userId": "bob"}]},
            "create_role": {"name": "more", "description": "d", "permissions": [PERMISSION]},
            "create_record": RECORD,
            "update_record": RECORD,
        },
        wide=("create_record",),
    ),
    Backend(
        "auth-service", "auth-service", auth_service.BASE_PATH, auth_service.create_app,
        lambda _url, emulator: {"authorization": f"Bearer {emulator.token('boss', 'ADMIN')}"}, plant_auth_service,
        {
            "adminGroupPut": {"groupId": "devs", "description": "d"},
            "adminUserPut": {"userId": "ann", "globalRole": "USER", "groups": [{"groupId": "devs", "mode": "READ"}]},
        },
    ),
    Backend(
        "auth-service-real", "auth-service", auth_service.BASE_PATH,
        lambda store: ToldDrops(auth_service.create_app(store, dialect="real")),
        lambda _url, emulator: {"authorization": f"Bearer {emulator.token('boss', 'ADMIN')}"}, plant_real_auth_service,
        {"adminGroupPut": {"groupId": "devs", "description": "d"}},
        checks=("not_a_server_error",),  # its statuses and bodies are held against its recording
    ),
    Backend(
        "igtcloud", "igtcloud", igtcloud.BASE_PATH,
        lambda store: igtcloud.create_app(store, admin=igtcloud.Admin("admin@example.com", "secret")),
        sign_in_to_igtcloud, plant_igtcloud,
        {
            "post_login_resource_/login": {
                "grantType": "password", "username": "admin@example.com", "password": "secret"
            },
            "post_users": {**IGT_USER, "loginId": "bob"}, "put_user": IGT_USER, "post_services": {"name": "more"},
            "post_institutes": {"name": "more"}, "post_resend_activation": {"loginId": "admin@example.com"},
            "post_reset_mfa": {"loginId": "admin@example.com"},
        },
        last=("post_logout_resource",),
    ),
)  # fmt: skip
