"""Argus: the 12 operations of the document, the impersonate and session modules, and the services beside them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pyotp

from identity_sdk import connect
from identity_sdk.adapters.argus.adapter import Argus
from identity_sdk.adapters.argus.signin import Challenge, SignedIn
from identity_sdk.auth.sources import ApiKey, Bearer
from identity_sdk.emulators import argus
from identity_sdk.emulators.argus.accounts import Accounts
from identity_sdk.emulators.argus.directory import Directory
from identity_sdk.emulators.server import running
from identity_sdk.errors import AuthenticationError
from identity_sdk.secrets import Secret
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from tests.wire.operations.argus_subjects import scenario as subjects
from tests.wire.operations.caller import Caller, Recorder

PASSWORD = "the administrator's password"
DOMAIN = {"domain": "MNEMONIC"}
SOURCE = {"provider": "staticIP", "staticOptions": {"ipAddresses": ["127.0.0.1"]}}
WHO = {"userName": "admin", "password": PASSWORD}


class Aside:
    """What the scenario does behind the API: the emulator's store, and a client that speaks by another session."""

    def __init__(self, emulator: Any, idp: Any) -> None:
        self.emulator = emulator
        self.idp = idp


@asynccontextmanager
async def opened() -> AsyncGenerator[Caller]:
    store = Store.open("sqlite://")
    app = argus.create_app(store, admin=argus.Admin("admin", PASSWORD, "secret"))
    emulator = app.state.emulator
    await emulator.prepare()
    recorder = Recorder(app)
    with running(recorder) as url:
        adapter = Argus(base_url=url, auth=ApiKey(emulator.api_key), customer="mnemonic", password=PASSWORD)
        async with connect(adapter) as idp:
            caller = Caller("argus", idp.native, recorder.seen)
            caller.aside = Aside(emulator, idp)
            yield caller
    await store.aclose()


async def scenario(call: Caller) -> None:
    await subjects(call)
    await _own_keys(call)
    await _keys_of_others(call)
    await _others(call)
    await _ways_in(call)
    await _session(call)
    await _narrower(call)
    await _ending(call)
    await _totp(call)
    await _current(call)


def number(prefix: str) -> int:
    return int(prefix.partition("/")[2], 16)


async def _own_keys(call: Caller) -> None:
    least = {"description": "d", "password": PASSWORD}
    whole = {
        **least,
        "authorization": await authorization(call, "apikey.create"),
        "validSources": ["127.0.0.1"],
        "expirationDays": 1,
        "disableExpiration": False,
        "disableSourceRestriction": False,
        "sessionConstraints": {"readOnly": True},
        "source": SOURCE,
    }
    made = await call("apikey.initiate", whole)
    assert made.status == 201
    prefix = made.data.key_descriptor.id
    signed_in = await call("apikey.authenticate", {"apikey": made.data.api_key_string.reveal()})
    assert isinstance(signed_in.outcome, SignedIn)
    for name, key in (("apikey.renew", number(prefix)), ("apikey.renew_by_prefix", prefix)):
        renewal = {"password": PASSWORD, "authorization": await authorization(call, "apikey.renew")}
        renewal |= {"expirationDays": 0, "disableExpiration": True}
        assert (await call(name, key, renewal)).data.renewed_key.expires_at is None
        await call(name, key, {"password": PASSWORD})
    again = (await call("apikey.initiate", least)).data
    assert {one.id for one in (await call("apikey.list")).data.keys} >= {prefix, again.key_descriptor.id}
    await call("apikey.revoke_by_prefix", prefix)
    await call("apikey.revoke", number(again.key_descriptor.id))
    left = {one.id for one in (await call("apikey.list")).data.keys}
    assert not left & {prefix, again.key_descriptor.id}


