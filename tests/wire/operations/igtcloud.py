"""IGT Cloud: the 8 operations of the auth service, and those of the data service."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from joserfc import jwt
from joserfc.jwk import RSAKey

from identity_sdk import connect
from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.auth.sources import Password
from identity_sdk.emulators import igtcloud
from identity_sdk.emulators.server import running
from identity_sdk.errors import NotFoundError
from identity_sdk.store import Store
from identity_sdk.store import queries as q
from tests.wire.operations.caller import Caller, Recorder

NAME, PASSWORD = "admin@example.com", "the admin's password"
ORG, GROUP = igtcloud.ROOT, "g1"
ANN = {"loginId": "ann", "email": "ann@example.org", "givenName": "Ann", "familyName": "Dam"}
BOB = {**ANN, "loginId": "bob", "givenName": "Bob"}
ALL_OF_BOB = {
    **BOB,
    "istLevel": "1",
    "preferredLanguage": "en",
    "trainingStartDate": "2026-01-01T00:00:00Z",
    "trainingEndDate": "2026-02-01T00:00:00Z",
}


@asynccontextmanager
async def opened() -> AsyncGenerator[Caller]:
    store = Store.open("sqlite://")
    app = igtcloud.create_app(store, admin=igtcloud.Admin(NAME, PASSWORD))
    await app.state.emulator.prepare()
    row = q.GroupRow(id=GROUP, created_at=1_800_000_000.0, name="Group")
    await store.write(lambda conn: q.groups.insert(conn, row))
    recorder = Recorder(app)
    with running(recorder) as url:
        adapter = IgtCloud(
            base_url=url, auth=Password(NAME, PASSWORD), organization=ORG, email_domain="example.com"
        )
        async with connect(adapter) as idp:
            caller = Caller("igtcloud", idp.native, recorder.seen, base="/api")
            await idp.native.get_me()  # the sign-in, which is a call of /login as well
            yield caller
    await store.aclose()


async def scenario(call: Caller) -> None:
    await _auth(call)
    await _users(call)
    await _storage(call)
    await _organization(call)
    await _projects(call)
    assert (await call("post_logout_resource", has_expired=False)).success
    await call.native.get_me()
    assert (await call("post_logout_resource")).success


async def _auth(call: Caller) -> None:
    whole = await call("get_introspect_resource")
    assert (whole.active, bool(whole.sub)) == (True, True)
    told = await call("get_introspect_resource", x_fields="active")
    assert (told.active, told.sub) == (True, None)
    assert (await call("get_login_aud_resource")).startswith("https://")
    assert "user.read" in (await call("get_permissions_resource")).permissions
    assert "user.read" in (await call("get_permissions_resource", x_fields="permissions")).permissions
    (one,) = (await call("get_s3_credentials_resource", "GET")).policy_credentials
    assert one.credentials.expires.tzinfo is not None
    assert (await call("get_s3_credentials_resource", "GET", prefix="p/", x_fields="*")).policy_credentials
    await call("post_audit_resource", {})
    await call("post_audit_resource", dict.fromkeys(call.rows["post_audit_resource"].body.all, "x"))
    least = {"grantType": "password", "username": NAME, "password": PASSWORD}
    answer = await call("post_login_resource_login", least)
    assert (answer.jwt.reveal().count("."), answer.life, answer.s3_credentials) == (2, 1800, None)
    answer = await call("post_login_resource_login", least, includes3creds=True)
    assert answer.s3_credentials is not None
    assert (await call("post_refresh_resource")).sub == NAME


async def _users(call: Caller) -> None:
    ann = await call("post_users", ANN)
    assert not ann.was_there
    bob = await call("post_users", ALL_OF_BOB, x_fields="*")
    assert bob.name == "Bob Dam"
    assert (await call("post_users", ANN)).was_there
    assert (await call("get_user", ann.uuid)).settings.ist_level is None
    assert (await call("get_user", bob.uuid, x_fields="*")).settings.ist_level == "1"
    await call("put_user", ann.uuid, {**ANN, "familyName": "Berg"})
    await call("put_user", bob.uuid, {**ALL_OF_BOB, "familyName": "Berg"})
    assert {one.name for one in await call("get_users")} >= {"Ann Berg", "Bob Berg"}
    masked = await call("get_users", x_fields="loginId,profile")
    assert {one.uuid for one in masked} == {None}
    assert (await call("get_me")).id == NAME
    assert (await call("get_me", x_fields="*")).id == NAME
    await call("post_user_profile")
    await call("post_reset_mfa", {"loginId": "ann"})
    for more in ({}, {"x_fields": "*"}):
        said = await call("post_resend_activation", {"loginId": "ann"}, **more)
        assert said.issue[0]["severity"] == "information"
    await call("delete_user", bob.uuid)
    await call.refused("get_user", NotFoundError, bob.uuid)


async def _storage(call: Caller) -> None:
    assert (await call("get_user_storage")).config.region == "eu-west-1"
    assert (await call("get_user_storage", region="us-east-1", x_fields="*")).config.region == "us-east-1"
    assert await call("get_user_storage_files") == ()
    assert await call("get_user_storage_files", x_fields="key") == ()
    await call("delete_user_storage_files")
    await call("delete_user_storage_files", keys=("a", "b"))
    assert (await call("get_user_storage_download_files")).headers["content-type"] == "application/zip"
    await call("delete_user_storage_training_settings")


async def _organization(call: Caller) -> None:
    one = await call("post_services", ORG, {"name": "robot"})
    two = await call("post_services", ORG, {"name": "other"}, x_fields="*")
    assert one.private_key
    assert two.private_key
    assert {listed.uuid for listed in await call("get_services", ORG)} == {one.uuid, two.uuid}
    (listed,) = await call("get_services", ORG, filter="rob", x_fields="id,serviceId,name")
    assert (listed.uuid, listed.id, listed.name) == (one.uuid, one.id, "robot")
    audience = await call("get_login_aud_resource")
    claims = {"sub": two.id, "iss": two.id, "aud": audience, "exp": int(time.time()) + 600}
    assertion = jwt.encode({"alg": "RS256"}, claims, _key(two.private_key.reveal()))
    body = {"grantType": "jwt-key", "assertion": assertion, "hospitalOrgId": ""}
    robot = await call("post_login_resource_login", body)
    assert robot.jwt.reveal().count(".") == 2
    await call("delete_service", ORG, two.uuid)
    assert [listed.uuid for listed in await call("get_services", ORG)] == [one.uuid]
    assert [group.id for group in await call("get_groups", ORG)] == [GROUP]
    assert [group.name for group in await call("get_groups", ORG, x_fields="id,name")] == ["Group"]
    (ann,) = [user for user in await call("get_users") if user.id == "ann"]
    body = {"userId": ann.uuid, "groupIds": [GROUP]}
    (told,) = await call("put_users_groups", ORG, body, x_fields="*")
    assert told.group_ids == (GROUP,)
    assert await call("get_users_groups", ORG, x_fields="userId,groupIds") == (told,)
    await call("put_users_groups", ORG, {"userId": ann.uuid, "groupIds": []})
    assert GROUP not in [id for one in await call("get_users_groups", ORG) for id in one.group_ids]


def _key(pem: str) -> RSAKey:
    """The server answers the key without its line breaks."""
    begin, inner, end = re.findall(r"-----.*?-----|[^-]+", "".join(pem.strip().splitlines()))
    return RSAKey.import_key("\n".join((begin, *textwrap.wrap(inner, 64), end)))


async def _projects(call: Caller) -> None:
    (made,) = await call("post_projects", {"name": "P"})
    whole = {"name": "Q", "description": "d", "projectTypeName": "t", "continents": ["EU"]}
    (other,) = await call("post_projects", whole, x_fields="*")
    hospital = await call("post_institutes", made.id, {"name": "H"})
    await call("post_institutes", made.id, {"name": "I", "description": "d"}, x_fields="*")
    assert (await call("get_project", made.id)).institutes is None
    read = await call("get_project", made.id, include_child_relations=True, x_fields="*")
    assert read.institutes is not None
    assert [one.id for one in await call("get_projects")] == [made.id, other.id]
    assert [one.name for one in await call("get_projects", x_fields="id")] == [None, None]
    assert [one.name for one in await call("get_institutes", made.id)] == ["H", "I"]
    assert [one.name for one in await call("get_institutes", made.id, x_fields="name")] == ["H", "I"]
    assert (await call("get_institute", hospital.id)).parent_id == made.id
    told = await call("get_institute", hospital.id, include_child_relations=True, x_fields="*")
    assert told.parent_id == made.id
    await call("delete_project", made.id)
    assert [one.id for one in await call("get_projects")] == [other.id]
