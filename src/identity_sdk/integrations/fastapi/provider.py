"""``IdentityProvider``: the dependencies that an application is made of."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Generic, TypeAlias, TypeVar, cast, overload

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from identity_sdk.adapters.base import Adapter
from identity_sdk.auth.sources import AccessKey, ApiKey, Auth, Bearer
from identity_sdk.client import IdentityClient, connect
from identity_sdk.concurrency import Clock, SystemClock
from identity_sdk.errors import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    WrongEventLoopError,
)
from identity_sdk.integrations.fastapi.callers import Callers, Known, Presented
from identity_sdk.integrations.fastapi.decide import decide, in_scope
from identity_sdk.integrations.fastapi.look import look
from identity_sdk.integrations.fastapi.problems import DeniedError, UnauthorizedError
from identity_sdk.integrations.fastapi.template import Template
from identity_sdk.models import User
from identity_sdk.secrets import Secret

__all__ = ["IdentityProvider"]

A = TypeVar("A", bound=Adapter)
UserDependency: TypeAlias = Callable[..., Coroutine[object, object, User]]

MAX_TTL = 60.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BY_OWN_SESSION = frozenset({"argus", "igtcloud"})
"""Backends that decide by the session that asks, or tell nobody but oneself what one may do."""


class IdentityProvider(Generic[A]):
    """One backend, as the application's dependencies. Make one per backend, each with a name of its own.

    Attributes:
        name: what its security schemes are called in the OpenAPI document; also the realm of a 401.
        current_user: a dependency that answers the :class:`~identity_sdk.models.User` whose credential the request
            shows: a bearer token (RFC 6750), else an API key, else a cookie. Anything else is a 401.
        on_behalf: a dependency that answers a client which speaks by the caller's own credential; it is made for the
            request, and what it may do is decided by the backend.
    """

    current_user: UserDependency
    on_behalf: Callable[..., Coroutine[object, object, IdentityClient[A]]]

    @overload
    def __init__(
        self: IdentityProvider[Adapter],
        target: str | None = None,
        *,
        name: str = "identity",
        bearer: bool = True,
        api_key: str | None = None,
        cookie: str | None = None,
        audience: str | None = None,
        ttl: float = 30.0,
        cache_size: int = 1024,
        clock: Clock | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        target: A | Callable[[], IdentityClient[A]],
        *,
        name: str = "identity",
        bearer: bool = True,
        api_key: str | None = None,
        cookie: str | None = None,
        audience: str | None = None,
        ttl: float = 30.0,
        cache_size: int = 1024,
        clock: Clock | None = None,
    ) -> None: ...
    def __init__(
        self,
        target: str | A | Callable[[], IdentityClient[A]] | None = None,
        *,
        name: str = "identity",
        bearer: bool = True,
        api_key: str | None = None,
        cookie: str | None = None,
        audience: str | None = None,
        ttl: float = 30.0,
        cache_size: int = 1024,
        clock: Clock | None = None,
    ) -> None:
        """Args:
            target: what ``connect()`` takes: a provider's name, a URL, a profile, an adapter, or ``None`` for what the
                environment says; or a function that makes the client, for options and for precise types:
                ``lambda: connect("lakefs", base_url=…)``.
            name: letters, digits, ``.``, ``_`` and ``-``.
            bearer: whether ``Authorization: Bearer`` is looked at.
            api_key: the header that holds an API key (``"X-API-Key"``); ``None``: none does. For lakeFS it holds an
                access key, as ``<id>:<secret>``.
            cookie: the cookie that holds a bearer token. With a cookie, requests that change something are refused
                when a browser says that another site made them.
            audience: what a token must be for, where it is a JWT that is verified here and says so (Authress): a token
                that a caller gave to another service is refused then (RFC 9068 section 4).
            ttl: seconds for which a caller is remembered, 0 to 60. Within them a revocation may be unseen.
            cache_size: callers that are remembered at most.
            clock: for tests.

        Raises:
            ConfigurationError: an argument is out of range. What is wrong with ``target`` shows when the app starts.
        """
        self._target = Secret(target) if isinstance(target, str) else target  # it may be a database's URL
        del target  # tracebacks show locals
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
            raise ConfigurationError("name is of letters, digits, '.', '_' and '-'")
        if not 0 <= ttl <= MAX_TTL:
            raise ConfigurationError("ttl is 0 to 60 seconds: a revocation must be seen within a minute")
        if cache_size < 1:
            raise ConfigurationError("cache_size is 1 at least")
        if not (bearer or api_key or cookie):
            raise ConfigurationError("nothing is looked at: give bearer=True, api_key= or cookie=")
        self.name = name
        self._audience = audience
        self._schemes = _Schemes(name, bearer, api_key, cookie)
        self._client: IdentityClient[A] | None = None
        self._callers = Callers(clock or SystemClock(), ttl=ttl, size=cache_size)
        self.current_user = self._make_current_user()
        self.on_behalf = self._make_on_behalf()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """The client's life: ``FastAPI(lifespan=identity.lifespan)``, or within a lifespan of your own.

        Raises:
            ConfigurationError: ``target`` is no good; or it is open already, for another app.
        """
        if self._client is not None:
            raise ConfigurationError(f"the provider {self.name!r} is open already: make one per app")
        async with self._connect() as client:
            verify = client.capabilities["tokens.verify"]
            if self._audience is not None and (not verify.supported or "audience" in verify.refuses):
                raise ConfigurationError(f"{client.provider} has no tokens that name an audience")
            self._client = client
            try:
                yield
            finally:
                self._client = None
                self._callers.clear()

    def _connect(self) -> IdentityClient[A]:
        target = self._target
        if callable(target):
            return target()
        if isinstance(target, Adapter):
            return connect(target)
        # By the overloads, A is Adapter here.
        return cast("IdentityClient[A]", connect(None if target is None else target.reveal()))

    async def client(self) -> IdentityClient[A]:
        """A dependency: the app's one client, which speaks as the service itself.

        Raises:
            ConfigurationError: the app's lifespan has not begun, or is over.
        """
        if self._client is None:
            raise ConfigurationError(
                f"the provider {self.name!r} is not open: FastAPI(lifespan=identity.lifespan), "
                "or `async with identity.lifespan(app)` within your own"
            )
        return self._client

    def require(self, action: str, resource: str, *, on_behalf: bool | None = None) -> UserDependency:
        """A dependency that lets only those through who may do ``action`` on ``resource``, and answers the user.

        Args:
            action: as the backend's policies name it.
            resource: the same; may hold path parameters: ``"docs/{doc_id}"``, ``"files/{path:path}"``. Values are
                percent-encoded, but for ASCII letters, digits and ``-._~@``, so that none can name anything else.
            on_behalf: who asks the backend: ``False``: this service, about the caller; ``True``: the caller. Unless
                given, the service asks, except for Argus and IGT Cloud, which decide by the session that asks.

        Raises:
            ConfigurationError: ``resource`` is no template.
        """
        template = Template(resource)

        async def guard(
            request: Request,
            user: User = Depends(self.current_user),  # noqa: B008 -- how FastAPI is told
            idp: IdentityClient[Adapter] = Depends(self.client),  # noqa: B008
        ) -> User:
            wanted = template.fill(request.path_params)
            known = self._known_in(request)
            if known is not None and not in_scope(known.scopes, action):
                raise DeniedError("the credential is limited to other scopes", self._schemes.too_narrow())
            own = on_behalf if on_behalf is not None else idp.provider in _BY_OWN_SESSION
            asker = idp.with_credential(known.auth) if own and known is not None else idp
            try:
                allowed = await decide(asker, user.id, action, wanted)
            except NotFoundError:  # who is gone meanwhile, or asks about what is not there, may do nothing
                allowed = False
            if not allowed:
                raise DeniedError(f"{user.id} may not {action} on {wanted}")
            return user

        return guard

    def _make_current_user(self) -> UserDependency:
        schemes = self._schemes

        async def current_user(
            request: Request,
            bearer: HTTPAuthorizationCredentials | None = Depends(schemes.bearer),  # noqa: B008
            key: str | None = Depends(schemes.api_key),
            cookie: str | None = Depends(schemes.cookie),
            idp: IdentityClient[Adapter] = Depends(self.client),  # noqa: B008
        ) -> User:
            shown = schemes.presented(request, bearer.credentials if bearer else None, key, cookie)
            known = await self._callers.find(shown.key, lambda: self._look(idp, shown))
            _known_of(request)[id(self)] = known
            return known.user

        return current_user

    def _make_on_behalf(self) -> Callable[..., Coroutine[object, object, IdentityClient[A]]]:
        async def on_behalf(
            request: Request,
            user: User = Depends(self.current_user),  # noqa: B008
            idp: IdentityClient[Adapter] = Depends(self.client),  # noqa: B008
        ) -> IdentityClient[A]:
            known = self._known_in(request)
            if known is None:
                raise ConfigurationError("current_user is overridden: override on_behalf as well")
            return cast("IdentityClient[A]", idp.with_credential(known.auth))

        return on_behalf

    def _known_in(self, request: Request) -> Known | None:
        """Whom ``current_user`` found in this very request; ``None`` where a test put another in its place."""
        return _known_of(request).get(id(self))

    async def _look(self, idp: IdentityClient[Adapter], shown: Presented) -> Known:
        refused = UnauthorizedError(
            "the credential is not accepted", self._schemes.challenge("invalid_token")
        )
        try:
            auth = _auth_of(idp.provider, shown)
            caller = idp.with_credential(auth)
        except ClientClosedError:
            raise
        except ConfigurationError:  # malformed, or of a kind that this backend does not know
            raise refused from None
        try:
            return await look(idp, caller, auth, shown, self._audience)
        except (AuthenticationError, InvalidRequestError, NotFoundError, ConfigurationError) as error:
            if not error.on_behalf or isinstance(error, ClientClosedError | WrongEventLoopError):
                raise
            refused.__context__ = None
        raise refused


def _known_of(request: Request) -> dict[int, Known]:
    return cast("dict[int, Known]", request.scope.setdefault("identity_sdk", {}))


def _auth_of(provider: str, shown: Presented) -> Auth:
    if shown.kind == "api_key" and provider == "lakefs":
        id, _, secret = shown.secret.reveal().partition(":")
        return AccessKey(id, secret)
    if shown.kind == "api_key" and provider != "local":
        return ApiKey(shown.secret)
    return Bearer(shown.secret)


class _Schemes:
    """What is looked at, as FastAPI and the OpenAPI document know it, and what a 401 says."""

    def __init__(self, name: str, bearer: bool, api_key: str | None, cookie: str | None) -> None:
        self._name = name
        self._what = "Bearer" if bearer else "ApiKey" if api_key else "Cookie"
        self.bearer = (
            HTTPBearer(scheme_name=name, description="A token of the identity system.", auto_error=False)
            if bearer
            else _nothing
        )
        self.api_key = (
            APIKeyHeader(name=api_key, scheme_name=f"{name}-key", auto_error=False) if api_key else _nothing
        )
        self.cookie = (
            APIKeyCookie(name=cookie, scheme_name=f"{name}-cookie", auto_error=False) if cookie else _nothing
        )

    def presented(
        self, request: Request, bearer: str | None, key: str | None, cookie: str | None
    ) -> Presented:
        """The credential of a request; an explicit one goes before the cookie that a browser sends by itself.

        Raises:
            UnauthorizedError: there is none, or it is no credential by its form.
            DeniedError: it is a cookie, and the request comes from another site.
        """
        if bearer:
            shown = Presented("bearer", Secret(bearer))
        elif key:
            shown = Presented("api_key", Secret(key))
        elif cookie:
            shown = Presented("cookie", Secret(cookie))
        else:
            raise UnauthorizedError("the request shows no credential", self.challenge())
        if not _TOKEN.fullmatch(shown.secret.reveal()) or len(request.headers.getlist("authorization")) > 1:
            raise UnauthorizedError("that is no credential", self.challenge("invalid_token"))
        if shown.kind == "cookie" and request.method not in _SAFE_METHODS and _is_foreign(request):
            raise DeniedError("a cookie does not count in what another site asks for")
        return shown

    def challenge(self, error: str | None = None) -> str:
        """``WWW-Authenticate`` (RFC 6750 section 3): without an error where no credential was shown."""
        said = f'{self._what} realm="{self._name}"'
        return f'{said}, error="{error}"' if error and self._what == "Bearer" else said

    def too_narrow(self) -> str | None:
        """The same for a credential that is limited to other scopes."""
        return self.challenge("insufficient_scope") if self._what == "Bearer" else None


async def _nothing() -> None:
    return None


def _is_foreign(request: Request) -> bool:
    """Whether a browser says that a page of another origin made this request (Fetch Metadata; else ``Origin``)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
