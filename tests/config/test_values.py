"""Values of every type from every source, and what is refused with which words."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from identity_sdk.concurrency import SystemClock
from identity_sdk.config import resolve
from identity_sdk.config.values import nearest
from identity_sdk.errors import ConfigurationError
from identity_sdk.options import ClientOptions
from identity_sdk.secrets import Secret

Write = Callable[[str], Path]
NONE = Path("no-such-folder") / "config.toml"
URL = "https://a.example.com"


def client(options: dict[str, object], environ: dict[str, str] | None = None) -> ClientOptions:
    return resolve("toy", {"base_url": URL, **options}, environ=environ or {}, profile_file=NONE).client


def test_text_from_the_environment_becomes_what_the_client_wants() -> None:
    made = client(
        {},
        {
            "IDENTITY_SDK_TIMEOUT": "1.5",
            "IDENTITY_SDK_RETRIES": "4",
            "IDENTITY_SDK_BACKOFF": "0.2, 9",
            "IDENTITY_SDK_MAX_IN_FLIGHT": "7",
            "IDENTITY_SDK_TLS": "system",
            "IDENTITY_SDK_PROXY": "http://proxy.example.com:3128",
            "IDENTITY_SDK_TRANSPORT": "aiohttp",
        },
    )
    assert made == ClientOptions(
        timeout=1.5,
        retries=4,
        backoff=(0.2, 9.0),
        max_in_flight=7,
        tls="system",
        proxy="http://proxy.example.com:3128",
        transport="aiohttp",
    )


def test_a_file_may_use_the_types_of_toml(profiles: Write) -> None:
    path = profiles(
        f'[profiles.one]\ntarget = "toy"\nbase_url = "{URL}"\ndeadline = 12\nbackoff = [0.5, 2]\nretries = 0\n'
        "token = 12345678\norganization = true\naccess_key_id = 1.5\n"
    )
    resolved = resolve("one", {}, environ={}, profile_file=path)
    assert resolved.client == ClientOptions(deadline=12, backoff=(0.5, 2), retries=0)
    assert vars(resolved.adapter)["given"] == {
        "base_url": URL,
        "token": Secret("12345678"),
        "organization": "true",
        "access_key_id": "1.5",
    }


def test_arguments_may_be_objects() -> None:
    context, clock = ssl.create_default_context(), SystemClock()
    made = client({"tls": context, "clock": clock, "on_event": print, "backoff": [0, 1]})
    assert (made.tls, made.clock, made.on_event, made.backoff) == (context, clock, print, (0, 1))
    assert client({"tls": Path("ca.pem")}).tls == "ca.pem"


def test_objects_are_reported_by_their_type() -> None:
    resolved = resolve("toy", {"base_url": URL, "clock": SystemClock()}, environ={}, profile_file=NONE)
    assert next(row.value for row in resolved.settings if row.name == "clock") == "<SystemClock>"


def test_an_argument_of_the_adapter_is_handed_on_as_it_is() -> None:
    token = Secret("canary")
    resolved = resolve(
        "toy", {"base_url": URL, "token": token, "organization": ("a",)}, environ={}, profile_file=NONE
    )
    assert vars(resolved.adapter)["given"]["token"] is token
    assert next(row.value for row in resolved.settings if row.name == "organization") == ["a"]


WRONG: list[tuple[str, object, str]] = [
    ("timeout", "soon", "timeout must be a number, not 'soon'"),
    ("timeout", True, "timeout must be a number, not True"),
    ("timeout", "nan", "timeout must be a number of 0 or more, not nan"),
    ("timeout", "inf", "timeout must be more than 0 seconds and finite, not inf"),
    ("deadline", 0, "deadline must be more than 0 seconds and finite, not 0"),
    ("deadline", [1], "deadline must be a number, not [1]"),
    ("deadline", object, "deadline must be a number, not a type"),
    ("retries", "1.5", "retries must be a whole number, not '1.5'"),
    ("retries", -1, "retries must be a whole number of 0 or more, not -1"),
    ("retries", 2.0, "retries must be a whole number, not 2.0"),
    ("backoff", "1", "backoff must be two numbers, such as 0.1,5, not '1'"),
    ("backoff", "a,b", "backoff must be a number, not 'a'"),
    ("backoff", (1, 2, 3), "backoff must be two numbers, such as 0.1,5, not (1, 2, 3)"),
    ("backoff", 5, "backoff must be two numbers, such as 0.1,5, not 5"),
    ("backoff", (5, 1), "backoff must be a number of 5 or more, not 1"),
    ("tls", 5, "tls must be a string, not an int"),
    ("proxy", 5, "proxy must be a string, not an int"),
    ("transport", "curl", "transport must be 'httpx', 'httpx2' or 'aiohttp', not 'curl'"),
    ("on_event", 5, "on_event must be a function, not an int"),
    ("clock", "now", "clock must be an object, not a str"),
    ("deadlin", 5, "toy has no option 'deadlin': did you mean 'deadline'?"),
    (
        "secret-access-keys",
        "canary",
        "toy has no option 'secret-access-keys': did you mean 'secret_access_key'?",
    ),
    ("base_url", 5, "base_url must be a string, not of the type int"),
    ("timeout", "x" * 100, f"timeout must be a number, not '{'x' * 36}…"),
]


@pytest.mark.parametrize(("name", "value", "told"), WRONG)
def test_a_wrong_value_is_named(name: str, value: object, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve("toy", {"base_url": URL, name: value}, environ={}, profile_file=NONE)
    assert caught.value.message == told


def test_an_unknown_option_without_a_near_one_lists_all() -> None:
    with pytest.raises(ConfigurationError, match=r"'zzz': known are access_key_id, backoff, .*, transport$"):
        client({"zzz": 1})
    assert nearest("x", ()) == "there is none"
    assert nearest("Prod", ["Prod2"]) == "did you mean 'Prod2'?"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "DEADLINE",
            "soon",
            "environment variable IDENTITY_SDK_DEADLINE: deadline must be a number, not 'soon'",
        ),
        ("CLOCK", "now", "environment variable IDENTITY_SDK_CLOCK: clock can only be given as an argument"),
        (
            "ACESS_KEY_ID",
            "x",
            "the environment variable IDENTITY_SDK_ACESS_KEY_ID is unknown: did you mean IDENTITY_SDK_ACCESS_KEY_ID?",
        ),
        (
            "TARGETS",
            "x",
            "the environment variable IDENTITY_SDK_TARGETS is unknown: did you mean IDENTITY_SDK_TARGET?",
        ),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client({}, {f"IDENTITY_SDK_{name}": value})
    assert caught.value.message == told


@pytest.mark.parametrize("name", ["TEST_TIMEOUT", "REQUIRE", "CUSTOMER", "KEY_FILE"])
def test_variables_that_are_none_of_our_business_are_left_alone(name: str) -> None:
    assert client({}, {f"IDENTITY_SDK_{name}": "x"}) == ClientOptions()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('deadline = "soon"', "deadline must be a number, not 'soon'"),
        ("retries = 1.5", "retries must be a whole number, not 1.5"),
        ('on_event = "print"', "on_event can only be given as an argument"),
        ("organization = [1]", "organization must be a string, not a list"),
        ("token = 2026-01-01", "token must be a string, not a date"),
        ("token = {a = 1}", "token must be a string, not a dict"),
        ('tokn = "canary"', "toy has no option 'tokn': did you mean 'token'?"),
        ('proxi = "x"', "toy has no option 'proxi': did you mean 'proxy'?"),
    ],
)
def test_a_wrong_line_of_a_profile_is_named_with_its_file(line: str, told: str, profiles: Write) -> None:
    path = profiles(f'[profiles.one]\ntarget = "toy"\nbase_url = "{URL}"\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        resolve("one", {}, environ={}, profile_file=path)
    assert caught.value.message == f"profile 'one' in {path}: {told}"
