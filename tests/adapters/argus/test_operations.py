"""Every operation of the wire API over a socket: once with what is required, once with every parameter; counted."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Iterator
from typing import Any

import pyotp
import pytest

from identity_sdk.adapters.argus import inputs as i
from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.authentication import ArgusModule
from identity_sdk.adapters.argus.signin import Challenge, SignedIn
from identity_sdk.auth.sources import Bearer
from identity_sdk.secrets import Secret
from identity_sdk.wire.operation import operation
from tests.adapters.argus.conftest import PASSWORD, Served

pytestmark = pytest.mark.anyio

DOCUMENT = {
    "apikey": {"authenticate", "initiate", "list", "renew", "revoke"},
    "constrain": {"constrain"},
    "logout": {"logout"},
    "methods": {"get_methods"},
    "totp": {"authenticate", "initialize", "revoke", "verify"},
    "impersonate": {"impersonate"},
}
"""The modules of document.md with their operations; impersonate is empty there, as is session."""


def modules(api: object, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in vars(api).items():
        if isinstance(value, ArgusModule):
            yield f"{path}{name}", value
        elif type(value).__name__ in ("UserAdmin", "UsersV2"):
            yield from modules(value, f"{path}{name}.")


def operations(api: ArgusApi) -> set[str]:
    return {
        f"{path}.{name}"
        for path, module in modules(api)
        for name, member in inspect.getmembers(type(module), callable)
        if hasattr(member, "__operation__")
    }


def test_the_operations_of_the_document_have_their_names(adapter: Any) -> None:
    for module, names in DOCUMENT.items():
        for name in names:
            assert callable(getattr(getattr(adapter.native, module), name))
    assert sum(len(names) for names in DOCUMENT.values()) - 1 == 12
    assert operation is not None


class Caller:
    """Calls operations and remembers which, and with how much."""

    def __init__(self, api: ArgusApi) -> None:
        self.api = api
        self.least: set[str] = set()
        self.most: set[str] = set()
        for path, module in modules(api):
            for name, member in inspect.getmembers(type(module), callable):
                if hasattr(member, "__operation__"):
                    setattr(module, name, self._counted(f"{path}.{name}", getattr(module, name)))

    def _counted(self, name: str, method: Any) -> Any:
        signature = inspect.signature(method)

        def counted(*args: Any, **kwargs: Any) -> Awaitable[Any]:
            given = signature.bind(*args, **kwargs).arguments
            required = {key for key, one in signature.parameters.items() if one.default is one.empty}
            if given.keys() <= required:
                self.least.add(name)
            if given.keys() == signature.parameters.keys():
                self.most.add(name)
            result: Awaitable[Any] = method(*args, **kwargs)
            return result

        return counted


async def test_every_operation(served: Served) -> None:
    idp = served.client()
    api = idp.native
    caller = Caller(api)
    await _subjects(api)
    await _rights(api)
    await _own_keys(api, served)
    await _keys_of_others(api)
    await _sessions(api, served)
    await _current(api)
    everything = operations(api)
    assert len(everything) == 101
    assert not everything - caller.least, f"never called with the least: {sorted(everything - caller.least)}"
    assert not everything - caller.most, f"never called with everything: {sorted(everything - caller.most)}"


async def _subjects(api: ArgusApi) -> None:
    users, groups, subjects = api.useradmin.user, api.useradmin.group, api.useradmin.subject
    page: dict[str, Any] = {"offset": 0, "limit": 5, "includeDeleted": False}
    words: dict[str, Any] = {"keywords": ("a",), "keywordMatch": "any", "keywordField": ("name",)}
    flags: dict[str, Any] = {"includeFlag": (), "excludeFlag": ("deleted",), "sortBy": ("shortName",)}
    made = await users.add_user(i.UserAddition(customer="mnemonic", shortName="ann", name="Ann"))
    assert made.status == 201
    assert made.data is not None
    ann = str(made.data.number)
    await users.add_user(
        i.UserAddition(
            customer="acme", shortName="bob", name="Bob", domain="MNEMONIC", description="d", email="b@x.no",
            language="norwegian", phone=i.Phone(countryCode="47", nationalNumber="1"), phoneNumber="1", role="r",
            daemonAccount=True, notificationUser=True, externallyManaged=True, enableAuthenticationMethods=("totp",),
            skipDefaultAuthenticationMethods=True,
        )
    )  # fmt: skip
    bob = (await users.get_user("bob", domain="MNEMONIC")).data
    assert bob is not None
    assert (bob.email, bob.customer and bob.customer.short_name) == ("b@x.no", "acme")
    assert set(bob.flags) == {"daemonAccount", "externallyManaged", "notificationUser"}
    await users.get_user(ann)
    assert (await users.list_users()).count == 3
    lists = {
        "customer": ("mnemonic",),
        "domain": ("MNEMONIC",),
        "subject": ("ann", "admin"),
        **page,
        **words,
        **flags,
    }
    assert [one.id for one in (await users.list_users(**lists)).data or ()] == ["admin", "ann"]
    await users.update_user("ann", i.UserUpdate(email="a@x.no"))
    await users.update_user("ann", i.UserUpdate(name="Ann B", email=""), domain="MNEMONIC")
    found = await users.search_users(i.SubjectSearch(keywords=("ann",), limit=1, includeDeleted=True))
    assert [one.id for one in found.data or ()] == ["ann"]
    await users.list_permissions_for_user("ann")
    shown: dict[str, Any] = {"domain": "MNEMONIC", **page, "includeInherited": False}
    await users.list_permissions_for_user("ann", **shown)
    for more in ({}, {"domain": "MNEMONIC"}):
        await users.move_user("ann", i.Move(customer="mnemonic"), **more)
        await users.reset_password("ann", **more)
        await users.unblock_user("ann", **more)
        await users.delete_user("bob", **more)
        await users.reenable_user(str(bob.number), **more)
    await groups.add_group(i.GroupAddition(customer="mnemonic", shortName="team", name="Team"))
    await groups.add_group(
        i.GroupAddition(
            customer="acme", shortName="other", name="Other", description="d", domain="MNEMONIC",
            daemonAccount=False, externallyManaged=True,
        )
    )  # fmt: skip
    other = (await groups.get_group("other")).data
    assert other is not None
    assert (other.description, other.flags) == ("d", ("externallyManaged",))
    await groups.get_group("other", domain="MNEMONIC")
    await groups.list_groups()
    lists["subject"] = ("team",)
    await groups.list_groups(**{**lists, "keywords": ("t",)})
    assert (await groups.search_groups(i.SubjectSearch(includeFlags=("externallyManaged",)))).count == 1
    for more in ({}, {"domain": "MNEMONIC"}):
        await groups.update_group("other", i.GroupUpdate(description=""), **more)
        await groups.move_group("other", i.Move(customer="mnemonic"), **more)
        await groups.delete_group("other", **more)
        await groups.reenable_group(str(other.number), **more)
        await groups.add_group_members("team", i.MemberAddition(subject=("ann", "other")), **more)
        await groups.list_subjects_in_group("team", **more)
    await groups.remove_subjects_from_group("team", ("ann",))
    await groups.remove_subjects_from_group("team", ("other",), comment="c", domain="MNEMONIC")
    await groups.list_permissions_for_group("team")
    await groups.list_permissions_for_group("team", **shown)
    await subjects.list_subjects()
    await subjects.list_subjects(customer=("mnemonic",), subject=("ann",), **page, **words)
    for more in ({}, {"domain": "MNEMONIC"}):
        assert (await subjects.get_subject("team", **more)).data is not None
        await subjects.add_subject_group_memberships("ann", i.ParentGroups(parentGroups=("team",)), **more)
    memberships = await api.useradmin.membership.list_memberships()
    (one,) = memberships.data or ()
    assert await api.useradmin.membership.list_memberships(subject=("ann",), **page)
    await api.useradmin.membership.remove_memberships_bulk((one.id,))
    await groups.add_group_members("team", i.MemberAddition(subject=("ann",)))
    (one,) = (await api.useradmin.membership.list_memberships()).data or ()
    await api.useradmin.membership.remove_memberships_bulk((one.id,), comment="c")
    await api.users.user.list_basic_users()
    await api.users.user.list_basic_users(
        customer=("mnemonic",), **page, keywords=("a",), keywordField=("name",)
    )
    await api.users.group.list_basic_groups()
    await api.users.group.list_basic_groups(customer=("mnemonic",), **page, keywords=("a",))
    for more in ({}, {"domain": "MNEMONIC"}):
        assert (await api.users.user.get_basic_user("ann", **more)).data is not None
        assert (await api.users.group.get_basic_group("team", **more)).data is not None
    await api.users.subject.get_subject_group_memberships(int(ann))
    await api.users.subject.get_subject_group_memberships(
        int(ann), includeInherited=True, sortBy=("name",), offset=0, limit=5
    )


async def _rights(api: ArgusApi) -> None:
    functions, permissions = api.useradmin.function, api.useradmin.permission
    made = await functions.add_function(
        i.FunctionAddition(name="readCases", parent="all", minimumSecurityLevel="standard")
    )
    assert made.data is not None
    await functions.add_function(
        i.FunctionAddition(
            name="writeCases", parent="readCases", minimumSecurityLevel="external", description="d", role=True,
            roleType="case", readOnly=True, sysadm=True, localizedNames={"en": "W"}, localizedDescriptions={"en": "d"},
        )
    )  # fmt: skip
    await functions.list_functions()
    await functions.list_functions(
        function=("writeCases",), minimumSecurityLevel="external", ancestor=("readCases",), descendant=(), offset=0,
        limit=5, includeDeleted=False, includeFlag=(), excludeFlag=(), keywords=("case",), keywordMatch="all",
        keywordField=("name",), sortBy=("name",),
    )  # fmt: skip
    assert (await functions.get_function("writeCases")).data
    await api.users.function.list_basic_functions()
    await api.users.function.list_basic_functions(offset=0, limit=1, keywords=("case",))
    assert (await api.users.function.get_basic_function("writeCases")).data
    grant = i.PermissionGrant(subject="ann", function="readCases", customer="acme", comment="c")
    granted = (await permissions.grant_permission(grant)).data
    assert granted is not None
    both = tuple(
        i.PermissionGrant(subject="ann", function="writeCases", customer=one) for one in ("acme", "1")
    )
    bulk = (await permissions.grant_permissions_bulk(i.PermissionGrants(permissions=both))).data or ()
    assert len(bulk) == 2
    assert (await permissions.list_permissions()).count == 4
    off: dict[str, Any] = {
        f"include{what}{way}": False
        for what in ("Subject", "Customer", "Function")
        for way in ("Ascendants", "Descendants")
    }
    found = await permissions.list_permissions(
        subject=("ann",), customer=("acme",), function=("readCases",), domain="MNEMONIC", offset=0, limit=5, **off,
        keywords=(), keywordMatch="all", keywordField=("all",), includeDeleted=False,
    )  # fmt: skip
    assert [one.id for one in found.data or ()] == [granted.id]
    await permissions.revoke_permission(granted.id)
    await permissions.revoke_permission((await permissions.grant_permission(grant)).data.id, comment="c")  # type: ignore[union-attr]
    await permissions.revoke_permissions_bulk((bulk[0].id,))
    await permissions.revoke_permissions_bulk((bulk[1].id,), comment="c")
    await functions.delete_function("writeCases")
    await api.customers.list_customers()
    await api.customers.list_customers(offset=0, limit=1, keywords=("acme",))
    assert (await api.customers.get_customer("acme")).data


def _number(prefix: str) -> int:
    return int(prefix.partition("/")[2], 16)


async def _own_keys(api: ArgusApi, served: Served) -> None:
    proof = Secret(PASSWORD)
    source = i.ApiKeySource(provider="staticIP", staticOptions=i.StaticOptions(ipAddresses=("127.0.0.1",)))
    made = await api.apikey.initiate(
        i.ApiKeyInitiation(
            description="d", password=proof, validSources=("127.0.0.1",), expirationDays=1, disableExpiration=False,
            disableSourceRestriction=False, sessionConstraints=i.SessionConstraints(readOnly=True), source=source,
        )
    )  # fmt: skip
    assert made.status == 201
    assert made.data is not None
    key, prefix = made.data, made.data.key_descriptor.id
    assert isinstance(
        (await api.apikey.authenticate(i.ApiKeySignIn(apikey=key.api_key_string))).outcome, SignedIn
    )
    assert (await api.apikey.list()).data is not None
    body = i.ApiKeyRenewal(password=proof, expirationDays=0)
    renewed = (await api.apikey.renew(_number(prefix), body)).data
    assert renewed is not None
    assert renewed.renewed_key.expires_at is None
    await api.apikey.renew_by_prefix(prefix, i.ApiKeyRenewal(password=proof))
    await api.apikey.revoke_by_prefix(prefix)
    again = (await api.apikey.initiate(i.ApiKeyInitiation(description="d", password=proof))).data
    assert again is not None
    left = (await api.apikey.revoke(_number(again.key_descriptor.id))).data
    assert left is not None
    assert again.key_descriptor.id not in [one.id for one in left.keys or ()]


async def _keys_of_others(api: ArgusApi) -> None:
    user = api.user
    for more in ({}, {"domain": "MNEMONIC"}):
        await user.block_user("ann", **more)
        status = (await user.get_user_authentication_status("ann", **more)).data
        assert status is not None
        assert status.blocked
        await user.unblock_user("ann", **more)
        assert (await user.reset_password("ann", **more)).data is not None
        await user.delete_all_user_sessions("ann", **more)
    assert (await user.get_user_methods("ann")).data
    keys = [
        (
            await user.initiate_user_api_key("ann", i.UserApiKeyInitiation(description="d", expirationDays=2))
        ).data
        for _ in range(2)
    ]
    one, two = [key.key_descriptor.id for key in keys if key is not None]
    assert len((await user.list_user_api_keys("ann")).data.keys) == 2  # type: ignore[union-attr]
    await user.renew_user_api_key_by_prefix("ann", one, i.UserApiKeyRenewal(disableExpiration=True))
    await user.revoke_user_api_key_by_prefix("ann", one)
    gone = (await user.revoke_user_api_key_by_id("ann", _number(two))).data
    assert gone is not None
    assert gone.revoked_key is not None
    assert (await user.initiate_user_totp("ann")).data
    await user.revoke_user_totp("ann")


async def _sessions(api: ArgusApi, served: Served) -> None:
    who: dict[str, Any] = {"userName": "admin", "password": Secret(PASSWORD)}
    plain = i.PasswordSignIn(**who)
    asked = i.PasswordSignIn(**who, domain="MNEMONIC", requestedAuthorizations=("setPassword",))
    for call in (api.password.authenticate, api.ldap.authenticate, api.ldap.authentication):
        assert isinstance((await call(plain)).outcome, SignedIn)
    opened = (await api.password.authentication(asked)).outcome
    assert isinstance(opened, SignedIn)
    assert [one.operation for one in opened.authorizations] == ["password.set"]
    await api.password.change(i.PasswordChange(newPassword=Secret(PASSWORD), oldPassword=Secret(PASSWORD)))
    methods = await api.methods.get_methods("TOTP")
    assert (methods.meta_data or {})["lastUsedAuthenticationMethod"] == "TOTP"
    await api.methods.get_methods()
    await api.methods.get_methods_by_cookie()
    await api.methods.get_methods_by_cookie(cookie="argus_last_method=PASSWORD")
    bearer = Secret(f"Bearer {opened.token.reveal()}")
    session = served.client(Bearer(opened.token)).native
    await session.session.get_session()
    await api.session.get_session(domain="MNEMONIC")
    assert (await api.session.get_session_by(authorization=bearer)).data
    await api.session.clear_session_data()
    assert (await api.session.get_session_auth_methods()).data
    assert (await api.session.get_session_customers()).data
    assert (await api.session.get_session_functions()).data
    for more in ({}, {"domain": "MNEMONIC"}):
        await api.session.check_session_function_permission("all")
        await api.session.check_session_permission("all", "acme", **more)
        await api.currentuser.check_current_user_permission("all", "acme", **more)
    await api.session.get_session()
    narrow = i.Constraint(customer=("acme",), function=("viewUsers",), readOnly=True)
    for call in (api.constrain.constrain, api.session.constrain_session):
        assert isinstance((await call(narrow)).outcome, SignedIn)
    for call in (api.impersonate.impersonate, api.session.impersonate_session):
        assert isinstance(
            (await call(i.Impersonation(user="ann", function=("viewUsers",)))).outcome, SignedIn
        )
    first = (await api.apikey.authenticate(i.ApiKeySignIn(apikey=Secret(served.emulator.api_key)))).outcome
    assert isinstance(first, SignedIn)
    from identity_sdk.store import queries as q

    rows = await served.emulator.store.read(lambda conn: q.sessions.find(conn, user_id="admin"))
    await api.session.evict_session(f"{rows[0].id}/127.0.0.1")
    await api.logout.logout()
    await api.session.delete_session()
    another = (await api.password.authentication(plain)).outcome
    assert isinstance(another, SignedIn)
    await api.session.delete_session_by(authorization=Secret(f"Bearer {another.token.reveal()}"))
    another = (await api.password.authentication(plain)).outcome
    assert isinstance(another, SignedIn)
    await api.logout.logout_session(authorization=Secret(f"Bearer {another.token.reveal()}"))
    await _totp(api, who)


async def _totp(api: ArgusApi, who: dict[str, Any]) -> None:
    seed = (await api.totp.initialize(i.TotpInitialization(password=Secret(PASSWORD)))).data
    assert seed is not None
    assert seed.cookie is not None
    code = pyotp.TOTP(seed.seed_base32.reveal()).at(int(time.time()))
    verified = await api.totp.verify(i.TotpVerification(cookie=seed.cookie, verificationCode=Secret(code)))
    assert verified.data is not None
    assert isinstance(
        (await api.totp.authenticate(i.TotpSignIn(**who, tokenCode=Secret(code)))).outcome, SignedIn
    )
    challenge = (await api.totp.authentication(i.TotpSignIn(**who, tokenCode=Secret(code)))).outcome
    assert challenge == Challenge(message="Token already used", username="admin")
    await api.totp.revoke()


async def _current(api: ArgusApi) -> None:
    me = api.currentuser
    assert (await me.get_current_user()).data is not None
    opened = (
        await api.password.authentication(i.PasswordSignIn(userName="admin", password=Secret(PASSWORD)))
    ).outcome
    assert isinstance(opened, SignedIn)
    await me.get_current_user_by(authorization=Secret(f"Bearer {opened.token.reveal()}"))
    await me.get_current_user_groups()
    await me.get_current_user_groups(includeAncestors=True, limit=5, offset=0)
    await me.get_functions()
    await me.get_functions(onlyRoles=False, requirePermission=True, limit=5, offset=0)
    await me.get_customers()
    await me.get_customers(limit=1, offset=0)
    await me.get_current_user_permissions()
    await me.get_current_user_permissions(includeInherited=False, limit=5, offset=0)
