"""What a backend cannot do says so: through ``capabilities`` and the error alike, before anything is sent."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from contract.calls import CALLS, Stage, call, prepare
from contract.expected import AREAS, FACADE, options_of
from contract.target import World
from identity_sdk.capabilities import Cell
from identity_sdk.errors import NotSupportedError

pytestmark = pytest.mark.anyio

OTHER: dict[str, Any] = {
    "bool": True,
    "float": 60.0,
    "int": 5,
    "Sequence": ("x",),
    "Token": "some token",
    "Secret": "abracadabra",
}


def another(parameter: inspect.Parameter) -> Any:
    """A value for this parameter that is not its default."""
    told = str(parameter.annotation)
    return next((value for kind, value in OTHER.items() if kind in told), "something")


def test_there_is_a_call_for_every_verb() -> None:
    assert set(CALLS) == set(FACADE)


async def test_every_verb_that_is_not_supported_says_so(world: World) -> None:
    """Every verb that the column does not list: it raises, in agreement with ``capabilities``."""
    told = (await world.idp.ping()).capabilities
    stage = Stage(world)
    if any(world.idp.capabilities[verb].supported for verb in FACADE if verb not in world.column):
        stage = await prepare(world)  # only the server knows: then the call must be a good one
    for verb in FACADE:
        if verb not in world.column:
            await _refuses(world, verb, told[verb], stage)


async def _refuses(world: World, verb: str, cell: Cell, stage: Stage) -> None:
    declared = world.idp.capabilities[verb]
    assert not cell.supported, verb
    assert cell.reason, verb
    assert not world.idp.capabilities.supports(verb) or world.target.narrowed, verb
    before = world.requests()
    error: NotSupportedError | None = None
    try:
        await call(verb, world.idp, stage)
    except NotSupportedError as raised:
        error = raised
    assert error is not None, f"{verb} was not refused"
    assert error.provider == world.target.adapter.name
    assert error.operation == verb
    assert error.message, verb
    assert not error.retryable, verb
    if not declared.supported:  # known without asking the server
        assert world.requests() == before, verb
        for words in (error.provider, verb, declared.reason, declared.instead):
            assert words in str(error), verb


async def test_an_option_that_is_not_supported_says_so(world: World) -> None:
    """Every keyword of the neutral verb, and every kind, that a supported verb cannot honour."""
    stage = Stage(world)
    for verb, options in world.column.items():
        area, name = verb.split(".")
        neutral = next(getattr(one, name) for one in AREAS if one.area == area)
        parameters = inspect.signature(neutral).parameters
        required = {
            one.name: _value(stage, one)
            for one in parameters.values()
            if one.default is one.empty and one.name != "self"
        }
        function = getattr(getattr(world.idp, area), name)
        before = world.requests()
        for option in options_of(neutral) - options - {"kind"}:
            with pytest.raises(NotSupportedError) as refused:
                await _answer(function(**required, **{option: another(parameters[option])}))
            assert f"{option}=" in str(refused.value)
            assert refused.value.operation == verb
            assert refused.value.provider == world.target.adapter.name
        if "kind" in parameters:
            with pytest.raises(NotSupportedError) as refused:
                await _answer(function(**required, kind="of another sort"))
            assert "of another sort" in str(refused.value)
        assert world.requests() == before


async def _answer(result: Any) -> object:
    return await result


def _value(stage: Stage, parameter: inspect.Parameter) -> Any:
    if parameter.name == "statements":
        return stage.world.rules.statements
    return another(parameter)
