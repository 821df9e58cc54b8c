"""The embedded provider: a directory of its own, in memory, in a SQLite file or in PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Self, cast
from urllib.parse import unquote

from sqlalchemy.engine import URL

from identity_sdk.adapters.base import Adapter, Option, Probe, kept
from identity_sdk.adapters.local.credentials import LocalCredentials
from identity_sdk.adapters.local.desk import Caller, Core, Desk, root_caller
from identity_sdk.adapters.local.groups import LocalGroups
from identity_sdk.adapters.local.native import LocalNative
from identity_sdk.adapters.local.passwords import Argon2Cost, Passwords
from identity_sdk.adapters.local.policies import LocalPolicies
from identity_sdk.adapters.local.resets import NO_CHANNEL, OnReset
from identity_sdk.adapters.local.rules import MAX_ID, PAGE
from identity_sdk.adapters.local.sessions import LocalSessions
from identity_sdk.adapters.local.signing import ACCESS_LIFE
from identity_sdk.adapters.local.tokens import LocalTokens
from identity_sdk.adapters.local.users import LocalUsers
from identity_sdk.auth.sources import AccessKey, Auth, Bearer, TokenSource
from identity_sdk.capabilities import Capabilities, Propagation
from identity_sdk.concurrency import Clock
from identity_sdk.errors import ConfigurationError
from identity_sdk.models import Token
from identity_sdk.options import ClientSettings
from identity_sdk.secrets import Secret
from identity_sdk.store import SCHEMA_VERSION

if TYPE_CHECKING:
    from identity_sdk.wire.call import Sender

__all__ = ["Local", "LocalOptions"]

_POSTGRESQL: Final = re.compile(r"(?:local\+)?postgres(?:ql)?(?:\+psycopg)?:(?=//)")


class LocalOptions(ClientSettings, total=False):
    """What ``connect("local", …)`` takes beside the client's own options.

    Keys:
        base_url: ``"local:"`` in memory (the default), ``"local:///path/identity.db"``, ``"local:relative.db"``.
        database_url: ``"postgresql://user:password@host/database"``; a secret.
        access_key_id, secret_access_key: speak as the owner of this key instead of as root.
        token: speak by this session, access token or API key instead of as root.
        on_reset: sends password reset tokens; see :data:`~identity_sdk.adapters.local.resets.OnReset`.
    """

    base_url: str
    database_url: str | Secret
    access_key_id: str
    secret_access_key: str | Secret
    token: str | Secret
    on_reset: OnReset


class Local(Adapter):
    """A directory of its own: ``connect("local:")``, or ``connect(Local("local:///path/identity.db"))``.

    Without ``auth`` it opens as its root principal, who may do everything: whoever can open the file can do that
    anyway. With a credential, and in every copy that ``with_credential`` makes, who is calling is looked up in the
    transaction of each verb, and may do what its policies say; :mod:`identity_sdk.adapters.local.access` has the table.

    Ids are 1 to 256 characters of anything but NUL and lone surrogates.

    A ``Local`` stands for one store, which its copies share and which the client that was made from it closes.
    """

    name: ClassVar[str] = "local"
    extra: ClassVar[str] = "local"
    remote: ClassVar[bool] = False
    resources = (LocalUsers, LocalGroups, LocalPolicies, LocalCredentials, LocalSessions, LocalTokens)
    propagation: ClassVar[Propagation] = Propagation(credentials=0.0, tokens=ACCESS_LIFE)
    limits: ClassVar[Mapping[str, int]] = {"id_length": MAX_ID, "page_size": PAGE}
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("local: in memory, or local:///path/identity.db"),
        "database_url": Option("postgresql://user:password@host/database, instead of base_url", secret=True),
        "access_key_id": Option("speak as the owner of this access key instead of as root"),
        "secret_access_key": Option("the secret of that access key", secret=True),
        "token": Option("speak by this session, access token or API key instead of as root", secret=True),
        "on_reset": Option("a function that sends password reset tokens"),
    }

    def __init__(
        self,
        url: str | Secret = "local:",
        *,
        auth: Auth | None = None,
        clock: Clock | None = None,
        on_reset: OnReset | None = None,
        password_cost: Argon2Cost | None = None,
    ) -> None:
        """Args:
            url: ``local:`` (in memory), ``local:///absolute/path.db``, ``local:relative.db``, or for PostgreSQL
                ``postgresql://user:password@host/database`` (also with ``local+`` in front); the last is a secret and
                never shown.
            auth: whom to speak as; ``None``: the root principal.
            clock: for tests; otherwise the client's.
            on_reset: sends password reset tokens; without it ``request_password_reset`` is not supported.
            password_cost: for tests; otherwise what is safe.

        Raises:
            ConfigurationError: the URL is malformed, a driver is missing, or this is no credential.
        """
        secret = url if isinstance(url, Secret) else Secret(url)
        url = secret  # this frame may end in a traceback
        self._caller = root_caller() if auth is None else Caller(auth)
        self.base_url, database, file = _place(secret)
        super().__init__(base_url=self.base_url, auth=auth)
        self._core = Core(database, file, Passwords(password_cost or Argon2Cost()))
        self._clock = clock
        self._on_reset = on_reset

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        base, database = options.get("base_url"), options.get("database_url")
        if base is not None and database is not None:
            raise ConfigurationError("give either base_url or database_url, not both", provider=cls.name)
        on_reset = options.get("on_reset")
        if on_reset is not None and not callable(on_reset):
            raise ConfigurationError("on_reset must be a function", provider=cls.name)
        url = database if database is not None else base if base is not None else "local:"
        if not isinstance(url, str | Secret):
            raise ConfigurationError("database_url must be a string", provider=cls.name)
        return cls(url, auth=_auth(options), on_reset=cast("OnReset | None", on_reset))

    @property
    def capabilities(self) -> Capabilities:
        known = super().capabilities
        if self._on_reset is None:
            return known.without(["credentials.request_password_reset"], NO_CHANNEL)
        return known

    def token_source(self) -> TokenSource | None:
        """None: nothing is put on requests, since there are none; each transaction checks the credential itself."""
        return None

    def with_auth(self, auth: Auth | None) -> Self:
        """A copy that speaks as somebody else, on the same store; ``None``: as nobody."""
        caller = Caller(auth)
        other = super().with_auth(auth)
        other._caller = caller
        return other

    async def probe(self) -> Probe:
        """Opens the store. ``version`` is that of its schema."""
        principal = await self._desk.read(lambda tx: tx.who.id)
        return Probe(str(SCHEMA_VERSION), principal, self.capabilities)

    async def aclose(self) -> None:
        """Closes the store. One in memory is gone then."""
        await self._core.aclose()

    @property
    def _desk(self) -> Desk:
        sender: Sender = self.sender
        return Desk(self._core, self._caller, sender, self._clock.time if self._clock is not None else None)

    @kept
    def users(self) -> LocalUsers:
        return LocalUsers(self.sender, self._desk)

    @kept
    def groups(self) -> LocalGroups:
        return LocalGroups(self.sender, self._desk)

    @kept
    def policies(self) -> LocalPolicies:
        return LocalPolicies(self.sender, self._desk)

    @kept
    def credentials(self) -> LocalCredentials:
        return LocalCredentials(self.sender, self._desk, self._on_reset)

    @kept
    def sessions(self) -> LocalSessions:
        return LocalSessions(self.sender, self._desk)

    @kept
    def tokens(self) -> LocalTokens:
        return LocalTokens(self.sender, self._desk, self.auth if isinstance(self.auth, Token) else None)

    @kept
    def native(self) -> LocalNative:
        return LocalNative(self.sender, self._desk)

    def __repr__(self) -> str:
        place = getattr(self, "base_url", "?")  # in a traceback of a constructor that failed
        return f"Local({place!r}, as {self._caller.shown})"


def _auth(options: Mapping[str, object]) -> Auth | None:
    """The credential among the options, if there is one."""
    id, secret, token = (options.get(name) for name in ("access_key_id", "secret_access_key", "token"))
    if (id is None) != (secret is None):
        missing = "secret_access_key" if secret is None else "access_key_id"
        raise ConfigurationError(f"{missing} is missing: an access key has both", provider="local")
    if id is not None and token is not None:
        raise ConfigurationError("give either an access key or a token, not both", provider="local")
    for name, value in (("secret_access_key", secret), ("token", token)):
        if value is not None and not isinstance(value, str | Secret):
            raise ConfigurationError(f"{name} must be a string", provider="local")
    if id is not None:
        if not isinstance(id, str):
            raise ConfigurationError("access_key_id must be a string", provider="local")
        return AccessKey(id, cast("str | Secret", secret))
    return None if token is None else Bearer(cast("str | Secret", token))


def _place(url: Secret) -> tuple[str, Secret, str | None]:
    """What is shown of a URL, what the store opens, and the path of the SQLite file, if it is one."""
    text = Secret(url.reveal().strip())
    if _POSTGRESQL.match(text.reveal()):
        return "postgresql:", Secret(_POSTGRESQL.sub("postgresql:", text.reveal(), count=1)), None
    if text.reveal() == "local:":
        return "local:", Secret("sqlite://"), None
    path = _path(text)
    if path is None:
        raise ConfigurationError(
            "the URL must be local:, local:///path/identity.db or postgresql://… (not shown, it may hold a password)",
            provider="local",
        )
    shown = text.reveal()
    return shown, Secret(URL.create("sqlite", database=path).render_as_string(hide_password=False)), path


def _path(url: Secret) -> str | None:
    """The path of a file; ``None`` where the URL names none: another scheme, a host, a query, an empty path."""
    scheme, _, rest = url.reveal().partition(":")
    if scheme != "local" or not rest or any(mark in rest for mark in "?#"):
        return None
    if rest.startswith("//"):
        rest = rest[2:]
        if not rest.startswith("/"):
            return None
    path = unquote(rest)
    return None if path.endswith("/") or "\0" in path or path == ":memory:" else path
