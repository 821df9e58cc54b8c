"""Who can do one thing? Streams all users, however many, and asks for each; on asyncio or trio.

    python examples/audit.py --try

Without `--try` it connects to what the environment or a profile says.
"""

from __future__ import annotations

import sys

import anyio

from identity_sdk import Adapter, IdentityClient, Statement, connect

ACTION, RESOURCE = "reports:Read", "reports/salaries"


async def populate(idp: IdentityClient[Adapter]) -> None:
    everything = Statement(effect="allow", actions=("reports:*",), resources=("reports/*",))
    await idp.policies.create("reports", statements=[everything])
    for number in range(25):
        user = await idp.users.create(f"user-{number:02}")
        if number % 10 == 0:
            await idp.policies.attach("reports", user=user.id)


async def main(arguments: list[str]) -> None:
    rehearsal = "--try" in arguments
    async with connect("local:" if rehearsal else None) as idp:
        if rehearsal:
            await populate(idp)
        count = 0
        async with idp.users.list().prefetch() as users:  # the next page is fetched while these are asked for
            async for user in users:
                count += 1
                decision = await idp.policies.check(user.id, ACTION, RESOURCE)
                if decision:
                    print(f"{user.id}: {decision.reason}")
        print(f"{count} users, {idp.stats().requests} requests")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:], backend="trio" if "--trio" in sys.argv else "asyncio")
