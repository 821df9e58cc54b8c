"""How a list or an object is shown to people: columns, short cells, and HTML for notebooks.

For the notebook's displays and for the command line. Nothing here is given to programs: cells are shortened, times
lose their fractions of a second. Secrets are masked, control characters and whatever else cannot be printed are
written as escapes, and all that goes into HTML is escaped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final, cast

from identity_sdk.secrets import REDACTED, Secret

__all__ = ["SHOWN", "cell", "columns", "fields", "html_card", "html_table", "text_table"]

SHOWN: Final = 50
"""So many rows of a list are shown; the others are counted."""

_WIDTH = 80

# Nothing but the colour of the text around it, thinned: right on any background, light or dark.
_STYLE = """<style>
.identity-sdk{border-collapse:collapse;margin:.3em 0;color:inherit;font-variant-numeric:tabular-nums}
.identity-sdk caption{caption-side:top;text-align:left;font-weight:600;padding:.2em 0;color:inherit;white-space:nowrap}
.identity-sdk :is(th,td){text-align:left!important;vertical-align:top!important;padding:.25em .9em .25em .2em!important;
border:0;border-bottom:1px solid color-mix(in srgb,currentColor 22%,transparent);
max-width:36em;min-width:8ch;overflow-wrap:anywhere}
.identity-sdk :is(th,time){white-space:nowrap}
.identity-sdk tbody th{font-weight:600}
.identity-sdk thead th,.identity-sdk.card tbody th{font-weight:400;opacity:.75}
.identity-sdk tfoot td{border:0;opacity:.75}
</style>"""


def fields(item: object) -> dict[str, object]:
    """What ``item`` says by name: provider-neutral fields first, what its class does not know left out.

    A model or dataclass gives its fields, a mapping its keys; anything else is the one field ``value``.
    """
    if isinstance(item, Mapping):
        return {str(name): value for name, value in cast("Mapping[object, object]", item).items()}
    names = _names(type(item))
    return {name: getattr(item, name) for name in names} if names else {"value": item}


def _names(kind: type) -> tuple[str, ...]:
    known: Mapping[str, object] | None = getattr(kind, "model_fields", None)  # pydantic's, base classes first
    if known is not None:
        return tuple(known)
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def columns(items: Iterable[object]) -> tuple[str, ...]:
    """The names of the fields that at least one of ``items`` fills, in order."""
    found: dict[str, bool] = {}
    for item in items:
        for name, value in fields(item).items():
            found[name] = found.get(name, False) or not _empty(value)
    return tuple(name for name, filled in found.items() if filled)


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str | tuple | list | Mapping) and not value)


def cell(value: object, width: int | None = _WIDTH) -> str:
    """``value`` as one short line of text.

    Args:
        value: the value of a field. ``None`` is the empty string, a time is written in UTC, a nested object by its
            id or by its own values.
        width: at most so many characters; ``None`` for all.
    """
    text = _text(value)
    text = "".join(one if one.isprintable() else _visible(one) for one in text)
    return text if width is None or len(text) <= width else text[: width - 1] + "…"


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case Secret():
            return REDACTED
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case datetime():
            return _time(value)
        case Mapping():
            pairs = cast("Mapping[object, object]", value).items()
            return ", ".join(f"{name}={_text(one)}" for name, one in pairs)
        case tuple() | list() | set() | frozenset():
            many = [_text(one) for one in cast("Iterable[object]", value)]
            return ("; " if any(" " in one for one in many) else ", ").join(many)
        case _:
            return _nested(value)


def _nested(value: object) -> str:
    known = fields(value) if _names(type(value)) else {}
    if not known:
        return str(value)
    if "id" in known:
        return _text(known["id"])
    return " ".join(_text(one) for one in known.values() if not _empty(one))


def _time(value: datetime) -> str:
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat(" ", "seconds") + "Z"


def _visible(character: str) -> str:
    """A line break would tear the table, a control character the terminal, and a text direction the reader."""
    return ascii(character)[1:-1]


def text_table(items: Sequence[object], caption: str, names: Sequence[str] | None = None) -> str:
    """A table in plain text, for front ends that show no HTML."""
    shown = items[:SHOWN]
    head = columns(items) if names is None else tuple(names)
    rows = [head, *([cell(fields(item).get(name), 40) for name in head] for item in shown)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "  ".join(text.ljust(wide) for text, wide in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    more = [f"… {len(items) - len(shown):,} more"] if len(items) > len(shown) else []
    return "\n".join([cell(caption, None), *(lines if head else ()), *more])


def html_table(items: Sequence[object], caption: str, names: Sequence[str] | None = None) -> str:
    """A table with a row for each of ``items``, the first column as its header.

    Args:
        items: what to show; after the first :data:`SHOWN` the rest is counted.
        caption: what the table is, in plain text.
        names: the columns, if not those that the items fill.
    """
    head = columns(items) if names is None else tuple(names)
    title = escape(cell(caption, None))
    if not head:
        return f"<p>{title}</p>"
    heads = "".join(f'<th scope="col">{escape(cell(name))}</th>' for name in head)
    rows = "".join(f"<tr>{_row(fields(item), head)}</tr>" for item in items[:SHOWN])
    more = len(items) - SHOWN
    rest = f'<tfoot><tr><td colspan="{len(head)}">… {more:,} more</td></tr></tfoot>' if more > 0 else ""
    return (
        f'{_STYLE}<table class="identity-sdk"><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>{rest}</table>"
    )


def _row(values: Mapping[str, object], head: Sequence[str]) -> str:
    first, *others = (_html(values.get(name)) for name in head)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{one}</td>" for one in others)


def html_card(values: Mapping[str, object], caption: str) -> str:
    """One object: a row for each field that is filled."""
    rows = "".join(
        f'<tr><th scope="row">{escape(cell(name))}</th><td>{_lines(value)}</td></tr>'
        for name, value in values.items()
        if not _empty(value)
    )
    return (
        f'{_STYLE}<table class="identity-sdk card"><caption>{escape(cell(caption, None))}</caption>'
        f"<tbody>{rows}</tbody></table>"
    )


def _lines(value: object) -> str:
    """In a card there is room: one line for each of several values, up to 20."""
    if not isinstance(value, tuple | list):
        return _html(value)
    many = cast("Sequence[object]", value)
    more = [f"… {len(many) - 20:,} more"] if len(many) > 20 else []
    return "<br>".join([*(_html(one) for one in many[:20]), *more])


def _html(value: object) -> str:
    text = escape(cell(value, 200))  # it wraps
    if isinstance(value, datetime):
        return f'<time datetime="{text.replace(" ", "T")}">{text}</time>'
    return text
