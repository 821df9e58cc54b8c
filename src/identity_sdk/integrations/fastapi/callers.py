"""Who was found behind a credential, for a short time: bounded, and one look per credential at a time."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import anyio

from identity_sdk.auth.sources import Auth, digest
from identity_sdk.concurrency import Clock
from identity_sdk.errors import IdentityError
from identity_sdk.models import User
from identity_sdk.secrets import Secret

__all__ = ["Callers", "Known", "Presented", "expiry_of", "is_jwt"]

Kind: TypeAlias = Literal["bearer", "api_key", "cookie"]


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request showed of its caller."""

    kind: Kind
    secret: Secret

    @property
    def key(self) -> str:
        """A digest: the cache holds no credential as its key."""
        return digest(self.kind, self.secret.reveal())


@dataclass(frozen=True, slots=True)
class Known:
    """Who it is.

    Attributes:
        auth: what a client speaks by on this caller's behalf.
        scopes: patterns of actions that the credential is limited to; empty: not limited.
        expires_at: when the credential ends, in epoch seconds, where that is known.
    """

    user: User
    auth: Auth = field(repr=False)
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None


class _Flight:
    """One look that is under way, and what came of it. Neither: its request was broken off."""

    __slots__ = ("done", "error", "known")

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.known: Known | None = None
        self.error: IdentityError | None = None


class Callers:
    """Remembers at most ``size`` callers for ``ttl`` seconds each, and none beyond the end of its credential.

    The time counts from before the look, so that what was taken away is seen ``ttl`` seconds later at the latest. What
    was refused is not remembered, but those who wait for the same look share its refusal.
    """

    def __init__(self, clock: Clock, *, ttl: float, size: int) -> None:
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._kept: OrderedDict[str, tuple[float, Known]] = OrderedDict()
        self._flights: dict[str, _Flight] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forgets everybody."""
        self._kept.clear()

    async def find(self, key: str, look: Callable[[], Awaitable[Known]]) -> Known:
        """Who shows the credential of this digest; ``look`` finds out.

        Raises:
            IdentityError: what ``look`` raised, for this caller or for one who asked at the same time.
        """
        while True:
            known = self._fresh(key)
            if known is not None:
                return known
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(key, look)
            await flight.done.wait()
            if flight.known is not None:
                return flight.known
            if flight.error is not None:
                raise flight.error.with_traceback(None)

    def _fresh(self, key: str) -> Known | None:
        found = self._kept.get(key)
        if found is None:
            return None
        until, known = found
        ended = known.expires_at is not None and known.expires_at <= self._clock.time()
        if ended or until <= self._clock.monotonic():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return known

    async def _lead(self, key: str, look: Callable[[], Awaitable[Known]]) -> Known:
        flight = self._flights[key] = _Flight()
        until = self._clock.monotonic() + self._ttl
        try:
            known = flight.known = await look()
        except IdentityError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.done.set()
        if self._ttl > 0:
            self._kept[key] = until, known
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return known


def is_jwt(token: Secret) -> bool:
    """Whether it has the form of a signed JWT (RFC 7515 section 3.1)."""
    return token.reveal().count(".") == 2


def expiry_of(token: Secret) -> float | None:
    """``exp`` of a JWT (RFC 7519 section 4.1.4) in epoch seconds, unverified; ``None`` where there is none to read."""
    try:
        payload = token.reveal().split(".")[1]
        claims: object = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    told: object = claims.get("exp") if isinstance(claims, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if isinstance(told, int | float) and not isinstance(told, bool) and math.isfinite(told):
        return float(told)
    return None
