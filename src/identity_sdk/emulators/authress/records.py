"""The operations on access records, permission checks and resources."""

from __future__ import annotations

import json
import re
import secrets
from typing import cast

from identity_sdk.emulators.authress.call import Answer, Call, Refused, json_answer
from identity_sdk.emulators.authress.directory import JSON
from identity_sdk.emulators.authress.evaluate import covers_action, roles_on, statements_of, uris

_PART = r"(?:[a-zA-Z0-9_.+=~|@-]{1,128}|[*])"
_RESOURCE = re.compile(rf"[*]|/?(?:{_PART}(?::(?:{_PART})?)*(?:/|$)){{0,15}}[*]?/?")


def _check_record(call: Call) -> None:
    body = call.body
    call.text("name", ".+", 128)
    call.text("description", ".*", 1024, required=False, least=0)
    call.refs(body, "users", "userId", 1000)
    call.refs(body, "groups", "groupId", 100)
    call.refs(body, "admins", "userId", 100)
    call.tags()
    given = body.get("statements")
    if not isinstance(given, list) or not 1 <= len(cast("list[object]", given)) <= 100:
        raise call.invalid("statements holds 1 to 100")
    for one in cast("list[object]", given):
        if not isinstance(one, dict):
            raise call.invalid("a statement is an object")
        _check_statement(call, cast("JSON", one))
    inside = any(one.get("users") or one.get("groups") for one in cast("list[JSON]", given))
    if inside and (body.get("users") or body.get("groups")):
        raise call.invalid("users and groups stand in the record, or in its statements")


def _check_statement(call: Call, statement: JSON) -> None:
    roles = statement.get("roles")
    if not isinstance(roles, list) or not 1 <= len(cast("list[object]", roles)) <= 100:
        raise call.invalid("a statement has 1 to 100 roles")
    if not all(isinstance(role, str) and role for role in cast("list[object]", roles)):
        raise call.invalid("a role is named by its id")
    call.refs(statement, "resources", "resourceUri", 100, required=True)
    call.refs(statement, "users", "userId", 100)
    call.refs(statement, "groups", "groupId", 10)
    named = uris(statement)
    if not named or not all(len(uri) <= 512 and _RESOURCE.fullmatch(uri) for uri in named):
        raise call.invalid("resourceUri is malformed")


def get_records(call: Call) -> Answer:
    call.require("READ", "Authress:AccessRecords")
    status = call.query.get("status")
    if status not in (None, "ACTIVE", "DELETED"):
        raise call.invalid("status is ACTIVE or DELETED")
    found = [] if status == "DELETED" else call.directory.records()
    if status != "ACTIVE":
        found = [*found, *call.directory.deleted_records()]
    wanted = call.query.get("filter", "").lower()
    shown = [one for one in found if wanted in str(one).lower()]
    return call.page("records", shown, "recordId", 20, "/v1/records")


def create_record(call: Call) -> Answer:
    call.require("UPDATE", "Authress:AccessRecords")
    _check_record(call)
    id = call.text("recordId", "[a-zA-Z0-9_:|~-]+", 100, required=False) or f"rec_{secrets.token_hex(8)}"
    if call.directory.record(id) is not None:
        raise Refused(409, "The record exists")
    shown = call.directory.put_record(id, call.body, call.caller)
    if call.choices.create_record == 202:
        return Answer(202)
    return json_answer(201, shown, *call.modified(shown))


def _record(call: Call, action: str) -> JSON:
    call.require(action, f"Authress:AccessRecords/{call.ids[0]}")
    found = call.directory.record(call.ids[0])
    if found is None or (action != "READ" and found["status"] == "DELETED"):
        raise Refused(404, "Record not found")
    return found


def get_record(call: Call) -> Answer:
    shown = _record(call, "READ")
    return json_answer(200, shown, *call.modified(shown))


def update_record(call: Call) -> Answer:
    there = _record(call, "UPDATE")
    _check_record(call)
    call.precondition(there["lastUpdated"])
    shown = call.directory.put_record(call.ids[0], call.body, call.caller)
    if call.choices.update_record == 202:
        return Answer(202)
    return json_answer(200, shown, *call.modified(shown))


def delete_record(call: Call) -> Answer:
    _record(call, "DELETE")
    call.directory.delete_record(call.ids[0], keep=call.choices.deleted_records == "kept")
    return Answer(204)


# Checks


def _may_ask(call: Call, user: str) -> None:
    if user == call.caller:
        return
    row = call.directory.user(call.caller, service=True)
    own = cast("JSON", row.attributes.get("authress") or {}) if row is not None else {}
    if cast("JSON", own.get("options") or {}).get("grantUserPermissionsAccess") is not True:
        call.require("READ", f"Authress:UserPermissions/{user}")


def authorize_user(call: Call) -> Answer:
    user, resource, action = call.ids
    _may_ask(call, user)
    if not call.allowed(user, action, resource):
        raise Refused(404, "The user does not have the permission")
    return Answer(200)


