"""How an IGT Cloud client signs in: by password, by an assertion of a service's key, or by a JWT that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from identity_sdk.adapters.igtcloud.api import SignInApi
from identity_sdk.adapters.igtcloud.cookies import claims_of, expiry_of, refreshable
from identity_sdk.adapters.igtcloud.inputs import LoginModel
from identity_sdk.adapters.igtcloud.models import IgtSession, IgtToken, LoginResponse
from identity_sdk.auth.sources import (
    AccessKey,
    Auth,
    Bearer,
    BearerSource,
    Issued,
    Password,
    bearer_of,
    digest,
)
from identity_sdk.errors import AuthenticationError, ConfigurationError, InvalidRequestError, ProtocolError
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender

__all__ = [
    "Given",
    "GivenSource",
    "GetterSource",
    "LoginSource",
    "SignedIn",
    "given_of",
    "refreshed",
    "sign_in",
]

ASSERTION_LIFE = 3600
"""Seconds that an assertion is good, as the official client makes it."""

_CSRF = "csrf"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What came of a sign-in or a refresh; times in epoch seconds by the server's clock."""

    jwt: Secret
    csrf: Secret | None
    user: str
    issued_at: float
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Given:
    """A JWT that is there, with the CSRF token of its login."""

    jwt: Secret
    csrf: Secret | None = None


class Audience:
    """The ``aud`` of assertions, asked for once."""

    def __init__(self) -> None:
        self._value: str | None = None

    async def of(self, api: SignInApi) -> str:
        if self._value is None:
            told = await api.get_login_aud_resource()
            if not told:
                raise ProtocolError("the server answered an empty audience", provider="igtcloud")
            self._value = told
        return self._value


async def sign_in(api: SignInApi, auth: Password | AccessKey, audience: Audience, now: float) -> SignedIn:
    """Signs in once.

    Raises:
        AuthenticationError: rejected.
        ConfigurationError: joserfc is not installed, or the private key is no RSA key.
        ProtocolError: the answer sets no JWT.
    """
    if isinstance(auth, Password):
        body = LoginModel.model_validate(
            {"grantType": "password", "username": auth.username, "password": auth.password}
        )
        who = auth.username
    else:
        who = auth.access_key_id
        assertion = _assertion(who, auth.secret_access_key, await audience.of(api), now)
        body = LoginModel.model_validate(
            {"grantType": "jwt-key", "assertion": assertion, "hospitalOrgId": ""}
        )
    answer = await api.post_login_resource_login(body)
    return _signed_in(answer, now, answer.csrf_token, answer.sub or who)


async def refreshed(api: SignInApi, given: Given, now: float) -> SignedIn:
    """The next JWT. The CSRF token of the login stays in use: that of the answer is good at logon only.

    Raises:
        AuthenticationError: the JWT is dead.
        InvalidRequestError: it cannot be refreshed.
    """
    answer = await api.refresh_by(jwt=given.jwt, csrf=given.csrf)
    return _signed_in(answer, now, given.csrf, answer.sub or _text(claims_of(given.jwt).get("sub")))


def _signed_in(answer: LoginResponse, now: float, csrf: Secret | None, user: str) -> SignedIn:
    if answer.jwt is None:
        raise ProtocolError(
            "the answer lacks the cookies jwt_header_payload and jwt_signature: does a proxy keep them?",
            provider="igtcloud",
        )
    ends = now + answer.life if answer.life is not None else expiry_of(answer.jwt)
    return SignedIn(answer.jwt, csrf, user, now, ends)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _assertion(service: str, private_key: Secret, audience: str, now: float) -> Secret:
    try:
        from identity_sdk.adapters.igtcloud import jose
    except ModuleNotFoundError:  # pragma: no cover - only in an environment without the extra
        raise ConfigurationError(
            'signing in by a key needs joserfc: python -m pip install "unified-identity-sdk[igtcloud]"',
            provider="igtcloud",
        ) from None
    claims = {"aud": [audience], "iss": service, "sub": service, "exp": int(now) + ASSERTION_LIFE}
    signed = jose.sign(claims, private_key)
    if signed is None:
        raise ConfigurationError(
            "the private key of the service is no RSA key in PEM: it cannot sign", provider="igtcloud"
        )
    return signed


class _Headers:
    """The JWT and its CSRF token on a request: both, whatever the method, as the official client does."""

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["X-JWT"] = issued.value.reveal()
        csrf = issued.extra.get(_CSRF)
        if csrf is not None:
            headers["X-CSRF-TOKEN"] = csrf.reveal()


class LoginSource(_Headers):
    """Signs in, refreshes a JWT that carries a refresh token, and signs in again where that is refused."""

    renewable = True

    def __init__(
        self, auth: Password | AccessKey, place: str, base_path: str, user_agent: str, audience: Audience
    ) -> None:
        self._auth = auth
        self._base_path = base_path
        self._user_agent = user_agent
        self._audience = audience
        who, secret = (
            (auth.username, auth.password)
            if isinstance(auth, Password)
            else (auth.access_key_id, auth.secret_access_key)
        )
        self.key = digest("igtcloud", type(auth).__name__, place, who, secret.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        api = SignInApi(sender, self._base_path, user_agent=self._user_agent)
        if previous is not None and refreshable(previous.value):
            try:
                held = Given(previous.value, previous.extra.get(_CSRF))
                return issued_of(await refreshed(api, held, sender.now()))
            except (AuthenticationError, InvalidRequestError):
                pass  # it is dead: sign in anew
        return issued_of(await sign_in(api, self._auth, self._audience, sender.now()))


class GivenSource(_Headers):
    """A JWT that was got elsewhere: refreshed as long as it can be, and nothing to sign in with after that."""

    def __init__(self, given: Given, base_path: str, user_agent: str) -> None:
        self._given = given
        self._base_path = base_path
        self._user_agent = user_agent
        self.renewable = refreshable(given.jwt)
        self.key = digest(
            "igtcloud given", given.jwt.reveal(), given.csrf.reveal() if given.csrf is not None else ""
        )

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        if previous is None:
            return Issued(
                self._given.jwt, expiry_of(self._given.jwt), sender.now(), extra_of(self._given.csrf)
            )
        if not refreshable(previous.value):
            raise AuthenticationError("the JWT has ended, and carries no refresh token", provider="igtcloud")
        api = SignInApi(sender, self._base_path, user_agent=self._user_agent)
        return issued_of(await refreshed(api, Given(previous.value, self._given.csrf), sender.now()))


class GetterSource(_Headers, BearerSource):
    """A function that gets a JWT; one that answers ``Issued`` may have ``csrf`` in its ``extra``."""


def issued_of(signed: SignedIn) -> Issued:
    return Issued(signed.jwt, signed.expires_at, signed.issued_at, extra_of(signed.csrf))


def extra_of(csrf: Secret | None) -> Mapping[str, Secret]:
    return MappingProxyType({} if csrf is None else {_CSRF: csrf})


def given_of(auth: Auth | None, csrf: Secret | None = None) -> Given | None:
    """The JWT that a session, token or bearer holds, with its CSRF token; ``None`` for other credentials.

    Raises:
        ConfigurationError: it came from a verb that shows no value.
    """
    if isinstance(auth, Bearer):
        return Given(auth.token, csrf) if isinstance(auth.token, Secret) else None
    if auth is None or isinstance(auth, Password | AccessKey):
        return None
    held = bearer_of(auth).token
    own = auth.csrf_token if isinstance(auth, IgtSession | IgtToken) else None
    return Given(held, own if own is not None else csrf) if isinstance(held, Secret) else None
