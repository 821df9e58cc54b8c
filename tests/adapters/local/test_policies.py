"""Policies: evaluation, attachment, decisions."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_sdk.adapters.local.evaluate import covers, matches
from identity_sdk.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
)
from identity_sdk.models import Statement
from identity_sdk.store import queries as q

from .conftest import Idp, allow, deny, grant

pytestmark = pytest.mark.anyio

SHORT = st.text(alphabet="ab*", max_size=8)


@given(pattern=SHORT, value=SHORT)
def test_a_star_stands_for_any_run_of_characters(pattern: str, value: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, value) == (re.fullmatch(expression, value, re.DOTALL) is not None)


@given(outer=SHORT, inner=SHORT, value=st.text(alphabet="ab", max_size=8))
def test_what_is_covered_is_matched(outer: str, inner: str, value: str) -> None:
    if covers([outer], inner) and matches(inner, value):
        assert matches(outer, value)


def test_no_pattern_takes_long() -> None:
    begun = time.perf_counter()
    assert not matches("a*" * 900 + "b", "a" * 2000)
    assert time.perf_counter() - begun < 0.5


async def test_made_read_changed_listed_deleted(everywhere: Idp) -> None:
    both = [*allow("fs:Read*", on="repo/*"), *deny("fs:ReadSecret", on="repo/x")]
    made = await everywhere.policies.create("p", statements=both, name="P", description="d")
    assert made.statements == tuple(both)
    assert (await everywhere.policies.get("p")).model_dump() == made.model_dump()
    assert (await everywhere.policies.create("p", statements=both, exist_ok=True)).name == "P"
    with pytest.raises(ConflictError):
        await everywhere.policies.create("p", statements=both)
    with pytest.raises(ConflictError, match="something else"):
        await everywhere.policies.create("p", statements=allow("y"), exist_ok=True)
    changed = await everywhere.policies.update("p", statements=allow("z"), description=None)
    assert (changed.statements, changed.name, changed.description) == (tuple(allow("z")), "P", None)
    assert (await everywhere.policies.update("p")).name == "P"
    await everywhere.policies.create("q", statements=allow("z"))
    assert [policy.id for policy in await everywhere.policies.list()] == ["p", "q"]
    assert [policy.id for policy in await everywhere.policies.list(prefix="q")] == ["q"]
    assert (await everywhere.policies.delete("p")).existed
    assert not (await everywhere.policies.delete("p", missing_ok=True)).existed
    for verb in (everywhere.policies.get, everywhere.policies.delete, everywhere.policies.update):
        with pytest.raises(NotFoundError):
            await verb("p")


async def test_what_is_not_evaluated_is_not_stored(idp: Idp) -> None:
    conditional = Statement.model_validate(
        {"effect": "allow", "actions": ["a"], "resources": ["*"], "condition": {"ip": "10.0.0.0/8"}}
    )
    with pytest.raises(NotSupportedError, match="condition"):
        await idp.policies.create("p", statements=[conditional])
    for bad in (
        [],
        [Statement(effect="allow", actions=(), resources=("*",))],
        allow(""),
        allow("a\0"),
        allow("x") * 101,
    ):
        with pytest.raises(InvalidRequestError):
            await idp.policies.create("p", statements=bad)
    assert len(await idp.policies.list()) == 0


async def test_deny_wins_over_any_allow(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    await everywhere.groups.create("g")
    await everywhere.groups.add_member("g", "a")
    check = everywhere.policies.check
    nothing = await check("a", "fs:Read", "repo/x")
    assert (nothing.allowed, nothing.decided_by, nothing.reason) == (
        False,
        "server",
        "no statement allows it",
    )
    await everywhere.policies.create("reads", statements=allow("fs:Read*", on="repo/*"))
    await everywhere.policies.create("not-x", statements=deny("*", on="repo/x"))
    await everywhere.policies.attach("reads", group="g")
    assert (await check("a", "fs:Read", "repo/x")).reason == "allowed by statement 1 of policy 'reads'"
    assert not await check("a", "fs:Write", "repo/x")
    assert not await check("a", "fs:Read", "other/x")
    await everywhere.policies.attach("not-x", user="a")
    assert (await check("a", "fs:Read", "repo/x")).reason == "denied by statement 1 of policy 'not-x'"
    assert await check("a", "fs:ReadMeta", "repo/y")
    await everywhere.policies.require("a", "fs:Read", "repo/y")
    with pytest.raises(PermissionDeniedError, match="denied by"):
        await everywhere.policies.require("a", "fs:Read", "repo/x")
    await everywhere.policies.detach("not-x", user="a")
    assert await check("a", "fs:Read", "repo/x")
    await everywhere.groups.remove_member("g", "a")
    assert not await check("a", "fs:Read", "repo/x")
    with pytest.raises(NotFoundError):
        await check("nobody", "x", "y")
    with pytest.raises(InvalidRequestError):
        await check("a", "", "y")


async def test_a_deny_wins_wherever_it_stands(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    await grant(everywhere, "a", allow("x"), "m")
    for position, statements in {"a": deny("x"), "z": deny("x"), "y": [*allow("x"), *deny("x")]}.items():
        assert await everywhere.policies.check("a", "x", "y")
        await grant(everywhere, "a", statements, position)
        assert not await everywhere.policies.check("a", "x", "y")
        await everywhere.policies.delete(position)


async def test_a_star_in_what_is_asked_is_a_plain_character(idp: Idp) -> None:
    await idp.users.create("a")
    await grant(idp, "a", allow("fs:Read", on="repo/x"))
    assert not await idp.policies.check("a", "fs:*", "repo/x")
    assert not await idp.policies.check("a", "fs:Read", "*")


async def test_attaching_again_changes_nothing_and_takes_one_subject(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    await everywhere.groups.create("g")
    await everywhere.policies.create("p", statements=allow("x"))
    for _ in range(2):
        await everywhere.policies.attach("p", user="a")
        await everywhere.policies.attach("p", group="g")
    assert len(await everywhere.users.policies("a")) == 1
    for _ in range(2):
        await everywhere.policies.detach("p", user="a")
    assert len(await everywhere.users.policies("a")) == 0
    assert len(await everywhere.groups.policies("g")) == 1
    for change in (everywhere.policies.attach, everywhere.policies.detach):
        with pytest.raises(InvalidRequestError):
            await change("p")
        with pytest.raises(InvalidRequestError):
            await change("p", user="a", group="g")
        with pytest.raises(NotFoundError):
            await change("nothing", user="a")
        with pytest.raises(NotFoundError):
            await change("p", user="nobody")
        with pytest.raises(NotFoundError):
            await change("p", group="nowhere")


async def test_a_policy_made_anew_is_attached_to_nobody(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    await grant(everywhere, "a", allow("x"), "p")
    await everywhere.policies.delete("p")
    await everywhere.policies.create("p", statements=allow("x"))
    assert not await everywhere.policies.check("a", "x", "y")


async def test_permissions_say_which_policy_they_come_from(everywhere: Idp) -> None:
    await everywhere.users.create("a")
    await grant(everywhere, "a", [*allow("x"), *deny("y")], "p")
    await grant(everywhere, "a", allow("z"), "q")
    told = await everywhere.policies.permissions("a")
    assert [(s.policy, s.effect, s.actions) for s in told] == [
        ("p", "allow", ("x",)),
        ("p", "deny", ("y",)),
        ("q", "allow", ("z",)),
    ]
    first = await anext(everywhere.policies.permissions("a", limit=2).pages())
    assert [s.policy for s in await everywhere.policies.permissions("a", cursor=first.cursor)] == ["q"]
    own = await everywhere.policies.permissions()
    assert [(s.effect, s.actions, s.resources) for s in own] == [("allow", ("*",), ("*",))]
    with pytest.raises(NotFoundError):
        await everywhere.policies.permissions("nobody")


async def test_policies_that_an_emulator_stored_count_and_unreadable_ones_do_not_pass(idp: Idp) -> None:
    await idp.users.create("a")
    store = idp._adapter._core.store
    foreign = {"effect": "allow", "action": ["fs:Read*"], "resource": "repo/*"}
    rows = {"foreign": foreign, "odd": {**foreign, "effect": "maybe"}, "if": {**foreign, "condition": {}}}
    for id, statement in rows.items():
        row = q.PolicyRow(id=id, created_at=1.0, statements=[statement])
        await store.write(lambda conn, row=row: q.policies.insert(conn, row))
    await idp.policies.attach("foreign", user="a")
    assert await idp.policies.check("a", "fs:ReadObject", "repo/x")
    for id in ("odd", "if"):
        with pytest.raises(ProtocolError, match=id):
            await idp.policies.get(id)
        await idp.policies.attach(id, user="a")
        with pytest.raises(ProtocolError):
            await idp.policies.check("a", "fs:ReadObject", "repo/x")
        await idp.policies.detach(id, user="a")
