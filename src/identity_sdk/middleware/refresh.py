"""Puts the token on each attempt, and replays once what was refused for a stale one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from identity_sdk.auth.sources import Issued, SigningSource
from identity_sdk.auth.token_cache import TokenCache
from identity_sdk.errors import IdentityError
from identity_sdk.secrets import REDACTED
from identity_sdk.wire.call import Call, Sender
from identity_sdk.wire.request import Request, Response

__all__ = ["LoginFailedError", "with_token"]


class LoginFailedError(Exception):
    """Carries the error of a login to the pipeline. The call itself was not sent, and the login was already retried."""

    def __init__(self, error: IdentityError) -> None:
        super().__init__()
        self.error = error


async def with_token(
    call: Call, send: Callable[[Call], Awaitable[Response]], cache: TokenCache, sender: Sender
) -> Response:
    """Sends ``call`` with the token of ``cache``.

    A 401 that means "this token is not accepted" is replayed once with a new one, whatever the operation: the server
    has not begun to work on it. One that means "no permission" (the dialect tells) never is.

    Args:
        send: the rest of the pipeline.
        sender: what a login goes through: the pipeline without this middleware.

    Raises:
        LoginFailedError: there is no token; the call was not sent.
    """
    request = call.request
    issued = cache.fresh() or await _token(cache, sender)
    _authorize(cache, issued, request)
    response = await send(call)
    if response.status >= 400:
        _hush(response, issued)
    if response.status < 400 or not cache.source.renewable or not call.dialect.token_rejected(response):
        return response
    cache.invalidate(issued)
    renewed = await _token(cache, sender)
    if renewed.value == issued.value:  # the source has no other: a replay would be refused alike
        return response
    _authorize(cache, renewed, request)
    response = await send(call)
    if response.status >= 400:
        _hush(response, renewed)
    return response


def _hush(response: Response, issued: Issued) -> None:
    """Takes the token out of an error's body: some servers repeat it in their message."""
    said = issued.value.reveal().rpartition(" ")[2].encode()  # without "Basic "
    if len(said) >= 8 and said in response.body:  # a shorter one is no secret, and part of many words
        response.body = response.body.replace(said, REDACTED.encode())


def _authorize(cache: TokenCache, issued: Issued, request: Request) -> None:
    if isinstance(cache.source, SigningSource):
        cache.source.sign(issued, request)
    else:
        cache.source.authorize(issued, request.method, request.headers)


async def _token(cache: TokenCache, sender: Sender) -> Issued:
    try:
        return await cache.get(sender)
    except IdentityError as error:
        raise LoginFailedError(error) from None
