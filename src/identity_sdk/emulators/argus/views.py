"""Objects as the API shows them."""

from __future__ import annotations

from typing import cast

from identity_sdk.emulators.argus.caller import named
from identity_sdk.emulators.argus.directory import Directory, Subject, facts
from identity_sdk.emulators.argus.grants import Function, Grant, Grants
from identity_sdk.emulators.argus.wire import JSON, milliseconds
from identity_sdk.store import queries as q

__all__ = ["Views"]


class Views:
    """One transaction's objects as JSON."""

    def __init__(self, directory: Directory, grants: Grants) -> None:
        self._directory = directory
        self._grants = grants

    def customer_of(self, subject: Subject) -> JSON:
        name = str(subject.facts.get("customer") or "")
        found = self._grants.customers.get(name) or next(iter(self._grants.customers.values()))
        return found.info()

    def info(self, subject: Subject | None) -> JSON | None:
        """``UserInfo`` and ``GroupInfo``."""
        if subject is None:
            return None
        return {
            "id": self._directory.number(subject),
            "shortName": subject.name,
            "name": subject.row.name or subject.name,
            "type": subject.kind,
            "flags": ["deleted"] if subject.deleted else [],
            "customer": self.customer_of(subject),
            "domain": {"id": 1, "name": "MNEMONIC"},
        }

    def named(self, name: object) -> JSON | None:
        """Whoever did something, if that user is still there."""
        return (
            self.info(self._directory.find("user", str(name))) if name and not str(name).isdigit() else None
        )

    def _subject(self, subject: Subject) -> JSON:
        told = subject.facts
        return {
            **cast("JSON", self.info(subject)),
            "flags": subject.flags,
            "description": told.get("description"),
            "createdTimestamp": milliseconds(subject.row.created_at),
            "createdByUser": self.named(told.get("by")),
            "lastUpdatedTimestamp": milliseconds(cast("float | None", told.get("updated"))),
            "lastUpdatedByUser": None,
            "deletedTimestamp": milliseconds(cast("float | None", told.get("deleted"))),
            "deletedByUser": None,
        }

    def user(self, subject: Subject, *, whole: bool = True) -> JSON:
        """The user for administrators; not ``whole``: what everybody may read."""
        row, told = cast("q.UserRow", subject.row), subject.facts
        shown = {
            **self._subject(subject),
            "email": row.email,
            "phone": told.get("phone"),
            "phoneNumber": told.get("phoneNumber"),
            "language": told.get("language", "english"),
        }
        if whole:
            shown |= {
                "role": told.get("role"),
                "memberOf": [self.info(one) for one in self._directory.groups_of(subject, inherited=False)],
                "lastLoginMethod": told.get("loginMethod"),
                "lastLoginTimestamp": milliseconds(cast("float | None", told.get("loginAt"))),
                "lastImpersonationTimestamp": 0,
            }
            return shown
        kept = (
            "id",
            "shortName",
            "name",
            "type",
            "customer",
            "domain",
            "email",
            "phone",
            "phoneNumber",
            "language",
        )
        return {name: shown[name] for name in kept} | {"flags": self._basic_flags(subject)}

    def group(self, subject: Subject, *, whole: bool = True) -> JSON:
        row = cast("q.GroupRow", subject.row)
        shown: JSON = {**self._subject(subject), "description": row.description}
        if whole:
            above = self._directory.groups_of(subject, inherited=False)
            return {**shown, "memberOf": [self.info(one) for one in above]}
        kept = ("id", "shortName", "name", "type", "customer", "domain")
        return {name: shown[name] for name in kept} | {"flags": self._basic_flags(subject)}

    @staticmethod
    def _basic_flags(subject: Subject) -> list[str]:
        return [flag for flag in subject.flags if flag in ("deleted", "daemonAccount", "notificationUser")]

    def subject(self, subject: Subject) -> JSON:
        return self.user(subject) if subject.kind == "user" else self.group(subject)

    def _older_info(self, name: object) -> JSON | None:
        """``UserInfo`` of the older model."""
        found = self.named(name)
        if found is None:
            return None
        customer = cast("JSON", found["customer"])
        return {
            "id": found["id"],
            "userName": found["shortName"],
            "name": found["name"],
            "type": "user",
            "customer": customer,
            "customerID": customer["id"],
            "domain": found["domain"],
        }

    def me(self, subject: Subject, *, password_set: bool) -> JSON:
        """The older model of ``/currentuser/v1/user``."""
        row, told = cast("q.UserRow", subject.row), subject.facts
        flags = ["DAEMON_ACCOUNT"] if told.get("daemonAccount") else []
        return {
            "id": self._directory.number(subject),
            "userName": subject.name,
            "name": row.name or subject.name,
            "email": row.email,
            "mobile": told.get("phoneNumber"),
            "flags": flags if password_set else [*flags, "PASSWORD_NOT_SET"],
            "language": str(told.get("language", "english")).upper(),
            "customer": self.customer_of(subject),
            "domain": {"id": 1, "name": "MNEMONIC"},
            "createdTimestamp": milliseconds(row.created_at),
            "createdByUser": self._older_info(told.get("by")),
            "lastLoginTimestamp": milliseconds(cast("float | None", told.get("loginAt"))),
            "lastLoginIP": None,
            "lastImpersonationTimestamp": 0,
            "lastUpdatedTimestamp": milliseconds(cast("float | None", told.get("updated"))),
            "lastUpdatedByUser": None,
            "ascendantIDs": [
                self._directory.number(one) for one in self._directory.groups_of(subject, inherited=True)
            ],
            "imageURL": None,
            "properties": {},
            "publicKey": None,
            "timeZone": None,
        }

    def basic_function(self, function: Function) -> JSON:
        """What everybody may read of a function."""
        whole = self.function(function)
        kept = (
            "id",
            "name",
            "localizedName",
            "localizedDescription",
            "minimumSecurityLevel",
            "roleType",
            "flags",
        )
        return {name: whole[name] for name in kept}

    def function(self, function: Function) -> JSON:
        told, row = function.facts, function.row
        flags = [name for name in ("role", "sysadm", "readOnly") if told.get(name)]
        return {
            **function.info(),
            "description": row.description if row is not None else None,
            "localizedName": row.name if row is not None and row.name else function.name,
            "localizedNames": told.get("localizedNames") or {},
            "localizedDescription": row.description if row is not None else None,
            "localizedDescriptions": told.get("localizedDescriptions") or {},
            "minimumSecurityLevel": told.get("minimumSecurityLevel", "standard"),
            "roleType": told.get("roleType", "other"),
            "flags": flags,
            "createdTimestamp": milliseconds(row.created_at if row is not None else None),
            "createdByUser": self.named(told.get("by")),
            "lastUpdatedTimestamp": 0,
            "lastUpdatedByUser": None,
            "deletedTimestamp": 0,
            "deletedByUser": None,
        }

    def permission(self, grant: Grant, *, by: str | None = None) -> JSON:
        function = self._grants.functions[grant.function]
        return {
            "id": grant.number,
            "subject": self.info(grant.subject),
            "function": function.info(),
            "functionInfo": self.basic_function(function),
            "customer": grant.customer.info(),
            "flags": ["deleted"] if grant.deleted else [],
            "grantedTimestamp": milliseconds(grant.at),
            "grantedByUser": self.named(grant.by),
            "grantComment": grant.comment,
            "revokedTimestamp": milliseconds(self._directory.now) if grant.deleted else 0,
            "revokedByUser": self.named(by),
            "revokeComment": None,
        }

    def own_permission(self, grant: Grant) -> JSON:
        """A grant as its holder sees it."""
        whole = self.permission(grant)
        gone = ("grantComment", "revokedTimestamp", "revokedByUser", "revokeComment")
        return {name: value for name, value in whole.items() if name not in gone}

    def session_function(self, function: Function) -> JSON:
        """The older model, of a session and of ``/currentuser/v1``."""
        flags = ["ROLE"] if function.facts.get("role") else []
        return {**function.info(), "description": None, "securityLevel": "DEFAULT", "flags": flags}

    def membership(
        self, id: str, row: q.MembershipRow, group: Subject, member: Subject, *, gone: bool = False
    ) -> JSON:
        return {
            "id": id,
            "group": self.info(group),
            "member": self.info(member),
            "addedTimestamp": milliseconds(row.created_at),
            "addedByUser": None,
            "addComment": None,
            "removedTimestamp": milliseconds(self._directory.now) if gone else 0,
            "removedByUser": None,
            "removeComment": None,
            "flags": ["deleted"] if gone else [],
        }

    def constraints(self, key: q.CredentialRow) -> JSON:
        told = cast("JSON", facts(key).get("constraints") or {})
        functions, customers = named(told, "function", "functionID"), named(told, "customerID")
        return {
            "customers": [self._grants.customer(str(one), field="customerID").info() for one in customers],
            "functions": [self._grants.function(str(one), field="function").info() for one in functions],
            "readOnly": bool(told.get("readOnly")),
        }
