"""``python -m identity_sdk.cli``: the same as ``idp``."""

from __future__ import annotations

import sys

from identity_sdk.cli import main

sys.exit(main())
