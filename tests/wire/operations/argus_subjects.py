"""Argus: users, groups, memberships, functions, permissions and customers."""

from __future__ import annotations

from typing import Any

from identity_sdk.errors import NotFoundError
from tests.wire.operations.caller import Caller

DOMAIN = {"domain": "MNEMONIC"}
PAGE: dict[str, Any] = {"offset": 0, "limit": 5, "includeDeleted": False}
WORDS: dict[str, Any] = {"keywords": ("a",), "keywordMatch": "any", "keywordField": ("name",)}
LISTS: dict[str, Any] = {
    "customer": ("mnemonic",),
    "domain": ("MNEMONIC",),
    **PAGE,
    **WORDS,
    "includeFlag": ("notificationUser",),
    "excludeFlag": ("deleted",),
    "sortBy": ("shortName",),
}
SEARCH = {
    "keywords": ["a"],
    "keywordFieldStrategy": ["name"],
    "keywordMatchStrategy": "any",
    "customer": ["mnemonic"],
    "domain": ["MNEMONIC"],
    "ancestor": [],
    "parent": [],
    "includeFlags": [],
    "excludeFlags": ["deleted"],
    "includeDeleted": True,
    "timeFieldStrategy": ["created"],
    "timeMatchStrategy": "any",
    "startTimestamp": 0,
    "endTimestamp": 4_000_000_000_000,
    "sortBy": ["shortName"],
    "limit": 1,
    "offset": 0,
}
SHOWN = {**DOMAIN, **PAGE, "includeInherited": False}


async def scenario(call: Caller) -> None:
    await _users(call)
    await _groups(call)
    await _members(call)
    await _basics(call)
    await _functions(call)
    await _permissions(call)


async def _users(call: Caller) -> None:
    user = "useradmin.user"
    least = {"customer": "mnemonic", "shortName": "ann", "name": "Ann"}
    assert (await call(f"{user}.add_user", least)).status == 201
    whole = {
        "customer": "acme", "shortName": "bob", "name": "Bob", **DOMAIN, "description": "d", "email": "b@x.no",
        "language": "norwegian", "phone": {"countryCode": "47", "nationalNumber": "1"}, "phoneNumber": "1",
        "role": "r", "daemonAccount": True, "notificationUser": True, "externallyManaged": True,
        "enableAuthenticationMethods": ["totp"], "skipDefaultAuthenticationMethods": True,
    }  # fmt: skip
    await call(f"{user}.add_user", whole)
    bob = (await call(f"{user}.get_user", "bob", **DOMAIN)).data
    assert (bob.email, bob.customer.short_name) == ("b@x.no", "acme")
    assert set(bob.flags) == {"daemonAccount", "externallyManaged", "notificationUser"}
    assert (await call(f"{user}.get_user", "ann")).data.name == "Ann"
    assert [one.id for one in (await call(f"{user}.list_users")).data] == ["admin", "ann", "bob"]
    shown = {**LISTS, "includeFlag": ("daemonAccount",), "customer": ("acme",), "keywords": ("Bob",)}
    assert [one.id for one in (await call(f"{user}.list_users", subject=("bob",), **shown)).data] == ["bob"]
    found = await call(f"{user}.search_users", {**SEARCH, "subject": ["ann"]})
    assert [one.id for one in found.data] == ["ann"]
    assert len((await call(f"{user}.search_users", {})).data) == 3
    changes = {key: whole[key] for key in ("description", "language", "phone", "phoneNumber", "role")}
    changes |= {"name": "Ann B", "shortName": "ann", "email": ""}
    changes |= {"daemonAccount": False, "externallyManaged": False}
    assert (await call(f"{user}.update_user", "ann", {})).data.name == "Ann"
    assert (await call(f"{user}.update_user", "ann", changes, **DOMAIN)).data.name == "Ann B"
    assert (await call(f"{user}.list_permissions_for_user", "ann")).data == ()
    assert (await call(f"{user}.list_permissions_for_user", "ann", **SHOWN)).data == ()
    for more in ({}, DOMAIN):
        moved = await call(f"{user}.move_user", "bob", {"customer": "mnemonic"}, **more)
        assert moved.data.customer.short_name == "mnemonic"
        await call(f"{user}.reset_password", "ann", **more)
        await call(f"{user}.unblock_user", "ann", **more)
        assert "deleted" in (await call(f"{user}.delete_user", "bob", **more)).data.flags
        assert "deleted" not in (await call(f"{user}.reenable_user", str(bob.number), **more)).data.flags


