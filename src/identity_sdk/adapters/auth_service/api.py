# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of the auth service: the 14 operations of AdminApi, and those of its OpenAPI file beside them.

Names are those of the document (``operationId`` in snake_case). Every operation raises as
:class:`~identity_sdk.adapters.auth_service.dialect.AuthServiceDialect` words it: ``AuthenticationError`` for a bad
token, ``PermissionDeniedError`` for one of no administrator, ``NotFoundError`` and ``ConflictError`` where the server
tells. The real server tells neither: it closes the connection (``NoAnswerError``; ``AmbiguousOutcomeError`` from a
POST), and answers 500 for an unknown user (``ServerError``). The facade's verbs find out by a read what that means.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Any, ClassVar

from pydantic import ValidationError

from identity_sdk.adapters.auth_service.dialect import AuthServiceDialect
from identity_sdk.adapters.auth_service.models import (
    AdminRefreshTokenInfoPost,
    AdminRefreshTokenList,
    AuthServiceGroup,
    AuthServiceToken,
    AuthServiceUser,
    GroupFullBody,
    GroupList,
    GroupPost,
    LoginUrl,
    PublicKey,
    SsoTokens,
    TokenResponse,
    Tokens,
    UserInfoBody,
    UserInfoList,
)
from identity_sdk.adapters.checks import same_id
from identity_sdk.errors import NotSupportedError, ProtocolError
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Dialect, Retry
from identity_sdk.wire.operation import Api, Header, operation
from identity_sdk.wire.request import Response

__all__ = ["COOKIE", "AuthServiceApi"]

COOKIE = "AIOHTTP_SESSION"

_USER_UNKNOWN = "Read the user: admin_get_user_info(user_id); what is there may be older than this call"
_GROUP_UNKNOWN = "Read the group: admin_get_group(group_id); what is there may be older than this call"
_ISSUE_UNKNOWN = "List the refresh tokens: list_refresh_tokens(), and look for the name"
_SIGN_IN_UNKNOWN = (
    "Ask health_liveness(): a server that is alive has closed the connection to say no. A state works once: begin anew "
    "with login()"
)


async def _look_user(api: AuthServiceApi, arguments: Mapping[str, Any]) -> AuthServiceUser | None:
    """The user that is there now, if it is what was sent: then the replacement was done."""
    found = same_id(await api.admin_get_user_info(arguments["user_id"]), arguments["user_id"])
    sent = UserInfoBody.model_validate(arguments["body"])
    same = found.global_role == sent.globalRole and {(one.id, one.mode) for one in found.groups} == {
        (one.groupId, one.mode) for one in sent.groups
    }
    return found if same else None


async def _look_group(api: AuthServiceApi, arguments: Mapping[str, Any]) -> AuthServiceGroup | None:
    """The group that is there now, if it is what was sent."""
    found = same_id(await api.admin_get_group(arguments["group_id"]), arguments["group_id"])
    sent = GroupFullBody.model_validate(arguments["body"])
    return found if found.description == sent.description and not sent.users else None


