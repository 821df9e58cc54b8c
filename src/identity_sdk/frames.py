"""Lists as data frames, with types that come from the models and not from what the values happen to be.

Times are UTC, choices are categories, booleans and numbers may be missing, ids are strings. Secrets are left out: a
data frame is written to files. The columns of a type are always the same, even for an empty list.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, Union, cast

from identity_sdk.errors import ConfigurationError
from identity_sdk.secrets import Secret
from identity_sdk.tables import fields

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["to_pandas", "to_polars"]

_CATEGORIES: Final = frozenset(
    {"effect", "kind", "method", "provider", "role", "state", "status", "token_type", "type"}
)
"""Fields of few values; where the type does not name the choices, those that are seen are taken."""

Kind = Literal["time", "bool", "int", "float", "text", "category", "list", "struct", "other"]


@dataclass(frozen=True)
class _Type:
    """What a column holds: ``choices`` of a category, ``parts`` of a list or structure."""

    kind: Kind
    choices: tuple[str, ...] = ()
    parts: Mapping[str, _Type] | None = None


_SIMPLE: Final[Mapping[object, Kind]] = {
    datetime: "time",
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
}


def to_pandas(items: Sequence[object], of: object = None) -> pandas.DataFrame:
    """A ``pandas.DataFrame`` with a row per item; ``of`` is the items' type, where the list is empty.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise _missing("pandas") from None
    kinds = _columns(items, of)
    data: dict[str, pandas.Series] = {}
    for name, values in _values(items, kinds).items():
        column = kinds[name]
        if column.kind == "category":
            choices = column.choices or sorted({str(value) for value in values if value is not None})
            data[name] = pd.Series(pd.Categorical(values, categories=pd.Index(choices, dtype="str")))
        else:
            data[name] = pd.Series(values, dtype=_PANDAS.get(column.kind, "object"))
    return pd.DataFrame(data)


_PANDAS: Final[Mapping[Kind, str]] = {
    "time": "datetime64[us, UTC]",
    "bool": "boolean",
    "int": "Int64",
    "float": "Float64",
    "text": "string",
}


def to_polars(items: Sequence[object], of: object = None) -> polars.DataFrame:
    """A ``polars.DataFrame`` with a row per item; ``of`` is the items' type, where the list is empty.

    Raises:
        ConfigurationError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError:
        raise _missing("polars") from None

    def dtype(column: _Type) -> polars.DataType:
        parts = column.parts or {}
        match column.kind:
            case "time":
                return pl.Datetime("us", "UTC")
            case "bool":
                return pl.Boolean()
            case "int":
                return pl.Int64()
            case "float":
                return pl.Float64()
            case "category":
                return pl.Enum(column.choices) if column.choices else pl.Categorical()
            case "list":
                return pl.List(dtype(parts["item"]))
            case "struct":
                return pl.Struct({name: dtype(part) for name, part in parts.items()})
            case _:
                return pl.String()

    kinds = _columns(items, of)
    columns = _values(items, kinds)
    for name, column in kinds.items():
        columns[name] = [_as_json(value, column) for value in columns[name]]
    return pl.DataFrame(columns, schema={name: dtype(column) for name, column in kinds.items()})


def _as_json(value: object, column: _Type) -> object:
    """What has no type of its own becomes JSON text: a column of polars holds one type."""
    parts = column.parts or {}
    if column.kind == "list" and isinstance(value, list):
        return [_as_json(one, parts["item"]) for one in cast("list[object]", value)]
    if column.kind == "struct" and isinstance(value, dict):
        values = cast("dict[str, object]", value)
        return {name: _as_json(values.get(name), part) for name, part in parts.items()}
    if column.kind == "other" and value is not None:
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _missing(library: str) -> ConfigurationError:
    return ConfigurationError(
        f'to_{library}() needs {library}: python -m pip install "unified-identity-sdk[notebook]"'
    )


def _columns(items: Sequence[object], of: object) -> dict[str, _Type]:
    """The columns of all types in the list, those of secrets left out."""
    classes = dict.fromkeys(map(type, items)) if items else dict.fromkeys(_members(of))
    found: dict[str, _Type] = {}
    for one in classes:
        for name, column in _fields_of(one).items():
            found[name] = column if found.get(name, column) == column else _Type("other")
    if any(getattr(one, "provider", "") for one in classes):
        found.setdefault("provider", _Type("category"))
    return found


def _fields_of(one: type) -> dict[str, _Type]:
    known: Mapping[str, object] | None = getattr(one, "model_fields", None)
    if known is None:
        return {"value": _type("value", one)}
    hints = {name: getattr(field, "annotation", None) for name, field in known.items()}
    return {name: _type(name, hint) for name, hint in hints.items() if not _is_secret(hint)}


def _members(hint: object) -> Iterable[type]:
    """The classes of a type or union, without ``None``."""
    for one in _alternatives(hint):
        if isinstance(one, type):
            yield one


def _alternatives(hint: object) -> list[object]:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return [inner for one in typing.get_args(hint) for inner in _alternatives(one)]
    return [] if hint in (None, types.NoneType) else [hint]


def _is_secret(hint: object) -> bool:
    return any(
        one is Secret or any(_is_secret(inner) for inner in typing.get_args(one))
        for one in _alternatives(hint)
    )


def _type(name: str, hint: object) -> _Type:
    alternatives = _alternatives(hint)
    if len(alternatives) != 1:
        return _Type("other")
    [only] = alternatives
    args = typing.get_args(only)
    origin = typing.get_origin(only)
    if origin is Literal and all(isinstance(one, str) for one in args):
        return _Type("category", args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _Type("list", parts={"item": _type("", args[0])})
    simple = _SIMPLE.get(only)
    if simple is not None:
        return _Type("category" if simple == "text" and name in _CATEGORIES else simple)
    if isinstance(only, type) and hasattr(only, "model_fields"):
        return _Type("struct", parts=_fields_of(only))
    return _Type("other")


def _values(items: Sequence[object], kinds: Mapping[str, _Type]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {name: [] for name in kinds}
    for item in items:
        row = fields(item) if hasattr(type(item), "model_fields") else {"value": item}
        for name, column in columns.items():
            column.append(_plain(row[name] if name in row else getattr(item, name, None)))
    return columns


def _plain(value: object) -> object:
    match value:
        case None | str() | bool() | int() | float():
            return value
        case datetime():
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        case Secret():
            return None
        case tuple() | list():
            return [_plain(one) for one in cast("Sequence[object]", value)]
        case Mapping():
            pairs = cast("Mapping[object, object]", value).items()
            return {str(name): _plain(one) for name, one in pairs if not isinstance(one, Secret)}
        case _ if hasattr(type(value), "model_fields"):
            return {name: _plain(one) for name, one in fields(value).items() if not isinstance(one, Secret)}
        case _:
            return str(value)
