# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of IGT Cloud: the 8 operations of document.md, and those of the data service behind the facade's cells.

Both services stand below one base path (``/api`` on real servers; none at all in the documents): ``/auth/…`` and
``/data/…``. ``x_fields`` is a mask of Flask-RESTX (``sub,exp``, ``{sub,organizations{managingOrganization}}``): the
answer then holds only these properties, the others are ``None``. A mask for users must keep ``loginId``, one for
services ``serviceId``, one for groups ``id`` and one for memberships ``userId``.

Every operation raises ``AuthenticationError`` for a bad token (401), ``PermissionDeniedError`` (403),
``NotFoundError`` (404) and ``InvalidRequestError`` (400, ``4xxMessage``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from identity_sdk.adapters.igtcloud import data as d
from identity_sdk.adapters.igtcloud import inputs as i
from identity_sdk.adapters.igtcloud import models as m
from identity_sdk.adapters.igtcloud.cookies import jwt_of_cookies
from identity_sdk.adapters.igtcloud.dialect import IgtCloudDialect
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Dialect, Retry, Sender
from identity_sdk.wire.operation import Api, Header, Query, operation
from identity_sdk.wire.request import Response

__all__ = ["IgtCloudApi"]

Mask = Annotated[str | None, Header("X-Fields")]

DONE = (200, 204)
MADE = (200, 201)


class _Base(Api):
    dialect: ClassVar[Dialect] = IgtCloudDialect()
    query_booleans: ClassVar[tuple[str, str]] = ("False", "True")  # as the official client sends them

    def __init__(self, sender: Sender, base_path: str, *, user_agent: str) -> None:
        super().__init__(sender, base_path, user_agent=user_agent)
        self._headers["Content-Type"] = "application/json"  # also without a body, as the official client does

    def complete(self, decoded: Any, response: Response) -> Any:
        """Adds what is not in a body: the JWT of the cookies, and whether a user was made or there before."""
        if isinstance(decoded, m.LoginResponse):
            decoded._joined(*jwt_of_cookies(response.cookies))  # pyright: ignore[reportPrivateUsage]
        elif isinstance(decoded, m.IgtUser):
            decoded._answered(response.status)  # pyright: ignore[reportPrivateUsage]
        return decoded


class AuthApi(_Base):
    """``/auth``: the 8 operations of document.md."""

    @operation("GET /auth/introspect")
    async def get_introspect_resource(self, *, x_fields: Mask = None) -> m.IntrospectResponse:
        """What the server knows of this client's JWT."""
        ...

    @operation("GET /auth/login/$aud", auth=False)
    async def get_login_aud_resource(self) -> str:
        """The ``aud`` claim of an assertion. Public."""
        ...

    @operation("GET /auth/permissions")
    async def get_permissions_resource(self, *, x_fields: Mask = None) -> m.PermissionsResponse:
        """What this client's principal may do."""
        ...

    @operation("GET /auth/s3credentials")
    async def get_s3_credentials_resource(
        self, action: str, *, prefix: str | None = None, x_fields: Mask = None
    ) -> m.S3CredentialResponse:
        """Temporary S3 credentials.

        Args:
            action: ``"GET"`` (download, head) or ``"PUT"`` (upload).
            prefix: the ``s3Prefix`` of a project or study.
            x_fields: see the module.
        """
        ...

    @operation(
        "POST /auth/audit-trail",
        success=(200, 201, 204),
        how_to_find_out="The API cannot read the audit trail; a second entry may be a lesser evil than none",
    )
    async def post_audit_resource(self, body: i.AuditTrail) -> None:
        """Adds an entry to the audit trail. Each call adds one."""
        ...

    @operation("POST /auth/login", auth=False, retry=Retry.IDEMPOTENT)  # a further session harms nobody
    async def post_login_resource_login(
        self, body: i.LoginModel, *, includes3creds: Annotated[bool | None, Query("$includes3creds")] = None
    ) -> m.LoginResponse:
        """Signs in, by a password or (``grantType`` ``jwt-key``) by an assertion. Public.

        Args:
            body: the grant and what proves it.
            includes3creds: answer S3 credentials as well.

        Raises:
            AuthenticationError: the password is wrong; the assertion is forged, expired or for another audience.
        """
        ...

    @operation("POST /auth/logout", retry=Retry.IDEMPOTENT)
    async def post_logout_resource(
        self, *, has_expired: Annotated[bool | None, Query("hasExpired")] = None
    ) -> m.LogoutResponse:
        """Ends the session of this client's JWT.

        Args:
            has_expired: the JWT has run out: end its session all the same.
        """
        ...

    @operation("POST /auth/refresh", retry=Retry.IDEMPOTENT)  # the former JWT stays good to its end
    async def post_refresh_resource(self) -> m.LoginResponse:
        """The next JWT for this client's own, which must carry a refresh token; the login's CSRF token stays in use."""
        ...


class SignInApi(AuthApi):
    """The same for a JWT that is not the client's own."""

    @operation("GET /auth/introspect", auth=False)
    async def introspect_by(
        self,
        *,
        jwt: Annotated[Secret, Header("X-JWT")],
        csrf: Annotated[Secret | None, Header("X-CSRF-TOKEN")] = None,
    ) -> m.IntrospectResponse:
        """What the server knows of that JWT."""
        ...

    @operation("POST /auth/logout", auth=False, retry=Retry.IDEMPOTENT)
    async def logout_by(
        self,
        *,
        jwt: Annotated[Secret, Header("X-JWT")],
        csrf: Annotated[Secret | None, Header("X-CSRF-TOKEN")] = None,
        has_expired: Annotated[bool | None, Query("hasExpired")] = None,
    ) -> m.LogoutResponse:
        """Ends the session of that JWT."""
        ...

    @operation("POST /auth/refresh", auth=False, retry=Retry.IDEMPOTENT)
    async def refresh_by(
        self,
        *,
        jwt: Annotated[Secret, Header("X-JWT")],
        csrf: Annotated[Secret | None, Header("X-CSRF-TOKEN")] = None,
    ) -> m.LoginResponse:
        """The next JWT for that one."""
        ...


async def _look_user(api: IgtCloudApi, arguments: Mapping[str, Any]) -> m.IgtUser | None:
    """After a create of unknown outcome: the user of that login id, who may be older."""
    wanted = i.UserRequest.model_validate(arguments["body"]).login_id
    return next((one for one in await api.get_users() if one.id == wanted), None)


async def _look_replaced(api: IgtCloudApi, arguments: Mapping[str, Any]) -> m.IgtUser | None:
    """The user, if it is now what was sent: then the replacement was done."""
    found = await api.get_user(arguments["user_uuid"])
    sent = i.UserRequest.model_validate(arguments["body"])
    profile, settings = (
        (found.profile or m.Profile.model_validate({})),
        (found.settings or m.UserSettings.model_validate({})),
    )
    there = (found.id, found.email, profile.given_name, profile.family_name)
    more = (
        (sent.preferred_language, settings.preferred_language or profile.preferred_language),
        (sent.ist_level, settings.ist_level),
        *(
            (None if told is None else told[:10], None if held is None else held[:10])
            for told, held in (
                (sent.training_start_date, settings.training_start_date),
                (sent.training_end_date, settings.training_end_date),
            )
        ),
    )
    same = there == (sent.login_id, sent.email, sent.given_name, sent.family_name)
    return found if same and all(told == held for told, held in more) else None


async def _look_groups(api: IgtCloudApi, arguments: Mapping[str, Any]) -> tuple[m.UsersGroups, ...] | None:
    """The groups of the user, if they are now those that were sent."""
    sent = i.UsersGroupsRequest.model_validate(arguments["body"])
    for one in await api.get_users_groups(arguments["organization_id"]):
        if one.user_id == sent.user_id:
            return (one,) if set(one.group_ids) == set(sent.group_ids) else None
    return None if sent.group_ids else ()


class IgtCloudApi(AuthApi):
    """``/auth`` and ``/data``: one method per operation, by its documented name."""

    # Users.

    @operation("GET /data/users")
    async def get_users(self, *, x_fields: Mask = None) -> tuple[m.IgtUser, ...]:
        """All users that the caller may see. There are no pages."""
        ...

    @operation(
        "POST /data/users",
        success=MADE,
        retry=Retry.KEYED,
        look=_look_user,
        how_to_find_out="Look for the login id in get_users(). The user may be older than this call",
    )
    async def post_users(self, body: i.UserRequest, *, x_fields: Mask = None) -> m.IgtUser:
        """Makes a user and onboards it (201), or onboards one that there is (200, ``was_there``)."""
        ...

    @operation("GET /data/users/{user_uuid}")
    async def get_user(self, user_uuid: str, *, x_fields: Mask = None) -> m.IgtUser:
        """One user, by its UUID."""
        ...

    @operation("PUT /data/users/{user_uuid}", success=DONE, look=_look_replaced)
    async def put_user(self, user_uuid: str, body: i.UserRequest) -> None:
        """Replaces what is known of a user."""
        ...

    @operation("DELETE /data/users/{user_uuid}", success=DONE, repeat_done=(404,))
    async def delete_user(self, user_uuid: str) -> None:
        """Deletes a user."""
        ...

    @operation("GET /data/users/me")
    async def get_me(self, *, x_fields: Mask = None) -> m.IgtUser:
        """Who is signed in; people alone."""
        ...

    @operation(
        "POST /data/users/$profile", success=DONE, how_to_find_out="Read it: get_me()", retry=Retry.IDEMPOTENT
    )
    async def post_user_profile(self) -> None:
        """Makes the profile of who is signed in. The documents name no body."""
        ...

    @operation(
        "POST /data/users/$mfa-reset", success=DONE, how_to_find_out="accountStatus.mfaStatus of the user"
    )
    async def post_reset_mfa(self, body: i.UserActivationRequest) -> None:
        """Resets the second factor of a user."""
        ...

    @operation("POST /data/users/$resend-activation", how_to_find_out="Ask the user for the letter")
    async def post_resend_activation(
        self, body: i.UserActivationRequest, *, x_fields: Mask = None
    ) -> m.HsdpResponse:
        """Sends the activation letter again."""
        ...

    @operation("GET /data/users/$storage")
    async def get_user_storage(self, *, region: str | None = None, x_fields: Mask = None) -> d.Storage:
        """Keys of one's own storage."""
        ...

    @operation("GET /data/users/files")
    async def get_user_storage_files(self, *, x_fields: Mask = None) -> tuple[d.FileInfo, ...]:
        """The files in one's own storage."""
        ...

    @operation("DELETE /data/users/files", success=DONE)
    async def delete_user_storage_files(self, *, keys: tuple[str, ...] | None = None) -> None:
        """Deletes files of one's own storage, by their keys."""
        ...

    @operation("GET /data/users/download-files")
    async def get_user_storage_download_files(self) -> Response:
        """The files in one's own storage, as the server packs them."""
        ...

    @operation("DELETE /data/users/training-settings", success=DONE)
    async def delete_user_storage_training_settings(self) -> None:
        """Forgets one's own training settings."""
        ...

    # Groups and services of an organization.

    @operation("GET /data/organizations/{organization_id}/groups")
    async def get_groups(self, organization_id: str, *, x_fields: Mask = None) -> tuple[m.IgtGroup, ...]:
        """The groups of an organization. They cannot be made, renamed or deleted here."""
        ...

    @operation("GET /data/organizations/{organization_id}/users-groups")
    async def get_users_groups(
        self, organization_id: str, *, x_fields: Mask = None
    ) -> tuple[m.UsersGroups, ...]:
        """Which users are in which groups of an organization."""
        ...

    @operation(
        "PUT /data/organizations/{organization_id}/users-groups", success=(200, 201), look=_look_groups
    )
    async def put_users_groups(
        self, organization_id: str, body: i.UsersGroupsRequest, *, x_fields: Mask = None
    ) -> tuple[m.UsersGroups, ...]:
        """Sets the groups of **one** user: those that are not named are left."""
        ...

    @operation("GET /data/organizations/{organization_id}/services")
    async def get_services(
        self,
        organization_id: str,
        *,
        filter: Annotated[str | None, Query("$filter")] = None,
        x_fields: Mask = None,
    ) -> tuple[m.IgtService, ...]:
        """The machine identities of an organization, without their keys."""
        ...

    @operation(
        "POST /data/organizations/{organization_id}/services",
        success=MADE,
        how_to_find_out="Look for its name in get_services(). Its key is lost: delete it and make another",
    )
    async def post_services(
        self, organization_id: str, body: i.ServiceRequest, *, x_fields: Mask = None
    ) -> m.IgtService:
        """Makes a machine identity; ``privateKey`` is shown here and never again."""
        ...

    @operation(
        "DELETE /data/organizations/{organization_id}/services/{service_id}", success=DONE, repeat_done=(404,)
    )
    async def delete_service(self, organization_id: str, service_id: str) -> None:
        """Deletes a machine identity, by its ``id``."""
        ...

    # Organizations are projects and hospitals.

    @operation("GET /data/projects")
    async def get_projects(self, *, x_fields: Mask = None) -> tuple[d.Project, ...]:
        """All projects."""
        ...

    @operation("POST /data/projects", success=MADE, how_to_find_out="Look for its name in get_projects()")
    async def post_projects(self, body: i.ProjectRequest, *, x_fields: Mask = None) -> tuple[d.Project, ...]:
        """Makes a project."""
        ...

    @operation("GET /data/projects/{project_id}")
    async def get_project(
        self,
        project_id: str,
        *,
        include_child_relations: Annotated[bool | None, Query("includeChildRelations")] = None,
        x_fields: Mask = None,
    ) -> d.Project:
        """One project."""
        ...

    @operation("DELETE /data/projects/{project_id}", success=DONE, repeat_done=(404,))
    async def delete_project(self, project_id: str) -> None:
        """Deletes a project."""
        ...

    @operation("GET /data/projects/{project_id}/hospitals")
    async def get_institutes(self, project_id: str, *, x_fields: Mask = None) -> tuple[d.Institute, ...]:
        """The hospitals of a project."""
        ...

    @operation(
        "POST /data/projects/{project_id}/hospitals",
        success=MADE,
        how_to_find_out="Look for its name in get_institutes(project)",
    )
    async def post_institutes(
        self, project_id: str, body: i.InstituteRequest, *, x_fields: Mask = None
    ) -> d.Institute:
        """Makes a hospital in a project."""
        ...

    @operation("GET /data/projects/hospitals/{hospital_id}")
    async def get_institute(
        self,
        hospital_id: str,
        *,
        include_child_relations: Annotated[bool | None, Query("includeChildRelations")] = None,
        x_fields: Mask = None,
    ) -> d.Institute:
        """One hospital."""
        ...
