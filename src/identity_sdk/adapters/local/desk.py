"""Where every verb of this provider goes through: one transaction that knows the caller, on one shared store."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar, runtime_checkable

from anyio import Lock, get_cancelled_exc_class, to_thread
from sqlalchemy import Connection

from identity_sdk.adapters.local import signing
from identity_sdk.adapters.local.access import Tx
from identity_sdk.adapters.local.keys import new_id
from identity_sdk.adapters.local.passwords import Passwords
from identity_sdk.adapters.local.principal import NOBODY, ROOT, ROOT_ID, Embedded, Proof, authenticate
from identity_sdk.auth.sources import AccessKey, Auth, Bearer, BearerSource, bearer_of
from identity_sdk.concurrency import current_loop
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    IdentityError,
    ServerError,
)
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret
from identity_sdk.store import DuplicateRow, Store, StoreError, StoreUnavailable
from identity_sdk.store.queries import UserRow, get_meta, set_meta, users
from identity_sdk.wire.call import Call, Dialect, OperationSpec, Retry, Sender
from identity_sdk.wire.request import Request

__all__ = ["Caller", "Core", "Desk"]

T = TypeVar("T")


class Core:
    """The store of one ``Local``, with all that its copies share. Nothing is opened before the first call."""

    def __init__(self, url: Secret, file: str | None, passwords: Passwords) -> None:
        """Args:
            url: the database URL for the store.
            file: the path of the SQLite file, if it is one.
            passwords: how passwords are hashed.

        Raises:
            ConfigurationError: the URL is malformed, or the driver is not installed.
        """
        self.passwords = passwords
        self.store = _open(url)
        self._file = file
        self._ready = False

    async def read(self, work: Callable[[Connection], T], now: float) -> T:
        """Run ``work`` in a reading transaction.

        Raises:
            ServerError: the database cannot be reached.
        """
        await self._prepare(now)
        return await self._transact(self.store.read, work)

    async def write(self, work: Callable[[Connection], T], now: float, scope: object = None) -> T:
        """Run ``work`` in a writing transaction; an exception undoes all of it.

        Args:
            work: what to do with the connection.
            now: epoch seconds UTC.
            scope: that of the verb; it is told when the deadline comes too late to undo anything.

        Raises:
            ServerError: the database cannot be reached, or was locked for 30 s; nothing was done.
            AmbiguousOutcomeError: the connection broke in the moment of the commit.
        """
        await self._prepare(now)
        return await self._transact(self.store.write, work, scope)

    async def aclose(self) -> None:
        await self.store.aclose()

    async def _prepare(self, now: float) -> None:
        if self._ready:
            return
        if self._file is not None:
            await to_thread.run_sync(_make_private, self._file)
        await self._transact(self.store.write, lambda conn: _found(conn, now))
        self._ready = True

    @staticmethod
    async def _transact(
        transact: Callable[[Callable[[Connection], T]], Awaitable[T]],
        work: Callable[[Connection], T],
        scope: object = None,
    ) -> T:
        worked = False

        def run(conn: Connection) -> T:
            nonlocal worked
            result = work(conn)
            worked = True
            return result

        failure: IdentityError
        try:
            return await transact(run)
        except StoreUnavailable as error:
            failure = _broken_commit(error) if worked else ServerError(str(error), provider="local")
        except StoreError as error:
            failure = ServerError(str(error), provider="local", retryable=False)
        except get_cancelled_exc_class():
            # The store has waited for the transaction's end. If this is the deadline, "safe to repeat" would be wrong.
            if worked and isinstance(scope, _Scope):
                scope.unresolved = _TRANSACTION
            raise
        raise failure  # outside the handler: the store's frames hold rows


@runtime_checkable
class _Scope(Protocol):
    """The scope of a verb, as far as it concerns a store: what is named here when the deadline ends it is in doubt."""

    unresolved: Call | None


_LOOK = "Read the object: it was changed as a whole, or not at all."
_TRANSACTION = Call(
    OperationSpec("the transaction", "", "", frozenset(), Retry.ONCE, how_to_find_out=_LOOK),
    Dialect(),
    Request("", ""),
)


def _open(url: Secret) -> Store:
    try:
        return Store.open(url.reveal())
    except ConfigurationError as error:
        problem = error.message
    raise ConfigurationError(
        problem, provider="local"
    )  # outside the handler: the store's frames hold the URL


def _broken_commit(error: StoreUnavailable) -> AmbiguousOutcomeError:
    return AmbiguousOutcomeError(
        f"the transaction was ended, and its answer did not come: {error}",
        how_to_find_out=_LOOK,
        provider="local",
    )


def _make_private(path: str) -> None:
    """Make the file so that only its owner can read it: password hashes and signing keys are in it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    except OSError as error:
        problem = error.strerror or "it is no file"
    else:
        return
    raise ConfigurationError(f"{path} cannot be opened: {problem}", provider="local")


