"""IGT Cloud's auth service, and the users, groups, services and organizations of its data service.

See :func:`create_app`.
"""

from __future__ import annotations

from identity_sdk.emulators.igtcloud.app import BASE_PATH, Admin, IgtCloudEmulator, create_app
from identity_sdk.emulators.igtcloud.choices import Choices
from identity_sdk.emulators.igtcloud.directory import ROOT

__all__ = ["BASE_PATH", "ROOT", "Admin", "Choices", "IgtCloudEmulator", "create_app"]
