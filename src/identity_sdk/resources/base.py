"""What the six resources share: the decorator that declares a cell, and the refusal of all that is not declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, ClassVar, Protocol, TypeVar, cast, get_args, get_type_hints, runtime_checkable

from identity_sdk.capabilities import Cell
from identity_sdk.errors import InvalidRequestError, NotSupportedError
from identity_sdk.listing import Listing, Scope
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = ["Resource", "derived", "one_of", "supports"]

F = TypeVar("F", bound=Callable[..., Any])


@runtime_checkable
class _Scoped(Protocol):
    """A value that does its work later, each piece inside a verb's scope: a Listing, a Rotation."""

    def bind_scope(self, scope: Scope) -> None: ...


class Resource:
    """One area of the facade.

    A base class (``class Users(Resource, area="users")``) holds signatures, docstrings and bodies that refuse. An
    adapter's resource is its subclass and overrides what the backend can do, each override under ``@supports``.

    Attributes:
        unsupported: for verbs that are not overridden, ``(reason, nearest thing that works)``.
    """

    area: ClassVar[str] = ""
    verbs: ClassVar[tuple[str, ...]] = ()
    provider: ClassVar[str] = ""
    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def __init_subclass__(cls, area: str | None = None, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        public = [
            name
            for name, member in vars(cls).items()
            if inspect.isfunction(member) and not name.startswith("_") and not hasattr(member, "__derived__")
        ]
        if area is not None:
            cls.area, cls.verbs = area, tuple(public)
            for name in public:
                setattr(cls, name, _discreet(vars(cls)[name]))
            return
        for name in public:
            if name in cls.verbs and not hasattr(vars(cls)[name], "__cell__"):
                raise TypeError(f"{cls.__name__}.{name} overrides a verb without @supports(…)")
            if name not in cls.verbs:
                raise TypeError(
                    f"{cls.__name__}.{name} is no verb of {cls.area}: start its name with an underscore"
                )

    @classmethod
    def cells(cls) -> dict[str, Cell]:
        """Every verb of the area as this backend has it."""
        cells: dict[str, Cell] = {}
        for verb in cls.verbs:
            declared: Mapping[str, Any] | None = getattr(getattr(cls, verb), "__cell__", None)
            name = f"{cls.area}.{verb}"
            if declared is not None:
                cells[name] = Cell(name, True, **declared)
            else:
                reason, instead = cls.unsupported.get(verb, ("the backend has no such operation", ""))
                cells[name] = Cell(name, False, reason=reason, instead=instead)
        return cells

    def _cannot(self, verb: str) -> NotSupportedError:
        cell = self.cells()[f"{self.area}.{verb}"]
        message = f"{self.provider} cannot {self.area}.{verb}: {cell.reason}"
        if cell.instead:
            message += f". Instead: {cell.instead}"
        return NotSupportedError(message, provider=self.provider, operation=cell.verb)


def supports(*, kinds: tuple[str, ...] = (), refuses: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """Declares that the backend can do this verb; read by ``capabilities``.

    The decorated verb refuses unsupported arguments before any I/O and runs in the verb's scope: one deadline over
    everything in it, and the verb's name on its errors.

    Args:
        kinds: the values of ``kind=`` that work, where the verb takes one.
        refuses: keywords of the neutral verb that this backend cannot honour, with the reason. Passing one (anything
            but its default) is a ``NotSupportedError``: nothing is dropped silently.
    """
    refused = dict(refuses or {})

    def decorate(function: F) -> F:
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(function).parameters.items()
            if name in refused
        }
        missing = refused.keys() - defaults.keys()
        if missing:
            raise TypeError(f"{function.__qualname__} refuses parameters that it has not: {sorted(missing)}")
        verb = function.__name__

        def check(self: Resource, kwargs: Mapping[str, object]) -> None:
            for name, reason in refused.items():
                if name in kwargs and kwargs[name] is not defaults[name] and kwargs[name] != defaults[name]:
                    raise NotSupportedError(
                        f"{self.provider} cannot take {name}= in {self.area}.{verb}: {reason}",
                        provider=self.provider,
                        operation=f"{self.area}.{verb}",
                    )
            kind = kwargs.get("kind")
            if kinds and kind is not None and kind not in kinds:
                raise NotSupportedError(
                    f"{self.provider} has no kind={kind!r} in {self.area}.{verb}: it knows {', '.join(kinds)}",
                    provider=self.provider,
                    operation=f"{self.area}.{verb}",
                )

        secrets = _secret_parameters(function)
        if secrets and not inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} takes a secret, so it must be async")
        wrapper: F = (
            _async(function, check, secrets)
            if inspect.iscoroutinefunction(function)
            else _later(function, check)
        )
        vars(wrapper)["__cell__"] = {"kinds": kinds, "refuses": refused}
        return wrapper

    return decorate


