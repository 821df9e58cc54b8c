"""Users, groups and memberships on the store, seen as Argus' subjects: by number or by short name, deleted softly.

The store knows objects by one text id, which is the short name here. The number is worked out of it (and of when it was
made), so that objects of another dialect have one as well. What is deleted leaves the shared tables, so that no other
dialect sees it, and is kept aside.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from sqlalchemy import Connection, select

from identity_sdk.emulators.argus.wire import JSON, refuse
from identity_sdk.store import queries as q
from identity_sdk.store import tables

__all__ = ["Directory", "Numbers", "Subject", "facts", "number_of"]

KEY = "argus"
GROUP_MEMBER = "group:"
"""Marks a group among the members of another: no short name holds a colon."""
_GRAVES = "argus.deleted."
_GENERATION = "argus.generation"

Row: TypeAlias = q.UserRow | q.GroupRow


def facts(row: object) -> JSON:
    """What this dialect alone keeps of a row."""
    found = cast("Mapping[str, object]", getattr(row, "attributes", {})).get(KEY)
    return dict(cast("JSON", found)) if isinstance(found, dict) else {}


def number_of(kind: str, *parts: object) -> int:
    """A positive number of 47 bits that stands for an object."""
    whole = "\x1f".join([kind, *map(str, parts)]).encode("utf-8", "surrogatepass")
    return 1 + int.from_bytes(hashlib.sha256(whole).digest()[:8], "big") % (2**47 - 1)


@dataclass(frozen=True, slots=True)
class Subject:
    """A user or a group."""

    kind: str
    row: Row
    deleted: bool = False

    @property
    def name(self) -> str:
        return self.row.id

    @property
    def number(self) -> int:
        return number_of(self.kind, self.row.id, self.row.created_at, facts(self.row).get("generation", 0))

    @property
    def facts(self) -> JSON:
        return facts(self.row)

    @property
    def flags(self) -> list[str]:
        told = self.facts
        found = ["deleted"] if self.deleted else []
        known = ("blocked", "daemonAccount", "externallyManaged", "forcePasswordChange", "notificationUser")
        return found + [name for name in known if told.get(name)]


class Numbers:
    """Remembers which number is whose, so that a look-up by number need not read everything each time."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, int], str] = {}

    def remember(self, subject: Subject) -> int:
        number = subject.number
        self._names[subject.kind, number] = subject.name
        return number

    def name(self, kind: str, number: int) -> str | None:
        return self._names.get((kind, number))


