"""What the six resources of IGT Cloud share: users by login id, the organization, and who is signed in.

Paths and memberships name a user by a UUID that the server chooses; people sign in by a login id. The facade's id is
the login id, so that a verb first finds the UUID in the list of users: the API has no look-up by login id.
"""

from __future__ import annotations

from typing import ClassVar

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.igtcloud.api import IgtCloudApi, SignInApi
from identity_sdk.adapters.igtcloud.models import IgtGroup, IgtService, IgtUser, IntrospectResponse
from identity_sdk.adapters.igtcloud.rules import check_id
from identity_sdk.capabilities import Propagation
from identity_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
)
from identity_sdk.resources.base import Resource
from identity_sdk.wire.call import Sender

__all__ = ["PROPAGATION", "TOKEN_LIFE", "IgtPart", "Setting", "identity_of"]

TOKEN_LIFE = 1800.0
"""Seconds that a JWT is taken to live: each answer tells the life of its own, and no document says the most."""

PROPAGATION = Propagation(credentials=0.0, tokens=TOKEN_LIFE)
"""A password or a service's key that is gone signs nobody in; a JWT that is out lives on to its end."""

_UUID_MASK = "loginId,userUUID"


class Setting:
    """Options of the adapter that verbs make use of.

    Attributes:
        email_domain: makes the address of a user who is made without one.
    """

    __slots__ = ("_organization", "email_domain")

    def __init__(self, organization: str | None = None, email_domain: str | None = None) -> None:
        self._organization = organization
        self.email_domain = email_domain

    @property
    def organization(self) -> str:
        """Whose groups and services are meant.

        Raises:
            ConfigurationError: it was not given.
        """
        if not self._organization:
            raise ConfigurationError(
                'groups and services belong to an organization: connect("igtcloud", organization=…)',
                provider="igtcloud",
            )
        return self._organization


class IgtPart(Resource):
    """The base of IGT Cloud's resources; ``_api`` is the wire API."""

    provider: ClassVar[str] = "igtcloud"

    def __init__(self, sender: Sender, api: IgtCloudApi, signing_in: SignInApi, setting: Setting) -> None:
        super().__init__(sender)
        self._api = api
        self._signing_in = signing_in
        self._setting = setting

    async def _uuid(self, id: str) -> str:
        """The UUID of a login id.

        Raises:
            NotFoundError: there is none.
        """
        wanted = check_id("user id", id)
        for one in await self._api.get_users(x_fields=_UUID_MASK):
            if one.id == wanted:
                return uuid_of(one)
        raise NotFoundError(f"there is no user {wanted[:100]}", provider="igtcloud")

    async def _user(self, id: str) -> IgtUser:
        """The user of a login id.

        Raises:
            NotFoundError: there is none.
            ProtocolError: the server answered about another.
        """
        return await self._read(await self._uuid(id), id)

    async def _read(self, uuid: str, id: str) -> IgtUser:
        try:
            found = same_id(await self._api.get_user(uuid), id)
        except InvalidRequestError as refused:
            await self._still_there(id, refused)
            raise
        if found.uuid is not None and found.uuid != uuid:
            raise ProtocolError(
                f"the server answered the user {found.uuid[:100]} when asked for {uuid}", provider="igtcloud"
            )
        return found

    async def _still_there(self, id: str, refused: InvalidRequestError) -> None:
        """A 400 is all that the documents know for an unknown user: look which it was.

        Raises:
            NotFoundError: the user has gone meanwhile.
        """
        try:
            await self._uuid(id)
        except NotFoundError:
            raise NotFoundError(
                f"there is no user {id[:100]}: {refused.message}", provider="igtcloud", status=refused.status
            ) from None

    async def _names(self) -> dict[str, str]:
        """Login ids by UUID."""
        return {uuid_of(one): one.id for one in await self._api.get_users(x_fields=_UUID_MASK)}

    async def _services(self) -> tuple[IgtService, ...]:
        return await self._api.get_services(self._setting.organization)

    async def _service(self, id: str) -> IgtService:
        """The machine identity of that ``serviceId``.

        Raises:
            NotFoundError: there is none.
        """
        wanted = check_id("service id", id)
        for one in await self._services():
            if one.id == wanted:
                return one
        raise NotFoundError(f"there is no service {wanted[:100]}", provider="igtcloud")

    async def _group(self, id: str) -> IgtGroup:
        """The group of that id.

        Raises:
            NotFoundError: there is none.
        """
        wanted = check_id("group id", id)
        for one in await self._api.get_groups(self._setting.organization):
            if one.id == wanted:
                return one
        raise NotFoundError(f"there is no group {wanted[:100]}", provider="igtcloud")

    async def _introspect(self) -> IntrospectResponse:
        told = await self._api.get_introspect_resource()
        identity_of(told)
        return told


def uuid_of(user: IgtUser) -> str:
    if not user.uuid:
        raise ProtocolError(f"the server tells no userUUID of {user.id[:100]}", provider="igtcloud")
    return user.uuid


def identity_of(told: IntrospectResponse) -> str:
    """Who an introspection is about: the login id or service id.

    Raises:
        AuthenticationError: the JWT is not active.
        ProtocolError: it is about nobody.
    """
    if told.active is False:
        raise AuthenticationError("the JWT is not active any more", provider="igtcloud")
    found = told.user or told.sub
    if not found:
        raise ProtocolError("the server answered nobody when asked who is signed in", provider="igtcloud")
    return found
