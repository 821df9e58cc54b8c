"""``users.create`` and ``users.delete`` step by step, with what a server may answer at each."""

from __future__ import annotations

from typing import Any

import pytest

from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.adapters.lakefs.models import LakeFSUser
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
    ServerError,
)

pytestmark = pytest.mark.anyio

LIST, DELETE, LISTED = (
    "/api/v1/auth/users/u/credentials?amount=1000",
    "DELETE /api/v1/auth/users/u",
    "user not found",
)
KEYS, MAKE, GET = f"GET {LIST}", "POST /api/v1/auth/users", "GET /api/v1/auth/users/u"
THERE = "GET /api/v1/auth/users?prefix=u&amount=1"


def key(name: str, made: int = 5) -> dict[str, object]:
    return {"access_key_id": name, "creation_date": made}


def user(made: int = 9) -> dict[str, object]:
    return {"id": "u", "creation_date": made}


@pytest.fixture
def say(tools: Any) -> Any:
    """Answers by name."""

    class Say:
        keys = staticmethod(lambda *names, made=5: tools.page([key(name, made) for name in names]))
        made = tools.answer(201, user())
        there = tools.answer(200, user())
        listed = tools.page([user()])
        none_listed = tools.page([])
        gone = tools.answer(404, {"message": LISTED})
        no_key = tools.answer(404, {"message": "credentials not found"})
        deleted = tools.answer(204)
        taken = tools.answer(409, {"message": "Already exists"})
        refused = tools.answer(401, {"message": "insufficient permissions"})
        left_out = tools.answer(501, {"message": "Not Implemented"})
        broken = tools.answer(500, {"message": "away"})

    return Say


# Making.


async def test_a_new_name_is_looked_at_before_and_after(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.made, say.keys()]
    assert await lakefs.users.create("u") == LakeFSUser.model_validate({"id": "u"})
    assert sender.sent == [KEYS, MAKE, KEYS]


async def test_an_invitation(lakefs: LakeFS, sender: Any, say: Any, tools: Any) -> None:
    made = tools.answer(201, {"id": "a@b.c", "creation_date": 0})
    sender.script = [say.keys(), made, say.keys()]
    assert (await lakefs.users.create("a@b.c", invite=True)).created_at is None
    assert sender.calls[1].request.body == b'{"id":"a@b.c","invite_user":true}'


async def test_keep_looks_at_nothing(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.made]
    await lakefs.users.create("u", existing_credentials="keep")
    assert sender.sent == [MAKE]


async def test_a_server_without_lists_of_keys(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.left_out, say.made]
    await lakefs.users.create("u")
    assert sender.sent == [KEYS, MAKE]


async def test_a_server_that_knows_no_keys_of_nobody(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.gone, say.made, say.gone]
    await lakefs.users.create("u")


async def test_who_may_not_look_is_told_the_way_out(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.refused]
    with pytest.raises(PermissionDeniedError, match="existing_credentials='keep'"):
        await lakefs.users.create("u")
    assert sender.sent == [KEYS]


async def test_keys_of_a_former_user_stop_it(lakefs: LakeFS, sender: Any, say: Any) -> None:
    names = [f"k{number}" for number in range(7)]
    sender.script = [say.keys(*names), say.gone]
    with pytest.raises(ConflictError, match=r"7 access key.*k0, k1, k2, k3, k4, …"):
        await lakefs.users.create("u")
    assert sender.sent == [KEYS, GET]


