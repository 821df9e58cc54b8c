"""Errors as problem details: which status, what is told and what is not, and upstream failures over a socket."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from identity_sdk import AccessKey, Adapter, IdentityClient, LakeFS, User, connect, errors
from identity_sdk.emulators.server import running
from identity_sdk.integrations.fastapi import IdentityProvider, install, problem_of
from identity_sdk.integrations.fastapi.problems import DeniedError, UnauthorizedError

INNER = "the-inner-secret"


def of(kind: type[errors.IdentityError], **more: Any) -> errors.IdentityError:
    error = kind(f"message with {INNER}")
    for name, value in {"code": INNER, "request_id": INNER, **more}.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (of(errors.AuthenticationError), 502, {}),
        (of(errors.PermissionDeniedError), 502, {}),
        (
            of(errors.AuthenticationError, on_behalf=True),
            401,
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
        ),
        (
            of(errors.ChallengeRequiredError, on_behalf=True, challenge=INNER),
            401,
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
        ),
        (UnauthorizedError(INNER, 'Bearer realm="x"'), 401, {"WWW-Authenticate": 'Bearer realm="x"'}),
        (of(errors.PermissionDeniedError, on_behalf=True), 403, {}),
        (of(errors.PermissionDeniedError, operation="policies.require"), 403, {}),
        (DeniedError(INNER), 403, {}),
        (DeniedError(INNER, "Bearer x"), 403, {"WWW-Authenticate": "Bearer x"}),
        (of(errors.NotFoundError), 404, {}),
        (of(errors.ConflictError), 409, {}),
        (of(errors.PreconditionFailedError), 412, {}),
        (of(errors.InvalidRequestError, sent=True, fields={"x": INNER}), 422, {}),
        (of(errors.ConfigurationError), 500, {}),
        (of(errors.ClientClosedError), 500, {}),
        (of(errors.WrongEventLoopError), 500, {}),
        (of(errors.NotSupportedError), 501, {}),
        (of(errors.ProtocolError), 502, {}),
        (of(errors.PartialFailureError, done=(INNER,)), 502, {}),
        (of(errors.ServerError, status=500), 502, {}),
        (of(errors.ServerError), 502, {}),
        (of(errors.ServerError, status=503), 503, {}),
        (of(errors.ServerError, status=503, retry_after=7.2), 503, {"Retry-After": "8"}),
        (of(errors.ServerError, status=504), 504, {}),
        (of(errors.RateLimitedError, retry_after=3.0), 503, {"Retry-After": "3"}),
        (of(errors.RateLimitedError), 503, {}),
        (of(errors.NotSentError), 503, {}),
        (of(errors.NoAnswerError), 504, {}),
        (of(errors.DeadlineExceededError), 504, {}),
        (of(errors.AmbiguousOutcomeError, how_to_find_out=INNER, found=INNER), 504, {}),
        (of(errors.TransportError), 502, {}),
        (of(errors.IdentityError), 502, {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error(error: errors.IdentityError, status: int, headers: dict[str, str]) -> None:
    problem = problem_of(error)
    assert (problem.status, dict(problem.headers)) == (status, headers)
    assert INNER not in str(problem.body())
    assert problem.error in errors.__all__


def test_fields_that_were_refused_here_are_told() -> None:
    problem = problem_of(errors.InvalidRequestError("no", fields={"id": "empty"}))
    assert problem.body() == {
        "title": problem.body()["title"],
        "status": 422,
        "detail": "The identity system does not accept this content.",
        "error": "InvalidRequestError",
        "fields": {"id": "empty"},
    }


def upstream(answers: dict[str, Response]) -> Starlette:
    """A server that answers by the credential: the service's own, and one for each caller."""

    async def answer(request: Request) -> Response:
        return answers.get(request.headers.get("authorization", ""), JSONResponse({}, 401))

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def application(base_url: str) -> tuple[FastAPI, IdentityProvider[LakeFS]]:
    adapter = LakeFS(base_url=base_url, auth=AccessKey("AKIA", "s3cret"))
    identity = IdentityProvider(lambda: connect(adapter, retries=0, proxy=""))
    app = FastAPI()
    install(app)

    @app.get("/me")
    async def me(user: User = Depends(identity.current_user)) -> str:  # noqa: B008
        return user.id

    @app.get("/users/{id}")
    async def user(id: str, idp: IdentityClient[Adapter] = Depends(identity.client)) -> str:  # noqa: B008
        return (await idp.users.get(id)).id

    return app, identity


async def ask(base_url: str, path: str, token: str = "") -> httpx.Response:
    app, identity = application(base_url)
    transport = httpx.ASGITransport(app)
    async with identity.lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        return await http.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})


@pytest.mark.anyio
async def test_upstream_failures(caplog: pytest.LogCaptureFixture) -> None:
    told = {"message": INNER}
    answers: dict[str, Response] = {
        "Bearer busy": JSONResponse(told, 503, {"Retry-After": "120"}),
        "Bearer slow": JSONResponse(told, 429, {"Retry-After": "60"}),
        "Bearer broken": JSONResponse(told, 500),
        "Bearer garbled": Response(b"<html>", 200),
        "Bearer known": JSONResponse({"user": {"id": "ada", "creation_date": 1}}),
    }
    with running(upstream(answers)) as url, caplog.at_level(logging.ERROR, "identity_sdk.fastapi"):
        for token, status, after in (
            ("busy", 503, "120"),
            ("slow", 503, "60"),
            ("broken", 502, None),
            ("garbled", 502, None),
            ("known", 200, None),
            ("unknown", 401, None),
        ):
            answer = await ask(url, "/me", token)
            assert (answer.status_code, answer.headers.get("Retry-After")) == (status, after), token
            assert INNER not in answer.text
        # This service's own credential is refused: whoever calls cannot help it.
        refused = await ask(url, "/users/ada")
    assert (refused.status_code, "WWW-Authenticate" in refused.headers) == (502, False)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json() == {
        "title": "Bad Gateway",
        "status": 502,
        "detail": "The identity system refuses this service.",
        "error": "AuthenticationError",
    }
    assert INNER in caplog.text  # the operator reads what was said, and nobody's credential
    assert not any(secret in caplog.text for secret in ("busy", "slow", "s3cret"))


@pytest.mark.anyio
async def test_nobody_listens() -> None:
    answer = await ask("http://127.0.0.1:9", "/me", "token")
    assert (answer.status_code, answer.json()["error"]) == (503, "NotSentError")
