"""Access keys, the tokens that they sign, and the rows of the sign-in table: fresh, expired, revoked, wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk, jwt

from identity_sdk import connect
from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.adapters.authress.auth import LIFE, KeySource, ServiceKey, issuer_of, read_claims
from identity_sdk.auth.sources import AccessKey, ApiKey, Bearer
from identity_sdk.emulators import authress as emulator
from identity_sdk.emulators.server import running
from identity_sdk.errors import AuthenticationError, ConfigurationError, NotSupportedError
from identity_sdk.models import Session, Token
from identity_sdk.secrets import Secret
from identity_sdk.store import Store
from identity_sdk.store import queries as q

pytestmark = pytest.mark.anyio

SEED = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
KEY = f"sc_demo001.k1ab.acc-demo.{SEED}"
URL = "https://acc-demo.api.authress.io"
VECTOR = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxYWIiLCJ0eXAiOiJhdCtqd3QifQ.eyJhdWQiOiJhY2MtZGVtby5hY2NvdW50cy5hdXRocmVzcy5pbyIs"
    "ImlzcyI6Imh0dHBzOi8vYWNjLWRlbW8uYXBpLmF1dGhyZXNzLmlvL3YxL2NsaWVudHMvc2NfZGVtbzAwMSIsInN1YiI6InNjX2RlbW8wMDEiLCJj"
    "bGllbnRfaWQiOiJzY19kZW1vMDAxIiwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjE3NjczMTIwMDAsInNjb3BlIjoib3BlbmlkIn0.9ykeJn_xby42"
    "-_R6EuxQrN006j8PVYX0VFMyAWGoLR9ckD1ub0fWMi3q3u7dJSBGfWk3DmzHLCtPwuKBW9NXAw"
)


def rsa() -> Any:
    return jwk.RSAKey.generate_key(2048, auto_kid=False)


def older(key: Any, key_id: str = "old1", client: str = "sc_old", account: str = "acc-demo") -> str:
    """An access key of the older form."""
    told = {
        "clientId": client,
        "keyId": key_id,
        "audience": f"{account}.accounts.authress.io",
        "privateKey": key.as_pem(private=True).decode(),
    }
    return base64.b64encode(json.dumps(told).encode()).decode()


async def test_the_vector() -> None:
    key = ServiceKey.parse(Secret(KEY))
    assert (key.client_id, key.key_id, key.account_id) == ("sc_demo001", "k1ab", "acc-demo")
    assert key.sign(issuer_of(URL, key), 1767225600.9).reveal() == VECTOR
    assert SEED not in f"{key!r}"


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        (URL, URL),
        ("https://acc-demo.api-eu-west.authress.io", URL),
        ("https://acc-demo.login.authress.io", URL),
        ("https://login.example.org", "https://login.example.org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
async def test_the_issuer_is_never_a_regional_host(base_url: str, origin: str) -> None:
    assert issuer_of(base_url, ServiceKey.parse(Secret(KEY))) == f"{origin}/v1/clients/sc_demo001"


@pytest.mark.parametrize(
    "text",
    [
        "sc_key_001",
        "a.b.c",
        "a.b.c.d",
        f"sc.k.acc.{SEED}.more",
        f".k1ab.acc-demo.{SEED}",
        f"sc.k.acc.{SEED[:-4]}",
        f"sc.k.acc.{SEED[:-4]}****",
        f"sc.k.acc.{'A' * 64}",
        "eyJub3QiOiJqc29u",
        base64.b64encode(b'{"clientId":"x"}').decode(),
        base64.b64encode(b'{"clientId":7,"keyId":"k","audience":"a","privateKey":"p"}').decode(),
        "eyJ" + base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b'{"a": 1} x').decode(),
    ],
)
async def test_a_malformed_key_is_told_at_once_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as malformed:
        Authress(base_url=URL, auth=ApiKey(text))
    assert malformed.value.provider == "authress"
    assert text not in str(malformed.value)


async def test_a_private_key_that_cannot_sign() -> None:
    told = {"clientId": "sc", "keyId": "k", "audience": "acc.accounts.authress.io", "privateKey": "no PEM"}
    key = ServiceKey.parse(Secret(base64.b64encode(json.dumps(told).encode()).decode()))
    with pytest.raises(ConfigurationError, match="cannot sign"):
        key.sign("https://x", 1.0)


async def test_an_array_is_no_key() -> None:
    with pytest.raises(ConfigurationError):
        ServiceKey.parse(Secret("eyJ" + "W10="))


async def test_signed_anew_in_time(sender: Any) -> None:
    source = KeySource(ServiceKey.parse(Secret(KEY)), URL)
    first = await source.fetch(sender, None)
    assert (first.issued_at, first.expires_at) == (sender.time, sender.time + LIFE)
    sender.time += LIFE - 100
    second = await source.fetch(sender, first)
    assert second.value != first.value
    headers: dict[str, str] = {}
    source.authorize(second, "GET", headers)
    assert headers == {"Authorization": f"Bearer {second.value.reveal()}"}
    assert SEED not in source.key
    assert not sender.calls


async def test_who_can_sign_in(bound: Callable[..., Authress]) -> None:
    assert Authress(base_url=URL).token_source() is None
    token = Token(id="t", value=Secret("x.y.z"))
    session = Session(id="s", user_id="u", token=Secret("x.y.z"))
    for auth in (Bearer("x.y.z"), Bearer(lambda: "x.y.z"), token, session):
        assert Authress(base_url=URL, auth=auth).token_source() is not None
    with pytest.raises(ConfigurationError):
        Authress(base_url=URL, auth=AccessKey("sc", "secret")).token_source()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"base_url": ""},
        {"base_url": URL, "access_key": KEY, "token": "x.y.z"},
        {"base_url": URL, "access_key": 7},
        {"base_url": URL, "access_key": "sc_key_001"},
        {"base_url": URL, "keys_kept": "soon"},
        {"base_url": URL, "keys_kept": 0},
    ],
)
async def test_wrong_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Authress.from_options(options)


async def test_right_options() -> None:
    assert Authress.from_options({"base_url": URL}).auth is None
    assert isinstance(
        Authress.from_options({"base_url": URL, "access_key": KEY, "keys_kept": "60"}).auth, ApiKey
    )
    assert isinstance(Authress.from_options({"base_url": URL, "token": Secret("x.y.z")}).auth, Bearer)


async def test_a_function_that_brings_tokens_tells_nobody(bound: Callable[..., Authress]) -> None:
    idp = bound(Bearer(lambda: "x.y.z"))
    with pytest.raises(NotSupportedError):
        await idp.users.me()
    with pytest.raises(AuthenticationError):
        await bound(Bearer("no.jwt.here")).users.me()
    with pytest.raises(AuthenticationError):
        await bound(Bearer("opaque")).users.me()


class Clock:
    """Stands still until it is told to go on; shared by client and service."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Served:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Store.open("sqlite://", clock=self.clock.time)
        self.app = emulator.create_app(self.store, clock=self.clock.time)

    def client(self, url: str, auth: Any = None) -> Any:
        given = auth or ApiKey(self.app.state.emulator.access_key)
        return connect(Authress(base_url=url, auth=given), clock=self.clock)

    async def people(self, count: int) -> None:
        await self.store.write(lambda conn: q.seed_users(conn, count, created_at=1.0))