async def test_keys_of_a_former_user_go_as_soon_as_they_can(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [
        say.keys("a", "b"),
        say.gone,
        say.made,
        say.keys("a", "b"),
        say.deleted,
        say.no_key,
        say.keys(),
    ]
    await lakefs.users.create("u", existing_credentials="delete")
    assert sender.sent == [
        KEYS, GET, MAKE, KEYS, f"{DELETE}/credentials/a", f"{DELETE}/credentials/b", KEYS,
    ]  # fmt: skip


async def test_a_read_out_of_the_cache_does_not_make_a_user(lakefs: LakeFS, sender: Any, say: Any) -> None:
    """The user was deleted a moment ago: the read still answers it, the list does not."""
    sender.script = [say.keys("a"), say.there, say.none_listed]
    with pytest.raises(ConflictError, match="former user"):
        await lakefs.users.create("u", exist_ok=True)
    assert sender.sent == [KEYS, GET, THERE]


async def test_keys_of_the_user_that_is_there_are_its_own(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys("a", made=9), say.there, say.listed]
    assert (await lakefs.users.create("u", exist_ok=True, existing_credentials="delete")).id == "u"
    sender.script = [say.keys("a", made=9), say.there, say.refused]
    with pytest.raises(ConflictError, match="there is a user"):
        await lakefs.users.create("u")


async def test_a_user_with_older_keys_was_made_by_a_run_that_was_cut_off(
    lakefs: LakeFS, sender: Any, say: Any
) -> None:
    sender.script = [say.keys("a", made=8), say.there, say.listed]
    with pytest.raises(ConflictError, match="former user"):
        await lakefs.users.create("u", exist_ok=True)
    sender.script = [say.keys("a", made=8), say.there, say.listed, say.deleted]
    assert (await lakefs.users.create("u", exist_ok=True, existing_credentials="delete")).id == "u"
    assert sender.sent[-1] == f"{DELETE}/credentials/a"


async def test_keys_that_came_between_undo_it(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.made, say.keys("a", made=9), say.deleted]
    with pytest.raises(ConflictError, match="former user"):
        await lakefs.users.create("u")
    assert sender.sent[-1] == DELETE


async def test_a_key_of_the_new_user_is_left_alone(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.made, say.keys("fresh", made=10)]
    await lakefs.users.create("u")
    assert sender.sent == [KEYS, MAKE, KEYS]


async def test_a_look_that_fails_undoes_it(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.made, say.broken, say.deleted]
    with pytest.raises(ServerError):
        await lakefs.users.create("u")
    assert sender.sent[-1] == DELETE


async def test_when_even_that_fails_it_says_what_is_done(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.made, say.broken, say.broken]
    with pytest.raises(PartialFailureError) as caught:
        await lakefs.users.create("u")
    assert caught.value.done == ("made user u",)
    assert "alive" in caught.value.left[0]


async def test_half_of_the_keys(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [
        say.keys("a", "b"), say.gone, say.made, say.keys("a", "b"), say.deleted, say.broken, say.deleted,
    ]  # fmt: skip
    with pytest.raises(PartialFailureError) as caught:
        await lakefs.users.create("u", existing_credentials="delete")
    assert caught.value.done == ("deleted access key a",)
    assert caught.value.left[0] == "make user u"


async def test_keys_that_never_end(lakefs: LakeFS, sender: Any, say: Any) -> None:
    rounds = [say.keys("a"), say.deleted]
    sender.script = [say.keys("a"), say.gone, say.made, *rounds, *rounds, *rounds, say.deleted]
    with pytest.raises(ConflictError, match="keep appearing"):
        await lakefs.users.create("u", existing_credentials="delete")


async def test_somebody_was_faster(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.taken]
    with pytest.raises(ConflictError, match="Already exists"):
        await lakefs.users.create("u")
    sender.script = [say.keys(), say.taken, say.there, say.listed]
    assert (await lakefs.users.create("u", exist_ok=True)).id == "u"
    sender.script = [say.keys(), say.taken, say.gone]
    with pytest.raises(ConflictError):
        await lakefs.users.create("u", exist_ok=True)


async def test_an_unknown_outcome(lakefs: LakeFS, sender: Any, say: Any) -> None:
    found = LakeFSUser.model_validate({"id": "u"})
    sender.script = [say.keys(), AmbiguousOutcomeError("?", found=found)]
    with pytest.raises(AmbiguousOutcomeError) as caught:
        await lakefs.users.create("u")
    assert caught.value.found is found
    sender.script = [say.keys(), AmbiguousOutcomeError("?", found=found), say.there, say.listed]
    assert (await lakefs.users.create("u", exist_ok=True)).id == "u"
    # Whoever made it: the keys of the former user are alive now, and go.
    sender.script = [say.keys("a"), say.gone, AmbiguousOutcomeError("?", found=found), say.deleted]
    with pytest.raises(AmbiguousOutcomeError):
        await lakefs.users.create("u", existing_credentials="delete")
    assert sender.sent[-1] == f"{DELETE}/credentials/a"
    sender.script = [say.keys("a"), say.gone, AmbiguousOutcomeError("?", found=found), say.broken]
    with pytest.raises(PartialFailureError) as partial:
        await lakefs.users.create("u", existing_credentials="delete")
    assert partial.value.done == ("asked for user u",)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"id": None}, InvalidRequestError),
        ({"id": "a/b"}, InvalidRequestError),
        ({"id": "u", "existing_credentials": "adopt"}, InvalidRequestError),
        ({"id": "u", "name": "U"}, NotSupportedError),
        ({"id": "u", "email": "a@b.c"}, NotSupportedError),
        ({"id": "u", "password": "x"}, NotSupportedError),
        ({"id": "u", "kind": "service"}, NotSupportedError),
    ],
)
async def test_what_it_cannot_do_is_refused_before_anything_is_sent(
    options: dict[str, Any], kind: type[Exception], lakefs: LakeFS, sender: Any
) -> None:
    with pytest.raises(kind):
        await lakefs.users.create(**options)
    assert sender.calls == []


