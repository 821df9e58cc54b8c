"""What the suite wants of a target: one adapter over one face of its backend.

To add one: a :class:`Target` with its :class:`World` in a file of its own, its name in ``targets/__init__.py``, its
column in ``expected.toml``, and where it refuses otherwise than the rest a section in ``refusals.toml``.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from contract.clock import ManualClock
from contract.expected import Column, expected
from identity_sdk.adapters.base import Adapter
from identity_sdk.client import IdentityClient
from identity_sdk.errors import AuthenticationError
from identity_sdk.models import Statement

__all__ = ["STATES", "Cut", "Cutter", "Rules", "Services", "Target", "World"]

STATES = ("anonymous", "expired", "revoked", "powerless")

_numbers = itertools.count(1)


class Cut(Enum):
    """How a request comes to grief. ``*_FIRST``: nothing was done; the others: it was done, the answer is lost."""

    FAIL = "500"
    DROP = "drop"
    CANCEL = "cancel"
    FAIL_FIRST = "500 before the work"
    DROP_FIRST = "drop before the work"


class Cutter(ABC):
    """Cuts the work of a verb after (or at) one of its requests."""

    @abstractmethod
    def arm(self, number: int, how: Cut) -> None:
        """The ``number``-th request from now on (counted from 1) comes to grief."""

    @abstractmethod
    def disarm(self) -> bool:
        """All is well again; tells whether the cut was made."""

    @property
    @abstractmethod
    def reached(self) -> bool:
        """With ``Cut.CANCEL``: whether the moment has come to cancel the caller."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What this backend calls a good id, a right, a page.

    Attributes:
        awkward: ids that it allows, though they are awkward.
        refused: ids that break its rule.
        statement: an allow statement that it accepts, and with ``action`` and ``resource`` what that allows.
        mistaken: ids that it takes and then mistakes for another, each with that other one.
        unknown_key: a well-formed id of no access key.
        callback_method: what ``sessions.create`` takes ``code=`` and ``state=`` of an OAuth callback with.
        scope: what a session can be constrained to, with a call that this allows and one that it does not; both take a
            client and a user.
        page: the most items on a page.
        key_kind: what ``credentials.create`` makes unless told.
        lifetimes: two lives of an API key that it can give, the shorter one first, in seconds.
        renews_expired: whether a key can be renewed after its end.
        some_cursor: a cursor of the list of users, though perhaps one after its end.
        dated: whether users and groups have a date.
        any_principal: whether an id that nobody has may be a member, hold a policy and be asked about.
        ids_return: whether the id of a deleted policy can be given to another.
        keys: the most credentials that one owner may have.
        paged: whether the server has pages at all.
        erasable: whether a user can be without an address.
        roles: two roles that a member of a group can have.
    """

    awkward: Sequence[str]
    refused: Sequence[str]
    statements: Sequence[Statement]
    other_statements: Sequence[Statement]
    denial: Statement | None
    allowed: tuple[str, str]
    not_allowed: tuple[str, str]
    page: int
    mistaken: Sequence[tuple[str, str]] = ()
    unknown_key: str = "AKIAJNOSUCHKEYNOSUCQ"
    callback_method: str = ""
    scope: Any = None
    key_kind: str = "access_key"
    lifetimes: tuple[float, float] = (600.0, 1000.0)
    renews_expired: bool = False
    some_cursor: str = "~"
    dated: bool = True
    any_principal: bool = False
    ids_return: bool = True
    keys: int | None = None
    erasable: bool = True
    paged: bool = True
    roles: tuple[str, str] = ("reader", "owner")


class World(ABC):
    """One directory, as one test sees it; ``idp`` speaks as its administrator."""

    clock: ManualClock

    def __init__(self, target: Target, idp: IdentityClient[Any]) -> None:
        self.target = target
        self.rules = target.rules
        self.rotates = target.rotates
        self.idp = idp
        self.column: Column = expected(target.column)
        self._token = f"{next(_numbers):x}"

    def name(self, stem: str = "user") -> str:
        """An id that nobody else has: the directory may be shared with others."""
        return f"{stem}-{self._token}-{next(_numbers):x}"

    def can(self, verb: str, *options: str) -> bool:
        """Whether the column lists this verb with these options."""
        return verb in self.column and self.column[verb].issuperset(options)

    async def user(self, stem: str = "user") -> str:
        """A new user's id."""
        return str((await self.idp.users.create(self.name(stem))).id)

    async def group(self, stem: str = "group") -> str:
        """A new group's id."""
        return str((await self.idp.groups.create(self.name(stem))).id)

    async def policy(self, stem: str = "policy", statements: Sequence[Statement] | None = None) -> str:
        """A new policy's id."""
        told = self.rules.statements if statements is None else statements
        return str((await self.idp.policies.create(self.name(stem), statements=told)).id)

    async def key_user(self) -> str:
        """Somebody who can own a credential: a new user, or where none can be made the administrator."""
        return await self.user() if self.can("users.create") else str((await self.idp.users.me()).id)

    async def credential(self, owner: str) -> Any:
        """Something that ``owner`` can sign in by; :meth:`sign_in` takes it."""
        return await self.idp.credentials.create(owner)

    async def machine(self) -> Any:
        """A new machine identity."""
        return await self.idp.users.create(self.name("robot"), kind="service")

    async def alive(self, credential: Any) -> bool:
        """Whether somebody can sign in by a credential as ``credentials.create`` answered it."""
        client = await self.sign_in(credential)
        try:
            await client.users.me()
        except AuthenticationError:
            return False
        return True

    def key_sign_in(self, credential: Any) -> tuple[str, dict[str, Any]]:
        """The method of ``sessions.create`` for what ``credentials.create`` answered, and its arguments."""
        return self.rules.key_kind, {"identifier": credential.id, "secret": credential.secret}

    def calls(self) -> Mapping[str, Any]:
        """Good calls that differ here from those of ``calls.py``."""
        return {}

    def awkward(self) -> list[str]:
        """Ids that the backend allows, though they are awkward."""
        return list(self.rules.awkward)

    async def settle(self) -> None:
        """Until what was changed is seen everywhere (``propagation.credentials``)."""
        self.clock.advance(self.idp.capabilities.propagation.credentials + 1)

    @abstractmethod
    async def client(self, state: str) -> IdentityClient[Any]:
        """A client whose credential is in one of ``STATES``."""

    @abstractmethod
    async def sign_in(self, credential: Any) -> IdentityClient[Any]:
        """A client that speaks by a credential as ``credentials.create`` answered it."""

    @abstractmethod
    async def grant_all(self, user: str) -> None:
        """Gives a user every right."""

    @abstractmethod
    async def seed(self, what: str, stem: str, count: int, owner: str | None) -> list[str]:
        """Puts many objects into the store itself, past the API, and answers their ids (see ``seeding.py``)."""

    def reset_token(self, address: str) -> Any:
        """The password reset token that the backend has sent to this address, ``None`` if none."""
        raise NotImplementedError

    def code(self, secret: Any) -> str:
        """The TOTP code of now (RFC 6238)."""
        import pyotp

        return pyotp.TOTP(secret.reveal()).at(int(self.clock.time()))

    def password_name(self, user: str, address: str) -> str:
        """What this user signs in as, with a password."""
        return user

    async def user_with_address(self, address: str) -> str:
        """A new user whose e-mail address that is; answers its id."""
        return str((await self.idp.users.create(self.name("mail"), email=address)).id)

    async def left_behind(self, user: str) -> Any:
        """A living key of a user who is gone, as some careless client leaves it."""
        raise NotImplementedError

    @abstractmethod
    def requests(self) -> int:
        """How much I/O was done so far: requests, or transactions."""

    @property
    @abstractmethod
    def cutter(self) -> Cutter: ...


