"""One program over all backends: a group, a user in it, a policy, a decision; then everything is taken away again.

    python examples/everywhere.py --rehearsal             # six backends on this machine (extra [server])
    python examples/everywhere.py staging local:          # profiles, names or URLs, as `connect()` takes them

Each backend does what it can. Where it cannot, `NotSupportedError` says why and what works instead, and the table
refers to that. `--group ID` and `--policy ID` name what is used where none can be made.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from identity_sdk import Adapter, IdentityClient, IdentityError, NotSupportedError, Statement, connect

STEPS: tuple[str, ...] = (
    "list users",
    "make a group",
    "put a user in it",
    "give it a policy",
    "check",
    "clean up",
)
READ = Statement(effect="allow", actions=("fs:ReadObject",), resources=("*",))


class Tour:
    """One backend, which is one row of the table. What it makes is new, and it takes away nothing else."""

    def __init__(self, idp: IdentityClient[Adapter], *, group: str | None, policy: str | None) -> None:
        self.cells = dict.fromkeys(STEPS, "")
        self.notes: dict[str, str] = {}
        self.failed = False
        self._idp = idp
        self._spare_group, self._spare_policy = group, policy
        self._name = f"grp_everywhere_{secrets.token_hex(3)}"  # a group's id begins with grp_ at Authress
        self._group: str | None = None
        self._user: str | None = None
        self._statement = READ
        self._undo: list[tuple[str, Callable[[], Awaitable[object]]]] = []

    async def run(self) -> None:
        works = (self._list, self._make_group, self._put_in, self._give, self._check)
        try:
            for step, work in zip(STEPS, works, strict=False):
                await self._step(step, work)
        finally:
            with anyio.CancelScope(shield=True):
                await self._step("clean up", self._clean_up)

    async def _step(self, step: str, work: Callable[[], Awaitable[str]]) -> None:
        try:
            self.cells[step] = await work()
        except NotSupportedError as error:
            self.cells[step], self.notes[step] = "—", error.message
        except IdentityError as error:
            self.cells[step], self.notes[step] = "failed", f"{type(error).__name__}: {error}"
            self.failed = True

    async def _list(self) -> str:
        users = await self._idp.users.list(limit=1000)
        return f"{len(users)}{' or more' if len(users) == 1000 else ''}"

    async def _make_group(self) -> str:
        try:
            self._group = (await self._idp.groups.create(self._name)).id
        except NotSupportedError as error:
            if self._spare_group is None:
                raise
            self.notes["make a group"] = error.message
            self._group = (await self._idp.groups.get(self._spare_group)).id
            return f"— took {self._group}"
        group = self._group
        self._undo.append((f"group {group}", lambda: self._idp.groups.delete(group)))
        return "made"

    async def _put_in(self) -> str:
        what, user = await self._make_user()
        self._user = user
        if self._group is None:
            return f"{what} made, no group"
        group = self._group
        await self._idp.groups.add_member(group, user)
        self._undo.append((f"{user} in {group}", lambda: self._idp.groups.remove_member(group, user)))
        inside = {member.id for member in await self._idp.groups.members(group)}
        return f"{what}, {'is in' if user in inside else 'does not show yet'}"

    async def _make_user(self) -> tuple[str, str]:
        """A person, or a machine where people are made elsewhere."""
        users = self._idp.users
        if self._idp.capabilities.supports("users.create", kind="human"):
            id = (await users.create(f"{self._name}_user")).id
            self._undo.append((f"user {id}", lambda: users.delete(id)))
            return "a person", id
        id = (await users.create(name=f"{self._name}_user", kind="service")).id
        self._undo.append((f"service {id}", lambda: users.delete(id, kind="service")))
        return "a machine", id

    async def _give(self) -> str:
        if self._group is None:
            return "no group"
        group, policies, said = self._group, self._idp.policies, "made, given"
        try:
            policy = (await policies.create(f"{self._name}_policy", statements=[READ])).id
            self._undo.append((f"policy {policy}", lambda: policies.delete(policy)))
        except NotSupportedError as error:
            able = self._idp.capabilities.supports("policies.attach")
            if self._spare_policy is None or not able or not self._undo:
                raise
            self.notes["give it a policy"] = error.message
            policy, said = self._spare_policy, f"— gave {self._spare_policy}"
        await policies.attach(policy, group=group)
        self._undo.append((f"{policy} given to {group}", lambda: policies.detach(policy, group=group)))
        given = await self._idp.groups.policies(group)
        self._statement = next(one for held in given if held.id == policy for one in held.statements)
        return said

    async def _check(self) -> str:
        if self._user is None:
            return "no user"
        action, resource = self._statement.actions[0], self._statement.resources[0]
        decision = await self._idp.policies.check(self._user, action, resource)
        return f"{'yes' if decision else 'no'}, by the {decision.decided_by}"

    async def _clean_up(self) -> str:
        """Takes away what was made, the latest first; one failure does not keep the rest."""
        left: list[str] = []
        for what, undo in reversed(self._undo):
            try:
                await undo()
            except IdentityError as error:
                left.append(f"{what} is left ({type(error).__name__}: {error})")
        if left:
            self.failed = True
            self.notes["clean up"] = "; ".join(left)
            return "failed"
        return "all gone"


async def visit(
    targets: Mapping[str, str | Adapter | None], *, group: str | None = None, policy: str | None = None
) -> tuple[str, bool]:
    """The table over all targets, visited at the same time, and whether nothing failed."""
    rows: dict[str, Tour | str] = dict.fromkeys(targets, "")

    async def one(name: str, target: str | Adapter | None) -> None:
        try:
            async with connect(target) if target is not None else connect() as idp:
                tour = Tour(idp, group=group, policy=policy)
                rows[name] = tour
                await tour.run()
        except IdentityError as error:
            rows[name] = str(error)

    async with anyio.create_task_group() as tasks:
        for name, target in targets.items():
            tasks.start_soon(one, name, target)
    return table(rows), all(isinstance(row, Tour) and not row.failed for row in rows.values())


def table(rows: Mapping[str, Tour | str]) -> str:
    notes: dict[str, int] = {}
    lines = [["", *STEPS]]
    for name, row in rows.items():
        if isinstance(row, str):
            lines.append([name, f"no connection ({notes.setdefault(row, len(notes) + 1)})", *[""] * 5])
            continue
        cells = [name]
        for step, cell in row.cells.items():
            note = row.notes.get(step)
            cells.append(cell if note is None else f"{cell} ({notes.setdefault(note, len(notes) + 1)})")
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([*shown, "", *(f"({number}) {note}" for note, number in notes.items())])


def named(targets: Sequence[str]) -> dict[str, str | Adapter | None]:
    """Targets by what they are called here: a URL by its scheme, since it may hold a password."""
    found: dict[str, str | Adapter | None] = {} if targets else {"default": None}
    for number, target in enumerate(targets, 1):
        name = target if re.fullmatch(r"[\w.-]+", target) else target.partition(":")[0]
        found[name if name not in found else f"{name} {number}"] = target
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Does the same on every backend, and says what each cannot.")
    parser.add_argument("targets", nargs="*", help="what connect() takes; default: what the environment says")
    parser.add_argument("--rehearsal", action="store_true", help="six backends on this machine")
    parser.add_argument("--group", metavar="ID", help="a group for backends that make none")
    parser.add_argument("--policy", metavar="ID", help="a policy for backends that make none")
    parser.add_argument("--trio", action="store_true")
    told = parser.parse_args(arguments)
    loop = "trio" if told.trio else "asyncio"

    async def run(targets: Mapping[str, str | Adapter | None], group: str | None, policy: str | None) -> int:
        shown, well = await visit(targets, group=group, policy=policy)
        print(shown)
        return 0 if well else 1

    if not told.rehearsal:
        return anyio.run(run, named(told.targets), told.group, told.policy, backend=loop)
    from rehearsal import rehearsal

    people = {"groups": [{"id": "staff"}]}
    with rehearsal({"igtcloud": people}) as targets:
        return anyio.run(run, targets, told.group or "staff", told.policy or "viewUsers", backend=loop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
