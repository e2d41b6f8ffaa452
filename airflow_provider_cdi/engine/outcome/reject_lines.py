"""What is written down of a row that is rejected, unknown or accepted with a notice."""

from __future__ import annotations

from airflow_provider_cdi.engine.outcome.row_block import RowBlock
from airflow_provider_cdi.engine.rows.plain_values import plain_value
from airflow_provider_cdi.engine.rows.position import position_of_stamp
from airflow_provider_cdi.engine.rows.records import Notice, Rejection
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract


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
    names = block.rows.schema.names
    values = {name: plain_value(block.rows.column(name)[row]) for name in names if name != UPDATED_AT}
    identifier = {name: values.pop(name) for name in contract.identifiers if name in values}
    return RejectedRow(
        outcome=outcome,
        code=why.code,
        reason=why.reason,
        identifier={name: value for name, value in identifier.items() if value is not None},
        updated_at=position_of_stamp(block.stamps[row], block.rows.column(UPDATED_AT).type.unit),
        payload=values.pop(PAYLOAD, None),
        columns=values,
    )