def get_user_permissions_for_resource(call: Call) -> Answer:
    user, resource = call.ids
    _may_ask(call, user)
    found = call.rights(user, resource)
    if not found:
        raise Refused(404, "The user has no permissions")
    rights = [{"action": action, **right} for action, right in found.items()]
    return json_answer(
        200, {"account": {"accountId": call.directory.account}, "userId": user, "permissions": rights}
    )


def get_user_roles_for_resource(call: Call) -> Answer:
    user, resource = call.ids
    _may_ask(call, user)
    directory = call.directory
    found = roles_on(directory.records(), user, directory.groups_of(user), resource)
    if not found:
        raise Refused(404, "The user has no roles")
    return json_answer(200, {"userId": user, "roles": [{"roleId": role} for role in found]})


def get_user_resources(call: Call) -> Answer:
    user = call.ids[0]
    _may_ask(call, user)
    directory, action = call.directory, call.query.get("permissions")
    groups = directory.groups_of(user)
    named = {
        uri.strip("/")
        for record in directory.records()
        for one in statements_of(record, user, groups)
        for uri in uris(one)
    }
    if call.query.get("collectionConfiguration", "TOP_LEVEL_ONLY") == "TOP_LEVEL_ONLY":
        named = {uri for uri in named if not any(uri.startswith(f"{other}/") for other in named)}
    under = call.query.get("resourceUri", "").strip("/*")
    shown: list[JSON] = [
        {"resourceUri": uri}
        for uri in sorted(named)
        if uri.startswith(under)
        and (action is None or any(covers_action(given, action) for given in call.rights(user, uri)))
    ]
    answer = call.page("resources", shown, "resourceUri", 20, f"/v1/users/{user}/resources")
    return _with(answer, {"account": {"accountId": directory.account}, "userId": user})


def _with(answer: Answer, more: JSON) -> Answer:
    told: object = json.loads(answer.body)
    return json_answer(200, {**more, **cast("JSON", told)}) if isinstance(told, dict) else answer


# Resources


def get_permissioned_resources(call: Call) -> Answer:
    call.require("READ", "Authress:ResourcePermissions")
    return call.page("resources", call.directory.all_rules(), "resourceUri", 20, "/v1/resources")


def get_permissioned_resource(call: Call) -> Answer:
    call.require("READ", f"Authress:ResourcePermissions/{call.ids[0]}")
    found = call.directory.rules(call.ids[0])
    if found is None:
        raise Refused(404, "The resource has no permissions")
    return json_answer(200, {"permissions": found["permissions"]})


def update_permissioned_resource(call: Call) -> Answer:
    call.require("UPDATE", f"Authress:ResourcePermissions/{call.ids[0]}")
    call.refs(call.body, "permissions", "action", 100, required=True, also=("allow",))
    given = cast("list[JSON]", call.body["permissions"])
    if not given or not all(
        one["action"] in ("CLAIM", "PUBLIC") and isinstance(one.get("allow"), bool) for one in given
    ):
        raise call.invalid("a permission is CLAIM or PUBLIC, and allow")
    call.directory.put_rules(call.ids[0], [{key: one[key] for key in ("action", "allow")} for one in given])
    return Answer(200)


def get_resource_users(call: Call) -> Answer:
    resource, directory = call.ids[0], call.directory
    call.require("READ", f"Authress:ResourcePermissions/{resource}")
    records = directory.records()
    named = {
        str(one["userId"])
        for record in records
        for holder in (record, *cast("list[JSON]", record["statements"]))
        for one in cast("list[JSON]", holder.get("users") or [])
    }
    shown: list[JSON] = [
        {"userId": user, "roles": [{"roleId": role} for role in found]}
        for user in sorted(named)
        if (found := roles_on(records, user, set(), resource))
    ]
    return call.page("users", shown, "userId", 20, f"/v1/resources/{resource}/users")


def create_claim(call: Call) -> Answer:
    collection = cast("str", call.text("collectionResource", ".+", 128)).strip("/*")
    name = cast("str", call.text("resourceId", ".+", 128))
    rules = call.directory.rules(collection)
    claimable = [
        one for one in cast("list[JSON]", (rules or {}).get("permissions") or []) if one["action"] == "CLAIM"
    ]
    if not any(one["allow"] for one in claimable):
        raise Refused(403, "The collection cannot be claimed")
    uri = f"{collection}/{name}"
    if any(
        uri in [one.strip("/") for one in uris(s)]
        for r in call.directory.records()
        for s in cast("list[JSON]", r["statements"])
    ):
        raise Refused(409, "The resource is claimed")
    body: JSON = {
        "name": uri[:128],
        "users": [{"userId": call.caller}],
        "statements": [{"roles": ["Authress:Owner"], "resources": [{"resourceUri": uri}]}],
    }
    call.directory.put_record(f"claim-{secrets.token_hex(8)}", body, call.caller)
    return json_answer(201, {})
