"""What an adapter can do, as data that is known before any I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from identity_sdk.tables import fields, html_card, html_table

__all__ = ["Capabilities", "Cell", "Propagation", "ServerInfo"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One verb on one backend.

    Attributes:
        verb: such as ``"users.create"``.
        supported: whether the verb does something here.
        kinds: the ``kind=`` values that it takes, where it takes one.
        refuses: keywords of the neutral verb that this backend cannot honour, with the reason.
        reason: why the verb is not supported.
        instead: the nearest thing that works.
    """

    verb: str
    supported: bool
    kinds: tuple[str, ...] = ()
    refuses: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Propagation:
    """How long what was taken away may still work, in seconds.

    Attributes:
        credentials: keys and rights; what ``wait=True`` waits out.
        tokens: tokens that were issued before; for stateless ones the rest of their life.
    """

    credentials: float = 0.0
    tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Everything that one adapter can do. ``capabilities["users.list"]`` is one cell."""

    provider: str
    cells: Mapping[str, Cell]
    propagation: Propagation = Propagation()
    limits: Mapping[str, int] = field(default_factory=dict[str, int])

    def __getitem__(self, verb: str) -> Cell:
        return self.cells[verb]

    def __repr__(self) -> str:
        return f"<Capabilities {self.provider}: {len(self.supported())} of {len(self.cells)} verbs>"

    def _repr_html_(self) -> str:
        rows = [
            {
                "verb": cell.verb,
                "works": cell.supported,
                "kinds": cell.kinds,
                "refuses": tuple(cell.refuses),
                "otherwise": " Instead: ".join(part for part in (cell.reason, cell.instead) if part),
            }
            for cell in self.cells.values()
        ]
        return html_table(rows, f"{self.provider}: {len(self.supported())} of {len(self.cells)} verbs")

    def supports(self, verb: str, *, kind: str | None = None) -> bool:
        """Whether ``verb`` (``"users.create"``) works here, and with this ``kind`` if one is given.

        Raises:
            KeyError: there is no such verb in the facade.
        """
        cell = self.cells[verb]
        return cell.supported and (kind is None or not cell.kinds or kind in cell.kinds)

    def supported(self) -> tuple[str, ...]:
        """The verbs that work here, sorted."""
        return tuple(sorted(verb for verb, cell in self.cells.items() if cell.supported))

    def without(self, verbs: Iterable[str], reason: str) -> Capabilities:
        """A copy in which ``verbs`` are not supported, for the reason given."""
        gone = {verb: replace(self.cells[verb], supported=False, reason=reason) for verb in verbs}
        return replace(self, cells={**self.cells, **gone})

    def to_dict(self) -> dict[str, object]:
        """Plain values, ready for ``json.dumps``."""
        return {
            "provider": self.provider,
            "propagation": {"credentials": self.propagation.credentials, "tokens": self.propagation.tokens},
            "limits": dict(self.limits),
            "verbs": {
                verb: {
                    "supported": cell.supported,
                    "kinds": list(cell.kinds),
                    "refuses": dict(cell.refuses),
                    "reason": cell.reason,
                    "instead": cell.instead,
                }
                for verb, cell in sorted(self.cells.items())
            },
        }


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What ``await idp.ping()`` found.

    Attributes:
        provider: the adapter's name.
        version: the server's version, if it tells.
        principal: the id of who is signed in, ``None`` if nobody is.
        latency: seconds from request to answer.
        clock_skew: the server's clock minus ours, in seconds, learned from the ``Date`` header.
        capabilities: narrowed to what this server can do.
    """

    provider: str
    version: str | None
    principal: str | None
    latency: float
    clock_skew: float
    capabilities: Capabilities

    def _repr_html_(self) -> str:
        latency, skew = f"{self.latency * 1000:.1f} ms", f"{self.clock_skew:+.1f} s"
        can = f"{len(self.capabilities.supported())} of {len(self.capabilities.cells)} verbs"
        return html_card(
            {**fields(self), "latency": latency, "clock_skew": skew, "capabilities": can}, "Server"
        )
