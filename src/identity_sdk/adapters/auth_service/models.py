"""The wire models of the auth service: read models are neutral models with aliases, inputs are strict.

Names follow the document (``UserInfo``, ``GroupFull``, ``GroupInfo`` …). Answers may hold ``null`` wherever the
document allows a field to be absent; requests must not (the server refuses it), so absent fields are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from identity_sdk.models import Claims, Group, Input, Member, Model, Session, Token, User, UtcDatetime
from identity_sdk.secrets import Secret

__all__ = [
    "AdminRefreshTokenInfoPost",
    "AdminRefreshTokenList",
    "AuthServiceClaims",
    "AuthServiceGroup",
    "AuthServiceMember",
    "AuthServiceMembership",
    "AuthServiceSession",
    "AuthServiceToken",
    "AuthServiceUser",
    "GroupFullBody",
    "GroupGrant",
    "GroupInfoBody",
    "GroupList",
    "GroupPost",
    "LoginUrl",
    "Mode",
    "PublicKey",
    "Role",
    "SsoTokens",
    "TokenResponse",
    "Tokens",
    "UserInfoBody",
    "UserInfoList",
    "UserInGroupBody",
]

Role: TypeAlias = Literal["ADMIN", "USER"]
"""The global role of a user."""

Mode: TypeAlias = Literal["READ", "WRITE", "ADMIN"]
"""What a user may do in a group."""


def _none_is_empty(value: object) -> object:
    return () if value is None else value


class AuthServiceMembership(Group):
    """A group as it stands in a user (``GroupInfo``).

    Attributes:
        mode: ``READ``, ``WRITE`` or ``ADMIN``; ``None`` is a damaged membership: the group cannot be read then.
    """

    provider: ClassVar[str] = "auth-service"

    id: str = Field(validation_alias="groupId")
    description: str | None = None
    mode: str | None = None


class AuthServiceUser(User):
    """A user (``UserInfo``).

    Attributes:
        global_role: ``ADMIN`` may use every operation, ``USER`` only ask who it is.
        groups: the groups, each with what the user may do there.
    """

    provider: ClassVar[str] = "auth-service"

    id: str = Field(validation_alias="userId")
    global_role: str | None = Field(default=None, validation_alias="globalRole")
    groups: Annotated[tuple[AuthServiceMembership, ...], BeforeValidator(_none_is_empty)] = ()


class AuthServiceMember(Member):
    """A member of a group (``UserInGroup``): always a user; ``role`` is its mode."""

    provider: ClassVar[str] = "auth-service"

    id: str = Field(validation_alias="userId")
    role: str | None = Field(default=None, validation_alias="mode")


class AuthServiceGroup(Group):
    """A group with its members (``GroupFull``)."""

    provider: ClassVar[str] = "auth-service"

    id: str = Field(validation_alias="groupId")
    description: str | None = None
    users: Annotated[tuple[AuthServiceMember, ...], BeforeValidator(_none_is_empty)] = ()


class UserInfoList(Model):
    """All users."""

    users: tuple[AuthServiceUser, ...]


class GroupList(Model):
    """All groups."""

    groups: tuple[AuthServiceGroup, ...]


class PublicKey(Model):
    """What verifies access tokens: PEM, SPKI."""

    public_key: str = Field(validation_alias="publicKey")


class _Discreet(Model):
    model_config = ConfigDict(extra="ignore")


class TokenResponse(_Discreet):
    """A token and when it ends."""

    token: Secret
    expires_at: UtcDatetime = Field(validation_alias="expiresAt")


class Tokens(_Discreet):
    """A refresh token and an access token."""

    refresh_token: TokenResponse | None = Field(default=None, validation_alias="refreshToken")
    access_token: TokenResponse | None = Field(default=None, validation_alias="accessToken")


class SsoTokens(_Discreet):
    """What ends a sign-in at the OpenID provider.

    Attributes:
        tokens: ``None`` after a login with ``redirection``: then they are in the cookie alone.
        cookie: the session cookie, ``name=value``; it refreshes, and does nothing else.
        location: where the server sends the browser then. It is not checked by the server.
    """

    tokens: Tokens | None = None
    cookie: Secret | None = None
    location: str | None = None


class LoginUrl(_Discreet):
    """Where a user signs in.

    Attributes:
        url: a page of the OpenID provider.
        cookie: the session cookie, ``name=value``, without which the sign-in cannot be ended.
    """

    url: str
    cookie: Secret | None = None


class AuthServiceToken(Token):
    """An access or refresh token; ``name`` and ``groups`` are what an administrator gave it with."""

    provider: ClassVar[str] = "auth-service"

    id: str = Field(validation_alias="tokenId")
    name: str | None = Field(default=None, validation_alias="tokenName")
    expires_at: UtcDatetime | None = Field(default=None, validation_alias="expirationDateTime")
    groups: Annotated[tuple[AuthServiceMembership, ...], BeforeValidator(_none_is_empty)] = ()


class AdminRefreshTokenList(_Discreet):
    """All refresh tokens that are alive."""

    refresh_token_info: tuple[AuthServiceToken, ...] = Field(validation_alias="refreshTokenInfo")


class AuthServiceSession(Session):
    """A signed-in state.

    Attributes:
        cookie: ``name=value`` of the session cookie, where the tokens are in the cookie alone.
    """

    provider: ClassVar[str] = "auth-service"

    cookie: Secret | None = Field(default=None, exclude=True, repr=False)


class AuthServiceClaims(Claims):
    """What an access token says. ``user`` is its snapshot of the user: role and groups as they were then."""

    user: AuthServiceUser | None = None


class GroupGrant(Input):
    """A membership to give.

    Attributes:
        group_id: the group.
        mode: ``READ``, ``WRITE`` or ``ADMIN``; without one the server would store a membership that breaks the group.
    """

    group_id: str
    mode: Mode


# Bodies as they are sent; what they do not know (read before) is passed on.


class _Body(Input):
    """Says ``None`` by leaving the field out: the server refuses an explicit null (400)."""

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        fields: dict[str, object] = dict(given)  # pyright: ignore[reportUnknownArgumentType]
        return {
            name: value for name, value in fields.items() if value is not None or name not in cls.model_fields
        }


class GroupInfoBody(_Body):
    """A membership as it is sent. The description counts only where the group is made by it."""

    model_config = ConfigDict(extra="allow")

    groupId: str
    mode: Mode
    description: str | None = None

    if TYPE_CHECKING:

        def __init__(self, *, groupId: str, mode: str, **more: Any) -> None: ...


class UserInfoBody(_Body):
    """A user as it is sent: replaces role and groups completely."""

    model_config = ConfigDict(extra="allow")

    userId: str = Field(min_length=1)
    globalRole: Role
    groups: tuple[GroupInfoBody, ...] = ()

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            userId: str,
            globalRole: str,
            groups: tuple[GroupInfoBody, ...] = (),
            **more: Any,
        ) -> None: ...


class GroupPost(_Body):
    """A new group."""

    groupId: str = Field(min_length=1)
    description: str | None = None


class UserInGroupBody(_Body):
    """A member of a group as it is sent. The real server fails on every one of them."""

    userId: str = Field(min_length=1)
    mode: Mode


class GroupFullBody(_Body):
    """A group as it is sent. An absent description is erased; the real server fails on ``users`` with anybody in it."""

    model_config = ConfigDict(extra="allow")

    groupId: str = Field(min_length=1)
    description: str | None = None
    users: tuple[UserInGroupBody, ...] | None = None

    if TYPE_CHECKING:

        def __init__(self, *, groupId: str, **more: Any) -> None: ...


class AdminRefreshTokenInfoPost(_Body):
    """What a new refresh token shall be."""

    tokenName: str | None = None
    expirationDateTime: datetime | None = None
    groups: tuple[GroupInfoBody, ...] | None = None
