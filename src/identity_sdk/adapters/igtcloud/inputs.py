"""What IGT Cloud takes: strict inputs, named as in the documents."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from identity_sdk.models import (
    Input,
)
from identity_sdk.secrets import Secret

__all__ = [
    "AuditTrail",
    "InstituteRequest",
    "LoginModel",
    "ProjectRequest",
    "ServiceRequest",
    "UserActivationRequest",
    "UserRequest",
    "UsersGroupsRequest",
]


class LoginModel(Input):
    """Who signs in. ``hospital_org_id`` is in no document; the official client sends it empty with ``jwt-key``."""

    model_config = ConfigDict(populate_by_name=True)

    grant_type: str = Field(alias="grantType")
    username: str | None = None
    password: Secret | None = None
    assertion: Secret | None = None
    hospital_org_id: str | None = Field(None, alias="hospitalOrgId")


class AuditTrail(Input):
    """One entry of the audit trail."""

    model_config = ConfigDict(populate_by_name=True)

    event_action: str | None = Field(None, alias="eventAction")
    event_outcome: str | None = Field(None, alias="eventOutcome")
    event_subtype: str | None = Field(None, alias="eventSubtype")
    event_type: str | None = Field(None, alias="eventType")
    application_name: str | None = Field(None, alias="applicationName")
    application_version: str | None = Field(None, alias="applicationVersion")
    component_name: str | None = Field(None, alias="componentName")
    arguments: str | None = None
    object_type: str | None = Field(None, alias="objectType")
    object_lifecycle: str | None = Field(None, alias="objectLifecycle")
    environment: str | None = None


class UsersGroupsRequest(Input):
    """Sets the groups of one user."""

    model_config = ConfigDict(populate_by_name=True)

    user_id: str = Field(alias="userId", min_length=1)
    group_ids: tuple[str, ...] = Field(alias="groupIds")


class UserRequest(Input):
    """A user to make, or to replace: the first four are required each time."""

    model_config = ConfigDict(populate_by_name=True)

    login_id: str = Field(alias="loginId", min_length=1)
    email: str = Field(min_length=1)
    given_name: str = Field(alias="givenName", min_length=1)
    family_name: str = Field(alias="familyName", min_length=1)
    ist_level: str | None = Field(None, alias="istLevel")
    preferred_language: str | None = Field(None, alias="preferredLanguage")
    training_start_date: str | None = Field(None, alias="trainingStartDate")
    training_end_date: str | None = Field(None, alias="trainingEndDate")


class UserActivationRequest(Input):
    """Whom a letter or a reset is for."""

    model_config = ConfigDict(populate_by_name=True)

    login_id: str = Field(alias="loginId")


class ServiceRequest(Input):
    """A service to make."""

    name: str = Field(min_length=1)


class ProjectRequest(Input):
    """A project to make."""

    model_config = ConfigDict(populate_by_name=True)

    name: str | None = None
    description: str | None = None
    project_type_name: str | None = Field(None, alias="projectTypeName")
    continents: tuple[str, ...] | None = None


class InstituteRequest(Input):
    """A hospital to make."""

    name: str | None = None
    description: str | None = None
