"""Every operation of both documents through ``idp.native``, over a socket: with what is required, then with all."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from identity_sdk.adapters.igtcloud.api import IgtCloudApi
from identity_sdk.wire.call import OperationSpec

pytestmark = pytest.mark.anyio

AUTH = {
    "get_introspect_resource": "GET /auth/introspect",
    "get_login_aud_resource": "GET /auth/login/$aud",
    "get_permissions_resource": "GET /auth/permissions",
    "get_s3_credentials_resource": "GET /auth/s3credentials",
    "post_audit_resource": "POST /auth/audit-trail",
    "post_login_resource_login": "POST /auth/login",
    "post_logout_resource": "POST /auth/logout",
    "post_refresh_resource": "POST /auth/refresh",
}
DATA = {
    "delete_project": "DELETE /data/projects/{project_id}",
    "delete_service": "DELETE /data/organizations/{organization_id}/services/{service_id}",
    "delete_user": "DELETE /data/users/{user_uuid}",
    "delete_user_storage_files": "DELETE /data/users/files",
    "delete_user_storage_training_settings": "DELETE /data/users/training-settings",
    "get_groups": "GET /data/organizations/{organization_id}/groups",
    "get_institute": "GET /data/projects/hospitals/{hospital_id}",
    "get_institutes": "GET /data/projects/{project_id}/hospitals",
    "get_me": "GET /data/users/me",
    "get_project": "GET /data/projects/{project_id}",
    "get_projects": "GET /data/projects",
    "get_services": "GET /data/organizations/{organization_id}/services",
    "get_user": "GET /data/users/{user_uuid}",
    "get_user_storage": "GET /data/users/$storage",
    "get_user_storage_download_files": "GET /data/users/download-files",
    "get_user_storage_files": "GET /data/users/files",
    "get_users": "GET /data/users",
    "get_users_groups": "GET /data/organizations/{organization_id}/users-groups",
    "post_institutes": "POST /data/projects/{project_id}/hospitals",
    "post_projects": "POST /data/projects",
    "post_resend_activation": "POST /data/users/$resend-activation",
    "post_reset_mfa": "POST /data/users/$mfa-reset",
    "post_services": "POST /data/organizations/{organization_id}/services",
    "post_user_profile": "POST /data/users/$profile",
    "post_users": "POST /data/users",
    "put_user": "PUT /data/users/{user_uuid}",
    "put_users_groups": "PUT /data/organizations/{organization_id}/users-groups",
}
LOGIN = {"grantType": "password", "username": "admin@example.com", "password": "the admin's password"}
ANN = {"loginId": "ann", "email": "ann@example.org", "givenName": "Ann", "familyName": "Dam"}
AUDIT = dict.fromkeys(
    (
        "eventAction",
        "eventOutcome",
        "eventSubtype",
        "eventType",
        "applicationName",
        "applicationVersion",
        "componentName",
        "arguments",
        "objectType",
        "objectLifecycle",
        "environment",
    ),
    "x",
)


def operations() -> dict[str, OperationSpec]:
    members = inspect.getmembers(IgtCloudApi, inspect.isfunction)
    return {name: vars(one)["__operation__"] for name, one in members if "__operation__" in vars(one)}


def test_every_documented_operation_is_there() -> None:
    found = {name: f"{spec.method} {spec.path}" for name, spec in operations().items()}
    assert found == AUTH | DATA
    assert len(AUTH) == 8
    assert all((vars(getattr(IgtCloudApi, name)).get("__wrapped__")).__doc__ for name in found)


class Counting:
    """``native``, and which of its operations were called with how many parameters."""

    def __init__(self, native: Any) -> None:
        self._native = native
        self.called: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._native, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.called[name] = max(self.called.get(name, 0), len(args) + len(kwargs))
            return await function(*args, **kwargs)

        return call


@pytest.mark.parametrize("everything", [False, True], ids=["required", "everything"])
async def test_each_operation_over_a_socket(place: Any, everything: bool) -> None:
    async with place() as it:
        native = Counting(it.idp.native)
        org, group = "org-1", await it.group("g1")

        def mask(fields: str) -> dict[str, Any]:
            return {"x_fields": fields} if everything else {}

        def more(**options: Any) -> dict[str, Any]:
            return options if everything else {}

        assert (await native.get_introspect_resource(**mask("active"))).active
        assert (await native.get_login_aud_resource()).startswith("https://")
        assert "user.read" in (await native.get_permissions_resource(**mask("permissions"))).permissions
        s3 = await native.get_s3_credentials_resource("GET", **more(prefix="p/"), **mask("*"))
        keys = s3.policy_credentials[0].credentials
        assert keys.access_key
        assert keys.expires.tzinfo is not None
        await native.post_audit_resource(AUDIT if everything else {})
        answer = await native.post_login_resource_login(LOGIN, **more(includes3creds=True))
        assert answer.jwt.reveal().count(".") == 2
        assert answer.life == 1800
        assert (answer.s3_credentials is not None) is everything
        assert (await native.post_refresh_resource()).sub == "admin@example.com"
        await _users(native, everything, mask, more)
        made = await native.post_services(org, {"name": "robot"}, **mask("*"))
        assert made.private_key
        (listed,) = await native.get_services(org, **more(filter="rob"), **mask("id,serviceId,name"))
        assert (listed.uuid, listed.id, listed.name) == (made.uuid, made.id, "robot")
        await native.delete_service(org, made.uuid)
        (found,) = await native.get_groups(org, **mask("id,name"))
        assert (found.id, found.name) == (group, "g1")
        user = await native.post_users(ANN, **mask("*"))
        (set_,) = await native.put_users_groups(org, {"userId": user.uuid, "groupIds": [group]}, **mask("*"))
        assert set_.group_ids == (group,)
        assert await native.get_users_groups(org, **mask("userId,groupIds")) == (set_,)
        await native.put_users_groups(org, {"userId": user.uuid, "groupIds": []})
        await _organizations(native, everything, mask, more)
        assert (await native.post_logout_resource(**more(has_expired=False))).success
        assert native.called.keys() == AUTH.keys() | DATA.keys()
        if everything:
            for name, count in native.called.items():
                assert count == len(inspect.signature(getattr(IgtCloudApi, name)).parameters) - 1, name


async def _users(native: Any, everything: bool, mask: Any, more: Any) -> None:
    training = {"trainingStartDate": "2026-01-01T00:00:00Z", "trainingEndDate": "2026-02-01T00:00:00Z"}
    body = {**ANN, "istLevel": "1", "preferredLanguage": "en", **training} if everything else ANN
    made = await native.post_users(body, **mask("*"))
    assert not made.was_there
    assert (await native.post_users(body)).was_there
    assert made.name == "Ann Dam"
    read = await native.get_user(made.uuid, **mask("*"))
    assert read.settings.ist_level == ("1" if everything else None)
    assert read.account_status.mfa_status == "NOTREQUIRED"
    await native.put_user(made.uuid, {**body, "familyName": "Berg"})
    assert "Ann Berg" in [one.name for one in await native.get_users(**mask("loginId,profile"))]
    assert (await native.get_me(**mask("*"))).id == "admin@example.com"
    await native.post_user_profile()
    await native.post_reset_mfa({"loginId": "ann"})
    said = await native.post_resend_activation({"loginId": "ann"}, **mask("*"))
    assert said.issue[0]["severity"] == "information"
    storage = await native.get_user_storage(**more(region="us-east-1"), **mask("*"))
    assert storage.credentials.secret
    assert storage.config.region == ("us-east-1" if everything else "eu-west-1")
    assert await native.get_user_storage_files(**mask("key")) == ()
    await native.delete_user_storage_files(**more(keys=("a", "b")))
    packed = await native.get_user_storage_download_files()
    assert packed.headers["content-type"] == "application/zip"
    await native.delete_user_storage_training_settings()
    await native.delete_user(made.uuid)


async def _organizations(native: Any, everything: bool, mask: Any, more: Any) -> None:
    project = {"name": "P", "description": "d", "projectTypeName": "t", "continents": ["EU"]}
    (made,) = await native.post_projects(project if everything else {"name": "P"}, **mask("*"))
    place = {"name": "H", "description": "d"} if everything else {"name": "H"}
    hospital = await native.post_institutes(made.id, place, **mask("*"))
    children = more(include_child_relations=True)
    read = await native.get_project(made.id, **children, **mask("*"))
    assert (read.institutes is not None) is everything
    assert [one.id for one in await native.get_projects(**mask("id"))] == [made.id]
    assert [one.name for one in await native.get_institutes(made.id, **mask("name"))] == ["H"]
    assert (await native.get_institute(hospital.id, **children, **mask("*"))).parent_id == made.id
    await native.delete_project(made.id)
