"""Who may do what: every verb, by every kind of credential that should not get through, and by the one that should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from identity_sdk.auth.sources import AccessKey, Bearer
from identity_sdk.errors import AuthenticationError, PermissionDeniedError
from identity_sdk.models import Session
from identity_sdk.secrets import Secret

from .conftest import Idp, ManualClock, allow, deny, grant, key_of, shown, signed_in

pytestmark = pytest.mark.anyio

Verb = Callable[[Idp], Awaitable[object]]


async def _rotate(idp: Idp) -> None:
    async with idp.credentials.rotate("KEY", user="bob"):
        pass


# Each verb on what is somebody else's, and the permissions that it needs. KEY, TOTP, TOKEN and SESSION are bob's.
VERBS: dict[str, tuple[Verb, list[tuple[str, str]]]] = {
    "users.list": (lambda i: i.users.list(), [("users:List", "users/*")]),
    "users.list prefix": (lambda i: i.users.list(prefix="b"), [("users:List", "users/b*")]),
    "users.get": (lambda i: i.users.get("bob"), [("users:Get", "users/bob")]),
    "users.create": (lambda i: i.users.create("new"), [("users:Create", "users/new")]),
    "users.create password": (lambda i: i.users.create("new", password="x"), [("users:Create", "users/new")]),
    "users.update": (lambda i: i.users.update("bob", name="B"), [("users:Update", "users/bob")]),
    "users.update password": (lambda i: i.users.update("bob", password="x"), [("users:Update", "users/bob")]),
    "users.delete": (lambda i: i.users.delete("bob"), [("users:Delete", "users/bob")]),
    "users.groups": (lambda i: i.users.groups("bob"), [("users:ListGroups", "users/bob")]),
    "users.policies": (lambda i: i.users.policies("bob"), [("users:ListPolicies", "users/bob")]),
    "groups.list": (lambda i: i.groups.list(), [("groups:List", "groups/*")]),
    "groups.get": (lambda i: i.groups.get("g"), [("groups:Get", "groups/g")]),
    "groups.create": (lambda i: i.groups.create("h"), [("groups:Create", "groups/h")]),
    "groups.update": (lambda i: i.groups.update("g", name="G"), [("groups:Update", "groups/g")]),
    "groups.delete": (lambda i: i.groups.delete("g"), [("groups:Delete", "groups/g")]),
    "groups.members": (lambda i: i.groups.members("g"), [("groups:ListMembers", "groups/g")]),
    "groups.add_member": (lambda i: i.groups.add_member("g", "bob"), [("groups:AddMember", "groups/g")]),
    "groups.remove_member": (
        lambda i: i.groups.remove_member("g", "bob"),
        [("groups:RemoveMember", "groups/g")],
    ),
    "groups.policies": (lambda i: i.groups.policies("g"), [("groups:ListPolicies", "groups/g")]),
    "policies.list": (lambda i: i.policies.list(), [("policies:List", "policies/*")]),
    "policies.get": (lambda i: i.policies.get("p"), [("policies:Get", "policies/p")]),
    "policies.create": (
        lambda i: i.policies.create("r", statements=allow("x")),
        [("policies:Create", "policies/r")],
    ),
    "policies.update": (lambda i: i.policies.update("p", name="P"), [("policies:Update", "policies/p")]),
    "policies.delete": (lambda i: i.policies.delete("p"), [("policies:Delete", "policies/p")]),
    "policies.attach": (
        lambda i: i.policies.attach("p", user="bob"),
        [("policies:Attach", "policies/p"), ("policies:Attach", "users/bob")],
    ),
    "policies.detach": (
        lambda i: i.policies.detach("p", group="g"),
        [("policies:Detach", "policies/p"), ("policies:Detach", "groups/g")],
    ),
    "policies.check": (lambda i: i.policies.check("bob", "x", "y"), [("policies:Check", "users/bob")]),
    "policies.permissions": (
        lambda i: i.policies.permissions("bob"),
        [("policies:ListPermissions", "users/bob")],
    ),
    "credentials.list": (lambda i: i.credentials.list("bob"), [("credentials:List", "credentials/bob/*")]),
    "credentials.get": (
        lambda i: i.credentials.get("KEY", user="bob"),
        [("credentials:Get", "credentials/bob/KEY")],
    ),
    "credentials.create": (
        lambda i: i.credentials.create("bob"),
        [("credentials:Create", "credentials/bob/*")],
    ),
    "credentials.create own": (
        lambda i: i.credentials.create(),
        [("credentials:Create", "credentials/alice/*")],
    ),
    "credentials.create totp": (
        lambda i: i.credentials.create("bob", kind="totp"),
        [("credentials:EnrolTotp", "credentials/bob/*")],
    ),
    "credentials.renew": (
        lambda i: i.credentials.renew("KEY", user="bob"),
        [("credentials:Renew", "credentials/bob/KEY")],
    ),
    "credentials.rotate": (
        _rotate,
        [("credentials:Create", "credentials/bob/*"), ("credentials:Delete", "credentials/bob/KEY")],
    ),
    "credentials.delete": (
        lambda i: i.credentials.delete("KEY", user="bob"),
        [("credentials:Delete", "credentials/bob/KEY")],
    ),
    "credentials.delete totp": (
        lambda i: i.credentials.delete("TOTP", user="bob"),
        [("credentials:RemoveTotp", "credentials/bob/TOTP")],
    ),
    "sessions.impersonate": (
        lambda i: i.sessions.impersonate("bob"),
        [("sessions:Impersonate", "users/bob")],
    ),
    "sessions.end": (
        lambda i: i.sessions.end(Session(id="SESSION", user_id="bob")),
        [("sessions:End", "sessions/bob")],
    ),
    "tokens.list": (lambda i: i.tokens.list("bob"), [("tokens:List", "tokens/bob")]),
    "tokens.get": (lambda i: i.tokens.get(id="TOKEN"), [("tokens:Get", "tokens/bob")]),
    "tokens.introspect": (lambda i: i.tokens.introspect("VALUE"), [("tokens:Introspect", "tokens/bob")]),
    "tokens.revoke": (lambda i: i.tokens.revoke(id="TOKEN"), [("tokens:Revoke", "tokens/bob")]),
    "native.vacuum": (lambda i: i.native.vacuum(), [("store:Vacuum", "store")]),
    "native.rotate_signing_key": (
        lambda i: i.native.rotate_signing_key(),
        [("store:RotateSigningKey", "store")],
    ),
}
# What a principal may do with its own and by its mere existence.
OWN: dict[str, Verb] = {
    "users.me": lambda i: i.users.me(),
    "users.get": lambda i: i.users.get("alice"),
    "users.groups": lambda i: i.users.groups("alice"),
    "users.policies": lambda i: i.users.policies("alice", effective=True),
    "policies.check": lambda i: i.policies.check("alice", "x", "y"),
    "policies.permissions": lambda i: i.policies.permissions(),
    "credentials.list": lambda i: i.credentials.list(),
    "credentials.create totp": lambda i: i.credentials.create(kind="totp"),
    "sessions.current": lambda i: i.sessions.current(),
    "sessions.constrain": lambda i: i.sessions.constrain(["*"]),
    "sessions.end": lambda i: i.sessions.end(),
    "tokens.issue": lambda i: i.tokens.issue(),
    "tokens.refresh": lambda i: i.tokens.refresh(),
    "tokens.list": lambda i: i.tokens.list(),
}


async def furnish(idp: Idp) -> None:
    """bob, a group, a policy, and bob's things under ids that the table above can name."""
    from identity_sdk.adapters.local import keys
    from identity_sdk.store import queries as q

    await idp.users.create("bob")
    await idp.groups.create("g")
    await idp.policies.create("p", statements=allow("x"))
    now, uid = idp._pipeline.now(), {}
    token = await (await key_of(idp, "bob")).tokens.issue()

    def work(conn: object) -> None:
        uid["uid"] = q.users.get(conn, "bob").attributes["uid"]
        q.credentials.insert(
            conn,
            q.CredentialRow(
                id="KEY", user_id="bob", kind="api_key", created_at=now, expires_at=now + 60, attributes=uid
            ),
        )
        q.totp.insert(
            conn, q.TotpRow(id="TOTP", user_id="bob", created_at=now, secret="A" * 32, attributes=uid)
        )
        q.sessions.insert(conn, q.SessionRow(id="SESSION", user_id="bob", created_at=now, attributes=uid))
        row = q.tokens.get(conn, token.id)
        refresh = keys.hash_of(Secret("VALUE"))
        q.tokens.insert(
            conn,
            q.TokenRow(
                id="TOKEN",
                family_id="FAMILY",
                user_id="bob",
                created_at=now,
                secret_hash=refresh,
                expires_at=row.expires_at,
                attributes=row.attributes,
            ),
        )

    await idp._adapter._core.store.write(work)


