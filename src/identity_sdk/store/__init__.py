"""Tables and transactions under the embedded provider and the emulators.

Plain rows, no policy: nothing here cascades, nothing is forbidden. What a deletion takes along, who may do
what and which answer a client sees is decided by the adapter or the emulator on top. Needs the extra
``[local]``.
"""

from __future__ import annotations

from importlib.util import find_spec

from identity_sdk.errors import ConfigurationError

if find_spec("sqlalchemy") is None:  # pragma: no cover - only in an environment without the extra
    raise ConfigurationError(
        'the store needs SQLAlchemy: python -m pip install "unified-identity-sdk[local]"'
    )

from identity_sdk.store.engine import DuplicateRow, Store, StoreError, StoreUnavailable
from identity_sdk.store.hashing import hash_password, hash_secret, same, verify_password
from identity_sdk.store.tables import SCHEMA_VERSION

__all__ = [
    "SCHEMA_VERSION",
    "DuplicateRow",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "hash_password",
    "hash_secret",
    "same",
    "verify_password",
]
