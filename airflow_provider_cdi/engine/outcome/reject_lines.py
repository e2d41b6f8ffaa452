"""What is written down of rows that are rejected, unknown or accepted with a notice, and waits for a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from airflow_provider_cdi.engine.outcome.row_block import RowBlock
from airflow_provider_cdi.engine.rows.plain_row import plain_row
from airflow_provider_cdi.engine.rows.progress import Reached
from airflow_provider_cdi.engine.rows.records import Notice, Rejection
from airflow_provider_cdi.engine.rows.rejects import SHOWN, RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import TableContract

log = logging.getLogger(__name__)

#: Lines that may wait for a checkpoint, and bytes of their payloads.
LINES_HELD, BYTES_HELD = 1_000, 16 * 1024 * 1024


class RejectLines:
    """The lines of the prefix that are not written down yet.

    :param contract: names the identifier columns.
    :param told: how many rejects an earlier try of the run has told of.
    :param most: so many are many.
    :param most_bytes: so many bytes of payloads are many.
    """

    def __init__(
        self, contract: TableContract, told: int, *, most: int = LINES_HELD, most_bytes: float = BYTES_HELD
    ) -> None:
        self._contract = contract
        self._told = told
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0
        self.waiting: list[RejectedRow] = []
        #: How far the prefix reached before the first of them; None when there are none.
        self.before: Reached | None = None
        #: Whether so many wait that no more rows should come before a checkpoint.
        self.are_many = False

    def add(self, block: RowBlock, new_changes: Iterable[str] = ()) -> None:
        """Add the lines of a block; all of them or, when one cannot be made, none.

        :param new_changes: what of its rows was left out or changed as of no row before; it is told once.
        """
        for line in [line for row in block.told for line in _lines_of(block, row, self._contract)]:
            self.waiting.append(line)
            self._bytes += _text_bytes(line)
            self._tell(line)
        for change in sorted(new_changes):
            log.warning("Rows are sent with a change, which the report counts under adjusted: %s", change)
        self._look_whether_many()

    def forget(self, number: int, reached: Reached) -> None:
        """Forget lines that are written down.

        :param number: how many of the first ones.
        :param reached: what was saved with them; what came meanwhile lies behind it.
        """
        del self.waiting[:number]
        self._bytes = sum(map(_text_bytes, self.waiting))
        self.before = reached if self.waiting else None
        self._look_whether_many()

    def _look_whether_many(self) -> None:
        self.are_many = len(self.waiting) >= self._most or self._bytes >= self._most_bytes

    def _tell(self, line: RejectedRow) -> None:
        if line.outcome == "accepted":  # one warning tells of all of them
            return
        if self._told < SHOWN:
            line.tell()
        elif self._told == SHOWN:
            log.warning("Further rejects of this run are counted and not shown here.")
        self._told += 1


def _lines_of(block: RowBlock, row: int, contract: TableContract) -> list[RejectedRow]:
    """Give the lines of one row: one for why it was set aside, or one for each notice."""
    if row in block.set_aside:
        rejection, is_unknown = block.set_aside[row]
        return [_line(block, row, rejection, "unknown" if is_unknown else "rejected", contract)]
    return [_line(block, row, notice, "accepted", contract) for notice in block.notices(row)]


def _text_bytes(reject: RejectedRow) -> int:
    """Count what the texts of a reject hold in memory."""
    return sum(len(value) for value in (reject.payload, *reject.columns.values()) if isinstance(value, str))


def _line(block: RowBlock, row: int, why: Rejection | Notice, outcome: str, contract: TableContract) -> RejectedRow:
    plain = plain_row(block.rows, row, contract)
    return RejectedRow(
        outcome, why.code, why.reason, plain.identifier, plain.updated_at, plain.payload, columns=plain.columns
    )
