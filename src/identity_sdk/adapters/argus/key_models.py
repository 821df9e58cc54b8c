"""API keys and TOTP generators as Argus answers them."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field

from identity_sdk.adapters.argus.models import CustomerInfo, FunctionInfo, Milliseconds, Quiet, listed
from identity_sdk.models import Credential
from identity_sdk.secrets import Secret

__all__ = [
    "ApiKeyDescriptor",
    "ApiKeyList",
    "ApiKeyMade",
    "ApiKeyRenewed",
    "ApiKeyRevoked",
    "ArgusCredential",
    "Constraints",
    "KeySource",
    "NetworkAddress",
    "TotpSeed",
]


class NetworkAddress(Quiet):
    """An address with its mask."""

    address: str
    mask_bits: int | None = Field(None, validation_alias="maskBits")

    @property
    def network(self) -> str:
        """``203.0.113.0/24``."""
        return self.address if self.mask_bits is None else f"{self.address}/{self.mask_bits}"


class Constraints(Quiet):
    """What an API key is cut down to."""

    customers: Annotated[tuple[CustomerInfo, ...], BeforeValidator(listed)] = ()
    functions: Annotated[tuple[FunctionInfo, ...], BeforeValidator(listed)] = ()
    read_only: bool | None = Field(None, validation_alias="readOnly")


class KeySource(Quiet):
    """From where an API key may be used: ``staticIP``, ``disabled`` or a cloud."""

    provider: str | None = None


class ArgusCredential(Credential):
    """An API key (``id`` is its prefix, such as ``2a/1``) or a TOTP generator (``totp:<user>``).

    Attributes:
        name: the key's description.
        valid_sources: the networks that it works from; empty for all.
        cookie: what ``credentials.confirm`` sends back for a TOTP generator that waits for it.
        administered: whether an administrator's operations showed it; otherwise it is one's own.
    """

    provider: ClassVar[str] = "argus"

    id: str = Field(validation_alias="prefix")
    kind: str = "api_key"
    name: str | None = Field(None, validation_alias="description")
    created_at: Milliseconds = Field(None, validation_alias="createdTimestamp")
    expires_at: Milliseconds = Field(None, validation_alias="validUntil")
    last_used_at: Milliseconds = Field(None, validation_alias="lastUsedTimestamp")
    valid_sources: Annotated[tuple[NetworkAddress, ...], BeforeValidator(listed)] = Field(
        (), validation_alias="validSources"
    )
    constraints: Constraints | None = None
    source: KeySource | None = None
    cookie: Secret | None = None
    administered: bool = False


ApiKeyDescriptor: TypeAlias = ArgusCredential
"""The documented name of what the API-key operations answer."""


class ApiKeyList(Quiet):
    """One's API keys."""

    keys: Annotated[tuple[ArgusCredential, ...], BeforeValidator(listed)] = ()


class ApiKeyMade(Quiet):
    """The key itself is shown here, and never again."""

    api_key_string: Secret = Field(validation_alias="apiKeyString")
    key_descriptor: ArgusCredential = Field(validation_alias="keyDescriptor")


class ApiKeyRenewed(Quiet):
    """The key with its new end."""

    renewed_key: ArgusCredential = Field(validation_alias="renewedKey")


class ApiKeyRevoked(Quiet):
    """``revoked_key`` is what the operation by id answers, ``keys`` (those that remain) what the others do."""

    keys: tuple[ArgusCredential, ...] | None = None
    revoked_key: ArgusCredential | None = Field(None, validation_alias="revokedKey")


class TotpSeed(Quiet):
    """A TOTP generator (RFC 6238), shown once.

    Attributes:
        cookie: what ``totp.verify`` wants back; no schema shows where it is, so a ``Set-Cookie`` is looked at as well.
    """

    user_name: str | None = Field(None, validation_alias="userName")
    pass_code_length: int | None = Field(None, validation_alias="passCodeLength")
    key_algorithm: str | None = Field(None, validation_alias="keyAlgorithm")
    seed_base32: Secret = Field(validation_alias="seedBase32")
    seed_base64: Secret | None = Field(None, validation_alias="seedBase64")
    cookie: Secret | None = None
