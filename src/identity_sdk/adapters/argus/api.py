"""``idp.native`` of Argus: its modules as attributes, each with its operations by their documented names.

::

    idp.native.apikey.list()
    idp.native.useradmin.user.get_user("ann")
"""

from __future__ import annotations

from identity_sdk.adapters.argus import administration as a
from identity_sdk.adapters.argus import authentication as b
from identity_sdk.adapters.argus import basics as c
from identity_sdk.adapters.argus import granting as g
from identity_sdk.wire.call import Sender

__all__ = ["ArgusApi", "UserAdmin", "UsersV2"]


class UserAdmin:
    """``/useradmin/v2``."""

    def __init__(self, sender: Sender, base_path: str, user_agent: str) -> None:
        self.user = a.AdminUserModule(sender, base_path, user_agent=user_agent)
        self.group = a.AdminGroupModule(sender, base_path, user_agent=user_agent)
        self.subject = a.AdminSubjectModule(sender, base_path, user_agent=user_agent)
        self.membership = a.AdminMembershipModule(sender, base_path, user_agent=user_agent)
        self.permission = g.AdminPermissionModule(sender, base_path, user_agent=user_agent)
        self.function = g.AdminFunctionModule(sender, base_path, user_agent=user_agent)


class UsersV2:
    """``/users/v2``."""

    def __init__(self, sender: Sender, base_path: str, user_agent: str) -> None:
        self.user = c.BasicUserModule(sender, base_path, user_agent=user_agent)
        self.group = c.BasicGroupModule(sender, base_path, user_agent=user_agent)
        self.subject = c.BasicSubjectModule(sender, base_path, user_agent=user_agent)
        self.function = c.BasicFunctionModule(sender, base_path, user_agent=user_agent)


class ArgusApi:
    """All modules. ``useradmin``, ``users``, ``currentuser`` and ``customers`` are services beside authentication."""

    def __init__(self, sender: Sender, base_path: str, *, user_agent: str) -> None:
        self.apikey = b.ApiKeyModule(sender, base_path, user_agent=user_agent)
        self.constrain = b.ConstrainModule(sender, base_path, user_agent=user_agent)
        self.impersonate = b.ImpersonateModule(sender, base_path, user_agent=user_agent)
        self.ldap = b.LdapModule(sender, base_path, user_agent=user_agent)
        self.logout = b.LogoutModule(sender, base_path, user_agent=user_agent)
        self.methods = b.MethodsModule(sender, base_path, user_agent=user_agent)
        self.password = b.PasswordModule(sender, base_path, user_agent=user_agent)
        self.session = b.SessionModule(sender, base_path, user_agent=user_agent)
        self.totp = b.TotpModule(sender, base_path, user_agent=user_agent)
        self.user = b.UserAuthenticationModule(sender, base_path, user_agent=user_agent)
        self.useradmin = UserAdmin(sender, base_path, user_agent)
        self.users = UsersV2(sender, base_path, user_agent)
        self.currentuser = c.CurrentUserModule(sender, base_path, user_agent=user_agent)
        self.customers = c.CustomerModule(sender, base_path, user_agent=user_agent)
