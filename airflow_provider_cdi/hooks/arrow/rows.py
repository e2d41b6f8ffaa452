"""From what a driver returns to the record batches that the engine reads.

The form is that of :meth:`airflow_provider_cdi.engine.ports.Source.read`. A field that holds JSON text or values of
several types says so, see :mod:`airflow_provider_cdi.engine.rows.value_text`. What becomes of a value depends on the
value and on what the database says of its column, never on the rows that were fetched with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.engine.reading.selection import Selection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT
from airflow_provider_cdi.engine.rows.value_text import JSON_FIELD, VALUES_FIELD, has_no_json_form
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.cursor_values import (
    Column,
    FieldMetadata,
    identifier_array,
    identifier_text,
    payload_text,
    plain_row,
    value_array,
)
from airflow_provider_cdi.hooks.arrow.far_times import TYPES as TIME_TYPES
from airflow_provider_cdi.hooks.arrow.far_times import time_array


class RowShape:
    """Turns rows of one statement into canonical record batches.

    The statement's columns come in the order of :attr:`columns`: ``UPDATED_AT``, the identifiers, the
    payload or the columns that it is built from, and the optional ones.

    :param selection: which column plays which part.
    :param kinds: source name -> what the column holds.
    """

    def __init__(self, selection: Selection, kinds: Callable[[str], ColumnType]) -> None:
        self._selection = selection
        self._identifiers = tuple(selection.identifiers)
        names = [selection.updated_at, *selection.identifiers.values()]
        names += [selection.payload] if selection.payload is not None else []
        names += [field.column for field in selection.payload_fields]
        names += selection.optional.values()
        self.columns: tuple[Column, ...] = tuple(Column(name, kinds(name)) for name in names)
        #: The canonical columns in whose order rows are read.
        self.keys: tuple[str, ...] = (UPDATED_AT, *self._identifiers)

    def from_rows(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Turn rows of a DB-API cursor, at least one, into a canonical batch."""
        values = list(zip(*map(plain_row, rows), strict=True))
        ids = range(1, 1 + len(self._identifiers))
        first_optional = len(values) - len(self._selection.optional)
        payload = len(ids) + 1 if self._selection.payload is not None else -1
        arrays: list[pa.Array] = []
        fields: list[pa.Field] = []
        for place, (column, column_values) in enumerate(zip(self.columns, values, strict=True)):
            metadata: FieldMetadata = None
            if place == 0:
                array = time_array(column_values, column.kind) if column.kind in TIME_TYPES else pa.array(column_values)
            elif place in ids:
                array = identifier_array(column_values, column)
            elif place == payload:
                array = pa.array(map(payload_text, column_values), pa.string())
            else:
                array, metadata = value_array(column.kind, column_values, is_field=place < first_optional)
            arrays.append(array)
            fields.append(pa.field(column.name, array.type, metadata=metadata))
        return self._canonical(arrays, fields)

    def from_arrow(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Turn a record batch of the driver into a canonical one.

        :param batch: its fields may say themselves what their texts are, or that their times had nanoseconds.
        """
        arrays: list[pa.Array] = []
        fields: list[pa.Field] = []
        for column, given, field in zip(self.columns, batch.columns, batch.schema, strict=True):
            array, metadata = _from_driver(column.kind, given)
            arrays.append(array)
            fields.append(pa.field(column.name, array.type, metadata=metadata or _said(field)))
        return self._canonical(arrays, fields)

    def _canonical(self, arrays: list[pa.Array], fields: list[pa.Field]) -> pa.RecordBatch:
        ids, optional = self._identifiers, tuple(self._selection.optional)
        first_optional = len(arrays) - len(optional)
        out = {UPDATED_AT: (_utc(arrays[0], fields[0].name), None)}
        for place, name in enumerate(ids, start=1):
            out[name] = (self._unpadded(_identifier_strings(arrays[place], fields[place].name), place), None)
        middle = slice(1 + len(ids), first_optional)
        if self._selection.payload is not None:
            out[PAYLOAD] = (_payload(arrays[middle][0]), None)
        elif self._selection.payload_fields:
            out[PAYLOAD] = (self._built_payload(arrays[middle], fields[middle]), None)
        for place, name in enumerate(optional, start=first_optional):
            out[name] = (self._unpadded(arrays[place], place), fields[place].metadata)
        schema = pa.schema([pa.field(name, array.type, metadata=meta) for name, (array, meta) in out.items()])
        return pa.record_batch([array for array, _ in out.values()], schema=schema)

    def _unpadded(self, array: pa.Array, place: int) -> pa.Array:
        """Take away what fills up a text of a fixed length: with it, an id would be another person's."""
        is_padded = self.columns[place].kind is ColumnType.PADDED and types.is_string(array.type)
        return pc.ascii_rtrim(array, characters=" ") if is_padded else array

    def _built_payload(self, arrays: list[pa.Array], fields: list[pa.Field]) -> pa.Array:
        for field in fields:
            _check_has_json_form(field)
        paths = [field.path for field in self._selection.payload_fields]
        return _nested(list(zip(paths, arrays, fields, strict=True)))


# --- columns of any driver ------------------------------------------------------------------------------


def _from_driver(kind: ColumnType, array: pa.Array) -> tuple[pa.Array, FieldMetadata]:
    """Return a driver's column, and what is to be said of its texts."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kind is ColumnType.INTEGER and types.is_decimal(array.type) and array.type.scale == 0:
        # Snowflake sends a chunk of whole numbers as wide as the widest among them.
        return array.cast(pa.string()), VALUES_FIELD
    if kind in _TEXT_IS_JSON and (types.is_string(array.type) or types.is_large_string(array.type)):
        return array, JSON_FIELD
    return array, None


def _said(field: pa.Field) -> FieldMetadata:
    said = (field.metadata or {}).get(b"cdi")
    return None if said is None else {b"cdi": said}


_TEXT_IS_JSON = frozenset({ColumnType.JSON, ColumnType.NUMBER, ColumnType.NESTED})


def _utc(array: pa.Array, name: str) -> pa.Array:
    if types.is_string(array.type) or types.is_null(array.type):
        return array.cast(pa.timestamp("us"))
    if not types.is_timestamp(array.type):
        raise SourceError(
            f"The column {name!r}, which says when a row changed, holds {array.type} values. "
            "Cast it to a timestamp in UTC in a view."
        )
    unit = "ns" if array.type.unit == "ns" else "us"
    # Integers in between: a cast from a zone to none would go through the zone's own clock.
    zoned = array.cast(pa.timestamp(unit, tz=array.type.tz)) if array.type.tz else array.cast(pa.timestamp(unit))
    return zoned.cast(pa.int64()).cast(pa.timestamp(unit))


def _identifier_strings(array: pa.Array, name: str) -> pa.Array:
    kind = array.type
    if types.is_string(kind):
        return array
    if types.is_floating(kind) or types.is_decimal(kind):
        return pa.array(map(identifier_text, array.to_pylist()), pa.string())
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise SourceError(f"The identifier column {name!r} holds {kind} values. Cast it to text in a view.")
    return array.cast(pa.string())


def _payload(array: pa.Array) -> pa.Array:
    if types.is_large_string(array.type) or types.is_null(array.type):
        return array.cast(pa.string())
    if types.is_string(array.type) or types.is_nested(array.type):
        return array
    # A number or a date as payload: the destination rejects each row with its reason.
    return pa.array(map(payload_text, array.to_pylist()), pa.string())


def _check_has_json_form(field: pa.Field) -> None:
    for part in _parts(field.type):
        if has_no_json_form(part):
            raise SourceError(
                f"The payload column {field.name!r} holds {part} values, which have no form in JSON. "
                "Cast it to text or to a number in a view, or leave it out of payload_columns=."
            )


def _parts(kind: pa.DataType) -> Iterable[pa.DataType]:
    yield kind
    if types.is_nested(kind) and not types.is_union(kind):
        for place in range(kind.num_fields):
            yield from _parts(kind.field(place).type)


def _nested(leaves: list[tuple[tuple[str, ...], pa.Array, pa.Field]]) -> pa.StructArray:
    """Build one struct from columns; paths of more than one part become structs in it."""
    groups: dict[str, list[tuple[tuple[str, ...], pa.Array, pa.Field]]] = {}
    for path, array, field in leaves:
        groups.setdefault(path[0], []).append((path[1:], array, field))
    arrays: list[pa.Array] = []
    fields: list[pa.Field] = []
    for key, members in groups.items():
        rest, array, field = members[0]
        if rest:
            array, metadata = _nested(members), None
        else:
            metadata = field.metadata
        arrays.append(array)
        fields.append(pa.field(key, array.type, metadata=metadata))
    return pa.StructArray.from_arrays(arrays, fields=fields)
