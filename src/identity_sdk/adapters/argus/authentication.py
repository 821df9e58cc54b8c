# mypy: disable-error-code="empty-body"
# The bodies of operations are stubs: @operation makes them send.
"""The wire API of Argus, ``/authentication/v1``: the modules of document.md by their names, and those of 5.1.0 beside.

Paths and bodies are those of the argus-api 5.1.0 schema; ``apikey.authenticate`` and ``apikey.revoke`` are those of the
older document, and left out by 5.1.0. Most successes are documented as "default" only: 200 and 201 are accepted.

Every operation raises ``AuthenticationError`` on 401, ``PermissionDeniedError`` on 403, ``NotFoundError`` on 404 and
``InvalidRequestError`` on 412 (Argus' validation error, with the fields that it names).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from identity_sdk.adapters.argus import inputs as i
from identity_sdk.adapters.argus import key_models as k
from identity_sdk.adapters.argus import models as m
from identity_sdk.adapters.argus.dialect import ArgusDialect
from identity_sdk.adapters.argus.signin import SessionInfo, SignIn
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Dialect, Retry
from identity_sdk.wire.operation import Api, Header, Segments, operation
from identity_sdk.wire.request import Response

__all__ = [
    "ApiKeyModule",
    "ArgusModule",
    "ConstrainModule",
    "ImpersonateModule",
    "LdapModule",
    "LogoutModule",
    "MethodsModule",
    "PasswordModule",
    "SessionModule",
    "TotpModule",
    "UserAuthenticationModule",
]

DONE = (200, 201)
ENDED = (200, 204)
SIGNED_IN = (200, 201, 206, 221)
V1 = "/authentication/v1"

_SIGN_IN_AGAIN = (
    "Sign in again: a session that nobody holds ends by itself. A TOTP code works once: wait for the next"
)
_LIST_KEYS = "List the API keys before and after: each call makes one, and its secret is lost"


class ArgusModule(Api):
    """One module; all of them share the envelope."""

    dialect: ClassVar[Dialect] = ArgusDialect()
    query_booleans: ClassVar[tuple[str, str]] = ("False", "True")  # as the official client sends them
    accept: ClassVar[str] = "*/*"

    def complete(self, decoded: Any, response: Response) -> Any:
        if isinstance(decoded, m.Answer):
            decoded.complete(response.status, response.cookies)  # pyright: ignore[reportUnknownMemberType]
        return decoded  # pyright: ignore[reportUnknownVariableType]


class ApiKeyModule(ArgusModule):
    """``native.apikey``. A prefix (``1ab/2c``) goes into the path as two segments."""

    @operation(
        f"POST {V1}/apikey/authenticate", success=SIGNED_IN, auth=False, how_to_find_out=_SIGN_IN_AGAIN
    )
    async def authenticate(self, body: i.ApiKeySignIn) -> SignIn:
        """A session for an API key. Document.md; absent from 5.1.0, whose texts name its path."""
        ...

    @operation(f"POST {V1}/apikey", success=DONE, how_to_find_out=_LIST_KEYS)
    async def initiate(self, body: i.ApiKeyInitiation) -> m.Answer[k.ApiKeyMade | None]:
        """Makes an API key of one's own; ``apiKeyString`` is shown here and never again."""
        ...

    @operation(f"GET {V1}/apikey")
    async def list(self) -> m.Answer[k.ApiKeyList | None]:
        """One's own API keys, without their secrets. There are no pages."""
        ...

    @operation(f"PUT {V1}/apikey/{{keyID}}", success=DONE)
    async def renew(self, keyID: int, body: i.ApiKeyRenewal) -> m.Answer[k.ApiKeyRenewed | None]:
        """Puts off the end of one's own key; its secret stays."""
        ...

    @operation(f"PUT {V1}/apikey/{{prefix}}", success=DONE)
    async def renew_by_prefix(
        self, prefix: Annotated[str, Segments()], body: i.ApiKeyRenewal
    ) -> m.Answer[k.ApiKeyRenewed | None]:
        """As :meth:`renew` (``renew_api_key_by_prefix`` of 5.1.0)."""
        ...

    @operation(f"DELETE {V1}/apikey/{{keyID}}", success=DONE, repeat_done=(404,))
    async def revoke(self, keyID: int) -> m.Answer[k.ApiKeyRevoked | None]:
        """Ends one's own key. Document.md and argus-api 1.0.0; gone from 5.1.0."""
        ...

    @operation(f"DELETE {V1}/apikey/{{prefix}}", success=DONE, repeat_done=(404,))
    async def revoke_by_prefix(self, prefix: Annotated[str, Segments()]) -> m.Answer[k.ApiKeyRevoked | None]:
        """Ends one's own key and answers those that remain (``revoke_api_key_by_prefix`` of 5.1.0)."""
        ...


