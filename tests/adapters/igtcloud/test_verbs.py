"""Users, groups and credentials, verb by verb, with what a server may answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from identity_sdk.adapters.igtcloud.adapter import IgtCloud
from identity_sdk.adapters.igtcloud.models import IgtUser
from identity_sdk.adapters.igtcloud.rules import names_of
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    ProtocolError,
)

pytestmark = pytest.mark.anyio

PROFILE = {"givenName": "Ann", "familyName": "Dam", "contact": {"emailAddress": "ann@example.org"}}
ANN = {"loginId": "ann", "userUUID": "u-1", "profile": PROFILE}
BOB = {"loginId": "bob", "userUUID": "u-2"}


async def test_answers_about_somebody_else(igt: IgtCloud, sender: Any, tools: Any) -> None:
    for odd in (BOB, {**ANN, "userUUID": "u-9"}):
        sender.script = [tools.answer(200, [ANN]), tools.answer(200, odd)]
        with pytest.raises(ProtocolError):
            await igt.users.get("ann")
    sender.script = [tools.answer(200, [{"loginId": "ann"}])]
    with pytest.raises(ProtocolError, match="userUUID"):
        await igt.users.get("ann")
    sender.script = [tools.answer(200, [{"userUUID": "u-1"}])]
    with pytest.raises(ProtocolError):
        await igt.users.get("ann")
    sender.script = [tools.answer(200, []), tools.answer(201, BOB)]
    with pytest.raises(ProtocolError):
        await igt.users.create("ann")
    sender.script = [tools.answer(200, {"user": "ann", "sub": "u-1"}), tools.answer(200, BOB)]
    with pytest.raises(ProtocolError):
        await igt.users.me()
    sender.script = [tools.answer(200, {"user": "other spelling", "sub": "u-1"}), tools.answer(200, ANN)]
    assert (await igt.users.me()).id == "ann"


async def test_a_400_is_looked_into(igt: IgtCloud, sender: Any, tools: Any) -> None:
    """For an unknown user and for a fault of another kind the documents know but 400."""
    bad = tools.answer(400, {"message": "something is wrong"})
    for verb, gone in ((igt.users.get, NotFoundError), (igt.users.delete, NotFoundError)):
        sender.script = [tools.answer(200, [ANN]), bad, tools.answer(200, [])]
        with pytest.raises(gone, match="something is wrong"):
            await verb("ann")
        sender.script = [tools.answer(200, [ANN]), bad, tools.answer(200, [ANN])]
        with pytest.raises(InvalidRequestError):
            await verb("ann")
    service = {"serviceId": "s", "id": "7"}
    sender.script = [tools.answer(200, [service]), bad, tools.answer(200, [])]
    with pytest.raises(NotFoundError):
        await igt.users.delete("s", kind="service")
    sender.script = [tools.answer(200, [service]), bad, tools.answer(200, [service])]
    with pytest.raises(InvalidRequestError):
        await igt.users.delete("s", kind="service")
    sender.script = [tools.answer(200, [{"serviceId": "s"}])]
    with pytest.raises(ProtocolError):
        await igt.users.delete("s", kind="service")


async def test_making_a_user(igt: IgtCloud, sender: Any, tools: Any) -> None:
    bare = tools.adapter(sender, email_domain=None)
    with pytest.raises(ConfigurationError, match="email_domain"):
        await bare.users.create("ann")
    sender.script = [tools.answer(200, []), tools.answer(200, ANN)]
    with pytest.raises(ConflictError, match="onboarded"):
        await igt.users.create("ann")
    sender.script = [tools.answer(200, []), tools.answer(200, ANN)]
    assert (await igt.users.create("ann", exist_ok=True)).name == "Ann Dam"
    found = IgtUser.model_validate(ANN)
    sender.script = [tools.answer(200, []), AmbiguousOutcomeError("?", found=found)] * 2
    assert await igt.users.create("ann", exist_ok=True) is found
    with pytest.raises(AmbiguousOutcomeError):
        await igt.users.create("ann")
    look = sender.calls[-1].look
    sender.script = [tools.answer(200, [BOB, ANN]), tools.answer(200, [BOB])]
    assert (await look()).id == "ann"
    assert await look() is None
    for options in ({"kind": "service"}, {"kind": "service", "name": "n", "email": "e"}):
        with pytest.raises((InvalidRequestError, NotSupportedError)):
            await igt.users.create(**options)
    with pytest.raises(NotSupportedError):
        await igt.users.create(kind="service", name="n", exist_ok=True)
    sender.script = [tools.answer(201, {"serviceId": "s", "id": "7"})]
    with pytest.raises(ProtocolError, match="private key"):
        await igt.users.create(kind="service", name="n")
    nowhere = tools.adapter(sender, organization=None)
    with pytest.raises(ConfigurationError, match="organization"):
        await nowhere.users.create(kind="service", name="n")


async def test_changing_a_user(igt: IgtCloud, sender: Any, tools: Any) -> None:
    for wrong in ({"name": None}, {"email": ""}):
        with pytest.raises(InvalidRequestError):
            await igt.users.update("ann", **wrong)
    sender.script = [tools.answer(200, [BOB]), tools.answer(200, BOB)]
    with pytest.raises(ProtocolError, match="give name= and email="):
        await igt.users.update("bob", name="Bob Berg")
    sender.script = [
        tools.answer(200, [BOB]),
        tools.answer(200, BOB),
        tools.answer(204),
        tools.answer(200, BOB),
    ]
    assert (await igt.users.update("bob", name="Bob Berg", email="b@example.org")).id == "bob"
    put = sender.calls[-2]
    assert json.loads(put.request.body) == {
        "loginId": "bob",
        "email": "b@example.org",
        "givenName": "Bob",
        "familyName": "Berg",
    }
    there = {"givenName": "Bob", "familyName": "Berg", "contact": {"emailAddress": "b@example.org"}}
    sender.script = [
        tools.answer(200, {**BOB, "profile": there}),
        tools.answer(200, {**BOB, "profile": there, "settings": {"istLevel": "2"}}),
        tools.answer(200, BOB),
    ]
    assert (await put.look()).id == "bob"  # it is what was sent: the replacement was done
    assert await put.look() is None
    assert await put.look() is None


def test_names() -> None:
    for name, parts in (
        ("Ann", ("Ann", "Ann")),
        ("Ann Dam", ("Ann", "Dam")),
        ("Ann van Dam", ("Ann van", "Dam")),
        (" Ann", (" Ann", " Ann")),
        ("Ann ", ("Ann ", "Ann ")),
    ):
        assert names_of(name) == parts
        profile = {"givenName": parts[0], "familyName": parts[1], "disabled": True}
        read = IgtUser.model_validate({"loginId": "x", "profile": profile})
        assert (read.name, read.email, read.active) == (name, None, False)
    read = IgtUser.model_validate({"loginId": "x", "profile": {"familyName": "Dam"}, "accountStatus": {}})
    assert (read.name, read.active) == ("Dam", None)


async def test_memberships(igt: IgtCloud, sender: Any, tools: Any) -> None:
    group, users = tools.answer(200, [{"id": "g", "name": "G"}]), tools.answer(200, [ANN])
    entry = {"userId": "u-1", "groupIds": ["h", "g"]}
    sender.script = [group, users, tools.answer(200, [entry])]
    await igt.groups.add_member("g", "ann")  # is in it: nothing is written
    sender.script = [
        group,
        users,
        tools.answer(200, [entry]),
        tools.answer(201, [{**entry, "groupIds": ["h"]}]),
    ]
    await igt.groups.remove_member("g", "ann")
    put = sender.calls[-1]
    assert json.loads(put.request.body) == {"userId": "u-1", "groupIds": ["h"]}
    sender.script = [
        tools.answer(200, [{**entry, "groupIds": ["h"]}]),
        tools.answer(200, [entry]),
        tools.answer(200, [{"userId": "u-2"}]),
    ]
    assert (await put.look())[0].group_ids == ("h",)
    assert await put.look() is None
    assert await put.look() is None
    sender.script = [group, users, tools.answer(200, [{**entry, "groupIds": None}]), tools.answer(201, [])]
    await igt.groups.add_member("g", "ann")  # an answer that says nothing of the user is none to hold against
    sender.script = [
        group,
        users,
        tools.answer(200, []),
        tools.answer(201, [{"userId": "u-1", "groupIds": []}]),
    ]
    with pytest.raises(ProtocolError):
        await igt.groups.add_member("g", "ann")
    sender.script = [
        group,
        tools.answer(200, [{"userId": "u-1", "groupIds": ["g"]}]),
        tools.answer(200, [BOB]),
    ]
    (member,) = await igt.groups.members("g")
    assert (member.id, member.uuid) == ("u-1", "u-1")  # unknown to the list of users


async def test_odd_s3_credentials(igt: IgtCloud, sender: Any, tools: Any) -> None:
    sender.script = [tools.answer(200, {"policyCredentials": None})]
    with pytest.raises(PermissionDeniedError):
        await igt.credentials.create()
    for odd in ({}, {"credentials": {"secretKey": "s"}}):
        sender.script = [tools.answer(200, {"policyCredentials": [odd]})]
        with pytest.raises(ProtocolError):
            await igt.credentials.create()
    with pytest.raises(InvalidRequestError):
        await igt.credentials.create(action="")
    with pytest.raises(NotSupportedError):
        await igt.credentials.create("ann")
    endless = {"policyCredentials": [{"credentials": {"accessKey": "A"}}]}
    sender.script = [tools.answer(200, endless)] * 2
    first = await igt.credentials.create()
    assert first.as_boto3() == {"aws_access_key_id": "A"}
    assert first.expires_at is None
    await igt.credentials.create()  # no end is known: fetched again each time
    assert sender.script == []
    for number in range(300):
        sender.script = [tools.answer(200, endless)]
        await igt.credentials.create(prefix=str(number))
    assert len(igt.credentials._kept) == 256
