"""Groups, policies and credentials, verb by verb, with what a server may answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from identity_sdk.adapters.lakefs.adapter import LakeFS
from identity_sdk.adapters.lakefs.models import LakeFSCredential, LakeFSGroup, LakeFSPolicy
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
    ProtocolError,
    ServerError,
)
from identity_sdk.models import Credential, Statement

pytestmark = pytest.mark.anyio

ALLOW = Statement(effect="allow", actions=("fs:*",), resources=("*",))
WIRE = {"effect": "allow", "action": ["fs:*"], "resource": "*"}
OTHER = {**WIRE, "effect": "deny"}


def policy(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "p", "creation_date": 1, "statement": list(statements), **more}


@pytest.fixture
def say(tools: Any) -> Any:
    class Say:
        gone = tools.answer(404, {"message": "not found"})
        taken = tools.answer(409, {"message": "Already exists"})
        done = tools.answer(201)
        deleted = tools.answer(204)
        refused = tools.answer(401, {"message": "insufficient permissions"})
        left_out = tools.answer(501, {"message": "Not Implemented"})
        broken = tools.answer(500, {"message": "away"})
        group = tools.answer(200, {"id": "g", "creation_date": 1})
        me = tools.answer(200, {"user": {"id": "me", "creation_date": 1}})
        key = tools.answer(200, {"access_key_id": "k", "creation_date": 1})
        new_key = tools.answer(201, {"access_key_id": "n", "creation_date": 1, "secret_access_key": "s"})
        keys = staticmethod(
            lambda *names: tools.page([{"access_key_id": name, "creation_date": 1} for name in names])
        )
        policy = staticmethod(lambda *args, status=200, **more: tools.answer(status, policy(*args, **more)))

    return Say


# Groups.


async def test_making_a_group(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.taken]
    with pytest.raises(ConflictError):
        await lakefs.groups.create("g")
    sender.script = [say.taken, say.group]
    assert (await lakefs.groups.create("g", exist_ok=True)).id == "g"
    sender.script = [say.taken, say.gone]
    with pytest.raises(ConflictError):
        await lakefs.groups.create("g", exist_ok=True)
    found = LakeFSGroup.model_validate({"id": "g"})
    sender.script = [AmbiguousOutcomeError("?", found=found)] * 2
    assert await lakefs.groups.create("g", exist_ok=True) is found
    with pytest.raises(AmbiguousOutcomeError):
        await lakefs.groups.create("g")
    for refused in ({"name": "G"}, {"description": "D"}):
        with pytest.raises(NotSupportedError):
            await lakefs.groups.create("g", **refused)
    with pytest.raises(NotSupportedError):
        await lakefs.groups.update("g", name="G")


async def test_deleting_groups_and_policies(lakefs: LakeFS, sender: Any, say: Any) -> None:
    for delete in (lakefs.groups.delete, lakefs.policies.delete):
        sender.script = [say.deleted, say.gone, say.gone]
        assert (await delete("x")).existed
        with pytest.raises(NotFoundError):
            await delete("x")
        assert not (await delete("x", missing_ok=True)).existed
    sender.script = [say.gone]
    assert not (await lakefs.groups.delete("a+b", missing_ok=True)).existed


async def test_a_membership_again_is_no_error(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.taken, say.deleted, say.gone]
    await lakefs.groups.add_member("g", "u")
    await lakefs.groups.remove_member("g", "u")
    with pytest.raises(NotFoundError):
        await lakefs.groups.add_member("g", "nobody")
    with pytest.raises(NotSupportedError):
        await lakefs.groups.add_member("g", "u", role="admin")


# Policies.


async def test_making_a_policy(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.policy(WIRE, status=201)]
    made = await lakefs.policies.create("p", statements=[ALLOW])
    assert made.statements[0].actions == ("fs:*",)
    sender.script = [say.taken]
    with pytest.raises(ConflictError, match="Already"):
        await lakefs.policies.create("p", statements=[ALLOW])
    sender.script = [say.taken, say.policy(WIRE)]
    assert (await lakefs.policies.create("p", statements=[ALLOW], exist_ok=True)).id == "p"
    sender.script = [say.taken, say.policy(OTHER)]
    with pytest.raises(ConflictError, match="something else"):
        await lakefs.policies.create("p", statements=[ALLOW], exist_ok=True)
    sender.script = [say.taken, say.gone]
    with pytest.raises(ConflictError, match="Already"):
        await lakefs.policies.create("p", statements=[ALLOW], exist_ok=True)
    for refused in ({"name": "P"}, {"description": "D"}):
        with pytest.raises(NotSupportedError):
            await lakefs.policies.create("p", statements=[ALLOW], **refused)


async def test_a_policy_of_unknown_outcome(lakefs: LakeFS, sender: Any) -> None:
    same, other = (LakeFSPolicy.model_validate(policy(one)) for one in (WIRE, OTHER))
    sender.script = [AmbiguousOutcomeError("?", found=same)] * 2 + [AmbiguousOutcomeError("?", found=other)]
    with pytest.raises(AmbiguousOutcomeError):
        await lakefs.policies.create("p", statements=[ALLOW])
    assert await lakefs.policies.create("p", statements=[ALLOW], exist_ok=True) is same
    with pytest.raises(ConflictError):
        await lakefs.policies.create("p", statements=[ALLOW], exist_ok=True)


CONDITIONED = Statement.model_validate(
    {**ALLOW.model_dump(), "condition": {"IpAddress": {"ip": ["10.0.0.0/8"]}}}
)


async def test_a_condition_that_the_server_drops_is_not_left_there(
    lakefs: LakeFS, sender: Any, say: Any
) -> None:
    sender.script = [say.policy(WIRE, status=201), say.deleted]
    with pytest.raises(NotSupportedError, match="kept less"):
        await lakefs.policies.create("p", statements=[CONDITIONED])
    assert sender.sent[-1] == "DELETE /api/v1/auth/policies/p"
    assert json.loads(sender.calls[0].request.body)["statement"][0]["condition"]
    sender.script = [say.policy(WIRE), say.policy(WIRE)]
    with pytest.raises(ProtocolError, match="other statements"):
        await lakefs.policies.update("p", statements=[CONDITIONED])


async def test_read_modify_write_keeps_what_it_does_not_know(lakefs: LakeFS, sender: Any, say: Any) -> None:
    odd = {**OTHER, "condition": {"a": {"b": ["c"]}}, "note": 7}
    read = policy(odd, acl={"permission": "Read"})
    sender.script = [say.policy(odd, acl={"permission": "Read"})]
    there = await lakefs.policies.get("p")
    sender.script = [
        say.policy(odd, acl={"permission": "Read"}),
        say.policy(odd, WIRE, acl={"permission": "Read"}),
    ]
    await lakefs.policies.update("p", statements=[*there.statements, ALLOW])
    sent = json.loads(sender.calls[-1].request.body)
    assert sent == {"id": "p", "statement": [odd, WIRE], "acl": read["acl"]}


async def test_changing_nothing(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.policy(WIRE)]
    assert (await lakefs.policies.update("p")).id == "p"
    assert sender.sent == ["GET /api/v1/auth/policies/p"]
    sender.script = [say.refused]
    with pytest.raises(PermissionDeniedError):
        await lakefs.policies.update("p")


async def test_who_may_write_and_not_read(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.refused, say.policy(WIRE)]
    await lakefs.policies.update("p", statements=[ALLOW])
    sender.script = [say.gone]
    with pytest.raises(NotFoundError):
        await lakefs.policies.update("p", statements=[ALLOW])


async def test_attaching(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.done, say.taken, say.deleted, say.deleted]
    await lakefs.policies.attach("p", user="u")
    await lakefs.policies.attach("p", group="g")
    await lakefs.policies.detach("p", user="u")
    await lakefs.policies.detach("p", group="g")
    assert sender.sent == [
        "PUT /api/v1/auth/users/u/policies/p",
        "PUT /api/v1/auth/groups/g/policies/p",
        "DELETE /api/v1/auth/users/u/policies/p",
        "DELETE /api/v1/auth/groups/g/policies/p",
    ]
    for wrong in ({}, {"user": "u", "group": "g"}, {"user": "a/b"}, {"group": ""}):
        with pytest.raises(InvalidRequestError):
            await lakefs.policies.attach("p", **wrong)
    assert len(sender.calls) == 4


async def test_require(lakefs: LakeFS, sender: Any, tools: Any) -> None:
    sender.script = [tools.page([policy(WIRE)]), tools.page([policy(OTHER)])]
    await lakefs.policies.require("u", "fs:ReadObject", "*")
    with pytest.raises(PermissionDeniedError, match="statement 1 of policy p denies"):
        await lakefs.policies.require("u", "fs:ReadObject", "*")


# Credentials.


async def test_whose_keys(lakefs: LakeFS, sender: Any, say: Any, tools: Any) -> None:
    sender.script = [say.me, tools.page([{"access_key_id": "a", "creation_date": 1}], "a"), say.keys("b")]
    assert [(key.id, key.user_id) for key in await lakefs.credentials.list()] == [("a", "me"), ("b", "me")]
    sender.script = [say.keys("k")]
    key = (await lakefs.credentials.list("u"))[0]
    sender.script = [say.key, say.me, say.key]
    assert (await lakefs.credentials.get(key)).user_id == "u"
    assert (await lakefs.credentials.get("k")).user_id == "me"
    with pytest.raises(InvalidRequestError, match="belongs to u"):
        await lakefs.credentials.get(key, user="other")
    with pytest.raises(InvalidRequestError):
        await lakefs.credentials.get("a/b", user="u")
    nobodys = Credential(id="k")
    sender.script = [say.key]
    assert (await lakefs.credentials.get(nobodys, user="u")).user_id == "u"


async def test_making_a_key(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.keys("k"), say.new_key]
    key = await lakefs.credentials.create("u")
    assert key.secret is not None
    assert (key.secret.reveal(), key.user_id, key.kind) == ("s", "u", "access_key")
    for look in (say.gone, say.left_out, say.refused):
        sender.script = [look, say.new_key]
        await lakefs.credentials.create("u")
    sender.script = [say.broken]
    with pytest.raises(ServerError):
        await lakefs.credentials.create("u")
    for refused in ({"name": "laptop"}, {"lifetime": 60.0}, {"kind": "totp"}):
        with pytest.raises(NotSupportedError):
            await lakefs.credentials.create("u", **refused)


async def test_a_key_of_unknown_outcome(lakefs: LakeFS, sender: Any, say: Any) -> None:
    async def outcome(*script: Any) -> AmbiguousOutcomeError:
        sender.script = [*script]
        with pytest.raises(AmbiguousOutcomeError) as caught:
            await lakefs.credentials.create("u")
        return caught.value

    one = await outcome(say.keys("a"), AmbiguousOutcomeError("?"), say.keys("a", "n"))
    assert [key.id for key in one.found] == ["n"]  # type: ignore[attr-defined]
    assert "n. Its secret is lost" in str(one)
    none = await outcome(say.keys("a"), AmbiguousOutcomeError("?"), say.keys("a"))
    assert none.found == ()
    assert "No key is new so far" in str(none)
    blind = await outcome(say.refused, AmbiguousOutcomeError("?", how_to_find_out="look"))
    assert (blind.found, blind.how_to_find_out) == (None, "look")
    deaf = await outcome(say.keys("a"), AmbiguousOutcomeError("?", how_to_find_out="look"), say.broken)
    assert (deaf.found, deaf.how_to_find_out) == (None, "look")


async def test_deleting_a_key(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.key, say.deleted]
    deletion = await lakefs.credentials.delete("k", user="u")
    assert deletion.existed
    assert "login tokens" in deletion.residual[0].what
    sender.script = [say.gone, say.keys()] * 2
    with pytest.raises(NotFoundError):
        await lakefs.credentials.delete("k", user="u")
    assert not (await lakefs.credentials.delete("k", user="u", missing_ok=True)).existed


async def test_a_key_of_another_user_is_not_said_to_be_deleted(lakefs: LakeFS, sender: Any, say: Any) -> None:
    """The server would answer 204 and delete nothing."""
    sender.script = [say.gone, say.refused]
    with pytest.raises(NotFoundError):
        await lakefs.credentials.delete("k", user="other")
    assert not any(sent.startswith("DELETE") for sent in sender.sent)


async def test_a_key_that_a_vanished_user_left_is_not_said_to_be_gone(
    lakefs: LakeFS, sender: Any, say: Any
) -> None:
    sender.script = [say.gone, say.keys("k")]
    with pytest.raises(ConflictError, match=r"users\.delete\('u'\)"):
        await lakefs.credentials.delete("k", user="u", missing_ok=True)


async def test_waiting_for_a_key_to_die(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.key, say.deleted, say.key, say.key, say.gone]
    await lakefs.credentials.delete("k", user="u", wait=True)
    assert sender.slept == [23.0, 1.0, 1.0]
    sender.left, sender.script = 24.5, [say.key, say.deleted, *[say.key] * 9]
    with pytest.raises(PartialFailureError, match="still answers") as caught:
        await lakefs.credentials.delete("k", user="u", wait=True)
    assert caught.value.done == ("deleted access key k",)
    sender.left, sender.script = 24.5, [say.key, say.deleted, say.broken]
    with pytest.raises(PartialFailureError, match="away"):
        await lakefs.credentials.delete("k", user="u", wait=True)


async def test_rotating(lakefs: LakeFS, sender: Any, say: Any) -> None:
    sender.script = [say.me, say.key, say.keys("k"), say.new_key, say.deleted]
    async with lakefs.credentials.rotate("k") as new:
        assert isinstance(new, LakeFSCredential)
        assert (new.id, new.user_id) == ("n", "me")
    assert sender.sent[-1] == "DELETE /api/v1/auth/users/me/credentials/k"
    sender.script = [say.key, say.keys("k"), say.new_key, say.gone]
    async with lakefs.credentials.rotate("k", user="u"):
        """It deleted the old one itself."""
    sender.script = [say.key, say.keys("k"), say.new_key, say.broken]
    with pytest.raises(PartialFailureError, match="both alive"):
        async with lakefs.credentials.rotate("k", user="u"):
            """Well done."""
    sender.script = [say.gone]
    with pytest.raises(NotFoundError):
        async with lakefs.credentials.rotate("k", user="u"):
            raise AssertionError("nothing was rotated")


async def test_passwords(lakefs: LakeFS, sender: Any, say: Any, tools: Any) -> None:
    sender.script = [say.deleted, say.done, tools.answer(404, {"message": "invalid API endpoint"})]
    await lakefs.credentials.request_password_reset("a@b.c")
    await lakefs.credentials.reset_password("canary-token", "canary-password")
    assert json.loads(sender.calls[1].request.body) == {
        "token": "canary-token",
        "newPassword": "canary-password",
    }
    assert "canary" not in repr(sender.calls[1].request)
    with pytest.raises(NotSupportedError, match="are gone"):
        await lakefs.credentials.request_password_reset("a@b.c")
    for verb in (lakefs.credentials.renew("k"), lakefs.credentials.confirm("k", "123456")):
        with pytest.raises(NotSupportedError):
            await verb
