"""``examples/team_service.py``: by one command, over profiles on six backends, and its docs page in a real browser."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integrations.fastapi_rig import BACKENDS, Backend, Caller, serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "team_service.py"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[str, dict[str, str]]]:
    """The program as it is shown: its address, and the tokens that it prints."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("IDENTITY_SDK_")}
    clean.pop("TEAM_SERVICE_PROVIDER", None)
    command = [sys.executable, "-u", "-X", "utf8", str(EXAMPLE), "--port", "0"]
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean, text=True, encoding="utf-8"
    )
    tokens: dict[str, str] = {}
    try:
        assert program.stdout is not None
        for line in program.stdout:
            if told := re.fullmatch(r"(\w+)'s token: (\S+)\n", line):
                tokens[told[1]] = told[2]
            if address := re.search(r"running on (http://\S+)", line):
                yield address[1], tokens
                break
        else:
            pytest.fail("it ended before it listened")
    finally:
        program.terminate()
        program.communicate(timeout=20)


def test_one_command(started: tuple[str, dict[str, str]]) -> None:
    url, tokens = started
    with httpx.Client(base_url=url) as http:

        def ask(method: str, path: str, who: str, **more: Any) -> httpx.Response:
            return http.request(method, path, headers={"Authorization": f"Bearer {tokens[who]}"}, **more)

        welcome = "/teams/blue/docs/welcome"
        assert ask("GET", "/me", "ada").json() == {"id": "ada", "name": "Ada", "email": None}
        assert ask("GET", welcome, "bob").json() == {"text": "Welcome to the blue team."}
        assert ask("PUT", welcome, "bob", json={"text": "Bob was here."}).status_code == 403
        assert ask("GET", welcome, "eve").status_code == 403
        assert ask("GET", "/teams/red/docs/welcome", "ada").status_code == 403
        assert ask("PUT", "/teams/blue/docs/plan", "ada", json={"text": "Plan."}).status_code == 200
        assert ask("GET", "/teams/blue/docs/plan", "bob").json() == {"text": "Plan. (ada)"}
        assert ask("GET", "/teams/blue/docs/none", "bob").json() == {"detail": "There is no such document."}
        # On the caller's own behalf: the provider knows what ada may, and what eve may not.
        assert [one["id"] for one in ask("GET", "/users", "ada").json()][:3] == ["ada", "bob", "eve"]
        assert ask("GET", "/users", "eve").status_code == 403
        assert ask("POST", "/users", "ada", json={"id": "grace"}).status_code == 201
        assert ask("POST", "/users", "ada", json={"id": "grace"}).status_code == 409
        joined = ask("PUT", "/groups/blue/members/grace", "ada").json()
        assert "grace" in [one["id"] for one in joined]
        assert ask("GET", "/groups/blue/members", "ada").json() == joined
        assert ask("GET", "/groups", "ada").json() == [{"id": "blue", "name": "The blue team"}]
        nobody = http.get(welcome)
        assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, 'Bearer realm="identity"')


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Backend]]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("team")
        yield {make.name: make(stack, folder) for make in BACKENDS}


@pytest.mark.parametrize("name", [one.name for one in BACKENDS])
def test_any_backend_by_a_profile(
    backends: dict[str, Backend], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = backends[name]
    profile = tmp_path / "profiles.toml"
    profile.touch(mode=0o600)
    told = {"target": name, **backend.profile()}
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    profile.write_text("\n".join(["[profiles.staging]", *lines, ""]), encoding="utf-8")
    monkeypatch.setenv("IDENTITY_SDK_CONFIG", str(profile))
    monkeypatch.setenv("TEAM_SERVICE_PROVIDER", "staging")
    module = load(monkeypatch, f"team_service_{name.replace('-', '_')}")
    team = "mnemonic" if name == "argus" else "blue"
    module.documents[team, "welcome"] = "Hello."
    right = module.rights.read.action, module.rights.read.resource.format(team=team, doc="welcome")

    async def people() -> tuple[Caller, Caller]:
        async with backend.connect() as idp:
            able, unable = await backend.caller(idp), await backend.caller(idp)
            await backend.grant(idp, able.id, *right)
            return able, unable

    able, unable = asyncio.run(people())
    with serving(module.app) as url, httpx.Client(base_url=f"{url}/teams/{team}/docs") as http:
        read = http.get("/welcome", headers=able.headers)
        assert (read.status_code, read.json()) == (200, {"text": "Hello."})
        assert http.get("/none", headers=able.headers).status_code in (403, 404)
        assert http.get("/welcome", headers=unable.headers).status_code == 403
        assert http.put("/welcome", headers=able.headers, json={"text": "x"}).status_code == 403
        assert http.get("/welcome").status_code == 401
        assert httpx.get(f"{url}/me", headers=able.headers).json()["id"] == able.id
        assert httpx.get(f"{url}/users", headers=unable.headers).status_code in (200, 403)


def load(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.edge
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_the_docs_page_in_a_browser(started: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    """Somebody opens /docs, presses "Authorize", pastes a token, and tries a guarded call."""
    playwright = pytest.importorskip("playwright.sync_api", reason="chromium needs playwright to drive it")
    url, tokens = started
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.goto(f"{url}/docs")
        try_it(page, "401")
        page.locator(".btn.authorize").click()
        dialog = page.locator(".dialog-ux")
        dialog.locator("input").fill(tokens["bob"])
        dialog.locator("button.authorize").click()
        dialog.locator("button.btn-done").click()
        try_it(page, "200")
        assert (
            "Welcome to the blue team." in page.locator(".live-responses-table .highlight-code").inner_text()
        )
        page.screenshot(path=tmp_path / "docs.png", full_page=True)
        browser.close()
    assert wrong == []


def try_it(page: Any, status: str) -> None:
    """Executes the guarded call on the page, until it shows this status."""
    block = page.locator(".opblock-get", has_text="/teams/{team}/docs/{doc}")
    if "is-open" not in block.get_attribute("class"):
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
    block.locator('input[placeholder="team"]').fill("blue")
    block.locator('input[placeholder="doc"]').fill("welcome")
    block.get_by_role("button", name="Execute").click()
    block.locator(".live-responses-table .response .response-col_status", has_text=status).wait_for()
