"""The three servers whose answers the emulator gives, and the words in which they differ.

``0.91`` is lakeFS v0.91.0, the last with its own access control; ``1.x`` is v1.84.0 as a single user (the open-source
default); ``1.x-acl`` is v1.84.0 with the open-source ACL server behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FACES", "Face"]


@dataclass(frozen=True, slots=True)
class Face:
    """One server: which generation it is and what it lacks."""

    name: str
    old: bool
    """v0.91: its own wording of validation errors, 500 for unknown paths, e-mail in lists only."""
    single_user: bool = False
    acl: bool = False

    @property
    def unknown_endpoint(self) -> int:
        return 500 if self.old else 404

    def schema_error(self, schema: str, reason: str) -> str:
        where = "the schema" if self.old else f"schema #/components/schemas/{schema}"
        return f"request body has an error: doesn't match {where}: {reason}"

    def wrong_type(self, expected: str) -> str:
        if self.old:
            return f"Field must be set to {expected} or not be present"
        article = "an" if expected[0] in "aeio" else "a"
        return f"value must be {article} {expected}"

    def wrong_choice(self, allowed: str) -> str:
        return "value is not one of the allowed values" + ("" if self.old else f" {allowed}")

    def unparsable(self, name: str, value: str, kind: str) -> str:
        detail = "an invalid value" if self.old else f"an invalid {kind}: invalid syntax"
        return f'parameter "{name}" in query has an error: value {value}: {detail}'

    def too_large(self, name: str, limit: int) -> str:
        words = "must be most" if self.old else "must be at most"
        return f'parameter "{name}" in query has an error: number {words} {limit}'

    def not_allowed(self, action: str) -> str:
        return "insufficient permissions" + ("" if self.old else f": not allowed to {action}")

    def missing(self, entity: str) -> str:
        return f"{entity}: not found" if self.old else "not found"

    def bad_name(self, reason: str) -> str:
        return "invalid request" if self.acl else reason


FACES = {
    face.name: face
    for face in (
        Face("0.91", old=True),
        Face("1.x", old=False, single_user=True),
        Face("1.x-acl", old=False, acl=True),
    )
}
