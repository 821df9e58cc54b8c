"""`--explain` on every backend: what would be sent, nothing secret in it, and nothing sent."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from identity_sdk.adapters.registry import adapter_class
from identity_sdk.cli import explain
from identity_sdk.cli.examples import EXAMPLES
from identity_sdk.cli.matrix import capabilities_of
from identity_sdk.secrets import Secret
from identity_sdk.testing import BACKENDS, emulator

Command = Callable[..., Any]
STATEMENT = {"effect": "allow", "actions": ["reports:Read"], "resources": ["reports/*"]}


def lines() -> dict[str, str]:
    """One example of each verb, without what is the shell's."""
    return {name: re.split(r" > \S+| && ", one[0].rpartition(" | ")[2])[0] for name, one in EXAMPLES.items()}


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_verb_is_explained_and_nothing_is_sent(backend: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "readers.json").write_text(json.dumps([STATEMENT]))
    (tmp_path / "token.txt").write_text("secret-in-a-file")
    cells = capabilities_of(adapter_class(backend)).cells
    explained: list[str] = []
    with emulator(backend) as server:
        secrets = [value.reveal() for value in server.options.values() if isinstance(value, Secret)]
        assert secrets
        for name, line in lines().items():
            done = command(
                line.removeprefix("idp ") + " --explain",
                environ={**server.environment, "TOKEN": "secret-in-env", "REFRESH_TOKEN": "secret-in-env"},
                stdin=json.dumps([STATEMENT]),
            )
            assert done.code in (0, 2, 3, 4, 6), (
                done
            )  # refusals that need no server, such as of a made-up token
            assert not any(secret in done.out + done.err for secret in (*secrets, "secret-in"))
            if name in cells and not cells[name].supported:
                assert done.code == 6, done
            elif done.code == 0:
                assert "nothing was sent" in done.out
                explained += [name] if f"{server.url}" in done.out else []
        assert server.requests == []
    assert {"users.list", "users.get", "users.me"} <= set(explained)
    assert len(explained) > 12


def test_a_request_as_it_would_go_out(command: Command) -> None:
    with emulator("lakefs") as server:
        done = command(
            "groups add-member 'a b' ada --explain",
            environ=server.environment,
        )
        assert server.requests == []
    assert f"PUT {server.url}/auth/groups/a%20b/members/ada\n" in done.out
    assert "Authorization: **********" in done.out
    assert "User-Agent: unified-identity-sdk/" in done.out


def test_a_body_without_its_secrets(command: Command) -> None:
    with emulator("argus") as server:
        words = "credentials reset-password --token env:RESET --new-password env:RESET --explain"
        done = command(words, environ={**server.environment, "RESET": "a-long-new-secret"})
        assert server.requests == []
    assert done.code == 0
    assert '": "**********"' in done.out
    assert "a-long-new-secret" not in done.out


def test_a_plan_of_several_steps_has_placeholders_for_what_would_be_read(command: Command) -> None:
    with emulator("argus") as server:
        done = command("users delete ada --explain", environ=server.environment)
        assert server.requests == []
        steps = re.findall(r"^\d+\. (\w+)$", done.out, re.MULTILINE)
        assert command("users delete ada", environ=server.environment).code == 0
        sent = [f"{one.method} {one.path}" for one in server.requests]
    assert steps[:2] == ["get_user", "list_user_api_keys"]
    assert "{get_user.data.number}" in done.out
    assert "In braces stands what would have to be read" in done.out
    # What is then really sent begins in the same way.
    planned = re.findall(r"^   ([A-Z]+) (\S+)$", done.out, re.MULTILINE)
    for (method, url), real in zip(planned[:2], sent, strict=False):
        pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(url.removeprefix(server.url)))
        assert re.fullmatch(f"{method} {pattern}", real), (url, real)


