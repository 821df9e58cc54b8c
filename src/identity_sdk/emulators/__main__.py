"""``python -m identity_sdk.emulators lakefs …``"""

from __future__ import annotations

import sys

from identity_sdk.emulators.command import main

sys.exit(main())