class ConstrainModule(ArgusModule):
    """``native.constrain``."""

    @operation(
        f"POST {V1}/constrain", success=SIGNED_IN, retry=Retry.IDEMPOTENT
    )  # a second session harms nobody
    async def constrain(self, body: i.Constraint) -> SignIn:
        """A session of the same user that may do less (deprecated since: ``session.constrain_session``)."""
        ...


class ImpersonateModule(ArgusModule):
    """``native.impersonate``."""

    @operation(f"POST {V1}/impersonate", success=SIGNED_IN, retry=Retry.IDEMPOTENT)
    async def impersonate(self, body: i.Impersonation) -> SignIn:
        """A session as somebody else (deprecated since: ``session.impersonate_session``)."""
        ...


class LogoutModule(ArgusModule):
    """``native.logout``."""

    @operation(f"DELETE {V1}/logout", success=ENDED)
    async def logout(self) -> None:
        """Ends the caller's session. With an API key only the cached session is dropped; the key works on."""
        ...

    @operation(f"DELETE {V1}/logout", success=ENDED, auth=False)
    async def logout_session(self, *, authorization: Annotated[Secret, Header("Authorization")]) -> None:
        """:meth:`logout` by ``Bearer <token>`` of another session."""
        ...


class MethodsModule(ArgusModule):
    """``native.methods``."""

    async def get_methods(self, argus_last_method: str | None = None) -> m.Answer[tuple[str, ...] | None]:
        """The ways to sign in here; ``meta_data["lastUsedAuthenticationMethod"]`` tells the last one.

        Args:
            argus_last_method: goes out as the cookie of that name.
        """
        cookie = None if argus_last_method is None else f"argus_last_method={argus_last_method}"
        return await self.get_methods_by_cookie(cookie=cookie)

    @operation(f"GET {V1}/methods", auth=False)
    async def get_methods_by_cookie(
        self, *, cookie: Annotated[str | None, Header("Cookie")] = None
    ) -> m.Answer[tuple[str, ...] | None]:
        """:meth:`get_methods` with a whole ``Cookie`` header."""
        ...


class PasswordModule(ArgusModule):
    """``native.password``."""

    @operation(f"POST {V1}/password/authenticate", success=SIGNED_IN, auth=False, retry=Retry.IDEMPOTENT)
    async def authenticate(self, body: i.PasswordSignIn) -> SignIn:
        """A session for a user name and a password; answers no session key (deprecated since)."""
        ...

    @operation(f"POST {V1}/password/authentication", success=SIGNED_IN, auth=False, retry=Retry.IDEMPOTENT)
    async def authentication(self, body: i.PasswordSignIn) -> SignIn:
        """A session for a user name and a password."""
        ...

    @operation(f"PUT {V1}/password", how_to_find_out="Sign in with the new password")
    async def change(self, body: i.PasswordChange) -> m.Answer[dict[str, Any] | None]:
        """Changes one's own password (``change_current_user_password``); 412 tells what is wrong with the new one."""
        ...


class LdapModule(ArgusModule):
    """``native.ldap``."""

    @operation(f"POST {V1}/ldap/authenticate", success=SIGNED_IN, auth=False, retry=Retry.IDEMPOTENT)
    async def authenticate(self, body: i.PasswordSignIn) -> SignIn:
        """A session by the directory's password; answers no session key (deprecated since)."""
        ...

    @operation(f"POST {V1}/ldap/authentication", success=SIGNED_IN, auth=False, retry=Retry.IDEMPOTENT)
    async def authentication(self, body: i.PasswordSignIn) -> SignIn:
        """A session by the directory's password."""
        ...


