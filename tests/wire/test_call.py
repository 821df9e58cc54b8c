"""How plain HTTP answers become errors, and what ``Retry-After`` says."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_sdk.errors import (
    AuthenticationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from identity_sdk.wire.call import Dialect, OperationSpec, Retry, retry_after
from identity_sdk.wire.request import Request, Response, TransportStats

SPEC = OperationSpec("get_thing", "GET", "/things/{id}", frozenset({200, 202}), Retry.SAFE)
DIALECT = Dialect()


def said(status: int, body: object = None, **headers: str) -> Response:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Response(
        status, {key.replace("_", "-"): value for key, value in headers.items()}, data, reason="Because"
    )


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (405, NotSupportedError, False),
        (409, ConflictError, False),
        (412, PreconditionFailedError, True),
        (413, InvalidRequestError, False),
        (418, InvalidRequestError, False),
        (422, InvalidRequestError, False),
        (429, RateLimitedError, True),
        (500, ServerError, True),
        (501, NotSupportedError, False),
        (503, ServerError, True),
        (204, ProtocolError, False),
        (302, ProtocolError, False),
        (307, ProtocolError, False),
        (199, ProtocolError, False),
    ],
)
def test_statuses(status: int, kind: type[IdentityError], retryable: bool) -> None:
    error = DIALECT.error(said(status, {"message": "m", "code": 7}), SPEC, 0.0)
    assert type(error) is kind
    assert error.status == status
    assert error.code == "7"
    assert error.retryable is retryable
    if isinstance(error, InvalidRequestError):
        assert error.sent
    if kind is ProtocolError and status not in (302, 307):
        assert "200, 202" in error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "one\ntwo"}, "one"),
        ({"detail": "d"}, "d"),
        ({"title": "t"}, "t"),
        ({}, "Because"),
        (None, "Because"),
        ("plain", "plain"),
        (b"not json", "not json"),
        (b"\xff\xfe", "��"),
        (b"[" * 70_000, "[" * 500),
        (b"[" * 60_000, "[" * 500),
        ({"message": "x" * 600}, "x" * 500),
        ({"message": {"nested": 1}}, "{'nested': 1}"),
    ],
)
def test_messages(body: object, message: str) -> None:
    assert DIALECT.message(said(400, body))[0] == message


def test_no_message_at_all() -> None:
    assert DIALECT.message(Response(400, {}, b""))[0] == "no message"


def test_a_redirect_is_told_without_its_secrets() -> None:
    error = DIALECT.error(said(302, location="https://u:canary@host/x?canary=1"), SPEC, 0.0)
    assert "https://host/x" in error.message
    assert "canary" not in str(error)


def test_what_a_plain_backend_means() -> None:
    assert DIALECT.token_rejected(said(401))
    assert not DIALECT.token_rejected(said(403))
    assert DIALECT.permanent(said(501))
    assert not DIALECT.permanent(said(500))
    assert not DIALECT.not_done(said(503))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("９", None),
        ("9" * 40, 999_999_999.0),
        (formatdate(1090, usegmt=True), 90.0),
        (formatdate(910, usegmt=True), 0.0),
        ("Mon, 01 Jan 10000 00:00:00 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(said(429, retry_after=value), 1000.0) == seconds


def test_a_rate_limit_tells_how_long() -> None:
    error = DIALECT.error(said(429, retry_after="7"), SPEC, 0.0)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 7.0
    failed = DIALECT.error(said(503, retry_after="9"), SPEC, 0.0)
    assert isinstance(failed, ServerError)
    assert failed.retry_after == 9.0


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_retry_after_raises(value: str) -> None:
    seconds = retry_after(said(503, retry_after=value), 1000.0)
    assert seconds is None or seconds >= 0


def test_requests_hide_headers_and_bodies() -> None:
    request = Request("GET", "/x", {"Authorization": "canary"}, b"canary")
    assert "canary" not in repr(request)
    assert "canary" not in repr(Response(200, {"set-cookie": "canary"}, b"canary", cookies=("canary",)))
    assert TransportStats().connections == 0
