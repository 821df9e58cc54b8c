"""``@operation``: a typed stub per documented operation becomes a method that sends it.

::

    @operation("GET /auth/users/{user_id}")
    async def get_user(self, user_id: str) -> LakeFSUser: ...

Parameters named in the path go there, percent-encoded (``safe=''``; empty, ``.`` and ``..`` are refused before
anything is sent). A parameter named ``body`` is sent as JSON; those annotated ``Annotated[…, Header("If-Match")]`` as a
header; all others go to the query, ``None`` meaning absent, a sequence one pair for each of its items. A path parameter
annotated ``Annotated[str, Segments()]`` may hold several segments: its slashes stay. The answer is decoded to the
annotated return type in one step: ``None`` for no body (``X | None`` where the backend answers a body or none),
:class:`~identity_sdk.wire.request.Response` for the raw answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, wraps
from typing import (
    Annotated,
    Any,
    ClassVar,
    Concatenate,
    ParamSpec,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)
from urllib.parse import quote, quote_plus, urlencode

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from identity_sdk.errors import IdentityError, InvalidRequestError, ProtocolError
from identity_sdk.models import Model
from identity_sdk.secrets import REVEAL, Secret
from identity_sdk.wire.call import Call, Dialect, OperationSpec, Retry, Sender
from identity_sdk.wire.request import Request, Response

__all__ = ["Api", "Header", "Query", "Segments", "encode_segment", "operation"]

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound="Api")

_DEFAULT_RETRY = {"GET": Retry.SAFE, "HEAD": Retry.SAFE, "PUT": Retry.IDEMPOTENT, "DELETE": Retry.IDEMPOTENT}


@dataclass(frozen=True, slots=True)
class Query:
    """The name of a query parameter on the wire, where it differs from the Python name."""

    name: str


@dataclass(frozen=True, slots=True)
class Header:
    """Sends the parameter as a header of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Segments:
    """A path parameter that may hold several segments; each is encoded and checked by itself."""


class Api:
    """The base of a wire API: holds the port to the pipeline and the way that the backend words its answers."""

    dialect: ClassVar[Dialect] = Dialect()
    query_booleans: ClassVar[tuple[str, str]] = ("false", "true")
    accept: ClassVar[str] = "application/json"

    def __init__(self, sender: Sender, base_path: str, *, user_agent: str) -> None:
        self._sender = sender
        self._base_path = base_path
        self._headers = {"Accept": self.accept, "User-Agent": user_agent}

    def is_json(self, response: Response) -> bool:
        """Whether the answer may be read as JSON, by its content type."""
        return "json" in response.headers.get("content-type", "")

    def complete(self, decoded: Any, response: Response) -> Any:
        """What an operation answers: the decoded body, and what a backend says by status or cookie."""
        return decoded


def encode_segment(name: str, value: object) -> str:
    """One path segment, percent-encoded.

    Raises:
        InvalidRequestError: it is empty, ``.`` or ``..`` (proxies and servers rewrite those), or not a string that
            UTF-8 can hold.
    """
    text = "" if value is None else str(value)
    if text in ("", ".", ".."):
        raise InvalidRequestError(
            f"{name} must not be {text!r}: it cannot be a path segment", fields={name: "invalid"}
        )
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{name} holds a lone surrogate", fields={name: "not UTF-8"}) from None


