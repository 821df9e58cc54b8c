"""All six backends on this machine, for trying things out: five emulators on loopback, and the embedded provider.

Used by `everywhere.py` and `offboard.py` with `--rehearsal`. Needs the extra `[server]`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import anyio
from starlette.applications import Starlette

from identity_sdk import (
    AccessKey,
    Adapter,
    ApiKey,
    Argus,
    Authress,
    AuthService,
    Bearer,
    IgtCloud,
    LakeFS,
    Password,
)
from identity_sdk.emulators import argus, auth_service, authress, igtcloud, lakefs
from identity_sdk.emulators.seed import plant
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

__all__ = ["PROVIDERS", "Seed", "rehearsal"]

PROVIDERS = ("local", "lakefs", "auth-service", "authress", "argus", "igtcloud")
Seed = Mapping[str, Sequence[Mapping[str, object]]]
"""What is in a directory at first, as in `idp serve --seed`."""


def lakefs_app(store: Store, faults: Sequence[str]) -> Starlette:
    return lakefs.create_app(store, setup=True, faults=faults)


def lakefs_target(app: Starlette, url: str) -> Adapter:
    admin: lakefs.Admin = app.state.emulator.admin
    key = AccessKey(admin.access_key_id or "", admin.secret_access_key or "")
    return LakeFS(base_url=url + lakefs.BASE_PATH, auth=key)


def auth_service_app(store: Store, faults: Sequence[str]) -> Starlette:
    return auth_service.create_app(store, start_tokens=True, faults=faults)


def auth_service_target(app: Starlette, url: str) -> Adapter:
    token = Bearer(app.state.emulator.greeting["admin_token"])
    return AuthService(base_url=url + auth_service.BASE_PATH, auth=token, default_role="USER")


def authress_app(store: Store, faults: Sequence[str]) -> Starlette:
    return authress.create_app(store, faults=faults)


def authress_target(app: Starlette, url: str) -> Adapter:
    return Authress(base_url=url + authress.BASE_PATH, auth=ApiKey(app.state.emulator.access_key))


def argus_app(store: Store, faults: Sequence[str]) -> Starlette:
    return argus.create_app(store, faults=faults)


def argus_target(app: Starlette, url: str) -> Adapter:
    key = ApiKey(app.state.emulator.api_key)
    return Argus(base_url=url + argus.BASE_PATH, auth=key, customer="mnemonic")


def igtcloud_app(store: Store, faults: Sequence[str]) -> Starlette:
    return igtcloud.create_app(store, faults=faults)


def igtcloud_target(app: Starlette, url: str) -> Adapter:
    admin: igtcloud.Admin = app.state.emulator.admin
    return IgtCloud(
        base_url=url + igtcloud.BASE_PATH,
        auth=Password(admin.username, admin.password),
        organization=igtcloud.ROOT,
        email_domain="example.com",
    )


_SERVERS = {
    "lakefs": (lakefs_app, lakefs_target),
    "auth-service": (auth_service_app, auth_service_target),
    "authress": (authress_app, authress_target),
    "argus": (argus_app, argus_target),
    "igtcloud": (igtcloud_app, igtcloud_target),
}


@contextmanager
def rehearsal(
    seeds: Mapping[str, Seed] | None = None, faults: Mapping[str, Sequence[str]] | None = None
) -> Generator[dict[str, str | Adapter]]:
    """What `connect()` takes for each of the six, by provider, each with a directory of its own.

    Args:
        seeds: what is in each directory at first, by provider.
        faults: what goes wrong in each, by provider, in the lines of `idp serve --fault`.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="identity-rehearsal-"))
        database = Path(folder, "identity.db").as_posix()
        targets: dict[str, str | Adapter] = {"local": f"local:{database}"}
        _fill(Store.open(f"sqlite:///{database}"), stack, (seeds or {}).get("local"))
        for provider, (make, target) in _SERVERS.items():
            store = Store.open("sqlite://")
            app = make(store, (faults or {}).get(provider, ()))
            stack.callback(anyio.run, store.aclose)
            anyio.run(app.state.emulator.prepare)
            _fill(store, None, (seeds or {}).get(provider))
            url = stack.enter_context(running(app))
            targets[provider] = target(app, url)
        yield targets


def _fill(store: Store, closing: ExitStack | None, seed: Seed | None) -> None:
    async def fill() -> None:
        if seed:
            await store.write(partial(plant, seed=seed, now=store.clock()))
        if closing is not None:
            await store.aclose()

    anyio.run(fill)
