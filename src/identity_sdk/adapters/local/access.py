"""Who may do what.

Every verb but the public ones looks its caller up and asks the policies for an action on a resource:

=========================  ==========================================  ======================================
verb                       action                                      resource
=========================  ==========================================  ======================================
users.list                 ``users:List``                              ``users/*`` (with a prefix ``users/a*``)
users.get                  ``users:Get``                               ``users/<id>`` (own: always)
users.create               ``users:Create``                            ``users/<id>``
users.update               ``users:Update``                            ``users/<id>``
users.delete               ``users:Delete``                            ``users/<id>``
users.me                   none
users.groups               ``users:ListGroups``                        ``users/<id>`` (own: always)
users.policies             ``users:ListPolicies``                      ``users/<id>`` (own: always)
groups.list                ``groups:List``                             ``groups/*`` (with a prefix ``groups/a*``)
groups.get … delete        ``groups:Get``, ``:Create``, ``:Update``,   ``groups/<id>``
                           ``:Delete``
groups.members             ``groups:ListMembers``                      ``groups/<id>``
groups.add_member          ``groups:AddMember``                        ``groups/<id>``
groups.remove_member       ``groups:RemoveMember``                     ``groups/<id>``
groups.policies            ``groups:ListPolicies``                     ``groups/<id>``
policies.list              ``policies:List``                           ``policies/*`` (prefix ``policies/a*``)
policies.get … delete      ``policies:Get``, ``:Create``,              ``policies/<id>``
                           ``:Update``, ``:Delete``
policies.attach, detach    ``policies:Attach``, ``policies:Detach``    ``policies/<id>``, and also
                                                                       ``users/<id>`` or ``groups/<id>``
policies.check             ``policies:Check``                          ``users/<id>`` (own: always)
policies.permissions       ``policies:ListPermissions``                ``users/<id>`` (own: always)
credentials.list           ``credentials:List``                        ``credentials/<user>/*`` (own: always)
credentials.get            ``credentials:Get``                         ``credentials/<user>/<id>`` (own: always)
credentials.create         ``credentials:Create``                      ``credentials/<user>/*``
 … kind="totp", confirm    ``credentials:EnrolTotp``                   ``credentials/<user>/*`` (own: always)
credentials.renew          ``credentials:Renew``                       ``credentials/<user>/<id>``
credentials.rotate         ``credentials:Create`` and ``:Delete``      as above and below
credentials.delete         ``credentials:Delete``                      ``credentials/<user>/<id>`` (own: always)
 … of kind totp            ``credentials:RemoveTotp``                  ``credentials/<user>/<id>``
sessions.current           none
sessions.constrain         ``sessions:Constrain``                      ``sessions/<own id>`` (always)
sessions.impersonate       ``sessions:Impersonate``                    ``users/<id>``
sessions.end               ``sessions:End``                            ``sessions/<user>`` (own: always)
tokens.issue               ``tokens:Issue``                            ``tokens/<own id>`` (always)
tokens.list, get,          ``tokens:List``, ``:Get``,                  ``tokens/<user>`` (own: always)
introspect, revoke         ``:Introspect``, ``:Revoke``
native.vacuum              ``store:Vacuum``                            ``store``
native.rotate_signing_key  ``store:RotateSigningKey``                  ``store``
=========================  ==========================================  ======================================

Public, since they are how one gets a credential or need none: ``sessions.methods``, ``sessions.create``,
``credentials.request_password_reset``, ``credentials.reset_password``, ``tokens.refresh`` with a refresh token (that
token is the credential), ``tokens.verify`` and ``native.jwks`` (public keys).

"Always" yields to an explicit deny only. The root principal may do everything; policies do not bind it, and nobody else
may delete or disable it, sign in as it, or make credentials for it. A session or token limited to scopes (patterns of
actions) does what policies *and* scopes allow, and never makes credentials or sets passwords: these would outreach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from identity_sdk.adapters.local.evaluate import Verdict, covers, decide
from identity_sdk.adapters.local.models import is_active
from identity_sdk.adapters.local.principal import Principal, root_id
from identity_sdk.adapters.local.rules import name_of
from identity_sdk.errors import PermissionDeniedError
from identity_sdk.store.queries import UserRow, effective_policies

__all__ = ["Tx", "verdict_for"]

OWN: Final = {
    "users": frozenset(
        {"users:Get", "users:ListGroups", "users:ListPolicies", "policies:Check", "policies:ListPermissions"}
    ),
    "credentials": frozenset(
        {"credentials:List", "credentials:Get", "credentials:EnrolTotp", "credentials:Delete"}
    ),
    "sessions": frozenset({"sessions:Constrain", "sessions:End"}),
    "tokens": frozenset({"tokens:Issue", "tokens:List", "tokens:Get", "tokens:Introspect", "tokens:Revoke"}),
}
"""What a principal may always do with what is its own, by the area that the resource begins with."""


def verdict_for(conn: Connection, user: UserRow, action: str, resource: str) -> Verdict:
    """What a user may do by its policies and those of its groups."""
    if not is_active(user):
        return Verdict("deny", "the user is disabled")
    if user.id == root_id(conn):
        return Verdict("allow", "the root principal may do everything")
    return decide(effective_policies(conn, user.id), action, resource)


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction of a caller who is known: its connection, who it is, and the time in epoch seconds."""

    conn: Connection
    who: Principal
    now: float

    def require(self, action: str, resource: str) -> None:
        """Let the caller go on.

        Raises:
            PermissionDeniedError: it may not.
        """
        who = self.who
        if who.scopes and not covers(who.scopes, action):
            raise _denied(who, action, resource, "its session or token is limited to other scopes")
        if who.root:
            return
        verdict = verdict_for(self.conn, who.user, action, resource)
        if verdict.effect == "allow" or (verdict.effect is None and _is_own(who.id, action, resource)):
            return
        raise _denied(who, action, resource, verdict.reason)

    def require_unlimited(self, what: str) -> None:
        """Refuse a caller that is limited to scopes.

        Raises:
            PermissionDeniedError: what it wants to do would outreach its own session.
        """
        if self.who.scopes:
            raise PermissionDeniedError(
                f"a session or token that is limited to scopes may not {what}", provider="local"
            )

    def guard_root(self, user: str, what: str) -> None:
        """Keep others from the root principal.

        Raises:
            PermissionDeniedError: ``user`` is the root principal and the caller is not.
        """
        if user == root_id(self.conn) and not self.who.root:
            raise PermissionDeniedError(f"only the root principal itself may {what}", provider="local")


def _is_own(user: str, action: str, resource: str) -> bool:
    area = resource.partition("/")[0]
    own = name_of(area, user)
    return action in OWN.get(area, ()) and (resource == own or resource.startswith(f"{own}/"))


def _denied(who: Principal, action: str, resource: str, reason: str) -> PermissionDeniedError:
    return PermissionDeniedError(f"{who.id!r} may not {action} on {resource}: {reason}", provider="local")
