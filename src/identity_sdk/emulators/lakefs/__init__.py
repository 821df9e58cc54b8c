"""lakeFS's auth API as its servers v0.91.0 and v1.84.0 answer it. See :func:`create_app`."""

from __future__ import annotations

from identity_sdk.emulators.lakefs.app import BASE_PATH, LakeFSEmulator, create_app
from identity_sdk.emulators.lakefs.bootstrap import Admin
from identity_sdk.emulators.lakefs.faces import FACES

__all__ = ["BASE_PATH", "FACES", "Admin", "LakeFSEmulator", "create_app"]
