"""What the resources share: cells, refusals before any I/O, one scope for each verb."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from identity_sdk.capabilities import Capabilities, Propagation
from identity_sdk.errors import IdentityError, InvalidRequestError, NotSupportedError, PartialFailureError
from identity_sdk.listing import Listing, Page
from identity_sdk.models import Credential, User
from identity_sdk.resources.base import Resource, derived, one_of, supports
from identity_sdk.resources.credentials import Rotation
from identity_sdk.resources.groups import Groups
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret
from tests.core.rig import CANARY, fails

pytestmark = pytest.mark.anyio


class Noting:
    """A sender that notes the verbs that were opened."""

    def __init__(self) -> None:
        self.verbs: list[str] = []

    @asynccontextmanager
    async def _open(self, name: str) -> Any:
        self.verbs.append(name)
        yield self

    def verb(self, name: str) -> Any:
        return self._open(name)


class SomeUsers(Users):
    provider = "some"
    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {"me": ("nobody is anybody here", "users.get")}

    @supports(kinds=("human",), refuses={"email": "it has no addresses", "password": "it has no passwords"})
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: Any = "human",
        exist_ok: bool = False,
    ) -> User:
        return User(id=id or "made", name=name)

    @supports()
    async def update(self, id: str, *, password: Secret | str = "", **rest: Any) -> User:  # type: ignore[override]
        assert isinstance(password, Secret)
        raise InvalidRequestError("too weak")

    @supports()
    def list(self, *, prefix: str | None = None, limit: int | None = None, **rest: Any) -> Listing[User]:  # type: ignore[override]
        async def fetch(cursor: str | None, size: int | None) -> Page[User]:
            return Page((User(id="a"),))

        return Listing(fetch, limit=limit)


@pytest.fixture
def sender() -> Noting:
    return Noting()


@pytest.fixture
def users(sender: Noting) -> SomeUsers:
    return SomeUsers(sender)  # type: ignore[arg-type]


async def test_a_verb_opens_its_scope(users: SomeUsers, sender: Noting) -> None:
    assert (await users.create("ada", name="Ada")).name == "Ada"
    assert list(await users.list()) == [User(id="a")]
    assert sender.verbs == ["users.create", "users.list"]


async def test_a_verb_that_is_not_overridden(users: SomeUsers, sender: Noting) -> None:
    error = await fails(users.me())
    assert isinstance(error, NotSupportedError)
    assert str(error) == "some.users.me: some cannot users.me: nobody is anybody here. Instead: users.get"
    assert "no such operation" in str(await fails(users.get("a")))
    with pytest.raises(NotSupportedError):
        users.groups("a")
    assert sender.verbs == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"email": "a@b"}, "email="),
        ({"email": ""}, "email="),
        ({"kind": "service"}, "kind='service'"),
        ({"password": CANARY}, "password="),
    ],
)
async def test_what_cannot_be_honoured_is_refused_before_any_io(
    users: SomeUsers, sender: Noting, given: dict[str, Any], told: str
) -> None:
    error = await fails(users.create("ada", **given))
    assert isinstance(error, NotSupportedError)
    assert told in str(error)
    assert error.operation == "users.create"
    assert sender.verbs == []


async def test_defaults_are_no_arguments(users: SomeUsers) -> None:
    assert (await users.create("ada", email=None, kind="human", password=None)).id == "ada"


def locals_of(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in told.stack if not frame.filename.endswith(("test_resources.py", "rig.py"))]
    assert ours
    return repr([frame.locals for frame in ours])


async def test_plain_secrets_stand_in_no_frame(users: SomeUsers, sender: Noting) -> None:
    sessions = Sessions(sender)  # type: ignore[arg-type]
    for work in (
        users.create("ada", password=CANARY),
        users.update("ada", password=CANARY),
        sessions.create("password", identifier="ada", secret=CANARY),
    ):
        assert CANARY not in locals_of(await fails(work))


def test_overrides_are_declared() -> None:
    with pytest.raises(TypeError, match="without @supports"):

        class Undeclared(Users):
            async def me(self) -> User:
                return User(id="a")

    with pytest.raises(TypeError, match="is no verb of users"):

        class Surplus(Users):
            def extra(self) -> None: ...

    with pytest.raises(TypeError, match="parameters that it has not"):

        class Wrong(Users):
            @supports(refuses={"nope": "x"})
            async def me(self) -> User:
                return User(id="a")

    with pytest.raises(TypeError, match="must be async"):

        class Sync(Users):
            @supports()
            def update(self, id: str, *, password: Secret | str = "") -> Any:  # type: ignore[override]
                return None


async def test_a_verb_that_is_neither_async_nor_late(sender: Noting) -> None:
    class Odd(Groups):
        @supports()
        def get(self, id: str) -> Any:
            return 5

    with pytest.raises(TypeError, match="must be async"):
        Odd(sender).get("a")  # type: ignore[arg-type]


def test_derived_methods_have_no_cell() -> None:
    class Area(Resource, area="areas"):
        async def get(self) -> None:
            raise self._cannot("get")

        @derived
        async def get_all(self) -> None:
            await self.get()

    assert Area.verbs == ("get",)
    assert list(Area.cells()) == ["areas.get"]


def test_one_of() -> None:
    assert one_of(user="ada", group=None) == ("user", "ada")
    for wrong in ({"user": None, "group": None}, {"user": "a", "group": "b"}):
        with pytest.raises(InvalidRequestError) as caught:
            one_of(**wrong)
        assert set(caught.value.fields) == {"user", "group"}


def test_capabilities_are_read_from_the_code() -> None:
    able = Capabilities("some", SomeUsers.cells(), Propagation(credentials=5.0), {"page": 100})
    assert able.supported() == ("users.create", "users.list", "users.update")
    assert able["users.create"].kinds == ("human",)
    assert able.supports("users.create")
    assert able.supports("users.create", kind="human")
    assert not able.supports("users.create", kind="service")
    assert able.supports("users.update", kind="anything")
    assert not able.supports("users.me")
    with pytest.raises(KeyError):
        able.supports("users.fly")
    told = json.loads(json.dumps(able.to_dict()))
    assert told["provider"] == "some"
    assert told["propagation"] == {"credentials": 5.0, "tokens": 0.0}
    assert told["verbs"]["users.me"] == {
        "supported": False,
        "kinds": [],
        "refuses": {},
        "reason": "nobody is anybody here",
        "instead": "users.get",
    }
    fewer = able.without(["users.list"], "not set up")
    assert not fewer.supports("users.list")
    assert fewer["users.list"].reason == "not set up"
    assert able.supports("users.list")
    assert "some" in repr(able)


class TestRotation:
    def rotation(self, fail: Exception | None = None) -> tuple[Rotation, list[str]]:
        done: list[str] = []

        async def create() -> Credential:
            done.append("create")
            return Credential(id="new", secret=Secret("s"))

        async def delete() -> None:
            done.append("delete")
            if fail is not None:
                raise fail

        return Rotation("old", create, delete, provider="some"), done

    async def test_well(self, sender: Noting) -> None:
        rotation, done = self.rotation()
        rotation.bind_scope(lambda: sender.verb("credentials.rotate"))
        async with rotation as new:
            assert new.id == "new"
            done.append("hand over")
        assert done == ["create", "hand over", "delete"]
        assert sender.verbs == ["credentials.rotate"] * 2

    async def test_a_hand_over_that_fails_leaves_both(self) -> None:
        rotation, done = self.rotation()
        cause = ValueError("no")
        with pytest.raises(PartialFailureError) as caught:
            async with rotation:
                raise cause
        assert done == ["create"]
        assert caught.value.__cause__ is cause
        assert "old" in str(caught.value)
        assert "new" in str(caught.value)

    async def test_cancellation_passes(self) -> None:
        rotation, done = self.rotation()
        with pytest.raises(KeyboardInterrupt):
            async with rotation:
                raise KeyboardInterrupt
        assert done == ["create"]

    async def test_a_delete_that_fails_leaves_both(self) -> None:
        rotation, _ = self.rotation(IdentityError("no"))
        with pytest.raises(PartialFailureError) as caught:
            async with rotation:
                pass
        assert isinstance(caught.value.__cause__, IdentityError)
