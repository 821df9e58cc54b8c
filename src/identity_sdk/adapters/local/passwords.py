"""Passwords: argon2id, as many hashes at a time as there are CPUs, and the same work for users that do not exist."""

from __future__ import annotations

import base64
import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio
from anyio import to_thread
from anyio.lowlevel import RunVar
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from identity_sdk.secrets import Secret

__all__ = ["Argon2Cost", "Passwords"]

_slots: RunVar[anyio.CapacityLimiter] = RunVar("identity_sdk.adapters.local.passwords")


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash costs. The defaults are those of argon2-cffi (RFC 9106's low-memory choice, about 0.1 s).

    Attributes:
        time_cost: rounds.
        memory_cost: KiB.
        parallelism: lanes.
    """

    time_cost: int = 3
    memory_cost: int = 65536
    parallelism: int = 4

    @classmethod
    def weak_for_tests(cls) -> Argon2Cost:
        """Next to nothing. Never for passwords of real people."""
        return cls(time_cost=1, memory_cost=8, parallelism=1)


class Passwords:
    """Hashing and checking at one cost."""

    def __init__(self, cost: Argon2Cost) -> None:
        self._hasher = PasswordHasher(cost.time_cost, cost.memory_cost, cost.parallelism)
        # Well-formed, and the hash of no password: to check against it takes the same work as against a real one.
        salt, digest = (base64.b64encode(os.urandom(size)).decode("ascii").rstrip("=") for size in (16, 32))
        lanes = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
        self._dummy = Secret(f"$argon2id$v=19${lanes}${salt}${digest}")

    async def hash(self, password: Secret) -> Secret:
        """The hash in PHC string format, made in a worker thread."""
        async with self.slot():
            return await to_thread.run_sync(self._hash, password)

    def _hash(self, password: Secret) -> Secret:
        return Secret(self._hasher.hash(password.reveal()))

    def slot(self) -> AbstractAsyncContextManager[object]:
        """One of as many places as there are CPUs. What is decided inside is at most that many attempts old."""
        try:
            limiter = _slots.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(os.cpu_count() or 1)
            _slots.set(limiter)
        return limiter

    async def verify(self, password_hash: Secret | None, password: Secret) -> bool:
        """Whether the password belongs to the hash; with no hash the same work is done for a no.

        Hold a :meth:`slot` meanwhile.
        """
        right = await to_thread.run_sync(self._check, password_hash or self._dummy, password)
        return right and password_hash is not None

    def _check(self, password_hash: Secret, password: Secret) -> bool:
        try:
            return self._hasher.verify(password_hash.reveal(), password.reveal())
        except (VerificationError, InvalidHashError):
            return False