def test_the_plan_is_what_is_then_sent(command: Command) -> None:
    """To the letter, for a user with one key: placeholders stand where its id comes."""
    with emulator("lakefs") as server:
        assert command("credentials create linus --reveal", environ=server.environment).code == 0
        server.requests.clear()
        done = command("users delete linus --explain", environ=server.environment)
        assert server.requests == []
        planned = re.findall(r"^   ([A-Z]+) (http\S+)$", done.out, re.MULTILINE)
        assert command("users delete linus", environ=server.environment).code == 0
        sent = [(one.method, f"{one.path}?{one.query}".rstrip("?")) for one in server.requests]
    assert len(planned) == len(sent) > 3
    for (method, url), (really, path) in zip(planned, sent, strict=True):
        pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(url.removeprefix(server.url)))
        assert method == really
        assert re.fullmatch(pattern, path), (url, path)


def test_a_login_is_part_of_the_plan(command: Command) -> None:
    with emulator("lakefs") as server:
        done = command("users me --explain --set sign_in=login", environ=server.environment)
        assert server.requests == []
    assert done.code == 0
    assert done.out.index("/auth/login") < done.out.index("/user")
    assert '"secret_access_key": "**********"' in done.out
    assert server.environment["IDENTITY_SDK_SECRET_ACCESS_KEY"] not in done.out


def test_a_list_tells_that_pages_follow(command: Command) -> None:
    with emulator("lakefs") as server:
        done = command("users list --prefix a --explain", environ=server.environment)
    assert "prefix=a" in done.out
    assert "for each further page" in done.out


def test_a_refusal_needs_no_server(command: Command) -> None:
    with emulator("lakefs") as server:
        done = command("users update ada --name Ada --explain", environ=server.environment)
        assert (done.code, done.out) == (6, "")
        assert server.requests == []


def test_the_embedded_provider_sends_nothing_anyhow(command: Command, tmp_path: Path) -> None:
    done = command("users create ada --explain --url local:identity.db")
    assert done.code == 0
    assert "sends no request" in done.out
    assert not (tmp_path / "identity.db").exists()


def test_the_words_of_the_shell_are_not_in_the_examples() -> None:
    assert all(shlex.split(line)[0] == "idp" for line in lines().values())


@pytest.mark.parametrize(
    ("raw", "kind", "shown"),
    [
        (b"", "", ""),
        (
            b"user=ada&password=long+secret&state=abc",
            "application/x-www-form-urlencoded",
            "user=ada&password=*",
        ),
        (b"\x00\x01", "application/octet-stream", "(2 bytes)"),
        (b'[{"token": "t", "number": 1, "list": ["x"]}]', "application/json", '"token": "**********"'),
    ],
)
def test_bodies_of_every_kind(raw: bytes, kind: str, shown: str) -> None:
    told = explain._body(raw, kind)
    assert shown in told
    assert "long" not in told
    assert "abc" not in told


@pytest.mark.parametrize(
    ("name", "secretive"),
    [
        ("password", True),
        ("refreshToken", True),
        ("code", True),
        ("state", True),
        ("secret_access_key", True),
        ("access_key_id", False),
        ("token_type", False),
        ("keyboard", False),
        ("country_code", False),
    ],
)
def test_what_is_secret_by_its_name(name: str, secretive: bool) -> None:
    assert explain._is_secretive(name) is secretive


def test_a_secret_in_the_path_or_the_query_is_masked(command: Command) -> None:
    """An OAuth callback has its code in the query."""
    with emulator("lakefs") as server:
        words = "sessions create oauth --code hidden-code --state hidden-state --reveal --explain"
        done = command(words, environ=server.environment)
        assert server.requests == []
    assert "hidden" not in done.out + done.err


def test_a_verb_that_waits_for_an_answer_has_an_end(command: Command) -> None:
    with emulator("lakefs") as server:
        done = command("users delete ada --wait --explain", environ=server.environment)
        assert server.requests == []
    assert done.code == 0
    assert "delete_user" in done.out
    assert "_user_credentials" in done.out
    assert len(re.findall(r"^\d+\. ", done.out, re.MULTILINE)) <= 25
