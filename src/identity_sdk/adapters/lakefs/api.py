# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of lakeFS: the 33 operations of document.md by their names, and the set-up of a new server.

Paths, statuses and bodies are those of the document; what a repeat answers was measured on v0.91.0 and v1.84.0. Every
operation raises as :class:`~identity_sdk.adapters.lakefs.dialect.LakeFSDialect` words it: ``AuthenticationError`` for a
bad credential, ``PermissionDeniedError`` without the permission, ``NotFoundError`` for an unknown id,
``NotSupportedError`` where the server leaves the operation out.
"""

from __future__ import annotations

from typing import ClassVar

from identity_sdk.adapters.lakefs.dialect import LakeFSDialect
from identity_sdk.adapters.lakefs.looking import look, look_replaced
from identity_sdk.adapters.lakefs.models import (
    AuthCapabilities,
    AuthenticationToken,
    CurrentUser,
    ForgotPasswordRequest,
    GroupCreation,
    LakeFSCredential,
    LakeFSCredentialList,
    LakeFSGroup,
    LakeFSGroupList,
    LakeFSMemberList,
    LakeFSPolicy,
    LakeFSPolicyList,
    LakeFSUser,
    LakeFSUserList,
    LoginInformation,
    PolicyBody,
    Setup,
    SetupState,
    UpdatePasswordByToken,
    UserCreation,
)
from identity_sdk.wire.call import Dialect, Retry
from identity_sdk.wire.operation import Api, operation
from identity_sdk.wire.request import Response

__all__ = ["LakeFSApi"]


class LakeFSApi(Api):
    """lakeFS's auth API. Prefix, ``after`` and ``amount`` (-1 to 1,000; by default 100) page the lists."""

    dialect: ClassVar[Dialect] = LakeFSDialect()
    query_booleans: ClassVar[tuple[str, str]] = ("False", "True")  # as the official client sends them

    # Users.

    @operation("GET /auth/users")
    async def list_users(
        self,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSUserList:
        """A page of users, ordered by id.

        Args:
            prefix: only ids that start with it; a single-user server answers its one user all the same.
            after: where the page starts; **relative to the prefix**, as ``next_offset`` is.
            amount: at most so many, -1 to 1,000.
        """
        ...

    @operation(
        "POST /auth/users",
        success=201,
        retry=Retry.KEYED,
        look=look("get_user"),
        how_to_find_out="Read the user: get_user(id). It may be older than this call",
    )
    async def create_user(self, body: UserCreation) -> LakeFSUser:
        """Makes a user, or invites one by e-mail.

        Raises:
            ConflictError: the id is taken; a single-user server says so of every id.
            InvalidRequestError: the id is refused.
        """
        ...

    @operation("GET /auth/users/{user_id}")
    async def get_user(self, user_id: str) -> LakeFSUser:
        """One user; for up to 23 s after a deletion possibly one who is gone."""
        ...

    @operation("DELETE /auth/users/{user_id}", success=204, repeat_done=(404,))
    async def delete_user(self, user_id: str) -> None:
        """Deletes a user with memberships and attachments, **not with its access keys**: those work again when the
        name is given anew. ``users.delete`` of the facade deletes them first.
        """
        ...

    @operation("GET /user")
    async def get_current_user(self) -> CurrentUser:
        """Who is signed in. Servers after v0.91 answer an empty id to an unreadable Basic header: nobody."""
        ...

    @operation("GET /auth/users/{user_id}/groups")
    async def list_user_groups(
        self,
        user_id: str,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSGroupList:
        """A page of the groups that the user is in. Arguments as for :meth:`list_users`."""
        ...

    @operation("GET /auth/users/{user_id}/policies")
    async def list_user_policies(
        self,
        user_id: str,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
        effective: bool | None = None,
    ) -> LakeFSPolicyList:
        """A page of the policies of a user; v0.91 answers an empty page for an unknown one.

        Args:
            prefix, after, amount: as for :meth:`list_users`; the server ignores ``prefix`` with ``effective``.
            effective: also those of the user's groups, each once; an unknown user is then a ``NotFoundError``.
        """
        ...

    @operation("PUT /auth/users/{user_id}/policies/{policy_id}", success=201, repeat_done=(409,))
    async def attach_policy_to_user(self, user_id: str, policy_id: str) -> None:
        """Attaches a policy to a user.

        Raises:
            ConflictError: it is so already.
        """
        ...

    @operation("DELETE /auth/users/{user_id}/policies/{policy_id}", success=204, repeat_done=(404,))
    async def detach_policy_from_user(self, user_id: str, policy_id: str) -> None:
        """Detaches a policy; one that is not attached is no error."""
        ...

    # Access keys.

    @operation("GET /auth/users/{user_id}/credentials")
    async def list_user_credentials(
        self,
        user_id: str,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSCredentialList:
        """A page of the access keys of a user, who need not exist any more. Arguments as for :meth:`list_users`."""
        ...

    @operation(
        "POST /auth/users/{user_id}/credentials",
        success=201,
        how_to_find_out="List the keys of the user before and after: each call makes one, and its secret is lost",
    )
    async def create_credentials(self, user_id: str) -> LakeFSCredential:
        """Makes an access key. Its secret is in this answer and never again."""
        ...

    @operation("GET /auth/users/{user_id}/credentials/{access_key_id}")
    async def get_credentials(self, user_id: str, access_key_id: str) -> LakeFSCredential:
        """One access key, without its secret."""
        ...

    @operation("DELETE /auth/users/{user_id}/credentials/{access_key_id}", success=204, repeat_done=(404,))
    async def delete_credentials(self, user_id: str, access_key_id: str) -> None:
        """Deletes an access key. **A key of another user answers success as well, and nothing is deleted.**"""
        ...

    # Groups.

    @operation("GET /auth/groups")
    async def list_groups(
        self,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSGroupList:
        """A page of groups. Arguments as for :meth:`list_users`."""
        ...

    @operation(
        "POST /auth/groups",
        success=201,
        retry=Retry.KEYED,
        look=look("get_group"),
        how_to_find_out="Read the group: get_group(id). It may be older than this call",
    )
    async def create_group(self, body: GroupCreation) -> LakeFSGroup:
        """Makes a group.

        Raises:
            ConflictError: the id is taken.
        """
        ...

    @operation("GET /auth/groups/{group_id}")
    async def get_group(self, group_id: str) -> LakeFSGroup:
        """One group."""
        ...

    @operation("DELETE /auth/groups/{group_id}", success=204, repeat_done=(404,))
    async def delete_group(self, group_id: str) -> None:
        """Deletes a group, its memberships and attachments."""
        ...

    @operation("GET /auth/groups/{group_id}/members")
    async def list_group_members(
        self,
        group_id: str,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSMemberList:
        """A page of the users in a group. Arguments as for :meth:`list_users`."""
        ...

    @operation("PUT /auth/groups/{group_id}/members/{user_id}", success=201, repeat_done=(409,))
    async def add_group_membership(self, group_id: str, user_id: str) -> None:
        """Puts a user into a group.

        Raises:
            ConflictError: it is so already.
        """
        ...

    @operation("DELETE /auth/groups/{group_id}/members/{user_id}", success=204, repeat_done=(404,))
    async def delete_group_membership(self, group_id: str, user_id: str) -> None:
        """Takes a user out of a group; one who is not in it is no error."""
        ...

    @operation("GET /auth/groups/{group_id}/policies")
    async def list_group_policies(
        self,
        group_id: str,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSPolicyList:
        """A page of the policies of a group; v0.91 answers an empty page for an unknown one. Arguments as for
        :meth:`list_users`.
        """
        ...

    @operation("PUT /auth/groups/{group_id}/policies/{policy_id}", success=201, repeat_done=(409,))
    async def attach_policy_to_group(self, group_id: str, policy_id: str) -> None:
        """Attaches a policy to a group.

        Raises:
            ConflictError: it is so already.
        """
        ...

    @operation("DELETE /auth/groups/{group_id}/policies/{policy_id}", success=204, repeat_done=(404,))
    async def detach_policy_from_group(self, group_id: str, policy_id: str) -> None:
        """Detaches a policy; one that is not attached is no error."""
        ...

    # Policies.

    @operation("GET /auth/policies")
    async def list_policies(
        self,
        *,
        prefix: str | None = None,
        after: str | None = None,
        amount: int | None = None,
    ) -> LakeFSPolicyList:
        """A page of policies. Arguments as for :meth:`list_users`."""
        ...

    @operation(
        "POST /auth/policies",
        success=201,
        retry=Retry.KEYED,
        look=look("get_policy"),
        how_to_find_out="Read the policy: get_policy(id). It may be older than this call",
    )
    async def create_policy(self, body: PolicyBody) -> LakeFSPolicy:
        """Makes a policy.

        Raises:
            ConflictError: the id is taken.
            InvalidRequestError: an action or a resource is not of the server's form.
        """
        ...

    @operation("GET /auth/policies/{policy_id}")
    async def get_policy(self, policy_id: str) -> LakeFSPolicy:
        """One policy with its statements."""
        ...

    @operation("PUT /auth/policies/{policy_id}", look=look_replaced)
    async def update_policy(self, policy_id: str, body: PolicyBody) -> LakeFSPolicy:
        """Replaces the whole policy; the id in the body must be the same."""
        ...

    @operation("DELETE /auth/policies/{policy_id}", success=204, repeat_done=(404,))
    async def delete_policy(self, policy_id: str) -> None:
        """Deletes a policy; it is detached everywhere."""
        ...

    # Signing in. Public: sent without a credential.

    @operation("POST /auth/login", auth=False, retry=Retry.IDEMPOTENT)  # a second token harms nobody
    async def login(self, body: LoginInformation) -> AuthenticationToken:
        """A login token (a JWT, seven days by default) for an access key. There is no refresh and no logout.

        Raises:
            AuthenticationError: the key is rejected.
        """
        ...

    @operation(
        "GET /oidc/callback",
        auth=False,
        success=(200, 302, 307),
        retry=Retry.ONCE,
        how_to_find_out="An authorization code works once: start the sign-in again",
    )
    async def oauth_callback(self, *, state: str | None = None, code: str | None = None) -> Response:
        """Where the OpenID provider sends the browser back: answers a redirect, and a cookie when it worked."""
        ...

    @operation("GET /auth/capabilities", auth=False)
    async def get_auth_capabilities(self) -> AuthCapabilities:
        """Whether users can be invited and passwords reset."""
        ...

    @operation(
        "POST /auth/password/forgot",
        auth=False,
        success=204,
        how_to_find_out="Look into the mailbox; asking again sends another link",
    )
    async def forgot_password(self, body: ForgotPasswordRequest) -> None:
        """Sends a reset link; the answer is the same for an unknown address. Gone from servers after v0.91."""
        ...

    @operation(
        "POST /auth/password",
        auth=False,
        success=201,
        how_to_find_out="Sign in with the new password; v0.91.0 was seen to drop the connection and set none",
    )
    async def update_password(self, body: UpdatePasswordByToken) -> None:
        """Sets a password by a reset token, which works once. Gone from servers after v0.91.

        Raises:
            AuthenticationError: the token is wrong or was used.
        """
        ...

    # A new server (openapi of v0.91, tag config).

    @operation("GET /setup_lakefs", auth=False)
    async def get_setup_state(self) -> SetupState:
        """Whether the first administrator exists, and how the server signs in."""
        ...

    @operation(
        "POST /setup_lakefs",
        auth=False,
        how_to_find_out="get_setup_state() tells whether it is initialized; then the key's secret is lost",
    )
    async def setup(self, body: Setup) -> LakeFSCredential:
        """Makes the first administrator and answers its access key, once.

        Raises:
            ConflictError: the server is set up already.
        """
        ...
