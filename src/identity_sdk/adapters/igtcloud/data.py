"""Storage, projects and hospitals of the data service."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, JsonValue

from identity_sdk.adapters.igtcloud.models import Quiet
from identity_sdk.models import (
    Model,
    UtcDatetime,
)
from identity_sdk.secrets import Secret

__all__ = [
    "FileInfo",
    "Institute",
    "Project",
    "Storage",
    "StorageConfig",
    "StorageCredentials",
]


class StorageCredentials(Quiet):
    """Keys of one's own storage; ``expiration`` in UTC."""

    access_key: str | None = Field(None, validation_alias="accessKey")
    secret: Secret | None = None
    session_token: Secret | None = Field(None, validation_alias="sessionToken")
    expiration: UtcDatetime | None = None


class StorageConfig(Model):
    """Where one's own storage is."""

    bucket: str | None = None
    key: str | None = None
    region: str | None = None


class Storage(Quiet):
    """One's own storage."""

    credentials: StorageCredentials | None = None
    config: StorageConfig | None = None


class FileInfo(Model):
    """``File``: one file of one's own storage; sizes in bytes."""

    key: str
    file_size: int | None = Field(None, validation_alias="fileSize")
    file_name: str | None = Field(None, validation_alias="fileName")
    is_completed: bool | None = Field(None, validation_alias="isCompleted")
    is_new: bool | None = Field(None, validation_alias="isNew")
    upload_id: str | None = Field(None, validation_alias="uploadId")
    progress_percentage: int | None = Field(None, validation_alias="progressPercentage")
    progress_in_bytes: int | None = Field(None, validation_alias="progressInBytes")
    type: str | None = None


class Institute(Model):
    """A hospital: an organization below a project."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    parent_id: str | None = Field(None, validation_alias="parentId")
    has_series: bool | None = Field(None, validation_alias="hasSeries")
    project_type_name: str | None = Field(None, validation_alias="projectTypeName")
    study_type: str | None = Field(None, validation_alias="studyType")
    s3_prefix: str | None = Field(None, validation_alias="s3Prefix")
    studies: tuple[Mapping[str, JsonValue], ...] | None = None


class Project(Model):
    """A project: an organization."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    project_type_name: str | None = Field(None, validation_alias="projectTypeName")
    study_type: str | None = Field(None, validation_alias="studyType")
    continents: tuple[str, ...] | None = None
    s3_prefix: str | None = Field(None, validation_alias="s3Prefix")
    institutes: tuple[Institute, ...] | None = None