class TotpModule(ArgusModule):
    """``native.totp``: RFC 6238 generators."""

    @operation(f"POST {V1}/totp/authenticate", success=SIGNED_IN, auth=False, how_to_find_out=_SIGN_IN_AGAIN)
    async def authenticate(self, body: i.TotpSignIn) -> SignIn:
        """A session for password and code. A code that was used before is a challenge (206): wait for the next."""
        ...

    @operation(
        f"POST {V1}/totp/authentication", success=SIGNED_IN, auth=False, how_to_find_out=_SIGN_IN_AGAIN
    )
    async def authentication(self, body: i.TotpSignIn) -> SignIn:
        """Today's twin of :meth:`authenticate`; answers the session key as well."""
        ...

    @operation(
        f"POST {V1}/totp",
        success=DONE,
        how_to_find_out="Initialize again: it replaces a generator that is pending",
    )
    async def initialize(self, body: i.TotpInitialization) -> m.Answer[k.TotpSeed | None]:
        """A new generator, pending until :meth:`verify`. Its seed is shown here and never again."""
        ...

    @operation(
        f"PUT {V1}/totp", success=DONE, retry=Retry.ONCE, how_to_find_out="session.get_session_auth_methods()"
    )
    async def verify(self, body: i.TotpVerification) -> m.Answer[m.Message | None]:
        """Activates the pending generator and ends an older one."""
        ...

    @operation(f"DELETE {V1}/totp", repeat_done=(404,))
    async def revoke(self) -> m.Answer[dict[str, Any] | None]:
        """Ends one's own generator."""
        ...


class SessionModule(ArgusModule):
    """``native.session``."""

    @operation(f"GET {V1}/session")
    async def get_session(self, *, domain: str | None = None) -> m.Answer[SessionInfo | None]:
        """The caller's session; with ``domain``, 401 unless it belongs there."""
        ...

    @operation(f"GET {V1}/session", auth=False)
    async def get_session_by(
        self, *, authorization: Annotated[Secret, Header("Authorization")]
    ) -> m.Answer[SessionInfo | None]:
        """:meth:`get_session` by ``Bearer <token>`` of another session."""
        ...

    @operation(f"DELETE {V1}/session", success=ENDED)
    async def delete_session(self) -> None:
        """Ends the caller's session; see ``logout``."""
        ...

    @operation(f"DELETE {V1}/session", success=ENDED, auth=False)
    async def delete_session_by(self, *, authorization: Annotated[Secret, Header("Authorization")]) -> None:
        """:meth:`delete_session` by ``Bearer <token>`` of another session."""
        ...

    @operation(f"DELETE {V1}/session/cache")
    async def clear_session_data(self) -> None:
        """Makes the server read the session's permissions anew."""
        ...

    @operation(f"DELETE {V1}/session/{{sessionIdentifier}}")
    async def evict_session(
        self, sessionIdentifier: Annotated[str, Segments()]
    ) -> m.Answer[SessionInfo | None]:
        """Ends another session (``abac-da00/172.27.10.10``), by permission to do so."""
        ...

    @operation(f"GET {V1}/session/authmethods")
    async def get_session_auth_methods(self) -> m.Answer[tuple[m.MethodState, ...] | None]:
        """The caller's ways to sign in."""
        ...

    @operation(f"GET {V1}/session/customer")
    async def get_session_customers(self) -> m.Answer[tuple[m.CustomerInfo, ...] | None]:
        """The customers that the session reaches. There are no pages."""
        ...

    @operation(f"GET {V1}/session/function")
    async def get_session_functions(self) -> m.Answer[tuple[m.SessionFunction, ...] | None]:
        """The functions that the session may use. There are no pages."""
        ...

    @operation(f"GET {V1}/session/permission/{{function}}")
    async def check_session_function_permission(self, function: str) -> None:
        """Whether the session may use a function at all: 403 (``PermissionDeniedError``) is no."""
        ...

    @operation(f"GET {V1}/session/permission/{{function}}/{{customer}}")
    async def check_session_permission(
        self, function: str, customer: str, *, domain: str | None = None
    ) -> None:
        """Whether the session may use a function for a customer: 403 (``PermissionDeniedError``) is no."""
        ...

    @operation(f"POST {V1}/session/constrain", success=SIGNED_IN, retry=Retry.IDEMPOTENT)
    async def constrain_session(self, body: i.Constraint) -> SignIn:
        """A session of the same user that may do less."""
        ...

    @operation(f"POST {V1}/session/impersonate", success=SIGNED_IN, retry=Retry.IDEMPOTENT)
    async def impersonate_session(self, body: i.Impersonation) -> SignIn:
        """A session as somebody else, with what both may do."""
        ...


