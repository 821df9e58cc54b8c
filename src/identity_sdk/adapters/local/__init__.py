"""The embedded provider: users, groups, policies, credentials, sessions and tokens in a database of one's own."""

from __future__ import annotations

from identity_sdk.adapters.local.adapter import Local, LocalOptions
from identity_sdk.adapters.local.models import (
    LocalCredential,
    LocalGroup,
    LocalMember,
    LocalPolicy,
    LocalSession,
    LocalToken,
    LocalUser,
)
from identity_sdk.adapters.local.native import LocalNative
from identity_sdk.adapters.local.passwords import Argon2Cost
from identity_sdk.adapters.local.resets import OnReset, PasswordReset

__all__ = [
    "Argon2Cost",
    "Local",
    "LocalCredential",
    "LocalGroup",
    "LocalMember",
    "LocalNative",
    "LocalOptions",
    "LocalPolicy",
    "LocalSession",
    "LocalToken",
    "LocalUser",
    "OnReset",
    "PasswordReset",
]
