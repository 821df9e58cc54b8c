"""`idp quickstart` in a real process: it does what it says, and fails when a step does not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from anyio.lowlevel import checkpoint

from identity_sdk.adapters.local.credentials import LocalCredentials
from identity_sdk.adapters.local.models import LocalCredential
from identity_sdk.adapters.local.policies import LocalPolicies
from identity_sdk.adapters.local.users import LocalUsers
from identity_sdk.cli import main
from identity_sdk.models import Decision, Deletion

Run = Callable[..., "subprocess.CompletedProcess[str]"]

EXPECTED = """\
 1. connect("local:")    Opened the embedded provider in memory. No server, no file, speaking as root.
 2. users.create         Made two users: ada and ben.
 3. groups.create        Made the group analysts and put into it: ada.
 4. policies.attach      Gave that group a policy: everything on reports, but never read the salaries.
 5. users.list           Listed the users: ada, ben.
 6. credentials.create   Made ada the access key KEY. Its secret comes only once.
 7. users.me             Signed in by that key: this is ada, of the group analysts.
 8. policies.check       May ada read reports/2026? Yes: allowed by statement 1 of policy 'reports'.
 9. policies.check       May ada read reports/salaries? No: denied by statement 2 of policy 'reports'.
10. users.delete         Tried to delete ben as ada: refused, a PermissionDeniedError. Nothing was changed.
11. users.delete         Deleted ada as root, her key with her: its next use was an AuthenticationError.
"""


def test_it_does_every_step_and_says_so(idp: Run) -> None:
    done = idp("quickstart")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"AK[A-Z0-9]{20}", "KEY", done.stdout) == EXPECTED
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_it_answers_0_to_a_program_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quickstart"]) == 0
    assert capsys.readouterr().out.count("\n") == EXPECTED.count("\n")


def test_settings_for_a_real_backend_do_not_disturb_it(idp: Run) -> None:
    environ = {
        "IDENTITY_SDK_TARGET": "lakefs+https://h.example.com",
        "IDENTITY_SDK_SECRET_ACCESS_KEY": "canary",
        "IDENTITY_SDK_CONFIG": "nowhere.toml",
    }
    done = idp("quickstart", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_it_says_what_to_install(idp: Run) -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; from identity_sdk.cli import main; "
        "sys.exit(main(['quickstart']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "idp: adapter 'local' needs sqlalchemy: pip install 'unified-identity-sdk[local]'\n"


async def always(*args: object, **kwargs: object) -> Decision:
    return Decision(allowed=True, reason="a fault", decided_by="server")


async def nothing(self: object, id: str, **kwargs: object) -> Deletion:
    await checkpoint()
    return Deletion(id=id)


async def no_secret(*args: object, **kwargs: object) -> LocalCredential:
    return LocalCredential(id="AK", kind="access_key", user_id="ada")


@pytest.mark.parametrize(
    ("resource", "verb", "fault", "told"),
    [
        (LocalPolicies, "check", always, "ada may read reports/salaries, against her policy"),
        (LocalUsers, "delete", nothing, "this should have ended in PermissionDeniedError"),
        (LocalCredentials, "create", no_secret, "the new key came without its secret"),
    ],
)
def test_a_step_that_fails_is_exit_code_1(
    resource: type,
    verb: str,
    fault: object,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(resource, verb, fault)
    assert main(["quickstart"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"idp: {told}"