def _secret_parameters(function: Any) -> dict[str, int]:
    """The parameters that take a secret, and at which position."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: place for place, one in enumerate(parameters, -1) if "Secret" in str(one.annotation)}


def _hidden(
    secrets: Mapping[str, int], args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[object, ...]:
    """Wraps plain strings that are secrets, so that no frame below the caller's own shows them in its locals."""
    for name in secrets:
        if isinstance(value := kwargs.get(name), str):
            kwargs[name] = Secret(value)
    places = set(secrets.values())
    return tuple(Secret(one) if at in places and isinstance(one, str) else one for at, one in enumerate(args))


def _discreet(function: Any) -> Any:
    """A verb's default body, which refuses, without the caller's secrets in its frame."""
    secrets = _secret_parameters(function)
    if not secrets:
        return function

    @wraps(function)
    async def verb(self: Resource, *args: object, **kwargs: object) -> object:
        args = _hidden(secrets, args, kwargs)
        return await function(self, *args, **kwargs)

    return verb


def _async(
    function: Any, check: Callable[[Resource, Mapping[str, object]], None], secrets: Mapping[str, int]
) -> Any:
    @wraps(function)
    async def verb(self: Resource, *args: object, **kwargs: object) -> object:
        if secrets:
            args = _hidden(secrets, args, kwargs)
        if kwargs:
            check(self, kwargs)
        async with self._sender.verb(f"{self.area}.{function.__name__}"):  # pyright: ignore[reportPrivateUsage]
            return await function(self, *args, **kwargs)

    return verb


def _later(function: Any, check: Callable[[Resource, Mapping[str, object]], None]) -> Any:
    @cache
    def item_type() -> object:
        """The ``T`` of the verb's ``-> Listing[T]``."""
        return get_args(get_type_hints(function)["return"])[0]

    @wraps(function)
    def verb(self: Resource, *args: object, **kwargs: object) -> object:
        if kwargs:
            check(self, kwargs)
        result = function(self, *args, **kwargs)
        if not isinstance(result, _Scoped):
            raise TypeError(f"{function.__qualname__} must be async, or answer a Listing or a Rotation")
        name = f"{self.area}.{function.__name__}"
        result.bind_scope(lambda: self._sender.verb(name))  # pyright: ignore[reportPrivateUsage]
        if isinstance(result, Listing):
            cast("Listing[object]", result).bind_type(item_type)
        return cast("object", result)

    return verb


def derived(function: F) -> F:
    """Marks a method that is made of other verbs, the same for every backend: no cell of its own."""
    vars(function)["__derived__"] = True
    return function


def one_of(**choices: str | None) -> tuple[str, str]:
    """The one keyword that was given, as ``(name, value)``.

    Raises:
        InvalidRequestError: none was given, or more than one.
    """
    given = [(name, value) for name, value in choices.items() if value is not None]
    if len(given) != 1:
        names = " or ".join(f"{name}=" for name in choices)
        raise InvalidRequestError(
            f"give exactly one of {names}", fields=dict.fromkeys(choices, "exactly one")
        )
    return given[0]
