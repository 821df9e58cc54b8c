"""``idp.credentials`` over Argus: API keys, TOTP generators, and the administrator's password reset.

Without ``user=`` they are those of this client's principal, and making or renewing one asks for its password; with
``user=`` an administrator's operations are used, which ask for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from identity_sdk.adapters.argus.inputs import (
    ApiKeyInitiation,
    ApiKeyRenewal,
    PasswordChange,
    TotpInitialization,
    TotpVerification,
    UserApiKeyInitiation,
    UserApiKeyRenewal,
)
from identity_sdk.adapters.argus.key_models import ArgusCredential
from identity_sdk.adapters.argus.keys import (
    DESCRIPTION,
    TOTP,
    copied,
    generator,
    made_key,
    named,
    owned,
    provisioning_uri,
)
from identity_sdk.adapters.argus.models import MethodState
from identity_sdk.adapters.argus.part import SESSION_LIFE, ArgusPart, everything
from identity_sdk.adapters.argus.rules import check_name, check_prefix, days
from identity_sdk.adapters.argus.signin import cookie_of
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    IdentityError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import Credential, Deletion, Residual
from identity_sdk.resources.base import supports
from identity_sdk.resources.credentials import Credentials, Rotation
from identity_sdk.secrets import Secret

__all__ = ["ArgusCredentials"]

KINDS = ("api_key", "totp")
TOTP_COOKIE = "argus_totp"


class ArgusCredentials(ArgusPart, Credentials):
    """API keys (``1ab/2c``) and TOTP generators (``totp:<user>``)."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @supports(kinds=KINDS)
    def list(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[ArgusCredential]:
        """The API keys, then the TOTP generator if there is an active one. Argus does not page these."""
        if user is not None:
            check_name("user id", user)

        async def fetch(after: str | None, size: int | None) -> Page[ArgusCredential]:
            return page_of(await self._all(user, kind), after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    async def _all(self, user: str | None, kind: str | None) -> tuple[ArgusCredential, ...]:
        name, number = await self._holder(user)
        found: list[ArgusCredential] = []
        if kind in (None, "api_key"):
            found += await self._keys(name, number)
        if kind in (None, "totp") and await self._has_totp(number):
            found.append(generator(name, confirmed=True, administered=number is not None))
        return tuple(found)

    async def _holder(self, user: str | None) -> tuple[str, str | None]:
        """Short name, and for another than the client's own principal the number that paths take."""
        if user is None:
            return (await self._me()).id, None
        found = await self._user(user)
        return found.id, str(found.number)

    async def _keys(self, name: str, number: str | None) -> tuple[ArgusCredential, ...]:
        answer = await (
            self._api.apikey.list() if number is None else self._api.user.list_user_api_keys(number)
        )
        return tuple(
            owned(name, key, number) for key in (answer.data.keys if answer.data is not None else ())
        )

    async def _has_totp(self, number: str | None) -> bool:
        states: Sequence[MethodState] = (
            (await self._api.session.get_session_auth_methods()).data
            if number is None
            else (await self._api.user.get_user_methods(number)).data
        ) or ()
        return any(one.method.upper() == "TOTP" and one.initialized for one in states)

    @supports()
    async def get(self, credential: Credential | str, *, user: str | None = None) -> ArgusCredential:
        """One credential, found in the list: Argus answers none alone."""
        return await self._one(*named(credential, user))

    async def _one(self, id: str, user: str | None) -> ArgusCredential:
        kind = "totp" if id.startswith(TOTP) else "api_key"
        found = () if kind == "api_key" and check_prefix(id) is None else await self._all(user, kind)
        for one in found:
            if one.id == id:
                return one
        raise NotFoundError(f"{user or 'this principal'} has no credential {id[:60]!r}", provider="argus")

    @supports(kinds=KINDS)
    async def create(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        lifetime: float | None = None,
        valid_sources: Sequence[str] = (),
        password: Secret | str | None = None,
    ) -> ArgusCredential:
        """Makes an API key, or a TOTP generator, whose ``secret`` is in this answer and never again.

        One's own generator is pending until :meth:`confirm`; that of another user counts at once and replaces an
        older one.

        Args:
            name: the key's description.
            lifetime: whole days, in seconds; ``None`` for three months.
            valid_sources: the networks that the key works from, such as ``("203.0.113.0/24",)``.
            password: of this client's principal, for credentials of its own; the adapter's unless given.
            user, kind: as in :meth:`Credentials.create`.

        Raises:
            ConfigurationError: it is for this client's own principal, and no password is known.
            AmbiguousOutcomeError: no answer came; ``found`` is a tuple of the keys that are new since the look before.
        """
        expires = None if lifetime is None else days(lifetime)
        if kind == "totp":
            if name is not None or lifetime is not None or valid_sources:
                raise InvalidRequestError(
                    "a TOTP generator has neither name nor lifetime nor sources", fields={"kind": "totp"}
                )
            return await self._generate(user, password)
        told: dict[str, Any] = {"description": name or DESCRIPTION}
        if expires is not None:
            told["expirationDays"] = expires
        if valid_sources:
            told["validSources"] = tuple(valid_sources)
        return await self._make(user, told, password)

    async def _make(
        self, user: str | None, told: Mapping[str, Any], password: Secret | str | None = None
    ) -> ArgusCredential:
        """A key. The keys are listed before, so that after an answer that was lost the new one can be named."""
        proof = self._proof(password) if user is None else None
        name, number = await self._holder(user)
        before = {key.id for key in await self._keys(name, number)}
        try:
            if number is None:
                body = ApiKeyInitiation.model_validate({**told, "password": proof})
                made = (await self._api.apikey.initiate(body)).data
            else:
                plain = UserApiKeyInitiation.model_validate(told)
                made = (await self._api.user.initiate_user_api_key(number, plain)).data
        except AmbiguousOutcomeError as unknown:
            await self._name_new(unknown, name, number, before)
            raise
        return made_key(name, made, number)

    async def _name_new(
        self, unknown: AmbiguousOutcomeError, name: str, number: str | None, before: set[str]
    ) -> None:
        try:
            new = tuple(key for key in await self._keys(name, number) if key.id not in before)
        except IdentityError:  # such as the deadline: what to do is in how_to_find_out
            return
        unknown.found = new
        names = ", ".join(key.id for key in new)
        unknown.how_to_find_out = (
            f"New since the look before: {names}. Its secret is lost: delete it and make another"
            if new
            else "No key is new so far; list the keys again before making another"
        )

    def _proof(self, password: Secret | str | None) -> Secret:
        chosen = Secret(password) if isinstance(password, str) else password or self._setting.password
        if not chosen:
            raise ConfigurationError(
                "Argus asks for the password before it makes or renews a credential of one's own: "
                'connect("argus", password=…), or password= in the call; an administrator names user=',
                provider="argus",
            )
        return chosen

    async def _generate(self, user: str | None, password: Secret | str | None) -> ArgusCredential:
        if user is None:
            proof = self._proof(password)
            name, number = await self._holder(None)
            answer = await self._api.totp.initialize(TotpInitialization(password=proof))
        else:
            name, number = await self._holder(user)
            answer = await self._api.user.initiate_user_totp(number or "")
        seed = answer.data
        if seed is None or not seed.seed_base32:
            raise ProtocolError("the server answered no seed", provider="argus")
        cookie = seed.cookie or cookie_of(answer.cookies, TOTP_COOKIE)
        made = generator(name, confirmed=user is not None, administered=number is not None)
        return made.model_copy(
            update={"secret": seed.seed_base32, "uri": provisioning_uri(name, seed), "cookie": cookie}
        )

    @supports(refuses={"user": "only the user can confirm a generator; an administrator's counts at once"})
    async def confirm(
        self,
        credential: Credential | str,
        code: str,
        *,
        user: str | None = None,
        cookie: Secret | str | None = None,
    ) -> ArgusCredential:
        """Activates the pending TOTP generator, and ends an older one.

        Args:
            credential: what ``create(kind="totp")`` answered; or its id, and ``cookie=`` from there.
            code: what the generator shows.

        Raises:
            AuthenticationError: the code is wrong.
            InvalidRequestError: no cookie is known; nothing was sent.
        """
        id, _ = named(credential, None)
        held = cookie or (credential.cookie if isinstance(credential, ArgusCredential) else None)
        if not held or not id.startswith(TOTP):
            raise InvalidRequestError(
                'confirm takes what create(kind="totp") answered, or its id with cookie= from there',
                fields={"credential": "no cookie"},
            )
        proof = held if isinstance(held, Secret) else Secret(held)
        try:
            await self._api.totp.verify(TotpVerification(cookie=proof, verificationCode=Secret(code)))
        except InvalidRequestError as refused:
            raise AuthenticationError(
                f"the code is not accepted: {refused.message}", status=refused.status
            ) from None
        return generator(id.removeprefix(TOTP), confirmed=True, administered=False)

    @supports()
    async def renew(
        self,
        credential: Credential | str,
        *,
        user: str | None = None,
        lifetime: float | None = None,
        password: Secret | str | None = None,
    ) -> ArgusCredential:
        """Puts off the end of an API key, also of one that has expired; the secret stays.

        Args:
            lifetime: whole days from now, in seconds; ``None`` for three months.
            password: as in :meth:`create`.
            credential, user: as in :meth:`Credentials.renew`.
        """
        told = {} if lifetime is None else {"expirationDays": days(lifetime)}
        prefix, owner = named(credential, user)
        if prefix.startswith(TOTP):
            raise NotSupportedError("a TOTP generator has no end: create another", provider="argus")
        if check_prefix(prefix) is None:
            raise NotFoundError(f"no API key has the prefix {prefix[:60]!r}", provider="argus")
        if owner is None:
            body = ApiKeyRenewal.model_validate({**told, "password": self._proof(password)})
            name, number = await self._holder(None)
            renewed = (await self._api.apikey.renew_by_prefix(prefix, body)).data
        else:
            name, number = await self._holder(owner)
            plain = UserApiKeyRenewal.model_validate(told)
            renewed = (await self._api.user.renew_user_api_key_by_prefix(number or "", prefix, plain)).data
        if renewed is None or renewed.renewed_key.id != prefix:
            raise ProtocolError(
                f"the server did not answer key {prefix} when asked to renew it", provider="argus"
            )
        return owned(name, renewed.renewed_key, number)

    @supports()
    def rotate(self, credential: Credential | str, *, user: str | None = None) -> Rotation:
        """A new API key with the description, sources, constraints and end of the old one.

        Raises:
            NotSupportedError: the old key is bound to a cloud, whose options are not shown.
        """
        prefix, owner = named(credential, user)

        async def make() -> Credential:
            return await self._make(owner, copied(await self._one(prefix, owner)))

        async def remove() -> None:
            try:
                await self._revoke(prefix, owner)
            except NotFoundError:
                return  # the block deleted it itself

        return Rotation(prefix, make, remove, provider=self.provider)

    @supports()
    async def delete(
        self,
        credential: Credential | str,
        *,
        user: str | None = None,
        missing_ok: bool = False,
        wait: bool = False,
    ) -> Deletion:
        """Revokes an API key, or the TOTP generator. Sessions that a key opened live on: they are in ``residual``."""
        id, owner = named(credential, user)
        try:
            if not id.startswith(TOTP):
                await self._revoke(id, owner)
                until = datetime.fromtimestamp(self._sender.now() + SESSION_LIFE, UTC)
                return Deletion(id=id, residual=(Residual(what="sessions that it opened", until=until),))
            await self._revoke_generator(id, owner)
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=id, existed=False)
        return Deletion(id=id)

    async def _revoke(self, prefix: str, user: str | None) -> None:
        """The key is read first: what Argus says of a key of somebody else is not documented."""
        await self._one(prefix, user)
        if user is None:
            left = (await self._api.apikey.revoke_by_prefix(prefix)).data
        else:
            _, number = await self._holder(user)
            left = (await self._api.user.revoke_user_api_key_by_prefix(number or "", prefix)).data
        if left is not None and left.keys is not None and any(key.id == prefix for key in left.keys):
            raise ConflictError(f"the server answered that key {prefix} is still there", provider="argus")

    async def _revoke_generator(self, id: str, user: str | None) -> None:
        name, number = await self._holder(user)
        if id != f"{TOTP}{name}":
            raise NotFoundError(f"{name} has no generator {id[:60]!r}", provider="argus")
        if number is None:
            await self._api.totp.revoke()
        else:
            await self._api.user.revoke_user_totp(number)

    @supports()
    async def request_password_reset(self, email: str) -> None:
        """Resets the passwords of the users with that address, as an administrator; Argus tells them what to do.

        It is not told whether there is one. The authorization that Argus answers is not kept:
        ``native.user.reset_password`` shows it.
        """
        if "@" not in email.strip("@"):
            raise InvalidRequestError("that is no e-mail address", fields={"email": "no address"})
        found = await everything(
            lambda offset, amount: self._api.useradmin.user.list_users(
                keywords=(email,), keywordField=("email",), offset=offset, limit=amount
            )
        )
        for user in found:
            if user.email == email:
                await self._api.user.reset_password(str(user.number))

    @supports()
    async def reset_password(self, token: Secret | str, new_password: Secret | str) -> None:
        """Sets the password by the authorization of a reset, which works once.

        Raises:
            AuthenticationError: the authorization is wrong, used or expired.
            InvalidRequestError: the password is too short, too simple, or known to be broken.
        """
        body = PasswordChange(newPassword=_secret(new_password), authorization=_secret(token))
        await self._api.password.change(body)


def _secret(value: Secret | str) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)
