"""Answers that are odd, wrong or half: each becomes a typed error or a plain value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from identity_sdk.adapters.argus.adapter import Argus
from identity_sdk.adapters.argus.models import ArgusPermission, ArgusUser
from identity_sdk.adapters.argus.rules import check_name, days
from identity_sdk.adapters.argus.signin import cookie_of
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    PartialFailureError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from identity_sdk.models import Credential
from identity_sdk.wire.request import Response
from tests.adapters.argus.conftest import FakeSender, answer

pytestmark = pytest.mark.anyio

ANN = {"id": 7, "shortName": "ann", "name": "Ann", "flags": []}
ME = {"id": 9, "userName": "me", "name": "Me", "flags": []}
TEAM = {"id": 8, "shortName": "team", "name": "Team", "flags": [], "type": "group"}
KEY = {
    "prefix": "7/1",
    "description": "d",
    "createdTimestamp": 1_700_000_000_000,
    "validUntil": 1_700_086_400_000,
}
VIEW = {"id": 5, "name": "view"}
DENIED = answer(None, 403)
FAILED = AmbiguousOutcomeError("no answer came", how_to_find_out="look")


def said(status: int, *messages: dict[str, Any]) -> Response:
    return answer(None, status, messages=list(messages))


async def test_errors_carry_the_message_its_template_and_the_fields(
    adapter: Argus, sender: FakeSender
) -> None:
    field = {"type": "FIELD_ERROR", "field": "name", "message": "is bad", "messageTemplate": "bad.name"}
    plain = {"type": "ACTION_ERROR", "field": None, "message": "No", "messageTemplate": "no"}
    cases: tuple[tuple[Response, type[IdentityError], str, str | None], ...] = (
        (said(412, field), InvalidRequestError, "name: is bad", "bad.name"),
        (said(401, plain), AuthenticationError, "No", "no"),
        (said(403, {"message": " "}, plain), PermissionDeniedError, "No", "no"),
        (said(404), NotFoundError, "no message (status 404)", None),
        (said(422, {"message": "x", "messageTemplate": 5}), InvalidRequestError, "x", None),
        (said(503), ServerError, "no message (status 503)", None),
        (Response(412, {}, b"", reason="Precondition"), InvalidRequestError, "Precondition", None),
        (Response(403, {"content-type": "text/plain"}, b"Go away"), PermissionDeniedError, "Go away", None),
        (Response(404, {}, b'{"messages": 5}'), NotFoundError, "no message", None),
        (Response(404, {}, b"[1]"), NotFoundError, "[1]", None),
        (Response(429, {"retry-after": "7"}, b""), RateLimitedError, "no message (status 429)", None),
    )
    for response, kind, message, code in cases:
        sender.script = [response]
        with pytest.raises(kind) as raised:
            await adapter.native.apikey.list()
        assert (raised.value.message, raised.value.code) == (message, code)
        assert (raised.value.provider, raised.value.status) == ("argus", response.status)
    sender.script = [said(412, field)]
    with pytest.raises(InvalidRequestError) as invalid:
        await adapter.native.apikey.list()
    assert (invalid.value.sent, dict(invalid.value.fields)) == (True, {"name": "is bad"})


async def test_times_and_texts_that_are_not_there(adapter: Argus) -> None:
    user = ArgusUser.model_validate({**ANN, "email": "", "flags": None, "createdTimestamp": 0, "unknown": 1})
    assert (user.email, user.active, user.flags, user.created_at) == (None, None, (), None)
    assert (user.model_extra or {})["unknown"] == 1
    assert "unknown" not in user.model_dump()
    blocked = ArgusUser.model_validate({**ANN, "flags": ["blocked"], "createdTimestamp": 1_700_000_000_500})
    assert blocked.active is False
    assert blocked.created_at == datetime.fromtimestamp(1_700_000_000.5, UTC)
    for wrong in ("soon", True, 10**30):
        with pytest.raises(ValueError, match="milliseconds"):
            ArgusUser.model_validate({**ANN, "createdTimestamp": wrong})
    assert ArgusPermission.model_validate({"id": 1}).function_name is None
    bare = ArgusPermission.model_validate({"id": 1, "functionInfo": VIEW, "customer": {"id": 3}})
    assert (bare.function_name, bare.customer_name) == ("view", "3")
    assert cookie_of(("bad;;=\x00", "a=b", "argus_session=x; Path=/"), "argus_session") is not None
    assert cookie_of(("\x01=1",), "argus_session") is None


async def test_an_answer_about_another(adapter: Argus, sender: FakeSender) -> None:
    for data, kind in (
        ({**ANN, "shortName": "bob"}, ProtocolError),
        (None, NotFoundError),
        ({**ANN, "flags": ["deleted"]}, NotFoundError),
    ):
        sender.script = [answer(data)]
        with pytest.raises(kind):
            await adapter.users.get("ann")
    sender.script = [answer(None)]
    with pytest.raises(ProtocolError):
        await adapter.users.me()
    sender.script = [answer({**ME, "userName": ""})]
    with pytest.raises(ProtocolError):
        await adapter.users.me()
    sender.script = [answer({"apiKeyString": "other/secret", "keyDescriptor": KEY})]
    sender.script = [answer(ANN), answer({"keys": None}), *sender.script]
    with pytest.raises(ProtocolError):
        await adapter.credentials.create("ann")
    sender.script = [answer(ANN), answer({"keys": []}), answer(None)]
    with pytest.raises(ProtocolError):
        await adapter.credentials.create("ann")
    sender.script = [answer(ANN), answer(None)]
    with pytest.raises(ProtocolError):
        await adapter.credentials.create("ann", kind="totp")
    sender.script = [answer(ANN), answer(None)]
    with pytest.raises(ProtocolError):
        await adapter.credentials.renew("7/1", user="ann")
    sender.script = [answer(None)]
    with pytest.raises(ProtocolError):
        await adapter.sessions.create("api_key", secret="k")


async def test_pages_by_count_and_without(adapter: Argus, sender: FakeSender) -> None:
    def users(*names: str) -> list[dict[str, Any]]:
        return [{**ANN, "shortName": name} for name in names]

    for count in (3, -1, 0):
        more = {"count": count, "limit": 2}
        sender.script = [answer(users("a", "b"), **more), answer(users("c"), **more)]
        assert [one.id for one in await adapter.users.list()] == ["a", "b", "c"]
    sender.script = [answer([], count=5)]  # a count that cannot be right ends the list
    assert list(await adapter.users.list()) == []
    sender.script = [answer(users("a", "b"), count=2)]
    with pytest.raises(ProtocolError):
        await adapter.users.list(limit=1)
    sender.script = [answer(users("ab", "b", "ac"), count=3)]
    page = await anext(adapter.users.list(prefix="a", limit=1).pages())
    assert ([one.id for one in page.items], page.cursor) == (["ab"], "1")
    for cursor in ("x", "-1", "9" * 19):
        with pytest.raises(InvalidRequestError):
            await adapter.users.list(cursor=cursor)
    sender.script = [answer(None)]
    assert list(await adapter.policies.list()) == []
    sender.calls.clear()
    sender.script = [answer([])]
    configured = Argus(base_url="https://x.example", domain="D").bind(sender)
    await configured.groups.list()
    assert sender.sent == ["GET /useradmin/v2/group?domain=D&offset=0&limit=1000"]


async def test_creations(adapter: Argus, sender: FakeSender) -> None:
    homeless = Argus(base_url="https://x.example", domain="D").bind(sender)
    for verb in (homeless.users.create, homeless.groups.create):
        with pytest.raises(ConfigurationError, match="customer"):
            await verb("ann")
    for area, data in (("users", {**ANN, "shortName": "x"}), ("groups", {**TEAM, "shortName": "x"})):
        verb = getattr(adapter, area).create
        sender.script = [answer(None, 201), answer(data)]
        assert (await verb("x")).id == "x"
        sender.script = [answer(None, 409), answer(data)]
        with pytest.raises(ConflictError):
            await verb("x")
        sender.script = [answer(None, 412), answer(data)]
        assert (await verb("x", exist_ok=True)).id == "x"
        sender.script = [answer(None, 412), answer(None, 404)]
        with pytest.raises(InvalidRequestError):
            await verb("x")
        for found in (answer(data), answer(None, 404), answer({**data, "flags": ["deleted"]})):
            sender.script = [FAILED, found]
            with pytest.raises(AmbiguousOutcomeError):
                await verb("x")
            call = sender.calls[-1]
            assert call.look is not None
            sender.script = [found]
            seen = await call.look()
            unknown = AmbiguousOutcomeError("no answer came", found=seen)
            sender.script = [unknown]
            if seen is None:
                with pytest.raises(AmbiguousOutcomeError):
                    await verb("x", exist_ok=True)
            else:
                assert (await verb("x", exist_ok=True)).id == "x"
    with pytest.raises(InvalidRequestError) as bad:
        await adapter.native.useradmin.user.add_user({"customer": "c"})  # type: ignore[arg-type]
    assert not bad.value.sent


async def test_updates_half_way(adapter: Argus, sender: FakeSender) -> None:
    for name in (None, ""):
        with pytest.raises(InvalidRequestError):
            await adapter.users.update("ann", name=name)
        with pytest.raises(InvalidRequestError):
            await adapter.groups.update("team", name=name)
    sender.script = [answer(ANN), answer({}), DENIED]
    with pytest.raises(PartialFailureError) as stopped:
        await adapter.users.update("ann", name="A", active=False)
    assert (stopped.value.done, stopped.value.left) == (("blocked ann",), ("make the other change",))
    sender.script = [answer(ANN), answer(ANN), answer({}), DENIED]
    with pytest.raises(PartialFailureError) as stopped:
        await adapter.users.update("ann", email=None, active=True)
    assert stopped.value.left == ("read it again",)
    sender.script = [answer(ANN), DENIED]
    with pytest.raises(PermissionDeniedError):
        await adapter.users.update("ann", active=True)
    sender.script = [answer(TEAM)]
    assert (await adapter.groups.update("team")).id == "team"


async def test_a_deletion_half_way(adapter: Argus, sender: FakeSender) -> None:
    gone = answer(None, 404)
    keys = answer({"keys": [KEY]})
    sender.script = [answer(ANN), keys, answer({}), answer({}), DENIED]
    with pytest.raises(PartialFailureError) as stopped:
        await adapter.users.delete("ann")
    assert stopped.value.done == ("revoked API key 7/1", "revoked its TOTP generator")
    assert stopped.value.left == (
        "end its sessions",
        "delete user ann",
        "look at its keys and sessions once more",
    )
    sender.script = [answer(ANN), DENIED]
    with pytest.raises(PermissionDeniedError):
        await adapter.users.delete("ann")
    sender.script = [answer(ANN), keys, gone, gone, gone, gone, gone, answer(None)]
    assert (await adapter.users.delete("ann")).existed


async def test_grants(adapter: Argus, sender: FakeSender) -> None:
    held = {
        "id": 3,
        "function": VIEW,
        "subject": {"id": 7},
        "customer": {"id": 1, "shortName": "acme"},
        "flags": [],
    }
    start = [answer(ANN), answer(VIEW)]
    sender.script = [*start, answer([]), FAILED, answer([held])]
    await adapter.policies.attach("view", user="ann")  # a look says that it was done
    sender.script = [*start, answer([]), FAILED, answer([])]
    with pytest.raises(AmbiguousOutcomeError):
        await adapter.policies.attach("view", user="ann")
    others = [{**held, "id": 4, "flags": ["deleted"]}, {**held, "id": 5, "subject": {"id": 99}}]
    sender.script = [*start, answer([held, {**held, "id": 6}, *others]), answer(held), DENIED]
    with pytest.raises(PartialFailureError) as stopped:
        await adapter.policies.detach("view", user="ann")
    assert (stopped.value.done, stopped.value.left) == (("revoked permission 3",), ("revoke permission 6",))
    sender.script = [*start, answer([held]), DENIED]
    with pytest.raises(PermissionDeniedError):
        await adapter.policies.detach("view", user="ann")
    sender.script = [*start, answer([held]), answer(None, 404)]
    await adapter.policies.detach("view", user="ann")
    sender.script = [answer(ANN), answer([{**held, "customer": None}, {"id": 9}])]
    (policy,) = await adapter.users.policies("ann")
    assert policy.statements[0].resources == ("*",)
    sender.script = [answer(ME), answer(ANN), answer([held])]
    assert "3 grants view" in (await adapter.policies.check("ann", "view", "acme")).reason


async def test_members_that_somebody_else_changed(adapter: Argus, sender: FakeSender) -> None:
    start = [answer(TEAM), answer(ANN)]
    inside, outside, refused = answer([{**ANN, "type": "user"}]), answer(None), answer(None, 412)
    sender.script = [*start, outside, refused, inside]
    await adapter.groups.add_member("team", "ann")
    sender.script = [*start, inside, refused, outside]
    await adapter.groups.remove_member("team", "ann")
    sender.script = [*start, outside, refused, outside]
    with pytest.raises(InvalidRequestError):
        await adapter.groups.add_member("team", "ann")
    sender.script = [*start, inside, refused, inside]
    with pytest.raises(InvalidRequestError):
        await adapter.groups.remove_member("team", "ann")


async def test_keys_whose_answer_was_lost(adapter: Argus, sender: FakeSender) -> None:
    none, one = answer({"keys": []}), answer({"keys": [KEY]})
    for after, told in ((one, "7/1"), (none, "No key is new"), (DENIED, "look")):
        sender.script = [
            answer(ANN),
            none,
            AmbiguousOutcomeError("no answer came", how_to_find_out="look"),
            after,
        ]
        with pytest.raises(AmbiguousOutcomeError) as unknown:
            await adapter.credentials.create("ann")
        assert told in str(unknown.value)
    sender.script = [answer(ANN), one, answer(ANN), answer({"keys": [KEY]})]
    with pytest.raises(ConflictError):
        await adapter.credentials.delete("7/1", user="ann")


async def test_what_a_rotation_copies(adapter: Argus, sender: FakeSender) -> None:
    made = answer({"apiKeyString": "7/2/s", "keyDescriptor": {**KEY, "prefix": "7/2"}}, 201)
    cut = {"customers": [{"id": 1}], "functions": [{"id": 5}], "readOnly": True}
    networks = [{"address": "10.0.0.0", "maskBits": 8}, {"address": "::1"}]
    rich = {**KEY, "constraints": cut, "validSources": networks}
    free = {
        **KEY,
        "description": "",
        "createdTimestamp": 0,
        "validUntil": 0,
        "source": {"provider": "disabled"},
    }
    bound = {"customerID": [1], "functionID": [5], "readOnly": True}
    for key, told in (
        (
            rich,
            {
                "description": "d",
                "validSources": ["10.0.0.0/8", "::1"],
                "expirationDays": 1,
                "sessionConstraints": bound,
            },
        ),
        (
            free,
            {"description": "unified-identity-sdk", "source": {"provider": "disabled"}, "expirationDays": 0},
        ),
        ({**KEY, "createdTimestamp": None}, {"description": "d"}),
    ):
        here = answer({"keys": [key]})
        sender.script = [answer(ANN), here, answer(ANN), here, made]
        sender.script += [
            answer(ANN),
            here,
            answer(ANN),
            answer(None, 404),
        ]  # the block has deleted it itself
        async with adapter.credentials.rotate("7/1", user="ann"):
            assert json.loads(sender.calls[-1].request.body) == told
    sender.script = [answer(ANN), answer({"keys": [{**KEY, "source": {"provider": "aws"}}]})]
    with pytest.raises(NotSupportedError, match="aws"):
        async with adapter.credentials.rotate("7/1", user="ann"):
            pytest.fail("it would allow more")


async def test_credentials_that_cannot_be(adapter: Argus, sender: FakeSender) -> None:
    poor = Argus(base_url="https://x.example").bind(sender)
    for call in (
        poor.credentials.create(),
        poor.credentials.create(kind="totp"),
        poor.credentials.renew("7/1"),
    ):
        with pytest.raises(ConfigurationError, match="password"):
            await call
    for options in ({"name": "x"}, {"lifetime": 86400.0}, {"valid_sources": ("::1",)}):
        with pytest.raises(InvalidRequestError):
            await adapter.credentials.create("ann", kind="totp", **options)
    with pytest.raises(NotSupportedError):
        await adapter.credentials.renew("totp:ann", user="ann")
    for wrong in ("x", "A/1", "1/2/3"):
        with pytest.raises(NotFoundError):
            await adapter.credentials.renew(wrong, user="ann")
    for call in (adapter.credentials.get(""), adapter.credentials.request_password_reset("nobody")):
        with pytest.raises(InvalidRequestError):
            await call
    sender.script = [answer(ANN)]
    with pytest.raises(NotFoundError):
        await adapter.credentials.delete("totp:bob", user="ann")
    foreign = Credential(id="7/1", user_id="ann", kind="api_key")
    sender.script = [answer(ANN), answer({"keys": [KEY]})]
    assert (await adapter.credentials.get(foreign)).administered
    sender.script = [answer({"seedBase32": "JBSW"}, cookies=("argus_totp=c-1; Path=/",))]
    sender.script.insert(0, answer(ME))
    made = await adapter.credentials.create(kind="totp", password="pw")
    assert made.cookie is not None
    assert made.uri is not None
    assert (
        made.uri.reveal()
        == "otpauth://totp/Argus:me?secret=JBSW&issuer=Argus&algorithm=SHA1&digits=6&period=30"
    )


async def test_sessions_that_hold_nothing(adapter: Argus, sender: FakeSender) -> None:
    sender.script = [answer({"authenticationMethod": "SIGNATURE"}), answer(ME)]
    current = await adapter.sessions.current()
    assert (current.id, current.method, current.expires_at) == ("2a/1", "signature", None)
    sender.script = [answer({})]
    assert not (await adapter.sessions.end(current)).server_side
    other = current.model_copy(update={"id": "ses_other"})
    with pytest.raises(InvalidRequestError):
        await adapter.sessions.end(other)
    for auth in (None, lambda: "t"):
        from identity_sdk.auth.sources import ApiKey, Bearer

        told = adapter.with_auth(Bearer(auth) if auth is not None else ApiKey("bare")).bind(sender)
        sender.script = [answer(None), answer(ME)]
        assert (await told.sessions.current()).id.startswith("ses_")
    sender.script = [answer(None, 206, messages=[{"message": "more"}])]
    with pytest.raises(AuthenticationError, match="more"):
        await adapter.sessions.constrain(["view"])
    sender.script = [answer({"requestCredentialsData": "t"}, 221), answer(ME), answer(None)]
    assert (await adapter.sessions.constrain(["function:view"])).user_id == "me"
    sender.script = [
        answer({"requestCredentialsData": "t", "username": "ann"}),
        answer({"validUntilTimestamp": 0}),
    ]
    assert (await adapter.sessions.create("ldap", identifier="ann", secret="pw")).method == "ldap"


def test_rules() -> None:
    assert check_name("user id", "a.b@c-_") == "a.b@c-_"
    for lifetime in (0.0, 3600.0, -86400.0, 86400.5, float("inf"), 1e20):
        with pytest.raises(InvalidRequestError):
            days(lifetime)
    assert days(86400 * 30) == 30
