"""Somebody leaves: finds one person in several systems, shows a plan, then removes access everywhere at once.

    python examples/offboard.py --rehearsal                                      # on this machine, extra [server]
    python examples/offboard.py --who grace --who grace@example.com staging production        # shows the plan
    python examples/offboard.py --who grace --who grace@example.com staging production --yes  # does it

`--who` is an id or an e-mail address; whoever has one of those is meant, in each system. Nothing is changed without
`--yes`. It is safe to run again: what is gone already stays gone, and what stopped half-way goes on.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio

from identity_sdk import (
    Adapter,
    Deletion,
    IdentityClient,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    User,
    connect,
)


@dataclass
class System:
    """One backend: who was found there, what they hold, and what became of it."""

    name: str
    users: dict[str, User] = field(default_factory=dict[str, User])
    holds: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    unknown: list[str] = field(default_factory=list[str])
    """What could not be looked up, and why; the person may be there all the same."""
    missed: bool = False
    """Nobody was found, and only an address was given, which the backend cannot look for."""
    failed: str = ""
    """Why this system could not be asked."""
    done: list[str] = field(default_factory=list[str])
    not_done: list[str] = field(default_factory=list[str])

    @property
    def well(self) -> bool:
        return not (self.failed or self.not_done or self.missed)


async def find(system: System, idp: IdentityClient[Adapter], who: Sequence[str]) -> None:
    """Looks for every id and address, and at what is held by whom it finds."""
    for key in who:
        try:
            user = await idp.users.get(key)
            system.users[user.id] = user
        except NotFoundError:
            pass
        except InvalidRequestError as refused:
            if refused.sent:
                raise
            # It cannot be an id here, so nobody has it.
        if "@" in key:
            try:
                for user in await idp.users.list(email=key):
                    system.users[user.id] = user
            except NotSupportedError as reason:
                system.unknown.append(reason.message)
    system.missed = bool(system.unknown) and not system.users and all("@" in key for key in who)
    for id in system.users:
        system.holds[id] = await held(system, idp, id)


async def held(system: System, idp: IdentityClient[Adapter], id: str) -> list[str]:
    """Groups, policies and keys of one user, as far as the backend tells."""

    async def groups() -> list[str]:
        return [f"group {one.id}" for one in await idp.users.groups(id)]

    async def policies() -> list[str]:
        return [f"policy {one.id}" for one in await idp.users.policies(id)]

    async def keys() -> list[str]:
        return [f"{one.kind} {one.id}" for one in await idp.credentials.list(id)]

    found: list[str] = []
    for look in (groups, policies, keys):
        try:
            found += await look()
        except NotSupportedError:
            continue  # there is nothing of that kind
        except NotFoundError:
            continue  # Authress: people have no keys there
        except IdentityError as error:
            system.unknown.append(f"{look.__name__} of {id}: {error}")
    return found


async def remove(system: System, idp: IdentityClient[Adapter]) -> None:
    """Deletes whom `find` found, with everything of theirs that could still sign in."""
    for id in system.users:
        try:
            deletion = await idp.users.delete(id, missing_ok=True)
            system.done += told(idp, id, deletion, datetime.now(UTC))
            await gone(system, idp, id)
        except PartialFailureError as stopped:
            system.not_done.append(f"{id}: {type(stopped).__name__}: {stopped.message}")
            system.not_done += [f"  done: {step}" for step in stopped.done]
            system.not_done += [f"  left: {step}" for step in stopped.left]
        except IdentityError as error:
            again = "; the same command may succeed later" if error.retryable else ""
            system.not_done.append(f"{id}: {type(error).__name__}: {error}{again}")


def told(idp: IdentityClient[Adapter], id: str, deletion: Deletion, at: datetime) -> list[str]:
    """What is dead, and from when on."""
    if not deletion.existed:
        return [f"{id} was gone already"]
    late = idp.capabilities.propagation.credentials
    refused = at + timedelta(seconds=late)
    when = f"by {refused:%H:%M:%S} UTC at the latest ({late:g} s)" if late else f"from {at:%H:%M:%S} UTC on"
    lines = [f"{id} is deleted; what it signed in with is refused {when}"]
    for left in deletion.residual:
        until = "without end" if left.until is None else f"until {left.until:%Y-%m-%d %H:%M:%S} UTC"
        lines.append(f"  stays alive {until}: {left.what}{f' ({left.id})' if left.id else ''}")
    return lines


async def gone(system: System, idp: IdentityClient[Adapter], id: str) -> None:
    try:
        await idp.users.get(id)
    except NotFoundError:
        system.done.append("  looked once more: it is not there")
    else:
        system.done.append("  the server has accepted it, and still shows it: look again later")


Work = Callable[[System, IdentityClient[Adapter]], Awaitable[None]]


async def everywhere(
    systems: Mapping[str, System], targets: Mapping[str, str | Adapter | None], work: Work
) -> None:
    """Does the work in all systems at the same time; one that fails stops no other."""

    async def one(name: str) -> None:
        target = targets[name]
        try:
            async with connect(target) if target is not None else connect() as idp:
                await work(systems[name], idp)
        except IdentityError as error:
            systems[name].failed = f"{type(error).__name__}: {error}"

    async with anyio.create_task_group() as tasks:
        for name, system in systems.items():
            if not system.failed:
                tasks.start_soon(one, name)


def plan(systems: Mapping[str, System]) -> str:
    lines: list[str] = []
    for system in systems.values():
        if system.failed:
            lines.append(f"{system.name}: cannot be asked. {system.failed}")
            continue
        lines.append(f"{system.name}: {'nobody found' if not system.users else ''}".rstrip())
        for id, user in system.users.items():
            address = f" <{user.email}>" if user.email and user.email != id else ""
            lines.append(
                f"  delete {id}{address}, with {', '.join(system.holds.get(id, ())) or 'nothing else'}"
            )
        lines += [f"  not looked up: {reason}" for reason in dict.fromkeys(system.unknown)]
    return "\n".join(lines)


def report(systems: Mapping[str, System]) -> str:
    lines: list[str] = []
    for system in systems.values():
        lines.append(f"{system.name}: {'done' if system.well else 'FAILED'}")
        lines += [f"  {line}" for line in system.done]
        lines += [f"  not done: {line}" for line in system.not_done]
        if system.failed:
            lines.append(f"  not done: {system.failed}")
        elif not system.users:
            lines.append(
                f"  nobody was found{', and nobody can be looked up by address' if system.missed else ''}"
            )
    return "\n".join(lines)


async def offboard(
    targets: Mapping[str, str | Adapter | None], who: Sequence[str], *, yes: bool
) -> tuple[str, bool]:
    """What is said, and whether all went well."""
    systems = {name: System(name) for name in targets}
    await everywhere(systems, targets, lambda system, idp: find(system, idp, who))
    said = f"Plan for {' or '.join(who)}\n{plan(systems)}"
    if not yes:
        return f"{said}\n\nNothing was changed. To do it: the same with --yes.", all(
            system.well for system in systems.values()
        )
    await everywhere({name: one for name, one in systems.items() if one.users}, targets, remove)
    return f"{said}\n\nDone\n{report(systems)}", all(system.well for system in systems.values())


def named(targets: Sequence[str]) -> dict[str, str | Adapter | None]:
    """Targets by what they are called here: a URL by its scheme, since it may hold a password."""
    found: dict[str, str | Adapter | None] = {} if targets else {"default": None}
    for number, target in enumerate(targets, 1):
        name = target if re.fullmatch(r"[\w.-]+", target) else target.partition(":")[0]
        found[name if name not in found else f"{name} {number}"] = target
    return found


def people(id: str, group: str, **more: object) -> dict[str, list[dict[str, object]]]:
    """Grace, who leaves, and ada, who stays, both of one group."""
    return {
        "users": [{"id": id, "email": "grace@example.com"}, {"id": "ada", "email": "ada@example.com"}],
        "groups": [{"id": group}],
        "memberships": [{"group": group, "user": id}, {"group": group, "user": "ada"}],
        **{name: [value] for name, value in more.items() if isinstance(value, dict)},
    }


KEY = {"user": "grace", "access_key_id": "AKIAJGRACEGRACEGRACQ", "secret_access_key": "hers alone"}
READ = {"id": "readers", "statement": [{"effect": "allow", "action": ["fs:ReadObject"], "resource": "*"}]}
SEEDS = {
    "local": people("grace", "analysts", keys=KEY),
    "lakefs": people(
        "grace", "analysts", keys=KEY, policies=READ, attachments={"policy": "readers", "user": "grace"}
    ),
    "auth-service": people("grace", "analysts"),
    "authress": people("idp|grace", "grp_analysts"),
    "argus": people("grace", "analysts"),
    "igtcloud": people("grace@example.com", "analysts"),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Removes one person's access in several systems at once.")
    parser.add_argument("targets", nargs="*", help="what connect() takes; default: what the environment says")
    parser.add_argument("--who", action="append", default=[], metavar="ID", help="an id or e-mail address")
    parser.add_argument("--yes", action="store_true", help="do it, after the plan was shown")
    parser.add_argument("--rehearsal", action="store_true", help="grace leaves six backends on this machine")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="PROVIDER=LINE", help="in a rehearsal"
    )
    parser.add_argument("--trio", action="store_true")
    given = parser.parse_args(arguments)

    async def run(targets: Mapping[str, str | Adapter | None], who: Sequence[str], yes: bool) -> int:
        said, well = await offboard(targets, who, yes=yes)
        print(said)
        return 0 if well else 1

    loop = "trio" if given.trio else "asyncio"
    if not given.rehearsal:
        if not given.who:
            parser.error("--who is missing")
        return anyio.run(run, named(given.targets), given.who, given.yes, backend=loop)
    from rehearsal import rehearsal

    faults: dict[str, list[str]] = {}
    for fault in given.fault:
        provider, _, line = fault.partition("=")
        faults.setdefault(provider, []).append(line)
    who = given.who or ["grace", "grace@example.com"]
    with rehearsal(SEEDS, faults) as targets:
        return anyio.run(run, targets, who, True, backend=loop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
