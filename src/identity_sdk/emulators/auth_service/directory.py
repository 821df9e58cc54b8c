"""Users, groups and memberships as the server keeps them, with what it stores by mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from identity_sdk.emulators.auth_service.answer import ApiError, Trouble
from identity_sdk.emulators.auth_service.faces import Face
from identity_sdk.store import queries as q

__all__ = ["Directory", "JSON"]

JSON = dict[str, object]
LONGEST_ID = 63
LONGEST_DESCRIPTION = 255
_MODES = ("READ", "WRITE", "ADMIN")


@dataclass(frozen=True, slots=True)
class Directory:
    """The data within one transaction.

    A role or mode that is missing altogether was put there by another dialect of the same store, and counts as USER and
    READ; one that is explicitly null was stored by mistake.
    """

    conn: Connection
    face: Face
    now: float

    # Reading.

    def user(self, user_id: str) -> JSON:
        """``UserInfo``.

        Raises:
            Trouble: there is none, or it has no role.
        """
        row = q.users.get(self.conn, user_id)
        if row is None:
            raise Trouble(404, "User not found")
        return self._shown(row)

    def users(self) -> list[JSON]:
        return [self._shown(row) for row in q.users.page(self.conn)]

    def snapshot(self, user_id: str) -> JSON:
        """What a token says of a user; who is not there is a USER without groups."""
        row = q.users.get(self.conn, user_id)
        if row is None:
            return {"userId": user_id, "globalRole": "USER", "groups": []}
        return self._shown(row)

    def _shown(self, row: q.UserRow) -> JSON:
        role = row.attributes.get("globalRole", "USER")
        if role is None:
            raise Trouble(500, "a user has no role")
        groups = [self._info(one) for one in q.memberships.find(self.conn, user_id=row.id)]
        return {"userId": row.id, "globalRole": role, "groups": groups}

    def _info(self, one: q.MembershipRow) -> JSON:
        group = q.groups.get(self.conn, one.group_id)
        description = None if group is None else group.description
        return self._plain({"groupId": one.group_id, "description": description, "mode": _mode(one)})

    def group(self, group_id: str) -> JSON:
        """``GroupFull``.

        Raises:
            ApiError: there is none.
            Trouble: a membership has no mode.
        """
        row = q.groups.get(self.conn, group_id)
        if row is None:
            raise ApiError(404, "Group not found")
        return self._full(row)

    def groups(self) -> list[JSON]:
        return [self._full(row) for row in q.groups.page(self.conn)]

    def _full(self, row: q.GroupRow) -> JSON:
        members: list[JSON] = []
        for one in q.memberships.find(self.conn, group_id=row.id):
            if _mode(one) is None:
                raise Trouble(500, "a membership has no mode")
            members.append({"userId": one.user_id, "mode": _mode(one)})
        return self._plain({"groupId": row.id, "description": row.description, "users": members})

    def _plain(self, value: JSON) -> JSON:
        """The document knows no null: the documented face leaves such a field out."""
        return value if self.face.real else {key: one for key, one in value.items() if one is not None}

    # Writing.

    def add_group(self, group_id: str, description: str | None) -> None:
        _check(group_id, LONGEST_ID)
        _check(description or "", LONGEST_DESCRIPTION)
        q.groups.insert(self.conn, q.GroupRow(id=group_id, created_at=self.now, description=description))

    def describe(self, group_id: str, description: str | None) -> None:
        if q.groups.get(self.conn, group_id) is None:
            raise ApiError(404, "Group not found")
        _check(description or "", LONGEST_DESCRIPTION)
        q.groups.update(self.conn, group_id, description=description)

    def delete_group(self, group_id: str) -> None:
        if not q.groups.delete(self.conn, group_id):
            raise ApiError(404, "Group not found")
        q.memberships.remove(self.conn, group_id=group_id)

    def add_user(self, user_id: str, role: object) -> None:
        _check(user_id, LONGEST_ID)
        attributes = {"globalRole": role}
        q.users.insert(self.conn, q.UserRow(id=user_id, created_at=self.now, attributes=attributes))

    def set_role(self, user_id: str, role: object) -> None:
        row = cast("q.UserRow", q.users.get(self.conn, user_id))
        q.users.update(self.conn, user_id, attributes={**row.attributes, "globalRole": role})

    def delete_user(self, user_id: str) -> None:
        if not q.users.delete(self.conn, user_id):
            raise ApiError(404, "User not found")
        self.leave_all(user_id)

    def leave_all(self, user_id: str) -> None:
        q.memberships.remove(self.conn, user_id=user_id)

    def join(self, user_id: str, info: Mapping[str, object]) -> None:
        """One entry of a user's ``groups``; a group that is not there is made.

        Raises:
            ApiError: it names no group, or one that the user is in already.
        """
        group_id = info.get("groupId")
        if not isinstance(group_id, str):
            raise ApiError(404, "Group not found")
        if q.groups.get(self.conn, group_id) is None:
            self.add_group(group_id, cast("str | None", info.get("description")))
        if q.memberships.get(self.conn, group_id, user_id) is not None:
            raise ApiError(400, "Some error")
        self.put_member(group_id, user_id, info.get("mode"))

    def put_member(self, group_id: str, user_id: str, mode: object) -> None:
        row = q.MembershipRow(
            group_id=group_id,
            user_id=user_id,
            created_at=self.now,
            role=cast("str | None", mode),
            attributes={"mode": mode},
        )
        q.memberships.put(self.conn, row)


def _mode(one: q.MembershipRow) -> object:
    if one.role in _MODES:
        return one.role
    return one.attributes.get("mode", "READ")


def _check(text: str, longest: int) -> None:
    """What the database refuses."""
    if len(text) > longest or "\0" in text:
        raise Trouble(400, "Some error")
