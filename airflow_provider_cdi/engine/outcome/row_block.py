"""A block: rows that were read together, and the outcome of each."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from airflow_provider_cdi.engine.rows.records import Notice, Record, Rejection
from airflow_provider_cdi.engine.rows.totals import Totals

_PENDING, _ACCEPTED, _SET_ASIDE, _HANDLED_BEFORE, _COUNTED_BEFORE, _PASSED_OVER = range(6)
_ACCEPTED_BYTE = bytes((_ACCEPTED,))

#: Rows a block: what is looked at together.
BLOCK_ROWS = 256


class RowBlock:
    """A run of rows that were read together.

    :param rows: the batch that the rows came in.
    :param start: place of the block's first row in it.
    :param stop: place after its last row.
    :param stamps: ``UPDATED_AT`` of all rows of the batch, as integers in the column's unit.
    :param before: how many rows of this try came before the batch: a row's number is that and its place.
    """

    __slots__ = (
        "_outcomes",
        "adjusted",
        "before",
        "first_number",
        "next_number",
        "passed_over",
        "pending",
        "rows",
        "set_aside",
        "stamps",
        "start",
        "stop",
    )

    def __init__(self, rows: pa.RecordBatch, start: int, stop: int, stamps: Sequence[int], before: int = 0) -> None:
        self.rows = rows
        self.before = before
        self.start = start
        self.stop = stop
        #: Number of its first row, and the one after its last.
        self.first_number, self.next_number = before + start, before + stop
        self.stamps = stamps
        self._outcomes = bytearray(stop - start)
        #: Rows without an outcome yet.
        self.pending = stop - start
        #: Row -> why it was set aside, and whether nobody knows what became of it.
        self.set_aside: dict[int, tuple[Rejection, bool]] = {}
        #: Row -> why it was passed over on purpose.
        self.passed_over: dict[int, str] = {}
        #: Row -> what was left out or changed so that it can be sent.
        self.adjusted: dict[int, tuple[str | Notice, ...]] = {}

    def take_in(
        self, entries: Sequence[Record | Rejection], handled: Sequence[bool], *, by_this_run: bool
    ) -> list[Record]:
        """Give the rows that need no request their outcome, number the records of the others, and return those.

        :param entries: what each row of the batch becomes.
        :param handled: of the first rows of the batch, whether each was handled before.
        :param by_this_run: whether that was by an earlier try of this run.
        """
        due, known = [], len(handled)
        for row, entry in enumerate(entries[self.start : self.stop], self.start):
            if row < known and handled[row]:
                self.note_handled(row, by_this_run=by_this_run)
            elif isinstance(entry, Rejection):
                self.reject(row, entry)
            else:
                entry.row = self.before + row
                due.append(entry)
        return due

    def accept(self, numbers: Sequence[int]) -> None:
        """Give several rows their outcome: accepted.

        :param numbers: of the rows.
        """
        first, after = min(numbers) - self.first_number, max(numbers) + 1 - self.first_number
        if after - first == len(numbers):  # each row once and none between them missing, in whatever order
            self._outcomes[first:after] = _ACCEPTED_BYTE * len(numbers)
        else:
            for number in numbers:
                self._outcomes[number - self.first_number] = _ACCEPTED
        self.pending -= len(numbers)

    def notices(self, row: int) -> list[Notice]:
        """Give what was left out or changed of an accepted row, as far as the row is named for it."""
        return [one for one in self.adjusted.get(row, ()) if isinstance(one, Notice)] if self._is_accepted(row) else []

    @property
    def told(self) -> list[int]:
        """The rows that are written down: rejected, unknown, or accepted with a notice."""
        return sorted([*self.set_aside, *filter(self.notices, self.adjusted)])

    def reject(self, row: int, rejection: Rejection, *, unknown: bool = False) -> None:
        """Give a row its outcome: rejected, or nobody knows."""
        self.set_aside[row] = (rejection, unknown)
        self._settle(row, _SET_ASIDE)

    def skip(self, row: int, reason: str) -> None:
        """Give a row its outcome: it was passed over on purpose."""
        self.passed_over[row] = reason
        self._settle(row, _PASSED_OVER)

    def note_handled(self, row: int, *, by_this_run: bool) -> None:
        """Give a row its outcome: it was handled before, by an earlier run or by an earlier try of this one."""
        self._settle(row, _COUNTED_BEFORE if by_this_run else _HANDLED_BEFORE)

    def totals(self) -> Totals:
        """Count the outcomes so far; what an earlier try of the run has counted is not counted again."""
        unknown = sum(is_unknown for _, is_unknown in self.set_aside.values())
        handled = self._outcomes.count(_HANDLED_BEFORE)
        return Totals(
            accepted=self._outcomes.count(_ACCEPTED),
            rejected=len(self.set_aside) - unknown,
            unknown=unknown,
            rejects=Counter(rejection.code for rejection, _ in self.set_aside.values()),
            skipped_because=Counter(self.passed_over.values()) + Counter(already_delivered=handled),
            adjusted=Counter(
                one if isinstance(one, str) else one.code
                for row in self.adjusted
                if self._is_accepted(row)
                for one in self.adjusted[row]
            ),
        )

    def settled_part(self) -> RowBlock | None:
        """Cut off the leading rows that have their outcome, as a block of their own; None when there are none."""
        settled = self._outcomes.find(_PENDING)
        return self.cut_off(settled) if settled > 0 else None

    def verdicts(self) -> list[Rejection | None]:
        """Say of each row that was due why it was rejected; None when it was not, or nobody knows."""
        found: list[Rejection | None] = []
        for row, outcome in enumerate(self._outcomes, self.start):
            if outcome == _SET_ASIDE:
                rejection, is_unknown = self.set_aside[row]
                found.append(None if is_unknown else rejection)
            elif outcome == _ACCEPTED:
                found.append(None)
        return found

    def outcomes(self) -> list[str]:
        """Say of each row what became of it: ``accepted``, ``rejected``, ``unknown`` or ``skipped``."""
        names = {_ACCEPTED: "accepted", _SET_ASIDE: "rejected"}
        unknown = {row for row, (_, is_unknown) in self.set_aside.items() if is_unknown}
        return [
            "unknown" if row in unknown else names.get(outcome, "skipped")
            for row, outcome in enumerate(self._outcomes, self.start)
        ]

    def cut_off(self, settled: int) -> RowBlock:
        """Cut off the first rows as a block of their own; all of them have their outcome."""
        part = RowBlock(self.rows, self.start, self.start + settled, self.stamps, self.before)
        part._outcomes, self._outcomes = self._outcomes[:settled], self._outcomes[settled:]
        part.pending = 0
        part.set_aside = {row: self.set_aside.pop(row) for row in sorted(self.set_aside) if row < part.stop}
        part.passed_over = {row: self.passed_over.pop(row) for row in sorted(self.passed_over) if row < part.stop}
        part.adjusted = {row: self.adjusted.pop(row) for row in sorted(self.adjusted) if row < part.stop}
        self.start, self.first_number = part.stop, part.next_number
        return part

    def _is_accepted(self, row: int) -> bool:
        return self._outcomes[row - self.start] == _ACCEPTED

    def _settle(self, row: int, outcome: int) -> None:
        self._outcomes[row - self.start] = outcome
        self.pending -= 1


def blocks_of(rows: pa.RecordBatch, stamps: Sequence[int], *, bound: float, before: int) -> list[RowBlock]:
    """Cut a batch into blocks, none of which lies on both sides of the slice's upper bound.

    :param stamps: ``UPDATED_AT`` of all rows, as integers in the column's unit.
    :param bound: the last one that the watermark may cover.
    :param before: how many rows came before the batch.
    """
    behind = bisect_right(stamps, bound)
    return [
        RowBlock(rows, start, min(start + BLOCK_ROWS, stop), stamps, before)
        for first, stop in ((0, behind), (behind, len(stamps)))
        for start in range(first, stop, BLOCK_ROWS)
    ]
