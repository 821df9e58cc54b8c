"""A verb of the facade as a command line sees it: its parameters, and its help out of its docstring."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from identity_sdk.models import UNSET, Credential, Session, Statement, Token
from identity_sdk.resources.base import Resource
from identity_sdk.resources.credentials import Credentials, Rotation
from identity_sdk.resources.groups import Groups
from identity_sdk.resources.policies import Policies
from identity_sdk.resources.sessions import Sessions
from identity_sdk.resources.tokens import Tokens
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret

__all__ = ["AREAS", "Kind", "Parameter", "Verb", "verbs_of"]

AREAS: Final[Mapping[str, type[Resource]]] = {
    each.area: each for each in (Users, Groups, Policies, Credentials, Sessions, Tokens)
}

Kind = Literal[
    "text", "texts", "whole", "number", "flag", "switch", "choice", "secret", "statements", "session"
]

_SECRETIVE: Final = (Credential, Session, Token, Rotation)
_MAKERS: Final = ("create", "rotate", "issue", "refresh", "constrain", "impersonate")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a verb.

    Attributes:
        name: as in Python.
        kind: what it takes; a ``secret`` is never taken as a value, a ``switch`` is on, off or left alone.
        positional: whether it is given by its place.
        required: whether the verb cannot do without.
        erasable: whether ``None`` erases it, and omission leaves it alone.
        choices: of a ``choice``.
        help: from the docstring's ``Args``.
    """

    name: str
    kind: Kind
    positional: bool
    required: bool
    erasable: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""

    @property
    def option(self) -> str:
        """Such as ``--exist-ok``."""
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        area, name: such as ``"users"`` and ``"add_member"``.
        summary: the first sentence of its docstring.
        description: the docstring without ``Args`` and ``Raises``.
        makes_secrets: whether its answer holds a secret that is shown once.
    """

    area: str
    name: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    makes_secrets: bool

    @property
    def command(self) -> str:
        """Such as ``"add-member"``."""
        return self.name.replace("_", "-")


def verbs_of(area: str) -> tuple[Verb, ...]:
    """Every verb of the area, in the order of the facade, those that are made of other verbs last."""
    base = AREAS[area]
    derived = [name for name, member in vars(base).items() if hasattr(member, "__derived__")]
    return tuple(_verb(area, name, getattr(base, name)) for name in (*base.verbs, *derived))


def _verb(area: str, name: str, function: Callable[..., object]) -> Verb:
    hints: dict[str, Any] = get_type_hints(function)
    description, told = _docstring(inspect.getdoc(function) or "")
    description = _SAID_HERE.get(f"{area}.{name}", description)
    found = [
        made
        for parameter in list(inspect.signature(function).parameters.values())[1:]
        if (made := _parameter(parameter, hints[parameter.name], told.get(parameter.name, ""))) is not None
    ]
    secretive = hints["return"] in _SECRETIVE and name in _MAKERS
    summary = re.split(r"(?<=[.;])\s", description, maxsplit=1)[0].rstrip(".;")
    return Verb(area, name, summary, description, tuple(found), secretive)


def _parameter(parameter: inspect.Parameter, hint: Any, told: str) -> Parameter | None:
    is_union = get_origin(hint) in (Union, types.UnionType)
    parts: tuple[Any, ...] = get_args(hint) if is_union else (hint,)
    kind, choices = _kind(parts, parameter.default)
    if kind is None:
        return None
    by_place = parameter.kind is not inspect.Parameter.KEYWORD_ONLY or parameter.name == "id"
    return Parameter(
        parameter.name,
        kind,
        positional=by_place and kind in ("text", "texts"),
        required=parameter.default is inspect.Parameter.empty,
        erasable=parameter.default is UNSET and type(None) in parts,
        choices=choices,
        help=_help(parameter, told),
    )


def _kind(parts: tuple[Any, ...], default: object) -> tuple[Kind | None, tuple[str, ...]]:
    for part in parts:
        if get_origin(part) is Sequence:
            return ("statements" if get_args(part) == (Statement,) else "texts"), ()
        if get_origin(part) is Literal:
            return "choice", tuple(get_args(part))
    simple: tuple[tuple[object, Kind], ...] = (
        (Secret, "secret"),
        (Session, "session"),
        (str, "text"),
        (bool, "switch" if default is UNSET else "flag"),
        (int, "whole"),
        (float, "number"),
    )
    # What only takes a model (the Token of tokens.get) has an id beside it, which a command line takes instead.
    return next((kind for one, kind in simple if one in parts), None), ()


def _help(parameter: inspect.Parameter, told: str) -> str:
    if parameter.name in _HERE:
        return _HERE[parameter.name]
    if parameter.name == "id" and parameter.default is None:
        return "the id; left out only where the backend chooses it"
    return told or _TOLD.get(parameter.name, "")


_HERE: Final = {
    "cursor": "where to continue; a list that was cut short tells it",
    "exist_ok": "it is no error if there is one already",
    "missing_ok": "it is no error if there is none",
    "session": "a session as `idp sessions create --reveal -o json` prints it; not given: the present one",
    "token": "the token",
    "user": "id of a user; where it may be left out: yourself",
    "wait": "wait until it is refused everywhere",
}
"""In the words of a command line, where those of the docstring are Python's."""

_SAID_HERE: Final = {
    "credentials.rotate": "A new credential for an old one, which is deleted once the new one is printed or written.",
    "policies.check": "Whether a user may do an action on a resource. For scripts: policies require.",
    "policies.require": "Like check, but a no ends with exit code 4.",
}
"""The same for descriptions."""

_TOLD: Final = {
    "active": "whether the user may sign in",
    "description": "what it is for, for people",
    "effective": "those of the user's groups as well",
    "email": "the address",
    "group": "id of a group",
    "id": "the id",
    "credential": "the id of the credential",
    "limit": "at most so many",
    "name": "the name that people read",
    "password": "the password",
    "kind": '"human" or "service"',
    "statements": "the rules, as JSON",
    "action": "such as reports:Read",
    "resource": "such as reports/2026",
    "audience": "whom the token must be for",
    "new_password": "the new password",
    "scopes": "what it is limited to",
    "lifetime": "seconds",
    "code": "the code that the authenticator shows",
}


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What stands before ``Args`` and ``Raises``, and what ``Args`` tells of each parameter; in plain words."""
    head, _, args = text.partition("\nArgs:\n")
    description = " ".join(head.partition("\nRaises:\n")[0].split())
    told: dict[str, str] = {}
    names: list[str] = []
    for line in args.partition("\nRaises:\n")[0].splitlines():
        found = re.match(r"    (\w+(?:, \w+)*): (.*)", line)
        if found is not None:
            names = found[1].split(", ")
            told.update(dict.fromkeys(names, found[2]))
        elif line.strip():
            told.update({name: f"{told[name]} {line.strip()}" for name in names})
    return _plain(description), {name: _plain(words).rstrip(".") for name, words in told.items()}


def _plain(text: str) -> str:
    text = re.sub(r":\w+:`~?([^`]*)`", lambda found: found[1].rpartition(".")[2], text)
    return text.replace("``", "").replace("(None: ", "(left out: ").replace("; None: ", "; left out: ")
