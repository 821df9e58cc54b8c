"""Signing in and out, and sessions: ``/authentication/v1``."""

from __future__ import annotations

from typing import cast

from identity_sdk.emulators.argus.call import Call
from identity_sdk.emulators.argus.caller import named
from identity_sdk.emulators.argus.directory import Subject, facts
from identity_sdk.emulators.argus.grants import DELETE_SESSION, IMPERSONATE
from identity_sdk.emulators.argus.wire import JSON, Answer, Refused, field_error, milliseconds, refuse, stash
from identity_sdk.store import queries as q

METHODS = ("PASSWORD", "TOTP", "APIKEY", "LDAP")
_LEVEL = "DEFAULT"


# Answers of a sign-in.


def _credentials(row: q.SessionRow, token: str) -> JSON:
    return {
        "requestCredentialsType": "sessionToken",
        "requestCredentialsData": token,
        "clientIP": facts(row).get("client"),
        "forwardedIP": None,
        "uri": None,
    }


def _descriptor(call: Call, user: Subject, row: q.SessionRow, token: str) -> JSON:
    """``LegacySessionDescriptor``: a superset of RequestCredentials."""
    told = facts(row)
    limits = cast("JSON", told.get("limits") or {})
    return {
        **_credentials(row, token),
        "username": user.name,
        "cookie": token,
        "sessionKey": told.get("key"),
        "userID": call.directory.number(user),
        "domainID": 1,
        "impersonatingUserID": told.get("impersonatorNumber", 0),
        "scope": "SESSION",
        "created": milliseconds(row.created_at),
        "createdTimestamp": milliseconds(row.created_at),
        "timestamp": milliseconds(row.created_at),
        "lastRefreshTimestamp": milliseconds(row.created_at),
        "validUntilTimestamp": milliseconds(row.expires_at),
        "securityLevel": _LEVEL,
        "authenticationMethod": told.get("method"),
        "constrained": bool(limits),
        "readOnly": bool(limits.get("readOnly")),
        "customerConstraints": [],
        "functionConstraints": [],
        "iplockMask": 32,
    }


def _response(call: Call, user: Subject, row: q.SessionRow, token: str) -> JSON:
    """``AuthenticationResponse``, with the authorizations that were asked for."""
    operations = {"setPassword": "password.set", "enrollPublicKey": "signature.enroll"}
    authorizations: list[JSON] = []
    for identifier in cast("list[str]", call.body.get("requestedAuthorizations") or []):
        if identifier not in operations:
            raise field_error("requestedAuthorizations", f"{identifier} is not known")
        authorizations.append(authorization(call, user, identifier, operations[identifier]))
    return {
        "credentials": _credentials(row, token),
        "sessionKey": facts(row).get("key"),
        "authorizations": authorizations,
    }


def authorization(call: Call, user: Subject, identifier: str, operation: str) -> JSON:
    token, expires = call.accounts.authorize(user, operation)
    return {
        "authorization": token,
        "expires": milliseconds(expires),
        "identifier": identifier,
        "operation": operation,
        "nextURI": "/",
    }


def _opened(call: Call, user: Subject, method: str, *, legacy: bool) -> Answer:
    """The session of somebody who has proved who it is; 221 where the password must be changed."""
    call.accounts.succeeded(user, method.lower())
    change = bool(user.facts.get("forcePasswordChange")) and method in ("PASSWORD", "TOTP")
    row, token = call.accounts.open(user, method, call.asked.client, change=change)
    if change:
        return _with_cookies(stash(_descriptor(call, user, row, token), 221), token, method)
    return _with_cookies(_shown(call, user, row, token, legacy=legacy), token, method)


def _shown(call: Call, user: Subject, row: q.SessionRow, token: str, *, legacy: bool) -> Answer:
    if not legacy:
        return stash(_response(call, user, row, token))
    if call.choices.legacy_sign_in == "credentials":
        return stash(_credentials(row, token))
    return stash(_descriptor(call, user, row, token))


def _with_cookies(answer: Answer, token: str, method: str) -> Answer:
    return answer.having(
        ("Set-Cookie", f"argus_session={token}; Path=/; Secure; HttpOnly"),
        ("Set-Cookie", f"argus_last_method={method}; Path=/; Secure"),
    )


