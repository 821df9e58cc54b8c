"""A new installation: base groups, base policies and the first admin (``POST /setup_lakefs``)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from identity_sdk.emulators.lakefs.directory import AlreadyExists, Directory
from identity_sdk.emulators.lakefs.faces import Face
from identity_sdk.store import queries as q

__all__ = ["INITIALIZED", "Admin", "install", "is_initialized", "signing_secret"]

INITIALIZED = "lakefs.initialized"
_SIGNING = "lakefs.jwt_secret"

_OWN_CREDENTIALS = [
    "auth:CreateCredentials",
    "auth:DeleteCredentials",
    "auth:ListCredentials",
    "auth:ReadCredentials",
]
_READ_WRITE = [
    "fs:ListRepositories",
    "fs:ReadRepository",
    "fs:ReadCommit",
    "fs:ListBranches",
    "fs:ListTags",
    "fs:ListObjects",
    "fs:ReadObject",
    "fs:WriteObject",
    "fs:DeleteObject",
    "fs:RevertBranch",
    "fs:ReadBranch",
    "fs:ReadTag",
    "fs:CreateBranch",
    "fs:CreateTag",
    "fs:DeleteBranch",
    "fs:DeleteTag",
    "fs:CreateCommit",
]
_OWN = "arn:lakefs:auth:::user/${user}"

_POLICIES: Mapping[str, tuple[Sequence[str], str]] = {
    "AuthFullAccess": (["auth:*"], "*"),
    "AuthManageOwnCredentials": (_OWN_CREDENTIALS, _OWN),
    "FSFullAccess": (["fs:*"], "*"),
    "FSReadAll": (["fs:List*", "fs:Read*"], "*"),
    "FSReadWriteAll": (_READ_WRITE, "*"),
    "RepoManagementFullAccess": (["ci:*", "retention:*", "branches:*", "fs:ReadConfig"], "*"),
    "RepoManagementReadAll": (["ci:Read*", "retention:Get*", "branches:Get*", "fs:ReadConfig"], "*"),
}
_GROUPS: Mapping[str, Sequence[str]] = {
    "Admins": ["FSFullAccess", "AuthFullAccess", "RepoManagementFullAccess"],
    "SuperUsers": ["FSFullAccess", "AuthManageOwnCredentials", "RepoManagementReadAll"],
    "Developers": ["FSReadWriteAll", "AuthManageOwnCredentials", "RepoManagementReadAll"],
    "Viewers": ["FSReadAll", "AuthManageOwnCredentials"],
}
# With the ACL server a group has one policy of its own, which no operation of the API shows.
_ACL_GROUPS: Mapping[str, Sequence[tuple[Sequence[str], str]]] = {
    "Admins": [(["fs:*", "auth:*", "ci:*", "retention:*", "branches:*"], "*")],
    "Readers": [(["fs:List*", "fs:Read*"], "*"), (_OWN_CREDENTIALS, _OWN)],
    "Supers": [(["fs:*"], "*"), (_OWN_CREDENTIALS, _OWN)],
    "Writers": [(_READ_WRITE, "*"), (_OWN_CREDENTIALS, _OWN)],
}


@dataclass(frozen=True, slots=True)
class Admin:
    """The first admin; without a key the server makes one."""

    username: str = "admin"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, str] | None:
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        return self.access_key_id, self.secret_access_key


def is_initialized(directory: Directory) -> bool:
    return q.get_meta(directory.conn, INITIALIZED) is not None


def install(directory: Directory, face: Face, admin: Admin) -> tuple[q.CredentialRow, str]:
    """Make the base groups and policies and the first admin; return the admin's key and its secret.

    On a store that was set up before, only a further key for the admin is made.
    """
    if not is_initialized(directory):
        if not face.single_user:
            _make_groups(directory, face)
        q.set_meta(directory.conn, INITIALIZED, str(directory.now))
    with suppress(AlreadyExists):
        directory.add_user(admin.username)
    if not face.single_user:
        with suppress(AlreadyExists):
            directory.add_member("Admins", admin.username)
    if admin.key is not None:
        q.credentials.delete(directory.conn, admin.key[0])
    return directory.add_key(admin.username, admin.key)


def signing_secret(directory: Directory) -> str:
    """Return the secret that login tokens are signed with; made once for each store."""
    found = q.get_meta(directory.conn, _SIGNING)
    if found is None:
        found = secrets.token_hex(32)
        q.set_meta(directory.conn, _SIGNING, found)
    return found


def _make_groups(directory: Directory, face: Face) -> None:
    if face.acl:
        for group, grants in _ACL_GROUPS.items():
            _base(directory, group, {f"ACL(_-_){group}": [_allow(*grant) for grant in grants]})
    else:
        for group, names in _GROUPS.items():
            _base(directory, group, {name: [_allow(*_POLICIES[name])] for name in names})


def _base(directory: Directory, group: str, policies: Mapping[str, list[dict[str, object]]]) -> None:
    if q.groups.get(directory.conn, group) is None:
        directory.add_group(group)
    for name, statements in policies.items():
        if q.policies.get(directory.conn, name) is None:
            directory.add_policy(name, statements)
        with suppress(AlreadyExists):
            directory.attach(name, "group", group)


def _allow(actions: Sequence[str], resource: str) -> dict[str, object]:
    return {"action": list(actions), "effect": "allow", "resource": resource}
