"""Policy evaluation: deny wins, ``*`` stands for any run of characters, everything else stands for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from identity_sdk.adapters.local.rules import check_text
from identity_sdk.errors import InvalidRequestError, NotSupportedError, ProtocolError
from identity_sdk.models import Statement
from identity_sdk.store.queries import PolicyRow

__all__ = ["Verdict", "covers", "decide", "matches", "statement_rows", "statements_of"]

MAX_STATEMENTS = 100
MAX_PATTERNS = 100
MAX_PATTERN = 2048


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies say: ``effect`` is ``None`` where no statement matches."""

    effect: str | None
    reason: str


def matches(pattern: str, value: str) -> bool:
    """Whether ``pattern`` matches the whole of ``value``; takes time in proportion to both, whatever the pattern.

    Only ``*`` in the *pattern* is special; one in ``value`` is an ordinary character.
    """
    parts = pattern.split("*")
    if len(parts) == 1:
        return pattern == value
    first, *middle, last = parts
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:  # leftmost first: a part found early leaves the most room for the others
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def covers(outer: Iterable[str], inner: str) -> bool:
    """Whether all that the pattern ``inner`` matches is matched by one of ``outer``.

    A ``*`` in ``inner`` can only be taken up by a ``*`` in ``outer``, which then also takes all that it stands for.
    """
    return any(matches(pattern, inner) for pattern in outer)


def decide(policies: Sequence[PolicyRow], action: str, resource: str) -> Verdict:
    """What the policies say about an action on a resource: a matching deny wins over any allow."""
    allowed: Verdict | None = None
    for policy in policies:
        for number, statement in enumerate(statements_of(policy), start=1):
            if not (covers(statement.actions, action) and covers(statement.resources, resource)):
                continue
            where = f"statement {number} of policy {policy.id!r}"
            if statement.effect == "deny":
                return Verdict("deny", f"denied by {where}")
            allowed = allowed or Verdict("allow", f"allowed by {where}")
    return allowed or Verdict(None, "no statement allows it")


def statement_rows(statements: Sequence[Statement]) -> list[dict[str, object]]:
    """Statements as they are stored.

    Raises:
        InvalidRequestError: there is none, one names no action or no resource, or a pattern is empty or too long.
        NotSupportedError: a statement holds something that is not evaluated here, such as a condition.
    """
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        raise _invalid(f"a policy has 1 to {MAX_STATEMENTS} statements")
    return [_row(statement) for statement in statements]


def _row(statement: Statement) -> dict[str, object]:
    beyond = sorted(statement.model_extra or {})
    if beyond:
        raise NotSupportedError(
            f"local does not evaluate {', '.join(beyond)} in a statement: it would allow more than it says",
            provider="local",
        )
    for field, patterns in (("actions", statement.actions), ("resources", statement.resources)):
        if not 1 <= len(patterns) <= MAX_PATTERNS:
            raise _invalid(f"a statement has 1 to {MAX_PATTERNS} {field}")
        for pattern in patterns:
            check_text(pattern, f"statements.{field}", MAX_PATTERN)
    return {
        "effect": statement.effect,
        "actions": list(statement.actions),
        "resources": list(statement.resources),
    }


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, fields={"statements": message}, provider="local")


def statements_of(row: PolicyRow) -> tuple[Statement, ...]:
    """The statements of a stored policy, also of one that an emulator on the same store wrote (``action``).

    Raises:
        ProtocolError: a statement cannot be read; to skip it could skip a deny.
    """
    return tuple(_statement(row.id, raw) for raw in row.statements)


def _statement(policy: str, raw: Mapping[str, object]) -> Statement:
    effect = raw.get("effect")
    actions = _patterns(raw.get("actions", raw.get("action")))
    resources = _patterns(raw.get("resources", raw.get("resource")))
    known = raw.keys() <= {"effect", "action", "actions", "resource", "resources"}
    if effect not in ("allow", "deny") or not actions or not resources or not known:
        raise ProtocolError(
            f"policy {policy!r} in the store holds a statement that local cannot read", provider="local"
        )
    return Statement(effect="allow" if effect == "allow" else "deny", actions=actions, resources=resources)


def _patterns(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    found = tuple(cast("list[object]", value)) if isinstance(value, list) else ()
    return tuple(pattern for pattern in found if isinstance(pattern, str))
