"""Where settings come from: arguments, environment, profile, defaults; see :func:`resolve`."""

from __future__ import annotations

from identity_sdk.config.profiles import user_config_file
from identity_sdk.config.resolution import Resolved, Setting, resolve

__all__ = ["Resolved", "Setting", "resolve", "user_config_file"]
