"""What a client signs in with, and how that becomes the headers of a request."""

from __future__ import annotations

import hashlib
import inspect
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeAlias, cast

import anyio
import anyio.to_thread

from identity_sdk.errors import AuthenticationError, ConfigurationError
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender
from identity_sdk.wire.request import Request

__all__ = [
    "AccessKey",
    "ApiKey",
    "Auth",
    "BasicSource",
    "Bearer",
    "BearerSource",
    "Issued",
    "Password",
    "RefreshToken",
    "SigningSource",
    "TokenSource",
    "bearer_of",
    "digest",
]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key: its id is public, its secret is not."""

    access_key_id: str
    secret_access_key: Secret

    def __init__(self, access_key_id: str, secret_access_key: Secret | str) -> None:
        """Raises:
        ConfigurationError: one of both is empty, or the id holds a colon (RFC 7617 section 2).
        """
        if isinstance(secret_access_key, str):
            secret_access_key = Secret(secret_access_key)  # not in a local: tracebacks show those
        object.__setattr__(self, "access_key_id", access_key_id)
        object.__setattr__(self, "secret_access_key", secret_access_key)
        if not access_key_id or ":" in access_key_id:
            raise ConfigurationError("access_key_id must be neither empty nor hold a colon")
        if not secret_access_key:
            raise ConfigurationError("secret_access_key is empty")


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that a backend issued.

    Attributes:
        value: the token.
        expires_at: by the server's clock, in epoch seconds; ``None`` where it is not known.
        issued_at: by the server's clock, in epoch seconds; gives the refresh windows their measure.
        extra: what must be kept beside it (a refresh token, a CSRF token), all of it secret.
    """

    value: Secret
    expires_at: float | None = None
    issued_at: float | None = None
    extra: Mapping[str, Secret] = field(
        default_factory=lambda: MappingProxyType(dict[str, Secret]()), repr=False
    )


TokenGetter: TypeAlias = Callable[[], "str | Secret | Issued | Awaitable[str | Secret | Issued]"]


@dataclass(frozen=True, slots=True)
class Bearer:
    """A bearer token that was got elsewhere (RFC 6750), or a function that gets one.

    A sync function runs in a worker thread; an async one on the loop. It is asked again when the token runs out or is
    refused; a plain string is not.
    """

    token: Secret | TokenGetter = field(repr=False)

    def __init__(self, token: Secret | str | TokenGetter) -> None:
        object.__setattr__(self, "token", Secret(token) if isinstance(token, str) else token)
        if isinstance(token, str) and not token:
            raise ConfigurationError("the bearer token is empty")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key in one piece, as the backend showed it."""

    key: Secret

    def __init__(self, key: Secret | str) -> None:
        """Raises:
        ConfigurationError: it is empty.
        """
        object.__setattr__(self, "key", key if isinstance(key, Secret) else Secret(key))
        del key  # tracebacks show locals
        if not self.key:
            raise ConfigurationError("the API key is empty")


@dataclass(frozen=True, slots=True)
class Password:
    """A user name and its password, for backends that sign in by them."""

    username: str
    password: Secret

    def __init__(self, username: str, password: Secret | str) -> None:
        """Raises:
        ConfigurationError: one of both is empty.
        """
        object.__setattr__(self, "password", password if isinstance(password, Secret) else Secret(password))
        object.__setattr__(self, "username", username)
        del password  # tracebacks show locals
        if not username:
            raise ConfigurationError("username is empty")
        if not self.password:
            raise ConfigurationError("password is empty")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token (RFC 6749 section 1.5), for backends where it gets access tokens again and again."""

    token: Secret

    def __init__(self, token: Secret | str) -> None:
        """Raises:
        ConfigurationError: it is empty.
        """
        object.__setattr__(self, "token", token if isinstance(token, Secret) else Secret(token))
        del token  # tracebacks show locals
        if not self.token:
            raise ConfigurationError("the refresh token is empty")


