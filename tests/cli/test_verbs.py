"""Every verb of the facade runs from `idp`, on the embedded provider in a file, with what it says looked at."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import pyotp
import pytest

from identity_sdk.cli import main
from identity_sdk.cli.examples import EXAMPLES
from identity_sdk.cli.signature import AREAS, verbs_of
from identity_sdk.cli.sources import read_secret
from identity_sdk.errors import ConfigurationError
from identity_sdk.models import Credential, Model
from identity_sdk.secrets import Secret

FACADE = [f"{area}.{verb.name}" for area in AREAS for verb in verbs_of(area)]


class Console:
    """`idp` on one store: runs main() and answers what it printed."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.url = url
        self.capsys = capsys
        self.patch = patch
        self.ran: set[str] = set()

    def __call__(self, line: str, *, code: int = 0, stdin: str = "") -> str:
        words = shlex.split(line)
        self.patch.setattr(sys, "stdin", io.StringIO(stdin))
        self.capsys.readouterr()
        assert main([*words, *([] if "--url" in words else ["--url", self.url])]) == code, (
            self.capsys.readouterr()
        )
        done = self.capsys.readouterr()
        self.err = done.err
        if code == 0:
            aliases = {"login": "create", "logout": "end"} if words[0] == "sessions" else {}
            self.ran.add(f"{words[0]}.{aliases.get(words[1], words[1]).replace('-', '_')}")
        else:
            assert len(done.err.splitlines()) == 1
        return done.out

    def json(self, line: str, **given: Any) -> Any:
        return json.loads(self(f"{line} -o json", **given))

    def fields(self, line: str, **given: Any) -> dict[str, str]:
        """A card: a field and its value a line."""
        pairs = [row.split(None, 1) for row in self(line, **given).splitlines()]
        return {row[0]: row[1] for row in pairs}


