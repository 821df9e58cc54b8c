"""A new colleague: a user, groups, a key; safe to run again, on any backend.

    python examples/onboarding.py ada analysts

What to connect to comes from the environment or a profile (`idp config show` tells); with `--try` it is the embedded
provider in memory.
"""

from __future__ import annotations

import sys

import anyio

from identity_sdk import Adapter, AmbiguousOutcomeError, IdentityClient, IdentityError, connect


async def onboard(idp: IdentityClient[Adapter], name: str, groups: list[str]) -> None:
    user = await idp.users.create(name, exist_ok=True)
    for group in groups:
        await idp.groups.create(group, exist_ok=True)
        await idp.groups.add_member(group, user.id)
    key = await idp.credentials.create(user.id)
    print(f"{user.id} is in {', '.join(groups) or 'no group'}, and has the key {key.id}.")
    if key.secret is not None:
        print("The secret, shown once:", key.secret.reveal())


async def main(arguments: list[str]) -> int:
    name, *groups = [word for word in arguments if word != "--try"] or ["ada", "analysts"]
    try:
        async with connect("local:" if "--try" in arguments else None) as idp:
            await onboard(idp, name, groups)
    except AmbiguousOutcomeError as error:
        print(f"Perhaps done, perhaps not: {error}", file=sys.stderr)
        return 1
    except IdentityError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(anyio.run(main, sys.argv[1:]))
