"""The one program over all six backends: its table, what it leaves behind, and what a failure does to the others."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest

from identity_sdk import connect

pytestmark = pytest.mark.large

ROWS = {
    "local": ("0", "made", "a person, is in", "made, given", "yes, by the server", "all gone"),
    "lakefs": ("1", "made", "a person, is in", "made, given", "yes, by the client", "all gone"),
    "auth-service": ("0", "made", "a person, is in", "— *", "— *", "all gone"),
    "authress": ("0", "made", "a machine, is in", "made, given", "yes, by the server", "all gone"),
    "argus": ("1", "made", "a person, is in", "— gave viewUsers *", "yes, by the server", "all gone"),
    "igtcloud": ("1", "— took staff *", "a person, is in", "— *", "— *", "all gone"),
}
"""A star stands for the number of a note."""

WHY = [
    "auth-service cannot policies.create: the server knows no policies",
    "auth-service cannot policies.check: the server decides nothing",
    "argus cannot policies.create: functions are made by Argus' operators",
    "igtcloud cannot groups.create: the API neither makes nor changes groups",
    "igtcloud cannot policies.create: IGT Cloud has no policies",
    "igtcloud tells the permissions of the caller alone",
]


def read(printed: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The rows of the table, and the notes below it."""
    head, _, below = printed.rstrip("\n").partition("\n\n")
    lines = head.splitlines()
    starts = [0, *(lines[0].index(step) for step in re.split(r" {2,}", lines[0].strip()))]
    ends = [*starts[1:], None]
    cells = [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in lines[1:]]
    rows = {name: tuple(re.sub(r"\(\d+\)", "*", cell) for cell in rest) for name, *rest in cells}
    return rows, [line.partition(") ")[2] for line in below.splitlines()]


def test_the_table(run: Any) -> None:
    done = run("everywhere.py", "--rehearsal")
    assert done.returncode == 0, done.stdout + done.stderr
    rows, notes = read(done.stdout)
    assert rows == ROWS
    assert len(notes) == len(WHY)
    for note, why in zip(notes, WHY, strict=True):
        assert note.startswith(why)
    assert all("Instead: " in note for note in notes)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_nothing_is_left_behind_and_one_failure_stays_one(example: Any, loop: str) -> None:
    everywhere = example("everywhere")
    faults = {
        "lakefs": ["PUT /auth/groups/*/policies/*: 403"],
        "argus": ["DELETE /useradmin/v2/group/*: 403"],
    }

    async def contents(target: Any) -> list[set[str]]:
        async with connect(target) as idp:
            able = idp.capabilities.supports("policies.list")
            lists = [idp.users.list(), idp.groups.list(), *([idp.policies.list()] if able else [])]
            return [{one.id for one in await found} for found in lists]

    async def main(targets: Any) -> tuple[str, bool]:
        before = {name: await contents(target) for name, target in targets.items()}
        told = await everywhere.visit(targets, group="staff", policy="viewUsers")
        for name, target in targets.items():
            left = [new - old for new, old in zip(await contents(target), before[name], strict=True)]
            assert [len(one) for one in left] == [0, 1 if name == "argus" else 0, *[0] * (len(left) - 2)], (
                name
            )
        return told

    with example("rehearsal").rehearsal({"igtcloud": {"groups": [{"id": "staff"}]}}, faults) as targets:
        shown, well = anyio.run(main, targets, backend=loop)
    rows, notes = read(shown)
    assert not well
    assert rows["lakefs"] == (*ROWS["lakefs"][:3], "failed *", "no, by the client", "all gone")
    assert rows["argus"] == (*ROWS["argus"][:5], "failed *")
    for name in ROWS.keys() - {"lakefs", "argus"}:
        assert rows[name] == ROWS[name]
    [left] = [note for note in notes if " is left (" in note]
    assert "; group grp_everywhere_" in left
    assert "PermissionDeniedError" in left


def test_targets_by_name(run: Any, tmp_path: Any) -> None:
    done = run("everywhere.py", f"local:{tmp_path}/identity.db", "local:", "no-such-profile")
    assert done.returncode == 1
    rows, notes = read(done.stdout)
    assert rows["local"] == rows["local 2"] == ROWS["local"]
    assert rows["no-such-profile"][0] == "no connection *"
    assert len(notes) == 1
    assert "no-such-profile" in notes[0]
