"""A secret never shows: not in messages, reports and reprs, and not in tracebacks that print local variables."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from identity_sdk.config import resolve
from identity_sdk.errors import ConfigurationError

Write = Callable[[str], Path]
CANARY = "canary-7c1d"
NONE = Path("no-such-folder") / "config.toml"
URL = "https://a.example.com"
FROM_HERE = Path(__file__).name


def shown(error: BaseException) -> str:
    """The whole traceback with locals, without the frames of the tests themselves, and the chain behind it."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        told = traceback.TracebackException.from_exception(seen, capture_locals=True)
        told.stack = traceback.StackSummary.from_list(
            [frame for frame in told.stack if not frame.filename.endswith((FROM_HERE, "conftest.py"))]
        )
        told.__cause__ = told.__context__ = None
        parts += told.format()
        seen = seen.__cause__ or seen.__context__
    return "".join(parts) + repr(error)


WITH_USERINFO = [
    f"toy+https://user:{CANARY}@h.example.com",
    f"https://user:{CANARY}@h.example.com",
    f"toy+https:/user:{CANARY}@h.example.com",
    f"toy+https:///user:{CANARY}@h.example.com",
    f"toy:user:{CANARY}@h.example.com",
    f"//user:{CANARY}@h.example.com",
    f"local+postgresql://user:{CANARY}@h.example.com/db",
    f"local://user:{CANARY}@h.example.com/db",
]


@pytest.mark.parametrize("url", WITH_USERINFO)
def test_a_url_with_userinfo_is_refused_and_not_shown(url: str, profiles: Write) -> None:
    path = profiles(f'[profiles.one]\ntarget = "{url}"\n')
    calls: list[tuple[str | None, Mapping[str, object], Mapping[str, str]]] = [
        (url, {}, {}),
        (None, {}, {"IDENTITY_SDK_TARGET": url}),
        (None, {"profile": url}, {}),
        ("one", {}, {}),
        ("toy", {"base_url": url.removeprefix("toy+")}, {}),
        ("toy", {}, {"IDENTITY_SDK_BASE_URL": url.removeprefix("toy+")}),
    ]
    for target, options, environ in calls:
        with pytest.raises(ConfigurationError, match="password") as caught:
            resolve(target, options, environ=environ, profile_file=path)
        assert CANARY not in shown(caught.value)


def test_an_at_sign_in_a_path_is_no_userinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="there is no adapter 'nowhere'"):
        resolve("nowhere:///home/a@b/identity.db", {}, environ={}, profile_file=NONE)


@pytest.mark.parametrize(
    "base_url",
    [f"https://h.example.com?token={CANARY}", f"ftp://h.example.com/?token={CANARY}", f"x#{CANARY}"],
)
def test_a_query_is_refused_and_not_shown(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="nor a query") as caught:
        resolve("toy", {"base_url": base_url}, environ={}, profile_file=NONE)
    assert CANARY not in shown(caught.value)


def test_reports_and_reprs_show_no_secret(profiles: Write) -> None:
    path = profiles(
        f'[profiles.one]\ntarget = "toy"\nbase_url = "{URL}"\naccess_key_id = "AKIA"\nsecret_access_key = "{CANARY}"\n'
        f'token = "{CANARY}"\nproxy = "http://user:{CANARY}@proxy.example.com"\n'
    )
    resolved = resolve("one", {}, environ={}, profile_file=path)
    assert CANARY not in repr(resolved)
    assert {str(row.value) for row in resolved.settings if row.name == "proxy"} == {
        "**********@proxy.example.com"
    }


WRONG: list[tuple[dict[str, object], dict[str, str], str]] = [
    ({"base_url": "nonsense"}, {}, ""),
    ({"base_url": URL, "deadline": "soon"}, {}, ""),
    ({"base_url": URL, "unknown_option": CANARY}, {}, ""),
    ({"base_url": URL}, {"IDENTITY_SDK_TOKEN": CANARY}, ""),
    ({"base_url": URL}, {"IDENTITY_SDK_ACESS_KEY_ID": CANARY, "PASSWORD": CANARY}, ""),
    ({"base_url": URL, "profile": "one"}, {}, f'token = "{CANARY}"'),
    ({"profile": "one"}, {}, f'token = ["{CANARY}"]'),
    ({"profile": "one"}, {}, f'token = {{a = "{CANARY}"}}'),
    ({"profile": "one"}, {}, f'toke = "{CANARY}"'),
    ({"profile": "one"}, {}, f'token = "{CANARY}"\ndeadline = "soon"'),
    ({"profile": "one"}, {}, f'token = "{CANARY}"\nbroken'),
    ({"profile": "two"}, {}, f'token = "{CANARY}"'),
]


@pytest.mark.parametrize(("options", "environ", "line"), WRONG)
def test_errors_and_their_tracebacks_show_no_secret(
    options: dict[str, object], environ: dict[str, str], line: str, profiles: Write
) -> None:
    path = profiles(f'[profiles.one]\ntarget = "toy"\n{line}\n')
    secret = {"secret_access_key": CANARY, "access_key_id": "AKIA"} if "profile" not in options else {}
    with pytest.raises(ConfigurationError) as caught:
        resolve("toy", {**options, **secret}, environ={**environ, "AWS_SECRET": CANARY}, profile_file=path)
    assert CANARY not in shown(caught.value)


# ----------------------------------------------------------------------------------------------------- fuzz
NAMES = st.sampled_from(
    [
        "base_url",
        "token",
        "access_key_id",
        "deadline",
        "retries",
        "backoff",
        "tls",
        "profile",
        "config",
        "bogus",
        "clock",
    ]
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.just(URL),
    st.just("toy"),
    st.just(object()),
)
TARGETS = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.just("toy"),
    st.just("toy+" + URL),
    st.integers(),
    st.from_regex(r"\A[a-z+:/@.?]{0,20}\Z"),
)


@settings(deadline=None)  # a busy machine is no fault
@given(
    TARGETS,
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.dictionaries(NAMES.map(lambda name: "IDENTITY_SDK_" + name.upper()), st.text(max_size=20), max_size=3),
)
@example("toy+https://[", {}, {})
@example("toy+https://h:99999", {}, {})
@example(None, {"config": "~nobody-of-this-name/x"}, {})
@example("toy", {"base_url": "http://\ud800"}, {})
@example("\ud800", {}, {})
def test_bad_input_is_always_a_configuration_error(
    target: Any, options: dict[str, object], environ: dict[str, str]
) -> None:
    with contextlib.suppress(ConfigurationError):
        resolve(target, options, environ=environ, profile_file=NONE)


@settings(deadline=None)  # a busy machine is no fault
@given(st.one_of(st.text(), st.text(alphabet='[]="\nprofilestg.#, {}1')))
def test_a_random_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "config.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigurationError):
        resolve(None, {}, environ={}, profile_file=path)
