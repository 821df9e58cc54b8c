"""``idp.credentials`` over IGT Cloud: temporary S3 credentials of one's own, kept until they run out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import anyio

from identity_sdk.adapters.igtcloud.api import IgtCloudApi, SignInApi
from identity_sdk.adapters.igtcloud.models import Allowed, IgtS3Credential, S3Credential
from identity_sdk.adapters.igtcloud.part import IgtPart, Setting
from identity_sdk.errors import InvalidRequestError, NotSupportedError, PermissionDeniedError, ProtocolError
from identity_sdk.models import Credential
from identity_sdk.resources.base import supports
from identity_sdk.resources.credentials import Credentials
from identity_sdk.wire.call import Sender

__all__ = ["IgtCredentials"]

EARLY = 3600.0
"""Seconds before their end at which S3 credentials are fetched again, as the official client does; never more than
half of their life."""
MOST = 256
"""Kept at a time."""

_TEMPORARY = (
    "S3 credentials are temporary, and kept nowhere",
    "credentials.create fetches them when they are wanted",
)
_NO_RESET = ("the API resets no passwords", "native.post_resend_activation sends the activation letter again")
_OWN = "S3 credentials are for the caller alone: with_credential(…) of that user"
_LIFE = "the server decides how long they live"


@dataclass(frozen=True, slots=True)
class _Kept:
    credential: IgtS3Credential
    fetch_again: float


class IgtCredentials(IgtPart, Credentials):
    """S3 credentials: ``create`` answers those that it has for an action and prefix, or fetches them."""

    unsupported: ClassVar[Mapping[str, tuple[str, str]]] = {
        "list": _TEMPORARY,
        "get": _TEMPORARY,
        "confirm": ("there is nothing to enrol", "credentials.create"),
        "rotate": ("S3 credentials end by themselves", "credentials.renew"),
        "delete": ("nothing ends S3 credentials before their time", ""),
        "request_password_reset": _NO_RESET,
        "reset_password": _NO_RESET,
    }

    def __init__(self, sender: Sender, api: IgtCloudApi, signing_in: SignInApi, setting: Setting) -> None:
        super().__init__(sender, api, signing_in, setting)
        self._kept: OrderedDict[tuple[str, str | None], _Kept] = OrderedDict()
        self._one_fetch = anyio.Lock()

    @supports(
        kinds=("s3",),
        refuses={"user": _OWN, "name": "they have none", "lifetime": _LIFE},
    )
    async def create(
        self,
        user: str | None = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        lifetime: float | None = None,
        action: str = "GET",
        prefix: str | None = None,
    ) -> IgtS3Credential:
        """S3 credentials of the caller; ``as_boto3()`` has them in the shape that boto3 takes.

        Those of the same action and prefix are answered again until an hour before their end (at most half of their
        life), then new ones are fetched.

        Args:
            action: ``"GET"`` to download, ``"PUT"`` to upload.
            prefix: what they shall be good for: the ``s3Prefix`` of a project or study.
            user, name, lifetime: not possible here.
            kind: ``"s3"``.

        Raises:
            PermissionDeniedError: the server gives none for that.
        """
        if user is not None:
            raise NotSupportedError(
                f"igtcloud cannot take user= in credentials.create: {_OWN}", provider="igtcloud"
            )
        if not action:
            raise InvalidRequestError("the action is empty", fields={"action": "required"})
        async with self._one_fetch:
            kept = self._kept.get((action, prefix))
            if kept is not None and self._sender.now() < kept.fetch_again:
                return kept.credential
            return await self._fetch(action, prefix)

    @supports(refuses={"user": _OWN, "lifetime": _LIFE})
    async def renew(
        self, credential: Credential | str, *, user: str | None = None, lifetime: float | None = None
    ) -> IgtS3Credential:
        """Fetches new ones for the same action and prefix; those that are out live on to their end.

        Args:
            credential: what ``create`` answered, or its id if this client has it still.
            user, lifetime: not possible here.

        Raises:
            InvalidRequestError: an id that this client does not know.
        """
        found = credential if isinstance(credential, IgtS3Credential) else self._known(credential)
        async with self._one_fetch:
            return await self._fetch(found.action, found.prefix)

    def _known(self, credential: Credential | str) -> IgtS3Credential:
        id = credential.id if isinstance(credential, Credential) else credential
        for kept in self._kept.values():
            if kept.credential.id == id:
                return kept.credential
        raise InvalidRequestError(
            "this client has fetched no S3 credentials of that id: give what create() answered",
            fields={"credential": "unknown"},
        )

    async def _fetch(self, action: str, prefix: str | None) -> IgtS3Credential:
        answer = await self._api.get_s3_credentials_resource(action, prefix=prefix)
        if not answer.policy_credentials:
            raise PermissionDeniedError(
                f"the server gives no S3 credentials for {action[:40]} on {(prefix or 'anything')[:100]}",
                provider="igtcloud",
            )
        now = self._sender.now()
        made = _read(answer.policy_credentials[0], action, prefix)
        left = made.expires_at.timestamp() - now if made.expires_at is not None else 0.0
        self._kept[action, prefix] = _Kept(made, now + left - min(EARLY, left / 2))
        self._kept.move_to_end((action, prefix))
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return made


def _read(told: S3Credential, action: str, prefix: str | None) -> IgtS3Credential:
    keys, allowed = told.credentials, told.allowed or Allowed()
    if keys is None or not keys.access_key:
        raise ProtocolError("the server answered S3 credentials without an access key", provider="igtcloud")
    return IgtS3Credential(
        id=keys.access_key,
        secret=keys.secret_key,
        session_token=keys.session_token,
        bucket=keys.bucket,
        expires_at=keys.expires,
        action=action,
        prefix=prefix,
        actions=allowed.actions,
        resources=allowed.resources,
    )
