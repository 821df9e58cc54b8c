"""What is in a directory at first, and the embedded provider with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio

from identity_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Unpack

    from identity_sdk.adapters.local.adapter import Local
    from identity_sdk.client import IdentityClient
    from identity_sdk.options import ClientSettings
    from identity_sdk.store import Store

__all__ = ["SEED", "Seed", "apart", "dispose", "embedded", "needs_the_extra", "planted"]

T = TypeVar("T")

Seed = Mapping[str, Sequence[Mapping[str, object]]]
"""A directory as in the JSON file of ``idp serve --seed``: lists of ``users``, ``groups``, ``memberships``,
``policies``, ``attachments`` and ``keys``, each of which may be left out."""

SEED: Seed = {
    "users": [
        {"id": "ada", "email": "ada@example.com"},
        {"id": "grace", "email": "grace@example.com"},
        {"id": "linus", "email": "linus@example.com"},
    ],
    "groups": [{"id": "engineers"}, {"id": "owners"}],
    "memberships": [
        {"group": "engineers", "user": "ada"},
        {"group": "engineers", "user": "grace"},
        {"group": "owners", "user": "ada"},
    ],
    "policies": [
        {
            "id": "read-docs",
            "statement": [{"effect": "allow", "action": ["docs:read"], "resource": "docs/*"}],
        },
        {"id": "all-docs", "statement": [{"effect": "allow", "action": ["docs:*"], "resource": "*"}]},
    ],
    "attachments": [
        {"policy": "read-docs", "group": "engineers"},
        {"policy": "all-docs", "group": "owners"},
    ],
}
"""The directory that is used unless another is given: ``ada`` (an engineer and an owner), ``grace`` (an engineer) and
``linus`` (in no group); ``engineers`` may ``docs:read`` on ``docs/*``, ``owners`` may ``docs:*`` on everything."""


def embedded(seed: Seed = SEED, **settings: Unpack[ClientSettings]) -> IdentityClient[Local]:
    """The embedded provider with a directory of its own in memory, as its root principal, who may do everything.

    A client as ``connect("local:")`` gives it: close it by ``async with`` or ``aclose()``. Passwords are hashed weakly
    here, so that tests are quick.

    Args:
        seed: what is there at first.
        settings: see :class:`~identity_sdk.options.ClientSettings`.

    Raises:
        ConfigurationError: the seed is malformed, or an extra is missing.
    """
    with needs_the_extra():
        from identity_sdk.adapters.local.adapter import Local
        from identity_sdk.adapters.local.passwords import Argon2Cost
    from identity_sdk.client import connect

    adapter = Local(password_cost=Argon2Cost.weak_for_tests())
    apart(planted, adapter._core.store, seed)  # pyright: ignore[reportPrivateUsage]
    return connect(adapter, **settings)


async def planted(store: Store, seed: Seed) -> None:
    """Puts a seed into a store."""
    from identity_sdk.emulators.seed import checked, plant

    await store.write(partial(plant, seed=checked(seed), now=store.clock()))


def dispose(client: IdentityClient[Local]) -> None:
    """Ends what :func:`embedded` made, whatever event loop it was used on: that one may live on between tests."""
    apart(client._adapter.aclose)  # pyright: ignore[reportPrivateUsage]


def apart(work: Callable[..., Awaitable[T]], *args: object) -> T:
    """Runs ``work`` to its end on an event loop of its own, whatever loop runs here."""
    with ThreadPoolExecutor(1, "identity_sdk.testing") as pool:
        return pool.submit(anyio.run, work, *args).result()


@contextmanager
def needs_the_extra() -> Generator[None]:
    """Around imports of what ``[testing]`` brings."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("identity_sdk"):
            raise
        raise ConfigurationError(
            f'{missing.name} is missing: python -m pip install "unified-identity-sdk[testing]"'
        ) from None