async def test_users_cannot_be_changed(lakefs: LakeFS) -> None:
    with pytest.raises(NotSupportedError, match=r"policies\.attach"):
        await lakefs.users.update("u")


# Deleting.


async def test_keys_first_then_the_user_then_a_look(
    lakefs: LakeFS, sender: Any, say: Any, tools: Any
) -> None:
    sender.script = [say.keys("a", "b"), say.deleted, say.deleted, say.keys(), say.deleted, say.keys()]
    deletion = await lakefs.users.delete("u")
    assert sender.sent == [
        KEYS, f"{DELETE}/credentials/a", f"{DELETE}/credentials/b", KEYS, DELETE, KEYS,
    ]  # fmt: skip
    assert deletion.existed
    assert deletion.residual[0].until is not None
    assert deletion.residual[0].until.timestamp() == tools.now + 7 * 24 * 3600


async def test_all_pages_of_keys(lakefs: LakeFS, sender: Any, say: Any, tools: Any) -> None:
    sender.script = [
        tools.page([key("a")], "a"), say.keys("b"), say.deleted, say.deleted, say.keys(), say.deleted, say.keys(),
    ]  # fmt: skip
    await lakefs.users.delete("u")
    assert "after=a" in sender.sent[1]


async def test_nobody_there(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.gone, say.keys()]
    with pytest.raises(NotFoundError, match=LISTED):
        await lakefs.users.delete("u")
    sender.script = [say.keys(), say.gone, say.keys()]
    deletion = await lakefs.users.delete("u", missing_ok=True, wait=True)
    assert not deletion.existed
    assert sender.slept == [], "nothing was there to wait for"


async def test_a_key_made_meanwhile(lakefs: LakeFS, sender: Any, say: Any) -> None:
    """It came between the look and the deletion: while the server's cache knows the user, it can be deleted."""
    sender.script = [say.keys(), say.deleted, say.keys("late"), say.deleted, say.keys()]
    await lakefs.users.delete("u")
    assert sender.sent[3] == f"{DELETE}/credentials/late"


