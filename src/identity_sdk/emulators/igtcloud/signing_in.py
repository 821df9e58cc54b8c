"""``/auth``: the 8 operations."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import cast

from identity_sdk.emulators.igtcloud.call import Call, session_of
from identity_sdk.emulators.igtcloud.directory import ROOT, facts, uuid_of
from identity_sdk.emulators.igtcloud.jwt import check_assertion, sign_jwt
from identity_sdk.emulators.igtcloud.wire import JSON, Answer, Refused, checked, stash
from identity_sdk.emulators.passwords import same_password
from identity_sdk.store import hash_secret
from identity_sdk.store import queries as q

__all__ = ["audit", "audience", "introspect", "login", "logout", "permissions", "refresh", "s3_credentials"]

AUDIT = "igtcloud.audit"
_AUDIT_PROPERTIES: dict[str, str] = dict.fromkeys(
    (
        "eventAction",
        "eventOutcome",
        "eventSubtype",
        "eventType",
        "applicationName",
        "applicationVersion",
        "componentName",
        "arguments",
        "objectType",
        "objectLifecycle",
        "environment",
    ),
    "string",
)
_LOGIN_PROPERTIES: dict[str, str] = dict.fromkeys(
    ("grantType", "username", "password", "assertion"), "string"
)


def audience(call: Call) -> Answer:
    return stash(f"{call.issuer}/oauth2/access_token")


def login(call: Call) -> Answer:
    told = checked(call.body, _LOGIN_PROPERTIES, ("grantType",))
    with_s3 = call.asked.flag("$includes3creds")
    if told["grantType"] == "password":
        name, password = told.get("username"), told.get("password")
        if not name or not password:
            raise Refused(400, "username and password are required")
        user = call.directory.by_login(str(name))
        stored = q.passwords.get(call.directory.conn, str(name)) if user is not None else None
        if user is None or stored is None or not same_password(stored.password_hash, str(password)):
            raise Refused(401, "Unauthorized")
        return _open(call, user.id, uuid_of(user), "User", with_s3)
    if told["grantType"] == "jwt-key":
        if not told.get("assertion"):
            raise Refused(400, "assertion is required")
        service = _service(call, str(told["assertion"]))
        return _open(call, service.user_id, service.id, "Service", with_s3)
    raise Refused(400, "Unknown grant type")


def _service(call: Call, assertion: str) -> q.CredentialRow:
    for row in q.credentials.find(call.directory.conn, kind="igtcloud_service"):
        claims = check_assertion(assertion, str(facts(row)["public"]))
        if claims is None:
            continue
        told = claims.get("aud")
        audiences = cast("list[object]", told) if isinstance(told, list) else [told]
        ends = claims.get("exp")
        if (
            claims.get("iss") == claims.get("sub") == row.user_id
            and f"{call.issuer}/oauth2/access_token" in audiences
            and isinstance(ends, int | float)
            and call.now < ends <= call.now + 3600
        ):
            return row
    raise Refused(401, "Unauthorized")


def _open(call: Call, login_id: str, uid: str, kind: str, with_s3: bool) -> Answer:
    csrf = secrets.token_hex(16)
    session = q.SessionRow(
        id=str(uuid.uuid4()),
        user_id=login_id,
        created_at=call.now,
        attributes={"csrf": hash_secret(csrf)},
    )
    q.sessions.insert(call.directory.conn, session)
    told: JSON = {"CSRFToken": csrf, "sub": login_id, "S3Credentials": None}
    if with_s3:
        allowed = call.directory.permissions(login_id) if kind == "User" else ["project.write"]
        told["S3Credentials"] = [
            _s3(call, action, None) for action in ("GET", "PUT") if _right(action) in allowed
        ]
    return call.show(told, headers=_cookies(call, _jwt(call, session, login_id, uid, kind)))


def _jwt(call: Call, session: q.SessionRow, login_id: str, uid: str, kind: str) -> str:
    claims: JSON = {
        "exp": int(call.now) + call.choices.life,
        "jti": str(uuid.uuid4()),
        "sid": session.id,
        "sub": login_id,
        "login": login_id,
        "uid": uid,
        "kind": kind,
        "access_token": secrets.token_hex(8),
    }
    if kind == "User":
        claims["refresh_token"] = secrets.token_hex(8)
    return sign_jwt(claims, call.secret)


def _cookies(call: Call, jwt: str) -> tuple[tuple[str, str], ...]:
    """In Werkzeug's order of attributes, so that ``Max-Age`` is never last when lines get folded."""
    head, _, signature = jwt.rpartition(".")
    ends = datetime.fromtimestamp(call.now + call.choices.life, UTC)
    until = f"Expires={format_datetime(ends, usegmt=True)}; Max-Age={call.choices.life}; Secure;"
    lines = (
        f"jwt_header_payload={head}; {until} Path=/",
        f"jwt_signature={signature}; {until} HttpOnly; Path=/",
    )
    if call.choices.cookies == "folded":
        return (("Set-Cookie", ", ".join(lines)),)
    return tuple(("Set-Cookie", line) for line in lines)


