"""``idp quickstart``: the main job, done for real on the embedded provider in memory, told in plain words."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from identity_sdk.errors import AuthenticationError, IdentityError, PermissionDeniedError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from identity_sdk.adapters.local.adapter import Local
    from identity_sdk.client import IdentityClient

__all__ = ["add", "run"]


def add(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Does the steps, and says what each did.

    Raises:
        ConfigurationError: the extra of the embedded provider is not installed.
        ProtocolError: a step did not do what it says.
    """
    from functools import partial

    import anyio

    from identity_sdk.adapters.registry import adapter_class
    from identity_sdk.client import connect

    adapter_class("local")  # says which extra to install, if it is missing
    from identity_sdk.adapters.local.adapter import Local

    # Not connect("local:"): settings for a real backend in the environment are not for this one.
    anyio.run(partial(_steps, connect(Local())))
    return 0


async def _steps(idp: IdentityClient[Local]) -> None:
    async with idp:
        _say(
            1,
            'connect("local:")',
            "Opened the embedded provider in memory. No server, no file, speaking as root.",
        )
        await _directory(idp)
        await _signed_in(idp)


async def _directory(idp: IdentityClient[Local]) -> None:
    """Users, a group, a policy: what an administrator sets up."""
    from identity_sdk.models import Statement

    for user in ("ada", "ben"):
        await idp.users.create(user, email=f"{user}@example.com")
    _say(2, "users.create", "Made two users: ada and ben.")

    await idp.groups.create("analysts")
    await idp.groups.add_member("analysts", "ada")
    members = [member.id async for member in idp.groups.members("analysts")]
    _say(3, "groups.create", f"Made the group analysts and put into it: {', '.join(members)}.")

    await idp.policies.create(
        "reports",
        statements=[
            Statement(effect="allow", actions=("reports:*",), resources=("reports/*",)),
            Statement(effect="deny", actions=("reports:Read",), resources=("reports/salaries",)),
        ],
    )
    await idp.policies.attach("reports", group="analysts")
    _say(
        4, "policies.attach", "Gave that group a policy: everything on reports, but never read the salaries."
    )

    users = await idp.users.list()
    _say(5, "users.list", f"Listed the users: {', '.join(user.id for user in users)}.")


async def _signed_in(idp: IdentityClient[Local]) -> None:
    """A key, what its owner may do, and its end."""
    from identity_sdk.auth.sources import AccessKey

    key = await idp.credentials.create("ada")
    if key.secret is None:
        raise ProtocolError("the new key came without its secret")
    _say(
        6,
        "credentials.create",
        f"Made ada the access key {key.id}. Its secret comes only once.",
    )

    ada = idp.with_credential(AccessKey(key.id, key.secret))
    me = await ada.users.me()
    groups = await ada.users.groups(me.id)
    _say(
        7,
        "users.me",
        f"Signed in by that key: this is {me.id}, of the group {', '.join(each.id for each in groups)}.",
    )

    for number, resource, expected in ((8, "reports/2026", True), (9, "reports/salaries", False)):
        decision = await ada.policies.check("ada", "reports:Read", resource)
        if decision.allowed is not expected:
            raise ProtocolError(f"ada may {'not ' if expected else ''}read {resource}, against her policy")
        answer = "yes" if decision else "no"
        _say(number, "policies.check", f"May ada read {resource}? {answer.capitalize()}: {decision.reason}.")

    await _refused(ada.users.delete("ben"), PermissionDeniedError)
    _say(
        10,
        "users.delete",
        "Tried to delete ben as ada: refused, a PermissionDeniedError. Nothing was changed.",
    )

    await idp.users.delete("ada")
    await _refused(ada.users.me(), AuthenticationError)
    _say(
        11, "users.delete", "Deleted ada as root, her key with her: its next use was an AuthenticationError."
    )


async def _refused(work: Awaitable[object], error: type[IdentityError]) -> None:
    try:
        await work
    except error:
        return
    raise ProtocolError(f"this should have ended in {error.__name__}")


def _say(number: int, verb: str, told: str) -> None:
    print(f"{number:>2}. {verb:<20} {told}")