@pytest.fixture
def idp(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("IDENTITY_SDK_TARGET", "IDENTITY_SDK_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return Console("local:identity.db", capsys, monkeypatch)


def test_every_verb_of_the_facade_runs(idp: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One walk through all 48, each with a real result."""
    users_and_groups(idp)
    policies(idp, tmp_path)
    credentials(idp, tmp_path, monkeypatch)
    sessions_and_tokens(idp, tmp_path, monkeypatch)
    endings(idp)
    # There is nobody on the embedded provider's command line who could send the token: tests on an emulator do that.
    assert idp.ran == set(FACADE) - {"credentials.request_password_reset", "credentials.reset_password"}


def users_and_groups(idp: Console) -> None:
    assert idp.fields("users create ada --email ada@example.com --name Ada")["id"] == "ada"
    idp("users create bob --password -", stdin="a good password\n")
    idp("users create ada", code=5)
    assert idp.json("users create ada --exist-ok")["name"] == "Ada"
    assert [one["id"] for one in idp.json("users list --prefix a")] == ["ada"]
    assert idp.json("users get ada")["email"] == "ada@example.com"
    assert idp.json("users update ada --name 'Ada L.' --erase email --active")["email"] is None
    assert idp.json("users update ada --no-active")["active"] is False
    assert idp.json("users update ada --active")["active"] is True
    assert idp.json("users me")["id"] == "root"
    assert idp.json("groups create analysts --description readers")["id"] == "analysts"
    assert idp.json("groups update analysts --name Analysts")["name"] == "Analysts"
    assert idp.json("groups get analysts")["description"] == "readers"
    assert idp("groups add-member analysts ada") == "done\n"
    assert [one["id"] for one in idp.json("groups members analysts")] == ["ada"]
    assert [one["id"] for one in idp.json("users groups ada")] == ["analysts"]
    assert idp.json("groups add-member analysts bob") is None
    assert idp("groups remove-member analysts bob -o ndjson") == ""
    assert [one["id"] for one in idp.json("groups list")] == ["analysts"]


def policies(idp: Console, folder: Path) -> None:
    rule = {"effect": "allow", "actions": ["reports:Read"], "resources": ["reports/*"]}
    (folder / "rules.json").write_text(json.dumps([rule]))
    assert idp.json("policies create readers --file rules.json")["statements"][0]["actions"] == [
        "reports:Read"
    ]
    held = idp("policies get readers -o json")
    assert idp.json("policies update readers --file - --description all", stdin=held)["description"] == "all"
    assert (
        idp.json("policies update readers --file -", stdin=json.dumps(rule))["statements"][0]["effect"]
        == "allow"
    )
    assert [one["id"] for one in idp.json("policies list")] == ["readers"]
    idp("policies attach readers --group analysts")
    assert [one["id"] for one in idp.json("groups policies analysts")] == ["readers"]
    assert [one["id"] for one in idp.json("users policies ada --effective")] == ["readers"]
    assert idp.json("policies permissions ada")[0]["resources"] == ["reports/*"]
    assert idp.json("policies check ada reports:Read reports/1")["allowed"] is True
    assert idp.json("policies check ada reports:Write reports/1")["allowed"] is False
    assert idp("policies require ada reports:Read reports/1") == "done\n"
    idp("policies require ada reports:Write reports/1", code=4)
    idp("policies detach readers --group analysts")
    idp("policies detach readers --group analysts --user ada", code=2)


def credentials(idp: Console, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = idp.json("credentials create ada --reveal")
    monkeypatch.setenv("KEY", key["secret"])
    as_ada = f"--set access_key_id={key['id']} --set secret_access_key=env:KEY"
    assert idp.json(f"users me {as_ada}")["id"] == "ada"
    assert idp.json(f"credentials get {key['id']} --user ada")["secret"] is None
    assert key["id"] in [one["id"] for one in idp.json("credentials list ada")]
    idp(f"credentials rotate {key['id']} --user ada --secret-file new.json")
    new = json.loads((folder / "new.json").read_text())
    assert new["id"] != key["id"]
    assert stat.S_IMODE((folder / "new.json").stat().st_mode) == 0o600
    idp(f"users me {as_ada}", code=4)
    idp(f"credentials delete {new['id']} --user ada")
    idp(f"credentials delete {new['id']} --user ada", code=3)
    assert idp.json(f"credentials delete {new['id']} --user ada --missing-ok")["existed"] is False
    seed = idp.json("credentials create ada --kind totp --reveal")
    code = pyotp.TOTP(seed["secret"]).now()
    assert idp.json(f"credentials confirm {seed['id']} {code} --user ada")["confirmed"] is True
    api = idp.json("credentials create bob --kind api_key --lifetime 600 --reveal")
    renewed = idp.json(f"credentials renew {api['id']} --user bob --lifetime 6000")
    assert renewed["expires_at"] > api["expires_at"]
    assert "on_reset" in idp("credentials request-password-reset a@example.com", code=6) + idp.err


def sessions_and_tokens(idp: Console, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "password" in [one["id"] for one in idp.json("sessions methods")]
    out = idp("sessions login password --identifier bob --reveal -o json", stdin="a good password\n")
    monkeypatch.setenv("TOKEN", json.loads(out)["token"])
    (folder / "session.json").write_text(out)
    as_bob = "--set token=env:TOKEN"
    assert idp.json(f"sessions current {as_bob}")["user_id"] == "bob"
    assert idp.json(f"sessions constrain users:Get --lifetime 60 --reveal {as_bob}")["scopes"] == [
        "users:Get"
    ]
    assert idp.json("sessions impersonate ada --reveal")["user_id"] == "ada"
    token = idp.json(f"tokens issue --scope users:Get --lifetime 60 --reveal {as_bob}")
    monkeypatch.setenv("ACCESS", token["value"])
    monkeypatch.setenv("REFRESH", token["refresh_token"])
    assert idp.json("tokens verify --token env:ACCESS")["subject"] == "bob"
    assert idp.json("tokens introspect --token -", stdin=token["value"] + "\n")["active"] is True
    assert token["id"] in [one["id"] for one in idp.json("tokens list bob")]
    assert idp.json(f"tokens get {token['id']}")["value"] is None
    fresh = idp.json(f"tokens refresh --token env:REFRESH --reveal {as_bob}")
    assert fresh["value"] != token["value"]
    idp(f"tokens revoke {fresh['id']}")
    assert idp.json("sessions logout --file session.json")["server_side"] is True
    idp(f"users me {as_bob}", code=4)


def endings(idp: Console) -> None:
    assert idp.json("policies delete readers")["existed"] is True
    assert idp.json("groups delete analysts")["id"] == "analysts"
    assert idp.json("users delete ada")["id"] == "ada"
    idp("users delete ada", code=3)
    assert idp.json("users delete ada --missing-ok")["existed"] is False
    idp("users get ada", code=3)


# ------------------------------------------------------------------------------------- by construction
def test_every_verb_has_an_example_that_can_be_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is given to the real parser; what comes after a pipe, `>` or `&&` is the shell's."""
    from identity_sdk.cli import verbs

    monkeypatch.setattr(verbs, "run", lambda args: 0)
    assert EXAMPLES.keys() == set(FACADE)
    for name, lines in EXAMPLES.items():
        area = name.partition(".")[0]
        assert lines
        for line in lines:
            for part in re.split(r" \| | > \S+| && .*", line):
                if part:
                    assert part.startswith(f"idp {area} ")
                    assert main(shlex.split(part)[1:]) == 0, part


@pytest.mark.parametrize("area", list(AREAS))
def test_help_tells_everything_a_verb_takes(area: str, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in verbs_of(area):
        with pytest.raises(SystemExit):
            main([area, verb.command, "--help"])
        told = capsys.readouterr().out
        assert "``" not in told
        assert ":class:" not in told
        assert "examples:\n  idp " in told
        for parameter in verb.parameters:
            assert parameter.help, (verb.name, parameter.name)
            assert (
                parameter.name.rstrip("s").upper() in told
                or parameter.option.rstrip("s") in told
                or "--file" in told
            )


def test_what_holds_a_new_secret_is_known_beforehand() -> None:
    made = {f"{area}.{verb.name}" for area in AREAS for verb in verbs_of(area) if verb.makes_secrets}
    assert made == {
        "credentials.create",
        "credentials.rotate",
        "sessions.create",
        "sessions.constrain",
        "sessions.impersonate",
        "tokens.issue",
        "tokens.refresh",
    }


# --------------------------------------------------------------------------------------------- secrets
def test_a_secret_that_would_be_lost_is_not_made(idp: Console) -> None:
    idp("users create ada")
    idp("credentials create ada", code=2)
    assert "--reveal" in idp.err
    assert "--secret-file" in idp.err
    assert idp.json("credentials list ada") == []


def test_a_secret_file_is_never_written_over_and_is_gone_after_a_failure(
    idp: Console, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("precious")
    idp("users create ada")
    idp("credentials create ada --secret-file mine", code=2)
    assert (tmp_path / "mine").read_text() == "precious"
    assert idp.json("credentials list ada") == []
    idp("credentials create nobody --secret-file other", code=3)
    assert not (tmp_path / "other").exists()


def test_without_reveal_a_secret_is_masked(idp: Console, tmp_path: Path) -> None:
    idp("users create ada")
    for form in ("table", "json", "ndjson", "csv"):
        out = idp(f"credentials create ada --secret-file {form} -o {form}")
        secret = json.loads((tmp_path / form).read_text())["secret"]
        assert secret not in out
        assert "**********" in out
        assert json.loads((tmp_path / form).read_text())["id"] in out


def test_a_revealed_secret_is_whole(idp: Console) -> None:
    idp("users create ada")
    assert re.search(r"secret +\S{30,}\n", idp("credentials create ada --reveal"))
    assert "**" not in idp("credentials create ada --reveal -o csv")
    assert json.loads(idp("credentials create ada --reveal -o ndjson"))["secret"]


@pytest.mark.parametrize(
    "line",
    [
        "users create ada --password hunter2secret",
        "users list --set token=hunter2secret",
        "users list --set secret_access_key=hunter2secret",
        "users list --provider local --set database_url=hunter2secret",
        "tokens verify --token hunter2secret",
    ],
)
def test_a_secret_as_an_argument_is_refused_and_not_repeated(line: str, idp: Console) -> None:
    assert idp(line, code=2) == ""
    assert "say where to read it" in idp.err
    assert "hunter2" not in idp.err


@pytest.mark.parametrize(
    ("source", "told"),
    [("env:NOT_SET_AT_ALL", "nothing to read"), ("-", "nothing to read"), ("file:none", "cannot be read")],
)
def test_a_source_without_a_secret_is_told(source: str, told: str, idp: Console) -> None:
    idp(f"users create ada --password {source}", code=2)
    assert told in idp.err


def test_at_a_prompt_a_new_secret_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from identity_sdk.cli import sources

    answers = iter(["one", "other", "old", "", ""])
    monkeypatch.setattr(sources, "getpass", lambda prompt, stream: next(answers))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(ConfigurationError, match="nothing was done"):
        read_secret("ask", "password", new=True)
    assert read_secret("ask", "token") == Secret("old")
    with pytest.raises(ConfigurationError, match="nothing to read"):
        read_secret("ask", "password", new=True)


def test_a_secret_from_a_file_loses_one_line_break_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" two \n\n")
    assert read_secret(f"file:{tmp_path / 'secret'}", "it") == Secret(" two \n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="no UTF-8"):
        read_secret(f"file:{tmp_path / 'bytes'}", "it")


# ---------------------------------------------------------------------------------------------- output
def test_the_forms_of_a_list(idp: Console) -> None:
    for name in ("ada", "al", "bob"):
        idp(f"users create {name} --name '=1+1'")
    table = idp("users list").splitlines()
    assert table[0].split()[:2] == ["ID", "NAME"]
    assert [line.split()[0] for line in table[1:]] == ["ada", "al", "bob"]
    lines = [json.loads(line) for line in idp("users list -o ndjson").splitlines()]
    assert [one["id"] for one in lines] == ["ada", "al", "bob"]
    assert lines == idp.json("users list")
    rows = list(csv.DictReader(io.StringIO(idp("users list -o csv"))))
    assert [row["id"] for row in rows] == ["ada", "al", "bob"]
    assert rows[0]["name"] == "'=1+1"  # a spreadsheet would have reckoned
    assert list(rows[0]) == list(lines[0])


def test_an_empty_list_is_still_a_list(idp: Console) -> None:
    assert idp("users list") == ""
    assert idp.err == "none\n"
    assert idp.json("users list") == []
    assert idp("users list -o ndjson") == ""
    assert idp("users list -o csv") == ""


def test_a_list_that_was_cut_short_tells_how_to_go_on(idp: Console) -> None:
    for name in ("ada", "bob"):
        idp(f"users create {name}")
    assert [one["id"] for one in idp.json("users list --limit 1")] == ["ada"]
    found = re.search(r"--cursor '(.+)'", idp.err)
    assert found is not None
    assert [one["id"] for one in idp.json(f"users list --cursor '{found[1]}'")] == ["bob"]


def test_what_would_hurt_a_terminal_is_written_as_an_escape(idp: Console) -> None:
    idp("users create ada --name 'red \x1b[31m'")
    for line in ("users list", "users get ada"):
        out = idp(line)
        assert "\x1b" not in out
        assert "red \\x1b[31m" in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "holds no JSON"),
        ("{}", "holds no statements"),
        ('[{"effect": "maybe", "actions": [], "resources": []}]', "holds no statements"),
        ('"x"', "holds no statements"),
    ],
)
def test_statements_that_are_none_are_told_with_an_example(text: str, told: str, idp: Console) -> None:
    idp("policies create p --file -", code=2, stdin=text)
    assert told in idp.err


def test_a_session_file_that_is_none(idp: Console) -> None:
    idp("sessions logout --file -", code=2, stdin="{}")
    assert "holds no session" in idp.err


# -------------------------------------------------------------------------------------------- where to
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("users list --url https://h.example.com", "whose URL is that?"),
        ("users list --provider argus --url local:x", "--url is not one of argus"),
        ("users list --url local: --set deadline", "--set takes OPTION=VALUE"),
        ("users list --url local: --set retries=1 --set retries=2", "retries is given twice"),
        ("users list --url local: --set colour=red", "local has no option 'colour'"),
        ("users update ada --url local: --name x --erase name", "both given and erased"),
        ("users list --url local: --limit x", "argument --limit: invalid int value: 'x'"),
        ("users frobnicate --url local:", "invalid choice: 'frobnicate'"),
    ],
)
def test_wrong_usage(line: str, told: str, idp: Console) -> None:
    with contextlib.suppress(SystemExit):
        idp(line, code=2)
    told_there = getattr(idp, "err", "") or idp.capsys.readouterr().err
    assert told in told_there
    assert len(told_there.splitlines()) == 1


