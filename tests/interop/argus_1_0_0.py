"""Run by `test_argus_1_0_0.py` in an environment that holds argus-api 1.0.0 and nothing of this project.

Reads one JSON object (url, api_key, user, password) from its input, calls the operations of the API documents, and
writes what each answered. Of the command line that the client was generated for (argus-toolbelt, of 2018, which no
Python of today starts), it needs a decorator and a dictionary of settings: these two stand here.
"""

from __future__ import annotations

import hmac
import json
import struct
import sys
import time
import types
from base64 import b32decode
from typing import Any

TOLD = json.load(sys.stdin)


def stand_in(name: str, **members: Any) -> None:
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


stand_in("argus_cli")
stand_in("argus_cli.plugin", register_command=lambda **_: lambda function: function)
stand_in("argus_cli.settings", settings={"api": {"api_url": TOLD["url"]}})
stand_in("argus_plugins", argus_cli_module=None)

from argus_api.api.authentication.v1 import apikey, constrain, methods, session, totp  # noqa: E402
from argus_api.exceptions import http  # noqa: E402


def code_of(seed: str) -> str:
    """RFC 6238."""
    digest = hmac.digest(b32decode(seed), struct.pack(">Q", int(time.time()) // 30), "sha1")
    start = digest[-1] & 15
    return str((int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF) % 10**6).zfill(6)


def number(prefix: str) -> int:
    """The id of a key, which its prefix ends with."""
    return int(prefix.split("/")[1], 16)


def refused(call: Any) -> str:
    try:
        call()
    except (http.AuthenticationFailedException, http.ObjectNotFoundException) as failure:
        return type(failure).__name__
    return "nothing"


def main() -> dict[str, Any]:
    key, password = {"apiKey": TOLD["api_key"]}, {"password": TOLD["password"]}
    found: dict[str, Any] = {"methods": methods.get_methods()}
    made = [
        apikey.initiate_1(
            description=f"key {one}", validSources=["127.0.0.1"], expirationDays=30, **password, **key
        )
        for one in range(2)
    ]
    first, second = (one["data"]["keyDescriptor"]["prefix"] for one in made)
    found |= {"initiate_1": made[0], "list_1": apikey.list_1(**key)}
    found["renew_2"] = apikey.renew_2(prefix=first, expirationDays=60, **password, **key)
    found["renew_3"] = apikey.renew_3(keyID=number(second), **password, **key)
    mine = {"apiKey": made[0]["data"]["apiKeyString"]}
    found["get_session"] = session.get_session(**mine)
    found["revoke_3"] = apikey.revoke_3(keyID=number(second), **key)
    found["revoke_2"] = apikey.revoke_2(prefix=first, **key)
    found["revoked"] = [refused(lambda: session.get_session(**mine)), refused(
        lambda: session.get_session(apiKey=made[1]["data"]["apiKeyString"])
    )]  # fmt: skip
    found["again"] = refused(lambda: apikey.revoke_3(keyID=number(second), **key))

    seed = found["initialize"] = totp.initialize(**password, **key)
    code = code_of(seed["data"]["seedBase32"])
    found["verify"] = totp.verify(cookie=seed["data"]["cookie"], verificationCode=code, **key)
    code = code_of(seed["data"]["seedBase32"])
    opened = totp.authenticate_4(userName=TOLD["user"], domain="MNEMONIC", tokenCode=code, **password)
    found["authenticate_4"] = opened
    bearer = {"Authorization": f"Bearer {opened['data']['requestCredentialsData']}"}
    found["constrain"] = constrain.constrain(function=["viewUsers"], authentication=bearer)
    found["revoke_5"] = totp.revoke_5(**key)
    return found


json.dump(main(), sys.stdout)
