"""Rejects as they are read back, what became of them, and which of them are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

OUTCOMES = ("rejected", "unknown", "accepted")
#: What became of a reject that was taken by a redrive. ``rejected`` again has a line of its own; ``gone``: no row has
#: its key any more; ``newer_row``: a newer row of its key was sent, or is due, by itself, or a usual run sends the row
#: because it was mended in place.
FATES = ("accepted", "rejected", "unknown", "gone", "newer_row")


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of a reject.

    :param fate: one of :data:`FATES`.
    :param at: when, as ISO 8601.
    :param run: of which run that was.
    """

    fate: str
    at: str
    run: str


@dataclass(frozen=True, slots=True)
class StoredReject:
    """One line of a reject file. It holds personal data.

    :param part: the part that it was written into.
    :param line: its number there, from 0.
    :param place: the run's name in the storage, beside which its marks stand.
    :param sync_id: whose it is; empty in lines of earlier versions, as are the next four.
    :param at: when it was written.
    :param is_in_doubt: whether nobody can tell if it counts: the try that wrote it died, and the row may have been
        read again since; or marks of its run are broken, so that it may have been sent again.
    :param mark: what became of it; None when nobody took it yet.

    The others are those of :class:`~airflow_provider_cdi.engine.rows.rejects.RejectedRow`.
    """

    part: str
    line: int
    place: str = field(repr=False)
    sync_id: str
    run_id: str
    map_index: int
    try_number: int
    at: str
    outcome: str
    code: str
    reason: str = field(repr=False)
    identifier: Mapping[str, Any] = field(repr=False)
    updated_at: str
    payload: Any = field(repr=False)
    columns: Mapping[str, Any] = field(repr=False)
    is_in_doubt: bool = False
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class RejectFilter:
    """Which rejects are meant; what is not given does not matter.

    :param codes: one of these; empty for all.
    :param run_id: of this run.
    :param older_than: written before this moment; a line without a time counts as old.
    :param newer_than: written at this moment or after it.
    :param identifier: a value that one of the identifier columns has; of an e-mail address in any case of its letters.
    :param outcomes: one of these. ``accepted`` lines tell of a part of a row that was left out.
    :param include_redriven: also those that a redrive has taken.
    :param files_since: in files that were last written at this moment or after it; others are not read.
    """

    codes: frozenset[str] = frozenset()
    run_id: str | None = None
    older_than: datetime | None = None
    newer_than: datetime | None = None
    identifier: str | None = None
    outcomes: frozenset[str] = frozenset({"rejected", "unknown"})
    include_redriven: bool = False
    files_since: datetime | None = None

    def takes(self, reject: StoredReject) -> bool:
        """Whether a reject is meant."""
        return (
            (self.include_redriven or reject.mark is None)
            and reject.outcome in self.outcomes
            and (not self.codes or reject.code in self.codes)
            and self.run_id in (None, reject.run_id)
            and self._is_of_age(reject.at)
            and (self.identifier is None or any(map(self._is_meant, reject.identifier.values())))
        )

    def _is_meant(self, value: Any) -> bool:
        text = str(value)
        return text == self.identifier or ("@" in text and text.casefold() == str(self.identifier).casefold())

    def _is_of_age(self, at: str) -> bool:
        if self.older_than is None and self.newer_than is None:
            return True
        written = written_at(at)
        if written is None:
            return self.newer_than is None
        return (self.older_than is None or written < self.older_than) and (
            self.newer_than is None or written >= self.newer_than
        )


def written_at(at: str) -> datetime | None:
    """Return when a reject was written; None where its line says no time, or none that can be read.

    :param at: as the line has it: ISO 8601, in UTC where it names no zone.
    """
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
