"""Pages and look-ups that several resources share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection, func

from identity_sdk.adapters.local.models import kind_of
from identity_sdk.adapters.local.rules import PAGE
from identity_sdk.errors import NotFoundError
from identity_sdk.listing import Page
from identity_sdk.store import tables
from identity_sdk.store.queries import GroupRow, PolicyRow, UserRow, groups, policies, users

__all__ = ["expect_group", "expect_policy", "expect_user", "paged", "users_page"]


class HasId(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=HasId)
T = TypeVar("T")


def paged(rows: Callable[[int], Sequence[R]], size: int | None, make: Callable[[R], T]) -> Page[T]:
    """One page of at most 1,000, in bytewise order of the ids; the cursor is the last id.

    Args:
        rows: answers at most so many rows; it is asked for one more, which tells whether the list goes on.
        size: how many items are still wanted.
        make: the model of a row.
    """
    wanted = PAGE if size is None else min(size, PAGE)
    found = rows(wanted + 1)
    more = len(found) > wanted
    found = found[:wanted]
    return Page(tuple(make(row) for row in found), found[-1].id if more and found else None)


def users_page(
    conn: Connection, after: str, prefix: str, limit: int, kind: str, email: str | None
) -> list[UserRow]:
    """Users of one kind; a row that does not say its kind is a person's."""
    said = func.coalesce(tables.users.c.attributes["kind"].as_string(), "human")
    equal = {} if email is None else {"email": email}
    return users.page(conn, said == kind, after=after, prefix=prefix, limit=limit, **equal)


def expect_user(conn: Connection, id: str, kind: str | None = None) -> UserRow:
    """The user, of this kind if one is given.

    Raises:
        NotFoundError: there is none.
    """
    row = users.get(conn, id)
    if row is None or (kind is not None and kind_of(row) != kind):
        there = f' (there is one of kind="{kind_of(row)}")' if row is not None else ""
        what = f"{kind} user" if kind is not None else "user"
        raise NotFoundError(f"there is no {what} {id!r}{there}", provider="local")
    return row


def expect_group(conn: Connection, id: str) -> GroupRow:
    """The group.

    Raises:
        NotFoundError: there is none.
    """
    row = groups.get(conn, id)
    if row is None:
        raise NotFoundError(f"there is no group {id!r}", provider="local")
    return row


def expect_policy(conn: Connection, id: str) -> PolicyRow:
    """The policy.

    Raises:
        NotFoundError: there is none.
    """
    row = policies.get(conn, id)
    if row is None:
        raise NotFoundError(f"there is no policy {id!r}", provider="local")
    return row
