"""Calls operations by name, and holds what was sent and what came back against the table and the raw bytes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, unquote

import pytest
from pydantic import BaseModel, TypeAdapter

from identity_sdk.errors import IdentityError
from identity_sdk.secrets import Secret
from identity_sdk.wire.request import Response
from tests.wire.operations.table import Names, Row, reasons, same, table


@dataclass
class Exchange:
    """One request and its answer, as raw as they went."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes = b""
    status: int = 0
    answer: bytes = b""
    kind: str = ""


class Recorder:
    """Stands before an emulator and writes down what passes."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.seen: list[Exchange] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["raw_path"].decode()
        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        one = Exchange(scope["method"], path, query, headers)
        self.seen.append(one)

        async def receiving() -> Any:
            message = await receive()
            one.body += message.get("body", b"")
            return message

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                one.status = message["status"]
                one.kind = dict(message["headers"]).get(b"content-type", b"").decode()
            one.answer += message.get("body", b"")
            await send(message)

        await self.app(scope, receiving, sending)


def found(api: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every operation of a native API with its dotted name: those of the object, and of its modules."""
    for name, value in sorted(vars(api).items()):
        if type(value).__module__.startswith("identity_sdk.adapters.") and not name.startswith("_"):
            yield from found(value, f"{path}{name}.")
    for name, member in inspect.getmembers(type(api), callable):
        if hasattr(member, "__operation__"):
            yield f"{path}{name}", getattr(api, name)


@dataclass
class Caller:
    """``await call("get_user", "ann")``."""

    backend: str
    native: Any
    seen: list[Exchange]
    base: str = ""
    least: set[str] = field(default_factory=set)
    every: set[str] = field(default_factory=set)
    given: dict[str, set[str]] = field(default_factory=dict)
    sent_by: Any = None
    aside: Any = None

    def __post_init__(self) -> None:
        self.rows = table(self.backend)
        self.apart = reasons(self.backend, "apart")
        self.dropped = reasons(self.backend, "dropped")
        self.sent_by = self.native

    async def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        function, before = self._named(name), len(self.seen)
        result = await function(*arguments, **options)
        exchange = self._sent(name, inspect.signature(function), before, arguments, options)
        self.holds(name, function, result, exchange)
        return result

    async def refused(self, name: str, by: type[IdentityError], *arguments: Any, **options: Any) -> None:
        """A call that the server answers with an error: what is sent counts, and the error is typed."""
        function, before = self._named(name), len(self.seen)
        with pytest.raises(by):
            await function(*arguments, **options)
        self._sent(name, inspect.signature(function), before, arguments, options)

    def _named(self, name: str) -> Any:
        member = self.sent_by
        for part in name.split("."):
            member = getattr(member, part)
        return member

    def _sent(
        self, name: str, signature: inspect.Signature, before: int, arguments: Any, options: Any
    ) -> Exchange:
        """The one request of this call, held against its row."""
        row, bound = self.rows[name], signature.bind(*arguments, **options).arguments
        hits = [
            (one, match)
            for one in self.seen[before:]
            if one.method == row.method
            and (match := row.pattern.match(one.path.removeprefix(self.base))) is not None
        ]
        assert len(hits) == 1, f"{name}: {[(one.method, one.path) for one in self.seen[before:]]}"
        exchange, match = hits[0]
        self._arrived(name, row, bound, exchange, match.groupdict())
        self._counts(name, row, signature, bound)
        return exchange

    def _arrived(
        self, name: str, row: Row, bound: Mapping[str, Any], one: Exchange, segments: Mapping[str, str]
    ) -> None:
        """Each argument is where the document wants it, and nothing else is."""
        places = {same(key): value for key, value in segments.items()}
        query: dict[str, list[str]] = {}
        for key, value in one.query:
            query.setdefault(key, []).append(value)
        assert query.keys() <= set(row.query.all), f"{name}: {one.query}"
        assert row.query.required <= query.keys(), f"{name}: {one.query}"
        left = set(query)
        for key, value in bound.items():
            wire = {same(n.partition(":")[2] or n): n for n in (*row.query.all, *row.headers.all)}
            if key == "body":
                assert json.loads(one.body) == value, f"{name}: {one.body!r}"
                assert row.body is not None
                assert row.body.required <= json.loads(one.body).keys(), f"{name}: {one.body!r}"
            elif same(key) in places:
                assert unquote(places[same(key)]) == str(value), f"{name}: {one.path}"
            elif value is None or value == ():
                continue
            elif (told := wire[same(key)]) in row.query.all:
                left.discard(told)
                assert query.get(told) == words(value), f"{name}: {key}={value!r} became {one.query}"
            else:
                header, _, cookie = told.partition(":")
                expected = f"{cookie}={plain(value)}" if cookie else plain(value)
                assert one.headers.get(header.lower()) == expected, f"{name}: {key}={value!r}"
        assert not left, f"{name} sent {left} unasked"
        assert "body" in bound or not one.body, f"{name} sent a body unasked"

    def _counts(self, name: str, row: Row, signature: inspect.Signature, bound: Mapping[str, Any]) -> None:
        parameters = signature.parameters.values()
        required = {one.name for one in parameters if one.default is one.empty}
        passed = {key for key, value in bound.items() if value is not None and value != ()}
        body = row.body or Names((), frozenset())
        keys = set(bound.get("body") or ())
        exclusive = name in self.apart
        if passed == required and ("body" not in bound or keys == body.required or exclusive):
            self.least.add(name)
        if passed == set(signature.parameters) and keys == set(body.all):
            self.every.add(name)
        self.given.setdefault(name, set()).update(passed, keys)
        if exclusive and self.given[name] == {*signature.parameters, *body.all}:
            self.every.add(name)

    def holds(self, name: str, function: Any, result: Any, one: Exchange) -> None:
        """The answer is what is declared, and holds every value that the server told."""
        declared = get_type_hints(inspect.unwrap(function), include_extras=True)["return"]
        if declared is Response:
            assert isinstance(result, Response)
            assert (result.status, result.body) == (one.status, one.answer), name
            return
        if declared is type(None):
            assert result is None, name
            return
        TypeAdapter(declared).validate_python(result, strict=True)
        if result is None:
            assert type(None) in get_args(declared)
            assert not one.answer, name
            return
        assert isinstance(result, get_origin(declared) or declared) or get_args(declared), name
        held = set(leaves(result))
        lost = [leaf for leaf in leaves(json.loads(one.answer), self.dropped) if not forms(leaf) & held]
        assert not lost, f"{name}: {lost} of {one.answer[:500]!r} is not in {result!r}"

    def complete(self) -> None:
        """Each operation that there is was called with the least and with everything, and the table is the same."""
        there = {name for name, _ in found(self.native)}
        assert there <= self.rows.keys(), f"without a row: {sorted(there - self.rows.keys())}"
        assert all(callable(self._named(name)) for name in self.rows)
        assert not self.rows.keys() - self.least, (
            f"never with the least: {sorted(self.rows.keys() - self.least)}"
        )
        assert not self.rows.keys() - self.every, f"never with all: {sorted(self.rows.keys() - self.every)}"


