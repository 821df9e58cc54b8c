"""Lists as data frames of pandas and polars."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from identity_sdk import (
    ConfigurationError,
    Credential,
    Items,
    Local,
    Policy,
    Secret,
    Statement,
    User,
    connect,
)
from identity_sdk.adapters.local.passwords import Argon2Cost

pytestmark = pytest.mark.anyio

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class HomeUser(User):
    provider: ClassVar[str] = "home"

    level: int | None = None
    score: float | None = None
    odd: int | str | None = None
    seen: Mapping[str, object] = {}


USERS = Items(
    [
        HomeUser(id="01", name="Ada", active=True, created_at=WHEN, level=3, score=0.5, odd="x"),
        HomeUser(id="02", kind="service", odd=1, seen={"at": WHEN, "key": [Secret("hunter2")]}),
    ]
)
COLUMNS = [*User.model_fields, "level", "score", "odd", "seen", "provider"]


@pytest.mark.parametrize("users", [USERS, Items[HomeUser]((), of=HomeUser), USERS[5:]])
def test_pandas_takes_the_types_of_the_model(users: Items[HomeUser]) -> None:
    frame = users.to_pandas()
    assert list(frame.columns) == COLUMNS
    assert len(frame) == len(users)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "id": "string",
        "name": "string",
        "email": "string",
        "kind": "category",
        "active": "boolean",
        "created_at": "datetime64[us, UTC]",
        "level": "Int64",
        "score": "Float64",
        "odd": "object",
        "seen": "object",
        "provider": "category",
    }
    assert list(frame["kind"].cat.categories) == ["human", "service"]


def test_values_in_pandas() -> None:
    frame = USERS.to_pandas()
    assert frame["id"].tolist() == ["01", "02"]
    assert frame["created_at"][0] == pandas.Timestamp(WHEN)
    assert frame["created_at"].isna().tolist() == frame["active"].isna().tolist() == [False, True]
    assert frame["provider"].tolist() == ["home", "home"]
    assert frame["seen"][1] == {"at": WHEN, "key": [None]}


@pytest.mark.parametrize("users", [USERS, Items[HomeUser]((), of=HomeUser), USERS[5:]])
def test_polars_takes_the_types_of_the_model(users: Items[HomeUser]) -> None:
    frame = users.to_polars()
    assert frame.columns == COLUMNS
    assert frame.height == len(users)
    assert frame.schema["kind"] == polars.Enum(["human", "service"])
    assert frame.schema["created_at"] == polars.Datetime("us", "UTC")
    assert frame.schema["active"] == polars.Boolean
    assert frame.schema["level"] == polars.Int64
    assert frame.schema["score"] == polars.Float64
    assert frame.schema["odd"] == frame.schema["seen"] == frame.schema["id"] == polars.String


def test_values_in_polars() -> None:
    frame = USERS.to_polars()
    assert frame["created_at"].to_list() == [WHEN, None]
    assert frame["provider"].to_list() == ["home", "home"]
    assert frame["odd"].to_list() == ['"x"', "1"]
    assert "hunter2" not in str(frame.to_dicts())


def test_what_is_nested_keeps_its_structure() -> None:
    policies = Items(
        [
            Policy(id="p", statements=(Statement(effect="deny", actions=("a:*",), resources=("*",)),)),
            Policy(id="q"),
        ]
    )
    assert policies.to_pandas()["statements"].tolist() == [
        [{"effect": "deny", "actions": ["a:*"], "resources": ["*"], "policy": None}],
        [],
    ]
    assert policies.to_polars()["statements"].to_list() == [
        [{"effect": "deny", "actions": ["a:*"], "resources": ["*"], "policy": None}],
        [],
    ]


def test_no_secret_gets_into_a_frame() -> None:
    keys = Items([Credential(id="k", secret=Secret("hunter2"), uri=Secret("otpauth://hunter2"))])
    for frame in (keys.to_pandas(), keys.to_polars()):
        assert {"secret", "uri"}.isdisjoint(frame.columns)
        assert "hunter2" not in str(frame)
        assert "hunter2" not in frame.write_csv() if hasattr(frame, "write_csv") else frame.to_csv()


def test_several_types_in_one_list() -> None:
    mixed: Items[User] = Items([User(id="a"), HomeUser(id="b", level=1)])
    assert list(mixed.to_pandas().columns) == COLUMNS
    assert mixed.to_polars()["level"].to_list() == [None, 1]
    both = Items[User]((), of=User | HomeUser)
    assert list(both.to_pandas().columns) == both.to_polars().columns == COLUMNS


class Numbered(User):
    name: int | None = None  # type: ignore[assignment]


def test_types_that_differ_become_objects() -> None:
    mixed: Items[User] = Items([User(id="a", name="n"), Numbered(id="b", name=1)])
    assert mixed.to_pandas()["name"].tolist() == ["n", 1]
    assert mixed.to_polars()["name"].to_list() == ['"n"', "1"]


def test_plain_values() -> None:
    assert Items([1, 2]).to_pandas()["value"].tolist() == [1, 2]
    assert Items([WHEN.replace(tzinfo=None)]).to_polars()["value"].to_list() == [WHEN]
    assert Items([{"a": 1}]).to_pandas()["value"].tolist() == [{"a": 1}]
    assert Items([complex(1, 2)]).to_pandas()["value"].tolist() == ["(1+2j)"]
    assert Items[object]().to_pandas().shape == Items[object]().to_polars().shape == (0, 0)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_library_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=r'pip install "unified-identity-sdk\[notebook\]"'):
        getattr(USERS, f"to_{library}")()


def test_the_type_survives_a_pickle() -> None:
    for of in (HomeUser, User | HomeUser):
        again: Items[User] = pickle.loads(pickle.dumps(Items[User]((), of=of)))
        assert list(again.to_pandas().columns) == COLUMNS


async def test_an_empty_list_of_a_backend_knows_its_type() -> None:
    async with connect(Local(password_cost=Argon2Cost.weak_for_tests())) as idp:
        groups = await idp.groups.list()
        assert len(groups) == 0
        assert list(groups.to_pandas().columns) == [
            "id",
            "name",
            "description",
            "created_at",
            "provider",
        ]