async def _groups(call: Caller) -> None:
    group = "useradmin.group"
    await call(f"{group}.add_group", {"customer": "mnemonic", "shortName": "team", "name": "Team"})
    whole = {"customer": "acme", "shortName": "other", "name": "Other", "description": "d", **DOMAIN}
    await call(f"{group}.add_group", {**whole, "daemonAccount": False, "externallyManaged": True})
    other = (await call(f"{group}.get_group", "other")).data
    assert (other.description, other.flags) == ("d", ("externallyManaged",))
    assert (await call(f"{group}.get_group", "other", **DOMAIN)).data.number == other.number
    assert {one.id for one in (await call(f"{group}.list_groups")).data} == {"other", "team"}
    shown = {**LISTS, "includeFlag": ("externallyManaged",), "customer": ("acme",), "keywords": ("Other",)}
    found = await call(f"{group}.list_groups", subject=("other",), **shown)
    assert [one.id for one in found.data] == ["other"]
    assert len((await call(f"{group}.search_groups", {})).data) == 2
    found = await call(f"{group}.search_groups", {**SEARCH, "subject": ["team"]})
    assert [one.id for one in found.data] == ["team"]
    changes = {"name": "O", "shortName": "other", "description": "", "daemonAccount": False}
    assert (await call(f"{group}.update_group", "other", {})).data.name == "Other"
    changed = await call(f"{group}.update_group", "other", {**changes, "externallyManaged": False}, **DOMAIN)
    assert (changed.data.name, changed.data.flags) == ("O", ())
    for more in ({}, DOMAIN):
        moved = await call(f"{group}.move_group", "other", {"customer": "mnemonic"}, **more)
        assert moved.data.customer.short_name == "mnemonic"
        assert "deleted" in (await call(f"{group}.delete_group", "other", **more)).data.flags
        assert "deleted" not in (await call(f"{group}.reenable_group", str(other.number), **more)).data.flags
    assert (await call(f"{group}.list_permissions_for_group", "team")).data == ()
    assert (await call(f"{group}.list_permissions_for_group", "team", **SHOWN)).data == ()


async def _members(call: Caller) -> None:
    group, member, subject = "useradmin.group", "useradmin.membership", "useradmin.subject"
    await call(f"{group}.add_group_members", "team", {"subject": ["ann"]})
    await call(f"{group}.add_group_members", "team", {"subject": ["other"], "comment": "c"}, **DOMAIN)
    for more in ({}, DOMAIN):
        told = await call(f"{group}.list_subjects_in_group", "team", **more)
        assert {one.id for one in told.data} == {"ann", "other"}
        assert (await call(f"{subject}.get_subject", "team", **more)).data.type == "group"
    await call(f"{group}.remove_subjects_from_group", "team", ("ann",))
    await call(f"{group}.remove_subjects_from_group", "team", ("other",), comment="c", **DOMAIN)
    assert (await call(f"{group}.list_subjects_in_group", "team")).data == ()
    everybody = (await call(f"{subject}.list_subjects")).data
    assert {one.id for one in everybody} == {"admin", "ann", "bob", "other", "team"}
    shown = {**PAGE, **WORDS}
    found = await call(f"{subject}.list_subjects", customer=("mnemonic",), subject=("ann",), **shown)
    assert [one.id for one in found.data] == ["ann"]
    for body, more in (({}, {}), ({"comment": "c"}, DOMAIN)):
        await call(
            f"{subject}.add_subject_group_memberships", "ann", {"parentGroups": ["team"], **body}, **more
        )
        (one,) = (await call(f"{member}.list_memberships")).data
        assert (await call(f"{member}.list_memberships", subject=("ann",), **PAGE)).data == (one,)
        more = {"comment": "c"} if body else {}
        await call(f"{member}.remove_memberships_bulk", (str(one.id),), **more)
        assert (await call(f"{member}.list_memberships")).data == ()


