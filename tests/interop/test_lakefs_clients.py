"""lakeFS's official clients against the emulator over a socket: the last one with all 33 operations, and today's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from identity_sdk.emulators.lakefs import Admin, create_app
from identity_sdk.emulators.server import running
from identity_sdk.store import Store

pytestmark = [
    pytest.mark.interop,
    # The clients are generated code of 2023 and later; what they warn of is not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
ADMIN = Admin("admin", "AKIAJADMINADMINADMQ", "secret")
STATEMENT = {"effect": "allow", "action": ["fs:ReadObject"], "resource": "arn:lakefs:fs:::repository/main/*"}


def official(name: str, reason: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=reason)


class Recorder:
    """Calls operations by name and remembers which were called."""

    def __init__(self, api: Any, failure: type[Exception]) -> None:
        self._api = api
        self._failure = failure
        self.called: set[str] = set()

    def __call__(self, operation: str, *arguments: Any, **options: Any) -> Any:
        self.called.add(operation)
        return getattr(self._api, operation)(*arguments, **options)

    def refused(self, status: int, operation: str, *arguments: Any, **options: Any) -> None:
        with pytest.raises(self._failure) as raised:
            self(operation, *arguments, **options)
        assert raised.value.status == status  # type: ignore[attr-defined]


def operations(api: type) -> set[str]:
    names = {name for name in vars(api) if not name.startswith("_")}
    return {name for name in names if not name.endswith(("_with_http_info", "_without_preload_content"))}


@pytest.fixture(params=["0.91", "1.x", "1.x-acl"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app() -> Any:
    return create_app(Store.open(), setup=True, admin=ADMIN)


@pytest.fixture
def base_url(app: Any) -> Iterator[str]:
    with running(app) as url:
        yield f"{url}/api/v1"


def test_lakefs_client_0_91_runs_all_33_operations(app: Any, base_url: str) -> None:
    client = official("lakefs_client", "the official lakefs-client is not installed (nox -s interop)")
    from lakefs_client.api.auth_api import AuthApi
    from lakefs_client.model.credentials import Credentials
    from lakefs_client.model.forgot_password_request import ForgotPasswordRequest
    from lakefs_client.model.group_creation import GroupCreation
    from lakefs_client.model.login_information import LoginInformation
    from lakefs_client.model.policy import Policy
    from lakefs_client.model.statement import Statement
    from lakefs_client.model.update_password_by_token import UpdatePasswordByToken
    from lakefs_client.model.user_creation import UserCreation

    settings = client.Configuration(
        host=base_url, username=ADMIN.access_key_id, password=ADMIN.secret_access_key
    )
    with client.ApiClient(settings) as api_client:
        do = Recorder(AuthApi(api_client), client.ApiException)
        capabilities = do("get_auth_capabilities")
        assert (capabilities.invite_user, capabilities.forgot_password) == (True, True)
        assert do("get_current_user").user.id == "admin"

        for name in ("ann", "anna", "a b&c"):
            assert do("create_user", user_creation=UserCreation(id=name)).id == name
        do.refused(409, "create_user", user_creation=UserCreation(id="ann"))
        assert do("get_user", "a b&c").id == "a b&c"
        page = do("list_users", prefix="an", amount=1)
        assert ([user.id for user in page.results], page.pagination.has_more) == (["ann"], True)
        rest = do("list_users", prefix="an", after=page.pagination.next_offset)
        assert [user.id for user in rest.results] == ["anna"]

        assert do("create_group", group_creation=GroupCreation(id="team")).id == "team"
        assert do("get_group", "team").id == "team"
        assert "team" in [group.id for group in do("list_groups").results]
        do("add_group_membership", "team", "ann")
        assert [user.id for user in do("list_group_members", "team").results] == ["ann"]
        assert [group.id for group in do("list_user_groups", "ann").results] == ["team"]

        policy = Policy(id="Read", statement=[Statement(**STATEMENT)])
        assert do("create_policy", policy).statement[0].resource == STATEMENT["resource"]
        policy.statement[0].effect = "deny"
        assert do("update_policy", "Read", policy).statement[0].effect == "deny"
        assert do("get_policy", "Read").statement[0].effect == "deny"
        assert "Read" in [found.id for found in do("list_policies").results]
        do("attach_policy_to_user", "ann", "Read")
        do("attach_policy_to_group", "team", "FSReadAll")
        assert [found.id for found in do("list_user_policies", "ann").results] == ["Read"]
        effective = do("list_user_policies", "ann", effective=True)
        assert [found.id for found in effective.results] == ["FSReadAll", "Read"]
        assert [found.id for found in do("list_group_policies", "team").results] == ["FSReadAll"]
        do("detach_policy_from_user", "ann", "Read")
        do("detach_policy_from_group", "team", "FSReadAll")

        made = do("create_credentials", "ann")
        assert isinstance(do("get_credentials", "ann", made.access_key_id), Credentials)
        assert [key.access_key_id for key in do("list_user_credentials", "ann").results] == [
            made.access_key_id
        ]
        login = LoginInformation(access_key_id=made.access_key_id, secret_access_key=made.secret_access_key)
        token = do("login", login_information=login)
        with client.ApiClient(client.Configuration(host=base_url, access_token=token.token)) as as_ann:
            assert AuthApi(as_ann).get_current_user().user.id == "ann"
        do("delete_credentials", "ann", made.access_key_id)
        do.refused(404, "get_credentials", "ann", made.access_key_id)
        do.refused(401, "login", login_information=login)

        do("create_user", user_creation=UserCreation(id="new@example.com", invite_user=True))
        do("forgot_password", ForgotPasswordRequest(email="new@example.com"))
        (letter,) = app.state.emulator.outbox
        do.refused(401, "update_password", UpdatePasswordByToken(token="bad", new_password="pw"))
        do("update_password", UpdatePasswordByToken(token=letter.token, new_password="pw"))
        do.refused(401, "update_password", UpdatePasswordByToken(token=letter.token, new_password="pw"))
        by_mail = LoginInformation(access_key_id="new@example.com", secret_access_key="pw")
        assert do("login", login_information=by_mail).token

        # It follows the redirect to the web page and fails there, as it does on the real server.
        with pytest.raises(client.ApiTypeError):
            do("oauth_callback")

        do("delete_group_membership", "team", "ann")
        do("delete_policy", "Read")
        do("delete_group", "team")
        do("delete_user", "ann")
        do.refused(404, "delete_user", "ann")
    assert do.called == {name for name in dir(AuthApi) if not name.startswith("_")}
    assert len(do.called) == 33


def test_lakefs_sdk_of_today_runs_what_it_still_has(face: str) -> None:
    sdk = official("lakefs_sdk", "the official lakefs-sdk is not installed (nox -s interop)")
    with running(create_app(Store.open(), face=face, setup=True, admin=ADMIN)) as url:
        settings = sdk.Configuration(
            host=f"{url}/api/v1", username=ADMIN.access_key_id, password=ADMIN.secret_access_key
        )
        with sdk.ApiClient(settings) as api_client:
            do = Recorder(sdk.AuthApi(api_client), sdk.ApiException)
            run_sdk(sdk, do, face)
    assert do.called == operations(sdk.AuthApi)


def run_sdk(sdk: Any, do: Recorder, face: str) -> None:
    users_missing = 501 if face == "1.x" else None
    policies_missing = None if face == "0.91" else 501
    routed = 500 if face == "0.91" else 501

    def users(operation: str, *arguments: Any, **options: Any) -> Any:
        return attempt(users_missing, operation, *arguments, **options)

    def policies(operation: str, *arguments: Any, **options: Any) -> Any:
        return attempt(policies_missing, operation, *arguments, **options)

    def attempt(refusal: int | None, operation: str, *arguments: Any, **options: Any) -> Any:
        if refusal is None:
            return do(operation, *arguments, **options)
        return do.refused(refusal, operation, *arguments, **options)

    assert do("get_current_user").user.id == "admin"
    if face == "1.x":
        do.refused(409, "create_user", user_creation=sdk.UserCreation(id="ann"))
        do.refused(404, "get_user", "ann")
        assert [user.id for user in do("list_users", prefix="zz").results] == ["admin"]
    else:
        assert do("create_user", user_creation=sdk.UserCreation(id="ann")).id == "ann"
        assert do("get_user", "ann").id == "ann"
        assert [user.id for user in do("list_users", prefix="an").results] == ["ann"]
    group = users("create_group", group_creation=sdk.GroupCreation(id="team", description="the team"))
    if face == "1.x-acl":
        assert (group.id, group.name, group.description) == ("team", "team", "the team")
        assert do("get_group", "team").description == "the team"
    users("get_group", "team")
    users("list_groups")
    users("add_group_membership", "team", "ann")
    users("list_group_members", "team")
    users("list_user_groups", "ann")

    policy = sdk.Policy(id="Read", statement=[sdk.Statement(**STATEMENT)])
    policies("create_policy", policy)
    policies("get_policy", "Read")
    policies("list_policies")
    policies("update_policy", "Read", policy)
    policies("attach_policy_to_user", "ann", "Read")
    policies("attach_policy_to_group", "team", "Read")
    policies("list_user_policies", "ann", effective=True)
    policies("list_group_policies", "team")
    policies("detach_policy_from_user", "ann", "Read")
    policies("detach_policy_from_group", "team", "Read")
    policies("delete_policy", "Read")

    owner = "admin" if face == "1.x" else "ann"
    made = do("create_credentials", owner)
    users("list_user_credentials", owner)
    assert do("get_credentials", owner, made.access_key_id).access_key_id == made.access_key_id
    login = sdk.LoginInformation(access_key_id=made.access_key_id, secret_access_key=made.secret_access_key)
    assert do("login", login_information=login).token
    users("delete_credentials", owner, made.access_key_id)

    do.refused(routed, "create_user_external_principal", "ann", "arn:x")
    do.refused(routed, "list_user_external_principals", "ann")
    do.refused(routed, "get_external_principal", "arn:x")
    do.refused(routed, "delete_user_external_principal", "ann", "arn:x")
    do.refused(routed, "external_principal_login", sdk.ExternalLoginInformation(identity_request={}))
    users("delete_group_membership", "team", "ann")
    users("delete_group", "team")
    if face == "1.x":
        do.refused(404, "delete_user", "ann")
    else:
        do("delete_user", "ann")
