# ruff: noqa: PT009, PT027 - this is unittest
"""Run by `test_testing.py` through `python -m unittest`."""

from __future__ import annotations

import unittest

from identity_sdk import ServerError
from identity_sdk.testing import embedded, emulator


class WithAServer(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.server = self.enterContext(emulator("lakefs"))

    async def asyncSetUp(self) -> None:
        self.idp = await self.enterAsyncContext(self.server.connect(retries=0))

    async def test_a_fault(self) -> None:
        with self.server.faults.status(500), self.assertRaises(ServerError):
            await self.idp.users.list()
        self.assertIn("ada", [user.id for user in await self.idp.users.list()])


class Embedded(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.idp = await self.enterAsyncContext(embedded())

    async def test_a_change(self) -> None:
        await self.idp.groups.add_member("engineers", "linus")
        self.assertEqual(len(await self.idp.groups.members("engineers")), 3)

    async def test_the_next_one_starts_anew(self) -> None:
        self.assertEqual(len(await self.idp.groups.members("engineers")), 2)
