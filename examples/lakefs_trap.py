"""lakeFS's trap, and the way round it: an access key that comes back to life with a name given anew.

    python examples/lakefs_trap.py

Runs against the emulator in this process (extra ``[server]``), which keeps the trap as the real server does.
"""

from __future__ import annotations

import sys

import anyio

from identity_sdk import AccessKey, AuthenticationError, ConflictError, IdentityError, LakeFS, connect
from identity_sdk.adapters.lakefs.models import UserCreation
from identity_sdk.emulators import lakefs
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

ADMIN = ("AKIAJEXAMPLEEXAMPLEQ", "an-example-secret-of-the-emulator-in-here")


async def main(base_url: str) -> int:
    async with connect(LakeFS(base_url=base_url, auth=AccessKey(*ADMIN))) as idp:
        await idp.users.create("ada")
        key = await idp.credentials.create("ada")
        if key.secret is None:
            return 1
        ada = idp.with_credential(AccessKey(key.id, key.secret))

        await idp.native.delete_user("ada")  # the server's own operation, past the facade
        await idp.native.create_user(UserCreation(id="ada"))
        print(
            "Deleted and made anew by the server's own operations; the old key says it is",
            (await ada.users.me()).id,
        )

        await idp.native.delete_user("ada")
        try:
            await idp.users.create("ada")
        except ConflictError as error:
            print("The facade notices:", error.message)
        await idp.users.create("ada", existing_credentials="delete")
        try:
            await ada.users.me()
        except AuthenticationError:
            print("Made anew without its old keys: the old key is refused.")

        deletion = await idp.users.delete("ada")
        for residual in deletion.residual:
            print("Deleted; what nobody can end:", residual.what, "until", residual.until)
    return 0


if __name__ == "__main__":
    store = Store.open("sqlite://")
    app = lakefs.create_app(store, admin=lakefs.Admin("admin", *ADMIN), setup=True)
    try:
        with running(app) as url:
            sys.exit(anyio.run(main, url + lakefs.BASE_PATH))
    except IdentityError as error:
        sys.exit(str(error))
    finally:
        anyio.run(store.aclose)
