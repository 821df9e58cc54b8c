"""Which source wins, what the report says about it, and where a secret may go."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_sdk.adapters.base import Adapter
from identity_sdk.config import Resolved, Setting, resolve
from identity_sdk.config.profiles import ProfileFile, read_profiles
from identity_sdk.config.values import ARGUMENT_ONLY, CLIENT_KINDS, Sealed
from identity_sdk.errors import ConfigurationError
from identity_sdk.options import ClientOptions
from identity_sdk.secrets import REDACTED, Secret

Write = Callable[[str], Path]
NONE = Path("no-such-folder") / "config.toml"
URL = "https://a.example.com/api/v1"
KEY = {"access_key_id": "AKIA1", "secret_access_key": "canary-secret"}


def row(resolved: Resolved, name: str) -> Setting:
    return next(setting for setting in resolved.settings if setting.name == name)


def built(resolved: Resolved) -> Mapping[str, object]:
    values: Mapping[str, object] = vars(resolved.adapter)["given"]
    return values


# ----------------------------------------------------------------------------------------------- precedence
@pytest.mark.parametrize("present", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("name", ["deadline", "organization"])
def test_arguments_then_environment_then_profile_then_default(
    name: str, present: tuple[bool, bool, bool], profiles: Write
) -> None:
    argument, variable, profile = present
    of = {"deadline": ("1", "2", "3"), "organization": ("a", "b", "c")}[name]
    path = profiles(
        f'[profiles.one]\ntarget = "toy"\nbase_url = "{URL}"\n' + (f'{name} = "{of[2]}"\n' if profile else "")
    )
    resolved = resolve(
        "one",
        {name: of[0]} if argument else {},
        environ={f"IDENTITY_SDK_{name.upper()}": of[1]} if variable else {},
        profile_file=path,
    )
    expected, origin = next(
        (
            (value, source)
            for here, value, source in (
                (argument, of[0], "argument"),
                (variable, of[1], f"environment variable IDENTITY_SDK_{name.upper()}"),
                (profile, of[2], f"profile 'one' in {path}"),
            )
            if here
        ),
        (None, "default" if name == "deadline" else "not set"),
    )
    if name == "deadline":
        assert resolved.client.deadline == (float(expected) if expected else ClientOptions().deadline)
        assert row(resolved, name) == Setting(name, resolved.client.deadline, origin)
    else:
        assert built(resolved).get(name) == expected
        assert row(resolved, name) == Setting(name, expected, origin)


def test_every_setting_is_reported_once_with_its_origin(profiles: Write) -> None:
    path = profiles(
        'default = "one"\n[profiles.one]\ntarget = "toy+https://p.example.com/x"\ntoken = "canary"\n'
    )
    resolved = resolve(None, {"retries": 0}, environ={"IDENTITY_SDK_TIMEOUT": "3"}, profile_file=path)
    assert [setting.name for setting in resolved.settings] == [
        "profile",
        "target",
        "base_url",
        "access_key_id",
        "secret_access_key",
        "token",
        "organization",
        *(option.name for option in fields(ClientOptions)),
    ]
    assert row(resolved, "profile") == Setting("profile", "one", str(path))
    assert row(resolved, "target").value == "toy+https://p.example.com/x"
    assert row(resolved, "base_url") == Setting(
        "base_url", "https://p.example.com/x", f"profile 'one' in {path}"
    )
    assert row(resolved, "token").value == REDACTED
    assert row(resolved, "access_key_id") == Setting("access_key_id", None, "not set")
    assert row(resolved, "retries") == Setting("retries", 0, "argument")
    assert row(resolved, "backoff") == Setting("backoff", [0.1, 5.0], "default")
    assert resolved.client == ClientOptions(retries=0, timeout=3.0)


def test_none_and_an_empty_variable_count_as_not_given() -> None:
    resolved = resolve(
        "toy",
        {"base_url": URL, "organization": None, "deadline": None, "proxy": ""},
        environ={"IDENTITY_SDK_ORGANIZATION": "", "IDENTITY_SDK_DEADLINE": "7", "IDENTITY_SDK_": "x"},
        profile_file=NONE,
    )
    assert built(resolved) == {"base_url": URL}
    assert resolved.client.deadline == 7
    assert resolved.client.proxy == ""  # an argument says: no proxy at all


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_SDK_TARGET", "toy+" + URL)
    monkeypatch.setenv("IDENTITY_SDK_TOKEN", "canary")
    resolved = resolve(None, {})
    assert resolved.adapter.base_url == URL
    assert built(resolved)["token"] == Secret("canary")


# --------------------------------------------------------------------------------------- what to connect to
def test_the_first_source_that_names_a_target_or_a_profile_decides(profiles: Write) -> None:
    path = profiles(
        'default = "c"\n'
        '[profiles.a]\ntarget = "toy"\nbase_url = "https://a.example.com"\n'
        '[profiles.b]\ntarget = "toy"\nbase_url = "https://b.example.com"\n'
        '[profiles.c]\ntarget = "toy"\nbase_url = "https://c.example.com"\n'
    )

    def place(target: str | None, options: Mapping[str, object], **environ: str) -> str:
        variables = {f"IDENTITY_SDK_{name}": value for name, value in environ.items()}
        return resolve(target, options, environ=variables, profile_file=path).adapter.base_url

    assert place("a", {}, TARGET="b", PROFILE="b") == "https://a.example.com"
    assert place(None, {"profile": "a"}, TARGET="toy+https://e.example.com") == "https://a.example.com"
    assert place("toy", {"base_url": "https://x.example.com"}, PROFILE="b") == "https://x.example.com"
    assert place("toy", {"profile": "b"}) == "https://b.example.com"
    assert place("toy+https://x.example.com", {"profile": "b"}) == "https://x.example.com"
    assert place(None, {}, TARGET="b") == "https://b.example.com"
    assert place(None, {}, PROFILE="b") == "https://b.example.com"
    assert place(None, {}, TARGET="toy", BASE_URL="https://e.example.com") == "https://e.example.com"
    assert place(None, {}) == "https://c.example.com"


def test_a_profile_counts_only_when_it_is_named(profiles: Write) -> None:
    path = profiles('default = "one"\n[profiles.one]\ntarget = "toy"\norganization = "acme"\n')
    resolved = resolve("toy", {"base_url": URL}, environ={}, profile_file=path)
    assert "organization" not in built(resolved)


def test_an_adapters_name_wins_over_a_profile_of_that_name(profiles: Write) -> None:
    path = profiles('[profiles.toy]\ntarget = "toy"\nbase_url = "https://p.example.com"\n')
    assert resolve("toy", {"base_url": URL}, environ={}, profile_file=path).adapter.base_url == URL
    assert (
        resolve(None, {"profile": "toy"}, environ={}, profile_file=path).adapter.base_url
        == "https://p.example.com"
    )
    with pytest.raises(
        ConfigurationError, match=r"base_url is missing \('toy' is the adapter here; .*profile='toy'\)"
    ):
        resolve("toy", {}, environ={}, profile_file=path)


def test_a_broken_file_does_not_hide_the_adapters_own_error(profiles: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"base_url is missing$"):
        resolve("toy", {}, environ={}, profile_file=profiles("broken"))


@pytest.mark.parametrize("spelled", ["toy+https", "TOY+https"])
def test_a_url_names_adapter_and_place(spelled: str) -> None:
    resolved = resolve(f"{spelled}://h.example.com:8443/api/v1/", {}, environ={}, profile_file=NONE)
    assert resolved.adapter.base_url == "https://h.example.com:8443/api/v1"


@pytest.mark.parametrize(
    ("target", "options", "environ", "told"),
    [
        (None, {}, {}, "nothing says what to connect to.*IDENTITY_SDK_TARGET.*connect\\('local:'\\)"),
        (None, {"base_url": URL}, {"IDENTITY_SDK_TOKEN": "t"}, "nothing says what to connect to"),
        ("https://h.example.com", {}, {}, r"must name its adapter: lakefs\+https://"),
        ("tyo+https://h.example.com", {}, {}, "there is no adapter 'tyo': did you mean 'toy'"),
        (
            "tooy",
            {},
            {},
            "there is no adapter or profile 'tooy', and no file of profiles: did you mean 'toy'",
        ),
        ("???", {}, {}, "must be an adapter's name, a URL or a profile's name"),
        ("", {}, {}, "must be an adapter's name, a URL or a profile's name"),
        (7, {}, {}, "target must be a string, not of the type int"),
        ("toy", {"target": "toy"}, {}, "target is given twice"),
        ("toy", {"profile": 3}, {}, "profile must be a string"),
        ("toy+" + URL, {"base_url": URL}, {}, "base_url is given twice: by the target, and by argument"),
        (
            None,
            {},
            {"IDENTITY_SDK_TARGET": "toy+" + URL, "IDENTITY_SDK_BASE_URL": URL},
            "base_url is given twice",
        ),
        ("anchored+https://h.example.com", {}, {}, "anchored takes no URL"),
        (None, {}, {"IDENTITY_SDK_TARGET": "anchored+https://h.example.com"}, "anchored takes no URL"),
        ("greedy", {}, {}, "its option deadline is the client's"),
    ],
)
def test_a_target_that_names_nothing(
    target: str, options: dict[str, object], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        resolve(target, options, environ=environ, profile_file=NONE)


def test_target_and_profile_that_do_not_agree(profiles: Write) -> None:
    path = profiles('[profiles.one]\ntarget = "anchored"\n[profiles.two]\ntarget = "toy"\n')
    with pytest.raises(ConfigurationError, match="profile 'one' is for anchored, but the target is toy"):
        resolve("toy", {"profile": "one"}, environ={}, profile_file=path)
    with pytest.raises(ConfigurationError, match="two profiles are named, 'one' and 'two'"):
        resolve("one", {"profile": "two"}, environ={}, profile_file=path)


# -------------------------------------------------------------------------------- a secret and its base_url
SOURCES = ("argument", "environment", "profile")


@settings(deadline=None)  # a busy machine is no fault
@given(
    place=st.sampled_from([None, *SOURCES]),
    url_in_target=st.booleans(),
    secrets=st.dictionaries(
        st.sampled_from(["secret_access_key", "token"]),
        st.sets(st.sampled_from(SOURCES), min_size=1),
        max_size=2,
    ),
    decoys=st.sets(st.sampled_from(SOURCES)),
)
def test_a_secret_goes_only_to_the_base_url_of_its_own_source(
    tmp_path_factory: pytest.TempPathFactory,
    place: str | None,
    url_in_target: bool,
    secrets: dict[str, set[str]],
    decoys: set[str],
) -> None:
    """All combinations: what is built has only secrets from the source of its base_url, or nothing is built."""
    values: dict[str, dict[str, object]] = {source: {} for source in SOURCES}
    order = {source: rank for rank, source in enumerate(SOURCES)}
    for name, sources in secrets.items():
        for source in sources:
            values[source][name] = f"canary {name} of {source}"
    targets: dict[str, str] = {"profile": "toy"}
    where = {each for each in (place, *decoys) if each is not None}
    for source in where:
        if url_in_target and source == place and source == "profile":
            targets["profile"] = f"toy+https://{source}.example.com"
        else:
            values[source]["base_url"] = f"https://{source}.example.com"
    winner = min(where, key=order.__getitem__, default=None)
    path = tmp_path_factory.mktemp("secret") / "config.toml"
    lines = "".join(f'{name} = "{value}"\n' for name, value in values["profile"].items())
    path.write_text(f'[profiles.one]\ntarget = "{targets["profile"]}"\n{lines}', encoding="utf-8")
    path.chmod(0o600)
    environ = {f"IDENTITY_SDK_{name.upper()}": str(value) for name, value in values["environment"].items()}

    try:
        resolved = resolve(
            "one", {"access_key_id": "AKIA", **values["argument"]}, environ=environ, profile_file=path
        )
    except ConfigurationError as refused:
        told = str(refused)
    else:
        told = ""
    if told:
        assert "canary" not in told
        first = {name: min(sources, key=order.__getitem__) for name, sources in secrets.items()}
        assert winner is None or any(source != winner for source in first.values())
        return
    assert resolved.adapter.base_url == f"https://{winner}.example.com"
    for name in secrets:
        got = built(resolved)[name]
        assert isinstance(got, Secret)
        assert got.reveal() == f"canary {name} of {winner}"


@pytest.mark.parametrize(
    ("options", "environ", "told"),
    [
        (
            {"base_url": URL},
            {"IDENTITY_SDK_TOKEN": "canary"},
            "token comes from environment variable IDENTITY_SDK_TOKEN, but base_url from argument: a secret is sent "
            "only to the base_url of its own source. Either set IDENTITY_SDK_BASE_URL too, or give "
            "token= as an argument",
        ),
        (
            {"token": "canary"},
            {"IDENTITY_SDK_BASE_URL": URL},
            "token comes from argument, but base_url from environment variable IDENTITY_SDK_BASE_URL: a secret is sent "
            "only to the base_url of its own source. Either give base_url= as an argument too, or "
            "set IDENTITY_SDK_TOKEN",
        ),
    ],
)
def test_the_error_says_how_to_mend_it(
    options: dict[str, object], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve("toy", options, environ=environ, profile_file=NONE)
    assert caught.value.message == told
    assert caught.value.provider == "toy"


def test_a_profiles_secret_does_not_follow_another_base_url(profiles: Write) -> None:
    path = profiles('[profiles.one]\ntarget = "toy"\nbase_url = "https://p.example.com"\ntoken = "canary"\n')
    with pytest.raises(
        ConfigurationError, match=r"or set IDENTITY_SDK_TOKEN|Either write base_url into profile 'one'"
    ):
        resolve("one", {}, environ={"IDENTITY_SDK_BASE_URL": URL}, profile_file=path)


def test_an_adapter_with_a_place_of_its_own_takes_a_secret_from_anywhere() -> None:
    resolved = resolve("anchored", {}, environ={"IDENTITY_SDK_TOKEN": "canary"}, profile_file=NONE)
    assert row(resolved, "token") == Setting("token", REDACTED, "environment variable IDENTITY_SDK_TOKEN")


# ----------------------------------------------------------------------------------------- an adapter given
def test_beside_an_adapter_only_the_clients_options_count(toy: Adapter) -> None:
    environ = {"IDENTITY_SDK_DEADLINE": "5", "IDENTITY_SDK_BASE_URL": "x", "IDENTITY_SDK_TARGET": "lakefs"}
    resolved = resolve(toy, {"retries": 1}, environ=environ)
    assert resolved.adapter is toy
    assert resolved.client == ClientOptions(retries=1, deadline=5.0)
    assert row(resolved, "target") == Setting("target", repr(toy), "argument")
    assert row(resolved, "deadline").origin == "environment variable IDENTITY_SDK_DEADLINE"


@pytest.mark.parametrize(
    ("options", "environ", "told"),
    [
        ({"base_url": URL}, {}, "base_url is settled by the adapter given"),
        ({"profile": "one"}, {}, "profile is settled by the adapter given"),
        ({"deadlin": 3}, {}, "unknown option 'deadlin': did you mean 'deadline'"),
        (
            {},
            {"IDENTITY_SDK_DEADLIN": "3"},
            "IDENTITY_SDK_DEADLIN is unknown: did you mean IDENTITY_SDK_DEADLINE",
        ),
    ],
)
def test_beside_an_adapter_nothing_else_is_taken(
    toy: Adapter, options: dict[str, object], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        resolve(toy, options, environ=environ)


@pytest.fixture
def toy() -> Adapter:
    return resolve("toy", {"base_url": URL, **KEY}, environ={}, profile_file=NONE).adapter


# ------------------------------------------------------------------------------------------------ the table
def test_the_table_of_kinds_covers_the_clients_options() -> None:
    assert set(CLIENT_KINDS) == {option.name for option in fields(ClientOptions)}
    assert {"clock", "on_event", "telemetry"} == ARGUMENT_ONLY


def test_sealed_is_a_mapping_that_shows_only_names() -> None:
    sealed = Sealed({"a": "canary"})
    assert repr(sealed) == "Sealed(a)"
    assert (len(sealed), list(sealed), sealed["a"], sealed.get("b")) == (1, ["a"], "canary", None)
    with pytest.raises(KeyError, match="b"):
        _ = sealed["b"]


def test_a_file_is_read_at_most_once(profiles: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def counting(path: Path, *, required: bool) -> ProfileFile | None:
        reads.append(path)
        return read_profiles(path, required=required)

    monkeypatch.setattr("identity_sdk.config.goal.read_profiles", counting)
    path = profiles('default = "one"\n[profiles.one]\ntarget = "toy"\n')
    with pytest.raises(ConfigurationError, match=r"base_url is missing$"):
        resolve(None, {}, environ={}, profile_file=path)
    assert reads == [path]


# ---------------------------------------------------------------- the variables of a backend's official client
THEIRS = {"CLOUD_DOMAIN": "cloud.example", "CLOUD_JWT_TOKEN": "canary-jwt", "CLOUD_CSRF_TOKEN": "canary-csrf"}


def test_the_environment_of_the_official_client_comes_last() -> None:
    resolved = resolve("igtcloud", {}, environ=THEIRS, profile_file=NONE)
    assert resolved.adapter.base_url == "https://cloud.example"
    for name, variable in (
        ("base_url", "CLOUD_DOMAIN"),
        ("token", "CLOUD_JWT_TOKEN"),
        ("csrf_token", "CLOUD_CSRF_TOKEN"),
    ):
        assert row(resolved, name).origin == f"environment variable {variable}"
    assert row(resolved, "base_url").value == "cloud.example"
    assert row(resolved, "token").value == row(resolved, "csrf_token").value == REDACTED
    assert "canary" not in f"{resolved!r}"


@pytest.mark.parametrize("source", ["argument", "environment", "profile", "url"])
def test_it_counts_as_a_whole_or_not_at_all(source: str, profiles: Write) -> None:
    """Its token goes to no place that somebody else names."""
    own, target, options, environ = "https://own.example", "igtcloud", {}, dict(THEIRS)
    path = NONE
    if source == "argument":
        options["base_url"] = own
    elif source == "environment":
        environ["IDENTITY_SDK_BASE_URL"] = own
    elif source == "url":
        target = f"igtcloud+{own}"
    else:
        target, path = "one", profiles(f'[profiles.one]\ntarget = "igtcloud"\nbase_url = "{own}"\n')
    resolved = resolve(target, options, environ=environ, profile_file=path)
    assert (resolved.adapter.base_url, resolved.adapter.auth) == (own, None)
    assert row(resolved, "token") == Setting("token", None, "not set")


def test_and_no_other_secret_goes_to_its_place() -> None:
    with pytest.raises(ConfigurationError, match="CLOUD_DOMAIN") as refused:
        resolve("igtcloud", {"username": "u", "password": "canary"}, environ=THEIRS, profile_file=NONE)
    assert "canary" not in f"{refused.value}"
    with pytest.raises(ConfigurationError, match="needs base_url"):
        resolve("igtcloud", {}, environ={**THEIRS, "CLOUD_DOMAIN": ""}, profile_file=NONE)
    with pytest.raises(ConfigurationError, match="CLOUD_DOMAIN"):
        resolve("igtcloud", {}, environ={**THEIRS, "CLOUD_DOMAIN": "https://u:p@x"}, profile_file=NONE)
    assert resolve("lakefs", {"base_url": URL}, environ=THEIRS, profile_file=NONE).adapter.auth is None