class Services(Protocol):
    """What lives as long as the session, made when it is first wanted."""

    folder: Path

    def server(self) -> Any:
        """A socket (``contract.server.Server``) behind which each test puts its own app."""

    def witness(self, backend: str, face: str, base_path: str, name: str) -> Any:
        """The witness (``contract.witness.Witness``) of one face; ``name`` is its OpenAPI file in ``tests/witness``."""


@dataclass(frozen=True, kw_only=True)
class Target(ABC):
    """One adapter over one face.

    Attributes:
        name: shown in the ids of the tests.
        column: its column in ``expected.toml``.
        lacks: states (see ``STATES``) that no credential can be in here, with the reason.
        missing: why it cannot run here, or empty.
        rotates: whether ``tokens.refresh`` takes a refresh token, which works once.
        thorough: whether the long lists are worth their time here: once per store and dialect.
        real: whether it is somebody's own server: what is made there is deleted again, what cannot be shown is skipped.
        given_tokens_renew: whether a client of an issued token gets the next one by itself.
        narrowed: whether ``ping()`` takes cells away that the adapter itself declares.
    """

    name: str
    column: str
    rules: Rules
    lacks: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    rotates: bool = False
    thorough: bool = False
    narrowed: bool = False
    given_tokens_renew: bool = False
    real: bool = False

    @property
    @abstractmethod
    def adapter(self) -> type[Adapter]: ...

    @abstractmethod
    def open(self, services: Services) -> AbstractAsyncContextManager[World]:
        """An empty directory and a client of its administrator."""
