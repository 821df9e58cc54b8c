"""Functions, customers and permissions on the store: policies are functions, attachments are grants.

A grant that another dialect made has no customer: it counts for the topmost one, and so for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection

from identity_sdk.emulators.argus.directory import KEY, Directory, Subject, facts, number_of
from identity_sdk.emulators.argus.wire import JSON, field_error, refuse
from identity_sdk.store import queries as q

__all__ = [
    "ADMINISTRATE",
    "ALL",
    "DELETE_SESSION",
    "IMPERSONATE",
    "VIEW",
    "Customer",
    "Function",
    "Grant",
    "Grants",
]

# Which privileges the real server wants is not documented; these are the emulator's own.
ALL = "all"
ADMINISTRATE = "administrateUsers"
VIEW = "viewUsers"
IMPERSONATE = "impersonateUser"
DELETE_SESSION = "deleteSession"

_BASE: Mapping[str, tuple[str, ...]] = {
    ALL: (),
    ADMINISTRATE: (ALL,),
    VIEW: (ADMINISTRATE,),
    IMPERSONATE: (ALL,),
    DELETE_SESSION: (ALL,),
}
_CUSTOMERS = "argus.customers"


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    short_name: str
    name: str
    parent: str | None = None

    def info(self) -> JSON:
        return {
            "id": self.id,
            "shortName": self.short_name,
            "name": self.name,
            "domain": {"id": 1, "name": "MNEMONIC"},
        }


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    row: q.PolicyRow | None = None

    @property
    def number(self) -> int:
        return number_of("function", self.name)

    @property
    def facts(self) -> JSON:
        return facts(self.row) if self.row is not None else {}

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(cast("Iterable[str]", self.facts.get("parents", (ALL,) if self.name != ALL else ())))

    def info(self) -> JSON:
        return {"id": self.number, "name": self.name}


@dataclass(frozen=True, slots=True)
class Grant:
    """One function for one subject and one customer."""

    function: str
    subject: Subject
    customer: Customer
    at: float
    by: str | None
    comment: str | None
    deleted: bool = False

    @property
    def number(self) -> int:
        kind, name = self.subject.kind, self.subject.name
        return number_of("permission", self.function, kind, name, self.customer.short_name, self.at)


class Grants:
    """One transaction's view of who may do what."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.conn: Connection = directory.conn
        stored = q.get_meta(self.conn, _CUSTOMERS)
        told: list[Any] = json.loads(stored) if stored is not None else [[1, "mnemonic", "mnemonic", None]]
        self.customers: dict[str, Customer] = {one[1]: Customer(*one) for one in told}
        self._functions: dict[str, Function] | None = None

    @staticmethod
    def install(conn: Connection, now: float, customers: Iterable[tuple[int, str, str, str | None]]) -> None:
        """The base functions and the customers, where they are not there yet."""
        for name, parents in _BASE.items():
            if q.policies.get(conn, name) is None:
                told = {"parents": list(parents), "minimumSecurityLevel": "standard", "role": name == ALL}
                statement = {"effect": "allow", "action": [name], "resource": "*"}
                row = q.PolicyRow(id=name, created_at=now, statements=[statement], attributes={KEY: told})
                q.policies.insert(conn, row)
        if q.get_meta(conn, _CUSTOMERS) is None:
            q.set_meta(conn, _CUSTOMERS, json.dumps([list(one) for one in customers]))

    # Functions and customers.

    @property
    def functions(self) -> dict[str, Function]:
        if self._functions is None:
            self._functions = {row.id: Function(row.id, row) for row in q.policies.page(self.conn)}
        return self._functions

    def function(self, name: str, *, field: str | None = None) -> Function:
        """By name or number; 412 on the field of a body, 404 in a path."""
        for one in self.functions.values() if name.isascii() and name.isdigit() else ():
            if one.number == int(name[:18]):
                return one
        found = self.functions.get(name)
        if found is None:
            raise (
                refuse(404, f"No function {name}")
                if field is None
                else field_error(field, f"No function {name}")
            )
        return found

    def customer(self, name: str, *, field: str | None = None) -> Customer:
        """By short name or number."""
        for one in self.customers.values():
            if name in (one.short_name, str(one.id)):
                return one
        raise (
            refuse(404, f"No customer {name}") if field is None else field_error(field, f"No customer {name}")
        )

    def above_function(self, name: str) -> set[str]:
        """The function and all that contain it."""
        found, waiting = {name}, [name]
        while waiting:
            for parent in self.functions.get(waiting.pop(), Function(name)).parents:
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    def above_customer(self, name: str) -> set[str]:
        """The customer and all above it."""
        found: set[str] = set()
        here: str | None = name
        while here is not None and here not in found:
            found.add(here)
            known = self.customers.get(here)
            here = known.parent if known is not None else None
        return found

    def children(self, name: str) -> list[Function]:
        return [one for one in self.functions.values() if name in one.parents]

    # Grants.

    def of(self, subject: Subject) -> list[Grant]:
        """What is granted to exactly this subject, ordered by function and customer."""
        rows = q.attachments.find(self.conn, subject_type=subject.kind, subject_id=subject.name)
        return [grant for row in rows for grant in self._from(row, subject)]

    def every(self) -> list[Grant]:
        found: list[Grant] = []
        for row in q.attachments.find(self.conn):
            subject = (
                self.directory.find(row.subject_type, row.subject_id)
                if not row.subject_id.isdigit()
                else None
            )
            if subject is not None:
                found += self._from(row, subject)
        return found

    def _from(self, row: q.AttachmentRow, subject: Subject) -> list[Grant]:
        if row.policy_id not in self.functions:
            return []
        top = next(iter(self.customers))
        told = cast("dict[str, JSON]", facts(row).get("customers") or {top: {"at": row.created_at}})
        return [
            Grant(
                row.policy_id,
                subject,
                self.customers[name],
                float(cast("float", one.get("at", row.created_at))),
                cast("str | None", one.get("by")),
                cast("str | None", one.get("comment")),
            )
            for name, one in sorted(told.items())
            if name in self.customers
        ]

    def effective(self, subject: Subject) -> list[Grant]:
        """What is granted to a subject and to the groups that it is in."""
        found = self.of(subject)
        for group in self.directory.groups_of(subject, inherited=True):
            found += self.of(group)
        return found

    def grant(
        self, function: Function, subject: Subject, customer: Customer, by: str | None, comment: object
    ) -> Grant:
        key = (function.name, subject.kind, subject.name)
        row = q.attachments.get(self.conn, *key)
        told: dict[str, JSON] = {}
        if row is not None:
            for one in self._from(row, subject):
                told[one.customer.short_name] = {"at": one.at, "by": one.by, "comment": one.comment}
        told.setdefault(customer.short_name, {"at": self.directory.now, "by": by, "comment": comment})
        made = q.AttachmentRow(
            policy_id=key[0],
            subject_type=key[1],
            subject_id=key[2],
            created_at=self.directory.now if row is None else row.created_at,
            attributes={**(row.attributes if row is not None else {}), KEY: {"customers": told}},
        )
        q.attachments.put(self.conn, made)
        return next(one for one in self._from(made, subject) if one.customer == customer)

    def revoke(self, grant: Grant) -> None:
        key = (grant.function, grant.subject.kind, grant.subject.name)
        row = cast("q.AttachmentRow", q.attachments.get(self.conn, *key))
        left = {
            one.customer.short_name: {"at": one.at, "by": one.by, "comment": one.comment}
            for one in self._from(row, grant.subject)
            if one.customer != grant.customer
        }
        if left:
            q.attachments.update(self.conn, *key, attributes={**row.attributes, KEY: {"customers": left}})
        else:
            q.attachments.delete(self.conn, *key)

    def allowed(self, grants: Iterable[Grant], function: str, customer: str | None) -> bool:
        """Whether some of the grants hold the function, for the customer or (``None``) for any."""
        functions = self.above_function(function)
        customers = None if customer is None else self.above_customer(customer)
        return any(
            one.function in functions and (customers is None or one.customer.short_name in customers)
            for one in grants
        )
