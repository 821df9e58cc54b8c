"""Every target of the suite. A new adapter adds its file here."""

from __future__ import annotations

from contract.targets import lakefs, local
from contract.target import Target

__all__ = ["TARGETS"]

TARGETS: tuple[Target, ...] = (*local.TARGETS, *lakefs.TARGETS)
