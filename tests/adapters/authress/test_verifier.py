"""Tokens checked offline: who may issue one, when keys are fetched, and for how long they are believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk

from identity_sdk.adapters.authress import jose
from identity_sdk.adapters.authress.adapter import Authress
from identity_sdk.adapters.authress.verifier import AGAIN, STALE, KeyRing, origins_of
from identity_sdk.errors import AuthenticationError, InvalidRequestError, NoAnswerError
from identity_sdk.models import Token
from identity_sdk.secrets import Secret
from identity_sdk.wire.request import Request, Response

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
URL = "https://acc-demo.api.authress.io"
LOGIN = "https://acc-demo.login.authress.io"


class Keys:
    """A server of public keys, counted."""

    def __init__(self, sender: Any) -> None:
        self.private: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down = False
        self.missing = False
        sender.handler = self

    def new(self, kid: str) -> None:
        self.private[kid] = jwk.OKPKey.generate_key("Ed25519")

    def __call__(self, request: Request) -> Response | Exception:
        self.asked.append(request.target)
        if self.down:
            return NoAnswerError("down")
        if self.missing:
            return Response(404, {}, b"")
        assert "Authorization" not in request.headers
        keys = [
            {**key.as_dict(private=False), "kid": kid, "alg": "EdDSA"} for kid, key in self.private.items()
        ]
        return Response(200, {"content-type": "application/links+json"}, json.dumps({"keys": keys}).encode())

    def token(self, kid: str = "k1", **claims: Any) -> Secret:
        said = {"iss": f"{URL}/v1/clients/sc_1", "sub": "sc_1", "aud": "mine", "exp": NOW + 60, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        pem = Secret(self.private[kid].as_pem(private=True).decode())
        made = jose.sign("EdDSA", {"alg": "EdDSA", "kid": kid, "typ": "at+jwt"}, said, pem)
        assert made is not None
        return made


@pytest.fixture
def keys(sender: Any) -> Keys:
    found = Keys(sender)
    found.new("k1")
    return found


async def refused(idp: Authress, token: Any, **options: Any) -> str:
    with pytest.raises(AuthenticationError) as error:
        await idp.tokens.verify(token, **options)
    assert error.value.provider == "authress"
    return str(error.value)


async def test_a_good_token_and_its_key_is_kept(authress: Authress, keys: Keys) -> None:
    claims = await authress.tokens.verify(keys.token(scope="openid", iat=NOW, jti="j"), audience="mine")
    assert (claims.active, claims.subject, claims.audience, claims.scopes) == (
        True,
        "sc_1",
        ("mine",),
        ("openid",),
    )
    assert (claims.token_id, claims.claims["iss"]) == ("j", f"{URL}/v1/clients/sc_1")
    await authress.tokens.verify(keys.token(aud=["a", "mine"], scopes="openId"), audience="a")
    await authress.tokens.verify(keys.token(aud=None, sub="sc_1").reveal())
    assert keys.asked == ["/v1/clients/sc_1/.well-known/openid-configuration/jwks?kid=k1"]


async def test_a_token_of_a_person(authress: Authress, keys: Keys) -> None:
    for issuer in (URL, f"{URL}/", LOGIN):
        assert (await authress.tokens.verify(keys.token(iss=issuer, sub="ann"))).subject == "ann"
    assert keys.asked == ["/.well-known/openid-configuration/jwks"]


async def test_nothing_is_fetched_for_a_stranger(authress: Authress, keys: Keys) -> None:
    for issuer in (
        "https://evil.example/v1/clients/sc_1",
        f"{URL}.evil.example/v1/clients/sc_1",
        f"{URL}@evil.example",
        f"{URL}/v1/clients/sc_1/more",
        f"{URL}/v1/clients/",
        f"{URL}/v1/clients/..",
        "http://acc-demo.api.authress.io/v1/clients/sc_1",
        "https://acc-other.api.authress.io/v1/clients/sc_1",
        7,
        None,
    ):
        assert "somebody else" in await refused(authress, keys.token(iss=issuer))
    for exp in (NOW, NOW - 1, "soon", True, None):
        assert "expired" in await refused(authress, keys.token(exp=exp))
    assert "not valid yet" in await refused(authress, keys.token(nbf=NOW + 1))
    for text in ("", "a.b.c", "no token", "e30.e30.e30", "eyJraWQiOjd9.e30.x", "eyJraWQiOiIifQ.e30.x"):
        assert "no token" in await refused(authress, text)
    assert keys.asked == []


async def test_another_signs_for_somebody(authress: Authress, keys: Keys) -> None:
    assert "another service client" in await refused(authress, keys.token(sub="sc_2"))
    assert "audience" in await refused(authress, keys.token(), audience="theirs")
    assert "audience" in await refused(authress, keys.token(aud=7), audience="theirs")
    good = keys.token().reveal()
    other = keys.token(sub="sc_1", aud="more").reveal()
    mixed = ".".join([*other.split(".")[:2], good.split(".")[2]])
    assert "signature" in await refused(authress, mixed)


async def test_only_asymmetric_algorithms(authress: Authress, keys: Keys) -> None:
    import base64

    good = keys.token().reveal().split(".")
    for header in (
        {"alg": "none", "kid": "k1"},
        {"alg": "HS256", "kid": "k1"},
        {"alg": "RS256", "kid": "k1"},
        {"kid": "k1"},
    ):
        told = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        assert "signature" in await refused(authress, f"{told}.{good[1]}.{good[2]}")


async def test_a_key_that_is_no_key(authress: Authress, keys: Keys, sender: Any) -> None:
    token = keys.token()
    body = json.dumps({"keys": [{"kid": "k1", "kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}).encode()
    sender.handler = lambda request: Response(200, {"content-type": "application/json"}, body)
    assert "signature" in await refused(authress, token)


async def test_keys_are_believed_for_a_bounded_time(
    bound: Callable[..., Authress], keys: Keys, sender: Any
) -> None:
    idp = bound(keys_kept=300.0)
    await idp.tokens.verify(keys.token(exp=NOW + 10_000))
    sender.time += 299
    await idp.tokens.verify(keys.token(exp=NOW + 10_000))
    assert len(keys.asked) == 1
    old = keys.token(exp=NOW + 10_000)
    keys.new("k1")  # under the same name
    sender.time += 2
    await refused(idp, old)
    await idp.tokens.verify(keys.token(exp=NOW + 10_000))


async def test_a_changed_key_is_fetched_again_once_a_minute(
    authress: Authress, keys: Keys, sender: Any
) -> None:
    old = keys.token()
    await authress.tokens.verify(old)
    keys.new("k1")
    sender.time += AGAIN + 1
    fresh = keys.token(exp=NOW + 10_000)
    assert (await authress.tokens.verify(fresh)).active
    assert len(keys.asked) == 2
    forged = fresh.reveal()[:-4] + ("AAAA" if fresh.reveal()[-4:] != "AAAA" else "BBBB")
    for _ in range(5):
        await refused(authress, forged)
    assert len(keys.asked) <= 3


async def test_an_unknown_key_is_asked_for_once_a_minute(authress: Authress, keys: Keys, sender: Any) -> None:
    token = keys.token(exp=NOW + 10_000)
    keys.missing = True
    for _ in range(3):
        await refused(authress, token)
    assert len(keys.asked) == 1
    keys.missing = False
    sender.time += AGAIN + 1
    assert (await authress.tokens.verify(token)).active


async def test_old_keys_serve_while_none_can_be_fetched(authress: Authress, keys: Keys, sender: Any) -> None:
    token = keys.token(exp=NOW + 100_000)
    await authress.tokens.verify(token)
    keys.down = True
    sender.time += 1000
    assert (await authress.tokens.verify(token)).active
    sender.time += STALE
    with pytest.raises(NoAnswerError):
        await authress.tokens.verify(token)


async def test_a_forged_token_while_none_can_be_fetched(authress: Authress, keys: Keys, sender: Any) -> None:
    good = keys.token(exp=NOW + 100_000).reveal()
    await authress.tokens.verify(good)
    keys.down = True
    sender.time += 100
    await refused(authress, good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"))


async def test_the_ring_is_bounded(authress: Authress, keys: Keys) -> None:
    ring = KeyRing(60.0)
    for number in range(300):
        await ring.find(authress.native, f"sc_{number}", "k1", NOW)
    assert len(ring._kept) == 256


async def test_addresses_of_an_account() -> None:
    assert origins_of("https://acc-x.api-eu.authress.io", None) >= {"https://acc-x.api.authress.io"}
    assert origins_of("https://login.example.org", None) == {"https://login.example.org"}
    assert origins_of("https://login.example.org", "a") >= {"https://a.login.authress.io"}


async def test_a_token_without_its_value(authress: Authress) -> None:
    with pytest.raises(InvalidRequestError):
        await authress.tokens.verify(Token(id="t"))