async def authorization(call: Caller, operation: str) -> str:
    """What proves in a password's place that the administrator may do something. No operation here gives one out."""
    emulator = call.aside.emulator

    def granted(conn: Any) -> str:
        directory = Directory(conn, emulator._numbers, emulator.clock())
        user = directory.find("user", "admin")
        assert user is not None
        return Accounts(directory, emulator.choices).authorize(user, operation)[0]

    proof: str = await emulator.store.write(granted)
    return proof


async def _keys_of_others(call: Caller) -> None:
    whole = {
        "description": "d",
        "expirationDays": 2,
        "validSources": ["127.0.0.1"],
        "disableExpiration": False,
        "disableSourceRestriction": False,
        "sessionConstraints": {"readOnly": True},
        "source": SOURCE,
    }
    made = [await call("user.initiate_user_api_key", "ann", body) for body in ({"description": "d"}, whole)]
    one, two = (answer.data.key_descriptor.id for answer in made)
    assert {key.id for key in (await call("user.list_user_api_keys", "ann")).data.keys} == {one, two}
    await call("user.renew_user_api_key_by_prefix", "ann", one, {})
    renewal = {"disableExpiration": True, "expirationDays": 0}
    renewed = await call("user.renew_user_api_key_by_prefix", "ann", one, renewal)
    assert renewed.data.renewed_key.expires_at is None
    await call("user.revoke_user_api_key_by_prefix", "ann", one)
    gone = (await call("user.revoke_user_api_key_by_id", "ann", number(two))).data
    assert gone.revoked_key is not None
    assert not (await call("user.list_user_api_keys", "ann")).data.keys


async def _others(call: Caller) -> None:
    for more in ({}, DOMAIN):
        await call("user.block_user", "ann", **more)
        assert (await call("user.get_user_authentication_status", "ann", **more)).data.blocked
        await call("user.unblock_user", "ann", **more)
        assert not (await call("user.get_user_authentication_status", "ann", **more)).data.blocked
        assert (await call("user.reset_password", "ann", **more)).data is not None
        await call("user.delete_all_user_sessions", "ann", **more)
    assert (await call("user.get_user_methods", "ann")).data
    assert (await call("user.initiate_user_totp", "ann")).data.seed_base32
    await call("user.revoke_user_totp", "ann")


async def _ways_in(call: Caller) -> None:
    asked = {**WHO, **DOMAIN, "requestedAuthorizations": ["setPassword"]}
    for name in (
        "password.authenticate",
        "password.authentication",
        "ldap.authenticate",
        "ldap.authentication",
    ):
        assert isinstance((await call(name, WHO)).outcome, SignedIn)
        assert isinstance((await call(name, asked)).outcome, SignedIn)
    grant = (await call("password.authentication", asked)).outcome.authorizations[0]
    assert grant.operation == "password.set"
    new = {"newPassword": PASSWORD}
    await call("password.change", {**new, "oldPassword": PASSWORD})
    await call(
        "password.change", {**new, "oldPassword": PASSWORD, "authorization": grant.authorization.reveal()}
    )
    grant = (await call("password.authentication", asked)).outcome.authorizations[0]
    await call("password.change", {**new, "authorization": grant.authorization.reveal()})
    assert "TOTP" in (await call("methods.get_methods")).data
    told = await call("methods.get_methods", argus_last_method="TOTP")
    assert told.meta_data["lastUsedAuthenticationMethod"] == "TOTP"
    await call("methods.get_methods_by_cookie")
    told = await call("methods.get_methods_by_cookie", cookie="argus_last_method=PASSWORD")
    assert told.meta_data["lastUsedAuthenticationMethod"] == "PASSWORD"


async def signed_in(call: Caller) -> Secret:
    outcome = (await call("password.authentication", WHO)).outcome
    assert isinstance(outcome, SignedIn)
    return outcome.token


