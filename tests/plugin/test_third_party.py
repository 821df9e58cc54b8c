"""A third party's adapter: built into a wheel, installed beside the SDK, connected to by name."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from identity_sdk.adapters.registry import BUILT_IN, adapter_class, adapter_names
from identity_sdk.errors import ConfigurationError

SOURCE = Path(__file__).parent / "tiny" / "tiny_identity.py"
ENTRY_POINTS = """\
[identity_sdk.adapters]
tiny = tiny_identity:Tiny
tiny_alias = tiny_identity:Tiny
lakefs = tiny_identity:Tiny
not-an-adapter = tiny_identity:TinyUser
broken = tiny_identity_broken:Nothing
absent = tiny_identity:Nothing
"""
METADATA = "Metadata-Version: 2.1\nName: tiny-identity\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build(folder: Path) -> Path:
    """A wheel (PEP 427) of the module and its entry points."""
    files = {
        "tiny_identity.py": SOURCE.read_text(encoding="utf-8"),
        "tiny_identity_broken.py": "import a_module_that_nobody_has\n",
        "tiny_identity-1.0.dist-info/METADATA": METADATA,
        "tiny_identity-1.0.dist-info/WHEEL": WHEEL,
        "tiny_identity-1.0.dist-info/entry_points.txt": ENTRY_POINTS,
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        f"{len(text.encode())}\n"
        for name, text in files.items()
    )
    files["tiny_identity-1.0.dist-info/RECORD"] = record + "tiny_identity-1.0.dist-info/RECORD,,\n"
    wheel = folder / "tiny_identity-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into: by pip, or where there is none, unpacked as pip does."""
    folder = tmp_path_factory.mktemp("third-party")
    wheel, target = build(folder), folder / "site"
    if importlib.util.find_spec("pip") is None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    else:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
        ]
        subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, timeout=120)
    return target


def run(installed: Path, code: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A Python process that has the wheel on its path."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_SDK_")}
    own = {"PYTHONPATH": str(installed), "XDG_CONFIG_HOME": str(installed), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words],
        env={**bare, **own, **environ},
        cwd=installed.parent,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    ("target", "environ"),
    [
        ("'tiny', users='ada,grace'", {}),
        ("'tiny-alias', users='ada,grace'", {}),
        ("'tiny:', users='ada,grace'", {}),
        ("", {"IDENTITY_SDK_TARGET": "tiny", "IDENTITY_SDK_USERS": "ada,grace"}),
    ],
)
def test_it_is_connected_to_by_name(
    backend: str, target: str, environ: dict[str, str], installed: Path
) -> None:
    code = f"""
import anyio
from identity_sdk.client import connect
from identity_sdk.errors import NotFoundError, NotSupportedError

async def main():
    async with connect({target}) as idp:
        users = await idp.users.list()
        print(idp.provider, *(user.id for user in users), (await idp.users.get("ada")).id)
        can = idp.capabilities
        print((await idp.ping()).version, can.supports("users.list"), can.supports("groups.list"))
        for get in (idp.users.get, idp.groups.get):
            try:
                await get("bob")
            except (NotFoundError, NotSupportedError) as error:
                print(type(error).__name__, error)

anyio.run(main, backend={backend!r})
"""
    done = run(installed, code, **environ)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "tiny ada grace ada",
        "1 True False",
        "NotFoundError tiny.users.get: there is no user 'bob'",
        "NotSupportedError tiny.groups.get: tiny cannot groups.get: it has no groups. Instead: users.get",
    ]


def test_the_command_line_knows_it(installed: Path, tmp_path: Path) -> None:
    command = "import sys; from identity_sdk.cli import main; sys.exit(main())"
    (tmp_path / "password").write_text("canary", "utf-8")
    done = run(
        installed, command, "config", "show", "tiny", f"password=file:{tmp_path / 'password'}", "--json"
    )
    shown = {each["name"]: each["value"] for each in json.loads(done.stdout)["settings"]}
    assert (shown["password"], shown["users"]) == ("**********", None)
    assert "canary" not in done.stdout
    done = run(installed, command, "capabilities", "tiny", "--json")
    assert json.loads(done.stdout)["verbs"]["users.list"]["refuses"] == {"email": "it knows no addresses"}
    done = run(installed, command, "config", "show", "tiny", "user=ada")
    assert (done.returncode, done.stderr) == (
        2,
        "idp: tiny: tiny has no option 'user': did you mean 'users'?\n",
    )
    done = run(installed, command, "config", "show", "tini")
    assert "did you mean 'tiny'?" in done.stderr


def test_a_built_in_name_wins_and_third_parties_are_not_even_asked(installed: Path) -> None:
    code = """
import importlib.metadata as metadata
from importlib.metadata import entry_points
asked = []
def asking(**wanted):
    if wanted.get("group") in (None, "identity_sdk.adapters"):
        asked.append(wanted)
    return entry_points(**wanted)

metadata.entry_points = asking
from identity_sdk.client import connect
idp = connect("lakefs", base_url="https://h.example.com/api/v1")
print(type(idp._adapter).__module__, len(asked))
connect("lakefs+https://h.example.com/api/v1")
print(len(asked))
connect("tiny")
print(len(asked) > 0)
"""
    done = run(installed, code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["identity_sdk.adapters.lakefs.adapter 0", "0", "True"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "not-an-adapter",
            "the entry point 'not-an-adapter' of identity_sdk.adapters is not an Adapter class",
        ),
        (
            "broken",
            "adapter 'broken' of tiny-identity cannot be imported: ModuleNotFoundError: No module named 'a_mod",
        ),
        (
            "absent",
            "adapter 'absent' of tiny-identity cannot be imported: AttributeError: module 'tiny_identity' has",
        ),
    ],
)
def test_what_a_third_party_did_wrong_is_said(name: str, told: str, installed: Path) -> None:
    done = run(
        installed, "import sys; from identity_sdk.cli import main; sys.exit(main())", "config", "show", name
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"idp: {told}")


@pytest.mark.parametrize("name", ["tiny", "tiny_alias"])
def test_the_registry_finds_it_in_this_process_too(
    name: str, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed)
    monkeypatch.delitem(sys.modules, "tiny_identity", raising=False)
    assert adapter_class(name).__module__ == "tiny_identity"
    assert adapter_names()[: len(BUILT_IN)] == tuple(BUILT_IN)
    assert set(adapter_names()[len(BUILT_IN) :]) >= {"tiny", "broken"}
    for broken in ("broken", "absent", "not-an-adapter"):
        with pytest.raises(ConfigurationError, match=broken):
            adapter_class(broken)


def test_an_unknown_name_is_told_the_nearest_or_all() -> None:
    with pytest.raises(ConfigurationError, match="there is no adapter 'lakefz': did you mean 'lakefs'"):
        adapter_class("lakefz")
    with pytest.raises(ConfigurationError, match=r"there is no adapter 'zzz': known are .*\blakefs, local"):
        adapter_class("zzz")


def test_a_missing_dependency_of_a_built_in_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "toy", "a_module_that_nobody_has.deeper:Toy")
    with pytest.raises(ConfigurationError) as caught:
        adapter_class("toy")
    assert caught.value.message == (
        "adapter 'toy' needs a_module_that_nobody_has: pip install 'unified-identity-sdk[toy]'"
    )
    monkeypatch.setitem(BUILT_IN, "toy", "identity_sdk.nowhere:Toy")  # a defect of ours is not hidden
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        adapter_class("toy")
