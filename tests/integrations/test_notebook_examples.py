"""The notebooks of examples/: stored without outputs, run by a real kernel, and no secret in what they show."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
SHOWN = {
    "tour": [
        "<caption>Identity client</caption>",
        "<caption>2 users</caption>",
        "<caption>LocalUser</caption>",
        "<caption>2 members</caption>",
        "not asked for yet",
        "done: 250 in 1 page",
        "datetime64[us, UTC]",
        "datetime[μs, UTC]",
        "there is no human user &#39;nobody&#39;",
        "<caption>local: 47 of 48 verbs</caption>",
    ],
    "access_review": [
        "<caption>4 groups</caption>",
        "image/png",
        "former-contractor",
        "<p>0 groups</p>",
    ],
    "key_rotation": [
        "<caption>1 credential</caption>",
        "<caption>2 credentials</caption>",
        "**********",
        "new key: nightly-build",
        "old key: local.ping",
        "the hand-over failed",
    ],
}
REVEAL_ALL = """
import gc, json
from identity_sdk import Secret
print(json.dumps([one.reveal() for one in gc.get_objects() if isinstance(one, Secret)]))
"""


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def outputs_of(cells: Sequence[Any]) -> str:
    """All that was displayed, in one text, pictures by their type alone."""
    said: list[str] = []
    for cell in cells:
        for output in cell.get("outputs", []):
            data = dict(output.get("data", {}))
            said += [mime for mime in data if mime.startswith("image/")]
            said += [str(text) for mime, text in data.items() if not mime.startswith("image/")]
            said.append(str(output.get("text", "")))
    return "\n".join(said)


def leaked(cells: Sequence[Any], secrets: Sequence[str]) -> list[str]:
    text = outputs_of(cells)
    return [secret for secret in secrets if secret and secret in text]


def test_the_look_for_secrets_finds_one() -> None:
    cell = {"outputs": [{"data": {"text/html": "<td>hunter2</td>"}}, {"text": "a key"}]}
    assert leaked([cell], ["hunter2", "other"]) == ["hunter2"]


def test_there_are_three() -> None:
    assert {path.stem for path in NOTEBOOKS} == SHOWN.keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path: Path) -> None:
    for cell in read(path)["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.edge
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_kernel_runs_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("ipykernel", "matplotlib", "pandas", "polars"):
        pytest.importorskip(library)
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    for name in [name for name in os.environ if name.startswith("IDENTITY_SDK_")]:
        monkeypatch.delenv(name)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(REVEAL_ALL))
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    *cells, last = notebook.cells
    text = outputs_of(cells).replace("'", "&#39;")
    assert [one for one in SHOWN[path.stem] if one not in text] == []
    secrets = json.loads(last.outputs[0].text)
    assert secrets or path.stem == "access_review"
    assert leaked(cells, secrets) == []
