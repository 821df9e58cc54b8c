"""The tree of errors: one root, the same words everywhere, and nothing lost in copies."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

import identity_sdk
from identity_sdk import errors
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ChallengeRequiredError,
    ConfigurationError,
    DeadlineExceededError,
    IdentityError,
    InvalidRequestError,
    NoAnswerError,
    NotSentError,
    PartialFailureError,
    PreconditionFailedError,
    RateLimitedError,
    ServerError,
    TransportError,
)

ALL = [
    thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, IdentityError)
]


def test_the_drawing_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 3
            del path[depth:]
            path.append(found[2])
            drawn[found[2]] = path[-2] if depth else ""
    real = {kind.__name__: kind.__mro__[1].__name__ if kind is not IdentityError else "" for kind in ALL}
    assert drawn == real
    assert set(errors.__all__) == set(real)
    assert set(real) <= set(identity_sdk.__all__)


@pytest.mark.parametrize("kind", ALL)
def test_each_can_be_made_copied_pickled_and_told(kind: type[IdentityError]) -> None:
    assert kind.__doc__
    error = kind("what happened")
    error.status, error.attempts, error.provider = 418, 3, "lakefs"
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert str(other) == str(error)
        assert vars(other) == vars(error)
    assert "what happened" in str(error)
    assert isinstance(error.retryable, bool)


def test_the_words() -> None:
    error = IdentityError(
        "no such user",
        provider="lakefs",
        operation="users.get",
        status=404,
        code="nf",
        request_id="r-1",
        attempts=3,
        elapsed=1.26,
        stopped_because="3 attempts were made",
    )
    assert str(error) == (
        "lakefs.users.get: no such user (status 404, code nf, request id r-1, "
        "3 attempts in 1.3 s, 3 attempts were made)"
    )
    assert str(IdentityError("plain")) == "plain"
    assert str(IdentityError("one", attempts=1)) == "one"
    assert repr(IdentityError("x")) == "IdentityError('x')"


def test_what_may_be_repeated() -> None:
    retryable = {kind.__name__ for kind in ALL if kind("x").retryable}
    assert retryable == {
        "PreconditionFailedError",
        "RateLimitedError",
        "NotSentError",
        "DeadlineExceededError",
        "ServerError",
        "PartialFailureError",
    }
    assert PreconditionFailedError("x").retryable
    assert ServerError("x", retryable=False).retryable is False
    assert NoAnswerError("x", retryable=True).retryable is True


def test_families() -> None:
    assert issubclass(DeadlineExceededError, TimeoutError)
    assert issubclass(NotSentError, TransportError)
    assert issubclass(ChallengeRequiredError, AuthenticationError)
    assert not any(issubclass(kind, ConfigurationError) for kind in (TransportError, AuthenticationError))


def test_extra_words() -> None:
    assert str(AmbiguousOutcomeError("sent", how_to_find_out="List the keys")) == "sent. List the keys"
    assert str(AmbiguousOutcomeError("sent")) == "sent"
    assert AmbiguousOutcomeError("sent", found=5).found == 5
    partial = PartialFailureError("stopped", done=["a", "b"], left=["c"])
    assert str(partial) == "stopped. Done: a, b. Left: c"
    assert (partial.done, partial.left) == (("a", "b"), ("c",))
    assert "Done: nothing" in str(PartialFailureError("stopped", left=["c"]))
    assert RateLimitedError("slow", retry_after=5.0).retry_after == 5.0
    assert InvalidRequestError("bad", fields={"a": "b"}).fields == {"a": "b"}
    assert not InvalidRequestError("bad").sent
    assert ChallengeRequiredError("more", challenge="totp").challenge == "totp"


def test_every_attribute_is_documented() -> None:
    told = inspect.getdoc(IdentityError) or ""
    for name in vars(IdentityError("x")):
        assert f"{name}:" in told, name
