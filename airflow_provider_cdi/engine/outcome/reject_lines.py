"""What is written down of a row that is rejected, unknown or accepted with a notice."""

from __future__ import annotations

from airflow_provider_cdi.engine.outcome.row_block import RowBlock
from airflow_provider_cdi.engine.rows.plain_row import plain_row
from airflow_provider_cdi.engine.rows.records import Notice, Rejection
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import TableContract


def lines_of(block: RowBlock, row: int, contract: TableContract) -> list[RejectedRow]:
    """Give the lines of one row: one for why it was set aside, or one for each notice.

    :param contract: names the identifier columns.
    """
    if row in block.set_aside:
        rejection, is_unknown = block.set_aside[row]
        return [_line(block, row, rejection, "unknown" if is_unknown else "rejected", contract)]
    return [_line(block, row, notice, "accepted", contract) for notice in block.notices(row)]


def text_bytes(reject: RejectedRow) -> int:
    """Count what the texts of a reject hold in memory."""
    return sum(len(value) for value in (reject.payload, *reject.columns.values()) if isinstance(value, str))


def _line(block: RowBlock, row: int, why: Rejection | Notice, outcome: str, contract: TableContract) -> RejectedRow:
    plain = plain_row(block.rows, row, contract)
    return RejectedRow(
        outcome, why.code, why.reason, plain.identifier, plain.updated_at, plain.payload, columns=plain.columns
    )
