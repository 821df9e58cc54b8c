"""A canary in every credential: never in reprs, logs, tracebacks with locals, pickles, dumps, or the database file."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from identity_sdk import connect
from identity_sdk.adapters.local import Local, PasswordReset
from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import ConfigurationError, IdentityError
from identity_sdk.secrets import Secret

from .conftest import Idp, ManualClock, allow, code_of, grant, local, shown

pytestmark = pytest.mark.anyio

PASSWORD = "canary-password-tweet"
# Secrets, so that the frames of the tests themselves do not show them.
DATABASE = Secret("postgresql://user:canary-hunter2@127.0.0.1:1/db?connect_timeout=1")
MALFORMED = Secret("postgresql://user:canary-hunter2@host:port/db")


class Aviary:
    """All secrets of one directory."""

    def __init__(self) -> None:
        self.secrets: set[str] = {PASSWORD}
        self.models: list[BaseModel] = []
        self.resets: list[PasswordReset] = []

    def keep(self, model: BaseModel) -> None:
        self.models.append(model)
        for name in type(model).model_fields:
            value = getattr(model, name)
            if isinstance(value, Secret):
                self.secrets.add(value.reveal())

    def silent(self, text: str) -> None:
        for secret in self.secrets:
            assert secret not in text


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def furnish(idp: Idp, clock: ManualClock) -> Aviary:
    birds = Aviary()
    await idp.users.create("alice", password=Secret(PASSWORD), email="a@x")
    await grant(idp, "alice", allow("*"))
    for kind in ("access_key", "api_key"):
        birds.keep(await idp.credentials.create("alice", kind=kind))
    session = await idp.sessions.create("password", identifier="alice", secret=Secret(PASSWORD))
    birds.keep(session)
    client = idp.with_credential(session)
    birds.keep(await client.sessions.constrain(["*"]))
    birds.keep(await client.tokens.issue())
    totp = await idp.credentials.create("alice", kind="totp")
    birds.keep(totp)
    await idp.credentials.confirm(totp, code_of(totp, clock))
    return birds


async def test_nothing_that_is_made_shows_its_secret(idp: Idp, clock: ManualClock) -> None:
    birds = await furnish(idp, clock)
    assert len(birds.secrets) == 9
    for model in birds.models:
        birds.silent(f"{model!r} {model} {model.model_dump()} {model.model_dump_json()}")
        with pytest.raises(TypeError):
            pickle.dumps(model)


async def test_no_client_and_no_adapter_shows_its_credential(idp: Idp, clock: ManualClock) -> None:
    birds = await furnish(idp, clock)
    key = birds.models[0]
    auths = [
        AccessKey(key.id, key.secret),
        *(model for model in birds.models[2:5]),
        Bearer(birds.models[1].secret),
    ]
    for auth in auths:
        client = idp.with_credential(auth)
        assert (await client.users.me()).id == "alice"
        adapter = client._adapter
        parts = [
            client,
            adapter,
            adapter.users,
            adapter.native,
            vars(adapter),
            vars(adapter._caller),
            vars(adapter._desk),
        ]
        birds.silent(" ".join(map(repr, parts)))
        with pytest.raises(Exception):  # noqa: B017 -- whichever part refuses first
            pickle.dumps(adapter)


async def test_no_log_and_no_error_shows_a_secret(
    clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    resets: list[PasswordReset] = []
    async with connect(local(f"local://{tmp_path}/x.db", on_reset=resets.append), clock=clock) as idp:
        birds = await furnish(idp, clock)
        access, api, session, child, token, totp = birds.models
        await idp.credentials.request_password_reset("a@x")
        birds.secrets.add(resets[0].token.reveal())
        birds.silent(repr(resets))
        nobody = idp.with_credential(None)
        off = idp.with_credential
        await idp.users.delete("alice")
        attempts: list[Callable[[], Awaitable[object]]] = [
            lambda: idp.sessions.create("password", identifier="alice", secret=Secret(PASSWORD)),
            lambda: idp.sessions.create("access_key", identifier=access.id, secret=access.secret),
            lambda: idp.sessions.create("api_key", secret=api.secret),
            lambda: idp.sessions.create("api_key", secret=Secret(shown(api.secret) * 200)),
            lambda: idp.users.create("x", password=Secret(PASSWORD + "\0")),
            lambda: idp.users.create("x", kind="service", password=Secret(PASSWORD)),
            lambda: idp.users.update("nobody", password=Secret(PASSWORD)),
            lambda: nobody.users.create("x", password=Secret(PASSWORD)),
            lambda: idp.credentials.reset_password(resets[0].token, Secret(PASSWORD)),
            lambda: off(AccessKey(access.id, access.secret)).users.me(),
            lambda: off(Bearer(api.secret)).users.me(),
            lambda: off(session).users.me(),
            lambda: off(child).tokens.issue(),
            lambda: off(token).users.me(),
            lambda: idp.tokens.refresh(token),
            lambda: idp.tokens.refresh(token.refresh_token),
            lambda: idp.tokens.verify(Secret(shown(token.value)[:-4] + "AAAA")),
            lambda: idp.credentials.confirm(totp, "123456"),
        ]
        for attempt in attempts:
            with pytest.raises(IdentityError) as raised:
                await attempt()
            chain = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
            birds.silent("".join(chain.format()))
            birds.silent(f"{raised.value!r} {raised.value} {vars(raised.value)}")
    birds.silent(caplog.text)


async def test_the_file_holds_no_secret_in_the_clear_but_that_of_an_authenticator(
    clock: ManualClock, tmp_path: Path
) -> None:
    async with connect(local(f"local://{tmp_path}/x.db"), clock=clock) as idp:
        birds = await furnish(idp, clock)
        totp = birds.models[-1]
        birds.secrets -= {shown(totp.secret), shown(totp.uri)}
        raw = content(tmp_path)
    for secret in birds.secrets:
        assert secret.encode() not in raw


async def test_a_database_url_is_nowhere_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with connect(Local(DATABASE)) as idp:
        with pytest.raises(IdentityError) as raised:
            await idp.users.me()
        chain = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
        told = (
            "".join(chain.format()) + repr(raised.value) + repr(idp) + repr(vars(idp._adapter)) + caplog.text
        )
    assert "canary-hunter2" not in told
    with pytest.raises(ConfigurationError) as malformed:
        Local(MALFORMED)
    chain = traceback.TracebackException.from_exception(malformed.value, capture_locals=True)
    assert "canary-hunter2" not in "".join(chain.format())
