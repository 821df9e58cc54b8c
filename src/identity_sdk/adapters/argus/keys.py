"""API keys and TOTP generators as ``idp.credentials`` shows them, and what a copy of a key is made with."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from identity_sdk.adapters.argus.key_models import ApiKeyMade, ArgusCredential, TotpSeed
from identity_sdk.adapters.argus.rules import DAY, check_name, check_prefix
from identity_sdk.errors import InvalidRequestError, NotSupportedError, ProtocolError
from identity_sdk.models import Credential
from identity_sdk.secrets import Secret

__all__ = ["DESCRIPTION", "TOTP", "copied", "generator", "made_key", "named", "owned", "provisioning_uri"]

TOTP = "totp:"
"""How the id of a generator begins; the user follows."""

DESCRIPTION = "unified-identity-sdk"


def owned(name: str, key: ArgusCredential, number: str | None) -> ArgusCredential:
    """Argus does not repeat whose key it is: the caller asked for it."""
    return key.model_copy(update={"user_id": name, "administered": number is not None})


def named(credential: Credential | str, user: str | None) -> tuple[str, str | None]:
    """The id of a credential, and whose it is; ``None``: one's own, reached by the operations for one's own."""
    told = credential.user_id if isinstance(credential, Credential) else None
    if user is not None and told is not None and user != told:
        raise InvalidRequestError(
            f"that credential belongs to {told}, not to {user}", fields={"user": "not the credential's"}
        )
    if user is None and not (isinstance(credential, ArgusCredential) and not credential.administered):
        user = told
    id = credential.id if isinstance(credential, Credential) else credential
    if not id:
        raise InvalidRequestError(
            "the credential id is empty", fields={"credential id": "empty"}, provider="argus"
        )
    return id, None if user is None else check_name("user id", user)


def made_key(name: str, made: ApiKeyMade | None, number: str | None) -> ArgusCredential:
    """A new key with its secret.

    Raises:
        ProtocolError: there is none, or it does not begin with its prefix.
    """
    if made is None or not made.api_key_string:
        raise ProtocolError("the server answered no API key", provider="argus")
    prefix = made.key_descriptor.id
    if check_prefix(prefix) is None or not made.api_key_string.reveal().startswith(f"{prefix}/"):
        raise ProtocolError(
            "the server answered an API key that does not begin with its prefix", provider="argus"
        )
    return owned(name, made.key_descriptor, number).model_copy(update={"secret": made.api_key_string})


def generator(name: str, *, confirmed: bool, administered: bool) -> ArgusCredential:
    """The TOTP generator of a user: Argus has no id for it, and each user has but one."""
    whole = ArgusCredential.model_validate({"prefix": f"{TOTP}{name}"})
    more = {"kind": "totp", "user_id": name, "confirmed": confirmed, "administered": administered}
    return whole.model_copy(update=more)


def provisioning_uri(name: str, seed: TotpSeed) -> Secret:
    """The provisioning URI that authenticators read."""
    algorithm = (seed.key_algorithm or "HmacSHA1").removeprefix("Hmac")
    query = f"secret={seed.seed_base32.reveal().rstrip('=')}&issuer=Argus&algorithm={algorithm}"
    return Secret(
        f"otpauth://totp/Argus:{quote(name, safe='')}?{query}&digits={seed.pass_code_length or 6}&period=30"
    )


def copied(key: ArgusCredential) -> dict[str, Any]:
    """What a new key is made with, so that it allows no more than the old one."""
    if key.source is not None and key.source.provider not in (None, "staticIP", "disabled"):
        raise NotSupportedError(
            f"key {key.id} is bound to {key.source.provider}, whose options Argus does not show: make a new one by "
            "native.apikey.initiate with its source",
            provider="argus",
        )
    told: dict[str, Any] = {"description": key.name or DESCRIPTION}
    if key.valid_sources:
        told["validSources"] = tuple(source.network for source in key.valid_sources)
    if key.source is not None and key.source.provider == "disabled":
        told["source"] = {"provider": "disabled"}
    if key.expires_at is None:
        told["expirationDays"] = 0
    elif key.created_at is not None:
        told["expirationDays"] = max(1, round((key.expires_at - key.created_at).total_seconds() / DAY))
    cut = key.constraints
    if cut is not None and (cut.customers or cut.functions or cut.read_only):
        told["sessionConstraints"] = {
            "customerID": tuple(one.id for one in cut.customers),
            "functionID": tuple(one.id for one in cut.functions),
            "readOnly": bool(cut.read_only),
        }
    return told
