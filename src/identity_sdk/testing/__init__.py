"""For the tests of applications that use this library: a directory in memory, servers on real ports, faults on demand.

::

    from identity_sdk.testing import embedded, emulator

    async with embedded() as idp:                      # the embedded provider, with SEED in it
        print(await idp.groups.members("engineers"))

    with emulator("lakefs") as server:                 # a lakeFS emulator on a free port of this machine
        with server.faults.status(503, times=2):       # its next two answers are 503
            async with server.connect() as idp:
                print(await idp.users.list())
        print(server.requests)

Nothing here needs pytest. With pytest the same comes as the fixtures ``identity``, ``identity_seed`` and
``identity_server``, see :mod:`identity_sdk.integrations.pytest_plugin`. Emulators need the extra ``[testing]``.

Everything listens on loopback alone, without TLS. :func:`embedded` and :func:`emulator` are plain, blocking functions
that return within a fraction of a second, so that they can be used where no event loop runs and inside a test that has
one, on asyncio and on trio.
"""

from __future__ import annotations

from identity_sdk.testing.clock import NoWaiting
from identity_sdk.testing.directory import SEED, Seed, embedded
from identity_sdk.testing.faults import ArmedFault, Faults
from identity_sdk.testing.server import BACKENDS, Emulator, EmulatorFactory, Received, emulator

__all__ = [
    "BACKENDS",
    "SEED",
    "ArmedFault",
    "Emulator",
    "EmulatorFactory",
    "Faults",
    "NoWaiting",
    "Received",
    "Seed",
    "embedded",
    "emulator",
]
