"""Rows made of what a reject file kept, for those who want to send just that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from airflow_provider_cdi.engine.reading.selection import Selection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.rows import RowShape

if TYPE_CHECKING:
    from airflow_provider_cdi.rejects.stored import StoredReject

_DIGITS_OF_MICROSECONDS = len("2026-01-05T09:00:00.123456Z")


class StoredRows:
    """Makes rows of the stored form of rejects, with the columns of the sync's source.

    :param selection: which column of the source plays which part.
    :raises ConfigurationError: when the payload is built from columns: a reject file has their values as JSON holds
        them, where a number with many digits is a text, so what would be sent is not what was read.
    """

    def __init__(self, selection: Selection) -> None:
        if selection.payload_fields or selection.contract.other_columns != "ignored":
            raise ConfigurationError(
                "reject_stored_payload: this sync makes what it sends of single columns, of which a reject file does "
                "not keep the types. Nothing was sent. Leave it out, and the current rows are sent."
            )
        self._selection = selection
        self._shapes = {kind: RowShape(selection, self._kinds(kind).get) for kind in _TIMES}  # type: ignore[arg-type]

    def _kinds(self, time: ColumnType) -> dict[str, ColumnType]:
        names = [*self._selection.identifiers.values(), *self._selection.optional.values()]
        names += [self._selection.payload] if self._selection.payload is not None else []
        return {**dict.fromkeys(names, ColumnType.TEXT), self._selection.updated_at: time}

    def row(self, reject: StoredReject) -> pa.RecordBatch:
        """Return a reject as a batch of one row.

        :param reject: with its payload.
        """
        is_micro = len(reject.updated_at) == _DIGITS_OF_MICROSECONDS
        shape = self._shapes[ColumnType.TIMESTAMP if is_micro else ColumnType.TIMESTAMP_NS]
        values: list[Any] = [reject.updated_at.removesuffix("Z").replace("T", " ")]
        values += [reject.identifier.get(name) for name in self._selection.identifiers]
        values += [reject.payload] if self._selection.payload is not None else []
        values += [_text(reject.columns.get(name)) for name in self._selection.optional if name != PAYLOAD]
        return shape.from_rows([values])


_TIMES = (ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_NS)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
