"""Somebody leaves six systems: the plan, what is dead from when on, and what a failing system does to the others."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest

from identity_sdk import NotFoundError, connect

pytestmark = pytest.mark.large

IDS = {
    "local": "grace",
    "lakefs": "grace",
    "auth-service": "grace",
    "authress": "idp|grace",
    "argus": "grace",
    "igtcloud": "grace@example.com",
}
HOLDS = {
    "local": "group analysts, access_key AKIAJGRACEGRACEGRACQ",
    "lakefs": "group analysts, policy readers, access_key AKIAJGRACEGRACEGRACQ",
    "auth-service": "group analysts",
    "authress": "group grp_analysts",
    "argus": "group analysts",
    "igtcloud": "group analysts",
}
LATE = {"lakefs": "(23 s)", "auth-service": "(600 s)", "authress": "(300 s)"}
ALIVE = {
    "lakefs": ["login tokens that are out"],
    "auth-service": ["its access tokens", "its refresh tokens"],
    "authress": ["tokens that are out"],
    "igtcloud": ["JWTs that are out"],
}


def sections(printed: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Plan and report, each by system."""
    plan, _, report = printed.partition("\n\nDone\n")
    parts: list[dict[str, list[str]]] = []
    for text in (plan.partition("\n")[2], report):
        found: dict[str, list[str]] = {}
        for line in text.rstrip("\n").splitlines():
            if head := re.fullmatch(r"([\w+-]+(?: \d)?):(.*)", line):
                lines = found[head[1]] = [head[2].strip()]
            else:
                lines.append(line.strip())
        parts.append(found)
    return parts[0], parts[1]


def check_done(provider: str, lines: list[str]) -> None:
    assert lines[0] == "done"
    assert lines[1].startswith(f"{IDS[provider]} is deleted; what it signed in with is refused ")
    assert lines[1].endswith(LATE.get(provider, "UTC on"))
    alive = [line for line in lines if line.startswith("stays alive ")]
    assert len(alive) == len(ALIVE.get(provider, ()))
    for line, what in zip(alive, ALIVE.get(provider, ()), strict=True):
        assert re.match(r"stays alive (until 20\d\d-\d\d-\d\d [\d:]{8} UTC|without end): " + what, line)
    assert lines[-1] == "looked once more: it is not there"


def test_grace_leaves(run: Any) -> None:
    done = run("offboard.py", "--rehearsal")
    assert done.returncode == 0, done.stdout + done.stderr
    plan, report = sections(done.stdout)
    assert list(plan) == list(report) == list(IDS)
    for provider, id in IDS.items():
        assert re.fullmatch(rf"delete {re.escape(id)}( <\S+>)?, with (.*)", plan[provider][1])
        assert plan[provider][1].endswith(f", with {HOLDS[provider]}")
        check_done(provider, report[provider])
    assert any(
        line.startswith("not looked up: auth-service cannot take email=") for line in plan["auth-service"]
    )


def test_one_system_fails(run: Any) -> None:
    """One half-way, one at once: both are told, and the four others are done."""
    faults = ("--fault", "lakefs=DELETE /auth/users/grace: 503", "--fault", "argus=GET /*: 403")
    done = run("offboard.py", "--rehearsal", "--trio", *faults)
    assert done.returncode == 1, done.stdout + done.stderr
    plan, report = sections(done.stdout)
    assert plan["argus"][0].startswith("cannot be asked. PermissionDeniedError: ")
    assert report["argus"][:1] == ["FAILED"]
    assert report["argus"][1].startswith("not done: PermissionDeniedError: ")
    assert report["lakefs"][0] == "FAILED"
    assert report["lakefs"][1].startswith("not done: grace: PartialFailureError: ")
    assert "not done:   done: deleted access key AKIAJGRACEGRACEGRACQ" in report["lakefs"]
    assert "not done:   left: delete user grace" in report["lakefs"]
    for provider in IDS.keys() - {"lakefs", "argus"}:
        check_done(provider, report[provider])


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_only_a_plan_then_half_then_all(example: Any, loop: str) -> None:
    """Without yes nothing changes; a half-way failure goes on where it stopped; whoever else is there stays."""
    offboard, rehearsal = example("offboard"), example("rehearsal")
    who = ["grace", "grace@example.com"]
    faults = {"lakefs": ["DELETE /auth/users/grace: 503, times=3"]}

    async def there(target: Any, id: str) -> bool:
        async with connect(target) as idp:
            try:
                return (await idp.users.get(id)).id == id
            except NotFoundError:
                return False

    async def main(targets: Any) -> None:
        async def alive() -> dict[str, bool]:
            return {name: await there(target, IDS[name]) for name, target in targets.items()}

        said, well = await offboard.offboard(targets, who, yes=False)
        assert said.endswith("Nothing was changed. To do it: the same with --yes.")
        assert well
        assert all((await alive()).values())
        said, well = await offboard.offboard(targets, who, yes=True)
        assert not well
        assert [name for name, here in (await alive()).items() if here] == ["lakefs"]
        said, well = await offboard.offboard(targets, who, yes=True)
        assert well
        assert "delete grace <grace@example.com>, with group analysts, policy readers" in said
        assert not any((await alive()).values())
        assert all([await there(target, "ada") for target in targets.values()])

    with rehearsal.rehearsal(offboard.SEEDS, faults) as targets:
        anyio.run(main, targets, backend=loop)


def test_who_is_not_there_and_who_cannot_be_looked_up(example: Any) -> None:
    """A system that cannot look for an address does not count as done when nobody was found in it."""
    offboard, rehearsal = example("offboard"), example("rehearsal")

    async def main(targets: Any) -> None:
        some = {name: targets[name] for name in ("local", "auth-service")}
        said, well = await offboard.offboard(some, ["nobody@example.com"], yes=True)
        assert not well
        _, report = sections(said)
        assert report["local"] == ["done", "nobody was found"]
        assert report["auth-service"] == [
            "FAILED",
            "nobody was found, and nobody can be looked up by address",
        ]

    with rehearsal.rehearsal(offboard.SEEDS) as targets:
        anyio.run(main, targets)


def test_profiles_and_a_missing_name(run: Any, tmp_path: Any) -> None:
    done = run("offboard.py", "--who", "grace", f"local:{tmp_path}/identity.db", "no-such-profile")
    assert done.returncode == 1
    plan, report = sections(done.stdout.partition("\n\n")[0])
    assert plan["local"] == ["nobody found"]
    assert plan["no-such-profile"][0].startswith("cannot be asked. ConfigurationError: ")
    assert not report
    assert run("offboard.py", "local:").returncode == 2