def _found(conn: Connection, now: float) -> None:
    """What every store of this provider has: a root principal and a name as an issuer."""
    if get_meta(conn, ROOT_ID) is not None:
        return
    attributes = {"uid": new_id("U"), "kind": "service"}
    number = 1
    while True:  # an emulator on this store may have a user of that name, who is not to become root
        id = "root" if number == 1 else f"root-{number}"
        try:
            users.insert(conn, UserRow(id=id, created_at=now, name="Root principal", attributes=attributes))
            break
        except DuplicateRow:
            number += 1
    set_meta(conn, ROOT_ID, id)
    set_meta(conn, signing.ISSUER, f"urn:identity-sdk:local:{new_id('')}")


class Caller:
    """The credential that one client copy speaks by."""

    def __init__(self, auth: Auth | None, *, embedded: Embedded = NOBODY) -> None:
        """Raises:
        ConfigurationError: it is no credential, or a session or token without its value.
        """
        if isinstance(auth, Session | Token):
            auth = bearer_of(auth)
        self._source: BearerSource | None = None
        self._loop: object | None = None
        self._proof: Proof | None
        if auth is None:
            self._proof = embedded
        elif isinstance(auth, AccessKey):
            self._proof = auth
        elif isinstance(auth, Bearer):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
            self._proof = auth.token if isinstance(auth.token, Secret) else None
            self._source = None if isinstance(auth.token, Secret) else BearerSource(auth)
        else:
            raise ConfigurationError(
                f"local signs in by AccessKey, Bearer, Session or Token, not by {type(auth).__name__}"
            )

    @property
    def shown(self) -> str:
        """For ``repr``."""
        proof = self._proof
        return proof.name if isinstance(proof, Embedded) else type(proof).__name__ if proof else "Bearer"

    async def proof(self, sender: Sender) -> Proof:
        """What to show; a function that gets a bearer token is asked the first time, and after a rejection.

        However many wait for it, it is asked once.
        """
        if self._proof is not None:
            return self._proof
        assert self._source is not None
        loop = current_loop()
        if self._loop is not loop:  # a lock belongs to one event loop
            self._loop, self._lock = loop, Lock()
        async with self._lock:
            if self._proof is None:
                self._proof = (await self._source.fetch(sender, None)).value
            return self._proof

    def reject(self, proof: Proof) -> bool:
        """Forget what was refused, unless it was replaced meanwhile; tell whether there is another to try."""
        if self._source is None:
            return False
        if self._proof is proof:
            self._proof = None
        return True


class Desk:
    """What a resource asks: transactions that know the caller."""

    def __init__(self, core: Core, caller: Caller, sender: Sender, time: Callable[[], float] | None) -> None:
        self.core = core
        self.caller = caller
        self._sender = sender
        self._time = time

    def now(self) -> float:
        """Epoch seconds UTC."""
        return self._sender.now() if self._time is None else self._time()

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` for the caller in a reading transaction.

        Raises:
            AuthenticationError: the caller's credential is not accepted.
        """
        return await self._as_caller(self.core.read, work)  # a read that was cut off is safe to repeat

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` for the caller in a writing transaction; an exception undoes all of it.

        Raises:
            AuthenticationError: the caller's credential is not accepted.
        """
        async with self._sender.verb("transaction") as scope:  # the scope of the verb that is open already
            return await self._as_caller(partial(self.core.write, scope=scope), work)

    async def public_read(self, work: Callable[[Connection, float], T]) -> T:
        """Run ``work`` for anybody in a reading transaction."""
        now = self.now()
        return await self.core.read(lambda conn: work(conn, now), now)

    async def public_write(self, work: Callable[[Connection, float], T]) -> T:
        """Run ``work`` for anybody in a writing transaction."""
        now = self.now()
        async with self._sender.verb("transaction") as scope:
            return await self.core.write(lambda conn: work(conn, now), now, scope)

    async def _as_caller(self, transact: _Transact, work: Callable[[Tx], T]) -> T:
        refused: AuthenticationError | None = None
        while True:
            proof = await self.caller.proof(self._sender)
            now = self.now()
            known = False

            def run(conn: Connection, proof: Proof = proof, now: float = now) -> T:
                nonlocal known
                known = False
                who = authenticate(conn, proof, now)
                known = True
                return work(Tx(conn, who, now))

            try:
                return await transact(run, now)
            except AuthenticationError as error:
                if known or refused is not None or not self.caller.reject(proof):
                    raise
                refused = error


class _Transact(Protocol):
    async def __call__(self, work: Callable[[Connection], T], now: float, /) -> T: ...


def root_caller() -> Caller:
    """The program itself."""
    return Caller(None, embedded=ROOT)
