"""880 decisions of a real lakeFS v0.91.0, and what no server was asked: conditions, and malformed questions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_sdk.adapters.lakefs.decision import arn_matches, check_question, decide, wildcard
from identity_sdk.adapters.lakefs.models import LakeFSPolicy
from identity_sdk.errors import InvalidRequestError, NotSupportedError

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "lakefs" / "decisions.json").read_text("utf-8")
)
READ, MAIN = "fs:ReadObject", "arn:lakefs:fs:::repository/main/object/a"


def policy(name: str, *statements: tuple[str, list[str], str], **more: object) -> LakeFSPolicy:
    wire = [{"effect": effect, "action": action, "resource": at, **more} for effect, action, at in statements]
    return LakeFSPolicy.model_validate({"id": name, "statement": wire})


def test_all_880_decisions_are_the_real_servers_own() -> None:
    counted = 0
    for case in RECORDED["cases"]:
        policies = [policy(f"p{number}", *one) for number, one in enumerate(case["own"] + case["groups"])]
        for (action, resource), wanted in zip(RECORDED["questions"], case["answers"], strict=True):
            check_question(action, resource)
            decision = decide(policies, case["user"], action, resource)
            assert decision.allowed is (wanted == "y"), (case, action, resource, decision)
            assert bool(decision) is decision.allowed
            assert decision.decided_by == "client"
            counted += case.get("times", 1)  # one case was recorded three times over
    assert counted == 880


def test_the_reason_names_policy_and_statement() -> None:
    allow, deny = ("allow", ["fs:*"], "*"), ("deny", ["fs:Read*"], "*")
    assert "statement 1 of policy P allows" in decide([policy("P", allow)], "u", READ, MAIN).reason
    assert "statement 2 of policy P denies" in decide([policy("P", allow, deny)], "u", READ, MAIN).reason
    assert "no statement" in decide([], "u", READ, MAIN).reason


@pytest.mark.parametrize("user", ["zoe", "a b", "ä", "*", "?"])
def test_the_user_stands_in_the_resource(user: str) -> None:
    own = policy("own", ("allow", ["auth:ReadUser"], "arn:lakefs:auth:::user/${user}"))
    assert decide([own], user, "auth:ReadUser", f"arn:lakefs:auth:::user/{user}")
    if user not in (
        "*",
        "?",
    ):  # the server puts the id in before it matches, so these are wildcards there as well
        assert not decide([own], user, "auth:ReadUser", "arn:lakefs:auth:::user/x")


CONDITION = {"condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}}
UNKNOWN = {"until": "2030-01-01"}


@pytest.mark.parametrize("more", [CONDITION, UNKNOWN], ids=["condition", "unknown key"])
def test_what_hangs_on_a_condition_is_never_guessed(more: dict[str, object]) -> None:
    perhaps_allow = policy("maybe", ("allow", ["fs:*"], "*"), **more)
    perhaps_deny = policy("unless", ("deny", ["fs:*"], "*"), **more)
    allow, deny = policy("yes", ("allow", ["fs:*"], "*")), policy("no", ("deny", ["fs:*"], "*"))
    for hanging in ([perhaps_allow], [perhaps_deny], [allow, perhaps_deny], [perhaps_allow, perhaps_deny]):
        with pytest.raises(NotSupportedError):
            decide(hanging, "u", READ, MAIN)
    assert decide([allow, perhaps_allow], "u", READ, MAIN)
    assert not decide([deny, perhaps_allow, perhaps_deny, allow], "u", READ, MAIN)
    assert not decide([perhaps_allow, perhaps_deny], "u", "ci:Read", MAIN)


def test_a_resource_that_cannot_be_read_is_never_guessed() -> None:
    allow = policy("yes", ("allow", ["fs:*"], "*"))
    odd = policy("odd", ("deny", ["fs:*"], '["arn:lakefs:fs:::repository/a"]'))
    with pytest.raises(NotSupportedError):
        decide([allow, odd], "u", READ, MAIN)
    assert decide([allow, policy("odd", ("deny", ["ci:*"], "nonsense"))], "u", READ, MAIN)


@pytest.mark.parametrize("action", ["", "fs", "fs:", ":Read", "fs:Read:More", "*"])
def test_a_malformed_action_is_refused(action: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_question(action, "*")
    assert "action" in caught.value.fields
    assert caught.value.sent is False


@pytest.mark.parametrize("resource", ["", "main", "arn:lakefs:fs", "arn:lakefs:fs:::", "urn:lakefs:fs:::x"])
def test_a_malformed_resource_is_refused(resource: str) -> None:
    if resource == "arn:lakefs:fs:::":
        check_question(READ, resource)  # six parts, the last one empty: it is an ARN
        return
    with pytest.raises(InvalidRequestError) as caught:
        check_question(READ, resource)
    assert "resource" in caught.value.fields


def test_parts_of_an_arn() -> None:
    assert arn_matches("arn:lakefs:fs:us-east-1::repository/*", "arn:lakefs:fs:::repository/a:b")
    assert not arn_matches("arn:lakefs:fs::1:repository/*", "arn:lakefs:fs:::repository/a")
    assert not arn_matches("arn:lakefs:*:::repository/*", "arn:lakefs:fs:::repository/a")
    assert not arn_matches("arn:lakefs:fs:::repository/*", "*")
    assert arn_matches("repository", "arn:lakefs:fs:::repository/a") is None


PATTERNS = st.text("ab*?/", max_size=8)


@settings(deadline=None)
@given(PATTERNS, st.text("ab/*?", max_size=12))
def test_wildcards_are_what_a_regular_expression_says(pattern: str, text: str) -> None:
    wanted = re.fullmatch(
        "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern), text, re.S
    )
    assert wildcard(pattern, text) is bool(wanted)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not wildcard("*a" * 200 + "b", "a" * 2000)
