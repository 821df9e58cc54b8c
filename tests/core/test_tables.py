"""How lists and objects are shown: what is left out, masked, shortened and escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest

from identity_sdk import Credential, Policy, Secret, Statement, User
from identity_sdk.tables import cell, columns, fields, html_card, html_table, text_table

WHEN = datetime(2026, 3, 1, 13, 5, 7, 123456, timezone(timedelta(hours=2)))
HOSTILE = "<img src=x onerror=alert(1)>\"'&\x1b[31m\u202e\n"


class Outline(HTMLParser):
    """Tags with their attributes, and that each one is closed."""

    VOID = frozenset({"br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class Wide(User):
    team: str | None = None


@dataclass(frozen=True)
class Point:
    x: int
    y: int | None = None


def test_columns_are_those_that_are_filled_neutral_ones_first() -> None:
    assert columns([Wide(id="a", team="t"), User(id="b", email="b@x")]) == ("id", "email", "kind", "team")
    assert columns([Wide(id="a")]) == ("id", "kind")
    assert columns([User.model_validate({"id": "a", "unknown": "x"})]) == ("id", "kind")
    assert columns([Point(1), {"x": 2, "z": ()}]) == ("x",)
    assert columns(["a", 1]) == ("value",)
    assert columns([]) == ()
    assert fields(3) == {"value": 3}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (7, "7"),
        (Secret("hunter2"), "**********"),
        ((Secret("hunter2"), {"inner": Secret("hunter2")}), "**********, inner=**********"),
        (WHEN, "2026-03-01 11:05:07Z"),
        (datetime(2026, 3, 1), "2026-03-01 00:00:00Z"),
        (("a", "b"), "a, b"),
        (User(id="ada", name="Ada"), "ada"),
        (Statement(effect="allow", actions=("a:*",), resources=("r/1", "r/2")), "allow a:* r/1, r/2"),
        (Point(1, 2), "1 2"),
        ("a\tb\x1b[31m", "a\\tb\\x1b[31m"),
        ("\u202eevil", "\\u202eevil"),
        ("é 名", "é 名"),
        ("x" * 81, "x" * 79 + "…"),
    ],
)
def test_a_cell(value: object, said: str) -> None:
    assert cell(value) == said


def test_a_cell_in_full() -> None:
    assert cell("x" * 500, None) == "x" * 500


def test_a_table_is_escaped_and_accessible() -> None:
    html = html_table([User(id=HOSTILE, name=HOSTILE), User(id="b", created_at=WHEN)], HOSTILE)
    assert "<img" not in html
    assert "onerror" in html
    assert not re.search("[\x1b\u202e]", html)
    tags = Outline(html).tags
    assert [name for name, _ in tags[:3]] == ["style", "table", "caption"]
    assert [a["scope"] for name, a in tags if name == "th"] == ["col"] * 4 + ["row"] * 2
    assert '<time datetime="2026-03-01T11:05:07Z">2026-03-01 11:05:07Z</time>' in html


def test_names_of_columns_are_escaped_as_well() -> None:
    assert "<b" not in html_table([{"<b>": 1}], "x")
    assert "<b>" not in html_card({"<b>": 1}, "x")


def test_no_colour_is_fixed() -> None:
    style = html_table([1], "x").split("</style>")[0]
    assert not re.search(r"#[0-9a-f]{3}|rgb\(|white(?!-space)|black", style)


def test_a_long_list_is_cut_and_counted() -> None:
    html = html_table([User(id=f"u{number}") for number in range(1234)], "users")
    assert html.count("<tr>") == 1 + 50 + 1
    assert '<tfoot><tr><td colspan="2">… 1,184 more</td></tr></tfoot>' in html
    Outline(html)
    text = text_table([User(id=f"u{number}") for number in range(1234)], "users")
    assert text.splitlines()[-1] == "… 1,184 more"


def test_an_empty_list_is_a_caption() -> None:
    assert html_table([], "no <users>") == "<p>no &lt;users&gt;</p>"
    assert text_table([], "no users") == "no users"


def test_chosen_columns() -> None:
    assert text_table([User(id="ada", name="Ada"), User(id="b")], "two", ["name", "id"]) == (
        "two\nname  id\nAda   ada\n      b"
    )
    assert html_table([User(id="ada")], "one", ["name", "id"]).count("<th ") == 3


def test_a_card() -> None:
    policy = Policy(
        id="readers",
        statements=tuple(
            Statement(effect="allow", actions=("a:Read",), resources=(f"r/{n}",)) for n in range(22)
        ),
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    html = html_card(fields(policy), "Policy")
    Outline(html)
    assert html.count("<br>") == 20
    assert "… 2 more" in html
    assert ">name<" not in html  # not filled
    assert '<th scope="row">created_at</th><td><time ' in html


def test_a_secret_is_masked_everywhere() -> None:
    one = Credential(id="k", secret=Secret("hunter2"), uri=Secret("otpauth://hunter2"))
    for shown in (html_card(fields(one), "c"), html_table([one], "c"), text_table([one], "c")):
        assert "hunter2" not in shown
        assert "**********" in shown
