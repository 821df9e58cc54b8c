"""A web application that acts for its callers: one client for the process, one copy per request.

    pip install 'unified-identity-sdk[server]' && python examples/on_behalf.py

Each request speaks by the bearer token of its caller, and the provider decides what that caller may do. The application
itself has no rights to lose.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from identity_sdk import (
    Adapter,
    AuthenticationError,
    Bearer,
    IdentityClient,
    IdentityError,
    NotFoundError,
    PermissionDeniedError,
    connect,
)

STATUS = {AuthenticationError: 401, PermissionDeniedError: 403, NotFoundError: 404}


def make_app(idp: IdentityClient[Adapter]) -> Starlette:
    def caller(request: Request) -> IdentityClient[Adapter]:
        """A copy that speaks as who is calling; it shares pool and limits, and needs no closing."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return idp.with_credential(Bearer(token) if scheme.lower() == "bearer" and token else None)

    async def user(request: Request) -> Response:
        found = await caller(request).users.get(request.path_params["id"])
        return JSONResponse({"id": found.id, "name": found.name})

    async def me(request: Request) -> Response:
        found = await caller(request).users.me()
        return JSONResponse({"id": found.id})

    async def refused(request: Request, error: Exception) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 502)
        return JSONResponse({"error": type(error).__name__}, status)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with idp:
            yield

    return Starlette(
        routes=[Route("/users/{id}", user), Route("/me", me)],
        exception_handlers={IdentityError: refused},
        lifespan=lifespan,
    )


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(make_app(connect()), host="127.0.0.1", port=8080)
