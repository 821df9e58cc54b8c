"""Pages, with the quirks that were measured: offsets relative to the prefix, promises that are not kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.errors import InvalidRequestError, NotFoundError, NotSupportedError, ProtocolError
from identity_sdk.listing import Listing
from identity_sdk.wire.request import Request, Response

pytestmark = pytest.mark.anyio


def user(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "creation_date": 1, **more}


def server(tools: Any, users: list[dict[str, Any]]) -> Callable[[Request], Response]:
    """The list of a real server: ordered, ``after`` exclusive and relative to the prefix, has_more on a full page."""

    def reply(request: Request) -> Response:
        query = {key: value[0] for key, value in parse_qs(urlsplit(request.target).query).items()}
        prefix, after, amount = (
            query.get("prefix", ""),
            query.get("after", ""),
            int(query.get("amount", "100")),
        )
        there = sorted(
            (one for one in users if one["id"].startswith(prefix)), key=lambda one: one["id"].encode()
        )
        rest = [one for one in there if one["id"].encode() > (prefix + after).encode()] if after else there
        chosen = rest[:amount]
        full = len(chosen) == amount
        return tools.page(chosen, chosen[-1]["id"][len(prefix) :] if full else "", has_more=full)  # type: ignore[no-any-return]

    return reply


def queries(sender: Any) -> list[dict[str, str]]:
    return [
        {key: value[0] for key, value in parse_qs(urlsplit(call.request.target).query).items()}
        for call in sender.calls
    ]


async def test_pages_are_as_large_as_the_server_makes_them(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [tools.page([user("a")])]
    assert [one.id for one in await lakefs.users.list()] == ["a"]
    assert queries(sender) == [{"amount": "1000"}]


async def test_fewer_are_asked_for_when_fewer_are_wanted(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.handler = server(tools, [user(f"u{number:04}") for number in range(1500)])
    assert len(await lakefs.users.list(limit=3)) == 3
    assert len(await lakefs.users.list(limit=1200)) == 1200
    assert len(await lakefs.users.list()) == 1500
    assert [query["amount"] for query in queries(sender)] == ["3", "1000", "200", "1000", "1000"]


async def test_the_offset_goes_back_as_it_came_with_the_same_prefix(
    lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    sender.script = [
        tools.page([user("alan")], "an"),
        tools.page([user("albert")], "bert"),
        tools.page([user("alice")]),
    ]
    assert [one.id for one in await lakefs.users.list(prefix="al")] == ["alan", "albert", "alice"]
    assert [query.get("after") for query in queries(sender)] == [None, "an", "bert"]
    assert {query["prefix"] for query in queries(sender)} == {"al"}


async def test_a_full_page_may_be_followed_by_an_empty_one(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [tools.page([user("a")], "a"), tools.page([])]
    assert [one.id for one in await lakefs.users.list()] == ["a"]


async def test_any_page_can_be_resumed(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.handler = server(tools, [user(name) for name in ("al", "alan", "albert", "alice", "bob")])
    cursors = [page.cursor async for page in _small(lakefs.users.list(prefix="al", limit=2))]
    assert cursors == ["an"]
    rest = await lakefs.users.list(prefix="al", cursor=cursors[0])
    assert [one.id for one in rest] == ["albert", "alice"]


async def _small(listing: Listing[Any]) -> Any:
    async for page in listing.pages():
        yield page


@pytest.mark.parametrize(
    "broken",
    [
        {"results": [], "pagination": {"has_more": True, "max_per_page": 0, "next_offset": "", "results": 0}},
        {
            "results": [],
            "pagination": {"has_more": "perhaps", "max_per_page": 0, "next_offset": "", "results": 0},
        },
        {"results": []},
        {
            "results": None,
            "pagination": {"has_more": False, "max_per_page": 0, "next_offset": "", "results": 0},
        },
    ],
)
async def test_a_page_that_cannot_be_believed(
    broken: object, lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    sender.script = [tools.answer(200, broken)]
    with pytest.raises(ProtocolError):
        await lakefs.users.list()


async def test_a_repeated_offset_never_loops(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.handler = lambda request: tools.page([user("a")], "a")
    with pytest.raises(ProtocolError):
        await lakefs.users.list()
    assert len(sender.calls) == 2
    sender.handler = lambda request: tools.page([{"access_key_id": "k", "creation_date": 1}], "k")
    with pytest.raises(ProtocolError):
        await lakefs.users.delete("u")
    sender.handler = lambda request: tools.page([], "k", has_more=True)
    with pytest.raises(ProtocolError):
        await lakefs.policies.check("u", "fs:Read", "*")


async def test_more_than_was_asked_for_is_no_page(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [tools.page([user("a"), user("b")])]
    with pytest.raises(ProtocolError):
        await lakefs.users.list(limit=1)


async def test_ids_outside_the_prefix_are_refused(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    for state in (
        tools.answer(200, {"state": "initialized"}),
        tools.answer(200, {"state": "initialized", "login_config": {"RBAC": "external"}}),
        tools.answer(500, {"message": "away"}),
    ):
        sender.script = [tools.page([user("alice"), user("bob")]), state]
        with pytest.raises(ProtocolError, match="prefix"):
            await lakefs.users.list(prefix="al")
        assert sender.sent[-1] == "GET /api/v1/setup_lakefs"


async def test_a_single_user_server_ignores_the_prefix(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    state = tools.answer(200, {"state": "initialized", "login_config": {"RBAC": "none"}})
    sender.script = [tools.page([user("admin")]), state, tools.page([user("admin")])]
    assert list(await lakefs.users.list(prefix="al")) == []
    assert [one.id for one in await lakefs.users.list(prefix="ad")] == ["admin"]


async def test_an_address_is_found_by_a_scan(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    people = [user(f"u{number:04}", email=f"{number % 10}@x") for number in range(2500)]
    sender.handler = server(tools, people)
    assert len(await lakefs.users.list(email="3@x")) == 250
    assert [query["amount"] for query in queries(sender)] == ["1000"] * 3
    pages = [page async for page in lakefs.users.list(email="3@x", prefix="u", limit=7).pages()]
    assert [one.id for one in pages[0].items] == [f"u{number:04}" for number in range(3, 73, 10)]
    follows = await lakefs.users.list(email="3@x", prefix="u", cursor="0063", limit=2)
    assert [one.id for one in follows] == ["u0073", "u0083"]
    assert list(await lakefs.users.list(email="nobody@x")) == []


@given(
    st.lists(st.text("ab+ é", min_size=1, max_size=4), unique=True, max_size=12), st.text("ab", max_size=2)
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_list_is_complete_however_it_is_cut(tools: Any, names: list[str], prefix: str) -> None:
    wanted = sorted((name for name in names if name.startswith(prefix)), key=str.encode)

    async def walk() -> list[str]:
        sender = tools.sender()
        sender.handler = server(tools, [user(name) for name in names])
        lakefs = tools.adapter(sender)
        got: list[str] = []
        cursor: str | None = None
        while True:
            # one item a page, and each page asked for anew: what a caller does who keeps cursors
            page = await anext(lakefs.users.list(prefix=prefix, limit=2, cursor=cursor).pages())
            got += [one.id for one in page.items]
            if page.cursor is None:
                return got
            cursor = page.cursor

    assert anyio.run(walk) == wanted


async def test_effective_policies(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    statement = {"effect": "allow", "action": ["fs:*"], "resource": "*"}
    policies = [{"id": name, "creation_date": 1, "statement": [statement]} for name in ("A", "B")]
    sender.script = [tools.page(policies[:1], "A"), tools.page(policies[1:])]
    found = await lakefs.users.policies("u", effective=True)
    assert [one.id for one in found] == ["A", "B"]
    assert sender.sent[1] == "GET /api/v1/auth/users/u/policies?after=A&amount=1000&effective=True"
    sender.script = [tools.page(policies)]
    await lakefs.users.policies("u")
    assert "effective" not in sender.sent[-1]
    sender.script = [tools.answer(404, {"message": "nobody: not found"})]
    with pytest.raises(NotFoundError):
        await lakefs.users.policies("nobody", effective=True)


async def test_permissions_name_their_policy_and_can_be_paged(
    lakefs: LakeFS, sender: Any, tools: Any
) -> None:
    statement = {"effect": "allow", "action": ["fs:*"], "resource": "*"}
    policies = [{"id": name, "creation_date": 1, "statement": [statement, statement]} for name in ("A", "B")]
    me = tools.answer(200, {"user": user("u")})
    sender.script = [me, tools.page(policies)]
    assert [one.policy for one in await lakefs.policies.permissions()] == ["A", "A", "B", "B"]
    sender.script = [tools.page(policies), tools.page(policies)]
    pages = [page async for page in lakefs.policies.permissions("u", limit=3).pages()]
    assert len(pages[0].items) == 3
    assert [one.policy for one in await lakefs.policies.permissions("u", cursor="3")] == ["B"]


async def test_members_are_users(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [tools.page([user("u", email="u@x", friendly_name="U")])]
    member = (await lakefs.groups.members("g"))[0]
    assert (member.id, member.type, member.email, member.name) == ("u", "user", "u@x", "U")


async def test_policies_of_a_group(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    statement = {"effect": "allow", "action": ["fs:*"], "resource": "*"}
    sender.script = [tools.page([{"id": "P", "creation_date": 1, "statement": [statement]}])]
    assert [one.id for one in await lakefs.groups.policies("g")] == ["P"]
    assert sender.sent == ["GET /api/v1/auth/groups/g/policies?amount=1000"]


async def test_the_id_that_equals_the_prefix(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    """Its offset is empty, which would begin anew: a cursor of the empty string means "after it"."""
    sender.handler = server(tools, [user(name) for name in ("al", "alan", "alice")])
    first = await anext(lakefs.users.list(prefix="al", limit=1).pages())
    assert [one.id for one in first.items] == ["al"]
    assert first.cursor == ""
    second = await anext(lakefs.users.list(prefix="al", limit=1, cursor=first.cursor).pages())
    assert [one.id for one in second.items] == ["alan"]
    rest = await lakefs.users.list(prefix="al", cursor="")
    assert [one.id for one in rest] == ["alan", "alice"]


async def test_ids_and_kinds_are_refused_before_anything_is_sent(lakefs: LakeFS, sender: Any) -> None:
    for ask in (
        lambda: lakefs.users.groups("a/b"),
        lambda: lakefs.users.policies(""),
        lambda: lakefs.groups.members(".."),
        lambda: lakefs.groups.policies("50%"),
        lambda: lakefs.credentials.list("a/b"),
        lambda: lakefs.policies.permissions("a/b"),
    ):
        with pytest.raises(InvalidRequestError):
            ask()
    with pytest.raises(NotSupportedError):
        lakefs.users.list(kind="service")
    with pytest.raises(NotSupportedError):
        lakefs.credentials.list("u", kind="totp")
    assert sender.calls == []
