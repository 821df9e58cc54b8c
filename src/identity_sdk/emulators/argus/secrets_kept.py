"""API keys, TOTP generators and passwords, one's own and those of others: ``/authentication/v1``."""

from __future__ import annotations

import base64
from typing import NoReturn, cast

from identity_sdk.emulators.argus.accounts import key_descriptor
from identity_sdk.emulators.argus.call import Call
from identity_sdk.emulators.argus.directory import Subject, facts
from identity_sdk.emulators.argus.signing_in import authorization, limits_of
from identity_sdk.emulators.argus.wire import JSON, Answer, field_error, refuse, stash
from identity_sdk.store import queries as q

# API keys.


def _key(call: Call, row: q.CredentialRow) -> JSON:
    return key_descriptor(row, call.views.named(facts(row).get("by")), call.views.constraints(row))


def _keys(call: Call, user: Subject) -> list[JSON]:
    return [_key(call, row) for row in call.accounts.keys(user)]


def _make_key(call: Call, user: Subject) -> Answer:
    if call.body.get("disableSourceRestriction"):
        raise field_error("disableSourceRestriction", "is not permitted")
    limits_of(call, cast("JSON", call.body.get("sessionConstraints") or {}))
    row, whole = call.accounts.make_key(user, call.body, call.who.user)
    return call.made({"apiKeyString": whole, "keyDescriptor": _key(call, row)})


def initiate_key(call: Call) -> Answer:
    call.accounts.prove(call.who.user, call.body, "apikey.create")
    return _make_key(call, call.who.user)


def list_keys(call: Call) -> Answer:
    return stash({"keys": _keys(call, call.who.user)})


def renew_key(call: Call) -> Answer:
    call.accounts.prove(call.who.user, call.body, "apikey.renew")
    row = call.accounts.key(call.who.user, call.id("key"))
    return stash({"renewedKey": _key(call, call.accounts.renew_key(row, call.body))})


def revoke_key(call: Call) -> Answer:
    row = call.accounts.key(call.who.user, call.id("key"))
    q.credentials.delete(call.directory.conn, row.id)
    return stash({"keys": _keys(call, call.who.user)})


def list_user_keys(call: Call) -> Answer:
    call.who.need(call.asked)
    return stash({"keys": _keys(call, call.user())})


def initiate_user_key(call: Call) -> Answer:
    call.who.need(call.asked)
    return _make_key(call, call.user())


def renew_user_key(call: Call) -> Answer:
    call.who.need(call.asked)
    row = call.accounts.key(call.user(), call.id("key"))
    return stash({"renewedKey": _key(call, call.accounts.renew_key(row, call.body))})


def revoke_user_key(call: Call) -> Answer:
    call.who.need(call.asked)
    user = call.user()
    row = call.accounts.key(user, call.id("key"))
    shown = _key(call, row)
    q.credentials.delete(call.directory.conn, row.id)
    return stash({"revokedKey": shown})


# TOTP.


def _seed(call: Call, user: Subject, row: q.TotpRow, cookie: str | None) -> Answer:
    raw = base64.b32decode(row.secret)
    shown: JSON = {
        "userName": user.name,
        "passCodeLength": call.choices.code_length,
        "keyAlgorithm": "HmacSHA1",
        "seedBase32": row.secret,
        "seedBase64": base64.b64encode(raw).decode("ascii"),
    }
    if cookie is not None and call.choices.totp_cookie == "data":
        return stash({**shown, "cookie": cookie})
    answer = stash(shown)
    return (
        answer
        if cookie is None
        else answer.having(("Set-Cookie", f"argus_totp={cookie}; Path=/; Secure; HttpOnly"))
    )


def initialize_totp(call: Call) -> Answer:
    call.accounts.prove(call.who.user, call.body, "totp.initialize")
    row, cookie = call.accounts.new_generator(call.who.user, confirmed=False)
    return _seed(call, call.who.user, row, cookie)


def verify_totp(call: Call) -> Answer:
    call.accounts.verify_generator(
        call.who.user, str(call.body["cookie"]), str(call.body["verificationCode"])
    )
    return stash({"message": "TOTP enabled"})


def revoke_totp(call: Call) -> Answer:
    if not call.accounts.drop_generators(call.who.user):
        raise refuse(404, "There is no TOTP generator")
    return stash({})


def initiate_user_totp(call: Call) -> Answer:
    call.who.need(call.asked)
    user = call.user()
    row, _ = call.accounts.new_generator(user, confirmed=True)
    return _seed(call, user, row, None)


def revoke_user_totp(call: Call) -> Answer:
    call.who.need(call.asked)
    if not call.accounts.drop_generators(call.user()):
        raise refuse(404, "There is no TOTP generator")
    return stash({})


# Passwords, and how others sign in.


def change_password(call: Call) -> Answer:
    """By an authorization, which says whose it is; or by the old password of the caller."""
    new, authorization = str(call.body["newPassword"]), call.body.get("authorization")
    if authorization is not None:
        user = call.accounts.authorized(str(authorization), "password.set")
    else:
        if call.caller is None:
            raise refuse(401)
        user = call.caller.user
        if not call.accounts.right_password(user, str(call.body.get("oldPassword", ""))):
            _bad_password("wrongPassword", "The old password is wrong")
    if len(new) < 8:
        _bad_password("tooShort", "The password is too short")
    call.accounts.set_password(user, new)
    call.directory.change(user, {}, {"forcePasswordChange": False, "failures": 0})
    return stash({})


def _bad_password(reason: str, text: str) -> NoReturn:
    refusal = field_error("newPassword", text)
    refusal.data = {"breachCount": 0, "message": text, "reason": reason}
    raise refusal


def user_status(call: Call) -> Answer:
    call.who.need(call.asked)
    told = call.user().facts
    return stash(
        {"blocked": bool(told.get("blocked")), "forcePasswordChange": bool(told.get("forcePasswordChange"))}
    )


def block_user(call: Call) -> Answer:
    call.who.need(call.asked)
    call.directory.change(call.user(), {}, {"blocked": True})
    return stash({})


def unblock_user(call: Call) -> Answer:
    call.who.need(call.asked)
    call.directory.change(call.user(), {}, {"blocked": False, "failures": 0})
    return stash({})


def reset_password(call: Call) -> Answer:
    call.who.need(call.asked)
    user = call.user()
    q.passwords.delete(call.directory.conn, user.name)
    return stash(authorization(call, user, "setPassword", "password.set"))


def end_sessions(call: Call) -> Answer:
    call.who.need(call.asked)
    return stash({"sessionsDeleted": call.accounts.end_all(call.user())})