@pytest.mark.parametrize("name", VERBS)
async def test_the_documented_permission_and_no_less_opens_each_verb(idp: Idp, name: str) -> None:
    verb, needed = VERBS[name]
    await furnish(idp)
    alice = await key_of(idp, "alice")
    with pytest.raises(PermissionDeniedError) as refused:
        await verb(alice)
    assert refused.value.provider == "local"
    assert any(action in refused.value.message for action, _ in needed)
    for left_out in needed if len(needed) > 1 else ():
        some = [
            allow(action, on=resource)[0] for action, resource in needed if (action, resource) != left_out
        ]
        policy = await grant(idp, "alice", some)
        with pytest.raises(PermissionDeniedError):
            await verb(alice)
        await idp.policies.delete(policy)
    await grant(idp, "alice", [allow(action, on=resource)[0] for action, resource in needed])
    await verb(alice)


@pytest.mark.parametrize("name", VERBS)
async def test_an_explicit_deny_closes_each_verb(idp: Idp, name: str) -> None:
    verb, needed = VERBS[name]
    await furnish(idp)
    alice = await key_of(idp, "alice")
    await grant(idp, "alice", [*allow("*"), *deny(needed[-1][0], on=needed[-1][1])])
    with pytest.raises(PermissionDeniedError, match="denied by"):
        await verb(alice)


