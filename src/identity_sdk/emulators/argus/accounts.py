"""API keys, sessions, TOTP generators, passwords and authorizations on the store."""

from __future__ import annotations

import base64
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from typing import cast

from identity_sdk.emulators.argus.choices import Choices
from identity_sdk.emulators.argus.directory import KEY, Directory, Subject, facts
from identity_sdk.emulators.argus.schema import SOURCE_OPTIONS
from identity_sdk.emulators.argus.secrets_of import STEP, code_at, new_seed
from identity_sdk.emulators.argus.wire import JSON, field_error, milliseconds, refuse
from identity_sdk.emulators.passwords import hash_of_password, same_password
from identity_sdk.store import hash_secret
from identity_sdk.store import queries as q

__all__ = ["Accounts", "networks"]

API_KEY = "api_key"
DAY = 86400.0


def networks(told: object, field: str = "validSources") -> list[str]:
    """Addresses and networks of a body, as it wrote them.

    Raises:
        Refused: one is none.
    """
    found = [str(one) for one in cast("Iterable[object]", told or ())]
    for one in found:
        try:
            ipaddress.ip_network(one, strict=False)
        except ValueError:
            raise field_error(field, f"{one} is no address or network") from None
    return found


class Accounts:
    """One transaction's view of how users sign in."""

    def __init__(self, directory: Directory, choices: Choices) -> None:
        self.directory = directory
        self.conn = directory.conn
        self.now = directory.now
        self.choices = choices

    # API keys: the row's id is the prefix, whose first part is the number of the user.

    def keys(self, user: Subject) -> list[q.CredentialRow]:
        start = f"{self.directory.number(user):x}/"
        rows = q.credentials.find(self.conn, user_id=user.name, kind=API_KEY)
        found = [row for row in rows if row.id.startswith(start) and row.revoked_at is None]
        return sorted(found, key=lambda row: int(row.id.partition("/")[2], 16))

    def key(self, user: Subject, name: str) -> q.CredentialRow:
        """By prefix, or by the number of the key.

        Raises:
            Refused: the user has none such.
        """
        for row in self.keys(user):
            if name == row.id or (name.isdigit() and int(name) == int(row.id.partition("/")[2], 16)):
                return row
        raise refuse(404, f"No API key {name}")

    def make_key(self, user: Subject, told: JSON, by: Subject) -> tuple[q.CredentialRow, str]:
        number = self.directory.number(user)
        counter = f"argus.keys.{number}"
        last = int(q.get_meta(self.conn, counter) or 0) + 1
        q.set_meta(self.conn, counter, str(last))
        prefix = f"{number:x}/{last:x}"
        whole = f"{prefix}/{secrets.token_urlsafe(24)}"
        kept: JSON = {
            "description": told.get("description", ""),
            "validSources": networks(told.get("validSources")),
            "source": told.get("source"),
            "constraints": told.get("sessionConstraints") or {},
            "by": by.name,
        }
        row = q.CredentialRow(
            id=prefix,
            user_id=user.name,
            kind=API_KEY,
            created_at=self.now,
            secret_hash=hash_secret(whole),
            expires_at=self.end_of_key(told),
            attributes={KEY: kept},
        )
        q.credentials.insert(self.conn, row)
        return row, whole

    def end_of_key(self, told: JSON) -> float | None:
        days = cast("int | None", told.get("expirationDays"))
        if told.get("disableExpiration") or days == 0:
            return None
        return self.now + (self.choices.key_days if days is None else days) * DAY

    def renew_key(self, row: q.CredentialRow, told: JSON) -> q.CredentialRow:
        q.credentials.update(self.conn, row.id, expires_at=self.end_of_key(told))
        return cast("q.CredentialRow", q.credentials.get(self.conn, row.id))

    def key_owner(self, whole: str, client: str) -> tuple[Subject, q.CredentialRow]:
        """Whose key that is.

        Raises:
            Refused: nobody's, or it has expired, or the client is not at one of its sources.
        """
        row = q.credentials.get(self.conn, whole.rpartition("/")[0])
        if row is None or row.kind != API_KEY or row.secret_hash != hash_secret(whole):
            raise refuse(401)
        user = self.directory.find("user", row.user_id) if not row.user_id.isdigit() else None
        if user is None or f"{self.directory.number(user):x}" != row.id.partition("/")[0]:
            raise refuse(401)
        if row.expires_at is not None and row.expires_at <= self.now:
            raise refuse(401, "The API key has expired")
        sources = cast("list[str]", facts(row).get("validSources") or [])
        if sources and not any(_inside(client, one) for one in sources):
            raise refuse(401, f"The API key is not valid from {client}")
        if user.facts.get("blocked"):
            raise refuse(401, "The user is blocked")
        kept = {**facts(row), "usedAt": self.now, "usedFrom": client}
        q.credentials.update(self.conn, row.id, attributes={**row.attributes, KEY: kept})
        return user, row

    # Sessions.

    def open(self, user: Subject, method: str, client: str, **more: object) -> tuple[q.SessionRow, str]:
        """A session and its token."""
        token = secrets.token_urlsafe(24)
        kept = {
            "number": self.directory.number(user),
            "method": method,
            "client": client,
            "key": base64.b64encode(secrets.token_bytes(32)).decode("ascii"),
            "updated": self.now,
            **more,
        }
        row = q.SessionRow(
            id=f"{secrets.token_hex(2)}-{secrets.token_hex(2)}",
            user_id=user.name,
            created_at=self.now,
            secret_hash=hash_secret(token),
            expires_at=self.now + self.choices.session_life,
            attributes={KEY: kept},
        )
        q.sessions.insert(self.conn, row)
        return row, token

    def session(self, token: str, client: str) -> tuple[Subject, q.SessionRow]:
        """The session of a token.

        Raises:
            Refused: there is none, or it has ended.
        """
        found = q.sessions.find(self.conn, secret_hash=hash_secret(token))
        if not found:
            raise refuse(401)
        row, told = found[0], facts(found[0])
        idle = self.now - float(cast("float", told.get("updated", row.created_at)))
        ends = row.expires_at if row.expires_at is not None else self.now + 1
        user = self.directory.find("user", row.user_id) if not row.user_id.isdigit() else None
        dead = row.ended_at is not None or ends <= self.now or idle > self.choices.session_idle
        if (
            dead
            or user is None
            or self.directory.number(user) != told.get("number")
            or told.get("client") != client
        ):
            raise refuse(401, "The session has ended")
        if user.facts.get("blocked"):
            raise refuse(401, "The user is blocked")
        self.touch(row, updated=self.now)
        return user, row

    def touch(self, row: q.SessionRow, **more: object) -> None:
        q.sessions.update(self.conn, row.id, attributes={**row.attributes, KEY: {**facts(row), **more}})

    def end(self, row: q.SessionRow) -> None:
        q.sessions.update(self.conn, row.id, ended_at=self.now)

    def end_all(self, user: Subject) -> int:
        return q.sessions.change(self.conn, {"ended_at": self.now}, user_id=user.name, ended_at=None)

    # Passwords.

    def set_password(self, user: Subject, password: str) -> None:
        made = {KEY: {"number": self.directory.number(user)}}
        row = q.PasswordRow(
            user_id=user.name, created_at=self.now, password_hash=hash_of_password(password), attributes=made
        )
        q.passwords.put(self.conn, row)

    def has_password(self, user: Subject) -> bool:
        row = q.passwords.get(self.conn, user.name)
        return row is not None and facts(row).get("number") == self.directory.number(user)

    def right_password(self, user: Subject, password: str) -> bool:
        row = q.passwords.get(self.conn, user.name)
        return row is not None and self.has_password(user) and same_password(row.password_hash, password)

    def prove(self, user: Subject, told: JSON, operation: str) -> None:
        """The password of a body, or its authorization for this operation.

        Raises:
            Refused: neither, or it is wrong.
        """
        authorization = told.get("authorization")
        if authorization is not None:
            self.authorized(str(authorization), operation, user)
        elif told.get("password") is None:
            raise field_error("password", "must not be null")
        elif not self.right_password(user, str(told["password"])):
            raise field_error("password", "is wrong", self.choices.wrong_password)

    # Authorizations: tokens for one operation, which work once.

    def authorize(self, user: Subject, operation: str, life: float = 3600.0) -> tuple[str, float]:
        token = secrets.token_urlsafe(24)
        row = q.ResetRow(
            secret_hash=hash_secret(token),
            user_id=user.name,
            created_at=self.now,
            expires_at=self.now + life,
            attributes={KEY: {"operation": operation, "number": self.directory.number(user)}},
        )
        q.resets.insert(self.conn, row)
        return token, self.now + life

    def authorized(self, token: str, operation: str, user: Subject | None = None) -> Subject:
        """Whose authorization that is; it is used up.

        Raises:
            Refused: it is wrong, used, too old, or for something or somebody else.
        """
        row = q.resets.get(self.conn, hash_secret(token))
        if row is None or row.used_at is not None or (row.expires_at or 0) <= self.now:
            raise refuse(401)
        owner = self.directory.find("user", row.user_id) if not row.user_id.isdigit() else None
        told = facts(row)
        if (
            owner is None
            or told.get("number") != self.directory.number(owner)
            or told.get("operation") != operation
        ):
            raise refuse(401)
        if user is not None and user.name != owner.name:
            raise refuse(403)
        q.resets.update(self.conn, row.secret_hash, used_at=self.now)
        return owner

    # TOTP generators (RFC 6238).

    def generators(self, user: Subject, *, confirmed: bool) -> list[q.TotpRow]:
        rows = q.totp.find(self.conn, user_id=user.name, confirmed=confirmed)
        return [row for row in rows if facts(row).get("number") == self.directory.number(user)]

    def new_generator(self, user: Subject, *, confirmed: bool) -> tuple[q.TotpRow, str]:
        """Replaces one that is pending; one that counts at once replaces all."""
        for old in (False, True) if confirmed else (False,):
            q.totp.remove(self.conn, user_id=user.name, confirmed=old)
        cookie = f"c-{secrets.token_hex(8)}"
        row = q.TotpRow(
            id=secrets.token_hex(8),
            user_id=user.name,
            created_at=self.now,
            secret=new_seed(),
            confirmed=confirmed,
            attributes={KEY: {"cookie": cookie, "number": self.directory.number(user)}},
        )
        q.totp.insert(self.conn, row)
        return row, cookie

    def verify_generator(self, user: Subject, cookie: str, code: str) -> None:
        """Activates the pending generator and ends an older one.

        Raises:
            Refused: there is none pending, the cookie is not its, or the code is wrong.
        """
        pending = self.generators(user, confirmed=False)
        if not pending:
            raise refuse(404, "No TOTP generator is pending")
        row = pending[0]
        if facts(row).get("cookie") != cookie:
            raise field_error("cookie", "is not that of the pending generator")
        if self._step(row, code) is None:
            raise field_error("verificationCode", "is wrong", self.choices.bad_code)
        for old in self.generators(user, confirmed=True):
            q.totp.delete(self.conn, old.id)
        q.totp.update(self.conn, row.id, confirmed=True)

    def use_code(self, row: q.TotpRow, code: str) -> str:
        """``right``, ``wrong``, or ``used`` for a code that was shown before."""
        step = self._step(row, code)
        if step is None:
            return "wrong"
        if row.last_step is not None and step <= row.last_step:
            return "used"
        q.totp.update(self.conn, row.id, last_step=step)
        return "right"

    def _step(self, row: q.TotpRow, code: str) -> int | None:
        present = int(self.now // STEP)
        digits = self.choices.code_length
        steps = (present, present - 1, present + 1)
        return next((one for one in steps if code_at(row.secret, one, digits) == code), None)

    def drop_generators(self, user: Subject) -> bool:
        found = [*self.generators(user, confirmed=True), *self.generators(user, confirmed=False)]
        for row in found:
            q.totp.delete(self.conn, row.id)
        return bool(found)

    # Failed sign-ins.

    def failed(self, user: Subject) -> None:
        count = int(cast("int", user.facts.get("failures", 0))) + 1
        told: JSON = {"failures": count}
        if self.choices.failures and count >= self.choices.failures:
            told["blocked"] = True
        self.directory.change(user, {}, told)

    def succeeded(self, user: Subject, method: str) -> None:
        self.directory.change(user, {}, {"failures": 0, "loginMethod": method, "loginAt": self.now})


def _inside(client: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(client) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def key_descriptor(row: q.CredentialRow, by: JSON | None, constraints: Mapping[str, object]) -> JSON:
    """``APIKeyDescriptor``: everything of a key but its secret."""
    told = facts(row)
    sources = [_network(one) for one in cast("list[str]", told.get("validSources") or [])]
    used = told.get("usedFrom")
    listed = cast("list[str]", told.get("validSources") or [])
    source: JSON = {"provider": "staticIP" if listed else "disabled"}
    source |= {"staticOptions": {"ipAddresses": listed}} if listed else {}
    source |= cast("JSON", told.get("source") or {})
    for name, parts in SOURCE_OPTIONS.items():
        given = cast("JSON | None", source.get(name))
        source[name] = None if given is None else {part: given.get(part) for part in parts}
    return {
        "prefix": row.id,
        "description": told.get("description", ""),
        "createdTimestamp": milliseconds(row.created_at),
        "createdByUser": by,
        "validUntil": milliseconds(row.expires_at),
        "validSources": sources,
        "lastUsedTimestamp": milliseconds(cast("float | None", told.get("usedAt"))),
        "lastUsedIP": _network(str(used)) if used else None,
        "constraints": constraints,
        "source": source,
    }


def _network(text: str) -> JSON:
    network = ipaddress.ip_network(text, strict=False)
    return {
        "address": str(network.network_address),
        "maskBits": network.prefixlen,
        "host": network.num_addresses == 1,
        "ipv6": network.version == 6,
        "multicast": network.is_multicast,
        "public": network.is_global,
    }
