"""For the tests of an application: somebody is signed in, without any credential."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from fastapi import FastAPI

from identity_sdk.adapters.base import Adapter
from identity_sdk.client import IdentityClient
from identity_sdk.integrations.fastapi.provider import IdentityProvider
from identity_sdk.models import User

__all__ = ["signed_in"]

A = TypeVar("A", bound=Adapter)


@contextmanager
def signed_in(
    app: FastAPI, identity: IdentityProvider[A], user: User | str, *, idp: IdentityClient[A] | None = None
) -> Generator[User]:
    """Within the block, ``user`` makes every request of ``app``: by ``app.dependency_overrides``, which it puts back.

    Args:
        user: who; an id will do.
        idp: the client to use instead of the app's own, also on the user's behalf.
    """
    who = user if isinstance(user, User) else User(id=user)
    before = dict(app.dependency_overrides)

    async def current() -> User:
        return who

    app.dependency_overrides[identity.current_user] = current
    if idp is not None:

        async def client() -> IdentityClient[A]:
            return idp

        app.dependency_overrides[identity.client] = client
        app.dependency_overrides[identity.on_behalf] = client
    try:
        yield who
    finally:
        app.dependency_overrides.clear()
        app.dependency_overrides.update(before)
