"""The operations that anybody may call: set-up, login, capabilities, passwords, the OIDC callback."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection

from identity_sdk.emulators.lakefs.bootstrap import Admin, install, is_initialized
from identity_sdk.emulators.lakefs.call import JSON, UNAUTHENTICATED, Answer, Refused, error, json_answer
from identity_sdk.emulators.lakefs.handlers import parse_address
from identity_sdk.emulators.lakefs.signin import (
    issue_token,
    key_owner,
    login_failed,
    login_succeeded,
    openid_session,
)
from identity_sdk.store import hash_password, hash_secret, verify_password
from identity_sdk.store import queries as q

if TYPE_CHECKING:
    from identity_sdk.emulators.lakefs.app import LakeFSEmulator

__all__ = ["HANDLERS", "Letter"]

_RESET_SECONDS = 20 * 60
_REDIRECT = b'<a href="/auth/login">Temporary Redirect</a>.\n\n'


@dataclass(frozen=True, slots=True)
class Letter:
    """A password-reset letter; the real server sends it by e-mail."""

    email: str
    token: str = field(repr=False)


async def setup_state(emulator: LakeFSEmulator, _body: JSON) -> Answer:
    done = await emulator.store.read(lambda conn: is_initialized(emulator.directory(conn)))
    face = emulator.face
    if face.old:
        state = "initialized" if done else "comm_prefs_done"
        openid = {"oidc_default_login": False, "oidc_enabled": bool(emulator.openid)}
        return json_answer(200, {**openid, "state": state})
    login = {
        "RBAC": "simplified" if face.acl else "none",
        "login_cookie_names": ["internal_auth_session"],
        "login_failed_message": "The credentials don't match.",
        "login_url": "",
        "login_url_method": "none",
        "logout_url": "",
    }
    state = "initialized" if done else "not_initialized"
    return json_answer(200, {"comm_prefs_missing": False, "login_config": login, "state": state})


async def setup(emulator: LakeFSEmulator, body: JSON) -> Answer:
    username = str(body["username"])
    if not username:
        return error(400, "empty user name")
    key = cast("Mapping[str, str]", body.get("key") or {})
    admin = Admin(username, key.get("access_key_id"), key.get("secret_access_key"))

    def work(conn: Connection) -> Answer:
        directory = emulator.directory(conn)
        if is_initialized(directory):
            raise Refused.because(409, "lakeFS already initialized")
        row, secret = install(directory, emulator.face, admin)
        made = {"access_key_id": row.id, "creation_date": int(row.created_at)}
        return json_answer(200, {**made, "secret_access_key": secret})

    return await emulator.store.write(work)


async def login(emulator: LakeFSEmulator, body: JSON) -> Answer:
    name, secret = str(body.get("access_key_id", "")), str(body.get("secret_access_key", ""))
    user = await emulator.store.read(lambda conn: key_owner(emulator.directory(conn), name, secret))
    if user is None and "@" in name:
        user = await _by_password(emulator, name, secret)
    if user is None:
        return login_failed(emulator.face)
    now = emulator.clock()
    token, expires = issue_token(emulator.face, user.id, now, emulator.secret)
    return login_succeeded(emulator.face, token, expires, now)


async def _by_password(emulator: LakeFSEmulator, email: str, password: str) -> q.UserRow | None:
    def look(conn: Connection) -> tuple[q.UserRow, q.PasswordRow] | None:
        for user in q.users.find(conn, email=email, limit=1):
            kept = q.passwords.get(conn, user.id)
            return None if kept is None else (user, kept)
        return None

    found = await emulator.store.read(look)
    if found is not None and await verify_password(found[1].password_hash, password):
        return found[0]
    return None


async def get_auth_capabilities(emulator: LakeFSEmulator, _body: JSON) -> Answer:
    if emulator.face.old:
        return json_answer(200, {"forgot_password": True, "invite_user": True})
    return json_answer(200, {"invite_user": emulator.face.acl})


async def forgot_password(emulator: LakeFSEmulator, body: JSON) -> Answer:
    """204 whether the address is known or not; a known one gets a letter."""
    email = parse_address(str(body["email"]))
    if email is None:
        return error(400, "invalid email")
    token = secrets.token_urlsafe(32)

    def work(conn: Connection) -> bool:
        for user in q.users.find(conn, email=email, limit=1):
            now = emulator.clock()
            row = q.ResetRow(
                secret_hash=hash_secret(token),
                user_id=user.id,
                created_at=now,
                expires_at=now + _RESET_SECONDS,
            )
            q.resets.insert(conn, row)
            return True
        return False

    if await emulator.store.write(work):
        emulator.outbox.append(Letter(email, token))
    return Answer(204)


async def update_password(emulator: LakeFSEmulator, body: JSON) -> Answer:
    """201 as the document says; the real v0.91 spends the token, crashes and sets nothing."""
    spent = hash_secret(str(body["token"]))

    def valid(conn: Connection) -> q.ResetRow:
        row = q.resets.get(conn, spent)
        late = row is not None and row.expires_at is not None and emulator.clock() >= row.expires_at
        if row is None or row.used_at is not None or late or q.users.get(conn, row.user_id) is None:
            raise Refused.because(401, UNAUTHENTICATED)
        return row

    await emulator.store.read(valid)
    hashed = await hash_password(str(body["newPassword"]))

    def work(conn: Connection) -> None:
        row = valid(conn)
        now = emulator.clock()
        q.resets.update(conn, spent, used_at=now)
        q.passwords.put(conn, q.PasswordRow(user_id=row.user_id, created_at=now, password_hash=hashed))

    await emulator.store.write(work)
    return Answer(201)


async def oauth_callback(emulator: LakeFSEmulator, query: JSON) -> Answer:
    """What a good sign-in answers was not recorded. Chosen: it leads to ``/``, and the cookie holds a login token."""
    if not emulator.face.old:
        return Answer(200)
    code = str(query.get("code"))
    user = emulator.openid.get(code) if query.get("state") else None
    if user:
        emulator.openid[code] = ""
        token, _ = issue_token(emulator.face, user, emulator.clock(), emulator.secret)
        return Answer(307, (*openid_session(token), ("Location", "/")))
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Location", "/auth/login"))
    return Answer(307, headers, _REDIRECT)


HANDLERS: Mapping[str, Callable[[LakeFSEmulator, JSON], Awaitable[Answer]]] = {
    handler.__name__: handler
    for handler in (
        setup_state,
        setup,
        login,
        get_auth_capabilities,
        forgot_password,
        update_password,
        oauth_callback,
    )
}
