"""Users, groups, services and organizations on the store, as the server sees them.

A user's row is named by its login id; the UUID stands in the row's attributes, or is made out of the id for users
whom other dialects made. Groups of the store are those of the root organization. What one may do comes from the
policies of the store: each action that one allows and none denies is a permission.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import Connection

from identity_sdk.emulators.igtcloud.choices import Choices
from identity_sdk.emulators.igtcloud.wire import JSON, Refused
from identity_sdk.store import queries as q

__all__ = ["PERMISSIONS", "ROOT", "SERVICE", "Directory", "uuid_of"]

ROOT = "org-1"
"""The organization that is always there; groups of the store belong to it."""
SERVICE = "igtcloud_service"
PERMISSIONS = (
    "group.read",
    "group.write",
    "project.read",
    "project.write",
    "service.read",
    "service.write",
    "user.read",
    "user.write",
)
"""Which words the real server uses is not known."""

_SPACE = uuid.UUID("6d1f2c1e-5a3b-4c6d-8e7f-0a1b2c3d4e5f")
_PROJECTS = "igtcloud.projects"
_MINE = "igtcloud"


def uuid_of(user: q.UserRow) -> str:
    told = facts(user).get("uuid")
    return told if isinstance(told, str) else str(uuid.uuid5(_SPACE, user.id))


def facts(row: q.UserRow | q.GroupRow | q.CredentialRow | q.SessionRow) -> JSON:
    """What this dialect keeps beside the columns that all know."""
    return cast("JSON", row.attributes.get(_MINE) or {})


@dataclass(frozen=True, slots=True)
class Directory:
    """The data within one transaction."""

    conn: Connection
    now: float
    choices: Choices
    _seen: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def missing(self, what: str) -> Refused:
        return Refused(self.choices.missing, f"{what} not found")

    # Users.

    def users(self) -> list[q.UserRow]:
        return [row for row in q.users.page(self.conn) if row.attributes.get("kind") != "service"]

    def user(self, uuid: str) -> q.UserRow:
        for row in self.users():
            if uuid_of(row) == uuid:
                return row
        raise self.missing("User")

    def by_login(self, login_id: str) -> q.UserRow | None:
        row = q.users.get(self.conn, login_id)
        return None if row is None or row.attributes.get("kind") == "service" else row

    def put_user(self, told: JSON, there: q.UserRow | None = None) -> q.UserRow:
        """Makes a user, or replaces what is known of one; the login id stays."""
        kept: JSON = {name: told.get(name) for name in _KEPT}
        kept["uuid"] = uuid_of(there) if there is not None else str(uuid.uuid4())
        given, family = str(told["givenName"]), str(told["familyName"])
        columns: JSON = {
            "email": told["email"],
            "name": given if given == family else f"{given} {family}",
            "attributes": {**(there.attributes if there is not None else {}), _MINE: kept},
        }
        if there is not None:
            q.users.update(self.conn, there.id, **columns)
            return cast("q.UserRow", self.by_login(there.id))
        attributes = cast("JSON", columns["attributes"])
        row = q.UserRow(
            id=str(told["loginId"]),
            created_at=self.now,
            email=str(told["email"]),
            name=cast("str", columns["name"]),
            attributes=attributes,
        )
        q.users.insert(self.conn, row)
        return row

    def forget_files(self, user: q.UserRow, keys: Iterable[str]) -> None:
        gone = set(keys)
        left = [one for one in self.files(user) if one["key"] not in gone]
        self._tell(user, {"files": left})

    def files(self, user: q.UserRow) -> list[JSON]:
        return cast("list[JSON]", facts(user).get("files") or [])

    def forget_training(self, user: q.UserRow) -> None:
        self._tell(user, {"trainingStartDate": None, "trainingEndDate": None, "istLevel": None})

    def _tell(self, user: q.UserRow, changes: JSON) -> None:
        told = {**user.attributes, _MINE: {**facts(user), "uuid": uuid_of(user), **changes}}
        q.users.update(self.conn, user.id, attributes=told)

    def delete_user(self, uuid: str) -> None:
        user = self.user(uuid)
        q.memberships.remove(self.conn, user_id=user.id)
        q.attachments.remove(self.conn, subject_type="user", subject_id=user.id)
        q.credentials.remove(self.conn, user_id=user.id)
        q.passwords.delete(self.conn, user.id)
        q.users.delete(self.conn, user.id)

    def idle(self, user_id: str) -> bool:
        """Whether the user is in no group and has no policy."""
        if "busy" not in self._seen:
            members = {row.user_id for row in q.memberships.find(self.conn)}
            holders = {row.subject_id for row in q.attachments.find(self.conn, subject_type="user")}
            self._seen["busy"] = frozenset(members | holders)
        return user_id not in self._seen["busy"]

    def has_password(self, user_id: str) -> bool:
        if "passwords" not in self._seen:
            self._seen["passwords"] = frozenset(row.user_id for row in q.passwords.find(self.conn))
        return user_id in self._seen["passwords"]

    # What one may do.

    def permissions(self, user_id: str) -> list[str]:
        allowed: set[str] = set()
        denied: set[str] = set()
        for policy in q.effective_policies(self.conn, user_id):
            for statement in policy.statements:
                actions: object = statement.get("action") or statement.get("actions") or ()
                words = (actions,) if isinstance(actions, str) else cast("tuple[str, ...]", actions)
                (denied if statement.get("effect") == "deny" else allowed).update(words)
        if "*" in allowed:
            allowed.update(PERMISSIONS)
        return [] if "*" in denied else sorted(allowed - denied - {"*"})

    def roles(self, permissions: Iterable[str]) -> list[str]:
        """The roles that the read-me of the official client names."""
        held = set(permissions)
        pairs = (("DATA_MANAGER", "project.write"), ("SERVICES_MANAGER", "service.write"))
        return [role for role, permission in pairs if permission in held]

    # Groups and services.

    def groups(self, organization: str) -> list[q.GroupRow]:
        self.organization(organization)
        rows = q.groups.page(self.conn)
        return [row for row in rows if (facts(row).get("organization") or ROOT) == organization]

    def groups_of(self, user_id: str, organization: str = ROOT) -> list[q.GroupRow]:
        inside = {row.group_id for row in q.memberships.find(self.conn, user_id=user_id)}
        return [row for row in self.groups(organization) if row.id in inside]

    def set_groups(self, organization: str, user: q.UserRow, wanted: Iterable[str]) -> None:
        """Replaces the groups of a user within an organization."""
        known, chosen = {row.id for row in self.groups(organization)}, set(wanted)
        if not chosen <= known:
            raise self.missing("Group")
        for group in known - chosen:
            q.memberships.delete(self.conn, group, user.id)
        there = {row.group_id for row in q.memberships.find(self.conn, user_id=user.id)}
        for group in sorted(chosen - there):
            row = q.MembershipRow(group_id=group, user_id=user.id, created_at=self.now)
            q.memberships.insert(self.conn, row)

    def services(self, organization: str) -> list[q.CredentialRow]:
        self.organization(organization)
        rows = q.credentials.find(self.conn, kind=SERVICE)
        return [row for row in rows if facts(row).get("organization") == organization]

    def service_by_name(self, service_id: str) -> q.CredentialRow | None:
        return next(iter(q.credentials.find(self.conn, kind=SERVICE, user_id=service_id)), None)

    def add_service(self, organization: str, name: str, public_pem: str) -> q.CredentialRow:
        self.organization(organization)
        number = str(uuid.uuid4())
        known: JSON = {"name": name, "organization": organization, "public": public_pem}
        row = q.CredentialRow(
            id=number,
            user_id=f"{name}.{number[:8]}@{organization}",  # unique, as many as there may be of one name
            kind=SERVICE,
            created_at=self.now,
            attributes={_MINE: known},
        )
        q.credentials.insert(self.conn, row)
        return row

    def delete_service(self, organization: str, number: str) -> None:
        if not any(row.id == number for row in self.services(organization)):
            raise self.missing("Service")
        q.credentials.delete(self.conn, number)

    # Organizations: the root, projects, and hospitals in them.

    def projects(self) -> list[JSON]:
        return cast("list[JSON]", json.loads(q.get_meta(self.conn, _PROJECTS) or "[]"))

    def keep_projects(self, projects: list[JSON]) -> None:
        q.set_meta(self.conn, _PROJECTS, json.dumps(projects))

    def project(self, id: str) -> JSON:
        for one in self.projects():
            if one["id"] == id:
                return one
        raise Refused(404, "Project not found")  # the one 404 of the documents

    def hospital(self, id: str) -> JSON:
        for project in self.projects():
            for one in cast("list[JSON]", project["institutes"]):
                if one["id"] == id:
                    return one
        raise self.missing("Hospital")

    def organization(self, id: str) -> None:
        """Raises:
        Refused: there is no such organization.
        """
        known = {ROOT}
        for project in self.projects():
            known |= {
                str(project["id"]),
                *(str(one["id"]) for one in cast("list[JSON]", project["institutes"])),
            }
        if id not in known:
            raise self.missing("Organization")


_KEPT = (
    "givenName",
    "familyName",
    "istLevel",
    "preferredLanguage",
    "trainingStartDate",
    "trainingEndDate",
)
