"""Hashes of secrets and passwords."""

from __future__ import annotations

import pytest

from identity_sdk.store import hash_password, hash_secret, same, verify_password


def test_sha256_of_a_secret() -> None:
    assert hash_secret("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_secret("\ud800") != hash_secret("\ud801")


def test_same() -> None:
    assert same("ü", "ü")
    assert not same("ü", "u")
    assert not same("\ud800", "")


@pytest.mark.anyio
async def test_a_password() -> None:
    hashed = await hash_password("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await verify_password(hashed, "correct horse")
    assert not await verify_password(hashed, "wrong horse")
    assert not await verify_password("nonsense", "correct horse")
