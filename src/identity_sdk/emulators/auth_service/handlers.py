"""The operations. Each runs within one transaction of the store; a :class:`Refusal` ends it where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from joserfc.jwk import RSAKey

from identity_sdk.emulators.auth_service import signing
from identity_sdk.emulators.auth_service.answer import EMPTY, Answer, ApiError, Spoken, Trouble, json_answer
from identity_sdk.emulators.auth_service.directory import JSON, Directory
from identity_sdk.emulators.auth_service.faces import Face
from identity_sdk.store import queries as q

__all__ = ["Handler", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """What a handler sees."""

    face: Face
    directory: Directory
    key: RSAKey
    id: str = ""
    body: JSON = field(default_factory=dict[str, object])
    caller: Mapping[str, object] = field(default_factory=dict[str, object])
    """The user that the access token tells of."""
    refresh: str = ""
    """The UUID of the refresh token."""

    @property
    def now(self) -> float:
        return self.directory.now

    def text(self, name: str) -> str | None:
        return cast("str | None", self.body.get(name))

    def answer(self, value: object) -> Answer:
        return json_answer(self.face, value)


Handler = Callable[[Work], Answer]


# Groups


def add_group(work: Work) -> Answer:
    group_id = work.text("groupId")
    if group_id is None:
        raise Trouble(400, "groupId is required")
    if q.groups.get(work.directory.conn, group_id) is not None:
        raise ApiError(409, "Group already exists")
    work.directory.add_group(group_id, work.text("description"))
    return work.answer(work.directory.group(group_id))


def list_groups(work: Work) -> Answer:
    return work.answer({"groups": work.directory.groups()})


def get_group(work: Work) -> Answer:
    return work.answer(work.directory.group(work.id))


def put_group(work: Work) -> Answer:
    if work.text("groupId") != work.id:
        raise Spoken(400, "GroupId mismatch")
    work.directory.describe(work.id, work.text("description"))
    for member in cast("list[JSON]", work.body.get("users") or []):
        _put_member(work, member)
    return work.answer(work.directory.group(work.id))


def _put_member(work: Work, member: Mapping[str, object]) -> None:
    user_id, mode = member.get("userId"), member.get("mode")
    if not isinstance(user_id, str) or q.users.get(work.directory.conn, user_id) is None:
        raise ApiError(404, "User not found")
    if work.face.real:
        if mode is None:  # stored before the server's own enumeration fails on it
            work.directory.put_member(work.id, user_id, None)
        raise Trouble(500, "unreachable")
    if mode is None:
        raise ApiError(400, "mode is required")
    work.directory.put_member(work.id, user_id, mode)


def remove_group(work: Work) -> Answer:
    work.directory.delete_group(work.id)
    return EMPTY


# Users


def add_user(work: Work) -> Answer:
    directory, user_id = work.directory, work.text("userId")
    if user_id is None:
        raise ApiError(404, "User not found")
    if q.users.get(directory.conn, user_id) is not None:
        raise ApiError(409, "User already exists")
    _complete(work)
    directory.add_user(user_id, work.body.get("globalRole"))
    try:
        _join_all(work, user_id)
    except ApiError:
        directory.delete_user(user_id)  # the groups that were made stay
        raise
    return work.answer(directory.user(user_id))


def list_users(work: Work) -> Answer:
    return work.answer({"users": work.directory.users()})


def get_user(work: Work) -> Answer:
    return work.answer(work.directory.user(work.id))


def put_user(work: Work) -> Answer:
    """The real server goes by the id of the body, and never looks at that of the path."""
    directory, user_id = work.directory, work.text("userId")
    if not work.face.real and user_id != work.id:
        raise ApiError(400, "UserId mismatch")
    if user_id is None or q.users.get(directory.conn, user_id) is None:
        raise ApiError(404, "User not found")
    _complete(work)
    directory.set_role(user_id, work.body.get("globalRole"))
    directory.leave_all(user_id)
    _join_all(work, user_id)
    return work.answer(directory.user(user_id))


def remove_user(work: Work) -> Answer:
    """The refresh tokens of the user stay: nothing here ends them."""
    work.directory.delete_user(work.id)
    return EMPTY


def _join_all(work: Work, user_id: str) -> None:
    for info in cast("list[JSON]", work.body.get("groups") or []):
        work.directory.join(user_id, info)


def _complete(work: Work) -> None:
    """The documented face refuses what the real one stores by mistake."""
    if work.face.real:
        return
    infos = cast("list[JSON]", work.body.get("groups") or [])
    if "globalRole" not in work.body or any("mode" not in one for one in infos):
        raise ApiError(400, "globalRole, and the mode of every group, are required")


# Refresh tokens: empty stubs on the real server.


def make_token(work: Work) -> Answer:
    until = work.now + signing.SSO_SECONDS
    told = work.text("expirationDateTime")
    if told is not None:
        try:
            date = datetime.fromisoformat(told)
        except ValueError:
            raise Trouble(400, "expirationDateTime is no date") from None
        until = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    if work.face.real:
        return EMPTY
    groups = cast("list[JSON]", work.body.get("groups") or [])
    more = {"name": work.text("tokenName"), "groups": groups}
    user_id = str(work.caller["userId"])
    token, _ = signing.make_refresh(work.directory.conn, user_id, work.now, until - work.now, more)
    snapshot = _limited(work.directory.snapshot(user_id), groups)
    return work.answer(
        {
            "refreshToken": {"token": token, "expiresAt": signing.iso(until)},
            "accessToken": signing.access_token(work.key, snapshot, work.now, signing.ACCESS_SECONDS),
        }
    )


def _limited(user: JSON, groups: list[JSON]) -> JSON:
    """A token that was given for some groups tells of these alone, and of those only that the user is in."""
    if not groups:
        return user
    wanted = {one.get("groupId") for one in groups}
    held = [one for one in cast("list[JSON]", user["groups"]) if one["groupId"] in wanted]
    return {**user, "groups": held}


def list_tokens(work: Work) -> Answer:
    if work.face.real:
        return EMPTY
    rows = signing.refresh_tokens(work.directory.conn, work.now)
    return work.answer({"refreshTokenInfo": [_told(row) for row in rows]})


def get_token(work: Work) -> Answer:
    return EMPTY if work.face.real else work.answer(_told(_token(work)))


def revoke_token(work: Work) -> Answer:
    if not work.face.real:
        q.tokens.update(work.directory.conn, _token(work).id, revoked_at=work.now)
    return EMPTY


def _token(work: Work) -> q.TokenRow:
    for row in signing.refresh_tokens(work.directory.conn, work.now):
        if row.id == work.id:
            return row
    raise ApiError(404, "Token not found")


def _told(row: q.TokenRow) -> JSON:
    told: JSON = {"tokenId": row.id, "expirationDateTime": signing.iso(cast("float", row.expires_at))}
    if row.attributes.get("name") is not None:
        told["tokenName"] = row.attributes["name"]
    return {**told, "groups": row.attributes.get("groups", [])}


# Signed in


def user_info(work: Work) -> Answer:
    """As the token says: the directory is not asked."""
    return work.answer(work.caller)


def refresh(work: Work) -> Answer:
    """A new access token; the refresh token stays. Also for users that are gone."""
    row = signing.find_refresh(work.directory.conn, work.refresh, work.now)
    if row is None:
        raise ApiError(401, "Unauthorized")
    groups = cast("list[JSON]", row.attributes.get("groups") or [])
    user = _limited(work.directory.snapshot(row.user_id), groups)
    return work.answer(signing.access_token(work.key, user, work.now, signing.ACCESS_SECONDS))


def public_key(work: Work) -> Answer:
    return work.answer({"publicKey": work.key.as_pem(private=False).decode("ascii")})


def healthy(work: Work) -> Answer:
    return EMPTY
