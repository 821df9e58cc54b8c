"""One async facade over users, groups, policies, credentials, sessions and tokens in several identity systems.

::

    import identity_sdk

    async with identity_sdk.connect("local:") as idp:
        await idp.users.create("ada")
        print(await idp.users.list())

Names are imported at first use (PEP 562): ``import identity_sdk`` loads no adapter, no HTTP library and no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from identity_sdk.adapters.argus.adapter import Argus
    from identity_sdk.adapters.auth_service.adapter import AuthService
    from identity_sdk.adapters.authress.adapter import Authress
    from identity_sdk.adapters.base import Adapter
    from identity_sdk.adapters.igtcloud.adapter import IgtCloud
    from identity_sdk.adapters.lakefs.adapter import LakeFS
    from identity_sdk.adapters.local.adapter import Local
    from identity_sdk.auth.sources import AccessKey, ApiKey, Bearer, Issued, Password, RefreshToken
    from identity_sdk.capabilities import Capabilities, Propagation, ServerInfo
    from identity_sdk.client import IdentityClient, connect
    from identity_sdk.errors import (
        AmbiguousOutcomeError,
        AuthenticationError,
        ChallengeRequiredError,
        ClientClosedError,
        ConfigurationError,
        ConflictError,
        DeadlineExceededError,
        IdentityError,
        InvalidRequestError,
        NoAnswerError,
        NotFoundError,
        NotSentError,
        NotSupportedError,
        PartialFailureError,
        PermissionDeniedError,
        PreconditionFailedError,
        ProtocolError,
        RateLimitedError,
        ServerError,
        TransportError,
        WrongEventLoopError,
    )
    from identity_sdk.listing import Items, Listing, Page
    from identity_sdk.middleware.observe import Event
    from identity_sdk.models import (
        UNSET,
        AuthMethod,
        Claims,
        Credential,
        Decision,
        Deletion,
        Ended,
        Group,
        Member,
        Policy,
        Residual,
        Session,
        Statement,
        Token,
        User,
    )
    from identity_sdk.secrets import Secret

__version__ = "0.1.0"

_HOMES = {
    "adapters.argus.adapter": "Argus",
    "adapters.auth_service.adapter": "AuthService",
    "adapters.authress.adapter": "Authress",
    "adapters.base": "Adapter",
    "adapters.igtcloud.adapter": "IgtCloud",
    "adapters.lakefs.adapter": "LakeFS",
    "adapters.local.adapter": "Local",
    "auth.sources": "AccessKey ApiKey Bearer Issued Password RefreshToken",
    "capabilities": "Capabilities Propagation ServerInfo",
    "client": "IdentityClient connect",
    "errors": "AmbiguousOutcomeError AuthenticationError ChallengeRequiredError ClientClosedError ConfigurationError"
    " ConflictError DeadlineExceededError IdentityError InvalidRequestError NoAnswerError NotFoundError NotSentError"
    " NotSupportedError PartialFailureError PermissionDeniedError PreconditionFailedError ProtocolError"
    " RateLimitedError ServerError TransportError WrongEventLoopError",
    "listing": "Items Listing Page",
    "middleware.observe": "Event",
    "models": "UNSET AuthMethod Claims Credential Decision Deletion Ended Group Member Policy Residual Session"
    " Statement Token User",
    "secrets": "Secret",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "UNSET",
    "AccessKey",
    "Adapter",
    "AmbiguousOutcomeError",
    "ApiKey",
    "Argus",
    "AuthMethod",
    "AuthService",
    "AuthenticationError",
    "Authress",
    "Bearer",
    "Capabilities",
    "ChallengeRequiredError",
    "Claims",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "Credential",
    "DeadlineExceededError",
    "Decision",
    "Deletion",
    "Ended",
    "Event",
    "Group",
    "IdentityClient",
    "IdentityError",
    "IgtCloud",
    "InvalidRequestError",
    "Issued",
    "Items",
    "LakeFS",
    "Listing",
    "Local",
    "Member",
    "NoAnswerError",
    "NotFoundError",
    "NotSentError",
    "NotSupportedError",
    "Page",
    "PartialFailureError",
    "Password",
    "PermissionDeniedError",
    "Policy",
    "PreconditionFailedError",
    "Propagation",
    "ProtocolError",
    "RateLimitedError",
    "RefreshToken",
    "Residual",
    "Secret",
    "ServerError",
    "ServerInfo",
    "Session",
    "Statement",
    "Token",
    "TransportError",
    "User",
    "WrongEventLoopError",
    "connect",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'identity_sdk' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"identity_sdk.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
