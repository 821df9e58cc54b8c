"""Writes into README and docs what the code says, between `<!-- generated: NAME -->` and `<!-- end -->`.

`python docs/generate.py` rewrites the files, `python docs/generate.py --check` only tells whether it would.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from identity_sdk import cli
from identity_sdk.adapters.local import access
from identity_sdk.auth import token_cache
from identity_sdk.cli.examples import EXAMPLES
from identity_sdk.cli.matrix import all_capabilities, markdown
from identity_sdk.cli.signature import AREAS, verbs_of
from identity_sdk.middleware import pipeline
from identity_sdk.options import ClientOptions

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def matrix() -> str:
    """What `idp capabilities --markdown` prints."""
    return markdown(all_capabilities())


def refusals() -> str:
    """Why a verb or an option is not supported, and what works instead."""
    parts: list[str] = []
    for adapter, able in all_capabilities().items():
        rows: list[list[str]] = []
        for verb, cell in able.cells.items():
            if not cell.supported:
                rows.append([f"`{verb}`", escape(cell.reason), escape(cell.instead) or "—"])
            rows += [
                [f"`{verb}({name}=)`", escape(reason), "—"] for name, reason in sorted(cell.refuses.items())
            ]
        parts.append(
            f"### {adapter}\n\n"
            + (table(["not supported", "why", "instead"], rows) if rows else "Nothing.\n")
        )
    return "\n" + "\n".join(parts) + "\n"


def escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


SECONDS = {"timeout", "deadline", "connect_timeout", "backoff", "retry_after_cap"}
MEANING = {
    "timeout": "one attempt",
    "deadline": "a whole verb: attempts, waits, refreshes, composed steps; for a list, one page",
    "retries": "repeats after the first attempt, at most",
    "backoff": "first and largest ceiling of the wait between attempts",
    "retry_after_cap": "the longest `Retry-After` that is waited out; a longer one raises at once",
    "connect_timeout": "name look-up, connection and TLS handshake together",
    "max_in_flight": "calls on the network at once; further ones wait on our side",
    "max_response_bytes": "the largest answer that is read; a larger one is a `ProtocolError`",
    "retry_budget": "repeats that the client may have in hand",
    "retry_budget_ratio": "what one success adds to the budget",
    "tls": "see [TLS and private CAs](tls.md)",
    "proxy": 'from the environment; `""` uses none',
    "transport": "`httpx`, `httpx2` or `aiohttp`",
}


def defaults() -> str:
    rows: list[list[str]] = []
    for option in fields(ClientOptions):
        if option.name in MEANING:
            rows.append([f"`{option.name}`", shown(option.name, option.default), MEANING[option.name]])
    return table(["option", "default", "what it bounds"], rows)


def windows() -> str:
    """What cannot be set, of tokens."""

    def window(pair: tuple[float, float]) -> str:
        return f"{pair[0]:g} s before the end, at most {pair[1]:.0%} of the token's life"

    rows = [
        ["advisory window: renewed early, the old token serves on", window(token_cache.ADVISORY)],
        ["mandatory window: calls wait for the new token", window(token_cache.MANDATORY)],
        ["one refresh", f"{token_cache.REFRESH_TIMEOUT:g} s"],
        ["after an early refresh that failed, the next try", f"{token_cache.BACK_OFF:g} s later"],
        ["credentials whose tokens a client keeps", f"{pipeline.MAX_CACHES}"],
    ]
    return table(["what", "value"], rows)


def shown(name: str, value: object) -> str:
    if name == "max_response_bytes":
        return f"{value // (1024 * 1024)} MiB"  # type: ignore[operator]
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value) + " s"
    if isinstance(value, float):
        return f"{value:g}" + (" s" if name in SECONDS else "")
    return f"`{value}`" if isinstance(value, str) else "—" if value is None else str(value)


def permissions() -> str:
    """The table in the docstring of the embedded provider's rules of access."""
    lines = (access.__doc__ or "").split("\n")
    edges = [number for number, line in enumerate(lines) if line.startswith("====")]
    head, body = lines[edges[0] + 1], lines[edges[1] + 1 : edges[2]]
    starts = [0, *(found.end() for found in re.finditer(r"=+ +", lines[edges[0]]))]
    spans = list(zip(starts, [*starts[1:], None], strict=True))

    def split(line: str) -> list[str]:
        return [line[begin:end].strip().replace("``", "`") for begin, end in spans]

    rows: list[list[str]] = []
    for cells in map(split, body):
        if (cells[0] and not rows) or (cells[0] and not rows[-1][0].endswith(",")):
            rows.append(cells)
        else:  # a row that goes on
            rows[-1] = [" ".join(filter(None, pair)) for pair in zip(rows[-1], cells, strict=True)]
    return table(split(head), rows)


