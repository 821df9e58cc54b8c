"""Every operation of every backend through ``idp.native`` over a socket: with the least, and with every parameter.

What is sent is read off the socket, below our code, and held against tables that are written from the backends' own
documents (``tests/data/operations``). A new operation without a row fails, and so does a row that is not called.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from tests.wire.operations.caller import Caller, found
from tests.wire.operations.table import BACKENDS, Names, table

pytestmark = pytest.mark.anyio

DOCUMENTED = {
    "lakefs": 33,
    "auth_service": 14,  # of the administration; signing in and health stand beside them
    "igtcloud": 8,
    "argus": 12,
    "authress": 7,
}
"""How many operations the document of each backend has."""


@pytest.mark.parametrize("backend", BACKENDS)
async def test_every_operation(backend: str) -> None:
    module: Any = import_module(f"tests.wire.operations.{backend}")
    async with module.opened() as call:
        await module.scenario(call)
        call.complete()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_document_is_covered(backend: str) -> None:
    assert sum(row.section == "documented" for row in table(backend).values()) == DOCUMENTED[backend]


@pytest.mark.parametrize("backend", ["auth_service"])
async def test_the_checks_bite(backend: str) -> None:
    """A wrong name, a lost argument, a lost value of an answer, an operation without a row."""
    module: Any = import_module(f"tests.wire.operations.{backend}")
    async with module.opened() as call:
        honest = dict(call.rows)

        async def fails(name: str, *arguments: Any, **options: Any) -> None:
            with pytest.raises((AssertionError, KeyError)):
                await call(name, *arguments, **options)
            call.rows = dict(honest)

        call.rows["login"] = replace(honest["login"], query=Names.of("redirect"))
        await fails("login", redirection="x")
        call.rows["login"] = replace(honest["login"], query=Names.of("redirection! more!"))
        await fails("login", redirection="x")
        call.rows["admin_add_group"] = replace(honest["admin_add_group"], body=Names.of("groupId! more!"))
        await fails("admin_add_group", {"groupId": "g"})
        call.rows["admin_add_group"] = replace(honest["admin_add_group"], path="/admin/group")
        await fails("admin_add_group", {"groupId": "h"})
        await call("admin_list_users")
        answer = await call.native.admin_list_users()
        told = replace(call.seen[-1], answer=call.seen[-1].answer.replace(b"boss", b"serf"))
        with pytest.raises(AssertionError, match="serf"):
            call.holds("admin_list_users", call.native.admin_list_users, answer, told)
        _complete_but_for(call)


def _complete_but_for(call: Caller) -> None:
    names = {name for name, _ in found(call.native)}
    call.least, call.every = set(names), set(names)
    call.complete()
    for kept in (call.least, call.every):
        kept.remove("login")
        with pytest.raises(AssertionError, match="login"):
            call.complete()
        kept.add("login")
    del call.rows["login"]
    with pytest.raises(AssertionError, match="without a row"):
        call.complete()
