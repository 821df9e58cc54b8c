"""What the service keeps, in the tables that all emulators share.

Users and service clients are users, access keys are credentials, groups and memberships are those, an access
record is a
policy whose attachments are its principals. Roles, the rules of resources and deleted records have no table: they are
small values by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import Connection, select

from identity_sdk.emulators.authress.keys import ACCESS_KEY
from identity_sdk.store import queries as q
from identity_sdk.store import tables

__all__ = ["JSON", "Directory", "iso"]

JSON = dict[str, object]
ROLE, RESOURCE, GONE = "authress.role.", "authress.resource.", "authress.deleted."
OWN = "authress"

_ALL = ({"action": "*", "allow": True, "grant": True, "delegate": True},)
BUILT_IN: Mapping[str, JSON] = {
    "Authress:Owner": {
        "roleId": "Authress:Owner",
        "name": "Owner",
        "description": None,
        "permissions": list(_ALL),
    },
}


def iso(seconds: float) -> str:
    """``2026-01-02T03:04:05.678Z``."""
    told = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Directory:
    """The data within one transaction."""

    conn: Connection
    account: str
    url: str
    now: float

    # Users and service clients.

    def user(self, id: str, *, service: bool) -> q.UserRow | None:
        row = q.users.get(self.conn, id)
        return row if row is not None and is_service(row) == service and not self._is_gone(row) else None

    def users(self, *, service: bool) -> list[q.UserRow]:
        return [
            row for row in q.users.page(self.conn) if is_service(row) == service and not self._is_gone(row)
        ]

    def _is_gone(self, row: q.UserRow) -> bool:
        until = row.attributes.get("authress.gone")
        return isinstance(until, int | float) and until <= self.now

    def put_user(self, row: q.UserRow) -> None:
        q.users.put(self.conn, row)

    def delete_user(self, row: q.UserRow, late: float) -> None:
        """Takes what records grant to it; the user itself goes after ``late`` seconds."""
        q.attachments.remove(self.conn, subject_type="user", subject_id=row.id)
        if late > 0:
            gone = {**row.attributes, "authress.gone": self.now + late}
            q.users.update(self.conn, row.id, attributes=gone)
        else:
            q.users.delete(self.conn, row.id)
        q.credentials.remove(self.conn, user_id=row.id, kind=ACCESS_KEY)

    def keys(self, client: str) -> list[q.CredentialRow]:
        return q.credentials.find(self.conn, user_id=client, kind=ACCESS_KEY)

    def client_json(self, row: q.UserRow) -> JSON:
        own = cast("JSON", row.attributes.get(OWN) or {})
        shown: JSON = {
            "clientId": row.id,
            "createdTime": iso(row.created_at),
            "name": row.name,
            "options": own.get("options")
            or {"grantUserPermissionsAccess": False, "grantTokenGeneration": False},
            "verificationKeys": [self.key_json(key) for key in self.keys(row.id)],
        }
        shown.update({name: own[name] for name in ("rateLimits", "tags") if name in own})
        return shown

    def key_json(self, row: q.CredentialRow) -> JSON:
        shown: JSON = {"keyId": row.id, "generationDate": iso(row.created_at)}
        if "publicKey" in row.attributes:
            shown["publicKey"] = row.attributes["publicKey"]
        return shown

    def user_json(self, row: q.UserRow) -> JSON:
        told: JSON = {"userId": row.id}
        told.update(
            {key: value for key, value in (("name", row.name), ("email", row.email)) if value is not None}
        )
        return told

    # Groups.

    def group(self, id: str) -> JSON | None:
        row = q.groups.get(self.conn, id)
        return None if row is None else self._group_json(row)

    def groups(self) -> list[JSON]:
        return [self._group_json(row) for row in q.groups.page(self.conn)]

    def _group_json(self, row: q.GroupRow) -> JSON:
        own = cast("JSON", row.attributes.get(OWN) or {})
        members = q.memberships.find(self.conn, group_id=row.id)
        return {
            "groupId": row.id,
            "name": row.name or row.id,
            "users": [{"userId": one.user_id} for one in members],
            "admins": own.get("admins") or [],
            "lastUpdated": iso(cast("float", own.get("updated", row.created_at))),
            "links": self.links(f"/v1/groups/{row.id}"),
            **{key: own[key] for key in ("tags",) if key in own},
        }

    def put_group(self, id: str, body: JSON) -> JSON:
        before = q.groups.get(self.conn, id)
        own: JSON = {
            "updated": self._later(before.attributes if before is not None else None),
            **{key: body[key] for key in ("admins", "tags") if key in body},
        }
        created = before.created_at if before is not None else self.now
        name = cast("str", body["name"])
        attributes = {**(before.attributes if before is not None else {}), OWN: own}
        q.groups.put(self.conn, q.GroupRow(id=id, created_at=created, name=name, attributes=attributes))
        q.memberships.remove(self.conn, group_id=id)
        for user in _ids(body.get("users"), "userId"):
            q.memberships.put(self.conn, q.MembershipRow(group_id=id, user_id=user, created_at=self.now))
        return cast("JSON", self.group(id))

    def delete_group(self, id: str) -> None:
        q.memberships.remove(self.conn, group_id=id)
        q.groups.delete(self.conn, id)

    def groups_of(self, user: str) -> set[str]:
        return {row.group_id for row in q.memberships.find(self.conn, user_id=user)}

    # Access records.

    def record(self, id: str) -> JSON | None:
        """One that is alive, or deleted and kept."""
        row = q.policies.get(self.conn, id)
        if row is not None and _is_record(row):
            return self._record_json(row)
        gone = q.get_meta(self.conn, GONE + id)
        return None if gone is None else cast("JSON", json.loads(gone))

    def records(self) -> list[JSON]:
        return [self._record_json(row) for row in q.policies.page(self.conn) if _is_record(row)]

    def deleted_records(self) -> list[JSON]:
        return self._values(GONE)

    def _record_json(self, row: q.PolicyRow) -> JSON:
        own = cast("JSON", row.attributes.get(OWN) or {})
        held = q.attachments.find(self.conn, policy_id=row.id)
        return {
            "recordId": row.id,
            "name": row.name or row.id,
            **({} if row.description is None else {"description": row.description}),
            "status": "ACTIVE",
            "capacity": 0.01,
            "lastUpdated": iso(cast("float", own.get("updated", row.created_at))),
            "account": {"accountId": self.account},
            "users": [{"userId": one.subject_id} for one in held if one.subject_type == "user"],
            "admins": own.get("admins") or [],
            "groups": [{"groupId": one.subject_id} for one in held if one.subject_type == "group"],
            "statements": [dict(one) for one in row.statements],
            "links": self.links(f"/v1/records/{row.id}"),
            **{key: own[key] for key in ("tags",) if key in own},
        }

    def put_record(self, id: str, body: JSON, creator: str) -> JSON:
        before = q.policies.get(self.conn, id)
        admins = body.get("admins") if body.get("admins") is not None else [{"userId": creator}]
        own: JSON = {
            "updated": self._later(before.attributes if before is not None else None),
            "admins": admins,
        }
        own.update({key: body[key] for key in ("tags",) if key in body})
        q.policies.put(
            self.conn,
            q.PolicyRow(
                id=id,
                created_at=before.created_at if before is not None else self.now,
                name=cast("str", body["name"]),
                description=cast("str | None", body.get("description")),
                statements=cast("Sequence[Mapping[str, object]]", body["statements"]),
                attributes={**(before.attributes if before is not None else {}), OWN: own},
            ),
        )
        q.attachments.remove(self.conn, policy_id=id)
        for kind, name, key in (("user", "users", "userId"), ("group", "groups", "groupId")):
            for subject in _ids(body.get(name), key):
                row = q.AttachmentRow(
                    policy_id=id, subject_type=kind, subject_id=subject, created_at=self.now
                )
                q.attachments.put(self.conn, row)
        return cast("JSON", self.record(id))

    def delete_record(self, id: str, *, keep: bool) -> None:
        if keep:
            gone = {**cast("JSON", self.record(id)), "status": "DELETED"}
            q.set_meta(self.conn, GONE + id, json.dumps(gone))
        q.attachments.remove(self.conn, policy_id=id)
        q.policies.delete(self.conn, id)

    # Roles, and the rules of resources.

    def role(self, id: str) -> JSON | None:
        found = q.get_meta(self.conn, ROLE + id)
        return BUILT_IN.get(id) if found is None else cast("JSON", json.loads(found))

    def roles(self) -> list[JSON]:
        return sorted([*BUILT_IN.values(), *self._values(ROLE)], key=lambda role: str(role["roleId"]))

    def put_role(self, id: str, body: JSON) -> JSON:
        role: JSON = {
            "roleId": id,
            "name": body["name"],
            "description": body.get("description"),
            "permissions": body["permissions"],
        }
        q.set_meta(self.conn, ROLE + id, json.dumps(role))
        return role

    def delete_role(self, id: str) -> None:
        self.conn.execute(tables.meta.delete().where(tables.meta.c.key == ROLE + id))

    def rules(self, uri: str) -> JSON | None:
        found = q.get_meta(self.conn, RESOURCE + uri.strip("/"))
        return None if found is None else cast("JSON", json.loads(found))

    def all_rules(self) -> list[JSON]:
        return self._values(RESOURCE)

    def put_rules(self, uri: str, permissions: object) -> None:
        told = {"resourceUri": uri, "permissions": permissions}
        q.set_meta(self.conn, RESOURCE + uri.strip("/"), json.dumps(told))

    # What they share.

    def links(self, path: str) -> JSON:
        return {"self": {"href": self.url + path}}

    def _values(self, prefix: str) -> list[JSON]:
        keys = tables.meta.c.key
        found = self.conn.execute(
            select(tables.meta.c.value).where(keys >= prefix, keys < prefix[:-1] + "/").order_by(keys)
        )
        return [cast("JSON", json.loads(value)) for value in found.scalars()]

    def _later(self, attributes: Mapping[str, object] | None) -> float:
        """Now, and later than the last change in any case: two of one millisecond are told apart."""
        own = cast("JSON", (attributes or {}).get(OWN) or {})
        last = cast("float", own.get("updated", 0.0))
        return max(self.now, round(last * 1000 + 1) / 1000)


def is_service(row: q.UserRow) -> bool:
    return row.attributes.get("kind") == "service"


def _is_record(row: q.PolicyRow) -> bool:
    """Policies of other backends stand in the same table."""
    return bool(row.statements) and all("roles" in one for one in row.statements)


def _ids(refs: object, key: str) -> Iterable[str]:
    return dict.fromkeys(str(one[key]) for one in cast("list[JSON]", refs or []))
