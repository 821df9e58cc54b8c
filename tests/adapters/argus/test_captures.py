"""The recorded requests of the official clients (argus-api 5.1.0 and 1.0.0): ours are equal, call by call.

What differs, and why (by the wire sheet, section 8):

* ``User-Agent``, ``Accept-Encoding``, ``Connection``, JSON spacing and key order;
* 5.1.0 sends a header that is really named ``content`` with each call, 1.0.0 does not: nor do we;
* both send their API key with public operations as well (sign-ins, methods): ours go without a credential;
* ``Content-Length: 0`` on a DELETE without a body is the transport's affair.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from identity_sdk.adapters.argus import inputs as i
from identity_sdk.adapters.argus.adapter import Argus
from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.auth import csrf_token
from identity_sdk.auth.sources import ApiKey, Bearer
from identity_sdk.errors import IdentityError
from identity_sdk.secrets import Secret
from tests.adapters.argus.conftest import FakeSender, answer

pytestmark = pytest.mark.anyio

CAPTURES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "argus" / "captures.json").read_text("utf-8")
)
S = Secret
Call = Callable[[ArgusApi], Awaitable[object]]


def _users(**more: Any) -> Call:
    told: dict[str, Any] = {"offset": 0, "limit": 25, "includeDeleted": False, "keywordMatch": "all", **more}
    return lambda api: api.useradmin.user.list_users(**told)


OURS: tuple[Call, ...] = (
    lambda api: api.apikey.initiate(
        i.ApiKeyInitiation(
            description="d", expirationDays=30, password=S("p"), validSources=("10.0.0.0/8",),
            disableExpiration=False, disableSourceRestriction=False,
        )
    ),
    lambda api: api.apikey.list(),
    lambda api: api.apikey.renew(7, i.ApiKeyRenewal(expirationDays=30, password=S("p"), disableExpiration=False)),
    lambda api: api.apikey.renew_by_prefix("1ab/2c", i.ApiKeyRenewal(password=S("p"), disableExpiration=False)),
    lambda api: api.apikey.revoke_by_prefix("1ab/2c"),
    lambda api: api.constrain.constrain(i.Constraint(customer=("mnemonic",), function=("X",), readOnly=False)),
    lambda api: api.logout.logout(),
    lambda api: api.methods.get_methods(),
    lambda api: api.totp.authenticate(
        i.TotpSignIn(password=S("p"), tokenCode=S("123456"), userName="u", domain="D")
    ),
    lambda api: api.totp.authentication(i.TotpSignIn(password=S("p"), tokenCode=S("123456"), userName="u")),
    lambda api: api.totp.initialize(i.TotpInitialization(password=S("p"))),
    lambda api: api.totp.revoke(),
    lambda api: api.totp.verify(i.TotpVerification(cookie=S("c"), verificationCode=S("123456"))),
    lambda api: api.impersonate.impersonate(i.Impersonation(userName="x")),
    lambda api: api.session.get_session(),
    lambda api: api.session.delete_session(),
    lambda api: api.password.authentication(i.PasswordSignIn(userName="u", password=S("p"), domain="MNEMONIC")),
    lambda api: api.apikey.list(),
    lambda api: api.apikey.list(),
    lambda api: api.session.constrain_session(i.Constraint(customer=("C",), function=("F",))),
    lambda api: api.session.get_session(),
    lambda api: api.session.get_session(),
    lambda api: api.apikey.list(),
    lambda api: api.apikey.list(),
    _users(),
    _users(customer=("a", "b"), offset=10, limit=5),
    lambda api: api.useradmin.user.add_user(
        i.UserAddition(
            customer="mnemonic", name="D", shortName="dennis", daemonAccount=False, externallyManaged=False,
            language="english", notificationUser=False, skipDefaultAuthenticationMethods=False,
        )
    ),
    lambda api: api.useradmin.user.update_user("dennis", i.UserUpdate(email="e@x.no")),
    lambda api: api.useradmin.user.get_user("dennis", domain="D"),
    lambda api: api.useradmin.user.delete_user("dennis"),
    lambda api: api.useradmin.group.add_group_members("g", i.MemberAddition(subject=("dennis",))),
    lambda api: api.useradmin.group.list_subjects_in_group("g"),
    lambda api: api.useradmin.group.remove_subjects_from_group("g", ("dennis", "bob")),
    lambda api: api.useradmin.permission.grant_permission(
        i.PermissionGrant(customer="c", function="F", subject="dennis")
    ),
    lambda api: api.useradmin.permission.revoke_permission(5),
    lambda api: api.useradmin.user.list_permissions_for_user(
        "dennis", offset=0, limit=25, includeDeleted=False, includeInherited=True
    ),
    lambda api: api.apikey.initiate(
        i.ApiKeyInitiation(description="d", validSources=("10.0.0.0/8",), password=S("p"), expirationDays=30)
    ),
    lambda api: api.apikey.list(),
    lambda api: api.apikey.renew(7, i.ApiKeyRenewal(password=S("p"))),
    lambda api: api.apikey.revoke(7),
    lambda api: api.totp.authenticate(i.TotpSignIn(userName="u", password=S("p"), tokenCode=S("1"))),
    lambda api: api.totp.initialize(i.TotpInitialization(password=S("p"))),
    lambda api: api.totp.verify(i.TotpVerification(cookie=S("c"), verificationCode=S("1"))),
    lambda api: api.totp.revoke(),
    lambda api: api.constrain.constrain(i.Constraint(customerID=(1,), function=("F",))),
    lambda api: api.methods.get_methods(),
    lambda api: api.methods.get_methods_by_cookie(cookie="a=b"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(CAPTURES)), ids=lambda number: CAPTURES[number]["request"])
async def test_ours_is_equal(adapter: Argus, sender: FakeSender, number: int) -> None:
    assert len(OURS) == len(CAPTURES) == 47
    theirs = CAPTURES[number]
    sender.handler = lambda request: answer()
    with suppress(IdentityError):  # what the answer holds is no matter here
        await OURS[number](adapter.native)
    (call,) = sender.calls
    request = call.request
    assert f"{request.method} {request.target}" == theirs["request"]
    assert (json.loads(request.body) if request.body else None) == theirs["body"]
    assert request.headers["Accept"] == theirs["headers"]["Accept"]
    assert request.headers.get("Content-Type") == theirs["headers"].get("Content-Type")
    if call.spec.auth:
        await _same_credential(request, theirs["headers"])
    elif "Cookie" in theirs["headers"]:
        assert request.headers["Cookie"] == theirs["headers"]["Cookie"]


async def _same_credential(request: Any, headers: dict[str, str]) -> None:
    """The credential of the capture, put on by ours."""
    key = headers.get("Argus-API-Key") or headers.get("Argus-Api-Key")
    if key is not None:
        source: Any = Argus(base_url="https://x.example", auth=ApiKey(key)).token_source()
        source.authorize(await source.fetch(None, None), request.method, request.headers)
        assert request.headers["Argus-API-Key"] == key
    elif "Authorization" in headers:
        token = headers["Authorization"].removeprefix("Bearer ")
        source = Argus(base_url="https://x.example", auth=Bearer(token)).token_source()
        source.authorize(await source.fetch(None, None), request.method, request.headers)
        assert request.headers["Authorization"] == headers["Authorization"]


def test_the_csrf_token_of_the_sheet() -> None:
    url = "https://api.mnemonic.no/authentication/v1/apikey"
    assert csrf_token(S("c2VjcmV0LXNlc3Npb24ta2V5"), url, 1700000000000) == (
        "eyJhbGciOiAiSFMyNTYiLCAidHlwZSI6ICJKV1QifQ.eyJ1cmwiOiAiaHR0cHM6Ly9hcGkubW5lbW9uaWMubm8vYXV0aGVudGljYXRp"
        "b24vdjEvYXBpa2V5IiwgInRpbWVzdGFtcCI6IDE3MDAwMDAwMDAwMDB9.kBNbP0Qf6u-jo2b9bSFHT_8TUtBk9xm7bp55x3DXYtg"
    )
