"""Docstrings are written for readers of the source; this turns their cross references and `::` blocks into Markdown."""

from __future__ import annotations

import re

import griffe

ROLE = re.compile(r":(?:class|meth|func|attr|data|mod|exc):`(~?)([\w.]+)`")
TOLD_ELSEWHERE = {"identity_sdk.errors"}  # its docstring is the tree at the top of the page


class Roles(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **kwargs: object) -> None:
        if obj.docstring is None:
            return
        if obj.path in TOLD_ELSEWHERE:
            obj.docstring = None
            return
        scope = obj if obj.is_class or obj.is_module else obj.parent
        base = scope.path if scope is not None else ""
        text = ROLE.sub(lambda found: link(found[2], base, short=bool(found[1])), obj.docstring.value)
        text = re.sub(r"``([^`]+)``", r"`\1`", text)
        obj.docstring.value = re.sub(
            r"(?m)^(.*?)::$", lambda found: f"{found[1]}:" if found[1].strip() else "", text
        )


def link(name: str, base: str, *, short: bool) -> str:
    target = name if name.startswith("identity_sdk.") else f"{base}.{name}"
    shown = name.rpartition(".")[2] if short else name
    return f'<autoref identifier="{target}" optional><code>{shown}</code></autoref>'