async def test_keys_of_a_vanished_user(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [
        say.keys("a"), say.no_key, say.keys("a"),  # listed, and not found
        say.gone,  # so the user is gone as well
        say.keys("a"), say.no_key, say.keys("a"),
        say.made, say.keys("a"), say.deleted, say.keys(), say.deleted, say.keys(),
    ]  # fmt: skip
    deletion = await lakefs.users.delete("u")
    assert deletion.existed
    assert sender.sent[7:] == [MAKE, KEYS, f"{DELETE}/credentials/a", KEYS, DELETE, KEYS]


async def test_a_name_that_was_given_anew_meanwhile(lakefs: LakeFS, sender: Any, say: Any) -> None:
    stuck = [say.keys("a"), say.no_key, say.keys("a")]
    sender.script = [*stuck, say.gone, *stuck, say.taken]
    with pytest.raises(ConflictError, match="given anew"):
        await lakefs.users.delete("u")


async def test_an_unknown_outcome_on_the_way(lakefs: LakeFS, sender: Any, say: Any) -> None:
    stuck = [say.keys("a"), say.no_key, say.keys("a")]
    unknown = AmbiguousOutcomeError("?", found=LakeFSUser.model_validate({"id": "u"}))
    sender.script = [
        *stuck,
        say.gone,
        *stuck,
        unknown,
        say.keys("a"),
        say.deleted,
        say.keys(),
        say.deleted,
        say.keys(),
    ]
    assert (await lakefs.users.delete("u")).existed
    sender.script = [*stuck, say.gone, *stuck, AmbiguousOutcomeError("?")]
    with pytest.raises(AmbiguousOutcomeError):
        await lakefs.users.delete("u")


async def test_keys_that_keep_appearing(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.handler = lambda request: say.deleted if request.method == "DELETE" else say.keys("a")
    with pytest.raises(PartialFailureError, match="keep appearing"):
        await lakefs.users.delete("u")
    assert len(sender.calls) == 20


async def test_a_vanished_user_whose_keys_never_end(lakefs: LakeFS, sender: Any, say: Any) -> None:
    def reply(request: Any) -> Any:
        if request.method == "POST":
            return say.made
        if request.method == "GET":
            return say.keys("a")
        return say.no_key if "credentials" in request.target else say.deleted

    sender.handler = reply
    with pytest.raises(PartialFailureError, match="keep appearing"):
        await lakefs.users.delete("u")


async def test_a_server_that_lists_no_keys(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.left_out, say.deleted, say.left_out]
    deletion = await lakefs.users.delete("u")
    assert any("does not list" in one.what for one in deletion.residual)
    sender.script = [say.gone, say.deleted, say.gone]
    assert len((await lakefs.users.delete("u")).residual) == 1


async def test_it_stops_before_anything_is_done(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.refused]
    with pytest.raises(PermissionDeniedError):
        await lakefs.users.delete("u")


@pytest.mark.parametrize("number", range(1, 6))
async def test_it_stops_half_way(number: int, lakefs: LakeFS, sender: Any, say: Any) -> None:
    script = [say.keys("a", "b"), say.deleted, say.deleted, say.keys(), say.deleted, say.keys()]
    script[number] = say.broken
    sender.script = script
    if number == 1:
        with pytest.raises(ServerError):
            await lakefs.users.delete("u")
        return
    with pytest.raises(PartialFailureError) as caught:
        await lakefs.users.delete("u")
    assert isinstance(caught.value.__cause__, ServerError)
    assert caught.value.done[0] == "deleted access key a"
    assert caught.value.left[-1] == "look at its access keys once more"
    assert ("deleted user u" in caught.value.done) is (number == 5)


async def test_waiting(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys(), say.deleted, say.keys(), say.keys()]
    await lakefs.users.delete("u", wait=True)
    assert sender.slept == [23.0]
    assert sender.sent[-1] == KEYS


async def test_waiting_takes_time_that_must_be_there(lakefs: LakeFS, sender: Any) -> None:
    sender.left = 22.9
    for work in (
        lambda: lakefs.users.delete("u", wait=True),
        lambda: lakefs.credentials.delete("k", user="u", wait=True),
    ):
        with pytest.raises(ConfigurationError, match="deadline"):
            await work()
    assert sender.calls == []


async def test_something_that_came_to_life_while_waiting(lakefs: LakeFS, sender: Any, say: Any) -> None:
    script = [say.keys(), say.deleted, say.keys(), say.keys("late"), say.deleted, say.keys()]
    sender.script, sender.left = [*script, say.keys()], 60.0
    await lakefs.users.delete("u", wait=True)
    assert sender.slept == [23.0, 23.0]
    sender.script, sender.left = [*script], 30.0
    with pytest.raises(PartialFailureError) as caught:
        await lakefs.users.delete("u", wait=True)
    assert caught.value.left == ("wait until the server's caches have forgotten them",)
