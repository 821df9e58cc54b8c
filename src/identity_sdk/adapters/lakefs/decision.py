"""Whether the effective policies of a user allow an action: lakeFS's own rule, evaluated here.

Over all statements: a matching deny wins; else any matching allow; else no. Equal to 880 decisions of a v0.91 server
(``tests/data/lakefs``). Actions and the last part of an ARN may hold ``*`` (any run) and ``?`` (one character);
``${user}`` in a resource stands for the user's id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from identity_sdk.errors import InvalidRequestError, NotSupportedError
from identity_sdk.models import Decision, Policy, Statement

__all__ = ["arn_matches", "check_question", "decide", "wildcard"]

Match = Literal["yes", "no", "unknown"]


def wildcard(pattern: str, text: str) -> bool:
    """Whether ``text`` is what ``pattern`` describes: ``*`` any run of characters, ``?`` exactly one.

    Takes at most len(pattern) × len(text) steps, whatever a policy holds.
    """
    at = position = 0
    star = mark = -1
    while position < len(text):
        # the star first: a text that holds a "*" itself must not use it up as a letter
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def _arn(text: str) -> tuple[str, str, str, str] | None:
    """Partition, service, account and resource of ``arn:partition:service:region:account:resource``.

    The region takes no part in matching.
    """
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return parts[1], parts[2], parts[4], parts[5]


def arn_matches(pattern: str, asked: str) -> bool | None:
    """Whether a statement's resource covers the one asked for; ``None``: the statement's resource cannot be read."""
    if pattern == "*":
        return True
    own = _arn(pattern)
    if own is None:
        return None
    other = _arn(asked)
    return other is not None and own[:3] == other[:3] and wildcard(own[3], other[3])


def check_question(action: str, resource: str) -> None:
    """Refuses what the server could not be asked.

    Raises:
        InvalidRequestError: ``action`` is not ``service:Name``, or ``resource`` neither ``*`` nor an ARN.
    """
    service, colon, name = action.partition(":")
    if not (service and colon and name) or ":" in name:
        raise InvalidRequestError(
            f"an action is service:Name, such as fs:ReadObject, not {action[:100]!r}",
            fields={"action": "malformed"},
        )
    if resource != "*" and _arn(resource) is None:
        raise InvalidRequestError(
            "a resource is '*' or arn:lakefs:SERVICE:REGION:ACCOUNT:RESOURCE, such as "
            f"arn:lakefs:fs:::repository/main, not {resource[:100]!r}",
            fields={"resource": "malformed"},
        )


def _applies(statement: Statement, user: str, action: str, resource: str) -> Match:
    if not any(wildcard(pattern, action) for pattern in statement.actions):
        return "no"
    unreadable = False
    for pattern in statement.resources:
        matches = arn_matches(pattern.replace("${user}", user), resource)
        if matches:
            # A condition, or any key that we do not know, may switch the statement off.
            return "unknown" if getattr(statement, "condition", None) or statement.model_extra else "yes"
        unreadable = unreadable or matches is None
    return "unknown" if unreadable else "no"


def decide(policies: Iterable[Policy], user: str, action: str, resource: str) -> Decision:
    """The decision over ``policies``, which must be all that are in force for ``user``.

    Raises:
        NotSupportedError: it hangs on a statement with a condition, or with a resource that is no ARN: only the server
            can evaluate those.
    """
    found: dict[tuple[str, Match], str] = {}
    for policy in policies:
        for number, statement in enumerate(policy.statements, 1):
            match = _applies(statement, user, action, resource)
            if match != "no":
                where = f"statement {number} of policy {policy.id}"
                found.setdefault((statement.effect, match), where)
    if deny := found.get(("deny", "yes")):
        return Decision(allowed=False, reason=f"{deny} denies it", decided_by="client")
    allow = found.get(("allow", "yes"))
    doubt = found.get(("deny", "unknown")) or (None if allow else found.get(("allow", "unknown")))
    if doubt:
        raise NotSupportedError(
            f"whether {user} may {action} hangs on {doubt}, which holds a condition or a resource that only the server "
            "can evaluate: let the user try it",
            provider="lakefs",
        )
    if allow:
        return Decision(allowed=True, reason=f"{allow} allows it", decided_by="client")
    return Decision(
        allowed=False, reason="no statement of the effective policies allows it", decided_by="client"
    )
