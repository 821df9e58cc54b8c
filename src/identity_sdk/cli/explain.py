"""``--explain``: the requests of a verb, redacted, without sending one.

The adapter is bound to a sender of ours that has no transport: it writes down each call and answers with a placeholder,
so that verbs of several steps go on as far as their next step does not depend on what a server would say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass
from time import time
from typing import TYPE_CHECKING, Any, Final, Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from identity_sdk.auth.sources import Issued, SigningSource
from identity_sdk.cli.extras import extras_of
from identity_sdk.errors import IdentityError
from identity_sdk.middleware.observe import ALLOWED_HEADERS
from identity_sdk.secrets import REDACTED, Secret

if TYPE_CHECKING:
    from identity_sdk.adapters.base import Adapter
    from identity_sdk.cli.signature import Verb
    from identity_sdk.wire.call import Call
    from identity_sdk.wire.request import Response

__all__ = ["explain"]

_MOST: Final = 25
_SECRETIVE: Final = re.compile(
    r"pass(word|phrase|code)?|secret|token|api_?key|(^|[_-])key$|private|assertion|^code$|otp|csrf|signature|state",
    re.IGNORECASE,
)


_BRACES: Final = re.compile(r"\{[\w.\[\]]+\}")


_LAST: Final = re.compile(
    r"has_more|next\w*|\w*cursor|status|state|deleted\w*|removed\w*|disabled", re.IGNORECASE
)
"""Fields that would make a placeholder one page of many, or the remains of something deleted."""


class _EnoughError(BaseException):
    """A plan is long enough: a loop waits for what no placeholder tells."""


class _Placeholder(str):
    """Stands for what a server would answer: any field of it, one item of any list, equal to whatever was asked for."""

    __slots__ = ()

    def __new__(cls, path: str) -> Self:
        return super().__new__(cls, f"{{{path}}}")

    def __getattr__(self, name: str) -> _Placeholder | None:
        if name.startswith("__"):
            raise AttributeError(name)
        if _LAST.fullmatch(name):
            return None
        return type(self)(f"{self[1:-1]}.{name}")

    def __call__(self, *given: object, **options: object) -> Self:
        """A copy of it, with something of ours beside."""
        return self

    def __iter__(self) -> Iterator[str]:
        yield _Placeholder(f"{self[1:-1]}[each]")

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return super().__hash__()


class _Nothing(_Placeholder):
    """What is answered to the same request again: loops that take away until nothing is left must end."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True, slots=True)
class _Step:
    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str


class _Plan:
    """The ``Sender`` that sends nothing."""

    def __init__(self, adapter: Adapter, further: Mapping[str, object]) -> None:
        self.steps: list[_Step] = []
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(adapter.base_url))
        self._source = adapter.token_source()
        self._issued: Issued | None = None
        self._asked: set[tuple[str, str, bytes]] = set()
        self._slept = 0
        self._known = {*_values(adapter.auth), *(one for value in further.values() for one in _values(value))}

    async def send(self, call: Call) -> Response:
        from identity_sdk.wire.request import Response

        if self._source is not None and call.spec.auth:
            await self._sign(call)
        if len(self.steps) >= _MOST:
            raise _EnoughError
        again = (call.spec.name, call.request.target, call.request.body)
        call.proven = (_Nothing if again in self._asked else _Placeholder)(call.spec.name)
        self._asked.add(again)
        self.steps.append(self._step(call))
        return Response(min(call.spec.success), {}, b"")

    async def _sign(self, call: Call) -> None:
        source, headers = self._source, call.request.headers
        assert source is not None
        try:
            if self._issued is None:
                self._issued = await source.fetch(self, None)
        except (
            Exception
        ):  # what it makes of a placeholder: the login is written down, and that is all that is wanted
            self._issued = Issued(Secret("{token}"))
        try:
            if isinstance(source, SigningSource):
                source.sign(self._issued, call.request)
            else:
                source.authorize(self._issued, call.request.method, headers)
        except Exception:
            headers.setdefault("Authorization", REDACTED)

    def _step(self, call: Call) -> _Step:
        request = call.request
        return _Step(
            call.spec.name,
            request.method,
            self._origin + self._target(call),
            {
                name: value if name.lower() in ALLOWED_HEADERS else REDACTED
                for name, value in request.headers.items()
            },
            self._hidden(_body(request.body, request.headers.get("Content-Type", ""))),
        )

    def _target(self, call: Call) -> str:
        """Readable, without what is secret in the path by its route, in the query by its name."""
        path, _, query = call.request.target.partition("?")
        names = re.findall(r"\{(\w+)\}", call.spec.path)
        route = "(.+)".join(re.escape(part) for part in re.split(r"\{\w+\}", call.spec.path))
        found = re.search(f"{route}$", path)
        for name, value in zip(names, found.groups() if found else (), strict=False):
            if _is_secretive(name):
                path = path.replace(value, REDACTED)
        pairs = [
            f"{name}={REDACTED if _is_secretive(name) else value}"
            for name, value in parse_qsl(query, keep_blank_values=True)
        ]
        return self._hidden(_readable(path) + ("?" + "&".join(pairs) if pairs else ""))

    def _hidden(self, text: str) -> str:
        for value in self._known:
            text = text.replace(value, REDACTED)
        return text

    def verb(self, name: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def now(self) -> float:
        return time()

    def remaining(self) -> float:
        return float("inf")

    async def sleep(self, seconds: float) -> None:
        self._slept += 1
        if self._slept > _MOST:
            raise _EnoughError

    def forget(self) -> None:
        self._issued = None


def _is_secretive(name: str) -> bool:
    return _SECRETIVE.search(name) is not None and not name.lower().endswith(("_id", "_type"))


def _values(holder: object) -> Generator[str]:
    """The secrets in a credential or an argument, in clear, to find them in a text; short ones are words."""
    if isinstance(holder, Secret):
        if len(holder.reveal()) >= 4 and not holder.reveal().startswith("{"):
            yield holder.reveal()
    elif is_dataclass(holder) and not isinstance(holder, type):
        for field in fields(holder):
            yield from _values(getattr(holder, field.name))


def _readable(path: str) -> str:
    """Placeholders in plain letters, everything else as it goes on the wire."""
    return re.sub(r"%7B[\w.%-]*?%7D", lambda found: unquote(found[0]), path)


def _body(raw: bytes, kind: str) -> str:
    if not raw:
        return ""
    if "json" in kind:
        return json.dumps(_masked(json.loads(raw)), indent=2)
    if "form" in kind:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
        return "&".join(f"{name}={REDACTED if _is_secretive(name) else value}" for name, value in pairs)
    return f"({len(raw)} bytes)"


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: REDACTED if isinstance(one, str) and _is_secretive(name) else _masked(one)
            for name, one in cast("dict[str, Any]", value).items()
        }
    return [_masked(one) for one in cast("Iterable[Any]", value)] if isinstance(value, list) else value


