"""Permissions, functions and customers: useradmin v2, users v2, customers v2; and what the caller itself has."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from identity_sdk.emulators.argus.administration import named_subjects
from identity_sdk.emulators.argus.call import Call
from identity_sdk.emulators.argus.directory import KEY
from identity_sdk.emulators.argus.grants import Function, Grant
from identity_sdk.emulators.argus.schema import BODIES, check_object
from identity_sdk.emulators.argus.wire import JSON, Answer, field_error, refuse, stash
from identity_sdk.store import queries as q

# Permissions.


def _permissions_of(call: Call, kind: str) -> Answer:
    call.who.need(call.asked)
    subject = call.directory.subject(call.id("id"), kind)
    inherited = call.asked.flag("includeInherited", True)
    return call.page(
        call.grants.effective(subject) if inherited else call.grants.of(subject), call.views.permission
    )


def user_permissions(call: Call) -> Answer:
    return _permissions_of(call, "user")


def group_permissions(call: Call) -> Answer:
    return _permissions_of(call, "group")


def list_permissions(call: Call) -> Answer:
    call.who.need(call.asked)
    asked, grants = call.asked, call.grants
    subjects = named_subjects(call, asked.all("subject"), "subject")
    functions = {grants.function(one).name for one in asked.all("function")}
    customers = {grants.customer(one).short_name for one in asked.all("customer")}
    if asked.flag("includeSubjectAscendants", True):
        subjects += [
            group for one in list(subjects) for group in call.directory.groups_of(one, inherited=True)
        ]
    if subjects and asked.flag("includeSubjectDescendants", True):
        subjects += [
            member for one in list(subjects) if one.kind == "group" for member in call.directory.members(one)
        ]
    if asked.flag("includeFunctionAscendants", True):
        functions |= {above for one in list(functions) for above in grants.above_function(one)}
    if functions and asked.flag("includeFunctionDescendants", True):
        functions |= {name for name in grants.functions if grants.above_function(name) & functions}
    if asked.flag("includeCustomerAscendants", True):
        customers |= {above for one in list(customers) for above in grants.above_customer(one)}
    if customers and asked.flag("includeCustomerDescendants", True):
        customers |= {str(name) for name in grants.customers if grants.above_customer(str(name)) & customers}
    once = {(one.kind, one.name): one for one in subjects}.values()
    found = [grant for one in once for grant in grants.of(one)] if subjects else grants.every()
    chosen = [
        one
        for one in found
        if (not functions or one.function in functions)
        and (not customers or one.customer.short_name in customers)
    ]
    return call.page(chosen, call.views.permission)


def _grant(call: Call, told: JSON) -> Grant:
    (subject,) = named_subjects(call, [str(told["subject"])], "subject")
    function = call.grants.function(str(told["function"]))
    customer = call.grants.customer(str(told["customer"]))
    return call.grants.grant(function, subject, customer, call.who.user.name, told.get("comment"))


def grant_permission(call: Call) -> Answer:
    call.who.need(call.asked)
    return call.made(call.views.permission(_grant(call, call.body)))


def grant_permissions(call: Call) -> Answer:
    call.who.need(call.asked)
    told = [check_object(BODIES["Grant"], one) for one in cast("list[JSON]", call.body["permissions"])]
    return call.made([call.views.permission(_grant(call, one)) for one in told])


def _revoke(call: Call, numbers: list[str]) -> list[JSON]:
    call.who.need(call.asked)
    known = {str(one.number): one for one in call.grants.every()}
    if not numbers or not known.keys() >= set(numbers):
        raise refuse(404, "No such permission")
    shown: list[JSON] = []
    for number in numbers:
        one = known[number]
        call.grants.revoke(one)
        gone = Grant(one.function, one.subject, one.customer, one.at, one.by, one.comment, deleted=True)
        shown.append(call.views.permission(gone, by=call.who.user.name))
    return shown


def revoke_permission(call: Call) -> Answer:
    return stash(_revoke(call, [call.id("id")])[0])


def revoke_permissions(call: Call) -> Answer:
    return stash(_revoke(call, call.asked.all("permission")))


# Functions and customers.


def list_functions(call: Call) -> Answer:
    """Readable by everybody; ordered by name."""
    return _functions(call, call.views.function)


def list_basic_functions(call: Call) -> Answer:
    return _functions(call, call.views.basic_function)


def _functions(call: Call, show: Callable[[Function], JSON]) -> Answer:
    asked = call.asked
    names = {call.grants.function(one).name for one in asked.all("function")}
    below = {call.grants.function(one).name for one in asked.all("ancestor")}
    words = [one.lower() for one in [*asked.all("keyword"), *asked.all("keywords")]]
    level = asked.one("minimumSecurityLevel")
    found = [
        one
        for name, one in sorted(call.grants.functions.items())
        if (not names or name in names)
        and (not below or (call.grants.above_function(name) - {name}) & below)
        and all(word in name.lower() for word in words)
        and level in (None, one.facts.get("minimumSecurityLevel", "standard"))
    ]
    return call.page(found, show)


def get_function(call: Call) -> Answer:
    return _function(call, call.views.function)


def get_basic_function(call: Call) -> Answer:
    return _function(call, call.views.basic_function)


def _function(call: Call, show: Callable[[Function], JSON]) -> Answer:
    name = call.id("id")
    if name not in call.grants.functions and not name.isdigit():
        return call.missing()
    return stash(show(call.grants.function(name)))


def add_function(call: Call) -> Answer:
    call.who.need(call.asked)
    body, name = call.body, str(call.body["name"])
    parent = call.grants.function(str(body["parent"]), field="parent")
    if name in call.grants.functions:
        raise field_error("name", "is in use", call.choices.duplicate)
    kept = (
        "minimumSecurityLevel",
        "role",
        "roleType",
        "readOnly",
        "sysadm",
        "localizedNames",
        "localizedDescriptions",
    )
    told = {key: body[key] for key in kept if key in body}
    row = q.PolicyRow(
        id=name,
        created_at=call.directory.now,
        description=cast("str | None", body.get("description")),
        statements=[{"effect": "allow", "action": [name], "resource": "*"}],
        attributes={KEY: {**told, "parents": [parent.name], "by": call.who.user.name}},
    )
    q.policies.insert(call.directory.conn, row)
    return call.made(call.views.function(Function(name, row)))


def delete_function(call: Call) -> Answer:
    call.who.need(call.asked)
    function = call.grants.function(call.id("id"))
    shown = call.views.function(function)
    q.policies.delete(call.directory.conn, function.name)
    q.attachments.remove(call.directory.conn, policy_id=function.name)
    return stash({**shown, "flags": [*cast("list[str]", shown["flags"]), "deleted"]})


def list_customers(call: Call) -> Answer:
    words = [one.lower() for one in call.asked.all("keywords")]
    found = [
        one for one in call.grants.customers.values() if all(word in one.short_name.lower() for word in words)
    ]
    return call.page(found, lambda one: one.info())


def get_customer(call: Call) -> Answer:
    return stash(call.grants.customer(call.id("id")).info())


# The caller's own.


def current_user(call: Call) -> Answer:
    return stash(call.views.me(call.who.user, password_set=call.accounts.has_password(call.who.user)))


def current_groups(call: Call) -> Answer:
    found = call.directory.groups_of(call.who.user, inherited=call.asked.flag("includeAncestors", False))
    return call.page(found, lambda one: cast("JSON", call.views.info(one)))


def current_functions(call: Call) -> Answer:
    return call.page(
        call.who.functions(), lambda name: call.views.session_function(call.grants.functions[name])
    )


def current_customers(call: Call) -> Answer:
    return call.page(call.who.customers(), lambda name: call.grants.customers[name].info())


def current_permissions(call: Call) -> Answer:
    inherited = call.asked.flag("includeInherited", True)
    found = call.who.effective() if inherited else call.grants.of(call.who.user)
    return call.page(sorted(found, key=lambda one: one.number), call.views.own_permission)