def test_nothing_to_connect_to(idp: Console) -> None:
    assert main(["users", "list"]) == 2
    told = idp.capsys.readouterr().err
    assert "idp login" in told
    assert "--url local:identity.db" in told
    assert "connect(" not in told


@pytest.mark.parametrize("missing", ["rich", "keyring", "tomlkit", "argcomplete"])
def test_without_the_extra_one_line_says_what_to_install(
    missing: str, idp: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    idp("users list", code=2)
    assert "pip install 'unified-identity-sdk[cli]'" in idp.err


def test_every_model_that_can_be_answered_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from identity_sdk.cli.output import plain, print_object

    one = Credential(id="k", secret=Secret("s3cret"))
    assert isinstance(one, Model)
    assert plain(one)["secret"] == "**********"
    assert plain(one, reveal=True)["secret"] == "s3cret"
    with pytest.raises(TypeError):
        plain("text")
    print_object(None, "csv")
    assert capsys.readouterr().out == ""


# -------------------------------------------------------------------------------------------------- resets, on a server
def test_a_password_is_reset_on_a_server_that_sends_tokens(
    idp: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """lakeFS sends a token by mail; here it is taken from the emulator's outbox."""
    from identity_sdk.emulators import lakefs, server
    from identity_sdk.emulators.faults import server_time
    from identity_sdk.store import Store
    from identity_sdk.testing.directory import apart

    store = Store.open("sqlite://", clock=server_time)
    app = lakefs.create_app(store, setup=True)
    apart(app.state.emulator.prepare)
    with server.running(app) as origin:
        admin = app.state.emulator.admin
        monkeypatch.setenv("KEY", admin.secret_access_key)
        where = (
            f"--url lakefs+{origin}/api/v1 --set proxy= --set access_key_id={admin.access_key_id} "
            "--set secret_access_key=env:KEY"
        )
        idp(f"users create ada@example.com --extra invite=true {where}")
        idp(f"users create bob --extra invited=true {where}", code=2)
        assert "takes invite, existing_credentials beside" in idp.err
        assert idp(f"credentials request-password-reset ada@example.com {where}") == "done\n"
        monkeypatch.setenv("RESET", app.state.emulator.outbox[-1].token)
        words = f"credentials reset-password --token env:RESET --new-password - {where}"
        assert idp(words, stdin="a good new password\n") == "done\n"
        idp(words, stdin="a good new password\n", code=4)  # it works once
    apart(store.aclose)
