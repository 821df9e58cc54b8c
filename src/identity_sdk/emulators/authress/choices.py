"""Everything that the service does and nobody has documented, in one place: the default is the likeliest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from identity_sdk.emulators.choosing import parse_choices
from identity_sdk.errors import ConfigurationError

__all__ = ["Choices"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What is not known of the service.

    Attributes:
        errors: the body of an error: ``json`` (title, errorCode, errorId), ``text``, or ``empty``.
        sixth_key: the status of a request for a sixth access key.
        invalid: the status for a body or a query that is refused.
        create_record: 201 with the record, or 202 with nothing.
        update_record: 202 with nothing, or 200 with the record.
        deleted_records: whether a deleted record can still be read and keeps its id (``kept``), or is ``gone``.
        last_modified: whether a ``Last-Modified`` header comes with records and groups (``yes`` or ``no``).
        lists: ``object`` with pagination, or a bare ``array`` with everything, as the vendor's local server answers.
        late: seconds until a deleted user is gone.
    """

    errors: str = "json"
    sixth_key: int = 422
    invalid: int = 400
    create_record: int = 201
    update_record: int = 202
    deleted_records: str = "kept"
    last_modified: str = "yes"
    lists: str = "object"
    late: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                told = ", ".join(str(one) for one in allowed)
                raise ConfigurationError(f"the choice {name} is one of {told}, not {getattr(self, name)!r}")

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Choices:
        """Reads lines such as ``update_record=200``.

        Raises:
            ConfigurationError: there is no such choice, or no such value.
        """
        return parse_choices(cls(), lines, _ALLOWED)


_ALLOWED: dict[str, tuple[object, ...]] = {
    "errors": ("json", "text", "empty"),
    "sixth_key": (400, 409, 413, 422),
    "invalid": (400, 422),
    "create_record": (201, 202),
    "update_record": (200, 202),
    "deleted_records": ("kept", "gone"),
    "last_modified": ("yes", "no"),
    "lists": ("object", "array"),
}
