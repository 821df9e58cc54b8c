"""The provider-neutral models. A backend's wire model is a subclass with aliases and further typed fields.

Read models are frozen, equal by provider, type and id, and keep the fields that they do not know in
``model_extra`` (out of ``repr`` and of ``model_dump``). Models of credentials, sessions and tokens ignore what they
do not know, since an unknown string there may be a secret. All times are timezone-aware, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from identity_sdk.secrets import Secret
from identity_sdk.tables import fields, html_card

__all__ = [
    "UNSET",
    "AuthMethod",
    "Claims",
    "Credential",
    "Decision",
    "Deletion",
    "Ended",
    "Entity",
    "Group",
    "Input",
    "JsonValue",
    "Member",
    "Model",
    "Policy",
    "Residual",
    "Session",
    "Statement",
    "Token",
    "Unset",
    "User",
    "UserKind",
    "UtcDatetime",
]


class Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = Unset.UNSET
"""In ``update``: the argument was omitted and the field stays as it is (``None`` erases it)."""


def _as_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UtcDatetime: TypeAlias = Annotated[datetime, AfterValidator(_as_utc)]
"""A timezone-aware time in UTC; a naive one is read as UTC."""

UserKind: TypeAlias = Literal["human", "service"]


class Model(BaseModel):
    """The base of everything that a server answers."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=False, hide_input_in_errors=True)

    shadowed: ClassVar[frozenset[str]] = frozenset()
    """Names of fields that the wire calls otherwise: an extra key of that name is not to be believed."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.shadowed = frozenset(
            name
            for name, info in cls.model_fields.items()
            if info.validation_alias is not None and info.validation_alias != name
        )

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        extra = self.model_extra or {}
        return [(name, value) for name, value in super().__repr_args__() if name not in extra]

    def _repr_html_(self) -> str:
        return html_card(fields(self), type(self).__name__)

    @model_serializer(mode="wrap")
    def _without_extra(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        dumped: dict[str, object] = handler(self)
        for name in self.model_extra or ():
            dumped.pop(name, None)
        return dumped


class Entity(Model):
    """Something with an id. Equal to another of the same provider and type with the same id."""

    provider: ClassVar[str] = ""

    id: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entity):
            return NotImplemented
        return (type(self), self.provider, self.id) == (type(other), other.provider, other.id)

    def __hash__(self) -> int:
        return hash((type(self), self.provider, self.id))


class Input(BaseModel):
    """The base of strict inputs: an unknown field is an error, never dropped silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class User(Entity):
    """A principal: a person, or with ``kind="service"`` a machine.

    Attributes:
        id: what the backend calls the principal, case kept.
        name: the name that people read.
        email: the address, if the backend knows one.
        kind: ``"human"`` or ``"service"``.
        active: ``False`` when the backend has disabled the principal; ``None`` where it does not say.
        created_at: UTC.
    """

    name: str | None = None
    email: str | None = None
    kind: UserKind = "human"
    active: bool | None = None
    created_at: UtcDatetime | None = None


class Group(Entity):
    """A set of principals."""

    name: str | None = None
    description: str | None = None
    created_at: UtcDatetime | None = None


class Member(Entity):
    """One member of a group: ``type`` tells a user from a nested group, ``role`` what it may do there."""

    type: Literal["user", "group"] = "user"
    role: str | None = None
    name: str | None = None
    email: str | None = None


class Statement(Model):
    """One rule of a policy: the effect of some actions on some resources.

    A value, not an entity: read statements can be written back, and keep what they do not know.

    Attributes:
        effect: ``"allow"`` or ``"deny"``; a matching deny wins over any allow.
        actions: such as ``"fs:Read*"``.
        resources: such as ``"arn:lakefs:fs:::repository/*"``.
        policy: the policy that it stands in, where the verb answers statements of several.
    """

    effect: Literal["allow", "deny"]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    policy: str | None = None


class Policy(Entity):
    """A named list of statements."""

    name: str | None = None
    description: str | None = None
    statements: tuple[Statement, ...] = ()
    created_at: UtcDatetime | None = None


