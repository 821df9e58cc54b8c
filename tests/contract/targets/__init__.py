"""Every target of the suite. A new adapter adds its file here.

The first target of an adapter runs on every Python and on both event loops, its further ones (other faces, rarer
set-ups) on one Python, each test on one of both loops.
"""

from __future__ import annotations

from contract.target import Target
from contract.targets import argus, auth_service, authress, igtcloud, lakefs, lakefs_real, local

__all__ = ["TARGETS"]

TARGETS: tuple[Target, ...] = (
    *local.TARGETS,
    *lakefs.TARGETS,
    *lakefs_real.TARGETS,
    *argus.TARGETS,
    *authress.TARGETS,
    *igtcloud.TARGETS,
    *auth_service.TARGETS,
)