async def test_an_access_key_fresh_and_expired_in_the_middle_of_a_list() -> None:
    served = Served()
    with running(served.app) as url:
        await served.people(250)
        async with served.client(url) as idp:
            assert (await idp.users.me()).id == "sc_admin"
            pages = idp.users.list().pages()
            found = [user.id for user in (await anext(pages)).items]
            served.clock.now += LIFE + 1
            async for page in pages:
                found += [user.id for user in page.items]
            assert len(set(found)) == 250
            assert idp.stats().refreshes == 2


async def test_an_access_key_revoked_and_a_wrong_one() -> None:
    served = Served()
    with running(served.app) as url:
        async with served.client(url) as idp:
            robot = await idp.users.create(name="robot", kind="service")
            key = await idp.credentials.create(robot.id)
            theirs = idp.with_credential(ApiKey(key.secret))
            assert (await theirs.users.me()).id == robot.id
            await idp.credentials.delete(key)
            with pytest.raises(AuthenticationError):
                await theirs.users.me()
            wrong = idp.with_credential(ApiKey(KEY.replace("sc_demo001", robot.id)))
            with pytest.raises(AuthenticationError):
                await wrong.users.me()
            assert (await idp.users.me()).id == "sc_admin"


async def test_a_given_bearer_token_fresh_expired_revoked_and_wrong() -> None:
    served = Served()
    with running(served.app) as url:
        await served.people(150)
        async with served.client(url) as admin:
            token = await admin.tokens.issue()
            assert token.value is not None
            idp = admin.with_credential(Bearer(token.value))
            assert (await idp.users.me()).id == "sc_admin"
            pages = idp.users.list().pages()
            await anext(pages)
            served.clock.now += LIFE + 1
            with pytest.raises(AuthenticationError):
                await anext(pages)
            robot = await admin.users.create(name="robot", kind="service")
            key = await admin.credentials.create(robot.id)
            theirs = await admin.with_credential(ApiKey(key.secret)).tokens.issue()
            await admin.credentials.delete(key)
            with pytest.raises(AuthenticationError):
                await admin.with_credential(theirs).users.me()
            with pytest.raises(AuthenticationError):
                await admin.with_credential(Bearer(f"{token.value.reveal()[:-4]}AAAA")).users.me()


