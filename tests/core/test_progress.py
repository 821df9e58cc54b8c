"""What is shown while a list streams, and how notebooks show lists, objects and clients."""

from __future__ import annotations

import gc
import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from identity_sdk import AuthMethod, Items, Listing, NotFoundError, Page, User, connect
from identity_sdk.listing import page_of
from identity_sdk.progress import Bar

pytestmark = pytest.mark.anyio


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    there = SimpleNamespace(stderr=screen, modules=sys.modules)  # pytest sets sys.stderr anew before the test
    monkeypatch.setattr("identity_sdk.progress.sys", there)
    return screen


def listing(total: int, size: int = 10, limit: int | None = None, broken: bool = False) -> Listing[int]:
    async def fetch(cursor: str | None, wanted: int | None) -> Page[int]:
        if broken and cursor:
            raise NotFoundError("gone")
        return page_of(range(total), cursor, min(size, wanted or size))

    return Listing(fetch, limit=limit)


async def test_a_terminal_shows_what_came(screen: Screen) -> None:
    assert len(await listing(25).progress()) == 25
    assert screen.getvalue().startswith("\r\x1b[K0 in 0 pages, 0.0 s")
    assert screen.getvalue().endswith("\n")
    assert "done: 25 in 3 pages, 0.0 s" in screen.getvalue()


async def test_all_ways_of_reading_show_it(screen: Screen) -> None:
    assert [item async for item in listing(5).progress()] == list(range(5))
    async with listing(5).progress().prefetch() as items:
        assert [item async for item in items] == list(range(5))
    assert screen.getvalue().count("done: 5 in 1 page, 0.0 s") == 2


async def test_a_list_that_is_left_or_fails_is_shown_as_stopped(screen: Screen) -> None:
    async for _ in listing(25).progress():
        break
    gc.collect()
    with pytest.raises(NotFoundError):
        await listing(25, broken=True).progress()
    assert screen.getvalue().count("stopped: 10 in 1 page, 0.0 s\n") == 2


async def test_elsewhere_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(await listing(25).progress()) == 25
    assert capsys.readouterr() == ("", "")


async def test_a_terminal_that_went_away_does_not_matter(screen: Screen) -> None:
    running = listing(25).progress()
    screen.close()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    assert len(await running) == 25


def test_a_notebook_is_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, data: dict[str, str], raw: bool) -> None:
            shown.append(data)

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Handle:
        shown.append(data)
        return Handle()

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))  # type: ignore[arg-type]
    bar = Bar(20)
    bar.end("done")
    bar.end("stopped")
    assert [one["text/plain"] for one in shown] == ["0 in 0 pages, 0.0 s", "done: 0 in 0 pages, 0.0 s"]
    assert '<progress aria-label="List" value="0" max="20"></progress>' in shown[0]["text/html"]
    assert "<progress" not in shown[1]["text/html"]


def test_the_display_is_spared() -> None:
    seconds = [0.0]
    shown: list[str] = []
    bar = Bar(None, show=lambda html, text, ended: shown.append(html), clock=lambda: seconds[0])
    for _ in range(1000):
        seconds[0] += 0.01
        bar.add(100)
    bar.end("done")
    assert 45 < len(shown) < 55
    assert "done: 100,000 in 1,000 pages, 10.0 s" in shown[-1]
    assert '<progress aria-label="List"></progress>' in shown[0]


async def test_how_notebooks_show_things() -> None:
    async with connect("local:") as idp:
        await idp.users.create("ada", name="<b>Ada</b>")
        users = await idp.users.list()
        shown: list[Any] = [
            users,
            users[0],
            Page(tuple(users), "7"),
            idp.users.list(),
            idp.capabilities,
            idp,
            await idp.ping(),
        ]
        table, card, page, unasked, capabilities, client, server = [one._repr_html_() for one in shown]
    assert "<caption>1 user</caption>" in table
    assert "&lt;b&gt;Ada&lt;/b&gt;" in table
    assert "<caption>LocalUser</caption>" in card
    assert "<caption>1 user: its cursor continues after them</caption>" in page
    assert "<code>await</code>" in unasked
    assert "<caption>local: 47 of 48 verbs</caption>" in capabilities
    assert "<td>local:</td>" in client
    assert "clock_skew" in server
    assert users._repr_mimebundle_()["text/plain"].startswith("1 user\nid ")
    assert ">closed<" in idp._repr_html_()


def test_a_client_shows_no_secret() -> None:
    idp = connect("lakefs", base_url="http://h.test/api/v1", access_key_id="a", secret_access_key="hunter2")
    assert "http://h.test/api/v1" in idp._repr_html_()
    assert "hunter2" not in idp._repr_html_()


@pytest.mark.parametrize(
    ("items", "caption"),
    [
        (Items[User](), "0 items"),
        (Items[User]((), of=User), "0 users"),
        (Items[User]((), of=User | AuthMethod), "0 users"),
        (Items([AuthMethod(id="password"), AuthMethod(id="totp")]), "2 auth methods"),
        (Items([1]), "1 item"),
    ],
)
def test_captions(items: Items[Any], caption: str) -> None:
    assert f">{caption}</" in items._repr_html_()
