"""Totals: the outcomes of rows, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Totals:
    """The outcomes of rows: ``rows_read`` is always the sum of the four others.

    :param rejects: number of rejected and unknown rows by code.
    :param skipped_because: number of skipped rows by reason: ``already_delivered``, ``future``,
        ``settling``, ``no_updated_at``.
    :param adjusted: number of accepted rows of which something was left out or changed, by what it was.
    """

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    skipped_because: Counter[str] = field(default_factory=Counter)
    adjusted: Counter[str] = field(default_factory=Counter)

    @property
    def skipped(self) -> int:
        """Rows that were not due: delivered before, or their time has not come."""
        return sum(self.skipped_because.values())

    @property
    def rows_read(self) -> int:
        """All rows that have an outcome."""
        return self.accepted + self.rejected + self.skipped + self.unknown

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.unknown + other.unknown,
            self.rejects + other.rejects,
            self.skipped_because + other.skipped_because,
            self.adjusted + other.adjusted,
        )

    def __sub__(self, other: Totals) -> Totals:
        return Totals(
            self.accepted - other.accepted,
            self.rejected - other.rejected,
            self.unknown - other.unknown,
            self.rejects - other.rejects,
            self.skipped_because - other.skipped_because,
            self.adjusted - other.adjusted,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads, and what a report shows."""
        return {
            "rows_read": self.rows_read,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "skipped": self.skipped,
            "unknown": self.unknown,
            "rejects": dict(sorted(self.rejects.items())),
            "skipped_because": dict(sorted(self.skipped_because.items())),
            "adjusted": dict(sorted(self.adjusted.items())),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Totals:
        """Read what :meth:`to_json` returned."""
        return cls(
            stored["accepted"],
            stored["rejected"],
            stored["unknown"],
            Counter(stored["rejects"]),
            Counter(stored["skipped_because"]),
            Counter(stored.get("adjusted", {})),  # until 0.1 nothing was adjusted
        )