@pytest.mark.parametrize("name", OWN)
async def test_the_powerless_may_do_this_with_their_own(idp: Idp, name: str) -> None:
    await OWN[name](await key_of(idp, "alice"))


async def test_a_deny_takes_even_that_away(idp: Idp) -> None:
    alice = await key_of(idp, "alice")
    await grant(idp, "alice", deny("*"))
    for name in set(OWN) - {"users.me", "sessions.current", "sessions.end"}:
        with pytest.raises(PermissionDeniedError):
            await OWN[name](alice)
    for name in ("users.me", "sessions.current", "sessions.end"):
        await OWN[name](alice)


STATES = (
    "anonymous", "unknown key", "wrong secret", "deleted key", "expired key", "expired token", "revoked token",
    "ended session", "expired session", "deleted user", "disabled user", "garbage",
    "refresh token as bearer", "old api key",
)  # fmt: skip


@pytest.mark.parametrize("state", STATES)
async def test_dead_credentials_get_through_to_no_verb(idp: Idp, clock: ManualClock, state: str) -> None:
    await furnish(idp)
    dead = await _dead(idp, clock, state)
    for name in {**VERBS, **OWN}:
        verb = OWN[name] if name in OWN else VERBS[name][0]
        if (name, state) == ("tokens.refresh", "revoked token"):
            continue  # by its own refresh token; refused as well, below
        with pytest.raises(AuthenticationError) as refused:
            await verb(dead)
        assert type(refused.value) is AuthenticationError, name
    with pytest.raises(AuthenticationError):
        await dead.ping()


