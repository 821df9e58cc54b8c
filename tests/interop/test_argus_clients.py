"""mnemonic's official argus-api 5.1.0 against the emulator over a socket: every operation that the facade uses."""

from __future__ import annotations

import hmac
import struct
import sys
import time
from base64 import b32decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.witness import Witness, document

from identity_sdk.emulators import argus
from identity_sdk.emulators.server import running
from identity_sdk.emulators.tls import Authority
from identity_sdk.store import Store

argus_session = pytest.importorskip(
    "argus_api.session", reason="the official argus-api is not installed (nox -s interop)"
)

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

ADMIN = argus.Admin("admin", "password of the admin", "secret")
ENVELOPE = {"responseCode", "limit", "offset", "count", "size", "metaData", "messages", "data"}
KEY = {
    "prefix", "description", "createdTimestamp", "createdByUser", "validUntil", "validSources", "lastUsedTimestamp",
    "lastUsedIP", "constraints", "source",
}  # fmt: skip
USER = {
    "id", "shortName", "name", "description", "email", "phone", "phoneNumber", "role", "language", "customer", "domain",
    "flags", "memberOf", "lastLoginMethod", "lastLoginTimestamp", "lastImpersonationTimestamp", "createdTimestamp",
    "createdByUser", "lastUpdatedTimestamp", "lastUpdatedByUser", "deletedTimestamp", "deletedByUser",
}  # fmt: skip
GROUP = {"id", "shortName", "name", "description", "customer", "domain", "flags", "createdTimestamp", "type"}
FUNCTION = {"id", "name", "description", "localizedName", "minimumSecurityLevel", "roleType", "flags"}
PERMISSION = {
    "id", "subject", "function", "functionInfo", "customer", "flags", "grantedTimestamp", "grantedByUser",
    "grantComment", "revokedTimestamp", "revokedByUser", "revokeComment",
}  # fmt: skip
CREDENTIALS = {"clientIP", "forwardedIP", "uri", "requestCredentialsType", "requestCredentialsData"}
SESSION = {
    "authenticationMethod", "clientIP", "createdTimestamp", "timestamp", "validUntilTimestamp", "securityLevel",
    "sessionKey", "readOnly", "passwordNotSet",
}  # fmt: skip
SEED = {"userName", "passCodeLength", "keyAlgorithm", "seedBase32", "seedBase64"}


def data(answer: Any, fields: set[str] | frozenset[str] = frozenset(), status: int = 200) -> Any:
    """The data of an answer, once all that is documented is in it."""
    assert answer.keys() >= ENVELOPE
    assert answer["responseCode"] == status
    found = answer["data"]
    for one in (found if isinstance(found, list) else [found]) if fields else ():
        assert fields <= (one or {}).keys(), fields - (one or {}).keys()
    return found


