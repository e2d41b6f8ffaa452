"""From what a driver returns to the record batches that the engine reads.

The form is that of :meth:`airflow_provider_cdi.engine.ports.Source.read`. A field of a built payload that
holds JSON text carries the field metadata :data:`JSON_FIELD`, so that the destination puts it in as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from airflow_provider_cdi.engine.contract import PAYLOAD, UPDATED_AT
from airflow_provider_cdi.engine.selection import Selection
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.kinds import Kind

#: Metadata of an Arrow string field whose text is JSON.
JSON_FIELD = {b"cdi": b"json"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the statement that reads rows.

    :param name: as the source spells it.
    :param kind: what it holds.
    """

    name: str
    kind: Kind


class RowShape:
    """Turns rows of one statement into canonical record batches.

    The statement's columns come in the order of :attr:`columns`: ``UPDATED_AT``, the identifiers, the
    payload or the columns that it is built from, and the optional ones.

    :param selection: which column plays which part.
    :param kinds: source name -> what the column holds.
    """

    def __init__(self, selection: Selection, kinds: Callable[[str], Kind]) -> None:
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
        payload = len(ids) + 1 if self._selection.payload is not None else -1
        arrays: list[pa.Array] = []
        fields: list[pa.Field] = []
        for place, (column, column_values) in enumerate(zip(self.columns, values, strict=True)):
            if place in ids:
                array, is_json = _identifier_texts(column_values, column.name), False
            elif place == payload:
                array, is_json = pa.array(map(_payload_text, column_values), pa.string()), True
            else:
                array, is_json = _typed(column, column_values)
            arrays.append(array)
            fields.append(_field(column.name, array, is_json=is_json))
        return self._canonical(arrays, fields)

    def from_arrow(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Turn a record batch of the driver into a canonical one."""
        arrays = [_without_dictionary(array) for array in batch.columns]
        fields = [
            _field(column.name, array, is_json=column.kind is Kind.JSON)
            for column, array in zip(self.columns, arrays, strict=True)
        ]
        return self._canonical(arrays, fields)

    def _canonical(self, arrays: list[pa.Array], fields: list[pa.Field]) -> pa.RecordBatch:
        ids, optional = self._identifiers, tuple(self._selection.optional)
        first_optional = len(arrays) - len(optional)
        out = {UPDATED_AT: (_utc(arrays[0], fields[0].name), None)}
        for place, name in enumerate(ids, start=1):
            out[name] = (_identifier_strings(arrays[place], fields[place].name), None)
        middle = slice(1 + len(ids), first_optional)
        if self._selection.payload is not None:
            out[PAYLOAD] = (_payload(arrays[middle][0]), None)
        elif self._selection.payload_fields:
            out[PAYLOAD] = (self._built_payload(arrays[middle], fields[middle]), None)
        for name, array, field in zip(optional, arrays[first_optional:], fields[first_optional:], strict=True):
            out[name] = (array, field.metadata)
        schema = pa.schema([pa.field(name, array.type, metadata=meta) for name, (array, meta) in out.items()])
        return pa.record_batch([array for array, _ in out.values()], schema=schema)

    def _built_payload(self, arrays: list[pa.Array], fields: list[pa.Field]) -> pa.Array:
        for field in fields:
            _check_has_json_form(field)
        paths = [field.path for field in self._selection.payload_fields]
        return _nested(list(zip(paths, arrays, fields, strict=True)))


def identifier_text(value: Any, column: str) -> str | None:
    """Write an identifier as text. A whole number has no fraction, whatever its type (7.0 is ``7``).

    :param value: as the driver returned it.
    :param column: the source's name of the column, for the message.
    :raises SourceError: when the value is of a type that identifies nobody (bytes, a list).
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        if value != value:  # noqa: PLR0124 - not a number: nobody
            return None
        return str(int(value)) if abs(value) != float("inf") and value == int(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview | list | tuple | dict | set):
        raise SourceError(
            f"The identifier column {column!r} holds {type(value).__name__} values. Cast it to text in a view."
        )
    return str(value)


def plain_row(row: Any) -> Sequence[Any]:
    """Return the values of a row; a connection may be set to return mappings (``"cursor": "dictcursor"``)."""
    return tuple(row.values()) if isinstance(row, dict) else row


def _identifier_texts(values: Iterable[Any], column: str) -> pa.Array:
    return pa.array([identifier_text(value, column) for value in values], pa.string())


# --- values of a DB-API cursor --------------------------------------------------------------------------

_ARROW_TYPES = {
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_TZ: pa.timestamp("us", tz="UTC"),
    Kind.DATE: pa.date32(),
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
}
_UNFIT = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


def _typed(column: Column, values: Sequence[Any]) -> tuple[pa.Array, bool]:
    """Return the values as an array, and whether it holds JSON text.

    Without a type from the driver the values of this batch decide. A column of several types (SQLite has
    such) becomes JSON text, value by value.
    """
    if column.kind is Kind.JSON or any(isinstance(value, dict) for value in values):
        return pa.array(map(_payload_text, values), pa.string()), True
    if column.kind is Kind.UUID:
        return pa.array([None if value is None else str(value) for value in values], pa.string()), False
    for arrow_type in (_ARROW_TYPES.get(column.kind), None):
        try:
            array = pa.array(values, arrow_type)
        except _UNFIT:
            continue
        # Inference takes mixed zones and integers beyond 2**53 among floats without a word; types do not.
        return array, False
    if all(value is None or isinstance(value, int | float | Decimal) for value in values):
        numbers = [None if value is None else float(value) for value in values]
        if any(isinstance(value, Decimal) and not value.is_finite() for value in values):
            return pa.array(numbers, pa.float64()), False
    return pa.array([None if value is None else _json(value) for value in values], pa.string()), True


def _payload_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        # Bytes that are no UTF-8 become a text that is no JSON: one rejected row, not a stopped sync.
        return bytes(value).decode("utf-8", "backslashreplace")
    return _json(value)


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=_json_default, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # integers beyond 64 bits, and types that JSON has no form for
        return json.dumps(value, default=str, ensure_ascii=False)


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError


# --- columns of any driver ------------------------------------------------------------------------------


def _field(name: str, array: pa.Array, *, is_json: bool) -> pa.Field:
    is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    return pa.field(name, array.type, metadata=JSON_FIELD if is_json and is_text else None)


def _without_dictionary(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _utc(array: pa.Array, name: str) -> pa.Array:
    if pa.types.is_string(array.type) or pa.types.is_null(array.type):
        return array.cast(pa.timestamp("us"))
    if not pa.types.is_timestamp(array.type):
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
    if pa.types.is_string(kind):
        return array
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _identifier_texts(array.to_pylist(), name)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise SourceError(f"The identifier column {name!r} holds {kind} values. Cast it to text in a view.")
    return array.cast(pa.string())


def _payload(array: pa.Array) -> pa.Array:
    if pa.types.is_large_string(array.type) or pa.types.is_null(array.type):
        return array.cast(pa.string())
    if pa.types.is_string(array.type) or pa.types.is_nested(array.type):
        return array
    # A number or a date as payload: the destination rejects each row with its reason.
    return pa.array(map(_payload_text, array.to_pylist()), pa.string())


def _check_has_json_form(field: pa.Field) -> None:
    for part in _parts(field.type):
        if any(test(part) for test in _NO_JSON_FORM):
            raise SourceError(
                f"The payload column {field.name!r} holds {part} values, which have no form in JSON. "
                "Cast it to text or to a number in a view, or leave it out of payload_columns=."
            )


_NO_JSON_FORM = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_duration,
    pa.types.is_interval,
    pa.types.is_union,
)


def _parts(kind: pa.DataType) -> Iterable[pa.DataType]:
    yield kind
    if pa.types.is_nested(kind) and not pa.types.is_union(kind):
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