class _Compiled:
    """The parts of an operation that depend on its signature alone; made at the first call."""

    def __init__(self, function: Callable[..., object], spec: OperationSpec) -> None:
        self.spec = spec
        self.signature = inspect.signature(function)
        parameters = list(self.signature.parameters.values())[1:]
        self.names = tuple(parameter.name for parameter in parameters)
        self.required = frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty)
        self.positional = tuple(p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY)
        # Python puts required positional parameters first; a required keyword makes the quick way impossible.
        self.least = len(self.required) if self.required <= set(self.positional) else len(parameters) + 1
        hints = get_type_hints(function, include_extras=True)
        self.returns: Any = hints.pop("return")
        self._hints = hints
        path = spec.path
        self.literals, self.segments = _split(path)
        self.query: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.body: str | None = None
        self.several: set[str] = set()
        for name in self.names:
            marks = get_args(hints[name])[1:] if get_origin(hints[name]) is Annotated else ()
            if name in self.segments:
                if any(isinstance(mark, Segments) for mark in marks):
                    self.several.add(name)
                continue
            header = next((mark for mark in marks if isinstance(mark, Header)), None)
            if name == "body":
                self.body = name
            elif header is not None:
                self.headers[name] = header.name
            else:
                self.query[name] = next((m.name for m in marks if isinstance(m, Query)), name)

    @cached_property
    def body_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._hints["body"])

    @cached_property
    def decoder(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.returns)

    def bind(self, api: Api, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        bound = dict(zip(self.positional, args, strict=False))
        if not kwargs and self.least <= len(args) <= len(
            self.positional
        ):  # the usual call needs no closer look
            return bound
        bound.update(kwargs)
        if (
            len(args) > len(self.positional)
            or len(bound) != len(args) + len(kwargs)
            or not self.required <= bound.keys()
            or not bound.keys() <= set(self.names)
        ):
            self.signature.bind(api, *args, **kwargs)  # raises the TypeError that Python would
        return bound

    def request(self, api: Api, bound: Mapping[str, object]) -> Request:
        target = api._base_path + self.literals[0]  # pyright: ignore[reportPrivateUsage]
        for segment, literal in zip(self.segments, self.literals[1:], strict=True):
            value = bound[segment]
            parts = str(value).split("/") if segment in self.several else (value,)
            target += "/".join([encode_segment(segment, part) for part in parts]) + literal
        pairs = [
            (wire, _query_value(api, one))  # pyright: ignore[reportUnknownArgumentType]
            for name, wire in self.query.items()
            if (value := bound.get(name)) is not None
            for one in (value if isinstance(value, list | tuple) else (value,))  # pyright: ignore[reportUnknownVariableType]
        ]
        if pairs:
            try:
                target += "?" + urlencode(pairs, quote_via=quote_plus)
            except UnicodeEncodeError:
                raise InvalidRequestError(f"the query of {self.spec.name} holds a lone surrogate") from None
        headers = dict(api._headers)  # pyright: ignore[reportPrivateUsage]
        for name, wire in self.headers.items():
            if (value := bound.get(name)) is not None:
                headers[wire] = _header_value(name, value)
        body = b""
        if self.body is not None and (bound.get("body") is not None or self.body in self.required):
            headers["Content-Type"] = "application/json"
            body = self._encode(bound["body"])
        return Request(self.spec.method, target, headers, body)

    def _encode(self, value: object) -> bytes:
        try:
            checked = self.body_adapter.validate_python(value)
            return self.body_adapter.dump_json(checked, by_alias=True, exclude_unset=True, context=_REVEAL)
        except ValidationError as invalid:
            why, fields = _summary(invalid), _fields(invalid)
        except PydanticSerializationError:
            why, fields = (
                "a string in it cannot be written as UTF-8 (a lone surrogate)",
                {"body": "not UTF-8"},
            )
        raise InvalidRequestError(f"the body of {self.spec.name} is not valid: {why}", fields=fields)

    def decode(self, api: Api, response: Response) -> object:
        if self.returns is type(None) or self.returns is None:
            return None
        if self.returns is Response:
            return response
        if not response.body and type(None) in get_args(self.returns):
            return None
        if not api.is_json(response):
            told = response.headers.get("content-type") or "none"
            raise ProtocolError(
                f"expected JSON, got content type {told[:100]!r} and {len(response.body)} bytes"
            )
        try:
            decoded: object = self.decoder.validate_json(response.body)
        except ValidationError as invalid:
            why = _summary(invalid)
        else:
            _believe(decoded)
            return api.complete(decoded, response)
        # Outside of the handler: pydantic's error quotes what it was given, and would stay the context of ours.
        raise ProtocolError(f"the answer is not what {self.spec.name} promises: {why}")


_REVEAL: Any = REVEAL


def _split(path: str) -> tuple[list[str], list[str]]:
    """``"/a/{b}/c"`` to the literals ``["/a/", "/c"]`` and the segments ``["b"]``."""
    parts = path.replace("}", "{").split("{")
    return parts[0::2], parts[1::2]


def _header_value(name: str, value: object) -> str:
    """RFC 9110 section 5.5: visible ASCII and blanks; a line break would begin another header."""
    text = value.reveal() if isinstance(value, Secret) else str(value)
    if not (text.isascii() and text.replace("\t", " ").isprintable()):
        del text  # tracebacks show locals
        raise InvalidRequestError(
            f"{name} holds characters that no header can carry", fields={name: "invalid"}
        )
    return text


def _query_value(api: Api, value: object) -> str:
    if isinstance(value, bool):
        return api.query_booleans[value]
    return str(value)


def _believe(decoded: object) -> None:
    """Refuses an extra key that equals the name of a field: it would come out of a dump as that field."""
    if isinstance(decoded, dict):
        decoded = tuple(decoded.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    for one in decoded if isinstance(decoded, tuple | list) else (decoded,):  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(one, Model):
            if isinstance(one, tuple | list | dict):
                _believe(one)  # pyright: ignore[reportUnknownArgumentType]
            continue
        if one.model_extra and not one.shadowed.isdisjoint(one.model_extra):
            names = ", ".join(sorted(one.shadowed & one.model_extra.keys()))
            raise ProtocolError(f"the answer holds unknown keys that pose as our fields: {names}")
        for name in _holders(type(one)):
            _believe(getattr(one, name))


@cache
def _holders(kind: type[Model]) -> tuple[str, ...]:
    """The fields that hold further models; most types have none, so that long lists cost nothing here."""
    return tuple(name for name, info in kind.model_fields.items() if _holds_models(info.annotation))


def _holds_models(annotation: object) -> bool:
    inner = get_args(annotation)
    if inner:
        return any(_holds_models(part) for part in inner)
    return isinstance(annotation, type) and issubclass(annotation, Model)


def _summary(invalid: ValidationError) -> str:
    """Where and why, never the input itself: it may be a secret."""
    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:60] for part in first["loc"]) or "the whole"
    more = invalid.error_count() - 1
    return f"{first['msg']} at {where}" + (f" (and {more} more)" if more else "")


