"""One row for people to look at: its identifiers, its time, its payload and its other columns, as JSON types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.engine.rows.plain_values import plain_value
from airflow_provider_cdi.engine.rows.position import integers, position_of_stamp
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract


@dataclass(frozen=True, slots=True)
class PlainRow:
    """A row as it was read. It holds personal data.

    :param identifier: the filled identifier columns.
    :param updated_at: the row's position.
    :param payload: as the source returned it: text stays text.
    :param columns: the other columns that were read, by the contract's names or, for those that it does not name,
        their own.
    """

    identifier: Mapping[str, Any] = field(repr=False)
    updated_at: str
    payload: Any = field(repr=False)
    columns: Mapping[str, Any] = field(repr=False)


def plain_row(rows: pa.RecordBatch, row: int, contract: TableContract) -> PlainRow:
    """Take one row out of a batch.

    :param rows: as the source returned them.
    :param row: its place.
    :param contract: names the identifier columns.
    """
    values = {name: plain_value(rows.column(name)[row]) for name in rows.schema.names if name != UPDATED_AT}
    identifier = {name: values.pop(name) for name in contract.identifiers if name in values}
    time = rows.column(UPDATED_AT)
    (stamp,) = integers(time.slice(row, 1))
    return PlainRow(
        identifier={name: value for name, value in identifier.items() if value is not None},
        updated_at=position_of_stamp(stamp, time.type.unit),
        payload=values.pop(PAYLOAD, None),
        columns=values,
    )
