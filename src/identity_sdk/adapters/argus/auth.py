"""How an Argus client signs in: an API key with every request, or a session as bearer token or as a cookie."""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from types import MappingProxyType
from typing import Literal, TypeAlias

from identity_sdk.adapters.argus.api import ArgusApi
from identity_sdk.adapters.argus.inputs import ApiKeySignIn, PasswordSignIn
from identity_sdk.adapters.argus.signin import Challenge, Outcome, PasswordChangeRequired, SignedIn
from identity_sdk.auth.sources import ApiKey, Issued, Password, SigningSource, digest
from identity_sdk.errors import AuthenticationError, ChallengeRequiredError, ConfigurationError
from identity_sdk.secrets import Secret
from identity_sdk.wire.call import Sender
from identity_sdk.wire.request import Request

__all__ = [
    "DEFAULT_DOMAIN",
    "Carrier",
    "GivenSource",
    "KeySource",
    "SessionSource",
    "challenged",
    "csrf_token",
]

DEFAULT_DOMAIN = "MNEMONIC"
"""What the official clients sign in to unless told otherwise."""

Carrier: TypeAlias = Literal["bearer", "cookie"]

_KEY = "session_key"


def csrf_token(session_key: Secret, url: str, milliseconds: int) -> str:
    """The value of ``Argus-Csrf-Token``: an HS256 token over URL and time, as argus-api 5.1.0 makes it.

    Args:
        session_key: base64, from the sign-in.
        url: the full URL of the request, without its query.
        milliseconds: since the epoch.

    Raises:
        AuthenticationError: the key is not base64.
    """
    try:
        key = b64decode(session_key.reveal(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise AuthenticationError(
            "the session key is not base64: no CSRF token can be made", provider="argus"
        )
    parts = ({"alg": "HS256", "type": "JWT"}, {"url": url, "timestamp": milliseconds})
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_encoded(hmac.digest(key, signed.encode(), 'sha256'))}"


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def challenged(outcome: Challenge, method: str) -> ChallengeRequiredError:
    """206 as the error that says what is wanted: a code that was not used yet, or the code of a text message."""
    said = outcome.message or "the server asks for one more proof"
    challenge = "totp" if method == "totp" else (outcome.mode or method).lower()
    error = ChallengeRequiredError(said, challenge=challenge, provider="argus")
    error.status = 206
    return error


class KeySource:
    """An API key with every request, in the header ``Argus-API-Key``."""

    renewable = False

    def __init__(self, key: ApiKey) -> None:
        self._issued = Issued(key.key)
        self.key = digest("argus key", key.key.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        return self._issued

    def authorize(self, issued: Issued, method: str, headers: dict[str, str]) -> None:
        headers["Argus-API-Key"] = issued.value.reveal()


class _Carried(SigningSource):
    """A session on a request: as bearer token, or as cookie with the CSRF token that goes with it."""

    def __init__(self, origin: str, carrier: Carrier) -> None:
        self._origin = origin
        self._carrier: Carrier = carrier
        self._now: Callable[[], float] | None = None

    def sign(self, issued: Issued, request: Request) -> None:
        session_key = issued.extra.get(_KEY)
        if session_key is None:
            request.headers["Authorization"] = f"Bearer {issued.value.reveal()}"
            return
        now = self._now() if self._now is not None else 0.0
        url = self._origin + request.target.partition("?")[0]
        request.headers["Cookie"] = f"argus_session={issued.value.reveal()}"
        request.headers["Argus-Csrf-Token"] = csrf_token(session_key, url, int(now * 1000))

    def _issue(self, session: SignedIn, sender: Sender) -> Issued:
        self._now = sender.now
        ends = None if session.valid_until is None else session.valid_until.timestamp()
        if self._carrier == "bearer":
            return Issued(session.token, ends, sender.now())
        if session.session_key is None:
            raise ConfigurationError(
                "this way of signing in answers no session key, which the cookie's CSRF token needs: use "
                'sign_in="bearer"',
                provider="argus",
            )
        return Issued(session.cookie, ends, sender.now(), MappingProxyType({_KEY: session.session_key}))


class SessionSource(_Carried):
    """Signs in by an API key or a password, and again when the session has ended: there is no refresh."""

    renewable = True

    def __init__(
        self,
        auth: ApiKey | Password,
        domain: str | None,
        base_url: str,
        base_path: str,
        user_agent: str,
        carrier: Carrier,
    ) -> None:
        super().__init__(base_url.removesuffix(base_path), carrier)
        self._auth = auth
        self._domain = domain
        self._base_path = base_path
        self._user_agent = user_agent
        who = (auth.key.reveal(),) if isinstance(auth, ApiKey) else (auth.username, auth.password.reveal())
        self.key = digest("argus session", base_url, carrier, domain or "", *who)

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        outcome = await sign_in(
            ArgusApi(sender, self._base_path, user_agent=self._user_agent), self._auth, self._domain
        )
        if isinstance(outcome, Challenge):
            raise challenged(outcome, "password")
        if isinstance(outcome, PasswordChangeRequired):
            raise ChallengeRequiredError(
                "the password must be changed first: sign in by sessions.create and change it with that session",
                challenge="password-change",
                provider="argus",
            )
        return self._issue(outcome, sender)


class GivenSource(_Carried):
    """A session that ``sessions.create`` answered; it cannot be renewed."""

    renewable = False

    def __init__(self, session: SignedIn, origin: str, carrier: Carrier) -> None:
        super().__init__(origin, carrier if session.session_key is not None else "bearer")
        self._session = session
        self.key = digest("argus given", origin, self._carrier, session.token.reveal())

    async def fetch(self, sender: Sender, previous: Issued | None) -> Issued:
        return self._issue(self._session, sender)


async def sign_in(api: ArgusApi, auth: ApiKey | Password, domain: str | None) -> Outcome:
    """Signs in once, by what the client holds."""
    if isinstance(auth, ApiKey):
        return (await api.apikey.authenticate(ApiKeySignIn(apikey=auth.key))).outcome
    body = PasswordSignIn(userName=auth.username, password=auth.password, domain=domain or DEFAULT_DOMAIN)
    return (await api.password.authentication(body)).outcome
