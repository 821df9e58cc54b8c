"""Credentials that a client is given, and the headers that come of them."""

from __future__ import annotations

from typing import Any

import pytest

from identity_sdk.auth.sources import (
    AccessKey,
    ApiKey,
    Bearer,
    Issued,
    Password,
    RefreshToken,
    SigningSource,
    bearer_of,
)
from identity_sdk.auth.token_cache import TokenCache
from identity_sdk.errors import ConfigurationError
from identity_sdk.middleware.refresh import with_token
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Call, Dialect, OperationSpec, Retry
from identity_sdk.wire.request import Request, Response
from tests.core.rig import CANARY, FakeClock

pytestmark = pytest.mark.anyio


def test_an_api_key_and_a_password_do_not_show_themselves() -> None:
    assert ApiKey(CANARY) == ApiKey(Secret(CANARY))
    assert Password("ann", CANARY).password.reveal() == CANARY
    assert RefreshToken(CANARY) == RefreshToken(Secret(CANARY))
    assert CANARY not in f"{RefreshToken(CANARY)!r}{ApiKey(CANARY)!r}{Password('ann', Secret(CANARY))!r}"


@pytest.mark.parametrize(
    "make",
    [lambda: ApiKey(""), lambda: Password("", "x"), lambda: Password("ann", ""), lambda: RefreshToken("")],
)
def test_empty_ones_are_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_only_tokens_become_bearer_tokens() -> None:
    bearer = Bearer("t")
    assert bearer_of(bearer) is bearer
    for other in (ApiKey("k"), Password("ann", "x"), AccessKey("k", "s")):
        with pytest.raises(ConfigurationError, match=type(other).__name__):
            bearer_of(other)


class Signing(SigningSource):
    key = "signing"
    renewable = True

    def __init__(self) -> None:
        self.count = 0

    async def fetch(self, sender: Any, previous: Issued | None) -> Issued:
        self.count += 1
        return Issued(Secret(f"token-{self.count}"))

    def sign(self, issued: Issued, request: Request) -> None:
        request.headers["Proof"] = f"{issued.value.reveal()} {request.method} {request.target}"


async def test_a_signing_source_sees_the_whole_request_at_each_attempt() -> None:
    clock = FakeClock()
    cache = TokenCache(Signing(), clock=clock, server_now=clock.time)
    spec = OperationSpec("op", "GET", "/x", frozenset({200}), Retry.SAFE)
    call, sent = Call(spec, Dialect(), Request("GET", "/x?y=1")), list[str]()

    async def send(one: Call) -> Response:
        sent.append(one.request.headers["Proof"])
        return Response(401 if len(sent) == 1 else 200, {}, b"")

    sender: Any = None
    assert (await with_token(call, send, cache, sender)).status == 200
    assert sent == ["token-1 GET /x?y=1", "token-2 GET /x?y=1"]
