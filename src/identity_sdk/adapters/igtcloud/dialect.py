"""How IGT Cloud words its answers."""

from __future__ import annotations

from identity_sdk.wire.call import Dialect

__all__ = ["IgtCloudDialect"]


class IgtCloudDialect(Dialect):
    """Plain HTTP with ``{"message": …}`` (``4xxMessage``): 401 where the token or the login is rejected. What an
    unknown id is answered with is in no document (400 is listed, 404 for projects alone), so the resources look again
    after a 400.
    """

    provider = "igtcloud"