KEY_ID = re.compile(r"\bAK[0-9A-Z]{14,}\b")


def quickstart() -> str:
    """The true output of `idp quickstart`. Only the id of the key that it makes differs from run to run."""
    ran = subprocess.run(
        [sys.executable, "-m", "identity_sdk.cli", "quickstart"], capture_output=True, text=True, check=True
    )
    return f"```text\n{KEY_ID.sub('AKPO3F4DXXTP7UV3MJQPSJ', ran.stdout)}```\n"


OPERATIONS = ROOT / "tests" / "data" / "operations"
SOURCES = {"documented": "the document", "modules": "its empty modules", "wider": "beside it"}


def operations() -> str:
    """The tables that `tests/wire/test_every_operation.py` holds the wire APIs against."""
    counts: list[list[str]] = []
    parts: list[str] = []
    for path in sorted(OPERATIONS.glob("*.toml")):
        told = tomllib.loads(path.read_text("utf-8"))
        backend = path.stem.replace("_", "-")
        numbers = [len(told.get(source, {})) for source in SOURCES]
        counts.append([f"[{backend}](#{backend})", *map(str, numbers), str(sum(numbers))])
        rows = [
            [f"`{name}`", f"`{offered(row)}`", where]
            for source, where in SOURCES.items()
            for name, row in told.get(source, {}).items()
        ]
        parts.append(f"## {backend}\n\n" + table(["`idp.native.` …", "sends", "from"], rows))
    head = ["backend", *SOURCES.values(), "together"]
    return "\n" + table(head, counts) + "\n" + "\n".join(parts)


def offered(row: str) -> str:
    """Without the names that the document knows and we leave out."""
    return re.sub(r" (\[ \]|\{ \}|\?(?= [\[{]|$))", "", re.sub(r" -\S+", "", row))


def exit_codes() -> str:
    return table(["exit code", ""], [[str(code), told] for code, told in cli.EXIT_CODES.items()])


def commands() -> str:
    return table(["command", ""], [[f"`idp {name}`", told] for name, (_, told) in cli.COMMANDS.items()])


def verbs() -> str:
    """Every verb with its first example."""
    rows = [
        [f"`{verb.area} {verb.command}`", escape(verb.summary), f"`{EXAMPLES[f'{area}.{verb.name}'][0]}`"]
        for area in AREAS
        for verb in verbs_of(area)
    ]
    return table(
        ["verb", "", "for example"], [[cell.replace(" | ", " \\| ") for cell in row] for row in rows]
    )


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "defaults": defaults,
    "exit-codes": exit_codes,
    "matrix": matrix,
    "operations": operations,
    "permissions": permissions,
    "quickstart": quickstart,
    "refusals": refusals,
    "verbs": verbs,
    "windows": windows,
}


def rewritten(text: str) -> str:
    return MARKED.sub(lambda found: found[1] + "\n" + PARTS[found[2]]() + "\n" + found[3], text)


def stale(*, write: bool) -> list[Path]:
    """The files whose generated parts differ from the code; written anew if `write`."""
    differing: list[Path] = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        new = rewritten(text)
        if new != text:
            differing.append(path)
            if write:
                path.write_text(new, encoding="utf-8")
    return differing


if __name__ == "__main__":
    check = "--check" in sys.argv[1:]
    changed = stale(write=not check)
    for changed_path in changed:
        print(f"{'stale' if check else 'written'}: {changed_path.relative_to(ROOT)}")
    sys.exit(bool(changed) and check)
