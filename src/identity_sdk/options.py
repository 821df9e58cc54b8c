"""What a client can be told beside its adapter: one frozen value, with the table of defaults."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, TypedDict

from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from identity_sdk.concurrency import Clock
    from identity_sdk.middleware.observe import Event, Telemetry

__all__ = ["CLIENT_OPTIONS", "CallOptions", "ClientOptions", "ClientSettings"]


class CallOptions(TypedDict, total=False):
    """What ``with_options`` takes: it changes how calls are made, never where to or as whom.

    Keys:
        timeout: seconds for one attempt.
        deadline: seconds for a whole verb: attempts, waits, refreshes and composed steps; for a list, per page.
        retries: how many times a failed attempt is repeated at most; 0 switches retries off.
        backoff: the first and the largest back-off, in seconds; the wait is random between 0 and the current one.
        retry_after_cap: the longest ``Retry-After`` that is waited out, in seconds; a longer one raises at once.
        on_event: called after every attempt and every verb with an :class:`~identity_sdk.middleware.observe.Event`.
        telemetry: told of every verb and request, such as :class:`~identity_sdk.integrations.otel.OpenTelemetry`.
    """

    timeout: float
    deadline: float
    retries: int
    backoff: tuple[float, float]
    retry_after_cap: float
    on_event: Callable[[Event], None] | None
    telemetry: Telemetry | None


class ClientSettings(CallOptions, total=False):
    """What ``connect`` takes beside the adapter's own options.

    Keys:
        connect_timeout: seconds for name look-up, connection and TLS handshake.
        max_in_flight: calls at most on the network at once; further ones wait on our side.
        max_response_bytes: a larger answer is a ``ProtocolError``.
        retry_budget: how many retries the client may have in hand; a success earns ``retry_budget_ratio`` of one.
        tls: ``"default"``, ``"system"``, a path of CAs in PEM, or an ``ssl.SSLContext``.
        proxy: a proxy URL; ``None``: from the environment; ``""``: none.
        transport: ``"httpx"``, ``"httpx2"`` or ``"aiohttp"``.
        clock: for tests.
    """

    connect_timeout: float
    max_in_flight: int
    max_response_bytes: int
    retry_budget: float
    retry_budget_ratio: float
    tls: str | ssl.SSLContext
    proxy: str | None
    transport: Literal["httpx", "httpx2", "aiohttp"]
    clock: Clock


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The options of :class:`ClientSettings` with their defaults: the one table of them."""

    timeout: float = 10.0
    deadline: float = 30.0
    retries: int = 2
    backoff: tuple[float, float] = (0.1, 5.0)
    retry_after_cap: float = 30.0
    on_event: Callable[[Event], None] | None = field(default=None, repr=False)
    telemetry: Telemetry | None = field(default=None, repr=False)
    connect_timeout: float = 5.0
    max_in_flight: int = 100
    max_response_bytes: int = 64 * 1024 * 1024
    retry_budget: float = 10.0
    retry_budget_ratio: float = 0.1
    tls: str | ssl.SSLContext = field(default="default", repr=False)
    proxy: str | None = field(default=None, repr=False)
    transport: Literal["httpx", "httpx2", "aiohttp"] = "httpx"
    clock: Clock | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("timeout", "deadline", "connect_timeout"):
            _positive(name, getattr(self, name))
        for name in ("retry_after_cap", "retry_budget", "retry_budget_ratio"):
            _number(name, getattr(self, name), minimum=0)
        for name, least in (("retries", 0), ("max_in_flight", 1), ("max_response_bytes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigurationError(f"{name} must be a whole number of {least} or more, not {value!r}")
        if self.transport not in ("httpx", "httpx2", "aiohttp"):
            raise ConfigurationError(
                f"transport must be 'httpx', 'httpx2' or 'aiohttp', not {self.transport!r}"
            )
        first, largest = self.backoff
        _number("backoff", first, minimum=0)
        _number("backoff", largest, minimum=first)

    @classmethod
    def of(cls, given: Mapping[str, object]) -> ClientOptions:
        """The defaults with ``given`` in their place; its keys are known to be fields."""
        return cls(**given)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """Every option by its name."""
        return {option.name: getattr(self, option.name) for option in fields(self)}


def _number(name: str, value: object, *, minimum: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= minimum:
        raise ConfigurationError(f"{name} must be a number of {minimum:g} or more, not {value!r}")


def _positive(name: str, value: object) -> None:
    _number(name, value, minimum=0)
    if not value or value == float("inf"):
        raise ConfigurationError(f"{name} must be more than 0 seconds and finite, not {value!r}")


CLIENT_OPTIONS: tuple[str, ...] = tuple(option.name for option in fields(ClientOptions))
CALL_OPTIONS: tuple[str, ...] = (
    "timeout",
    "deadline",
    "retries",
    "backoff",
    "retry_after_cap",
    "on_event",
    "telemetry",
)