async def _basics(call: Caller) -> None:
    await call("useradmin.group.add_group_members", "team", {"subject": ["ann"]})
    shown = {"customer": ("mnemonic",), **PAGE, "keywords": ("a",)}
    assert {one.id for one in (await call("users.user.list_basic_users")).data} == {"admin", "ann", "bob"}
    found = await call("users.user.list_basic_users", **shown, keywordField=("name",))
    assert "ann" in [one.id for one in found.data]
    assert {one.id for one in (await call("users.group.list_basic_groups")).data} == {"other", "team"}
    assert [one.id for one in (await call("users.group.list_basic_groups", **shown)).data] == ["team"]
    for more in ({}, DOMAIN):
        ann = (await call("users.user.get_basic_user", "ann", **more)).data
        assert (await call("users.group.get_basic_group", "team", **more)).data.id == "team"
    page = {"includeInherited": True, "sortBy": ("name",), "offset": 0, "limit": 5}
    for told in ({}, page):
        found = await call("users.subject.get_subject_group_memberships", ann.number, **told)
        assert [one.id for one in found.data] == ["team"]
    assert {one.short_name for one in (await call("customers.list_customers")).data} >= {"acme", "mnemonic"}
    found = await call("customers.list_customers", offset=0, limit=1, keywords=("acme",))
    assert [one.short_name for one in found.data] == ["acme"]
    assert (await call("customers.get_customer", "acme")).data.short_name == "acme"


async def _functions(call: Caller) -> None:
    function = "useradmin.function"
    least = {"name": "readCases", "parent": "all", "minimumSecurityLevel": "standard"}
    await call(f"{function}.add_function", least)
    whole = {
        "name": "writeCases", "parent": "readCases", "minimumSecurityLevel": "external", "description": "d",
        "role": True, "roleType": "case", "readOnly": True, "sysadm": True, "localizedNames": {"en": "W"},
        "localizedDescriptions": {"en": "d"},
    }  # fmt: skip
    await call(f"{function}.add_function", whole)
    names = {one.name for one in (await call(f"{function}.list_functions")).data}
    assert names >= {"readCases", "writeCases"}
    found = await call(
        f"{function}.list_functions",
        function=("writeCases",), minimumSecurityLevel="external", ancestor=("readCases",),
        descendant=("writeCases",), offset=0, limit=5, includeDeleted=False, includeFlag=("sysadm",),
        excludeFlag=("deleted",), keywords=("case",), keywordMatch="all", keywordField=("name",), sortBy=("name",),
    )  # fmt: skip
    assert found.data is not None
    assert (await call(f"{function}.get_function", "writeCases")).data.name == "writeCases"
    assert (await call("users.function.list_basic_functions")).data
    page = {"offset": 0, "limit": 5, "keywords": ("cases",)}
    found = await call("users.function.list_basic_functions", **page)
    assert {one.name for one in found.data} == {"readCases", "writeCases"}
    assert (await call("users.function.get_basic_function", "writeCases")).data.name == "writeCases"


async def _permissions(call: Caller) -> None:
    permission = "useradmin.permission"
    grant = {"subject": "ann", "function": "readCases", "customer": "acme"}
    first = (await call(f"{permission}.grant_permission", grant)).data
    await call(f"{permission}.revoke_permission", int(first.id))
    second = (await call(f"{permission}.grant_permission", {**grant, "comment": "c"})).data
    several = [{**grant, "function": "writeCases", "customer": one} for one in ("acme", "1")]
    bulk = (await call(f"{permission}.grant_permissions_bulk", {"permissions": several})).data
    assert len(bulk) == 2
    held = {one.id for one in (await call(f"{permission}.list_permissions")).data}
    assert held > {second.id, *(one.id for one in bulk)}
    assert first.id not in held
    off: dict[str, Any] = {
        f"include{what}{way}": False
        for what in ("Subject", "Customer", "Function")
        for way in ("Ascendants", "Descendants")
    }
    found = await call(
        f"{permission}.list_permissions",
        subject=("ann",), customer=("acme",), function=("readCases",), **DOMAIN, **PAGE, **off,
        keywords=("ann",), keywordMatch="any", keywordField=("all",),
    )  # fmt: skip
    assert [one.id for one in found.data] == [second.id]
    await call(f"{permission}.revoke_permission", int(second.id), comment="c")
    await call(f"{permission}.revoke_permissions_bulk", (int(bulk[0].id),))
    await call(f"{permission}.revoke_permissions_bulk", (int(bulk[1].id),), comment="c")
    left = {one.id for one in (await call(f"{permission}.list_permissions")).data}
    assert not left & {second.id, *(one.id for one in bulk)}
    assert "deleted" in (await call("useradmin.function.delete_function", "writeCases")).data.flags
    await call.refused("useradmin.function.get_function", NotFoundError, "nobody's")
