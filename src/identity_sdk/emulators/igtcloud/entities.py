"""``/data``: users, groups, services, projects and hospitals."""

from __future__ import annotations

import io
import secrets
import uuid
import zipfile
from datetime import UTC, datetime
from typing import cast

from identity_sdk.emulators.igtcloud.call import Call
from identity_sdk.emulators.igtcloud.directory import ROOT, facts, uuid_of
from identity_sdk.emulators.igtcloud.jwt import new_private_key
from identity_sdk.emulators.igtcloud.wire import JSON, Answer, Refused, checked
from identity_sdk.store import queries as q

__all__ = ["HANDLERS"]

_USER: dict[str, str] = dict.fromkeys(
    (
        "loginId",
        "email",
        "givenName",
        "familyName",
        "istLevel",
        "preferredLanguage",
        "trainingStartDate",
        "trainingEndDate",
    ),
    "string",
)
_NEEDED = ("email", "familyName", "givenName", "loginId")


def show_user(call: Call, user: q.UserRow) -> JSON:
    told = facts(user)
    disabled = user.attributes.get("active") is False
    return {
        "loginId": user.id,
        "userUUID": uuid_of(user),
        "profile": _profile(call, user, told, disabled=disabled),
        "settings": {
            "istLevel": told.get("istLevel"),
            "preferredLanguage": told.get("preferredLanguage"),
            "trainingStartDate": _day(told.get("trainingStartDate")),
            "trainingEndDate": _day(told.get("trainingEndDate")),
        },
        "accountStatus": {
            "lastLoginTime": None,
            "mfaStatus": "NOTREQUIRED",
            "emailVerified": call.directory.has_password(user.id),
            "disabled": disabled,
            "accountLockedOn": None,
            "accountLockedUntil": None,
            "numberOfInvalidAttempt": 0,
            "lastInvalidAttemptedOn": None,
            "passwordExpiresOn": None,
            "passwordChangedOn": None,
        },
    }


def _profile(call: Call, user: q.UserRow, told: JSON, *, disabled: bool) -> JSON:
    idle = call.directory.idle(user.id)  # most of many users are in no group and have no rights
    held = [] if idle else call.directory.permissions(user.id)
    roles = call.directory.roles(held)
    given, _, family = (user.name or user.id).rpartition(" ")
    root: JSON = {
        "organizationId": ROOT,
        "organizationName": "Root",
        "permissions": held,
        "roles": roles,
        "groups": [] if idle else [row.name or row.id for row in call.directory.groups_of(user.id)],
    }
    return {
        "addresses": [],
        "contact": {"emailAddress": user.email, "mobilePhone": None},
        "disabled": disabled,
        "familyName": told.get("familyName") or family,
        "givenName": told.get("givenName") or given or family,
        "organizationRoles": [root],
        "preferredLanguage": told.get("preferredLanguage"),
        "roles": roles,
    }


def _day(told: object) -> str | None:
    return told[:10] if isinstance(told, str) else None


def list_users(call: Call) -> Answer:
    call.require("user.read")
    return call.show([show_user(call, row) for row in call.directory.users()])


def make_user(call: Call) -> Answer:
    call.require("user.write")
    told = _user_body(call)
    there = call.directory.by_login(str(told["loginId"]))
    if there is not None:
        return call.show(show_user(call, there), 200)
    if q.users.get(call.directory.conn, str(told["loginId"])) is not None:
        raise Refused(400, "The login id belongs to a machine")
    return call.show(show_user(call, call.directory.put_user(told)), 201)


def _user_body(call: Call) -> JSON:
    told = checked(call.body, _USER, _NEEDED)
    for name in _NEEDED:
        if not told[name]:
            raise Refused(400, "Input payload validation failed", {name: "must not be empty"})
    return told


def get_user(call: Call) -> Answer:
    own = call.who.user
    if own is None or uuid_of(own) != call.id("user_uuid"):
        call.require("user.read")  # before existence
    return call.show(show_user(call, call.directory.user(call.id("user_uuid"))))


def replace_user(call: Call) -> Answer:
    call.require("user.write")
    told = _user_body(call)
    there = call.directory.user(call.id("user_uuid"))
    if told["loginId"] != there.id:
        raise Refused(400, "The login id cannot be changed")
    call.directory.put_user(told, there)
    return call.done()


