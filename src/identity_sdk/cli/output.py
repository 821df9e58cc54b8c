"""Tables for people, JSON, lines of JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Literal, Protocol, cast

from identity_sdk.secrets import Secret

if TYPE_CHECKING:
    from identity_sdk.listing import Page

__all__ = [
    "FORMATS",
    "Format",
    "plain",
    "print_json",
    "print_list",
    "print_object",
    "print_table",
    "secrets_of",
]

Format = Literal["table", "json", "ndjson", "csv"]
FORMATS: Final[tuple[Format, ...]] = ("table", "json", "ndjson", "csv")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is left open."""
    lines = [tuple(name.upper() for name in head), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_json(value: object) -> None:
    """Indented, in plain ASCII."""
    print(json.dumps(value, indent=2))


def plain(item: object, *, reveal: bool = False) -> dict[str, object]:
    """A model as JSON has it. Secrets are masked unless they are to be revealed."""
    from identity_sdk.models import Model

    if not isinstance(item, Model):
        raise TypeError(f"{type(item).__name__} is no model")
    told: dict[str, object] = item.model_dump(mode="json")
    return {**told, **(secrets_of(item) if reveal else {})}


def secrets_of(item: object) -> dict[str, str]:
    """The secrets in a model, by field, in clear."""
    from identity_sdk.tables import fields

    return {
        name: value.reveal() for name, value in fields(item).items() if isinstance(value, Secret) and value
    }


def print_object(item: object, form: Format, *, reveal: bool = False) -> None:
    """One object, or the word that a verb without an answer is done."""
    if item is None:
        if form in ("table", "json"):
            print("null" if form == "json" else "done")
    elif form == "json":
        print_json(plain(item, reveal=reveal))
    elif form == "ndjson":
        print(json.dumps(plain(item, reveal=reveal)))
    elif form == "csv":
        values = plain(item, reveal=reveal)
        _csv_row(list(values))
        _csv_row([_csv_cell(value) for value in values.values()])
    else:
        _card(item, reveal=reveal)


def _card(item: object, *, reveal: bool) -> None:
    """A field a line. A secret that is to be seen is never cut or folded: it is there to be copied."""
    from identity_sdk.tables import cell, columns, fields

    values = fields(item)
    shown = secrets_of(item) if reveal else {}
    width = max(len(name) for name in values)
    for name in columns([item]):
        for number, line in enumerate(_lines(values[name])):
            print(f"{name if not number else '':<{width}}  {shown.get(name, cell(line, None))}")


def _lines(value: object) -> Sequence[object]:
    """Several values that are objects themselves, such as the statements of a policy, get a line each."""
    from identity_sdk.models import Model

    one: tuple[object, ...] = (value,)
    many = cast("tuple[object, ...]", value) if isinstance(value, tuple) else one
    return many if many and all(isinstance(each, Model) for each in many) else one


class _Writer(Protocol):
    """Takes a list page by page."""

    def page(self, items: Sequence[object]) -> None: ...

    def end(self) -> None: ...


class _Lines:
    def page(self, items: Sequence[object]) -> None:
        for item in items:
            print(json.dumps(plain(item)))
        sys.stdout.flush()  # a reader in a pipe has the page now, not when the list ends

    def end(self) -> None: ...


class _Array:
    def __init__(self) -> None:
        self._count = 0

    def page(self, items: Sequence[object]) -> None:
        for item in items:
            print("[" if not self._count else ",")
            print("\n".join("  " + line for line in json.dumps(plain(item), indent=2).splitlines()), end="")
            self._count += 1

    def end(self) -> None:
        print("\n]" if self._count else "[]")


class _Csv:
    """The columns are the fields of the first item: those of a list have all the same ones."""

    def __init__(self) -> None:
        self._head: list[str] = []

    def page(self, items: Sequence[object]) -> None:
        for item in items:
            values = plain(item)
            if not self._head:
                self._head = list(values)
                _csv_row(self._head)
            _csv_row([_csv_cell(values.get(name)) for name in self._head])

    def end(self) -> None: ...


class _Table:
    """Nothing can be printed before the widths are known."""

    def __init__(self) -> None:
        self._items: list[object] = []

    def page(self, items: Sequence[object]) -> None:
        self._items.extend(items)

    def end(self) -> None:
        from identity_sdk.tables import cell, columns, fields

        if not self._items:
            print("none", file=sys.stderr)
            return
        head = columns(self._items)
        rows = [[cell(fields(item).get(name), None) for name in head] for item in self._items]
        if not sys.stdout.isatty():
            print_table(head, rows)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(file=sys.stdout, highlight=False)
        shown = _fitting(head, rows, console.width)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in head[:shown]:
            table.add_column(Text(name.upper()), overflow="fold")
        for row in rows:
            table.add_row(*(Text(value) for value in row[:shown]))
        console.print(table)
        if shown < len(head):
            print(f"not shown, -o json has them: {', '.join(head[shown:])}", file=sys.stderr)


def _fitting(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many columns fit. The last ones, which only one backend knows, go first; three always stay, and fold."""
    shown = len(head)
    taken = [max(len(line[at]) for line in (head, *rows)) + 2 for at in range(shown)]
    while shown > 3 and sum(taken[:shown]) > width:
        shown -= 1
    return shown


_WRITERS: Final[Mapping[Format, type[_Writer]]] = {
    "table": _Table,
    "json": _Array,
    "ndjson": _Lines,
    "csv": _Csv,
}


class _Counter(Protocol):
    def __call__(self, count: int) -> None: ...


async def print_list(pages: AsyncIterator[Page[object]], form: Format) -> str | None:
    """A list, page by page; the cursor of what was not asked for any more, if there is more."""
    writer = _WRITERS[form]()
    cursor: str | None = None
    count = 0
    with _progress(form) as tell:
        async for page in pages:
            writer.page(page.items)
            cursor = page.cursor
            count += len(page.items)
            if tell is not None:
                tell(count)
    writer.end()
    return cursor


def _progress(form: Format) -> AbstractContextManager[_Counter | None]:
    """A bar on stderr when somebody looks at it, and when nothing else is written on the same terminal meanwhile."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and form != "table"):
        return nullcontext()
    return _Bar()


class _Bar:
    """It comes after the first page, so that a short list shows none, and goes away at the end."""

    def __enter__(self) -> _Counter:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("reading"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:,.0f} so far"),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            redirect_stdout=False,  # it would take what is printed meanwhile for its own terminal
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=None)
        self._pages = 0
        return self._tell

    def _tell(self, count: int) -> None:
        self._pages += 1
        if self._pages == 2:
            self._progress.start()
        self._progress.update(self._task, completed=count)

    def __exit__(self, *failed: object) -> None:
        self._progress.stop()


def _csv_row(cells: Sequence[str]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerow(cells)


def _csv_cell(value: object) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front (CWE-1236)."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return (
        f"'{text}"
        if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and isinstance(value, str)
        else text
    )