def code_of(seed: str) -> str:
    """RFC 6238, written here once more."""
    digest = hmac.digest(b32decode(seed), struct.pack(">Q", int(time.time()) // 30), "sha1")
    start = digest[-1] & 15
    return str((int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF) % 10**6).zfill(6)


@pytest.fixture
def app() -> Any:
    return argus.create_app(Store.open(), admin=ADMIN)


@pytest.fixture
def url(app: Any) -> Iterator[str]:
    """Every request of the official client, and every field of every answer, is held against the OpenAPI file."""
    witness = Witness("argus", "official", argus.BASE_PATH, document("argus"))
    with running(witness.around(app)) as found:
        yield found
    assert witness.seen
    witness.check()


@pytest.fixture
def speak(url: str) -> Iterator[Callable[[Any], Any]]:
    """Makes official clients, and closes their connections before the server goes."""
    made: list[Any] = []

    def client(auth: Any) -> Any:
        made.append(argus_session.ArgusAPISession(auth=auth, api_url=url))
        return made[-1]

    yield client
    for one in made:
        one._session.close()


@pytest.fixture
def session(app: Any, url: str, speak: Callable[[Any], Any]) -> Any:
    """The official client with the administrator's API key."""
    import requests

    requests.get(f"{url}/authentication/v1/methods", timeout=5).close()  # makes the key
    return speak(app.state.emulator.api_key)


def refused(name: str) -> Any:
    from argus_api.exceptions import http

    return pytest.raises(getattr(http, name))


def test_users_groups_and_members(session: Any) -> None:
    from argus_api.lib.useradmin.v2 import group, user
    from argus_api.lib.users.v2 import subject

    use = {"api_session": session}
    for number in range(30):
        made = user.add_user(
            customer="mnemonic", name="N", shortName=f"user{number:02}", email=f"{number}@x.no", **use
        )
        data(made, USER, 201)
    pages = [user.list_users(limit=20, **use), user.list_users(limit=20, offset=20, **use)]
    assert [(page["count"], page["size"], page["offset"], page["limit"]) for page in pages] == [
        (31, 20, 0, 20),
        (31, 11, 20, 20),
    ]
    names = [one["shortName"] for page in pages for one in data(page, USER)]
    assert names == ["admin", *(f"user{number:02}" for number in range(30))]
    assert len(data(user.list_users(limit=0, **use))) == 31
    (found,) = data(user.list_users(keywords=["7@x.no"], keywordField=["email"], limit=1, **use))
    assert found["email"].endswith("7@x.no")
    one = data(user.get_user("user00", **use), USER)
    assert data(user.update_user("user00", email="new@x.no", **use), USER)["email"] == "new@x.no"
    assert data(user.get_user(str(one["id"]), **use))["email"] == "new@x.no"
    data(group.add_group(customer="mnemonic", name="T", shortName="team", description="d", **use), GROUP, 201)
    data(group.add_group(customer="mnemonic", name="O", shortName="other", **use), GROUP, 201)
    data(group.add_group_members("team", subject=["user00", "other"], **use), {"id", "type"}, 201)
    members = data(group.list_subjects_in_group("team", **use), {"id", "shortName", "type"})
    assert [(one["shortName"], one["type"]) for one in members] == [("other", "group"), ("user00", "user")]
    (held,) = data(subject.get_subject_group_memberships(one["id"], **use), {"id", "shortName", "name"})
    assert held["shortName"] == "team"
    data(group.remove_subjects_from_group("team", subject=["user00", "other"], **use))
    assert data(group.list_subjects_in_group("team", **use)) == []
    assert data(group.update_group("team", name="U", **use), GROUP)["name"] == "U"
    assert [one["shortName"] for one in data(group.list_groups_1(**use), GROUP)] == ["other", "team"]
    assert data(group.delete_group("team", **use), GROUP)["flags"] == ["deleted"]
    assert data(user.delete_user("user00", **use), USER)["flags"] == ["deleted"]
    for call in (lambda: user.get_user("user00", **use), lambda: group.get_group("team", **use)):
        with refused("ObjectNotFoundException"):
            call()
    with refused("ValidationErrorException"):
        user.add_user(customer="mnemonic", name="N", shortName="user01", **use)
    assert "user00" in [
        one["shortName"] for one in data(user.list_users(includeDeleted=True, limit=0, **use))
    ]
    assert data(user.reenable_user(str(one["id"]), **use), USER)["flags"] == []


def test_functions_and_permissions(session: Any) -> None:
    from argus_api.lib.useradmin.v2 import function, permission, user

    use = {"api_session": session}
    ann = data(user.add_user(customer="mnemonic", name="A", shortName="ann", **use), USER, 201)
    assert "viewUsers" in [one["name"] for one in data(function.list_functions(**use), FUNCTION)]
    assert data(function.get_function("viewUsers", **use), FUNCTION)["name"] == "viewUsers"
    made = data(
        permission.grant_permission(customer="acme", function="viewUsers", subject="ann", comment="c", **use),
        PERMISSION,
        201,
    )
    assert (made["subject"]["shortName"], made["customer"]["shortName"]) == ("ann", "acme")
    (listed,) = data(user.list_permissions_for_user("ann", **use), PERMISSION)
    assert listed["id"] == made["id"]
    found = data(
        permission.list_permissions(subject=[str(ann["id"])], function=["viewUsers"], **use), PERMISSION
    )
    assert [one["id"] for one in found] == [made["id"]]
    assert data(permission.revoke_permission(made["id"], **use), PERMISSION)["flags"] == ["deleted"]
    assert data(user.list_permissions_for_user("ann", **use)) == []
    with refused("ObjectNotFoundException"):
        permission.revoke_permission(made["id"], **use)


def test_api_keys(session: Any, speak: Callable[[Any], Any]) -> None:
    from argus_api.lib.authentication.v1 import apikey
    from argus_api.lib.authentication.v1 import session as sessions

    use = {"api_session": session}
    answer = apikey.initiate_api_key(
        description="CI", expirationDays=30, password=ADMIN.password, validSources=["127.0.0.1"], **use
    )
    made = data(answer, {"apiKeyString", "keyDescriptor"}, 201)
    assert made["keyDescriptor"].keys() >= KEY
    prefix = made["keyDescriptor"]["prefix"]
    assert made["apiKeyString"].startswith(f"{prefix}/")
    assert made["keyDescriptor"]["validSources"][0]["address"] == "127.0.0.1"
    other = speak(made["apiKeyString"])
    assert data(sessions.get_session(api_session=other), SESSION)["authenticationMethod"] == "APIKEY"
    listed = data(apikey.list_api_keys(**use), {"keys"})["keys"]
    assert prefix in [one["prefix"] for one in listed]
    assert all(one.keys() >= KEY for one in listed)
    renewed = data(apikey.renew_api_key_by_prefix(prefix, password=ADMIN.password, expirationDays=60, **use))
    assert renewed["renewedKey"]["validUntil"] > made["keyDescriptor"]["validUntil"]
    by_id = data(apikey.renew_api_key_by_id(int(prefix.split("/")[1], 16), password=ADMIN.password, **use))
    assert by_id["renewedKey"]["prefix"] == prefix
    left = data(apikey.revoke_api_key_by_prefix(prefix, **use), {"keys"})["keys"]
    assert prefix not in [one["prefix"] for one in left]
    with refused("AuthenticationFailedException"):
        sessions.get_session(api_session=other)
    with refused("AuthenticationFailedException"):
        apikey.initiate_api_key(description="x", password="wrong", **use)
    with refused("ValidationErrorException"):
        apikey.initiate_api_key(description="x", password=ADMIN.password, expirationDays=-1, **use)


def test_the_administration_of_other_peoples_credentials(session: Any, speak: Callable[[Any], Any]) -> None:
    from argus_api.lib.authentication.v1 import session as sessions
    from argus_api.lib.authentication.v1.user import user as credentials
    from argus_api.lib.useradmin.v2 import user

    use = {"api_session": session}
    data(user.add_user(customer="mnemonic", name="A", shortName="ann", **use), USER, 201)
    answer = credentials.initiate_user_api_key(
        "ann", "CI", expirationDays=30, validSources=["127.0.0.1"], **use
    )
    made = data(answer, {"apiKeyString", "keyDescriptor"}, 201)
    prefix = made["keyDescriptor"]["prefix"]
    theirs = speak(made["apiKeyString"])
    assert data(sessions.get_session(api_session=theirs), SESSION)["authenticationMethod"] == "APIKEY"
    (listed,) = data(credentials.list_user_api_keys("ann", **use), {"keys"})["keys"]
    assert (listed.keys() >= KEY, listed["prefix"]) == (True, prefix)
    renewed = data(credentials.renew_user_api_key_by_prefix("ann", prefix, expirationDays=60, **use))
    assert renewed["renewedKey"]["validUntil"] > made["keyDescriptor"]["validUntil"]
    assert (
        data(credentials.revoke_user_api_key_by_prefix("ann", prefix, **use))["revokedKey"]["prefix"]
        == prefix
    )
    with refused("AuthenticationFailedException"):
        sessions.get_session(api_session=theirs)

    second = data(credentials.initiate_user_api_key("ann", "CI", expirationDays=1, **use), status=201)
    number = int(second["keyDescriptor"]["prefix"].split("/")[1], 16)
    data(credentials.revoke_user_api_key_by_id("ann", number, **use), {"revokedKey"})
    assert data(credentials.list_user_api_keys("ann", **use))["keys"] == []

    assert data(credentials.get_user_methods("ann", **use))
    assert data(credentials.initiate_user_totp("ann", **use), {"userName", "seedBase32"})["userName"] == "ann"
    data(credentials.revoke_user_totp("ann", **use))
    with refused("ObjectNotFoundException"):
        credentials.revoke_user_totp("ann", **use)
    data(credentials.block_user("ann", **use))
    data(credentials.unblock_user("ann", **use))
    data(credentials.reset_password("ann", **use))
    data(credentials.delete_all_user_sessions("ann", **use))


def test_signing_in_by_password(session: Any, speak: Callable[[Any], Any]) -> None:
    from argus_api.authentication import SessionTokenAuth
    from argus_api.lib.authentication.v1 import password, totp
    from argus_api.lib.authentication.v1 import session as sessions
    from argus_api.lib.authentication.v1.ldap import ldap_authenticate

    use = {"api_session": session}
    who = {"userName": "admin", "password": ADMIN.password, "domain": "MNEMONIC"}
    opened = data(password.password_authentication(**who, **use), {"credentials", "sessionKey"})
    token = opened["credentials"]["requestCredentialsData"]
    mine = {"api_session": speak(SessionTokenAuth(token))}
    assert data(sessions.get_session(**mine), SESSION)["authenticationMethod"] == "PASSWORD"
    data(password.change_current_user_password("another password", oldPassword=ADMIN.password, **mine))
    with refused("AuthenticationFailedException"):
        password.password_authentication(**who, **use)
    again = {**who, "password": "another password"}
    assert data(password.legacy_password_authentication(**again, **use), CREDENTIALS)
    assert data(ldap_authenticate.ldap_authentication(**again, **use), {"credentials", "sessionKey"})
    sessions.delete_session(**mine)
    with refused("AuthenticationFailedException"):
        sessions.get_session(**mine)
    seed = data(totp.initialize_totp_generator(password="another password", **use), SEED)
    code = code_of(seed["seedBase32"])
    data(totp.verify_totp_generator(cookie=seed["cookie"], verificationCode=code, **use))
    code = code_of(seed["seedBase32"])
    answer = totp.totp_authentication(**again, tokenCode=code, **use)
    assert data(answer, {"credentials", "sessionKey"})["sessionKey"]


def test_every_list_has_two_pages(session: Any) -> None:
    from argus_api.lib.currentuser.v1 import functions as my_functions
    from argus_api.lib.currentuser.v1 import permissions as mine
    from argus_api.lib.useradmin.v2 import function, group, permission, user
    from argus_api.lib.users.v2 import subject

    use = {"api_session": session}
    ann = data(user.add_user(customer="mnemonic", name="A", shortName="ann", **use), status=201)
    for name in ("one", "two", "three"):
        data(group.add_group(customer="mnemonic", name=name, shortName=name, **use), GROUP, 201)
        data(group.add_group_members(name, subject=["ann"], **use), status=201)
    for right in ("viewUsers", "administrateUsers"):
        for who in ("ann", "one", "admin"):
            given = permission.grant_permission(customer="mnemonic", function=right, subject=who, **use)
            data(given, PERMISSION, 201)
    assert data(group.get_group("one", **use), GROUP)["shortName"] == "one"
    assert (
        data(group.list_permissions_for_group("one", **use), PERMISSION)[0]["subject"]["shortName"] == "one"
    )
    lists: list[tuple[Callable[..., Any], set[str]]] = [
        (user.list_users, USER),
        (group.list_groups_1, GROUP),
        (function.list_functions, FUNCTION),
        (permission.list_permissions, PERMISSION),
        (lambda **page: user.list_permissions_for_user("ann", **page), PERMISSION),
        (lambda **page: group.list_permissions_for_group("one", **page), PERMISSION),
        (
            lambda **page: subject.get_subject_group_memberships(ann["id"], **page),
            {"id", "shortName", "name"},
        ),
        (mine.get_current_user_permissions, set()),
        (my_functions.get_functions, {"id", "name"}),
    ]
    for ask, fields in lists:
        whole = data(ask(limit=0, **use), fields)
        assert len(whole) > 1, ask
        first = ask(limit=1, **use)
        rest = ask(limit=100, offset=1, **use)
        assert (first["limit"], first["offset"], first["size"]) == (1, 0, 1)
        assert (rest["offset"], rest["size"]) == (1, len(whole) - 1)
        assert [*data(first, fields), *data(rest, fields)] == whole
        assert {first["count"], rest["count"]} == {len(whole)}


def test_totp_and_sessions(session: Any, speak: Callable[[Any], Any]) -> None:
    from argus_api.authentication import SessionTokenAuth
    from argus_api.lib.authentication.v1 import constrain, impersonate, logout, methods, totp
    from argus_api.lib.authentication.v1 import session as sessions
    from argus_api.lib.useradmin.v2 import user

    use = {"api_session": session}
    assert data(methods.get_methods(**use)) == ["PASSWORD", "TOTP", "APIKEY", "LDAP"]
    seed = data(totp.initialize_totp_generator(password=ADMIN.password, **use), SEED)
    with refused("ValidationErrorException"):
        totp.verify_totp_generator(cookie=seed["cookie"], verificationCode="000000", **use)
    code = code_of(seed["seedBase32"])
    assert data(totp.verify_totp_generator(cookie=seed["cookie"], verificationCode=code, **use), {"message"})
    code = code_of(seed["seedBase32"])
    who = {"userName": "admin", "password": ADMIN.password, "tokenCode": code, "domain": "MNEMONIC"}
    opened = data(totp.legacy_totp_authentication(**who, **use), CREDENTIALS)
    again = totp.totp_authentication(**who, **use)
    assert (again["responseCode"], again["data"]["message"]) == (206, "Token already used")
    mine = {"api_session": speak(SessionTokenAuth(opened["requestCredentialsData"]))}
    assert data(sessions.get_session(**mine), SESSION)["authenticationMethod"] == "TOTP"
    assert data(sessions.get_session_auth_methods(**mine), {"method", "initialized"})
    assert "all" in [one["name"] for one in data(sessions.get_session_functions(**mine), {"id", "name"})]
    assert data(sessions.get_session_customers(**mine), {"id", "name", "shortName", "domain"})
    sessions.check_session_permission(function="all", customer="acme", **mine)
    narrow = data(constrain.constrain(function=["viewUsers"], customer=["acme"], **mine), CREDENTIALS)
    less = {"api_session": speak(SessionTokenAuth(narrow["requestCredentialsData"]))}
    with refused("AccessDeniedException"):
        sessions.check_session_permission(function="all", customer="acme", **less)
    assert data(sessions.constrain_session(function=["viewUsers"], **mine), {"credentials", "sessionKey"})
    user.add_user(customer="mnemonic", name="A", shortName="ann", **use)
    assert data(impersonate.impersonate(userName="ann", **use), CREDENTIALS)
    assert data(sessions.impersonate_session(user="ann", **use), {"credentials", "sessionKey"})
    logout.logout(**mine)
    with refused("AuthenticationFailedException"):
        sessions.get_session(**mine)
    data(totp.revoke_totp_generator(**use))
    with refused("ObjectNotFoundException"):
        totp.revoke_totp_generator(**use)


def test_a_cookie_with_the_official_csrf_token_over_tls(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argus_api.authentication import PasswordAuthentication
    from argus_api.lib.authentication.v1 import apikey
    from argus_api.lib.currentuser.v1 import user as me

    authority = Authority()
    authority.write_ca(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with running(app, authority.server_context()) as url:
        session = argus_session.ArgusAPISession(
            auth=PasswordAuthentication(username="admin", password=ADMIN.password),
            api_url=url.replace("127.0.0.1", "localhost"),
        )
        answer = me.get_current_user(api_session=session)
        assert data(answer, {"id", "userName", "name", "email", "flags"})["userName"] == "admin"
        assert data(apikey.list_api_keys(api_session=session))["keys"]
        session._session.close()
