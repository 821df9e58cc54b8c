"""Rotates the access key that a service signs in with, and hands the new one over before the old one goes.

    IDENTITY_SDK_TARGET=lakefs+https://lakefs.example/api/v1 \\
    IDENTITY_SDK_ACCESS_KEY_ID=… IDENTITY_SDK_SECRET_ACCESS_KEY=… \\
    python examples/lakefs_rotate_key.py AKIAJ… service-name new-secret.txt

If writing the file fails, both keys stay alive and the error names both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio

from identity_sdk import IdentityError, connect


async def main(key_id: str, user: str, target: Path) -> int:
    async with connect() as idp, idp.credentials.rotate(key_id, user=user) as new:
        assert new.secret is not None
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{new.id}\n{new.secret.reveal()}\n")
    print(
        f"{key_id} is deleted; {new.id} is in {target}. The server may take the old one for some seconds more."
    )
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        sys.exit(anyio.run(main, sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    except IdentityError as error:
        sys.exit(str(error))
