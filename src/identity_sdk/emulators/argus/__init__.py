"""mnemonic's Argus: authentication, user administration and what they need, as argus-api 5.1.0 knows it.

No public server exists to measure: what the documents leave open is in
:class:`~identity_sdk.emulators.argus.choices.Choices`.
"""

from __future__ import annotations

from identity_sdk.emulators.argus.app import BASE_PATH, Admin, ArgusEmulator, Letter, create_app
from identity_sdk.emulators.argus.choices import Choices

__all__ = ["BASE_PATH", "Admin", "ArgusEmulator", "Choices", "Letter", "create_app"]
