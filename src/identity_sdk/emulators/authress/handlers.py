"""The operations on users, service clients, groups and roles. Each runs within one transaction of the store."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from joserfc.errors import JoseError

from identity_sdk.emulators.authress.call import Answer, Call, Refused, json_answer
from identity_sdk.emulators.authress.directory import JSON, OWN
from identity_sdk.emulators.authress.keys import ACCESS_KEY, jwk_of, new_key
from identity_sdk.store import queries as q

__all__ = ["Handler"]

Handler = Callable[[Call], Answer]

KEYS = 5
_DURATIONS = ("PT0S", "P1M", "P1D", "PT1H", "PT5M")
_QUOTAS = (100, 1000, 100_000, 1_000_000)
_ACTION = r"([*]|[a-zA-Z0-9_-]+)(:([*]|[a-zA-Z0-9_-]+))*"


def _missing(what: str) -> Refused:
    return Refused(404, f"{what} not found")


# Service clients


def _client(call: Call, action: str) -> q.UserRow:
    id = call.ids[0]
    if id != call.caller or action != "READ":
        call.require(action, f"Authress:ServiceClients/{id}")
    row = call.directory.user(id, service=True)
    if row is None:
        raise _missing("Client")
    return row


def _client_fields(call: Call) -> tuple[str | None, JSON]:
    body = call.body
    name = call.text("name", ".*", 128, required=False)
    given = body.get("options")
    if given is not None and not isinstance(given, dict):
        raise call.invalid("options is an object")
    options = cast("JSON", given or {})
    own: JSON = {
        "options": {
            key: options.get(key) is True for key in ("grantUserPermissionsAccess", "grantTokenGeneration")
        }
    }
    limits = body.get("rateLimits")
    if limits is not None and (not isinstance(limits, list) or len(cast("list[object]", limits)) > 1):
        raise call.invalid("rateLimits holds one at most")
    for one in cast("list[object]", limits or ()):
        told = cast("JSON", one) if isinstance(one, dict) else {}
        fits = told.get("duration") in _DURATIONS and type(told.get("quota")) is int
        if not fits or told.keys() != {"duration", "quota"} or told["quota"] not in _QUOTAS:
            raise call.invalid("a rate limit has one of the durations and one of the quotas")
    call.tags()
    own.update({key: body[key] for key in ("rateLimits", "tags") if key in body})
    return name, own


def create_client(call: Call) -> Answer:
    call.require("UPDATE", "Authress:ServiceClients")
    name, own = _client_fields(call)
    id = f"sc_{secrets.token_hex(12)}"
    row = q.UserRow(id=id, created_at=call.directory.now, name=name, attributes={"kind": "service", OWN: own})
    call.directory.put_user(row)
    return json_answer(201, call.directory.client_json(row))


def get_clients(call: Call) -> Answer:
    call.require("READ", "Authress:ServiceClients")
    shown = [call.directory.client_json(row) for row in call.directory.users(service=True)]
    return call.page("clients", shown, "clientId", 20, "/v1/clients")


def get_client(call: Call) -> Answer:
    return json_answer(200, call.directory.client_json(_client(call, "READ")))


def update_client(call: Call) -> Answer:
    row = _client(call, "UPDATE")
    name, own = _client_fields(call)
    changed = replace(row, name=name, attributes={**row.attributes, OWN: own})
    call.directory.put_user(changed)
    return json_answer(200, call.directory.client_json(changed))


def delete_client(call: Call) -> Answer:
    call.directory.delete_user(_client(call, "DELETE"), 0)
    return Answer(204)


def request_access_key(call: Call) -> Answer:
    row = _client(call, "UPDATE")
    directory = call.directory
    if len(directory.keys(row.id)) >= KEYS:
        raise Refused(call.choices.sixth_key, f"{KEYS} access keys at most", "MaximumAccessKeysReached")
    given = call.body.get("publicKey")
    pair = new_key()
    while q.credentials.get(directory.conn, id := f"k{secrets.token_hex(3)}") is not None:
        pass  # pragma: no cover - one in sixteen million
    attributes = {"publicKey": pair.public if given is None else str(given)}
    key = q.CredentialRow(
        id=id, user_id=row.id, kind=ACCESS_KEY, created_at=directory.now, attributes=attributes
    )
    try:
        jwk_of(key)
    except (ValueError, JoseError):
        raise call.invalid("publicKey is the base64 of a public key") from None
    q.credentials.insert(directory.conn, key)
    shown = {**directory.key_json(key), "clientId": row.id}
    if given is None:
        shown["clientSecret"] = secrets.token_urlsafe(32)
        shown["accessKey"] = f"{row.id}.{id}.{directory.account}.{pair.private}"
    return json_answer(201, shown)


def delete_access_key(call: Call) -> Answer:
    row = _client(call, "UPDATE")
    if not q.credentials.remove(call.directory.conn, id=call.ids[1], user_id=row.id, kind=ACCESS_KEY):
        raise _missing("Access key")
    return Answer(204)


def client_jwks(call: Call) -> Answer:
    keys = [jwk_of(key) for key in call.directory.keys(call.ids[0])]
    if call.directory.user(call.ids[0], service=True) is None:
        raise _missing("Client")
    kid = call.query.get("kid")
    return json_answer(200, {"keys": [key for key in keys if key and kid in (None, key["kid"])]})


def jwks(call: Call) -> Answer:
    """Nobody signs in here as a person, so the account has no keys of its own."""
    return json_answer(200, {"keys": []})


# Users


def _user(call: Call, action: str) -> q.UserRow:
    call.require(action, f"Authress:Users/{call.ids[0]}")
    row = call.directory.user(call.ids[0], service=False)
    if row is None:
        raise _missing("User")
    return row


def get_users(call: Call) -> Answer:
    call.require("READ", "Authress:Users")
    shown = [call.directory.user_json(row) for row in call.directory.users(service=False)]
    return call.page("users", _filtered(call, shown), "userId", 100, "/v1/users")


def get_user(call: Call) -> Answer:
    return json_answer(200, call.directory.user_json(_user(call, "READ")))


def delete_user(call: Call) -> Answer:
    call.directory.delete_user(_user(call, "DELETE"), call.choices.late)
    return Answer(202)


def _filtered(call: Call, items: list[JSON]) -> list[JSON]:
    """A search through all text, without case."""
    wanted = call.query.get("filter", "").lower()
    return [one for one in items if wanted in str(one).lower()] if wanted else items


# Groups


def _check_group(call: Call) -> None:
    call.text("name", ".+", 128)
    call.refs(call.body, "users", "userId", 100, required=True)
    call.refs(call.body, "admins", "userId", 100, required=True)
    call.tags()


def get_groups(call: Call) -> Answer:
    call.require("READ", "Authress:Groups")
    return call.page("groups", _filtered(call, call.directory.groups()), "groupId", 20, "/v1/groups")


def create_group(call: Call) -> Answer:
    call.require("UPDATE", "Authress:Groups")
    _check_group(call)
    id = call.text("groupId", "grp_[a-zA-Z0-9_-]*", 64, required=False) or f"grp_{secrets.token_hex(8)}"
    if call.directory.group(id) is not None:
        raise Refused(409, "The group exists")
    shown = call.directory.put_group(id, call.body)
    return json_answer(201, shown, *call.modified(shown))


def _group(call: Call, action: str) -> JSON:
    call.require(action, f"Authress:Groups/{call.ids[0]}")
    found = call.directory.group(call.ids[0])
    if found is None:
        raise _missing("Group")
    return found


def get_group(call: Call) -> Answer:
    shown = _group(call, "READ")
    return json_answer(200, shown, *call.modified(shown))


def update_group(call: Call) -> Answer:
    there = _group(call, "UPDATE")
    _check_group(call)
    call.precondition(there["lastUpdated"])
    shown = call.directory.put_group(call.ids[0], call.body)
    return json_answer(200, shown, *call.modified(shown))


def delete_group(call: Call) -> Answer:
    _group(call, "DELETE")
    call.directory.delete_group(call.ids[0])
    return Answer(204)


# Roles


def _check_role(call: Call) -> None:
    call.text("name", ".+", 128)
    call.text("description", ".*", 1024, required=False, least=0)
    rights = ("allow", "grant", "delegate")
    call.refs(call.body, "permissions", "action", 100, required=True, also=rights)
    for one in cast("list[JSON]", call.body["permissions"]):
        if not all(isinstance(one.get(right), bool) for right in rights):
            raise call.invalid("a permission has action, allow, grant and delegate")
        Call.text(replace(call, body=one), "action", _ACTION, 64)


def get_roles(call: Call) -> Answer:
    call.require("READ", "Authress:Roles")
    return call.page("roles", _filtered(call, call.directory.roles()), "roleId", 100, "/v1/roles")


def create_role(call: Call) -> Answer:
    call.require("UPDATE", "Authress:Roles")
    _check_role(call)
    id = call.text("roleId", "ro_[a-zA-Z0-9._:@-]*", 64, required=False) or f"ro_{secrets.token_hex(8)}"
    if call.directory.role(id) is not None:
        raise Refused(409, "The role exists")
    return json_answer(201, call.directory.put_role(id, call.body))


def _role(call: Call, action: str) -> JSON:
    call.require(action, f"Authress:Roles/{call.ids[0]}")
    found = call.directory.role(call.ids[0])
    if found is None:
        raise _missing("Role")
    return found


def get_role(call: Call) -> Answer:
    return json_answer(200, _role(call, "READ"))


def update_role(call: Call) -> Answer:
    _role(call, "UPDATE")
    _check_role(call)
    return json_answer(200, call.directory.put_role(call.ids[0], call.body))


def delete_role(call: Call) -> Answer:
    _role(call, "DELETE")
    call.directory.delete_role(call.ids[0])
    return Answer(204)