def _rejected(call: Call, user: Subject | None) -> Refused:
    """401, the same whatever was wrong; the failure is counted."""
    if user is not None:
        call.accounts.failed(user)
    refusal = refuse(401)
    refusal.keep = True
    return refusal


def _by_password(call: Call) -> Subject:
    domain = str(call.body.get("domain", "MNEMONIC"))
    name, password = str(call.body["userName"]), str(call.body["password"])
    user = call.directory.find("user", name) if domain.upper() == "MNEMONIC" and not name.isdigit() else None
    if user is None:
        raise _rejected(call, None)
    if user.facts.get("blocked") or not call.accounts.right_password(user, password):
        raise _rejected(call, user)
    return user


def _password(call: Call, method: str, *, legacy: bool) -> Answer:
    user = _by_password(call)
    if method == "PASSWORD" and call.accounts.generators(user, confirmed=True):
        raise _rejected(call, user)  # who has a second factor signs in by it
    return _opened(call, user, method, legacy=legacy)


def password_authenticate(call: Call) -> Answer:
    return _password(call, "PASSWORD", legacy=True)


def password_authentication(call: Call) -> Answer:
    return _password(call, "PASSWORD", legacy=False)


def ldap_authenticate(call: Call) -> Answer:
    return _password(call, "LDAP", legacy=True)


def ldap_authentication(call: Call) -> Answer:
    return _password(call, "LDAP", legacy=False)


def _totp(call: Call, *, legacy: bool) -> Answer:
    user = _by_password(call)
    found = call.accounts.generators(user, confirmed=True)
    result = call.accounts.use_code(found[0], str(call.body["tokenCode"])) if found else "wrong"
    if result == "wrong":
        raise _rejected(call, user)
    if result == "used":
        told = {
            "username": user.name,
            "failed": False,
            "message": "Token already used",
            "suppressed": list[str](),
        }
        return stash(told, 206)
    return _opened(call, user, "TOTP", legacy=legacy)


def totp_authenticate(call: Call) -> Answer:
    return _totp(call, legacy=True)


def totp_authentication(call: Call) -> Answer:
    return _totp(call, legacy=False)


def apikey_authenticate(call: Call) -> Answer:
    user, key = call.accounts.key_owner(str(call.body["apikey"]), call.asked.client)
    limits = limits_of(call, cast("JSON", facts(key).get("constraints") or {}))
    call.accounts.succeeded(user, "apikey")
    row, token = call.accounts.open(
        user, "APIKEY", call.asked.client, **({"limits": limits} if limits else {})
    )
    return _with_cookies(_shown(call, user, row, token, legacy=True), token, "APIKEY")


def get_methods(call: Call) -> Answer:
    last = call.asked.cookies().get("argus_last_method")
    return stash(list(METHODS), count=len(METHODS), meta={"lastUsedAuthenticationMethod": last})


# Sessions.


def logout(call: Call) -> Answer:
    """Ends the session; of an API key only what the server remembers of it."""
    if call.who.session is not None:
        call.accounts.end(call.who.session)
    clear = ("Set-Cookie", "argus_session=; Path=/; Max-Age=0; Secure; HttpOnly")
    if call.choices.logout_body == "envelope":
        return stash(None).having(clear)
    return Answer(200, (("Content-Type", "application/json"), clear), b"{}")


def get_session(call: Call) -> Answer:
    domain = call.asked.one("domain")
    if domain is not None and domain.upper() not in ("MNEMONIC", "1"):
        raise refuse(401, "The session does not belong to that domain")
    who = call.who
    return stash(_info(call, who.session, who.user, who.method, read_only=bool(who.limits.get("readOnly"))))


def _info(call: Call, row: q.SessionRow | None, user: Subject, method: str, *, read_only: bool) -> JSON:
    told = facts(row) if row is not None else {}
    now = call.directory.now
    return {
        "authenticationMethod": method,
        "clientIP": call.asked.client,
        "createdTimestamp": milliseconds(row.created_at if row is not None else now),
        "timestamp": milliseconds(cast("float", told.get("updated", now))),
        "validUntilTimestamp": milliseconds(
            row.expires_at if row is not None else now + call.choices.session_life
        ),
        "securityLevel": _LEVEL,
        "sessionKey": told.get("key"),
        "readOnly": read_only,
        "passwordNotSet": not call.accounts.has_password(user),
    }


def clear_session_data(_call: Call) -> Answer:
    return stash(None)


