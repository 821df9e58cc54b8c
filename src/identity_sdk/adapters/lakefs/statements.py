"""Statements on the wire: one resource each, and what they do not know is passed on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from identity_sdk.adapters.lakefs.models import LakeFSStatement, StatementBody
from identity_sdk.errors import InvalidRequestError
from identity_sdk.models import Statement

__all__ = ["says_the_same", "to_wire"]

_Said = tuple[str, tuple[str, ...], str, tuple[tuple[str, object], ...]]


def to_wire(statements: Sequence[Statement]) -> tuple[StatementBody, ...]:
    """One wire statement for each resource of each statement, in order.

    Raises:
        InvalidRequestError: there is no statement, or one without actions or resources, or with an unknown key that
            poses as a wire name.
    """
    if not statements:
        raise InvalidRequestError("a policy needs at least one statement", fields={"statements": "empty"})
    sent: list[StatementBody] = []
    for number, statement in enumerate(statements, 1):
        more = _more(statement)
        if not statement.actions or not statement.resources or more.keys() & {"effect", "action", "resource"}:
            raise InvalidRequestError(
                f"statement {number} needs at least one action and one resource, and no key called action or resource",
                fields={"statements": f"statement {number}"},
            )
        for resource in statement.resources:
            sent.append(
                StatementBody(
                    effect=statement.effect, resource=resource, action=tuple(statement.actions), **more
                )
            )
    return tuple(sent)


def _more(statement: Statement) -> dict[str, object]:
    """What a statement holds beside the three: a condition, and the keys that we do not know."""
    more: dict[str, object] = dict(statement.model_extra or {})
    if isinstance(statement, LakeFSStatement) and statement.condition is not None:
        more["condition"] = statement.condition
    return more


def says_the_same(found: Iterable[Statement], sent: Iterable[StatementBody]) -> bool:
    """Whether the statements of an answer are those that were sent, whatever their order."""
    return sorted(map(repr, _read(found))) == sorted(map(repr, _sent(sent)))


def _read(statements: Iterable[Statement]) -> Iterable[_Said]:
    for one in statements:
        for resource in one.resources:
            yield one.effect, tuple(sorted(one.actions)), resource, tuple(sorted(_more(one).items()))


def _sent(statements: Iterable[StatementBody]) -> Iterable[_Said]:
    for one in statements:
        more = {key: value for key, value in (one.model_extra or {}).items() if value is not None}
        yield one.effect, tuple(sorted(one.action)), one.resource, tuple(sorted(more.items()))
