"""A backend that answers some operations by what is doubtful elsewhere: no repeat."""

from __future__ import annotations

import pytest

from identity_sdk.middleware.retry import Outcome, Result, again
from identity_sdk.wire.call import Call, Dialect, OperationSpec, Retry
from identity_sdk.wire.request import Request, Response


class Terse(Dialect):
    def tells(self, spec: OperationSpec, response: Response | None) -> bool:
        return spec.name == "get_one" and response is None


def call(name: str, retry: Retry, dialect: Dialect) -> Call:
    spec = OperationSpec(name, "GET", "/", frozenset({200}), retry)
    return Call(spec, dialect, Request("GET", "/"))


@pytest.mark.parametrize("retry", [Retry.SAFE, Retry.IDEMPOTENT])
def test_what_the_backend_tells_so_is_not_asked_again(retry: Retry) -> None:
    silence, failure = Result(Outcome.AMBIGUOUS), Result(Outcome.AMBIGUOUS, Response(500, {}, b""))
    assert not again(call("get_one", retry, Terse()), silence)
    assert again(call("get_one", retry, Terse()), failure)
    assert again(call("get_all", retry, Terse()), silence)
    assert again(call("get_one", retry, Dialect()), silence)
    assert again(call("get_one", retry, Terse()), Result(Outcome.NOT_SENT))
