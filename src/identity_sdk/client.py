"""``connect()`` and the client: the one door to six resources on any backend."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Protocol, Self, TypeVar, cast, overload

from identity_sdk.adapters.base import Adapter
from identity_sdk.auth.sources import Auth
from identity_sdk.capabilities import Capabilities, ServerInfo
from identity_sdk.config import resolve
from identity_sdk.errors import ClientClosedError, ConfigurationError, IdentityError
from identity_sdk.middleware.observe import clean_library_logs
from identity_sdk.middleware.pipeline import ORDER, Pipeline, Shared, Stats
from identity_sdk.options import CALL_OPTIONS, ClientOptions
from identity_sdk.resources.credentials import Credentials
from identity_sdk.resources.groups import Groups
from identity_sdk.resources.policies import Policies
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.resources.users import Users
from identity_sdk.secrets import redact_url
from identity_sdk.tables import html_card
from identity_sdk.transport.base import TransportOptions, make_transport

if TYPE_CHECKING:
    from typing import Unpack

    from identity_sdk.adapters.argus.adapter import Argus, ArgusOptions
    from identity_sdk.adapters.auth_service.adapter import AuthService, AuthServiceOptions
    from identity_sdk.adapters.authress.adapter import Authress, AuthressOptions
    from identity_sdk.adapters.igtcloud.adapter import IgtCloud, IgtCloudOptions
    from identity_sdk.adapters.lakefs.adapter import LakeFS, LakeFSOptions
    from identity_sdk.adapters.local.adapter import Local, LocalOptions
    from identity_sdk.options import CallOptions, ClientSettings

__all__ = ["IdentityClient", "connect"]

A_co = TypeVar("A_co", covariant=True)
A = TypeVar("A", bound=Adapter)
N = TypeVar("N")
U_co = TypeVar("U_co", bound=Users, covariant=True)
G_co = TypeVar("G_co", bound=Groups, covariant=True)
P_co = TypeVar("P_co", bound=Policies, covariant=True)
C_co = TypeVar("C_co", bound=Credentials, covariant=True)
S_co = TypeVar("S_co", bound=Sessions, covariant=True)
T_co = TypeVar("T_co", bound=Tokens, covariant=True)
N_co = TypeVar("N_co", covariant=True)


class HasUsers(Protocol[U_co]):
    @property
    def users(self) -> U_co: ...


class HasGroups(Protocol[G_co]):
    @property
    def groups(self) -> G_co: ...


class HasPolicies(Protocol[P_co]):
    @property
    def policies(self) -> P_co: ...


class HasCredentials(Protocol[C_co]):
    @property
    def credentials(self) -> C_co: ...


class HasSessions(Protocol[S_co]):
    @property
    def sessions(self) -> S_co: ...


class HasTokens(Protocol[T_co]):
    @property
    def tokens(self) -> T_co: ...


class HasNative(Protocol[N_co]):
    @property
    def native(self) -> N_co: ...


class IdentityClient(Generic[A_co]):
    """One backend, as one credential: ``idp.users``, ``idp.groups``, ``idp.policies``, ``idp.credentials``,
    ``idp.sessions``, ``idp.tokens``, and the backend's own operations under ``idp.native``.

    Made by :func:`connect`. Safe to share between the tasks of one event loop. Copies made by :meth:`with_options` and
    :meth:`with_credential` share pool, limits and retry budget; closing a copy never closes the pool.
    """

    def __init__(self, adapter: Adapter, pipeline: Pipeline, *, root: bool) -> None:
        self._adapter = adapter.bind(pipeline)
        self._pipeline = pipeline
        self._root = root
        self._closed = False

    @property
    def _open(self) -> Adapter:
        if self._closed:
            raise ClientClosedError("this client is closed: make a new one with connect()")
        return self._adapter

    @property
    def users(self: IdentityClient[HasUsers[U_co]]) -> U_co:
        """Principals."""
        return cast("HasUsers[U_co]", self._open).users

    @property
    def groups(self: IdentityClient[HasGroups[G_co]]) -> G_co:
        """Sets of principals."""
        return cast("HasGroups[G_co]", self._open).groups

    @property
    def policies(self: IdentityClient[HasPolicies[P_co]]) -> P_co:
        """What principals may do."""
        return cast("HasPolicies[P_co]", self._open).policies

    @property
    def credentials(self: IdentityClient[HasCredentials[C_co]]) -> C_co:
        """Long-lived ways to sign in."""
        return cast("HasCredentials[C_co]", self._open).credentials

    @property
    def sessions(self: IdentityClient[HasSessions[S_co]]) -> S_co:
        """Signing in and out."""
        return cast("HasSessions[S_co]", self._open).sessions

    @property
    def tokens(self: IdentityClient[HasTokens[T_co]]) -> T_co:
        """What is issued to a signed-in principal."""
        return cast("HasTokens[T_co]", self._open).tokens

    @property
    def native(self: IdentityClient[HasNative[N_co]]) -> N_co:
        """The backend's own operations by their documented names, with authentication, retries and typed errors."""
        return cast("HasNative[N_co]", self._open).native

    def native_as(self, api: type[N]) -> N:
        """``native``, typed, for a client that was made from a profile.

        Raises:
            ConfigurationError: this client's wire API is another one.
        """
        native = self._open.native
        if not isinstance(native, api):
            raise ConfigurationError(
                f"native is {type(native).__name__}, not {api.__name__}", provider=self.provider
            )
        return native

    @property
    def provider(self) -> str:
        """The adapter's name, such as ``"lakefs"``."""
        return self._adapter.name

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do, known before any I/O; :meth:`ping` narrows it to the server at hand."""
        return self._adapter.capabilities

    async def ping(self) -> ServerInfo:
        """Asks the server who it is, and who we are to it.

        Raises:
            TransportError: it cannot be reached.
        """
        shared = self._pipeline.shared
        started = shared.clock.monotonic()
        async with self._pipeline.verb("ping"):
            probe = await self._open.probe()
        latency = shared.clock.monotonic() - started
        return ServerInfo(
            self.provider, probe.version, probe.principal, latency, shared.skew, probe.capabilities
        )

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """A copy that makes its calls by other options; it shares pool and credential.

        Raises:
            ConfigurationError: an option is unknown or out of range; only those that concern calls can be changed.
        """
        given: Mapping[str, Any] = dict(options)
        unknown = sorted(given.keys() - set(CALL_OPTIONS))
        if unknown:
            raise ConfigurationError(
                f"with_options() takes {', '.join(CALL_OPTIONS)}; not {', '.join(unknown)}"
            )
        changed = ClientOptions.of({**self._pipeline.options.to_dict(), **given})
        pipeline = Pipeline(
            self._pipeline.shared,
            changed,
            provider=self.provider,
            cache=self._pipeline.cache,
            on_behalf=self._pipeline.on_behalf,
        )
        return type(self)(self._open, pipeline, root=False)

    def with_credential(self, auth: Auth | None) -> Self:
        """A copy that speaks as somebody else (``None``: as nobody); it shares pool and limits.

        Raises:
            ConfigurationError: this backend cannot sign in by that kind of credential.
        """
        adapter = self._open.with_auth(auth)
        pipeline = _pipeline(self._pipeline.shared, self._pipeline.options, adapter, on_behalf=True)
        return type(self)(adapter, pipeline, root=False)

    def stats(self) -> Stats:
        """Requests, retries and refreshes so far, and the state of the pool; shared with all copies."""
        return self._pipeline.shared.stats()

    async def aclose(self) -> None:
        """Closes the client; again is harmless. A copy closes only itself."""
        if self._root and not self._pipeline.shared.closed:
            await self._pipeline.shared.aclose()
            await self._adapter.aclose()
        self._closed = True

    async def __aenter__(self) -> Self:
        _ = self._open
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled: it holds a credential and connections")

    def __repr__(self) -> str:
        order = " → ".join(ORDER)
        closed = ", closed" if self._closed else ""
        return f"<IdentityClient {self.provider} {redact_url(self._adapter.base_url)} [{order}]{closed}>"

    def _repr_html_(self) -> str:
        known = self._adapter.capabilities
        values: dict[str, object] = {
            "provider": self.provider,
            "url": redact_url(self._adapter.base_url),
            "can": f"{len(known.supported())} of {len(known.cells)} verbs",
            "state": "closed" if self._closed else "open",
        }
        return html_card(values, "Identity client")


def _pipeline(
    shared: Shared, options: ClientOptions, adapter: Adapter, *, on_behalf: bool = False
) -> Pipeline:
    source = adapter.token_source()
    cache = shared.cache_for(source) if source is not None else None
    return Pipeline(shared, options, provider=adapter.name, cache=cache, on_behalf=on_behalf)


@overload
def connect(target: Literal["argus"], **options: Unpack[ArgusOptions]) -> IdentityClient[Argus]: ...
@overload
def connect(
    target: Literal["auth-service", "auth_service"], **options: Unpack[AuthServiceOptions]
) -> IdentityClient[AuthService]: ...
@overload
def connect(target: Literal["authress"], **options: Unpack[AuthressOptions]) -> IdentityClient[Authress]: ...
@overload
def connect(target: Literal["igtcloud"], **options: Unpack[IgtCloudOptions]) -> IdentityClient[IgtCloud]: ...
@overload
def connect(target: Literal["lakefs"], **options: Unpack[LakeFSOptions]) -> IdentityClient[LakeFS]: ...
@overload
def connect(target: Literal["local", "local:"], **options: Unpack[LocalOptions]) -> IdentityClient[Local]: ...
@overload
def connect(target: A, **options: Unpack[ClientSettings]) -> IdentityClient[A]: ...
@overload
def connect(target: str | None = None, **options: object) -> IdentityClient[Adapter]: ...
def connect(target: str | Adapter | None = None, **options: object) -> IdentityClient[Any]:
    """A client for one backend. No network I/O happens here; files are read, and the TLS context is made.

    Args:
        target: an adapter's name (``"lakefs"``), a URL (``"lakefs+https://host/api/v1"``, ``"local:"`` in memory,
            ``"local:///path/identity.db"``), a profile's name, a configured adapter (``LakeFS(…)``), or ``None`` for
            what the environment (``IDENTITY_SDK_*``) and the profile file say.
        options: the adapter's own (``base_url=``, ``access_key_id=`` …) and those of
            :class:`~identity_sdk.options.ClientSettings` (``deadline=``, ``retries=``, ``tls=`` …).

    Raises:
        ConfigurationError: nothing is configured, an option is unknown or malformed, an extra is missing, or a secret
            would go to a base URL that came from another source.

    ::

        async with connect("lakefs+https://lakefs.example/api/v1") as idp:
            async for user in idp.users.list(prefix="a"):
                print(user.id)
    """
    try:
        return _connect(target, options)
    except IdentityError as error:
        error.__context__ = None  # this and the frames hold the options, secrets among them
        raise error.with_traceback(None) from None
    finally:
        options.clear()


def _connect(target: str | Adapter | None, options: dict[str, object]) -> IdentityClient[Any]:
    resolved = resolve(target, options)
    adapter, client = resolved.adapter, resolved.client
    make = None
    if adapter.remote:
        clean_library_logs()
        transport = TransportOptions(
            base_url=adapter.base_url,
            connect_timeout=client.connect_timeout,
            max_in_flight=client.max_in_flight,
            max_response_bytes=client.max_response_bytes,
            tls=client.tls,
            proxy=client.proxy,
        )
        make = partial(make_transport, client.transport, transport)
    shared = Shared(client, make, base_url=adapter.base_url if adapter.remote else "")
    return IdentityClient(adapter, _pipeline(shared, client, adapter), root=True)