Auth: TypeAlias = AccessKey | ApiKey | Bearer | Password | RefreshToken | Session | Token
"""What ``connect(auth=…)`` and ``with_credential(…)`` take."""


class TokenSource(Protocol):
    """Where one credential's tokens come from.

    Attributes:
        key: the same for the same credential and place; caches are kept by it. A digest, never the secret.
        renewable: whether ``fetch`` can bring a new token after a rejection.
    """

    @property
    def key(self) -> str: ...

    @property
    def renewable(self) -> bool: ...

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        """Signs in, or refreshes. ``sender`` is the pipeline without the token middleware.

        Raises:
            AuthenticationError: the credential is rejected.
        """
        ...

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        """Puts the token on a request."""
        ...


class SigningSource:
    """A token source whose proof covers the whole request: :meth:`sign` takes the place of ``authorize``."""

    def sign(self, issued: Issued, request: Request) -> None:
        """Puts the token on a request. Called anew for each attempt."""
        raise NotImplementedError

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        """Without a target there is nothing to sign."""
        raise NotImplementedError


def digest(*parts: str) -> str:
    """A key for a credential: SHA-256 over its parts, which cannot run into one another."""
    whole = b"".join(len(raw).to_bytes(8, "big") + raw for raw in (part.encode() for part in parts))
    return hashlib.sha256(whole).hexdigest()


class BasicSource:
    """HTTP Basic (RFC 7617) by an access key: nothing to fetch, nothing to renew."""

    renewable = False

    def __init__(self, key: AccessKey) -> None:
        pair = f"{key.access_key_id}:{key.secret_access_key.reveal()}".encode()
        self._issued = Issued(Secret("Basic " + b64encode(pair).decode("ascii")))
        self.key = digest("basic", key.access_key_id, key.secret_access_key.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        return self._issued

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = issued.value.reveal()


class BearerSource:
    """A given bearer token, or a function that gets one."""

    def __init__(self, bearer: Bearer) -> None:
        token = bearer.token
        self._token = token
        self.renewable = not isinstance(token, Secret)
        # A function is its own identity: two functions never share a cache.
        self.key = (
            digest("bearer", token.reveal()) if isinstance(token, Secret) else digest("call", str(id(token)))
        )

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        token = self._token
        if isinstance(token, Secret):
            return Issued(token)
        if inspect.iscoroutinefunction(token):
            value = await token()
        else:
            value = await _in_thread(token)
        if isinstance(value, Issued):
            return value
        if not value:
            raise AuthenticationError("the token function answered nothing")
        return Issued(value if isinstance(value, Secret) else Secret(value))

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {issued.value.reveal()}"


async def _in_thread(getter: TokenGetter) -> str | Secret | Issued:
    """Calls a sync function in a worker thread, so that a slow one never stops the loop.

    One that hangs is left to itself when the refresh's time is over, and holds none of the application's threads.
    """
    call = cast("Callable[[], object]", getter)
    # In a tuple: trio refuses a coroutine as the answer of a thread.
    (got,) = await anyio.to_thread.run_sync(
        lambda: (call(),), abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1)
    )
    if inspect.isawaitable(got):  # a partial or a callable object around an async function
        got = await got
    return cast("str | Secret | Issued", got)


def bearer_of(auth: Auth) -> Bearer:
    """The bearer token of a session or token that ``create`` or ``issue`` answered.

    Raises:
        ConfigurationError: it came from a list or a get, which never show the value; or it is another kind of
            credential, which this backend cannot sign in by.
    """
    if isinstance(auth, Bearer):
        return auth
    if not isinstance(auth, Session | Token):
        raise ConfigurationError(f"this backend cannot sign in by {type(auth).__name__}")
    value = auth.token if isinstance(auth, Session) else auth.value
    if value is None:
        raise ConfigurationError(
            f"this {type(auth).__name__} holds no value: use what create() or issue() answered"
        )
    return Bearer(value)
