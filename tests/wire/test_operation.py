"""``@operation``: what a stub's signature makes of arguments and answers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from identity_sdk.errors import (
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
)
from identity_sdk.models import Entity, Input, Model
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Dialect, OperationSpec, Retry
from identity_sdk.wire.operation import Api, Header, Query, Segments, encode_segment, operation
from identity_sdk.wire.request import Response

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


class Thing(Entity):
    label: str | None = Field(None, validation_alias="name")


class Things(Model):
    results: tuple[Thing, ...]


class Boxed(Model):
    thing: Thing
    more: dict[str, list[Thing]] = Field(default_factory=dict)


class NewThing(Input):
    id: str
    password: Secret | None = None
    size: int | None = None


async def _look(api: ThingApi, arguments: Any) -> Thing:
    return await api.get_thing(arguments["body"].id)


class ThingDialect(Dialect):
    provider = "things"


class ThingApi(Api):
    dialect = ThingDialect()

    @operation("GET /things/{thing_id}")
    async def get_thing(self, thing_id: str) -> Thing:
        """One."""
        ...  # type: ignore[empty-body]

    @operation("GET /things")
    async def list_things(
        self,
        *,
        prefix: str | None = None,
        page_size: Annotated[int | None, Query("pageSize")] = None,
        deep: bool | None = None,
        if_match: Annotated[str | None, Header("If-Match")] = None,
    ) -> Things: ...  # type: ignore[empty-body]

    @operation(
        "POST /things",
        success=(201, 202),
        retry=Retry.KEYED,
        look=_look,
        mine=lambda found, arguments: found.label == arguments["body"].id,
        how_to_find_out="get_thing",
    )
    async def create_thing(self, body: NewThing) -> Thing: ...  # type: ignore[empty-body]

    @operation("PUT /things/{thing_id}/parts/{part_id}/", success=201, repeat_done=(409,))
    async def put_part(self, thing_id: str, part_id: int) -> None: ...

    @operation("PUT /things/{thing_id}", success=(200, 202))
    async def put_thing(self, thing_id: str) -> Thing | None: ...

    @operation("GET /raw", auth=False)
    async def raw(self) -> Response: ...  # type: ignore[empty-body]

    @operation("GET /files/{path}/meta")
    async def file(
        self,
        path: Annotated[str, Segments()],
        *,
        tag: list[str] | None = None,
        proof: Annotated[Secret | None, Header("X-Proof")] = None,
    ) -> Thing | None: ...  # type: ignore[empty-body]

    @operation("GET /box")
    async def box(self) -> Boxed: ...  # type: ignore[empty-body]


class Spelled(ThingApi):
    query_booleans = ("False", "True")


@pytest.fixture
def api(scripted: Any) -> ThingApi:
    return ThingApi(scripted, "/base", user_agent="tests/1")


def told(body: object, status: int = 200, **headers: str) -> Response:
    return Response(status, {**JSON, **headers}, json.dumps(body).encode())


# What is sent.


async def test_path_query_headers_and_body(api: ThingApi, scripted: Any) -> None:
    scripted.answer = told({"results": []})
    await api.list_things(prefix="a b", page_size=5, deep=False, if_match='"1"')
    request = scripted.calls[0].request
    assert request.method == "GET"
    assert request.target == "/base/things?prefix=a+b&pageSize=5&deep=false"
    assert request.headers == {"Accept": "application/json", "User-Agent": "tests/1", "If-Match": '"1"'}
    assert request.body == b""
    scripted.answer = told({"id": "x"}, 201)
    await api.create_thing(NewThing(id="x", password=Secret("canary")))
    request = scripted.calls[1].request
    assert json.loads(request.body) == {"id": "x", "password": "canary"}
    assert request.headers["Content-Type"] == "application/json"
    assert "canary" not in repr(request) + repr(scripted.calls[1])


async def test_a_path_of_several_segments(api: ThingApi, scripted: Any) -> None:
    scripted.answer = Response(200, {}, b"")
    assert await api.file("a b/c?d", tag=["x", "y&z"], proof=Secret("canary")) is None
    request = scripted.calls[0].request
    assert request.target == "/base/files/a%20b/c%3Fd/meta?tag=x&tag=y%26z"
    assert request.headers["X-Proof"] == "canary"
    scripted.answer = told({"id": "f"})
    found = await api.file("f")
    assert found is not None
    assert found.id == "f"
    for wrong in ("", "a//b", "a/../b", "/a", "a/"):
        with pytest.raises(InvalidRequestError):
            await api.file(wrong)
    with pytest.raises(InvalidRequestError) as caught:
        await api.file("f", proof=Secret("canary\n"))
    assert "canary" not in str(caught.value)
    assert len(scripted.calls) == 2


async def test_absent_means_not_sent(api: ThingApi, scripted: Any) -> None:
    scripted.answer = told({"results": []})
    await api.list_things()
    assert scripted.calls[0].request.target == "/base/things"
    assert "If-Match" not in scripted.calls[0].request.headers


async def test_booleans_as_the_backend_spells_them(scripted: Any) -> None:
    scripted.answer = told({"results": []})
    await Spelled(scripted, "", user_agent="t").list_things(deep=True)
    assert scripted.calls[0].request.target == "/things?deep=True"


async def test_what_the_spec_says(api: ThingApi) -> None:
    spec: OperationSpec = ThingApi.put_part.__operation__  # type: ignore[attr-defined]
    assert (spec.name, spec.method, spec.retry) == ("put_part", "PUT", Retry.IDEMPOTENT)
    assert (spec.success, spec.repeat_done) == ({201}, {409})
    assert ThingApi.get_thing.__operation__.retry is Retry.SAFE  # type: ignore[attr-defined]
    assert ThingApi.raw.__operation__.auth is False  # type: ignore[attr-defined]
    assert ThingApi.get_thing.__doc__ == "One."


async def test_a_body_may_be_a_mapping_and_is_checked(api: ThingApi, scripted: Any) -> None:
    scripted.answer = told({"id": "x"}, 202)
    await api.create_thing({"id": "x", "size": 3})  # type: ignore[arg-type]
    assert json.loads(scripted.calls[0].request.body) == {"id": "x", "size": 3}
    for wrong in ({"id": "x", "colour": "red"}, {"size": "canary-wide"}, {"id": "\ud800"}):
        with pytest.raises(InvalidRequestError) as caught:
            await api.create_thing(wrong)  # type: ignore[arg-type]
        assert caught.value.fields
        assert "canary" not in str(caught.value)
    assert len(scripted.calls) == 1


async def test_a_body_that_is_needed_is_not_forgotten(api: ThingApi, scripted: Any) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await api.create_thing(None)  # type: ignore[arg-type]
    assert (refusal.value.sent, scripted.calls) == (False, [])


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), (("a", "b"), {}), (("a",), {"thing_id": "b"}), ((), {"other": 1}), (("a",), {"other": 1})],
)
async def test_wrong_arguments_are_a_type_error(
    args: tuple[str, ...], kwargs: dict[str, Any], api: ThingApi, scripted: Any
) -> None:
    with pytest.raises(TypeError):
        await api.get_thing(*args, **kwargs)
    assert scripted.calls == []


@pytest.mark.parametrize("value", ["", ".", "..", None, "\ud800", "a\udfffb"])
async def test_no_path_holds_that(value: Any, api: ThingApi, scripted: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await api.get_thing(value)
    assert "thing_id" in caught.value.fields
    assert scripted.calls == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "ä", "a\x7f"])
async def test_no_header_holds_that(value: str, api: ThingApi, scripted: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await api.list_things(if_match=value)
    assert "if_match" in caught.value.fields
    assert scripted.calls == []


async def test_no_query_holds_a_lone_surrogate(api: ThingApi, scripted: Any) -> None:
    with pytest.raises(InvalidRequestError):
        await api.list_things(prefix="\ud800")
    assert scripted.calls == []


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@settings(deadline=None)
@given(TEXT.filter(lambda text: text not in ("", ".", "..")))
def test_a_segment_comes_back_as_it_was(text: str) -> None:
    encoded = encode_segment("id", text)
    assert unquote(encoded, errors="strict") == text
    assert encoded.isascii()
    assert not set(encoded) & set("/?#&+ \r\n\t;=@:")


@given(TEXT, st.integers(), st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_query_comes_back_as_it_was(scripted: Any, text: str, size: int, deep: bool) -> None:
    scripted.calls.clear()
    scripted.answer = told({"results": []})
    api = ThingApi(scripted, "/base", user_agent="t")

    async def call() -> None:
        await api.list_things(prefix=text, page_size=size, deep=deep)

    anyio.run(call)
    target = scripted.calls[0].request.target
    assert target.isascii()
    _, _, query = target.partition("?")
    wanted = [("prefix", text), ("pageSize", str(size)), ("deep", "true" if deep else "false")]
    assert parse_qsl(query, keep_blank_values=True) == wanted


@given(TEXT.filter(lambda text: text not in ("", ".", "..")), st.integers())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_segments_cannot_run_into_one_another(scripted: Any, text: str, part: int) -> None:
    scripted.calls.clear()
    scripted.answer = Response(201, {}, b"")

    async def call() -> None:
        await ThingApi(scripted, "/base", user_agent="t").put_part(text, part)

    anyio.run(call)
    pieces = scripted.calls[0].request.target.split("/")
    assert [*pieces[:3], pieces[4], *pieces[6:]] == ["", "base", "things", "parts", ""]
    assert unquote(pieces[3]) == text
    assert pieces[5] == str(part)


# What is answered.


async def test_answers(api: ThingApi, scripted: Any) -> None:
    scripted.answer = told({"id": "x", "name": "X", "colour": "red"})
    thing = await api.get_thing("x")
    assert (thing.id, thing.label, thing.model_extra) == ("x", "X", {"colour": "red"})
    scripted.answer = Response(201, {"content-type": "text/html"}, b"<html>")
    await api.put_part("x", 1)
    scripted.answer = Response(202, {}, b"")
    assert await api.put_thing("x") is None
    scripted.answer = told({"id": "x"})
    assert await api.put_thing("x") == Thing(id="x")
    scripted.answer = Response(200, {}, b"\x00\xff")
    assert await api.raw() is scripted.answer


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, JSON, b""),
        Response(200, JSON, b"{"),
        Response(200, JSON, b'{"id": 7}'),
        Response(200, JSON, b'["canary"]'),
        Response(200, JSON, b"\xff\xfe"),
        Response(200, JSON, b'{"id":"x"}garbage'),
        Response(200, JSON, b"[" * 100_000),
        Response(200, JSON, b'{"id":' + b"9" * 10_000 + b"}"),
        Response(200, {}, b'{"id":"x"}'),
        Response(200, {"content-type": "text/html"}, b"<html>canary</html>"),
        Response(201, JSON, b'{"id":"x"}'),
        Response(204, {}, b""),
        Response(302, {"location": "https://user:canary@elsewhere/x?canary"}, b""),
        Response(200, JSON, b'{"id":"x","label":"admin"}'),
    ],
)
async def test_answers_that_cannot_be_believed(answer: Response, api: ThingApi, scripted: Any) -> None:
    scripted.answer = answer
    with pytest.raises(ProtocolError) as caught:
        await api.get_thing("x")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert (caught.value.provider, caught.value.operation) == ("things", "get_thing")
    assert caught.value.status == answer.status


@pytest.mark.parametrize(
    "body",
    [
        {"thing": {"id": "x", "label": "admin"}},
        {"thing": {"id": "x"}, "more": {"a": [{"id": "y"}, {"id": "z", "label": "admin"}]}},
    ],
)
async def test_a_posing_key_is_found_wherever_it_hides(body: object, api: ThingApi, scripted: Any) -> None:
    scripted.answer = told(body)
    with pytest.raises(ProtocolError, match="label"):
        await api.box()


async def test_a_posing_key_in_a_list(api: ThingApi, scripted: Any) -> None:
    scripted.answer = told({"results": [{"id": "x"}, {"id": "y", "label": "admin"}]})
    with pytest.raises(ProtocolError, match="label"):
        await api.list_things()


async def test_an_error_tells_when_and_what(api: ThingApi, scripted: Any) -> None:
    scripted.answer = Response(
        404, {**JSON, "x-request-id": "r-1"}, b'{"message":"gone","code":"E1"}', attempts=2, elapsed=1.5
    )
    scripted.answer.stopped_because = "enough"
    with pytest.raises(NotFoundError) as caught:
        await api.get_thing("x")
    error = caught.value
    assert (error.message, error.code, error.status, error.request_id) == ("gone", "E1", 404, "r-1")
    assert (error.attempts, error.elapsed, error.stopped_because) == (2, 1.5, "enough")
    assert str(error).startswith("things.get_thing: gone")


# After an outcome that is not known.


async def test_what_was_proven_is_the_answer(api: ThingApi, scripted: Any) -> None:
    found = Thing.model_validate({"id": "x"})

    async def proves(call: Any) -> Response:
        call.proven = found
        return Response(500, {}, b"")

    scripted.send = proves
    assert await api.create_thing(NewThing(id="x")) is found


async def test_what_was_done_needs_no_answer(api: ThingApi, scripted: Any) -> None:
    async def done(call: Any) -> Response:
        call.done = True
        return Response(409, {}, b"")

    scripted.send = done
    await api.put_part("x", 1)
    scripted.send = type(scripted).send.__get__(scripted)
    scripted.answer = told({"message": "there"}, 409)
    with pytest.raises(ConflictError):
        await api.put_part("x", 1)


async def test_a_look_is_bound_to_its_call(api: ThingApi, scripted: Any) -> None:
    scripted.answer = told({"id": "x", "name": "x"}, 201)
    await api.create_thing(NewThing(id="x"))
    call = scripted.calls[0]
    scripted.answer = told({"id": "x", "name": "x"})
    found = await call.look()
    assert found.id == "x"
    assert call.mine(found)
    assert not call.mine(Thing.model_validate({"id": "x", "name": "other"}))
    await api.get_thing("x")
    assert scripted.calls[-1].look is None


@given(
    st.binary(max_size=200),
    st.sampled_from([200, 201, 400, 404, 500]),
    st.sampled_from(["application/json", ""]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_raises_anything_foreign(scripted: Any, body: bytes, status: int, kind: str) -> None:
    scripted.answer = Response(status, {"content-type": kind}, body)

    async def call() -> None:
        with suppress(IdentityError):
            await ThingApi(scripted, "", user_agent="t").get_thing("x")

    anyio.run(call)


class ManyApi(Api):
    @operation("GET /many")
    async def many(
        self, *, customer: tuple[str, ...] | list[str] = (), deep: bool | None = None
    ) -> Things: ...

    @operation("DELETE /keys/{prefix}")
    async def drop(self, prefix: Annotated[str, Segments()]) -> None: ...

    def complete(self, decoded: Any, response: Response) -> Any:
        return decoded if decoded is None else decoded.model_copy(update={"results": (response.status,)})


async def test_a_sequence_repeats_its_query_parameter(scripted: Any) -> None:
    scripted.answer = Response(200, JSON, b'{"results": []}')
    api = ManyApi(scripted, "/v1", user_agent="t")
    for value in (("a", "b&c"), ["a", "b&c"]):
        await api.many(customer=value, deep=True)
        assert scripted.calls[-1].request.target == "/v1/many?customer=a&customer=b%26c&deep=true"
    await api.many(customer=())
    assert scripted.calls[-1].request.target == "/v1/many"


async def test_slashes_stay_where_a_parameter_holds_several_segments(scripted: Any) -> None:
    api = ManyApi(scripted, "/v1", user_agent="t")
    await api.drop("1ab/2 c")
    assert scripted.calls[-1].request.target == "/v1/keys/1ab/2%20c"
    for refused in ("", "a/", "/a", "a//b", "a/../b", "a/."):
        with pytest.raises(InvalidRequestError):
            await api.drop(refused)
    assert len(scripted.calls) == 1


async def test_an_api_may_complete_what_was_decoded(scripted: Any) -> None:
    scripted.answer = Response(200, JSON, b'{"results": []}')
    assert (await ManyApi(scripted, "/v1", user_agent="t").many()).results == (200,)