class _Discreet(Entity):
    """Ignores unknown fields: in these answers an unknown string may be a secret."""

    model_config = ConfigDict(extra="ignore")


class Credential(_Discreet):
    """A long-lived way to sign in: an access key, an API key, a TOTP seed.

    Attributes:
        user_id: whose it is.
        kind: ``"access_key"``, ``"api_key"``, ``"totp"``, ``"s3"`` …
        secret: shown once, by ``create`` (and ``rotate``); otherwise ``None``.
        expires_at: UTC; ``None`` means never.
        confirmed: ``False`` while the backend waits for ``credentials.confirm``.
        uri: a ``otpauth://`` provisioning URI for TOTP; a secret as well.
    """

    user_id: str | None = None
    kind: str = "access_key"
    secret: Secret | None = None
    created_at: UtcDatetime | None = None
    expires_at: UtcDatetime | None = None
    confirmed: bool | None = None
    uri: Secret | None = None


class Session(_Discreet):
    """A signed-in state. What ``sessions.create`` answers is usable in ``with_credential``.

    Attributes:
        id: the backend's id of the session; where it has none, the fingerprint of its token.
        user_id: who is signed in.
        method: how, such as ``"access_key"`` or ``"password"``.
        token: the bearer token or cookie value; only in what ``create`` and ``constrain`` answer.
        scopes: what the session is constrained to; empty means everything that the user may do.
    """

    user_id: str
    method: str | None = None
    token: Secret | None = None
    refresh_token: Secret | None = None
    created_at: UtcDatetime | None = None
    expires_at: UtcDatetime | None = None
    scopes: tuple[str, ...] = ()


class Token(_Discreet):
    """An issued token.

    Attributes:
        id: the backend's id (``jti``); where it has none, the fingerprint of its value.
        value: the access token; only in what ``issue`` and ``refresh`` answer.
        refresh_token: what gets the next one, if the backend issues one.
        token_type: how it is used (RFC 6749 section 7.1).
    """

    user_id: str | None = None
    value: Secret | None = None
    refresh_token: Secret | None = None
    token_type: str = "Bearer"  # noqa: S105 -- a type of token, not one
    created_at: UtcDatetime | None = None
    expires_at: UtcDatetime | None = None
    scopes: tuple[str, ...] = ()


class Claims(Model):
    """What a token says (RFC 7519) or what introspection answers about it (RFC 7662).

    Attributes:
        active: whether the token is accepted now. ``verify`` raises instead of answering ``False``.
        subject: the ``sub`` claim.
        issuer, audience, token_id: ``iss``, ``aud``, ``jti``.
        expires_at, issued_at: ``exp``, ``iat``, UTC.
        scopes: the ``scope`` claim, split at spaces.
        claims: all claims as they came.
    """

    active: bool
    subject: str | None = None
    issuer: str | None = None
    audience: tuple[str, ...] = ()
    token_id: str | None = None
    expires_at: UtcDatetime | None = None
    issued_at: UtcDatetime | None = None
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, JsonValue] = {}


class AuthMethod(Model):
    """One way to sign in. ``id`` is what ``sessions.create`` takes as its first argument."""

    id: str
    name: str | None = None
    url: str | None = None


class Decision(Model):
    """The answer to ``policies.check``; true when allowed.

    Attributes:
        reason: in words, such as the statement that decided.
        decided_by: ``"server"``, or ``"client"`` when the effective policies were evaluated here.
    """

    allowed: bool
    reason: str
    decided_by: Literal["server", "client"]

    def __bool__(self) -> bool:
        return self.allowed


class Residual(Model):
    """Something that stays alive after a deletion, since nobody can end it. ``until`` is in UTC."""

    what: str
    id: str | None = None
    until: UtcDatetime | None = None


class Deletion(Model):
    """What was deleted, and what of it stays alive until when; ``residual`` is empty where nothing does."""

    id: str
    residual: tuple[Residual, ...] = ()
    existed: bool = True


class Ended(Model):
    """How a session ended: ``server_side`` is ``False`` where the backend is stateless and only the local copy went."""

    server_side: bool
