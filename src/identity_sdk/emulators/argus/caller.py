"""Who is calling: an API key, a bearer token, or a cookie with its CSRF token; and what that may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from identity_sdk.emulators.argus.accounts import Accounts
from identity_sdk.emulators.argus.directory import Subject, facts
from identity_sdk.emulators.argus.grants import ADMINISTRATE, VIEW, Grant, Grants
from identity_sdk.emulators.argus.secrets_of import check_csrf
from identity_sdk.emulators.argus.wire import JSON, Asked, refuse
from identity_sdk.store import queries as q

__all__ = ["Caller", "authenticate", "named"]


@dataclass(slots=True)
class Caller:
    """A user, and how it came."""

    user: Subject
    grants: Grants
    method: str
    session: q.SessionRow | None = None
    key: q.CredentialRow | None = None

    @property
    def limits(self) -> JSON:
        """What the session or the key is cut down to."""
        if self.session is not None:
            return cast("JSON", facts(self.session).get("limits") or {})
        if self.key is None:
            return {}
        told = cast("JSON", facts(self.key).get("constraints") or {})
        functions = named(told, "function", "functionID")
        customers = named(told, "customerID")
        return {
            "functions": [self.grants.function(one, field="function").name for one in functions] or None,
            "customers": [self.grants.customer(one, field="customerID").short_name for one in customers]
            or None,
            "readOnly": bool(told.get("readOnly")),
        }

    def effective(self) -> list[Grant]:
        return self.grants.effective(self.user)

    def may(self, function: str, customer: str | None = None) -> bool:
        """Whether the caller may use a function, for a customer or for any: granted, and not cut away."""
        limits = self.limits
        functions, customers = limits.get("functions"), limits.get("customers")
        if functions and not self.grants.above_function(function) & set(cast("list[str]", functions)):
            return False
        if customers:
            cut = set(cast("list[str]", customers))
            if customer is not None and not self.grants.above_customer(customer) & cut:
                return False
        if not self.grants.allowed(self.effective(), function, customer):
            return False
        other = self.impersonator
        return other is None or self.grants.allowed(self.grants.effective(other), function, customer)

    @property
    def impersonator(self) -> Subject | None:
        name = facts(self.session).get("impersonator") if self.session is not None else None
        return self.grants.directory.find("user", str(name)) if name else None

    def functions(self) -> list[str]:
        """The functions that the caller may use for some customer, by name."""
        return [name for name in sorted(self.grants.functions) if self.may(name)]

    def customers(self) -> list[str]:
        """The customers that the caller may use some function for."""
        held = self.effective()
        cut = cast("list[str] | None", self.limits.get("customers"))
        return [
            name
            for name in self.grants.customers
            if any(one.customer.short_name in self.grants.above_customer(name) for one in held)
            and (not cut or self.grants.above_customer(name) & set(cut))
        ]

    def need(self, asked: Asked, function: str = "", *, writes: bool | None = None) -> None:
        """Refuses without the function (by default the one for reading or for administrating users).

        Raises:
            Refused: 403.
        """
        changing = asked.method != "GET" if writes is None else writes
        if changing and self.limits.get("readOnly"):
            raise refuse(403, "The session is read-only")
        if not self.may(function or (ADMINISTRATE if changing else VIEW)):
            raise refuse(403)


def named(told: JSON, *fields: str) -> list[str]:
    """What lists of names or numbers hold, as text."""
    return [str(one) for field in fields for one in cast("list[object]", told.get(field) or [])]


def authenticate(asked: Asked, accounts: Accounts, grants: Grants, hosts: Iterable[str]) -> Caller:
    """Raises:
    Refused: 401, or ``Choices.bad_csrf`` for a cookie without a good CSRF token.
    """
    key = asked.headers.get("argus-api-key")
    if key:
        user, row = accounts.key_owner(key, asked.client)
        return Caller(user, grants, "APIKEY", key=row)
    authorization = asked.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if authorization:
        if scheme.lower() != "bearer":
            raise refuse(401)
        user, session = accounts.session(token.strip(), asked.client)
        return Caller(user, grants, str(facts(session).get("method")), session=session)
    cookie = asked.cookies().get("argus_session")
    if not cookie:
        raise refuse(401)
    user, session = accounts.session(cookie, asked.client)
    urls = tuple(f"{host}{asked.path}" for host in hosts)
    proof, secret = asked.headers.get("argus-csrf-token", ""), str(facts(session).get("key"))
    if not check_csrf(proof, secret, urls, accounts.now, accounts.choices.csrf_window):
        raise refuse(accounts.choices.bad_csrf, "The CSRF token is missing, old or wrong")
    return Caller(user, grants, str(facts(session).get("method")), session=session)
