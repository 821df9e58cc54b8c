"""What the tracked files must and must not hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import identity_sdk

ROOT = Path(__file__).parents[2]
# Folders of one machine, and the hosts that packages are fetched from. Spelled so that this file does not match itself.
MACHINE = re.compile(
    r"(?<![\w.<{])/(?:ro[o]t|wor[k]|home/[a-z]+)/[\w.]|/tm[p]/\w"
    r"|pypi[.]org|pythonhosted[.]org|registry[.]npmjs|crates[.]io|deb[.]debian[.]org"
)


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):  # an unpacked sdist
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.decode().split("\0") if name]


def test_no_file_names_a_machine_path_or_a_registry_host() -> None:
    faults: list[str] = []
    for path in tracked():
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if found := MACHINE.search(line):
                faults.append(f"{path.relative_to(ROOT)}:{number}: {found.group()!r}")
    assert faults == []


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "examples"])
def test_every_module_postpones_annotations(folder: str) -> None:
    late = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (text := path.read_text(encoding="utf-8")).strip()
        and re.search(r"^(def|async def|class) ", text, re.MULTILINE)
        and "from __future__ import annotations" not in text
    ]
    assert late == []


def test_no_file_of_the_package_is_long() -> None:
    """Files stay under about 400 lines: a reader holds one in mind. Wire models are lists, and may be longer."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in sorted((ROOT / "src").rglob("*.py"))
        if (count := len(path.read_text(encoding="utf-8").splitlines()))
        > (600 if path.name == "models.py" else 450)
    }
    assert long == {}


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert identity_sdk.__version__ == project["version"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_only_four_dependencies_are_hard() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(r.split(">=")[0] for r in project["dependencies"]) == [
        "anyio",
        "httpx",
        "pydantic",
        "tenacity",
    ]
