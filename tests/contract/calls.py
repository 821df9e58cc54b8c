"""One good call for every verb of the facade: the administrator prepares what it needs, anybody can then make it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from contract.target import World

__all__ = ["CALLS", "Stage", "call", "prepare"]


@dataclass(slots=True)
class Stage:
    """What the calls are about."""

    world: World
    user: str = "somebody"
    owner: str = "somebody"
    group: str = "some-group"
    policy: str = "some-policy"
    credential: Any = None
    totp: Any = None
    expiring: Any = None
    token: Any = None
    session: Any = None
    reset: Any = "no such reset token"
    new: str = field(default="newcomer")

    @property
    def key(self) -> Any:
        return self.credential.id if self.credential is not None else self.world.rules.unknown_key


async def prepare(world: World) -> Stage:
    """Makes one of everything that this target can hold."""
    idp, stage = world.idp, Stage(world)
    if world.can("users.create"):
        stage.user = await world.user()
    else:
        stage.user = (await idp.users.me()).id
    if world.can("groups.add_member"):
        stage.group = await world.group()
        await idp.groups.add_member(stage.group, stage.user)
    if world.can("policies.attach"):
        stage.policy = await world.policy()
        await idp.policies.attach(stage.policy, user=stage.user)
    stage.owner = stage.user if world.can("users.create", "kind=human") else await world.key_user()
    owner = idp
    if world.can("credentials.create"):
        stage.credential = await world.credential(stage.owner)
        owner = await world.sign_in(stage.credential)
    if world.can("credentials.create", "kind=totp"):
        stage.totp = await idp.credentials.create(stage.owner, kind="totp")
        stage.expiring = await idp.credentials.create(stage.owner, kind="api_key", lifetime=86400 * 365.0)
    if world.can("tokens.issue"):
        stage.token = await owner.tokens.issue()
    key = stage.credential
    if world.can("sessions.create", "identifier", "secret"):
        method, proof = world.key_sign_in(key)
        stage.session = await idp.sessions.create(method, **proof)
    if world.can("credentials.request_password_reset"):
        address = f"{world.name('mail')}@example.com"
        await world.user_with_address(address)
        await idp.credentials.request_password_reset(address)
        stage.reset = world.reset_token(address)
    stage.new = world.name("newcomer")
    return stage


async def _rotate(idp: Any, stage: Stage) -> None:
    async with idp.credentials.rotate(stage.key, user=stage.owner):
        pass


def _sign_in(idp: Any, stage: Stage) -> Any:
    if stage.credential is None:
        return idp.sessions.create("access_key", identifier=stage.key, secret="secret")
    method, proof = stage.world.key_sign_in(stage.credential)
    return idp.sessions.create(method, **proof)


def _confirm(idp: Any, stage: Stage) -> Any:
    code = stage.world.code(stage.totp.secret) if stage.totp is not None else "000000"
    return idp.credentials.confirm(
        stage.totp.id if stage.totp is not None else "totp", code, user=stage.owner
    )


Make = Callable[[Any, Stage], Awaitable[Any]]

CALLS: dict[str, Make] = {
    "users.list": lambda idp, stage: idp.users.list(),
    "users.get": lambda idp, stage: idp.users.get(stage.user),
    "users.create": lambda idp, stage: idp.users.create(stage.new),
    "users.update": lambda idp, stage: idp.users.update(stage.user, name="Name"),
    "users.delete": lambda idp, stage: idp.users.delete(stage.user),
    "users.me": lambda idp, stage: idp.users.me(),
    "users.groups": lambda idp, stage: idp.users.groups(stage.user),
    "users.policies": lambda idp, stage: idp.users.policies(stage.user),
    "groups.list": lambda idp, stage: idp.groups.list(),
    "groups.get": lambda idp, stage: idp.groups.get(stage.group),
    "groups.create": lambda idp, stage: idp.groups.create(stage.new),
    "groups.update": lambda idp, stage: idp.groups.update(
        stage.group, **{"description" if stage.world.can("groups.update", "description") else "name": "Text"}
    ),
    "groups.delete": lambda idp, stage: idp.groups.delete(stage.group),
    "groups.members": lambda idp, stage: idp.groups.members(stage.group),
    "groups.add_member": lambda idp, stage: idp.groups.add_member(stage.group, stage.user),
    "groups.remove_member": lambda idp, stage: idp.groups.remove_member(stage.group, stage.user),
    "groups.policies": lambda idp, stage: idp.groups.policies(stage.group),
    "policies.list": lambda idp, stage: idp.policies.list(),
    "policies.get": lambda idp, stage: idp.policies.get(stage.policy),
    "policies.create": lambda idp, stage: idp.policies.create(
        stage.new, statements=stage.world.rules.statements
    ),
    "policies.update": lambda idp, stage: idp.policies.update(
        stage.policy, statements=stage.world.rules.other_statements
    ),
    "policies.delete": lambda idp, stage: idp.policies.delete(stage.policy),
    "policies.attach": lambda idp, stage: idp.policies.attach(stage.policy, user=stage.user),
    "policies.detach": lambda idp, stage: idp.policies.detach(stage.policy, user=stage.user),
    "policies.check": lambda idp, stage: idp.policies.check(stage.user, *stage.world.rules.allowed),
    "policies.permissions": lambda idp, stage: idp.policies.permissions(stage.user),
    "credentials.list": lambda idp, stage: idp.credentials.list(stage.owner),
    "credentials.get": lambda idp, stage: idp.credentials.get(stage.key, user=stage.owner),
    "credentials.create": lambda idp, stage: idp.credentials.create(stage.owner),
    "credentials.confirm": _confirm,
    "credentials.renew": lambda idp, stage: idp.credentials.renew(
        stage.expiring.id if stage.expiring is not None else stage.key, user=stage.owner
    ),
    "credentials.rotate": _rotate,
    "credentials.delete": lambda idp, stage: idp.credentials.delete(stage.key, user=stage.owner),
    "credentials.request_password_reset": lambda idp, stage: idp.credentials.request_password_reset(
        "a@example.com"
    ),
    "credentials.reset_password": lambda idp, stage: idp.credentials.reset_password(
        stage.reset, "a new password"
    ),
    "sessions.methods": lambda idp, stage: idp.sessions.methods(),
    "sessions.create": _sign_in,
    "sessions.current": lambda idp, stage: idp.sessions.current(),
    "sessions.constrain": lambda idp, stage: idp.sessions.constrain(["*"]),
    "sessions.impersonate": lambda idp, stage: idp.sessions.impersonate(stage.user),
    "sessions.end": lambda idp, stage: idp.sessions.end(stage.session),
    "tokens.issue": lambda idp, stage: idp.tokens.issue(),
    "tokens.list": lambda idp, stage: idp.tokens.list(stage.owner),
    "tokens.get": lambda idp, stage: idp.tokens.get(id=stage.token.id if stage.token is not None else "t"),
    "tokens.refresh": lambda idp, stage: idp.tokens.refresh(),
    "tokens.introspect": lambda idp, stage: idp.tokens.introspect(stage.token or "token"),
    "tokens.verify": lambda idp, stage: idp.tokens.verify(stage.token or "token"),
    "tokens.revoke": lambda idp, stage: idp.tokens.revoke(
        id=stage.token.id if stage.token is not None else "t"
    ),
}


async def call(verb: str, idp: Any, stage: Stage) -> Any:
    """Makes the call, and waits for its answer, whatever kind of verb it is."""
    make = stage.world.calls().get(verb, CALLS[verb])
    return await make(idp, stage)
