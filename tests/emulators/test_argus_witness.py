"""The tightened OpenAPI file bites: a field that is dropped, another type, another status, a field too many."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.witness import Exchange, document

NETWORK = {
    "address": "10.0.0.0",
    "maskBits": 8,
    "host": False,
    "ipv6": False,
    "multicast": False,
    "public": False,
}
KEY = {
    "prefix": "2a/1", "description": "d", "createdTimestamp": 1, "createdByUser": None, "validUntil": 0,
    "validSources": [NETWORK], "lastUsedTimestamp": 0, "lastUsedIP": None,
    "constraints": {"customers": [], "functions": [], "readOnly": False}, "source": None,
}  # fmt: skip
WHOLE = {
    "responseCode": 200, "limit": 0, "offset": 0, "count": 0, "size": 0, "metaData": {}, "messages": [],
    "data": {"keys": [KEY]},
}  # fmt: skip


def findings(
    whole: Any, *, status: int = 200, query: str = "", path: str = "/authentication/v1/apikey"
) -> list[str]:
    seen = Exchange("GET", path, query, {}, b"", status, "application/json", json.dumps(whole).encode())
    return document("argus").findings(seen)


def changed(change: Callable[[Any], object]) -> Any:
    whole = copy.deepcopy(WHOLE)
    change(whole)
    return whole


def test_a_good_answer_is_good() -> None:
    assert findings(WHOLE) == []


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_no_field_of_the_envelope_may_be_dropped(name: str) -> None:
    assert findings(changed(lambda whole: whole.pop(name)))


@pytest.mark.parametrize("name", sorted(KEY))
def test_no_field_of_a_key_may_be_dropped_or_have_another_type(name: str) -> None:
    assert findings(changed(lambda whole: whole["data"]["keys"][0].pop(name)))
    assert findings(changed(lambda whole: whole["data"]["keys"][0].update({name: {"another": "type"}})))


def test_what_is_not_documented() -> None:
    assert findings(changed(lambda whole: whole["data"]["keys"][0].update(secret="s")))
    assert findings(changed(lambda whole: whole.update(more=1)))
    for status in (201, 204, 206, 500):
        assert findings(WHOLE, status=status)
    assert findings(WHOLE, query="limit=1")
    assert findings(WHOLE, path="/authentication/v1/apikeys")