def evict_session(call: Call) -> Answer:
    call.who.need(call.asked, DELETE_SESSION)
    name, _, client = call.id("session").partition("/")
    row = q.sessions.get(call.directory.conn, name)
    if row is None or row.ended_at is not None or (client and facts(row).get("client") != client):
        raise refuse(404)
    call.accounts.end(row)
    owner = call.directory.find("user", row.user_id)
    return stash(_info(call, row, owner or call.who.user, str(facts(row).get("method")), read_only=False))


def session_methods(call: Call) -> Answer:
    return methods_of(call, call.who.user)


def methods_of(call: Call, user: Subject) -> Answer:
    states = {
        "PASSWORD": call.accounts.has_password(user),
        "TOTP": bool(call.accounts.generators(user, confirmed=True)),
        "APIKEY": bool(call.accounts.keys(user)),
    }
    shown: list[JSON] = [
        {
            "method": name,
            "initialized": done,
            "lastLoginIP": None,
            "lastLoginTimestamp": 0,
            "settings": dict[str, object](),
        }
        for name, done in states.items()
    ]
    return stash(shown, count=len(shown))


def user_methods(call: Call) -> Answer:
    call.who.need(call.asked)
    return methods_of(call, call.user())


def session_customers(call: Call) -> Answer:
    return stash([call.grants.customers[name].info() for name in call.who.customers()])


def session_functions(call: Call) -> Answer:
    return stash([call.views.session_function(call.grants.functions[name]) for name in call.who.functions()])


def session_permission(call: Call) -> Answer:
    function = call.grants.function(call.id("function"))
    customer = call.asked.ids.get("customer")
    name = None if customer is None else call.grants.customer(customer).short_name
    if not call.who.may(function.name, name):
        raise refuse(403, "Forbidden permission")
    return stash(None)


def limits_of(call: Call, told: JSON) -> JSON:
    """Functions and customers of a body, by name: 412 for an unknown one."""
    functions = named(told, "function", "functionID")
    customers = named(told, "customer", "customerID")
    limits: JSON = {}
    if functions:
        limits["functions"] = [call.grants.function(one, field="function").name for one in functions]
    if customers:
        limits["customers"] = [call.grants.customer(one, field="customer").short_name for one in customers]
    if told.get("readOnly"):
        limits["readOnly"] = True
    return limits


def _narrowed(call: Call, *, legacy: bool) -> Answer:
    """A constrained session: a subset of what the caller may; never more."""
    who, limits = call.who, limits_of(call, call.body)
    for name in cast("list[str]", limits.get("functions") or []):
        if not who.may(name):
            raise refuse(403, f"{name} is not among the functions of this session")
    for name in cast("list[str]", limits.get("customers") or []):
        if name not in who.customers():
            raise refuse(403, f"{name} is not among the customers of this session")
    merged = {**who.limits, **{key: value for key, value in limits.items() if value}}
    more = {"impersonator": who.impersonator.name} if who.impersonator is not None else {}
    row, token = call.accounts.open(who.user, who.method, call.asked.client, limits=merged, **more)
    return _with_cookies(_shown(call, who.user, row, token, legacy=legacy), token, who.method)


def constrain(call: Call) -> Answer:
    """The older path answers RequestCredentials alone."""
    return _narrowed(call, legacy=True)


def constrain_session(call: Call) -> Answer:
    return _narrowed(call, legacy=False)


def _impersonated(call: Call, *, legacy: bool) -> Answer:
    call.who.need(call.asked, IMPERSONATE)
    name = str(call.body.get("user") or call.body.get("userName") or "")
    if not name:
        raise field_error("user", "must not be null")
    user = call.directory.find("user", name)
    if user is None:
        raise refuse(404, f"No user {name}")
    limits = limits_of(call, call.body)
    row, token = call.accounts.open(
        user,
        "IMPERSONATED",
        call.asked.client,
        impersonator=call.who.user.name,
        impersonatorNumber=call.directory.number(call.who.user),
        **({"limits": limits} if limits else {}),
    )
    return _with_cookies(_shown(call, user, row, token, legacy=legacy), token, "IMPERSONATED")


def impersonate(call: Call) -> Answer:
    return _impersonated(call, legacy=True)


def impersonate_session(call: Call) -> Answer:
    return _impersonated(call, legacy=False)
