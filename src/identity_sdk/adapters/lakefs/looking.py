"""What is read after a call of unknown outcome, to find out whether it was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from identity_sdk.adapters.checks import same_id
from identity_sdk.adapters.lakefs.models import LakeFSPolicy, PolicyBody
from identity_sdk.adapters.lakefs.statements import says_the_same
from identity_sdk.errors import NotFoundError
from identity_sdk.models import Entity

if TYPE_CHECKING:
    from identity_sdk.adapters.lakefs.api import LakeFSApi

__all__ = ["look", "look_replaced"]


def look(operation_name: str) -> Callable[[Any, Mapping[str, Any]], Awaitable[object | None]]:
    """After a create of unknown outcome: reads the id that was chosen. What it finds may be an older namesake."""

    async def found_now(api: LakeFSApi, arguments: Mapping[str, Any]) -> object | None:
        body: Any = arguments["body"]
        wanted = str(getattr(body, "id", None) or body["id"])
        try:
            found: Entity = await getattr(api, operation_name)(wanted)
        except NotFoundError:
            return None
        return same_id(found, wanted)

    return found_now


async def look_replaced(api: LakeFSApi, arguments: Mapping[str, Any]) -> LakeFSPolicy | None:
    """The policy that is there now, if it says what was sent: then the replacement was done."""
    found = same_id(await api.get_policy(arguments["policy_id"]), arguments["policy_id"])
    sent = PolicyBody.model_validate(arguments["body"])
    return found if says_the_same(found.statements, sent.statement) else None
