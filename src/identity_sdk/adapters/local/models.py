"""The neutral models as this provider fills them, and how rows become models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, cast

from identity_sdk.adapters.local import evaluate
from identity_sdk.models import Credential, Group, Member, Policy, Session, Token, User
from identity_sdk.secrets import Secret
from identity_sdk.store.queries import (
    CredentialRow,
    GroupRow,
    MembershipRow,
    PolicyRow,
    SessionRow,
    TokenRow,
    TotpRow,
    UserRow,
)

__all__ = [
    "LocalCredential",
    "LocalGroup",
    "LocalMember",
    "LocalPolicy",
    "LocalSession",
    "LocalToken",
    "LocalUser",
    "text_of",
    "utc",
]


class LocalUser(User):
    """A principal of this provider."""

    provider: ClassVar[str] = "local"


class LocalGroup(Group):
    """A group of this provider."""

    provider: ClassVar[str] = "local"


class LocalMember(Member):
    """A user in a group, and its role there."""

    provider: ClassVar[str] = "local"


class LocalPolicy(Policy):
    """A policy of this provider."""

    provider: ClassVar[str] = "local"


class LocalCredential(Credential):
    """Also keeps the name that ``create`` was given."""

    provider: ClassVar[str] = "local"

    name: str | None = None


class LocalSession(Session):
    """``actor`` is who impersonates the user, if somebody does."""

    provider: ClassVar[str] = "local"

    actor: str | None = None


class LocalToken(Token):
    """``family_id`` is the same for all tokens that came from one ``issue``; ``revoke`` ends them together."""

    provider: ClassVar[str] = "local"

    family_id: str = ""


def utc(seconds: float | None) -> datetime | None:
    """Epoch seconds as a datetime in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def text_of(attributes: Mapping[str, object], name: str) -> str | None:
    """A string among the attributes of a row."""
    value = attributes.get(name)
    return value if isinstance(value, str) else None


def number_of(attributes: Mapping[str, object], name: str) -> float | None:
    """A number among the attributes of a row."""
    value = attributes.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def scopes_of(attributes: Mapping[str, object]) -> tuple[str, ...]:
    """What a session or token is limited to; empty means nothing holds it back."""
    value = attributes.get("scopes")
    return tuple(str(scope) for scope in cast("list[object]", value)) if isinstance(value, list) else ()


def kind_of(row: UserRow) -> str:
    """``"human"`` unless the row says ``"service"``; rows of other writers may say nothing."""
    return "service" if row.attributes.get("kind") == "service" else "human"


def is_active(row: UserRow) -> bool:
    return row.attributes.get("active") is not False


def user_of(row: UserRow) -> LocalUser:
    return LocalUser(
        id=row.id,
        name=row.name,
        email=row.email,
        kind="service" if kind_of(row) == "service" else "human",
        active=is_active(row),
        created_at=utc(row.created_at),
    )


def group_of(row: GroupRow) -> LocalGroup:
    return LocalGroup(id=row.id, name=row.name, description=row.description, created_at=utc(row.created_at))


def member_of(user: UserRow, membership: MembershipRow | None) -> LocalMember:
    return LocalMember(
        id=user.id,
        type="user",
        role=membership.role if membership is not None else None,
        name=user.name,
        email=user.email,
    )


def policy_of(row: PolicyRow) -> LocalPolicy:
    return LocalPolicy(
        id=row.id,
        name=row.name,
        description=row.description,
        statements=evaluate.statements_of(row),
        created_at=utc(row.created_at),
    )


def credential_of(row: CredentialRow, secret: Secret | None = None) -> LocalCredential:
    return LocalCredential(
        id=row.id,
        user_id=row.user_id,
        kind=row.kind,
        secret=secret,
        created_at=utc(row.created_at),
        expires_at=utc(row.expires_at),
        name=text_of(row.attributes, "name"),
    )


def totp_of(row: TotpRow, secret: Secret | None = None, uri: Secret | None = None) -> LocalCredential:
    return LocalCredential(
        id=row.id,
        user_id=row.user_id,
        kind="totp",
        secret=secret,
        uri=uri,
        created_at=utc(row.created_at),
        confirmed=row.confirmed,
        name=text_of(row.attributes, "name"),
    )


def session_of(row: SessionRow, token: Secret | None = None) -> LocalSession:
    return LocalSession(
        id=row.id,
        user_id=row.user_id,
        method=text_of(row.attributes, "method"),
        token=token,
        created_at=utc(row.created_at),
        expires_at=utc(row.expires_at),
        scopes=scopes_of(row.attributes),
        actor=text_of(row.attributes, "actor"),
    )


def token_of(row: TokenRow, value: Secret | None = None, refresh: Secret | None = None) -> LocalToken:
    return LocalToken(
        id=row.id,
        user_id=row.user_id,
        value=value,
        refresh_token=refresh,
        created_at=utc(row.created_at),
        expires_at=utc(number_of(row.attributes, "access_expires_at")),
        scopes=scopes_of(row.attributes),
        family_id=row.family_id,
    )