async def test_an_older_key_signs_by_rsa() -> None:
    served, key = Served(), rsa()
    with running(served.app) as url:
        async with served.client(url) as admin:
            me = "sc_admin"  # who may read lists
            der = base64.b64encode(key.as_der(private=False)).decode()
            made = await admin.native.request_access_key(me)
            await served.store.write(
                lambda conn: q.credentials.update(conn, made.id, attributes={"publicKey": der})
            )
            idp = admin.with_credential(ApiKey(older(key, made.id, me)))
            assert (await idp.users.me()).id == me
            token = await idp.tokens.issue()
            assert token.value is not None
            assert jwt.decode(token.value.reveal(), key, algorithms=["RS256"]).claims["sub"] == me
            assert (await admin.tokens.verify(token)).subject == me
            await served.people(250)
            pages = idp.users.list().pages()
            count = len((await anext(pages)).items)
            served.clock.now += LIFE + 1
            async for page in pages:
                count += len(page.items)
            assert (count, idp.stats().refreshes) == (250, 3)
            await admin.credentials.delete(made.id, user=me)
            with pytest.raises(AuthenticationError):
                await idp.users.me()
            with pytest.raises(AuthenticationError):
                await admin.with_credential(ApiKey(older(rsa(), made.id, me))).users.me()


async def test_a_person_with_a_token(bound: Callable[..., Authress], sender: Any) -> None:
    """A token of the account's own, as people have them."""
    body = (
        base64.urlsafe_b64encode(json.dumps({"iss": URL, "sub": "google-oauth2|1"}).encode())
        .decode()
        .rstrip("=")
    )
    token = Secret(f"e30.{body}.c2ln")
    assert read_claims(token)["sub"] == "google-oauth2|1"
    idp = bound(Bearer(token))
    import identity_sdk.wire.request as wire

    sender.script = [
        wire.Response(
            200, {"content-type": "application/json"}, b'{"userId":"google-oauth2|1","name":"Ann"}'
        ),
        wire.Response(403, {}, b""),
    ]
    me = await idp.users.me()
    assert (me.id, me.name, me.kind) == ("google-oauth2|1", "Ann", "human")
    session = await idp.sessions.current()
    assert (session.user_id, session.method) == ("google-oauth2|1", "bearer")
    assert session.id.startswith("tok_")
    assert sender.sent == ["GET /v1/users/google-oauth2%7C1"] * 2