class Directory:
    """One transaction's view."""

    def __init__(self, conn: Connection, numbers: Numbers, now: float) -> None:
        self.conn = conn
        self.now = now
        self._numbers = numbers
        self._groups_of: dict[str, list[Subject]] | None = None

    # Reading.

    def rows(self, kind: str) -> list[Subject]:
        found: Iterable[Row] = q.users.page(self.conn) if kind == "user" else q.groups.page(self.conn)
        return [Subject(kind, row) for row in found]

    def count(self, kind: str) -> int:
        return q.users.count(self.conn) if kind == "user" else q.groups.count(self.conn)

    def window(self, kind: str, offset: int, limit: int) -> list[Subject]:
        """Some of all, ordered by short name; ``limit`` 0 means everything."""
        table, rows = (tables.users, q.users) if kind == "user" else (tables.groups, q.groups)
        chosen = select(table.c.id).order_by(table.c.id).offset(offset).limit(limit or None)
        inside = table.c.id.in_(chosen.scalar_subquery())
        found: Iterable[Row] = rows.page(self.conn, inside)
        return [Subject(kind, row) for row in found]

    def number(self, subject: Subject) -> int:
        return self._numbers.remember(subject)

    def find(self, kind: str, name: str, *, deleted: bool = False) -> Subject | None:
        """By short name, or by number if it is digits alone."""
        if name.isascii() and name.isdigit():
            return self._by_number(kind, int(name[:18]), deleted)
        row = self._get(kind, name)
        if row is not None:
            return Subject(kind, row)
        graves = [one for one in self.graves(kind) if one.name == name] if deleted else []
        return graves[-1] if graves else None

    def _by_number(self, kind: str, number: int, deleted: bool) -> Subject | None:
        known = self._numbers.name(kind, number)
        row = self._get(kind, known) if known is not None else None
        if row is not None and Subject(kind, row).number == number:
            return Subject(kind, row)
        for one in [*self.rows(kind), *(self.graves(kind) if deleted else [])]:
            if self._numbers.remember(one) == number:
                return one
        return None

    def _get(self, kind: str, name: str) -> Row | None:
        return q.users.get(self.conn, name) if kind == "user" else q.groups.get(self.conn, name)

    def subject(self, name: str, *kinds: str, deleted: bool = False) -> Subject:
        """Whoever has that name or number.

        Raises:
            Refused: nobody.
        """
        for kind in kinds or ("user", "group"):
            found = self.find(kind, name, deleted=deleted)
            if found is not None:
                return found
        raise refuse(404, f"No {' or '.join(kinds or ('user', 'group'))} {name}")

    # Writing.

    def generation(self) -> int:
        number = int(q.get_meta(self.conn, _GENERATION) or 0) + 1
        q.set_meta(self.conn, _GENERATION, str(number))
        return number

    def add(
        self, kind: str, name: str, told: JSON, *, full_name: str, email: str | None, text: str | None
    ) -> Subject:
        made = {KEY: {**told, "generation": self.generation()}}
        row: Row
        if kind == "user":
            row = q.UserRow(id=name, created_at=self.now, email=email, name=full_name, attributes=made)
            q.users.insert(self.conn, row)
        else:
            row = q.GroupRow(id=name, created_at=self.now, name=full_name, description=text, attributes=made)
            q.groups.insert(self.conn, row)
        return Subject(kind, row)

    def change(self, subject: Subject, columns: JSON, told: JSON) -> Subject:
        """Changes columns of the row and facts of this dialect."""
        merged = {**subject.row.attributes, KEY: {**subject.facts, **told, "updated": self.now}}
        rows = q.users if subject.kind == "user" else q.groups
        rows.update(self.conn, subject.name, **columns, attributes=merged)
        row = self._get(subject.kind, subject.name)
        assert row is not None
        return Subject(subject.kind, row)

    # Soft deletion.

    def graves(self, kind: str) -> list[Subject]:
        found: list[Subject] = []
        prefix = f"{_GRAVES}{kind}."
        table = tables.meta
        rows = self.conn.execute(table.select().where(table.c.key.startswith(prefix)).order_by(table.c.key))
        for entry in rows.mappings():
            told = json.loads(entry["value"])
            make = q.UserRow if kind == "user" else q.GroupRow
            found.append(Subject(kind, make(**told), deleted=True))
        return found

    def bury(self, subject: Subject) -> Subject:
        """Takes a row out of the shared tables, with its memberships and grants."""
        row = subject.row
        told = {**subject.facts, "deleted": self.now}
        kept: JSON = {"id": row.id, "created_at": row.created_at, "name": row.name}
        kept["attributes"] = {**row.attributes, KEY: told}
        if isinstance(row, q.UserRow):
            kept["email"] = row.email
            q.users.delete(self.conn, row.id)
            q.memberships.remove(self.conn, user_id=row.id)
        else:
            kept["description"] = row.description
            q.groups.delete(self.conn, row.id)
            q.memberships.remove(self.conn, group_id=row.id)
            q.memberships.remove(self.conn, user_id=GROUP_MEMBER + row.id)
        q.attachments.remove(self.conn, subject_type=subject.kind, subject_id=row.id)
        q.set_meta(self.conn, f"{_GRAVES}{subject.kind}.{subject.number:015d}", json.dumps(kept))
        return replace(subject, deleted=True)

    def raise_again(self, subject: Subject) -> Subject:
        """Takes a deletion back; memberships and grants stay gone."""
        self.conn.execute(
            tables.meta.delete().where(tables.meta.c.key == f"{_GRAVES}{subject.kind}.{subject.number:015d}")
        )
        if isinstance(subject.row, q.UserRow):
            q.users.insert(self.conn, subject.row)
        else:
            q.groups.insert(self.conn, subject.row)
        return replace(subject, deleted=False)

    # Memberships.

    def members(self, group: Subject) -> list[Subject]:
        found: list[Subject] = []
        inside = select(tables.memberships.c.user_id).where(tables.memberships.c.group_id == group.name)
        users = {row.id: row for row in q.users.page(self.conn, tables.users.c.id.in_(inside))}
        for row in q.memberships.find(self.conn, group_id=group.name):
            kind, name = _member(row.user_id)
            one = users.get(name) if kind == "user" else self._get(kind, name)
            if one is not None:
                found.append(Subject(kind, one))
        return found

    def groups_of(self, subject: Subject, *, inherited: bool) -> list[Subject]:
        """The groups that a subject is in, with ``inherited`` those above them too; ordered by name."""
        found: dict[str, Subject] = {}
        waiting = [subject]
        while waiting:
            one = waiting.pop()
            member = one.name if one.kind == "user" else GROUP_MEMBER + one.name
            for group in self._above(member):
                if group.name not in found:
                    found[group.name] = group
                    if inherited:
                        waiting.append(group)
        return [found[name] for name in sorted(found)]

    def _above(self, member: str) -> list[Subject]:
        if self._groups_of is not None:
            return self._groups_of.get(member, [])
        table = tables.memberships
        inside = select(table.c.group_id).where(table.c.user_id == member)
        return [Subject("group", row) for row in q.groups.page(self.conn, tables.groups.c.id.in_(inside))]

    def read_memberships(self) -> None:
        """Reads all memberships at once, before many subjects are shown; nothing may change afterwards."""
        self._groups_of = {}
        known = {one.name: one for one in self.rows("group")}
        for row in q.memberships.find(self.conn):
            if row.group_id in known:
                self._groups_of.setdefault(row.user_id, []).append(known[row.group_id])

    def join(self, group: Subject, member: Subject) -> bool:
        """Puts a subject into a group; tells whether it was not there."""
        key = member.name if member.kind == "user" else GROUP_MEMBER + member.name
        if q.memberships.get(self.conn, group.name, key) is not None:
            return False
        q.memberships.insert(
            self.conn, q.MembershipRow(group_id=group.name, user_id=key, created_at=self.now)
        )
        return True

    def leave(self, group: Subject, member: Subject) -> bool:
        key = member.name if member.kind == "user" else GROUP_MEMBER + member.name
        return q.memberships.delete(self.conn, group.name, key)

    def memberships(self, subjects: list[Subject]) -> list[tuple[str, q.MembershipRow, Subject, Subject]]:
        """All memberships (of these subjects, if any are named): id, row, group, member."""
        wanted = {one.name if one.kind == "user" else GROUP_MEMBER + one.name for one in subjects}
        found: list[tuple[str, q.MembershipRow, Subject, Subject]] = []
        for row in q.memberships.find(self.conn):
            kind, name = _member(row.user_id)
            group, member = self._get("group", row.group_id), self._get(kind, name)
            if group is not None and member is not None and (not subjects or row.user_id in wanted):
                named = f"{row.group_id}\x1f{row.user_id}\x1f{row.created_at}"
                id = str(uuid.uuid5(uuid.NAMESPACE_URL, named))
                found.append((id, row, Subject("group", group), Subject(kind, member)))
        return found


def _member(user_id: str) -> tuple[str, str]:
    if user_id.startswith(GROUP_MEMBER):
        return "group", user_id.removeprefix(GROUP_MEMBER)
    return "user", user_id