def plain(value: Any) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def words(value: Any) -> list[str]:
    """Query values: booleans as each official client spells them."""
    if isinstance(value, bool):
        return [str(value)]
    return [str(one) for one in value] if isinstance(value, list | tuple) else [plain(value)]


def leaves(value: Any, without: Collection[str] = ()) -> Iterator[str | float]:
    """The scalars of an answer, raw or decoded; flags and what is empty tell too little to be looked for."""
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, BaseModel):
        inner: list[Any] = [getattr(value, key) for key in type(value).model_fields]
        inner += [*(value.model_extra or {}).values(), *(value.__pydantic_private__ or {}).values()]
        for one in inner:
            yield from leaves(one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key not in without:
                yield from leaves(one, without)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from leaves(one, without)
    elif isinstance(value, datetime):
        yield value.timestamp()
    elif isinstance(value, Enum):
        yield str(value.value)
    elif isinstance(value, str) and value:
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool) and value:
        yield float(value)


def forms(leaf: str | float) -> set[str | float]:
    """What a raw value may have become: seconds or milliseconds a time, numbers as ids strings."""
    if isinstance(leaf, float):
        text = f"{leaf:.0f}" if leaf == int(leaf) else str(leaf)
        return {leaf, leaf / 1000, text}
    held: set[str | float] = {leaf}
    try:
        read = datetime.fromisoformat(leaf.replace("Z", "+00:00"))
    except ValueError:
        return held
    return held | {(read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()}
