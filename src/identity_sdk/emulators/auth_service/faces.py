"""The two faces of the server, and everything that no source tells about the documented one, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FACES", "Face"]


@dataclass(frozen=True, slots=True)
class Face:
    """How the server words its answers.

    The document promises ``ApiError`` JSON for every failure and real refresh tokens. What it leaves open is chosen so:
    failures keep the status that the source meant them to have, a refusal changes nothing, a field that is unknown is
    left out, and a missing role or mode is refused with 400.
    """

    name: str
    real: bool


FACES: Mapping[str, Face] = {
    "documented": Face("documented", real=False),
    "real": Face("real", real=True),
}