async def _dead(idp: Idp, clock: ManualClock, state: str) -> Idp:
    """A client that speaks by something of an almighty user which is no more."""
    await idp.users.create("alice", password="correct horse")
    await grant(idp, "alice", allow("*"))
    key = await idp.credentials.create("alice", lifetime=1e6)
    by_key = idp.with_credential(AccessKey(key.id, shown(key.secret)))
    session = await signed_in(idp, "alice")
    token = await by_key.tokens.issue()
    if state == "anonymous":
        return idp.with_credential(None)
    if state == "unknown key":
        return idp.with_credential(AccessKey("AKNOBODY\0\ud800", shown(key.secret)))
    if state == "wrong secret":
        return idp.with_credential(AccessKey(key.id, shown(key.secret) + "x"))
    if state == "garbage":
        return idp.with_credential(Bearer("eyJhbGciOiJub25lIn0.e30."))
    if state == "refresh token as bearer":
        return idp.with_credential(Bearer(shown(token.refresh_token)))
    if state == "old api key":
        api = await idp.credentials.create("alice", kind="api_key", lifetime=60)
        clock.advance(60)
        return idp.with_credential(Bearer(shown(api.secret)))
    if state == "deleted key":
        await idp.credentials.delete(key)
    if state in ("expired key", "expired session"):
        clock.advance(1e6)
    if state == "expired token":
        clock.advance(900)
    if state == "revoked token":
        await idp.tokens.revoke(token)
    if state == "ended session":
        await idp.sessions.end(session)
    if state == "deleted user":
        await idp.users.delete("alice")
    if state == "disabled user":
        await idp.users.update("alice", active=False)
    if "session" in state:
        return idp.with_credential(session)
    if "token" in state:
        return idp.with_credential(Bearer(shown(token.value)))
    return by_key


@pytest.mark.parametrize(
    "forged", ["none", "HS256", "other key", "other kid", "no kid", "deep", "long", "altered"]
)
async def test_forged_tokens_are_refused(idp: Idp, forged: str) -> None:
    from joserfc import jwt
    from joserfc.jwk import OctKey, OKPKey

    token = await idp.tokens.issue()
    value = shown(token.value)
    header, payload, signature = value.split(".")
    (kid,) = [key["kid"] for key in (await idp.native.jwks())["keys"]]
    claims = (await idp.tokens.verify(token)).claims
    other = OKPKey.generate_key("Ed25519")
    forgeries = {
        "none": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.",
        "HS256": jwt.encode({"alg": "HS256", "kid": kid}, dict(claims), OctKey.import_key("x" * 32)),
        "other key": jwt.encode({"alg": "Ed25519", "kid": kid}, dict(claims), other, algorithms=["Ed25519"]),
        "other kid": jwt.encode({"alg": "Ed25519", "kid": "k"}, dict(claims), other, algorithms=["Ed25519"]),
        "no kid": jwt.encode({"alg": "Ed25519"}, dict(claims), other, algorithms=["Ed25519"]),
        "deep": "[" * 4000 + ".e30.",
        "long": value + "A" * 9000,
        "altered": f"{header}.{payload[:-2]}{'A' if payload[-2] != 'A' else 'B'}{payload[-1]}.{signature}",
    }
    with pytest.raises(AuthenticationError):
        await idp.with_credential(Bearer(forgeries[forged])).users.me()
    if forged == "long":
        with pytest.raises(Exception, match="8192"):
            await idp.tokens.verify(forgeries[forged])
        return
    with pytest.raises(AuthenticationError):
        await idp.tokens.verify(forgeries[forged])
    assert not (await idp.tokens.introspect(forgeries[forged])).active
