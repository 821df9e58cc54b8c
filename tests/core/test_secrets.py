"""``Secret``: shows itself to nobody but who reveals it."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from identity_sdk.secrets import REDACTED, REVEAL, Secret, fingerprint, redact_url
from tests.core.rig import CANARY

ANY_TEXT = st.text(st.characters(), max_size=40)  # lone surrogates too


@given(ANY_TEXT, ANY_TEXT)
def test_equality_is_that_of_the_strings(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(str(one))
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one
    assert Secret(one).reveal() == one
    assert bool(Secret(one)) is bool(one)


@given(ANY_TEXT)
def test_no_way_to_print_it_shows_it(text: str) -> None:
    value = CANARY + text
    secret = Secret(value)
    shown = f"{secret} {secret!r} {secret!s:>30} {secret:20} {[secret]} %s %r" % (secret, secret)
    shown += str(vars(type(secret)).get("_reveal")) + repr(dir(secret))
    assert CANARY not in shown
    assert REDACTED in shown


def test_a_fingerprint_tells_apart() -> None:
    assert fingerprint("a") != fingerprint("b")
    assert fingerprint("a", "tok").startswith("tok_")
    assert Secret("a").fingerprint == fingerprint("a") == "sec_ca978112"
    assert repr(Secret("a")) == "Secret('sec_ca978112')"


def test_immutable_and_not_to_be_pickled() -> None:
    secret = Secret(CANARY)
    with pytest.raises(AttributeError):
        secret.value = "x"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        secret._reveal = lambda: "x"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    assert copy.copy(secret) is copy.deepcopy(secret) is secret


@pytest.mark.parametrize("wrong", [CANARY.encode(), 5, None, [CANARY]])
def test_only_a_str_is_one(wrong: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Secret(wrong)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame.locals for frame in told.stack if frame.filename.endswith("identity_sdk/secrets.py")]
    assert ours
    assert CANARY not in repr(ours)


class Holder(BaseModel):
    secret: Secret
    more: tuple[Secret, ...] = ()
    maybe: Secret | None = None


def test_in_models() -> None:
    holder = Holder.model_validate_json(f'{{"secret": "{CANARY}", "more": ["{CANARY}2"]}}')
    assert holder.secret.reveal() == CANARY
    assert holder.model_dump_json() == f'{{"secret":"{REDACTED}","more":["{REDACTED}"],"maybe":null}}'
    assert holder.model_dump(mode="json")["secret"] == REDACTED
    assert CANARY not in repr(holder) + repr(holder.model_dump())
    assert CANARY in holder.model_dump_json(context=REVEAL)
    assert Holder(secret=Secret("x")).secret == Secret("x")
    assert Holder(secret="x").secret == Secret("x")  # type: ignore[arg-type]
    assert TypeAdapter(Secret).dump_json(Secret("x"), context={"reveal": True}) == f'"{REDACTED}"'.encode()
    with pytest.raises(ValidationError):
        Holder.model_validate({"secret": 5})
    assert Holder.model_json_schema(mode="validation")["properties"]["secret"]["type"] == "string"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p", "https://h/p"),
        ("https://user:pw@h:1/p?token=t#f", "https://h:1/p"),
        ("https://a@b@h/p", "https://h/p"),
        ("local:", "local:"),
        ("local:///a/b.db", "local:///a/b.db"),
        ("postgresql://u:p@h/d", "postgresql://h/d"),
        ("/relative?x=1", "/relative"),
        ("https://[::1]:80/p", "https://[::1]:80/p"),
        ("postgresql://u:p#w@h/d", "postgresql://[redacted]"),
        ("postgresql://u:p/w@h/d", "postgresql://[redacted]"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize("url", ["http://[broken", "http://user:pw@[::1", "https://h\u2100/x"])
def test_urls_that_are_none(url: str) -> None:
    assert "pw" not in redact_url(url)
