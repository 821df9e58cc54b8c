"""The operations that ask who is calling. Each runs within one transaction of the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from email.utils import parseaddr
from typing import cast

from identity_sdk.emulators.lakefs.call import JSON, Answer, Call, Refused, json_answer
from identity_sdk.emulators.lakefs.directory import ACCESS_KEY, Missing
from identity_sdk.emulators.lakefs.policies import InvalidPolicy, validate_statement
from identity_sdk.store import queries as q

__all__ = ["Handler", "check_new_user"]

Handler = Callable[[Call], Answer]

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")


def parse_address(text: str) -> str | None:
    """Return the address of ``a@b.c`` or ``Name <a@b.c>``, or ``None``."""
    address = parseaddr(text)[1]
    return address if _ADDRESS.fullmatch(address) else None


# Users


def check_new_user(call: Call) -> None:
    """What the server looks at before permissions."""
    _refuse_percent(call.text("id"), "User")
    if call.body.get("invite_user") and parse_address(call.text("id")) is None:
        raise Refused.because(400, "Invalid email format")


def create_user(call: Call) -> Answer:
    user_id = call.text("id")
    _check_name(call, user_id)
    if call.face.single_user and q.users.count(call.directory.conn):
        raise Refused.because(409, "Already exists")
    if call.body.get("invite_user"):
        call.refuse_single_user()
        call.directory.add_user(user_id, email=parse_address(user_id))
        return json_answer(201, {"id": user_id, "creation_date": 0})
    row = call.directory.add_user(user_id)
    return json_answer(201, {"id": row.id, "creation_date": int(row.created_at)})


def get_user(call: Call) -> Answer:
    with _missing("user not found"):
        row = call.directory.user(call.ids["userId"])
    shown = _dated(row) if call.face.old else _full_user(row)
    return json_answer(200, shown)


def delete_user(call: Call) -> Answer:
    with _missing("user not found"):
        call.directory.delete_user(call.ids["userId"])
    return Answer(204)


def list_users(call: Call) -> Answer:
    if call.face.single_user:
        everybody = q.users.page(call.directory.conn)
        return _page([_listed_user(call, row) for row in everybody], "")
    prefix, after, amount = call.window()
    rows = q.users.page(call.directory.conn, prefix=prefix, after=after and prefix + after, limit=amount)
    return _page([_listed_user(call, row) for row in rows], _next(rows, amount, prefix))


def current_user(call: Call) -> Answer:
    if call.user is None:  # only on 1.x: v0.91 lets nobody come this far
        return json_answer(200, {"user": {"creation_date": 0, "id": ""}})
    if call.face.old:
        return json_answer(200, {"user": {**_dated(call.user), "friendly_name": call.user.name or ""}})
    return json_answer(200, {"user": _full_user(call.user)})


def list_user_groups(call: Call) -> Answer:
    call.refuse_single_user()
    user_id = call.directory.user(call.ids["userId"]).id
    prefix, after, amount = call.window()
    conn = call.directory.conn
    rows = q.groups_of(conn, user_id, prefix=prefix, after=after and prefix + after, limit=amount)
    # Here alone (and for effective policies) the server tells the whole id, not what follows the prefix.
    return _page([_named(call, row) for row in rows], _next(rows, amount, ""))


def list_user_policies(call: Call) -> Answer:
    call.refuse_single_user()
    prefix, after, amount = call.window()
    conn, user_id = call.directory.conn, call.ids["userId"]
    if call.query.get("effective") in ("1", "t", "T", "TRUE", "true", "True"):
        call.directory.user(user_id)
        rows = q.effective_policies(conn, user_id, after=after, limit=amount)
        return _page([_policy(row) for row in rows], _next(rows, amount, ""))
    rows = q.attached_to(conn, "user", user_id, prefix=prefix, after=after and prefix + after, limit=amount)
    return _page([_policy(row) for row in rows], _next(rows, amount, prefix))


def attach_policy_to_user(call: Call) -> Answer:
    call.refuse_single_user()
    call.directory.attach(call.ids["policyId"], "user", call.ids["userId"])
    return Answer(201)


def detach_policy_from_user(call: Call) -> Answer:
    call.refuse_single_user()
    call.directory.detach(call.ids["policyId"], "user", call.ids["userId"])
    return Answer(204)


# Access keys


def list_user_credentials(call: Call) -> Answer:
    call.refuse_single_user()
    prefix, after, amount = call.window()
    rows = q.credentials.page(
        call.directory.conn,
        prefix=prefix,
        after=after and prefix + after,
        limit=amount,
        user_id=call.ids["userId"],
        kind=ACCESS_KEY,
    )
    return _page([_key(row) for row in rows], _next(rows, amount, prefix))


def create_credentials(call: Call) -> Answer:
    row, secret = call.directory.add_key(call.ids["userId"])
    return json_answer(201, {**_key(row), "secret_access_key": secret})


def get_credentials(call: Call) -> Answer:
    with _missing("credentials not found"):
        row = call.directory.key_of(call.ids["userId"], call.ids["accessKeyId"])
    return json_answer(200, _key(row))


def delete_credentials(call: Call) -> Answer:
    call.refuse_single_user()
    with _missing("credentials not found"):
        call.directory.delete_key(call.ids["userId"], call.ids["accessKeyId"])
    return Answer(204)


# Groups


def create_group(call: Call) -> Answer:
    group_id = call.text("id")
    _refuse_percent(group_id, "Group")
    call.refuse_single_user()
    _check_name(call, group_id)
    description = None if call.face.old else call.text("description") or None
    row = call.directory.add_group(group_id, description)
    shown = _named(call, row)
    if row.description:
        shown["description"] = row.description
    return json_answer(201, shown)


def get_group(call: Call) -> Answer:
    call.refuse_single_user()
    with _missing("group not found"):
        row = call.directory.group(call.ids["groupId"])
    described: JSON = {} if call.face.old else {"description": row.description or ""}
    return json_answer(200, {**_dated(row), **described})


def delete_group(call: Call) -> Answer:
    call.refuse_single_user()
    with _missing("group not found"):
        call.directory.delete_group(call.ids["groupId"])
    return Answer(204)


def list_groups(call: Call) -> Answer:
    call.refuse_single_user()
    prefix, after, amount = call.window()
    rows = q.groups.page(call.directory.conn, prefix=prefix, after=after and prefix + after, limit=amount)
    shown = [_named(call, row) for row in rows]
    if not call.face.old:
        shown = [
            {**item, "description": row.description or ""} for item, row in zip(shown, rows, strict=True)
        ]
    return _page(shown, _next(rows, amount, prefix))


def list_group_members(call: Call) -> Answer:
    call.refuse_single_user()
    group_id = call.directory.group(call.ids["groupId"]).id
    prefix, after, amount = call.window()
    conn = call.directory.conn
    rows = q.members_of(conn, group_id, prefix=prefix, after=after and prefix + after, limit=amount)
    return _page([_listed_user(call, row) for row in rows], _next(rows, amount, prefix))


def add_group_membership(call: Call) -> Answer:
    call.refuse_single_user()
    call.directory.add_member(call.ids["groupId"], call.ids["userId"])
    return Answer(201)


def delete_group_membership(call: Call) -> Answer:
    call.refuse_single_user()
    call.directory.remove_member(call.ids["groupId"], call.ids["userId"])
    return Answer(204)


def list_group_policies(call: Call) -> Answer:
    call.refuse_single_user()
    prefix, after, amount = call.window()
    conn, group_id = call.directory.conn, call.ids["groupId"]
    rows = q.attached_to(conn, "group", group_id, prefix=prefix, after=after and prefix + after, limit=amount)
    return _page([_policy(row) for row in rows], _next(rows, amount, prefix))


def attach_policy_to_group(call: Call) -> Answer:
    call.refuse_single_user()
    call.directory.attach(call.ids["policyId"], "group", call.ids["groupId"])
    return Answer(201)


def detach_policy_from_group(call: Call) -> Answer:
    call.refuse_single_user()
    call.directory.detach(call.ids["policyId"], "group", call.ids["groupId"])
    return Answer(204)


# Policies


def list_policies(call: Call) -> Answer:
    call.refuse_single_user()
    prefix, after, amount = call.window()
    rows = q.policies.page(call.directory.conn, prefix=prefix, after=after and prefix + after, limit=amount)
    return _page([_policy(row) for row in rows], _next(rows, amount, prefix))


def create_policy(call: Call) -> Answer:
    policy_id = call.text("id")
    _refuse_percent(policy_id, "Policy")
    call.refuse_single_user()
    _check_name(call, policy_id)
    return json_answer(201, _policy(call.directory.add_policy(policy_id, _statements(call))))


def get_policy(call: Call) -> Answer:
    call.refuse_single_user()
    with _missing("policy not found"):
        return json_answer(200, _policy(call.directory.policy(call.ids["policyId"])))


def update_policy(call: Call) -> Answer:
    policy_id = call.ids["policyId"]
    if call.text("id") != policy_id:
        raise Refused.because(400, "can't update policy id")
    call.refuse_single_user()
    statements = _statements(call)
    with _missing("not found"):
        return json_answer(200, _policy(call.directory.replace_policy(policy_id, statements)))


def delete_policy(call: Call) -> Answer:
    call.refuse_single_user()
    with _missing("policy not found"):
        call.directory.delete_policy(call.ids["policyId"])
    return Answer(204)


# What only an enterprise server has


def not_implemented(_call: Call) -> Answer:
    raise Refused.because(501, "Not Implemented")


# What they share


class _missing:
    """Answer 404 with these words when something is missing inside."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Missing):
            raise Refused.because(404, self._message) from None


