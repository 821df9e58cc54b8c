"""README and docs: what is generated equals the code, and every Python block runs."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from identity_sdk import errors

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- no-run: (?P<reason>[^\n]+) -->\n)?^```python[^\n]*\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def test_what_is_generated_equals_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run `python docs/generate.py`: {done.stdout}{done.stderr}"


def test_the_tree_of_exceptions_in_the_docs_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs/concepts/errors.md").read_text(encoding="utf-8")
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in text.split("```text\n")[1].split("```")[0].splitlines():
        name = re.search(r"[A-Z]\w+", line)
        assert name is not None
        path = [*path[: name.start() // 3], name.group()]
        drawn[name.group()] = path[-2] if len(path) > 1 else "Exception"
    real = {
        name: member.__bases__[0].__name__
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, errors.IdentityError)
    }
    assert drawn == real


def blocks(page: Path) -> Iterator[tuple[int, str, str | None]]:
    """Line, code and the reason not to run it."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        yield text[: found.start("code")].count("\n") + 1, found["code"], found["reason"]


def compiled(page: Path, line: int, code: str) -> CodeType:
    tree = ast.parse("\n" * (line - 1) + code, filename=str(page))
    return compile(tree, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.relative_to(ROOT).as_posix())
        for page in PAGES
        if page.exists() and any(blocks(page))
    ],
)
def test_every_python_block_runs(page: Path, snippet_names: dict[str, Any], runner: asyncio.Runner) -> None:
    """The blocks of a page run one after another in one namespace, in which `idp` is a client."""
    for line, code, reason in blocks(page):
        program = compiled(page, line, code)
        if reason is not None:
            continue
        outcome = eval(program, snippet_names)
        if inspect.iscoroutine(outcome):
            runner.run(outcome)


SHELL = re.compile(r"(?:<!-- (?P<about>[^\n]+) -->\n)?^```sh\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
RUN_BY_NOX = ("quickstart command", "tests command")
"""The README's two: `nox -s package` runs one, `.ci/run` the other."""


def shell_blocks(page: Path) -> list[str]:
    found = SHELL.finditer(page.read_text(encoding="utf-8"))
    return [one["code"] for one in found if not (one["about"] or "").startswith(("no-run: ", *RUN_BY_NOX))]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES if shell_blocks(page)],
)
def test_every_shell_block_runs(page: Path, tmp_path: Path) -> None:
    """The blocks of a page run one after another in one shell and one folder, in which `idp` is ours."""
    code = "\n".join(shell_blocks(page))
    if "jq " in code and shutil.which("jq") is None:
        pytest.skip("jq is not here")
    folder = Path(sys.executable).parent
    environ = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-eu", "-c", code],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_extras_in_the_readme_are_those_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Extras")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(project["optional-dependencies"])


def test_the_readme_has_its_sections_in_order() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [
        "Quickstart",
        "Ten lines",
        "Where you use it",
        "What to catch",
        "How to log",
        "A private CA",
        "Extras",
        "What each backend can do",
        "Tests",
    ]


def test_links_between_the_files_lead_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_the_threats_name_tests_that_exist() -> None:
    text = (ROOT / "docs/concepts/security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", text))
    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