async def _session(call: Caller) -> None:
    token = await signed_in(call)
    for more in ({}, DOMAIN):
        assert (await call("session.get_session", **more)).data is not None
        await call("session.check_session_permission", "all", "acme", **more)
        await call("currentuser.check_current_user_permission", "all", "acme", **more)
    assert (await call("session.get_session_by", authorization=Secret(f"Bearer {token.reveal()}"))).data
    await call("session.clear_session_data")
    assert (await call("session.get_session_auth_methods")).data
    assert (await call("session.get_session_customers")).data
    assert (await call("session.get_session_functions")).data
    await call("session.check_session_function_permission", "all")


async def _narrower(call: Caller) -> None:
    acme = (await call("customers.get_customer", "acme")).data.id
    function = (await call("useradmin.function.get_function", "viewUsers")).data.number
    narrow = {
        "customer": ["acme"],
        "function": ["viewUsers"],
        "readOnly": True,
        "customerID": [acme],
        "functionID": [function],
    }
    for name in ("constrain.constrain", "session.constrain_session"):
        for body in ({}, narrow):
            assert isinstance((await call(name, body)).outcome, SignedIn)
    other = {"user": "ann", "function": ["viewUsers"], **DOMAIN}
    other |= {"customer": ["acme"], "securityLevel": "standard"}
    for name in ("impersonate.impersonate", "session.impersonate_session"):
        for body in ({"user": "ann"}, {"userName": "ann"}, other):
            assert isinstance((await call(name, body)).outcome, SignedIn)


async def _ending(call: Caller) -> None:
    key = call.aside.emulator.api_key
    assert isinstance((await call("apikey.authenticate", {"apikey": key})).outcome, SignedIn)
    rows = await call.aside.emulator.store.read(lambda conn: q.sessions.find(conn, user_id="admin"))
    await call("session.evict_session", f"{rows[0].id}/127.0.0.1")
    for name in ("session.delete_session", "logout.logout"):
        call.sent_by = call.aside.idp.with_credential(Bearer(await signed_in(call))).native
        await call(name)
        call.sent_by = call.native
    for name in ("session.delete_session_by", "logout.logout_session"):
        proof = Secret(f"Bearer {(await signed_in(call)).reveal()}")
        await call(name, authorization=proof)
        await call.refused("session.get_session_by", AuthenticationError, authorization=proof)


async def _totp(call: Caller) -> None:
    proof = {"authorization": await authorization(call, "totp.initialize")}
    await call("totp.initialize", {**proof, "password": PASSWORD})
    seed = (await call("totp.initialize", {"password": PASSWORD})).data
    code = pyotp.TOTP(seed.seed_base32.reveal()).at(int(time.time()))
    verified = await call("totp.verify", {"cookie": seed.cookie.reveal(), "verificationCode": code})
    assert verified.data is not None
    plain = {**WHO, "tokenCode": code}
    asked = {**plain, **DOMAIN, "requestedAuthorizations": ["setPassword"]}
    outcome = (await call("totp.authenticate", plain)).outcome
    assert isinstance(outcome, SignedIn)
    used = Challenge(message="Token already used", username="admin")
    assert (await call("totp.authentication", plain)).outcome == used
    for name in ("totp.authenticate", "totp.authentication"):
        assert (await call(name, asked)).outcome == used
    await call("totp.revoke")


async def _current(call: Caller) -> None:
    me = "currentuser"
    assert (await call(f"{me}.get_current_user")).data.user_name == "admin"
    proof = Secret(f"Bearer {(await signed_in(call)).reveal()}")
    assert (await call(f"{me}.get_current_user_by", authorization=proof)).data.user_name == "admin"
    page = {"limit": 5, "offset": 0}
    for name, more in (
        ("get_current_user_groups", {"includeAncestors": True}),
        ("get_functions", {"onlyRoles": False, "requirePermission": True}),
        ("get_customers", {}),
        ("get_current_user_permissions", {"includeInherited": False}),
    ):
        assert (await call(f"{me}.{name}")).data is not None
        assert (await call(f"{me}.{name}", **more, **page)).data is not None