class AuthServiceApi(Api):
    """The auth service under ``/api/auth/v1``. No list has pages; unknown query parameters are ignored."""

    dialect: ClassVar[Dialect] = AuthServiceDialect()

    def is_json(self, response: Response) -> bool:
        """By the body: the real server sends its JSON as ``text/plain``.

        Raises:
            NotSupportedError: a success without a body where one is documented: the operation is an empty stub.
        """
        if not response.body:
            raise NotSupportedError(
                "this server has the operation as an empty stub: it answered success without the documented body, and "
                "did nothing. Refresh tokens come from signing in (sessions.create) there"
            )
        return response.body.lstrip()[:1] in (b"{", b"[")

    def complete(self, decoded: Any, response: Response) -> Any:
        """With the session cookie that the answer set."""
        if isinstance(decoded, LoginUrl):
            return decoded.model_copy(update={"cookie": session_cookie(response)})
        return decoded

    # Groups.

    @operation("POST /admin/groups", retry=Retry.KEYED, how_to_find_out=_GROUP_UNKNOWN)
    async def admin_add_group(self, body: GroupPost) -> AuthServiceGroup:
        """Makes a group.

        Raises:
            ConflictError: the id is taken (the real server closes the connection: ``AmbiguousOutcomeError``).
        """
        ...

    @operation("GET /admin/groups")
    async def admin_list_groups(self) -> GroupList:
        """All groups with their members. A 500 as long as one membership has no mode."""
        ...

    @operation("GET /admin/groups/{group_id}")
    async def admin_get_group(self, group_id: str) -> AuthServiceGroup:
        """One group with its members.

        Raises:
            NotFoundError: there is none (the real server closes the connection: ``NoAnswerError``).
        """
        ...

    @operation("PUT /admin/groups/{group_id}", look=_look_group)
    async def admin_group_put(self, group_id: str, body: GroupFullBody) -> AuthServiceGroup:
        """Replaces the description; an absent one is erased. Members stay, whatever is sent.

        The real server fails on ``users`` with anybody in it, after it has stored the description.
        """
        ...

    @operation("DELETE /admin/groups/{group_id}")
    async def admin_remove_group(self, group_id: str) -> None:
        """Deletes a group with its memberships. A second time there is none any more."""
        ...

    # Users.

    @operation("POST /admin/users", retry=Retry.KEYED, how_to_find_out=_USER_UNKNOWN)
    async def admin_add_user(self, body: UserInfoBody) -> AuthServiceUser:
        """Makes a user, and every group of it that is not there yet.

        Never repeat it blindly: of two at once the real server lets the loser delete what the winner made.
        """
        ...

    @operation("GET /admin/users")
    async def admin_list_users(self) -> UserInfoList:
        """All users with their groups. A 500 as long as one user has no global role."""
        ...

    @operation("GET /admin/users/{user_id}")
    async def admin_get_user_info(self, user_id: str) -> AuthServiceUser:
        """One user with its groups.

        Raises:
            NotFoundError: there is none (the real server answers 500: ``ServerError``).
        """
        ...

    @operation("PUT /admin/users/{user_id}", look=_look_user)
    async def admin_user_put(self, user_id: str, body: UserInfoBody) -> AuthServiceUser:
        """Replaces role and groups completely; unknown groups are made.

        The real server takes the id of the **body** and ignores that of the path: send both equal.
        """
        ...

    @operation("DELETE /admin/users/{user_id}")
    async def admin_remove_user(self, user_id: str) -> None:
        """Deletes a user with its memberships; groups, and its refresh tokens, stay."""
        ...

    # Refresh tokens: documented; on the real server four stubs, which answer success and do nothing.

    @operation("POST /admin/refreshTokens", how_to_find_out=_ISSUE_UNKNOWN)
    async def generate_refresh_token(self, body: AdminRefreshTokenInfoPost) -> Tokens:
        """A refresh token of any lifetime, e.g. for services, with a first access token.

        Raises:
            NotSupportedError: an empty stub.
        """
        ...

    @operation("GET /admin/refreshTokens")
    async def list_refresh_tokens(self) -> AdminRefreshTokenList:
        """All refresh tokens, without their values.

        Raises:
            NotSupportedError: an empty stub.
        """
        ...

    @operation("GET /admin/refreshTokens/{token_id}")
    async def get_token_info(self, token_id: str) -> AuthServiceToken:
        """One refresh token, without its value.

        Raises:
            NotSupportedError: an empty stub.
        """
        ...

    @operation("DELETE /admin/refreshTokens/{token_id}")
    async def revoke_refresh_token(self, token_id: str) -> None:
        """Ends a refresh token. The real server answers the same success and ends nothing: read it again."""
        ...

    # Signing in.

    @operation("GET /login", auth=False)
    async def login(self, *, redirection: str | None = None) -> LoginUrl:
        """Where to sign in at the OpenID provider, and the cookie that belongs to it.

        Args:
            redirection: where the browser is sent after the sign-in; then the tokens are in the cookie alone.
        """
        ...

    @operation(
        "GET /authSso",
        success=(200, 302),
        auth=False,
        retry=Retry.ONCE,
        how_to_find_out=_SIGN_IN_UNKNOWN,
    )
    async def auth(
        self,
        *,
        state: str | None = None,
        code: str | None = None,
        scope: str | None = None,
        cookie: Annotated[Secret | None, Header("Cookie")] = None,
    ) -> Response:
        """The raw answer to the provider's redirect: 200 with tokens, or 302. :meth:`auth_sso` reads it."""
        ...

    async def auth_sso(
        self,
        *,
        state: str | None = None,
        code: str | None = None,
        scope: str | None = None,
        cookie: Secret | None = None,
    ) -> SsoTokens:
        """Ends a sign-in at the OpenID provider (``/authSso``).

        Args:
            state, code, scope: what the provider's redirect brought.
            cookie: that of :meth:`login`; it works once.

        Raises:
            AuthenticationError: no such sign-in (the real server closes the connection: ``AmbiguousOutcomeError``).
            ProtocolError: the answer holds no tokens.
        """
        response = await self.auth(state=state, code=code, scope=scope, cookie=cookie)
        fresh = session_cookie(response)
        if response.status == 302:
            return SsoTokens(cookie=fresh, location=response.headers.get("location"))
        try:
            tokens = Tokens.model_validate_json(response.body)
        except ValidationError:
            tokens = None
        if tokens is None or tokens.access_token is None or tokens.refresh_token is None:
            raise ProtocolError("the sign-in answered no tokens", provider="auth-service", operation="auth")
        return SsoTokens(tokens=tokens, cookie=fresh)

    @operation("GET /publicKey", auth=False)
    async def get_public_key(self) -> PublicKey:
        """What verifies access tokens."""
        ...

    @operation("GET /userInfo")
    async def get_user_info(self) -> AuthServiceUser:
        """Who is signed in, as the access token says: the server does not look into its database."""
        ...

    @operation("POST /refresh", auth=False, retry=Retry.SAFE)
    async def refresh(
        self,
        *,
        authorization: Annotated[Secret, Header("Authorization")],
        cookie: Annotated[Secret | None, Header("Cookie")] = None,
    ) -> TokenResponse:
        """A new access token. The refresh token stays good: there is no rotation, so that a repeat does no harm.

        Args:
            authorization: ``Bearer <uuid>``, or the literal ``Bearer None`` with ``cookie``.
            cookie: the session cookie of a sign-in.
        """
        ...

    # Health.

    @operation("GET /health/liveness", auth=False)
    async def health_liveness(self) -> None:
        """Whether the server lives."""
        ...

    @operation("GET /health/readiness", auth=False)
    async def health_readiness(self) -> None:
        """Whether the server is ready; it does not look at its database."""
        ...


def session_cookie(response: Response) -> Secret | None:
    """``name=value`` of the session cookie that an answer sets (RFC 6265 section 4.1), if any."""
    for line in response.cookies:
        try:
            cookie = SimpleCookie(line)
        except CookieError:
            continue
        if COOKIE in cookie and cookie[COOKIE].value:
            return Secret(f"{COOKIE}={cookie[COOKIE].coded_value}")
    return None