def _refuse_percent(name: str, kind: str) -> None:
    if "%" in name:
        raise Refused.because(400, f"{kind} name cannot contain '%'")


def _check_name(call: Call, name: str) -> None:
    if not name:
        raise Refused.because(400, call.face.bad_name("empty name: validation error"))
    if "/" in name:
        raise Refused.because(400, call.face.bad_name("name contains delimiter /: validation error"))


def _statements(call: Call) -> list[JSON]:
    """Return the statements of the body, without keys that the server does not know."""
    found = cast("list[JSON]", call.body["statement"])
    try:
        for statement in found:
            validate_statement(statement)
    except InvalidPolicy as refusal:
        raise Refused.because(400, str(refusal)) from None
    return [{key: item[key] for key in ("action", "effect", "resource")} for item in found]


def _dated(row: q.UserRow | q.GroupRow) -> JSON:
    return {"id": row.id, "creation_date": int(row.created_at)}


def _full_user(row: q.UserRow) -> JSON:
    return {**_dated(row), "email": row.email or "", "friendly_name": row.name or ""}


def _listed_user(call: Call, row: q.UserRow) -> JSON:
    return {**_dated(row), "email": row.email or ""} if call.face.old else _full_user(row)


def _named(call: Call, row: q.GroupRow) -> JSON:
    return _dated(row) if call.face.old else {**_dated(row), "name": row.id}


def _key(row: q.CredentialRow) -> JSON:
    return {"access_key_id": row.id, "creation_date": int(row.created_at)}


def _policy(row: q.PolicyRow) -> JSON:
    return {"id": row.id, "creation_date": int(row.created_at), "statement": list(row.statements)}


def _next(rows: Sequence[object], amount: int, prefix: str) -> str:
    """A full page has a successor, even if that is empty; its offset is told without the prefix.

    So an id that equals the prefix, last on its page, has an empty offset, which the server takes for the end: with
    ``amount=1`` it hides all that follow.
    """
    return str(rows[-1].id)[len(prefix) :] if len(rows) == amount else ""  # type: ignore[attr-defined]


def _page(results: list[JSON], next_offset: str) -> Answer:
    pagination = {
        "has_more": bool(next_offset),
        "max_per_page": 0,
        "next_offset": next_offset,
        "results": len(results),
    }
    return json_answer(200, {"pagination": pagination, "results": results})
