"""The ledger: which rows have their outcome, and how far the unbroken run of them reaches.

Rows are entered in blocks, in the order in which they were read. The prefix is the unbroken run of rows that have
an outcome; only it moves the watermark, the totals and the list of rejects to write down. It grows by whole blocks,
and at a checkpoint to the row.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cdi.engine.outcome.reject_gate import RejectGate
from airflow_provider_cdi.engine.outcome.reject_lines import LINES_HELD, RejectLines
from airflow_provider_cdi.engine.outcome.row_block import RowBlock, blocks_of
from airflow_provider_cdi.engine.rows.outcomes import Outcomes
from airflow_provider_cdi.engine.rows.position import integers, is_later, position_of_stamp, stamp_of_position
from airflow_provider_cdi.engine.rows.progress import Reached
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT, TableContract
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import TieFilter, Ties, Watermark
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.exceptions import CdiError

#: Parts of blocks with one and the same timestamp that may wait for being hashed.
TIED_PARTS = 16


class Ledger:
    """Follows every row from reading to its outcome.

    :param contract: names the identifier columns, for the rejects.
    :param after: the watermark where the slice starts.
    :param totals: what an earlier try of the same run had counted up to its checkpoint.
    :param up_to: the slice's upper bound. Rows behind it, which the query stamps, do not move the watermark.
    :param gate: looks at the first rows.
    :param rejects: keeps what is written down of rows, until it is.
    :param on_passed: is told what became of each row, when the prefix passes it.
    """

    def __init__(
        self,
        contract: TableContract,
        after: Watermark | None,
        totals: Totals | None = None,
        *,
        up_to: str | None = None,
        gate: RejectGate | None = None,
        rejects: RejectLines | None = None,
        on_passed: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self._on_passed = on_passed
        self._blocks: deque[RowBlock] = deque()
        self._unit = "us"
        self._stamp: int | None = None
        #: Passed rows at ``_stamp``, as far as anybody has asked for them.
        self._ties: Ties | None = None
        #: Whether one of the passed rows at ``_stamp`` was set aside.
        self._has_rejects = False
        #: Passed rows at ``_stamp`` that are not in ``_ties`` yet.
        self._tied_parts: list[pa.RecordBatch] = []
        self._after = after
        #: Covered rows that are later than ``_after``, and those at ``_stamp``.
        self._rows_ahead = self._rows_at_stamp = 0
        self._up_to = up_to
        #: The last timestamp that the watermark may cover, in ``_unit``.
        self._bound = math.inf
        self._filter: TieFilter | None = None
        self.totals = totals or Totals()
        #: What of it belongs to rows behind the slice's bound, which the watermark does not cover.
        self._uncovered = Totals()
        self.gate = gate or RejectGate(None)
        #: Of the prefix: what is not written down yet.
        self.rejects = rejects or RejectLines(contract, self.totals.rejected + self.totals.unknown)
        #: Whether a block could not be passed: nothing behind it ever is, and the run must end.
        self._is_stuck = False
        self.rows_entered = 0
        self.rows_in_prefix = 0
        #: Those of them that the watermark covers: no later try reads them again.
        self.rows_covered = 0
        self.bytes_held = 0

    @classmethod
    def of(cls, inputs: RunInputs) -> Ledger:
        """Return the ledger of a run. Its gate is open when an earlier try of the run had come through."""
        part, before, contract = inputs.part, inputs.totals_before, inputs.destination.contract
        gate = RejectGate(inputs.stop_if_all_rejected, is_open=before.rows_read > before.skipped)
        rejects = RejectLines(
            contract,
            before.rejected + before.unknown,
            most=max(LINES_HELD, gate.rows),  # until the gate has decided, none of them is written down
            most_bytes=inputs.settings.window_bytes / 4,
        )
        return cls(
            contract,
            part.after,
            before,
            up_to=part.up_to,
            gate=gate,
            rejects=rejects,
            on_passed=inputs.on_passed,
        )

    def note_not_due(self, numbers: Mapping[str, int]) -> None:
        """Count rows that no slice up to now holds, by the reason; an earlier try may have counted them too."""
        for reason, number in numbers.items():
            self.totals.skipped_because[reason] = number

    def reread_ties_with(self, tie_filter: TieFilter) -> None:
        """Say that the rows at the old watermark are read again, and through which filter."""
        self._filter = tie_filter

    def enter(self, rows: pa.RecordBatch) -> list[RowBlock]:
        """Enter a batch of rows and return its blocks.

        :raises ValueError: when ``UPDATED_AT`` goes backwards: the watermark would not be safe.
        """
        column = rows.column(UPDATED_AT)
        last = self._blocks[-1].stamps[self._blocks[-1].stop - 1] if self._blocks else self._stamp
        is_sorted, stamps = _is_sorted(column), integers(column)
        if not is_sorted or (last is not None and stamps[0] < last):
            raise ValueError("the rows did not come in the order of UPDATED_AT")
        if self._up_to is not None and (self._bound == math.inf or column.type.unit != self._unit):
            self._bound = stamp_of_position(self._up_to, column.type.unit)
        self._unit = column.type.unit
        blocks = blocks_of(rows, stamps, bound=self._bound, before=self.rows_entered)
        self._blocks.extend(blocks)
        self.rows_entered += rows.num_rows
        self.bytes_held += rows.nbytes
        return blocks

    def apply(self, outcomes: Outcomes) -> None:
        """Give the rows of records their outcome."""
        self._accept(outcomes.accepted)
        for record, reason in outcomes.skipped:
            for one in record.rows():
                self._skip(one, reason)
        for record, rejection in outcomes.rejected:
            self._reject(record, rejection)
        for record, rejection in outcomes.unknown:
            self._reject(record, rejection, unknown=True)

    def advance(self, *, to_the_row: bool = False) -> None:
        """Move the prefix over all leading rows that have their outcome.

        :param to_the_row: also into a block that is not done, for a checkpoint; else by whole blocks.
        """
        if self._is_stuck:
            return
        try:
            self._advance(to_the_row)
        except BaseException:
            # What lies behind a block that cannot be passed is not passed either: the watermark would leave it out.
            self._is_stuck = True
            raise

    def _advance(self, to_the_row: bool) -> None:
        while self._blocks and not self._blocks[0].pending:
            self._pass(self._blocks[0])
            self._blocks.popleft()
        if to_the_row and self._blocks and (part := self._blocks[0].settled_part()) is not None:
            self._pass(part)

    @property
    def is_settled(self) -> bool:
        """Whether the prefix holds every row that was entered, and can go on to those that come."""
        return not self._blocks and not self._is_stuck

    def check_that_all_have_an_outcome(self) -> None:
        """Look at the end whether rows are left over.

        :raises CdiError: when there are any. The watermark does not pass them.
        """
        if not self.is_settled:
            raise CdiError(
                "Rows were read that have no outcome, which must not be. They are not saved as passed: the next run "
                "reads them again. Please report this with the task's log."
            )

    def watermark(self, *, slice_is_done: bool = False) -> Watermark | None:
        """Return how far the prefix reaches, never behind where the slice started.

        :param slice_is_done: whether all rows of the slice were entered and have their outcome.
        """
        if self._stamp is None:
            return self._after
        position = position_of_stamp(self._stamp, self._unit)
        if self._after is None or is_later(position, self._after.position):
            return Watermark(position, self._passed_ties(), self._has_rejects)
        ties = self._passed_ties()
        if self._filter is not None and not slice_is_done:
            ties = self._filter.ties_so_far(ties)
        return Watermark(self._after.position, ties, self._has_rejects or self._after.has_rejects)

    def restart_behind_prefix(self) -> Watermark | None:
        """Expect the rest of the slice to be read anew. All rows entered so far must have their outcome.

        :return: behind which rows it goes on, None when it starts from the beginning.
        """
        self.advance(to_the_row=True)
        self._after = self.watermark()
        self._stamp, self._filter = None, None
        self._rows_ahead = self._rows_at_stamp = 0
        return self._after

    def reached(self, *, slice_is_done: bool = False) -> Reached:
        """Return how far the prefix reaches.

        :param slice_is_done: see :meth:`watermark`.
        """
        watermark = self.watermark(slice_is_done=slice_is_done)
        totals = self.totals if slice_is_done else self.totals - self._uncovered
        between = max(0, self._rows_ahead - self._rows_at_stamp)
        return Reached(self.rows_in_prefix, self.rows_covered, totals, watermark, between)

    def settled_totals(self) -> Totals:
        """Count all outcomes, those behind the prefix too."""
        return sum((block.totals() for block in self._blocks), self.totals)

    def _accept(self, records: Sequence[Record]) -> None:
        numbers, start = sorted([record.row for record in records]), 0
        while start < len(numbers):
            block = self._block_of(numbers[start])
            stop = bisect_left(numbers, block.next_number, start)
            block.accept(numbers[start:stop])
            start = stop
        for record in records:
            if record.adjusted:
                block = self._block_of(record.row)
                block.adjusted[record.row - block.before] = record.adjusted
            for follower, reason in record.followers:
                self._skip(follower, reason)

    def _skip(self, record: Record, reason: str) -> None:
        block = self._block_of(record.row)
        block.skip(record.row - block.before, reason)

    def _reject(self, record: Record, rejection: Rejection, *, unknown: bool = False) -> None:
        for one in record.rows():
            block = self._block_of(one.row)
            block.reject(one.row - block.before, rejection, unknown=unknown)

    def _block_of(self, number: int) -> RowBlock:
        return self._blocks[bisect_right(self._blocks, number, key=attrgetter("first_number")) - 1]

    def _pass(self, block: RowBlock) -> None:
        is_told = block.set_aside or block.adjusted
        if is_told and self.rejects.before is None and (told := block.told):
            good = told[0] - block.start
            if good:
                self._pass_part(block.cut_off(good))
            self.rejects.before = self.reached()
        self._pass_part(block)

    def _pass_part(self, block: RowBlock) -> None:
        """Pass a block: first what may raise, then the rejects, and last what moves the watermark."""
        verdicts = () if self.gate.is_open else block.verdicts()
        counted = block.totals()
        totals = self.totals + counted
        if block.set_aside or block.adjusted:
            self.rejects.add(block, counted.adjusted.keys() - self.totals.adjusted.keys())
        if verdicts:
            self.gate.note(verdicts)
        if self._on_passed is not None:
            self._on_passed(block.outcomes())
        self.totals = totals
        self.rows_in_prefix += block.stop - block.start
        if block.stop == block.rows.num_rows:
            self.bytes_held -= block.rows.nbytes
        if block.stamps[block.start] > self._bound:
            self._uncovered = self._uncovered + counted
        else:
            self._cover(block)

    def _cover(self, block: RowBlock) -> None:
        """Move the watermark over the rows of a block."""
        last = block.stamps[block.stop - 1]
        first = bisect_left(block.stamps, last, block.start, block.stop)
        tied = block.rows.slice(first, block.stop - first)
        self.rows_covered += block.stop - block.start
        if last != self._stamp:
            self._stamp, self._ties, self._rows_at_stamp, self._has_rejects = last, None, 0, False
            self._tied_parts.clear()
        self._has_rejects = self._has_rejects or any(row >= first for row in block.set_aside)
        self._rows_at_stamp += block.stop - first
        start = stamp_of_position(self._after.position, self._unit) if self._after else -math.inf
        self._rows_ahead += block.stop - bisect_right(block.stamps, start, block.start, block.stop)
        self._tied_parts.append(tied)
        if len(self._tied_parts) >= TIED_PARTS:
            self._passed_ties()

    def _passed_ties(self) -> Ties:
        """Return the handled rows at the prefix's last timestamp. Most timestamps are left before anybody asks."""
        hashes = [row_hash for part in self._tied_parts for row_hash in row_hashes(part)]
        self._tied_parts.clear()
        if self._ties is None:
            self._ties = Ties(hashes)
        else:
            for row_hash in hashes:
                self._ties.add(row_hash)
        return self._ties.copy()


def _is_sorted(column: pa.Array) -> bool:
    return pc.all(pc.less_equal(column.slice(0, len(column) - 1), column.slice(1))).as_py() is not False
