"""Authress' management API as its service answers it. See :func:`create_app`."""

from __future__ import annotations

from identity_sdk.emulators.authress.app import BASE_PATH, AuthressEmulator, create_app
from identity_sdk.emulators.authress.choices import Choices
from identity_sdk.emulators.authress.keys import Admin

__all__ = ["BASE_PATH", "Admin", "AuthressEmulator", "Choices", "create_app"]