async def explain(
    verb: Verb,
    arguments: Mapping[str, object],
    extras: Sequence[str],
    target: str | None,
    options: Mapping[str, object],
) -> None:
    """Prints what ``verb`` would send.

    Raises:
        ConfigurationError: as ``connect()`` would.
        NotSupportedError, InvalidRequestError: the verb itself refuses before anything is sent.
    """
    from identity_sdk.config import resolve

    adapter = resolve(target, options).adapter
    name = f"{verb.area}.{verb.name}"
    if not adapter.remote:
        print(
            f"{name} sends no request: the {adapter.name} provider does it in {adapter.base_url or 'its database'}"
        )
        return
    plan = _Plan(adapter, {**options, **arguments})
    function: Callable[..., object] = getattr(getattr(adapter.bind(plan), verb.area), verb.name)
    given = {**arguments, **extras_of(extras, function, verb)}
    whole = True
    try:
        await _walk(function(**given))
    except IdentityError:
        if not plan.steps:
            raise  # a refusal that needs no server
        whole = False
    except (Exception, _EnoughError):  # whatever an adapter makes of a placeholder
        whole = False
    _print(name, plan.steps, whole=whole, listing=_lists(verb))


async def _walk(answer: object) -> None:
    from identity_sdk.listing import Listing
    from identity_sdk.resources.credentials import Rotation

    if isinstance(answer, Listing):
        await anext(cast("Listing[object]", answer).pages())
    elif isinstance(answer, Rotation):
        async with answer:
            pass
    else:
        await cast("Awaitable[object]", answer)


def _lists(verb: Verb) -> bool:
    return any(parameter.name == "cursor" for parameter in verb.parameters)


def _print(name: str, steps: list[_Step], *, whole: bool, listing: bool) -> None:
    print(f"{name} would send the following; nothing was sent.")
    for number, step in enumerate(steps, 1):
        print(f"\n{number}. {step.operation}\n   {step.method} {step.url}")
        for header, value in step.headers.items():
            print(f"   {header}: {value}")
        if step.body:
            print("\n" + "\n".join(f"   {line}" for line in step.body.splitlines()))
    if not steps:
        print("\nNo request that is known beforehand.")
    if listing:
        print("\nThen the same for each further page, if there is one.")
    elif not whole:
        print(f"\nWhat follows, if anything, depends on the answer{f' to {len(steps)}' if steps else ''}.")
    if any(_BRACES.search(step.url + step.body) for step in steps):
        print("\nIn braces stands what would have to be read or asked for.")
