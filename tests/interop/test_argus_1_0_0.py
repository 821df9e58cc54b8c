"""mnemonic's argus-api 1.0.0, the last with revocation by key ID, against `idp serve argus`.

It cannot be installed beside 5.1.0: `nox -s interop` makes it an environment of its own and names its Python in
IDENTITY_SDK_TEST_ARGUS_1_0_0.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PYTHON = os.environ.get("IDENTITY_SDK_TEST_ARGUS_1_0_0", "")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not PYTHON, reason="IDENTITY_SDK_TEST_ARGUS_1_0_0 names no Python (nox -s interop)"),
]

ENVELOPE = {"responseCode", "limit", "offset", "count", "size", "metaData", "messages", "data"}
KEY = {
    "prefix", "description", "createdTimestamp", "createdByUser", "validUntil", "validSources", "lastUsedTimestamp",
    "lastUsedIP", "constraints", "source",
}  # fmt: skip
CREDENTIALS = {"clientIP", "forwardedIP", "uri", "requestCredentialsType", "requestCredentialsData"}
SEED = {"userName", "passCodeLength", "keyAlgorithm", "seedBase32", "seedBase64", "cookie"}
SESSION = {
    "authenticationMethod", "clientIP", "createdTimestamp", "timestamp", "validUntilTimestamp", "securityLevel",
    "sessionKey", "readOnly", "passwordNotSet",
}  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, str]]:
    """What a served Argus says on its first line."""
    command = [sys.executable, "-m", "identity_sdk.cli", "serve", "argus", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def answers(told: dict[str, str]) -> dict[str, Any]:
    """What each operation answered to the client, in its own process."""
    asked = {
        "url": told["base_url"],
        "api_key": told["api_key"],
        "user": told["username"],
        "password": told["password"],
    }
    script = Path(__file__).with_name("argus_1_0_0.py")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    done = subprocess.run(
        [PYTHON, str(script)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def data(answers: dict[str, Any], operation: str, status: int = 200) -> Any:
    """The data of an answer, whose envelope is whole."""
    answer = answers[operation]
    assert answer.keys() >= ENVELOPE
    assert (answer["responseCode"], answer["messages"]) == (status, [])
    return answer["data"]


def test_keys_are_revoked_by_their_id_and_by_their_prefix(answers: dict[str, Any]) -> None:
    made = data(answers, "initiate_1", 201)
    assert made.keys() == {"apiKeyString", "keyDescriptor"}
    descriptor = made["keyDescriptor"]
    assert descriptor.keys() == KEY
    prefix = descriptor["prefix"]
    assert made["apiKeyString"].startswith(f"{prefix}/")
    assert (descriptor["description"], descriptor["validSources"][0]["address"]) == ("key 0", "127.0.0.1")
    listed = data(answers, "list_1")["keys"]
    assert all(one.keys() == KEY for one in listed)
    assert [one["description"] for one in listed][-2:] == ["key 0", "key 1"]
    assert data(answers, "get_session").keys() >= SESSION
    assert data(answers, "get_session")["authenticationMethod"] == "APIKEY"
    by_prefix = data(answers, "renew_2")["renewedKey"]
    assert by_prefix.keys() == KEY
    assert (by_prefix["prefix"], by_prefix["validUntil"] > descriptor["validUntil"]) == (prefix, True)
    by_id = data(answers, "renew_3")["renewedKey"]
    assert (by_id.keys(), by_id["description"]) == (KEY, "key 1")
    left = data(answers, "revoke_3")["keys"]  # by its id: the other one stays
    assert all(one.keys() == KEY for one in left)
    assert "key 1" not in [one["description"] for one in left]
    assert "key 0" in [one["description"] for one in left]
    assert "key 0" not in [one["description"] for one in data(answers, "revoke_2")["keys"]]
    assert answers["revoked"] == ["AuthenticationFailedException"] * 2
    assert answers["again"] == "ObjectNotFoundException"


def test_totp_and_constrained_sessions(answers: dict[str, Any]) -> None:
    assert data(answers, "methods") == ["PASSWORD", "TOTP", "APIKEY", "LDAP"]
    assert data(answers, "initialize").keys() == SEED
    assert data(answers, "verify")["message"]
    assert data(answers, "authenticate_4").keys() >= CREDENTIALS
    assert data(answers, "constrain").keys() >= CREDENTIALS
    assert "revoke_5" in answers
    data(answers, "revoke_5")
