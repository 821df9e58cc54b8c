"""An adapter as a third party would ship it: one module, one entry point, no word about it in the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Self

from identity_sdk.adapters.base import Adapter, Option, Probe
from identity_sdk.auth.sources import TokenSource
from identity_sdk.errors import ConfigurationError, NotFoundError
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import User, UserKind
from identity_sdk.resources.base import Resource, supports
from identity_sdk.resources.credentials import Credentials
from identity_sdk.resources.groups import Groups
from identity_sdk.resources.policies import Policies
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender


class TinyUser(User):
    provider: ClassVar[str] = "tiny"


class TinyUsers(Users):
    provider: ClassVar[str] = "tiny"

    def __init__(self, sender: Sender, ids: tuple[str, ...]) -> None:
        super().__init__(sender)
        self._ids = ids

    @supports(kinds=("human",), refuses={"email": "it knows no addresses"})
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[TinyUser]:
        async def fetch(position: str | None, size: int | None) -> Page[TinyUser]:
            found = [TinyUser(id=each) for each in self._ids if each.startswith(prefix or "")]
            return page_of(found, position, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports(kinds=("human",))
    async def get(self, id: str, *, kind: UserKind = "human") -> TinyUser:
        if id not in self._ids:
            raise NotFoundError(f"there is no user {id!r}", provider="tiny")
        return TinyUser(id=id)


class TinyGroups(Groups):
    provider: ClassVar[str] = "tiny"
    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {"get": ("it has no groups", "users.get")}


class Tiny(Adapter):
    name: ClassVar[str] = "tiny"
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option("anything: it lives in this process"),
        "users": Option("ids, with commas between them"),
        "password": Option("not needed, but kept secret", secret=True),
    }
    resources: ClassVar[tuple[type[Resource], ...]] = (
        TinyUsers,
        Groups,
        Policies,
        Credentials,
        Sessions,
        Tokens,
    )
    remote: ClassVar[bool] = False

    def __init__(self, *, base_url: str, users: str = "", password: Secret | None = None) -> None:
        super().__init__(base_url=base_url)
        self.ids = tuple(filter(None, users.split(",")))
        self.password = password

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Self:
        users, password = options.get("users", ""), options.get("password")
        if not isinstance(users, str):
            raise ConfigurationError("users must be ids with commas between them", provider="tiny")
        base_url = str(options.get("base_url", "tiny:"))
        return cls(
            base_url=base_url, users=users, password=password if isinstance(password, Secret) else None
        )

    def token_source(self) -> TokenSource | None:
        return None

    async def probe(self) -> Probe:
        return Probe("1", None, self.capabilities)

    @cached_property
    def users(self) -> TinyUsers:
        return TinyUsers(self.sender, self.ids)

    @cached_property
    def groups(self) -> TinyGroups:
        return TinyGroups(self.sender)
