"""Read-modify-write of groups and records: the whole object goes back, with all that we do not know in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from identity_sdk.adapters.authress.api import AuthressApi
from identity_sdk.adapters.authress.inputs import GroupBody, RecordBody
from identity_sdk.adapters.authress.models import AuthressGroup, AuthressRecord, plain
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import InvalidRequestError, NotFoundError

__all__ = [
    "DELETED",
    "group_of",
    "has_group",
    "has_user",
    "living",
    "put_group",
    "put_record",
    "with_principal",
    "without_principal",
    "without_user",
]

DELETED = "DELETED"
_READ_ONLY = ("last_updated", "links", "status", "capacity", "account")

MEMBERS = 100


async def group_of(api: AuthressApi, id: str) -> AuthressGroup:
    """The group, and no other."""
    return same_id(await api.get_group(id), id)


async def living(api: AuthressApi, id: str) -> AuthressRecord:
    """The record, and no other.

    Raises:
        NotFoundError: there is none, or it is deleted (then it can still be read).
    """
    found = same_id(await api.get_record(id), id)
    if found.status == DELETED:
        raise NotFoundError(f"policy {id} is deleted", provider="authress")
    return found


async def put_group(api: AuthressApi, group: AuthressGroup, changes: dict[str, Any]) -> AuthressGroup:
    """Writes a group back with ``changes``, unless somebody else has written it since."""
    body = GroupBody.model_validate({**plain(group, *_READ_ONLY), **changes})
    return same_id(
        await api.update_group(group.id, body, if_unmodified_since=group.last_updated or None), group.id
    )


async def put_record(api: AuthressApi, record: AuthressRecord, changes: dict[str, Any]) -> None:
    """Writes a record back with ``changes``, unless somebody else has written it since."""
    told = {**plain(record, *_READ_ONLY), **changes}
    changed = await api.update_record(
        record.id, RecordBody.model_validate(told), if_unmodified_since=record.last_updated or None
    )
    if changed is not None:
        same_id(changed, record.id)


def has_user(record: AuthressRecord, user: str) -> bool:
    """Whether a record gives a user something by name."""
    lists = [record.users or (), *(one.users or () for one in record.statements)]
    return any(ref.user_id == user for refs in lists for ref in refs)


def has_group(record: AuthressRecord, group: str) -> bool:
    """Whether a record gives a group something."""
    lists = [record.groups or (), *(one.groups or () for one in record.statements)]
    return any(ref.group_id == group for refs in lists for ref in refs)


_Kinds = {"user": ("users", "userId", 1000, 100), "group": ("groups", "groupId", 100, 10)}


def with_principal(record: AuthressRecord, kind: str, id: str) -> dict[str, Any] | None:
    """The changes that attach it; ``None`` when it is attached. Where principals stand in the statements, so does it.

    Raises:
        InvalidRequestError: there is no more room.
    """
    name, key, most, most_in_statement = _Kinds[kind]
    told = plain(record)
    statements: list[dict[str, Any]] = told.get("statements") or []
    if any(one.get("users") or one.get("groups") for one in statements):
        changed = [_added(one, name, key, id, most_in_statement) for one in statements]
        return None if changed == statements else {"statements": changed}
    added = _added(told, name, key, id, most)
    return None if added == told else {name: added[name]}


def without_principal(record: AuthressRecord, kind: str, id: str) -> dict[str, Any] | None:
    """The changes that detach it, wherever it stands; ``None`` when it is not there."""
    name, key, _, _ = _Kinds[kind]
    return _without(plain(record), name, key, id)


def without_user(told: dict[str, Any], user: str) -> dict[str, Any] | None:
    """The changes that take a user out of what was read, also as an administrator; ``None`` when it is not there."""
    changed = _without(told, "users", "userId", user) or {}
    admins: list[dict[str, Any]] = told.get("admins") or []
    kept = [one for one in admins if one.get("userId") != user]
    if len(kept) != len(admins):
        changed["admins"] = kept
    return changed or None


def _added(holder: dict[str, Any], name: str, key: str, id: str, most: int) -> dict[str, Any]:
    there: list[dict[str, Any]] = holder.get(name) or []
    if any(one.get(key) == id for one in there):
        return holder
    if len(there) >= most:
        raise InvalidRequestError(
            f"there are {most} {name} already, which is the limit", fields={name: "full"}, provider="authress"
        )
    return {**holder, name: [*there, {key: id}]}


def _without(told: dict[str, Any], name: str, key: str, id: str) -> dict[str, Any] | None:
    changed: dict[str, Any] = {}
    there: list[dict[str, Any]] = told.get(name) or []
    if len(kept := _others(there, key, id)) != len(there):
        changed[name] = kept
    statements: list[dict[str, Any]] = told.get("statements") or []
    freed = [
        {**one, name: _others(one[name], key, id)}
        if one.get(name) and len(_others(one[name], key, id)) != len(one[name])
        else one
        for one in statements
    ]
    if freed != statements:
        changed["statements"] = freed
    return changed or None


def _others(there: Iterable[dict[str, Any]], key: str, id: str) -> list[dict[str, Any]]:
    return [one for one in there if one.get(key) != id]
