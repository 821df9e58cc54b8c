"""A small team service: users, groups, and documents that only those may read who have the right.

    pip install 'unified-identity-sdk[fastapi,local]' uvicorn fastapi-offline
    python examples/team_service.py

runs on the embedded provider, in memory, with three people in it; their tokens are printed. On any other provider:

    TEAM_SERVICE_PROVIDER=staging python examples/team_service.py    # what `connect()` takes: a name, a URL, a profile

Open http://127.0.0.1:8000/docs, press "Authorize", and paste a token. Users and groups are read and changed on the
caller's own behalf, so the provider decides; for the documents, which are this service's own, it asks the provider
whether the caller has the right.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from identity_sdk import Adapter, IdentityClient, Statement, User, connect
from identity_sdk.integrations.fastapi import IdentityProvider, install


class Right(NamedTuple):
    """An action, and a resource whose holes are filled from the path."""

    action: str
    resource: str


@dataclass(frozen=True)
class Rights:
    read: Right
    write: Right


ABOUT = "Users and groups of an identity provider, and documents that only those may read who have the right."
DOCUMENT = "docs/{team}/{doc}"
LAKEFS_OBJECT = "arn:lakefs:fs:::repository/{team}/object/{doc}"
RIGHTS = {
    "local": Rights(Right("docs:Read", DOCUMENT), Right("docs:Write", DOCUMENT)),
    "authress": Rights(Right("docs:read", DOCUMENT), Right("docs:write", DOCUMENT)),
    "lakefs": Rights(Right("fs:ReadObject", LAKEFS_OBJECT), Right("fs:WriteObject", LAKEFS_OBJECT)),
    # These two know rights on a whole: a group, a customer.
    "auth-service": Rights(Right("READ", "{team}"), Right("WRITE", "{team}")),
    "argus": Rights(Right("viewUsers", "{team}"), Right("administrateUsers", "{team}")),
    "igtcloud": Rights(Right("project.read", "*"), Right("project.write", "*")),
}
"""What reading and writing a document is called, by provider."""


class Person(BaseModel):
    id: str
    name: str | None = None
    email: str | None = None


class NewPerson(BaseModel):
    id: str = Field(examples=["grace"])
    name: str | None = None


class Team(BaseModel):
    id: str
    name: str | None = None


class Document(BaseModel):
    text: str = Field(max_length=100_000, examples=["Hello, team."])


def person(user: User) -> Person:
    return Person(id=user.id, name=user.name, email=user.email)


TARGET = os.environ.get("TEAM_SERVICE_PROVIDER", "local:")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with identity.lifespan(app):
        if TARGET == "local:":
            await demonstration(await identity.client())
        yield


identity = IdentityProvider(TARGET)
rights = RIGHTS[connect(TARGET).provider]
app = FastAPI(title="Team service", description=ABOUT, lifespan=lifespan, docs_url=None)
install(app)

CurrentUser = Annotated[User, Depends(identity.current_user)]
OnBehalf = Annotated[IdentityClient[Adapter], Depends(identity.on_behalf)]
Reader = Annotated[User, Depends(identity.require(*rights.read))]
Writer = Annotated[User, Depends(identity.require(*rights.write))]

# Users and groups: the provider decides what the caller may see and change.


@app.get("/me", tags=["people"])
async def who_am_i(user: CurrentUser) -> Person:
    return person(user)


@app.get("/users", tags=["people"])
async def list_users(idp: OnBehalf) -> list[Person]:
    return [person(user) async for user in idp.users.list(limit=100)]


@app.post("/users", status_code=201, tags=["people"])
async def add_user(new: NewPerson, idp: OnBehalf) -> Person:
    return person(await idp.users.create(new.id, name=new.name))


@app.get("/groups", tags=["people"])
async def list_groups(idp: OnBehalf) -> list[Team]:
    return [Team(id=group.id, name=group.name) async for group in idp.groups.list(limit=100)]


@app.get("/groups/{group}/members", tags=["people"])
async def list_members(group: str, idp: OnBehalf) -> list[Person]:
    members = idp.groups.members(group, limit=100)
    return [Person(id=one.id, name=one.name, email=one.email) async for one in members]


@app.put("/groups/{group}/members/{user}", tags=["people"])
async def add_member(group: str, user: str, idp: OnBehalf) -> list[Person]:
    await idp.groups.add_member(group, user)
    return await list_members(group, idp)


# Documents of a team: the caller needs the right, whatever it is called at this provider.

documents = {("blue", "welcome"): "Welcome to the blue team."}


@app.get("/teams/{team}/docs/{doc}", tags=["documents"])
async def read_document(team: str, doc: str, user: Reader) -> Document:
    if (team, doc) not in documents:
        raise HTTPException(404, "There is no such document.")
    return Document(text=documents[team, doc])


@app.put("/teams/{team}/docs/{doc}", tags=["documents"])
async def write_document(team: str, doc: str, document: Document, user: Writer) -> Document:
    documents[team, doc] = f"{document.text} ({user.id})"
    return Document(text=documents[team, doc])


async def demonstration(idp: IdentityClient[Adapter]) -> None:
    """Three people in a directory in memory: one writes, one reads, one may do nothing. Prints their tokens."""
    may: dict[str, list[Statement]] = {
        "ada": [
            Statement(effect="allow", actions=("docs:*",), resources=("docs/blue/*",)),
            Statement(effect="allow", actions=("users:*", "groups:*"), resources=("*",)),
        ],
        "bob": [Statement(effect="allow", actions=("docs:Read",), resources=("docs/blue/*",))],
        "eve": [],
    }
    await idp.groups.create("blue", name="The blue team")
    for name, statements in may.items():
        await idp.users.create(name, name=name.title())
        if statements:
            await idp.groups.add_member("blue", name)
            await idp.policies.create(f"what-{name}-may", statements=statements)
            await idp.policies.attach(f"what-{name}-may", user=name)
        key = await idp.credentials.create(name, kind="api_key", lifetime=3600)
        if key.secret is not None:
            print(f"{name}'s token: {key.secret.reveal()}", flush=True)


# The docs page, with the scripts of the package fastapi-offline; without that package they come from a CDN.

scripts: str | None = None
styles: str | None = None
offline = find_spec("fastapi_offline")
if offline is not None and offline.origin is not None:
    app.mount("/static", StaticFiles(directory=Path(offline.origin).parent / "static"))
    scripts, styles = "/static/swagger-ui-bundle.js", "/static/swagger-ui.css"


@app.get("/docs", include_in_schema=False)
async def docs_page() -> HTMLResponse:
    where = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=app.title,
        swagger_js_url=scripts or f"{where}/swagger-ui-bundle.js",
        swagger_css_url=styles or f"{where}/swagger-ui.css",
        swagger_favicon_url="data:,",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A small team service on any identity provider.")
    parser.add_argument("--port", type=int, default=8000)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port)
