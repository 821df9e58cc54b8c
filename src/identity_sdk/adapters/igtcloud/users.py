"""``idp.users`` over IGT Cloud: people (users of the data service) and machines (services of an organization)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, TypeAlias

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.igtcloud.inputs import ServiceRequest, UserRequest
from identity_sdk.adapters.igtcloud.models import IgtGroup, IgtService, IgtUser, Profile, UserSettings
from identity_sdk.adapters.igtcloud.part import TOKEN_LIFE, IgtPart, identity_of
from identity_sdk.adapters.igtcloud.rules import check_id, names_of
from identity_sdk.errors import (
    AmbiguousOutcomeError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotSupportedError,
    ProtocolError,
)
from identity_sdk.listing import Listing, Page, page_of
from identity_sdk.models import UNSET, Deletion, Residual, Unset, UserKind
from identity_sdk.resources.base import supports
from identity_sdk.resources.users import Users
from identity_sdk.secrets import Secret

__all__ = ["IgtPrincipal", "IgtUsers"]

IgtPrincipal: TypeAlias = IgtUser | IgtService

KINDS = ("human", "service")
_NO_PASSWORD = "a person sets it by the activation letter: native.post_resend_activation"  # noqa: S105
NO_PROFILE = Profile.model_validate({})
NO_SETTINGS = UserSettings.model_validate({})
_MACHINES = frozenset({"Service", "Client", "Device"})


class IgtUsers(IgtPart, Users):
    """People by login id, machines by service id."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "policies": (
            "IGT Cloud has no policies",
            "policies.permissions: what one may do oneself; profile.organization_roles of the user: per organization",
        ),
    }

    @supports(kinds=KINDS)
    def list(
        self,
        *,
        prefix: str | None = None,
        email: str | None = None,
        kind: UserKind = "human",
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Listing[IgtPrincipal]:
        """All users, in the server's order. It has neither pages nor filters: each page is cut out of the whole list.

        Args:
            prefix, email: filtered here; a machine has no address.
            kind: ``"service"``: the machine identities of the organization.
            limit, cursor: as in :meth:`Users.list`.
        """

        async def fetch(after: str | None, size: int | None) -> Page[IgtPrincipal]:
            found: tuple[IgtPrincipal, ...]
            found = await (self._services() if kind == "service" else self._api.get_users())
            wanted = [
                one
                for one in found
                if one.id.startswith(prefix or "") and (email is None or one.email == email)
            ]
            return page_of(wanted, after, size)

        return Listing(fetch, limit=limit, cursor=cursor)

    @supports(kinds=KINDS)
    async def get(self, id: str, *, kind: UserKind = "human") -> IgtPrincipal:
        return await (self._service(id) if kind == "service" else self._user(id))

    @supports(kinds=KINDS, refuses={"password": _NO_PASSWORD})
    async def create(
        self,
        id: str | None = None,
        *,
        name: str | None = None,
        email: str | None = None,
        password: Secret | str | None = None,
        kind: UserKind = "human",
        exist_ok: bool = False,
    ) -> IgtPrincipal:
        """Makes a person and onboards it, or makes a machine identity.

        Args:
            id: the login id of a person. The server chooses that of a machine: give its ``name``.
            name: given and family name, which the server wants (``names_of``); the id unless given.
            email: which the server wants; the id where that is an address, else made by the option ``email_domain``.
            kind: ``"service"`` answers the private key, which is shown here and never again.
            password: not possible here.
            exist_ok: as in :meth:`Users.create`; not for machines.

        Raises:
            ConfigurationError: no address is known.
            ConflictError: also when the login id belongs to a user who is elsewhere on the platform: it was
                onboarded, nothing else was changed.
            NotSupportedError: an id or ``exist_ok`` for a machine.
        """
        if kind == "service":
            return await self._make_service(id, name, email, exist_ok)
        wanted = check_id("user id", id)
        body = self._wanted(wanted, name, email)
        for one in await self._api.get_users():
            if one.id == wanted:
                return _taken(one, exist_ok)
        try:
            made = same_id(await self._api.post_users(body), wanted)
        except AmbiguousOutcomeError as unknown:
            if exist_ok and isinstance(unknown.found, IgtUser):
                return same_id(unknown.found, wanted)
            raise
        return _taken(made, exist_ok) if made.was_there else made

    def _wanted(self, id: str, name: str | None, email: str | None) -> UserRequest:
        if email is None:
            domain = self._setting.email_domain
            if "@" not in id and not domain:
                raise ConfigurationError(
                    f"IGT Cloud wants an address for {id[:100]!r}: give email=, or once "
                    'connect("igtcloud", email_domain=…)',
                    provider="igtcloud",
                )
            email = id if "@" in id else f"{id}@{domain}"
        given, family = names_of(name or id)
        return UserRequest.model_validate(
            {"loginId": id, "email": email, "givenName": given, "familyName": family}
        )

    async def _make_service(
        self, id: str | None, name: str | None, email: str | None, exist_ok: bool
    ) -> IgtService:
        for what, told in (("id", id is not None), ("email", email is not None), ("exist_ok", exist_ok)):
            if told:
                raise NotSupportedError(
                    f"igtcloud cannot take {what}= in users.create of a service: the server chooses its id, and "
                    "several may have one name. Instead: give name=",
                    provider="igtcloud",
                )
        if not name:
            raise InvalidRequestError("a service needs a name", fields={"name": "required"})
        made = await self._api.post_services(self._setting.organization, ServiceRequest(name=name))
        if made.private_key is None:
            raise ProtocolError(
                f"the server answered no private key for the service {made.id[:100]}, which it has made: delete it",
                provider="igtcloud",
            )
        return made

    @supports(
        kinds=("human",),
        refuses={
            "active": "the API cannot disable a user: delete it",
            "password": _NO_PASSWORD,
        },
    )
    async def update(
        self,
        id: str,
        *,
        name: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        active: bool | Unset = UNSET,
        password: Secret | str | Unset = UNSET,
        kind: UserKind = "human",
    ) -> IgtUser:
        """Reads the user, changes what is given, writes all of it, and reads it once more.

        There is no precondition on this operation: of two writers at once the last one wins.

        Raises:
            InvalidRequestError: ``name`` or ``email`` is ``None`` or empty: the server wants both.
        """
        for what, told in (("name", name), ("email", email)):
            if not isinstance(told, Unset) and not told:
                raise InvalidRequestError(
                    f"IGT Cloud wants {what}: it cannot be erased", fields={what: "required"}
                )
        wanted = check_id("user id", id)
        uuid = await self._uuid(wanted)
        there = await self._read(uuid, wanted)
        body = _replacement(there, name or None, email or None)
        if (name or there.name) == there.name and (email or there.email) == there.email:
            return there
        await self._api.put_user(uuid, body)
        return await self._read(uuid, wanted)

    @supports(kinds=KINDS)
    async def delete(
        self, id: str, *, kind: UserKind = "human", missing_ok: bool = False, wait: bool = False
    ) -> Deletion:
        """Deletes the user, or the machine identity with its key: no one signs in by them any more.

        JWTs that are out are in ``residual``: nobody but their holder can end them before their time.
        """
        wanted = check_id("service id" if kind == "service" else "user id", id)
        try:
            await (self._delete_service(wanted) if kind == "service" else self._delete_user(wanted))
        except NotFoundError:
            if not missing_ok:
                raise
            return Deletion(id=wanted, existed=False)
        until = datetime.fromtimestamp(self._sender.now() + TOKEN_LIFE, UTC)
        return Deletion(
            id=wanted, residual=(Residual(what="JWTs that are out, for the rest of their life", until=until),)
        )

    async def _delete_user(self, id: str) -> None:
        try:
            await self._api.delete_user(await self._uuid(id))
        except InvalidRequestError as refused:
            await self._still_there(id, refused)
            raise

    async def _delete_service(self, id: str) -> None:
        found = await self._service(id)
        if not found.uuid:
            raise ProtocolError(f"the server tells no id of the service {id[:100]}", provider="igtcloud")
        try:
            await self._api.delete_service(self._setting.organization, found.uuid)
        except InvalidRequestError:
            await self._service(id)  # NotFoundError when it has gone meanwhile
            raise

    @supports()
    async def me(self) -> IgtPrincipal:
        """Who is signed in: the token says whether a person or a machine."""
        told = await self._introspect()
        if told.identity_type in _MACHINES:
            return IgtService.model_validate({"serviceId": identity_of(told)})
        found = await self._api.get_me()
        if found.id != told.user and (found.uuid is None or found.uuid != told.sub):
            raise ProtocolError(
                f"the server says that {identity_of(told)[:100]} is signed in, and that {found.id[:100]} is",
                provider="igtcloud",
            )
        return found

    @supports()
    def groups(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Listing[IgtGroup]:
        """The groups of the organization that the user is in."""
        check_id("user id", id)

        async def fetch(after: str | None, size: int | None) -> Page[IgtGroup]:
            uuid = await self._uuid(id)
            organization = self._setting.organization
            inside = {
                group
                for one in await self._api.get_users_groups(organization)
                if one.user_id == uuid
                for group in one.group_ids
            }
            found = [one for one in await self._api.get_groups(organization) if one.id in inside]
            return page_of(found, after, size)

        return Listing(fetch, limit=limit, cursor=cursor)


def _taken(there: IgtUser, exist_ok: bool) -> IgtUser:
    if exist_ok:
        return there
    raise ConflictError(
        f"there is a user {there.id[:100]} already" + (", who was onboarded" if there.was_there else ""),
        provider="igtcloud",
    )


def _replacement(there: IgtUser, name: str | None, email: str | None) -> UserRequest:
    """All that the server holds of a user and can be written, with the changes.

    Raises:
        ProtocolError: the answer lacks what has to be written back.
    """
    profile, settings = there.profile or NO_PROFILE, there.settings or NO_SETTINGS
    given, family = names_of(name) if name else (profile.given_name, profile.family_name)
    address = email or there.email
    if not (given and family and address):
        raise ProtocolError(
            f"the server tells no address or no name of {there.id[:100]}, and wants them again: give name= and email=",
            provider="igtcloud",
        )
    more = {
        "istLevel": settings.ist_level,
        "preferredLanguage": settings.preferred_language or profile.preferred_language,
        "trainingStartDate": settings.training_start_date,
        "trainingEndDate": settings.training_end_date,
    }
    told = {"loginId": there.id, "email": address, "givenName": given, "familyName": family}
    return UserRequest.model_validate({**told, **{key: value for key, value in more.items() if value}})
