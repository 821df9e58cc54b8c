"""Users, groups and memberships: useradmin v2, users v2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from identity_sdk.emulators.argus.call import Call
from identity_sdk.emulators.argus.directory import Subject
from identity_sdk.emulators.argus.wire import JSON, Answer, Refused, field_error, refuse, stash
from identity_sdk.store import queries as q

_OWN = ("language", "phone", "phoneNumber", "role", "daemonAccount", "notificationUser", "externallyManaged")

_NO_FILTER = {"limit", "offset"}

# Users and groups.


def _chosen(call: Call, kinds: tuple[str, ...], told: JSON | None = None) -> list[Subject]:
    """The subjects that a query (or the body of a search) asks for, ordered by short name."""
    asked = call.asked
    body = told or {}

    def many(*names: str) -> list[str]:
        listed = [value for name in names for value in asked.all(name)]
        return listed + [str(one) for name in names for one in cast("list[object]", body.get(name) or [])]

    deleted = asked.flag("includeDeleted", bool(body.get("includeDeleted", False)))
    found = [one for kind in kinds for one in call.directory.rows(kind)]
    if deleted:
        found += [one for kind in kinds for one in call.directory.graves(kind)]
    customers = {call.grants.customer(one, field="customer").short_name for one in many("customer")}
    domains = {one.upper() for one in many("domain")}
    subjects = set(many("subject"))
    include, exclude = set(many("includeFlag", "includeFlags")), set(many("excludeFlag", "excludeFlags"))
    words = [one.lower() for one in many("keyword", "keywords")]
    fields = many("keywordField", "keywordFieldStrategy") or ["shortName", "name", "email", "phoneNumber"]
    anyone = (asked.one("keywordMatch") or body.get("keywordMatchStrategy") or "all") == "any"

    def fits(one: Subject) -> bool:
        customer = str(one.facts.get("customer") or next(iter(call.grants.customers)))
        said = [_field(one, name).lower() for name in fields]
        matches = [any(word in text for text in said) for word in words]
        return (
            (not customers or customer in customers)
            and (not domains or bool(domains & {"MNEMONIC", "1"}))
            and (not subjects or one.name in subjects or str(call.directory.number(one)) in subjects)
            and include <= set(one.flags)
            and not exclude & set(one.flags)
            and (not words or (any(matches) if anyone else all(matches)))
        )

    return sorted((one for one in found if fits(one)), key=lambda one: one.name)


def _field(one: Subject, name: str) -> str:
    if name == "shortName":
        return one.name
    if name in ("name", "email"):
        return str(getattr(one.row, name, "") or "")
    return str(one.facts.get(name) or "")


def _listed(call: Call, kinds: tuple[str, ...], show: Callable[[Subject], JSON], *, basic: bool) -> Answer:
    if not basic:
        call.who.need(call.asked)
    call.directory.read_memberships()
    if len(kinds) == 1 and not {name for name, _ in call.asked.query} - _NO_FILTER:
        return call.window(kinds[0], show)
    return call.page(_chosen(call, kinds), show)


def _searched(call: Call, kinds: tuple[str, ...], show: Callable[[Subject], JSON]) -> Answer:
    call.who.need(call.asked, writes=False)
    return call.page(_chosen(call, kinds, call.body), show, source=call.body)


def _one(call: Call, kinds: tuple[str, ...], show: Callable[[Subject], JSON], *, basic: bool) -> Answer:
    if not basic:
        call.who.need(call.asked)
    for kind in kinds:
        found = call.directory.find(kind, call.id("id"), deleted=call.choices.deleted == "flagged")
        if found is not None:
            return stash(show(found))
    return call.missing()


def list_users(call: Call) -> Answer:
    return _listed(call, ("user",), call.views.user, basic=False)


def list_groups(call: Call) -> Answer:
    return _listed(call, ("group",), call.views.group, basic=False)


def list_subjects(call: Call) -> Answer:
    return _listed(call, ("user", "group"), call.views.subject, basic=False)


def list_basic_users(call: Call) -> Answer:
    return _listed(call, ("user",), lambda one: call.views.user(one, whole=False), basic=True)


def list_basic_groups(call: Call) -> Answer:
    return _listed(call, ("group",), lambda one: call.views.group(one, whole=False), basic=True)


def search_users(call: Call) -> Answer:
    return _searched(call, ("user",), call.views.user)


def search_groups(call: Call) -> Answer:
    return _searched(call, ("group",), call.views.group)


def get_user(call: Call) -> Answer:
    return _one(call, ("user",), call.views.user, basic=False)


def get_group(call: Call) -> Answer:
    return _one(call, ("group",), call.views.group, basic=False)


def get_subject(call: Call) -> Answer:
    return _one(call, ("user", "group"), call.views.subject, basic=False)


def get_basic_user(call: Call) -> Answer:
    return _one(call, ("user",), lambda one: call.views.user(one, whole=False), basic=True)


def get_basic_group(call: Call) -> Answer:
    return _one(call, ("group",), lambda one: call.views.group(one, whole=False), basic=True)


def _free(call: Call, kind: str, name: str) -> None:
    """Refuses a short name that is taken."""
    found = call.directory.find(kind, name) if not name.isdigit() else None
    if found is not None:
        raise field_error("shortName", "is in use", call.choices.duplicate)


def _add(call: Call, kind: str) -> Subject:
    call.who.need(call.asked)
    body = call.body
    customer = call.grants.customer(str(body["customer"]), field="customer")
    domain = str(body.get("domain", "MNEMONIC"))
    if domain.upper() not in ("MNEMONIC", "1"):
        raise field_error("domain", f"No domain {domain}")
    name = str(body["shortName"])
    _free(call, kind, name)
    told = {key: body[key] for key in (*_OWN, "description") if key in body}
    more = {"customer": customer.short_name, "by": call.who.user.name}
    text = cast("str | None", body.get("description"))
    email = cast("str | None", body.get("email")) or None
    return call.directory.add(
        kind, name, {**told, **more}, full_name=str(body["name"]), email=email, text=text
    )


def add_user(call: Call) -> Answer:
    return call.made(call.views.user(_add(call, "user")))


def add_group(call: Call) -> Answer:
    return call.made(call.views.group(_add(call, "group")))


def _update(call: Call, kind: str) -> Subject:
    call.who.need(call.asked)
    subject, body = call.directory.subject(call.id("id"), kind), call.body
    if "shortName" in body and body["shortName"] != subject.name:
        raise field_error("shortName", "cannot be changed here")  # the store knows objects by it
    columns: JSON = {}
    if "name" in body:
        columns["name"] = body["name"]
    if kind == "user" and "email" in body:
        columns["email"] = body["email"] or None
    if kind == "group" and "description" in body:
        columns["description"] = body["description"] or None
    told = {key: body[key] for key in (*_OWN, "description") if key in body}
    return call.directory.change(subject, columns, told)


def update_user(call: Call) -> Answer:
    return stash(call.views.user(_update(call, "user")))


def update_group(call: Call) -> Answer:
    return stash(call.views.group(_update(call, "group")))


def delete_user(call: Call) -> Answer:
    """Softly. The user's keys and sessions stay, and are dead: their user is nobody's any more."""
    call.who.need(call.asked)
    return stash(call.views.user(call.directory.bury(call.directory.subject(call.id("id"), "user"))))


def delete_group(call: Call) -> Answer:
    call.who.need(call.asked)
    return stash(call.views.group(call.directory.bury(call.directory.subject(call.id("id"), "group"))))


def _reenable(call: Call, kind: str) -> Subject:
    call.who.need(call.asked)
    subject = call.directory.subject(call.id("id"), kind, deleted=True)
    if not subject.deleted:
        return subject
    _free(call, kind, subject.name)
    return call.directory.raise_again(subject)


def reenable_user(call: Call) -> Answer:
    return stash(call.views.user(_reenable(call, "user")))


def unblock_user(call: Call) -> Answer:
    """The deprecated one: today ``/authentication/v1/user/{user}/unblock``."""
    call.who.need(call.asked)
    subject = call.directory.subject(call.id("id"), "user")
    return stash(call.views.user(call.directory.change(subject, {}, {"blocked": False, "failures": 0})))


def reenable_group(call: Call) -> Answer:
    return stash(call.views.group(_reenable(call, "group")))


def _move(call: Call, kind: str) -> Subject:
    call.who.need(call.asked)
    customer = call.grants.customer(str(call.body["customer"]), field="customer")
    return call.directory.change(
        call.directory.subject(call.id("id"), kind), {}, {"customer": customer.short_name}
    )


def move_user(call: Call) -> Answer:
    return stash(call.views.user(_move(call, "user")))


def move_group(call: Call) -> Answer:
    return stash(call.views.group(_move(call, "group")))


def reset_password(call: Call) -> Answer:
    """The deprecated one: the user has to choose a new password at the next sign-in."""
    call.who.need(call.asked)
    subject = call.directory.subject(call.id("id"), "user")
    return stash(call.views.user(call.directory.change(subject, {}, {"forcePasswordChange": True})))


# Memberships.


def list_members(call: Call) -> Answer:
    call.who.need(call.asked)
    group = call.directory.subject(call.id("id"), "group")
    call.directory.read_memberships()
    return stash(
        [call.views.subject(one) for one in sorted(call.directory.members(group), key=lambda one: one.name)]
    )


def named_subjects(call: Call, names: Iterable[str], field: str, *kinds: str) -> list[Subject]:
    found: list[Subject] = []
    for name in names:
        try:
            found.append(call.directory.subject(name, *kinds))
        except Refused:
            raise refuse(404, f"{field}: there is no {name}") from None
    return found


def add_members(call: Call) -> Answer:
    call.who.need(call.asked)
    group = call.directory.subject(call.id("id"), "group")
    members = named_subjects(call, cast("list[str]", call.body["subject"]), "subject")
    if not members:
        raise field_error("subject", "must not be empty")
    for one in members:
        new = call.directory.join(group, one)
        if not new and call.choices.repeated == "refused":
            raise field_error("subject", f"{one.name} is a member already")
    return call.made([call.views.subject(one) for one in members])


def remove_members(call: Call) -> Answer:
    call.who.need(call.asked)
    group = call.directory.subject(call.id("id"), "group")
    members = named_subjects(call, call.asked.all("subject"), "subject")
    if not members:
        raise field_error("subject", "must not be empty")
    for one in members:
        gone = call.directory.leave(group, one)
        if not gone and call.choices.repeated == "refused":
            raise field_error("subject", f"{one.name} is no member")
    return stash([call.views.subject(one) for one in members])


def subject_groups(call: Call) -> Answer:
    """Readable by everybody; the path takes a number alone."""
    if not call.id("id").isdigit():
        raise field_error("subject", "must be a number")
    subject = call.directory.subject(call.id("id"))
    found = call.directory.groups_of(subject, inherited=call.asked.flag("includeInherited", False))
    return call.page(found, lambda one: call.views.group(one, whole=False))


def add_to_groups(call: Call) -> Answer:
    call.who.need(call.asked)
    subject = call.directory.subject(call.id("id"))
    groups = named_subjects(call, cast("list[str]", call.body["parentGroups"]), "parentGroups", "group")
    for group in groups:
        call.directory.join(group, subject)
    names = {group.name for group in groups}
    found = [one for one in call.directory.memberships([subject]) if one[2].name in names]
    return call.made([call.views.membership(*one) for one in found])


def list_memberships(call: Call) -> Answer:
    call.who.need(call.asked)
    subjects = named_subjects(call, call.asked.all("subject"), "subject")
    return call.page(call.directory.memberships(subjects), lambda one: call.views.membership(*one))


def remove_memberships(call: Call) -> Answer:
    call.who.need(call.asked)
    known = {one[0]: one for one in call.directory.memberships([])}
    wanted = call.asked.all("membershipID")
    if not known.keys() >= set(wanted):
        raise refuse(404, "No such membership")
    for one in wanted:
        _, row, _, _ = known[one]
        q.memberships.delete(call.directory.conn, row.group_id, row.user_id)
    return stash([call.views.membership(*known[one], gone=True) for one in wanted])
