"""Who is behind a credential: verified here where its form allows it, then asked."""

from __future__ import annotations

from identity_sdk.adapters.base import Adapter
from identity_sdk.auth.sources import Auth
from identity_sdk.client import IdentityClient
from identity_sdk.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
)
from identity_sdk.integrations.fastapi.callers import Known, Presented, expiry_of, is_jwt
from identity_sdk.models import Claims, User

__all__ = ["look"]

_BY_TOKEN_ALONE = frozenset({"auth-service"})
"""Backends that answer who somebody is out of the token, without a look at whether the user is still there."""


async def look(
    idp: IdentityClient[Adapter],
    caller: IdentityClient[Adapter],
    auth: Auth,
    shown: Presented,
    audience: str | None = None,
) -> Known:
    """Who shows this.

    A JWT whose signature can be verified is, first: a forged or expired one costs no request. Then the backend is
    asked, since it alone knows what was revoked.

    Args:
        idp: speaks as the service.
        caller: speaks by ``auth``, the caller's credential.
        audience: what a token must be for.

    Raises:
        IdentityError: with ``on_behalf`` where the caller's credential is not accepted.
    """
    claims = await _claims(idp, shown, audience)
    scopes: tuple[str, ...] = ()
    expires_at = (
        claims.expires_at.timestamp() if claims is not None and claims.expires_at is not None else None
    )
    if idp.capabilities.supports("sessions.constrain"):  # there a session may be less than its user
        session = await caller.sessions.current()
        scopes = session.scopes
        if session.expires_at is not None:
            expires_at = min(session.expires_at.timestamp(), expires_at or float("inf"))
    elif expires_at is None:
        expires_at = expiry_of(shown.secret)
    user = await _user(idp, caller, claims)
    if claims is not None and claims.subject is not None and _verifies(idp) and claims.subject != user.id:
        raise ProtocolError("the token says another user than the server", provider=idp.provider)
    return Known(user, auth, scopes, expires_at)


def _verifies(idp: IdentityClient[Adapter]) -> bool:
    return idp.capabilities.supports("tokens.verify")


async def _claims(idp: IdentityClient[Adapter], shown: Presented, audience: str | None) -> Claims | None:
    """What the token says, verified here or told by the server; ``None`` where neither is possible."""
    if shown.kind == "api_key":
        return None
    try:
        if _verifies(idp):
            if is_jwt(shown.secret):
                return await _verified(idp, shown, audience)
            if audience is None:
                return None
            raise _refused(idp, "it names no audience")
        if not idp.capabilities.supports("tokens.introspect"):
            return None
        claims = await idp.tokens.introspect(shown.secret)
    except InvalidRequestError as error:
        error.on_behalf = True
        raise
    except AuthenticationError as error:
        error.on_behalf = _verifies(idp)  # an introspection that is refused is this service's own trouble
        raise
    if not claims.active:
        raise _refused(idp, "it is not active")
    return claims


async def _verified(idp: IdentityClient[Adapter], shown: Presented, audience: str | None) -> Claims:
    if audience is None:
        return await idp.tokens.verify(shown.secret)
    return await idp.tokens.verify(shown.secret, audience=audience)


def _refused(idp: IdentityClient[Adapter], why: str) -> AuthenticationError:
    refused = AuthenticationError(f"the token is not accepted: {why}", provider=idp.provider)
    refused.on_behalf = True
    return refused


async def _user(idp: IdentityClient[Adapter], caller: IdentityClient[Adapter], claims: Claims | None) -> User:
    if idp.provider in _BY_TOKEN_ALONE and claims is not None and claims.subject is not None:
        try:
            return await idp.users.get(claims.subject)
        except NotFoundError as error:
            error.on_behalf = True
            raise
        except (NotSupportedError, PermissionDeniedError):
            pass  # this service may not look: what the token says must do
    return await caller.users.me()