def delete_user(call: Call) -> Answer:
    call.require("user.write")
    call.directory.delete_user(call.id("user_uuid"))
    return call.done()


def me(call: Call) -> Answer:
    return call.show(show_user(call, call.me))


def make_profile(call: Call) -> Answer:
    assert call.me is not None
    return call.done()


def _named(call: Call) -> q.UserRow:
    call.require("user.write")
    told = checked(call.body, {"loginId": "string"}, ("loginId",))
    user = call.directory.by_login(str(told["loginId"]))
    if user is None:
        raise call.directory.missing("User")
    return user


def reset_mfa(call: Call) -> Answer:
    _named(call)
    return call.done()


def resend_activation(call: Call) -> Answer:
    user = _named(call)
    issue: JSON = {
        "severity": "information",
        "code": "informational",
        "details": {"coding": {}, "text": f"Sent to {user.email}"},
    }
    return call.show({"resourceType": "OperationOutcome", "issue": [issue]})


def storage(call: Call) -> Answer:
    user = call.me
    ends = datetime.fromtimestamp(call.now + call.choices.s3_life, UTC)
    return call.show(
        {
            "credentials": {
                "accessKey": f"ASIA{secrets.token_hex(8).upper()}",
                "secret": secrets.token_urlsafe(30),
                "sessionToken": secrets.token_urlsafe(48),
                "expiration": ends.isoformat(),
            },
            "config": {
                "bucket": "igt-users",
                "key": f"{uuid_of(user)}/",
                "region": call.asked.one("region") or "eu-west-1",
            },
        }
    )


def files(call: Call) -> Answer:
    return call.show(call.directory.files(call.me))


def delete_files(call: Call) -> Answer:
    call.directory.forget_files(call.me, call.asked.query.get("keys", ()))
    return call.done()


def download(call: Call) -> Answer:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for one in call.directory.files(call.me):
            archive.writestr(str(one["key"]), b"\0" * int(cast("int", one["fileSize"])))
    return Answer(200, packed.getvalue(), "application/zip")


def forget_training(call: Call) -> Answer:
    call.directory.forget_training(call.me)
    return call.done()


# Organizations.


def list_groups(call: Call) -> Answer:
    call.require("group.read")
    rows = call.directory.groups(call.id("organization_id"))
    return call.show([{"id": row.id, "name": row.name or row.id} for row in rows])


def list_users_groups(call: Call) -> Answer:
    call.require("group.read")
    groups = {row.id for row in call.directory.groups(call.id("organization_id"))}
    found: list[JSON] = []
    for user in call.directory.users():
        if call.directory.idle(user.id):
            continue
        rows = q.memberships.find(call.directory.conn, user_id=user.id)
        inside = [row.group_id for row in rows if row.group_id in groups]
        if inside:
            found.append({"userId": uuid_of(user), "groupIds": inside})
    return call.show(found)


def set_users_groups(call: Call) -> Answer:
    call.require("group.write")
    told = checked(call.body, {"userId": "string", "groupIds": "strings"}, ("userId", "groupIds"))
    organization = call.id("organization_id")
    call.directory.organization(organization)
    user = call.directory.user(str(told["userId"]))
    wanted = cast("list[str]", told["groupIds"])
    call.directory.set_groups(organization, user, wanted)
    inside = [row.id for row in call.directory.groups_of(user.id, organization)]
    return call.show([{"userId": uuid_of(user), "groupIds": inside}], call.choices.created)


