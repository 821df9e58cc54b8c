"""A tour of the embedded provider: two factors, constraint, rotation, a stolen refresh token, a true deletion.

python examples/local_tour.py                       # in memory
python examples/local_tour.py local:identity.db     # in a file
"""

from __future__ import annotations

import sys

import anyio
from pyotp.totp import TOTP

from identity_sdk import (
    AuthenticationError,
    ChallengeRequiredError,
    IdentityClient,
    Local,
    PermissionDeniedError,
    connect,
)
from identity_sdk.models import Session, Statement

PASSWORD = "correct horse battery staple"


async def people_and_rights(idp: IdentityClient[Local]) -> None:
    await idp.users.create("ada", email="ada@example.com", password=PASSWORD, exist_ok=True)
    await idp.groups.create("analysts", exist_ok=True)
    await idp.groups.add_member("analysts", "ada", role="lead")
    reads = [
        Statement(effect="allow", actions=("reports:Read*", "users:List"), resources=("*",)),
        Statement(effect="deny", actions=("*",), resources=("reports/salaries",)),
    ]
    await idp.policies.create("reads-reports", statements=reads, exist_ok=True)
    await idp.policies.attach("reads-reports", group="analysts")
    for report in ("sales", "salaries"):
        decision = await idp.policies.check("ada", "reports:ReadPage", f"reports/{report}")
        print(f"May ada read {report}? {'yes' if decision else 'no'}: {decision.reason}")


async def two_factors(idp: IdentityClient[Local]) -> Session:
    signed_in = await idp.sessions.create("password", identifier="ada", secret=PASSWORD)
    ada = idp.with_credential(signed_in)
    phone = await ada.credentials.create(kind="totp", name="phone")
    assert phone.secret is not None
    code = TOTP(phone.secret.reveal()).now()
    await ada.credentials.confirm(phone, code)
    try:
        await idp.sessions.create("password", identifier="ada", secret=PASSWORD)
    except ChallengeRequiredError as wanted:
        print(f"The password alone is not enough any more: {wanted.challenge}")
    try:
        await idp.sessions.create("password", identifier="ada", secret=PASSWORD, code=code)
    except AuthenticationError:
        print("The code that confirmed the phone is spent: each works once")
    return signed_in


async def less_power(idp: IdentityClient[Local], session: Session) -> None:
    ada = idp.with_credential(session)
    narrow = idp.with_credential(await ada.sessions.constrain(["users:Get"], lifetime=300))
    print(f"The constrained session is {(await narrow.users.get('ada')).id}'s")
    try:
        await narrow.users.list()
    except PermissionDeniedError as refused:
        print(f"…and does no more than it was told: {refused.message}")


async def stolen_token(idp: IdentityClient[Local], session: Session) -> None:
    first = await idp.with_credential(session).tokens.issue()
    second = await idp.tokens.refresh(first)
    print(f"Verified offline, by the public key: {(await idp.tokens.verify(second)).subject}")
    try:
        await idp.tokens.refresh(first)
    except AuthenticationError as refused:
        print(refused.message)
    try:
        await idp.with_credential(second).users.me()
    except AuthenticationError:
        print("…so the token that came of it is dead as well")


async def true_deletion(idp: IdentityClient[Local], session: Session) -> None:
    deletion = await idp.users.delete("ada")
    for left in deletion.residual:
        print(f"Deleted; what nobody can end: {left.what}")
    await idp.users.create("ada")
    try:
        await idp.with_credential(session).users.me()
    except AuthenticationError:
        print("A new ada has nothing of the old one")


async def main(url: str) -> None:
    async with connect(Local(url)) as idp:
        await people_and_rights(idp)
        session = await two_factors(idp)
        await less_power(idp, session)
        await stolen_token(idp, session)
        await true_deletion(idp, session)
        await idp.users.delete("ada")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "local:")