class UserAuthenticationModule(ArgusModule):
    """``native.user``: how other users sign in, for administrators. ``user`` is a short name or an id."""

    @operation(f"GET {V1}/user/{{user}}")
    async def get_user_authentication_status(
        self, user: str, *, domain: str | None = None
    ) -> m.Answer[m.AuthenticationStatus | None]:
        """Whether the user is blocked."""
        ...

    @operation(f"PUT {V1}/user/{{user}}/block")
    async def block_user(self, user: str, *, domain: str | None = None) -> m.Answer[dict[str, Any] | None]:
        """Shuts the user out (marked DEV in the schema)."""
        ...

    @operation(f"PUT {V1}/user/{{user}}/unblock")
    async def unblock_user(self, user: str, *, domain: str | None = None) -> m.Answer[dict[str, Any] | None]:
        """Lets the user in again, also after too many failed sign-ins."""
        ...

    @operation(f"GET {V1}/user/{{user}}/methods")
    async def get_user_methods(self, user: str) -> m.Answer[tuple[m.MethodState, ...] | None]:
        """The user's ways to sign in."""
        ...

    @operation(f"GET {V1}/user/{{user}}/apikey")
    async def list_user_api_keys(self, user: str) -> m.Answer[k.ApiKeyList | None]:
        """The user's API keys. There are no pages."""
        ...

    @operation(f"POST {V1}/user/{{user}}/apikey", success=DONE, how_to_find_out=_LIST_KEYS)
    async def initiate_user_api_key(
        self, user: str, body: i.UserApiKeyInitiation
    ) -> m.Answer[k.ApiKeyMade | None]:
        """Makes an API key for the user."""
        ...

    @operation(f"PUT {V1}/user/{{user}}/apikey/{{prefix}}", success=DONE)
    async def renew_user_api_key_by_prefix(
        self, user: str, prefix: Annotated[str, Segments()], body: i.UserApiKeyRenewal
    ) -> m.Answer[k.ApiKeyRenewed | None]:
        """Puts off the end of a key of the user."""
        ...

    @operation(f"DELETE {V1}/user/{{user}}/apikey/{{keyID}}", success=DONE, repeat_done=(404,))
    async def revoke_user_api_key_by_id(self, user: str, keyID: int) -> m.Answer[k.ApiKeyRevoked | None]:
        """Ends a key of the user."""
        ...

    @operation(f"DELETE {V1}/user/{{user}}/apikey/{{prefix}}", success=DONE, repeat_done=(404,))
    async def revoke_user_api_key_by_prefix(
        self, user: str, prefix: Annotated[str, Segments()]
    ) -> m.Answer[k.ApiKeyRevoked | None]:
        """Ends a key of the user."""
        ...

    @operation(
        f"PUT {V1}/user/{{user}}/password/reset",
        retry=Retry.ONCE,
        how_to_find_out="Reset again: the last one counts",
    )
    async def reset_password(
        self, user: str, *, domain: str | None = None
    ) -> m.Answer[m.Authorization | None]:
        """Ends the user's password and answers what authorizes setting another (marked INTERNAL)."""
        ...

    @operation(f"DELETE {V1}/user/{{user}}/sessions")
    async def delete_all_user_sessions(
        self, user: str, *, domain: str | None = None
    ) -> m.Answer[m.SessionsDeleted | None]:
        """Ends all sessions of the user, everywhere."""
        ...

    @operation(
        f"POST {V1}/user/{{user}}/totp",
        success=DONE,
        how_to_find_out="Initialize again: it replaces the generator",
    )
    async def initiate_user_totp(self, user: str) -> m.Answer[k.TotpSeed | None]:
        """A new generator for the user, in place of an older one; its seed is shown here alone."""
        ...

    @operation(f"DELETE {V1}/user/{{user}}/totp", repeat_done=(404,))
    async def revoke_user_totp(self, user: str) -> m.Answer[dict[str, Any] | None]:
        """Ends the user's generator."""
        ...
