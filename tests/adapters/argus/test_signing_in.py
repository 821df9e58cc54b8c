"""Every way in: fresh, expired in the middle of a list, revoked, wrong; the challenge (206) and the change (221)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from identity_sdk.adapters.argus.adapter import Argus
from identity_sdk.adapters.argus.auth import csrf_token
from identity_sdk.adapters.argus.inputs import PasswordChange
from identity_sdk.auth.sources import AccessKey, ApiKey, Bearer, Password
from identity_sdk.emulators import argus
from identity_sdk.emulators.argus.secrets_of import check_csrf
from identity_sdk.errors import (
    AuthenticationError,
    ChallengeRequiredError,
    ConfigurationError,
    PermissionDeniedError,
)
from identity_sdk.secrets import Secret
from tests.adapters.argus.conftest import PASSWORD, Served, answer

pytestmark = pytest.mark.anyio

DAY = 86400.0


async def _many(served: Served) -> None:
    from identity_sdk.store import queries as q

    await served.emulator.store.write(lambda conn: q.seed_users(conn, 1500, created_at=served.clock.now))


async def _listed_over(served: Served, idp: Any, between: Any) -> int:
    """Pages through 1,501 users; something happens after the first page."""
    await _many(served)
    count = 0
    async for page in idp.users.list().pages():
        if not count:
            await between()
        count += len(page.items)
    return count


async def _ann(served: Served) -> Any:
    """A user with every right and a key of a day."""
    root = served.client()
    await root.users.create("ann")
    await root.policies.attach("all", user="ann")
    return await root.credentials.create("ann", lifetime=DAY)


async def test_an_api_key_with_every_request(served: Served) -> None:
    key = await _ann(served)
    idp = served.client(ApiKey(key.secret))
    assert (await idp.users.me()).id == "ann"

    async def expire() -> None:
        served.clock.now += DAY + 1

    with pytest.raises(AuthenticationError, match="expired"):
        await _listed_over(served, idp, expire)
    renewed = await served.client().credentials.renew(key.id, user="ann")
    assert renewed.expires_at is not None
    assert (await idp.users.me()).id == "ann"
    await served.client().credentials.delete(key.id, user="ann")
    with pytest.raises(AuthenticationError):
        await idp.users.me()
    for wrong in ("1ab/2c/abracadabra", "nonsense", f"{key.id}/abracadabra"):
        with pytest.raises(AuthenticationError) as refused:
            await served.client(ApiKey(wrong)).users.me()
        assert "abracadabra" not in str(refused.value)


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
async def test_a_session_by_an_api_key(served: Served, carrier: Any) -> None:
    key = await _ann(served)
    idp = served.client(ApiKey(key.secret), sign_in=carrier)
    assert (await idp.users.me()).id == "ann"

    async def end() -> None:
        assert (await idp.sessions.end()).server_side

    assert await _listed_over(served, idp, end) == 1502  # signs in again, and the list goes on
    assert idp.stats().refreshes == 2
    await served.client().credentials.delete(key.id, user="ann")
    await idp.sessions.end()
    with pytest.raises(AuthenticationError):
        await idp.users.me()
    with pytest.raises(AuthenticationError):
        await served.client(ApiKey("1ab/2c/wrong"), sign_in=carrier).users.me()


# The server's clock alone goes on here, so its window for CSRF tokens is wide.
@pytest.mark.parametrize("choices", [argus.Choices(csrf_window=1e6)])
@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
async def test_a_session_by_a_password(served: Served, carrier: Any) -> None:
    idp = served.client(Password("admin", PASSWORD), sign_in=carrier)
    assert (await idp.users.me()).id == "admin"

    async def idle() -> None:
        served.clock.now += 1801

    assert await _listed_over(served, idp, idle) == 1501
    served.clock.now += 9 * 3600
    assert (await idp.users.me()).id == "admin"
    with pytest.raises(AuthenticationError):
        await served.client(Password("admin", "wrong"), sign_in=carrier).users.me()
    other = served.client(Password("admin", PASSWORD), sign_in=carrier, domain="OTHER")
    with pytest.raises(AuthenticationError):
        await other.users.me()
    await idp.native.user.block_user("admin")
    with pytest.raises(AuthenticationError):
        await idp.users.me()


async def test_a_given_session_as_bearer_and_as_cookie(served: Served) -> None:
    root = served.client()
    session = await root.sessions.create("password", identifier="admin", secret=PASSWORD)
    assert session.session_key is not None
    for idp in (root.with_credential(session), served.client(sign_in="cookie").with_credential(session)):
        assert (await idp.users.me()).id == "admin"
        assert (await idp.sessions.current()).id == session.id
    cookie = served.client(sign_in="cookie").with_credential(session)

    async def end() -> None:
        await root.sessions.end(session)

    with pytest.raises(AuthenticationError):
        await _listed_over(served, cookie, end)
    with pytest.raises(AuthenticationError):
        await root.with_credential(session).users.me()
    with pytest.raises(AuthenticationError):
        await served.client(Bearer("wrong")).users.me()


async def test_a_cookie_needs_a_good_csrf_token(served: Served) -> None:
    import httpx

    session = await served.client().sessions.create("password", identifier="admin", secret=PASSWORD)
    assert session.cookie is not None
    assert session.session_key is not None
    path = "/authentication/v1/apikey"
    headers = {"Cookie": f"argus_session={session.cookie.reveal()}"}
    good = csrf_token(session.session_key, served.url + path, int(served.clock.now * 1000))
    old = csrf_token(session.session_key, served.url + path, int((served.clock.now - 301) * 1000))
    elsewhere = csrf_token(session.session_key, served.url + "/", int(served.clock.now * 1000))
    foreign = csrf_token(
        Secret(base64.b64encode(b"x").decode()), served.url + path, int(served.clock.now * 1000)
    )
    async with httpx.AsyncClient(base_url=served.url) as http:
        for token, status in (
            (good, 200),
            (None, 403),
            (old, 403),
            (elsewhere, 403),
            (foreign, 403),
            ("a.b", 403),
        ):
            more = {} if token is None else {"Argus-Csrf-Token": token}
            assert (await http.get(path, headers={**headers, **more})).status_code == status
        assert (await http.get(path, headers={**headers, "Authorization": "Basic x"})).status_code == 401


def test_csrf_tokens_of_the_client_of_2018_were_padded() -> None:
    key = "c2VjcmV0LXNlc3Npb24ta2V5"
    token = csrf_token(Secret(key), "https://x/y", 1_000_000)
    padded = ".".join(part + "=" * (-len(part) % 4) for part in token.split("."))
    assert not check_csrf(padded, key, ("https://x/y",), 1000.0, 300.0)  # the padding is signed as well
    assert check_csrf(token, key, ("https://x/y",), 1000.0, 300.0)
    head, payload, signature = token.split(".")
    assert not check_csrf(f"{head}.{payload}.{signature[:-2]}", key, ("https://x/y",), 1000.0, 300.0)
    with pytest.raises(AuthenticationError):
        csrf_token(Secret("not base64!"), "https://x/y", 0)


async def test_a_password_that_must_be_changed(served: Served) -> None:
    """221 is a session that can do one thing."""
    root = served.client()
    await root.native.useradmin.user.reset_password("admin")
    session = await root.sessions.create("password", identifier="admin", secret=PASSWORD)
    assert session.password_change_required
    narrow = root.with_credential(session)
    with pytest.raises(PermissionDeniedError):
        await narrow.users.me()
    with pytest.raises(ChallengeRequiredError) as wanted:
        await served.client(Password("admin", PASSWORD)).users.me()
    assert wanted.value.challenge == "password-change"
    change = PasswordChange(oldPassword=Secret(PASSWORD), newPassword=Secret("a new password"))
    await narrow.native.password.change(change)
    assert (await served.client(Password("admin", "a new password")).users.me()).id == "admin"


async def test_failures_block_a_user(served: Served) -> None:
    root = served.client()
    for _ in range(10):
        with pytest.raises(AuthenticationError):
            await root.sessions.create("password", identifier="admin", secret="wrong")
    with pytest.raises(AuthenticationError):
        await root.sessions.create("password", identifier="admin", secret=PASSWORD)
    with pytest.raises(AuthenticationError, match="blocked"):
        await root.users.me()


@pytest.mark.parametrize("choices", [argus.Choices(legacy_sign_in="credentials")])
async def test_the_older_path_answers_no_session_key(served: Served) -> None:
    idp = served.client(sign_in="cookie")
    with pytest.raises(ConfigurationError, match="bearer"):
        await idp.users.me()
    assert (await served.client(sign_in="bearer").users.me()).id == "admin"


async def test_a_challenge_at_a_sign_in(adapter: Argus, sender: Any) -> None:
    told = {"username": "ann", "failed": False, "message": "Enter the code", "mode": "SMS", "cookie": "c"}
    sender.handler = lambda request: answer(told, 206)
    configured = adapter.with_auth(Password("ann", "pw"))
    source: Any = configured.token_source()
    with pytest.raises(ChallengeRequiredError) as challenge:
        await source.fetch(sender, None)
    assert (challenge.value.challenge, challenge.value.status) == ("sms", 206)
    sender.handler = lambda request: answer(None, 206)
    with pytest.raises(ChallengeRequiredError):
        await adapter.sessions.create("totp", identifier="ann", secret="pw", code="1")


def test_what_cannot_be_configured() -> None:
    url = "https://argus.example"
    for wrong in (
        {"sign_in": "telepathy"}, {"api_key": "k", "token": "t"}, {"username": "u"}, {"password": "p"},
        {"api_key": 5}, {"sign_in": 5}, {"username": "u", "password": "p", "sign_in": "key"}, {"base_url": None},
    ):  # fmt: skip
        with pytest.raises(ConfigurationError):
            Argus.from_options({"base_url": url, **wrong})
    with pytest.raises(ConfigurationError):
        Argus(base_url=url, auth=AccessKey("a", "b")).token_source()
    assert Argus.from_options({"base_url": url}).token_source() is None
    made = Argus.from_options(
        {"base_url": url, "username": "u", "password": "p", "sign_in": "cookie", "domain": "D"}
    )
    assert isinstance(made.auth, Password)
    assert isinstance(Argus.from_options({"base_url": url, "token": Secret("t")}).auth, Bearer)
    keyed = Argus.from_options({"base_url": url, "api_key": "1/2/s", "password": "p"})
    assert isinstance(keyed.auth, ApiKey)
    assert "1/2/s" not in repr(keyed)
    assert keyed.with_auth(Bearer("t"))._setting.password is None


async def test_nobody_may_ask_how_to_sign_in(served: Served) -> None:
    idp = served.client().with_credential(None)
    assert (await idp.ping()).principal is None
    assert [one.id for one in await idp.sessions.methods()] == ["password", "totp", "api_key", "ldap"]
    assert json.dumps((await idp.ping()).capabilities.to_dict())
