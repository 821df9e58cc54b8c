"""Who may do one thing, in several systems at once.

    python examples/access_review.py --try
    python examples/access_review.py ACTION RESOURCE SYSTEM...

A SYSTEM is a profile, an adapter's name or a URL, as `connect()` takes it. A system that cannot be asked is reported,
and the others are asked all the same; then the exit code is 1.
"""

from __future__ import annotations

import sys

import anyio

from identity_sdk import Adapter, IdentityClient, IdentityError, Statement, connect

Findings = dict[str, dict[str, str] | IdentityError]


async def who_may(idp: IdentityClient[Adapter], action: str, resource: str) -> dict[str, str]:
    """User ids, and why they may."""
    found: dict[str, str] = {}
    async with idp.users.list().prefetch() as users:  # the next page comes while these are asked about
        async for user in users:
            decision = await idp.policies.check(user.id, action, resource)
            if decision:
                found[user.id] = decision.reason
    return found


async def review(systems: list[str], action: str, resource: str) -> Findings:
    """Asks all systems at the same time."""
    findings: Findings = {}

    async def ask(system: str) -> None:
        try:
            async with connect(system) as idp:
                findings[system] = await who_may(idp, action, resource)
        except IdentityError as error:
            findings[system] = error

    async with anyio.create_task_group() as group:
        for system in systems:
            group.start_soon(ask, system)
    return findings


async def rehearse() -> Findings:
    """Without any system: the embedded provider in memory, with a right that somebody has forgotten."""
    async with connect("local:") as idp:
        for name in ("ada", "ben", "cleo"):
            await idp.users.create(name)
        await idp.groups.create("payroll")
        await idp.groups.add_member("payroll", "ada")
        reading = Statement(effect="allow", actions=("docs:Read",), resources=("docs/salaries/*",))
        await idp.policies.create("salaries", statements=[reading])
        await idp.policies.attach("salaries", group="payroll")
        await idp.policies.attach("salaries", user="ben")
        return {"local:": await who_may(idp, "docs:Read", "docs/salaries/2026")}


def report(findings: Findings) -> int:
    for system, found in sorted(findings.items()):
        if isinstance(found, IdentityError):
            print(f"{system} could not be asked: {found}", file=sys.stderr)
        elif not found:
            print(f"{system} nobody")
        else:
            print(*(f"{system} {user}: {why}" for user, why in sorted(found.items())), sep="\n")
    return 1 if any(isinstance(found, IdentityError) for found in findings.values()) else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--try"]:
        sys.exit(report(anyio.run(rehearse)))
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(report(anyio.run(review, sys.argv[3:], sys.argv[1], sys.argv[2])))
