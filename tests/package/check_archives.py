"""What the wheel and the sdist must hold, and must not: `python check_archives.py WHEEL SDIST`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"


def check_wheel(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(n for n in names if n.endswith(".dist-info/METADATA"))).decode()
        entry_points = archive.read(next(n for n in names if n.endswith("/entry_points.txt"))).decode()
    wanted = {
        file.relative_to(SOURCES).as_posix()
        for file in SOURCES.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    faults = [f"the wheel lacks {name}" for name in sorted(wanted - names)]
    faults += [
        f"the wheel holds {name}"
        for name in sorted(names - wanted)
        if ".dist-info/" not in name or name.endswith((".pyc", ".db"))
    ]
    if "identity_sdk/py.typed" not in names:
        faults.append("the wheel lacks py.typed")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        faults.append("the wheel lacks the licence")
    if "idp = identity_sdk.cli:main" not in entry_points:
        faults.append("the wheel has no console script `idp`")
    hard = [
        line.split(":", 1)[1].strip()
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    if sorted(requirement.split(">=")[0] for requirement in hard) != [
        "anyio",
        "httpx",
        "pydantic",
        "tenacity",
    ]:
        faults.append(f"the hard dependencies are {hard}")
    return faults


def check_sdist(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "noxfile.py",
        "pyproject.toml",
        "tests/package/check_archives.py",
    }
    return [f"the sdist lacks {name}" for name in sorted(wanted - names)]


if __name__ == "__main__":
    found = check_wheel(Path(sys.argv[1])) + check_sdist(Path(sys.argv[2]))
    print("\n".join(found) or "wheel and sdist hold what they should")
    sys.exit(bool(found))
