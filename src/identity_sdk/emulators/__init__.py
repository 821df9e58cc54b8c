"""Emulators: the backends' inbound twins, each an ASGI app over one store.

They are written with plain dicts and share no model and no decision with the adapters: twins that share code share
their misreadings. Needs the extra ``[server]``.
"""

from __future__ import annotations