def refresh(call: Call) -> Answer:
    who = call.who
    if not who.claims.get("refresh_token"):
        raise Refused(400, "This token cannot be refreshed")
    if who.user is None:
        raise Refused(401, "Unauthorized")
    csrf = (
        call.asked.headers["x-csrf-token"] if call.choices.refresh_csrf == "same" else secrets.token_hex(16)
    )
    told: JSON = {"CSRFToken": csrf, "sub": who.login, "S3Credentials": None}
    jwt = _jwt(call, who.session, who.login, str(who.claims["uid"]), "User")
    return call.show(told, headers=_cookies(call, jwt))


def logout(call: Call) -> Answer:
    found = session_of(call, call.asked.headers.get("x-jwt", ""))
    expired = call.asked.flag("hasExpired")
    alive = found is not None and (expired or cast("float", found[0]["exp"]) > call.now)
    if found is not None and alive:
        q.sessions.update(call.directory.conn, found[1].id, ended_at=call.now)
    if not alive and not expired:
        if call.choices.logout == "401":
            raise Refused(401, "Unauthorized")
        return stash({"success": False})
    gone = "=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"
    cleared = tuple(("Set-Cookie", f"{name}{gone}") for name in ("jwt_header_payload", "jwt_signature"))
    return stash({"success": True}, headers=cleared)


def introspect(call: Call) -> Answer:
    who = call.who
    held = call.permissions()
    groups = [row.name or row.id for row in call.directory.groups_of(who.user.id)] if who.user else []
    root: JSON = {
        "organizationId": ROOT,
        "organizationName": "Root",
        "permissions": held,
        "roles": call.directory.roles(held),
        "groups": groups,
    }
    told: JSON = {
        "active": True,
        "scope": "openid mail",
        "user": who.login,
        "exp": who.claims["exp"],
        "sub": who.claims["uid"],
        "iss": call.issuer,
        "client_id": "igtcloud",
        "token_type": "Bearer",
        "identity_type": who.claims["kind"],
        "organizations": {"managingOrganization": ROOT, "organizationList": [root]},
        "roles": call.directory.roles(held),
    }
    return call.show(told)


def permissions(call: Call) -> Answer:
    return call.show({"permissions": call.permissions()})


def _right(action: str) -> str:
    return "project.read" if action == "GET" else "project.write"


def s3_credentials(call: Call) -> Answer:
    held = call.permissions()
    action = call.asked.one("action")
    if not action:
        raise Refused(
            400,
            "Input payload validation failed",
            {"action": "Missing required parameter in the query string"},
        )
    if action not in ("GET", "PUT"):
        raise Refused(400, f"Unknown action {action[:40]}")
    found = [_s3(call, action, call.asked.one("prefix"))] if _right(action) in held else []
    return call.show({"policyCredentials": found})


def _s3(call: Call, action: str, prefix: str | None) -> JSON:
    ends = datetime.fromtimestamp(call.now + call.choices.s3_life, UTC).replace(tzinfo=None, microsecond=0)
    return {
        "resourceType": "study" if prefix else "project",
        "allowed": {"resources": [f"{prefix or ''}*"], "actions": [action]},
        "credentials": {
            "accessKey": f"ASIA{secrets.token_hex(8).upper()}",
            "secretKey": secrets.token_urlsafe(30),
            "sessionToken": secrets.token_urlsafe(48),
            "bucket": "igt-data",
            "expires": ends.isoformat(),
        },
    }


def audit(call: Call) -> Answer:
    told = checked(call.body, _AUDIT_PROPERTIES, ())
    number = int(q.get_meta(call.directory.conn, AUDIT) or 0) + 1
    q.set_meta(call.directory.conn, AUDIT, str(number))
    q.set_meta(call.directory.conn, f"{AUDIT}.{number}", str(told.get("eventAction") or ""))
    return stash(None)
