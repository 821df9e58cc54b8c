"""The emulator's `X-Fields`: what a mask leaves, and which are none."""

from __future__ import annotations

from typing import Any

import pytest

from identity_sdk.emulators.igtcloud.wire import Refused, apply_mask

USER: dict[str, Any] = {
    "loginId": "ann",
    "profile": {"givenName": "A", "contact": {"emailAddress": "a"}},
    "n": [1],
}


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("loginId", {"loginId": "ann"}),
        ("{loginId, n}", {"loginId": "ann", "n": [1]}),
        ("profile{givenName}", {"profile": {"givenName": "A"}}),
        (
            "profile{contact{emailAddress}},loginId",
            {"profile": {"contact": {"emailAddress": "a"}}, "loginId": "ann"},
        ),
        ("*", USER),
        ("unknown", {"unknown": None}),
        ("loginId{x}", {"loginId": "ann"}),
        ("n{x}", {"n": [1]}),
    ],
)
def test_what_a_mask_leaves(mask: str, left: Any) -> None:
    assert apply_mask(USER, mask) == left
    assert apply_mask([USER, USER], mask) == [left, left]


@pytest.mark.parametrize(
    "mask",
    ["", "{", "{}", "a{", "a}", "a{b", "a b", ",a", "a,,b", "a{}", "ä-:", "a{b{c}", "a{" * 101, "a{" * 5000],
)
def test_what_is_no_mask_is_refused(mask: str) -> None:
    with pytest.raises(Refused) as refused:
        apply_mask(USER, mask)
    assert refused.value.status == 400
