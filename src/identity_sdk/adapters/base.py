"""The base of every adapter: its options, its six resources, its wire API, and how it signs in."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar, cast
from urllib.parse import urlsplit

from identity_sdk.auth.sources import Auth, TokenSource
from identity_sdk.capabilities import Capabilities, Propagation
from identity_sdk.errors import ConfigurationError
from identity_sdk.resources.base import Resource
from identity_sdk.resources.credentials import Credentials
from identity_sdk.resources.groups import Groups
from identity_sdk.resources.policies import Policies
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.resources.users import Users
from identity_sdk.wire.call import Sender

if TYPE_CHECKING:
    kept = property
    """A property that is worked out once.

    Checkers see a plain one: in a protocol pyright takes a ``cached_property`` for what it is, not for what it answers,
    and every resource of a client would be unknown to it.
    """
else:
    from functools import cached_property as kept

R = TypeVar("R", bound=Resource)

__all__ = ["Adapter", "Option", "Probe", "check_base_url", "kept"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an adapter, as ``connect()``, the environment and a profile know it.

    Attributes:
        help: one line for ``idp config show`` and error messages.
        secret: never shown, and sent only to the base URL that came from the same source.
    """

    help: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """What ``Adapter.probe`` found: see :class:`~identity_sdk.capabilities.ServerInfo`."""

    version: str | None
    principal: str | None
    capabilities: Capabilities


class Adapter:
    """A backend, configured. Unbound, it is a value to hand to ``connect()``; bound, it serves the six resources.

    Subclasses are typed at the resources: ``users`` is a property that answers their own ``Users`` subclass.

    Attributes:
        name: what ``connect("…")`` calls it.
        options: what ``from_options`` takes.
        variables: the variables of the backend's official client, by option: the last source of settings, which counts
            only as a whole, where no other one says ``base_url``.
        resources: the six resource classes, in the order of the facade.
        propagation, limits: for ``capabilities``.
        extra: the name of the pip extra that it needs, or empty.
        remote: whether it speaks HTTP; otherwise the client makes no transport.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Option]] = {}
    variables: ClassVar[Mapping[str, str]] = {}
    resources: ClassVar[tuple[type[Resource], ...]] = ()
    propagation: ClassVar[Propagation] = Propagation()
    limits: ClassVar[Mapping[str, int]] = {}
    extra: ClassVar[str] = ""
    remote: ClassVar[bool] = True

    def __init__(self, *, base_url: str, auth: Auth | None = None) -> None:
        """
        Raises:
            ConfigurationError: ``base_url`` is no http(s) URL, or holds userinfo, a query or a fragment.
        """
        self.base_url = ""  # a traceback with locals shows the repr of a half-made adapter
        self.auth = auth
        self._bound: Sender | None = None
        self.base_url = check_base_url(base_url) if self.remote else base_url

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        """Made from plain options (all of ``cls.options``, those that were given).

        Raises:
            ConfigurationError: one is missing or malformed; the message names it.
        """
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        """What this adapter can do, known before any I/O."""
        cells = {name: cell for area in (*_AREAS, *self.resources) for name, cell in area.cells().items()}
        return Capabilities(self.name, cells, self.propagation, self.limits)

    def token_source(self) -> TokenSource | None:
        """Where the tokens of ``self.auth`` come from; ``None`` for anonymous calls.

        Raises:
            ConfigurationError: this backend cannot sign in by that kind of credential.
        """
        raise NotImplementedError

    async def probe(self) -> Probe:
        """Asks the server who it is; for ``ping``."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Frees what the adapter itself holds (the pool is the client's)."""

    # The six resources; a subclass answers its own, more precise ones. An area that it has not refuses every verb.

    @kept
    def users(self) -> Users:
        return self._refusing(Users)

    @kept
    def groups(self) -> Groups:
        return self._refusing(Groups)

    @kept
    def policies(self) -> Policies:
        return self._refusing(Policies)

    @kept
    def credentials(self) -> Credentials:
        return self._refusing(Credentials)

    @kept
    def sessions(self) -> Sessions:
        return self._refusing(Sessions)

    @kept
    def tokens(self) -> Tokens:
        return self._refusing(Tokens)

    @kept
    def native(self) -> object:
        """The backend's own operations, by their documented names."""
        raise NotImplementedError

    def _refusing(self, area: type[R]) -> R:
        return cast("type[R]", type(area.__name__, (area,), {"provider": self.name}))(self.sender)

    def bind(self, sender: Sender) -> Self:
        """A copy that sends through ``sender``."""
        bound = copy.copy(self)
        for name in ("users", "groups", "policies", "credentials", "sessions", "tokens", "native"):
            bound.__dict__.pop(name, None)  # what they kept
        bound._bound = sender
        return bound

    def with_auth(self, auth: Auth | None) -> Self:
        """A copy that speaks as somebody else."""
        other = copy.copy(self)
        other.auth = auth
        return other

    @property
    def sender(self) -> Sender:
        """The pipeline.

        Raises:
            ConfigurationError: the adapter was not handed to ``connect()``.
        """
        if self._bound is None:
            name = type(self).__name__
            raise ConfigurationError(f"{name}(…) is only a configuration: use connect({name}(…))")
        return self._bound

    def __repr__(self) -> str:
        signed_in = type(self.auth).__name__ if self.auth is not None else "anonymous"
        return f"{type(self).__name__}(base_url={self.base_url!r}, auth={signed_in})"


_AREAS: tuple[type[Resource], ...] = (Users, Groups, Policies, Credentials, Sessions, Tokens)


def check_base_url(url: str) -> str:
    """``url`` without a trailing slash.

    Raises:
        ConfigurationError: see :class:`Adapter`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("base_url is not a URL") from None
    if "@" in parts.netloc or ("@" in url and not parts.netloc):
        raise ConfigurationError(
            "base_url must not hold user or password: give them as options, they are kept secret"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigurationError(f"base_url must be http(s)://host…, not {url[:100]!r}")
    if parts.query or parts.fragment or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ConfigurationError("base_url must be plain ASCII, without query, fragment and blanks")
    return url.rstrip("/")
