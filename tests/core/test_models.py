"""Neutral models: equality, unknown fields, times, strict inputs."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from identity_sdk import models
from identity_sdk.errors import ProtocolError
from identity_sdk.models import (
    UNSET,
    Claims,
    Credential,
    Decision,
    Deletion,
    Ended,
    Entity,
    Group,
    Input,
    Member,
    Model,
    Policy,
    Residual,
    Session,
    Statement,
    Token,
    Unset,
    User,
)
from identity_sdk.wire.operation import Api, operation
from tests.core.rig import CANARY, Rig, fails


class WireUser(User):
    """As an adapter has it: aliases, and a field of its own."""

    provider: ClassVar[str] = "wire"

    id: str = Field(validation_alias="username")
    source: str | None = None


class OtherUser(WireUser):
    provider: ClassVar[str] = "other"


class WireUsers(Model):
    results: tuple[WireUser, ...]


class WireApi(Api):
    @operation("GET /user")
    async def get_user(self) -> WireUser: ...

    @operation("GET /users")
    async def list_users(self) -> WireUsers: ...


def wire_user(**fields: Any) -> WireUser:
    return WireUser.model_validate({"username": "ada", **fields})


def test_equality_and_hash_are_by_provider_type_and_id() -> None:
    assert wire_user(name="A") == wire_user(name="B")
    assert hash(wire_user(name="A")) == hash(wire_user(name="B"))
    assert wire_user() != wire_user(username="bob")
    assert wire_user() != User(id="ada")
    assert wire_user() != OtherUser.model_validate({"username": "ada"})
    assert User(id="x") != Group(id="x")
    assert User(id="x") != "x"
    assert len({wire_user(name="A"), wire_user(name="B"), User(id="ada")}) == 2
    assert Statement(effect="allow", actions=("a",), resources=("b",)) == Statement(
        effect="allow", actions=("a",), resources=("b",)
    )


def test_values_are_frozen_and_hold_tuples() -> None:
    user = User(id="ada")
    with pytest.raises(ValidationError):
        user.name = "x"  # type: ignore[misc]
    policy = Policy.model_validate(
        {"id": "p", "statements": [{"effect": "deny", "actions": ["a"], "resources": []}]}
    )
    assert isinstance(policy.statements, tuple)
    assert isinstance(policy.statements[0].actions, tuple)
    assert hash(policy.statements[0]) == hash(policy.statements[0])


def test_unknown_fields_are_kept_but_not_shown() -> None:
    user = wire_user(shoe_size=38, nested={"a": [1]})
    assert user.model_extra == {"shoe_size": 38, "nested": {"a": [1]}}
    assert "shoe_size" not in repr(user)
    assert "shoe_size" not in user.model_dump()
    assert "shoe_size" not in user.model_dump_json()
    assert user.model_dump()["id"] == "ada"
    assert pickle.loads(pickle.dumps(user)).model_extra == user.model_extra


@pytest.mark.parametrize("model", [Credential, Session, Token])
def test_answers_with_secrets_keep_nothing_unknown(model: type[Entity]) -> None:
    one = model.model_validate({"id": "1", "user_id": "u", "new_kind_of_secret": CANARY})
    assert not one.model_extra
    assert CANARY not in repr(one) + one.model_dump_json() + repr(vars(one))


@pytest.mark.anyio
async def test_an_unknown_key_that_poses_as_a_field_is_not_believed() -> None:
    posing = {"username": "ada", "id": "root"}
    assert "id" in WireUser.shadowed
    for act, call in (
        ((200, {}, posing), "get_user"),
        ((200, {}, {"results": [{"username": "bob"}, posing]}), "list_users"),
    ):
        rig = Rig(act)
        error = await fails(getattr(WireApi(rig.pipeline, "", user_agent="u"), call)())
        assert type(error) is ProtocolError
        assert "pose" in str(error)
    assert wire_user().model_dump()["id"] == "ada"


def test_times_are_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    for told in (
        datetime(2026, 1, 1, 12, tzinfo=east),
        "2026-01-01T12:00:00+02:00",
        1767261600,
        "2026-01-01T10:00:00Z",
    ):
        at = User.model_validate({"id": "a", "created_at": told}).created_at
        assert at == datetime(2026, 1, 1, 10, tzinfo=UTC)
        assert at is not None
        assert at.tzinfo is UTC
    naive = User(id="a", created_at=datetime(2026, 1, 1, 10)).created_at
    assert naive == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_inputs_are_strict() -> None:
    class Change(Input):
        name: str | None = None

    with pytest.raises(ValidationError) as caught:
        Change.model_validate({"nmae": CANARY})
    assert CANARY not in str(caught.value)
    with pytest.raises(ValidationError) as caught:
        User.model_validate({"id": [CANARY]})
    assert CANARY not in str(caught.value)


def test_unset_is_not_none() -> None:
    assert not UNSET
    assert repr(UNSET) == "UNSET"
    assert UNSET is Unset.UNSET
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET


def test_small_answers() -> None:
    assert Decision(allowed=True, reason="r", decided_by="server")
    assert not Decision(allowed=False, reason="r", decided_by="client")
    assert Deletion(id="a").existed
    assert Deletion(id="a").residual == ()
    assert Residual(what="a token").until is None
    assert not Ended(server_side=False).server_side
    assert Member(id="a").type == "user"
    claims = Claims(active=True, claims={"nested": {"a": [1, None]}})
    assert claims.claims["nested"] == {"a": [1, None]}
    assert Session(id="1", user_id="u") == Session(id="1", user_id="other")


def test_every_string_of_a_credential_that_is_secret_is_a_secret() -> None:
    for model, names in (
        (Credential, {"secret", "uri"}),
        (Session, {"token", "refresh_token"}),
        (Token, {"value", "refresh_token"}),
    ):
        found = {name for name, info in model.model_fields.items() if "Secret" in str(info.annotation)}
        assert found == names
        assert model.model_config["extra"] == "ignore"


def test_everything_public_is_documented() -> None:
    for name in models.__all__:
        thing = getattr(models, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
