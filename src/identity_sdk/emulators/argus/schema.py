"""What bodies may hold: each field with its type; what is required; nothing else is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from identity_sdk.emulators.argus.wire import JSON, Refused, field_error

__all__ = ["BODIES", "SOURCE_OPTIONS", "check_body", "check_object"]

_TEXT = r"""[\s\w{}$\-().\[\]"'_/\\,*+#:@!?;=]*"""
SHORT_NAME = r"[a-zA-Z0-9_\-.@]+"
FUNCTION = r"[a-zA-Z0-9_:\-.]*"

# A type: "text", "name", "function", "string", "int", "days", "bool", "[string]", "[int]", "object", "source", "a|b|c".
# A star: required.
_KEY = {
    "description": "text*",
    "validSources": "[string]",
    "expirationDays": "days",
    "disableExpiration": "bool",
    "disableSourceRestriction": "bool",
    "sessionConstraints": "object",
    "source": "source",
}
_REGIONS = {"regions": "[string]", "services": "[string]"}
SOURCE_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "staticOptions": {"ipAddresses": "[string]*"},
    "awsOptions": _REGIONS,
    "azureOptions": _REGIONS,
    "githubOptions": {"services": "[string]"},
}
"""What may stand beside the provider in the source of an API key."""
_SOURCE = {"provider": "staticIP|disabled|azure|aws|github*", **dict.fromkeys(SOURCE_OPTIONS, "object")}
_SIGN_IN = {
    "userName": "string*",
    "password": "string*",
    "domain": "string",
    "requestedAuthorizations": "[string]",
}
_CONSTRAIN = {
    "customer": "[string]",
    "function": "[string]",
    "readOnly": "bool",
    "customerID": "[int]",
    "functionID": "[int]",
}
_LEVEL = "external|standard|administrative"
_SUBJECT = {
    "name": "text",
    "shortName": "name",
    "description": "text",
    "daemonAccount": "bool",
    "externallyManaged": "bool",
}
_PERSON = {
    **_SUBJECT,
    "email": "string",
    "language": "norwegian|english",
    "phone": "object",
    "phoneNumber": "string",
    "role": "string",
}
_GRANT = {"subject": "string*", "function": "string*", "customer": "string*", "comment": "string"}
_SEARCH = {
    "keywords": "[string]",
    "keywordFieldStrategy": "[string]",
    "keywordMatchStrategy": "any|all",
    "customer": "[string]",
    "domain": "[string]",
    "subject": "[string]",
    "ancestor": "[string]",
    "parent": "[string]",
    "includeFlags": "[string]",
    "excludeFlags": "[string]",
    "includeDeleted": "bool",
    "timeFieldStrategy": "[string]",
    "timeMatchStrategy": "any|all",
    "startTimestamp": "int",
    "endTimestamp": "int",
    "sortBy": "[string]",
    "limit": "int",
    "offset": "int",
}

BODIES: Mapping[str, Mapping[str, str]] = {
    "ApiKeySignIn": {"apikey": "string*"},
    "ApiKey": {**_KEY, "password": "string", "authorization": "string"},
    "UserApiKey": _KEY,
    "Renewal": {
        "password": "string",
        "authorization": "string",
        "expirationDays": "days",
        "disableExpiration": "bool",
    },
    "UserRenewal": {"expirationDays": "days", "disableExpiration": "bool"},
    "SignIn": _SIGN_IN,
    "TotpSignIn": {**_SIGN_IN, "tokenCode": "string*"},
    "Constrain": _CONSTRAIN,
    "Impersonate": {
        "user": "string",
        "userName": "string",
        "domain": "string",
        "customer": "[string]",
        "function": "[string]",
        "securityLevel": _LEVEL,
    },
    "Totp": {"password": "string", "authorization": "string"},
    "Verification": {"cookie": "string*", "verificationCode": "string*"},
    "Password": {"newPassword": "string*", "oldPassword": "string", "authorization": "string"},
    "UserAdd": {
        **_PERSON,
        "customer": "string*",
        "shortName": "name*",
        "name": "text*",
        "domain": "string",
        "notificationUser": "bool",
        "enableAuthenticationMethods": "[string]",
        "skipDefaultAuthenticationMethods": "bool",
    },
    "UserUpdate": _PERSON,
    "GroupAdd": {
        **_SUBJECT,
        "customer": "string*",
        "shortName": "name*",
        "name": "text*",
        "domain": "string",
    },
    "GroupUpdate": _SUBJECT,
    "Move": {"customer": "string*"},
    "Members": {"subject": "[string]*", "comment": "string"},
    "Parents": {"parentGroups": "[string]*", "comment": "string"},
    "Grant": _GRANT,
    "Grants": {"permissions": "[object]*"},
    "Search": _SEARCH,
    "Function": {
        "name": "function*",
        "parent": "string*",
        "minimumSecurityLevel": f"{_LEVEL}*",
        "description": "text",
        "role": "bool",
        "roleType": "service|case|tool|other",
        "readOnly": "bool",
        "sysadm": "bool",
        "localizedNames": "object",
        "localizedDescriptions": "object",
    },
}

_PATTERNS = {"text": _TEXT, "name": SHORT_NAME, "function": FUNCTION}


def check_body(schema: str, content_type: str, raw: bytes) -> JSON:
    """The body as an object.

    Raises:
        Refused: it is no JSON object, or a field is missing, unknown or of another type.
    """
    if not raw:
        found: object = {}
    else:
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "Unsupported media type", "unsupported.media.type")
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            raise Refused(400, "The body is no JSON", "bad.request") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body is no object", "bad.request")
    return check_object(BODIES[schema], cast("JSON", found))


def check_object(wanted: Mapping[str, str], found: JSON) -> JSON:
    """An object against its fields; ``null`` counts as left out."""
    told = {name: value for name, value in found.items() if value is not None}
    for name in told:
        if name not in wanted:
            raise field_error(name, "is not known")
    for name, kind in wanted.items():
        if name in told:
            fault = _fault(kind.rstrip("*"), told[name])
            if fault:
                raise field_error(name, fault)
        elif kind.endswith("*"):
            raise field_error(name, "must not be null")
    return told


def _fault(kind: str, value: object) -> str:
    if kind.startswith("["):
        return _list_fault(kind[1:-1], value)
    if kind in ("int", "days"):
        return _number_fault(kind, value)
    if kind == "bool":
        return "" if isinstance(value, bool) else "must be a boolean"
    if kind == "source":
        return _source_fault(value)
    if kind == "object":
        return "" if isinstance(value, dict) else "must be an object"
    if not isinstance(value, str) or any(
        "\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value
    ):
        return "must be a string"
    if "|" in kind:
        return "" if value in kind.split("|") else f"must be one of {kind.replace('|', ', ')}"
    pattern = _PATTERNS.get(kind)
    if pattern is not None and re.fullmatch(pattern, value) is None:
        return f"must match {pattern}"
    return ""


def _source_fault(value: object) -> str:
    if not isinstance(value, dict):
        return "must be an object"
    for name, told in check_object(_SOURCE, cast("JSON", value)).items():
        if name in SOURCE_OPTIONS:
            check_object(SOURCE_OPTIONS[name], cast("JSON", told))
    return ""


def _list_fault(kind: str, value: object) -> str:
    if not isinstance(value, list):
        return "must be a list"
    return next((fault for one in cast("list[object]", value) if (fault := _fault(kind, one))), "")


def _number_fault(kind: str, value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        return "must be a number"
    if kind == "days" and value < 0:
        return "must be greater than or equal to 0"
    return "must be less than 36500" if kind == "days" and value > 36500 else ""
