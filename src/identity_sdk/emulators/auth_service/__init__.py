"""The auth service as its document promises it, and as the real server answers. See :func:`create_app`."""

from __future__ import annotations

from identity_sdk.emulators.auth_service.app import BASE_PATH, AuthServiceEmulator, create_app
from identity_sdk.emulators.auth_service.faces import FACES

__all__ = ["BASE_PATH", "FACES", "AuthServiceEmulator", "create_app"]