def _fields(invalid: ValidationError) -> dict[str, str]:
    errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    return {".".join(str(part) for part in error["loc"]): error["msg"] for error in errors}


def operation(
    route: str,
    *,
    success: int | tuple[int, ...] = 200,
    retry: Retry | None = None,
    auth: bool = True,
    repeat_done: tuple[int, ...] = (),
    look: Callable[[Any, Mapping[str, Any]], Awaitable[object | None]] | None = None,
    mine: Callable[[Any, Mapping[str, Any]], bool] | None = None,
    how_to_find_out: str = "",
) -> Callable[
    [Callable[Concatenate[A, P], Coroutine[Any, Any, R]]], Callable[Concatenate[A, P], Coroutine[Any, Any, R]]
]:
    """Makes a stub send what it declares.

    Args:
        route: method and path template, such as ``"PUT /auth/groups/{group_id}/members/{user_id}"``.
        success: the status or statuses that mean done.
        retry: default by the method: GET safe, PUT and DELETE idempotent, others once.
        auth: ``False`` for public operations and logins.
        repeat_done: statuses that, answered to a repeat after an ambiguous outcome, prove that the work was done.
        look: ``look(api, arguments)`` reads what is there after an ambiguous outcome, see
            :class:`~identity_sdk.wire.call.Call`.
        mine: ``mine(found, arguments)``: whether only this call could have made what ``look`` found.
        how_to_find_out: what the caller of a call with unknown outcome should read.
    """
    method, _, path = route.partition(" ")
    statuses = frozenset((success,) if isinstance(success, int) else success)

    def decorate(
        function: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
    ) -> Callable[Concatenate[A, P], Coroutine[Any, Any, R]]:
        spec = OperationSpec(
            name=function.__name__,
            method=method,
            path=path,
            success=statuses,
            retry=retry or _DEFAULT_RETRY.get(method, Retry.ONCE),
            auth=auth,
            repeat_done=frozenset(repeat_done),
            how_to_find_out=how_to_find_out,
        )
        compiled: _Compiled | None = None

        @wraps(function)
        async def send(self: A, /, *args: P.args, **kwargs: P.kwargs) -> R:
            nonlocal compiled
            if compiled is None:
                compiled = _Compiled(function, spec)
            bound = compiled.bind(self, args, kwargs)
            call = Call(spec, self.dialect, compiled.request(self, bound))
            if look is not None:
                chosen = look
                call.look = lambda: chosen(self, bound)
            if mine is not None:
                owns = mine
                call.mine = lambda found: owns(found, bound)
            result: R = await _perform(self, call, compiled)
            return result

        vars(send)["__operation__"] = spec
        return send

    return decorate


async def _perform(api: Api, call: Call, compiled: _Compiled) -> Any:
    sender = api._sender  # pyright: ignore[reportPrivateUsage]
    response = await sender.send(call)
    if call.proven is not None:
        return call.proven
    if call.done:
        return None
    try:
        if response.status not in call.spec.success:
            raise api.dialect.error(response, call.spec, sender.now())
        return compiled.decode(api, response)
    except IdentityError as error:
        _tell(error, api, call, response)
        raise


def _tell(error: IdentityError, api: Api, call: Call, response: Response) -> None:
    """Puts when and what on an error that came out of an answer."""
    error.provider = error.provider or api.dialect.provider
    error.operation = error.operation or call.spec.name
    error.status = error.status or response.status
    error.request_id = error.request_id or response.headers.get("x-request-id")
    error.attempts, error.elapsed = response.attempts, response.elapsed
    error.stopped_because = error.stopped_because or response.stopped_because
