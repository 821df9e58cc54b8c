"""What a newcomer can copy: at least one line for each verb. A test runs them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "users.list": ("idp users list", "idp users list --prefix a --output csv > users.csv"),
    "users.get": ("idp users get ada", "idp users get ada -o json"),
    "users.create": ("idp users create ada --email ada@example.com", "idp users create ada --password ask"),
    "users.update": (
        "idp users update ada --name 'Ada Lovelace' --no-active",
        "idp users update ada --erase name",
    ),
    "users.delete": ("idp users delete ada --missing-ok",),
    "users.me": ("idp users me",),
    "users.groups": ("idp users groups ada",),
    "users.policies": ("idp users policies ada --effective",),
    "groups.list": ("idp groups list",),
    "groups.get": ("idp groups get analysts",),
    "groups.create": ("idp groups create analysts --description 'who reads reports'",),
    "groups.update": ("idp groups update analysts --name Analysts",),
    "groups.delete": ("idp groups delete analysts",),
    "groups.members": ("idp groups members analysts",),
    "groups.add_member": ("idp groups add-member analysts ada",),
    "groups.remove_member": ("idp groups remove-member analysts ada",),
    "groups.policies": ("idp groups policies analysts",),
    "policies.list": ("idp policies list",),
    "policies.get": ("idp policies get readers -o json",),
    "policies.create": ("idp policies create readers --file readers.json",),
    "policies.update": ("idp policies get readers -o json | idp policies update readers --file -",),
    "policies.delete": ("idp policies delete readers",),
    "policies.attach": ("idp policies attach readers --group analysts",),
    "policies.detach": ("idp policies detach readers --group analysts",),
    "policies.check": ("idp policies check ada reports:Read reports/2026",),
    "policies.permissions": ("idp policies permissions ada",),
    "policies.require": ("idp policies require ada reports:Read reports/2026 && echo allowed",),
    "credentials.list": ("idp credentials list ada",),
    "credentials.get": ("idp credentials get AK123 --user ada",),
    "credentials.create": (
        "idp credentials create ada --secret-file ada.key",
        "idp credentials create ada --kind api_key --lifetime 3600 --reveal",
    ),
    "credentials.confirm": ("idp credentials confirm TOTP123 123456 --user ada",),
    "credentials.renew": ("idp credentials renew KEY123 --user ada --lifetime 86400",),
    "credentials.rotate": ("idp credentials rotate AK123 --user ada --secret-file new.key",),
    "credentials.delete": ("idp credentials delete AK123 --user ada --wait",),
    "credentials.request_password_reset": ("idp credentials request-password-reset ada@example.com",),
    "credentials.reset_password": ("idp credentials reset-password --token ask --new-password ask",),
    "sessions.methods": ("idp sessions methods",),
    "sessions.create": (
        "idp sessions login password --identifier ada --reveal",
        "idp sessions login access_key --identifier AK123 --secret env:KEY --secret-file session.json",
    ),
    "sessions.current": ("idp sessions current",),
    "sessions.constrain": ("idp sessions constrain users:Get --lifetime 600 --reveal",),
    "sessions.impersonate": ("idp sessions impersonate ada --reveal",),
    "sessions.end": ("idp sessions logout", "idp sessions logout --file session.json"),
    "tokens.issue": ("idp tokens issue --scope users:Get --lifetime 600 --reveal",),
    "tokens.list": ("idp tokens list ada",),
    "tokens.get": ("idp tokens get TOKEN_ID",),
    "tokens.refresh": ("idp tokens refresh --token env:REFRESH_TOKEN --secret-file token.json",),
    "tokens.introspect": ("idp tokens introspect --token env:TOKEN",),
    "tokens.verify": ("idp tokens verify --token file:token.txt",),
    "tokens.revoke": ("idp tokens revoke TOKEN_ID", "idp tokens revoke --token env:TOKEN"),
}