def _show_service(row: q.CredentialRow, private_key: str | None = None) -> JSON:
    told = facts(row)
    return {
        "applicationId": "app-1",
        "defaultScopes": ["mail"],
        "expiresOn": datetime.fromtimestamp(row.created_at + 365 * 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "id": row.id,
        "name": told["name"],
        "organizationId": told["organization"],
        "privateKey": private_key,
        "scopes": ["mail"],
        "serviceId": row.user_id,
    }


def list_services(call: Call) -> Answer:
    call.require("service.read")
    wanted = call.asked.one("$filter")
    rows = call.directory.services(call.id("organization_id"))
    return call.show([_show_service(row) for row in rows if not wanted or wanted in str(facts(row)["name"])])


def make_service(call: Call) -> Answer:
    call.require("service.write")
    told = checked(call.body, {"name": "string"}, ("name",))
    if not told["name"]:
        raise Refused(400, "Input payload validation failed", {"name": "must not be empty"})
    call.directory.organization(call.id("organization_id"))
    private, public = new_private_key()
    row = call.directory.add_service(call.id("organization_id"), str(told["name"]), public)
    shown = private.replace("\n", "") if call.choices.private_key == "bare" else private
    return call.show(_show_service(row, shown), call.choices.created)


def delete_service(call: Call) -> Answer:
    call.require("service.write")
    call.directory.delete_service(call.id("organization_id"), call.id("service_id"))
    return call.done()


_PLACE = {"name": "string", "description": "string", "projectTypeName": "string", "continents": "strings"}


def _alone(place: JSON, call: Call) -> JSON:
    """Without what hangs on it, unless that was asked for."""
    wanted = call.asked.flag("includeChildRelations")
    return {name: value for name, value in place.items() if wanted or name not in ("institutes", "studies")}


def list_projects(call: Call) -> Answer:
    call.require("project.read")
    return call.show([_alone(one, call) for one in call.directory.projects()])


def make_project(call: Call) -> Answer:
    call.require("project.write")
    told = checked(call.body, _PLACE, ("name",))
    number = str(uuid.uuid4())
    made: JSON = {
        "id": number,
        "name": told["name"],
        "description": told.get("description"),
        "projectTypeName": told.get("projectTypeName"),
        "studyType": None,
        "continents": told.get("continents"),
        "s3Prefix": f"{number}/",
        "institutes": [],
    }
    call.directory.keep_projects([*call.directory.projects(), made])
    return call.show([made])


def get_project(call: Call) -> Answer:
    call.require("project.read")
    return call.show(_alone(call.directory.project(call.id("project_id")), call))


def delete_project(call: Call) -> Answer:
    call.require("project.write")
    gone = call.directory.project(call.id("project_id"))
    call.directory.keep_projects([one for one in call.directory.projects() if one["id"] != gone["id"]])
    return call.done()


def list_hospitals(call: Call) -> Answer:
    call.require("project.read")
    places = cast("list[JSON]", call.directory.project(call.id("project_id"))["institutes"])
    return call.show([_alone(one, call) for one in places])


def make_hospital(call: Call) -> Answer:
    call.require("project.write")
    told = checked(call.body, _PLACE, ("name",))
    projects = call.directory.projects()
    wanted = call.directory.project(call.id("project_id"))["id"]
    number = str(uuid.uuid4())
    made: JSON = {
        "id": number,
        "name": told["name"],
        "description": told.get("description"),
        "parentId": wanted,
        "hasSeries": False,
        "projectTypeName": None,
        "studyType": None,
        "s3Prefix": f"{wanted}/{number}/",
        "studies": [],
    }
    for one in projects:
        if one["id"] == wanted:
            cast("list[JSON]", one["institutes"]).append(made)
    call.directory.keep_projects(projects)
    return call.show(made, call.choices.created)


def get_hospital(call: Call) -> Answer:
    call.require("project.read")
    return call.show(_alone(call.directory.hospital(call.id("hospital_id")), call))


HANDLERS = {
    "GET users": list_users,
    "POST users": make_user,
    "GET users/me": me,
    "POST users/$profile": make_profile,
    "POST users/$mfa-reset": reset_mfa,
    "POST users/$resend-activation": resend_activation,
    "GET users/$storage": storage,
    "GET users/files": files,
    "DELETE users/files": delete_files,
    "GET users/download-files": download,
    "DELETE users/training-settings": forget_training,
    "GET users/{user_uuid}": get_user,
    "PUT users/{user_uuid}": replace_user,
    "DELETE users/{user_uuid}": delete_user,
    "GET organizations/{organization_id}/groups": list_groups,
    "GET organizations/{organization_id}/users-groups": list_users_groups,
    "PUT organizations/{organization_id}/users-groups": set_users_groups,
    "GET organizations/{organization_id}/services": list_services,
    "POST organizations/{organization_id}/services": make_service,
    "DELETE organizations/{organization_id}/services/{service_id}": delete_service,
    "GET projects": list_projects,
    "POST projects": make_project,
    "GET projects/hospitals/{hospital_id}": get_hospital,
    "GET projects/{project_id}": get_project,
    "DELETE projects/{project_id}": delete_project,
    "GET projects/{project_id}/hospitals": list_hospitals,
    "POST projects/{project_id}/hospitals": make_hospital,
}
"""By method and path below ``/data``; the first that fits is taken."""
