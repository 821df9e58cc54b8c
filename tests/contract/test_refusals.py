"""Every supported verb called by nobody, by an expired, by a revoked and by a powerless credential."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from contract.calls import call, prepare
from contract.target import STATES, World
from identity_sdk import errors

pytestmark = pytest.mark.anyio


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads((Path(__file__).parent / "refusals.toml").read_text("utf-8"))


def told(column: str, verb: str, state: str) -> str:
    """What ``refusals.toml`` says: the name of an error, or "allowed"."""
    for pattern, verbs in _table().items():
        if pattern != "default" and fnmatch(column, pattern) and state in verbs.get(verb, {}):
            return verbs[verb][state]
    return str(_table()["default"][state])


@pytest.mark.parametrize("state", STATES)
async def test_who_may_not_is_refused_as_the_sheet_says(world: World, state: str) -> None:
    if state in world.target.lacks:
        assert world.target.lacks[state]
        return
    client = await world.client(state)
    stage = await prepare(world)
    wrong: list[str] = []
    for verb in sorted(
        world.column, key=lambda verb: (told(world.target.column, verb, state) == "allowed", verb)
    ):
        expected = told(world.target.column, verb, state)
        try:
            await call(verb, client, stage)
            got = "allowed"
        except errors.IdentityError as error:
            got = type(error).__name__
            if error.provider != world.target.adapter.name or error.operation not in (verb, None):
                wrong.append(f"{verb}: the error says {error.provider}, {error.operation}")
        if got != expected:
            wrong.append(f"{verb}: expected {expected}, got {got}")
    assert not wrong, "\n".join(wrong)


async def test_a_refused_caller_changes_nothing(world: World) -> None:
    """What the refused calls were about is all still there."""
    clients = {state: await world.client(state) for state in STATES if state not in world.target.lacks}
    stage = await prepare(world)
    for state, client in clients.items():
        for verb in world.column:
            if told(world.target.column, verb, state) == "allowed":
                continue
            with pytest.raises(errors.IdentityError):
                await call(verb, client, stage)
    assert (await world.idp.users.get(stage.user)).id == stage.user
    if stage.credential is not None:
        assert await world.alive(stage.credential)
    if world.can("groups.members"):
        assert [member.id for member in await world.idp.groups.members(stage.group)] == [stage.user]
    if world.can("users.policies"):
        assert [policy.id for policy in await world.idp.users.policies(stage.user)] == [stage.policy]
    if world.can("users.create"):
        assert list(await world.idp.users.list(prefix=stage.new)) == []
