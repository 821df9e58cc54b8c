"""The examples on lakeFS run as they are shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio

from identity_sdk import AccessKey, AuthenticationError, LakeFS, connect
from identity_sdk.emulators import lakefs
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

EXAMPLES = Path(__file__).parents[3] / "examples"
KEY = ("AKIAJADMINADMINADMNQ", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNl")


def run(name: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_SDK_")}
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        env={**clean, **environ},
        timeout=60,
        check=False,
    )


def test_the_trap() -> None:
    done = run("lakefs_trap.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("the old key says it is ada")
    assert "the old key is refused" in lines[2]
    assert "login tokens" in lines[3]


def test_a_rotation(tmp_path: Path) -> None:
    store = Store.open("sqlite://")
    app = lakefs.create_app(store, admin=lakefs.Admin("admin", *KEY), setup=True)
    with running(app) as url:
        base_url = url + lakefs.BASE_PATH

        async def make() -> tuple[str, str]:
            async with connect(LakeFS(base_url=base_url, auth=AccessKey(*KEY))) as idp:
                await idp.users.create("robot")
                key = await idp.credentials.create("robot")
                assert key.secret is not None
                return key.id, key.secret.reveal()

        async def who(key: str, secret: str) -> str:
            async with connect(LakeFS(base_url=base_url, auth=AccessKey(key, secret))) as idp:
                try:
                    return (await idp.users.me()).id
                except AuthenticationError:
                    return ""

        old, secret = anyio.run(make)
        target = tmp_path / "new.txt"
        environ = {
            "IDENTITY_SDK_TARGET": f"lakefs+{base_url}",
            "IDENTITY_SDK_ACCESS_KEY_ID": KEY[0],
            "IDENTITY_SDK_SECRET_ACCESS_KEY": KEY[1],
        }
        done = run("lakefs_rotate_key.py", old, "robot", str(target), **environ)
        assert done.returncode == 0, done.stderr
        new, new_secret = target.read_text().split()
        assert KEY[1] not in done.stdout + done.stderr
        assert new_secret not in done.stdout + done.stderr
        assert anyio.run(who, old, secret) == ""
        assert anyio.run(who, new, new_secret) == "robot"
        again = run("lakefs_rotate_key.py", new, "robot", str(target), **environ)
        assert again.returncode != 0, "the file is there: the hand-over must fail"
        assert "both alive" in again.stderr
        assert anyio.run(who, new, new_secret) == "robot"
    anyio.run(store.aclose)
